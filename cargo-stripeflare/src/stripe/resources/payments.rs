//! What happens when somebody pays.

use serde_json::{Value, json};

use super::payment_links::{amount_range, methods};
use crate::stripe::model::events::Cause;
use crate::stripe::model::method::Method;
use crate::stripe::model::state::State;
use crate::stripe::wire::currency::is_whole;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::ids;
use crate::stripe::wire::json::{number, text};

/// What a payer does on the payment page.
#[derive(Debug, Clone)]
pub struct PayRequest {
    /// `plink_…`; `None`: the link that the stand-in starts with.
    pub payment_link: Option<String>,
    /// In the smallest unit of the link's currency.
    pub amount: i64,
    /// As in the link's query. What Stripe would drop is dropped.
    pub client_reference_id: Option<String>,
    /// Typed into the form.
    pub email: String,
    /// Typed into the form.
    pub name: Option<String>,
    /// How it is paid.
    pub method: Method,
    /// Tax on top of the amount.
    pub tax: i64,
    /// Shipping on top of the amount.
    pub shipping: i64,
    /// Taken off the amount.
    pub discount: i64,
}

impl PayRequest {
    /// A visa for an account, without tax and the like.
    pub fn new(amount: i64, client_reference_id: impl Into<String>) -> Self {
        Self {
            payment_link: None,
            amount,
            client_reference_id: Some(client_reference_id.into()),
            email: "payer@example.com".to_owned(),
            name: Some("Petra Payer".to_owned()),
            method: Method::visa(),
            tax: 0,
            shipping: 0,
            discount: 0,
        }
    }

    /// Another way to pay.
    #[must_use]
    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    fn total(&self) -> i64 {
        self.amount - self.discount + self.tax + self.shipping
    }
}

/// How a submitted form ended.
pub(crate) enum Paid {
    /// The session is complete. `event` is its `checkout.session.completed`.
    Complete { session: Value, event: String },
    /// The card was declined; the session stays open for another try.
    Declined { session: Value },
}

/// Letters, digits, `-` and `_`, up to 200: anything else Stripe drops without a word.
pub(crate) fn usable_reference(reference: Option<&str>) -> Option<&str> {
    reference.filter(|reference| {
        (1..=200).contains(&reference.len())
            && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

impl State {
    /// Pays a link, in the session of an earlier declined try if there is one.
    pub(crate) fn pay(&mut self, request: &PayRequest, link: &Value, session: Option<&str>) -> ApiResult<Paid> {
        if link["active"] != true {
            return Err(ApiError::invalid("This payment link is no longer active."));
        }
        let price = self.price_of(link);
        let (least, most) = amount_range(&price);
        if !(least..=most).contains(&request.amount) {
            return Err(ApiError::invalid(format!("The amount must be between {least} and {most}.")));
        }
        let kind = request.method.kind();
        if !methods(link).contains(&kind) {
            return Err(ApiError::invalid(format!("This payment link takes no payments by {kind}.")));
        }
        let currency = text(link, "currency");
        if !is_whole(request.total(), &currency) {
            return Err(ApiError::invalid(format!("Amounts in {currency} must be divisible by 100.")));
        }
        let session = self.open_session(request, link, session);
        let session_id = text(&session, "id");
        let intent_id = match session["payment_intent"].as_str() {
            Some(id) => id.to_owned(),
            None => self.new_intent(request, link),
        };
        self.confirm(&intent_id, request);
        if request.method.is_declined() {
            let session = self.update("checkout.session", &session_id, |session| {
                session["payment_intent"] = json!(intent_id);
            });
            return Ok(Paid::Declined { session });
        }
        let delayed = request.method.is_delayed();
        if let Method::BankDebit { succeeds } = request.method {
            self.unsettled.insert(session_id.clone(), succeeds);
        }
        let session = self.update("checkout.session", &session_id, |session| {
            session["payment_intent"] = json!(intent_id);
            session["status"] = json!("complete");
            session["payment_status"] = json!(if delayed { "unpaid" } else { "paid" });
            session["url"] = Value::Null;
        });
        let event = self.emit("checkout.session.completed", &session, &Cause::default());
        Ok(Paid::Complete { session, event })
    }

    /// Lets the bank debit of a session end.
    pub(crate) fn settle(&mut self, session_id: &str, succeeds: bool) -> ApiResult<Value> {
        let session = self.get("checkout.session", session_id, "session")?.clone();
        if self.unsettled.remove(session_id).is_none() {
            return Err(ApiError::invalid(format!("The payment of {session_id} is not under way.")));
        }
        let intent_id = text(&session, "payment_intent");
        let charge_id = text(&self.get("payment_intent", &intent_id, "payment_intent")?.clone(), "latest_charge");
        let cause = Cause::default();
        if succeeds {
            self.succeed(&intent_id, &charge_id, &cause);
            let session = self.update("checkout.session", session_id, |session| {
                session["payment_status"] = json!("paid");
            });
            self.emit("checkout.session.async_payment_succeeded", &session, &cause);
            return Ok(session);
        }
        let failure = Failure {
            code: "insufficient_funds",
            decline_code: None,
            message: "The customer's account has insufficient funds to cover this payment.",
        };
        self.fail(&intent_id, &charge_id, &failure, &cause);
        self.emit("checkout.session.async_payment_failed", &session, &cause);
        Ok(session)
    }

    /// Of an earlier, declined try only the id and the payment intent stay.
    fn open_session(&mut self, request: &PayRequest, link: &Value, wanted: Option<&str>) -> Value {
        let wanted = wanted.filter(|id| ids::is_session(id, self.account.livemode));
        let earlier = wanted.and_then(|id| self.find("checkout.session", id));
        let (id, intent) = match (wanted, earlier) {
            (Some(id), None) => (id.to_owned(), Value::Null),
            (Some(id), Some(earlier)) if earlier["payment_link"] == link["id"] && earlier["status"] == "open" => {
                (id.to_owned(), earlier["payment_intent"].clone())
            }
            _ => (ids::session(self.account.livemode), Value::Null),
        };
        let session = self.session(&id, request, link, &intent);
        self.insert(session)
    }

    fn session(&self, id: &str, request: &PayRequest, link: &Value, intent: &Value) -> Value {
        let now = self.now_s();
        let has_tax = link["automatic_tax"]["enabled"] == true;
        let has_invoice = link["invoice_creation"]["enabled"] == true;
        let success_url = match &link["after_completion"]["redirect"]["url"] {
            Value::Null => json!("https://stripe.com"),
            url => url.clone(),
        };
        json!({
            "adaptive_pricing": { "enabled": false },
            "after_expiration": null,
            "allow_promotion_codes": link["allow_promotion_codes"],
            "amount_subtotal": request.amount,
            "amount_total": request.total(),
            "automatic_tax": {
                "enabled": has_tax,
                "liability": if has_tax { json!({ "type": "self" }) } else { Value::Null },
                "provider": if has_tax { json!("stripe") } else { Value::Null },
                "status": if has_tax { json!("complete") } else { Value::Null },
            },
            "billing_address_collection": link["billing_address_collection"],
            "branding_settings": null,
            "cancel_url": "https://stripe.com",
            "client_reference_id": usable_reference(request.client_reference_id.as_deref()),
            "client_secret": null,
            "collected_information": { "business_name": null, "individual_name": null, "shipping_details": null },
            "consent": null,
            "consent_collection": null,
            "created": now,
            "currency": link["currency"],
            "currency_conversion": null,
            "custom_fields": [],
            "custom_text": link["custom_text"],
            "customer": null,
            "customer_account": null,
            "customer_creation": link["customer_creation"],
            "customer_details": {
                "address": address(),
                "business_name": null,
                "email": request.email,
                "individual_name": null,
                "name": request.name,
                "phone": null,
                "tax_exempt": "none",
                "tax_ids": [],
            },
            "customer_email": null,
            "discounts": [],
            "expires_at": now + 24 * 60 * 60,
            "id": id,
            "integration_identifier": null,
            "invoice": if has_invoice { json!(ids::of_account("in")) } else { Value::Null },
            "invoice_creation": {
                "enabled": has_invoice,
                "invoice_data": {
                    "account_tax_ids": null,
                    "custom_fields": null,
                    "description": null,
                    "footer": null,
                    "issuer": null,
                    "metadata": {},
                    "rendering_options": null,
                },
            },
            "livemode": self.account.livemode,
            "locale": "auto",
            "managed_payments": { "enabled": false },
            "metadata": link["metadata"],
            "mode": "payment",
            "object": "checkout.session",
            "origin_context": null,
            "payment_intent": intent,
            "payment_link": link["id"],
            "payment_method_collection": "if_required",
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": methods(link),
            "payment_status": "unpaid",
            "permissions": null,
            "phone_number_collection": { "enabled": false },
            "presentment_details": null,
            "recovered_from": null,
            "saved_payment_method_options": null,
            "setup_intent": null,
            "shipping_address_collection": null,
            "shipping_cost": null,
            "shipping_options": [],
            "status": "open",
            "submit_type": link["submit_type"],
            "subscription": null,
            "success_url": success_url,
            "total_details": {
                "amount_discount": request.discount,
                "amount_shipping": request.shipping,
                "amount_tax": request.tax,
            },
            "ui_mode": "hosted_page",
            "url": format!("{}/c/pay/{id}", self.account.url),
            "wallet_options": null,
        })
    }

    fn new_intent(&mut self, request: &PayRequest, link: &Value) -> String {
        let id = ids::of_payment("pi");
        let intent = json!({
            "amount": request.total(),
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": 0,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": null,
            "cancellation_reason": null,
            "capture_method": "automatic_async",
            "client_secret": format!("{id}_secret_{}", ids::random(25)),
            "confirmation_method": "automatic",
            "created": self.now_s(),
            "currency": link["currency"],
            "customer": null,
            "customer_account": null,
            "description": null,
            "excluded_payment_method_types": null,
            "id": id,
            "last_payment_error": null,
            "latest_charge": null,
            "livemode": self.account.livemode,
            "managed_payments": { "enabled": false },
            "metadata": link["payment_intent_data"]["metadata"].as_object().cloned().unwrap_or_default(),
            "next_action": null,
            "object": "payment_intent",
            "on_behalf_of": null,
            "payment_method": null,
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": methods(link),
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": "requires_payment_method",
            "transfer_data": null,
            "transfer_group": null,
        });
        self.insert(intent.clone());
        self.emit("payment_intent.created", &intent, &Cause::default());
        id
    }

    /// Tries to take the money: a charge that succeeds, fails, or is under way.
    fn confirm(&mut self, intent_id: &str, request: &PayRequest) {
        let cause = Cause::default();
        let method = self.payment_method(request);
        let method_id = text(&method, "id");
        self.insert(method);
        self.update("payment_intent", intent_id, |intent| {
            intent["amount"] = json!(request.total());
            intent["payment_method"] = json!(method_id);
        });
        let charge = self.charge(intent_id, &method_id, request);
        let charge_id = text(&charge, "id");
        self.insert(charge.clone());
        self.update("payment_intent", intent_id, |intent| {
            intent["latest_charge"] = json!(charge_id);
        });
        if request.method.is_declined() {
            let failure = Failure {
                code: "card_declined",
                decline_code: Some("generic_decline"),
                message: "Your card was declined.",
            };
            self.fail(intent_id, &charge_id, &failure, &cause);
        } else if request.method.is_delayed() {
            let intent = self.update("payment_intent", intent_id, |intent| {
                intent["status"] = json!("processing");
            });
            self.emit("charge.pending", &charge, &cause);
            self.emit("payment_intent.processing", &intent, &cause);
        } else {
            self.succeed(intent_id, &charge_id, &cause);
        }
    }

    fn succeed(&mut self, intent_id: &str, charge_id: &str, cause: &Cause) {
        let charge = self.update("charge", charge_id, |charge| {
            charge["status"] = json!("succeeded");
            charge["paid"] = json!(true);
            charge["captured"] = json!(true);
            charge["amount_captured"] = charge["amount"].clone();
            charge["balance_transaction"] = json!(ids::of_payment("txn"));
            charge["outcome"] = outcome("approved_by_network", "authorized", "Payment complete.");
        });
        let intent = self.update("payment_intent", intent_id, |intent| {
            intent["status"] = json!("succeeded");
            intent["amount_received"] = intent["amount"].clone();
            intent["last_payment_error"] = Value::Null;
        });
        self.emit("charge.succeeded", &charge, cause);
        self.emit("payment_intent.succeeded", &intent, cause);
    }

    fn fail(&mut self, intent_id: &str, charge_id: &str, failure: &Failure, cause: &Cause) {
        let charge = self.update("charge", charge_id, |charge| {
            charge["status"] = json!("failed");
            charge["paid"] = json!(false);
            charge["failure_code"] = json!(failure.code);
            charge["failure_message"] = json!(failure.message);
            charge["outcome"] = outcome("declined_by_network", "issuer_declined", failure.message);
        });
        let intent = self.update("payment_intent", intent_id, |intent| {
            intent["status"] = json!("requires_payment_method");
            intent["payment_method"] = Value::Null;
            intent["last_payment_error"] = json!({
                "charge": charge_id,
                "code": failure.code,
                "decline_code": failure.decline_code,
                "message": failure.message,
                "type": "card_error",
            });
        });
        self.emit("charge.failed", &charge, cause);
        self.emit("payment_intent.payment_failed", &intent, cause);
    }

    fn payment_method(&self, request: &PayRequest) -> Value {
        let kind = request.method.kind();
        json!({
            "allow_redisplay": "limited",
            "billing_details": billing_details(request),
            kind: request.method.details(&self.account.id),
            "created": self.now_s(),
            "customer": null,
            "customer_account": null,
            "id": ids::of_account("pm"),
            "livemode": self.account.livemode,
            "metadata": {},
            "object": "payment_method",
            "type": kind,
        })
    }

    fn charge(&self, intent_id: &str, method_id: &str, request: &PayRequest) -> Value {
        let id = ids::of_payment(request.method.charge_prefix());
        let amount = request.total();
        let intent = self.find("payment_intent", intent_id).expect("the payment intent was made before");
        json!({
            "amount": amount,
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": billing_details(request),
            "calculated_statement_descriptor": "STAND-IN",
            "captured": false,
            "created": self.now_s(),
            "currency": intent["currency"],
            "customer": null,
            "description": null,
            "disputed": false,
            "failure_balance_transaction": null,
            "failure_code": null,
            "failure_message": null,
            "fraud_details": {},
            "id": id,
            "livemode": self.account.livemode,
            "metadata": intent["metadata"],
            "object": "charge",
            "on_behalf_of": null,
            "outcome": null,
            "paid": false,
            "payment_intent": intent_id,
            "payment_method": method_id,
            "payment_method_details": request.method.charge_details(&self.account.id, amount),
            "presentment_details": null,
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": false,
            "review": null,
            "shipping": null,
            "source": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": "pending",
            "transfer_data": null,
            "transfer_group": null,
        })
    }

    /// The charge that a payment intent took its money with.
    pub(crate) fn paid_charge(&self, intent_id: &str) -> Option<String> {
        let paid = |charge: &&Value| charge["payment_intent"] == intent_id && charge["paid"] == true;
        self.all("charge").find(paid).map(|charge| text(charge, "id"))
    }

    /// What of a charge has not been refunded.
    pub(crate) fn unrefunded(charge: &Value) -> i64 {
        number(charge, "amount") - number(charge, "amount_refunded")
    }
}

struct Failure {
    code: &'static str,
    decline_code: Option<&'static str>,
    message: &'static str,
}

fn outcome(network_status: &str, kind: &str, seller_message: &str) -> Value {
    json!({
        "advice_code": null,
        "network_advice_code": null,
        "network_decline_code": null,
        "network_status": network_status,
        "reason": null,
        "risk_level": "normal",
        "risk_score": 1,
        "seller_message": seller_message,
        "type": kind,
    })
}

fn billing_details(request: &PayRequest) -> Value {
    json!({
        "address": address(),
        "email": request.email,
        "name": request.name,
        "phone": null,
        "tax_id": null,
    })
}

fn address() -> Value {
    json!({ "city": null, "country": "US", "line1": null, "line2": null, "postal_code": "12345", "state": null })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_or_dropped_as_on_stripe() {
        assert_eq!(usable_reference(Some("aZ09-_")), Some("aZ09-_"));
        assert_eq!(usable_reference(Some(&"x".repeat(200))).map(str::len), Some(200));
        for dropped in ["", "a b", "ä", "a.b", &"x".repeat(201)] {
            assert_eq!(usable_reference(Some(dropped)), None);
        }
    }
}
