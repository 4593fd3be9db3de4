//! A worker on workerd, the Stripe stand-in beside it, and a client.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use cargo_stripeflare::build::{self, Options};
use cargo_stripeflare::stripe::{PayRequest, StandIn, StandInOptions};
use cargo_stripeflare::workerd::{Script, Workerd, WorkerdOptions};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::runtimes::Runtime;

/// No request may take longer, whatever happens to it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The operator's password, and what references are signed with.
pub const DB_SECRET: &str = "a secret that only these tests ever use";

/// Builds a worker of this repository, once per process, and answers its `build` folder.
///
/// With the variable `STRIPEFLARE_DEV_BUILD` it is built quickly instead of as it is deployed, and so are always those that
/// differ in their columns alone.
///
/// # Errors
/// When it does not compile, or the tools cannot be installed.
pub fn built(worker: &str) -> Result<PathBuf> {
    static BUILT: OnceLock<std::sync::Mutex<BTreeMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Default::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(dir) = built.get(worker) {
        return Ok(dir.clone());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in the repository")?;
    let release = std::env::var_os("STRIPEFLARE_DEV_BUILD").is_none() && !worker.starts_with("tests/columns");
    let options = Options { quiet: true, release, wasm_opt: release, ..Options::release(root.join(worker)) };
    let dir = build::build(&options)?.dir;
    built.insert(worker.to_owned(), dir.clone());
    Ok(dir)
}

/// A running worker, its Stripe and its disk; all ends with it.
pub struct World {
    /// The runtime.
    pub workerd: Workerd,
    /// Stripe.
    pub stripe: StandIn,
    client: Client,
    disk: TempDir,
    /// The variables that it began with.
    usual: BTreeMap<String, String>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// A header's value, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
    }

    /// The whole `Set-Cookie` of a cookie, empty when it is not there.
    #[must_use]
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let mut ours = cookies.filter(|cookie| cookie.split_once('=').is_some_and(|(known, _)| known == name));
        ours.next().unwrap_or_default().to_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The access token.
    pub token: String,
    /// What a payment carries.
    pub reference: String,
}

impl Customer {
    /// The account's id.
    #[must_use]
    pub fn account(&self) -> &str {
        self.token.split('.').next().unwrap_or_default()
    }
}

fn changed(vars: &BTreeMap<String, String>, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut vars = vars.clone();
    vars.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    vars.retain(|_, value| !value.is_empty());
    vars
}

fn client() -> Result<Client> {
    // A connection of its own for each request: on a busy machine, one that was kept is closed while it is used again.
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0);
    Ok(client.no_proxy().timeout(DEADLINE).build()?)
}

impl World {
    /// Starts the worker of the tests.
    ///
    /// # Errors
    /// When anything cannot be built or started.
    pub async fn start() -> Result<Self> {
        Self::with(StandInOptions::default(), &[]).await
    }

    /// Starts it with a Stripe of your own choice and further variables; an empty one is removed.
    ///
    /// # Errors
    /// When anything cannot be built or started.
    pub async fn with(stripe: StandInOptions, vars: &[(&str, &str)]) -> Result<Self> {
        Self::of("tests/worker", stripe, vars).await
    }

    /// Starts any worker of this repository, with its pages. Where the payer goes afterwards may be a path of it.
    ///
    /// # Errors
    /// When anything cannot be built or started.
    pub async fn of(worker: &'static str, stripe: StandInOptions, vars: &[(&str, &str)]) -> Result<Self> {
        Self::set_up(worker, stripe, vars, |_| Ok(())).await
    }

    /// Starts the worker of the tests on a release of the runtime.
    ///
    /// # Errors
    /// When anything cannot be built, installed or started.
    pub async fn on(runtime: Runtime, flags: &[&str]) -> Result<Self> {
        let set = |options: &mut WorkerdOptions| {
            options.compatibility_flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
            options.program = runtime.program()?;
            Ok(())
        };
        Self::set_up("tests/worker", StandInOptions::default(), &[], set).await
    }

    /// The same, with options of workerd set by yourself.
    ///
    /// # Errors
    /// When anything cannot be built or started.
    pub async fn set_up(
        worker: &'static str,
        mut stripe: StandInOptions,
        vars: &[(&str, &str)],
        set: impl FnOnce(&mut WorkerdOptions) -> Result<()>,
    ) -> Result<Self> {
        let dir = tokio::task::spawn_blocking(move || built(worker)).await??;
        let disk = tempfile::tempdir()?;
        let mut port = None;
        if let Some(path) = stripe.after_payment.take_if(|url| url.starts_with('/')) {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            stripe.after_payment = Some(format!("http://localhost:{free}{path}"));
            port = Some(free);
        }
        let stripe = StandIn::start(stripe).await?;
        let pages = dir.with_file_name("public");
        let mut options = WorkerdOptions::new(Script::Built(dir), disk.path());
        options.pages = Some(pages).filter(|pages| pages.is_dir());
        options.port = port;
        options.vars = stripe.vars();
        options.vars.remove("SKIP_LOGIN");
        options.vars.insert("DB_SECRET".into(), DB_SECRET.into());
        options.vars = changed(&options.vars, vars);
        set(&mut options)?;
        let usual = options.vars.clone();
        let workerd = Workerd::start(options).await?;
        stripe.set_webhook_url(&format!("{}/stripe-webhook", workerd.url()));
        Ok(Self { workerd, stripe, client: client()?, disk, usual })
    }

    /// Deploys another worker of this repository on the same disk: the one that ran is killed, whatever it was doing.
    ///
    /// # Errors
    /// When it cannot be built or started.
    pub async fn deploy(&mut self, worker: &'static str) -> Result<()> {
        let dir = tokio::task::spawn_blocking(move || built(worker)).await??;
        self.workerd.options_mut().script = Script::Built(dir);
        self.workerd.restart().await
    }

    /// Deploys the worker again with changes to its usual variables; an empty one is removed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn deploy_with(&mut self, vars: &[(&str, &str)]) -> Result<()> {
        self.workerd.options_mut().vars = changed(&self.usual, vars);
        self.workerd.restart().await
    }

    /// Goes on with new connections: the runtime hangs up on those that carried garbage, some time after its answer.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn reconnect(&mut self) -> Result<()> {
        self.client = client()?;
        Ok(())
    }

    /// Where the objects' files and the log lie.
    #[must_use]
    pub fn disk(&self) -> &Path {
        self.disk.path()
    }

    /// The client that all requests go through: it outlives a crash of the worker, and so may tasks that hold it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where a browser goes: it keeps cookies of this name as it does those of HTTPS.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.workerd.port())
    }

    /// A request to the worker.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.workerd.url()))
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When it is not answered within [`DEADLINE`].
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let answer = request.send().await;
        let response = answer.unwrap_or_else(|error| panic!("no answer: {error:?}\n{}", self.workerd.log()));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("a whole answer");
        Reply { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// `GET` without any credentials.
    pub async fn visit(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET` with a bearer token.
    pub async fn get(&self, customer: &Customer, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).bearer_auth(&customer.token)).await
    }

    /// `POST` with a bearer token.
    pub async fn post(&self, customer: &Customer, path: &str, body: impl Into<String>) -> Reply {
        let request = self.request(Method::POST, path).bearer_auth(&customer.token);
        self.send(request.header("content-type", "application/json").body(body.into())).await
    }

    /// Somebody new, as a program becomes one: by the token in a 402.
    pub async fn newcomer(&self) -> Customer {
        let answer = self.visit("/ok").await.json();
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let reference =
            text("paymentLink").split_once("client_reference_id=").map(|(_, reference)| reference.to_owned());
        Customer { token: text("access_token"), reference: reference.unwrap_or_default() }
    }

    /// Pays on the payment page and waits for the webhook.
    ///
    /// # Errors
    /// When Stripe refuses, or the webhook is not accepted.
    pub async fn pay(&self, customer: &Customer, cents: i64) -> Result<Value> {
        let session = self.stripe.pay(&PayRequest::new(cents, &customer.reference)).await?;
        self.stripe.wait_idle(DEADLINE).await?;
        Ok(session)
    }

    /// Somebody new with so many cents.
    ///
    /// # Errors
    /// As [`World::pay`].
    pub async fn customer(&self, cents: i64) -> Result<Customer> {
        let customer = self.newcomer().await;
        self.pay(&customer, cents).await?;
        Ok(customer)
    }

    /// The balance that `/me` tells, in cents.
    pub async fn balance(&self, customer: &Customer) -> f64 {
        self.get(customer, "/me").await.json()["balance"].as_f64().unwrap_or(f64::NAN)
    }

    /// Waits until the balance is so many cents.
    ///
    /// # Panics
    /// When that takes longer than [`DEADLINE`].
    pub async fn becomes(&self, customer: &Customer, cents: f64) {
        let wait = async {
            while (self.balance(customer).await - cents).abs() > 1e-9 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("the balance never becomes {cents}"));
    }

    /// Waits until no hold is open and what happened is in the ledger, of the worker of the tests.
    ///
    /// # Panics
    /// When that takes longer than [`DEADLINE`].
    pub async fn settled(&self, customer: &Customer) {
        let wait = async {
            while self.unsettled(customer).await != Some(0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("every hold ends");
    }

    /// Waits until Stripe was told that what it reported is not stored.
    ///
    /// # Panics
    /// When it is not told.
    pub async fn webhook_is_refused(&self) {
        let refused = || self.stripe.deliveries().iter().any(|delivery| delivery.tries.contains(&Ok(503)));
        let wait = async {
            while !refused() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("a webhook is refused");
    }

    /// The charge of a session that was paid.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn charge_of(&self, session: &Value) -> String {
        let intent = session["payment_intent"].as_str().expect("a payment");
        let intent = self.stripe.object("payment_intent", intent).expect("a payment at Stripe");
        intent["latest_charge"].as_str().expect("a charge").to_owned()
    }

    /// How many of its holds are open, and whether endings wait to be written; `None`: its object does not say.
    pub async fn unsettled(&self, customer: &Customer) -> Option<u64> {
        self.read_stats(customer).await["unsettled"].as_u64()
    }

    /// The account's SQLite file, read from the side.
    ///
    /// # Errors
    /// When nobody paid into the account.
    pub fn account_database(&self, customer: &Customer) -> Result<rusqlite::Connection> {
        for file in self.workerd.object_files()? {
            let sql = rusqlite::Connection::open_with_flags(&file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            // The aggregate has a table `users`, too, but no ledger.
            let select = "SELECT account_id FROM users WHERE (SELECT COUNT(*) FROM entries) >= 0";
            let found = sql.query_row(select, [], |row| row.get::<_, String>(0));
            if found.is_ok_and(|id| id == customer.account()) {
                return Ok(sql);
            }
        }
        anyhow::bail!("no object holds the account {}", customer.account())
    }

    async fn read_stats(&self, customer: &Customer) -> Value {
        self.visit(&format!("/stats/{}", customer.account())).await.json()
    }

    /// What the account's object did since it woke up: commands, such questions not counted, and rows written.
    pub async fn stats(&self, customer: &Customer) -> (u64, u64) {
        let stats = self.read_stats(customer).await;
        let number = |field: &str| stats[field].as_u64().unwrap_or_default();
        (number("commands"), number("rows_written"))
    }
}
