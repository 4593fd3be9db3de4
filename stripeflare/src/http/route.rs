//! What the route macros expand to.

use std::future::Future;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::request::Parts;
use worker::send::SendFuture;

use crate::http::routes::BUILT_IN;

/// A handler's run. Handlers may await the runtime's own futures, which stay on their thread.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Response>>>;

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
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// A function with a route attribute.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no route",
    label = "has no `#[get(…)]`, `#[post(…)]`, … on it",
    note = "`routes![]` takes functions with a route attribute; a plain axum router goes through `App::merge`"
)]
pub trait Route {
    /// The method.
    const METHOD: Method;
    /// The path, in axum's syntax.
    const PATH: &'static str;
    /// The function's path, for messages.
    const NAME: &'static str;
    /// Runs it.
    fn endpoint(request: Request) -> ResponseFuture;
}

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
    #[must_use]
    pub const fn of<R: Route>() -> Self {
        Self { method: R::METHOD, path: R::PATH, name: R::NAME, endpoint: R::endpoint }
    }

    pub(crate) fn register(self, router: axum::Router) -> axum::Router {
        let endpoint = self.endpoint;
        let handler = move |request: Request| SendFuture::new(endpoint(request));
        let methods: MethodRouter = on(self.method.filter(), handler);
        router.route(self.path, methods)
    }
}

/// Refuses, at compile time, two handlers for one method and path, and one for the path of a built-in route.
///
/// # Panics
/// With a message that names them.
pub const fn check_routes(routes: &[RouteDef]) {
    let mut first = 0;
    while first < routes.len() {
        let mut built_in = 0;
        while built_in < BUILT_IN.len() {
            let route = &routes[first];
            if takes(BUILT_IN[built_in].path.as_bytes(), route.path.as_bytes()) {
                let message = Message::new()
                    .text("`")
                    .text(route.name)
                    .text("` would never run: ")
                    .text(BUILT_IN[built_in].path)
                    .text(" is a built-in route; choose another path than ")
                    .text(route.path);
                panic!("{}", message.as_str());
            }
            built_in += 1;
        }
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

/// Boxes a handler's run.
#[must_use]
pub fn boxed(run: impl Future<Output = Response> + 'static) -> ResponseFuture {
    Box::pin(run)
}

/// Lets axum take a handler's run for one that may change threads; there is only one.
pub fn send<F: Future<Output = Response>>(run: F) -> impl Future<Output = Response> + Send {
    SendFuture::new(run)
}

/// A request in its two parts.
pub fn into_parts(request: Request) -> (Parts, Body) {
    request.into_parts()
}

/// One extractor that leaves the body alone.
///
/// # Errors
/// The extractor's answer to input it cannot take.
pub async fn from_parts<T: FromRequestParts<()>>(parts: &mut Parts) -> Result<T, Response> {
    T::from_request_parts(parts, &()).await.map_err(IntoResponse::into_response)
}

/// The last extractor, which may take the body.
///
/// # Errors
/// The extractor's answer to input it cannot take.
pub async fn from_request<T: FromRequest<(), Via>, Via>(parts: Parts, body: Body) -> Result<T, Response> {
    T::from_request(Request::from_parts(parts, body), &()).await.map_err(IntoResponse::into_response)
}

/// What a handler returned, as a response.
pub fn into_response<T: IntoResponse>(returned: T) -> Response {
    returned.into_response()
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
        let taken = |path: &str| BUILT_IN.iter().any(|built_in| takes(built_in.path.as_bytes(), path.as_bytes()));
        for path in ["/me", "/cards/{any}", "/cards/list", "/db/x", "/tokens/{id}", "/stripe/return"] {
            assert!(taken(path), "{path}");
        }
        for path in ["/", "/{page}", "/me/", "/mex", "/cards/{id}/x", "/cards/{*rest}", "/stripe/{what}", "/db"] {
            assert!(!taken(path), "{path}");
        }
    }
}
