//! Streamed answers whose price is known only at their end.
//!
//! Between the handler's stream and its client stands a pipe of one chunk. A pump fills it, so the handler runs no
//! further ahead than the client reads. The pump lives in `wait_until`: a client that hangs up may end the request, but
//! not the settlement. That it did is told by the stream, which is cancelled, or by the request's signal, or by nobody: then
//! what was metered is reported to the account before the runtime ends the pump.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use send_wrapper::SendWrapper;
use stripeflare_core::clock::{Millis, now};
use stripeflare_core::money::Cents;

use crate::http::call::held_money::HeldMoney;
use crate::http::call::meter::Meter;
use crate::js::{log_error, sleep};

/// When nothing has moved for so long, in milliseconds, the client may have left without a word. The runtime lets a request
/// live for 30 s then.
const LULL_MS: Millis = 5_000;
/// Between two tries to renew a hold, when the account cannot be asked, in milliseconds.
const RETRY_MS: Millis = 1_000;

#[derive(Default)]
struct Pipe {
    chunk: RefCell<Option<Bytes>>,
    /// How it ended, once it has, and what is sent last.
    end: RefCell<Option<Result<Bytes, String>>>,
    client_left: Cell<bool>,
    /// When the client took something last.
    moved_at: Cell<Millis>,
    client: Cell<Option<Waker>>,
    pump: Cell<Option<Waker>>,
}

fn wake(waker: &Cell<Option<Waker>>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Pipe {
    /// Waits for the client: to leave, or, if that is enough, to take what is in here.
    async fn client(&self, to_take_it_is_enough: bool) {
        poll_fn(|context| {
            let empty = self.chunk.borrow().is_none();
            if self.client_left.get() || (to_take_it_is_enough && empty) {
                return Poll::Ready(());
            }
            self.pump.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    fn put(&self, chunk: Bytes) {
        self.chunk.replace(Some(chunk));
        wake(&self.client);
    }

    fn client_leaves(&self) {
        self.client_left.set(true);
        wake(&self.pump);
    }

    fn end(&self, how: Result<Bytes, String>) {
        self.end.borrow_mut().get_or_insert(how);
        wake(&self.client);
    }
}

/// The client's end of the pipe.
struct Outlet(Rc<Pipe>);

impl Stream for Outlet {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
        let pipe = &self.0;
        let chunk = pipe.chunk.take();
        if let Some(chunk) = chunk {
            pipe.moved_at.set(now());
            wake(&pipe.pump);
            return Poll::Ready(Some(Ok(chunk)));
        }
        match &mut *pipe.end.borrow_mut() {
            Some(Ok(last)) if last.is_empty() => Poll::Ready(None),
            Some(Ok(last)) => Poll::Ready(Some(Ok(std::mem::take(last)))),
            Some(Err(cause)) => Poll::Ready(Some(Err(io::Error::other(cause.clone())))),
            None => {
                pipe.client.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.0.client_leaves();
    }
}

/// The pump's end. However the pump stops, a panic in the handler's stream included, the client is told.
struct Inlet(Rc<Pipe>);

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.end(Err("the answer broke off".to_owned()));
    }
}

/// The same response, its body metered on its way.
pub(crate) fn metered(held: HeldMoney, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let pipe = Rc::new(Pipe { moved_at: Cell::new(now()), ..Pipe::default() });
    let outlet = Body::from_stream(SendWrapper::new(Outlet(Rc::clone(&pipe))));
    let context = held.context.clone();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let events = content_type.starts_with("text/event-stream");
    context.wait_until(pump(held, body.into_data_stream(), Inlet(pipe), events));
    Response::from_parts(parts, outlet)
}

async fn pump(held: HeldMoney, mut chunks: BodyDataStream, inlet: Inlet, events: bool) {
    let pipe = &inlet.0;
    let departed = Rc::clone(pipe);
    let departure = held.context.departure(move || departed.client_leaves());
    let how = {
        let (flow, keep) = (pin!(flow(&mut chunks, pipe)), pin!(keep(&held, pipe)));
        match select(flow, keep).await {
            Either::Left((how, _)) => how,
            Either::Right((cause, _)) => Err(cause),
        }
    };
    let ran_out = held.meter.as_ref().is_some_and(Meter::ran_out);
    let how = match how {
        Err(_) if ran_out && events => Ok(held.context.out_of_credit(&held.account)),
        Err(_) if ran_out => Err("the balance is used up".to_owned()),
        Err(cause) => {
            log_error(format_args!("{}: the stream broke off: {cause}", held.label));
            Err(cause)
        }
        Ok(()) => Ok(String::new()),
    };
    drop(departure);
    // Settled before the client sees the end, so that its next call finds it done.
    drop(chunks);
    let price = held.metered();
    drop(held);
    // A comment: readers of events pass over it.
    let last = if events { format!(": x-price {price}\n\n") } else { String::new() };
    pipe.end(how.map(|event| Bytes::from(event + &last)));
}

/// From the handler to the client, until one of them has enough.
async fn flow(chunks: &mut BodyDataStream, pipe: &Pipe) -> Result<(), String> {
    loop {
        let chunk = match select(chunks.next(), pin!(pipe.client(false))).await {
            Either::Left((Some(chunk), _)) => chunk.map_err(|error| error.to_string())?,
            Either::Left((None, _)) | Either::Right(_) => return Ok(()),
        };
        pipe.client(true).await;
        pipe.put(chunk);
    }
}

/// Renews the hold at half-time, for as long as the stream moves and its account agrees, and once more when it comes to a
/// lull with something metered that the account has not heard of. Answers why it could not go on.
async fn keep(held: &HeldMoney, pipe: &Pipe) -> String {
    let half = held.hold_ms() / 2;
    let (mut pause, mut reported) = (half - held.held_for(), Cents::ZERO);
    loop {
        sleep(Duration::from_millis(u64::try_from(pause.min(LULL_MS)).unwrap_or_default())).await;
        let lull = now() - pipe.moved_at.get();
        if lull >= held.hold_ms() {
            return "nothing moved in it for as long as its price is held".to_owned();
        }
        let metered = held.used();
        let due = half - held.held_for();
        if due > 0 && (lull < LULL_MS || metered == reported) {
            pause = due;
            continue;
        }
        pause = match held.renew().await {
            Ok(true) => {
                reported = metered;
                half
            }
            Ok(false) => return "its price is not held any longer".to_owned(),
            Err(error) if held.is_late() => return error.to_string(),
            Err(_) => RETRY_MS,
        };
    }
}
