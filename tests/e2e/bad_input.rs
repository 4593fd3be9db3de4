//! Bad input never costs money and is never our error.

use anyhow::Result;
use reqwest::Method;
use tests::World;

#[tokio::test]
async fn bad_input_is_answered_without_5xx_and_without_a_charge() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(50).await?;
    let garbage: [&[u8]; 8] = [
        b"",
        b"\xff\xfe\xfd",
        b";;;===;;;",
        b"access_token",
        b"__Host-access_token",
        b"__Host-access_token=\xc3\x28",
        b"%00%ff",
        b"Basic \xf0\x9f\xa6\x80",
    ];
    let mut answered = 0;
    for value in garbage {
        for header in [
            "cookie",
            "authorization",
            "origin",
            "sec-fetch-site",
            "accept",
            "idempotency-key",
            "content-type",
            "x-price",
        ] {
            for path in ["/ok", "/me", "/topup", "/free", "/whoami"] {
                // The runtime hangs up on some garbage, and may be gone before its answer is read.
                match world.request(Method::GET, path).header(header, value).send().await {
                    Ok(response) => {
                        assert!(response.status().as_u16() < 500, "{path} {header}: {value:?}: {response:?}");
                        answered += 1;
                    }
                    Err(error) => assert!(!error.is_timeout(), "{path} {header}: {value:?} hangs"),
                }
            }
        }
    }
    assert!(answered >= 300, "only {answered} of 320 were answered");
    world.reconnect()?;
    for path in [
        "/%ff",
        "/ok%00",
        "//ok",
        "/free/../free",
        "/slow?ms=-1",
        "/slow?ms=abc",
        "/slow",
        "/metered?use=abc",
        "/x\u{fc}",
        "/free?%ff=%fe",
        "/stats/nobody%2f",
    ] {
        let reply = world.get(&customer, path).await;
        assert!(reply.status < 500 || path.starts_with("/stats"), "{path}: {reply:?}");
    }
    for authorization in ["Basic ", "Basic !!!", "Basic YWRtaW4", "Basic Og==", "Bearer", "bearer  x", "Digest a=b"] {
        let reply = world.send(world.request(Method::GET, "/ok").header("authorization", authorization)).await;
        assert_eq!(reply.status, 401, "{authorization}: {reply:?}");
    }
    let bodies: [&[u8]; 5] = [b"\xff", b"{\"text\":\"\xff\"}", b"nul", b"[[[[[[", &[b'['; 100_000]];
    for body in bodies {
        let request = world
            .request(Method::POST, "/echo")
            .bearer_auth(&customer.token)
            .header("content-type", "application/json");
        let reply = world.send(request.header("connection", "close").body(body.to_vec())).await;
        assert!((400..500).contains(&reply.status), "{reply:?}");
    }
    assert_eq!(
        world.send(world.request(Method::POST, "/echo").bearer_auth(&customer.token).body("{}")).await.status,
        415
    );
    let large =
        world.request(Method::POST, "/echo").bearer_auth(&customer.token).header("content-type", "application/json");
    let large = world.send(large.body(format!("{{\"text\":\"{}\"}}", "a".repeat(3 << 20)))).await;
    assert_eq!(large.status, 413);
    world.reconnect()?;
    assert_eq!(world.balance(&customer).await, 50.0, "not one of these was charged");
    Ok(())
}

#[tokio::test]
async fn a_megabyte_of_header_is_refused_or_ignored() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(50).await?;
    let megabyte = "a".repeat(1 << 20);
    for header in ["cookie", "authorization", "x-anything"] {
        // The runtime may close the connection on it; then there is no answer, and nothing happened either.
        match world.request(Method::GET, "/ok").header(header, &megabyte).send().await {
            Ok(response) => assert!(response.status().as_u16() < 500, "{header}: {response:?}"),
            Err(error) => assert!(!error.is_timeout(), "{header} hangs"),
        }
    }
    world.reconnect()?;
    assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "49", "and the worker is well");
    Ok(())
}

#[tokio::test]
async fn names_beyond_ascii_cross_both_ways() -> Result<()> {
    let world = World::start().await?;
    let reply = world.visit("/name").await;
    assert_eq!((reply.status, reply.header("x-name").as_str()), (200, "Zoë 🦀"));
    assert_eq!(reply.header("x-latin1"), "café");
    Ok(())
}

#[tokio::test]
async fn a_form_that_breaks_off_or_is_too_large_is_the_callers_mistake() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(50).await?;
    let part = |content: &str| format!("--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n{content}");
    let whole = part("text") + "\r\n--b--\r\n";
    for (body, status, answer) in [
        (whole.clone(), 200, "4"),
        (part("text"), 400, "before its last boundary"),
        (whole[..20].to_owned(), 400, "before its last boundary"),
        (part(&"x".repeat(3 << 20)) + "\r\n--b--\r\n", 413, "too large"),
    ] {
        let request = world.request(Method::POST, "/form").bearer_auth(&customer.token);
        let request = request.header("content-type", "multipart/form-data; boundary=b").header("connection", "close");
        let reply = world.send(request.body(body)).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.body.contains(answer), "{reply:?}");
    }
    world.reconnect()?;
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 49.0);
    Ok(())
}
