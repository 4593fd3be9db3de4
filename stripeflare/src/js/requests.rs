//! Requests and responses across the JavaScript boundary. Bodies of known size cross as bytes, others as streams.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::{once, unfold};
use futures_util::{StreamExt, TryStreamExt};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as _;
use js_sys::{Promise, Uint8Array};
use send_wrapper::SendWrapper;
use stripeflare_core::sql::Value;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_streams::ReadableStream;
use worker::WebSocket;

use crate::js::values::{self, Values};
use crate::js::{as_bytes, describe, sleep};

#[wasm_bindgen(module = "/src/js/glue.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn head(request: &web_sys::Request) -> Result<Vec<u8>, JsValue>;
    fn body(request: &web_sys::Request, ms: u32) -> Promise;
    #[wasm_bindgen(catch)]
    fn respond(
        head: &[u8],
        bytes: Option<&[u8]>,
        stream: Option<web_sys::ReadableStream>,
        socket: Option<web_sys::WebSocket>,
    ) -> Result<JsValue, JsValue>;
}

/// How long a body may stand still, and a small one take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a body that is read in one piece; what is larger may come slowly.
const SMALL: usize = 16 * 1024;

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
    let head = head(request).map_err(|exception| format!("the request cannot be read: {}", describe(&exception)))?;
    let mut head = Values(&head);
    let builder = http::Request::builder().method(head.text().unwrap_or_default().as_str());
    let mut built = builder
        .uri(head.text().unwrap_or_default())
        .body(Body::empty())
        .map_err(|error| format!("the request cannot be read: {error}"))?;
    read_headers(&mut head, built.headers_mut())?;
    let stalled = Stalled::default();
    *built.body_mut() = body_of(request, built.headers(), &stalled);
    Ok((built, stalled))
}

fn body_of(request: &web_sys::Request, headers: &HeaderMap, stalled: &Stalled) -> Body {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length <= SMALL) {
        Body::from_stream(SendWrapper::new(once(whole(Clone::clone(request), stalled.clone()))))
    } else {
        request.body().map_or_else(Body::empty, |stream| in_pieces(stream, stalled.clone()))
    }
}

/// Nobody else ends a request whose client sends half of a body and keeps its connection.
fn stopped(stalled: &Stalled) -> io::Error {
    stalled.0.set(true);
    io::Error::other("the body stopped arriving")
}

async fn whole(request: web_sys::Request, stalled: Stalled) -> io::Result<Bytes> {
    let read = JsFuture::from(body(&request, PATIENCE.as_millis() as u32)).await;
    let read = read.map_err(|exception| io::Error::other(describe(&exception)))?;
    as_bytes(&read).map(Bytes::from).ok_or_else(|| stopped(&stalled))
}

fn in_pieces(stream: web_sys::ReadableStream, stalled: Stalled) -> Body {
    let chunks = ReadableStream::from_raw(stream.unchecked_into()).into_stream();
    let bytes = unfold(Some(chunks), move |chunks| {
        let stalled = stalled.clone();
        async move {
            let mut chunks = chunks?;
            match select(chunks.next(), pin!(sleep(PATIENCE))).await {
                Either::Left((chunk, _)) => {
                    let chunk = chunk?.map(|chunk| Bytes::from(Uint8Array::new(&chunk).to_vec()));
                    Some((chunk.map_err(|exception| io::Error::other(describe(&exception))), Some(chunks)))
                }
                Either::Right(_) => Some((Err(stopped(&stalled)), None)),
            }
        }
    });
    Body::from_stream(SendWrapper::new(bytes))
}

/// Header values are bytes, and the runtime shows them as UTF-8; what cannot be a header is left out, unless it says who
/// calls: without it somebody would be a stranger, and get a stranger's token in place of their own.
fn read_headers(pairs: &mut Values<'_>, into: &mut HeaderMap) -> Result<(), String> {
    while let (Some(name), Some(value)) = (pairs.text(), pairs.text()) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            into.append(name, value);
        } else if [COOKIE.as_str(), AUTHORIZATION.as_str(), "x-api-key"].contains(&name.as_str()) {
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

/// Whether the start of what is said to be compressed is text: `fetch` gives a handler decoded bytes, and the headers that it
/// may pass on say how they came.
fn is_decoded(start: &[u8]) -> bool {
    std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true)
}

pub(crate) async fn to_js(response: Response) -> Result<JsValue, JsValue> {
    let (mut parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let (bytes, chunks) = match length {
        Some(0) => (None, None),
        Some(_) => {
            let bytes = axum::body::to_bytes(body, usize::MAX).await;
            (Some(bytes.map_err(|error| JsValue::from_str(&error.to_string()))?), None)
        }
        None => (None, Some(body.into_data_stream().peekable())),
    };
    let mut chunks = chunks.map(Box::pin);
    let mut is_encoded = parts.headers.contains_key(CONTENT_ENCODING);
    if is_encoded {
        let start = match &mut chunks {
            Some(chunks) => chunks.as_mut().peek().await.and_then(|chunk| chunk.as_ref().ok()),
            None => bytes.as_ref(),
        };
        if start.is_some_and(|start| is_decoded(start)) {
            parts.headers.remove(CONTENT_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
            is_encoded = false;
        }
    }
    let mut head = vec![Value::Integer(parts.status.as_u16().into()), Value::Integer(is_encoded.into())];
    for (name, value) in &parts.headers {
        head.extend([name.as_str().into(), Value::Text(header_text(value).into_owned())]);
    }
    let head = values::write(&head).map_err(|error| JsValue::from_str(&error.to_string()))?;
    let stream = chunks.map(|chunks| {
        let chunks = chunks
            .map_ok(|chunk| JsValue::from(Uint8Array::from(chunk.as_ref())))
            .map_err(|error| js_sys::Error::new(&error.to_string()).into());
        ReadableStream::from_stream(chunks).into_raw().unchecked_into()
    });
    let socket = parts.extensions.remove::<WebSocket>();
    respond(&head, bytes.as_deref(), stream, socket.map(|socket| socket.as_ref().clone()))
}

#[cfg(test)]
mod tests {
    use super::is_decoded;

    #[test]
    fn compressed_bytes_are_no_text() {
        let (gzip, zlib, zstd) = (b"\x1f\x8b\x08\x00", b"\x78\x9c\x4b\xce", b"\x28\xb5\x2f\xfd");
        let brotli = b"\x0b\x02\x80hello\x03";
        for bytes in [&gzip[..], zlib, zstd, brotli] {
            assert!(!is_decoded(bytes), "{bytes:?}");
        }
        for text in [&b"{\"a\":1}"[..], "Zo\u{eb}".as_bytes(), &"\u{1f980}".as_bytes()[..3], b""] {
            assert!(is_decoded(text), "{text:?}");
        }
    }
}
