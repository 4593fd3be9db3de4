//! What the objects of one login tell each other: an account the one that a payment moved to, a shard of the directory both
//! accounts of a contested session; until they have acknowledged it.

use stripeflare_core::clock::now;
use stripeflare_core::directory;
use stripeflare_core::protocol::Object;
use stripeflare_core::protocol::account::Disown;
use stripeflare_core::tables::Role;

use crate::object::alarm::plan::{FLUSH_MS, Next};
use crate::object::class::Inner;

/// Told in one go; the rest follow.
const BATCH: usize = 20;

impl Inner {
    pub(super) async fn tell_moves(&self) -> Result<Next, String> {
        let untold = self.transaction(|| {
            let wallet = self.existing(now())?;
            wallet.map_or(Ok(Vec::new()), |wallet| wallet.untold_moves(BATCH))
        })?;
        let mut next = Ok((!untold.is_empty()).then(|| now() + FLUSH_MS));
        for (to, moved) in untold {
            // One that fails keeps no other waiting.
            match self.stubs.as_system(&to).send(moved.clone()).await {
                Ok(accepted) => self.note(|wallet| wallet.told_move(&moved, accepted))?,
                Err(error) => next = Err(error.to_string()),
            }
        }
        next
    }

    pub(super) async fn tell_contests(&self) -> Result<Next, String> {
        let sql = &self.storage;
        let untold = self.in_role(Role::Directory, || directory::untold_contests(sql, BATCH as i64))?;
        let mut next = Ok((untold.len() == BATCH).then(now));
        for contest in untold {
            let mut told = true;
            for account in &contest.accounts {
                let disown = Disown { payment: contest.session.clone() };
                if let Err(error) = self.stubs.as_system(account).send(disown).await {
                    (told, next) = (false, Err(error.to_string()));
                }
            }
            if told {
                self.transaction(|| Ok(directory::told_contest(sql, &contest.session)?))?;
            }
        }
        next
    }
}
