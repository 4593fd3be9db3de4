//! Endings of holds on their way to their accounts.
//!
//! An ending waits a moment, so that the next command to the same account can carry it; then it goes by itself. Whoever
//! queued it stays responsible: its request lives on in `wait_until` until the account has said that it was done.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use stripeflare_core::account::{Ending, HoldId};
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::account::Settle;
use stripeflare_core::protocol::{AnyCommand, Command};

use crate::deployment::Deployment;
use crate::js::{log_error, sleep};
use crate::object::{ObjectError, Sender, read};

/// How long an ending waits for company, and then between tries, in milliseconds.
/// In all less than the 30 s a worker may live after its response.
const WAITS_MS: [u64; 8] = [25, 50, 200, 800, 2_000, 4_000, 8_000, 12_000];
/// A carrier that has not reported back by then is gone with its request.
const LOST_AFTER_MS: Millis = 12_000;
/// Endings one command carries at most.
const BATCH: usize = 256;

struct Item {
    ending: Ending,
    /// When a command left with it.
    sent_at: Option<Millis>,
}

thread_local! {
    static QUEUE: RefCell<HashMap<AccountId, Vec<Item>>> = RefCell::default();
}

/// Decides how a hold ends, and answers what tells the account soon: to be waited for whatever becomes of the response.
pub(crate) fn decide(deployment: &Deployment, account: &AccountId, ending: Ending) -> impl Future<Output = ()> + use<> {
    let hold = ending.hold.clone();
    QUEUE.with_borrow_mut(|queue| queue.entry(account.clone()).or_default().push(Item { ending, sent_at: None }));
    deliver(deployment.clone(), account.clone(), hold)
}

impl Sender<'_, AccountId> {
    /// Sends a command, and the endings that wait for its account along with it.
    pub(crate) async fn send_with_endings<C>(self, command: C) -> Result<C::Reply, ObjectError>
    where
        C: Command<To = AccountId>,
    {
        read(&self.ask_with_endings(command.into()).await?)
    }

    /// Answers the reply's bytes.
    pub(crate) async fn ask_with_endings(self, command: AnyCommand) -> Result<Vec<u8>, ObjectError> {
        let account = self.to;
        let carried = take(account);
        let holds: Vec<HoldId> = carried.iter().map(|ending| ending.hold.clone()).collect();
        let reply = self.ask(command, carried).await;
        let unknown = matches!(reply, Err(ObjectError::Failed(_) | ObjectError::Unreachable(_)));
        report(account, &holds, !unknown);
        reply
    }
}

async fn deliver(deployment: Deployment, account: AccountId, hold: HoldId) {
    for pause in WAITS_MS {
        sleep(Duration::from_millis(pause)).await;
        if !is_open(&account, &hold) {
            return;
        }
        if is_waiting(&account)
            && let Err(error) = deployment.stubs.as_system(&account).send_with_endings(Settle).await
        {
            log_error(format_args!("hold {hold} of account {account} could not be ended yet: {error}"));
        }
        if !is_open(&account, &hold) {
            return;
        }
    }
    log_error(format_args!(
        "hold {hold} of account {account} could not be ended; it counts as released when its time is over"
    ));
    forget(&account, |item| item.ending.hold == hold);
}

impl Item {
    /// Nothing carries it, or its carrier is lost.
    fn is_waiting(&self, now: Millis) -> bool {
        self.sent_at.is_none_or(|sent| now - sent > LOST_AFTER_MS)
    }
}

fn is_waiting(account: &AccountId) -> bool {
    let now = now();
    QUEUE.with_borrow(|queue| queue.get(account).is_some_and(|items| items.iter().any(|item| item.is_waiting(now))))
}

fn take(account: &AccountId) -> Vec<Ending> {
    QUEUE.with_borrow_mut(|queue| {
        let Some(items) = queue.get_mut(account) else { return Vec::new() };
        let now = now();
        let taken = items.iter_mut().filter(|item| item.is_waiting(now)).take(BATCH).map(|item| {
            item.sent_at = Some(now);
            item.ending.clone()
        });
        taken.collect()
    })
}

fn report(account: &AccountId, holds: &[HoldId], done: bool) {
    if done {
        forget(account, |item| holds.contains(&item.ending.hold));
        return;
    }
    QUEUE.with_borrow_mut(|queue| {
        let items = queue.get_mut(account).into_iter().flatten();
        for item in items.filter(|item| holds.contains(&item.ending.hold)) {
            item.sent_at = None;
        }
    });
}

fn forget(account: &AccountId, which: impl Fn(&Item) -> bool) {
    QUEUE.with_borrow_mut(|queue| {
        if let Some(items) = queue.get_mut(account) {
            items.retain(|item| !which(item));
            if items.is_empty() {
                queue.remove(account);
            }
        }
    });
}

fn is_open(account: &AccountId, hold: &HoldId) -> bool {
    QUEUE
        .with_borrow(|queue| queue.get(account).is_some_and(|items| items.iter().any(|item| item.ending.hold == *hold)))
}
