use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::{AnyCommand, Command};

use crate::error::Result;
use crate::object::read;

pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>>> + 'a>>;

/// How one account is asked, and on whose behalf.
pub(crate) trait Asks {
    /// Sends a command, and answers the reply's bytes; `None`: nobody has paid into the account, and nothing was to be written.
    fn ask(&self, command: AnyCommand, writes: bool) -> Asked<'_>;
}

impl dyn Asks + '_ {
    pub(crate) async fn reads<C: Command<To = AccountId>>(&self, command: C) -> Result<Option<C::Reply>> {
        self.typed(command.into(), false).await
    }

    pub(crate) async fn writes<C: Command<To = AccountId>>(&self, command: C) -> Result<C::Reply> {
        let reply = self.typed(command.into(), true).await?;
        reply.ok_or_else(|| std::io::Error::other("nobody has paid into this account yet").into())
    }

    async fn typed<R: DeserializeOwned>(&self, command: AnyCommand, writes: bool) -> Result<Option<R>> {
        match self.ask(command, writes).await? {
            Some(reply) => Ok(Some(read(&reply)?)),
            None => Ok(None),
        }
    }
}
