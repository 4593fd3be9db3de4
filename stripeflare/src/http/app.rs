use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use serde::de::DeserializeOwned;
use stripeflare_core::schema::{Schema, Tables};
use worker::{Env, MessageBatch, ScheduledEvent};

use crate::error::Error;
use crate::http::call::context::Context;
use crate::http::route::RouteDef;

pub(crate) type Job<E> = Rc<dyn Fn(E, Env) -> Pin<Box<dyn Future<Output = Result<(), Error>>>>>;

/// The application: its routes and jobs. `U` is the type of your own columns.
pub struct App<U = ()> {
    pub(crate) router: Router,
    pub(crate) scheduled: Option<Job<ScheduledEvent>>,
    pub(crate) queue: Option<Job<worker::worker_sys::MessageBatch>>,
    /// For tests: the worker's objects have the macro's own list.
    pub(crate) tables: Tables,
    user: PhantomData<fn() -> U>,
}

/// The list that `routes![]` makes.
#[derive(Clone, Copy)]
pub struct Routes(&'static [RouteDef]);

impl Routes {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(routes: &'static [RouteDef]) -> Self {
        Self(routes)
    }
}

impl<U> Default for App<U> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U> App<U> {
    /// An application with the built-in routes alone.
    #[must_use]
    pub fn new() -> Self {
        Self { router: Router::new(), scheduled: None, queue: None, tables: &[], user: PhantomData }
    }

    /// Adds the handlers that `routes![]` lists.
    ///
    /// # Panics
    /// When a handler of an earlier list has the same method and path.
    #[must_use]
    pub fn routes(mut self, routes: Routes) -> Self {
        self.router = routes.0.iter().fold(self.router, |router, route| route.register(router));
        self
    }

    /// Adds a plain axum router; its handlers may be `#[priced]` too.
    ///
    /// # Panics
    /// When both have a handler for one method and path.
    #[must_use]
    pub fn merge(mut self, router: Router) -> Self {
        self.router = self.router.merge(router);
        self
    }

    /// What a cron trigger runs.
    #[must_use]
    pub fn scheduled<F, R>(mut self, job: F) -> Self
    where
        F: Fn(ScheduledEvent, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.scheduled = Some(Rc::new(move |event, env| Box::pin(job(event, env))));
        self
    }

    /// What a queue's messages are given to.
    #[must_use]
    pub fn queue<T, F, R>(mut self, job: F) -> Self
    where
        T: DeserializeOwned + 'static,
        F: Fn(MessageBatch<T>, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.queue = Some(Rc::new(move |batch, env| Box::pin(job(MessageBatch::from(batch), env))));
        self
    }

    /// What `#[stripeflare::main]` lists.
    #[doc(hidden)]
    #[must_use]
    pub fn declared(self, tables: Tables) -> Self {
        Self { tables, ..self }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn of_any_user(self) -> App {
        let Self { router, scheduled, queue, tables, .. } = self;
        App { router, scheduled, queue, tables, user: PhantomData }
    }
}

impl<U> std::fmt::Debug for App<U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("router", &self.router).finish_non_exhaustive()
    }
}

/// Names the user type of an [`App`], for the macro that sees its return type alone.
#[diagnostic::on_unimplemented(
    message = "the function under `#[stripeflare::main]` returns `App<…>`, not `{Self}`",
    label = "not an `App`"
)]
pub trait AppType {
    /// The type of your own columns.
    type User: stripeflare_core::schema::StripeUser;
}

impl<U: stripeflare_core::schema::StripeUser> AppType for App<U> {
    type User = U;
}

/// The application of this isolate, built once.
pub(crate) struct Built {
    pub(crate) router: Router,
    pub(crate) scheduled: Option<Job<ScheduledEvent>>,
    pub(crate) queue: Option<Job<worker::worker_sys::MessageBatch>>,
}

/// What a charge of this call is called by.
async fn remember_route(request: Request) -> Request {
    if let Ok(context) = Context::among(request.extensions()) {
        context.matched(request.extensions());
    }
    request
}

thread_local! {
    static BUILT: RefCell<Option<Rc<Built>>> = const { RefCell::new(None) };
}

impl Built {
    pub(crate) fn get(schema: Schema, build: fn() -> App) -> Rc<Self> {
        if let Some(built) = BUILT.with_borrow(Clone::clone) {
            return built;
        }
        let built = Rc::new(Self::of(build(), schema));
        BUILT.set(Some(Rc::clone(&built)));
        built
    }

    pub(crate) fn of(app: App, schema: Schema) -> Self {
        let router = app.router.layer(map_request(remember_route));
        let router = super::routes::router(schema).fallback_service(router);
        Self { router, scheduled: app.scheduled, queue: app.queue }
    }
}
