//! Errors in Stripe's words and shape.

use std::fmt;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// An answer of the API that is not 2xx.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    /// The request was refused before anything ran; an Idempotency-Key does not remember it.
    pub(crate) early: bool,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A request that makes no sense, 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: None,
            message: message.into(),
            param: None,
            early: false,
        }
    }

    /// A parameter that is refused before anything runs.
    pub(crate) fn parameter(code: &'static str, param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code), param: Some(param.into()), early: true, ..Self::invalid(message) }
    }

    pub(crate) fn unknown_parameters(names: &[&str]) -> Self {
        let plural = if names.len() == 1 { "" } else { "s" };
        let message = format!("Received unknown parameter{plural}: {}", names.join(", "));
        Self::parameter("parameter_unknown", names.first().copied().unwrap_or_default(), message)
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self::parameter("parameter_missing", param, format!("Missing required param: {param}."))
    }

    /// An object that is not there: 404 when the path names it, 400 when a parameter does.
    pub(crate) fn no_such(kind: &str, id: &str, param: &str) -> Self {
        let error = Self::parameter("resource_missing", param, format!("No such {kind}: '{id}'"));
        Self { early: false, ..error }
    }

    pub(crate) fn not_found(self) -> Self {
        Self { status: StatusCode::NOT_FOUND, ..self }
    }

    pub(crate) fn unrecognized_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        );
        Self { status: StatusCode::NOT_FOUND, early: true, ..Self::invalid(message) }
    }

    pub(crate) fn no_key() -> Self {
        Self::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
             https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
        )
    }

    pub(crate) fn wrong_key(key: &str) -> Self {
        Self::unauthorized(format!("Invalid API Key provided: {}", masked(key)))
    }

    pub(crate) fn publishable_key() -> Self {
        Self::forbidden(
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a \
             list of your API keys at https://dashboard.stripe.com/account/apikeys.",
        )
        .with_code("secret_key_required")
    }

    /// A restricted key that was not given what the request needs.
    pub(crate) fn missing_permission(key: &str, account: &str, permission: &str) -> Self {
        Self::forbidden(format!(
            "The provided key '{}' does not have the required permissions for this endpoint on account '{account}'. \
             Having the '{permission}' permission would allow this request to continue.",
            masked(key)
        ))
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, early: true, ..Self::invalid(message) }
    }

    fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, early: true, ..Self::invalid(message) }
    }

    pub(crate) fn idempotency(message: impl Into<String>) -> Self {
        Self { kind: "idempotency_error", early: true, ..Self::invalid(message) }
    }

    pub(crate) fn rate_limited() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: Some("rate_limit"),
            early: true,
            ..Self::invalid(
                "Request rate limit exceeded. Learn more about rate limits here \
                 https://stripe.com/docs/rate-limits.",
            )
        }
    }

    pub(crate) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "api_error",
            ..Self::invalid("An unknown error occurred")
        }
    }

    #[must_use]
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    #[must_use]
    pub(crate) fn with_param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    pub(crate) fn to_json(&self, request_id: &str) -> Value {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".to_owned(), json!(code));
            let page = code.replace('_', "-");
            error.insert("doc_url".to_owned(), json!(format!("https://stripe.com/docs/error-codes/{page}")));
        }
        error.insert("message".to_owned(), json!(self.message));
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), json!(param));
        }
        error.insert("type".to_owned(), json!(self.kind));
        if self.status != StatusCode::UNAUTHORIZED {
            let url = format!("https://dashboard.stripe.com/test/logs/{request_id}?t=0");
            error.insert("request_log_url".to_owned(), json!(url));
        }
        json!({ "error": error })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// `sk_test_************abcd`
fn masked(key: &str) -> String {
    let key: Vec<char> = key.chars().collect();
    let shown = |chars: &[char]| chars.iter().collect::<String>();
    match key.len() {
        0..=12 => "*".repeat(key.len()),
        length => format!("{}{}{}", shown(&key[..8]), "*".repeat(length - 12), shown(&key[length - 4..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_an_error_is_masked() {
        assert_eq!(masked("sk_test_1234567890abcd"), "sk_test_**********abcd");
        assert_eq!(masked("short"), "*****");
    }
}
