//! What an object does later: it tells the aggregate of changes and forgets what is old.

use std::cell::Cell;
use std::time::Duration;

use super::class::Inner;
use super::client::Address;
use super::command::{Command, Reply};
use super::storage::Storage;
use crate::wallet::outbox::Snapshot;
use crate::wallet::{Millis, SqlError, WalletError};

/// How long changes wait for each other.
const FLUSH: Duration = Duration::from_secs(2);
/// The longest pause after errors.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// When this object's alarm is due, as far as this instance knows.
#[derive(Default)]
pub(super) struct Alarm {
    due: Cell<Option<Millis>>,
    failures: Cell<u32>,
}

fn now() -> Millis {
    worker::Date::now().as_millis() as Millis
}

fn millis(duration: Duration) -> Millis {
    duration.as_millis() as Millis
}

impl Alarm {
    /// Sets it for changes that are to be told.
    pub(super) fn set_soon(&self, storage: &Storage) -> Result<(), SqlError> {
        self.set(storage, now() + millis(FLUSH))
    }

    /// Sets it, unless it is due before that. One that is overdue was lost, and is set again.
    fn set(&self, storage: &Storage, at: Millis) -> Result<(), SqlError> {
        let overdue = now() - millis(FLUSH);
        if self.due.get().is_none_or(|due| due > at || due < overdue) {
            storage.set_alarm(at)?;
            self.due.set(Some(at));
        }
        Ok(())
    }

    /// It rang, or what set it was rolled back.
    pub(super) fn forget(&self) {
        self.due.set(None);
    }

    fn backoff(&self) -> Duration {
        self.failures.set(self.failures.get().saturating_add(1));
        FLUSH.saturating_mul(1 << self.failures.get().min(16)).min(MAX_BACKOFF)
    }
}

impl Inner {
    /// Errors are logged and tried again later; the alarm itself always succeeds.
    pub(super) async fn ring(&self) {
        self.alarm.forget();
        let next = match self.flush().await {
            Ok(next) => {
                self.alarm.failures.set(0);
                next
            }
            Err(cause) => {
                worker::console_error!("the aggregate could not be told of a change: {cause}");
                Some(now() + millis(self.alarm.backoff()))
            }
        };
        if let Some(at) = next
            && let Err(error) = self.alarm.set(&self.storage, at)
        {
            // The next command to this object sets it.
            worker::console_error!("the alarm could not be set: {error}");
        }
    }

    /// Tells the aggregate the newest state, forgets what is old, and answers when to come again.
    async fn flush(&self) -> Result<Option<Millis>, String> {
        let unsent = self.storage.transaction(|| self.unsent()).map_err(|error| error.to_string())?;
        let Some(snapshot) = unsent else {
            return self.storage.transaction(|| self.clean_up()).map_err(|error| error.to_string());
        };
        let command = Command::Mirror { snapshot: snapshot.clone() };
        match self.stubs.call(&Address::Aggregate, command, Vec::new()).await {
            Ok(Reply::Done) => {}
            Ok(_) => return Err("it answered with something else".into()),
            Err(error) => return Err(error.to_string()),
        }
        let acknowledge = || -> Result<Option<Millis>, WalletError> {
            let Some(mut wallet) = self.existing(now())? else { return Ok(None) };
            wallet.sent(&snapshot)?;
            // More may have happened meanwhile.
            if wallet.unsent()?.is_some() { Ok(Some(now() + millis(FLUSH))) } else { self.clean_up() }
        };
        self.storage.transaction(acknowledge).map_err(|error| error.to_string())
    }

    fn unsent(&self) -> Result<Option<Box<Snapshot>>, WalletError> {
        let wallet = self.existing(now())?;
        Ok(wallet.map_or(Ok(None), |wallet| wallet.unsent())?.map(Box::new))
    }

    fn clean_up(&self) -> Result<Option<Millis>, WalletError> {
        let wallet = self.existing(now())?;
        wallet.map_or(Ok(None), |wallet| wallet.forget_answers())
    }
}
