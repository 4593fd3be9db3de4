//! `cargo stripeflare new`, as a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cargo_stripeflare::dev_vars::DevVars;
use cargo_stripeflare::stripe::Permission::Write;
use cargo_stripeflare::stripe::{API_VERSION, ApiFault, PayRequest, Resource, StandIn, StandInOptions, WEBHOOK_EVENTS};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder to work in that is also its own home, with no keys around.
struct Place(TempDir);

impl Place {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-stripeflare"));
        command.args(["stripeflare", "new"]).args(arguments.split(' ')).current_dir(self.0.path());
        command
            .env("HOME", self.0.path())
            .env_remove("STRIPE_SECRET")
            .env_remove("STRIPE_PUBLISHABLE_KEY")
            .env_remove("GITHUB_OWNER");
        command
    }

    /// Blocks a thread, so that the Stripe beside it can answer.
    async fn run(&self, arguments: &str) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn run_with_keys(&self, arguments: &str) -> Output {
        let mut command = self.command(arguments);
        command.env("STRIPE_SECRET", SECRET).env("STRIPE_PUBLISHABLE_KEY", "pk_test_key");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

const SECRET: &str = "sk_test_secret";
const RESTRICTED: &str = "rk_test_1234567890abcd";

/// How often a request is tried.
const TRIES: u32 = 3;

async fn stripe() -> StandIn {
    let restricted_keys =
        BTreeMap::from([(RESTRICTED.to_owned(), vec![Write(Resource::Products), Write(Resource::Prices)])]);
    StandIn::start(StandInOptions { secret_key: SECRET.to_owned(), restricted_keys, ..StandInOptions::default() })
        .await
        .unwrap()
}

/// What was made for the project, of the kinds that this makes.
fn made(stripe: &StandIn) -> Vec<Value> {
    let kinds = ["product", "price", "payment_link", "webhook_endpoint"];
    let objects = kinds.iter().flat_map(|kind| stripe.objects(kind));
    objects.filter(|object| object["metadata"]["stripeflare"] == "shop").collect()
}

fn succeeded(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn failed(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[tokio::test]
async fn a_new_project_compiles_and_passes_its_own_test() {
    let place = Place::empty();
    succeeded(&place.run("shop").await);
    let dir = place.path("shop");
    assert!(dir.join(".git").is_dir());
    // The versions that this workspace has compiled already, and where.
    fs::copy(repository().join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    for arguments in [&["fmt", "--check"][..], &["test"], &["clippy", "--all-targets", "--", "-D", "warnings"]] {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(&dir).env("CARGO_TARGET_DIR", target);
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        if arguments == ["test"] {
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_everything_is_made_at_stripe_once() {
    let (place, stripe) = (Place::empty(), stripe().await);
    let arguments = format!("shop --domain a.example --title Shop --tax --stripe-api-base {}", stripe.api_base());
    succeeded(&place.run_with_keys(&arguments).await);

    let [product, price, link, endpoint] = &made(&stripe)[..] else { panic!("{:?}", made(&stripe)) };
    assert_eq!(product["name"], "Shop");
    assert_eq!((&price["product"], &price["currency"]), (&product["id"], &json!("usd")));
    assert_eq!(price["custom_unit_amount"], json!({ "maximum": null, "minimum": 500, "preset": null }));
    let return_to = "https://a.example/stripe/return?session_id={CHECKOUT_SESSION_ID}";
    assert_eq!(link["after_completion"], json!({ "type": "redirect", "redirect": { "url": return_to } }));
    assert_eq!(link["payment_method_types"], json!(["card", "link"]));
    let warning = "Paying can log in the browser that opened this page. If somebody sent it to you, do not pay unless you \
                   mean to give them this money.";
    assert_eq!(link["custom_text"]["submit"]["message"], warning);
    assert_eq!(
        (&link["automatic_tax"]["enabled"], &link["invoice_creation"]["enabled"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(endpoint["url"], "https://a.example/stripe-webhook");
    assert_eq!((&endpoint["api_version"], &endpoint["enabled_events"]), (&json!(API_VERSION), &json!(WEBHOOK_EVENTS)));

    let path = place.path("shop/.test.vars");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let vars = DevVars::read_file(path.clone()).unwrap().unwrap();
    assert_eq!(vars.get("STRIPE_SECRET"), Some(SECRET));
    assert_eq!(vars.get("STRIPE_PUBLISHABLE_KEY"), Some("pk_test_key"));
    assert!(vars.get("STRIPE_WEBHOOK_SIGNING_SECRET").unwrap().starts_with("whsec_"));
    assert_eq!(vars.get("STRIPE_PAYMENT_LINK"), link["url"].as_str());
    assert_eq!(vars.get("STRIPE_PAYMENT_LINK_ID"), link["id"].as_str());
    assert_eq!(vars.get("DB_SECRET").unwrap().len(), 48);
    let payment =
        PayRequest { payment_link: link["id"].as_str().map(str::to_owned), ..PayRequest::new(500, "acc-tag") };
    assert_eq!(stripe.pay(&payment).await.unwrap()["success_url"], return_to);

    let written = fs::read(&path).unwrap();
    fs::write(place.path("shop/src/lib.rs"), "// mine\n").unwrap();
    succeeded(&place.run_with_keys(&arguments).await);
    assert_eq!(made(&stripe).len(), 4, "nothing is made twice");
    assert_eq!(fs::read(&path).unwrap(), written);
    assert_eq!(fs::read_to_string(place.path("shop/src/lib.rs")).unwrap(), "// mine\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_half_way_says_what_is_there_and_the_same_command_goes_on() {
    let (place, stripe) = (Place::empty(), stripe().await);
    let arguments = format!("shop --domain a.example --amount 700 --stripe-api-base {}", stripe.api_base());
    stripe.set_api_fault_at("POST /v1/payment_links", ApiFault::Broken, TRIES);
    let error = failed(&place.run_with_keys(&arguments).await);
    let [product, price] = &made(&stripe)[..] else { panic!("{:?}", made(&stripe)) };
    let there = format!("product {}, price {}", product["id"].as_str().unwrap(), price["id"].as_str().unwrap());
    for part in [&*there, "run the same command again", "500", "An unknown error occurred"] {
        assert!(error.contains(part), "{error}");
    }
    succeeded(&place.run_with_keys(&arguments).await);
    assert_eq!(made(&stripe).len(), 4);
    assert_eq!(made(&stripe)[1]["unit_amount"], 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_makes_nothing_twice() {
    let (place, stripe) = (Place::empty(), stripe().await);
    let arguments = format!("shop --domain a.example --stripe-api-base {}", stripe.api_base());
    for kind in ["products", "prices", "payment_links", "webhook_endpoints"] {
        stripe.set_api_fault_at(&format!("POST /v1/{kind}"), ApiFault::LostAnswer, 1);
    }
    succeeded(&place.run_with_keys(&arguments).await);
    assert_eq!(made(&stripe).len(), 4);
    let vars = DevVars::read_file(place.path("shop/.test.vars")).unwrap().unwrap();
    assert!(vars.get("STRIPE_WEBHOOK_SIGNING_SECRET").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_signing_secret_is_named_with_what_to_do() {
    let (place, stripe) = (Place::empty(), stripe().await);
    let arguments = format!("shop --domain a.example --stripe-api-base {}", stripe.api_base());
    succeeded(&place.run_with_keys(&arguments).await);
    fs::remove_file(place.path("shop/.test.vars")).unwrap();
    let error = failed(&place.run_with_keys(&arguments).await);
    let endpoint = stripe.objects("webhook_endpoint")[0]["id"].as_str().unwrap().to_owned();
    assert!(error.contains(&endpoint) && error.contains("STRIPE_WEBHOOK_SIGNING_SECRET"), "{error}");
    assert_eq!(made(&stripe).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_named_and_not_shown() {
    let (place, stripe) = (Place::empty(), stripe().await);
    let arguments = format!("shop --domain a.example --stripe-api-base {}", stripe.api_base());
    let run = async |secret: &str| {
        let mut command = place.command(&arguments);
        command.env("STRIPE_SECRET", secret).env("STRIPE_PUBLISHABLE_KEY", "pk_test_key");
        failed(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    };
    let error = run("sk_test_of_somebody").await;
    assert!(error.contains("does not know the key in STRIPE_SECRET"), "{error}");
    assert!(!error.contains("somebody") && !error.contains("cret\n"), "{error}");
    let error = run(RESTRICTED).await;
    assert!(error.contains("lacks the permission rak_payment_links_read"), "{error}");
    assert!(!error.contains("abcd"), "{error}");
}

#[tokio::test]
async fn a_project_knows_its_repository() {
    let place = Place::empty();
    fs::write(place.path(".stripeflare.dev.vars"), "GITHUB_OWNER=somebody\n").unwrap();
    succeeded(&place.run("shop").await);
    let git =
        Command::new("git").args(["remote", "get-url", "origin"]).current_dir(place.path("shop")).output().unwrap();
    assert_eq!(succeeded(&git), "https://github.com/somebody/shop\n");
    let manifest = fs::read_to_string(place.path("shop/Cargo.toml")).unwrap();
    assert!(manifest.contains("repository = \"https://github.com/somebody/shop\""), "{manifest}");
    let error = failed(&place.run("other --github-owner no/body").await);
    assert!(error.contains("GITHUB_OWNER") && !place.path("other").exists(), "{error}");
}

#[tokio::test]
async fn stripe_out_of_reach_is_said() {
    let place = Place::empty();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = format!("shop --domain a.example --stripe-api-base http://127.0.0.1:{port}");
    let error = failed(&place.run_with_keys(&arguments).await);
    assert!(error.contains("Stripe cannot be reached") && error.contains("there so far: nothing"), "{error}");
}

#[tokio::test]
async fn a_taken_folder_stays_as_it_is() {
    let place = Place::empty();
    fs::create_dir(place.path("shop")).unwrap();
    fs::write(place.path("shop/notes"), "mine").unwrap();
    let error = failed(&place.run("shop").await);
    assert!(error.contains("shop is there already") && error.contains("choose another name"), "{error}");
    assert_eq!(fs::read_dir(place.path("shop")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_in_is_named() {
    let place = Place::empty();
    let error = failed(&place.run("shop --stripeflare nowhere").await);
    assert!(error.contains("no folder nowhere"), "{error}");
    // Root writes anywhere but here.
    let mut command = place.command("shop");
    let error = failed(&command.current_dir("/proc").output().unwrap());
    assert!(error.contains("cannot make a folder in /proc"), "{error}");
    assert!(!place.path("shop").exists());
}

#[tokio::test]
async fn the_mode_of_the_keys_is_the_one_that_was_asked_for() {
    let place = Place::empty();
    let error = failed(&place.run_with_keys("shop --domain a.example --live").await);
    assert!(error.contains("STRIPE_SECRET is a test key"), "{error}");
    let error = failed(&place.run("shop --live").await);
    assert!(error.contains("--live needs live keys"), "{error}");
    assert!(!place.path("shop").exists(), "nothing is made before the keys are looked at");
}
