//! Role 2, who and where: in shards, each knowing a part of the keys.

mod card_owners;
mod notes;
mod parked;
mod password_guesses;
mod placements;
mod sessions;
mod unique_values;

pub use card_owners::{claim, owner, release};
pub use notes::{Note, note, noted};
pub use parked::waiting;
pub use password_guesses::guess;
pub use placements::{find, find_or_park, place};
pub use sessions::{Arrival, ToDisown, arrive, begin, credited, may_take};
pub use unique_values::{Owner, claim as claim_value, free as free_value};
