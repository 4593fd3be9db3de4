//! What an account does later about its cards, and about the account that it went into: whatever a crash left half done is
//! finished here.

use super::alarm::{FLUSH_MS, Next, now};
use super::class::Inner;
use super::client::Address;
use super::command::{Command, Reply};
use crate::account::AccountId;
use crate::wallet::{CardRow, Millis, Refusal, Sql, State, TokenId, Transfer, Wallet, WalletError, directory};

/// Cards seen to in one go; the rest follow.
const BATCH: usize = 20;

/// What is to be done now.
#[derive(Default)]
struct Work {
    account: Option<AccountId>,
    /// Where this account went, and the name of cards there.
    survivor: Option<(AccountId, TokenId)>,
    transfers: Vec<Transfer>,
    cards: Vec<CardRow>,
    disowned: Vec<String>,
    next_free_at: Next,
}

impl Inner {
    /// Finishes claims and releases, and carries money and cards on.
    pub(super) async fn follow(&self) -> Result<Next, String> {
        let work = self.storage.transaction(|| self.to_follow()).map_err(|error| error.to_string())?;
        let Some(account) = &work.account else { return Ok(None) };
        let mut failed = None;
        if let Some((survivor, token)) = &work.survivor {
            for transfer in &work.transfers {
                failed = self.carry(survivor, transfer).await.err().or(failed);
            }
            for card in work.cards.iter().filter(|card| card.state == State::Owned) {
                failed = self.hand_on(account, survivor, token, card).await.err().or(failed);
            }
            for payment in &work.disowned {
                failed = self.pass_on(survivor, payment).await.err().or(failed);
            }
        }
        for card in work.cards.iter().filter(|card| card.state != State::Owned) {
            failed = self.finish(account, card).await.err().or(failed);
        }
        let done = work.transfers.is_empty() && work.cards.is_empty() && work.disowned.is_empty();
        match failed {
            Some(cause) => Err(cause),
            None if done => Ok(work.next_free_at),
            None => Ok(Some(now() + FLUSH_MS)),
        }
    }

    fn to_follow(&self) -> Result<Work, WalletError> {
        let Some(mut wallet) = self.existing(now())? else { return Ok(Work::default()) };
        let work = Work {
            transfers: wallet.transfers()?,
            survivor: wallet.survivor()?,
            cards: wallet.unfinished_cards(BATCH)?,
            disowned: wallet.untold_disowned()?,
            next_free_at: wallet.next_free_at(),
            account: Some(wallet.id().clone()),
        };
        // The aggregate hears of it in this very ring.
        wallet.save()?;
        Ok(work)
    }

    async fn carry(&self, survivor: &AccountId, transfer: &Transfer) -> Result<(), String> {
        let command = Command::Transfer { account: survivor.clone(), transfer: transfer.clone() };
        self.done(&Address::Account(survivor.clone()), command).await?;
        self.note(|wallet| wallet.arrived(transfer.n))
    }

    async fn hand_on(
        &self,
        account: &AccountId,
        to: &AccountId,
        token: &TokenId,
        card: &CardRow,
    ) -> Result<(), String> {
        let (id, from, to, claim) = (card.id.clone(), account.clone(), to.clone(), card.claim);
        let directory = Address::Directory(card.id.clone());
        let command = Command::HandOn { id, from, to: to.clone(), claim };
        if self.is(&directory, command).await? {
            let command = Command::Inherit { card: Box::new(card.clone()), token: token.clone() };
            self.done(&Address::Account(to), command).await?;
        }
        self.note(|wallet| wallet.inherited(&card.id, card.claim))
    }

    async fn pass_on(&self, survivor: &AccountId, payment: &str) -> Result<(), String> {
        let command = Command::Disown { payment: payment.to_owned() };
        self.done(&Address::Account(survivor.clone()), command).await?;
        self.note(|wallet| wallet.told_disowned(payment))
    }

    async fn finish(&self, account: &AccountId, card: &CardRow) -> Result<(), String> {
        let (id, claim, directory) = (card.id.clone(), card.claim, Address::Directory(card.id.clone()));
        if card.state == State::Releasing {
            self.done(&directory, Command::ForgetCard { id, account: account.clone(), claim }).await?;
            return self.note(|wallet| wallet.released(&card.id, card.claim));
        }
        let command = Command::ClaimCard { id, account: account.clone(), claim };
        let owner = match self.stubs.call(&directory, command, Vec::new()).await.map_err(|error| error.to_string())? {
            Reply::Found(owner) => owner,
            _ => return Err(unexpected()),
        };
        let owned = owner.as_ref() == Some(account);
        self.note(|wallet| wallet.claimed(&card.id, card.claim, owned))
    }

    /// One transaction on this account.
    fn note(&self, act: impl FnOnce(&mut Wallet<'_>) -> Result<(), WalletError>) -> Result<(), String> {
        let note = || -> Result<(), WalletError> {
            let Some(mut wallet) = self.existing(now())? else { return Ok(()) };
            act(&mut wallet)?;
            wallet.save().map(drop)
        };
        self.storage.transaction(note).map_err(|error| error.to_string())
    }

    async fn done(&self, to: &Address, command: Command) -> Result<(), String> {
        match self.stubs.call(to, command, Vec::new()).await {
            Ok(Reply::Done) => Ok(()),
            Ok(_) => Err(unexpected()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn is(&self, to: &Address, command: Command) -> Result<bool, String> {
        match self.stubs.call(to, command, Vec::new()).await {
            Ok(Reply::Is(answer)) => Ok(answer),
            Ok(_) => Err(unexpected()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn unexpected() -> String {
    "an object gave an answer that fits no question about cards and merged accounts".to_owned()
}

/// Runs a command about cards or a merge on an account; others do nothing.
#[inline(never)]
pub(super) fn in_account(wallet: &mut Wallet<'_>, command: Command) -> Result<Reply, WalletError> {
    Ok(match command {
        Command::Login { login } => {
            let Some(token) = wallet.caller_id().cloned() else {
                return Ok(Reply::Failed("a login without a token".into()));
            };
            Reply::Login { outcome: wallet.log_in(&login, &token)?, token }
        }
        Command::CardClaimed { id, claim, owned } => {
            wallet.claimed(&id, claim, owned)?;
            Reply::Done
        }
        Command::Cards => Reply::Cards(wallet.cards()?),
        Command::ReleaseCard { id } => Reply::Cards(wallet.release_card(&id)?.into_iter().collect()),
        Command::CardReleased { id, claim } => {
            wallet.released(&id, claim)?;
            Reply::Done
        }
        Command::Merge { merge } => match wallet.merge(&merge)? {
            Ok(()) => Reply::Done,
            Err(_) => Reply::Refused(Refusal::Merged),
        },
        Command::Inherit { card, token } => {
            wallet.inherit(&card, &token)?;
            Reply::Done
        }
        Command::Disown { payment } => {
            wallet.disown(&payment)?;
            Reply::Done
        }
        _ => Reply::Done,
    })
}

/// Runs a command about cards and sessions on a directory shard; others do nothing.
#[inline(never)]
pub(super) fn in_directory(sql: &dyn Sql, command: &Command, now: Millis) -> Result<Reply, WalletError> {
    Ok(match command {
        Command::ClaimCard { id, account, claim } => Reply::Found(directory::claim(sql, id, account, *claim, now)?),
        Command::OwnerOf { id } => Reply::Found(directory::owner(sql, id)?),
        Command::HandOn { id, from, to, claim } => Reply::Is(directory::hand_on(sql, id, from, to, *claim, now)?),
        Command::ForgetCard { id, account, claim } => {
            directory::release(sql, id, account, *claim, now)?;
            Reply::Done
        }
        Command::Bind { session, cookie } => Reply::Is(directory::bind(sql, session, cookie, now)?),
        _ => Reply::Done,
    })
}
