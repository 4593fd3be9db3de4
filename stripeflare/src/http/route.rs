//! What the route macros expand to.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use http::request::Parts;
use worker::Env;
use worker::send::SendFuture;

use crate::error::Error;
use crate::http::reply::answer::Answer;
use crate::http::routes::BUILT_IN;
use crate::js;

/// A handler's run. Handlers may await the runtime's own futures, which stay on their thread; there is only one.
pub type ResponseFuture = SendFuture<Pin<Box<dyn Future<Output = Response>>>>;

/// A handler, its extractors and its price in one function.
pub type Endpoint = fn(Request) -> ResponseFuture;

/// The HTTP methods that a route attribute names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the methods' names")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Head,
    /// Whatever has no handler of its own.
    Any,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Head => "HEAD",
            Self::Any => "any method of",
        }
    }

    fn of(self, endpoint: Endpoint) -> MethodRouter {
        let filter = match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
            Self::Options => MethodFilter::OPTIONS,
            Self::Head => MethodFilter::HEAD,
            Self::Any => return any(endpoint),
        };
        on(filter, endpoint)
    }
}

/// A function with a route attribute, in an `App<U>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no route",
    label = "add `#[get(\"/…\")]`, `#[post(\"/…\")]`, … to it",
    note = "`routes![]` takes functions with a route attribute; a plain axum router goes through `App::merge`"
)]
pub trait RouteOf<U> {}

/// A type of columns that the accounts of an `App<U>` can be read as.
#[diagnostic::on_unimplemented(
    message = "this handler takes `Account<{Self}>`, and the application is an `App<{U}>`",
    label = "no handler of an `App<{U}>`",
    note = "write `Account<{U}>` in the handler, or `-> App<{Self}>` under `#[stripeflare::main]`; `Account<()>` goes with every \
            application"
)]
pub trait RowOf<U> {}

impl<U> RowOf<U> for () {}

/// The application of nobody. Each type of columns goes with it, too: were there one application only for a type, the compiler
/// would take that for granted, and complain of lists.
#[derive(Debug)]
pub struct NoApp;

/// A function with a route attribute, as it was written.
pub trait Route {
    /// The method.
    const METHOD: Method;
    /// The path, in axum's syntax.
    const PATH: &'static str;
    /// The function's path, for messages.
    const NAME: &'static str;
    /// Runs it.
    const ENDPOINT: Endpoint;
}

/// What `routes![]` asks of a name; one that has no route is refused by [`RouteOf`], once.
#[derive(Debug)]
pub struct Listed<R>(PhantomData<R>);

impl<R: Route> Listed<R> {
    /// Its route.
    pub const DEF: RouteDef = RouteDef::of::<R>();
}

/// In the place of a route.
pub trait Unlisted {
    /// Never mounted.
    const DEF: RouteDef =
        RouteDef { method: Method::Any, path: "", name: "", endpoint: |_| unreachable!("it does not compile") };
}

impl<R> Unlisted for Listed<R> {}

/// One line of `routes![]`.
#[derive(Clone, Copy)]
pub struct RouteDef {
    method: Method,
    path: &'static str,
    name: &'static str,
    endpoint: Endpoint,
}

impl RouteDef {
    /// The route behind a type.
    const fn of<R: Route>() -> Self {
        Self { method: R::METHOD, path: R::PATH, name: R::NAME, endpoint: R::ENDPOINT }
    }

    pub(crate) fn register(self, router: axum::Router) -> axum::Router {
        router.route(self.path, self.method.of(self.endpoint))
    }

    /// # Panics
    /// When a built-in route has its path under this prefix.
    pub(crate) fn check_under(&self, prefix: &str) {
        let path = format!("{}{}", prefix.trim_end_matches('/'), self.path);
        if let Some(built_in) = built_in(path.as_bytes()) {
            let name = self.name;
            panic!("`{name}` would never run: {built_in} is a built-in route; choose another path than {path}");
        }
    }
}

/// The built-in route that would answer in the place of a path's handler.
const fn built_in(path: &[u8]) -> Option<&'static str> {
    let mut index = 0;
    while index < BUILT_IN.len() {
        if takes(BUILT_IN[index].path.as_bytes(), path) {
            return Some(BUILT_IN[index].path);
        }
        index += 1;
    }
    None
}

/// The number of the first handler, from one on, that has the path of a built-in route; zero where none has.
#[must_use]
pub const fn hidden_route(routes: &[RouteDef]) -> usize {
    let mut index = 0;
    while index < routes.len() {
        if built_in(routes[index].path.as_bytes()).is_some() {
            return index + 1;
        }
        index += 1;
    }
    0
}

/// What is said of a list with such a handler, where it is mounted without a prefix.
#[diagnostic::on_unimplemented(
    message = "handler {NUMBER} of this list would never run: its path is that of a built-in route",
    label = "choose another path for handler {NUMBER}",
    note = "docs/http.md lists the built-in routes; under a prefix every path is free: `App::nest(\"/v1\", routes![…])`"
)]
pub trait Reachable<const NUMBER: usize> {}

impl Reachable<0> for () {}
/// Of no list: were there one implementation only, the compiler would take it for granted and complain of numbers.
impl Reachable<{ usize::MAX }> for () {}

/// Refuses, at compile time, two handlers for one method and path.
///
/// # Panics
/// With a message that names them.
pub const fn check_routes(routes: &[RouteDef]) {
    let mut first = 0;
    while first < routes.len() {
        let mut second = first + 1;
        while second < routes.len() {
            let (a, b) = (&routes[first], &routes[second]);
            if a.method as u8 == b.method as u8 && same_path(a.path.as_bytes(), b.path.as_bytes()) {
                let message = Message::new()
                    .text("two handlers for ")
                    .text(a.method.name())
                    .text(" ")
                    .text(a.path)
                    .text(": ")
                    .text(a.name)
                    .text(" and ")
                    .text(b.name);
                panic!("{}", message.as_str());
            }
            second += 1;
        }
        first += 1;
    }
}

/// Whether two paths match the same requests: the names of parameters do not count.
const fn same_path(a: &[u8], b: &[u8]) -> bool {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] != b[j] {
            return false;
        }
        let parameter = a[i] == b'{';
        i += 1;
        j += 1;
        if parameter {
            let wildcard = i < a.len() && a[i] == b'*';
            if wildcard != (j < b.len() && b[j] == b'*') {
                return false;
            }
            while i < a.len() && a[i] != b'}' {
                i += 1;
            }
            while j < b.len() && b[j] != b'}' {
                j += 1;
            }
        }
    }
    i >= a.len() && j >= b.len()
}

/// Whether the first path matches every request that the second one does, segment by segment.
const fn takes(first: &[u8], second: &[u8]) -> bool {
    let (mut i, mut j) = (0, 0);
    while i < first.len() && j < second.len() {
        if first[i] == b'{' {
            while i < first.len() && first[i] != b'/' {
                i += 1;
            }
            while j < second.len() && second[j] != b'/' {
                // A wildcard is more than one segment.
                if second[j] == b'*' {
                    return false;
                }
                j += 1;
            }
        } else if first[i] != second[j] {
            return false;
        } else {
            i += 1;
            j += 1;
        }
    }
    i >= first.len() && j >= second.len()
}

/// A message put together at compile time.
struct Message {
    bytes: [u8; 512],
    length: usize,
}

impl Message {
    const fn new() -> Self {
        Self { bytes: [0; 512], length: 0 }
    }

    const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut index = 0;
        while index < text.len() && self.length < self.bytes.len() {
            self.bytes[self.length] = text[index];
            self.length += 1;
            index += 1;
        }
        self
    }

    const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "two handlers for one method and path",
        }
    }
}

/// Runs a handler, or what is around it; an answer in its place comes as an error.
#[must_use]
pub fn run(run: impl Future<Output = Result<Response, Response>> + 'static) -> ResponseFuture {
    SendFuture::new(Box::pin(async { run.await.unwrap_or_else(|answer| answer) }))
}

/// Lets axum take a future for one that may change threads.
pub fn send<F: Future<Output = Response>>(run: F) -> impl Future<Output = Response> + Send {
    SendFuture::new(run)
}

/// A request in its two parts.
pub fn into_parts(request: Request) -> (Parts, Body) {
    request.into_parts()
}

/// An argument of a handler that leaves the body alone: an axum extractor whose state is the worker's `Env`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    label = "no extractor",
    note = "arguments are extractors: `Path<…>`, `Query<…>`, `Account<…>`, `State<Env>`, …, and last what reads the body, `Json<…>`, \
            `String`, …",
    note = "the only state is the worker's `Env`: for a `State<T>` of your own write `impl FromRef<Env> for T`"
)]
pub trait Argument: Sized {
    #[doc(hidden)]
    fn extract(parts: &mut Parts, env: &Env) -> impl Future<Output = Result<Self, Response>>;
}

#[diagnostic::do_not_recommend]
impl<T: FromRequestParts<Env>> Argument for T {
    async fn extract(parts: &mut Parts, env: &Env) -> Result<Self, Response> {
        T::from_request_parts(parts, env).await.map_err(IntoResponse::into_response)
    }
}

/// The last argument of a handler, which may take the body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler",
    label = "no extractor",
    note = "arguments are extractors: `Path<…>`, `Query<…>`, `Account<…>`, `State<Env>`, …, and last what reads the body, `Json<…>`, \
            `String`, …",
    note = "the only state is the worker's `Env`: for a `State<T>` of your own write `impl FromRef<Env> for T`"
)]
pub trait LastArgument<Via>: Sized {
    #[doc(hidden)]
    fn extract(request: Request, env: &Env) -> impl Future<Output = Result<Self, Response>>;
}

#[diagnostic::do_not_recommend]
impl<T: FromRequest<Env, Via>, Via> LastArgument<Via> for T {
    async fn extract(request: Request, env: &Env) -> Result<Self, Response> {
        T::from_request(request, env).await.map_err(IntoResponse::into_response)
    }
}

/// This request's own: an isolate outlives bindings.
fn env_of(extensions: &http::Extensions) -> Result<Env, Response> {
    let outside = || Answer::internal("a handler ran outside of #[stripeflare::main]").into();
    extensions.get().cloned().ok_or_else(outside)
}

/// One extractor that leaves the body alone.
///
/// # Errors
/// The extractor's answer to input it cannot take.
pub async fn from_parts<T: Argument>(parts: &mut Parts) -> Result<T, Response> {
    let env = env_of(&parts.extensions)?;
    T::extract(parts, &env).await
}

/// The last extractor, which may take the body.
///
/// # Errors
/// The extractor's answer to input it cannot take.
pub async fn from_request<T: LastArgument<Via>, Via>(parts: Parts, body: Body) -> Result<T, Response> {
    let env = env_of(&parts.extensions)?;
    T::extract(Request::from_parts(parts, body), &env).await
}

/// An argument that says by itself what is wrong with it: an `Account`.
///
/// # Errors
/// As [`from_parts`].
pub async fn account_from_parts<T: FromRequestParts<Env>>(parts: &mut Parts) -> Result<T, Response> {
    from_parts(parts).await
}

/// The same, as the last one.
///
/// # Errors
/// As [`from_parts`].
pub async fn account_from_request<T: FromRequestParts<Env>>(mut parts: Parts, _body: Body) -> Result<T, Response> {
    from_parts(&mut parts).await
}

/// What a handler answers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a handler",
    label = "no response",
    note = "answer text, a status, `Json<…>` of a type with `#[derive(Serialize)]`, a `Response`, `worker::Response`, a tuple or a \
            `Result` of such, or whatever implements `IntoResponse`"
)]
pub trait Answered<Via> {
    #[doc(hidden)]
    fn answer(self) -> Response;
}

/// As axum takes it.
#[derive(Debug)]
pub struct ByAxum;

/// As the crate `worker` has it.
#[derive(Debug)]
pub struct ByWorker;

#[diagnostic::do_not_recommend]
impl<T: IntoResponse> Answered<ByAxum> for T {
    fn answer(self) -> Response {
        self.into_response()
    }
}

impl Answered<ByWorker> for worker::Response {
    fn answer(self) -> Response {
        js::responses::from_js(&self.into())
    }
}

impl<E: Into<Error>> Answered<ByWorker> for Result<worker::Response, E> {
    fn answer(self) -> Response {
        self.map_or_else(|error| error.into().into_response(), Answered::answer)
    }
}

/// What a handler returned, as a response.
pub fn into_response<T: Answered<Via>, Via>(returned: T) -> Response {
    returned.answer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_match_the_same_requests_are_the_same() {
        let same = |a: &str, b: &str| same_path(a.as_bytes(), b.as_bytes());
        assert!(same("/x/{id}", "/x/{name}"));
        assert!(same("/x/{id}/y/{a}", "/x/{i}/y/{bcd}"));
        assert!(!same("/x/{id}", "/x/{*rest}"));
        assert!(!same("/x/{id}", "/x/{id}/y"));
        assert!(!same("/x", "/x/"));
    }

    #[test]
    fn a_built_in_path_takes_what_it_would_answer() {
        let taken = |path: &str| built_in(path.as_bytes()).is_some();
        for path in ["/me", "/cards/{any}", "/cards/list", "/db/x", "/tokens/{id}", "/stripe/return"] {
            assert!(taken(path), "{path}");
        }
        for path in ["/", "/{page}", "/me/", "/mex", "/cards/{id}/x", "/cards/{*rest}", "/stripe/{what}", "/db"] {
            assert!(!taken(path), "{path}");
        }
    }
}
