//! A payment's way to its account. Whoever carries it, a webhook, a sweep or an alarm, may do so any number of times.

use stripeflare_core::account::Credit;
use stripeflare_core::aggregate::AssignedCredit;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::account::Reverse;
use stripeflare_core::protocol::aggregate::Assigned;
use stripeflare_core::protocol::directory::{Park, Place, Placed, Unpark};
use stripeflare_core::protocol::{Aggregate, Shard};

use crate::object::{ObjectError, Stubs};

impl Stubs {
    /// Credits a payment, unless it went to another account before, and takes back what was refunded or disputed before
    /// it came. Answers whose it is.
    ///
    /// The directory is told first: it alone decides where a payment goes, so that none is credited twice.
    pub(crate) async fn credit(&self, credit: Credit) -> Result<AccountId, ObjectError> {
        let payment_intent = credit.payment_intent.clone().unwrap_or_else(|| format!("session:{}", credit.key));
        let directory = Shard::of(&payment_intent);
        let place = Place { payment_intent: payment_intent.clone(), account: credit.account.clone() };
        let Placed { account, parked } = self.as_system(&directory).send(place).await?;
        if account != credit.account {
            worker::console_warn!("a payment of {} went to {account} before, and stays there", credit.account);
            return Ok(account);
        }
        self.as_system(&account).send(credit).await?;
        if parked.is_empty() {
            return Ok(account);
        }
        for reversal in parked.clone() {
            self.as_system(&account).send(Reverse { payment_intent: payment_intent.clone(), reversal }).await?;
        }
        self.as_system(&directory).send(Unpark { payment_intent, reversals: parked }).await?;
        Ok(account)
    }

    /// Carries out what the operator decided about unclaimed money.
    pub(crate) async fn credit_assigned(&self, assigned: AssignedCredit) -> Result<AccountId, ObjectError> {
        let AssignedCredit { credit, reversals } = assigned;
        // What the directory forgot meanwhile waits there again.
        for (reversal, payment_intent) in reversals.into_iter().zip(credit.payment_intent.iter().cycle()) {
            let park = Park { payment_intent: payment_intent.clone(), reversal };
            self.as_system(&Shard::of(payment_intent)).send(park).await?;
        }
        let (key, amount) = (credit.key.clone(), credit.amount);
        let account = self.credit(credit).await?;
        self.as_system(&Aggregate).send(Assigned { key, account: account.clone(), amount }).await?;
        Ok(account)
    }
}
