//! What a key may do. Secret keys may do everything; restricted ones what they were given.

use crate::stripe::wire::error::{ApiError, ApiResult};

/// What a restricted key is given access to, each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// And refunds.
    Charges,
    /// Reading these includes PaymentIntents, payment links and products.
    CheckoutSessions,
    /// Also where only a dispute's charge is read.
    Disputes,
    /// What happened, of every kind.
    Events,
    /// Payments on their way.
    PaymentIntents,
    /// The links themselves, not what is paid through them.
    PaymentLinks,
    /// Cards and the like.
    PaymentMethods,
    /// Called plans in the name of the permission.
    Prices,
    /// What is sold.
    Products,
    /// Where events are sent.
    WebhookEndpoints,
}

/// One thing that a restricted key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Look up and list.
    Read(Resource),
    /// Create, change and delete, and what [`Permission::Read`] allows.
    Write(Resource),
}

impl Resource {
    /// Of an object; `None` for one that nobody is kept from.
    pub(crate) fn of(object: &str) -> Option<Self> {
        Some(match object {
            "charge" | "refund" => Self::Charges,
            "checkout.session" => Self::CheckoutSessions,
            "dispute" => Self::Disputes,
            "event" => Self::Events,
            "payment_intent" => Self::PaymentIntents,
            "payment_link" => Self::PaymentLinks,
            "payment_method" => Self::PaymentMethods,
            "price" => Self::Prices,
            "product" => Self::Products,
            "webhook_endpoint" => Self::WebhookEndpoints,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Charges => "charge",
            Self::CheckoutSessions => "checkout_session",
            Self::Disputes => "dispute",
            Self::Events => "event",
            Self::PaymentIntents => "payment_intent",
            Self::PaymentLinks => "payment_links",
            Self::PaymentMethods => "payment_method",
            Self::Prices => "plan",
            Self::Products => "product",
            Self::WebhookEndpoints => "webhook",
        }
    }
}

impl Permission {
    fn name(self) -> String {
        match self {
            Self::Read(resource) => format!("rak_{}_read", resource.name()),
            Self::Write(resource) => format!("rak_{}_write", resource.name()),
        }
    }

    fn includes(self, wanted: Self) -> bool {
        let implied = [Resource::PaymentIntents, Resource::PaymentLinks, Resource::Products];
        match (self, wanted) {
            (Self::Read(Resource::CheckoutSessions) | Self::Write(Resource::CheckoutSessions), Self::Read(wanted))
                if implied.contains(&wanted) =>
            {
                true
            }
            (Self::Write(given), Self::Read(wanted)) => given == wanted,
            (given, wanted) => given == wanted,
        }
    }
}

/// Whose request it is.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) key: String,
    /// The Stripe account.
    pub(crate) account: String,
    /// `None`: everything.
    pub(crate) permissions: Option<Vec<Permission>>,
}

impl Caller {
    pub(crate) fn check(&self, wanted: Permission) -> ApiResult<()> {
        match &self.permissions {
            Some(given) if !given.iter().any(|given| given.includes(wanted)) => {
                Err(ApiError::missing_permission(&self.key, &self.account, &wanted.name()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Permission::{Read, Write};
    use super::*;

    fn allows(given: Permission, wanted: Permission) -> bool {
        let (key, account) = ("rk_test_key".to_owned(), "acct_1".to_owned());
        Caller { key, account, permissions: Some(vec![given]) }.check(wanted).is_ok()
    }

    #[test]
    fn writing_includes_reading_and_a_session_what_belongs_to_it() {
        assert!(allows(Write(Resource::Charges), Read(Resource::Charges)));
        assert!(!allows(Read(Resource::Charges), Write(Resource::Charges)));
        assert!(!allows(Write(Resource::Charges), Read(Resource::Disputes)));
        assert!(allows(Read(Resource::CheckoutSessions), Read(Resource::PaymentIntents)));
        assert!(!allows(Write(Resource::CheckoutSessions), Write(Resource::PaymentIntents)));
        assert!(!allows(Read(Resource::CheckoutSessions), Read(Resource::Charges)));
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        let caller = Caller {
            key: "rk_test_1234567890abcd".to_owned(),
            account: "acct_1".to_owned(),
            permissions: Some(Vec::new()),
        };
        let error = caller.check(Read(Resource::Prices)).unwrap_err().to_string();
        assert!(
            error.contains("'rak_plan_read'") && error.contains("'acct_1'") && !error.contains("123456"),
            "{error}"
        );
    }
}
