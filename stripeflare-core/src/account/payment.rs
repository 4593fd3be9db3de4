use serde::{Deserialize, Serialize};

use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::SqlError;

/// A payment that arrived.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credit {
    pub account: AccountId,
    /// Hash of the Checkout Session's id.
    pub key: String,
    #[serde(with = "units")]
    pub amount: Cents,
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
        self.record_payment(&credit.key, credit.amount, credit.payment_intent.as_deref(), &credit.payer)?;
        Ok(true)
    }

    /// Remembers a payment that was just credited, so that its refunds and disputes find it.
    pub(crate) fn record_payment(
        &self,
        key: &str,
        amount: Cents,
        payment_intent: Option<&str>,
        payer: &Payer,
    ) -> Result<(), SqlError> {
        // An account that its owner has ended forgets who pays into it all the same.
        let payer = if self.account.closed { &Payer::default() } else { payer };
        self.sql.run(
            "INSERT INTO payments (key, payment_intent, amount, at, revision, payer_name, payer_email)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            &[
                key.into(),
                payment_intent.into(),
                amount.units().into(),
                self.now.into(),
                self.next_revision().into(),
                payer.name.clone().into(),
                payer.email.clone().into(),
            ],
        )?;
        Ok(())
    }
}
