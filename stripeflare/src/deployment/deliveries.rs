//! Endings of holds on their way to their accounts.
//!
//! An ending waits a moment, so that the next command to the same account can carry it; then it goes by itself. Whoever
//! queued it stays responsible: its request lives on in `wait_until` until the account has said that it is on its disk.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use stripeflare_core::account::{Ending, HoldId, Receipt};
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
    way: Way,
}

/// How far an ending has come.
#[derive(Clone, Copy)]
enum Way {
    Waiting,
    /// A command left with it then.
    Sent(Millis),
    /// Its account knows it, and loses it if it dies before the group is written.
    Taken(Receipt),
}

thread_local! {
    static QUEUE: RefCell<HashMap<AccountId, Vec<Item>>> = RefCell::default();
}

/// Decides how a hold ends, and answers what tells the account soon: to be waited for whatever becomes of the response.
pub(crate) fn decide(deployment: &Deployment, account: &AccountId, ending: Ending) -> impl Future<Output = ()> + use<> {
    let hold = ending.hold.clone();
    QUEUE.with_borrow_mut(|queue| queue.entry(account.clone()).or_default().push(Item { ending, way: Way::Waiting }));
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

    /// The same; answers the reply's bytes.
    pub(crate) async fn ask_with_endings(self, command: AnyCommand) -> Result<Vec<u8>, ObjectError> {
        self.ask_with(command, Item::is_waiting).await
    }

    /// A command, and those endings that are said to go.
    async fn ask_with(self, command: AnyCommand, which: fn(&Item, Millis) -> bool) -> Result<Vec<u8>, ObjectError> {
        let account = self.to;
        let carried = take(account, which);
        let holds: Vec<HoldId> = carried.iter().map(|ending| ending.hold.clone()).collect();
        let (receipt, reply) = self.ask(command, carried).await;
        report(account, &holds, receipt);
        reply
    }
}

async fn deliver(deployment: Deployment, account: AccountId, hold: HoldId) {
    for (turn, pause) in WAITS_MS.into_iter().enumerate() {
        sleep(Duration::from_millis(pause)).await;
        if !is_open(&account, &hold) {
            return;
        }
        // What was taken has a moment to be written by itself, and to be said so with the next reply.
        let which = if turn == 0 { Item::is_waiting } else { Item::is_not_on_its_way };
        if is_any(&account, which)
            && let Err(error) = deployment.stubs.as_system(&account).ask_with(Settle.into(), which).await
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
        match self.way {
            Way::Waiting => true,
            Way::Sent(at) => now - at > LOST_AFTER_MS,
            Way::Taken(_) => false,
        }
    }

    /// The same, or it was taken and may be told again.
    fn is_not_on_its_way(&self, now: Millis) -> bool {
        matches!(self.way, Way::Taken(_)) || self.is_waiting(now)
    }

    /// What a reply of its account says of it. What another object took, that the account had before, is lost or written:
    /// it is sent again.
    fn hear(&mut self, heard: Receipt) {
        if let Way::Taken(receipt) = self.way
            && receipt.life != heard.life
        {
            self.way = Way::Waiting;
        }
    }

    fn is_written(&self, heard: Receipt) -> bool {
        matches!(self.way, Way::Taken(Receipt { life, group, .. }) if life == heard.life && group <= heard.written)
    }
}

fn is_any(account: &AccountId, which: fn(&Item, Millis) -> bool) -> bool {
    let now = now();
    QUEUE.with_borrow(|queue| queue.get(account).is_some_and(|items| items.iter().any(|item| which(item, now))))
}

fn take(account: &AccountId, which: fn(&Item, Millis) -> bool) -> Vec<Ending> {
    QUEUE.with_borrow_mut(|queue| {
        let Some(items) = queue.get_mut(account) else { return Vec::new() };
        let now = now();
        let taken = items.iter_mut().filter(|item| which(item, now)).take(BATCH).map(|item| {
            item.way = Way::Sent(now);
            item.ending.clone()
        });
        taken.collect()
    })
}

/// What became of endings that a command carried; `None`: nobody knows.
fn report(account: &AccountId, holds: &[HoldId], receipt: Option<Receipt>) {
    QUEUE.with_borrow_mut(|queue| {
        let items = queue.get_mut(account).into_iter().flatten();
        for item in items {
            if holds.contains(&item.ending.hold) {
                item.way = receipt.map_or(Way::Waiting, Way::Taken);
            } else if let Some(heard) = receipt {
                item.hear(heard);
            }
        }
    });
    if let Some(heard) = receipt {
        forget(account, |item| item.is_written(heard));
    }
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
