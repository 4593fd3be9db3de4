//! In the aggregate: how far the sweep for lost payments has come. Times in seconds, as Stripe counts them.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::schema::{remember, remembered};
use crate::sql::{Sql, SqlError};

/// A pass looks so far behind the beginning of the last one: a session is open for a day, and a delayed payment may take
/// two weeks more.
const LOOK_BACK_S: i64 = 30 * 24 * 60 * 60;

/// A sweep goes from now backwards, in as many runs as it takes; then the next pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// When this data began.
    pub began: i64,
    /// When the last pass that came to its end began.
    swept: Option<i64>,
    /// When the pass that is under way began, and the moment it has come back to.
    pass: Option<(i64, i64)>,
}

impl Sweep {
    /// As it is stored.
    pub fn load(sql: &dyn Sql) -> Result<Self, SqlError> {
        let pass = match (remembered(sql, "pass begun")?, remembered(sql, "pass until")?) {
            (Some(begun), Some(until)) if begun > 0 => Some((begun, until)),
            _ => None,
        };
        Ok(Self { began: remembered(sql, "began")?.unwrap_or(0), swept: remembered(sql, "swept")?, pass })
    }

    /// Remembers when the data began, the first time.
    pub fn begin(sql: &dyn Sql, now: Millis) -> Result<(), SqlError> {
        if remembered(sql, "began")?.is_none() {
            remember(sql, "began", now / 1_000)?;
        }
        Ok(())
    }

    pub fn save(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        if let Some(swept) = self.swept {
            remember(sql, "swept", swept)?;
        }
        let (begun, until) = self.pass.unwrap_or((0, 0));
        remember(sql, "pass begun", begun)?;
        remember(sql, "pass until", until)
    }

    /// The sessions of which seconds to look at now, both included.
    pub fn window(&self, now: i64) -> (i64, i64) {
        let since = self.swept.unwrap_or(self.began) - LOOK_BACK_S;
        (since.max(0), self.pass.map_or(now, |(_, until)| until))
    }

    /// After a run that began at `now`: it has come back to `until`, or to the end of its window.
    pub fn after(self, now: i64, until: Option<i64>) -> Self {
        let begun = self.pass.map_or(now, |(begun, _)| begun);
        match until {
            Some(until) => Self { pass: Some((begun, until)), ..self },
            None => Self { swept: Some(begun), pass: None, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn a_pass_goes_back_in_several_runs_and_the_next_overlaps_it() {
        let sql = database();
        migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
        let (began, now) = (1_800_000_000, 1_800_000_000 + 400 * DAY);
        Sweep::begin(&sql, began * 1_000).unwrap();
        Sweep::begin(&sql, now * 1_000).unwrap();
        let first = Sweep::load(&sql).unwrap();
        assert_eq!(first.window(now), (began - LOOK_BACK_S, now), "all there is, the first time");
        first.after(now, Some(now - 50 * DAY)).save(&sql).unwrap();

        let second = Sweep::load(&sql).unwrap();
        assert_eq!(second.window(now + 60), (began - LOOK_BACK_S, now - 50 * DAY));
        second.after(now + 60, None).save(&sql).unwrap();

        let third = Sweep::load(&sql).unwrap();
        assert_eq!(third.window(now + 120), (now - LOOK_BACK_S, now + 120));
        third.after(now + 120, None).save(&sql).unwrap();
        assert_eq!(Sweep::load(&sql).unwrap().window(now + 180), (now + 120 - LOOK_BACK_S, now + 180));
    }
}
