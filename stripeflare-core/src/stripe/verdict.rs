use crate::account::{Credit, Payer};
use crate::aggregate::Unclaimed;
use crate::identity::{AccountId, ReferenceKey};
use crate::money::Cents;
use crate::stripe::event::CheckoutSession;
use crate::stripe::session_key;
/// What a payment must be to become a credit.
pub struct Rules<'a> {
    /// Lowercase ISO code.
    pub currency: &'a str,
    pub livemode: bool,
    /// Whether the session's payment link is ours.
    pub our_link: bool,
    pub references: &'a ReferenceKey,
    /// A connected account's id: never expected.
    pub connected: bool,
}

/// What becomes of a Checkout Session.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Credit(CreditTo),
    /// Money moved towards us, and nobody is credited.
    Unclaimed(Unclaimed),
    /// No money has moved.
    Nothing,
}

#[derive(Debug, PartialEq)]
pub struct CreditTo {
    pub account: AccountId,
    pub key: String,
    pub amount: Cents,
    /// With tax and shipping.
    pub paid: Cents,
    pub payment_intent: Option<String>,
    pub payer: Payer,
    /// Of the browser that left to pay.
    pub mark: Option<String>,
}

impl From<CreditTo> for Credit {
    fn from(to: CreditTo) -> Self {
        let CreditTo { account, key, amount, paid, payment_intent, payer, mark: _ } = to;
        Self { account, key, amount, paid: Some(paid), payment_intent, payer }
    }
}

impl Rules<'_> {
    /// Decides about a session, whoever told us of it.
    #[inline(never)]
    pub fn judge(&self, session: &CheckoutSession) -> Verdict {
        let is = |field: &Option<String>, wanted: &str| field.as_deref() == Some(wanted);
        let total = session.amount_total.unwrap_or(0);
        if !is(&session.payment_status, "paid") || total <= 0 {
            return Verdict::Nothing;
        }
        match self.credit(session, total) {
            Ok(credit) => Verdict::Credit(credit),
            Err(reason) => Verdict::Unclaimed(Unclaimed {
                key: session_key(&session.id),
                reason: reason.to_owned(),
                // What no column can hold is no sum of money either.
                amount: total.min(Cents::MAX.units()),
                currency: session.currency.clone().unwrap_or_default(),
                client_reference_id: session.client_reference_id.clone(),
                payment_intent: session.payment_intent.clone(),
                payment_link: session.payment_link.clone(),
            }),
        }
    }

    fn credit(&self, session: &CheckoutSession, total: i64) -> Result<CreditTo, &'static str> {
        let must = |truth: bool, reason: &'static str| if truth { Ok(()) } else { Err(reason) };
        must(!self.connected, "it was paid to a connected account")?;
        must(session.livemode == self.livemode, "its mode, live or test, is not that of STRIPE_SECRET")?;
        must(session.mode.as_deref() == Some("payment"), "it is no one-time payment")?;
        must(self.our_link, "it was paid through another payment link")?;
        must(session.currency.as_deref() == Some(self.currency), "it was paid in another currency")?;
        let reference = session.client_reference_id.as_deref().ok_or("it names no account")?;
        let (account, mark) =
            self.references.verify_paid(reference).ok_or("its client_reference_id is not one of ours")?;
        let extra = |amount: Option<i64>| amount.unwrap_or(0).max(0);
        let net = total
            .checked_sub(extra(session.amount_tax))
            .and_then(|net| net.checked_sub(extra(session.amount_shipping)));
        let net = net.filter(|net| *net > 0).ok_or("nothing is left without tax and shipping")?;
        let cents = |amount: i64| {
            amount.checked_mul(10_000).and_then(Cents::checked_from_units).ok_or("it is more than an amount can hold")
        };
        let (amount, paid) = (cents(net)?, cents(total)?);
        let payment_intent = session.payment_intent.clone();
        let key = session_key(&session.id);
        Ok(CreditTo { account, key, amount, paid, payment_intent, payer: session.payer(), mark })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::identity::{Scope, Token};
    use crate::stripe::document::Told;

    fn judge(change: impl FnOnce(&mut Json), adjust: impl FnOnce(&mut Rules<'_>)) -> Verdict {
        let scope = Scope { version: "1", livemode: false, currency: "usd" };
        let references = ReferenceKey::new("a secret of at least thirty-two characters", scope);
        let mut session = json!({
            "id": "cs_test_1", "mode": "payment", "payment_status": "paid", "payment_link": "plink_1", "livemode": false,
            "client_reference_id": references.sign(Token::generate("1").account()), "payment_intent": "pi_1",
            "currency": "usd", "amount_total": 1_100,
            "total_details": {"amount_discount": 0, "amount_shipping": 30, "amount_tax": 70},
        });
        change(&mut session);
        let mut rules =
            Rules { currency: "usd", livemode: false, our_link: true, references: &references, connected: false };
        adjust(&mut rules);
        rules.judge(&CheckoutSession::parse(&session.to_string()).unwrap())
    }

    #[test]
    fn the_credit_is_the_total_less_tax_and_shipping() {
        let Verdict::Credit(credit) = judge(|_| {}, |_| {}) else { panic!("a credit") };
        assert_eq!((credit.amount, credit.paid), (Cents::new(1_000), Cents::new(1_100)));
        assert_eq!(credit.payment_intent.as_deref(), Some("pi_1"));
        assert_eq!(credit.key.len(), 64, "a hash: the session's id itself is kept nowhere");
    }

    #[test]
    fn a_cent_is_the_smallest_unit_that_stripe_counts_in() {
        for (currency, total) in [("usd", 500), ("jpy", 500), ("isk", 50_000), ("ugx", 5_000_000)] {
            let verdict = judge(
                |session| {
                    session["currency"] = json!(currency);
                    session["amount_total"] = json!(total);
                    session["total_details"] = json!(null);
                },
                |rules| rules.currency = currency,
            );
            let Verdict::Credit(credit) = verdict else { panic!("{currency}: {verdict:?}") };
            assert_eq!(credit.amount, Cents::new(total), "{currency}");
        }
    }

    #[test]
    fn money_that_is_not_ours_to_credit_is_kept_as_unclaimed() {
        let changes: [(&str, Json); 8] = [
            ("livemode", json!(true)),
            ("mode", json!("subscription")),
            ("currency", json!("eur")),
            ("client_reference_id", json!(null)),
            ("client_reference_id", json!("somebody-else")),
            ("amount_total", json!(100)),
            ("amount_total", json!(i64::MAX)),
            ("mode", json!(null)),
        ];
        for (field, value) in changes {
            let verdict = judge(|session| session[field] = value.clone(), |_| {});
            assert!(matches!(verdict, Verdict::Unclaimed(_)), "{field}: {value}: {verdict:?}");
        }
        assert!(matches!(judge(|_| {}, |rules| rules.our_link = false), Verdict::Unclaimed(_)));
        assert!(matches!(judge(|_| {}, |rules| rules.connected = true), Verdict::Unclaimed(_)));
    }

    #[test]
    fn without_money_there_is_nothing_to_record() {
        for (field, value) in [
            ("payment_status", json!("unpaid")),
            ("payment_status", json!("no_payment_required")),
            ("payment_status", json!("something_new")),
            ("amount_total", json!(0)),
            ("amount_total", json!(null)),
        ] {
            assert_eq!(judge(|session| session[field] = value, |_| {}), Verdict::Nothing, "{field}");
        }
    }
}
