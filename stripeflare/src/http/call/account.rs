use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use stripeflare_core::account::{AccountRow, Change, HoldId, Overdraft, Update};
use stripeflare_core::clock::now;
use stripeflare_core::identity::AccountId;
use stripeflare_core::money::Cents;
use stripeflare_core::schema::{ColumnDef, ColumnReader, ColumnWriter, Schema, StripeUser};
use stripeflare_core::sql::Value;
use stripeflare_schema::is_label;
use worker::send::{SendFuture, SendWrapper};

use crate::error::{self, Error};
use crate::http::call::context::Context;
use crate::http::call::inside::ChargedInside;
use crate::http::reply::answer::Answer;

/// The caller's account: the wallet's own facts through methods, your columns by dereference.
///
/// `Account` alone, without a type, is one whose columns do not matter; it goes with every application.
///
/// A visitor has one too: nothing is in it, and your columns hold their defaults. In a priced handler the account comes
/// with the reserve of the price and costs no further look; elsewhere it is read from its Durable Object, unless the
/// caller is a visitor.
///
/// In a priced handler its values are there when the handler runs, not before: an extractor of your own that asks for an
/// `Account` keeps it and looks into it later.
pub struct Account<U = ()>(SendWrapper<Rc<Inner<U>>>);

struct Inner<U> {
    context: Context,
    row: OnceCell<(AccountRow, U)>,
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
    fn loaded(&self) -> &(AccountRow, U) {
        self.0.row.get().expect("in a priced handler the account is there when the handler runs, not in an extractor")
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
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

    /// Charges the account now, beside any price of the route, and answers what is available after it. The label is what the
    /// account's statement says it was for, such as `"Render"`, in 1 to 100 bytes of printable text; take few different ones, since a day's charges are also
    /// kept as one sum for each.
    ///
    /// What is charged here stays charged, also when the handler fails afterwards. A caller who repeats the whole call with
    /// the same `Idempotency-Key` is charged once for each `charge` in it.
    ///
    /// # Errors
    /// With `?` in a handler, the caller gets the answer that says why nothing was charged (402, 429, …); after a 503 it is
    /// not known whether it was.
    pub async fn charge(&self, label: &str, amount: Cents, overdraft: Overdraft) -> Result<Cents, ChargeError> {
        self.charge_under(None, label, amount, overdraft).await
    }

    /// The same, under a key of your own, such as an order's number: charged once in the account, however often and
    /// wherever it is asked for. Another amount under the same key is refused.
    ///
    /// # Errors
    /// As [`Account::charge`].
    pub async fn charge_once(
        &self,
        key: &str,
        label: &str,
        amount: Cents,
        overdraft: Overdraft,
    ) -> Result<Cents, ChargeError> {
        if !(1..=255).contains(&key.len()) {
            return Err(ChargeError(Answer::internal("the key of account.charge_once has 1 to 255 bytes").into()));
        }
        self.charge_under(Some(key), label, amount, overdraft).await
    }

    async fn charge_under(
        &self,
        key: Option<&str>,
        label: &str,
        amount: Cents,
        overdraft: Overdraft,
    ) -> Result<Cents, ChargeError> {
        let wrong = |wrong| Err(ChargeError(Answer::internal(wrong).into()));
        if !amount.is_positive() {
            return wrong(format!("account.charge was asked for {amount} cents"));
        }
        if !is_label(label) {
            return wrong("the label of account.charge is 1 to 100 bytes of printable text".to_owned());
        }
        let context = &self.0.context;
        let (_, available, entry) = context.charge_now(amount, overdraft, label, key).await.map_err(ChargeError)?;
        context.inside.add(amount, ChargedInside { available, entry });
        Ok(available)
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
        context.refuse_other_columns::<U>()?;
        context.mark_personal();
        let inner = Rc::new(Inner { context: context.clone(), row: OnceCell::new() });
        if context.slot.is_open() {
            let filled = Rc::clone(&inner);
            context.slot.wait(Box::new(move |row| fill(&filled.row, row)));
        } else {
            let row = context.row(&Schema::of::<U>()).await?;
            context.shown.set(Some(row.balance));
            fill(&inner.row, &row).map_err(Answer::unavailable)?;
        }
        Ok(Self(SendWrapper(inner)))
    }
}

/// How often an update is tried while others write the same columns.
const UPDATE_TRIES: u32 = 100;

impl<U: StripeUser> Account<U> {
    /// Changes your columns: `account.update(|user| user.tier = "pro".into()).await?`.
    ///
    /// Only the columns that the closure changed are written, all of them or none. If one of them was written by somebody
    /// else since it was read, the closure runs again on the newest values; so it has no effect but on its argument. After
    /// that this account has the values that are stored, its balance too; clones made before keep theirs.
    ///
    /// # Errors
    /// When nothing was written: with `?` in a handler, the caller gets the answer that says why. Before anybody paid into
    /// the account that is 402; a value that cannot be stored, such as a whole number past 2^53 − 1, is 422; a `unique` one
    /// that another account has is 409.
    pub async fn update(&mut self, mut change: impl FnMut(&mut U)) -> Result<(), UpdateError> {
        let columns = Schema::of::<U>().columns;
        let mut row = self.loaded().0.clone();
        for _ in 0..UPDATE_TRIES {
            let mut user = read::<U>(&row).map_err(|cause| UpdateError(Answer::unavailable(cause)))?;
            let before = written(&user);
            change(&mut user);
            let changes = changes(columns, &row.columns, &before.values, written(&user)).map_err(UpdateError)?;
            let made = changes.is_empty();
            let made = made || self.0.context.write_columns(columns, changes, &mut row).await.map_err(UpdateError)?;
            if made {
                let user = read(&row).map_err(|cause| UpdateError(Answer::unavailable(cause)))?;
                let inner = Inner { context: self.0.context.clone(), row: OnceCell::from((row, user)) };
                self.0 = SendWrapper(Rc::new(inner));
                return Ok(());
            }
        }
        Err(UpdateError(Answer::unavailable("an account's columns were written by others all the time")))
    }
}

fn written<U: StripeUser>(user: &U) -> ColumnWriter {
    let mut row = ColumnWriter::default();
    user.write(&mut row);
    row
}

/// What is different after the closure ran, with what is stored now.
fn changes(
    columns: &[ColumnDef],
    stored: &[Value],
    before: &[Value],
    after: ColumnWriter,
) -> Result<Vec<Change>, Response> {
    let after = after
        .finish(columns)
        .map_err(|problem| Response::from(Answer::new(StatusCode::UNPROCESSABLE_ENTITY, "column_value", problem)))?;
    let values = stored.iter().zip(before).zip(after);
    let changed = columns.iter().zip(values).filter(|(_, ((_, before), after))| *before != after);
    Ok(changed
        .map(|(column, ((stored, _), after))| Change { column: column.name.into(), old: stored.clone(), new: after })
        .collect())
}

impl super::context::Inner {
    /// An account has the columns of the application's type, and of no other.
    fn refuse_other_columns<U: StripeUser>(&self) -> Result<(), Response> {
        if U::COLUMNS.is_empty() || Schema::of::<U>().layout() == self.columns.schema.layout() {
            return Ok(());
        }
        let (label, asked, has) = (self.label(None), std::any::type_name::<U>(), self.columns.user);
        Err(Answer::internal(format!(
            "{label} takes Account<{asked}>, and the application is an App<{has}>: its accounts have other columns"
        ))
        .into())
    }

    /// Writes changes of the caller's columns, and answers whether they were made; `row` is what is stored then.
    async fn write_columns(
        &self,
        columns: &[ColumnDef],
        changes: Vec<Change>,
        row: &mut AccountRow,
    ) -> Result<bool, Response> {
        let token = match self.spending_token()? {
            Some(token) if row.is_registered() => token,
            _ => return Err(self.unregistered(Cents::ZERO)),
        };
        let account = token.account();
        let frees = self.claim_values(account, columns, &changes).await?;
        let update = Update { id: HoldId::generate(now()).as_str().to_owned(), changes };
        let Some(updated) = self.ask(token, update).await? else { return Err(self.unregistered(Cents::ZERO)) };
        *row = updated.row;
        if updated.made {
            self.free_values(frees).await;
        }
        Ok(updated.made)
    }
}

fn read<U: StripeUser>(row: &AccountRow) -> Result<U, String> {
    // Without columns it reads any row.
    if !U::COLUMNS.is_empty() && row.layout != Schema::of::<U>().layout() {
        return Err("the account's object and this worker are of different deploys: their columns differ".into());
    }
    U::read(&mut ColumnReader::new(&row.columns)).map_err(|error| error.to_string())
}

fn fill<U: StripeUser>(cell: &OnceCell<(AccountRow, U)>, row: &AccountRow) -> Result<(), String> {
    let user = read(row)?;
    // A handler that asks twice has two cells; each is filled once.
    let _ = cell.set((row.clone(), user));
    Ok(())
}

/// Why nothing was charged; with the status 503, it is not known whether it was. As a response it says so; `?` in a handler
/// answers it.
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

/// Nothing was written. As a response it says why; `?` in a handler answers it.
pub struct UpdateError(pub(crate) Response);

impl fmt::Debug for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpdateError({})", self.0.status())
    }
}

impl IntoResponse for UpdateError {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<ChargeError> for Error {
    fn from(error: ChargeError) -> Self {
        Error(error::Kind::Refused(Box::new(error.into_response())))
    }
}

impl From<UpdateError> for Error {
    fn from(error: UpdateError) -> Self {
        Error(error::Kind::Refused(Box::new(error.into_response())))
    }
}
