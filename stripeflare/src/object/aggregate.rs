//! What the aggregate answers: the mirror of all accounts, and money that was credited to nobody.

use super::class::Inner;
use super::command::{AggregateCommand, Reply};
use crate::wallet::sweep::Sweep;
use crate::wallet::{Millis, Role, WalletError, find, outbox, unclaimed};

impl Inner {
    pub(super) fn answer_as_aggregate(&self, command: AggregateCommand, now: Millis) -> Result<Reply, WalletError> {
        self.set_up_aggregate(now)?;
        Ok(match command {
            AggregateCommand::Mirror { snapshot } => {
                outbox::mirror(&self.storage, &self.schema, &snapshot)?;
                Reply::Done
            }
            AggregateCommand::FindUsers { query } => Reply::Page(find::find(&self.storage, &self.schema, &query)?),
            AggregateCommand::CountUsers { query } => Reply::Count(find::count(&self.storage, &query)?),
            AggregateCommand::Unclaimed { unclaimed } => {
                unclaimed::record_unclaimed(&self.storage, &unclaimed, now)?;
                Reply::Done
            }
            AggregateCommand::Look { statement, parameters, most } => {
                Reply::Looked(self.storage.look(&statement, &parameters, most))
            }
            AggregateCommand::Assign { assignment } => {
                let credit = unclaimed::assign(&self.storage, &assignment, now)?;
                if credit.is_ok() {
                    self.alarm.set_soon(&self.storage)?;
                }
                Reply::Assigned(credit)
            }
            AggregateCommand::Assigned { key, account, amount } => {
                unclaimed::credited(&self.storage, &key, &account, amount)?;
                Reply::Done
            }
            AggregateCommand::Unknown { keys } => Reply::Unknown(unclaimed::unknown(&self.storage, &keys)?),
            AggregateCommand::Sweep => Reply::Sweep(Sweep::load(&self.storage)?),
            AggregateCommand::Swept { sweep } => {
                sweep.save(&self.storage)?;
                Reply::Done
            }
        })
    }

    fn set_up_aggregate(&self, now: Millis) -> Result<(), WalletError> {
        if self.role.get().is_none() {
            self.set_up(Role::Aggregate)?;
            Sweep::begin(&self.storage, now)?;
        }
        Ok(())
    }
}
