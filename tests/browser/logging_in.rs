//! Paying is the login: the same card in another browser, and what somebody else's payment cannot do.

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::StandInOptions;
use fantoccini::Locator;
use serde_json::Value;
use tests::World;
use tests::browser::Browser;

/// The return page leads on to `/me`, which shows in whose account a browser is.
async fn world() -> Result<World> {
    let after_payment = Some("/stripe/return?session_id={CHECKOUT_SESSION_ID}".to_owned());
    let stripe = StandInOptions { after_payment, ..StandInOptions::default() };
    World::of("tests/worker", stripe, &[("STRIPE_RETURN_TO", "/me")]).await
}

/// From a page that costs to the payment page, and back.
async fn pay(world: &World, browser: &Browser, email: &str, method: &str) -> Result<()> {
    browser.goto(&world.address("/large")).await?;
    browser.press("Add credit").await?;
    browser.pay(email, method).await?;
    browser.arrives(&world.address("/")).await
}

/// Who the browser is by now.
async fn me(world: &World, browser: &Browser) -> Result<Value> {
    browser.goto(&world.address("/me")).await?;
    let shown = browser.text().await?;
    serde_json::from_str(&shown).with_context(|| shown)
}

async fn cards(world: &World, browser: &Browser) -> Result<String> {
    browser.goto(&world.address("/cards")).await?;
    browser.text().await
}

/// The whole story, in browsers of one kind.
async fn who_pays_with_the_same_card_is_asked(open: impl AsyncFn() -> Result<Browser>) -> Result<()> {
    let world = world().await?;
    let a = open().await?;
    pay(&world, &a, "a@example.com", "visa").await?;
    a.arrives(&world.address("/me")).await?;
    let first = me(&world, &a).await?;
    assert_eq!((&first["balance"], &first["email"]), (&500.into(), &"a@example.com".into()));
    assert!(first["card_fingerprint"].is_string(), "{first}");
    assert!(cards(&world, &a).await?.contains("4242"));

    let b = open().await?;
    pay(&world, &b, "b@example.com", "visa").await?;
    b.sees("Is this your account?").await?;
    let asked = b.text().await?;
    assert!(!asked.contains("a@example.com"), "the address is masked: {asked}");
    b.check("ask").await?;
    b.press("Use that account").await?;
    b.arrives(&world.address("/me")).await?;
    let same = me(&world, &b).await?;
    assert_eq!(same["client_reference_id"], first["client_reference_id"]);
    becomes(&world, &b, 1_000.0).await?;
    becomes(&world, &a, 1_000.0).await?;

    let c = open().await?;
    pay(&world, &c, "c@example.com", "visa").await?;
    c.sees("Is this your account?").await?;
    c.press("Keep separate").await?;
    c.arrives(&world.address("/me")).await?;
    let apart = me(&world, &c).await?;
    assert_ne!(apart["client_reference_id"], first["client_reference_id"]);
    assert_eq!((&apart["balance"], &apart["card_fingerprint"]), (&500.into(), &Value::Null));
    becomes(&world, &a, 1_000.0).await
}

/// Credit of a merged account follows by itself.
async fn becomes(world: &World, browser: &Browser, cents: f64) -> Result<()> {
    let wait = async {
        while me(world, browser).await?["balance"] != cents {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    };
    tokio::time::timeout(tests::DEADLINE, wait).await.with_context(|| format!("the balance never becomes {cents}"))?
}

#[tokio::test]
async fn the_same_card_in_another_browser_is_asked_about_and_opens_the_same_account() -> Result<()> {
    who_pays_with_the_same_card_is_asked(Browser::open).await
}

#[tokio::test]
async fn the_same_without_javascript() -> Result<()> {
    who_pays_with_the_same_card_is_asked(Browser::without_javascript).await
}

#[tokio::test]
async fn the_forged_link() -> Result<()> {
    let world = world().await?;
    let victim = Browser::open().await?;
    pay(&world, &victim, "victim@example.com", "visa").await?;
    let before = me(&world, &victim).await?;

    // The attacker's payment link, sent to the victim, who pays there with the card that is already known.
    let attacker = Browser::open().await?;
    attacker.goto(&world.address("/topup")).await?;
    let link = attacker.current_url().await?;
    victim.goto(link.as_str()).await?;
    let form = victim.find(Locator::Css("[name='session']")).await?;
    let session = form.attr("value").await?.context("a session")?;
    victim.pay("victim@example.com", "visa").await?;
    victim.sees("This payment was for another account").await?;
    victim.check("another-account").await?;

    // What the attacker knows: all that /me tells, and what the payment link says.
    let mine = me(&world, &attacker).await?;
    assert_eq!(mine["balance"], 500, "a gift is a gift");
    let known = [
        mine["client_reference_id"].to_string(),
        mine["paymentLink"].to_string(),
        world.stripe.payment_link_id().to_owned(),
    ];
    for id in known.iter().map(|id| id.trim_matches('"')) {
        assert!(!id.contains(&session));
        attacker.goto(&world.address(&format!("/stripe/return?session_id={id}"))).await?;
        attacker.sees("There is no such payment").await?;
        attacker.check("no-such-payment").await?;
    }
    let mine = me(&world, &attacker).await?;
    for field in ["name", "email", "card_fingerprint", "verified_email"] {
        assert_eq!(mine[field], Value::Null, "{mine}");
    }
    assert!(!cards(&world, &attacker).await?.contains("4242"));
    // Not even the very session helps: it was the victim's browser that came back first.
    attacker.goto(&world.address(&format!("/stripe/return?session_id={session}"))).await?;
    attacker.sees("This page was opened in another browser").await?;
    attacker.check("another-browser").await?;
    assert_eq!(me(&world, &attacker).await?["card_fingerprint"], Value::Null);
    assert_eq!(me(&world, &victim).await?, before, "the victim's account is as it was");
    Ok(())
}
