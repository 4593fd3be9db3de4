//! `/stripe/return`: where Stripe sends the browser after paying.
//!
//! A payment link's session exists before anybody pays, and whoever opened the link knows its id: neither proves who paid. So
//! the browser that left to pay is known by its mark; two browsers contest a payment; and a card of another account gives
//! nothing at once, but a login that waits there, which whoever manages that account sees and may refuse.
//!
//! Every step may run again: whoever reloads the page, or presses a button twice, ends where one visit would have ended.

mod pages;

use axum::Form;
use axum::extract::{FromRequest, Query, Request};
use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, REFERRER_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use stripeflare_core::account::{
    Caps, Card, CardOwner, Homecoming, HomecomingOutcome, LoginRequest, LoginState, NewToken, NotBegun, PendingLogin,
    TAKE_MS, Taken, TokenId,
};
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::identity::{AccountId, Token};
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::account::{
    BeginLogin, CameHome, CardClaimed, ComeHome, FindCardOwner, HeadFor, MovePayment, ReadLogin, TakeLogin,
};
use stripeflare_core::protocol::directory::{Arrive, BeginAt, ClaimCard, MayTake};
use stripeflare_core::stripe::{PaidSession, Verdict, is_session_id, session_key};

use self::pages::{Said, moment, question, switch, switched, waiting};
use crate::deployment::stripe_api::{ApiError, api};
use crate::deployment::{Deployment, payments};
use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, header};
use crate::http::reply::html::page;
use crate::object::ObjectError;

/// How long after its charge a payment may begin a login.
const SESSION_MS: Millis = 60 * 60 * 1_000;
/// A charge is not dated further ahead than clocks differ.
const AHEAD_MS: Millis = 5 * 60 * 1_000;
/// How long after the charge the page waits before it asks, and the account before it shows who paid: so long the payer's browser
/// has to come back, if it is not the one that came.
const PATIENCE_MS: Millis = 20 * 1_000;
/// A page that waits for a webhook or for Stripe comes again after so many seconds.
const SOON_S: i64 = 5;
/// What the seal of this page's forms is for.
const PURPOSE: &str = "login by payment";

/// `GET /stripe/return?session_id=`
pub(crate) async fn come_back(request: Request) -> Response {
    for_people(arrive(request).await, "<p><a class=\"button\" href=\"\">Try again</a></p>")
}

/// `POST /stripe/return`: a button of its pages.
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
    // What no person asked for is no arrival, and learns nothing. A browser that does not say counts as a person's.
    if context.manner.browser && !context.manner.navigates {
        return Ok(Said::Thanks.page());
    }
    let session = session_key(&id);
    let shard = Shard::of(&session);
    let stubs = &context.deployment.stubs;
    let arrived = || Arrive { session: session.clone(), mark: context.mark().unwrap_or_default() };
    let mut arrival = stubs.as_system(&shard).send(arrived()).await?;
    let mut paid = None;
    if arrival.account.is_none() {
        if !arrival.may_ask {
            return Ok(moment(SOON_S));
        }
        paid = match learn(&context, &id).await? {
            Ok(paid) => Some(paid),
            Err(said) => return Ok(said.page()),
        };
        arrival = stubs.as_system(&shard).send(arrived()).await?;
    }
    let (Some(mine), Some(token)) = (arrival.account, context.cookie_token()) else { return Ok(Said::Thanks.page()) };
    if !arrival.is_payers || *token.account() != mine || !context.manner.navigation {
        return Ok(Said::Thanks.page());
    }
    context.keep_mark();
    if arrival.contested {
        return Ok(Said::Contested.page());
    }
    let came_home = match stubs.as_caller(token).send(CameHome { payment: session.clone() }).await {
        Ok(came_home) => came_home,
        // It does not manage the account: to it this page says what it says to everybody.
        Err(ObjectError::Denied(_) | ObjectError::Unregistered) => return Ok(Said::Thanks.page()),
        Err(error) => return Err(error.into()),
    };
    if let Some(to) = &arrival.to
        && let Some(login) = stubs.as_system(to).send(ReadLogin { payment: session.clone() }).await?
    {
        return Ok(show_login(&context, to, &login));
    }
    let paid = match paid {
        Some(paid) => paid,
        // Whoever reloads the page costs no call to Stripe, either.
        None if came_home => return Ok(back(&context.deployment)),
        None if !arrival.may_ask => return Ok(moment(SOON_S)),
        None => match learn(&context, &id).await? {
            Ok(paid) => paid,
            Err(said) => return Ok(said.page()),
        },
    };
    come_home(&context, token, session, paid).await
}

/// Asks Stripe about a session, and credits its payment; or what there is to say instead.
async fn learn(context: &Context, id: &str) -> Result<Result<PaidSession, Said>, Response> {
    let deployment = &context.deployment;
    let paid = match api(deployment).session(id).await {
        Ok(paid) => paid,
        Err(ApiError::NotFound) => return Ok(Err(Said::NoSession)),
        Err(error) => return Err(Answer::unavailable(error)),
    };
    match payments::judge(deployment, &paid.session, false).await.map_err(Answer::unavailable)? {
        Verdict::Credit(credit) => {
            payments::credit_as_judged(deployment, credit).await.map_err(Answer::unavailable)?;
            Ok(Ok(paid))
        }
        Verdict::Unclaimed(_) => Ok(Err(Said::Foreign)),
        Verdict::Nothing => Ok(Err(Said::Unpaid)),
    }
}

/// The browser that left to pay is back, with a cookie of the account that it paid for.
async fn come_home(context: &Context, token: &Token, session: String, paid: PaidSession) -> Result<Response, Response> {
    let deployment = &context.deployment;
    let mine = token.account();
    let charged_at = paid.charged_at_s.and_then(|at| at.checked_mul(1_000));
    let Some(charged_at) = charged_at.filter(|at| (now() - SESSION_MS..=now() + AHEAD_MS).contains(at)) else {
        return Ok(Said::Old.page());
    };
    let asks_at = charged_at + PATIENCE_MS;
    let home = Homecoming { payment: session.clone(), card: paid.card, shows_at: asks_at };
    let outcome = match deployment.stubs.as_caller(token).send_with_endings(ComeHome { home: home.clone() }).await {
        Ok(outcome) => outcome,
        Err(ObjectError::Denied(_) | ObjectError::Unregistered) => return Ok(Said::Thanks.page()),
        Err(error) => return Err(error.into()),
    };
    let (HomecomingOutcome::Claiming { claim }, Some(card)) = (outcome, home.card) else { return Ok(back(deployment)) };
    let id = card.id();
    let command = ClaimCard { id: id.clone(), account: mine.clone(), claim };
    let owner = deployment.stubs.as_system(&Shard::of(&id)).send(command).await?;
    let owned = owner.as_ref() == Some(mine);
    deployment.stubs.as_system(mine).send(CardClaimed { id: id.clone(), claim, owned }).await?;
    // `None`: it was given up meanwhile.
    let Some(to) = owner.filter(|_| !owned) else { return Ok(back(deployment)) };
    let command = FindCardOwner { card: id, wait: deployment.config.login_wait_s * 1_000 };
    let found = match deployment.stubs.as_system(&to).send(command).await {
        Ok(found) => found,
        Err(ObjectError::Unregistered) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(owner) = found else { return Ok(back(deployment)) };
    let wait = asks_at - now();
    if wait > 0 {
        return Ok(moment(wait.div_euclid(1_000) + 1));
    }
    Ok(ask(context, session, to, &card, &owner))
}

/// What a form of these pages brings back, sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    /// The key of the payment.
    payment: String,
    to: AccountId,
    /// The card's id and its claim there; of a login that has begun, they are there already.
    card: Option<(String, i64)>,
}

/// The hidden fields of a form.
fn sealed(context: &Context, step: &Step) -> Option<String> {
    let text = hex::encode(serde_json::to_string(step).expect("steps are plain JSON"));
    let (until, seal) = context.seal_form(&format!("{PURPOSE} {text}"))?;
    Some(format!(
        "<input type=\"hidden\" name=\"step\" value=\"{text}\"><input type=\"hidden\" name=\"until\" value=\"{until}\">\
         <input type=\"hidden\" name=\"seal\" value=\"{seal}\">"
    ))
}

fn ask(context: &Context, payment: String, to: AccountId, card: &Card, owner: &CardOwner) -> Response {
    let step = Step { payment, to, card: Some((card.id(), owner.claim)) };
    sealed(context, &step).map_or_else(|| Said::Thanks.page(), |fields| question(&card.label, owner, &fields))
}

/// What has become of a login, for the browser that waits for it.
fn show_login(context: &Context, to: &AccountId, login: &PendingLogin) -> Response {
    let step = Step { payment: login.payment.clone(), to: to.clone(), card: None };
    match login.state {
        LoginState::Ended => Said::Ended.page(),
        LoginState::Pending | LoginState::Approved if login.expires_at <= now() => Said::Ended.page(),
        LoginState::Pending if !login.is_ripe(now()) => waiting(login, now()),
        _ => sealed(context, &step).map_or_else(|| Said::Thanks.page(), |fields| switch(&fields)),
    }
}

#[derive(Deserialize)]
struct Press {
    step: String,
    until: Millis,
    seal: String,
    answer: String,
}

async fn carry_out(request: Request) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let context = Context::from(&parts)?;
    context.mark_personal();
    let form = Form::<Press>::from_request(Request::from_parts(parts, body), &()).await;
    let (Ok(Form(press)), Some(token)) = (form, context.cookie_token()) else { return Ok(Said::Unreadable.page()) };
    // The seal is for this cookie: no other site can make one, and no other browser use it.
    if !context.is_sealed(&format!("{PURPOSE} {}", press.step), press.until, &press.seal) {
        return Ok(Said::Unreadable.page());
    }
    let step = hex::decode(&press.step).ok().and_then(|json| serde_json::from_slice::<Step>(&json).ok());
    match (press.answer.as_str(), step) {
        ("keep", Some(_)) => Ok(back(&context.deployment)),
        ("use", Some(step)) => begin(&context, token, step).await,
        ("switch", Some(step)) => take(&context, token, step).await,
        _ => Ok(Said::Unreadable.page()),
    }
}

/// Begins a login in the account that the card opens. The shard knows of it first, then the account that was paid, then the
/// other one: whoever is contested in between is contested for all.
async fn begin(context: &Context, token: &Token, step: Step) -> Result<Response, Response> {
    let deployment = &context.deployment;
    let stubs = &deployment.stubs;
    let Step { payment, to, card: Some((card, claim)) } = step else { return Ok(Said::Unreadable.page()) };
    let wait = deployment.config.login_wait_s * 1_000;
    let until = now() + wait + TAKE_MS;
    let begins = BeginAt { session: payment.clone(), to: to.clone(), until };
    if !stubs.as_system(&Shard::of(&payment)).send(begins).await? {
        return Ok(Said::Ended.page());
    }
    match stubs.as_caller(token).send(HeadFor { payment: payment.clone(), to: to.clone() }).await {
        Ok(true) => {}
        Ok(false) | Err(ObjectError::Denied(_) | ObjectError::Unregistered) => return Ok(Said::Ended.page()),
        Err(error) => return Err(error.into()),
    }
    let request = LoginRequest { payment, from: token.account().clone(), card, claim, wait };
    match stubs.as_system(&to).send(BeginLogin { request }).await {
        Ok(Ok(login)) => Ok(show_login(context, &to, &login)),
        Ok(Err(NotBegun::TooManyLogins)) => Ok(Said::TooManyLogins.page()),
        Ok(Err(NotBegun::NoLogin)) | Err(ObjectError::Unregistered) => Ok(Said::Ended.page()),
        Err(error) => Err(error.into()),
    }
}

/// Takes a login whose time has come: the shard is asked, the other account makes the token in one transaction, and only
/// then the payment moves.
async fn take(context: &Context, token: &Token, step: Step) -> Result<Response, Response> {
    let stubs = &context.deployment.stubs;
    let Step { payment, to, .. } = step;
    // Whose token was ended meanwhile waits for nothing any more.
    match stubs.as_caller(token).send(CameHome { payment: payment.clone() }).await {
        Ok(_) => {}
        Err(ObjectError::Denied(_) | ObjectError::Unregistered) => return Ok(Said::Ended.page()),
        Err(error) => return Err(error.into()),
    }
    if !stubs.as_system(&Shard::of(&payment)).send(MayTake { session: payment.clone() }).await? {
        return Ok(Said::Ended.page());
    }
    let fresh = Token::further(to.clone());
    let new = NewToken {
        id: TokenId::generate(),
        hash: fresh.proof(context.deployment.version).hash,
        label: "login by card".to_owned(),
        manage: true,
        login: true,
        caps: Caps::default(),
        expires_at: None,
    };
    match stubs.as_system(&to).send(TakeLogin { payment: payment.clone(), token: new }).await {
        Ok(Taken::Token) => {}
        Ok(Taken::NotYet) => {
            let login = stubs.as_system(&to).send(ReadLogin { payment }).await?;
            return Ok(login.map_or_else(|| Said::Ended.page(), |login| show_login(context, &to, &login)));
        }
        Ok(Taken::Used) => return Ok(Said::Used.page()),
        Ok(Taken::TooManyTokens) => return Ok(Said::TooManyTokens.page()),
        Ok(Taken::Ended) | Err(ObjectError::Unregistered) => return Ok(Said::Ended.page()),
        Err(error) => return Err(error.into()),
    }
    stubs.as_system(token.account()).send(MovePayment { payment }).await?;
    context.replace_cookie(fresh);
    Ok(switched(&token.expose(), &context.deployment.config.return_to))
}

/// To where the deployment wants its visitors after they paid.
fn back(deployment: &Deployment) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, header(&deployment.config.return_to))]).into_response()
}
