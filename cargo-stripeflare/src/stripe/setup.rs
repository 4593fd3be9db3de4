//! What a seller creates once: products, prices, payment links, webhook endpoints.

use serde_json::{Value, json};

use super::error::{ApiError, ApiResult};
use super::form::Params;
use super::refunds::object;
use super::stand_in::StandInOptions;
use super::state::{State, text};
use super::{API_VERSION, ids};

/// A link's path on the payment page's server.
pub(super) const PAY_PATH: &str = "/pay/";

impl State {
    /// `POST /v1/products`
    pub(super) fn create_product(&mut self, mut params: Params) -> ApiResult<Value> {
        let name = params.required_text("name")?;
        let description = params.text("description")?;
        let active = params.boolean("active")?;
        let metadata = params.map("metadata");
        let tax_code = params.text("tax_code")?;
        let statement_descriptor = params.text("statement_descriptor")?;
        let url = params.text("url")?;
        params.finish()?;
        let now = self.now_s();
        Ok(self.insert(json!({
            "active": active.unwrap_or(true),
            "created": now,
            "default_price": null,
            "description": description,
            "id": format!("prod_{}", ids::random(14)),
            "images": [],
            "livemode": self.account.livemode,
            "marketing_features": [],
            "metadata": object(metadata),
            "name": name,
            "object": "product",
            "package_dimensions": null,
            "shippable": null,
            "statement_descriptor": statement_descriptor,
            "tax_code": tax_code,
            "type": "service",
            "unit_label": null,
            "updated": now,
            "url": url,
        })))
    }

    /// `POST /v1/prices`, one-time prices only
    pub(super) fn create_price(&mut self, mut params: Params) -> ApiResult<Value> {
        let currency = params.required_text("currency")?.to_ascii_lowercase();
        let product = params.required_text("product")?;
        let unit_amount = params.integer_between("unit_amount", 0, 99_999_999)?;
        let custom = params.boolean("custom_unit_amount[enabled]")?.unwrap_or(false);
        let mut bound = |name: &str| params.integer_between(&format!("custom_unit_amount[{name}]"), 0, 99_999_999);
        let bounds = json!({ "maximum": bound("maximum")?, "minimum": bound("minimum")?, "preset": bound("preset")? });
        let nickname = params.text("nickname")?;
        let lookup_key = params.text("lookup_key")?;
        let tax_behavior = params.choice("tax_behavior", &["exclusive", "inclusive", "unspecified"])?;
        let active = params.boolean("active")?;
        let metadata = params.map("metadata");
        params.finish()?;
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(ApiError::invalid(format!("Invalid currency: {currency}.")).with_param("currency"));
        }
        if custom == unit_amount.is_some() {
            let message = "Exactly one of `unit_amount` and `custom_unit_amount` must be given.";
            return Err(ApiError::invalid(message).with_param("unit_amount"));
        }
        self.get("product", &product, "product")?;
        let created = self.now_s();
        Ok(self.insert(json!({
            "active": active.unwrap_or(true),
            "billing_scheme": "per_unit",
            "created": created,
            "currency": currency,
            "custom_unit_amount": if custom { bounds } else { Value::Null },
            "id": ids::of_account("price"),
            "livemode": self.account.livemode,
            "lookup_key": lookup_key,
            "metadata": object(metadata),
            "nickname": nickname,
            "object": "price",
            "product": product,
            "recurring": null,
            "tax_behavior": tax_behavior.unwrap_or("unspecified"),
            "tiers_mode": null,
            "transform_quantity": null,
            "type": "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": unit_amount.map(|amount| amount.to_string()),
        })))
    }

    /// `POST /v1/payment_links`, with one line item
    pub(super) fn create_payment_link(&mut self, mut params: Params) -> ApiResult<Value> {
        let price = params.required_text("line_items[0][price]")?;
        let quantity = params.integer_between("line_items[0][quantity]", 1, 999_999)?;
        let completion = params.choice("after_completion[type]", &["hosted_confirmation", "redirect"])?;
        let redirect = params.text("after_completion[redirect][url]")?;
        let message = params.text("after_completion[hosted_confirmation][custom_message]")?;
        let methods = params.list("payment_method_types")?;
        let promotions = params.boolean("allow_promotion_codes")?;
        let customer = params.choice("customer_creation", &["always", "if_required"])?;
        let submit = params.choice("submit_type", &["auto", "book", "donate", "pay", "subscribe"])?;
        let inactive = params.text("inactive_message")?;
        let metadata = params.map("metadata");
        let intent_metadata = params.map("payment_intent_data[metadata]");
        let description = params.text("payment_intent_data[description]")?;
        params.finish()?;
        if quantity.is_none() {
            return Err(ApiError::missing("line_items[0][quantity]"));
        }
        let after_completion = match (completion, redirect) {
            (Some("redirect"), Some(url)) => {
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
            "customer_creation": customer.unwrap_or("if_required"),
            "id": ids::of_account("plink"),
            "inactive_message": inactive,
            "metadata": object(metadata),
            "payment_intent_data": {
                "capture_method": null,
                "description": description,
                "metadata": object(intent_metadata),
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
    pub(super) fn insert_payment_link(&mut self, link: Value, price: &Value) -> Value {
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
        super::method::merge(&mut object, link);
        let id = text(&object, "id");
        // The API shows line items on request only, and so do we keep them apart.
        self.insert(json!({ "object": "item", "id": format!("li_{id}"), "payment_link": id, "price": price }));
        self.insert(object)
    }

    /// `POST /v1/webhook_endpoints`: the one answer with the secret in it.
    pub(super) fn create_webhook_endpoint(&mut self, mut params: Params) -> ApiResult<Value> {
        let url = params.required_text("url")?;
        let events = params.list("enabled_events")?;
        let version = params.text("api_version")?;
        let description = params.text("description")?;
        let connect = params.boolean("connect")?;
        let metadata = params.map("metadata");
        params.finish()?;
        if events.is_empty() {
            return Err(ApiError::missing("enabled_events"));
        }
        if !url.starts_with("http://") && !url.starts_with("https://") {
            let message = "Invalid URL: An explicit scheme (such as https) must be provided.";
            return Err(ApiError::parameter("url_invalid", "url", message));
        }
        if version.as_deref().is_some_and(|version| version != API_VERSION) {
            return Err(ApiError::invalid("Invalid API version").with_param("api_version"));
        }
        let secret = format!("whsec_{}", ids::random(32));
        let endpoint = self.insert_webhook_endpoint(&url, &events, secret.clone());
        let mut endpoint = self.update("webhook_endpoint", &text(&endpoint, "id"), |endpoint| {
            endpoint["api_version"] = json!(version);
            endpoint["description"] = json!(description);
            endpoint["metadata"] = object(metadata);
            if connect == Some(true) {
                endpoint["application"] = json!("ca_standin");
            }
        });
        endpoint["secret"] = json!(secret);
        Ok(endpoint)
    }

    pub(super) fn insert_webhook_endpoint(&mut self, url: &str, events: &[String], secret: String) -> Value {
        let id = ids::of_account("we");
        self.endpoint_secrets.insert(id.clone(), vec![secret]);
        let created = self.now_s();
        self.insert(json!({
            "api_version": API_VERSION,
            "application": null,
            "created": created,
            "description": null,
            "enabled_events": events,
            "id": id,
            "livemode": self.account.livemode,
            "metadata": {},
            "object": "webhook_endpoint",
            "status": "enabled",
            "url": url,
        }))
    }

    /// `DELETE /v1/webhook_endpoints/{id}`
    pub(super) fn delete_webhook_endpoint(&mut self, id: &str) -> ApiResult<Value> {
        self.get("webhook_endpoint", id, "webhook_endpoint").map_err(ApiError::not_found)?;
        self.remove("webhook_endpoint", id);
        self.endpoint_secrets.remove(id);
        Ok(json!({ "deleted": true, "id": id, "object": "webhook_endpoint" }))
    }
}

/// The link that is there from the start. Its address follows from the key, so that it stays over a restart.
pub(super) fn first_link(state: &mut State, options: &StandInOptions) -> Value {
    let path = ids::derived(&options.secret_key, "payment link's path", 18);
    let id = ids::derived(&options.secret_key, "payment link", 23);
    let link = json!({
        "id": format!("plink_1{id}"),
        "url": format!("{}{PAY_PATH}{}{path}", state.account.url, test_prefix(state)),
    });
    add_link(state, link, &options.currency, options.after_payment.as_deref())
}

pub(super) fn add_link(state: &mut State, link: Value, currency: &str, after_payment: Option<&str>) -> Value {
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
    super::method::merge(&mut fields, link);
    state.insert(product);
    state.insert(price.clone());
    state.insert_payment_link(fields, &price)
}

fn test_prefix(state: &State) -> &'static str {
    if state.account.livemode { "" } else { "test_" }
}
