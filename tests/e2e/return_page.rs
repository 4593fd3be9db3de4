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

/// Payments are so old that the account shows at once who paid.
fn shown_at_once(world: &World) {
    world.stripe.clock().advance_s(-30);
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
        shown_at_once(&world);
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
fn thanks(reply: &Reply) {
    refuses(reply, 200);
    assert!(reply.body.contains("<h1>Thank you</h1>") && !reply.body.contains("<form"), "{reply:?}");
}

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
    thanks(&other.come_back(&world, &paid).await);
    thanks(&Visitor::default().come_back(&world, &paid).await);

    let second = petra.pay(&world, 500, mastercard()).await?;
    thanks(&Visitor::default().come_back(&world, &second).await);
    let contested = petra.come_back(&world, &second).await;
    refuses(&contested, 409);
    assert!(contested.body.contains("Another browser opened this page"), "{contested:?}");
    assert_eq!(petra.balance(&world).await, 1_000.0, "the money is there, whoever comes back");

    let third = petra.pay(&world, 500, mastercard()).await?;
    let bearer = world.request(Method::GET, &format!("/stripe/return?session_id={}", third["id"].as_str().unwrap()));
    thanks(&world.send(bearer.bearer_auth(&petra.customer(&world).await.token)).await);

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
    assert!(found.accounts[petra.account()].cards.is_empty(), "the contest undid what the first visit claimed");
    Ok(())
}

#[tokio::test]
async fn a_payment_for_another_account_logs_in_to_none() -> Result<()> {
    let world = World::start().await?;
    let (petra, mut mallory) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    let paid = petra.pay(&world, 500, Pay::visa()).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    thanks(&mallory.come_back(&world, &paid).await);
    assert_eq!((petra.balance(&world).await, mallory.balance(&world).await), (500.0, 0.0));
    let mut petra = petra;
    refuses(&petra.come_back(&world, &paid).await, 409);
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
    let mut paid = Value::Null;
    for fault in [ApiFault::Broken, ApiFault::RateLimited, ApiFault::Garbage, ApiFault::Disconnect] {
        paid = petra.pay(&world, 125, Pay::visa()).await?;
        world.stripe.set_api_fault(Some(fault));
        let back = petra.look(&world, &paid).await;
        refuses(&back, 503);
        assert!(back.body.contains("href=\"\""), "a link to try again");
        world.stripe.set_api_fault(None);
        assert_eq!(petra.me(&world).await["name"], Value::Null);
    }
    assert!(is_redirect(&petra.come_back(&world, &paid).await));
    world.stripe.wait_idle(DEADLINE).await?;
    rest(&world).await?;
    assert_eq!(petra.balance(&world).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn a_payer_without_an_identity_is_nobody_else() -> Result<()> {
    let world = World::start().await?;
    shown_at_once(&world);
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
    shown_at_once(&world);
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
async fn a_second_card_is_added_by_whoever_left_to_pay() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    petra.log_in(&world, 500, Pay::visa()).await?;
    assert!(is_redirect(&petra.log_in(&world, 500, mastercard()).await?));
    assert_eq!(rest(&world).await?.accounts[petra.account()].cards.len(), 2);
    // Paid by somebody else into this account, whose owner is lured to the return page.
    let reference = petra.customer(&world).await.reference;
    let gift = PayRequest::new(100, reference).method(Pay::Card("4000056655665556".into()));
    let gift = world.stripe.pay(&gift).await?;
    thanks(&petra.come_back(&world, &gift).await);
    assert_eq!(rest(&world).await?.accounts[petra.account()].cards.len(), 2);
    assert_eq!(petra.balance(&world).await, 1_100.0);
    Ok(())
}

#[tokio::test]
async fn an_arrival_is_a_persons_navigation_and_two_of_one_browser_are_no_contest() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    let session = petra.paid(&world, 500, Pay::visa()).await?;
    let path = format!("/stripe/return?session_id={}", session["id"].as_str().unwrap());
    let prefetch = world.request(Method::GET, &path).header("sec-fetch-mode", "navigate");
    let prefetch = prefetch.header("sec-fetch-dest", "document").header("sec-purpose", "prefetch");
    let script =
        world.request(Method::GET, &path).header("sec-fetch-mode", "cors").header("sec-fetch-site", "same-origin");
    for request in [prefetch, script] {
        thanks(&world.send(request).await);
    }
    for _ in 0..3 {
        assert!(is_redirect(&petra.come_back(&world, &session).await), "reload, back, two tabs");
    }
    // An old browser that does not say so counts as a person's, of whom nothing is asked.
    let cookies = petra.request(&world, Method::GET, &path).build()?.headers()["cookie"].clone();
    thanks(&world.send(world.request(Method::GET, &path).header("cookie", cookies)).await);
    assert!(is_redirect(&petra.come_back(&world, &session).await), "and it is no contest");
    // Another token in the same browser is the same browser.
    let asked = world.stripe.api_requests().len();
    let mut other = petra.clone();
    other.log_in(&world, 100, Pay::visa()).await?;
    assert!(is_redirect(&petra.come_back(&world, &session).await));
    assert!(world.stripe.api_requests().len() > asked);
    Ok(())
}

#[tokio::test]
async fn made_up_sessions_cost_few_calls_to_stripe() -> Result<()> {
    let world = World::start().await?;
    let before = world.stripe.api_requests().len();
    let session = "cs_test_a1B2c3";
    for _ in 0..10 {
        world.visit(&format!("/stripe/return?session_id={session}")).await;
    }
    let asked = world.stripe.api_requests().len() - before;
    assert!(asked <= 2, "{asked} calls about one session in less than some seconds");
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
    shown_at_once(&world);
    let cards = async |visitor: &Visitor| world.send(visitor.request(&world, Method::GET, "/cards")).await.json();
    for (reason, lost) in [("fraudulent", false), ("product_not_received", true), ("product_not_received", false)] {
        let mut petra = Visitor::arrive(&world).await;
        let session = petra.pay(&world, 500, Pay::visa()).await?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert!(is_redirect(&petra.come_back(&world, &session).await));
        let charge = world.charge_of(&session);
        let dispute = DisputeRequest { reason: reason.into(), ..DisputeRequest::new(&charge) };
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
    shown_at_once(&world);
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
    let back = other.come_back(&world, &session).await;
    assert!(is_redirect(&back), "a claim so young lets nobody in: {back:?}");
    assert!(back.headers.get("x-evil").is_none());
    world.stripe.wait_idle(DEADLINE).await?;
    rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn topup_marks_the_browser_that_leaves_to_pay() -> Result<()> {
    let world = World::start().await?;
    let petra = Visitor::arrive(&world).await;
    let topup = |site: &str, mode: &str, cookies: String| {
        let request = world.request(Method::GET, "/topup").header("sec-fetch-site", site);
        let request = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", "document");
        world.send(request.header("cookie", cookies))
    };
    let token = format!("__Host-access_token={}", petra.token());
    let left = topup("same-origin", "navigate", token.clone()).await;
    let cookie = left.header("set-cookie");
    for part in ["__Host-paying=", "; HttpOnly; Secure; SameSite=Lax; Path=/; Max-Age=100800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let reference = |reply: &Reply| reply.header("location").split_once("client_reference_id=").unwrap().1.to_owned();
    let plain = petra.customer(&world).await.reference;
    let mark = reference(&left).strip_prefix(&format!("{plain}-")).unwrap().to_owned();
    assert!(mark.len() == 16 && !cookie.contains(&mark), "{mark}");
    // It is renewed when used, and stays the same.
    let paying = cookie.split(';').next().unwrap();
    let again = topup("cross-site", "navigate", format!("{token}; {paying}")).await;
    assert_eq!((reference(&again), again.header("set-cookie")), (reference(&left), cookie.clone()));
    // And when it comes back, so that it is there as long as a login that begins then may be taken: an hour and a day.
    let session = world.stripe.pay(&PayRequest::new(500, reference(&left))).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    let path = format!("/stripe/return?session_id={}", session["id"].as_str().unwrap());
    let back =
        world.request(Method::GET, &path).header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
    let back = world.send(back.header("cookie", format!("{token}; {paying}"))).await;
    assert_eq!(back.cookie("__Host-paying"), cookie);
    // A call that comes without the browser's cookies takes none away.
    let kept_back = topup("cross-site", "no-cors", String::new()).await;
    assert!(!kept_back.header("set-cookie").contains("paying"), "{kept_back:?}");
    // References elsewhere have no mark, and the panel takes none.
    assert!(petra.me(&world).await["paymentLink"].as_str().unwrap().ends_with(&plain));
    let panel = world.request(Method::GET, &format!("/db/{plain}-{mark}"));
    let panel = panel.basic_auth(format!("user-{plain}-{mark}"), Some(petra.token()));
    assert!((400..500).contains(&world.send(panel).await.status));
    Ok(())
}

#[tokio::test]
async fn a_runtime_killed_at_any_moment_of_a_login_is_made_up_for() -> Result<()> {
    let mut world = World::with(late(), &[]).await?;
    shown_at_once(&world);
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
        let back = visitor.come_back(&world, &session).await;
        assert!(is_redirect(&back), "{round}: {back:?}");
        assert_eq!(visitor.balance(&world).await, 500.0, "{round}");
        assert!(visitor.me(&world).await["card_fingerprint"].is_string(), "{round}");
    }
    world.stripe.wait_idle(DEADLINE).await?;
    let found = rest(&world).await?;
    assert!(found.accounts.values().all(|account| (account.cards.len(), account.count("credit")) == (1, 1)), "{found}");
    Ok(())
}
