//! What a seller has at Stripe: a product, its price, the payment link and the webhook endpoint. Made once, found again.

mod client;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

pub use client::Keys;

use crate::dev_vars::DevVars;
use crate::stripe::{API_VERSION, WEBHOOK_EVENTS, random};
use client::Stripe;

/// Shown above the payment page's button: who is sent somebody else's link should know what paying does.
const WARNING: &str = "Paying can log in the browser that opened this page. If somebody sent it to you, do not pay \
                       unless you mean to give them this money.";

/// Under which our objects are found again.
const MARK: &str = "stripeflare";

/// The least that a customer may choose, in the currency's smallest unit; below it Stripe's fee eats the payment.
const LEAST: &str = "500";

/// What is sold, and where.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The project's name, by which its objects are found again.
    pub name: String,
    /// What the payment page calls it.
    pub title: String,
    /// Where the worker answers, such as `api.example.com`.
    pub domain: String,
    /// In lowercase letters.
    pub currency: String,
    /// In the currency's smallest unit; `None`: the customer chooses.
    pub amount: Option<u32>,
    /// Stripe makes an invoice of each payment.
    pub invoices: bool,
    /// Stripe adds the tax.
    pub tax: bool,
}

/// Makes what is missing, and leaves in `vars` what the worker needs to know about it.
///
/// `vars` are saved before the webhook endpoint is made and after, because Stripe shows its secret only once.
///
/// # Errors
/// Says what went wrong, what was made or found before, and how to go on.
pub async fn set_up(offer: &Offer, keys: Keys, stripe_api: Option<&str>, vars: &mut DevVars) -> Result<()> {
    let stripe = Stripe::new(keys, stripe_api)?;
    let mut report = Report::default();
    offer.set_up(&stripe, vars, &mut report).await.with_context(|| report.so_far())
}

/// What there is by now.
#[derive(Default)]
struct Report(Vec<String>);

impl Report {
    fn add(&mut self, verb: &str, what: &str, id: &str) {
        println!("  {verb:5} {what} {id}");
        self.0.push(format!("{what} {id}"));
    }

    fn so_far(&self) -> String {
        let there = if self.0.is_empty() { "nothing".to_owned() } else { self.0.join(", ") };
        format!("not finished at Stripe (there so far: {there}); run the same command again to go on from here")
    }
}

impl Offer {
    async fn set_up(&self, stripe: &Stripe, vars: &mut DevVars, report: &mut Report) -> Result<()> {
        let product = self.product(stripe, report).await?;
        let price = self.price(stripe, &product, report).await?;
        let link = self.payment_link(stripe, &price, report).await?;
        let db_secret = vars.get("DB_SECRET").map_or_else(|| random(48), str::to_owned);
        remember(
            vars,
            &[
                ("STRIPE_SECRET", &stripe.keys().secret),
                ("STRIPE_PUBLISHABLE_KEY", &stripe.keys().publishable),
                ("STRIPE_PAYMENT_LINK", text(&link, "url")?),
                ("STRIPE_PAYMENT_LINK_ID", text(&link, "id")?),
                ("DB_SECRET", &db_secret),
            ],
        )?;
        self.webhook_endpoint(stripe, vars, report).await
    }

    fn is_ours(&self, object: &Value) -> bool {
        object["metadata"][MARK] == *self.name
    }

    async fn product(&self, stripe: &Stripe, report: &mut Report) -> Result<String> {
        let found = stripe.find("products", &[("active", "true")], |product| self.is_ours(product)).await?;
        let (verb, product) = match found {
            Some(product) => ("found", product),
            None => {
                let fields = [("name", self.title.as_str()), ("metadata[stripeflare]", &self.name)];
                ("made", stripe.create("products", &fields).await?)
            }
        };
        let id = text(&product, "id")?.to_owned();
        report.add(verb, "product", &id);
        Ok(id)
    }

    async fn price(&self, stripe: &Stripe, product: &str, report: &mut Report) -> Result<String> {
        let filter = [("active", "true"), ("product", product)];
        let fits = |price: &Value| {
            self.is_ours(price)
                && price["currency"] == *self.currency
                && price["unit_amount"].as_u64() == self.amount.map(u64::from)
        };
        let (verb, price) = match stripe.find("prices", &filter, fits).await? {
            Some(price) => ("found", price),
            None => {
                let amount = self.amount.map(|amount| amount.to_string());
                let mut fields =
                    vec![("product", product), ("currency", &self.currency), ("metadata[stripeflare]", &self.name)];
                match &amount {
                    Some(amount) => fields.push(("unit_amount", amount)),
                    None => {
                        fields
                            .extend([("custom_unit_amount[enabled]", "true"), ("custom_unit_amount[minimum]", LEAST)]);
                    }
                }
                ("made", stripe.create("prices", &fields).await?)
            }
        };
        let id = text(&price, "id")?.to_owned();
        report.add(verb, "price", &id);
        Ok(id)
    }

    async fn payment_link(&self, stripe: &Stripe, price: &str, report: &mut Report) -> Result<Value> {
        let return_to = format!("https://{}/stripe/return?session_id={{CHECKOUT_SESSION_ID}}", self.domain);
        let fits = |link: &Value| {
            self.is_ours(link)
                && link["metadata"]["price"] == *price
                && link["after_completion"]["redirect"]["url"] == *return_to
        };
        let (verb, link) = match stripe.find("payment_links", &[("active", "true")], fits).await? {
            Some(link) => ("found", link),
            None => {
                let mut fields = vec![
                    ("line_items[0][price]", price),
                    ("line_items[0][quantity]", "1"),
                    ("after_completion[type]", "redirect"),
                    ("after_completion[redirect][url]", &return_to),
                    // Both tell whose they are, by a fingerprint or a verified address.
                    ("payment_method_types[0]", "card"),
                    ("payment_method_types[1]", "link"),
                    ("custom_text[submit][message]", WARNING),
                    ("metadata[stripeflare]", &self.name),
                    // A link does not tell its price without being asked again.
                    ("metadata[price]", price),
                ];
                if self.invoices {
                    fields.push(("invoice_creation[enabled]", "true"));
                }
                if self.tax {
                    fields.push(("automatic_tax[enabled]", "true"));
                }
                ("made", stripe.create("payment_links", &fields).await?)
            }
        };
        report.add(verb, "payment link", text(&link, "id")?);
        Ok(link)
    }

    async fn webhook_endpoint(&self, stripe: &Stripe, vars: &mut DevVars, report: &mut Report) -> Result<()> {
        let url = format!("https://{}/stripe-webhook", self.domain);
        let found = stripe.find("webhook_endpoints", &[], |endpoint| endpoint["url"] == *url).await?;
        if let Some(endpoint) = found {
            let id = text(&endpoint, "id")?;
            report.add("found", "webhook endpoint", id);
            if vars.get("STRIPE_WEBHOOK_SIGNING_SECRET").is_none() {
                bail!(
                    "the webhook endpoint {id} exists, and Stripe showed its signing secret only when it was made: copy \
                     it from the Dashboard into {} as STRIPE_WEBHOOK_SIGNING_SECRET, or delete the endpoint there",
                    vars.path().display()
                );
            }
            return Ok(());
        }
        let mut fields =
            vec![("url", url.as_str()), ("api_version", API_VERSION), ("metadata[stripeflare]", &self.name)];
        fields.extend(WEBHOOK_EVENTS.map(|event| ("enabled_events[]", event)));
        let endpoint = stripe.create("webhook_endpoints", &fields).await?;
        remember(vars, &[("STRIPE_WEBHOOK_SIGNING_SECRET", text(&endpoint, "secret")?)])?;
        report.add("made", "webhook endpoint", text(&endpoint, "id")?);
        Ok(())
    }
}

fn remember(vars: &mut DevVars, values: &[(&str, &str)]) -> Result<()> {
    let values: BTreeMap<String, String> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if vars.set(&values) { vars.save() } else { Ok(()) }
}

fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str> {
    object[field].as_str().with_context(|| format!("Stripe's answer has no `{field}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_names_the_same_events_and_version() {
        let documented = include_str!("../../../docs/operating.md");
        for event in WEBHOOK_EVENTS {
            assert!(documented.contains(&format!("enabled_events[]={event}")), "{event}");
        }
        assert_eq!(documented.matches("enabled_events[]=").count(), WEBHOOK_EVENTS.len());
        assert!(documented.contains(&format!("api_version={API_VERSION}")));
    }

    #[test]
    fn keys_of_another_mode_are_refused_and_none_is_ever_shown() {
        let error = |secret, publishable, live| Keys::new(secret, publishable, live).unwrap_err().to_string();
        assert!(error("sk_live_hidden", "pk_live_x", false).contains("add --live"));
        assert!(error("rk_test_hidden", "pk_test_x", true).contains("leave --live out"));
        assert!(error("hidden", "pk_test_x", false).contains("sk_test_…"));
        assert!(error("sk_test_hidden", "pk_live_x", false).contains("STRIPE_PUBLISHABLE_KEY"));
        assert!(!error("sk_live_hidden", "pk_live_x", false).contains("hidden"));
        let keys = Keys::new(" sk_test_hidden\n", "pk_test_x", false).unwrap();
        assert_eq!(format!("{keys:?}"), r#"Keys { mode: "test", .. }"#);
    }
}
