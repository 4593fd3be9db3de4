//! What an application has around its charges: prefixes, methods, a fallback, layers.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::Result;
use cargo_stripeflare::stripe::StandInOptions;
use reqwest::Method;
use tests::{Reply, World};

async fn start() -> Result<World> {
    World::of("tests/application", StandInOptions::default(), &[("GREETING", "hello")]).await
}

#[tokio::test]
async fn a_nested_list_has_its_prefix_and_any_method_what_no_other_has() -> Result<()> {
    let world = start().await?;
    let call = async |method: Method, path: &str| world.send(world.request(method, path)).await;
    assert_eq!(call(Method::GET, "/things/7").await.body, "thing 7");
    assert_eq!(call(Method::HEAD, "/things/7").await.header("x-thing"), "7");
    assert_eq!(call(Method::PUT, "/things/7").await.body, "PUT of a thing");
    let nowhere = call(Method::GET, "/nowhere").await;
    assert_eq!((nowhere.status, nowhere.body.as_str()), (404, "nowhere"));
    assert_eq!(call(Method::GET, "/v1/nowhere").await.body, "nowhere");

    let customer = world.customer(50).await?;
    assert_eq!(
        world.get(&customer, "/v1/tokens").await.body,
        "tokens",
        "a built-in route has this path without the prefix"
    );
    world.becomes(&customer, 49.0).await;
    let entries = world.get(&customer, "/me/entries").await.json();
    assert_eq!(entries["entries"][0]["label"], "GET /v1/tokens");
    Ok(())
}

#[tokio::test]
async fn options_are_answered_by_their_handler() -> Result<()> {
    let world = World::start().await?;
    assert_eq!(world.send(world.request(Method::OPTIONS, "/free")).await.header("allow"), "GET, OPTIONS");
    Ok(())
}

fn is_layered(reply: &Reply) -> bool {
    reply.header("x-layer") == "passed" && reply.header("access-control-allow-origin") == "*"
}

#[tokio::test]
async fn layers_are_around_routes_and_the_built_in_api_and_around_nothing_else() -> Result<()> {
    let world = start().await?;
    let customer = world.customer(50).await?;
    let send =
        async |request: reqwest::RequestBuilder| world.send(request.header("origin", "https://shop.example")).await;
    let with = |method: Method, path: &str| world.request(method, path).bearer_auth(&customer.token);
    for (request, status) in [
        (with(Method::GET, "/ok"), 200),
        (with(Method::GET, "/dynamic"), 200),
        (with(Method::GET, "/me"), 200),
        (with(Method::GET, "/me/entries"), 200),
        (with(Method::GET, "/tokens"), 200),
        (with(Method::POST, "/logins/none/refuse"), 404),
        (world.request(Method::GET, "/ok").bearer_auth("nobody's"), 401),
        (world.request(Method::GET, "/tokens"), 401),
        (world.request(Method::GET, "/ok"), 402),
        // Charged after the fact, and still inside.
        (world.request(Method::GET, "/dynamic"), 402),
        (world.request(Method::GET, "/nowhere"), 404),
        (world.request(Method::DELETE, "/ok"), 405),
        (world.request(Method::PUT, "/me"), 405),
    ] {
        let reply = send(request).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(is_layered(&reply), "{reply:?}");
        assert_eq!(reply.header("access-control-expose-headers"), "*");
    }
    for path in ["/account", "/topup", "/stripe/return?session_id=cs_test_a", "/db/admin-readonly"] {
        let reply = send(world.request(Method::GET, path)).await;
        assert!(reply.header("x-layer").is_empty() && !is_layered(&reply), "{path}: {reply:?}");
    }
    let webhook = send(world.request(Method::POST, "/stripe-webhook").body("{}")).await;
    assert_eq!((webhook.status, webhook.header("x-layer")), (400, String::new()));
    Ok(())
}

#[tokio::test]
async fn a_preflight_costs_nothing_and_a_page_of_another_origin_sees_what_a_call_cost() -> Result<()> {
    let world = start().await?;
    let customer = world.customer(50).await?;
    for path in ["/ok", "/v1/ok", "/me", "/tokens", "/things/7"] {
        let preflight = world.request(Method::OPTIONS, path).header("origin", "https://shop.example");
        let preflight = preflight.header("access-control-request-method", "POST");
        let reply = world.send(preflight.header("access-control-request-headers", "authorization")).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("access-control-allow-headers").contains("authorization"), "{path}: {reply:?}");
    }
    let call = world.request(Method::GET, "/ok").bearer_auth(&customer.token);
    let reply = world.send(call.header("origin", "https://shop.example").header("sec-fetch-site", "cross-site")).await;
    assert_eq!((reply.header("x-price"), reply.header("x-balance")), ("1".into(), "49".into()), "{reply:?}");
    assert!(!reply.header("x-paymentlink").is_empty() && !reply.header("x-entry").is_empty());
    Ok(())
}

#[tokio::test]
async fn the_state_of_every_handler_is_the_environment() -> Result<()> {
    let world = start().await?;
    let customer = world.customer(50).await?;
    for (path, body) in [("/greeting", "hello hello"), ("/plain-greeting", "hello"), ("/charged-greeting", "hello")] {
        let reply = world.get(&customer, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, body), "{path}");
    }
    assert_eq!(world.visit("/place").await.body, "unknown", "a runtime on its own knows nothing of places");
    assert_eq!(world.visit("/certain-place").await.status, 500);
    Ok(())
}

#[tokio::test]
async fn work_in_the_background_goes_on_after_the_answer() -> Result<()> {
    let world = start().await?;
    let customer = world.customer(50).await?;
    let reply = world.post(&customer, "/later", "").await;
    assert_eq!((reply.status, reply.header("x-balance").as_str()), (202, "50"));
    let charged = async {
        while world.balance(&customer).await != 43.0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(tests::DEADLINE, charged).await?;
    Ok(())
}

#[tokio::test]
async fn responses_of_the_crate_worker_pass() -> Result<()> {
    let world = start().await?;
    let reply = world.visit("/by-worker").await;
    let shown = (reply.status, reply.body.as_str(), reply.header("x-by"), reply.header("content-type"));
    assert_eq!(shown, (203, r#"{"by":"worker"}"#, "worker".into(), "application/json".into()));
    let reply = world.visit("/by-worker-or-not").await;
    assert_eq!((reply.status, reply.json()["message"].as_str()), (409, Some("not by worker")));
    Ok(())
}

#[tokio::test]
async fn an_account_is_read_without_columns_by_everybody_and_with_others_by_nobody() -> Result<()> {
    let world = start().await?;
    let customer = world.customer(50).await?;
    assert_eq!(world.get(&customer, "/tier").await.body, "free");
    assert_eq!(world.post(&customer, "/later", "").await.status, 202, "it takes a plain Account");
    world.becomes(&customer, 43.0).await;
    let reply = world.get(&customer, "/of-another").await;
    assert_eq!(reply.status, 500, "{reply:?}");
    let log = world.workerd.log();
    let said = log.lines().find(|line| line.contains("GET /of-another takes Account<")).unwrap_or_default();
    assert!(said.contains("Other>, and the application is an App<User>"), "{log}");
    assert_eq!(world.balance(&customer).await, 43.0);
    Ok(())
}

#[tokio::test]
async fn a_cron_expression_has_its_job_and_all_have_the_others() -> Result<()> {
    let world = start().await?;
    for (cron, hourly) in [("0+*+*+*+*", true), ("30+*+*+*+*", false)] {
        world.visit(&format!("/cdn-cgi/handler/scheduled?cron={cron}")).await;
        let (cron, log) = (cron.replace('+', " "), world.workerd.log());
        assert!(log.contains(&format!("every {cron}")), "{log}");
        assert_eq!(log.contains(&format!("hourly {cron} hello")), hourly, "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_is_charged_by_the_message() -> Result<()> {
    let world = start().await?;
    let customer = world.customer(50).await?;
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        customer.token
    );
    let port = world.workerd.port();
    tokio::task::spawn_blocking(move || -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(tests::DEADLINE))?;
        stream.write_all(request.as_bytes())?;
        let mut told = Vec::new();
        for (sent, expected) in [("\r\n\r\n", "HTTP/1.1 101 "), ("a", "a 25"), ("b", "b 0"), ("c", "no more")] {
            if expected.starts_with("HTTP") {
                read_until(&mut stream, &mut told, sent)?;
            } else {
                // A frame of text, masked by zeros.
                stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, sent.as_bytes()[0]])?;
            }
            read_until(&mut stream, &mut told, expected)?;
        }
        Ok(())
    })
    .await?
}

fn read_until(stream: &mut TcpStream, told: &mut Vec<u8>, expected: &str) -> Result<()> {
    let mut bytes = [0; 1024];
    while !told.windows(expected.len()).any(|text| text == expected.as_bytes()) {
        let read = stream.read(&mut bytes)?;
        anyhow::ensure!(read > 0, "{}", String::from_utf8_lossy(told));
        told.extend_from_slice(&bytes[..read]);
    }
    Ok(())
}
