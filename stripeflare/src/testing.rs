//! Tests of an application without workerd: the same routes, the same wallet, on SQLite in memory.
//!
//! Turn on the feature `testing` for tests alone:
//!
//! ```toml
//! [dev-dependencies]
//! stripeflare = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```
//! use stripeflare::prelude::*;
//! use stripeflare::testing::TestApp;
//!
//! #[post("/reverse")]
//! #[priced(cents = 1)]
//! async fn reverse(text: String) -> Result<String> {
//!     if text.is_empty() {
//!         return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "There is nothing to reverse."));
//!     }
//!     Ok(text.chars().rev().collect())
//! }
//!
//! fn app() -> App {
//!     App::new().routes(routes![reverse])
//! }
//!
//! let app = TestApp::new(app());
//! let customer = app.account().with_balance(cents!(2));
//!
//! let reversed = app.post("/reverse").by(&customer).body("stressed").send();
//! assert_eq!((reversed.status(), reversed.text(), reversed.charged()), (StatusCode::OK, "desserts", cents!(1)));
//!
//! let refused = app.post("/reverse").by(&customer).body("").send();
//! assert_eq!((refused.status(), refused.charged()), (StatusCode::UNPROCESSABLE_ENTITY, cents!(0)));
//! assert_eq!(customer.balance(), cents!(1));
//! ```
//!
//! A request is answered to its end: its body is read, its price is settled, and what it left to run has run. Tests are ordinary
//! functions, not `async` ones. They run in parallel; each [`TestApp`] has its own customers.
//!
//! Time stands still unless something waits, and [`TestApp::advance`] lets it pass. What happens a moment later on Cloudflare, such as the
//! mirror that [`Users::find`](crate::Users::find) reads, happens then.
//!
//! Cloudflare and Stripe are not here. A handler that asks an `Env` for a binding, calls `fetch` or writes to the console ends the run
//! with a message that names the request: try such a handler with `cargo stripeflare dev`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io::{Write, stderr};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use futures_util::FutureExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stripeflare_core::account::{AccountRow, Credit};
use stripeflare_core::clock;
use stripeflare_core::identity::{AccountId, Token, random};
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::Command;
use stripeflare_core::protocol::account::Read;
use stripeflare_core::schema::{ColumnReader, Schema, StripeUser, Tables};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::Instant;
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use crate::deployment::{Deployment, run_as};
use crate::http::app::{App, Built};
use crate::http::entry;
use crate::js::Host;
use crate::js::requests::Stalled;
use crate::js::runtime::{Surroundings, enter};
use crate::object::rpc::Objects;

/// Objects and accounts are made by it, whatever `#[stripeflare::main]` says.
const VERSION: &str = "1";
const AUTHORITY: &str = "api.example";

/// The variables that a worker has to have; a secret of Stripe's that opens nothing.
const DEFAULTS: &[(&str, &str)] = &[
    ("STRIPE_SECRET", "sk_test_of_tests"),
    ("STRIPE_PUBLISHABLE_KEY", "pk_test_of_tests"),
    ("STRIPE_WEBHOOK_SIGNING_SECRET", "whsec_of_tests_that_sign_nothing"),
    ("STRIPE_PAYMENT_LINK", "https://buy.stripe.com/test_of_tests"),
    ("STRIPE_PAYMENT_LINK_ID", "plink_of_tests"),
    ("DB_SECRET", "of tests: 0123456789abcdefghijklmnopqrstuvwxyz"),
];

thread_local! {
    /// What this thread is about, where that is an application's.
    static ABOUT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// An application with its customers, in a test.
pub struct TestApp {
    runtime: Runtime,
    built: Built,
    surroundings: Rc<Surroundings>,
    objects: Rc<Objects>,
    tables: Tables,
}

impl TestApp {
    /// The application that your function under `#[stripeflare::main]` returns.
    #[must_use]
    pub fn new<U: StripeUser>(app: App<U>) -> Self {
        Self::with_variables(app, &[])
    }

    /// The same, with variables of the worker set, such as `("STRIPE_CURRENCY", "eur")`.
    ///
    /// # Panics
    /// When the operating system has no room for it.
    #[must_use]
    pub fn with_variables<U: StripeUser>(app: App<U>, variables: &[(&str, &str)]) -> Self {
        name_calls_to_javascript();
        let variables = DEFAULTS.iter().chain(variables).map(|(name, value)| ((*name).into(), (*value).into()));
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let begun = (clock::system(), runtime.block_on(async { Instant::now() }));
        let schema = Schema::of::<U>().with(app.tables);
        Self {
            built: Built::of(app.of_any_user(), U::NAME, schema),
            surroundings: Rc::new(Surroundings { variables: variables.collect(), begun }),
            tables: schema.tables,
            objects: Rc::new(Objects::new(VERSION, schema, env())),
            runtime,
        }
    }

    /// A customer who has not paid yet.
    #[must_use]
    pub fn account(&self) -> TestAccount<'_> {
        TestAccount { app: self, token: Token::generate(VERSION) }
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::POST, path)
    }

    /// A `PUT` request.
    pub fn put(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::PUT, path)
    }

    /// A `PATCH` request.
    pub fn patch(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: &str) -> TestRequest<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request of any method.
    ///
    /// # Panics
    /// When the path is none: it begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> TestRequest<'_> {
        assert!(path.starts_with('/'), "a path begins with a slash: {path}");
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = format!("https://{AUTHORITY}{path}").parse().expect("a path and a query");
        request.headers_mut().insert(HOST, HeaderValue::from_static(AUTHORITY));
        TestRequest { app: self, request, by: None }
    }

    /// Runs what has no request, such as the function of a cron job, with the environment that it takes.
    pub fn run<F: Future>(&self, job: impl FnOnce(Env) -> F) -> F::Output {
        self.block_on("a job", async { job(env()).await })
    }

    /// Lets time pass, and does meanwhile what is due.
    pub fn advance(&self, time: Duration) {
        self.block_on("what is due", self.objects.pass(time));
    }

    /// Runs to the end, and all that it leaves to run.
    fn block_on<T>(&self, about: &str, future: impl Future<Output = T>) -> T {
        enter(&self.surroundings);
        self.objects.enter();
        run_as(VERSION, self.tables);
        ABOUT.set(Some(about.to_owned()));
        let local = LocalSet::new();
        let answer = local.block_on(&self.runtime, future);
        // Timers ring as soon as nothing else is left to do, so this waits for no time.
        self.runtime.block_on(local);
        ABOUT.set(None);
        answer
    }

    /// Our own command to an account, on behalf of the test.
    fn ask<C: Command<To = AccountId>>(&self, account: &AccountId, command: C) -> C::Reply {
        let asked = self.block_on("the test", async {
            let deployment = Deployment::new(&env(), VERSION).map_err(|problem| problem.to_string())?;
            deployment.stubs.as_system(account).send(command).await.map_err(|error| error.to_string())
        });
        asked.unwrap_or_else(|problem| panic!("{problem}"))
    }

    async fn answer(&self, request: Request) -> (StatusCode, HeaderMap, String) {
        let response = entry::answer(&self.built, VERSION, &env(), Host, request, &Stalled::default()).await;
        let (parts, body) = response.into_parts();
        let body = match to_bytes(body, usize::MAX).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("the answer broke off: {error}"),
        };
        (parts.status, parts.headers, body)
    }
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").finish_non_exhaustive()
    }
}

/// An environment without anything in it: `Env` is a JavaScript value, and here is no JavaScript.
fn env() -> Env {
    JsValue::UNDEFINED.unchecked_into()
}

/// What calls JavaScript natively panics where no panic may pass. The process would be aborted with the backtrace of another crate.
fn name_calls_to_javascript() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_javascript = panic.payload_as_str().is_some_and(|text| text.contains("non-wasm"));
            let Some(about) = ABOUT.with_borrow(Clone::clone).filter(|_| is_javascript) else { return before(panic) };
            let message = format!(
                "\nerror: {about} asked Cloudflare for something (a binding of an Env, fetch, the console, …), and a TestApp \
                 has no workerd: try it with `cargo stripeflare dev`\n"
            );
            // Not by `eprintln!`, which goes to the end of a test that has none.
            let _ = stderr().write_all(message.as_bytes());
            std::process::exit(101);
        }));
    });
}

/// Somebody with an access token.
pub struct TestAccount<'a> {
    app: &'a TestApp,
    token: Token,
}

impl TestAccount<'_> {
    /// Pays so much into the account, as a customer does through Stripe.
    ///
    /// # Panics
    /// When the amount is not more than nothing.
    #[must_use]
    pub fn with_balance(self, amount: Cents) -> Self {
        self.pay(amount);
        self
    }

    /// Pays so much into the account.
    ///
    /// # Panics
    /// When the amount is not more than nothing.
    pub fn pay(&self, amount: Cents) {
        assert!(amount.is_positive(), "a payment is of more than nothing: {amount}");
        let key = hex::encode(random::<16>());
        let credit = Credit {
            account: self.id().clone(),
            key: format!("test:{key}"),
            amount,
            paid: None,
            payment_intent: Some(format!("pi_{key}")),
            payer: Default::default(),
        };
        self.app.ask(self.id(), credit);
    }

    /// Its access token, which manages the account.
    #[must_use]
    pub fn token(&self) -> String {
        self.token.expose()
    }

    /// Its id, which `charge_user` takes.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        self.token.account()
    }

    /// The sum of its ledger.
    #[must_use]
    pub fn balance(&self) -> Cents {
        self.row().balance
    }

    /// Your columns.
    ///
    /// # Panics
    /// When `U` is not the type of the application's columns.
    #[must_use]
    pub fn columns<U: StripeUser>(&self) -> U {
        let row = self.row();
        assert_eq!(row.layout, Schema::of::<U>().layout(), "these are not the columns of this application's `App<…>`");
        U::read(&mut ColumnReader::new(&row.columns)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn row(&self) -> AccountRow {
        self.app.ask(self.id(), Read { account: self.id().clone() })
    }
}

impl fmt::Debug for TestAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestAccount").field(self.id()).finish()
    }
}

/// A request that was not sent yet.
#[must_use = "it is sent by `send`"]
pub struct TestRequest<'a> {
    app: &'a TestApp,
    request: Request,
    by: Option<&'a TestAccount<'a>>,
}

impl<'a> TestRequest<'a> {
    /// With the access token of this customer.
    pub fn by(mut self, account: &'a TestAccount<'a>) -> Self {
        self.by = Some(account);
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {}", account.token.expose()))
    }

    /// With one more header.
    ///
    /// # Panics
    /// When it cannot be a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let value = HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.request.headers_mut().append(name, value);
        self
    }

    /// With a body as it is.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Body::from(body.into());
        self
    }

    /// With a body of JSON.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("{error}"));
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body)
    }

    /// Sends it, and waits for the end of the answer and of all that it left to run.
    #[must_use]
    pub fn send(self) -> TestResponse {
        let Self { app, request, by } = self;
        let balance = || by.map_or(Cents::ZERO, TestAccount::balance);
        let (before, about) = (balance(), format!("{} {}", request.method(), request.uri().path()));
        let answered = app.block_on(&about, AssertUnwindSafe(app.answer(request)).catch_unwind());
        let (status, headers, body) = answered.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), format!("the handler panicked: {text}"))
        });
        TestResponse { status, headers, body, charged: before - balance() }
    }
}

impl fmt::Debug for TestRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestRequest").field(self.request.method()).field(self.request.uri()).finish()
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    charged: Cents,
}

impl TestResponse {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.body
    }

    /// The body read as JSON.
    ///
    /// # Panics
    /// When it is not this type's.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// How much less the balance of the account that sent the request is than before it.
    #[must_use]
    pub fn charged(&self) -> Cents {
        self.charged
    }
}
