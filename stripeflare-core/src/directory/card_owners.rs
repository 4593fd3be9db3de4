//! Whose a card is.

use super::sessions::BOUND_MS;
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::sql::{Reader, Sql, SqlError};

/// Claims a card for an account, unless another one has it or this claim was given up before, and answers whose it is.
/// Of two claims of one account the later stands; a claim that came to nothing never comes to anything.
pub fn claim(
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
pub fn owner(sql: &dyn Sql, id: &str) -> Result<Option<AccountId>, SqlError> {
    let row = sql.run("SELECT account FROM owners WHERE identity = ?", &[id.into()])?.pop();
    row.map(|row| Reader::new(row).account()).transpose()
}

/// Forgets that a card is an account's, up to this claim.
pub fn release(sql: &dyn Sql, id: &str, account: &AccountId, claim: i64, now: Millis) -> Result<(), SqlError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn a_card_has_one_owner_until_it_is_released() {
        let sql = database();
        migrate(&sql, Role::Directory, &Schema::of::<()>()).unwrap();
        let [ada, bob] = [AccountId::from_hash(&[1; 32]), AccountId::from_hash(&[2; 32])];
        let claim = |account: &AccountId, number| claim(&sql, "card", account, number, 0).unwrap();
        let release = |account: &AccountId, number| release(&sql, "card", account, number, 0).unwrap();
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
        assert_eq!(owner(), Some(ada.clone()), "a late message about an earlier claim changes nothing");
        release(&ada, 3);
        assert_eq!(owner(), None);
        assert_eq!(
            (claim(&ada, 3), claim(&bob, 9)),
            (None, None),
            "what was given up is not claimed by a late message"
        );
        assert_eq!(claim(&bob, 10), Some(bob.clone()));
    }
}
