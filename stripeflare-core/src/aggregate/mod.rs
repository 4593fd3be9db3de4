//! Role 3, the mirror of all accounts, and what belongs to none.

mod again;
mod mirror;
mod search;
mod sweep;
mod unclaimed;
mod usage;

pub use again::{Due, done, due, failed};
pub use mirror::mirror;
pub use search::{Page, Query, count, find};
pub use sweep::{Sweep, Track, Window};
pub use unclaimed::{
    AssignedCredit, Assignment, Unclaimed, assign, credited, record_unclaimed, reversed, to_judge, unknown,
};
pub use usage::fold_usage;
