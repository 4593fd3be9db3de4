//! What is sold: products, and their prices.

use serde_json::{Value, json};

use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::ids;
use crate::stripe::wire::json::metadata as shown_metadata;

impl State {
    /// `POST /v1/products`
    pub(crate) fn create_product(&mut self, mut params: Params) -> ApiResult<Value> {
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
            "metadata": shown_metadata(metadata),
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
    pub(crate) fn create_price(&mut self, mut params: Params) -> ApiResult<Value> {
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
            "metadata": shown_metadata(metadata),
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
}
