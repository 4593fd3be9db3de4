use serde::{Deserialize, Serialize};

use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};

/// A payment that arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credit {
    pub account: AccountId,
    /// Hash of the Checkout Session's id.
    pub key: String,
    #[serde(with = "units")]
    pub amount: Cents,
    /// What was paid, in the same currency, where tax or shipping make it more than is credited.
    pub paid: Option<Cents>,
    pub payment_intent: Option<String>,
    pub payer: Payer,
}

/// Who paid, as typed into the checkout form: nobody has verified it, and only the operator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Wallet<'_> {
    /// Credits a payment; `false` when it was credited before.
    pub fn credit(&mut self, credit: &Credit) -> Result<bool, WalletError> {
        assert!(credit.amount.is_positive(), "a credit is for more than nothing");
        let key = format!("credit:{}", credit.key);
        if self.amount_of(&key)?.is_some() {
            return Ok(false);
        }
        self.write("credit", &key, credit.amount, credit.payment_intent.as_deref())?;
        let paid = credit.paid.map_or(credit.amount, |paid| paid.max(credit.amount));
        // An account that its owner has ended forgets who pays into it all the same.
        let payer = if self.account.closed { &Payer::default() } else { &credit.payer };
        self.sql.run(
            "INSERT INTO payments (key, payment_intent, amount, paid, at, revision, payer_name, payer_email)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                credit.key.as_str().into(),
                credit.payment_intent.clone().into(),
                credit.amount.units().into(),
                paid.units().into(),
                self.now.into(),
                self.next_revision().into(),
                payer.name.clone().into(),
                payer.email.clone().into(),
            ],
        )?;
        Ok(true)
    }
}
