//! What is at Stripe, against what a deployment needs there.

use anyhow::Result;
use serde_json::Value;

use super::client::{Keys, Stripe};
use crate::dev_vars::DevVars;
use crate::finding::Finding;
use crate::stripe::{API_VERSION, WEBHOOK_EVENTS};

/// A worker takes webhooks that were signed up to five minutes ago; a clock is not to use up much of that.
const MOST_AHEAD_S: i64 = 60;

/// What a deployment counts on.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The worker's secrets.
    pub vars: &'a DevVars,
    /// Where the worker answers; by default what the payment link says.
    pub domain: Option<&'a str>,
    /// In small letters.
    pub currency: &'a str,
}

/// Asks Stripe, and changes nothing there.
///
/// # Errors
/// If the keys are none, or Stripe cannot be asked.
pub async fn examine(wanted: &Wanted<'_>, live: bool, stripe_api: Option<&str>) -> Result<Vec<Finding>> {
    let var = |name: &str| wanted.vars.get(name).unwrap_or_default();
    let keys = Keys::new(var("STRIPE_SECRET"), var("STRIPE_PUBLISHABLE_KEY"), live)?;
    let stripe = Stripe::new(keys, stripe_api)?;
    let mut findings = Vec::new();
    let url = var("STRIPE_PAYMENT_LINK");
    let Some(link) = stripe.find("payment_links", &[], |link| link["url"] == *url).await? else {
        let what = "Stripe knows no payment link with the address in STRIPE_PAYMENT_LINK";
        findings.push(Finding::new(what, "take the keys and the link of one Stripe account, and of one mode"));
        return Ok(findings);
    };
    of_clock(&stripe, &mut findings);
    let redirect = link["after_completion"]["redirect"]["url"].as_str().unwrap_or_default();
    let domain = wanted.domain.or_else(|| host(redirect));
    of_link(&link, wanted, domain, &mut findings);
    match domain {
        Some(domain) => of_endpoint(&stripe, domain, &mut findings).await?,
        None => findings.push(Finding::new(
            "it is not known where the worker answers",
            "add routes = [{ pattern = \"<your domain>\", custom_domain = true }] to wrangler.toml",
        )),
    }
    of_deliveries(&stripe, &mut findings).await?;
    Ok(findings)
}

fn of_clock(stripe: &Stripe, findings: &mut Vec<Finding>) {
    let Some(ahead_s) = stripe.ahead_s().filter(|ahead_s| ahead_s.abs() > MOST_AHEAD_S) else { return };
    let how = if ahead_s > 0 { "ahead of" } else { "behind" };
    let what = format!("this machine's clock is {} s {how} Stripe's", ahead_s.abs());
    findings.push(Finding::new(what, "sudo timedatectl set-ntp true; on macOS in System Settings, under Date & Time"));
}

/// `a.example` in `https://a.example/…`
fn host(url: &str) -> Option<&str> {
    url.strip_prefix("https://")?.split('/').next().filter(|host| !host.is_empty())
}

fn of_link(link: &Value, wanted: &Wanted<'_>, domain: Option<&str>, findings: &mut Vec<Finding>) {
    let id = link["id"].as_str().unwrap_or_default();
    let mut unless = |holds: bool, what: &str, mend: String| {
        if !holds {
            findings.push(Finding::new(format!("the payment link {id} {what}"), mend));
        }
    };
    unless(link["active"] == true, "is not active", format!("stripe payment_links update {id} --active=true"));
    let named = wanted.vars.get("STRIPE_PAYMENT_LINK_ID");
    let mend = format!("set STRIPE_PAYMENT_LINK_ID to {id}, or remove it");
    unless(named.is_none_or(|named| named == id), "is another than STRIPE_PAYMENT_LINK_ID says", mend);
    let currency = link["currency"].as_str().unwrap_or_default();
    let mend = format!("set STRIPE_CURRENCY = \"{currency}\" in wrangler.toml, or make another link");
    unless(currency == wanted.currency, &format!("takes {currency}, and the worker {}", wanted.currency), mend);
    let return_to = format!("https://{}/stripe/return?session_id={{CHECKOUT_SESSION_ID}}", domain.unwrap_or_default());
    unless(
        link["after_completion"]["redirect"]["url"] == *return_to,
        "does not send the payer back to the worker: nobody is logged in by paying",
        format!(
            "stripe payment_links update {id} -d 'after_completion[type]=redirect' -d 'after_completion[redirect][url]={return_to}'"
        ),
    );
    unless(
        link["custom_text"]["submit"]["message"].is_string(),
        "does not say what paying somebody else's link does",
        format!("stripe payment_links update {id} -d 'custom_text[submit][message]={}'", super::WARNING),
    );
}

async fn of_endpoint(stripe: &Stripe, domain: &str, findings: &mut Vec<Finding>) -> Result<()> {
    let url = format!("https://{domain}/stripe-webhook");
    let Some(endpoint) = stripe.find("webhook_endpoints", &[], |endpoint| endpoint["url"] == *url).await? else {
        let mend = format!("cargo stripeflare new with the same name and --domain {domain}");
        findings
            .push(Finding::new(format!("no webhook endpoint sends to {url}: no payment is credited at once"), mend));
        return Ok(());
    };
    let id = endpoint["id"].as_str().unwrap_or_default();
    if endpoint["status"] != "enabled" {
        let mend = format!("stripe webhook_endpoints update {id} --disabled=false");
        findings.push(Finding::new(format!("the webhook endpoint {id} is disabled"), mend));
    }
    if endpoint["api_version"] != API_VERSION {
        let mend = format!(
            "stripe webhook_endpoints delete {id}, then cargo stripeflare new with the same name and --domain {domain}: a \
             version cannot be changed"
        );
        findings.push(Finding::new(format!("the webhook endpoint {id} is not pinned to {API_VERSION}"), mend));
    }
    let sent: Vec<&str> =
        endpoint["enabled_events"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut missing = WEBHOOK_EVENTS.to_vec();
    missing.retain(|event| !sent.contains(event) && !sent.contains(&"*"));
    if !missing.is_empty() {
        let all: Vec<String> = WEBHOOK_EVENTS.iter().map(|event| format!("-d 'enabled_events[]={event}'")).collect();
        let mend = format!("stripe webhook_endpoints update {id} {}", all.join(" "));
        findings.push(Finding::new(format!("the webhook endpoint {id} does not send {}", missing.join(", ")), mend));
    }
    Ok(())
}

async fn of_deliveries(stripe: &Stripe, findings: &mut Vec<Finding>) -> Result<()> {
    let mut filter = vec![("delivery_success", "false")];
    filter.extend(WEBHOOK_EVENTS.map(|event| ("types[]", event)));
    if let Some(event) = stripe.find("events", &filter, |_| true).await? {
        let (id, kind) = (event["id"].as_str().unwrap_or_default(), event["type"].as_str().unwrap_or_default());
        let what = format!("not every webhook has arrived; the newest that has not is {id}, {kind}");
        let mend = format!(
            "stripe events resend {id}, once what the worker answered is mended: the Dashboard shows it beside the endpoint"
        );
        findings.push(Finding::new(what, mend));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::seller::{Offer, set_up};
    use crate::stripe::{Delivery, PayRequest, StandIn, StandInOptions};

    const PUBLISHABLE: &str = "pk_test_key";

    async fn set_up_seller(domain: &str) -> (StandIn, DevVars, tempfile::TempDir) {
        let options = StandInOptions { secret_key: "sk_test_key".to_owned(), ..StandInOptions::default() };
        let stand_in = StandIn::start(options).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut vars = DevVars::empty_file(dir.path().join(".test.vars"));
        let offer = Offer {
            name: "shop".to_owned(),
            title: "Shop".to_owned(),
            domain: domain.to_owned(),
            currency: "usd".to_owned(),
            amount: None,
            invoices: false,
            tax: false,
        };
        let keys = Keys::new("sk_test_key", PUBLISHABLE, false).unwrap();
        set_up(&offer, keys, Some(&stand_in.api_base()), &mut vars).await.unwrap();
        (stand_in, vars, dir)
    }

    async fn examined(stand_in: &StandIn, vars: &DevVars, domain: Option<&str>, currency: &str) -> Vec<String> {
        let wanted = Wanted { vars, domain, currency };
        let findings = examine(&wanted, false, Some(&stand_in.api_base())).await.unwrap();
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[tokio::test]
    async fn what_new_makes_is_as_it_should_be() {
        let (stand_in, vars, _dir) = set_up_seller("a.example").await;
        assert_eq!(examined(&stand_in, &vars, None, "usd").await, [""; 0]);
        assert_eq!(examined(&stand_in, &vars, Some("a.example"), "usd").await, [""; 0]);
    }

    #[tokio::test]
    async fn another_domain_or_currency_is_found() {
        let (stand_in, vars, _dir) = set_up_seller("a.example").await;
        let findings = examined(&stand_in, &vars, Some("b.example"), "eur").await;
        let expected = [
            "takes usd, and the worker eur",
            "does not send the payer back",
            "no webhook endpoint sends to https://b.example/",
        ];
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.contains(expected), "{finding}");
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_is_found() {
        let (stand_in, vars, _dir) = set_up_seller("a.example").await;
        for (theirs, expected) in [(600, "behind"), (-1200, "ahead of")] {
            stand_in.clock().advance_s(theirs);
            let findings = examined(&stand_in, &vars, None, "usd").await;
            assert!(findings.len() == 1 && findings[0].contains(expected), "{findings:?}");
        }
    }

    #[tokio::test]
    async fn a_link_of_another_account_is_found() {
        let (stand_in, mut vars, _dir) = set_up_seller("a.example").await;
        vars.set(&BTreeMap::from([("STRIPE_PAYMENT_LINK".to_owned(), "https://buy.example/other".to_owned())]));
        let findings = examined(&stand_in, &vars, None, "usd").await;
        assert!(findings[0].contains("knows no payment link"), "{findings:?}");
    }

    #[tokio::test]
    async fn an_endpoint_that_hears_too_little_and_webhooks_that_did_not_arrive_are_found() {
        let (stand_in, vars, _dir) = set_up_seller("a.example").await;
        let endpoint = stand_in.objects("webhook_endpoint")[0].clone();
        stand_in.change("webhook_endpoint", endpoint["id"].as_str().unwrap(), |endpoint| {
            endpoint["enabled_events"] = serde_json::json!(["checkout.session.completed"]);
            endpoint["api_version"] = Value::Null;
        });
        stand_in.set_delivery(Delivery { lost: vec!["*".to_owned()], ..Delivery::default() });
        let link = vars.get("STRIPE_PAYMENT_LINK_ID").map(str::to_owned);
        stand_in.pay(&PayRequest { payment_link: link, ..PayRequest::new(500, "acc-tag") }).await.unwrap();
        let findings = examined(&stand_in, &vars, None, "usd").await;
        let expected = [
            "is not pinned to",
            "does not send checkout.session.async_payment_succeeded, refund.created",
            "checkout.session.completed",
        ];
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.contains(expected), "{finding}");
        }
    }
}
