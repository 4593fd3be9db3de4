//! What an account does later about its cards, and about the account that it went into: whatever a crash left half done is
//! finished here.

use stripeflare_core::account::{CardRow, State, TokenId, Transfer, Wallet};
use stripeflare_core::clock::now;
use stripeflare_core::error::WalletError;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::{AccountCommand, DirectoryCommand};

use crate::object::Address;
use crate::object::alarm::plan::{FLUSH_MS, Next};
use crate::object::class::Inner;

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
        let work = self.transaction(|| self.to_follow())?;
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
        let command = AccountCommand::Transfer { account: survivor.clone(), transfer: transfer.clone() };
        self.stubs.done(&Address::Account(survivor.clone()), command).await?;
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
        let command = DirectoryCommand::HandOn { id, from, to: to.clone(), claim };
        if self.stubs.is(&directory, command).await? {
            let command = AccountCommand::Inherit { card: Box::new(card.clone()), token: token.clone() };
            self.stubs.done(&Address::Account(to), command).await?;
        }
        self.note(|wallet| wallet.inherited(&card.id, card.claim))
    }

    async fn pass_on(&self, survivor: &AccountId, payment: &str) -> Result<(), String> {
        let command = AccountCommand::Disown { payment: payment.to_owned() };
        self.stubs.done(&Address::Account(survivor.clone()), command).await?;
        self.note(|wallet| wallet.told_disowned(payment))
    }

    async fn finish(&self, account: &AccountId, card: &CardRow) -> Result<(), String> {
        let (id, claim, directory) = (card.id.clone(), card.claim, Address::Directory(card.id.clone()));
        if card.state == State::Releasing {
            self.stubs.done(&directory, DirectoryCommand::ForgetCard { id, account: account.clone(), claim }).await?;
            return self.note(|wallet| wallet.released(&card.id, card.claim));
        }
        let command = DirectoryCommand::ClaimCard { id, account: account.clone(), claim };
        let owner = self.stubs.found(&directory, command).await?;
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
        self.transaction(note)
    }
}
