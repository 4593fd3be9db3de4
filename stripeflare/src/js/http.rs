//! Requests and responses across the JavaScript boundary. Bodies of known size cross as bytes, others as streams.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::unfold;
use futures_util::{StreamExt, TryStreamExt};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as _;
use js_sys::{Array, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use wasm_streams::ReadableStream;
use web_sys::{Headers, ResponseInit};
use worker::Delay;

use crate::js::describe;

/// How long a body may stand still.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the request's body stopped arriving before its end.
#[derive(Clone, Default)]
pub(crate) struct Stalled(Rc<Cell<bool>>);

impl Stalled {
    pub(crate) fn get(&self) -> bool {
        self.0.get()
    }
}

/// A request, or what is wrong with it.
pub(crate) fn from_js(request: &web_sys::Request) -> Result<(Request, Stalled), String> {
    let stalled = Stalled::default();
    let mut built = http::Request::builder()
        .method(request.method().as_str())
        .uri(request.url())
        .body(request.body().map_or_else(Body::empty, |body| body_from_js(body, stalled.clone())))
        .map_err(|error| format!("the request cannot be read: {error}"))?;
    read_headers(&request.headers(), built.headers_mut())?;
    Ok((built, stalled))
}

/// Nobody else ends a request whose client sends half of a body and keeps its connection.
fn body_from_js(stream: web_sys::ReadableStream, stalled: Stalled) -> Body {
    let chunks = ReadableStream::from_raw(stream.unchecked_into()).into_stream();
    let bytes = unfold(Some(chunks), move |chunks| {
        let stalled = stalled.clone();
        async move {
            let mut chunks = chunks?;
            match select(chunks.next(), Delay::from(PATIENCE)).await {
                Either::Left((chunk, _)) => {
                    let chunk = chunk?.map(|chunk| Bytes::from(Uint8Array::new(&chunk).to_vec()));
                    Some((chunk.map_err(|exception| io::Error::other(describe(&exception))), Some(chunks)))
                }
                Either::Right(_) => {
                    stalled.0.set(true);
                    Some((Err(io::Error::other("the body stopped arriving")), None))
                }
            }
        }
    });
    Body::from_stream(SendWrapper::new(bytes))
}

/// Header values are bytes, and the runtime shows them as UTF-8; what cannot be a header is left out, unless it says who
/// calls: without it somebody would be a stranger, and get a stranger's token in place of their own.
fn read_headers(headers: &Headers, into: &mut HeaderMap) -> Result<(), String> {
    for entry in headers.entries().into_iter().flatten() {
        let pair: Array = entry.unchecked_into();
        let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            into.append(name, value);
        } else if [COOKIE.as_str(), AUTHORIZATION.as_str()].contains(&name.as_str()) {
            return Err(format!(
                "the header {name} cannot be read: delete this site's cookies, or send a token as it is"
            ));
        }
    }
    Ok(())
}

/// A header value as text; bytes that are no UTF-8 are taken for Latin-1, so that no value makes a response fail.
fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

pub(crate) async fn to_js(response: Response) -> Result<web_sys::Response, JsValue> {
    let (parts, body) = response.into_parts();
    let headers = Headers::new()?;
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), &header_text(value))?;
    }
    let init = ResponseInit::new();
    init.set_status(parts.status.as_u16());
    init.set_headers(&headers);

    match body.size_hint().exact() {
        Some(0) => web_sys::Response::new_with_opt_str_and_init(None, &init),
        Some(_) => {
            let bytes =
                axum::body::to_bytes(body, usize::MAX).await.map_err(|error| JsValue::from_str(&error.to_string()))?;
            web_sys::Response::new_with_opt_js_u8_array_and_init(Some(&Uint8Array::from(bytes.as_ref())), &init)
        }
        None => {
            let chunks = body.into_data_stream();
            let stream = chunks
                .map_ok(|chunk| JsValue::from(Uint8Array::from(chunk.as_ref())))
                .map_err(|error| js_sys::Error::new(&error.to_string()).into());
            let stream: web_sys::ReadableStream = ReadableStream::from_stream(stream).into_raw().unchecked_into();
            web_sys::Response::new_with_opt_readable_stream_and_init(Some(&stream), &init)
        }
    }
}
