//! When an object's alarm rings, for which work, and how long what failed waits.

use std::cell::Cell;

use stripeflare_core::clock::{Millis, now, pause};
use stripeflare_core::schema::remembered;
use stripeflare_core::sql::{Sql, SqlError};

use crate::object::storage::Storage;

/// How long changes wait for each other.
pub(in crate::object) const FLUSH_MS: Millis = 2_000;

/// What waits for the alarm, in the order it is done.
#[derive(Clone, Copy)]
pub(in crate::object) enum Work {
    /// Charges what streams reported that died.
    Expire,
    /// Forgets what is old.
    CleanUp,
    /// Finishes claims and releases of cards, and lets the row show who paid.
    Cards,
    /// Folds old captures.
    Fold,
    /// Tells the aggregate what changed.
    Mirror,
    /// Tells other objects what they are to hear.
    Tell,
}

impl Work {
    pub(in crate::object) const ALL: [Self; 6] =
        [Self::Expire, Self::CleanUp, Self::Cards, Self::Fold, Self::Mirror, Self::Tell];

    pub(in crate::object) const fn name(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::CleanUp => "clean up",
            Self::Cards => "cards",
            Self::Fold => "fold",
            Self::Mirror => "mirror",
            Self::Tell => "tell",
        }
    }

    /// Under which its failures are remembered.
    pub(in crate::object) fn key(self) -> String {
        format!("failures of {}", self.name())
    }
}

/// When to come again for some work; `None`: something new has to happen first.
pub(in crate::object) type Next = Option<Millis>;

/// When this object's alarm is due, as far as this instance knows.
#[derive(Default)]
pub(in crate::object) struct Alarm {
    pub(in crate::object) due: Cell<Option<Millis>>,
    pub(in crate::object) plan: Cell<Option<Plan>>,
}

impl Alarm {
    /// Sets it for changes that are to be told.
    pub(in crate::object) fn set_soon(&self, storage: &Storage) -> Result<(), SqlError> {
        self.set(storage, now() + FLUSH_MS)
    }

    /// Sets it, unless it is due before that.
    pub(in crate::object) fn set(&self, storage: &Storage, at: Millis) -> Result<(), SqlError> {
        match to_set(self.due.get(), at, now()) {
            Some(at) => self.set_at(storage, at),
            None => Ok(()),
        }
    }

    pub(in crate::object) fn set_at(&self, storage: &Storage, at: Millis) -> Result<(), SqlError> {
        storage.set_alarm(at)?;
        self.due.set(Some(at));
        Ok(())
    }

    /// It rang, or what set it was rolled back.
    pub(in crate::object) fn forget(&self) {
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
pub(in crate::object) struct Plan([Known; Work::ALL.len()]);

#[derive(Clone, Copy, Default)]
struct Known {
    next: Next,
    /// In a row; they outlive the instance, so that pauses go on growing.
    failures: i64,
}

impl Plan {
    /// For an instance that just woke up: it tries all.
    pub(in crate::object) fn load(sql: &dyn Sql) -> Self {
        Self(
            Work::ALL
                .map(|work| Known { next: None, failures: remembered(sql, &work.key()).ok().flatten().unwrap_or(0) }),
        )
    }

    /// What failed waits its pause; everything else costs little to look at.
    pub(in crate::object) fn is_due(&self, work: Work, now: Millis) -> bool {
        let known = self.0[work as usize];
        known.failures == 0 || known.next.is_none_or(|next| next <= now)
    }

    /// What it came to; `None`: it failed. Answers how often it has failed in a row if that is to be remembered.
    pub(in crate::object) fn note(&mut self, work: Work, next: Option<Next>, now: Millis) -> Option<i64> {
        let known = &mut self.0[work as usize];
        let before = known.failures;
        *known = match next {
            Some(next) => Known { next, failures: 0 },
            None => Known { next: Some(now + pause(before)), failures: before + 1 },
        };
        (known.failures != before).then_some(known.failures)
    }

    /// The earliest of all.
    pub(in crate::object) fn next(&self) -> Next {
        self.0.iter().filter_map(|known| known.next).min()
    }
}

#[cfg(test)]
mod tests {
    use stripeflare_core::schema::{Schema, migrate, remember};
    use stripeflare_core::tables::Role;
    use stripeflare_core::testing::database;

    use super::*;

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
