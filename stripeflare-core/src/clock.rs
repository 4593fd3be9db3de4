//! The one clock. It is injected, because wasm has none of its own.

use std::sync::OnceLock;
use std::time::SystemTime;

/// Milliseconds since 1970.
pub type Millis = i64;

/// One day, UTC, which has no leap seconds.
pub const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// How long what has failed so often before waits until it is tried again: it doubles, from four seconds up to five minutes.
#[must_use]
pub fn pause(failures: i64) -> Millis {
    (4_000 << failures.clamp(0, 16)).min(300_000)
}

static CLOCK: OnceLock<fn() -> Millis> = OnceLock::new();

/// Says what time is told by. The first one stays.
pub fn set(clock: fn() -> Millis) {
    CLOCK.get_or_init(|| clock);
}

/// The time: of the clock that was set, or of the operating system.
#[must_use]
pub fn now() -> Millis {
    CLOCK.get().map_or_else(system, |clock| clock())
}

/// The operating system's time.
#[must_use]
pub fn system() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
