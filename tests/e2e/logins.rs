//! Using an account by a card of it: what waits, who lets it in, and what moves.

use std::time::Duration;

use anyhow::Result;
use cargo_stripeflare::stripe::{DisputeEnd, DisputeRequest, Method as Pay, StandInOptions};
use reqwest::Method;
use serde_json::{Value, json};
use tests::audit::{Audit, audit_at_rest};
use tests::visitor::Visitor;
use tests::{Customer, DEADLINE, Reply, World};

/// Logins wait so long, and a claim lets nobody in before.
async fn world(wait_s: &str) -> Result<World> {
    World::with(StandInOptions::default(), &[("LOGIN_WAIT", wait_s)]).await
}

async fn rest(world: &World) -> Result<Audit> {
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());
    Ok(found)
}

/// Somebody whose card opens an account with so many cents, and a second browser that paid with the same card and is asked.
async fn two_browsers(world: &World) -> Result<(Visitor, Visitor, Value, Reply)> {
    let (mut owner, second) = (Visitor::arrive(world).await, Visitor::arrive(world).await);
    assert_eq!(owner.log_in(world, 500, Pay::visa()).await?.status, 303);
    let session = second.paid(world, 300, Pay::visa()).await?;
    let asked = until(async || {
        let reply = second.clone().look(world, &session).await;
        reply.body.contains("value=\"use\"").then_some(reply)
    })
    .await;
    Ok((owner, second, session, asked))
}

/// Looks until there is something.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.expect("it comes to be")
}

/// Six letters of a page or a row.
fn letters(reply: &Reply) -> String {
    let (_, rest) = reply.body.split_once("class=\"letters\"><strong>").expect("letters");
    rest.split('<').next().unwrap_or_default().to_owned()
}

async fn press_on_account(world: &World, visitor: &Visitor, button: &str) -> Reply {
    let page = world.send(visitor.request(world, Method::GET, "/account")).await;
    let value = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    let id = page.body.split_once("Logins that wait").map_or("", |(_, rest)| rest);
    let id = id.split_once("name=\"id\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
    let form = format!("do={button}&id={id}&until={}&seal={}", value("until"), value("seal"));
    let mut request = visitor.request(world, Method::POST, "/account").build().unwrap();
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    let request = reqwest::RequestBuilder::from_parts(world.client().clone(), request);
    world.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

async fn balance(world: &World, visitor: &Visitor, cents: f64) {
    until(async || (visitor.balance(world).await == cents).then_some(())).await;
}

#[tokio::test]
async fn an_honest_login_waits_matures_and_moves_its_payment_alone() -> Result<()> {
    let world = world("2").await?;
    let (owner, mut second, session, asked) = two_browsers(&world).await?;
    let before = second.token().to_owned();
    assert!(asked.body.contains("1 card and 1 access token") && !asked.body.contains("payer@example.com"), "{asked:?}");

    let waits = second.press(&world, &asked, "use").await?;
    assert!(waits.body.contains("Waiting for that account"), "{waits:?}");
    assert!(waits.header("refresh").parse::<u32>().is_ok_and(|seconds| seconds <= 60), "{waits:?}");
    assert_eq!(second.token(), before, "it gives nothing yet");
    let me = owner.me(&world).await;
    assert_eq!((&me["balance"], &me["pending_logins"]), (&json!(500), &json!(1)));
    let tokens = world.get(&owner.customer(&world).await, "/tokens").await.json();
    assert_eq!(tokens["pending_logins"][0]["letters"], json!(letters(&waits)));
    let account = world.send(owner.request(&world, Method::GET, "/account")).await;
    assert!(account.body.contains(&letters(&waits)), "the same letters: {account:?}");
    assert_eq!(second.me(&world).await["pending_logins"], json!(0));

    let ready = until(async || {
        let page = second.clone().look(&world, &session).await;
        page.body.contains("value=\"switch\"").then_some(page)
    })
    .await;
    let switched = second.press(&world, &ready, "switch").await?;
    assert!(switched.body.contains(&before), "its owner can always come back: {switched:?}");
    assert_eq!(switched.header("cache-control"), "private, no-store");
    assert_eq!((second.account(), second.token() != before), (owner.account(), true));
    balance(&world, &owner, 800.0).await;
    let left = Customer { token: before.clone(), reference: String::new() };
    assert_eq!(world.balance(&left).await, 0.0, "the payment moved, and the account is as it was");
    let found = rest(&world).await?;
    assert_eq!(found.accounts[owner.account()].count("moved"), 1);

    second.balance(&world).await;
    // Whoever presses again before the token's first use would have got it again; it was used.
    let mut again = Visitor::with(&before);
    let again = again.press(&world, &ready, "switch").await?;
    assert_ne!(again.status, 303);
    assert!(!again.body.contains("You are logged in"), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn an_approval_lets_in_at_once_and_a_refusal_never() -> Result<()> {
    let world = world("3").await?;
    let (owner, mut second, session, asked) = two_browsers(&world).await?;
    second.press(&world, &asked, "use").await?;
    assert_eq!(press_on_account(&world, &owner, "approve-login").await.status, 303);
    let ready = second.look(&world, &session).await;
    assert_eq!(second.press(&world, &ready, "switch").await?.status, 200);
    balance(&world, &owner, 800.0).await;
    assert_eq!(second.account(), owner.account());

    let mut third = Visitor::arrive(&world).await;
    let session = third.paid(&world, 200, Pay::visa()).await?;
    let asked = third.come_back(&world, &session).await;
    third.press(&world, &asked, "use").await?;
    assert_eq!(press_on_account(&world, &owner, "refuse-login").await.status, 303);
    let ended = third.look(&world, &session).await;
    assert!(ended.body.contains("This login has ended"), "{ended:?}");
    for button in ["use", "switch"] {
        let form = tests::visitor::form(&asked, "use")?.replace("answer=use", &format!("answer={button}"));
        let request = third.request(&world, Method::POST, "/stripe/return");
        let reply = world.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await;
        assert!(reply.body.contains("This login has ended"), "no old form brings it back: {reply:?}");
    }
    assert_eq!((third.balance(&world).await, owner.balance(&world).await), (200.0, 800.0));
    rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn what_lasts_takes_a_bearer_or_a_form_of_ours() -> Result<()> {
    let world = world("0").await?;
    let (owner, mut second, _, asked) = two_browsers(&world).await?;
    second.press(&world, &asked, "use").await?;
    // A script in a page of the application has the cookie's power, and no more.
    let script = |method: Method, path: &str| {
        let request = world.request(method, path).header("cookie", format!("__Host-access_token={}", owner.token()));
        request.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "cors")
    };
    let fetched = world.send(script(Method::GET, "/account")).await;
    assert!(fetched.status == 200 && !fetched.body.contains("name=\"seal\""), "{fetched:?}");
    let tokens = world.send(script(Method::GET, "/tokens")).await.json();
    let id = tokens["pending_logins"][0]["id"].as_str().unwrap().to_owned();
    for path in [format!("/logins/{id}/approve"), format!("/logins/{id}/refuse"), "/lock".into(), "/unlock".into()] {
        assert_eq!(world.send(script(Method::POST, &path)).await.status, 403, "{path}");
    }
    let mint = script(Method::POST, "/tokens").body(r#"{"label": "lasting", "manage": true}"#);
    assert_eq!(world.send(mint).await.status, 403);
    for button in ["approve-login", "refuse-login", "lock", "unlock", "make"] {
        let form =
            format!("do={button}&id={id}&label=lasting&rights=manage&until=9999999999999&seal={}", "0".repeat(64));
        let press = script(Method::POST, "/account").header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(world.send(press.body(form)).await.status, 403, "{button}");
    }
    assert_eq!(world.send(script(Method::GET, "/tokens")).await.json()["tokens"].as_array().map(Vec::len), Some(1));
    // Programs have a bearer.
    let customer = owner.customer(&world).await;
    assert_eq!(world.post(&customer, &format!("/logins/{id}/refuse"), "").await.status, 204);
    assert_eq!(world.post(&customer, &format!("/logins/{id}/approve"), "").await.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_locked_account_is_opened_by_no_card() -> Result<()> {
    let world = world("0").await?;
    let (owner, mut second, session, asked) = two_browsers(&world).await?;
    second.press(&world, &asked, "use").await?;
    let ready = second.look(&world, &session).await;
    let first = press_on_account(&world, &owner, "lock").await;
    assert_eq!(first.status, 409, "a lost cookie would be a lost account: {first:?}");
    assert!(first.body.contains(owner.token()) && first.body.contains("name=\"kept\" value=\"true\""), "{first:?}");
    assert!(world.get(&owner.customer(&world).await, "/cards").await.body.contains("4242"), "nothing is locked yet");
    let locked = press_on_account(&world, &owner, "lock&kept=true").await;
    assert_eq!(locked.status, 303, "{locked:?}");
    let late = second.press(&world, &ready, "switch").await?;
    assert!(late.body.contains("This login has ended"), "{late:?}");
    let customer = owner.customer(&world).await;
    until(async || (world.get(&customer, "/cards").await.json() == json!({"cards": []})).then_some(())).await;
    rest(&world).await?;
    let mut third = Visitor::arrive(&world).await;
    assert_eq!(third.log_in(&world, 200, Pay::visa()).await?.status, 303, "its own, for it is nobody's");
    assert_ne!(third.account(), owner.account());
    Ok(())
}

#[tokio::test]
async fn a_lock_wants_a_second_token_or_a_word_that_this_one_is_kept() -> Result<()> {
    let world = world("0").await?;
    let mut owner = Visitor::arrive(&world).await;
    owner.log_in(&world, 500, Pay::visa()).await?;
    let customer = owner.customer(&world).await;
    let lock = async |path: &str| {
        let reply = world.post(&customer, path, "").await;
        let cards = world.get(&customer, "/cards").await.json()["cards"].as_array().map(Vec::len);
        (reply.status, reply.body.contains("last_token"), cards)
    };
    assert_eq!(lock("/lock").await, (409, true, Some(1)));
    assert_eq!(lock("/lock?kept=true").await, (204, false, Some(0)));
    assert_eq!(lock("/unlock").await, (204, false, Some(0)));
    let spends = json!({"label": "agent"});
    assert_eq!(world.post(&customer, "/tokens", spends.to_string()).await.status, 201);
    assert_eq!(lock("/lock").await.0, 409, "one that spends is none");
    let mut second = Visitor::arrive(&world).await;
    owner.log_in(&world, 50, Pay::visa()).await?;
    let asked = second.log_in(&world, 50, Pay::visa()).await?;
    let ready = second.press(&world, &asked, "use").await?;
    second.press(&world, &ready, "switch").await?;
    assert_eq!(second.account(), owner.account());
    assert_eq!(lock("/lock").await.0, 409, "nor is one that a card gave: the lock ends it");
    let manages = json!({"label": "in the safe", "manage": true});
    assert_eq!(world.post(&customer, "/tokens", manages.to_string()).await.status, 201);
    assert_eq!(lock("/lock").await.0, 204);
    Ok(())
}

#[tokio::test]
async fn a_dispute_takes_back_what_moved_and_ends_the_login() -> Result<()> {
    let world = world("0").await?;
    let (owner, mut thief, session, asked) = two_browsers(&world).await?;
    let before = thief.token().to_owned();
    thief.press(&world, &asked, "use").await?;
    let ready = thief.look(&world, &session).await;
    thief.press(&world, &ready, "switch").await?;
    balance(&world, &owner, 800.0).await;
    rest(&world).await?;

    let charge = world.charge_of(&session);
    let dispute =
        world.stripe.open_dispute(&DisputeRequest { reason: "fraudulent".into(), ..DisputeRequest::new(&charge) })?;
    world.stripe.wait_idle(DEADLINE).await?;
    rest(&world).await?;
    let gone = world.send(world.request(Method::GET, "/me").bearer_auth(thief.token())).await;
    assert_eq!(gone.status, 401, "the login ended: {gone:?}");
    let id = dispute["id"].as_str().unwrap();
    world.stripe.withdraw_disputed(id)?;
    world.stripe.close_dispute(id, DisputeEnd::Lost)?;
    world.stripe.wait_idle(DEADLINE).await?;
    balance(&world, &owner, 500.0).await;
    rest(&world).await?;
    assert_eq!(world.balance(&Customer { token: before, reference: String::new() }).await, 0.0);
    Ok(())
}

#[tokio::test]
async fn a_runtime_killed_at_any_moment_of_a_switch_loses_and_doubles_nothing() -> Result<()> {
    let mut world = world("0").await?;
    for round in 0..6_u64 {
        let card = Pay::Card(format!("400000000000{round}123"));
        let (mut owner, mut second) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        owner.log_in(&world, 500, card.clone()).await?;
        let session = second.paid(&world, 300, card).await?;
        let asked = second.come_back(&world, &session).await;
        second.press(&world, &asked, "use").await?;
        let ready = second.come_back(&world, &session).await;
        let form = tests::visitor::form(&ready, "switch")?;
        let request = second.request(&world, Method::POST, "/stripe/return");
        let sent = request.header("content-type", "application/x-www-form-urlencoded").body(form).send();
        let sent = tokio::spawn(sent);
        tokio::time::sleep(Duration::from_millis(2 + round * 3)).await;
        world.workerd.kill9().await?;
        let _ = sent.await?;
        world.workerd.restart().await?;
        let switched = second.press(&world, &ready, "switch").await?;
        assert_eq!((switched.status, second.account()), (200, owner.account()), "{round}: {switched:?}");
        balance(&world, &owner, 800.0).await;
        rest(&world).await?;
    }
    Ok(())
}
