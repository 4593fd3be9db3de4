use serde::Deserialize;

use crate::account::{Kind, Reversal};
use crate::money::Cents;
use crate::stripe::id::Id;

/// What an event says about a refund or dispute, and where its money was.
#[derive(Debug)]
pub struct ReversalFact {
    pub reversal: Reversal,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub currency: String,
}

/// Source: Stripe's API reference, "The Refund object".
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    payment_intent: Option<Id>,
    charge: Option<Id>,
}

impl From<Refund> for ReversalFact {
    fn from(refund: Refund) -> Self {
        let amount = cents(refund.amount);
        // Pending money is as good as gone; what failed or was canceled came back and stays.
        let ended = matches!(refund.status.as_deref(), Some("failed" | "canceled"));
        let returned = if ended { amount } else { Cents::ZERO };
        Self {
            reversal: Reversal {
                kind: Kind::Refund,
                id: refund.id,
                amount,
                withdrawn: true,
                returned,
                closed: ended,
                disowned: false,
            },
            payment_intent: refund.payment_intent.map(|intent| intent.0),
            charge: refund.charge.map(|charge| charge.0),
            currency: refund.currency,
        }
    }
}

/// Source: Stripe's API reference, "The Dispute object".
#[derive(Deserialize)]
pub struct Dispute {
    pub id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    reason: Option<String>,
    payment_intent: Option<Id>,
    charge: Option<Id>,
    #[serde(default)]
    balance_transactions: Vec<Movement>,
}

/// One movement of a dispute's money in our balance at Stripe, in the currency of that balance.
#[derive(Deserialize)]
struct Movement {
    amount: i64,
}

impl Dispute {
    /// What the dispute and the kind of its event together say.
    pub fn fact(self, kind: &str) -> ReversalFact {
        let status = self.status.as_deref().unwrap_or_default();
        let sum = |sign: i64| -> i128 {
            let movements = self.balance_transactions.iter().filter(|movement| movement.amount.signum() == sign);
            movements.map(|movement| i128::from(movement.amount.unsigned_abs())).sum()
        };
        let (left, back) = (sum(-1), sum(1));
        let reinstated = kind.ends_with(".funds_reinstated") || back > 0;
        let withdrawn = kind.ends_with(".funds_withdrawn") || reinstated || left > 0 || status == "lost";
        let amount = cents(self.amount);
        let returned = match (reinstated, left > 0 && back > 0 && back < left) {
            (false, _) => Cents::ZERO,
            // In part: the movements may be in another currency, their proportion holds.
            (true, true) => part(amount, back, left),
            (true, false) => amount,
        };
        let closed = kind.ends_with(".closed") || matches!(status, "won" | "lost" | "warning_closed");
        let disowned = status == "lost" || self.reason.as_deref() == Some("fraudulent");
        ReversalFact {
            reversal: Reversal { kind: Kind::Dispute, id: self.id, amount, withdrawn, returned, closed, disowned },
            payment_intent: self.payment_intent.map(|intent| intent.0),
            charge: self.charge.map(|charge| charge.0),
            currency: self.currency,
        }
    }
}

/// In the ledger's cents; what no ledger can hold is capped, as it is at what was credited anyway.
fn cents(amount: i64) -> Cents {
    amount.max(0).checked_mul(10_000).and_then(Cents::checked_from_units).unwrap_or(Cents::MAX)
}

fn part(amount: Cents, mut back: i128, mut left: i128) -> Cents {
    // Sums that no Stripe account ever sees; their proportion is all that counts, and it fits then.
    while left > i128::from(i64::MAX) {
        (back, left) = (back >> 1, left >> 1);
    }
    let units = i128::from(amount.units()) * back / left;
    i64::try_from(units).map_or(amount, Cents::from_units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(kind: &str, status: &str, movements: &str) -> Reversal {
        let json = format!(
            r#"{{"id":"du_1","amount":1000,"currency":"usd","status":"{status}","charge":"ch_1","payment_intent":"pi_1","balance_transactions":[{movements}]}}"#
        );
        serde_json::from_str::<Dispute>(&json).unwrap().fact(kind).reversal
    }

    fn facts(reversal: &Reversal) -> (bool, Cents, bool) {
        (reversal.withdrawn, reversal.returned, reversal.closed)
    }

    #[test]
    fn a_dispute_is_read_from_its_event_and_its_movements() {
        let open = dispute("charge.dispute.created", "needs_response", "");
        assert_eq!(facts(&open), (false, Cents::ZERO, false));
        let withdrawn = dispute("charge.dispute.funds_withdrawn", "needs_response", r#"{"amount":-1000}"#);
        assert_eq!(facts(&withdrawn), (true, Cents::ZERO, false));
        let updated = dispute("charge.dispute.updated", "under_review", r#"{"amount":-1000}"#);
        assert_eq!(facts(&updated), (true, Cents::ZERO, false), "the withdrawal's own event may be late");
        let half = dispute("charge.dispute.funds_reinstated", "won", r#"{"amount":-900},{"amount":450}"#);
        assert_eq!(
            facts(&half),
            (true, Cents::new(500), true),
            "in proportion: our balance may be in another currency"
        );
        let without = dispute("charge.dispute.funds_reinstated", "under_review", "");
        assert_eq!(facts(&without), (true, Cents::new(1000), false));
        assert_eq!(facts(&dispute("charge.dispute.closed", "lost", "")), (true, Cents::ZERO, true));
        assert_eq!(facts(&dispute("charge.dispute.closed", "warning_closed", "")), (false, Cents::ZERO, true));
    }

    #[test]
    fn a_dispute_that_is_lost_or_over_fraud_disowns_its_payment() {
        let disowned = |reason: &str, status: &str| {
            let json =
                format!(r#"{{"id":"du_1","amount":1,"currency":"usd","status":"{status}","reason":"{reason}"}}"#);
            serde_json::from_str::<Dispute>(&json).unwrap().fact("charge.dispute.updated").reversal.disowned
        };
        assert!(disowned("fraudulent", "needs_response") && disowned("fraudulent", "won"));
        assert!(disowned("product_not_received", "lost"));
        assert!(!disowned("product_not_received", "needs_response") && !disowned("duplicate", "won"));
    }

    #[test]
    fn no_sum_of_movements_is_too_large() {
        let (most, least) = (format!(r#"{{"amount":{}}}"#, i64::MAX), format!(r#"{{"amount":{}}}"#, i64::MIN));
        let movements = [vec![most; 1_000], vec![least; 2_000]].concat().join(",");
        let half = dispute("charge.dispute.funds_reinstated", "won", &movements);
        assert_eq!(half.returned, Cents::from_units(4_999_999));
    }

    #[test]
    fn a_refund_counts_until_it_failed() {
        for (status, returned) in
            [("pending", 0), ("requires_action", 0), ("succeeded", 0), ("failed", 300), ("canceled", 300)]
        {
            let json = format!(
                r#"{{"id":"re_1","amount":300,"currency":"usd","status":"{status}","charge":"ch_1","payment_intent":null}}"#
            );
            let fact: ReversalFact = serde_json::from_str::<Refund>(&json).unwrap().into();
            assert_eq!(facts(&fact.reversal), (true, Cents::new(returned), returned > 0), "{status}");
            assert_eq!((fact.payment_intent, fact.charge.as_deref()), (None, Some("ch_1")));
        }
    }
}
