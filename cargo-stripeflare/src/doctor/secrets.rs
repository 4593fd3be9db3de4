//! The variables that only a deployment knows.

use crate::dev_vars::DevVars;
use crate::finding::Finding;

/// Those that a worker cannot be without.
pub(crate) const NAMES: [&str; 5] =
    ["STRIPE_SECRET", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SIGNING_SECRET", "STRIPE_PAYMENT_LINK", "DB_SECRET"];

/// The file of one mode.
pub(crate) fn file(live: bool) -> &'static str {
    if live { ".live.vars" } else { ".test.vars" }
}

/// What is missing, weak, or of the other mode; as strict as the worker itself.
pub(crate) fn examine(vars: &DevVars, live: bool) -> Vec<Finding> {
    let mode = if live { "live" } else { "test" };
    let file = vars.path().display();
    let mut findings = Vec::new();
    let mut unless = |holds: bool, what: String, mend: &str| {
        if !holds {
            findings.push(Finding::new(format!("{file}: {what}"), mend));
        }
    };
    let again = "cargo stripeflare new with the same name makes what is missing at Stripe, and writes it there";
    for name in NAMES {
        let is_there = vars.get(name).is_some_and(|value| !value.trim().is_empty());
        unless(is_there, format!("{name} is missing"), again);
    }
    let is =
        |name: &str, fits: &dyn Fn(&str) -> bool| vars.get(name).is_none_or(|value| value.is_empty() || fits(value));
    let key = |kinds: &'static [&'static str]| {
        move |value: &str| kinds.iter().any(|kind| value.starts_with(&format!("{kind}_{mode}_")))
    };
    let keys = "copy it again from dashboard.stripe.com/apikeys";
    let secret = is("STRIPE_SECRET", &key(&["sk", "rk"]));
    unless(secret, format!("STRIPE_SECRET is no secret or restricted {mode} key"), keys);
    let publishable = is("STRIPE_PUBLISHABLE_KEY", &key(&["pk"]));
    unless(publishable, format!("STRIPE_PUBLISHABLE_KEY is no publishable {mode} key"), keys);
    let is_secret = |secret: &str| secret.trim().strip_prefix("whsec_").is_some_and(|rest| rest.len() >= 16);
    let signing = is("STRIPE_WEBHOOK_SIGNING_SECRET", &|value| value.split(',').all(is_secret));
    unless(
        signing,
        "STRIPE_WEBHOOK_SIGNING_SECRET is no whsec_…, or several with commas between".to_owned(),
        "copy it from the webhook endpoint in the Dashboard",
    );
    for (name, least) in [("DB_SECRET", 32), ("DB_SECRET_PREVIOUS", 32), ("DB_ADMIN_PASSWORD", 16)] {
        let is_long = is(name, &|value| value.chars().count() >= least);
        unless(is_long, format!("{name} is shorter than {least} characters"), "openssl rand -base64 48");
    }
    for name in ["STRIPE_API_BASE", "SKIP_LOGIN"] {
        unless(
            vars.get(name).is_none(),
            format!("{name} is for this machine only"),
            &format!("sed -i.old '/^{name}=/d' {file}"),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn examined(change: &str, value: Option<&str>) -> Vec<String> {
        let sound = [
            ("STRIPE_SECRET", "sk_test_1234567890"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_test_1234567890"),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", "whsec_12345678901234567890,whsec_09876543210987654321"),
            ("STRIPE_PAYMENT_LINK", "https://buy.example/x"),
            ("DB_SECRET", "0123456789012345678901234567890123456789"),
        ];
        let mut all: BTreeMap<String, String> =
            sound.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.remove(change);
        all.extend(value.map(|value| (change.to_owned(), value.to_owned())));
        let mut vars = DevVars::empty_file("/a/.test.vars".into());
        vars.set(&all);
        examine(&vars, false).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn sound_variables_are_no_finding() {
        assert_eq!(examined("OTHER", Some("x")), [""; 0]);
        assert_eq!(examined("STRIPE_SECRET", Some("rk_test_1234567890")), [""; 0]);
    }

    #[test]
    fn each_is_named_and_no_value_shown() {
        let wrong = [
            ("STRIPE_SECRET", None, "STRIPE_SECRET is missing"),
            ("STRIPE_SECRET", Some("sk_live_hidden"), "STRIPE_SECRET is no secret or restricted test key"),
            ("STRIPE_PUBLISHABLE_KEY", Some("pk_live_hidden"), "STRIPE_PUBLISHABLE_KEY is no publishable test key"),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", Some("whsec_hidden"), "STRIPE_WEBHOOK_SIGNING_SECRET is no whsec_"),
            ("DB_SECRET", Some("hidden"), "DB_SECRET is shorter than 32"),
            ("DB_ADMIN_PASSWORD", Some("hidden"), "DB_ADMIN_PASSWORD is shorter"),
            ("STRIPE_API_BASE", Some("http://hidden"), "STRIPE_API_BASE is for this machine only"),
        ];
        for (name, value, expected) in wrong {
            let findings = examined(name, value);
            assert!(findings.len() == 1 && findings[0].contains(expected), "{name}: {findings:?}");
            assert!(!findings[0].contains("hidden"), "{findings:?}");
        }
    }
}
