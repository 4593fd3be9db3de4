//! What pages of other sites can make a browser do, on a sibling subdomain and elsewhere.

use std::time::Duration;

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::StandInOptions;
use fantoccini::Locator;
use serde_json::{Value, json};
use tests::browser::Browser;
use tests::{DEADLINE, World};

/// The same worker under the names of several sites.
fn at(world: &World, host: &str, path: &str) -> String {
    format!("http://{host}:{}{path}", world.workerd.port())
}

const SHOP: &str = "shop.localhost";
const SIBLING: &str = "evil.shop.localhost";
const ELSEWHERE: &str = "evil.localhost";

/// Who the browser is at the shop.
async fn me(world: &World, browser: &Browser) -> Result<Value> {
    browser.goto(&at(world, SHOP, "/me")).await?;
    let shown = browser.text().await?;
    serde_json::from_str(&shown).with_context(|| shown)
}

/// A browser whose account has five dollars.
async fn victim(world: &World) -> Result<Browser> {
    let browser = Browser::open().await?;
    let me = me(world, &browser).await?;
    let reference = me["client_reference_id"].as_str().context("a reference")?;
    let request = cargo_stripeflare::stripe::PayRequest::new(500, reference);
    world.stripe.pay(&request).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    Ok(browser)
}

#[tokio::test]
async fn a_sibling_subdomain_cannot_plant_a_token() -> Result<()> {
    let world = World::start().await?;
    let victim = victim(&world).await?;
    let before = me(&world, &victim).await?;
    assert_eq!(before["balance"], 500);
    let attacker = world.customer(100).await?;
    victim.goto(&at(&world, SIBLING, "/free")).await?;
    for cookie in [
        format!("__Host-access_token={}; Secure; Path=/; Domain=shop.localhost", attacker.token),
        format!("__Host-access_token={}; Secure; Path=/me; Domain=shop.localhost", attacker.token),
        format!("__host-access_token={}; Secure; Path=/; Domain=shop.localhost", attacker.token),
        format!("access_token={}; Path=/; Domain=shop.localhost", attacker.token),
        format!("access_token={}; Path=/me; Domain=shop.localhost", attacker.token),
        // A name that is only in the value.
        format!("=__Host-access_token={}; Path=/; Domain=shop.localhost", attacker.token),
    ] {
        victim.execute("document.cookie = arguments[0]", vec![json!(cookie)]).await?;
    }
    let planted = victim.execute("return document.cookie", vec![]).await?;
    assert!(planted.as_str().is_some_and(|all| all.contains("access_token=")), "some are there: {planted}");
    assert_eq!(me(&world, &victim).await?, before);
    Ok(())
}

#[tokio::test]
async fn pages_of_other_sites_spend_and_change_nothing() -> Result<()> {
    let world = World::start().await?;
    let victim = victim(&world).await?;
    let before = me(&world, &victim).await?;
    let calls = "
        const done = arguments[arguments.length - 1], shop = arguments[0];
        const call = (method, path) => fetch(shop + path, { method, credentials: 'include', mode: 'no-cors' });
        const all = [['GET', '/ok'], ['GET', '/dynamic?cents=7'], ['POST', '/charge?cents=9'], ['POST', '/rotate-token'],
            ['POST', '/logout'], ['POST', '/stripe/return']].map(([method, path]) => call(method, path));
        Promise.allSettled(all).then((answers) => done(answers.filter((it) => it.status == 'fulfilled').length));";
    let forms = "
        const form = document.createElement('form');
        form.method = arguments[0]; form.action = arguments[1];
        document.body.append(form); form.submit();";
    for site in [SIBLING, ELSEWHERE, "127.0.0.1"] {
        victim.goto(&at(&world, site, "/free")).await?;
        let sent = victim.execute_async(calls, vec![json!(at(&world, SHOP, ""))]).await?;
        assert_eq!(sent, 6, "{site}");
        for (method, path) in [("get", "/ok"), ("post", "/charge?cents=9"), ("post", "/logout"), ("post", "/account")] {
            victim.goto(&at(&world, site, "/free")).await?;
            victim.execute(forms, vec![json!(method), json!(at(&world, SHOP, path))]).await?;
            if path == "/logout" {
                // Answered without a page.
                tokio::time::sleep(Duration::from_millis(500)).await;
            } else {
                victim.arrives(&at(&world, SHOP, path)).await?;
            }
        }
        assert_eq!(me(&world, &victim).await?, before, "{site}");
    }
    // The shop's own page may.
    victim.goto(&at(&world, SHOP, "/free")).await?;
    victim.execute(forms, vec![json!("get"), json!(at(&world, SHOP, "/ok"))]).await?;
    victim.sees("ok").await?;
    assert_eq!(me(&world, &victim).await?["balance"], 499);
    Ok(())
}

#[tokio::test]
async fn pages_for_people_cannot_be_framed() -> Result<()> {
    let world = World::start().await?;
    let victim = victim(&world).await?;
    for path in ["/account", "/stripe/return?session_id=cs_test_a", "/large"] {
        let shown = framed(&world, &victim, "/free", path).await?;
        assert!(!shown.contains("credit") && !shown.contains("payment"), "{path}: {shown}");
    }
    Ok(())
}

/// What a frame with a page of the shop shows, on a page of a sibling subdomain.
async fn framed(world: &World, browser: &Browser, around: &str, path: &str) -> Result<String> {
    let frame = "
        const done = arguments[arguments.length - 1], frame = document.createElement('iframe');
        frame.onload = () => done(true); frame.src = arguments[0]; document.body.append(frame);";
    browser.goto(&at(world, SIBLING, around)).await?;
    browser.execute_async(frame, vec![json!(at(world, SHOP, path))]).await?;
    browser.find(Locator::Css("iframe")).await?.enter_frame().await?;
    let shown = browser.find(Locator::Css("body")).await?.text().await?;
    browser.enter_parent_frame().await?;
    Ok(shown)
}

#[tokio::test]
async fn the_demo_page_cannot_be_framed() -> Result<()> {
    let world = World::of("examples/quickstart", StandInOptions::default(), &[]).await?;
    let victim = Browser::open().await?;
    victim.goto(&at(&world, SHOP, "/demo")).await?;
    victim.sees("Your balance").await?;
    let shown = framed(&world, &victim, "/", "/demo").await?;
    assert!(!shown.contains("balance"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_page_that_opened_ours_keeps_no_hold_of_it() -> Result<()> {
    let world = World::start().await?;
    let victim = victim(&world).await?;
    let open = "
        const done = arguments[arguments.length - 1], opened = window.open(arguments[0]);
        const look = () => opened.closed ? done(true) : setTimeout(look, 50);
        setTimeout(() => done(false), 10000); look();";
    victim.goto(&at(&world, SIBLING, "/free")).await?;
    assert_eq!(
        victim.execute_async(open, vec![json!(at(&world, SHOP, "/account"))]).await?,
        true,
        "as if it were closed"
    );
    Ok(())
}

#[tokio::test]
async fn what_a_script_in_a_page_of_the_shop_reads_of_a_popup() -> Result<()> {
    let world = World::start().await?;
    let victim = victim(&world).await?;
    let open = "
        const done = arguments[arguments.length - 1], opened = window.open(arguments[0]);
        const look = () => {
            try { if (opened.closed) return done('nothing'); } catch { return done('nothing'); }
            const seal = opened.document && opened.document.querySelector('[name=seal]');
            seal ? done('the seal') : setTimeout(look, 50);
        };
        setTimeout(() => done('nothing in time'), 10000); look();";
    for (page, read) in [("/free", "nothing"), ("/account", "the seal")] {
        victim.goto(&at(&world, SHOP, page)).await?;
        assert_eq!(victim.execute_async(open, vec![json!(at(&world, SHOP, "/account"))]).await?, read, "{page}");
    }
    Ok(())
}

#[tokio::test]
async fn an_application_on_another_origin_pays_with_a_bearer_and_sees_what_it_paid() -> Result<()> {
    let world = World::of("tests/application", StandInOptions::default(), &[]).await?;
    let customer = world.customer(50).await?;
    let browser = Browser::open().await?;
    browser.goto(&at(&world, ELSEWHERE, "/tier")).await?;
    let call = "
        const done = arguments[arguments.length - 1], [url, token] = arguments;
        const headers = { authorization: 'Bearer ' + token, 'idempotency-key': 'once', 'content-type': 'application/json' };
        const shown = ['x-price', 'x-balance', 'x-paymentlink', 'x-entry'];
        fetch(url, token ? { headers } : {}).then(
            async (answer) => done([answer.status, await answer.text(), ...shown.map((name) => answer.headers.get(name))]),
            (error) => done([String(error)]));";
    let fetched = async |host: &str, path: &str, token: &str| {
        browser.execute_async(call, vec![json!(at(&world, host, path)), json!(token)]).await
    };
    let paid = fetched(SHOP, "/ok", &customer.token).await?;
    assert_eq!(
        (&paid[0], &paid[1], &paid[2], &paid[3]),
        (&json!(200), &json!("ok"), &json!("1"), &json!("49")),
        "{paid}"
    );
    assert!(paid[4].is_string() && paid[5].is_string(), "{paid}");
    let me = fetched(SHOP, "/me", &customer.token).await?;
    assert!(me[1].as_str().is_some_and(|me| me.contains("\"balance\":49")), "{me}");
    assert_eq!(fetched(SHOP, "/ok", "nobody's").await?[0], 401);
    let refused = fetched(SHOP, "/ok", "").await?;
    assert_eq!(refused[0], 402, "{refused}");
    assert!(refused[4].is_string(), "where to pay: {refused}");
    // Pages for people stay closed.
    assert!(fetched(SHOP, "/account", "").await?[0].is_string());
    Ok(())
}
