//! `GET /me/entries`: the statement, as JSON or CSV.

use std::fmt::{Display, Write};

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use stripeflare_core::account::{Folded, Line, MAX_PAGE, Place, TokenId};
use stripeflare_core::identity::Token;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::account::Lines;

use crate::http::call::context::{Context, Inner};
use crate::http::reply::answer::{Answer, header};
use crate::http::reply::csv::is_formula;
use crate::http::reply::date::moment_text;

/// Lines of a page, unless the caller asks for another number.
const PAGE: usize = 100;

/// One line, as callers see it.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    at: String,
    kind: &'a str,
    amount: Cents,
    /// Of what folded into one there is none.
    balance: Option<Cents>,
    label: Option<&'a str>,
    /// The id of the token that it was charged to.
    token: Option<&'a str>,
    /// How many charges it is.
    calls: Option<i64>,
}

impl<'a> Entry<'a> {
    fn of(line: &'a Line) -> Self {
        Self {
            id: &line.key,
            at: moment_text(line.at),
            kind: &line.kind,
            amount: line.amount,
            balance: line.balance,
            label: what_for(line),
            token: line.token.as_ref().map(TokenId::as_str),
            calls: line.calls,
        }
    }
}

/// What a call or a job was charged for. What other lines say is Stripe's.
pub(crate) fn what_for(line: &Line) -> Option<&str> {
    line.detail.as_deref().filter(|_| matches!(line.kind.as_str(), "capture" | "charge" | "fold"))
}

/// What the query asks for.
pub(crate) struct Wanted {
    pub(crate) before: Option<Place>,
    pub(crate) limit: usize,
    csv: bool,
}

impl Wanted {
    pub(crate) fn read(query: &str) -> Result<Self, Response> {
        let refuse = |message: String| Response::from(Answer::new(StatusCode::BAD_REQUEST, "query", message));
        let mut wanted = Self { before: None, limit: PAGE, csv: false };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "before" => {
                    let place = value.parse().map_err(|_| refuse("before is what an earlier page gave.".into()))?;
                    wanted.before = Some(place);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
                    wanted.limit = limit.ok_or_else(|| refuse(format!("limit is 1 to {MAX_PAGE}.")))?;
                }
                "format" => match value {
                    "csv" => wanted.csv = true,
                    "json" => wanted.csv = false,
                    _ => return Err(refuse("format is json or csv.".into())),
                },
                _ => {}
            }
        }
        Ok(wanted)
    }
}

impl Inner {
    /// So many lines, and the place of the last one if others follow it.
    pub(crate) async fn lines(
        &self,
        token: Option<&Token>,
        before: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Line>, Option<Place>), Response> {
        // One more tells whether there is a next page.
        let count = limit + 1;
        let read = match token {
            None => None,
            Some(token) => self.ask(token, Lines { before, count }).await?,
        };
        let mut lines = read.unwrap_or(Ok(Vec::new())).map_err(|Folded| {
            let message = "The rest of this statement was folded into sums meanwhile. Begin again without `before`.";
            Answer::new(StatusCode::GONE, "statement_folded", message)
        })?;
        let more = lines.len() > limit;
        lines.truncate(limit);
        let next = lines.last().filter(|_| more).map(|line| line.place.clone());
        Ok((lines, next))
    }
}

pub(super) async fn entries(request: Request) -> Result<Response, Response> {
    #[derive(Serialize)]
    struct Page<'a> {
        entries: Vec<Entry<'a>>,
        next: Option<String>,
    }
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.mark_personal();
    let mut wanted = Wanted::read(parts.uri.query().unwrap_or_default())?;
    let accepts = parts.headers.get(ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
    wanted.csv |= accepts.starts_with(b"text/csv");
    let token = context.token()?.map(|(token, _)| token);
    let (lines, next) = context.lines(token, wanted.before, wanted.limit).await?;

    let format = if wanted.csv { "&format=csv" } else { "" };
    let next = next.map(|place| format!("/me/entries?before={place}&limit={}{format}", wanted.limit));
    let link = next.as_ref().map(|next| header(format!("<{next}>; rel=\"next\"")));
    let mut response = if wanted.csv {
        let mut response = csv(&lines).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"statement.csv\""));
        response
    } else {
        Json(Page { entries: lines.iter().map(Entry::of).collect(), next }).into_response()
    };
    response.headers_mut().extend(link.map(|link| (LINK, link)));
    Ok(response)
}

fn csv(lines: &[Line]) -> String {
    let mut text = String::from("id,at,kind,amount,balance,label,token,calls\r\n");
    for line in lines {
        let Entry { id, at, kind, amount, balance, label, token, calls } = Entry::of(line);
        let (id, label, token) = (cell(id), cell(label.unwrap_or_default()), token.unwrap_or_default());
        let number = |number: Option<&dyn Display>| number.map(ToString::to_string).unwrap_or_default();
        let (balance, calls) = (number(balance.as_ref().map(|it| it as _)), number(calls.as_ref().map(|it| it as _)));
        let _ = write!(text, "{id},{at},{kind},{amount},{balance},{label},{token},{calls}\r\n");
    }
    text
}

/// A text as one cell. A spreadsheet takes some first characters for the beginning of a formula.
fn cell(text: &str) -> String {
    let text = if is_formula(text) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_is_no_formula() {
        for (text, shown) in [
            ("GET /a", "GET /a"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\nb", "\"a\nb\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
        ] {
            assert_eq!(cell(text), shown);
        }
    }
}
