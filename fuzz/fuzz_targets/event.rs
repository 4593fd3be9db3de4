//! The body of a webhook, after its signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stripeflare::Cents;
use stripeflare::fuzzing::{Checkout, Deployment, Judged, Key, Reversal, Said, event};
use stripeflare_fuzz::{DB_SECRET, VERSION, account};

fuzz_target!(|body: &[u8]| {
    match event(body) {
        Ok(Said::Checkout(checkout)) => judged(body, *checkout),
        Ok(Said::Reversal(fact)) => reversed(body, &fact),
        Ok(Said::Other) => {}
        Err(message) => assert!(!message.is_empty()),
    }
});

fn judged(body: &[u8], mut checkout: Checkout) {
    let key = Key::new(DB_SECRET, VERSION);
    let (as_sent, connected) = (checkout.livemode(), checkout.connected);
    for sign in [false, true] {
        if sign {
            checkout.set_reference(key.sign(&account(body)));
        }
        let currency = checkout.currency().unwrap_or("usd").to_owned();
        // A deployment that this session may belong to, and others that differ from it in one point each.
        let ours = Deployment { currency: &currency, livemode: as_sent, our_link: true, connected, key: &key };
        let found = check(&checkout, &ours);
        if sign {
            assert!(!matches!(&found, Judged::Credit(to, _) if *to != account(body)), "to somebody else");
        }
        let foreign_key = Key::new(DB_SECRET, "another version");
        let foreign_currency = format!("{currency}x");
        for other in [
            Deployment { currency: &foreign_currency, ..ours },
            Deployment { livemode: !as_sent, ..ours },
            Deployment { our_link: false, ..ours },
            Deployment { connected: true, ..ours },
            Deployment { key: &foreign_key, ..ours },
        ] {
            let other = check(&checkout, &other);
            assert!(!matches!(other, Judged::Credit(..)), "{other:?}");
            assert_eq!(other == Judged::Nothing, found == Judged::Nothing, "where money is involved, it is recorded");
        }
    }
}

fn check(checkout: &Checkout, by: &Deployment<'_>) -> Judged {
    let found = checkout.judge(by);
    let (total, tax, shipping) = checkout.amounts();
    let total = total.unwrap_or(0);
    match &found {
        Judged::Credit(to, amount) => {
            assert!(checkout.is_paid() && checkout.is_payment() && !by.connected && by.our_link);
            assert_eq!(checkout.livemode(), by.livemode);
            assert_eq!(checkout.currency(), Some(by.currency));
            assert_eq!(checkout.reference(), Some(by.key.sign(to).as_str()));
            let extra = |amount: Option<i64>| i128::from(amount.unwrap_or(0).max(0));
            let net = i128::from(total) - extra(tax) - extra(shipping);
            assert_eq!(i128::from(amount.units()), net * 10_000);
            assert!(amount.is_positive() && i128::from(amount.units()) <= i128::from(total) * 10_000);
        }
        Judged::Unclaimed(amount) => {
            assert!(checkout.is_paid());
            // No column holds more than an amount's units.
            assert!(*amount > 0 && *amount == total.min(Cents::MAX.units()));
        }
        Judged::Nothing => assert!(!checkout.is_paid() || total <= 0),
    }
    found
}

fn reversed(body: &[u8], fact: &Reversal) {
    assert!(fact.amount >= Cents::ZERO && fact.amount <= Cents::MAX, "{fact:?}");
    assert!(fact.taken >= Cents::ZERO && fact.taken <= fact.amount, "{fact:?}");
    if fact.is_refund {
        assert!(fact.taken == fact.amount || (fact.closed && fact.taken == Cents::ZERO), "{fact:?}");
    }
    // The same amount, read another way; serde also takes an array for an object, which has no names.
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return };
    if let Some(amount) = json.pointer("/data/object/amount").and_then(Value::as_i64) {
        let units = amount.max(0).checked_mul(10_000).and_then(Cents::checked_from_units);
        assert_eq!(fact.amount, units.unwrap_or(Cents::MAX));
    }
}
