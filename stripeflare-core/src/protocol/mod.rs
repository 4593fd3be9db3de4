//! What objects are asked and answer. A command is a struct; beside it stands who may give it, what is answered, and what
//! is done.
//!
//! To add one: write its struct and its `Handler` in `account.rs`, `directory.rs` or `aggregate.rs`, add its name to the end of
//! the list there, some of it to `samples.rs`, and write the golden file anew. Once a release is out, whatever changes what it
//! says raises the number in `codec.rs`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::account::{Denied, Ending};
use crate::bytes;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::identity::Proof;
use crate::sql::SqlError;

/// Lists the commands to one role: makes the enum that travels and, of each struct, a [`Command`].
macro_rules! commands {
    ($(#[$meta:meta])* $any:ident, $role:ident at $to:ty, by $handler:ident: $($name:ident,)*) => {
        $(#[$meta])*
        #[derive(Debug, Serialize, Deserialize)]
        pub enum $any {
            $($name($name),)*
        }

        #[cfg(test)]
        impl $any {
            /// Every command has some: whoever adds one is told by the compiler.
            pub(super) fn samples() -> Vec<crate::protocol::samples::Sample> {
                let mut all = Vec::new();
                $(crate::protocol::samples::add::<$name>(stringify!($name), &mut all);)*
                all
            }
        }

        impl $any {
            /// What carries it out.
            fn get(&self) -> &dyn Erased {
                match self {
                    $(Self::$name(command) => command,)*
                }
            }
        }

        $(
            impl From<$name> for AnyCommand {
                fn from(command: $name) -> Self {
                    Self::$role($any::$name(command))
                }
            }

            impl Command for $name {
                type To = $to;
                type Reply = <Self as $handler>::Reply;
                const RIGHT: Right = <Self as $handler>::RIGHT;
            }
        )*
    };
}

pub mod account;
mod address;
pub mod aggregate;
pub mod codec;
pub mod directory;
#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod native;
mod object;
pub mod outgoing;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod two_releases;

pub use account::AccountCommand;
pub use address::{Address, Aggregate, Shard, is_live_name, object_name};
pub use aggregate::AggregateCommand;
pub use directory::DirectoryCommand;
use object::WithoutDisk;
pub use object::{NEARLY_FULL, Object, Stats, kept_livemode};
pub use outgoing::Outgoing;

/// What an object may be asked. Every command may arrive more than once: stubs die and are asked again.
pub trait Command: Into<AnyCommand> {
    /// Which objects carry it out.
    type To: Address;
    type Reply: Serialize + DeserializeOwned;
    const RIGHT: Right;
}

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Any token of the account may give it.
    Spend,
    /// A token that manages the account may.
    Manage,
    /// No token may: it comes from us.
    Ours,
}

/// One of all commands.
#[derive(Debug, Serialize, Deserialize)]
pub enum AnyCommand {
    Account(AccountCommand),
    Directory(DirectoryCommand),
    Aggregate(AggregateCommand),
}

/// What travels to an object: a command, and endings that happened to be due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    pub endings: Vec<Ending>,
    /// The token of the caller on whose behalf the command goes; commands of ours are trusted and have none.
    pub token: Option<Proof>,
    pub command: AnyCommand,
}

/// What an object does that belongs to no one account: shards of the directory, the aggregate.
pub trait Handler {
    type Reply: Serialize + DeserializeOwned;
    /// Only accounts know of tokens.
    const RIGHT: Right = Right::Ours;

    fn run(&self, object: &dyn Object, now: Millis) -> Result<Self::Reply, SqlError>;
}

/// A [`Handler`] whose reply is bytes already.
trait Erased {
    fn run(&self, object: &dyn Object, now: Millis) -> Result<Vec<u8>, SqlError>;
}

impl<C: Handler> Erased for C {
    fn run(&self, object: &dyn Object, now: Millis) -> Result<Vec<u8>, SqlError> {
        Ok(codec::reply(&Handler::run(self, object, now)?))
    }
}

/// What travels back.
pub type Answer<R> = Result<R, NotDone>;

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotDone {
    /// The caller's token does not do; the endings were carried out all the same.
    Denied(Denied),
    /// Nobody has paid into the account yet.
    Unregistered,
    /// An error of ours: nothing was done, no ending either.
    Failed(String),
    /// A variable does not fit the data: nothing was done.
    Misconfigured(String),
}

/// Carries out what came in an envelope, in one transaction of its caller.
pub fn answer(object: &dyn Object, envelope: &Envelope, now: Millis) -> Result<Vec<u8>, WalletError> {
    let answer = match &envelope.command {
        AnyCommand::Account(command) => {
            account::answer(object, &envelope.endings, envelope.token.as_ref(), command, now)
        }
        AnyCommand::Directory(command) => directory::answer(object, command, now),
        AnyCommand::Aggregate(command) => aggregate::answer(object, command, now),
    };
    match answer {
        Err(problem @ WalletError::Currency { .. }) => {
            Ok(codec::not_done(&NotDone::Misconfigured(problem.to_string())))
        }
        answer => answer,
    }
}

/// The same without the disk, if it can be done so: a price is held, and endings of what is held wait for their group.
/// `None`: nothing was done.
pub fn answer_from_memory(object: &dyn Object, envelope: &Envelope, now: Millis) -> Option<Vec<u8>> {
    let AnyCommand::Account(command) = &envelope.command else { return None };
    if !command.is_brief() || object.memory().due(now).is_some_and(|due| due <= now) {
        return None;
    }
    object.memory().attempt(|| answer(&WithoutDisk(object), envelope, now)).ok()
}

/// What was to be told was carried out, and this is the reply.
pub fn acknowledged(
    object: &dyn Object,
    told: &Outgoing,
    command: &AnyCommand,
    reply: &[u8],
    now: Millis,
) -> Result<(), WalletError> {
    if let AnyCommand::Account(AccountCommand::MovedPayment(moved)) = command
        && bytes::read(reply) == Ok(false)
    {
        account::move_refused(object, moved, now)?;
    }
    Ok(told.forget(object)?)
}
