use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use worker::send::{SendFuture, SendWrapper};

use super::Answer;
use super::context::Context;
use crate::account::AccountId;
use crate::money::Cents;
use crate::schema::{ColumnReader, Schema, StripeUser};
use crate::wallet::{self, Overdraft};

/// The caller's account: the wallet's own facts through methods, your columns by dereference.
///
/// A visitor has one too: nothing is in it, and your columns hold their defaults. In a priced handler the account comes
/// with the reserve of the price and costs no further look; elsewhere it is read from its Durable Object, unless the
/// caller is a visitor.
///
/// In a priced handler its values are there when the handler runs, not before: an extractor of your own that asks for an
/// `Account` keeps it and looks into it later.
pub struct Account<U>(SendWrapper<Rc<Inner<U>>>);

struct Inner<U> {
    context: Context,
    row: OnceCell<(wallet::Account, U)>,
}

impl<U> Clone for Account<U> {
    fn clone(&self) -> Self {
        Self(SendWrapper(Rc::clone(&self.0)))
    }
}

impl<U> fmt::Debug for Account<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.0.row.get().map(|(row, _)| &row.id)).finish()
    }
}

impl<U> Account<U> {
    fn loaded(&self) -> &(wallet::Account, U) {
        self.0.row.get().expect("in a priced handler the account is there when the handler runs, not in an extractor")
    }

    /// The account's id.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.loaded().0.id
    }

    /// The sum of all entries of the ledger, in which this call's own price is not yet.
    #[must_use]
    pub fn balance(&self) -> Cents {
        self.loaded().0.balance
    }

    /// The owner's name, once a payment login told it; a token that only spends does not see it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.loaded().0.name.as_deref()
    }

    /// The owner's email, once a payment login told it; a token that only spends does not see it.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.loaded().0.email.as_deref()
    }

    /// Whether anybody ever paid into this account.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.loaded().0.is_registered()
    }

    /// What a payment carries to say that it is for this account. It is public.
    #[must_use]
    pub fn client_reference_id(&self) -> String {
        self.0.context.deployment.config.references.sign(self.id())
    }

    /// Where this account's owner pays.
    #[must_use]
    pub fn payment_link(&self) -> String {
        self.0.context.deployment.payment_link(self.id())
    }

    /// Charges the account now, beside any price of the route, and answers what is available after it.
    ///
    /// What is charged here stays charged, also when the handler fails afterwards.
    ///
    /// # Errors
    /// When nothing was charged: with `?` in a handler, the caller gets the answer that says why (402, 429, …).
    pub async fn charge(&self, amount: Cents, overdraft: Overdraft) -> Result<Cents, ChargeError> {
        if !amount.is_positive() {
            return Err(ChargeError(Answer::internal(format!("account.charge was asked for {amount} cents")).into()));
        }
        match self.0.context.charge_now(amount, overdraft, "account.charge").await {
            Ok((_, available)) => Ok(available),
            Err(answer) => Err(ChargeError(answer)),
        }
    }
}

impl<U> Deref for Account<U> {
    type Target = U;
    fn deref(&self) -> &U {
        &self.loaded().1
    }
}

impl<S: Sync, U: StripeUser> FromRequestParts<S> for Account<U> {
    type Rejection = Response;

    fn from_request_parts(parts: &mut Parts, _state: &S) -> impl Future<Output = Result<Self, Response>> + Send {
        SendFuture::new(async move { Self::extract(Context::from(parts)?).await })
    }
}

impl<U: StripeUser> Account<U> {
    async fn extract(context: Context) -> Result<Self, Response> {
        context.mark_personal();
        let inner = Rc::new(Inner { context: context.clone(), row: OnceCell::new() });
        if context.slot.is_open() {
            let filled = Rc::clone(&inner);
            context.slot.wait(Box::new(move |row| fill(&filled.row, row)));
        } else {
            let row = context.row(|| Schema::of::<U>().initial_row()).await?;
            fill(&inner.row, &row).map_err(Answer::unavailable)?;
        }
        Ok(Self(SendWrapper(inner)))
    }
}

fn fill<U: StripeUser>(cell: &OnceCell<(wallet::Account, U)>, row: &wallet::Account) -> Result<(), String> {
    let user = U::read(&mut ColumnReader::new(&row.columns)).map_err(|error| error.to_string())?;
    // A handler that asks twice has two cells; each is filled once.
    let _ = cell.set((row.clone(), user));
    Ok(())
}

/// Nothing was charged. As a response it says why; `?` in a handler answers it.
pub struct ChargeError(pub(crate) Response);

impl fmt::Debug for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChargeError({})", self.0.status())
    }
}

impl IntoResponse for ChargeError {
    fn into_response(self) -> Response {
        self.0
    }
}
