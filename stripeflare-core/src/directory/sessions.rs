//! Who came back from which Checkout Session, and what follows for logins by its payment.
//!
//! Whoever opened a payment link knows the session's id before anybody pays, so an id proves nothing. What is kept is which
//! browsers came back, by their marks: two different ones, and nobody logs in by that payment.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::identity::AccountId;
use crate::schema::{remember, remembered};
use crate::sql::{Reader, Sql, SqlError, Value};

const HOUR_MS: Millis = 60 * 60 * 1_000;
/// How long a claim given up is remembered: longer than any message is on its way.
pub(super) const BOUND_MS: Millis = 24 * HOUR_MS;
/// How long after its charge a payment may begin a login, and some hours more.
const ARRIVAL_MS: Millis = 4 * HOUR_MS;
/// What is remembered beyond the last moment at which a login may be taken.
const AFTER_MS: Millis = 3 * HOUR_MS;
/// Stripe is asked about one session at most once in this time.
const ASK_EVERY_MS: Millis = 5_000;
/// And about all of a shard so often a minute.
const ASKS_PER_MINUTE: i64 = 30;
/// Under which a shard counts them.
const MINUTE: &str = "the minute of questions to Stripe";
const ASKED: &str = "questions to Stripe in that minute";

/// What a shard knows of a session when somebody comes back from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Another browser came back from it, too.
    pub contested: bool,
    /// The account that it paid; `None`: its webhook has not come yet.
    pub account: Option<AccountId>,
    /// This is the browser that left to pay.
    pub is_payers: bool,
    /// Where a login by it began.
    pub to: Option<AccountId>,
    /// Stripe may be asked about it now.
    pub may_ask: bool,
}

/// The accounts that are to hear, now, that a session is contested: the one that was paid, and the one in which a login began.
/// No login begins by it from then on, so there are never more.
pub type ToDisown = Vec<AccountId>;

/// Records that a browser came back, by its mark, or an empty text if it has none; before anything else is looked at.
pub fn arrive(sql: &dyn Sql, session: &str, mark: &str, now: Millis) -> Result<(Arrival, ToDisown), SqlError> {
    keep(sql, session, now + ARRIVAL_MS, now)?;
    let before = known(sql, session)?;
    sql.run(
        "UPDATE sessions SET other_mark = IIF(first_mark <> ?2, COALESCE(other_mark, ?2), other_mark),
         first_mark = COALESCE(first_mark, ?2) WHERE session = ?1",
        &[session.into(), mark.into()],
    )?;
    let known = known(sql, session)?;
    let is_payers = !mark.is_empty() && known.mark.as_deref() == Some(mark);
    // Nobody else is told anything that only Stripe knows.
    let may_ask = (known.account.is_none() || is_payers) && may_ask(sql, session, known.asked_at, is_payers, now)?;
    let (contested, account, to) = (known.contested, known.account, known.to);
    let new = contested && !before.contested;
    let to_disown = account.iter().chain(&to).filter(|_| new).cloned().collect();
    Ok((Arrival { contested, account, is_payers, to, may_ask }, to_disown))
}

/// The payment was credited: to whom, and the mark of the browser that left to pay.
pub fn credited(
    sql: &dyn Sql,
    session: &str,
    account: &AccountId,
    mark: Option<&str>,
    now: Millis,
) -> Result<ToDisown, SqlError> {
    keep(sql, session, now + ARRIVAL_MS, now)?;
    let new = sql.run(
        "UPDATE sessions SET account = ?, mark = ? WHERE session = ? AND account IS NULL RETURNING other_mark IS NOT NULL",
        &[account.as_str().into(), mark.into(), session.into()],
    )?;
    let contested = new == [[Value::Integer(1)]];
    Ok(contested.then(|| account.clone()).into_iter().collect())
}

/// A login by the payment begins in another account, which may be taken until some time. `false`: not by this payment, or it
/// began elsewhere.
pub fn begin(sql: &dyn Sql, session: &str, to: &AccountId, until: Millis) -> Result<bool, SqlError> {
    let known = known(sql, session)?;
    if known.contested || known.account.is_none() || known.to.as_ref().is_some_and(|known| known != to) {
        return Ok(false);
    }
    sql.run(
        "UPDATE sessions SET to_account = ?, kept_until = MAX(kept_until, ?) WHERE session = ?",
        &[to.as_str().into(), (until + AFTER_MS).into(), session.into()],
    )?;
    Ok(true)
}

/// Whether the login that began by this payment may still be taken, as far as its arrivals say.
pub fn may_take(sql: &dyn Sql, session: &str) -> Result<bool, SqlError> {
    let known = known(sql, session)?;
    Ok(!known.contested && known.to.is_some())
}

#[derive(Default)]
struct Known {
    contested: bool,
    asked_at: Millis,
    account: Option<AccountId>,
    mark: Option<String>,
    to: Option<AccountId>,
}

fn known(sql: &dyn Sql, session: &str) -> Result<Known, SqlError> {
    let select = "SELECT other_mark IS NOT NULL, asked_at, account, mark, to_account FROM sessions WHERE session = ?";
    let Some(row) = sql.run(select, &[session.into()])?.pop() else { return Ok(Known::default()) };
    let mut row = Reader::new(row);
    Ok(Known {
        contested: row.integer()? != 0,
        asked_at: row.integer()?,
        account: row.optional_account()?,
        mark: row.optional_text()?,
        to: row.optional_account()?,
    })
}

/// A row for it, kept at least until then; others whose time is over go.
fn keep(sql: &dyn Sql, session: &str, until: Millis, now: Millis) -> Result<(), SqlError> {
    let old = "DELETE FROM sessions WHERE session IN
        (SELECT session FROM sessions WHERE kept_until < ? ORDER BY kept_until LIMIT 100)";
    sql.run(old, &[now.into()])?;
    sql.run(
        "INSERT INTO sessions (session, kept_until) VALUES (?, ?)
         ON CONFLICT (session) DO UPDATE SET kept_until = MAX(kept_until, excluded.kept_until)",
        &[session.into(), until.into()],
    )?;
    Ok(())
}

/// Whoever paid is not counted among all of the shard: no flood of made-up sessions keeps a payer waiting.
fn may_ask(sql: &dyn Sql, session: &str, asked_at: Millis, is_payers: bool, now: Millis) -> Result<bool, SqlError> {
    let minute = now.div_euclid(60_000);
    let asked = if remembered(sql, MINUTE)? == Some(minute) { remembered(sql, ASKED)?.unwrap_or(0) } else { 0 };
    if now - asked_at < ASK_EVERY_MS || (asked >= ASKS_PER_MINUTE && !is_payers) {
        return Ok(false);
    }
    remember(sql, MINUTE, minute)?;
    remember(sql, ASKED, asked + i64::from(!is_payers))?;
    sql.run("UPDATE sessions SET asked_at = ? WHERE session = ?", &[now.into(), session.into()])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    const NOW: Millis = 1_800_000_000_000;

    fn shard() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        sql
    }

    fn arrive(sql: &dyn Sql, session: &str, mark: &str, now: Millis) -> Arrival {
        super::arrive(sql, session, mark, now).unwrap().0
    }

    fn id(number: u8) -> AccountId {
        AccountId::from_hash(&[number; 32])
    }

    #[test]
    fn two_browsers_contest_a_session_for_good_and_its_account_hears_of_it_once_whoever_comes_first() {
        for marks in [["payer", ""], ["", "payer"], ["payer", "thief"], ["thief", "payer"]] {
            for credit_at in 0..3 {
                let sql = shard();
                let mut to_disown = Vec::new();
                for (step, mark) in marks.iter().enumerate() {
                    if credit_at == step {
                        to_disown.extend(credited(&sql, "s", &id(1), Some("payer"), NOW).unwrap());
                    }
                    for reload in 0..3 {
                        let (arrival, accounts) = super::arrive(&sql, "s", mark, NOW + reload).unwrap();
                        assert_eq!(arrival.contested, step == 1, "{marks:?}");
                        to_disown.extend(accounts);
                    }
                }
                for _ in 0..2 {
                    to_disown.extend(credited(&sql, "s", &id(1), Some("payer"), NOW).unwrap());
                    assert!(arrive(&sql, "s", "payer", NOW).contested);
                }
                assert!(!begin(&sql, "s", &id(2), NOW).unwrap() && !may_take(&sql, "s").unwrap());
                assert_eq!(to_disown, [id(1)], "{marks:?}");
            }
        }
    }

    #[test]
    fn a_contest_after_a_login_began_is_told_to_both_accounts() {
        let sql = shard();
        credited(&sql, "s", &id(1), Some("payer"), NOW).unwrap();
        assert!(arrive(&sql, "s", "payer", NOW).is_payers);
        assert!(begin(&sql, "s", &id(2), NOW).unwrap() && begin(&sql, "s", &id(2), NOW).unwrap());
        assert!(!begin(&sql, "s", &id(3), NOW).unwrap(), "it began elsewhere");
        assert!(may_take(&sql, "s").unwrap());
        let (arrival, to_disown) = super::arrive(&sql, "s", "", NOW).unwrap();
        assert!(arrival.contested && !may_take(&sql, "s").unwrap());
        assert_eq!(to_disown, [id(1), id(2)]);
    }

    #[test]
    fn only_the_browser_that_left_is_the_payers() {
        let sql = shard();
        assert!(!arrive(&sql, "s", "payer", NOW).is_payers, "not before the payment is known");
        credited(&sql, "s", &id(1), Some("payer"), NOW).unwrap();
        credited(&sql, "s", &id(9), Some("thief"), NOW).unwrap();
        let arrival = arrive(&sql, "s", "payer", NOW);
        assert_eq!((arrival.is_payers, arrival.account), (true, Some(id(1))), "told once, it stays");
        credited(&sql, "unmarked", &id(1), None, NOW).unwrap();
        assert!(!arrive(&sql, "unmarked", "", NOW).is_payers);
        assert!(!begin(&sql, "unknown", &id(2), NOW).unwrap());
    }

    #[test]
    fn stripe_is_asked_rarely_and_only_for_whom_it_may_concern() {
        let sql = shard();
        let asks = |session: &str, mark: &str, now| arrive(&sql, session, mark, now).may_ask;
        assert!(asks("s", "", NOW) && !asks("s", "", NOW + 4_999) && asks("s", "", NOW + 5_000));
        credited(&sql, "s", &id(1), Some("payer"), NOW).unwrap();
        assert!(!asks("s", "", NOW + 20_000), "it is known, and this is not its payer");
        assert!(!asks("s", "thief", NOW + 20_000) && asks("s", "payer", NOW + 20_000));
        let asked = (0..100).filter(|number| asks(&number.to_string(), "", NOW + 60_000)).count();
        assert_eq!(asked, 30);
        assert!(asks("s", "payer", NOW + 60_000), "a payer is kept waiting by nobody");
        assert!(asks("another", "", NOW + 120_000), "the next minute");
    }

    #[test]
    fn arrivals_are_kept_as_long_as_a_login_may_be_taken() {
        let sql = shard();
        let taken_by = NOW + 100 * HOUR_MS;
        credited(&sql, "s", &id(1), Some("payer"), NOW).unwrap();
        arrive(&sql, "s", "payer", NOW);
        assert!(begin(&sql, "s", &id(2), taken_by).unwrap());
        arrive(&sql, "other", "", taken_by + AFTER_MS);
        assert!(may_take(&sql, "s").unwrap());
        arrive(&sql, "other", "", taken_by + AFTER_MS + 1);
        assert!(!may_take(&sql, "s").unwrap());
        arrive(&sql, "last", "", taken_by + 2 * ARRIVAL_MS);
        assert_eq!(sql.run("SELECT session FROM sessions", &[]).unwrap().len(), 1);
    }
}
