//! In the aggregate: how far the sweep for what no webhook told has come. Times in seconds, as Stripe counts them.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::schema::{remember, remembered};
use crate::sql::{Sql, SqlError};

/// What is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Completed sessions of the payment link.
    Sessions,
    /// Events of refunds and disputes.
    Events,
}

impl Track {
    /// A pass looks so far behind the beginning of the last one. A session is open for a day, and a delayed payment may take two
    /// weeks more; an event is there at once.
    const fn look_back_s(self) -> i64 {
        match self {
            Self::Sessions => 30 * 24 * 60 * 60,
            Self::Events => 60 * 60,
        }
    }

    const fn names(self) -> [&'static str; 4] {
        match self {
            Self::Sessions => ["swept", "pass begun", "pass until", "pass done"],
            Self::Events => ["events swept", "events pass begun", "events pass until", "events pass done"],
        }
    }
}

/// A sweep goes from now backwards, in as many runs as it takes; then the next pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// When this data began.
    pub began: i64,
    sessions: Pass,
    events: Pass,
    /// Counts the runs: each track comes first every other time.
    runs: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pass {
    /// When the last pass that came to its end began.
    swept: Option<i64>,
    /// When the pass that is under way began, and the second it has come back to.
    now: Option<(i64, i64)>,
    /// So many of that second it has looked at: one second may have more than a run can.
    done: i64,
}

/// What to look at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// What was made from this second on,
    pub since: i64,
    /// until this one,
    pub until: i64,
    /// without the newest so many of the last one.
    pub done: i64,
}

impl Pass {
    fn load(sql: &dyn Sql, track: Track) -> Result<Self, SqlError> {
        let [swept, begun, until, done] = track.names();
        let now = match (remembered(sql, begun)?, remembered(sql, until)?) {
            (Some(begun), Some(until)) if begun > 0 => Some((begun, until)),
            _ => None,
        };
        Ok(Self { swept: remembered(sql, swept)?, now, done: remembered(sql, done)?.unwrap_or(0) })
    }

    fn save(&self, sql: &dyn Sql, track: Track) -> Result<(), SqlError> {
        let names = track.names();
        if let Some(swept) = self.swept {
            remember(sql, names[0], swept)?;
        }
        let (begun, until) = self.now.unwrap_or((0, 0));
        remember(sql, names[1], begun)?;
        remember(sql, names[2], until)?;
        remember(sql, names[3], self.done)
    }
}

impl Sweep {
    /// As it is stored.
    pub fn load(sql: &dyn Sql) -> Result<Self, SqlError> {
        Ok(Self {
            began: remembered(sql, "began")?.unwrap_or(0),
            sessions: Pass::load(sql, Track::Sessions)?,
            events: Pass::load(sql, Track::Events)?,
            runs: remembered(sql, "runs")?.unwrap_or(0),
        })
    }

    /// Remembers when the data began, the first time.
    pub fn begin(sql: &dyn Sql, now: Millis) -> Result<(), SqlError> {
        if remembered(sql, "began")?.is_none() {
            remember(sql, "began", now / 1_000)?;
        }
        Ok(())
    }

    pub fn save(&self, sql: &dyn Sql) -> Result<(), SqlError> {
        self.sessions.save(sql, Track::Sessions)?;
        self.events.save(sql, Track::Events)?;
        remember(sql, "runs", self.runs)
    }

    /// In which order this run looks through them, so that neither keeps the other waiting.
    pub fn order(&mut self) -> [Track; 2] {
        self.runs += 1;
        if self.runs % 2 == 1 { [Track::Sessions, Track::Events] } else { [Track::Events, Track::Sessions] }
    }

    fn pass(&mut self, track: Track) -> &mut Pass {
        match track {
            Track::Sessions => &mut self.sessions,
            Track::Events => &mut self.events,
        }
    }

    pub fn window(&mut self, track: Track, now: i64) -> Window {
        let began = self.began;
        let pass = self.pass(track);
        let since = pass.swept.unwrap_or(began) - track.look_back_s();
        Window { since: since.max(0), until: pass.now.map_or(now, |(_, until)| until), done: pass.done }
    }

    /// A run that began at `now` has come back to a second, of which it has looked at so many; or to the end of its window.
    pub fn came_to(&mut self, track: Track, now: i64, back_to: Option<(i64, i64)>) {
        let pass = self.pass(track);
        let begun = pass.now.map_or(now, |(begun, _)| begun);
        *pass = match back_to {
            Some((until, done)) => Pass { now: Some((begun, until)), done, ..*pass },
            None => Pass { swept: Some(begun), now: None, done: 0 },
        };
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
        for (track, back) in [(Track::Sessions, 30 * DAY), (Track::Events, DAY / 24)] {
            let sql = database();
            migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
            let (began, now) = (1_800_000_000, 1_800_000_000 + 400 * DAY);
            Sweep::begin(&sql, began * 1_000).unwrap();
            Sweep::begin(&sql, now * 1_000).unwrap();
            let come_to = |now: i64, back_to: Option<i64>| {
                let mut sweep = Sweep::load(&sql).unwrap();
                sweep.came_to(track, now, back_to.map(|until| (until, 7)));
                sweep.save(&sql).unwrap();
            };
            let window = |now: i64| Sweep::load(&sql).unwrap().window(track, now);
            let whole = |since, until| Window { since, until, done: 0 };
            let rest = |since, until| Window { since, until, done: 7 };
            assert_eq!(window(now), whole(began - back, now), "all there is, the first time");
            come_to(now, Some(now - 50 * DAY));
            assert_eq!(window(now + 60), rest(began - back, now - 50 * DAY));
            come_to(now + 60, Some(now - 60 * DAY));
            assert_eq!(window(now + 90), rest(began - back, now - 60 * DAY), "it goes on after each page");
            come_to(now + 90, None);
            assert_eq!(window(now + 120), whole(now - back, now + 120));
            come_to(now + 120, None);
            assert_eq!(window(now + 180), whole(now + 120 - back, now + 180));
        }
    }

    #[test]
    fn the_tracks_come_first_in_turns_and_know_nothing_of_each_other() {
        let sql = database();
        migrate(&sql, Role::Aggregate, &Schema::of::<()>()).unwrap();
        let mut orders = Vec::new();
        for _ in 0..3 {
            let mut sweep = Sweep::load(&sql).unwrap();
            orders.push(sweep.order()[0]);
            sweep.came_to(Track::Events, 9_000, Some((8_000, 3)));
            sweep.save(&sql).unwrap();
        }
        assert_eq!(orders, [Track::Sessions, Track::Events, Track::Sessions]);
        assert_eq!(
            Sweep::load(&sql).unwrap().window(Track::Sessions, 9_000),
            Window { since: 0, until: 9_000, done: 0 }
        );
    }
}
