//! What the aggregate answers: the mirror of all accounts, and money that was credited to nobody.

use stripeflare_core::aggregate;
use stripeflare_core::aggregate::Sweep;
use stripeflare_core::clock::Millis;
use stripeflare_core::error::WalletError;
use stripeflare_core::protocol::{AggregateCommand, Reply};
use stripeflare_core::schema::keep_currency;
use stripeflare_core::tables::Role;

use crate::object::class::Inner;

impl Inner {
    pub(super) fn answer_as_aggregate(&self, command: AggregateCommand, now: Millis) -> Result<Reply, WalletError> {
        self.set_up_aggregate(now)?;
        Ok(match command {
            AggregateCommand::Mirror { snapshot } => {
                keep_currency(&self.storage, &self.currency)?;
                aggregate::mirror(&self.storage, &self.schema, &snapshot)?;
                Reply::Done
            }
            AggregateCommand::FindUsers { query } => Reply::Page(aggregate::find(&self.storage, &self.schema, &query)?),
            AggregateCommand::CountUsers { query } => Reply::Count(aggregate::count(&self.storage, &query)?),
            AggregateCommand::Unclaimed { unclaimed } => {
                aggregate::record_unclaimed(&self.storage, &unclaimed, now)?;
                Reply::Done
            }
            AggregateCommand::Look { statement, parameters, most } => {
                Reply::Looked(self.storage.look(&statement, &parameters, most))
            }
            AggregateCommand::Assign { assignment } => {
                let assigned = aggregate::assign(&self.storage, &assignment, now)?;
                if assigned.is_ok() {
                    self.alarm.set_soon(&self.storage)?;
                }
                Reply::Assigned(assigned.map(Box::new))
            }
            AggregateCommand::Assigned { key, account, amount } => {
                aggregate::credited(&self.storage, &key, &account, amount)?;
                Reply::Done
            }
            AggregateCommand::Reversed { payment_intent, reversal } => {
                aggregate::reversed(&self.storage, &payment_intent, &reversal)?;
                Reply::Done
            }
            AggregateCommand::ToJudge { payment_link, currency, most } => {
                Reply::ToJudge(aggregate::to_judge(&self.storage, &payment_link, &currency, most, now)?)
            }
            AggregateCommand::Unknown { keys } => Reply::Unknown(aggregate::unknown(&self.storage, &keys)?),
            AggregateCommand::Due { most } => Reply::Due(aggregate::due(&self.storage, most, now)?),
            AggregateCommand::Again { what } => {
                aggregate::failed(&self.storage, &what, now)?;
                Reply::Done
            }
            AggregateCommand::NotAgain { what } => {
                aggregate::done(&self.storage, &what)?;
                Reply::Done
            }
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
