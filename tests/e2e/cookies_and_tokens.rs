//! Tokens and cookies, and calls that other sites cause.

use anyhow::Result;
use cargo_stripeflare::stripe::StandInOptions;
use reqwest::Method;
use tests::{Customer, World};

fn cookie(customer: &Customer) -> String {
    format!("__Host-access_token={}", customer.token)
}

#[tokio::test]
async fn the_cookie_is_given_on_a_navigation_on_me_and_with_a_402_and_not_elsewhere() -> Result<()> {
    let world = World::start().await?;
    let navigate = |path: &str| {
        let request =
            world.request(Method::GET, path).header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        request.header("sec-fetch-site", "none")
    };
    for reply in [
        world.send(navigate("/free")).await,
        world.visit("/me").await,
        world.visit("/ok").await,
        world.visit("/topup").await,
    ] {
        let cookie = reply.cookie("__Host-access_token");
        for part in
            ["__Host-access_token=", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/", "; Max-Age=34560000"]
        {
            assert!(cookie.contains(part), "{reply:?}");
        }
        assert_eq!(reply.header("cache-control"), "private, no-store");
    }
    let fetched = world
        .send(
            world
                .request(Method::GET, "/free")
                .header("sec-fetch-mode", "cors")
                .header("sec-fetch-site", "same-origin"),
        )
        .await;
    for reply in
        [world.visit("/free").await, fetched, world.send(navigate("/free").header("sec-purpose", "prefetch")).await]
    {
        assert_eq!(reply.header("set-cookie"), "");
    }
    let page = world.send(navigate("/ok")).await;
    assert_eq!((page.status, page.header("content-type").as_str()), (402, "text/html; charset=utf-8"));
    assert!(page.body.contains("href=\"/topup\""));
    let script = world.send(world.request(Method::GET, "/ok").header("sec-fetch-site", "same-origin")).await;
    assert_eq!(script.json().get("access_token"), None, "a page's scripts never see the token");
    Ok(())
}

#[tokio::test]
async fn topup_leads_to_stripe_with_the_reference_of_the_cookie() -> Result<()> {
    let world = World::start().await?;
    let customer = world.newcomer().await;
    let known = world.send(world.request(Method::GET, "/topup").header("cookie", cookie(&customer))).await;
    assert_eq!(known.status, 303);
    let reference = format!("{}?client_reference_id={}-", world.stripe.payment_link_url(), customer.reference);
    assert!(known.header("location").starts_with(&reference), "{known:?}");
    assert!(!format!("{:?}", known.headers).contains("access_token"), "{known:?}");
    let visitor = world.visit("/topup").await;
    let id = visitor.cookie("__Host-access_token").split(['=', '.']).nth(1).unwrap().to_owned();
    assert!(visitor.header("location").contains(&format!("client_reference_id={id}-")));
    Ok(())
}

#[tokio::test]
async fn a_cookie_pays_only_for_calls_from_our_own_pages() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let host = world.workerd.url();
    let call = |path: &str, headers: &[(&'static str, &str)]| {
        let request = world.request(Method::GET, path).header("cookie", cookie(&customer));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let foreign: [&[(&'static str, &str)]; 7] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "none"), ("sec-purpose", "prefetch")],
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
    ];
    for headers in foreign {
        for path in ["/ok", "/dynamic?cents=1"] {
            assert_eq!(world.send(call(path, headers)).await.status, 403, "{path} {headers:?}");
        }
    }
    assert_eq!(world.balance(&customer).await, 50.0);
    for headers in [&[("sec-fetch-site", "same-origin")][..], &[("sec-fetch-site", "none")], &[("origin", &host)]] {
        assert_eq!(world.send(call("/ok", headers)).await.status, 200, "{headers:?}");
    }
    let bearer = world.request(Method::GET, "/ok").bearer_auth(&customer.token).header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(bearer).await.status, 200, "a bearer token is never sent by accident");
    let head = world.send(world.request(Method::HEAD, "/ok").bearer_auth(&customer.token)).await;
    assert_eq!(head.status, 405);
    assert_eq!(world.balance(&customer).await, 46.0);
    Ok(())
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_said_so() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let other = world.newcomer().await;
    let secret = other.token.split('.').nth(1).unwrap();
    let stolen = format!("{}.{secret}", customer.account());
    for wrong in [
        stolen.as_str(),
        "nonsense",
        "",
        &customer.token.to_uppercase(),
        &customer.token[1..],
        &customer.token[..customer.token.len() - 1],
    ] {
        for path in ["/ok", "/me", "/whoami"] {
            let bearer = world.send(world.request(Method::GET, path).bearer_auth(wrong)).await;
            assert_eq!((bearer.status, bearer.header("set-cookie")), (401, String::new()), "{path} {wrong}");
            let stale = world.request(Method::GET, path).header("cookie", format!("__Host-access_token={wrong}"));
            let stale = stale.header("sec-fetch-site", "same-origin");
            assert_eq!(world.send(stale).await.status, 401, "{path} {wrong}");
        }
    }
    let stale = world.request(Method::GET, "/whoami").header("cookie", format!("__Host-access_token={stolen}"));
    let navigated = world.send(stale.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document")).await;
    assert_eq!(navigated.status, 200);
    assert!(navigated.header("set-cookie").starts_with("__Host-access_token="), "replaced by a visitor's");
    let two = format!("{}; {}", cookie(&customer), cookie(&other));
    assert_eq!(world.send(world.request(Method::GET, "/ok").header("cookie", two)).await.status, 400);
    assert_eq!(world.balance(&customer).await, 50.0);
    Ok(())
}

#[tokio::test]
async fn a_cookie_without_its_prefix_is_for_this_machine_only() -> Result<()> {
    let world = World::with(StandInOptions::default(), &[("SKIP_LOGIN", "true")]).await?;
    let elsewhere = world.request(Method::GET, "/me").header("host", "api.example");
    assert!(world.send(elsewhere).await.header("set-cookie").starts_with("__Host-access_token="));
    let here = world.visit("/me").await.header("set-cookie");
    assert!(here.starts_with("access_token=") && !here.contains("Secure"), "{here}");

    let customer = world.customer(50).await?;
    let with = |world: &World, host: &str, name: &str| {
        let cookie = format!("{name}={}", customer.token);
        let request = world.request(Method::GET, "/me").header("cookie", cookie);
        if host.is_empty() { request } else { request.header("host", host) }
    };
    for (host, name, known) in [
        ("", "access_token", true),
        ("", "__Host-access_token", false),
        ("api.example", "access_token", false),
        ("api.example", "__Host-access_token", true),
    ] {
        let me = world.send(with(&world, host, name)).await;
        assert_eq!((me.status, me.json()["registered"].as_bool()), (200, Some(known)), "{name} at {host}");
    }
    let https_only = World::start().await?;
    let planted = https_only.send(with(&https_only, "", "access_token")).await;
    assert_eq!((planted.status, planted.json()["registered"].as_bool()), (200, Some(false)));
    Ok(())
}

#[tokio::test]
async fn a_head_spends_and_changes_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for (path, status) in [
        ("/ok", 405),
        ("/echo", 405),
        ("/dynamic?cents=5", 405),
        ("/me", 200),
        ("/logout", 405),
        ("/rotate-token", 405),
    ] {
        let head = world.request(Method::HEAD, path).bearer_auth(&customer.token);
        let head = world.send(head).await;
        assert_eq!((head.status, head.body.as_str()), (status, ""), "{path}");
    }
    assert_eq!(world.balance(&customer).await, 50.0);
    Ok(())
}

#[tokio::test]
async fn a_weak_or_missing_variable_is_named_and_not_told() -> Result<()> {
    for (variable, value) in [("DB_SECRET", "short and secret"), ("STRIPE_SECRET", ""), ("STRIPE_CURRENCY", "kwd")] {
        let world = World::with(StandInOptions::default(), &[(variable, value)]).await?;
        let reply = world.visit("/free").await;
        assert_eq!(reply.status, 500);
        assert!(reply.body.contains(variable), "{reply:?}");
        assert!(value.is_empty() || !reply.body.contains(value));
    }
    Ok(())
}
