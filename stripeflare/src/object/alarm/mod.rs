//! What an object does later: it charges for streams that died, tells others of changes and forgets what is old.

pub(super) mod plan;

use stripeflare_core::account::Wallet;
use stripeflare_core::clock::now;
use stripeflare_core::error::WalletError;
use stripeflare_core::protocol::Aggregate;
use stripeflare_core::protocol::account::in_account;
use stripeflare_core::protocol::aggregate::Mirror;
use stripeflare_core::schema::remember;

use crate::js::log_error;
use crate::object::alarm::plan::{FLUSH_MS, Next, Plan, Work};
use crate::object::class::Inner;

impl Inner {
    /// One bounded batch of it.
    async fn work(&self, work: Work) -> Result<Next, String> {
        match work {
            Work::Expire => self.in_account(|wallet| {
                wallet.expire()?;
                Ok(wallet.next_expiry())
            }),
            Work::CleanUp => self.in_account(|wallet| wallet.forget_answers()),
            Work::Cards => self.finish_cards().await,
            Work::Fold => self.in_account(|wallet| wallet.fold(stripeflare_core::account::FOLD_BATCH)),
            Work::Mirror => self.mirror().await,
            Work::Tell => self.tell().await,
        }
    }

    /// Errors are logged and tried again later, each work's by itself; the alarm always succeeds.
    pub(super) async fn ring(&self) {
        self.alarm.forget();
        // No two alarms of one object ring at once.
        let mut plan = self.alarm.plan.take().unwrap_or_else(|| Plan::load(&self.storage));
        for work in Work::ALL {
            if !plan.is_due(work, now()) {
                continue;
            }
            let outcome = self.work(work).await;
            if let Err(cause) = &outcome {
                log_error(format_args!("the work {} failed and is tried again later: {cause}", work.name()));
            }
            if let Some(failures) = plan.note(work, outcome.ok(), now())
                && let Err(error) = remember(&self.storage, &work.key(), failures)
            {
                log_error(format_args!("the failures of the work {} could not be stored: {error}", work.name()));
            }
        }
        if let Some(at) = plan.next()
            && self.alarm.due.get().is_none_or(|due| due > at)
            && let Err(error) = self.alarm.set_at(&self.storage, at)
        {
            // The next command to this object sets it.
            log_error(format_args!("the alarm could not be set: {error}"));
        }
        self.alarm.plan.set(Some(plan));
    }

    /// Work on the account's own tables. The aggregate hears of what changes in this very ring.
    pub(super) fn in_account(
        &self,
        act: impl FnOnce(&mut Wallet<'_>) -> Result<Next, WalletError>,
    ) -> Result<Next, String> {
        Ok(self.transaction(|| in_account(self, now(), act))?.flatten())
    }

    /// Tells the aggregate the newest state.
    async fn mirror(&self) -> Result<Next, String> {
        let unsent = || in_account(self, now(), |wallet| Ok(wallet.unsent()?.map(Box::new)));
        let Some(snapshot) = self.transaction(unsent)?.flatten() else { return Ok(None) };
        self.stubs.as_system(&Aggregate).send(Mirror { snapshot: snapshot.clone() }).await?;
        self.in_account(|wallet| {
            wallet.sent(&snapshot);
            // More may have happened meanwhile.
            Ok(wallet.is_unsent().then(|| now() + FLUSH_MS))
        })
    }
}
