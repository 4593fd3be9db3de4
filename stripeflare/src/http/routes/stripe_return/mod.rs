//! `/stripe/return`: where Stripe sends the browser after paying, and the one place that decides who somebody is.
//!
//! Every step may run again: whoever reloads the page, or presses a button twice, ends where one visit would have ended.

use axum::Form;
use axum::extract::{FromRequest, Query, Request};
use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use stripeflare_core::account::{Card, Consent, Denied, Login, LoginOutcome, TokenId};
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::identity::{AccountId, Token};
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::account::{CardClaimed, LoggedIn};
use stripeflare_core::protocol::directory::{Bind, ClaimCard, OwnerOf};
use stripeflare_core::stripe::{PaidSession, Verdict, is_session_id, session_key};

use crate::deployment::stripe_api::ApiError;
use crate::deployment::{Deployment, payments};
use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, header};
use crate::http::reply::html::{Escaped, page};
use crate::object::ObjectError;

/// How long after its charge a session logs in.
const SESSION_MS: Millis = 60 * 60 * 1_000;
/// How long a question may stand unanswered.
const QUESTION_MS: Millis = 60 * 60 * 1_000;

/// What the page asks, and the form brings back sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    /// The account of the cookie.
    from: AccountId,
    /// The token of the cookie.
    token: TokenId,
    login: Login,
    expires_at: Millis,
}

/// `GET /stripe/return?session_id=`
pub(crate) async fn come_back(request: Request) -> Response {
    for_people(arrive(request).await, "<p><a class=\"button\" href=\"\">Try again</a></p>")
}

/// `POST /stripe/return`: the answer to what the page asked.
pub(crate) async fn decide(request: Request) -> Response {
    for_people(carry_out(request).await, "<p>Go back and press the button again: doing it twice does no harm.</p>")
}

/// An answer for a browser. Its address holds the session's id, and nobody else is to learn it.
fn for_people(response: Result<Response, Response>, retry: &str) -> Response {
    let mut response = match response {
        Err(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
            let text = "<p>We could not look at this payment. If you paid, your credit arrives all the same.</p>";
            let mut response = page(answer.status(), "Please try again in a moment", &format!("{text}{retry}"));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
        Ok(answer) | Err(answer) => answer,
    };
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[derive(Deserialize)]
struct Return {
    session_id: String,
}

async fn arrive(request: Request) -> Result<Response, Response> {
    let (parts, _) = request.into_parts();
    let context = Context::from(&parts)?;
    context.mark_personal();
    let id = Query::<Return>::try_from_uri(&parts.uri).ok().map(|Query(query)| query.session_id);
    let Some(id) = id.filter(|id| is_session_id(id)) else { return Ok(Said::NoSession.page()) };
    let token = cookie(&context)?;
    let deployment = &context.deployment;

    let paid = match payments::api(&deployment.config).session(&id).await {
        Ok(paid) => paid,
        Err(ApiError::NotFound) => return Ok(Said::NoSession.page()),
        Err(error) => return Err(Answer::unavailable(error)),
    };
    let credit = match payments::judge(deployment, &paid.session, false).await {
        Ok(Verdict::Credit(credit)) => credit,
        Ok(Verdict::Unclaimed(_)) => return Ok(Said::Foreign.page()),
        Ok(Verdict::Nothing) => return Ok(Said::Unpaid.page()),
        Err(error) => return Err(Answer::unavailable(error)),
    };
    let age = paid.charged_at_s.and_then(|at| at.checked_mul(1_000)).map(|at| now() - at);
    if age.is_none_or(|age| age > SESSION_MS) {
        return Ok(Said::Old.page());
    }
    let session = session_key(&id);
    let cookie = token.map(|token| hash(&context, token)).unwrap_or_default();
    let bind = Bind { session: session.clone(), cookie };
    if !deployment.stubs.as_system(&Shard::of(&session)).send(bind).await? {
        return Ok(Said::OtherBrowser.page());
    }
    let account = deployment.stubs.credit(credit.into()).await?;

    let Some(token) = token else { return Ok(Said::NoCookie.page()) };
    if account != *token.account() {
        return Ok(Said::OtherAccount.page());
    }
    let PaidSession { name, email, card, .. } = paid;
    let consent = if context.left_to_pay(&parts.headers, &account) { Consent::Left } else { Consent::None };
    log_in(&context, token, Login { payment: session, name, email, card, consent }).await
}

/// The token of the cookie that came; a bearer token is no browser's.
fn cookie(context: &Context) -> Result<Option<&Token>, Response> {
    Ok(context.token()?.and_then(|(token, by_cookie)| by_cookie.then_some(token)))
}

fn hash(context: &Context, token: &Token) -> String {
    token.proof(context.deployment.version).hash
}

/// Claims what the payment shows for the account of the cookie, or asks first.
async fn log_in(context: &Context, token: &Token, login: Login) -> Result<Response, Response> {
    let deployment = &context.deployment;
    let mine = token.account();
    let LoggedIn { outcome, token: token_id } = match context.ask_raw(token, login.clone()).await {
        Ok(logged_in) => logged_in,
        Err(ObjectError::Denied(why)) => return denied(context, why),
        Err(error) => return Err(error.into()),
    };
    let Some(card) = &login.card else { return Ok(back(deployment)) };
    let shard = Shard::of(&card.id());
    let directory = deployment.stubs.as_system(&shard);
    let owner = match outcome {
        LoginOutcome::Done => return Ok(back(deployment)),
        LoginOutcome::Ask => directory.send(OwnerOf { id: card.id() }).await?,
        LoginOutcome::Claiming { claim } => {
            let owner = directory.send(ClaimCard { id: card.id(), account: mine.clone(), claim }).await?;
            let owned = owner.as_ref() == Some(mine);
            deployment.stubs.as_system(mine).send(CardClaimed { id: card.id(), claim, owned }).await?;
            // `None`: it was given up meanwhile.
            if owned || owner.is_none() {
                return Ok(back(deployment));
            }
            owner
        }
    };
    if owner.is_some() {
        return Ok(Said::OthersCard.page());
    }
    let question = Question {
        from: mine.clone(),
        token: token_id,
        login: Login { consent: Consent::Given, ..login.clone() },
        expires_at: now() + QUESTION_MS,
    };
    Ok(ask(context, token, &question, card))
}

fn ask(context: &Context, token: &Token, question: &Question, card: &Card) -> Response {
    let question = hex::encode(serde_json::to_string(question).expect("questions are plain JSON"));
    let seal = context.deployment.config.seals.seal(&question, &hash(context, token));
    let label = Escaped(&card.label);
    page(
        StatusCode::OK,
        "Add this to your account?",
        &format!(
            "<p>The payment has arrived in the account of this browser.</p>\
             <p>It was paid with <strong>{label}</strong>. Add it only if you have just paid with it yourself.</p>\
             <form method=\"post\" action=\"/stripe/return\">\
             <input type=\"hidden\" name=\"question\" value=\"{question}\"><input type=\"hidden\" name=\"seal\" value=\"{seal}\">\
             <p><button name=\"answer\" value=\"add\">Add it</button> \
             <button name=\"answer\" value=\"keep\">Do not add it</button></p></form>"
        ),
    )
}

#[derive(Deserialize)]
struct Decision {
    question: String,
    seal: String,
    answer: String,
}

async fn carry_out(request: Request) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let context = Context::from(&parts)?;
    context.mark_personal();
    let Some(token) = cookie(&context)? else { return Ok(Said::NoCookie.page()) };
    let form = Form::<Decision>::from_request(Request::from_parts(parts, body), &()).await;
    let Ok(Form(Decision { question, seal, answer })) = form else { return Ok(Said::Unreadable.page()) };
    // The seal is for this cookie: no other site can make one, and no other browser use it.
    if !context.deployment.config.seals.fits(&question, &hash(&context, token), &seal) {
        return Ok(Said::Unreadable.page());
    }
    let question = hex::decode(&question).ok().and_then(|json| serde_json::from_slice::<Question>(&json).ok());
    let Some(question) = question else { return Ok(Said::Unreadable.page()) };
    if question.expires_at < now() {
        return Ok(Said::Old.page());
    }
    match answer.as_str() {
        "keep" => Ok(back(&context.deployment)),
        "add" => log_in(&context, token, question.login).await,
        _ => Ok(Said::Unreadable.page()),
    }
}

/// To where the deployment wants its visitors after they paid.
fn back(deployment: &Deployment) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, header(&deployment.config.return_to))]).into_response()
}

/// The cookie's token does not do: a person is a visitor from here on.
fn denied(context: &Context, why: Denied) -> Result<Response, Response> {
    Ok(match why {
        Denied::Rights => Said::SpendsOnly,
        Denied::Wrong | Denied::Expired => Said::LoggedOut,
    }
    .page_for(context, why))
}

/// Why nobody was logged in, and nothing was changed.
#[derive(Clone, Copy)]
enum Said {
    NoSession,
    Foreign,
    Unpaid,
    Old,
    OtherBrowser,
    NoCookie,
    OtherAccount,
    SpendsOnly,
    LoggedOut,
    Unreadable,
    OthersCard,
}

impl Said {
    fn page(self) -> Response {
        let (status, title, text) = match self {
            Self::NoSession => (
                StatusCode::NOT_FOUND,
                "There is no such payment",
                "The address you came with names no payment. If you paid, your credit arrives all the same.",
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "This payment was not for this site",
                "It names no account here, or was made in another way than through this site's payment page. If that is \
                 wrong, please ask whoever runs this site: the payment is on record.",
            ),
            Self::Unpaid => (
                StatusCode::CONFLICT,
                "This payment has not arrived yet",
                "Some ways to pay take days. Your credit arrives with the money.",
            ),
            Self::Old => (
                StatusCode::GONE,
                "This page is too old",
                "It logs nobody in later than an hour after the payment. Your credit is where you paid it to.",
            ),
            Self::OtherBrowser => (
                StatusCode::FORBIDDEN,
                "This page was opened in another browser",
                "A payment logs in the browser that came back from it first, and as it was logged in then. Your credit is \
                 where you paid it to.",
            ),
            Self::NoCookie => (
                StatusCode::FORBIDDEN,
                "We do not know this browser",
                "The payment is in the account that it was made for. This browser did not send that account's cookie: open \
                 this site in the browser you began with.",
            ),
            Self::OtherAccount => (
                StatusCode::FORBIDDEN,
                "This payment was for another account",
                "The payment link you used belongs to another account than this browser's, and the credit is there. To add \
                 credit to your own account, use the link below.",
            ),
            Self::SpendsOnly => (
                StatusCode::FORBIDDEN,
                "This browser may only spend",
                "Your credit has arrived. The token in this browser may not add a card to its account; one that manages it may.",
            ),
            Self::LoggedOut => (
                StatusCode::UNAUTHORIZED,
                "This browser is logged out",
                "The credit is in the account that it was paid to, which this browser's cookie opens no more.",
            ),
            Self::Unreadable => (
                StatusCode::BAD_REQUEST,
                "This form cannot be read",
                "It was not made for this browser, or not by this site. Nothing was changed.",
            ),
            Self::OthersCard => (
                StatusCode::OK,
                "Your payment has arrived",
                "It is in the account of this browser. The card you paid with opens another account, which stays as it is.",
            ),
        };
        page(
            status,
            title,
            &format!("<p>{text}</p><p><a href=\"/\">To the start page</a> · <a href=\"/topup\">Add credit</a></p>"),
        )
    }

    fn page_for(self, context: &Context, why: Denied) -> Response {
        // Only for the cookie that comes with it: the page itself says why.
        let _ = context.deny(why);
        self.page()
    }
}
