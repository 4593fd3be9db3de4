//! Payment links, and what they sell.

use serde_json::{Value, json};

use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::ids;
use crate::stripe::wire::json::{merge, metadata as shown_metadata, text};

/// A link's path on the payment page's server.
pub(crate) const PAY_PATH: &str = "/pay/";

/// How the stand-in's payers can pay.
const METHODS: [&str; 3] = ["card", "link", "us_bank_account"];

/// How a link's payers can pay: all that there is, unless the link names some.
pub(crate) fn methods(link: &Value) -> Vec<&str> {
    match link["payment_method_types"].as_array() {
        Some(types) => types.iter().filter_map(Value::as_str).collect(),
        None => METHODS.to_vec(),
    }
}

/// The least and the most that a link's payer may choose; the same twice if there is no choice.
pub(crate) fn amount_range(price: &Value) -> (i64, i64) {
    const LEAST: i64 = 50;
    const MOST: i64 = 1_000_000;
    match price["unit_amount"].as_i64() {
        Some(amount) => (amount, amount),
        None => {
            let bounds = &price["custom_unit_amount"];
            (bounds["minimum"].as_i64().unwrap_or(LEAST), bounds["maximum"].as_i64().unwrap_or(MOST))
        }
    }
}

impl State {
    /// `POST /v1/payment_links`, with one line item
    pub(crate) fn create_payment_link(&mut self, mut params: Params) -> ApiResult<Value> {
        let price = params.required_text("line_items[0][price]")?;
        let quantity = params.integer_between("line_items[0][quantity]", 1, 999_999)?;
        let completion = params.choice("after_completion[type]", &["hosted_confirmation", "redirect"])?;
        let redirect = params.text("after_completion[redirect][url]")?;
        let message = params.text("after_completion[hosted_confirmation][custom_message]")?;
        let methods = params.list("payment_method_types")?;
        let custom_text = custom_text(&mut params)?;
        let tax = params.boolean("automatic_tax[enabled]")?.unwrap_or(false);
        let invoices = params.boolean("invoice_creation[enabled]")?.unwrap_or(false);
        let promotions = params.boolean("allow_promotion_codes")?;
        let customer = params.choice("customer_creation", &["always", "if_required"])?;
        let submit = params.choice("submit_type", &["auto", "book", "donate", "pay", "subscribe"])?;
        let inactive = params.text("inactive_message")?;
        let metadata = params.map("metadata");
        let intent_metadata = params.map("payment_intent_data[metadata]");
        let description = params.text("payment_intent_data[description]")?;
        params.finish()?;
        if let Some(unknown) = methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            let message = format!("Invalid payment_method_types: {unknown} must be one of {}", METHODS.join(", "));
            return Err(ApiError::invalid(message).with_param("payment_method_types"));
        }
        if quantity.is_none() {
            return Err(ApiError::missing("line_items[0][quantity]"));
        }
        let after_completion = match (completion, redirect) {
            (Some("redirect"), Some(url)) => {
                if !url.starts_with("http://") && !url.starts_with("https://") {
                    let message = "Invalid URL: An explicit scheme (such as https) must be provided.";
                    return Err(ApiError::parameter("url_invalid", "after_completion[redirect][url]", message));
                }
                json!({ "redirect": { "url": url }, "type": "redirect" })
            }
            (Some("redirect"), None) => {
                return Err(ApiError::missing("after_completion[redirect][url]"));
            }
            _ => {
                json!({ "hosted_confirmation": { "custom_message": message }, "type": "hosted_confirmation" })
            }
        };
        let price = self.get("price", &price, "line_items[0][price]")?.clone();
        if price["custom_unit_amount"].is_object() && quantity != Some(1) {
            let message = "A price with `custom_unit_amount` must have a quantity of 1.";
            return Err(ApiError::invalid(message).with_param("line_items[0][quantity]"));
        }
        let path = format!("{}{}", test_prefix(self), ids::random(18));
        let link = json!({
            "after_completion": after_completion,
            "allow_promotion_codes": promotions.unwrap_or(false),
            "automatic_tax": { "enabled": tax, "liability": null },
            "custom_text": custom_text,
            "customer_creation": customer.unwrap_or("if_required"),
            "id": ids::of_account("plink"),
            "inactive_message": inactive,
            "invoice_creation": { "enabled": invoices, "invoice_data": null },
            "metadata": shown_metadata(metadata),
            "payment_intent_data": {
                "capture_method": null,
                "description": description,
                "metadata": shown_metadata(intent_metadata),
                "setup_future_usage": null,
                "statement_descriptor": null,
                "statement_descriptor_suffix": null,
                "transfer_group": null,
            },
            "payment_method_types": if methods.is_empty() { Value::Null } else { json!(methods) },
            "submit_type": submit.unwrap_or("auto"),
            "url": format!("{}{PAY_PATH}{path}", self.account.url),
        });
        Ok(self.insert_payment_link(link, &price))
    }

    /// Adds the fields that every link has.
    pub(crate) fn insert_payment_link(&mut self, link: Value, price: &Value) -> Value {
        let mut object = json!({
            "active": true,
            "after_completion": { "hosted_confirmation": { "custom_message": null }, "type": "hosted_confirmation" },
            "allow_promotion_codes": false,
            "application": null,
            "application_fee_amount": null,
            "application_fee_percent": null,
            "automatic_tax": { "enabled": false, "liability": null },
            "billing_address_collection": "auto",
            "consent_collection": null,
            "currency": price["currency"],
            "custom_fields": [],
            "custom_text": {
                "after_submit": null,
                "shipping_address": null,
                "submit": null,
                "terms_of_service_acceptance": null,
            },
            "customer_creation": "if_required",
            "inactive_message": null,
            "invoice_creation": { "enabled": false, "invoice_data": null },
            "livemode": self.account.livemode,
            "managed_payments": { "enabled": false },
            "metadata": {},
            "object": "payment_link",
            "on_behalf_of": null,
            "payment_intent_data": null,
            "payment_method_collection": "always",
            "payment_method_options": null,
            "payment_method_types": null,
            "phone_number_collection": { "enabled": false },
            "restrictions": null,
            "shipping_address_collection": null,
            "shipping_options": [],
            "submit_type": "auto",
            "subscription_data": null,
            "tax_id_collection": { "enabled": false, "required": "never" },
            "transfer_data": null,
        });
        merge(&mut object, link);
        let id = text(&object, "id");
        // The API shows line items on request only, and so do we keep them apart.
        self.insert(json!({ "object": "item", "id": format!("li_{id}"), "payment_link": id, "price": price }));
        self.insert(object)
    }

    pub(crate) fn price_of(&self, link: &Value) -> Value {
        self.link_price(&text(link, "id")).cloned().unwrap_or(Value::Null)
    }

    /// Which price a link sells is not part of the link's own object.
    fn link_price(&self, link_id: &str) -> Option<&Value> {
        self.all("item").find(|item| item["payment_link"] == link_id).map(|item| &item["price"])
    }
}

/// What a link's page shows beside its own words.
fn custom_text(params: &mut Params) -> ApiResult<Value> {
    const LONGEST: usize = 1200;
    let mut texts = json!({});
    for place in ["after_submit", "shipping_address", "submit", "terms_of_service_acceptance"] {
        let name = format!("custom_text[{place}][message]");
        let message = params.text(&name)?;
        if message.as_ref().is_some_and(|message| message.chars().count() > LONGEST) {
            let message = format!("Invalid string; must be at most {LONGEST} characters");
            return Err(ApiError::parameter("parameter_invalid_string_too_long", name, message));
        }
        texts[place] = message.map_or(Value::Null, |message| json!({ "message": message }));
    }
    Ok(texts)
}

/// The link that is there from the start. Its address follows from the key, so that it stays over a restart.
pub(crate) fn first_link(state: &mut State, key: &str, currency: &str, after_payment: Option<&str>) -> Value {
    let path = ids::derived(key, "payment link's path", 18);
    let id = ids::derived(key, "payment link", 23);
    let link = json!({
        "id": format!("plink_1{id}"),
        "url": format!("{}{PAY_PATH}{}{path}", state.account.url, test_prefix(state)),
    });
    add_link(state, link, currency, after_payment)
}

pub(crate) fn add_link(state: &mut State, link: Value, currency: &str, after_payment: Option<&str>) -> Value {
    let product = json!({ "object": "product", "id": format!("prod_{}", ids::random(14)), "name": "Credit" });
    let price = json!({
        "object": "price",
        "id": ids::of_account("price"),
        "currency": currency,
        "custom_unit_amount": { "maximum": 1_000_000, "minimum": 50, "preset": 500 },
        "product": product["id"],
        "type": "one_time",
        "unit_amount": null,
    });
    let mut fields = json!({
        "id": ids::of_account("plink"),
        "url": format!("{}{PAY_PATH}{}{}", state.account.url, test_prefix(state), ids::random(18)),
    });
    if let Some(url) = after_payment {
        fields["after_completion"] = json!({ "redirect": { "url": url }, "type": "redirect" });
    }
    merge(&mut fields, link);
    state.insert(product);
    state.insert(price.clone());
    state.insert_payment_link(fields, &price)
}

fn test_prefix(state: &State) -> &'static str {
    if state.account.livemode { "" } else { "test_" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_bounds_the_amount() {
        assert_eq!(amount_range(&json!({ "unit_amount": 700 })), (700, 700));
        let custom = json!({ "unit_amount": null, "custom_unit_amount": { "minimum": 100, "maximum": null } });
        assert_eq!(amount_range(&custom), (100, 1_000_000));
    }
}
