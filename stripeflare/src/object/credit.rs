//! A payment's way to its account. Whoever carries it, a webhook, a sweep or an alarm, may do so any number of times.

use stripeflare_core::account::Credit;
use stripeflare_core::aggregate::Assigned;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::{AccountCommand, AggregateCommand, DirectoryCommand, Reply};

use crate::object::{Address, ObjectError, Stubs};

impl Stubs {
    /// Credits a payment, unless it went to another account before, and takes back what was refunded or disputed before
    /// it came. Answers whose it is.
    ///
    /// The directory is told first: it alone decides where a payment goes, so that none is credited twice.
    pub(crate) async fn credit(&self, credit: Credit) -> Result<AccountId, ObjectError> {
        let payment_intent = credit.payment_intent.clone().unwrap_or_else(|| format!("session:{}", credit.key));
        let directory = Address::Directory(payment_intent.clone());
        let place = DirectoryCommand::Place { payment_intent: payment_intent.clone(), account: credit.account.clone() };
        let Reply::Placed { account, parked } = self.call(&directory, place, Vec::new()).await? else {
            return Err(ObjectError::Failed("an answer that fits no question about places".into()));
        };
        if account != credit.account {
            worker::console_warn!("a payment of {} went to {account} before, and stays there", credit.account);
            return Ok(account);
        }
        let to = Address::Account(account.clone());
        self.done(&to, AccountCommand::Credit { credit }).await?;
        if parked.is_empty() {
            return Ok(account);
        }
        for reversal in parked.clone() {
            self.done(&to, AccountCommand::Reverse { payment_intent: payment_intent.clone(), reversal }).await?;
        }
        self.done(&directory, DirectoryCommand::Unpark { payment_intent, reversals: parked }).await?;
        Ok(account)
    }

    /// Carries out what the operator decided about unclaimed money.
    pub(crate) async fn credit_assigned(&self, assigned: Assigned) -> Result<AccountId, ObjectError> {
        let Assigned { credit, reversals } = assigned;
        // What the directory forgot meanwhile waits there again.
        for (reversal, payment_intent) in reversals.into_iter().zip(credit.payment_intent.iter().cycle()) {
            let directory = Address::Directory(payment_intent.clone());
            let park = DirectoryCommand::Park { payment_intent: payment_intent.clone(), reversal };
            self.done(&directory, park).await?;
        }
        let (key, amount) = (credit.key.clone(), credit.amount);
        let account = self.credit(credit).await?;
        self.done(&Address::Aggregate, AggregateCommand::Assigned { key, account: account.clone(), amount }).await?;
        Ok(account)
    }
}
