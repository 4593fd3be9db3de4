//! A response that a handler took from the runtime, or made with the crate `worker`.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{HeaderName, HeaderValue, StatusCode};
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use wasm_streams::ReadableStream;
use worker::worker_sys::ext::ResponseExt;
use worker::{Headers, WebSocket};

use crate::js::describe;

pub(crate) fn from_js(response: &web_sys::Response) -> Response {
    let stream = response.body().map(|body| {
        let chunks = ReadableStream::from_raw(body.unchecked_into()).into_stream();
        let bytes = chunks
            .map_ok(|chunk| Bytes::from(Uint8Array::new(&chunk).to_vec()))
            .map_err(|exception| std::io::Error::other(describe(&exception)));
        Body::from_stream(SendWrapper::new(bytes))
    });
    let mut built = Response::new(stream.unwrap_or_default());
    *built.status_mut() = StatusCode::from_u16(response.status()).unwrap_or_default();
    for (name, value) in &Headers(response.headers()) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            built.headers_mut().append(name, value);
        }
    }
    if let Some(socket) = response.websocket() {
        built.extensions_mut().insert(WebSocket::from(socket));
    }
    built
}
