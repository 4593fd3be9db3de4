//! What an object does later: it charges for streams that died, tells the aggregate of changes and forgets what is old.

use std::cell::Cell;

use super::class::Inner;
use super::client::Address;
use super::command::{AccountCommand, AggregateCommand, Reply};
use super::storage::Storage;
use crate::schema::{remember, remembered};
use crate::wallet::outbox::Snapshot;
use crate::wallet::{Millis, Role, Sql, SqlError, Wallet, WalletError, directory, fold, unclaimed};

/// How long changes wait for each other.
pub(super) const FLUSH_MS: Millis = 2_000;
/// What one ring does at most of each work.
const BATCH: i64 = 20;
/// The longest pause after errors.
const MAX_PAUSE_MS: Millis = 300_000;

/// What waits for the alarm, in the order it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Charges what streams reported that died.
    Expire,
    /// Forgets what is old.
    CleanUp,
    /// Finishes claims, and carries on what belongs to the account that this one went into.
    Follow,
    /// Folds old captures.
    Fold,
    /// Tells the aggregate what changed.
    Mirror,
    /// In a directory shard: takes reversals to payments that have come meanwhile.
    Unpark,
    /// In the aggregate: credits what the operator assigned.
    Assign,
}

impl Work {
    const ALL: [Self; 7] =
        [Self::Expire, Self::CleanUp, Self::Follow, Self::Fold, Self::Mirror, Self::Unpark, Self::Assign];

    /// Under which its failures are remembered.
    fn key(self) -> String {
        format!("failures of {self:?}")
    }
}

/// When to come again for some work; `None`: something new has to happen first.
pub(super) type Next = Option<Millis>;

impl Inner {
    /// One bounded batch of it.
    async fn work(&self, work: Work) -> Result<Next, String> {
        match work {
            Work::Expire => self.in_account(|wallet| {
                wallet.expire()?;
                Ok(wallet.next_expiry())
            }),
            Work::CleanUp => self.in_account(|wallet| wallet.forget_answers()),
            Work::Follow => self.follow().await,
            Work::Fold => self.in_account(|wallet| wallet.fold(fold::BATCH)),
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
                worker::console_error!("{work:?} failed and is tried again later: {cause}");
            }
            if let Some(failures) = plan.note(work, outcome.ok(), now())
                && let Err(error) = remember(&self.storage, &work.key(), failures)
            {
                worker::console_error!("the failures of {work:?} could not be stored: {error}");
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
        let command = AggregateCommand::Mirror { snapshot: snapshot.clone() };
        match self.stubs.call(&Address::Aggregate, command, Vec::new()).await {
            Ok(Reply::Done) => {}
            Ok(_) => return Err("the aggregate answered with something else".into()),
            Err(error) => return Err(error.to_string()),
        }
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
            let command = AccountCommand::Reverse { payment_intent, reversal };
            // One that fails keeps no other waiting.
            if let Err(error) = self.stubs.done(&Address::Account(left.account.clone()), command).await {
                next = Err(error.to_string());
                continue;
            }
            self.transaction(|| Ok(directory::arrived(&self.storage, &left)?))?;
        }
        next
    }

    async fn assign(&self) -> Result<Next, String> {
        let assigned = self.in_role(Role::Aggregate, || unclaimed::assigned(&self.storage, BATCH))?;
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

/// When this object's alarm is due, as far as this instance knows.
#[derive(Default)]
pub(super) struct Alarm {
    due: Cell<Option<Millis>>,
    plan: Cell<Option<Plan>>,
}

pub(super) fn now() -> Millis {
    worker::Date::now().as_millis() as Millis
}

impl Alarm {
    /// Sets it for changes that are to be told.
    pub(super) fn set_soon(&self, storage: &Storage) -> Result<(), SqlError> {
        self.set(storage, now() + FLUSH_MS)
    }

    /// Sets it, unless it is due before that.
    pub(super) fn set(&self, storage: &Storage, at: Millis) -> Result<(), SqlError> {
        match to_set(self.due.get(), at, now()) {
            Some(at) => self.set_at(storage, at),
            None => Ok(()),
        }
    }

    fn set_at(&self, storage: &Storage, at: Millis) -> Result<(), SqlError> {
        storage.set_alarm(at)?;
        self.due.set(Some(at));
        Ok(())
    }

    /// It rang, or what set it was rolled back.
    pub(super) fn forget(&self) {
        self.due.set(None);
    }
}

/// When to set the alarm for what is due at a moment; `None`: it rings before. One that is overdue was lost.
///
/// An instance that just woke up does not know when it rings, and lets it ring soon, lest it puts off what waits.
fn to_set(due: Option<Millis>, at: Millis, now: Millis) -> Option<Millis> {
    match due {
        None => Some(at.min(now + FLUSH_MS)),
        Some(due) => (due > at || due < now - FLUSH_MS).then_some(at),
    }
}

/// What each work came to the last time.
#[derive(Default)]
struct Plan([Known; Work::ALL.len()]);

#[derive(Clone, Copy, Default)]
struct Known {
    next: Next,
    /// In a row; they outlive the instance, so that pauses go on growing.
    failures: i64,
}

impl Plan {
    /// For an instance that just woke up: it tries all.
    fn load(sql: &dyn Sql) -> Self {
        Self(
            Work::ALL
                .map(|work| Known { next: None, failures: remembered(sql, &work.key()).ok().flatten().unwrap_or(0) }),
        )
    }

    /// What failed waits its pause; everything else costs little to look at.
    fn is_due(&self, work: Work, now: Millis) -> bool {
        let known = self.0[work as usize];
        known.failures == 0 || known.next.is_none_or(|next| next <= now)
    }

    /// What it came to; `None`: it failed. Answers how often it has failed in a row if that is to be remembered.
    fn note(&mut self, work: Work, next: Option<Next>, now: Millis) -> Option<i64> {
        let known = &mut self.0[work as usize];
        let before = known.failures;
        *known = match next {
            Some(next) => Known { next, failures: 0 },
            None => Known { next: Some(now + pause(before + 1)), failures: before + 1 },
        };
        (known.failures != before).then_some(known.failures)
    }

    /// The earliest of all.
    fn next(&self) -> Next {
        self.0.iter().filter_map(|known| known.next).min()
    }
}

fn pause(failures: i64) -> Millis {
    (FLUSH_MS << failures.clamp(0, 16)).min(MAX_PAUSE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::wallet::testing::database;

    const NOW: Millis = 1_800_000_000_000;
    const HOUR: Millis = 3_600_000;

    #[test]
    fn what_fails_for_hours_is_tried_at_least_every_five_minutes_and_then_goes_on() {
        let (mut plan, mut now, mut tries) = (Plan::default(), NOW, 0);
        while now < NOW + 5 * HOUR {
            assert!(plan.is_due(Work::Mirror, now));
            plan.note(Work::Mirror, None, now);
            assert!(!plan.is_due(Work::Mirror, now));
            let next = plan.next().expect("an alarm");
            assert!(next > now && next <= now + 300_000, "{}", next - now);
            (now, tries) = (next, tries + 1);
        }
        assert!((60..80).contains(&tries), "{tries} tries in five hours");
        plan.note(Work::Mirror, Some(None), now);
        assert_eq!(plan.next(), None);
        plan.note(Work::Mirror, None, now);
        assert_eq!(plan.next(), Some(now + 2 * FLUSH_MS), "the next error is the first again");
    }

    #[test]
    fn pauses_go_on_growing_when_the_object_slept_between() {
        let sql = database();
        migrate(&sql, Role::Account, &Schema::of::<()>()).unwrap();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let mut plan = Plan::load(&sql);
            assert!(plan.is_due(Work::Mirror, NOW));
            let failures = plan.note(Work::Mirror, None, NOW).expect("a number to remember");
            remember(&sql, &Work::Mirror.key(), failures).unwrap();
            pauses.push((plan.next().unwrap() - NOW) / 1_000);
        }
        assert_eq!(pauses, [4, 8, 16, 32, 64, 128, 256, 300, 300]);
        let mut plan = Plan::load(&sql);
        assert_eq!(plan.note(Work::Mirror, Some(None), NOW), Some(0));
        assert_eq!(plan.note(Work::Mirror, Some(None), NOW), None, "nothing is written as long as nothing fails");
    }

    #[test]
    fn work_that_fails_keeps_no_other_waiting() {
        let mut plan = Plan::default();
        for _ in 0..40 {
            plan.note(Work::Mirror, None, NOW);
        }
        plan.note(Work::CleanUp, Some(Some(NOW + 1)), NOW);
        assert_eq!(plan.next(), Some(NOW + 1));
        assert!(plan.is_due(Work::CleanUp, NOW), "there may be more by now");
        assert!(!plan.is_due(Work::Mirror, NOW + 299_999));
        assert!(plan.is_due(Work::Mirror, NOW + 300_000));
    }

    #[test]
    fn an_instance_that_woke_up_puts_off_nothing_that_waits() {
        let soon = NOW + FLUSH_MS;
        assert_eq!(to_set(None, NOW + HOUR, NOW), Some(soon), "whatever is set rings by then");
        assert_eq!(to_set(None, NOW + 1, NOW), Some(NOW + 1));
        assert_eq!(to_set(Some(soon), NOW + HOUR, NOW), None);
        assert_eq!(to_set(Some(NOW + HOUR), soon, NOW), Some(soon));
        assert_eq!(to_set(Some(NOW - FLUSH_MS - 1), NOW + HOUR, NOW), Some(NOW + HOUR), "it was lost");
    }

    #[test]
    fn every_work_has_its_place() {
        for (place, work) in Work::ALL.into_iter().enumerate() {
            assert_eq!(work as usize, place);
        }
    }
}
