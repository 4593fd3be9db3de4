//! Finds users among all accounts, for administration and scheduled jobs.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use futures_util::{Stream, stream};
use stripeflare_core::account::AccountRow;
use stripeflare_core::aggregate::Query;
use stripeflare_core::identity::AccountId;
use stripeflare_core::money::Cents;
use stripeflare_core::protocol::aggregate::{CountUsers, FindUsers};
use stripeflare_core::protocol::{Aggregate, Command};
use stripeflare_core::schema::{ColumnReader, Field, Filter, Order, Schema, StripeUser, Timestamp};
use worker::Env;

use crate::deployment::Deployment;
use crate::error::Result;

/// Accounts fetched at once.
const PAGE: u32 = 50;

/// Finds users by your columns and the wallet's, among everybody who ever paid. An account that went into another one is not
/// found.
///
/// ```no_run
/// use stripeflare::Users;
/// use stripeflare::prelude::*;
/// use stripeflare::worker::{Env, ScheduledEvent};
///
/// #[derive(StripeUser)]
/// pub struct User {
///     #[column(default = "free", index)]
///     tier: String,
///     points: i64,
/// }
///
/// async fn weekly(_event: ScheduledEvent, env: Env) -> Result<()> {
///     let rich = User::tier.eq("pro").and(Users::balance.gt(Cents::new(100)));
///     let mut users = Users::find(rich).order_by(User::points.desc()).limit(1_000).stream(&env);
///     while let Some(user) = users.next().await? {
///         println!("{} has {} points and {} cents", user.id(), user.points, user.balance());
///     }
///     Ok(())
/// }
/// ```
///
/// They are read from the mirror of all accounts, which follows within seconds, and never written. A handler gets the
/// environment as `Extension(env): Extension<Env>`; let it ask who is calling before it shows what it found.
#[must_use = "a search finds nothing before it is asked to"]
pub struct Users<U> {
    query: Query,
    left: u64,
    user: PhantomData<fn() -> U>,
}

/// The wallet's columns.
#[allow(non_upper_case_globals, reason = "they stand beside those of your own struct")]
impl<U> Users<U> {
    /// The account's id.
    pub const account_id: Field<U, String> = Field::new("account_id");
    /// When its owner first paid.
    pub const registered_at: Field<U, Timestamp> = Field::new("registered_at");
    /// The sum of its ledger.
    pub const balance: Field<U, Cents> = Field::new("balance");
    /// What open disputes hold of it.
    pub const frozen: Field<U, Cents> = Field::new("frozen");
    /// The owner's name, once a payment login told it.
    pub const name: Field<U, Option<String>> = Field::new("name");
    /// The owner's email, once a payment login told it.
    pub const email: Field<U, Option<String>> = Field::new("email");
    /// The card that the owner logged in by.
    pub const card_fingerprint: Field<U, Option<String>> = Field::new("card_fingerprint");
    /// The email that Stripe verified.
    pub const verified_email: Field<U, Option<String>> = Field::new("verified_email");
}

impl<U: StripeUser> Users<U> {
    /// Those that a filter holds for.
    pub fn find(filter: Filter<U>) -> Self {
        let Filter { condition, values, .. } = filter;
        let query = Query { condition, values, order: Vec::new(), after: None, limit: PAGE };
        Self { query, left: u64::MAX, user: PhantomData }
    }

    /// All of them.
    pub fn all() -> Self {
        Self::find(Filter::new("1".into(), Vec::new()))
    }

    /// Orders them, by a further column if called again. Without it they come by their id.
    pub fn order_by(mut self, order: Order<U>) -> Self {
        self.query.order.push(order.by);
        self
    }

    /// At most so many.
    pub fn limit(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    /// How many there are, whatever the limit.
    ///
    /// # Errors
    /// When the mirror of all accounts could not be asked.
    pub async fn count(self, env: &Env) -> Result<u64> {
        let count = ask(env, CountUsers { query: self.query }).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// One after the other. Pages are fetched as they are needed.
    pub fn stream(self, env: &Env) -> FoundUsers<U> {
        let Self { query, left, .. } = self;
        FoundUsers {
            pages: Pages { env: env.clone(), query, left, page: VecDeque::new(), more: true },
            user: PhantomData,
        }
    }
}

impl<U> fmt::Debug for Users<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Users").field(&self.query.condition).finish()
    }
}

async fn ask<C: Command<To = Aggregate>>(env: &Env, command: C) -> Result<C::Reply> {
    let deployment = Deployment::new(env, crate::deployment::version()).map_err(std::io::Error::other)?;
    Ok(deployment.stubs.as_system(&Aggregate).send(command).await?)
}

/// Users as they are found.
#[must_use = "nothing is found before it is asked for"]
pub struct FoundUsers<U> {
    pages: Pages,
    user: PhantomData<fn() -> U>,
}

struct Pages {
    env: Env,
    query: Query,
    left: u64,
    page: VecDeque<AccountRow>,
    more: bool,
}

impl Pages {
    async fn next(&mut self) -> Result<Option<AccountRow>> {
        while self.page.is_empty() && self.more && self.left > 0 {
            self.query.limit = PAGE.min(u32::try_from(self.left).unwrap_or(PAGE));
            let page = ask(&self.env, FindUsers { query: self.query.clone() }).await?;
            self.more = page.after.is_some();
            self.query.after = page.after;
            self.page = page.accounts.into();
        }
        let next = self.page.pop_front().filter(|_| self.left > 0);
        self.left = self.left.saturating_sub(1);
        Ok(next)
    }
}

impl<U: StripeUser> FoundUsers<U> {
    /// The next one, or `None` after the last.
    ///
    /// # Errors
    /// When the mirror of all accounts could not be asked, or a value in it does not fit its column's type. Asking again
    /// goes on where it failed.
    pub async fn next(&mut self) -> Result<Option<FoundUser<U>>> {
        match self.pages.next().await? {
            Some(account) => FoundUser::read(account).map(Some),
            None => Ok(None),
        }
    }

    /// The rest as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<FoundUser<U>>> {
        stream::try_unfold(self, |mut users| async move { Ok(users.next().await?.map(|user| (user, users))) })
    }
}

impl<U> fmt::Debug for FoundUsers<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FoundUsers").field(&self.pages.query.condition).finish()
    }
}

/// A user that was found: your columns by dereference, the wallet's through methods. It is a copy; nothing is written through
/// it.
pub struct FoundUser<U> {
    account: AccountRow,
    user: U,
}

impl<U: StripeUser> FoundUser<U> {
    fn read(account: AccountRow) -> Result<Self> {
        if account.layout != Schema::of::<U>().layout() {
            return Err(std::io::Error::other("these are not the columns of this application's `App<…>`").into());
        }
        let user = U::read(&mut ColumnReader::new(&account.columns))?;
        Ok(Self { account, user })
    }
}

impl<U> FoundUser<U> {
    /// The account's id, which `charge_user` takes.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.account.id
    }

    /// When its owner first paid.
    #[must_use]
    pub fn registered_at(&self) -> Timestamp {
        Timestamp::from_millis(self.account.registered_at)
    }

    /// The sum of its ledger.
    #[must_use]
    pub fn balance(&self) -> Cents {
        self.account.balance
    }

    /// The owner's name, once a payment login told it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.account.name.as_deref()
    }

    /// The owner's email, once a payment login told it.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.account.email.as_deref()
    }
}

impl<U> Deref for FoundUser<U> {
    type Target = U;
    fn deref(&self) -> &U {
        &self.user
    }
}

impl<U> fmt::Debug for FoundUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FoundUser").field(&self.account.id).finish()
    }
}
