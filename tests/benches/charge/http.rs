//! HTTP/1.1 over one connection that stays open. A whole client's overhead would flatter the ratios.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A hang must end the benchmark, not stop it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request as it goes over the wire.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n").into_bytes()
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
    ///
    /// # Errors
    /// For any status but 200 too: a refused request is no measurement.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request)?;
        self.received.clear();
        loop {
            let begun = self.received.len();
            self.received.resize(begun + 4096, 0);
            let read = self.stream.read(&mut self.received[begun..]).context("no answer")?;
            ensure!(read > 0, "the worker hung up");
            self.received.truncate(begun + read);
            if let Some(body) = whole_answer(&self.received)? {
                return Ok(&self.received[body..]);
            }
        }
    }
}

/// Where the body begins, once all of it is there.
fn whole_answer(received: &[u8]) -> Result<Option<usize>> {
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..head])?;
    if !text.starts_with("HTTP/1.1 200 ") {
        bail!("not answered with 200: {}", String::from_utf8_lossy(received));
    }
    let mut headers = text.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    // Every measured route has a body of known size; a stream would cost more than what is to be measured.
    let (_, length) = length.with_context(|| format!("no content-length: {text}"))?;
    let length: usize = length.trim().parse()?;
    let body = head + 4;
    Ok((received.len() >= body + length).then_some(body))
}
