use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use crate::account::pending::Pending;
use crate::account::row::AccountRow;
use crate::account::tokens::KnownToken;
use crate::clock::Millis;
use crate::identity::random;

/// Tokens remembered at most.
const TOKENS: usize = 16;

/// What an account's object knows from one command to the next: what its disk says, and what is not written yet. A command
/// works on a copy, which takes its place when all of it was done.
pub struct Memory {
    /// Names the object until it is evicted or dies.
    life: u32,
    known: RefCell<Known>,
    next: RefCell<Option<Known>>,
}

#[derive(Clone, Default)]
pub struct Known {
    /// With what is pending; `None`: it is to be read.
    pub(crate) row: Option<AccountRow>,
    tokens: Vec<KnownToken>,
    pub(crate) pending: Pending,
    /// Groups, since the object woke up.
    pub(crate) written: u64,
}

/// What an object says of the endings that it was told: those that came with the message are on its disk when it has
/// written their group. Whoever sent them keeps them until then, and sends them again when it is another object by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which object, from waking up to its end.
    pub life: u32,
    pub group: u64,
    /// The last one that is on the disk.
    pub written: u64,
}

impl Default for Memory {
    /// Of an object that woke up.
    fn default() -> Self {
        Self { life: u32::from_be_bytes(random()), known: RefCell::default(), next: RefCell::default() }
    }
}

impl Memory {
    /// Remembers what `act` noted if it succeeds.
    pub fn attempt<T, E>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        // One that panicked may have left something.
        self.next.take();
        let done = act();
        let next = self.next.take();
        if let (Ok(_), Some(next)) = (&done, next) {
            self.known.replace(next);
        }
        done
    }

    pub(crate) fn recall(&self) -> Known {
        self.known.borrow().clone()
    }

    pub(crate) fn note(&self, known: Known) {
        self.next.replace(Some(known));
    }

    /// What the disk says is to be read anew. What is pending stays.
    pub fn forget(&self) {
        self.known.borrow_mut().forget();
    }

    /// When to write what is pending at the latest.
    pub fn due(&self, now: Millis) -> Option<Millis> {
        self.known.borrow().pending.due(now)
    }

    pub fn receipt(&self) -> Receipt {
        let known = self.known.borrow();
        let group = known.written + u64::from(known.pending.has_endings());
        Receipt { life: self.life, group, written: known.written }
    }
}

impl Known {
    pub(crate) fn forget(&mut self) {
        self.row = None;
        self.tokens.clear();
    }

    pub(crate) fn token(&self, hash: &str) -> Option<&KnownToken> {
        self.tokens.iter().find(|token| token.hash == hash)
    }

    pub(crate) fn remember_token(&mut self, token: KnownToken) {
        self.tokens.retain(|known| known.hash != token.hash);
        if self.tokens.len() == TOKENS {
            self.tokens.remove(0);
        }
        self.tokens.push(token);
    }
}
