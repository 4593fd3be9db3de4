//! Where Stripe sends the browser after paying: who is logged in by it, and who is not.

use std::time::Duration;

use anyhow::Result;
use cargo_stripeflare::stripe::{ApiFault, Delivery, DisputeRequest, Method as Pay, PayRequest, StandInOptions};
use reqwest::Method;
use serde_json::{Value, json};
use tests::audit::audit_at_rest;
use tests::visitor::Visitor;
use tests::{DEADLINE, Reply, World};

/// Webhooks that nobody waits for, and that come late.
fn late() -> StandInOptions {
    let delivery = Delivery { reorder: Duration::from_secs(3), ..Delivery::default() };
    StandInOptions { delivery, redirect_wait: Duration::ZERO, ..StandInOptions::default() }
}

fn is_redirect(reply: &Reply) -> bool {
    (reply.status, reply.header("location").as_str()) == (303, "/") && reply.header("referrer-policy") == "no-referrer"
}

fn mastercard() -> Pay {
    Pay::Card("5555555555554444".into())
}

async fn rest(world: &World) -> Result<tests::audit::Audit> {
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());
    Ok(found)
}

#[tokio::test]
async fn paying_logs_in_before_and_after_the_webhook() -> Result<()> {
    for options in [late(), StandInOptions::default()] {
        let world = World::with(options, &[]).await?;
        let mut petra = Visitor::arrive(&world).await;
        let session = petra.pay(&world, 500, Pay::visa()).await?;
        for _ in 0..2 {
            let back = petra.come_back(&world, &session).await;
            assert!(is_redirect(&back), "{back:?}");
            assert_eq!(back.header("cache-control"), "private, no-store");
            assert_eq!(petra.balance(&world).await, 500.0, "the credit does not wait for the webhook");
        }
        let me = petra.me(&world).await;
        assert_eq!((&me["name"], &me["email"]), (&json!("Petra Payer"), &json!("payer@example.com")));
        assert!(me["card_fingerprint"].is_string() && me["verified_email"].is_null(), "{me}");
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(petra.balance(&world).await, 500.0);
        let found = rest(&world).await?;
        assert_eq!(found.accounts[petra.account()].count("credit"), 1);
        assert_eq!(found.accounts[petra.account()].cards.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn the_site_says_where_payers_go_on() -> Result<()> {
    let world = World::with(StandInOptions::default(), &[("STRIPE_RETURN_TO", "/demo?paid=1")]).await?;
    let mut petra = Visitor::arrive(&world).await;
    assert_eq!(petra.log_in(&world, 500, Pay::visa()).await?.header("location"), "/demo?paid=1");
    let world = World::with(StandInOptions::default(), &[("STRIPE_RETURN_TO", "//evil.example")]).await?;
    assert!(world.visit("/free").await.body.contains("STRIPE_RETURN_TO"));
    Ok(())
}

/// A clear page for people, and nothing claimed by it.
fn refuses(reply: &Reply, status: u16) {
    assert_eq!(
        (reply.status, reply.header("content-type").as_str()),
        (status, "text/html; charset=utf-8"),
        "{reply:?}"
    );
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("cache-control"), "private, no-store");
    assert!(reply.header("content-security-policy").contains("default-src 'none'"));
    assert!(
        reply.body.contains("<h1>") && !reply.body.contains("<script") && !reply.body.contains("cs_test"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn whoever_did_not_pay_here_and_now_is_told_so_and_nothing_changes() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    let mut other = Visitor::arrive(&world).await;

    for id in
        ["", "?session_id=", "?session_id=cs_test_/../../payment_links", "?session_id=pi_1", "?session_id=cs_test_none"]
    {
        refuses(&petra.visit(&world, &format!("/stripe/return{id}")).await, 404);
    }
    let asked = world.stripe.api_requests().len();
    petra.visit(&world, "/stripe/return?session_id=cs_test_a%2F..").await;
    assert_eq!(world.stripe.api_requests().len(), asked, "only what can be a session's id is asked for");

    let paid = petra.pay(&world, 500, Pay::visa()).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    let theirs = petra.come_back(&world, &paid).await;
    assert!(is_redirect(&theirs));
    refuses(&other.come_back(&world, &paid).await, 403);
    refuses(&Visitor::default().come_back(&world, &paid).await, 403);

    let second = petra.pay(&world, 500, mastercard()).await?;
    refuses(&Visitor::default().come_back(&world, &second).await, 403);
    refuses(&petra.come_back(&world, &second).await, 403);
    assert_eq!(petra.balance(&world).await, 1_000.0, "the money is there, whoever comes back");

    let third = petra.pay(&world, 500, mastercard()).await?;
    let bearer = world.request(Method::GET, &format!("/stripe/return?session_id={}", third["id"].as_str().unwrap()));
    refuses(&world.send(bearer.bearer_auth(&petra.customer(&world).await.token)).await, 403);

    let unpaid = petra.pay(&world, 700, Pay::BankDebit { succeeds: true }).await?;
    refuses(&petra.come_back(&world, &unpaid).await, 409);

    let other_link = world.stripe.add_payment_link("usd", None);
    let foreign = PayRequest {
        payment_link: Some(other_link["id"].as_str().unwrap().into()),
        ..PayRequest::new(900, petra.customer(&world).await.reference)
    };
    let foreign = world.stripe.pay(&foreign).await?;
    refuses(&petra.come_back(&world, &foreign).await, 403);
    let nameless = PayRequest { client_reference_id: None, ..PayRequest::new(900, "") };
    let nameless = world.stripe.pay(&nameless).await?;
    refuses(&petra.come_back(&world, &nameless).await, 403);

    world.stripe.wait_idle(DEADLINE).await?;
    let found = rest(&world).await?;
    assert_eq!((petra.balance(&world).await, other.balance(&world).await), (1_500.0, 0.0));
    assert_eq!(found.accounts[petra.account()].cards.len(), 1, "the first visit claimed, no other did");
    Ok(())
}

#[tokio::test]
async fn a_payment_for_another_account_logs_in_to_none() -> Result<()> {
    let world = World::start().await?;
    let (petra, mut mallory) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    let paid = petra.pay(&world, 500, Pay::visa()).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    refuses(&mallory.come_back(&world, &paid).await, 403);
    assert_eq!((petra.balance(&world).await, mallory.balance(&world).await), (500.0, 0.0));
    let mut petra = petra;
    refuses(&petra.come_back(&world, &paid).await, 403);
    assert!(rest(&world).await?.accounts[petra.account()].cards.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_session_logs_in_for_an_hour() -> Result<()> {
    let world = World::with(late(), &[]).await?;
    let mut petra = Visitor::arrive(&world).await;
    for (age_s, logs_in) in [(3_500, true), (3_700, false)] {
        world.stripe.clock().advance_s(-age_s);
        let paid = petra.pay(&world, 500, Pay::visa()).await?;
        world.stripe.clock().advance_s(age_s);
        let back = petra.come_back(&world, &paid).await;
        if logs_in {
            assert!(is_redirect(&back), "{back:?}");
        } else {
            refuses(&back, 410);
        }
    }
    world.stripe.wait_idle(DEADLINE).await?;
    rest(&world).await?;
    assert_eq!(petra.balance(&world).await, 1_000.0);
    Ok(())
}

#[tokio::test]
async fn without_stripe_nothing_changes_until_it_is_back() -> Result<()> {
    let world = World::with(late(), &[]).await?;
    let mut petra = Visitor::arrive(&world).await;
    let paid = petra.pay(&world, 500, Pay::visa()).await?;
    for fault in [ApiFault::Broken, ApiFault::RateLimited, ApiFault::Garbage, ApiFault::Disconnect] {
        world.stripe.set_api_fault(Some(fault));
        let back = petra.come_back(&world, &paid).await;
        refuses(&back, 503);
        assert!(back.body.contains("href=\"\""), "a link to try again");
        assert_eq!((petra.balance(&world).await, &petra.me(&world).await["name"]), (0.0, &Value::Null));
    }
    world.stripe.set_api_fault(None);
    assert!(is_redirect(&petra.come_back(&world, &paid).await));
    world.stripe.wait_idle(DEADLINE).await?;
    rest(&world).await?;
    assert_eq!(petra.balance(&world).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn a_payer_without_an_identity_is_nobody_else() -> Result<()> {
    let world = World::start().await?;
    let ways = [Pay::Wallet { device_number: None }, Pay::LinkBankAsCard, Pay::BankDebit { succeeds: true }];
    for way in ways {
        let (mut first, mut second) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        for visitor in [&mut first, &mut second] {
            let session = visitor.pay(&world, 500, way.clone()).await?;
            if matches!(way, Pay::BankDebit { .. }) {
                world.stripe.settle_delayed(session["id"].as_str().unwrap(), true)?;
            }
            world.stripe.wait_idle(DEADLINE).await?;
            let back = visitor.come_back(&world, &session).await;
            assert!(is_redirect(&back), "{way:?}: {back:?}");
            let me = visitor.me(&world).await;
            assert_eq!((&me["card_fingerprint"], &me["verified_email"]), (&Value::Null, &Value::Null), "{way:?}");
            assert_eq!((&me["name"], &me["balance"]), (&json!("Petra Payer"), &json!(500)), "{way:?}");
        }
    }
    assert!(rest(&world).await?.accounts.values().all(|account| account.cards.is_empty()));
    Ok(())
}

#[tokio::test]
async fn link_is_known_by_its_own_address() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    assert!(is_redirect(&petra.log_in(&world, 500, Pay::Link("petra@link.example".into())).await?));
    let me = petra.me(&world).await;
    assert_eq!((&me["verified_email"], &me["email"]), (&json!("petra@link.example"), &json!("payer@example.com")));

    // The same address in the form, and another Link account.
    let mut mallory = Visitor::arrive(&world).await;
    let request = PayRequest {
        email: "petra@link.example".into(),
        ..PayRequest::new(500, mallory.leave(&world).await).method(Pay::Link("mallory@link.example".into()))
    };
    let session = world.stripe.pay(&request).await?;
    assert!(is_redirect(&mallory.come_back(&world, &session).await));
    assert_eq!(mallory.me(&world).await["verified_email"], json!("mallory@link.example"));
    rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn a_second_card_is_added_only_by_whoever_says_so() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    petra.log_in(&world, 500, Pay::visa()).await?;
    // Paid by somebody else into this account, whose owner is lured to the return page.
    let asks = petra.log_in(&world, 500, mastercard()).await?;
    assert_eq!(asks.status, 200);
    assert!(asks.body.contains("mastercard •••• 4444") && asks.body.contains("Add it"), "{asks:?}");
    assert!(is_redirect(&petra.press(&world, &asks, "keep").await?));
    assert_eq!(rest(&world).await?.accounts[petra.account()].cards.len(), 1);
    assert!(is_redirect(&petra.press(&world, &asks, "add").await?));
    assert_eq!(rest(&world).await?.accounts[petra.account()].cards.len(), 2);
    assert_eq!(petra.balance(&world).await, 1_000.0);
    Ok(())
}

#[tokio::test]
async fn cards_are_listed_and_removed_and_then_free_for_another_account() -> Result<()> {
    let world = World::start().await?;
    let (mut petra, mut other) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    assert_eq!(world.visit("/cards").await.json(), json!({"cards": []}));
    petra.log_in(&world, 500, Pay::visa()).await?;
    let customer = petra.customer(&world).await;
    let cards = world.get(&customer, "/cards").await;
    assert_eq!(cards.header("cache-control"), "private, no-store");
    let card = cards.json()["cards"][0].clone();
    assert_eq!(
        (&card["kind"], &card["label"], &card["token"]),
        (&json!("card"), &json!("visa •••• 4242"), &json!("first"))
    );
    let path = format!("/cards/{}", card["id"].as_str().unwrap());

    let cross_site = petra.request(&world, Method::DELETE, &path);
    assert_eq!(world.send(cross_site).await.status, 403, "another site caused it");
    let mut mallory = Visitor::arrive(&world).await;
    mallory.log_in(&world, 500, mastercard()).await?;
    let stranger = world.request(Method::DELETE, &path).bearer_auth(mallory.customer(&world).await.token);
    assert_eq!(world.send(stranger).await.status, 404);
    for status in [204, 404] {
        let remove = world.request(Method::DELETE, &path).bearer_auth(&customer.token);
        assert_eq!(world.send(remove).await.status, status);
    }
    assert_eq!(world.get(&customer, "/cards").await.json(), json!({"cards": []}));
    assert_eq!(petra.me(&world).await["card_fingerprint"], Value::Null);
    assert!(is_redirect(&other.log_in(&world, 500, Pay::visa()).await?), "it is nobody's by now");
    let found = rest(&world).await?;
    assert_eq!((found.accounts[petra.account()].cards.len(), found.accounts[other.account()].cards.len()), (0, 1));
    Ok(())
}

#[tokio::test]
async fn a_dispute_over_fraud_or_lost_undoes_what_its_payment_claimed() -> Result<()> {
    use cargo_stripeflare::stripe::DisputeEnd;
    let world = World::start().await?;
    let cards = async |visitor: &Visitor| world.send(visitor.request(&world, Method::GET, "/cards")).await.json();
    for (reason, lost) in [("fraudulent", false), ("product_not_received", true), ("product_not_received", false)] {
        let mut petra = Visitor::arrive(&world).await;
        let session = petra.pay(&world, 500, Pay::visa()).await?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert!(is_redirect(&petra.come_back(&world, &session).await));
        let intent = world.stripe.object("payment_intent", session["payment_intent"].as_str().unwrap()).unwrap();
        let charge = intent["latest_charge"].as_str().unwrap();
        let dispute = DisputeRequest { reason: reason.into(), ..DisputeRequest::new(charge) };
        let dispute = world.stripe.open_dispute(&dispute)?;
        if lost {
            world.stripe.close_dispute(dispute["id"].as_str().unwrap(), DisputeEnd::Lost)?;
        }
        world.stripe.wait_idle(DEADLINE).await?;
        rest(&world).await?;
        let stays = reason != "fraudulent" && !lost;
        assert_eq!(cards(&petra).await["cards"].as_array().unwrap().len(), usize::from(stays), "{reason} {lost}");
        if !stays {
            assert!(is_redirect(&petra.come_back(&world, &session).await));
            assert_eq!(cards(&petra).await["cards"], json!([]), "it claims nothing any more");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_stripe_tells_of_a_payer_is_shown_as_text_and_never_obeyed() -> Result<()> {
    let world = World::start().await?;
    let name = format!("<script>alert(1)</script>\r\nX-Evil: 1 \u{202e}\"'&{}", "x".repeat(1_000));
    let email = "\"><img src=x>@example.com";
    let mut petra = Visitor::arrive(&world).await;
    let pay = async |visitor: &Visitor| {
        let request = PayRequest {
            name: Some(name.clone()),
            email: email.into(),
            ..PayRequest::new(500, visitor.leave(&world).await)
        };
        world.stripe.pay(&request).await
    };
    let session = pay(&petra).await?;
    assert!(is_redirect(&petra.come_back(&world, &session).await));
    let told = petra.me(&world).await["name"].as_str().unwrap().to_owned();
    assert!(told.chars().count() <= 200 && !told.contains(char::is_control) && !told.contains('\u{202e}'), "{told}");
    let mut other = Visitor::arrive(&world).await;
    let session = pay(&other).await?;
    let asks = other.come_back(&world, &session).await;
    assert_eq!(asks.status, 200);
    assert!(!asks.body.contains("<img") && !asks.body.contains("<script"), "{asks:?}");
    assert!(asks.headers.get("x-evil").is_none());
    world.stripe.wait_idle(DEADLINE).await?;
    rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn whoever_did_not_leave_to_pay_from_here_is_asked_before_a_card_is_added() -> Result<()> {
    let world = World::start().await?;
    let petra = Visitor::arrive(&world).await;
    let topup = |site: &str, mode: &str| {
        let request = world.request(Method::GET, "/topup").header("sec-fetch-site", site);
        let request = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", "document");
        world.send(request.header("cookie", format!("__Host-access_token={}", petra.token())))
    };
    let left = topup("same-origin", "navigate").await.header("set-cookie");
    let expected = format!("__Host-paying={}; HttpOnly; Secure; SameSite=Lax; Path=/; Max-Age=7200", petra.account());
    assert_eq!(left, expected);
    for (site, mode) in
        [("none", "navigate"), ("same-site", "navigate"), ("cross-site", "navigate"), ("same-origin", "no-cors")]
    {
        assert_eq!(topup(site, mode).await.header("set-cookie"), "", "{site} {mode}");
    }

    // By a link to the payment page that came some other way.
    let mut petra = petra;
    let session = world.stripe.pay(&PayRequest::new(500, petra.customer(&world).await.reference)).await?;
    let asks = petra.come_back(&world, &session).await;
    assert!(asks.status == 200 && asks.body.contains("Add it"), "{asks:?}");
    assert_eq!((petra.balance(&world).await, &petra.me(&world).await["card_fingerprint"]), (500.0, &Value::Null));
    assert!(is_redirect(&petra.press(&world, &asks, "add").await?));
    assert!(petra.me(&world).await["card_fingerprint"].is_string());
    Ok(())
}

#[tokio::test]
async fn a_runtime_killed_at_any_moment_of_a_login_is_made_up_for() -> Result<()> {
    let mut world = World::with(late(), &[]).await?;
    for round in 0..8_u64 {
        let mut visitor = Visitor::arrive(&world).await;
        let card = Pay::Card(format!("400000000000{round}123"));
        let session = visitor.pay(&world, 500, card).await?;
        let path = format!("/stripe/return?session_id={}", session["id"].as_str().unwrap());
        let sent = tokio::spawn(visitor.request(&world, Method::GET, &path).send());
        tokio::time::sleep(Duration::from_millis(4 + round * 4)).await;
        world.workerd.kill9().await?;
        let _ = sent.await?;
        world.workerd.restart().await?;
        assert!(is_redirect(&visitor.come_back(&world, &session).await), "{round}");
        assert_eq!(visitor.balance(&world).await, 500.0, "{round}");
        assert!(visitor.me(&world).await["card_fingerprint"].is_string(), "{round}");
    }
    world.stripe.wait_idle(DEADLINE).await?;
    let found = rest(&world).await?;
    assert!(found.accounts.values().all(|account| (account.cards.len(), account.count("credit")) == (1, 1)), "{found}");
    Ok(())
}
