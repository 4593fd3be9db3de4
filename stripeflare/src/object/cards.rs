//! Claims and releases of cards that a crash left half done are finished here, and cards are shown when their time has come.

use stripeflare_core::account::{CardRow, State, Wallet};
use stripeflare_core::clock::now;
use stripeflare_core::error::WalletError;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::account::in_account;
use stripeflare_core::protocol::directory::{ClaimCard, ForgetCard};

use crate::js::log_error;
use crate::object::alarm::plan::Next;
use crate::object::class::Inner;

/// Cards seen to in one go; the rest follow.
const BATCH: usize = 20;

impl Inner {
    pub(super) async fn finish_cards(&self) -> Result<Next, String> {
        let look = |wallet: &mut Wallet<'_>| {
            let shows_at = wallet.show_what_is_due()?;
            Ok((wallet.id().clone(), shows_at, wallet.unfinished_cards(BATCH)?))
        };
        let found = self.transaction(|| in_account(self, now(), look))?;
        let Some((account, shows_at, cards)) = found else { return Ok(None) };
        for card in &cards {
            if let Err(cause) = self.finish(&account, card).await {
                log_error(format_args!("a card is seen to again later: {cause}"));
                self.note(|wallet| wallet.card_failed(card))?;
            }
        }
        let next = self.in_account(|wallet| wallet.next_unfinished_card())?;
        Ok(next.into_iter().chain(shows_at).min())
    }

    async fn finish(&self, account: &AccountId, card: &CardRow) -> Result<(), String> {
        let (id, claim, directory) = (card.id.clone(), card.claim, Shard::of(&card.id));
        if card.state == State::Releasing {
            self.stubs.as_system(&directory).send(ForgetCard { id, account: account.clone(), claim }).await?;
            return self.note(|wallet| wallet.released(&card.id, card.claim));
        }
        let owner = self.stubs.as_system(&directory).send(ClaimCard { id, account: account.clone(), claim }).await?;
        let owned = owner.as_ref() == Some(account);
        self.note(|wallet| wallet.claimed(&card.id, card.claim, owned))
    }

    /// One transaction on this account.
    pub(super) fn note(&self, act: impl FnOnce(&mut Wallet<'_>) -> Result<(), WalletError>) -> Result<(), String> {
        // The aggregate hears of it in this very ring.
        self.transaction(|| in_account(self, now(), act)).map(drop)
    }
}
