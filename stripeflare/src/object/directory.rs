//! What a shard of the directory answers.

use stripeflare_core::clock::Millis;
use stripeflare_core::directory;
use stripeflare_core::error::WalletError;
use stripeflare_core::protocol::{DirectoryCommand, Reply};
use stripeflare_core::tables::Role;

use crate::object::class::Inner;

impl Inner {
    pub(super) fn answer_as_directory(&self, command: DirectoryCommand, now: Millis) -> Result<Reply, WalletError> {
        self.set_up(Role::Directory)?;
        let sql = &self.storage;
        Ok(match command {
            DirectoryCommand::ClaimCard { id, account, claim } => {
                Reply::Found(directory::claim(sql, &id, &account, claim, now)?)
            }
            DirectoryCommand::OwnerOf { id } => Reply::Found(directory::owner(sql, &id)?),
            DirectoryCommand::ForgetCard { id, account, claim } => {
                directory::release(sql, &id, &account, claim, now)?;
                Reply::Done
            }
            DirectoryCommand::Bind { session, cookie } => Reply::Is(directory::bind(sql, &session, &cookie, now)?),
            DirectoryCommand::Place { payment_intent, account } => {
                let (account, parked) = directory::place(sql, &payment_intent, &account)?;
                if !parked.is_empty() {
                    self.alarm.set_soon(sql)?;
                }
                Reply::Placed { account, parked }
            }
            DirectoryCommand::Find { payment_intent } => Reply::Found(directory::find(sql, &payment_intent)?),
            DirectoryCommand::FindOrPark { payment_intent, reversal } => {
                Reply::Found(directory::find_or_park(sql, &payment_intent, &reversal, now)?)
            }
            DirectoryCommand::Parked { payment_intent } => Reply::Parked(directory::waiting(sql, &payment_intent)?),
            DirectoryCommand::Park { payment_intent, reversal } => {
                directory::park(sql, &payment_intent, &reversal, now)?;
                Reply::Done
            }
            DirectoryCommand::Unpark { payment_intent, reversals } => {
                directory::unpark(sql, &payment_intent, &reversals)?;
                Reply::Done
            }
            DirectoryCommand::ClaimValue { key, account, instead_of } => {
                Reply::Owner(directory::claim_value(sql, &key, &account, instead_of.as_ref(), now)?)
            }
            DirectoryCommand::FreeValue { key, account } => {
                directory::free_value(sql, &key, &account)?;
                Reply::Done
            }
            DirectoryCommand::Noted { name } => Reply::Noted(directory::noted(sql, &name)?),
            DirectoryCommand::Note { name, text, once } => {
                Reply::Noted(Some(directory::note(sql, &name, &text, once, now)?))
            }
            DirectoryCommand::Guess { source, right } => Reply::Guess(directory::guess(sql, &source, right, now)?),
        })
    }
}
