//! Money that a payer's bank takes back.

use serde_json::{Value, json};

use crate::stripe::model::events::Cause;
use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::ids;
use crate::stripe::wire::json::{merge, metadata as shown_metadata, number, text};

/// What a payer's bank asks or takes back.
#[derive(Debug, Clone)]
pub struct DisputeRequest {
    /// `ch_…`
    pub charge: String,
    /// `None`: the whole charge.
    pub amount: Option<i64>,
    /// A mere question: no money moves.
    pub inquiry: bool,
    /// `fraudulent`, `general`, `product_not_received`, …
    pub reason: String,
}

impl DisputeRequest {
    /// A dispute over the whole charge.
    pub fn new(charge: impl Into<String>) -> Self {
        Self { charge: charge.into(), amount: None, inquiry: false, reason: "general".to_owned() }
    }
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeEnd {
    /// For the seller.
    Won,
    /// For the payer.
    Lost,
    /// An inquiry that came to nothing.
    WarningClosed,
    /// Settled before it became a chargeback: no money moves through the dispute.
    Prevented,
}

impl DisputeEnd {
    fn name(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::WarningClosed => "warning_closed",
            Self::Prevented => "prevented",
        }
    }

    /// In which a dispute can end so.
    fn from(self) -> &'static [&'static str] {
        match self {
            Self::Won | Self::Lost => &CHARGEBACK,
            Self::WarningClosed => &INQUIRY,
            Self::Prevented => &["warning_needs_response", "warning_under_review", "needs_response"],
        }
    }
}

/// What a dispute costs, whatever becomes of it.
const FEE: i64 = 1500;

/// Open, and only a question.
const INQUIRY: [&str; 2] = ["warning_needs_response", "warning_under_review"];

/// Open, with money at stake.
const CHARGEBACK: [&str; 2] = ["needs_response", "under_review"];

impl State {
    pub(crate) fn open_dispute(&mut self, request: &DisputeRequest) -> ApiResult<Value> {
        let charge = self.get("charge", &request.charge, "charge")?.clone();
        let amount = request.amount.unwrap_or_else(|| number(&charge, "amount"));
        if charge["paid"] != true || !(1..=number(&charge, "amount")).contains(&amount) {
            return Err(ApiError::invalid(format!("Charge {} cannot be disputed over {amount}.", request.charge)));
        }
        let now = self.now_s();
        let dispute = json!({
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": {
                "due_by": now + 7 * 24 * 60 * 60,
                "enhanced_eligibility": {},
                "has_evidence": false,
                "past_due": false,
                "submission_count": 0,
            },
            "id": ids::of_account("du"),
            "is_charge_refundable": request.inquiry,
            "livemode": self.account.livemode,
            "metadata": {},
            "object": "dispute",
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": charge["payment_method_details"]["card"]["brand"],
                    "case_type": if request.inquiry { "inquiry" } else { "chargeback" },
                    "network": charge["payment_method_details"]["card"]["network"],
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": request.reason,
            "status": if request.inquiry { "warning_needs_response" } else { "needs_response" },
        });
        self.insert(dispute.clone());
        self.update("charge", &request.charge, |charge| {
            charge["disputed"] = json!(charge["disputed"] == true || !request.inquiry);
        });
        self.emit("charge.dispute.created", &dispute, &Cause::default());
        Ok(dispute)
    }

    /// `POST /v1/disputes/{id}`: evidence, which the bank looks at once it is submitted
    pub(crate) fn update_dispute(&mut self, id: &str, mut params: Params, cause: &Cause) -> ApiResult<Value> {
        let evidence = params.map("evidence");
        let metadata = params.map("metadata");
        let submit = params.boolean("submit")?.unwrap_or(true);
        params.finish()?;
        self.get("dispute", id, "dispute").map_err(ApiError::not_found)?;
        let before = self.open_one(id, &[&INQUIRY[..], &CHARGEBACK[..]].concat(), "answered")?;
        let is_answered = submit && !evidence.is_empty();
        let dispute = self.update("dispute", id, |dispute| {
            merge(&mut dispute["evidence"], shown_metadata(evidence));
            merge(&mut dispute["metadata"], shown_metadata(metadata));
            if is_answered {
                answer(dispute);
            }
        });
        self.emit_change("charge.dispute.updated", &before, &dispute, cause);
        Ok(dispute)
    }

    /// `POST /v1/disputes/{id}/close`: the seller gives in
    pub(crate) fn accept_dispute(&mut self, id: &str, cause: &Cause) -> ApiResult<Value> {
        self.get("dispute", id, "dispute").map_err(ApiError::not_found)?;
        self.end_dispute(id, DisputeEnd::Lost, cause)
    }

    /// The seller's evidence goes to the bank.
    pub(crate) fn answer_dispute(&mut self, id: &str) -> ApiResult<Value> {
        let before = self.open_one(id, &["warning_needs_response", "needs_response"], "answered")?;
        let dispute = self.update("dispute", id, answer);
        self.emit_change("charge.dispute.updated", &before, &dispute, &Cause::default());
        Ok(dispute)
    }

    /// An inquiry becomes a chargeback.
    pub(crate) fn escalate_dispute(&mut self, id: &str) -> ApiResult<Value> {
        let before = self.open_one(id, &INQUIRY, "escalated")?;
        let dispute = self.update("dispute", id, |dispute| {
            dispute["status"] = json!("needs_response");
            dispute["is_charge_refundable"] = json!(false);
            dispute["payment_method_details"]["card"]["case_type"] = json!("chargeback");
        });
        self.update("charge", &text(&dispute, "charge"), |charge| charge["disputed"] = json!(true));
        self.emit_change("charge.dispute.updated", &before, &dispute, &Cause::default());
        Ok(dispute)
    }

    pub(crate) fn withdraw(&mut self, id: &str) -> ApiResult<Value> {
        let before = self.open_one(id, &CHARGEBACK, "withdrawn from")?;
        if moved(&before).0 > 0 {
            return Err(ApiError::invalid(format!("The amount of dispute {id} has left already.")));
        }
        Ok(self.move_funds(id, -number(&before, "amount")))
    }

    /// In part, or all that left; also after a loss.
    pub(crate) fn reinstate(&mut self, id: &str, amount: Option<i64>) -> ApiResult<Value> {
        let before = self.open_one(id, &["needs_response", "under_review", "won", "lost"], "reinstated")?;
        let (left, back) = moved(&before);
        let amount = amount.unwrap_or(left - back);
        if !(1..=left - back).contains(&amount) {
            return Err(ApiError::invalid(format!(
                "Dispute {id} took {left}, gave {back} back and cannot give {amount}."
            )));
        }
        Ok(self.move_funds(id, amount))
    }

    pub(crate) fn close_dispute(&mut self, id: &str, end: DisputeEnd) -> ApiResult<Value> {
        self.end_dispute(id, end, &Cause::default())
    }

    fn end_dispute(&mut self, id: &str, end: DisputeEnd, cause: &Cause) -> ApiResult<Value> {
        let before = self.open_one(id, end.from(), end.name())?;
        if end == DisputeEnd::Prevented && moved(&before).0 > 0 {
            return Err(ApiError::invalid(format!("The amount of dispute {id} has left: it cannot be prevented.")));
        }
        if end == DisputeEnd::Lost && moved(&before).0 == 0 {
            // Nothing is lost that has not left.
            self.withdraw(id)?;
        }
        let dispute = self.update("dispute", id, |dispute| {
            dispute["status"] = json!(end.name());
            if end == DisputeEnd::Prevented {
                dispute["payment_method_details"]["card"]["case_type"] = json!("block");
            }
        });
        // Only what was open as a dispute or a warning is told to be closed.
        let event = if end == DisputeEnd::Prevented { "charge.dispute.updated" } else { "charge.dispute.closed" };
        self.emit_change(event, &before, &dispute, cause);
        Ok(dispute)
    }

    /// The dispute, if it stands in one of these ways.
    fn open_one(&self, id: &str, standing: &[&str], what: &str) -> ApiResult<Value> {
        let dispute = self.get("dispute", id, "dispute")?;
        let status = text(dispute, "status");
        if !standing.contains(&status.as_str()) {
            return Err(ApiError::invalid(format!("Dispute {id} is {status} and cannot be {what}.")));
        }
        Ok(dispute.clone())
    }

    /// Away from the seller if negative, and back otherwise.
    fn move_funds(&mut self, id: &str, amount: i64) -> Value {
        let leaves = amount < 0;
        let fee = if leaves { FEE } else { 0 };
        let before = self.find("dispute", id).expect("the dispute was looked at").clone();
        let currency = &before["currency"];
        let fee_details = json!([{
            "amount": fee, "application": null, "currency": currency, "description": "Dispute fee", "type": "stripe_fee",
        }]);
        let transaction = json!({
            "amount": amount,
            "available_on": self.now_s(),
            "created": self.now_s(),
            "currency": currency,
            "description": if leaves { "Chargeback withdrawal" } else { "Chargeback reversal" },
            "exchange_rate": null,
            "fee": fee,
            "fee_details": if leaves { fee_details } else { json!([]) },
            "id": ids::of_account("txn"),
            "net": amount - fee,
            "object": "balance_transaction",
            "reporting_category": if leaves { "dispute" } else { "dispute_reversal" },
            "source": id,
            "status": "available",
            "type": "adjustment",
        });
        let dispute = self.update("dispute", id, |dispute| {
            if let Some(transactions) = dispute["balance_transactions"].as_array_mut() {
                transactions.push(transaction);
            }
        });
        let event = if leaves { "charge.dispute.funds_withdrawn" } else { "charge.dispute.funds_reinstated" };
        self.emit_change(event, &before, &dispute, &Cause::default());
        dispute
    }
}

/// The bank has the seller's evidence.
fn answer(dispute: &mut Value) {
    let is_inquiry = text(dispute, "status").starts_with("warning_");
    dispute["status"] = json!(if is_inquiry { "warning_under_review" } else { "under_review" });
    let details = &mut dispute["evidence_details"];
    details["submission_count"] = json!(number(details, "submission_count") + 1);
    details["has_evidence"] = json!(true);
}

/// What has left the seller, and what has come back.
fn moved(dispute: &Value) -> (i64, i64) {
    let amounts = dispute["balance_transactions"].as_array().into_iter().flatten();
    amounts.map(|transaction| number(transaction, "amount")).fold((0, 0), |(left, back), amount| match amount {
        ..0 => (left - amount, back),
        _ => (left, back + amount),
    })
}
