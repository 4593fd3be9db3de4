//! Where events are sent.

use serde_json::{Value, json};

use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::json::{metadata as shown_metadata, text};
use crate::stripe::wire::{API_VERSION, ids};

impl State {
    /// `POST /v1/webhook_endpoints`: the one answer with the secret in it.
    pub(crate) fn create_webhook_endpoint(&mut self, mut params: Params) -> ApiResult<Value> {
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
            endpoint["metadata"] = shown_metadata(metadata);
            if connect == Some(true) {
                endpoint["application"] = json!("ca_standin");
            }
        });
        endpoint["secret"] = json!(secret);
        Ok(endpoint)
    }

    pub(crate) fn insert_webhook_endpoint(&mut self, url: &str, events: &[String], secret: String) -> Value {
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

    /// The first endpoint, which the stand-in starts with, is there and sends to this address from now on.
    pub(crate) fn point_first_endpoint(&mut self, url: &str, events: &[String], secret: String) {
        let Some(id) = self.all("webhook_endpoint").last().map(|endpoint| text(endpoint, "id")) else {
            self.insert_webhook_endpoint(url, events, secret);
            return;
        };
        self.update("webhook_endpoint", &id, |endpoint| {
            endpoint["url"] = json!(url);
            endpoint["enabled_events"] = json!(events);
        });
        self.endpoint_secrets.insert(id, vec![secret]);
    }

    /// `DELETE /v1/webhook_endpoints/{id}`
    pub(crate) fn delete_webhook_endpoint(&mut self, id: &str) -> ApiResult<Value> {
        self.get("webhook_endpoint", id, "webhook_endpoint").map_err(ApiError::not_found)?;
        self.remove("webhook_endpoint", id);
        self.endpoint_secrets.remove(id);
        Ok(json!({ "deleted": true, "id": id, "object": "webhook_endpoint" }))
    }
}
