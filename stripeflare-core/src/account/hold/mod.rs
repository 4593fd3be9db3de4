use crate::account::tokens::Spender;
use crate::clock::{DAY_MS, Millis};
use crate::identity::random;
use crate::money::{Cents, units};
mod lifecycle;

use std::fmt;

use serde::{Deserialize, Serialize};

/// How long after its hold's time a capture may still be on its way: longer than a worker may try to deliver it.
pub const DELIVERY_MS: Millis = 30_000;

/// How long after its call began a hold may end: its entry is looked for among the newest alone.
pub(super) const MAX_HOLD_MS: Millis = DAY_MS;

/// Names one hold, and the entry that its capture becomes. Chosen by whoever asks for the hold, never used again.
///
/// It begins with the time, so that captures lie in the ledger in the order of their calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HoldId(String);

impl HoldId {
    pub fn generate(now: Millis) -> Self {
        let random = u128::from_be_bytes(random()) >> 48;
        Self(format!("{now:012x}{random:020x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time it begins with.
    pub(crate) fn began(&self) -> Millis {
        self.0.get(..12).and_then(|time| Millis::from_str_radix(time, 16).ok()).unwrap_or_default()
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Money set aside until it is captured, released, or its time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub id: HoldId,
    #[serde(with = "units")]
    pub amount: Cents,
    /// From this moment on the hold counts as released; with a report, as captured at that.
    pub expires_at: Millis,
    /// The token that it is charged to.
    pub token: Option<Spender>,
    /// Of a streamed answer, once its hold was renewed.
    pub reported: Option<Report>,
}

/// What a streamed answer has cost so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// At most what is held.
    #[serde(with = "units")]
    pub amount: Cents,
    /// What the money is for: the route.
    pub detail: String,
}

/// How a hold ends. Every hold gets one ending, decided once: what is captured was not released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub hold: HoldId,
    pub outcome: Outcome,
    /// The caller's idempotency key, if it sent one.
    pub key: Option<String>,
    /// As in its [`Hold`], for when that is gone.
    pub token: Option<Spender>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Capture {
        #[serde(with = "units")]
        amount: Cents,
        /// What the money was for: the route.
        detail: String,
    },
    Release,
}

/// What became of an ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settled {
    Captured,
    AlreadyCaptured,
    Released,
    /// The hold's time was over, and the money is gone, or a caller's key names another call now.
    Gone,
}

/// Open holds an account may have at once.
pub const MAX_HOLDS: usize = 256;
