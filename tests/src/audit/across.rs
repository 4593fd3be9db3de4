//! What only several files together can show.

use std::collections::BTreeMap;

use super::Audit;
use super::account::{Account, Move, MovedIn};
use super::aggregate::{Aggregate, Unclaimed, mirrored};
use super::directory::Places;

pub(super) fn across(accounts: &BTreeMap<String, Account>, places: &Places, aggregate: &Aggregate, audit: &mut Audit) {
    let (mut sessions, mut intents) = (BTreeMap::new(), BTreeMap::new());
    for account in accounts.values() {
        for payment in &account.payments {
            if sessions.insert(payment.key.as_str(), (account.id.as_str(), payment.amount)).is_some() {
                audit.violation(&account.id, format!("the payment {} is credited to two accounts", payment.key));
            }
            let payment_intent = payment.payment_intent.clone().unwrap_or_else(|| format!("session:{}", payment.key));
            if intents.insert(payment_intent.clone(), account.id.as_str()).is_some() {
                audit.violation(&account.id, format!("{payment_intent} paid for two credits"));
            }
            match places.accounts.get(&payment_intent) {
                None => audit.unfinished(&account.id, format!("the directory does not know {payment_intent}")),
                Some(place) if *place != account.id => {
                    audit.violation(&account.id, format!("the directory has {payment_intent} at {place}"));
                }
                Some(_) => {}
            }
        }
        mirrored(account, aggregate, audit);
        carded(account, places, audit);
        moved(account, accounts, audit);
        handed_over(account, accounts, audit);
    }
    unique(accounts, audit);
    for (card, (owner, _)) in &places.owners {
        if !accounts.get(owner).is_some_and(|account| account.cards.iter().any(|it| it.id == *card)) {
            audit.unfinished(owner, format!("the directory has the card {card} here, and it is not"));
        }
    }
    for (payment_intent, place) in &places.accounts {
        if !intents.contains_key(payment_intent) {
            audit.unfinished(place, format!("the directory has {payment_intent} here, which nobody credited"));
        }
    }
    for payment_intent in places.parked.iter().filter(|it| places.accounts.contains_key(*it)) {
        audit.violation(payment_intent, "a reversal waits, and its payment is there");
    }
    for Unclaimed { key, assigned_to, assigned_amount, done } in &aggregate.unclaimed {
        match (assigned_to, sessions.get(key.as_str())) {
            (None, None) => {}
            (None, Some(_)) => audit.unfinished(key, "is credited and unclaimed"),
            (Some(_), None) => audit.unfinished(key, "is assigned and not credited"),
            (Some(assigned), Some((credited, _))) if assigned != credited => {
                audit.violation(key, format!("is assigned to {assigned} and credited to {credited}"));
            }
            (Some(_), Some((_, amount))) if *assigned_amount != Some(*amount) => {
                audit.violation(key, format!("is assigned as {assigned_amount:?} and credited as {amount}"));
            }
            (Some(_), Some(_)) if !done => audit.unfinished(key, "is credited and not yet done with"),
            (Some(_), Some(_)) => {}
        }
    }
    for id in aggregate.accounts.keys().filter(|id| !accounts.contains_key(*id)) {
        audit.unfinished(id, "the aggregate knows it, and no object is it");
    }
}

/// Whether the account that a payment moved to says the same of it as its home.
fn moved(account: &Account, accounts: &BTreeMap<String, Account>, audit: &mut Audit) {
    for Move { payment, to, told, .. } in &account.moves {
        if !told {
            continue;
        }
        let there = accounts.get(to).and_then(|there| there.moved_in.iter().find(|it| it.payment == *payment));
        let there = there.map_or((0, 0, 0), |there| there.figures);
        let here = account.payments.iter().find(|it| it.key == *payment).map(|it| account.borne_there(it));
        if here != Some(there) {
            audit.violation(&account.id, format!("of the payment {payment} {here:?} moved, and {to} has {there:?}"));
        }
    }
    for MovedIn { payment, from, .. } in &account.moved_in {
        let home = accounts.get(from).is_some_and(|home| home.moves.iter().any(|it| it.payment == *payment));
        if !home {
            audit.violation(&account.id, format!("the payment {payment} moved here, and {from} does not say so"));
        }
    }
}

/// Whether what one account handed over is what another one took, once.
fn handed_over(account: &Account, accounts: &BTreeMap<String, Account>, audit: &mut Audit) {
    let [handed, taken] = account.handovers();
    let amount = |other: &str, way: usize, name: &str| {
        let ways = accounts.get(other).map(Account::handovers)?;
        ways[way].iter().find(|it| it.name == name && it.other == account.id).map(|it| it.amount)
    };
    for it in handed {
        match amount(it.other, 1, it.name) {
            None => audit.unfinished(&account.id, format!("{} has yet to take what {} handed over", it.other, it.name)),
            Some(taken) if taken != it.amount => {
                let what = format!("it handed over {}, and {} took {taken}", it.amount, it.other);
                audit.violation(&account.id, what);
            }
            Some(_) => {}
        }
    }
    for it in taken.iter().filter(|it| amount(it.other, 0, it.name).is_none()) {
        audit.violation(&account.id, format!("it took {}, which {} does not say it handed over", it.name, it.other));
    }
}

/// Whether no value of a unique column is in two accounts.
fn unique(accounts: &BTreeMap<String, Account>, audit: &mut Audit) {
    let mut owners = BTreeMap::new();
    for account in accounts.values() {
        for (name, value) in &account.columns {
            if !account.unique.contains(name) || value == "NULL" {
                continue;
            }
            if let Some(owner) = owners.insert((name, value), &account.id) {
                audit.violation(&account.id, format!("its {name} {value} is that of {owner}, too"));
            }
        }
    }
}

/// Whether the directory agrees about the cards of an account.
fn carded(account: &Account, places: &Places, audit: &mut Audit) {
    for card in account.cards.iter().filter(|card| card.state == "owned") {
        match places.owners.get(&card.id) {
            // A lower one is the same claim by the number it had elsewhere; a higher one nobody could release.
            Some((owner, claim)) if *owner == account.id && *claim <= card.claim => {}
            other => {
                let owner = other.map_or("nobody", |(owner, _)| owner);
                audit.unfinished(&account.id, format!("it owns {}, and the directory has it at {owner}", card.label));
            }
        }
    }
}
