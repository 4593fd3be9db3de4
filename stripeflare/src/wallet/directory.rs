//! A directory shard: which account a payment was credited to, reversals that came before their payment, whose a card is, and
//! which browser a Checkout Session belongs to.

use super::{Millis, Reader, Reversal, Sql, SqlError};
use crate::account::AccountId;

/// How long a reversal waits for its payment: 30 days. Most of those that wait belong to other products' payments.
const PARKED_MS: Millis = 30 * 24 * 60 * 60 * 1_000;
/// How long a Checkout Session stays bound, and a claim given up: longer than a session logs anybody in, and than any message
/// is on its way.
const BOUND_MS: Millis = 24 * 60 * 60 * 1_000;

/// Remembers where a payment goes. Answers the account it went to first, whatever is asked now, and the reversals that
/// waited for it.
pub(crate) fn place(
    sql: &dyn Sql,
    payment_intent: &str,
    account: &AccountId,
) -> Result<(AccountId, Vec<Reversal>), SqlError> {
    let insert = "INSERT INTO places (payment_intent, account) VALUES (?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), account.as_str().into()])?;
    let first = find(sql, payment_intent)?.ok_or_else(|| SqlError("a place that was just there".into()))?;
    let parked = sql.run("SELECT fact FROM parked WHERE payment_intent = ? ORDER BY at", &[payment_intent.into()])?;
    let parked = parked.into_iter().map(|row| read_fact(&Reader::new(row).text()?)).collect::<Result<_, _>>()?;
    Ok((first, parked))
}

fn read_fact(fact: &str) -> Result<Reversal, SqlError> {
    serde_json::from_str(fact).map_err(|error| SqlError(format!("parked.fact: {error}")))
}

fn read_account(account: &str) -> Result<AccountId, SqlError> {
    account.parse().map_err(|error| SqlError(format!("places.account: {error}")))
}

/// Where a payment went.
pub(crate) fn find(sql: &dyn Sql, payment_intent: &str) -> Result<Option<AccountId>, SqlError> {
    let select = "SELECT account FROM places WHERE payment_intent = ?";
    match sql.run(select, &[payment_intent.into()])?.pop() {
        Some(row) => read_account(&Reader::new(row).text()?).map(Some),
        None => Ok(None),
    }
}

/// A reversal that waits although its payment has its place.
pub(crate) struct LeftBehind {
    pub(crate) payment_intent: String,
    pub(crate) account: AccountId,
    pub(crate) reversal: Reversal,
    /// As it is stored.
    fact: String,
}

/// Those of this shard: whoever placed their payments did not come to an end.
pub(crate) fn left_behind(sql: &dyn Sql, most: i64) -> Result<Vec<LeftBehind>, SqlError> {
    let select =
        "SELECT payment_intent, account, fact FROM parked JOIN places USING (payment_intent) ORDER BY at LIMIT ?";
    let read = |row| {
        let mut row = Reader::new(row);
        let (payment_intent, account, fact) = (row.text()?, read_account(&row.text()?)?, row.text()?);
        Ok(LeftBehind { payment_intent, account, reversal: read_fact(&fact)?, fact })
    };
    sql.run(select, &[most.into()])?.into_iter().map(read).collect()
}

/// Where a payment went; a reversal of one that nobody knows yet is kept until somebody does.
pub(crate) fn find_or_park(
    sql: &dyn Sql,
    payment_intent: &str,
    reversal: &Reversal,
    now: Millis,
) -> Result<Option<AccountId>, SqlError> {
    if let Some(account) = find(sql, payment_intent)? {
        return Ok(Some(account));
    }
    park(sql, payment_intent, reversal, now)?;
    Ok(None)
}

/// Keeps a reversal until its payment is credited, also one that has its place already: whoever placed it may not have come to
/// its credit.
pub(crate) fn park(sql: &dyn Sql, payment_intent: &str, reversal: &Reversal, now: Millis) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE at < ?", &[(now - PARKED_MS).into()])?;
    let insert = "INSERT INTO parked (payment_intent, at, fact) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), now.into(), fact(reversal).into()])?;
    Ok(())
}

fn fact(reversal: &Reversal) -> String {
    serde_json::to_string(reversal).expect("a reversal is plain JSON")
}

/// Forgets one reversal of a payment: its account has it.
pub(crate) fn arrived(sql: &dyn Sql, left: &LeftBehind) -> Result<(), SqlError> {
    forget(sql, &left.payment_intent, left.fact.clone())
}

/// Forgets these reversals of a payment: its account has them. Others may have come since they were read.
pub(crate) fn unpark(sql: &dyn Sql, payment_intent: &str, reversals: &[Reversal]) -> Result<(), SqlError> {
    reversals.iter().try_for_each(|reversal| forget(sql, payment_intent, fact(reversal)))
}

fn forget(sql: &dyn Sql, payment_intent: &str, fact: String) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE payment_intent = ? AND fact = ?", &[payment_intent.into(), fact.into()])?;
    Ok(())
}

/// Claims a card for an account, unless another one has it or this claim was given up before, and answers whose it is.
/// Of two claims of one account the later stands; a claim that came to nothing never comes to anything.
pub(crate) fn claim(
    sql: &dyn Sql,
    id: &str,
    account: &AccountId,
    claim: i64,
    now: Millis,
) -> Result<Option<AccountId>, SqlError> {
    sql.run(
        "INSERT INTO owners (identity, account, claim) SELECT ?1, ?2, ?3
         WHERE NOT EXISTS (SELECT 1 FROM released WHERE identity = ?1 AND account = ?2 AND claim >= ?3)
         ON CONFLICT (identity) DO UPDATE SET claim = excluded.claim
         WHERE account = excluded.account AND claim < excluded.claim",
        &[id.into(), account.as_str().into(), claim.into()],
    )?;
    let owner = owner(sql, id)?;
    if owner.as_ref() != Some(account) {
        give_up(sql, id, account, claim, now)?;
    }
    Ok(owner)
}

/// Whose card it is.
pub(crate) fn owner(sql: &dyn Sql, id: &str) -> Result<Option<AccountId>, SqlError> {
    let row = sql.run("SELECT account FROM owners WHERE identity = ?", &[id.into()])?.pop();
    row.map(|row| Reader::new(row).account()).transpose()
}

/// Hands a card on to the account that its own went into; answers whether it is that one's now.
pub(crate) fn hand_on(
    sql: &dyn Sql,
    id: &str,
    from: &AccountId,
    to: &AccountId,
    claim: i64,
    now: Millis,
) -> Result<bool, SqlError> {
    sql.run(
        "UPDATE owners SET account = ? WHERE identity = ? AND account = ? AND claim <= ?",
        &[to.as_str().into(), id.into(), from.as_str().into(), claim.into()],
    )?;
    give_up(sql, id, from, claim, now)?;
    Ok(owner(sql, id)?.as_ref() == Some(to))
}

/// Forgets that a card is an account's, up to this claim.
pub(crate) fn release(sql: &dyn Sql, id: &str, account: &AccountId, claim: i64, now: Millis) -> Result<(), SqlError> {
    let delete = "DELETE FROM owners WHERE identity = ? AND account = ? AND claim <= ?";
    sql.run(delete, &[id.into(), account.as_str().into(), claim.into()])?;
    give_up(sql, id, account, claim, now)
}

/// Remembers for a while that claims up to this one are over: a late message makes none of them anew.
fn give_up(sql: &dyn Sql, id: &str, account: &AccountId, claim: i64, now: Millis) -> Result<(), SqlError> {
    let old = "DELETE FROM released WHERE (identity, account) IN
        (SELECT identity, account FROM released WHERE at < ? ORDER BY at LIMIT 100)";
    sql.run(old, &[(now - BOUND_MS).into()])?;
    sql.run(
        "INSERT INTO released (identity, account, claim, at) VALUES (?, ?, ?, ?)
         ON CONFLICT (identity, account) DO UPDATE SET claim = MAX(claim, excluded.claim), at = excluded.at",
        &[id.into(), account.as_str().into(), claim.into(), now.into()],
    )?;
    Ok(())
}

/// Binds a Checkout Session to the cookie of whoever comes first; answers whether it is bound to this one.
/// `cookie` is a hash, or empty for a browser without one.
pub(crate) fn bind(sql: &dyn Sql, session: &str, cookie: &str, now: Millis) -> Result<bool, SqlError> {
    let old = "DELETE FROM sessions WHERE session IN (SELECT session FROM sessions WHERE at < ? ORDER BY at LIMIT 100)";
    sql.run(old, &[(now - BOUND_MS).into()])?;
    let insert = "INSERT INTO sessions (session, cookie, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[session.into(), cookie.into(), now.into()])?;
    let bound = sql.run("SELECT cookie FROM sessions WHERE session = ?", &[session.into()])?.pop();
    Ok(Reader::new(bound.unwrap_or_default()).text()? == cookie)
}

#[cfg(test)]
mod tests {
    use super::super::testing::database;
    use super::super::{Kind, Reversal, Role};
    use super::*;
    use crate::money::Cents;
    use crate::schema::{Schema, migrate};

    fn refund(id: &str) -> Reversal {
        let (amount, returned) = (Cents::new(5), Cents::ZERO);
        Reversal {
            kind: Kind::Refund,
            id: id.into(),
            amount,
            withdrawn: true,
            returned,
            closed: false,
            disowned: false,
        }
    }

    #[test]
    fn a_reversal_waits_thirty_days_for_its_payment() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        let account = AccountId::from_hash(&[7; 32]);
        for _ in 0..2 {
            assert_eq!(find_or_park(&sql, "pi_1", &refund("re_1"), 0).unwrap(), None);
        }
        assert_eq!(find_or_park(&sql, "pi_1", &refund("re_2"), PARKED_MS).unwrap(), None);
        for _ in 0..2 {
            assert_eq!(
                place(&sql, "pi_1", &account).unwrap(),
                (account.clone(), vec![refund("re_1"), refund("re_2")]),
                "until it is told that they arrived"
            );
        }
        let left = left_behind(&sql, 1).unwrap();
        assert_eq!((&left[0].account, &left[0].reversal), (&account, &refund("re_1")));
        arrived(&sql, &left[0]).unwrap();
        let left = left_behind(&sql, 5).unwrap();
        assert_eq!((left.len(), &left[0].reversal), (1, &refund("re_2")));
        park(&sql, "pi_1", &refund("re_0"), PARKED_MS).unwrap();
        unpark(&sql, "pi_1", &[refund("re_2")]).unwrap();
        let left = left_behind(&sql, 5).unwrap();
        assert_eq!((left.len(), &left[0].reversal), (1, &refund("re_0")), "what came meanwhile waits on");
        unpark(&sql, "pi_1", &[refund("re_0")]).unwrap();
        assert_eq!(left_behind(&sql, 5).unwrap().len(), 0);
        let other = AccountId::from_hash(&[8; 32]);
        assert_eq!(place(&sql, "pi_1", &other).unwrap(), (account.clone(), vec![]), "a payment goes to one account");
        assert_eq!(find_or_park(&sql, "pi_1", &refund("re_3"), 0).unwrap(), Some(account.clone()));

        find_or_park(&sql, "pi_2", &refund("re_4"), 0).unwrap();
        find_or_park(&sql, "pi_3", &refund("re_5"), PARKED_MS + 1).unwrap();
        assert_eq!(place(&sql, "pi_2", &account).unwrap().1, [], "its time was over");
    }

    #[test]
    fn a_card_has_one_owner_until_it_is_released_or_handed_on() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        let [ada, bob] = [AccountId::from_hash(&[1; 32]), AccountId::from_hash(&[2; 32])];
        let claim = |account: &AccountId, number| claim(&sql, "card", account, number, 0).unwrap();
        let release = |account: &AccountId, number| release(&sql, "card", account, number, 0).unwrap();
        let hand_on = |from: &AccountId, to: &AccountId, number| hand_on(&sql, "card", from, to, number, 0).unwrap();
        let owner = || owner(&sql, "card").unwrap();
        for _ in 0..2 {
            assert_eq!(claim(&ada, 1), Some(ada.clone()));
            assert_eq!(claim(&bob, 9), Some(ada.clone()));
        }
        release(&bob, 9);
        assert_eq!(owner(), Some(ada.clone()), "only its owner releases it");
        assert_eq!(claim(&ada, 3), Some(ada.clone()));
        claim(&ada, 2);
        release(&ada, 2);
        assert!(!hand_on(&ada, &bob, 2));
        assert_eq!(owner(), Some(ada.clone()), "a late message about an earlier claim changes nothing");
        for _ in 0..2 {
            assert!(hand_on(&ada, &bob, 3));
        }
        release(&ada, 3);
        assert_eq!(owner(), Some(bob.clone()));
        release(&bob, 4);
        assert_eq!(owner(), None);
        assert!(!hand_on(&bob, &ada, 4), "nobody's card is handed on by nobody");
        assert_eq!(
            (claim(&ada, 3), claim(&bob, 9)),
            (None, None),
            "what was given up is not claimed by a late message"
        );
        assert_eq!(claim(&bob, 10), Some(bob.clone()));
    }

    #[test]
    fn a_session_belongs_to_the_first_cookie_or_to_none() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        for _ in 0..2 {
            assert!(bind(&sql, "first", "ada", 0).unwrap());
            assert!(!bind(&sql, "first", "bob", 0).unwrap());
            assert!(!bind(&sql, "first", "", 0).unwrap());
            assert!(bind(&sql, "second", "", 0).unwrap());
            assert!(!bind(&sql, "second", "ada", 0).unwrap());
        }
        bind(&sql, "third", "ada", BOUND_MS + 1).unwrap();
        assert_eq!(sql.run("SELECT session FROM sessions", &[]).unwrap().len(), 1, "older ones are forgotten");
    }
}
