//! HTTP/1.1 over one connection that stays open. A whole client's overhead would flatter the ratios.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// A hang must end the benchmark, not stop it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request as it goes over the wire.
#[derive(Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// What it is to be answered with: a request that is refused is no measurement.
    status: u16,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self { bytes: format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into(), status: 200 }
    }

    /// A body of JSON, and headers of `name: value`.
    pub(crate) fn post(path: &str, headers: &[String], body: &str) -> Self {
        let mut text = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        for header in headers {
            let _ = write!(text, "{header}\r\n");
        }
        let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
        Self { bytes: text.into(), status: 200 }
    }

    pub(crate) fn with_header(mut self, header: &str) -> Self {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(self.bytes.len());
        self.bytes.splice(end..end, format!("\r\n{header}").into_bytes());
        self
    }

    pub(crate) fn answered_with(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// A connection, used by one request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("no worker listens")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    /// Sends a request, reads the whole answer and returns its body.
    pub(crate) fn call(&mut self, request: &Request) -> Result<&[u8]> {
        self.stream.write_all(&request.bytes)?;
        self.received.clear();
        loop {
            let begun = self.received.len();
            self.received.resize(begun + 4096, 0);
            let read = self.stream.read(&mut self.received[begun..]).context("no answer")?;
            ensure!(read > 0, "the worker hung up");
            self.received.truncate(begun + read);
            if let Some(body) = whole_answer(&self.received, request.status)? {
                return Ok(&self.received[body..]);
            }
        }
    }
}

/// Where the body begins, once all of it is there.
fn whole_answer(received: &[u8], status: u16) -> Result<Option<usize>> {
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..head])?;
    let is_expected = text.starts_with(&format!("HTTP/1.1 {status} "));
    ensure!(is_expected, "not answered with {status}: {}", String::from_utf8_lossy(received));
    let mut headers = text.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    // Every measured route has a body of known size; a stream would cost more than what is to be measured.
    let (_, length) = length.with_context(|| format!("no content-length: {text}"))?;
    let length: usize = length.trim().parse()?;
    let body = head + 4;
    Ok((received.len() >= body + length).then_some(body))
}
