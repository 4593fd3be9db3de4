//! `cargo stripeflare new`, as a user runs it.

mod stripe;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cargo_stripeflare::dev_vars::DevVars;
use cargo_stripeflare::seller::EVENTS;
use serde_json::json;
use stripe::{SECRET, Stripe};
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
        command.env("HOME", self.0.path()).env_remove("STRIPE_SECRET").env_remove("STRIPE_PUBLISHABLE_KEY");
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
    let (place, stripe) = (Place::empty(), Stripe::default());
    let arguments = format!("shop --domain a.example --title Shop --tax --stripe-api-base {}", stripe.start().await);
    succeeded(&place.run_with_keys(&arguments).await);

    let [product] = &stripe.created("products")[..] else { panic!() };
    assert_eq!(product["name"], "Shop");
    let [price] = &stripe.created("prices")[..] else { panic!() };
    assert_eq!((&price["product"], &price["currency"]), (&product["id"], &json!("usd")));
    assert_eq!(price["custom_unit_amount"], json!({ "enabled": "true", "minimum": "500" }));
    let [link] = &stripe.created("payment_links")[..] else { panic!() };
    let return_to = "https://a.example/stripe/return?session_id={CHECKOUT_SESSION_ID}";
    assert_eq!(link["after_completion"], json!({ "type": "redirect", "redirect": { "url": return_to } }));
    assert_eq!(link["payment_method_types"], json!({ "0": "card", "1": "link" }));
    assert!(link["custom_text"]["submit"]["message"].as_str().unwrap().contains("do not pay unless you mean"));
    assert_eq!(link["automatic_tax"]["enabled"], "true");
    assert!(link["invoice_creation"].is_null());
    let [endpoint] = &stripe.created("webhook_endpoints")[..] else { panic!() };
    assert_eq!(endpoint["url"], "https://a.example/stripe-webhook");
    assert_eq!(endpoint["api_version"], "2026-07-29.dahlia");
    assert_eq!(endpoint["enabled_events"], json!(EVENTS));

    let path = place.path("shop/.test.vars");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let vars = DevVars::read_file(path.clone()).unwrap().unwrap();
    assert_eq!(vars.get("STRIPE_SECRET"), Some(SECRET));
    assert_eq!(vars.get("STRIPE_PUBLISHABLE_KEY"), Some("pk_test_key"));
    assert_eq!(vars.get("STRIPE_WEBHOOK_SIGNING_SECRET"), Some("whsec_of_this_endpoint"));
    assert_eq!(vars.get("STRIPE_PAYMENT_LINK"), link["url"].as_str());
    assert_eq!(vars.get("STRIPE_PAYMENT_LINK_ID"), link["id"].as_str());
    assert_eq!(vars.get("DB_SECRET").unwrap().len(), 48);

    let written = fs::read(&path).unwrap();
    fs::write(place.path("shop/src/lib.rs"), "// mine\n").unwrap();
    succeeded(&place.run_with_keys(&arguments).await);
    assert_eq!(stripe.count(), 4, "nothing is made twice");
    assert_eq!(fs::read(&path).unwrap(), written);
    assert_eq!(fs::read_to_string(place.path("shop/src/lib.rs")).unwrap(), "// mine\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_half_way_says_what_is_there_and_the_same_command_goes_on() {
    let (place, stripe) = (Place::empty(), Stripe::default());
    let arguments = format!("shop --domain a.example --amount 700 --stripe-api-base {}", stripe.start().await);
    *stripe.broken.lock().unwrap() = Some("payment_links".to_owned());
    let error = failed(&place.run_with_keys(&arguments).await);
    for part in ["product products_0, price prices_1", "run the same command again", "500", "Something is wrong"] {
        assert!(error.contains(part), "{error}");
    }
    *stripe.broken.lock().unwrap() = None;
    succeeded(&place.run_with_keys(&arguments).await);
    assert_eq!(stripe.count(), 4);
    assert_eq!(stripe.created("prices")[0]["unit_amount"], 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_signing_secret_is_named_with_what_to_do() {
    let (place, stripe) = (Place::empty(), Stripe::default());
    let arguments = format!("shop --domain a.example --stripe-api-base {}", stripe.start().await);
    succeeded(&place.run_with_keys(&arguments).await);
    fs::remove_file(place.path("shop/.test.vars")).unwrap();
    let error = failed(&place.run_with_keys(&arguments).await);
    assert!(error.contains("webhook_endpoints_3") && error.contains("STRIPE_WEBHOOK_SIGNING_SECRET"), "{error}");
    assert_eq!(stripe.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_named_and_not_shown() {
    let (place, stripe) = (Place::empty(), Stripe::default());
    let arguments = format!("shop --domain a.example --stripe-api-base {}", stripe.start().await);
    let mut command = place.command(&arguments);
    command.env("STRIPE_SECRET", "sk_test_of_somebody").env("STRIPE_PUBLISHABLE_KEY", "pk_test_key");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let error = failed(&output);
    assert!(error.contains("does not know the key in STRIPE_SECRET"), "{error}");
    assert!(!error.contains("somebody") && !error.contains("cret\n"), "{error}");
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
