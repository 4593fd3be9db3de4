//! Money that a payer's bank takes back.

use serde_json::{Value, json};

use crate::stripe::model::events::Cause;
use crate::stripe::model::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::ids;
use crate::stripe::wire::json::{number, text};

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
}

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
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": request.reason,
            "status": if request.inquiry { "warning_needs_response" } else { "needs_response" },
        });
        self.insert(dispute.clone());
        self.update("charge", &request.charge, |charge| {
            charge["disputed"] = json!(!request.inquiry);
        });
        self.emit("charge.dispute.created", &dispute, &Cause::default());
        Ok(dispute)
    }

    pub(crate) fn withdraw(&mut self, dispute_id: &str) -> ApiResult<Value> {
        self.move_funds(dispute_id, "charge.dispute.funds_withdrawn", |dispute| {
            (-number(dispute, "amount"), "Chargeback withdrawal")
        })
    }

    pub(crate) fn reinstate(&mut self, dispute_id: &str, amount: Option<i64>) -> ApiResult<Value> {
        self.move_funds(dispute_id, "charge.dispute.funds_reinstated", |dispute| {
            (amount.unwrap_or_else(|| number(dispute, "amount")), "Chargeback reversal")
        })
    }

    pub(crate) fn close_dispute(&mut self, dispute_id: &str, end: DisputeEnd) -> ApiResult<Value> {
        self.get("dispute", dispute_id, "dispute")?;
        let dispute = self.update("dispute", dispute_id, |dispute| {
            dispute["status"] = json!(match end {
                DisputeEnd::Won => "won",
                DisputeEnd::Lost => "lost",
                DisputeEnd::WarningClosed => "warning_closed",
            });
        });
        self.emit("charge.dispute.closed", &dispute, &Cause::default());
        Ok(dispute)
    }

    fn move_funds(
        &mut self,
        dispute_id: &str,
        event: &str,
        what: impl FnOnce(&Value) -> (i64, &'static str),
    ) -> ApiResult<Value> {
        let dispute = self.get("dispute", dispute_id, "dispute")?;
        let (amount, description) = what(dispute);
        let transaction = json!({
            "amount": amount,
            "created": self.now_s(),
            "currency": dispute["currency"],
            "description": description,
            "fee": 0,
            "id": ids::of_account("txn"),
            "net": amount,
            "object": "balance_transaction",
            "reporting_category": if amount < 0 { "dispute" } else { "dispute_reversal" },
            "source": text(dispute, "id"),
            "status": "available",
            "type": "adjustment",
        });
        let dispute = self.update("dispute", dispute_id, |dispute| {
            if let Some(transactions) = dispute["balance_transactions"].as_array_mut() {
                transactions.push(transaction);
            }
        });
        self.emit(event, &dispute, &Cause::default());
        Ok(dispute)
    }
}
