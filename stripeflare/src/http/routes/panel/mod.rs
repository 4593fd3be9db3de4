//! The database panel: all accounts for the operator, one account for its owner. Plain HTML that works without a script;
//! JSON and CSV for programs. It reads; for the few things to decide there the operator goes by another name.

mod deciding;
mod operator;

use std::fmt::{Display, Write};

use axum::extract::{Query, Request};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use stripeflare_core::account::Denied;
use stripeflare_core::clock::now;
use stripeflare_core::identity::{AccountId, Token, random_text};
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::{Aggregate, account, aggregate};
use stripeflare_core::read_only_sql::Table;
use stripeflare_core::schema::Schema;
use stripeflare_core::sql::Value;
use stripeflare_schema::quoted;

use self::deciding::wants_json;
use self::operator::{Credentials, OPERATOR, challenge, check_operator, refuse_foreign, refused};
use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, header};
use crate::http::reply::csv::is_formula;
use crate::http::reply::date::{day_text, moment_text};
use crate::http::reply::html::{Escaped, page};
use crate::object::ObjectError;

#[cfg(feature = "login")]
pub(crate) use self::deciding::free_card;
pub(crate) use self::deciding::{assign, hand_over};

/// Rows of one page.
const ROWS: u32 = 50;
/// Rows of a file, and of an answer to the operator's own SQL.
const MANY_ROWS: u32 = 1_000;
/// Characters of the operator's own SQL.
const MAX_SQL: usize = 4_000;

/// A table, as the panel shows it.
struct Shown {
    name: &'static str,
    from: &'static str,
    order: &'static str,
    /// In ten-thousandths of a cent, shown in cents.
    money: &'static [&'static str],
}

const OPERATORS: &[Shown] = &[
    Shown { name: "users", from: "users", order: "registered_at DESC, account_id", money: &["balance", "frozen"] },
    Shown { name: "payments", from: "all_payments", order: "at DESC, key", money: &["amount", "taken", "frozen"] },
    Shown { name: "usage", from: "all_usage", order: "day DESC, amount DESC", money: &["amount"] },
    Shown { name: "old_usage", from: "old_usage", order: "day DESC, amount DESC", money: &["amount"] },
    Shown { name: "unclaimed", from: "unclaimed", order: "done, at DESC, key", money: &["assigned_amount"] },
    // Closed accounts with money, or without enough of it.
    Shown {
        name: "closed",
        from: "(SELECT account_id, registered_at, balance, frozen FROM users WHERE closed = 1 AND balance <> 0)",
        order: "registered_at DESC, account_id",
        money: &["balance", "frozen"],
    },
];

const OWNERS: &[Shown] = &[
    Shown { name: "account", from: "users", order: "1", money: &["balance", "frozen"] },
    Shown {
        name: "entries",
        from: "entries",
        order: "place DESC, number DESC, key DESC",
        money: &["amount", "balance"],
    },
    Shown { name: "payments", from: "payments", order: "at DESC, key", money: &["amount", "taken", "frozen"] },
    Shown {
        name: "tokens",
        from: "(SELECT id, label, manage, login, cap_day, cap_total, spent_day, spent_total, created_at, last_used_day, expires_at FROM tokens)",
        order: "created_at DESC, id",
        money: &["cap_day", "cap_total", "spent_day", "spent_total"],
    },
    Shown { name: "cards", from: "(SELECT id, label, state, at FROM cards)", order: "at DESC, id", money: &[] },
];

/// The wallet's own columns in its row. Of yours an owner sees what `/me` shows: those that are public.
const WALLET: [&str; 8] =
    ["account_id", "registered_at", "balance", "frozen", "name", "email", "card_fingerprint", "verified_email"];

/// Who paid, as typed, is for the operator's eyes.
const OWN_PAYMENTS: &str = "(SELECT key, payment_intent, amount, taken, frozen, at, to_account, moved FROM payments)";

/// What is of no use to anybody but the object itself.
const HIDDEN: [&str; 9] =
    ["updated_at", "revision", "sent_revision", "holds", "usage", "ledger", "kept_bytes", "place", "number"];

/// What to show of which table, as the address says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    table: String,
    page: u32,
    column: String,
    contains: String,
    sql: String,
    format: String,
}

enum Format {
    Html,
    Json,
    Csv,
}

impl Wish {
    fn format(&self, headers: &HeaderMap) -> Format {
        match self.format.as_str() {
            "csv" => Format::Csv,
            "json" => Format::Json,
            _ if wants_json(headers) => Format::Json,
            _ => Format::Html,
        }
    }

    /// The same with another page or format.
    fn link(&self, page: u32, format: &str) -> String {
        let mut link = String::from("?");
        for (name, value) in [
            ("table", self.table.as_str()),
            ("column", &self.column),
            ("contains", &self.contains),
            ("sql", &self.sql),
            ("format", format),
        ] {
            if !value.is_empty() {
                let _ = write!(link, "{name}={}&", Percent(value));
            }
        }
        let _ = write!(link, "page={page}");
        link
    }
}

/// A text within the query of an address.
struct Percent<'a>(&'a str);

impl Display for Percent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// `GET /db/admin-readonly` and `GET /db/{client_reference_id}`
pub(crate) async fn show(request: Request, schema: Schema) -> Response {
    look(request, &schema).await.unwrap_or_else(|answer| answer)
}

async fn look(request: Request, schema: &Schema) -> Result<Response, Response> {
    let context = Context::among(request.extensions())?;
    refuse_foreign(&context, request.uri().path())?;
    let Query(wish) = Query::<Wish>::try_from_uri(request.uri()).map_err(IntoResponse::into_response)?;
    let who = request.uri().path().trim_start_matches("/db/");
    let credentials = Credentials::of(request.headers());
    if who == OPERATOR {
        check_operator(&context, request.headers(), credentials, false).await?;
        return operators(&context, wish, request.headers()).await;
    }
    let Some(account) = context.deployment.config.references.verify(who) else {
        return Err(Answer::new(StatusCode::NOT_FOUND, "not_found", "No such account.").into());
    };
    let token = match credentials {
        Some(Credentials { user, password }) if user.strip_prefix("user-") == Some(who) => {
            let token = password.parse::<Token>().ok().filter(|token| *token.account() == account);
            Some(token.ok_or_else(challenge)?)
        }
        credentials => {
            check_operator(&context, request.headers(), credentials, false).await?;
            None
        }
    };
    owners(&context, schema, &account, token.as_ref(), wish, request.headers()).await
}

async fn operators(context: &Context, mut wish: Wish, headers: &HeaderMap) -> Result<Response, Response> {
    let own_sql = !wish.sql.trim().is_empty();
    let shown = wish.shown(OPERATORS)?;
    let (statement, parameters) = if own_sql {
        if wish.sql.len() > MAX_SQL {
            return Err(refused("This is too long for a query here."));
        }
        (wish.sql.clone(), Vec::new())
    } else {
        wish.statement(shown, shown.from)
    };
    let command = aggregate::Look { statement, parameters, most: wish.most(headers) };
    let looked = context.deployment.stubs.as_system(&Aggregate).send(command).await?;
    let table = looked.map_err(|problem| refused(&problem))?;
    let table = if own_sql { table } else { readable(table, shown) };
    let view = View { title: "All accounts", tables: OPERATORS, operator: true, own_sql, wish: &wish };
    let link = |account: &str| {
        let account: AccountId = account.parse().ok()?;
        Some(context.deployment.config.references.sign(&account))
    };
    Ok(view.answer(&table, &wish.format(headers), &link))
}

async fn owners(
    context: &Context,
    schema: &Schema,
    account: &AccountId,
    token: Option<&Token>,
    mut wish: Wish,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    let deployment = &context.deployment;
    let shown = wish.shown(OWNERS)?;
    let from = match (token, shown.name) {
        (Some(_), "account") => own_row(schema),
        (Some(_), "payments") => OWN_PAYMENTS.to_owned(),
        (Some(_), "cards") => format!("(SELECT id, label, state, at FROM cards WHERE shows_at <= {})", now()),
        _ => shown.from.to_owned(),
    };
    let (statement, parameters) = wish.statement(shown, &from);
    let command = account::Look { statement, parameters, most: wish.most(headers) };
    let sender = match token {
        Some(token) => deployment.stubs.as_caller(token),
        None => deployment.stubs.as_system(account),
    };
    let table = match sender.send(command).await {
        Ok(looked) => looked.map_err(|problem| refused(&problem))?,
        Err(ObjectError::Unregistered) => Table::default(),
        Err(ObjectError::Denied(Denied::Rights)) => {
            let message = "This token spends; the panel takes one that manages the account.";
            return Err(Answer::new(StatusCode::FORBIDDEN, "rights", message).into());
        }
        Err(ObjectError::Denied(_)) => return Err(challenge()),
        Err(error) => return Err(error.into()),
    };
    let table = readable(table, shown);
    let title = format!("Account {account}");
    let view = View { title: &title, tables: OWNERS, operator: false, own_sql: false, wish: &wish };
    Ok(view.answer(&table, &wish.format(headers), &|_| None))
}

/// The owner's row as a table: what is not in it cannot be filtered by either, which would tell it bit by bit.
fn own_row(schema: &Schema) -> String {
    let public = schema.columns.iter().filter(|column| column.public).map(|column| column.name);
    // With the table before it, a name that is no column is an error and not a text.
    let columns: Vec<_> = WALLET.into_iter().chain(public).map(|name| format!("users.{}", quoted(name))).collect();
    format!("(SELECT {} FROM users)", columns.join(", "))
}

impl Wish {
    fn shown(&mut self, tables: &'static [Shown]) -> Result<&'static Shown, Response> {
        if self.table.is_empty() {
            self.table = tables[0].name.to_owned();
        }
        let shown = tables.iter().find(|shown| shown.name == self.table);
        shown.ok_or_else(|| Answer::new(StatusCode::NOT_FOUND, "not_found", "No such table.").into())
    }

    fn most(&self, headers: &HeaderMap) -> u32 {
        let many = !self.sql.is_empty() || matches!(self.format(headers), Format::Csv);
        if many { MANY_ROWS } else { ROWS }
    }

    fn statement(&self, shown: &Shown, from: &str) -> (String, Vec<Value>) {
        let (filter, mut parameters) = if self.column.is_empty() || self.contains.is_empty() {
            ("", Vec::new())
        } else {
            // As text, so that numbers are found by their digits.
            (" WHERE instr(lower(CAST(COLUMN AS TEXT)), lower(?)) > 0", vec![self.contains.as_str().into()])
        };
        let filter = filter.replace("COLUMN", &quoted(&self.column));
        parameters.push((i64::from(self.page) * i64::from(ROWS)).into());
        (format!("SELECT * FROM {from}{filter} ORDER BY {} LIMIT -1 OFFSET ?", shown.order), parameters)
    }
}

/// Amounts in cents, moments and days as people write them, and without what nobody needs.
fn readable(table: Table, shown: &Shown) -> Table {
    let kept: Vec<bool> = table.columns.iter().map(|column| !HIDDEN.contains(&column.as_str())).collect();
    let keep = |place: usize| kept.get(place).copied().unwrap_or_default();
    let rows = table.rows.into_iter().map(|row| {
        let cells = row.into_iter().enumerate().filter(|(place, _)| keep(*place));
        cells.map(|(place, value)| shown.readable(&table.columns[place], value)).collect()
    });
    let rows = rows.collect();
    let columns = table.columns.into_iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, name)| name);
    Table { columns: columns.collect(), rows, more: table.more }
}

impl Shown {
    fn readable(&self, column: &str, value: Value) -> Value {
        let Value::Integer(integer) = value else { return value };
        match column {
            _ if self.money.contains(&column) => match Cents::checked_from_units(integer) {
                Some(cents) => Value::Text(cents.to_string()),
                None => value,
            },
            "day" | "last_used_day" => Value::Text(day_text(integer)),
            _ if column == "at" || column.ends_with("_at") => Value::Text(moment_text(integer)),
            _ => value,
        }
    }
}

struct View<'a> {
    title: &'a str,
    tables: &'static [Shown],
    operator: bool,
    own_sql: bool,
    wish: &'a Wish,
}

/// The reference of an account's id, to link to its page.
type Link<'a> = &'a dyn Fn(&str) -> Option<String>;

const STYLE: &str = "<style>body{max-width:none;margin:1.5rem;padding:0;font-size:1rem}h1{font-size:1.3rem;margin:0 0 .5rem}\
    nav a{display:inline-block;padding:.3rem .8rem;border-radius:.4rem;text-decoration:none;color:inherit}\
    nav a.now{background:#5b4bdb;color:#fff}.rows{overflow-x:auto;margin:1rem 0}\
    .rows table{font-size:.85rem;width:auto;min-width:100%;white-space:nowrap}\
    .rows th,.rows td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid #8884;max-width:18rem;overflow:hidden;text-overflow:ellipsis}.rows td.act{max-width:none}.rows th{border-bottom-width:2px}\
    .rows tr:hover td{background:#8881}td.number,th.number{text-align:right}.none{opacity:.45}\
    form.line{display:inline-flex;gap:.4rem;margin:0;align-items:center}form.line input,form.line select,form.line button{padding:.2rem .5rem;font-size:.85rem}\
    textarea{font:.9rem ui-monospace,monospace;width:100%;box-sizing:border-box;padding:.5rem;min-height:4rem}</style>";

impl View<'_> {
    fn answer(&self, table: &Table, format: &Format, link: Link<'_>) -> Response {
        let kind = match format {
            Format::Html => return page(StatusCode::OK, self.title, &self.html(table, link)),
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
        };
        let body = if kind.starts_with("text") { csv(table) } else { json(table) };
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, header(kind));
        headers.insert(CACHE_CONTROL, header("private, no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, header("nosniff"));
        if kind.starts_with("text") {
            headers.insert(CONTENT_DISPOSITION, header(format!("attachment; filename=\"{}.csv\"", self.wish.table)));
        }
        response
    }

    fn html(&self, table: &Table, link: Link<'_>) -> String {
        let mut html = String::from(STYLE);
        html.push_str("<nav>");
        for shown in self.tables {
            let now = if !self.own_sql && shown.name == self.wish.table { " class=\"now\"" } else { "" };
            let _ = write!(html, "<a href=\"?table={0}\"{now}>{0}</a>", shown.name);
        }
        html.push_str("</nav>");
        if !self.own_sql {
            self.filter(&mut html, table);
        }
        self.rows(&mut html, table, link);
        self.pager(&mut html, table);
        if self.operator && cfg!(feature = "login") && self.wish.table == "users" {
            let _ = write!(
                html,
                "<form class=\"line\" method=\"post\" action=\"/db/{OPERATOR}/free-card\"><input name=\"card\" required \
                 placeholder=\"fingerprint or Link address\" aria-label=\"A card that somebody squats\"><button>Free the card\
                 </button></form>"
            );
        }
        if self.operator {
            let _ = write!(
                html,
                "<form method=\"get\"><label>SQL that reads, at most {MANY_ROWS} rows, amounts in ten-thousandths of a cent\
                 <textarea name=\"sql\" maxlength=\"{MAX_SQL}\" spellcheck=\"false\" placeholder=\"SELECT route, SUM(calls), SUM(amount) FROM all_usage GROUP BY route\">\n{}</textarea></label>\
                 <button>Run</button></form>",
                Escaped(&self.wish.sql)
            );
        }
        html
    }

    fn filter(&self, html: &mut String, table: &Table) {
        let Wish { table: name, column, contains, .. } = self.wish;
        let _ = write!(
            html,
            "<form class=\"line\" method=\"get\"><input type=\"hidden\" name=\"table\" value=\"{}\">\
             <select name=\"column\" aria-label=\"Column\">",
            Escaped(name)
        );
        for known in &table.columns {
            let selected = if known == column { " selected" } else { "" };
            let _ = write!(html, "<option{selected}>{}</option>", Escaped(known));
        }
        let _ = write!(
            html,
            "</select><input name=\"contains\" aria-label=\"Text\" placeholder=\"contains …\" value=\"{}\"><button>Filter</button></form>",
            Escaped(contains)
        );
    }

    fn rows(&self, html: &mut String, table: &Table, link: Link<'_>) {
        if table.rows.is_empty() {
            html.push_str("<p class=\"none\">Nothing here.</p>");
            return;
        }
        let act: Option<(&str, ActForm)> = match self.wish.table.as_str() {
            _ if !self.operator || self.own_sql => None,
            "unclaimed" => Some(("assign to", assign_form)),
            "closed" => Some(("hand over to", hand_over_form)),
            _ => None,
        };
        let numeric = |place: usize| {
            let cell = |row: &Vec<Value>| row.get(place).is_none_or(|value| number(value) || *value == Value::Null);
            table.rows.iter().all(cell)
        };
        let numeric: Vec<bool> = (0..table.columns.len()).map(numeric).collect();
        let class = |place: usize| if numeric.get(place) == Some(&true) { " class=\"number\"" } else { "" };
        html.push_str("<div class=\"rows\"><table><thead><tr>");
        if let Some((title, _)) = act {
            let _ = write!(html, "<th>{title}</th>");
        }
        for (place, column) in table.columns.iter().enumerate() {
            let _ = write!(html, "<th{}>{}</th>", class(place), Escaped(column));
        }
        html.push_str("</tr></thead><tbody>");
        for row in &table.rows {
            html.push_str("<tr>");
            if let Some((_, form)) = act {
                form(html, table, row);
            }
            for (place, value) in row.iter().enumerate() {
                let text = plain(value);
                let account =
                    matches!(table.columns.get(place).map(String::as_str), Some("account_id" | "assigned_to"));
                let _ = match link(&text).filter(|_| account && self.operator) {
                    _ if *value == Value::Null => write!(html, "<td class=\"none\">–</td>"),
                    Some(reference) => {
                        write!(html, "<td><a href=\"/db/{}\">{}</a></td>", Escaped(reference), Escaped(text))
                    }
                    None => write!(html, "<td{} title=\"{}\">{}</td>", class(place), Escaped(&text), Escaped(&text)),
                };
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table></div>");
    }

    fn pager(&self, html: &mut String, table: &Table) {
        html.push_str("<p>");
        if !self.own_sql {
            let page = self.wish.page;
            if page > 0 {
                let _ = write!(html, "<a href=\"{}\">← newer</a> ", Escaped(self.wish.link(page - 1, "")));
            }
            if table.more {
                let _ = write!(html, "<a href=\"{}\">older →</a> ", Escaped(self.wish.link(page + 1, "")));
            }
        } else if table.more {
            html.push_str("There are more rows. ");
        }
        let (csv, json) = (self.wish.link(self.wish.page, "csv"), self.wish.link(self.wish.page, "json"));
        let _ = write!(html, "<a href=\"{}\">CSV</a> <a href=\"{}\">JSON</a></p>", Escaped(csv), Escaped(json));
    }
}

/// What the operator may do with a row.
type ActForm = fn(&mut String, &Table, &[Value]);

fn cell<'a>(table: &Table, row: &'a [Value], name: &str) -> Option<&'a Value> {
    table.columns.iter().position(|column| column == name).and_then(|place| row.get(place))
}

/// Who is to have the money of a closed account, and why. Sent again, the form is the same handover.
fn hand_over_form(html: &mut String, table: &Table, row: &[Value]) {
    let Some(Value::Text(account)) = cell(table, row, "account_id") else { return };
    let _ = write!(
        html,
        "<td class=\"act\"><form class=\"line\" method=\"post\" action=\"/db/{OPERATOR}/hand-over\"><input type=\"hidden\" name=\"from\" value=\"{}\">\
         <input type=\"hidden\" name=\"key\" value=\"{}\"><input name=\"account\" required placeholder=\"client_reference_id\" aria-label=\"Account\">\
         <input name=\"cents\" inputmode=\"decimal\" size=\"8\" placeholder=\"amount\" aria-label=\"Amount, if not all\">\
         <input name=\"reason\" required placeholder=\"reason\" aria-label=\"Reason\"><button>Hand over</button></form></td>",
        Escaped(account),
        random_text::<16>()
    );
}

/// Whose it is to be, for money that is nobody's yet.
fn assign_form(html: &mut String, table: &Table, row: &[Value]) {
    let cell = |name| cell(table, row, name);
    let (Some(Value::Text(key)), Some(Value::Null), Some(Value::Integer(1..))) =
        (cell("key"), cell("assigned_to"), cell("amount"))
    else {
        html.push_str("<td></td>");
        return;
    };
    let _ = write!(
        html,
        "<td class=\"act\"><form class=\"line\" method=\"post\" action=\"/db/{OPERATOR}/assign\"><input type=\"hidden\" name=\"key\" value=\"{}\">\
         <input name=\"account\" required placeholder=\"client_reference_id\" aria-label=\"Account\">\
         <input name=\"cents\" inputmode=\"decimal\" size=\"8\" placeholder=\"amount\" aria-label=\"Amount, if other than paid\">\
         <button>Assign</button></form></td>",
        Escaped(key)
    );
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => hex::encode(bytes),
    }
}

/// As a number or an amount of money.
fn number(value: &Value) -> bool {
    match value {
        Value::Integer(_) | Value::Real(_) => true,
        Value::Text(text) => text.parse::<Cents>().is_ok(),
        _ => false,
    }
}

fn json(table: &Table) -> String {
    let text = |text: &str| serde_json::to_string(text).expect("a text is plain JSON");
    let cell = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) if real.is_finite() => real.to_string(),
        other => text(&plain(other)),
    };
    let rows = table.rows.iter().map(|row| {
        let cells = table.columns.iter().zip(row).map(|(column, value)| format!("{}:{}", text(column), cell(value)));
        format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
    });
    format!("{{\"rows\":[{}],\"more\":{}}}", rows.collect::<Vec<_>>().join(","), table.more)
}

fn csv(table: &Table) -> String {
    let cell = |value: &Value| {
        let text = plain(value);
        // A spreadsheet would take a stranger's text for a formula.
        let formula = matches!(value, Value::Text(_)) && is_formula(&text) && !number(value);
        format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
    };
    let mut lines = vec![table.columns.iter().map(|name| cell(&name.as_str().into())).collect::<Vec<_>>().join(",")];
    lines.extend(table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",")));
    lines.join("\r\n") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let text = |text: &str| Value::Text(text.to_owned());
        Table {
            columns: vec!["name".into(), "balance".into()],
            rows: vec![
                vec![text("<script>alert(\"x\")</script>"), text("-0.25")],
                vec![text("=HYPERLINK(\"http://evil\")"), Value::Null],
                vec![text("@SUM(1)\r\nx"), Value::Blob(vec![1, 255])],
            ],
            more: true,
        }
    }

    #[test]
    fn nothing_of_a_stranger_is_markup_or_a_formula() {
        let wish = Wish { table: "users".into(), contains: "\"><script>".into(), ..Wish::default() };
        let view = View { title: "", tables: OPERATORS, operator: true, own_sql: false, wish: &wish };
        let html = view.html(&table(), &|_| None);
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("contains=%22%3E%3Cscript%3E"), "{html}");
        let csv = csv(&table());
        assert_eq!(
            csv,
            "\"name\",\"balance\"\r\n\"<script>alert(\"\"x\"\")</script>\",\"-0.25\"\r\n\
             \"'=HYPERLINK(\"\"http://evil\"\")\",\"\"\r\n\"'@SUM(1)\r\nx\",\"01ff\"\r\n"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&table())).unwrap();
        assert_eq!(json["rows"][2], serde_json::json!({"name": "@SUM(1)\r\nx", "balance": "01ff"}));
        assert_eq!(json["more"], true);
    }

    #[test]
    fn a_filter_names_a_column_and_nothing_else() {
        let wish = Wish { column: "a\" OR 1=1 --".into(), contains: "x' OR 1".into(), page: 2, ..Wish::default() };
        let (statement, parameters) = wish.statement(&OPERATORS[0], "users");
        assert!(statement.contains("CAST(\"a\"\" OR 1=1 --\" AS TEXT)"), "{statement}");
        assert_eq!(parameters, [Value::Text("x' OR 1".into()), Value::Integer(100)]);
    }
}
