use stripeflare_core::account::{Charge, NotCharged, Overdraft, Short};
use stripeflare_core::identity::{AccountId, Token};
use stripeflare_core::money::Cents;
use worker::Env;

use crate::deployment::{Deployment, version};
use crate::error::{Error, Result};
use crate::object::ObjectError;

/// What became of a charge by [`charge_user`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChargeOutcome {
    /// It was charged now; so much is available after it.
    Charged {
        /// Balance less open holds.
        available: Cents,
    },
    /// The same key charged the same amount before; nothing was charged now.
    AlreadyCharged,
    /// Less than the amount is available; nothing was charged.
    InsufficientFunds {
        /// Balance less open holds.
        available: Cents,
    },
    /// More than the access token may spend; nothing was charged.
    TokenCap {
        /// What it may spend yet, today or in all.
        left: Cents,
    },
    /// Nobody has ever paid into this account; nothing was charged.
    Unregistered,
    /// The key charged another amount before; nothing was charged now.
    KeyReused,
    /// The account has as long a history as it may have; nothing was charged.
    AccountFull,
}

/// Charges an account from a scheduled job, a queue or any other place that has no request.
///
/// `payer` is an account id, or an access token, whose caps count. `key` names this charge among all of the account: a job that runs again with the same key charges once.
///
/// # Errors
/// When `payer` is neither, or a token that opens no account, `amount` is not more than nothing, a variable is missing, or the
/// account could not be asked. In the last case the charge may have been made: try again with the same key.
pub async fn charge_user(
    env: &Env,
    payer: &str,
    amount: Cents,
    key: &str,
    overdraft: Overdraft,
) -> Result<ChargeOutcome> {
    let deployment = Deployment::new(env, version()).map_err(std::io::Error::other)?;
    let invalid = |problem: &'static str| Error::from(std::io::Error::other(problem));
    let token = payer.parse::<Token>().ok();
    let account: AccountId = match &token {
        Some(token) => token.account().clone(),
        None => {
            payer.parse().map_err(|_| invalid("charge_user: the payer is neither an account id nor an access token"))?
        }
    };
    if !amount.is_positive() || key.is_empty() || key.len() > 255 {
        return Err(invalid("charge_user: the amount is more than nothing, the key 1 to 255 bytes"));
    }
    let charge = Charge { key: format!("job:{key}"), amount, overdraft, detail: "charge_user".into() };
    let sender = match &token {
        Some(token) => deployment.stubs.as_caller(token),
        None => deployment.stubs.as_system(&account),
    };
    let charged = match sender.send(charge).await {
        Ok(charged) => charged,
        Err(ObjectError::Unregistered) => return Ok(ChargeOutcome::Unregistered),
        Err(ObjectError::Denied(_)) => {
            return Err(invalid("charge_user: this access token opens no account, or not any more"));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(match charged {
        Ok(charged) if charged.already => ChargeOutcome::AlreadyCharged,
        Ok(charged) => ChargeOutcome::Charged { available: charged.available },
        Err(NotCharged::Full) => ChargeOutcome::AccountFull,
        Err(NotCharged::KeyReused) => ChargeOutcome::KeyReused,
        Err(NotCharged::Short(Short::TokenCap { left, .. })) => ChargeOutcome::TokenCap { left },
        Err(NotCharged::Short(Short::Insufficient { available, .. })) => ChargeOutcome::InsufficientFunds { available },
    })
}
