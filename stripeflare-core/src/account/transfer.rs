//! Accounts that go into another one: what is free there follows, up or down, whenever there is any.

use serde::{Deserialize, Serialize};

use crate::account::tokens::TokenId;
use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::{Reader, SqlError};

/// Transfers told in one go; the rest follow.
const BATCH: i64 = 20;

/// The account goes into one that was registered before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    pub into: AccountId,
    pub registered_at: Millis,
    /// The survivor's name for cards that it inherits: the token of the browser that asked for the merge.
    pub token: TokenId,
}

/// Money on its way from an account to the one it went into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub from: AccountId,
    /// Counts the transfers of that account.
    pub n: i64,
    /// Less than nothing: it is owed back.
    #[serde(with = "units")]
    pub amount: Cents,
}

impl Wallet<'_> {
    /// From now on nothing is held or charged here, and what is free follows. Repeated, it is the same merge.
    ///
    /// `Err`: the account went into that one before.
    pub fn merge(&mut self, merge: &Merge) -> Result<Result<(), AccountId>, WalletError> {
        if let Some(into) = &self.account.merged_into {
            return Ok(if *into == merge.into { Ok(()) } else { Err(into.clone()) });
        }
        if (merge.registered_at, &merge.into) >= (self.account.registered_at, &self.account.id) {
            return Err(WalletError::MergeOrder);
        }
        self.sql.run("UPDATE users SET merged_into = ?", &[merge.into.as_str().into()])?;
        let insert = "INSERT INTO merged (survivor, token) VALUES (?, ?)";
        self.sql.run(insert, &[merge.into.as_str().into(), merge.token.as_str().into()])?;
        self.account.merged_into = Some(merge.into.clone());
        self.touch();
        Ok(Ok(()))
    }

    /// In an account that went into another: takes out what is free, and answers some of what has not arrived.
    pub fn transfers(&mut self) -> Result<Vec<Transfer>, WalletError> {
        if self.account.merged_into.is_none() {
            return Ok(Vec::new());
        }
        self.expire()?;
        let free = self.available()?;
        if free != Cents::ZERO {
            let last = self.sql.run("SELECT COALESCE(MAX(n), 0) FROM transfers", &[])?.pop().unwrap_or_default();
            let n = Reader::new(last).integer()? + 1;
            self.write("transfer", &format!("transfer:out:{n}"), -free, None)?;
            self.sql.run("INSERT INTO transfers (n, amount) VALUES (?, ?)", &[n.into(), free.units().into()])?;
        }
        let select = "SELECT n, amount FROM transfers WHERE arrived = 0 ORDER BY n LIMIT ?";
        let rows = self.sql.run(select, &[BATCH.into()])?;
        let read = |row| {
            let mut row = Reader::new(row);
            Ok(Transfer { from: self.account.id.clone(), n: row.integer()?, amount: row.cents()? })
        };
        Ok(rows.into_iter().map(read).collect::<Result<_, SqlError>>()?)
    }

    /// The survivor has it.
    pub fn arrived(&self, n: i64) -> Result<(), WalletError> {
        self.sql.run("UPDATE transfers SET arrived = 1 WHERE n = ?", &[n.into()])?;
        Ok(())
    }

    /// In the survivor: takes in what an account that went into it had free, once.
    pub fn receive(&mut self, transfer: &Transfer) -> Result<(), WalletError> {
        let key = format!("transfer:{}:{}", transfer.from, transfer.n);
        match self.amount_of(&key)? {
            Some(_) => Ok(()),
            None => self.write("transfer", &key, transfer.amount, Some(transfer.from.as_str())),
        }
    }

    /// In an account that went into another: when the next hold's time is over, and its money free.
    pub fn next_free_at(&self) -> Option<Millis> {
        let merged = self.account.merged_into.is_some();
        self.open_holds().filter(|_| merged).map(|hold| hold.expires_at).min()
    }

    /// The account that this one went into, and its name for what it inherits.
    pub fn survivor(&self) -> Result<Option<(AccountId, TokenId)>, WalletError> {
        let Some(row) = self.sql.run("SELECT survivor, token FROM merged", &[])?.pop() else { return Ok(None) };
        let mut row = Reader::new(row);
        Ok(Some((row.account()?, row.text()?.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::hold::{Ending, HoldId, Outcome, Settled};
    use crate::account::payment::Credit;
    use crate::account::refusal::Refusal;
    use crate::schema::{Schema, migrate};
    use crate::sql::{Sql, Value};
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    fn id(number: u8) -> AccountId {
        AccountId::from_hash(&[number; 32])
    }

    /// An account with so many cents.
    fn account(number: u8, registered_at: Millis, cents: i64) -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let key = format!("paid{number}");
        let credit = Credit { account: id(number), key, amount: Cents::new(cents), payment_intent: None };
        let mut wallet = Wallet::load_or_register(&sql, &SCHEMA, registered_at, &id(number)).unwrap();
        wallet.credit(&credit).unwrap();
        wallet.save().unwrap();
        sql
    }

    fn at<T>(
        sql: &rusqlite::Connection,
        now: Millis,
        act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>,
    ) -> Result<T, WalletError> {
        let mut wallet = Wallet::load(sql, &SCHEMA, now).unwrap().unwrap();
        let result = act(&mut wallet)?;
        wallet.save().unwrap();
        Ok(result)
    }

    /// What an account's alarm takes out.
    fn move_out(wallet: &mut Wallet<'_>) -> Result<Vec<Transfer>, WalletError> {
        wallet.transfers()
    }

    fn balance(sql: &rusqlite::Connection) -> i64 {
        match sql.run("SELECT balance FROM users", &[]).unwrap().pop().as_deref() {
            Some([Value::Integer(units)]) => *units / 10_000,
            other => panic!("{other:?}"),
        }
    }

    fn into(number: u8, registered_at: Millis) -> Merge {
        Merge { into: id(number), registered_at, token: "browser".to_owned().into() }
    }

    #[test]
    fn only_the_later_account_goes_and_only_once() {
        let late = account(2, NOW, 5);
        for (other, registered_at) in [(2, NOW), (3, NOW), (1, NOW + 1), (3, NOW + 1)] {
            let refused = at(&late, NOW, |wallet| wallet.merge(&into(other, registered_at)));
            let fits = (registered_at, id(other)) < (NOW, id(2));
            assert!(fits || matches!(refused, Err(WalletError::MergeOrder)), "{other}");
        }
        for _ in 0..2 {
            assert_eq!(at(&late, NOW, |wallet| wallet.merge(&into(9, NOW - 1))).unwrap(), Ok(()));
        }
        assert_eq!(at(&late, NOW, |wallet| wallet.merge(&into(8, NOW - 1))).unwrap(), Err(id(9)));
    }

    #[test]
    fn what_is_free_follows_once_and_what_is_held_when_its_hold_has_ended() {
        let (early, late) = (account(1, NOW - 1, 10), account(2, NOW, 100));
        let [captured, released, expired] = [1, 2, 3].map(|_| HoldId::generate(NOW));
        for (hold, cents) in [(&captured, 30), (&released, 20), (&expired, 10)] {
            at(&late, NOW, |wallet| wallet.reserve(hold, Cents::new(cents), 1)).unwrap().unwrap();
        }
        assert_eq!(at(&late, NOW, move_out).unwrap(), [], "before it goes, it keeps what is its own");
        at(&late, NOW, |wallet| wallet.merge(&into(1, NOW - 1))).unwrap().unwrap();

        let refused = at(&late, NOW, |wallet| wallet.reserve(&HoldId::generate(NOW), Cents::new(1), 1)).unwrap();
        assert_eq!(refused, Err(Refusal::Merged));
        assert_eq!(at(&late, NOW, |wallet| wallet.reserve(&captured, Cents::new(30), 1)).unwrap(), Ok(()));

        let moved = |now| at(&late, now, move_out).unwrap();
        let first = moved(NOW);
        assert_eq!(first, [Transfer { from: id(2), n: 1, amount: Cents::new(40) }]);
        assert_eq!(moved(NOW), first, "until it has arrived");
        for _ in 0..2 {
            at(&early, NOW, |wallet| wallet.receive(&first[0])).unwrap();
            at(&late, NOW, |wallet| wallet.arrived(1)).unwrap();
            assert_eq!((balance(&early), balance(&late)), (50, 60));
        }
        assert_eq!(moved(NOW), []);

        let end = |hold: &HoldId, outcome| {
            let ending = Ending { hold: hold.clone(), outcome, key: None, token: None };
            at(&late, NOW, |wallet| wallet.settle(&ending)).unwrap()
        };
        let capture = |late| Outcome::Capture { amount: Cents::new(25), detail: "GET /".into(), late };
        assert_eq!(end(&captured, capture(false)), Settled::Captured);
        assert_eq!(end(&released, Outcome::Release), Settled::Released);
        assert_eq!(moved(NOW), [Transfer { from: id(2), n: 2, amount: Cents::new(25) }]);
        let over = at(&late, NOW, |wallet| Ok(wallet.next_free_at())).unwrap().unwrap();
        assert_eq!(moved(over - 1).len(), 1);
        assert_eq!(moved(over)[1].amount, Cents::new(10));
        assert_eq!(balance(&late), 0);
        let too_late = Ending { hold: expired, outcome: capture(true), key: None, token: None };
        assert_eq!(at(&late, over, |wallet| wallet.settle(&too_late)).unwrap(), Settled::Gone, "its money is not here");
    }

    #[test]
    fn what_cannot_be_taken_in_stays_on_its_way() {
        let (early, late) = (account(1, NOW - 1, 10), account(2, NOW, 100));
        let all =
            Credit { account: id(1), key: "all".into(), amount: Cents::MAX - Cents::new(10), payment_intent: None };
        at(&early, NOW, |wallet| wallet.credit(&all)).unwrap();
        at(&late, NOW, |wallet| wallet.merge(&into(1, NOW - 1))).unwrap().unwrap();
        let moved = at(&late, NOW, move_out).unwrap();
        assert!(matches!(at(&early, NOW, |wallet| wallet.receive(&moved[0])), Err(WalletError::Overflow)));
        assert_eq!(at(&late, NOW, move_out).unwrap(), moved);
    }
}
