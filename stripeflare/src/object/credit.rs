//! A payment's way to its account. Whoever carries it, a webhook, a sweep or an operator, may do so any number of times.

use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::account::Reverse;
use stripeflare_core::protocol::directory::{Place, Placed};

use crate::object::{ObjectError, Stubs};

impl Stubs {
    /// Credits a payment, unless it went to another account before, and takes back what was refunded or disputed before
    /// it came. Answers whose it is.
    ///
    /// The directory is told first: it alone decides where a payment goes, so that none is credited twice. It sees to the rest
    /// a moment later; here nobody has to wait for that.
    pub(crate) async fn credit(&self, place: Place) -> Result<AccountId, ObjectError> {
        let (payment_intent, credit) = (place.payment_intent(), place.credit.clone());
        let Placed { account, reversals } = self.as_system(&Shard::of(&payment_intent)).send(place).await?;
        if account != credit.account {
            worker::console_warn!("a payment of {} went to {account} before, and stays there", credit.account);
            return Ok(account);
        }
        self.as_system(&account).send(credit).await?;
        for reversal in reversals {
            self.as_system(&account).send(Reverse { payment_intent: payment_intent.clone(), reversal }).await?;
        }
        Ok(account)
    }
}
