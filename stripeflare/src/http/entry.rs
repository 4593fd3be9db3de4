//! The exported entry points.

use std::rc::Rc;

use ::http::header::{CACHE_CONTROL, SET_COOKIE};
use ::http::{HeaderValue, StatusCode};
use axum::extract::Request;
use axum::response::Response;
use js_sys::Promise;
use stripeflare_core::schema::{Schema, StripeUser, Tables, check_tables};
use tower_service::Service;
use wasm_bindgen::JsValue;
use worker::Env;
use worker::worker_sys::{Context as JsContext, DurableObjectState, MessageBatch, ScheduleContext, ScheduledEvent};

use crate::deployment::Deployment;
use crate::http::app::{App, AppType, Built, Job};
use crate::http::call::context::Context;
use crate::http::call::sendable::sendable;
use crate::http::reply::answer::{Answer, for_person, header};
use crate::js::requests::Stalled;
use crate::js::{self, Host, log_error};
use crate::object::Object;

/// What `#[stripeflare::main]` stands on.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    version: &'static str,
    user: &'static str,
    schema: Schema,
    build: fn() -> App,
}

impl Entry {
    /// The entry point that returns `A`.
    #[must_use]
    pub const fn of<A: AppType>(version: &'static str, tables: Tables, build: fn() -> App) -> Self {
        check_tables(tables);
        let schema = Schema::of::<A::User>().with(tables);
        Self { version, user: <A::User as StripeUser>::NAME, schema, build }
    }

    /// One of its Durable Objects.
    #[must_use]
    pub fn object(&self, state: &DurableObjectState, env: &Env) -> Object {
        Object::new(self.version, self.schema, state, env)
    }

    fn built(&self) -> Rc<Built> {
        crate::deployment::run_as(self.version, self.schema.tables);
        Built::get(self.user, self.schema, self.build)
    }
}

/// One HTTP request.
pub fn fetch(entry: &Entry, request: web_sys::Request, env: Env, context: JsContext) -> Promise {
    let (built, version, js) = (entry.built(), entry.version, Rc::new(context));
    let context = Rc::clone(&js);
    let answered = js::promise(async move {
        let response = match js::requests::from_js(&request) {
            Ok((read, stalled)) => answer(&built, version, &env, Host::new(context, request), read, &stalled).await,
            Err(problem) => Answer::new(StatusCode::BAD_REQUEST, "bad_request", problem).into(),
        };
        js::requests::to_js(response).await
    });
    // Else the runtime may cancel all that runs for a client that has left, and drop nothing of it.
    js::wait_for(&js, &answered);
    answered
}

pub(crate) async fn answer(
    built: &Built,
    version: &'static str,
    env: &Env,
    host: Host,
    mut request: Request,
    stalled: &Stalled,
) -> Response {
    let deployment = match Deployment::new(env, version) {
        Ok(deployment) => deployment,
        Err(problem) => {
            log_error(&problem);
            // The operator sees it at once, and it tells nobody a value.
            return Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "configuration", problem).into();
        }
    };
    let context = Context::new(deployment, built.columns, host, &request);
    request = context.call.follow(request);
    request.extensions_mut().insert(context.clone());
    // The state of handlers under our attributes, and for plain ones that take an `Extension<Env>`.
    request.extensions_mut().insert(env.clone());
    let panel = request.uri().path().starts_with("/db/");
    let response = match built.router.clone().call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let mut response = if stalled.get() && response.status().as_u16() >= 400 {
        let message = "The request's body stopped arriving. Send it again.";
        Answer::new(StatusCode::REQUEST_TIMEOUT, "stalled_body", message).into()
    } else {
        // Layers may have changed what is settled already.
        sendable(response).unwrap_or_else(Response::from)
    };
    context.tell(&mut response);
    if context.manner.navigation {
        response = for_person(response, panel);
    }
    let cookies = context.set_cookies();
    let headers = response.headers_mut();
    if !cookies.is_empty() || context.is_personal() {
        let as_is = headers.get_all(CACHE_CONTROL).iter().any(|value| {
            let mut directives = value.as_bytes().split(|byte| *byte == b',');
            directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
        });
        let control = if as_is { "private, no-store, no-transform" } else { "private, no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(control));
    }
    headers.extend(cookies.into_iter().map(|cookie| (SET_COOKIE, header(cookie))));
    response
}

/// One run of a cron trigger.
pub fn scheduled(entry: &Entry, event: ScheduledEvent, env: Env, _context: ScheduleContext) -> Promise {
    let event = worker::ScheduledEvent::from(event);
    run_jobs(entry.built().scheduled(&event.cron()), event, env)
}

/// One batch of a queue.
pub fn queue(entry: &Entry, batch: MessageBatch, env: Env, _context: JsContext) -> Promise {
    let name = batch.queue().map(String::from).unwrap_or_default();
    run_jobs(entry.built().queue(&name), batch, env)
}

fn run_jobs<E: Clone + 'static>(jobs: Vec<Job<E>>, event: E, env: Env) -> Promise {
    js::promise(async move {
        if jobs.is_empty() {
            return Err("this application has no handler for such an event".into());
        }
        let mut failed = None;
        for job in jobs {
            // One that fails keeps none of the others from running.
            if let Err(error) = job(event.clone(), env.clone()).await {
                log_error(&error);
                failed = Some(error.to_string());
            }
        }
        // The runtime tries again, as the trigger's settings say.
        failed.map_or(Ok(JsValue::UNDEFINED), |error| Err(js_sys::Error::new(&error).into()))
    })
}

/// The environment behind a request, for tests.
///
/// # Panics
/// Outside of `#[stripeflare::main]`.
#[must_use]
pub fn env(request: &Request) -> Env {
    let context = request.extensions().get::<Context>().expect("a request of #[stripeflare::main]");
    context.deployment.stubs.env().clone()
}
