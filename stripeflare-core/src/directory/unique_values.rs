//! In a directory shard: which account has a value of a `unique` column.
//!
//! A value is claimed before it is written to its account. What a crash leaves in between, and what was freed without a
//! word, is found out when somebody else wants the value: the account it is claimed for does not have it.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::identity::AccountId;
use crate::sql::{Reader, Sql, SqlError};

/// How long a claim holds before its account has the value: longer than the write may take.
const PENDING_MS: Millis = 60_000;

/// Somebody has the value, or is about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub account: AccountId,
    pub at: Millis,
    /// The account may be about to write it: there is no use in asking.
    pub pending: bool,
}

/// Claims a value for an account, also instead of an owner that was found without it. Answers the claim, which no later one
/// is like, or the owner, if it is another.
pub fn claim(
    sql: &dyn Sql,
    key: &str,
    account: &AccountId,
    instead_of: Option<&Owner>,
    now: Millis,
) -> Result<Result<Millis, Owner>, SqlError> {
    if let Some(owner) = instead_of {
        let parameters = [key.into(), owner.account.as_str().into(), owner.at.into()];
        sql.run("DELETE FROM unique_values WHERE key = ? AND account = ? AND at = ?", &parameters)?;
    }
    let row = sql
        .run(
            "INSERT INTO unique_values (key, account, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET at = CASE WHEN account = ?2 THEN MAX(?3, at + 1) ELSE at END RETURNING account, at",
            &[key.into(), account.as_str().into(), now.into()],
        )?
        .pop();
    let mut row = Reader::new(row.unwrap_or_default());
    let owner = row.text()?.parse().map_err(|error| SqlError(format!("unique_values.account: {error}")))?;
    let at = row.integer()?;
    Ok(if owner == *account { Ok(at) } else { Err(Owner { account: owner, at, pending: at > now - PENDING_MS }) })
}

/// The account has another value now than that of this claim.
pub fn free(sql: &dyn Sql, key: &str, account: &AccountId, claim: Millis) -> Result<(), SqlError> {
    let parameters = [key.into(), account.as_str().into(), claim.into()];
    sql.run("DELETE FROM unique_values WHERE key = ? AND account = ? AND at = ?", &parameters)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn a_value_has_one_owner() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        let [ada, bob] = [1, 2].map(|byte| AccountId::from_hash(&[byte; 32]));
        let claim = |account: &AccountId, instead_of: Option<&Owner>, now| {
            super::claim(&sql, "handle:x", account, instead_of, now).unwrap()
        };
        assert_eq!(claim(&ada, None, 0), Ok(0));
        assert_eq!(claim(&ada, None, 5), Ok(5), "again");
        let owner = Owner { account: ada.clone(), at: 5, pending: true };
        assert_eq!(claim(&bob, None, 6), Err(owner.clone()));
        let later = PENDING_MS + 5;
        assert_eq!(claim(&bob, None, later), Err(Owner { pending: false, ..owner.clone() }));

        free(&sql, "handle:x", &bob, 5).unwrap();
        assert!(claim(&bob, None, later).is_err(), "only its owner frees a value");
        assert_eq!(claim(&ada, None, later), Ok(later));
        assert!(claim(&bob, Some(&owner), later).is_err(), "it was claimed again meanwhile");
        let owner = Owner { at: later, ..owner };
        assert_eq!(claim(&bob, Some(&owner), later), Ok(later));
        // In the same millisecond: a message that was on its way since the first claim frees nothing.
        assert_eq!(claim(&bob, None, later), Ok(later + 1));
        free(&sql, "handle:x", &bob, later).unwrap();
        assert!(claim(&ada, None, later).is_err(), "it was claimed again");
        free(&sql, "handle:x", &bob, later + 1).unwrap();
        assert_eq!(claim(&ada, None, later), Ok(later));
    }
}
