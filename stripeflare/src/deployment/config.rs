use std::collections::BTreeSet;
use std::fmt;

use stripeflare_core::identity::{Operator, ReferenceKey, Scope, SealKey};
use stripeflare_core::stripe::{configured, is_live, is_supported};
use worker::Env;

use crate::js;

const STRIPE_API: &str = "https://api.stripe.com";
/// How long a login waits where `LOGIN_WAIT` says nothing else, in seconds.
const LOGIN_WAIT_S: i64 = 3_600;
const MAX_LOGIN_WAIT_S: i64 = 7 * 86_400;

/// The deployment's variables, read once per isolate.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) stripe_secret: String,
    pub(crate) stripe_api: String,
    pub(crate) webhook_secrets: Vec<String>,
    pub(crate) payment_link: String,
    pub(crate) payment_link_id: Option<String>,
    pub(crate) currency: String,
    pub(crate) livemode: bool,
    /// On localhost, where a browser keeps no `__Host-` cookie.
    skip_login: bool,
    /// How long a login by somebody else's payment waits before it may be taken.
    pub(crate) login_wait_s: i64,
    /// Where a payer goes on: a path of this site.
    pub(crate) return_to: String,
    pub(crate) operator: Operator,
    pub(crate) references: ReferenceKey,
    pub(crate) seals: SealKey,
}

/// A variable is missing or cannot be meant; its value is not told.
#[derive(Clone, Debug)]
pub(crate) struct ConfigError {
    variable: &'static str,
    problem: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable {} {}", self.variable, self.problem)
    }
}

impl Config {
    pub(crate) fn read(env: &Env, version: &str) -> Result<Self, ConfigError> {
        Self::from_variables(version, |name| js::variable(env, name))
    }

    fn from_variables(version: &str, read: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        // Whoever stores a secret by a pipe stores the end of its line, too.
        let read = |variable| read(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let must = |variable, truth, problem| if truth { Ok(()) } else { Err(ConfigError { variable, problem }) };
        let required = |variable| read(variable).ok_or(ConfigError { variable, problem: "is missing" });

        let stripe_secret = required("STRIPE_SECRET")?;
        let problem = "is no secret or restricted key of Stripe (sk_… or rk_…)";
        let live = is_live(&stripe_secret).ok_or(ConfigError { variable: "STRIPE_SECRET", problem })?;
        let test = !live;
        let publishable = required("STRIPE_PUBLISHABLE_KEY")?;
        let fits = publishable.starts_with(if live { "pk_live_" } else { "pk_test_" });
        must("STRIPE_PUBLISHABLE_KEY", fits, "is no publishable key (pk_…) of the mode of STRIPE_SECRET")?;

        let webhook_secrets: Vec<String> =
            required("STRIPE_WEBHOOK_SIGNING_SECRET")?.split(',').map(|secret| secret.trim().to_owned()).collect();
        let named =
            webhook_secrets.iter().all(|secret| secret.strip_prefix("whsec_").is_some_and(|rest| rest.len() >= 16));
        must(
            "STRIPE_WEBHOOK_SIGNING_SECRET",
            named,
            "is no webhook signing secret (whsec_…), or several with commas between",
        )?;

        let db_secret = required("DB_SECRET")?;
        let is_strong = |secret: &str, length| {
            let characters: BTreeSet<char> = secret.chars().collect();
            secret.chars().count() >= length && characters.len() >= 8
        };
        let weak = "is shorter than 32 characters, or repeats a few";
        must("DB_SECRET", is_strong(&db_secret, 32), weak)?;
        let password = read("DB_ADMIN_PASSWORD");
        must(
            "DB_ADMIN_PASSWORD",
            password.as_ref().is_none_or(|password| is_strong(password, 16) && *password != db_secret),
            "is shorter than 16 characters, repeats a few, or is DB_SECRET itself",
        )?;

        let stripe_api = read("STRIPE_API_BASE");
        let skip_login = read("SKIP_LOGIN").is_some_and(|value| value != "false" && value != "0");
        must(
            "STRIPE_API_BASE",
            stripe_api.as_deref().is_none_or(|base| test && is_loopback(base)),
            "is for test keys and this machine only",
        )?;
        must("SKIP_LOGIN", !skip_login || test, "is for test keys only")?;

        let payment_link = required("STRIPE_PAYMENT_LINK")?;
        let is_url = payment_link.starts_with("https://") || (stripe_api.is_some() && is_loopback(&payment_link));
        must(
            "STRIPE_PAYMENT_LINK",
            is_url && payment_link.bytes().all(|byte| byte.is_ascii_graphic()),
            "is no https:// address",
        )?;

        // With or without a slash at its end, it is the same link; the query goes behind it.
        let (path, query) = payment_link.split_at(payment_link.find('?').unwrap_or(payment_link.len()));
        let payment_link = format!("{}{query}", path.trim_end_matches('/'));
        let payment_link_id = read("STRIPE_PAYMENT_LINK_ID");
        let is_id =
            |id: &str| id.starts_with("plink_") && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        must(
            "STRIPE_PAYMENT_LINK_ID",
            payment_link_id.as_deref().is_none_or(is_id),
            "is no id of a payment link (plink_…)",
        )?;

        let currency = configured(read("STRIPE_CURRENCY").as_deref());
        must(
            "STRIPE_CURRENCY",
            currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase()),
            "is no ISO currency code",
        )?;
        must("STRIPE_CURRENCY", is_supported(&currency), "is a currency with three decimals, which are not supported")?;

        let scope = Scope { version, livemode: live, currency: &currency };
        let mut references = ReferenceKey::new(&db_secret, scope);
        if let Some(previous) = read("DB_SECRET_PREVIOUS") {
            must("DB_SECRET_PREVIOUS", is_strong(&previous, 32), weak)?;
            references = references.or_before(&previous, scope);
        }
        let login_wait_s = read("LOGIN_WAIT").map_or(Some(LOGIN_WAIT_S), |text| text.parse().ok());
        let login_wait_s = login_wait_s.filter(|seconds| (0..=MAX_LOGIN_WAIT_S).contains(seconds));
        let login_wait_s = login_wait_s
            .ok_or(ConfigError { variable: "LOGIN_WAIT", problem: "is no number of seconds from 0 to 604800" })?;
        must("LOGIN_WAIT", test || login_wait_s >= 60, "is less than 60 seconds, which is for test keys only")?;

        let return_to = read("STRIPE_RETURN_TO").unwrap_or_else(|| "/".to_owned());
        let of_this_site = return_to.starts_with('/') && !return_to.starts_with("//") && !return_to.contains('\\');
        must(
            "STRIPE_RETURN_TO",
            of_this_site && return_to.bytes().all(|byte| byte.is_ascii_graphic()),
            "is no path of this site, such as /demo",
        )?;

        Ok(Self {
            stripe_secret,
            stripe_api: stripe_api.map_or_else(|| STRIPE_API.to_owned(), |base| base.trim_end_matches('/').to_owned()),
            webhook_secrets,
            payment_link,
            payment_link_id,
            currency,
            livemode: live,
            skip_login,
            login_wait_s,
            return_to,
            operator: Operator::new(password.as_ref().unwrap_or(&db_secret)),
            references,
            seals: SealKey::new(&db_secret, version),
        })
    }

    /// The name of the cookie on a request to this address, and the attributes that go with it.
    pub(crate) fn cookie(&self, url: &http::Uri) -> (&'static str, &'static str) {
        if self.skip_login && is_local(url) { ("access_token", "") } else { ("__Host-access_token", "; Secure") }
    }

    /// The payment link for one account's reference.
    pub(crate) fn payment_link_for(&self, reference: &str) -> String {
        let separator = if self.payment_link.contains('?') { '&' } else { '?' };
        format!("{}{separator}client_reference_id={reference}", self.payment_link)
    }
}

/// Whether a URL names this machine.
fn is_loopback(url: &str) -> bool {
    url.parse().is_ok_and(|url| is_local(&url))
}

fn is_local(url: &http::Uri) -> bool {
    url.host().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: (&str, Option<&str>)) -> Result<Config, String> {
        let variables = [
            ("STRIPE_SECRET", "sk_test_abc"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_test_abc"),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", "whsec_0123456789abcdef, whsec_fedcba9876543210"),
            ("STRIPE_PAYMENT_LINK", "https://buy.stripe.com/test_abc"),
            ("DB_SECRET", "0123456789abcdef0123456789abcdef"),
        ];
        let value = |name: &str| {
            if name == change.0 {
                return change.1.map(str::to_owned);
            }
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::from_variables("1", value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_configuration_is_read() {
        let config = read(("", None)).unwrap();
        assert_eq!(config.webhook_secrets.len(), 2);
        assert_eq!((config.currency.as_str(), config.livemode, config.stripe_api.as_str()), ("usd", false, STRIPE_API));
        assert_eq!(config.payment_link_for("r"), "https://buy.stripe.com/test_abc?client_reference_id=r");
        for link in ["https://buy.stripe.com/test_abc/", "https://buy.stripe.com/test_abc\n"] {
            let config = read(("STRIPE_PAYMENT_LINK", Some(link))).unwrap();
            assert_eq!(config.payment_link_for("r"), "https://buy.stripe.com/test_abc?client_reference_id=r");
        }
        let own_domain = read(("STRIPE_PAYMENT_LINK", Some("https://pay.example.com/a/?locale=en"))).unwrap();
        assert_eq!(own_domain.payment_link_for("r"), "https://pay.example.com/a?locale=en&client_reference_id=r");
        assert_eq!(config.return_to, "/");
        assert_eq!(read(("STRIPE_RETURN_TO", Some("/demo?x=1#a"))).unwrap().return_to, "/demo?x=1#a");
        let password = read(("DB_ADMIN_PASSWORD", Some("a password for people"))).unwrap();
        assert!(password.operator.is("a password for people"));
        assert!(!password.operator.is("0123456789abcdef0123456789abcdef"), "the secret is typed nowhere");
        let with_query = read(("STRIPE_PAYMENT_LINK", Some("https://buy.stripe.com/a?locale=en"))).unwrap();
        assert_eq!(with_query.payment_link_for("r"), "https://buy.stripe.com/a?locale=en&client_reference_id=r");
    }

    #[test]
    fn white_space_around_a_variable_is_not_meant() {
        for (variable, value) in [
            ("STRIPE_SECRET", " sk_test_abc\n"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_test_abc\r\n"),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", "\twhsec_0123456789abcdef\n"),
            ("STRIPE_PAYMENT_LINK_ID", "plink_1\n"),
            ("STRIPE_PAYMENT_LINK_ID", " \n"),
            ("STRIPE_CURRENCY", "USD\n"),
            ("STRIPE_RETURN_TO", "/\n"),
            ("DB_SECRET_PREVIOUS", "0123456789abcdef0123456789abcdeg\n"),
            ("STRIPE_API_BASE", " http://localhost:1/\n"),
        ] {
            let config = read((variable, Some(value))).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((config.stripe_secret.as_str(), config.currency.as_str()), ("sk_test_abc", "usd"));
        }
        let config = read(("DB_SECRET", Some("0123456789abcdef0123456789abcdef\n"))).unwrap();
        assert!(config.operator.is("0123456789abcdef0123456789abcdef"));
        let spaces = read(("DB_SECRET", Some("0123456789abcdef0123456789abcde                    "))).err().unwrap();
        assert!(spaces.contains("DB_SECRET"), "white space is no strength");
    }

    #[test]
    fn what_is_missing_or_weak_is_named_and_not_told() {
        for (variable, value) in [
            ("STRIPE_SECRET", None),
            ("STRIPE_SECRET", Some("pk_test_tell")),
            ("STRIPE_PUBLISHABLE_KEY", Some("pk_live_tell")),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", None),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", Some("tell")),
            ("STRIPE_WEBHOOK_SIGNING_SECRET", Some("whsec_0123456789abcdef,")),
            ("STRIPE_PAYMENT_LINK", Some("http://tell.example")),
            ("STRIPE_PAYMENT_LINK", Some("https://tell.example/a b")),
            ("STRIPE_PAYMENT_LINK_ID", Some("tell")),
            ("STRIPE_PAYMENT_LINK_ID", Some("https://tell.example/plink_1")),
            ("STRIPE_PAYMENT_LINK_ID", Some("plink_1/tell")),
            ("DB_SECRET", Some("0123456789abcdef0123456789tell!")),
            ("DB_SECRET", Some("tttttttttttttttttttttttttttttttttttttttttttttttt")),
            ("DB_SECRET", Some("telltelltelltelltelltelltelltelltelltell")),
            ("DB_SECRET_PREVIOUS", Some("tell")),
            ("DB_ADMIN_PASSWORD", Some("tell")),
            ("DB_ADMIN_PASSWORD", Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
            ("DB_ADMIN_PASSWORD", Some("0123456789abcdef0123456789abcdef")),
            ("STRIPE_API_BASE", Some("http://tell.example:80")),
            ("STRIPE_API_BASE", Some("http://localhost.tell.example")),
            ("STRIPE_API_BASE", Some("http://localhost:1@tell.example")),
            ("STRIPE_RETURN_TO", Some("https://tell.example/")),
            ("STRIPE_RETURN_TO", Some("//tell.example/")),
            ("STRIPE_RETURN_TO", Some("/\\tell.example/")),
            ("STRIPE_RETURN_TO", Some("/\r\nx-tell: 1")),
            ("STRIPE_RETURN_TO", Some("tell")),
            ("LOGIN_WAIT", Some("tell")),
            ("LOGIN_WAIT", Some("-1")),
            ("LOGIN_WAIT", Some("604801")),
            ("STRIPE_CURRENCY", Some("kwd")),
            ("STRIPE_CURRENCY", Some("tell")),
        ] {
            let error = read((variable, value)).err().unwrap_or_else(|| panic!("{variable} {value:?} is accepted"));
            assert!(error.contains(variable), "{error}");
            assert!(!error.contains("tell"), "{error}");
        }
    }
}
