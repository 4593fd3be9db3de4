use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::rc::Rc;

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::response::Response;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use stripeflare_core::account::{AccountRow, Denied, TAKE_MS};
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::identity::{AccountId, PayingSecret, Token};
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::Command;
use stripeflare_core::protocol::account::Read;
use stripeflare_core::schema::Schema;
use worker::send::SendWrapper;

use crate::deployment::Deployment;
use crate::http::call::credentials::{Caller, Foreign, Manner, cookies};
use crate::http::call::idempotency::CallIdentity;
use crate::http::call::inside::Inside;
use crate::http::call::meter::Meter;
use crate::http::call::slot::Slot;
use crate::http::reply::answer::Answer;
use crate::http::reply::refusals::{denied, foreign_credentials};
use crate::js::{Departure, Host};
use crate::object::ObjectError;

/// How long a sealed form may be sent.
const FORM_MS: Millis = 60 * 60 * 1_000;

fn paying_cookie_name(access_token: &str) -> String {
    access_token.replace("access_token", "paying")
}

/// What the parts of one request share: it travels in the request's extensions.
#[derive(Clone)]
pub(crate) struct Context(SendWrapper<Rc<Inner>>);

/// The application's type of columns.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    /// Its name.
    pub(crate) user: &'static str,
    pub(crate) schema: Schema,
}

pub(crate) struct Inner {
    pub(crate) deployment: Deployment,
    host: Host,
    caller: Caller,
    /// Of a browser that left to pay.
    paying: Option<PayingSecret>,
    /// What it is to keep of that from now on.
    keeps: OnceCell<PayingSecret>,
    foreign: Option<Foreign>,
    /// The account says that the cookie opens it no more.
    disowned: Cell<bool>,
    pub(crate) manner: Manner,
    /// It asks for the headers alone.
    head: bool,
    visitor: OnceCell<Token>,
    /// Takes the cookie's place.
    fresh: OnceCell<Token>,
    /// The browser is to forget its cookies.
    dropped: Cell<bool>,
    /// Name and further attributes.
    cookie_kind: (&'static str, &'static str),
    cookie: Cell<bool>,
    personal: Cell<bool>,
    pub(crate) slot: Slot,
    pub(crate) call: CallIdentity,
    pub(crate) inside: Inside,
    /// The route's path, with the names of its parameters, once a route was found.
    matched: OnceCell<MatchedPath>,
    /// What the handler was shown of the caller's account.
    pub(super) shown: Cell<Option<Cents>>,
    pub(super) columns: Columns,
}

impl std::ops::Deref for Context {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Context {
    pub(crate) fn new(deployment: Deployment, columns: Columns, host: Host, request: &Request) -> Self {
        let (headers, cookie_kind) = (request.headers(), deployment.config.cookie(request.uri()));
        let caller = Caller::of(headers, cookie_kind.0);
        let paying = cookies(headers, &paying_cookie_name(cookie_kind.0)).next().and_then(PayingSecret::parse);
        Self(SendWrapper(Rc::new(Inner {
            deployment,
            host,
            caller,
            paying,
            keeps: OnceCell::new(),
            foreign: Foreign::of(headers, request.uri()),
            disowned: Cell::new(false),
            manner: Manner::of(request.method(), headers),
            head: request.method() == Method::HEAD,
            visitor: OnceCell::new(),
            fresh: OnceCell::new(),
            dropped: Cell::new(false),
            cookie_kind,
            cookie: Cell::new(false),
            personal: Cell::new(false),
            slot: Slot::default(),
            call: CallIdentity::of(request),
            inside: Inside::default(),
            matched: OnceCell::new(),
            shown: Cell::new(None),
            columns,
        })))
    }

    /// # Errors
    /// Outside of `#[stripeflare::main]`, nothing was put there.
    pub(crate) fn from(parts: &Parts) -> Result<Self, Response> {
        Self::among(&parts.extensions)
    }

    /// # Errors
    /// As [`Context::from`].
    pub(crate) fn among(extensions: &http::Extensions) -> Result<Self, Response> {
        extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Answer::internal("a handler that charges, or asks for an account, ran outside of #[stripeflare::main]; of a priced `name` a test calls \
                     `name::uncharged(…)`").into())
    }
}

impl Inner {
    /// Remembers which route was found.
    pub(crate) fn matched(&self, extensions: &http::Extensions) {
        if let Some(path) = extensions.get::<MatchedPath>() {
            let _ = self.matched.set(path.clone());
        }
    }

    /// What the statement says a charge was for.
    pub(crate) fn label(&self, label: Option<&str>) -> String {
        let route = || format!("{} {}", self.call.method(), self.matched.get().map_or("*", MatchedPath::as_str));
        label.map_or_else(route, str::to_owned)
    }

    /// The token that came, `None` for a visitor.
    ///
    /// # Errors
    /// The answer to a credential that opens nothing.
    pub(crate) fn token(&self) -> Result<Option<(&Token, bool)>, Response> {
        match (self.foreign, &self.caller) {
            (Some(Foreign::Other), _) | (Some(Foreign::Basic), Caller::Visitor) => return Err(foreign_credentials()),
            _ => {}
        }
        match &self.caller {
            Caller::Known { .. } if self.disowned.get() => Ok(None),
            Caller::Known { token, by_cookie } => Ok(Some((token, *by_cookie))),
            Caller::Visitor => Ok(None),
            Caller::StaleCookie if self.manner.navigation => Ok(None),
            Caller::StaleCookie | Caller::WrongToken => Err(denied(Denied::Wrong)),
            Caller::TwoCookies => Err(Answer::new(
                StatusCode::BAD_REQUEST,
                "two_cookies",
                "Two access token cookies came with this request. Delete this site's cookies and try again.",
            )
            .into()),
        }
    }

    /// The token that came, for a call that spends or changes something.
    ///
    /// # Errors
    /// As [`Inner::token`], and when a cookie came along with what another site may have caused.
    pub(crate) fn spending_token(&self) -> Result<Option<&Token>, Response> {
        match self.token()? {
            Some((_, true)) if self.manner.unasked => Err(Answer::new(
                StatusCode::FORBIDDEN,
                "cross_site",
                "A cookie pays only for calls from this site's own pages. Send the token as Authorization: Bearer.",
            )
            .into()),
            known => Ok(known.map(|(token, _)| token)),
        }
    }

    /// The token that came, for a call that costs something.
    ///
    /// # Errors
    /// As [`Inner::spending_token`], and when credentials came beside a cookie.
    pub(crate) fn paying_token(&self) -> Result<Option<&Token>, Response> {
        if self.foreign.is_some() {
            return Err(foreign_credentials());
        }
        self.spending_token()
    }

    /// Asks the account of the token that came, on its behalf.
    ///
    /// `None`: nobody has paid into it, or the cookie opens it no more, and the caller is a visitor from here on.
    ///
    /// # Errors
    /// The answer to a token that does not do, or when the account could not be asked.
    pub(crate) async fn ask<C>(&self, token: &Token, command: C) -> Result<Option<C::Reply>, Response>
    where
        C: Command<To = AccountId>,
    {
        match self.ask_raw(token, command).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) => self.not_done(error).map(|()| None),
        }
    }

    /// The same, for callers to whom it says something why there is no reply.
    pub(crate) async fn ask_raw<C>(&self, token: &Token, command: C) -> Result<C::Reply, ObjectError>
    where
        C: Command<To = AccountId>,
    {
        self.deployment.stubs.as_caller(token).send_with_endings(command).await
    }

    /// # Errors
    /// As [`Inner::ask`].
    pub(crate) fn not_done(&self, error: ObjectError) -> Result<(), Response> {
        match error {
            ObjectError::Unregistered => Ok(()),
            ObjectError::Denied(why) => self.deny(why),
            error => Err(error.into()),
        }
    }

    /// The account says that the token does not do: a person with an old cookie becomes a visitor.
    ///
    /// # Errors
    /// The answer to anybody else.
    pub(crate) fn deny(&self, why: Denied) -> Result<(), Response> {
        let by_cookie = matches!(self.caller, Caller::Known { by_cookie: true, .. });
        if why == Denied::Rights || !by_cookie || !self.manner.navigation {
            return Err(denied(why));
        }
        self.disowned.set(true);
        Ok(())
    }

    /// The row of the caller's account; a visitor's has the defaults.
    ///
    /// # Errors
    /// As [`Inner::ask`].
    pub(crate) async fn row(&self, schema: &Schema) -> Result<AccountRow, Response> {
        if let Some((token, _)) = self.token()? {
            let account = token.account().clone();
            if let Some(row) = self.ask(token, Read { account }).await? {
                return Ok(row);
            }
        }
        Ok(AccountRow::unregistered(self.account()?, schema))
    }

    /// # Errors
    /// The answer to a `HEAD` of what costs something.
    pub(crate) fn refuse_head(&self) -> Result<(), Response> {
        if !self.head {
            return Ok(());
        }
        let answer =
            Answer::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "What costs something answers no HEAD.");
        let mut response = Response::from(answer);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        Err(response)
    }

    /// The token this visitor gets, made when first asked for.
    pub(crate) fn visitor(&self) -> &Token {
        self.visitor.get_or_init(|| Token::generate(self.deployment.version))
    }

    /// The account of the token that came, or the one this visitor would get.
    pub(crate) fn account(&self) -> Result<AccountId, Response> {
        Ok(self.token()?.map_or_else(|| self.visitor(), |(token, _)| token).account().clone())
    }

    /// The response is to carry a visitor's cookie.
    pub(crate) fn give_cookie(&self) {
        self.cookie.set(true);
    }

    /// The response is to carry this token as the browser's cookie.
    pub(crate) fn replace_cookie(&self, token: Token) {
        // Of several the first: no request logs in twice.
        let _ = self.fresh.set(token);
    }

    /// The browser is to forget its cookies: the next person there has not left to pay either.
    pub(crate) fn drop_cookies(&self) {
        self.dropped.set(true);
    }

    /// Whether a cookie, and no bearer token, says who calls.
    pub(crate) fn is_by_cookie(&self) -> bool {
        matches!(self.caller, Caller::Known { by_cookie: true, .. })
    }

    /// The response shows something of one account.
    pub(crate) fn mark_personal(&self) {
        self.personal.set(true);
    }

    pub(crate) fn is_personal(&self) -> bool {
        self.personal.get()
    }

    /// Each `Set-Cookie` of this response: for a visitor who is to have a token, or whose token was replaced; or whatever came is
    /// to go.
    pub(crate) fn set_cookies(&self) -> Vec<String> {
        if !self.dropped.get() {
            return self
                .set_token()
                .into_iter()
                .chain(self.keeps.get().map(|secret| self.paying_cookie(secret)))
                .collect();
        }
        let (name, secure) = self.cookie_kind;
        let token = self.is_by_cookie().then(|| name.to_owned());
        let paying = self.paying.as_ref().map(|_| paying_cookie_name(name));
        let drop = |name| format!("{name}=; HttpOnly{secure}; SameSite=Lax; Path=/; Max-Age=0");
        token.into_iter().chain(paying).map(drop).collect()
    }

    fn set_token(&self) -> Option<String> {
        const DAYS: u32 = 400;
        let (name, secure) = self.cookie_kind;
        let newcomer = matches!(self.token(), Ok(None));
        // Whoever came without a cookie because the browser kept it back still has it, and is to keep it.
        let due = newcomer && self.manner.brings_cookies && (self.cookie.get() || self.manner.navigation);
        let token = self.fresh.get().or_else(|| due.then(|| self.visitor()))?;
        Some(format!("{name}={}; HttpOnly{secure}; SameSite=Lax; Path=/; Max-Age={}", token.expose(), DAYS * 86_400))
    }

    /// The mark of this browser, if it left to pay not long ago.
    pub(crate) fn mark(&self) -> Option<String> {
        self.paying.as_ref().map(PayingSecret::mark)
    }

    /// The mark under which this browser leaves to pay, by a secret that it keeps; `None` for a request that may have come
    /// without the cookies that the browser has.
    pub(crate) fn leaves_to_pay(&self) -> Option<String> {
        let secret = || self.paying.clone().unwrap_or_else(PayingSecret::generate);
        self.manner.brings_cookies.then(|| self.keeps.get_or_init(secret).mark())
    }

    /// The browser keeps its secret for another while.
    pub(crate) fn keep_mark(&self) {
        if let Some(secret) = &self.paying {
            let _ = self.keeps.set(secret.clone());
        }
    }

    /// As long as a login that begins soon may be taken: without its secret the browser would be another one, and contest it.
    fn paying_cookie(&self, secret: &PayingSecret) -> String {
        const AFTER_S: i64 = TAKE_MS / 1_000 + 3 * 3_600;
        let seconds = self.deployment.config.login_wait_s + AFTER_S;
        let (name, secure) = (paying_cookie_name(self.cookie_kind.0), self.cookie_kind.1);
        format!("{name}={}; HttpOnly{secure}; SameSite=Lax; Path=/; Max-Age={seconds}", secret.expose())
    }

    /// The seal of a form of ours for the token of this browser's cookie, and until when it is good, in milliseconds since
    /// 1970. Only the answer to a person's navigation gets one, so that no script finds one in a page that it fetched.
    pub(crate) fn seal_form(&self, purpose: &str) -> Option<(Millis, String)> {
        let token = self.cookie_token().filter(|_| self.manner.navigation)?;
        let until = now() + FORM_MS;
        Some((until, self.deployment.config.seals.seal(&format!("{purpose} {until}"), &self.hash(token))))
    }

    /// Whether a form has its seal, and the cookie with which it was given out.
    pub(crate) fn is_sealed(&self, purpose: &str, until: Millis, seal: &str) -> bool {
        let text = format!("{purpose} {until}");
        now() < until
            && self
                .cookie_token()
                .is_some_and(|token| self.deployment.config.seals.fits(&text, &self.hash(token), seal))
    }

    /// The token of the cookie that came; a bearer token is no browser's.
    pub(crate) fn cookie_token(&self) -> Option<&Token> {
        match &self.caller {
            Caller::Known { token, by_cookie: true } => Some(token),
            _ => None,
        }
    }

    fn hash(&self, token: &Token) -> String {
        token.proof(self.deployment.version).hash
    }

    /// What the runtime says of where the request came from.
    pub(super) fn cf(&self) -> Option<worker::Cf> {
        self.host.cf()
    }

    /// Tells when the client has left before the answer was sent to its end.
    pub(crate) fn departure(&self, left: impl Fn() + 'static) -> Departure {
        self.host.departure(left)
    }

    /// Lets a future run on after the response has left.
    pub(crate) fn wait_until(&self, future: impl Future<Output = ()> + 'static) {
        self.host.wait_until(future);
    }
}

impl<S: Sync> FromRequestParts<S> for Meter {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let meter = Context::from(parts)?.slot.meter();
        meter.ok_or_else(|| {
            let path = parts.uri.path();
            Answer::internal(format!("{path} takes a Meter and has no `#[priced(max_cents = …)]`")).into()
        })
    }
}
