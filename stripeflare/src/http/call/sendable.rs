//! What the runtime refuses to send: found before anybody pays for it.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::Body as _;
use worker::WebSocket;

use crate::http::reply::answer::Answer;

/// The response as it can be sent: 204, 205 and 304 have no body.
///
/// # Errors
/// The answer instead of one whose status none has: below 200, unless a WebSocket comes with 101, or above 599.
pub(crate) fn sendable(mut response: Response) -> Result<Response, Answer> {
    match response.status().as_u16() {
        101 if response.extensions().get::<WebSocket>().is_some() => {}
        204 | 205 | 304 if response.body().size_hint().exact() != Some(0) => {
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(CONTENT_LENGTH);
            response.headers_mut().remove(TRANSFER_ENCODING);
        }
        200..=599 => {}
        status => return Err(Answer::internal(format!("a handler answered {status}, a status that cannot be sent"))),
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::StatusCode;

    use super::*;

    fn length(status: u16) -> Option<Option<u64>> {
        let status = StatusCode::from_u16(status).unwrap();
        let sent = sendable((status, [(CONTENT_LENGTH, "4")], "body").into_response()).ok()?;
        assert_eq!(sent.status(), status);
        assert_eq!(sent.headers().contains_key(CONTENT_LENGTH), sent.body().size_hint().exact() != Some(0));
        Some(sent.body().size_hint().exact())
    }

    #[test]
    fn what_has_no_body_loses_it_and_what_has_no_status_is_an_error() {
        for status in [204, 205, 304] {
            assert_eq!(length(status), Some(Some(0)), "{status}");
        }
        for status in [200, 206, 299, 301, 404, 599] {
            assert_eq!(length(status), Some(Some(4)), "{status}");
        }
        for status in [100, 101, 103, 199, 600, 999] {
            assert_eq!(length(status), None, "{status}");
        }
        let stream = Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("streamed")]));
        let sent = sendable((StatusCode::NO_CONTENT, stream).into_response()).ok().unwrap();
        assert_eq!(sent.body().size_hint().exact(), Some(0));
    }
}
