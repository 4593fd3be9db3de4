//! The exported entry points.

/// What the Workers runtime calls. The functions' parameters are what wasm-bindgen names in JavaScript, hence without a prefix.
#[doc(hidden)]
#[macro_export]
macro_rules! __entry {
    ($version:literal, $build:ident, $app:ty, $section:literal) => {
        const _: () = {
            // On structs wasm-bindgen finds itself by this name alone, whatever its attribute says.
            use $crate::__private::wasm_bindgen;
            use $crate::__private as __p;

            // The one place that wants the user's type: whatever is wrong with it is said once.
            const __ENTRY: __p::Entry = __p::Entry::of::<$app>($version, || $build().of_any_user());

            // For `cargo stripeflare schema`; it is never loaded.
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                type __User = <$app as __p::AppType>::User;
                const __LENGTH: usize = __p::dump_length_of::<__User>();
                #[used]
                #[unsafe(link_section = $section)]
                static __SCHEMA: [u8; __LENGTH] = __p::dump_of::<__User, __LENGTH>();
            };

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "fetch", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_fetch(
                request: __p::web_sys::Request,
                env: __p::Env,
                context: __p::JsContext,
            ) -> __p::js_sys::Promise {
                __p::fetch(&__ENTRY, request, env, context)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "scheduled", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_scheduled(
                event: __p::JsScheduledEvent,
                env: __p::Env,
                context: __p::JsScheduleContext,
            ) -> __p::js_sys::Promise {
                __p::scheduled(&__ENTRY, event, env, context)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "queue", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_queue(
                batch: __p::JsMessageBatch,
                env: __p::Env,
                context: __p::JsContext,
            ) -> __p::js_sys::Promise {
                __p::queue(&__ENTRY, batch, env, context)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_name = "DORM", wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub struct __StripeflareObject(__p::Object);

            // Runs once when the module is loaded, before any object is made.
            #[wasm_bindgen::prelude::wasm_bindgen(start, wasm_bindgen = $crate::__private::wasm_bindgen)]
            pub fn __stripeflare_start() {
                let object = __StripeflareObject(__p::Object::unattached());
                __p::extend_durable_object(&wasm_bindgen::JsValue::from(object));
            }

            #[wasm_bindgen::prelude::wasm_bindgen(js_class = "DORM", wasm_bindgen = $crate::__private::wasm_bindgen)]
            impl __StripeflareObject {
                #[wasm_bindgen(constructor)]
                pub fn new(state: __p::JsObjectState, env: __p::Env) -> Self {
                    Self(__ENTRY.object(&state, &env))
                }

                #[wasm_bindgen]
                pub fn call(&self, command: ::std::string::String) -> ::std::string::String {
                    self.0.call(&command)
                }

                #[wasm_bindgen]
                pub fn alarm(&self) -> __p::js_sys::Promise {
                    self.0.alarm()
                }
            }
        };
    };
}

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use ::http::header::{CACHE_CONTROL, SET_COOKIE};
use ::http::{HeaderValue, StatusCode};
use axum::extract::Request;
use axum::response::Response;
use js_sys::Promise;
use stripeflare_core::schema::Schema;
use tower_service::Service;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use worker::Env;
use worker::worker_sys::{Context as JsContext, DurableObjectState, MessageBatch, ScheduleContext, ScheduledEvent};

use crate::deployment::Deployment;
use crate::error::Error;
use crate::http::app::{App, AppType, Built};
use crate::http::call::context::Context;
use crate::http::reply::answer::{Answer, for_person};
use crate::js;
use crate::object::Object;

/// What `#[stripeflare::main]` stands on.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    version: &'static str,
    schema: Schema,
    build: fn() -> App,
}

impl Entry {
    /// The entry point that returns `A`.
    #[must_use]
    pub const fn of<A: AppType>(version: &'static str, build: fn() -> App) -> Self {
        Self { version, schema: Schema::of::<A::User>(), build }
    }

    /// One of its Durable Objects.
    #[must_use]
    pub fn object(&self, state: &DurableObjectState, env: &Env) -> Object {
        Object::new(self.version, self.schema, state, env)
    }

    fn built(&self) -> Rc<Built> {
        crate::deployment::run_as(self.version);
        Built::get(self.schema, self.build)
    }
}

/// One HTTP request.
pub fn fetch(entry: &Entry, request: web_sys::Request, env: Env, context: JsContext) -> Promise {
    let (built, version) = (entry.built(), entry.version);
    promise(async move {
        let response = answer(&built, version, request, &env, context).await;
        js::http::to_js(response).await.map(JsValue::from)
    })
}

async fn answer(
    built: &Built,
    version: &'static str,
    request: web_sys::Request,
    env: &Env,
    context: JsContext,
) -> Response {
    let deployment = match Deployment::new(env, version) {
        Ok(deployment) => deployment,
        Err(problem) => {
            worker::console_error!("{problem}");
            // The operator sees it at once, and it tells nobody a value.
            return Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "configuration", problem).into();
        }
    };
    let (mut request, stalled) = match js::http::from_js(&request) {
        Ok(built) => built,
        Err(problem) => return Answer::new(StatusCode::BAD_REQUEST, "bad_request", problem).into(),
    };
    let context = Context::new(deployment, context, &request);
    request = context.call.follow(request);
    request.extensions_mut().insert(context.clone());
    // For handlers that take an `Extension<Env>`.
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
        context.charge_after_the_fact(response).await
    };
    context.inside.tell(&mut response);
    if context.manner.navigation {
        response = for_person(response, panel);
    }
    let cookie = context.cookie().and_then(|cookie| HeaderValue::from_str(&cookie).ok());
    let headers = response.headers_mut();
    if cookie.is_some() || context.is_personal() {
        let as_is = headers.get_all(CACHE_CONTROL).iter().any(|value| {
            let mut directives = value.as_bytes().split(|byte| *byte == b',');
            directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
        });
        let control = if as_is { "private, no-store, no-transform" } else { "private, no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(control));
    }
    headers.extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// One run of a cron trigger.
pub fn scheduled(entry: &Entry, event: ScheduledEvent, env: Env, _context: ScheduleContext) -> Promise {
    run_job(entry.built().scheduled.clone(), event.into(), env)
}

/// One batch of a queue.
pub fn queue(entry: &Entry, batch: MessageBatch, env: Env, _context: JsContext) -> Promise {
    run_job(entry.built().queue.clone(), batch, env)
}

type Run<E> = Rc<dyn Fn(E, Env) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Error>>>>>;

fn run_job<E: 'static>(job: Option<Run<E>>, event: E, env: Env) -> Promise {
    promise(async move {
        let job = job.ok_or("this application has no handler for such an event")?;
        job(event, env).await.map(|()| JsValue::UNDEFINED).map_err(|error| {
            worker::console_error!("{error}");
            // The runtime tries again, as the trigger's settings say.
            js_sys::Error::new(&error.to_string()).into()
        })
    })
}

fn promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    future_to_promise(AssertUnwindSafe(future))
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
