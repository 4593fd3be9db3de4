use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use serde::de::DeserializeOwned;
use stripeflare_core::schema::{Schema, Tables};
use tower_layer::Layer;
use tower_service::Service;
use worker::send::SendFuture;
use worker::{Env, MessageBatch, ScheduledEvent};

use crate::error::Error;
use crate::http::call::context::{Columns, Context};
use crate::http::route::{Reachable, RouteDef, RouteOf};

pub(crate) type Job<E> = Rc<dyn Fn(E, Env) -> Pin<Box<dyn Future<Output = Result<(), Error>>>>>;

/// The application: its routes and jobs. `U` is the type of your own columns.
pub struct App<U = ()> {
    router: Router,
    layers: Vec<Box<dyn Fn(Router) -> Router>>,
    jobs: Jobs,
    /// For tests: the worker's objects have the macro's own list.
    pub(crate) tables: Tables,
    user: PhantomData<fn() -> U>,
}

/// What runs without a request; a name is a cron expression, or a queue's, and without one a job is for all.
#[derive(Default)]
struct Jobs {
    scheduled: Vec<(Option<&'static str>, Job<ScheduledEvent>)>,
    queues: Vec<(Option<&'static str>, Job<worker::worker_sys::MessageBatch>)>,
}

/// The list that `routes![]` makes, for an `App<U>`.
///
/// A function may answer one: `fn routes() -> Routes<User>`.
pub struct Routes<U = (), const HIDDEN: usize = 0> {
    list: &'static [RouteDef],
    user: PhantomData<fn() -> U>,
}

impl<U, const HIDDEN: usize> Routes<U, HIDDEN> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(list: &'static [RouteDef]) -> Self {
        Self { list, user: PhantomData }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with<R: RouteOf<U>>(self) -> Self {
        self
    }

    fn register(&self, router: Router) -> Router {
        self.list.iter().fold(router, |router, route| route.register(router))
    }
}

impl<U, const HIDDEN: usize> std::fmt::Debug for Routes<U, HIDDEN> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Routes").field(&self.list.len()).finish()
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
        Self { router: Router::new(), layers: Vec::new(), jobs: Jobs::default(), tables: &[], user: PhantomData }
    }

    /// Adds the handlers that `routes![]` lists.
    ///
    /// # Panics
    /// When a handler of an earlier list has the same method and path.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "a list is mounted once")]
    pub fn routes<const HIDDEN: usize>(mut self, routes: Routes<U, HIDDEN>) -> Self
    where
        (): Reachable<HIDDEN>,
    {
        self.router = routes.register(self.router);
        self
    }

    /// Adds the handlers that `routes![]` lists under a prefix, such as `"/v1"`. As in axum, a handler's `Uri` is without it,
    /// and `OriginalUri` has it; statements call a charge by the whole path.
    ///
    /// # Panics
    /// When there is a handler for such a method and path already, a built-in one too.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "a list is mounted once")]
    pub fn nest<const HIDDEN: usize>(mut self, prefix: &str, routes: Routes<U, HIDDEN>) -> Self {
        routes.list.iter().for_each(|route| route.check_under(prefix));
        self.router = self.router.nest(prefix, routes.register(Router::new()));
        self
    }

    /// Adds a plain axum router; its handlers may be `#[priced]` too.
    ///
    /// # Panics
    /// When both have a handler for one method and path, or both a fallback.
    #[must_use]
    pub fn merge(mut self, router: Router) -> Self {
        self.router = self.router.merge(router);
        self
    }

    /// What answers where no route has the path: a plain axum handler, or one that is `#[priced]`.
    ///
    /// # Panics
    /// When there is one already.
    #[must_use]
    pub fn fallback<H: Handler<T, ()>, T: 'static>(self, handler: H) -> Self {
        self.merge(Router::new().fallback(handler))
    }

    /// Puts a layer around your routes, whenever they are added, and around the built-in routes that answer JSON. Of
    /// several, the last one is the outermost.
    ///
    /// It sees what a caller gets instead of a handler's answer, too: 401, 402, 405, 404. Calls are charged inside of it:
    /// what it changes afterwards is not refunded, and an `X-Price` that it sets charges nothing. Pages for people, what
    /// Stripe calls and the database panel are outside of it.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<std::convert::Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.layers.push(Box::new(move |router| router.layer(layer.clone())));
        self
    }

    /// What every cron trigger runs. Several run one after the other; one that fails stops none of them.
    #[must_use]
    pub fn scheduled<F, R>(self, job: F) -> Self
    where
        F: Fn(ScheduledEvent, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.add_scheduled(None, job)
    }

    /// What the cron trigger of one expression runs, written as in `wrangler.toml`: `.cron("0 3 * * *", nightly)`.
    #[must_use]
    pub fn cron<F, R>(self, expression: &'static str, job: F) -> Self
    where
        F: Fn(ScheduledEvent, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.add_scheduled(Some(expression), job)
    }

    fn add_scheduled<F, R>(mut self, cron: Option<&'static str>, job: F) -> Self
    where
        F: Fn(ScheduledEvent, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.jobs.scheduled.push((cron, Rc::new(move |event, env| Box::pin(job(event, env)))));
        self
    }

    /// What the messages of all queues are given to that have no job of their own.
    ///
    /// # Panics
    /// When there is one already.
    #[must_use]
    pub fn queue<T, F, R>(self, job: F) -> Self
    where
        T: DeserializeOwned + 'static,
        F: Fn(MessageBatch<T>, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.add_queue(None, job)
    }

    /// What the messages of one queue are given to, by its name; each may have a type of its own.
    ///
    /// # Panics
    /// When there is one already.
    #[must_use]
    pub fn queue_named<T, F, R>(self, name: &'static str, job: F) -> Self
    where
        T: DeserializeOwned + 'static,
        F: Fn(MessageBatch<T>, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        self.add_queue(Some(name), job)
    }

    fn add_queue<T, F, R>(mut self, name: Option<&'static str>, job: F) -> Self
    where
        T: DeserializeOwned + 'static,
        F: Fn(MessageBatch<T>, Env) -> R + 'static,
        R: Future<Output = Result<(), Error>> + 'static,
    {
        assert!(
            self.jobs.queues.iter().all(|(known, _)| *known != name),
            "two jobs for the messages of one queue; each queue has its own by `queue_named`"
        );
        self.jobs.queues.push((name, Rc::new(move |batch, env| Box::pin(job(MessageBatch::from(batch), env)))));
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
        let Self { router, layers, jobs, tables, .. } = self;
        App { router, layers, jobs, tables, user: PhantomData }
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
    jobs: Jobs,
    pub(crate) columns: Columns,
}

/// Around a handler, and inside of the application's layers: what its charges are called by, and the one that it names itself.
fn settle_inside(request: Request, next: Next) -> SendFuture<impl Future<Output = Response>> {
    SendFuture::new(async move {
        let context = match Context::among(request.extensions()) {
            Ok(context) => context,
            Err(answer) => return answer,
        };
        context.matched(request.extensions());
        context.charge_after_the_fact(next.run(request).await).await
    })
}

thread_local! {
    static BUILT: RefCell<Option<Rc<Built>>> = const { RefCell::new(None) };
}

impl Built {
    pub(crate) fn get(user: &'static str, schema: Schema, build: fn() -> App) -> Rc<Self> {
        if let Some(built) = BUILT.with_borrow(Clone::clone) {
            return built;
        }
        let built = Rc::new(Self::of(build(), user, schema));
        BUILT.set(Some(Rc::clone(&built)));
        built
    }

    pub(crate) fn of(app: App, user: &'static str, schema: Schema) -> Self {
        let layered = |router| app.layers.iter().fold(router, |router, layer| layer(router));
        let routes = layered(app.router.layer(from_fn(settle_inside)));
        let router = super::routes::router(schema, layered).fallback_service(routes);
        Self { router, jobs: app.jobs, columns: Columns { user, schema } }
    }

    /// All that the trigger of a cron expression runs.
    pub(crate) fn scheduled(&self, cron: &str) -> Vec<Job<ScheduledEvent>> {
        let due = self.jobs.scheduled.iter().filter(|(only, _)| only.is_none_or(|only| only == cron));
        due.map(|(_, job)| Rc::clone(job)).collect()
    }

    /// What a queue's messages are given to.
    pub(crate) fn queue(&self, name: &str) -> Vec<Job<worker::worker_sys::MessageBatch>> {
        let of = |wanted: Option<&str>| self.jobs.queues.iter().find(|(known, _)| *known == wanted);
        of(Some(name)).or_else(|| of(None)).map(|(_, job)| Rc::clone(job)).into_iter().collect()
    }
}
