use std::convert::Infallible;
use std::future::Future;
use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::Response;
use http::request::Parts;

use crate::error::Result;
use crate::http::call::context::Context;
use crate::http::reply::answer::Answer;
use crate::js;

/// Work that goes on after the answer has left: the runtime's `waitUntil`.
///
/// ```
/// # use stripeflare::prelude::*;
/// # use stripeflare::Background;
/// # async fn tell_somebody(text: String) -> Result<()> {
/// #     Ok(())
/// # }
/// #[post("/report")]
/// async fn report(background: Background, text: String) -> StatusCode {
///     background.run(tell_somebody(text));
///     StatusCode::ACCEPTED
/// }
/// ```
#[derive(Clone)]
pub struct Background(Context);

impl Background {
    /// Runs on, for up to 30 seconds after the answer was sent; an error goes to the log. What is charged there, the answer
    /// does not tell.
    pub fn run(&self, work: impl Future<Output = Result<()>> + 'static) {
        self.0.wait_until(async {
            if let Err(error) = work.await {
                js::log_error(error);
            }
        });
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Background")
    }
}

impl<S: Sync> FromRequestParts<S> for Background {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        Context::from(parts).map(Self)
    }
}

/// What Cloudflare knows of a request, such as its country: `request.cf`.
///
/// Where the runtime says nothing, as some local ones, that is an error of ours; `Option<Cf>` takes it as it comes.
///
/// ```
/// # use stripeflare::prelude::*;
/// # use stripeflare::Cf;
/// #[get("/where")]
/// async fn place(cf: Option<Cf>) -> String {
///     cf.and_then(|cf| cf.country()).unwrap_or_else(|| "nowhere".into())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Cf(worker::Cf);

impl Deref for Cf {
    type Target = worker::Cf;
    fn deref(&self) -> &worker::Cf {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Cf {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let cf = Context::from(parts)?.cf();
        cf.map(Self).ok_or_else(|| Answer::internal("the runtime gave this request no `cf`; take Option<Cf>").into())
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Cf {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(Context::from(parts).ok().and_then(|context| context.cf()).map(Self))
    }
}
