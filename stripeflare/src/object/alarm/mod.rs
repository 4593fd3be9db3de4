//! What an object does later: it charges for streams that died, tells the aggregate of changes and forgets what is old.

pub(super) mod plan;

use stripeflare_core::account::{Snapshot, Wallet};
use stripeflare_core::clock::now;
use stripeflare_core::error::WalletError;
use stripeflare_core::protocol::account::Reverse;
use stripeflare_core::protocol::aggregate::Mirror;
use stripeflare_core::protocol::{Aggregate, Object};
use stripeflare_core::schema::remember;
use stripeflare_core::sql::SqlError;
use stripeflare_core::tables::Role;
use stripeflare_core::{aggregate, directory};

use crate::object::alarm::plan::{FLUSH_MS, Next, Plan, Work};
use crate::object::class::Inner;

/// What one ring does at most of each work.
const BATCH: i64 = 20;
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
            Work::Unpark => self.unpark().await,
            Work::Assign => self.assign().await,
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
                worker::console_error!("the work {} failed and is tried again later: {cause}", work.name());
            }
            if let Some(failures) = plan.note(work, outcome.ok(), now())
                && let Err(error) = remember(&self.storage, &work.key(), failures)
            {
                worker::console_error!("the failures of the work {} could not be stored: {error}", work.name());
            }
        }
        if let Some(at) = plan.next()
            && self.alarm.due.get().is_none_or(|due| due > at)
            && let Err(error) = self.alarm.set_at(&self.storage, at)
        {
            // The next command to this object sets it.
            worker::console_error!("the alarm could not be set: {error}");
        }
        self.alarm.plan.set(Some(plan));
    }

    /// Work on the account's own tables: one transaction, its row saved if it changed.
    fn in_account(&self, act: fn(&mut Wallet<'_>) -> Result<Next, WalletError>) -> Result<Next, String> {
        let run = || -> Result<Next, WalletError> {
            let Some(mut wallet) = self.existing(now())? else { return Ok(None) };
            let next = act(&mut wallet)?;
            // The aggregate hears of it in this very ring.
            wallet.save()?;
            Ok(next)
        };
        self.transaction(run)
    }

    /// Tells the aggregate the newest state.
    async fn mirror(&self) -> Result<Next, String> {
        let unsent = self.transaction(|| self.unsent())?;
        let Some(snapshot) = unsent else { return Ok(None) };
        self.stubs.as_system(&Aggregate).send(Mirror { snapshot: snapshot.clone() }).await?;
        let acknowledge = || -> Result<Next, WalletError> {
            let Some(mut wallet) = self.existing(now())? else { return Ok(None) };
            wallet.sent(&snapshot)?;
            // More may have happened meanwhile.
            Ok(wallet.unsent()?.map(|_| now() + FLUSH_MS))
        };
        self.transaction(acknowledge)
    }

    async fn unpark(&self) -> Result<Next, String> {
        let waiting = self.in_role(Role::Directory, || directory::left_behind(&self.storage, BATCH))?;
        let mut next = Ok(next_batch(waiting.len()));
        for left in waiting {
            let (payment_intent, reversal) = (left.payment_intent.clone(), left.reversal.clone());
            let command = Reverse { payment_intent, reversal };
            // One that fails keeps no other waiting.
            if let Err(error) = self.stubs.as_system(&left.account).send(command).await {
                next = Err(error.to_string());
                continue;
            }
            self.transaction(|| Ok(directory::arrived(&self.storage, &left)?))?;
        }
        next
    }

    async fn assign(&self) -> Result<Next, String> {
        let assigned = self.in_role(Role::Aggregate, || aggregate::assigned(&self.storage, &self.currency, BATCH))?;
        let mut next = Ok(next_batch(assigned.len()));
        for credit in assigned {
            if let Err(error) = self.stubs.credit_assigned(credit).await {
                next = Err(error.to_string());
            }
        }
        next
    }

    /// What waits in an object of this role; nothing in others.
    fn in_role<T>(&self, role: Role, act: impl FnOnce() -> Result<Vec<T>, SqlError>) -> Result<Vec<T>, String> {
        let run = || if self.role()? == Some(role) { Ok::<_, WalletError>(act()?) } else { Ok(Vec::new()) };
        self.transaction(run)
    }

    fn unsent(&self) -> Result<Option<Box<Snapshot>>, WalletError> {
        let wallet = self.existing(now())?;
        Ok(wallet.map_or(Ok(None), |wallet| wallet.unsent())?.map(Box::new))
    }
}

/// More may wait behind a full batch.
fn next_batch(found: usize) -> Next {
    (found == BATCH as usize).then(now)
}
