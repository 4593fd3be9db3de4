//! What an account answers.

use stripeflare_core::account::{AccountRow, Claim, Denied, Ending, HoldId, IdempotencyKey, Refusal, Settled, Wallet};
use stripeflare_core::clock::Millis;
use stripeflare_core::error::WalletError;
use stripeflare_core::identity::Proof;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::{AccountCommand, Reply, Right};
use stripeflare_core::schema::keep_currency;
use stripeflare_core::sql::SqlError;
use stripeflare_core::tables::Role;

use crate::object::class::Inner;

/// Done, or why not.
fn refused(result: Result<(), Refusal>) -> Reply {
    match result {
        Ok(()) => Reply::Done,
        Err(refusal) => Reply::Refused(refusal),
    }
}

impl Inner {
    pub(super) fn answer_as_account(
        &self,
        endings: &[Ending],
        token: Option<&Proof>,
        command: AccountCommand,
        now: Millis,
    ) -> Result<Reply, WalletError> {
        // Money that comes in opens an account.
        let opened = match &command {
            AccountCommand::Credit { credit } => {
                self.set_up(Role::Account)?;
                keep_currency(&self.storage, &self.currency)?;
                Some(Wallet::load_or_register(&self.storage, &self.schema, now, &credit.account)?)
            }
            _ => self.existing(now)?,
        };
        let Some(mut wallet) = opened else {
            // Only a first token can be one of an account that nobody has paid for.
            if token.is_some_and(|token| !token.first) {
                return Ok(Reply::Denied(Denied::Wrong));
            }
            return Ok(match command {
                AccountCommand::Settle => Reply::Done,
                AccountCommand::Read { account } => {
                    Reply::Row(Box::new(AccountRow::unregistered(account, &self.schema)))
                }
                _ => Reply::Refused(Refusal::Unregistered),
            });
        };
        wallet.expire()?;
        for ending in endings {
            wallet.settle(ending)?;
        }
        if command.was_done(&wallet)? {
            self.save(wallet)?;
            return Ok(Reply::Done);
        }
        if let Some(token) = token
            && let Err(denied) = wallet.authenticate(token)?
        {
            self.save(wallet)?;
            return Ok(Reply::Denied(denied));
        }
        let allowed = match command.right() {
            Right::Spend => true,
            Right::Manage => wallet.may_manage(),
            Right::Ours => token.is_none(),
        };
        if !allowed {
            self.save(wallet)?;
            return Ok(Reply::Denied(Denied::Rights));
        }
        self.carry_out(wallet, command)
    }

    fn carry_out(&self, mut wallet: Wallet<'_>, command: AccountCommand) -> Result<Reply, WalletError> {
        let reply = match command {
            AccountCommand::Settle => Reply::Done,
            AccountCommand::Read { .. } => return Ok(Reply::Row(Box::new(self.save(wallet)?))),
            AccountCommand::Reserve { hold, amount, seconds, row, key } => {
                return self.reserve(wallet, &hold, amount, seconds, row, key);
            }
            AccountCommand::Renew { hold, report, seconds } => Reply::Renewed(wallet.renew(&hold, &report, seconds)?),
            AccountCommand::End { ending, answer } => {
                let settled = wallet.settle(&ending)?;
                if let (Some(key), Some(answer), Settled::Captured) = (&ending.key, &answer, settled) {
                    wallet.keep(key, answer)?;
                }
                Reply::Ended { settled, available: wallet.available()? }
            }
            AccountCommand::Update { update } => {
                let made = wallet.update(&self.schema, &update)?;
                return Ok(Reply::Updated { made, row: Box::new(self.save(wallet)?) });
            }
            AccountCommand::Charge { charge } => match wallet.charge(&charge)? {
                Ok(charged) => Reply::Charged(charged),
                Err(refusal) => Reply::Refused(refusal),
            },
            AccountCommand::Mint { token } => refused(wallet.mint(&token)?),
            AccountCommand::Tokens => Reply::Tokens(wallet.tokens()?),
            AccountCommand::Rotate { hash } => refused(wallet.rotate(&hash)?),
            AccountCommand::Revoke { id } => refused(wallet.revoke(&id)?),
            AccountCommand::LogOut { forget } => refused(wallet.log_out(forget)?),
            AccountCommand::LogOutEverywhere { hash } => refused(wallet.log_out_everywhere(&hash)?),
            AccountCommand::Close { key, forfeit } => refused(wallet.close_account(&self.schema, &key, forfeit)?),
            AccountCommand::Lines { before, count } => Reply::Lines(wallet.lines(before.as_ref(), count)?),
            AccountCommand::Credit { credit } => {
                wallet.credit(&credit)?;
                Reply::Done
            }
            AccountCommand::Reverse { payment_intent, reversal } => {
                wallet.reverse(&payment_intent, &reversal)?;
                Reply::Done
            }
            AccountCommand::Login { login } => {
                let Some(token) = wallet.caller_id().cloned() else {
                    return Err(SqlError("a login without a token".into()).into());
                };
                Reply::Login { outcome: wallet.log_in(&login, &token)?, token }
            }
            AccountCommand::CardClaimed { id, claim, owned } => {
                wallet.claimed(&id, claim, owned)?;
                Reply::Done
            }
            AccountCommand::Cards => Reply::Cards(wallet.cards()?),
            AccountCommand::ReleaseCard { id } => Reply::Cards(wallet.release_card(&id)?.into_iter().collect()),
            AccountCommand::CardReleased { id, claim } => {
                wallet.released(&id, claim)?;
                Reply::Done
            }
            AccountCommand::Look { statement, parameters, most } => {
                self.save(wallet)?;
                return Ok(Reply::Looked(self.storage.look(&statement, &parameters, most)));
            }
        };
        self.save(wallet)?;
        Ok(reply)
    }

    fn reserve(
        &self,
        mut wallet: Wallet<'_>,
        hold: &HoldId,
        amount: Cents,
        seconds: u32,
        row: bool,
        key: Option<IdempotencyKey>,
    ) -> Result<Reply, WalletError> {
        let key = key.map(|key| wallet.of_caller(key));
        let claim = key.as_ref().map_or(Ok(Claim::Free), |key| wallet.claim(key, hold))?;
        if claim != Claim::Free {
            self.save(wallet)?;
            return Ok(Reply::Claimed(claim));
        }
        if let Err(refusal) = wallet.reserve(hold, amount, seconds)? {
            self.save(wallet)?;
            return Ok(Reply::Refused(refusal));
        }
        if let Some(key) = &key {
            wallet.name(key, hold)?;
        }
        let (available, token) = (wallet.available()?, wallet.capped_token());
        let account = self.save(wallet)?;
        Ok(Reply::Reserved { available, token, key: key.map(|key| key.key), row: row.then(|| Box::new(account)) })
    }
}
