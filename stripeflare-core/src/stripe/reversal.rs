use crate::account::{Kind, Reversal};
use crate::money::Cents;
use crate::stripe::document::{Document, Told, Unexpected, must};

/// What an event says about a refund or dispute, and where its money was.
#[derive(Debug)]
pub struct ReversalFact {
    pub reversal: Reversal,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    pub currency: String,
}

/// Source: Stripe's API reference, "The Refund object".
pub struct Refund {
    pub id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    reason: Option<String>,
    payment_intent: Option<String>,
    charge: Option<String>,
}

impl Told for Refund {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        Ok(Self {
            id: must("id", document.text("id")?)?,
            amount: must("amount", document.number("amount")?)?,
            currency: must("currency", document.text("currency")?)?,
            status: document.text("status")?,
            reason: document.text("reason")?,
            payment_intent: document.id("payment_intent")?,
            charge: document.id("charge")?,
        })
    }
}

impl Refund {
    /// What it says at a moment, in seconds.
    pub fn fact(self, at: i64) -> ReversalFact {
        let amount = cents(self.amount);
        let came_back = match self.status.as_deref() {
            // For good.
            Some("failed" | "canceled") => true,
            // Pending money is as good as gone, and so is that of a status nobody knows.
            _ => false,
        };
        let reversal = Reversal {
            kind: Kind::Refund,
            id: self.id,
            amount,
            taken: if came_back { Cents::ZERO } else { amount },
            closed: matches!(self.status.as_deref(), Some("succeeded" | "failed" | "canceled")),
            moves: came_back.into(),
            at,
            // So the operator says whose card it was not, before the bank does.
            disowned: self.reason.as_deref() == Some("fraudulent"),
        };
        ReversalFact { reversal, payment_intent: self.payment_intent, charge: self.charge, currency: self.currency }
    }
}

/// Source: Stripe's API reference, "The Dispute object".
pub struct Dispute {
    pub id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    reason: Option<String>,
    payment_intent: Option<String>,
    charge: Option<String>,
    balance_transactions: Vec<Movement>,
}

/// One movement of a dispute's money in our balance at Stripe, in the currency of that balance.
struct Movement {
    amount: i64,
    currency: Option<String>,
}

impl Told for Dispute {
    fn read(document: Document<'_>) -> Result<Self, Unexpected> {
        let movements = document.list("balance_transactions")?.map_or(&[][..], Vec::as_slice);
        let movement = |value| {
            let movement = Document::of(value)?;
            let amount = must("balance_transactions", movement.number("amount")?)?;
            Ok(Movement { amount, currency: movement.text("currency")? })
        };
        Ok(Self {
            id: must("id", document.text("id")?)?,
            amount: must("amount", document.number("amount")?)?,
            currency: must("currency", document.text("currency")?)?,
            status: document.text("status")?,
            reason: document.text("reason")?,
            payment_intent: document.id("payment_intent")?,
            charge: document.id("charge")?,
            balance_transactions: movements.iter().map(movement).collect::<Result<_, _>>()?,
        })
    }
}

impl Dispute {
    /// What the dispute and the kind of its event together say at a moment, in seconds.
    pub fn fact(self, kind: &str, at: i64) -> ReversalFact {
        let status = self.status.as_deref().unwrap_or_default();
        let amount = cents(self.amount);
        let closed = match status {
            "won" | "lost" | "warning_closed" | "prevented" => true,
            "needs_response" | "under_review" | "warning_needs_response" | "warning_under_review" => false,
            // One that is not documented yet.
            _ => kind.ends_with(".closed"),
        };
        let (moves, taken) = match kind {
            // What the kind of an event says is known only where the dispute does not list its movements.
            _ if !self.balance_transactions.is_empty() => (self.balance_transactions.len(), self.net()),
            "charge.dispute.funds_reinstated" => (2, Cents::ZERO),
            "charge.dispute.funds_withdrawn" => (1, amount),
            _ if status == "lost" => (1, amount),
            _ => (0, Cents::ZERO),
        };
        let moves = u32::try_from(moves).unwrap_or(u32::MAX);
        let disowned = status == "lost" || self.reason.as_deref() == Some("fraudulent");
        ReversalFact {
            reversal: Reversal { kind: Kind::Dispute, id: self.id, amount, taken, closed, moves, at, disowned },
            payment_intent: self.payment_intent,
            charge: self.charge,
            currency: self.currency,
        }
    }

    /// What has left and did not come back, in the currency of the payment.
    fn net(&self) -> Cents {
        let movements = || self.balance_transactions.iter();
        let (amount, net) =
            (cents(self.amount), -movements().map(|movement| i128::from(movement.amount)).sum::<i128>());
        let same = movements().all(|movement| movement.currency.as_ref() == Some(&self.currency));
        let largest = movements().map(|movement| -i128::from(movement.amount)).max().unwrap_or(0);
        let units = match net {
            ..=0 => 0,
            _ if same => net * 10_000,
            _ if net >= largest => return amount,
            // Our balance is in another currency: the part of the largest withdrawal, which was the whole.
            _ => i128::from(amount.units()) * net / largest,
        };
        i64::try_from(units).map_or(amount, |units| Cents::from_units(units.min(amount.units())))
    }
}

/// In the ledger's cents; what no ledger can hold is capped, as it is at what was credited anyway.
fn cents(amount: i64) -> Cents {
    amount.max(0).checked_mul(10_000).and_then(Cents::checked_from_units).unwrap_or(Cents::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(kind: &str, status: &str, movements: &str) -> Reversal {
        let json = format!(
            r#"{{"id":"du_1","amount":1000,"currency":"usd","status":"{status}","charge":"ch_1","payment_intent":"pi_1","balance_transactions":[{movements}]}}"#
        );
        Dispute::parse(&json).unwrap().fact(kind, 7).reversal
    }

    /// How much of 1,000 is taken, whether that is the end, and how often money has moved.
    fn facts(reversal: &Reversal) -> (i64, bool, u32) {
        assert!(reversal.taken <= reversal.amount && reversal.at == 7);
        (reversal.taken.units() / 10_000, reversal.closed, reversal.moves)
    }

    fn moved(amounts: &[i64], currency: &str) -> String {
        let movement = |amount: &i64| format!(r#"{{"amount":{amount},"currency":"{currency}"}}"#);
        amounts.iter().map(movement).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn every_status_that_stripe_documents_has_its_case() {
        for (status, taken, closed) in [
            ("warning_needs_response", 0, false),
            ("warning_under_review", 0, false),
            ("warning_closed", 0, true),
            ("needs_response", 0, false),
            ("under_review", 0, false),
            ("won", 0, true),
            ("lost", 1_000, true),
            ("prevented", 0, true),
        ] {
            let moves = u32::from(status == "lost");
            assert_eq!(facts(&dispute("charge.dispute.updated", status, "")), (taken, closed, moves), "{status}");
        }
        assert_eq!(facts(&dispute("charge.dispute.updated", "something_new", "")), (0, false, 0));
        assert_eq!(facts(&dispute("charge.dispute.closed", "something_new", "")), (0, true, 0));
    }

    #[test]
    fn what_a_dispute_takes_is_the_net_of_its_movements_whatever_its_status_and_its_event() {
        for currency in ["usd", "eur"] {
            for (amounts, taken) in [
                (&[-1_000][..], 1_000),
                (&[-1_000, 1_000], 0),
                (&[-1_000, 450], 550),
                (&[-1_000, 1_000, -1_000], 1_000),
                (&[-1_000, 1_000, -1_000, 1_000], 0),
                (&[-1_000, 1_100], 0),
                (&[-1_000, -1_000], 1_000),
            ] {
                let movements = moved(amounts, currency);
                for kind in ["created", "updated", "funds_withdrawn", "funds_reinstated", "closed"] {
                    for (status, closed) in [("needs_response", false), ("won", true), ("lost", true)] {
                        let fact = dispute(&format!("charge.dispute.{kind}"), status, &movements);
                        assert_eq!(facts(&fact), (taken, closed, amounts.len() as u32), "{kind} {status} {amounts:?}");
                    }
                }
            }
        }
        assert_eq!(facts(&dispute("", "lost", &moved(&[-400], "usd"))), (400, true, 1), "a part of what is disputed");
        let half = dispute("", "won", &moved(&[-900, 450], "eur"));
        assert_eq!(facts(&half), (500, true, 2), "in proportion: our balance is in another currency");
    }

    #[test]
    fn without_movements_the_kind_of_the_event_tells() {
        let withdrawn = dispute("charge.dispute.funds_withdrawn", "needs_response", "");
        assert_eq!(facts(&withdrawn), (1_000, false, 1));
        assert_eq!(facts(&dispute("charge.dispute.funds_reinstated", "under_review", "")), (0, false, 2));
    }

    #[test]
    fn a_dispute_that_is_lost_or_over_fraud_disowns_its_payment() {
        let disowned = |reason: &str, status: &str| {
            let json =
                format!(r#"{{"id":"du_1","amount":1,"currency":"usd","status":"{status}","reason":"{reason}"}}"#);
            Dispute::parse(&json).unwrap().fact("charge.dispute.updated", 7).reversal.disowned
        };
        assert!(disowned("fraudulent", "needs_response") && disowned("fraudulent", "won"));
        assert!(disowned("product_not_received", "lost"));
        assert!(!disowned("product_not_received", "needs_response") && !disowned("duplicate", "won"));
    }

    #[test]
    fn a_refund_over_fraud_disowns_its_payment() {
        for (reason, disowns) in [(r#""fraudulent""#, true), (r#""requested_by_customer""#, false), ("null", false)] {
            let json = format!(r#"{{"id":"re_1","amount":1,"currency":"usd","status":"succeeded","reason":{reason}}}"#);
            let fact = Refund::parse(&json).unwrap().fact(7);
            assert_eq!(fact.reversal.disowned, disowns, "{reason}");
        }
    }

    #[test]
    fn no_sum_of_movements_is_too_large() {
        for currency in ["usd", "eur"] {
            let [least, most] = [i64::MIN, i64::MAX].map(|amount| vec![moved(&[amount], currency); 2_000].join(","));
            assert_eq!(dispute("", "lost", &least).taken, Cents::new(1_000));
            assert_eq!(dispute("", "lost", &most).taken, Cents::ZERO);
            let both = dispute("", "lost", &format!("{most},{least}")).taken;
            assert_eq!(both, if currency == "usd" { Cents::new(1_000) } else { Cents::ZERO });
        }
    }

    #[test]
    fn a_refund_counts_until_it_failed() {
        for (status, taken, closed) in [
            ("pending", 300, false),
            ("requires_action", 300, false),
            ("succeeded", 300, true),
            ("failed", 0, true),
            ("canceled", 0, true),
            ("something_new", 300, false),
        ] {
            let json = format!(
                r#"{{"id":"re_1","amount":300,"currency":"usd","status":"{status}","charge":"ch_1","payment_intent":null}}"#
            );
            let fact = Refund::parse(&json).unwrap().fact(7);
            assert_eq!(facts(&fact.reversal), (taken, closed, u32::from(taken == 0)), "{status}");
            assert_eq!((fact.payment_intent, fact.charge.as_deref()), (None, Some("ch_1")));
        }
    }
}
