//! Commands about an account's tokens, and those that only a token that manages may give.

use super::class::Inner;
use super::command::{Command, Reply};
use crate::wallet::{Refusal, Wallet, WalletError};

impl Command {
    /// Whether it takes a token that manages.
    pub(super) fn manages(&self) -> bool {
        matches!(
            self,
            Self::Mint { .. }
                | Self::Look { .. }
                | Self::Login { .. }
                | Self::Cards
                | Self::ReleaseCard { .. }
                | Self::Tokens
                | Self::Revoke { .. }
                | Self::LogOutEverywhere { .. }
                | Self::Close { .. }
                | Self::Lines { .. }
        )
    }

    /// Whether this very command was carried out before, and ended the token it comes with.
    pub(super) fn was_done(&self, wallet: &Wallet<'_>) -> Result<bool, WalletError> {
        match self {
            Self::LogOutEverywhere { hash } => Ok(wallet.has_hash(hash)?),
            Self::Close { key, .. } => wallet.is_closed_by(key),
            _ => Ok(false),
        }
    }
}

impl Inner {
    /// `None`: the command is about something else.
    pub(super) fn answer_token(
        &self,
        wallet: &mut Wallet<'_>,
        command: &Command,
    ) -> Result<Option<Reply>, WalletError> {
        let refused = |result: Result<(), Refusal>| match result {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        };
        Ok(Some(match command {
            Command::Mint { .. } if wallet.is_merged() => Reply::Refused(Refusal::Merged),
            Command::Mint { token } => refused(wallet.mint(token)?),
            Command::Tokens => Reply::Tokens(wallet.tokens()?),
            Command::Rotate { hash } => {
                wallet.rotate(hash)?;
                Reply::Done
            }
            Command::Revoke { id } => refused(wallet.revoke(id)?),
            Command::LogOut { forget } => refused(wallet.log_out(*forget)?),
            Command::LogOutEverywhere { hash } => {
                wallet.log_out_everywhere(hash)?;
                Reply::Done
            }
            Command::Close { key, forfeit } => refused(wallet.close_account(&self.schema, key, *forfeit)?),
            Command::Lines { before, count } => Reply::Lines(wallet.lines(before.as_ref(), *count)?),
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{AccountId, Proof};
    use crate::money::Cents;
    use crate::schema::{Schema, migrate};
    use crate::wallet::testing::database;
    use crate::wallet::{Credit, Denied, Role};

    #[test]
    fn a_command_that_ended_its_own_token_is_known_when_it_comes_again() {
        let (sql, schema) = (database(), Schema::of::<()>());
        migrate(&sql, Role::Account, &schema).unwrap();
        let account = AccountId::from_hash(&[7; 32]);
        let first = Proof { hash: "first".into(), first: true };
        let mut wallet = Wallet::load_or_register(&sql, &schema, 1, &account).unwrap();
        wallet.credit(&Credit { account, key: "cs".into(), amount: Cents::new(5), payment_intent: None }).unwrap();
        let everywhere = Command::LogOutEverywhere { hash: "fresh".into() };
        let close = Command::Close { key: "k".into(), forfeit: true };
        assert!(!everywhere.was_done(&wallet).unwrap() && !close.was_done(&wallet).unwrap());

        wallet.authenticate(&first).unwrap().unwrap();
        wallet.log_out_everywhere("fresh").unwrap();
        assert_eq!(wallet.authenticate(&first).unwrap(), Err(Denied::Wrong));
        assert!(everywhere.was_done(&wallet).unwrap());
        wallet.close_account(&schema, "k", true).unwrap().unwrap();
        assert!(close.was_done(&wallet).unwrap());
        assert!(!Command::Close { key: "l".into(), forfeit: true }.was_done(&wallet).unwrap());
    }
}
