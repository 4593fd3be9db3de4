//! What leaves the worker: which answers can be sent at all, and in which form.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};
use reqwest::Method;
use tests::{Customer, DEADLINE, World};

async fn price(world: &World, customer: &Customer, path: &str) -> (u16, String, f64) {
    let before = world.balance(customer).await;
    let reply = world.get(customer, path).await;
    world.settled(customer).await;
    (reply.status, reply.body, before - world.balance(customer).await)
}

#[tokio::test]
async fn an_answer_that_cannot_be_sent_costs_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    for route in ["/answer", "/answer-dynamic"] {
        for status in [204, 205, 304] {
            let (answered, body, price) = price(&world, &customer, &format!("{route}?status={status}")).await;
            assert_eq!((answered, body.as_str(), price), (status, "", 1.0), "{route}");
        }
        for status in [100, 101, 103, 199, 600, 999] {
            let (answered, body, price) = price(&world, &customer, &format!("{route}?status={status}")).await;
            assert_eq!((answered, body.contains("internal"), price), (500, true, 0.0), "{route} {status}");
        }
    }
    let keyed = |key: &str, status: u16| {
        let request = world.request(Method::GET, &format!("/answer?status={status}")).bearer_auth(&customer.token);
        world.send(request.header("idempotency-key", key))
    };
    assert_eq!(keyed("refused", 101).await.status, 500);
    world.settled(&customer).await;
    assert_eq!(keyed("refused", 101).await.header("idempotent-replayed"), "", "nothing was kept");
    for replayed in ["", "true"] {
        let reply = keyed("empty", 204).await;
        assert_eq!((reply.status, reply.header("idempotent-replayed").as_str()), (204, replayed));
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_passes_and_is_charged() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for (route, balance) in [("/answer", 49.0), ("/answer-dynamic", 48.0)] {
        let request = format!(
            "GET {route}?status=101&socket=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            customer.token
        );
        let port = world.workerd.port();
        let answer = tokio::task::spawn_blocking(move || -> Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).context("the worker listens")?;
            stream.set_read_timeout(Some(DEADLINE))?;
            stream.write_all(request.as_bytes())?;
            let (mut answer, mut bytes) = (Vec::new(), [0; 1024]);
            while !answer.windows(5).any(|text| text == b"hello") {
                let read = stream.read(&mut bytes)?;
                anyhow::ensure!(read > 0, "{}", String::from_utf8_lossy(&answer));
                answer.extend_from_slice(&bytes[..read]);
            }
            Ok(String::from_utf8_lossy(&answer).into_owned())
        });
        let answer = answer.await??;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        world.settled(&customer).await;
        assert_eq!(world.balance(&customer).await, balance);
    }
    Ok(())
}

#[tokio::test]
async fn a_compressed_body_is_sent_as_it_is_and_a_decoded_one_loses_its_header() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let bytes = |path: &str| {
        let request = world.request(Method::GET, path).bearer_auth(&customer.token);
        async move {
            let answer = request.send().await?;
            anyhow::ensure!(answer.status() == 200, "{answer:?}");
            let headers = answer.headers().clone();
            Ok((headers, answer.bytes().await?))
        }
    };
    for path in ["/compressed", "/compressed?streamed"] {
        let (headers, body) = bytes(path).await?;
        assert_eq!(headers["content-encoding"], "gzip", "{path}");
        assert_eq!(headers["cache-control"], "private, no-store, no-transform", "{path}");
        assert_eq!((body.len(), &body[..3]), (35, &b"\x1f\x8b\x08"[..]), "{path}");
        let upstream = world.workerd.url().to_owned() + path;
        for how in ["", "&streamed"] {
            let query = format!("url={upstream}&authorization=Bearer%20{}{how}", customer.token);
            let (headers, body) = bytes(&format!("/passed-on?{query}")).await?;
            assert_eq!((headers.get("content-encoding"), &body[..]), (None, &b"compressed text"[..]), "{path}{how}");
        }
    }
    Ok(())
}
