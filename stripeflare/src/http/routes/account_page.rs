//! `/account`: the account for its owner's eyes. Forms only, each answered by a page.

use std::fmt::Write;

use axum::extract::{Form, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use stripeflare_core::account::{
    AccountRow, CardRow, Denied, Line, LoginState, PendingLogin, Place, TokenId, TokenInfo, letters,
};
use stripeflare_core::clock::Millis;
use stripeflare_core::identity::random_text;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::account::Tokens;
use stripeflare_core::schema::Schema;
use stripeflare_core::stripe::{named, unit};

use crate::http::call::context::{Context, Inner};
use crate::http::reply::answer::Answer;
use crate::http::reply::date::{day_text, moment_text};
use crate::http::reply::html::{Escaped, page};
use crate::http::routes::statement::{Wanted as WantedLines, what_for};
use crate::http::routes::tokens::Wanted;
use crate::object::ObjectError;

/// Lines of the statement on one page.
const LINES: usize = 20;

pub(super) async fn show(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.give_cookie();
    context.mark_personal();
    let row = context.row(&Schema::of::<()>()).await?;
    let currency = &context.deployment.config.currency;
    let unit = unit(currency);
    let mut body = String::new();
    head(&mut body, &row, currency);
    if row.is_registered() {
        match context.tokens().await? {
            Some(tokens) => {
                let before = WantedLines::read(parts.uri.query().unwrap_or_default())?.before;
                let token = context.token()?.map(|(token, _)| token);
                let (lines, next) = context.lines(token, before, LINES).await?;
                statement(&mut body, &lines, next, &unit);
                list(&mut body, &tokens, &unit);
                let seal = sealed(&context);
                body.push_str(&NEW_TOKEN.replace("SEAL", &seal).replace("UNIT", &unit));
                logins(&mut body, &super::logins::pending(&context).await?, &seal);
                cards(&mut body, &super::cards::owned(&context).await?, &tokens, row.locked);
                body.push_str(&if row.locked { UNLOCK } else { LOCK }.replace("SEAL", &seal));
                leaving(&mut body);
                body.push_str(DELETING);
            }
            None => {
                body.push_str("<p>The access token of this browser only spends: it shows no more.</p>");
                leaving(&mut body);
            }
        }
    } else {
        body.push_str("<p>Nobody has paid into this account yet.</p>");
    }
    Ok(page(StatusCode::OK, "Your account", &body))
}

impl Inner {
    /// The account's tokens, if the caller's may see them.
    async fn tokens(&self) -> Result<Option<Vec<TokenInfo>>, Response> {
        let Some((token, _)) = self.token()? else { return Ok(None) };
        match self.ask_raw(token, Tokens).await {
            Err(ObjectError::Denied(Denied::Rights)) => Ok(None),
            Err(error) => self.not_done(error).map(|()| None),
            Ok(tokens) => Ok(Some(tokens)),
        }
    }
}

fn head(body: &mut String, row: &AccountRow, currency: &str) {
    let balance = named(row.balance, currency);
    for (what, value) in [("Name", &row.name), ("Email", &row.email)] {
        if let Some(value) = value {
            let _ = write!(body, "<p>{what}: {}</p>", Escaped(value));
        }
    }
    let _ = write!(
        body,
        "<p>Balance: <strong>{balance}</strong></p><p><a class=\"button\" href=\"/topup\">Add credit</a></p>"
    );
}

fn statement(body: &mut String, lines: &[Line], next: Option<Place>, unit: &str) {
    body.push_str("<h2 id=\"statement\">Statement</h2>");
    if lines.is_empty() {
        body.push_str("<p>There is nothing on it.</p>");
        return;
    }
    let _ = write!(
        body,
        "<table aria-labelledby=\"statement\"><thead><tr><th scope=\"col\">Time (UTC)</th><th scope=\"col\">What</th>\
         <th scope=\"col\" class=\"number\">Amount, in {unit}</th><th scope=\"col\" class=\"number\">Balance</th></tr></thead><tbody>",
    );
    for line in lines {
        // What folded is of a whole day, after which there was no one balance.
        let (at, calls) = (moment_text(line.at), line.calls.filter(|_| line.balance.is_none()));
        let shown = at[..if calls.is_some() { 10 } else { 19 }].replace('T', " ");
        let count = calls.map(|calls| format!("{calls} × ")).unwrap_or_default();
        let what = format!("{count}{}", what_for(line).unwrap_or(&line.kind));
        let balance = line.balance.map(|balance| balance.to_string()).unwrap_or_default();
        let (what, amount) = (Escaped(&what), line.amount);
        let _ = write!(
            body,
            "<tr><td><time datetime=\"{at}\">{shown}</time></td><td>{what}</td><td class=\"number\">{amount}</td><td class=\"number\">{balance}</td></tr>"
        );
    }
    body.push_str("</tbody></table><p>");
    if let Some(next) = next {
        let _ = write!(body, "<a href=\"/account?before={next}#statement\">Older lines</a> · ");
    }
    body.push_str("<a href=\"/me/entries?format=csv&amp;limit=1000\">Download as CSV</a></p>");
}

fn list(body: &mut String, tokens: &[TokenInfo], unit: &str) {
    let _ = write!(
        body,
        "<h2 id=\"tokens\">Access tokens</h2><table aria-labelledby=\"tokens\"><thead><tr><th scope=\"col\">Label</th>\
         <th scope=\"col\">Id</th><th scope=\"col\">Made with</th><th scope=\"col\">May</th><th scope=\"col\">Caps, in {unit}</th><th scope=\"col\">Last used</th>\
         <th scope=\"col\">Ends</th><td></td></tr></thead><tbody>",
    );
    for token in tokens {
        let label = Escaped(&token.label);
        let this = if token.this { " (this browser)" } else { "" };
        let may = if token.manage { "manage" } else { "spend" };
        let (id, made_by) = (Escaped(&token.id), token.made_by.as_ref().map_or("–", TokenId::as_str));
        let _ = write!(
            body,
            "<tr><th scope=\"row\">{label}{this}</th><td><code>{id}</code></td><td><code>{}</code></td><td>{may}</td><td>",
            Escaped(made_by)
        );
        for (cap, spent, per) in
            [(token.caps.day, token.spent_day, "today"), (token.caps.total, token.spent_total, "in all")]
        {
            if let Some(cap) = cap {
                let _ = write!(body, "{spent} of {cap} {per}<br>");
            }
        }
        let used = token.last_used_day.map_or_else(|| "never".to_owned(), day_text);
        let ends = token.expires_at.map_or_else(|| "–".to_owned(), at_minute);
        let _ = write!(
            body,
            "</td><td>{used}</td><td>{ends}</td><td><form method=\"post\" action=\"/account\">\
             <input type=\"hidden\" name=\"id\" value=\"{id}\">\
             <button name=\"do\" value=\"end\" aria-label=\"End the token {label}\">End</button></form></td></tr>"
        );
    }
    body.push_str(
        "</tbody></table><p>With a token end those that were made with it, and the cards that were added with it.</p>",
    );
}

/// The hidden fields by which a button shows that a person pressed it, on a page that no script fetched.
fn sealed(context: &Inner) -> String {
    context.seal_form(PURPOSE).map_or_else(String::new, |(until, seal)| {
        format!(
            "<input type=\"hidden\" name=\"until\" value=\"{until}\"><input type=\"hidden\" name=\"seal\" value=\"{seal}\">"
        )
    })
}

fn logins(body: &mut String, logins: &[PendingLogin], seal: &str) {
    if logins.is_empty() {
        return;
    }
    body.push_str(
        "<h2 id=\"logins\">Logins that wait</h2><p>Somebody paid with a card of yours and asks to use this account. Approve it \
         only if that is you, and the letters are those that your other browser shows.</p>\
         <table aria-labelledby=\"logins\"><thead><tr><th scope=\"col\">Letters</th><th scope=\"col\">Asked</th>\
         <th scope=\"col\">Let in by itself from</th><td></td></tr></thead><tbody>",
    );
    for login in logins {
        let (letters, asked) = (letters(&login.payment), at_minute(login.at));
        let matures = match login.state {
            LoginState::Approved => "approved".to_owned(),
            _ => at_minute(login.matures_at),
        };
        let id = Escaped(&login.payment);
        let _ = write!(
            body,
            "<tr><th scope=\"row\">{letters}</th><td>{asked}</td><td>{matures}</td><td>\
             <form method=\"post\" action=\"/account\">{seal}<input type=\"hidden\" name=\"id\" value=\"{id}\">\
             <button name=\"do\" value=\"approve-login\" aria-label=\"Approve {letters}\">Approve</button> \
             <button name=\"do\" value=\"refuse-login\" aria-label=\"Refuse {letters}\">Refuse</button></form></td></tr>"
        );
    }
    body.push_str("</tbody></table>");
}

fn cards(body: &mut String, cards: &[CardRow], tokens: &[TokenInfo], locked: bool) {
    body.push_str("<h2 id=\"cards\">Cards that open this account</h2>");
    if locked {
        body.push_str("<p>None: this account is locked, so no card opens it, and none is added.</p>");
        return;
    }
    if cards.is_empty() {
        body.push_str("<p>None: pay with a card, and it logs in to this account in other browsers, too.</p>");
        return;
    }
    body.push_str(
        "<table aria-labelledby=\"cards\"><thead><tr><th scope=\"col\">Card</th><th scope=\"col\">Added</th>\
         <th scope=\"col\">With the token</th><td></td></tr></thead><tbody>",
    );
    for card in cards {
        let (label, id, added) = (Escaped(&card.card.label), Escaped(&card.id), at_minute(card.at));
        let token = tokens.iter().find(|token| token.id == card.token).map_or("–", |token| token.label.as_str());
        let _ = write!(
            body,
            "<tr><th scope=\"row\">{label}</th><td>{added}</td><td>{}</td><td><form method=\"post\" action=\"/account\">\
             <input type=\"hidden\" name=\"id\" value=\"{id}\">\
             <button name=\"do\" value=\"forget-card\" aria-label=\"Forget {label}\">Forget</button></form></td></tr>",
            Escaped(token)
        );
    }
    body.push_str("</tbody></table>");
}

fn at_minute(at: stripeflare_core::clock::Millis) -> String {
    moment_text(at)[..16].replace('T', " ")
}

const NEW_TOKEN: &str = "<h3>New access token</h3><form method=\"post\" action=\"/account\">SEAL\
    <label>Label <input name=\"label\" required maxlength=\"64\"></label>\
    <label>May <select name=\"rights\"><option value=\"spend\">spend</option>\
    <option value=\"manage\">manage: see and change everything here</option></select></label>\
    <label>Most it may spend a day, in UNIT <input name=\"cap_per_day\" inputmode=\"decimal\"></label>\
    <label>Most it may spend in all, in UNIT <input name=\"cap_total\" inputmode=\"decimal\"></label>\
    <label>Ends at the beginning of (UTC) <input name=\"expires_at\" type=\"date\"></label>\
    <button name=\"do\" value=\"make\">Make it</button></form>";

fn leaving(body: &mut String) {
    // Sent again, the form gives the same secret again.
    body.push_str(&LEAVING.replace("KEY", &random_text::<16>()));
}

const LEAVING: &str = "<h2>This browser</h2><form method=\"post\" action=\"/account\">\
    <input type=\"hidden\" name=\"key\" value=\"KEY\">\
    <p><button name=\"do\" value=\"rotate\">Change its access token</button> The old one stops working.</p>\
    <p><button name=\"do\" value=\"logout\">Log out</button> This browser forgets the account.</p>\
    <p><button name=\"do\" value=\"logout-everywhere\">Log out everywhere else</button> All other access tokens end.</p></form>";

const DELETING: &str = "<h2>Delete this account</h2><form method=\"post\" action=\"/account\">\
    <p>All access tokens end, and name and email are forgotten. What was paid and charged stays on record.</p>\
    <label><input type=\"checkbox\" name=\"forfeit\" value=\"true\"> Give up the money that is left</label>\
    <button name=\"do\" value=\"delete\">Delete the account</button></form>";

const LOCK: &str = "<form method=\"post\" action=\"/account\">SEAL<p><button name=\"do\" value=\"lock\">Lock</button> No card \
    opens this account any more, and who logged in by one is logged out.</p></form>";

const UNLOCK: &str = "<form method=\"post\" action=\"/account\">SEAL<p><button name=\"do\" value=\"unlock\">Unlock</button> Cards \
    that you pay with open this account again.</p></form>";

/// What the seal of this page's forms is for.
const PURPOSE: &str = "account";

/// A button of the page.
#[derive(Deserialize)]
#[serde(default)]
struct Press {
    r#do: String,
    id: String,
    key: String,
    label: String,
    rights: String,
    cap_per_day: String,
    cap_total: String,
    expires_at: String,
    forget: bool,
    forfeit: bool,
    kept: bool,
    until: Millis,
    seal: String,
}

impl Default for Press {
    fn default() -> Self {
        let empty = String::new;
        Self {
            r#do: empty(),
            id: empty(),
            key: empty(),
            label: empty(),
            rights: empty(),
            cap_per_day: empty(),
            cap_total: empty(),
            expires_at: empty(),
            forget: false,
            forfeit: false,
            kept: false,
            until: 0,
            seal: empty(),
        }
    }
}

pub(super) async fn press(request: Request) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let context = Context::from(&parts)?;
    context.mark_personal();
    // Before a look at the form: another site's is not read.
    context.spending_token()?;
    let form = Form::<Press>::from_request(Request::from_parts(parts, body), &()).await;
    let Form(press) = form.map_err(IntoResponse::into_response)?;
    // What lasts beyond this browser's session is for a person's hand, and for no script on one of this site's pages.
    let lasts = matches!(press.r#do.as_str(), "approve-login" | "refuse-login" | "lock" | "unlock")
        || (press.r#do == "make" && press.rights == "manage");
    if lasts && !context.is_sealed(PURPOSE, press.until, &press.seal) {
        let message =
            "This form is too old, or was not made for this browser. Load the page again, and press the button there.";
        return Err(Answer::new(StatusCode::FORBIDDEN, "seal", message).into());
    }
    let key = Some(press.key.as_str()).filter(|key| !key.is_empty());
    match press.r#do.as_str() {
        "make" => made(&context, press).await,
        "approve-login" | "refuse-login" => {
            super::logins::decide(&context, press.id, press.r#do == "approve-login").await?;
            Ok(back())
        }
        "unlock" => context.lock(false, false).await.map(|()| back()),
        "lock" => locked(&context, press.kept).await,
        "end" => {
            context.end_token(press.id.into()).await?;
            Ok(back())
        }
        "forget-card" => {
            super::cards::give_up(&context, press.id).await?;
            Ok(back())
        }
        "rotate" => context.rotate(key).await.map(|_| back()),
        "logout-everywhere" => context.log_out_everywhere(key).await.map(|_| back()),
        "logout" => logged_out(&context, press.forget).await,
        "delete" => {
            context.close_account(press.forfeit).await?;
            Ok(page(
                StatusCode::OK,
                "Account deleted",
                "<p>The account is no more, and this browser has forgotten it.</p>",
            ))
        }
        _ => Err(Answer::new(StatusCode::BAD_REQUEST, "form", "This form has no such button.").into()),
    }
}

/// Without a card, a lost cookie is a lost account: its owner gets to see the token first, if no other manages it.
async fn locked(context: &Inner, kept: bool) -> Result<Response, Response> {
    match (context.lock(true, kept).await, context.cookie_token()) {
        (Err(refused), Some(token)) if refused.status() == StatusCode::CONFLICT => Ok(page(
            StatusCode::CONFLICT,
            "Keep this access token first",
            &format!(
                "<p>No other access token manages this account. Once it is locked, whoever loses this one gets at it no more: \
                 keep it, in a place where nobody else finds it.</p><p><code>{}</code></p>\
                 <form method=\"post\" action=\"/account\">{}<input type=\"hidden\" name=\"kept\" value=\"true\">\
                 <button name=\"do\" value=\"lock\">I keep it: lock</button></form><p><a href=\"/account\">Your account</a></p>",
                Escaped(token.expose()),
                sealed(context)
            ),
        )),
        (locked, _) => locked.map(|()| back()),
    }
}

/// To the account again, so that a reload presses nothing.
fn back() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/account"))]).into_response()
}

async fn made(context: &Inner, press: Press) -> Result<Response, Response> {
    let cap = |text: &str| -> Result<Option<Cents>, Response> {
        let problem = || {
            let unit = unit(&context.deployment.config.currency);
            Answer::new(StatusCode::UNPROCESSABLE_ENTITY, "token", format!("A cap is a number of {unit}.")).into()
        };
        let text = text.trim();
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| problem()) }
    };
    let wanted = Wanted {
        label: press.label.trim().to_owned(),
        manage: press.rights == "manage",
        cap_per_day: cap(&press.cap_per_day)?,
        cap_total: cap(&press.cap_total)?,
        expires_at: Some(press.expires_at).filter(|text| !text.is_empty()),
    };
    let (token, new) = context.make_token(wanted).await?;
    let body = format!(
        "<p>The access token <strong>{}</strong>, shown this once:</p><p><code>{}</code></p>\
         <p>It goes with each call, as <code>Authorization: Bearer …</code></p><p><a href=\"/account\">Your account</a></p>",
        Escaped(&new.label),
        Escaped(token.expose()),
    );
    Ok(page(StatusCode::CREATED, "New access token", &body))
}

async fn logged_out(context: &Inner, forget: bool) -> Result<Response, Response> {
    match context.log_out(forget).await {
        Ok(()) => Ok(page(StatusCode::OK, "Logged out", "<p>This browser has forgotten the account.</p>")),
        Err(refused) if refused.status() == StatusCode::CONFLICT => Ok(page(
            StatusCode::CONFLICT,
            "Only this browser has the account",
            "<p>There is money on it, and no other access token that manages it: once this browser forgets it, nobody gets \
             at that money. Make another access token first, and keep it.</p><p><a href=\"/account\">Your account</a></p>\
             <form method=\"post\" action=\"/account\"><input type=\"hidden\" name=\"forget\" value=\"true\">\
             <button name=\"do\" value=\"logout\">Log out and lose it</button></form>",
        )),
        Err(answer) => Err(answer),
    }
}
