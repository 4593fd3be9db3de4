use serde::{Deserialize, Serialize};

use crate::account::idempotency::KEPT_MS;
use crate::account::line::CALLERS_KEY;
use crate::account::refusal::{NotCharged, Short};
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::money::{Cents, units};

/// Whether a charge may take the balance below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overdraft {
    /// Refuse a charge that is more than what is available.
    Deny,
    /// As long as anything is available, charge all of it: the balance goes below zero by the rest, once.
    Allow,
}

/// A charge without a hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Charge {
    /// Unique among all charges of the account: the same key twice is one charge.
    pub key: String,
    #[serde(with = "units")]
    pub amount: Cents,
    pub overdraft: Overdraft,
    pub detail: String,
}

/// A charge that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charged {
    /// The very charge was made before; nothing was charged now.
    pub already: bool,
    /// Balance less open holds, after it.
    #[serde(with = "units")]
    pub available: Cents,
}

impl Wallet<'_> {
    /// Whether this charge was made before.
    pub fn was_charged(&self, key: &str) -> Result<bool, WalletError> {
        Ok(self.made(&entry_key(key))?.is_some())
    }

    /// Charges at once, without a hold.
    ///
    /// Checked in this order: the key, the caps of the caller's token, that the account is not closed, the money.
    pub fn charge(&mut self, charge: &Charge) -> Result<Result<Charged, NotCharged>, WalletError> {
        assert!(charge.amount.is_positive(), "a charge is for more than nothing");
        let key = entry_key(&charge.key);
        let available = self.available()?;
        if let Some((amount, at)) = self.made(&key)? {
            let holds = !charge.key.starts_with(CALLERS_KEY) || self.now - at < KEPT_MS;
            return Ok(if amount == -charge.amount && holds {
                Ok(Charged { already: true, available })
            } else {
                Err(NotCharged::KeyReused)
            });
        }
        if let Err(short) = self.under_caps(charge.amount, charge.amount)? {
            return Ok(Err(short.into()));
        }
        if self.account.closed {
            return Ok(Err(Short::Insufficient { balance: Cents::ZERO, available: Cents::ZERO }.into()));
        }
        let enough = match charge.overdraft {
            Overdraft::Deny => available >= charge.amount,
            Overdraft::Allow => available.is_positive(),
        };
        if !enough {
            return Ok(Err(Short::Insufficient { balance: self.spendable()?, available }.into()));
        }
        let token = self.spender();
        let id = token.as_ref().map(|token| token.id.clone());
        self.enter("charge", &key, -charge.amount, Some(&charge.detail), id)?;
        self.count_spent(token.as_ref(), charge.amount)?;
        Ok(Ok(Charged { already: false, available: self.available()? }))
    }
}

fn entry_key(key: &str) -> String {
    format!("charge:{key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::payment::Credit;
    use crate::clock::Millis;
    use crate::identity::AccountId;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn a_callers_key_names_a_charge_for_a_day_and_any_other_for_ever() {
        const SCHEMA: Schema = Schema::of::<()>();
        const NOW: Millis = 1_800_000_000_000;
        let (sql, account) = (database(), AccountId::from_hash(&[7; 32]));
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        let at = |now, key: &str, cents| {
            let mut wallet = Wallet::load_or_register(&sql, &SCHEMA, now, &account).unwrap();
            let credit = Credit {
                account: account.clone(),
                key: "cs".into(),
                amount: Cents::new(50),
                paid: None,
                payment_intent: None,
                payer: Default::default(),
            };
            wallet.credit(&credit).unwrap();
            let (amount, overdraft) = (Cents::new(cents), Overdraft::Deny);
            let said = wallet.charge(&Charge { key: key.into(), amount, overdraft, detail: String::new() }).unwrap();
            wallet.save().unwrap();
            said.map(|charged| charged.already)
        };
        let callers = format!("{CALLERS_KEY}key");
        for key in [callers.as_str(), "job:key"] {
            assert_eq!(at(NOW, key, 5), Ok(false));
            assert_eq!(at(NOW + KEPT_MS - 1, key, 5), Ok(true));
            assert_eq!(at(NOW, key, 6), Err(NotCharged::KeyReused));
        }
        assert_eq!(
            at(NOW + KEPT_MS, &callers, 5),
            Err(NotCharged::KeyReused),
            "nobody is served for ever on one charge"
        );
        assert_eq!(at(NOW + KEPT_MS, "job:key", 5), Ok(true));
    }
}
