//! Money that goes back because the seller wants it to.

use serde_json::{Value, json};

use crate::stripe::model::events::Cause;
use crate::stripe::model::state::State;
use crate::stripe::wire::currency::{is_whole, shown};
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::ids;
use crate::stripe::wire::json::{merge, metadata as shown_metadata, number, text};

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// The payer has to give a bank account.
    RequiresAction,
    /// Done.
    Succeeded,
    /// Came back: the seller has the money again.
    Failed,
    /// Taken back before it was done.
    Canceled,
}

/// How long a refund waits for the payer's bank account.
const WAITS_S: i64 = 45 * 24 * 60 * 60;

impl RefundStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// What else a refund shows while it stands so.
    fn fields(self, now_s: i64) -> Value {
        match self {
            Self::Pending => json!({ "pending_reason": "processing", "status": self.name() }),
            Self::RequiresAction => json!({
                "next_action": { "display_details": { "expires_at": now_s + WAITS_S }, "type": "display_details" },
                "status": self.name(),
            }),
            Self::Failed => json!({ "failure_reason": "expired_or_canceled_card", "status": self.name() }),
            Self::Succeeded | Self::Canceled => json!({ "status": self.name() }),
        }
    }

    fn gives_back(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled)
    }
}

impl State {
    /// `POST /v1/refunds`
    pub(crate) fn create_refund(&mut self, mut params: Params, cause: &Cause) -> ApiResult<Value> {
        let intent_id = params.text("payment_intent")?;
        let charge_id = params.text("charge")?;
        let amount = params.integer_between("amount", 1, i64::MAX)?;
        let reason = params.choice("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
        let metadata = params.map("metadata");
        params.finish()?;
        let charge_id = match (charge_id, intent_id) {
            (Some(charge), _) => charge,
            (None, Some(intent)) => {
                self.get("payment_intent", &intent, "payment_intent")?;
                self.paid_charge(&intent).ok_or_else(|| {
                    let message = format!("This PaymentIntent ({intent}) does not have a successful charge to refund.");
                    ApiError::invalid(message).with_param("payment_intent")
                })?
            }
            (None, None) => {
                let message =
                    "One of the following params should be provided for this request: payment_intent or charge.";
                return Err(ApiError::parameter("parameter_missing", "payment_intent", message));
            }
        };
        let charge = self.get("charge", &charge_id, "charge")?.clone();
        let amount = refundable(&charge, amount)?;
        let status = if charge["payment_method_details"]["type"] == "us_bank_account" {
            RefundStatus::Pending
        } else {
            RefundStatus::Succeeded
        };
        Ok(self.insert_refund(
            &charge,
            amount,
            status,
            json!({ "reason": reason, "metadata": shown_metadata(metadata) }),
            cause,
        ))
    }

    /// A refund as somebody makes it in the dashboard, in any state.
    pub(crate) fn refund(&mut self, charge_id: &str, amount: Option<i64>, status: RefundStatus) -> ApiResult<Value> {
        let charge = self.get("charge", charge_id, "charge")?.clone();
        let amount = refundable(&charge, amount)?;
        Ok(self.insert_refund(&charge, amount, status, json!({}), &Cause::default()))
    }

    /// `POST /v1/refunds/{id}/cancel`, for a refund that waits for the payer
    pub(crate) fn cancel_refund(&mut self, id: &str, cause: &Cause) -> ApiResult<Value> {
        let before = self.get("refund", id, "id").map_err(ApiError::not_found)?;
        if before["status"] != RefundStatus::RequiresAction.name() {
            let message = "Only a refund with status requires_action can be canceled.";
            return Err(ApiError::invalid(message).with_param("id"));
        }
        self.move_refund(id, RefundStatus::Canceled, cause)
    }

    /// A refund moves on.
    pub(crate) fn update_refund(&mut self, id: &str, status: RefundStatus) -> ApiResult<Value> {
        self.move_refund(id, status, &Cause::default())
    }

    fn move_refund(&mut self, id: &str, status: RefundStatus, cause: &Cause) -> ApiResult<Value> {
        let before = self.get("refund", id, "refund")?.clone();
        let standing = text(&before, "status");
        // A refund that the payer's bank took can still come back.
        let goes_on = match standing.as_str() {
            "pending" | "requires_action" => true,
            "succeeded" => status == RefundStatus::Succeeded || status.gives_back(),
            _ => false,
        };
        if !goes_on {
            return Err(ApiError::invalid(format!("Refund {id} is {standing} and cannot become {}.", status.name())));
        }
        let came_back = ids::of_payment("txn");
        let fields = status.fields(self.now_s());
        let refund = self.update("refund", id, |refund| {
            for gone in ["next_action", "pending_reason"] {
                refund.as_object_mut().expect("a refund is an object").remove(gone);
            }
            merge(refund, fields);
            if status == RefundStatus::Failed {
                refund["failure_balance_transaction"] = json!(came_back);
            }
        });
        if status.gives_back() {
            self.change_refunded(&text(&refund, "charge"), -number(&refund, "amount"));
        }
        self.emit_change("refund.updated", &before, &refund, cause);
        // The older name of the same fact.
        self.emit_change("charge.refund.updated", &before, &refund, cause);
        if status == RefundStatus::Failed {
            self.emit_change("refund.failed", &before, &refund, cause);
        }
        Ok(refund)
    }

    fn insert_refund(
        &mut self,
        charge: &Value,
        amount: i64,
        status: RefundStatus,
        more: Value,
        cause: &Cause,
    ) -> Value {
        let mut refund = json!({
            "amount": amount,
            "balance_transaction": ids::of_payment("txn"),
            "charge": charge["id"],
            "created": self.now_s(),
            "currency": charge["currency"],
            "customer": null,
            "customer_account": null,
            "destination_details": { "card": { "type": "refund" }, "type": "card" },
            "id": ids::of_payment("re"),
            "metadata": {},
            "object": "refund",
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": null,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "transfer_reversal": null,
        });
        merge(&mut refund, status.fields(self.now_s()));
        merge(&mut refund, more);
        self.insert(refund.clone());
        self.emit("refund.created", &refund, cause);
        if status.gives_back() {
            if status == RefundStatus::Failed {
                self.emit("refund.failed", &refund, cause);
            }
            return refund;
        }
        let refunded = self.change_refunded(&text(charge, "id"), amount);
        self.emit_change("charge.refunded", charge, &refunded, cause);
        refund
    }

    fn change_refunded(&mut self, charge_id: &str, by: i64) -> Value {
        self.update("charge", charge_id, |charge| {
            charge["amount_refunded"] = json!(number(charge, "amount_refunded") + by);
            charge["refunded"] = json!(State::unrefunded(charge) == 0);
        })
    }
}

/// The amount to refund, by default all that is left of the charge.
fn refundable(charge: &Value, amount: Option<i64>) -> ApiResult<i64> {
    let id = text(charge, "id");
    let left = State::unrefunded(charge);
    let currency = text(charge, "currency");
    if charge["paid"] != true {
        return Err(ApiError::invalid(format!("Charge {id} is not paid and cannot be refunded.")).with_param("charge"));
    }
    if left == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(ApiError::invalid(message).with_code("charge_already_refunded"));
    }
    if charge["disputed"] == true {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(ApiError::invalid(message).with_code("charge_disputed"));
    }
    match amount {
        Some(amount) if amount > left => {
            let (amount, left) = (shown(amount, &currency), shown(left, &currency));
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            Err(ApiError::invalid(message).with_param("amount"))
        }
        Some(amount) if !is_whole(amount, &currency) => {
            Err(ApiError::invalid(format!("Amounts in {currency} must be divisible by 100.")).with_param("amount"))
        }
        amount => Ok(amount.unwrap_or(left)),
    }
}
