use serde::{Deserialize, Serialize};

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
    /// Charges at once, without a hold.
    ///
    /// Checked in this order: the key, that the account is still there, the caps of the caller's token, the money.
    pub fn charge(&mut self, charge: &Charge) -> Result<Result<Charged, NotCharged>, WalletError> {
        assert!(charge.amount.is_positive(), "a charge is for more than nothing");
        let key = format!("charge:{}", charge.key);
        let available = self.available()?;
        if let Some(amount) = self.amount_of(&key)? {
            return Ok(if amount == -charge.amount {
                Ok(Charged { already: true, available })
            } else {
                Err(NotCharged::KeyReused)
            });
        }
        if let Some(short) = self.cap_on(charge.amount)? {
            return Ok(Err(short.into()));
        }
        let enough = match charge.overdraft {
            Overdraft::Deny => available >= charge.amount,
            Overdraft::Allow => available.is_positive(),
        };
        if !enough {
            return Ok(Err(Short::Insufficient { balance: self.spendable()?, available }.into()));
        }
        self.write("charge", &key, -charge.amount, Some(&charge.detail))?;
        self.count_spent(self.capped_token().as_ref(), charge.amount)?;
        Ok(Ok(Charged { already: false, available: self.available()? }))
    }
}
