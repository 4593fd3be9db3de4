//! Paying is the login: the same card in another browser, and what somebody else's payment cannot do.

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::StandInOptions;
use fantoccini::Locator;
use reqwest::Method;
use serde_json::Value;
use tests::World;
use tests::browser::Browser;

/// The return page leads on to `/me`, which shows in whose account a browser is. Logins wait for so many seconds, and the
/// payment page's clock is behind, so that the page need not wait before it asks.
async fn world(wait_s: &str) -> Result<World> {
    let after_payment = Some("/stripe/return?session_id={CHECKOUT_SESSION_ID}".to_owned());
    let stripe = StandInOptions { after_payment, ..StandInOptions::default() };
    let world = World::of("tests/worker", stripe, &[("STRIPE_RETURN_TO", "/me"), ("LOGIN_WAIT", wait_s)]).await?;
    world.stripe.clock().advance_s(-30);
    Ok(world)
}

/// From its account to the payment page, and back.
async fn pay(world: &World, browser: &Browser, email: &str, method: &str) -> Result<()> {
    browser.goto(&world.address("/account")).await?;
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

/// The balance becomes so much by itself.
async fn becomes(world: &World, browser: &Browser, cents: f64) -> Result<()> {
    let wait = async {
        while me(world, browser).await?["balance"] != cents {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    };
    tokio::time::timeout(tests::DEADLINE, wait).await.with_context(|| format!("the balance never becomes {cents}"))?
}

/// The letters of the login that waits, on the waiting page.
async fn letters(browser: &Browser) -> Result<String> {
    Ok(browser.find(Locator::Css(".letters")).await?.text().await?)
}

/// The whole story, in browsers of one kind: the first approves by the six letters, and later refuses.
async fn who_pays_with_the_same_card_is_asked(open: impl AsyncFn() -> Result<Browser>) -> Result<()> {
    // So long a claim must be there before it lets anybody in: short enough for a test, too long for an impatient one.
    let world = world("4").await?;
    let a = open().await?;
    pay(&world, &a, "a@example.com", "visa").await?;
    a.arrives(&world.address("/me")).await?;
    let first = me(&world, &a).await?;
    assert_eq!((&first["balance"], &first["email"]), (&500.into(), &"a@example.com".into()));
    assert!(first["card_fingerprint"].is_string(), "{first}");
    assert!(cards(&world, &a).await?.contains("4242"));
    a.goto(&world.address("/account")).await?;
    a.press("Lock").await?;
    a.sees("Keep this access token first").await?;
    a.check("before the lock").await?;

    let b = open().await?;
    let asked = async {
        loop {
            pay(&world, &b, "b@example.com", "visa").await?;
            if b.text().await?.contains("Which account do you want to use?") {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(tests::DEADLINE, asked).await??;
    let before = me(&world, &b).await?;
    b.back().await?;
    // Stripe is asked about a session once in five seconds: the page may wait, and goes on by itself.
    b.sees("Which account do you want to use?").await?;
    let asked = b.text().await?;
    assert!(!asked.contains("a@example.com") && !asked.contains("b@example.com"), "nothing that was typed: {asked}");
    b.check("ask").await?;
    b.press("Use that account").await?;
    b.sees("Waiting for that account").await?;
    b.check("waiting").await?;
    let six = letters(&b).await?;
    a.goto(&world.address("/account")).await?;
    a.sees(&six).await?;
    a.check("a login that waits").await?;
    a.press("Approve").await?;
    b.sees("You can switch now").await?;
    b.press("Switch to that account").await?;
    b.sees("You are logged in").await?;
    b.check("switched").await?;
    let same = me(&world, &b).await?;
    assert_eq!(same["client_reference_id"], first["client_reference_id"]);
    becomes(&world, &a, 1_000.0).await?;
    assert_ne!(before["client_reference_id"], first["client_reference_id"]);

    let c = open().await?;
    pay(&world, &c, "c@example.com", "visa").await?;
    c.sees("Which account do you want to use?").await?;
    c.press("Use that account").await?;
    c.sees("Waiting for that account").await?;
    a.goto(&world.address("/account")).await?;
    a.press("Refuse").await?;
    c.refresh().await?;
    c.sees("This login has ended").await?;
    c.check("refused").await?;
    let apart = me(&world, &c).await?;
    assert_ne!(apart["client_reference_id"], first["client_reference_id"]);
    assert_eq!((&apart["balance"], &apart["card_fingerprint"]), (&500.into(), &Value::Null));
    becomes(&world, &a, 1_000.0).await?;

    // Locked, no card opens it any more.
    a.goto(&world.address("/account")).await?;
    a.press("Lock").await?;
    // The lock ends the token of the login, so it is no second one.
    a.sees("Keep this access token first").await?;
    a.press("I keep it: lock").await?;
    a.sees("this account is locked, so no card opens it").await?;
    a.check("locked").await?;
    assert!(!cards(&world, &a).await?.contains("4242"));
    Ok(())
}

#[tokio::test]
async fn the_same_card_in_another_browser_is_approved_refused_and_locked_out() -> Result<()> {
    who_pays_with_the_same_card_is_asked(Browser::open).await
}

#[tokio::test]
async fn the_same_without_javascript() -> Result<()> {
    who_pays_with_the_same_card_is_asked(Browser::without_javascript).await
}

#[tokio::test]
async fn reload_back_two_tabs_and_several_payments_are_one_browser() -> Result<()> {
    let world = world("3600").await?;
    let browser = Browser::open().await?;
    for cents in [500.0, 1_000.0] {
        pay(&world, &browser, "a@example.com", "visa").await?;
        browser.arrives(&world.address("/me")).await?;
        becomes(&world, &browser, cents).await?;
    }
    let sessions: Vec<String> = world
        .stripe
        .events()
        .iter()
        .filter_map(|event| event["data"]["object"]["id"].as_str().filter(|id| id.starts_with("cs_")))
        .map(str::to_owned)
        .collect();
    for session in sessions.iter().rev().chain(&sessions) {
        browser.goto(&world.address(&format!("/stripe/return?session_id={session}"))).await?;
        browser.arrives(&world.address("/me")).await?;
        browser.back().await?;
        browser.refresh().await?;
    }
    assert!(cards(&world, &browser).await?.contains("4242"), "none of it was a contest");
    Ok(())
}

#[tokio::test]
async fn a_browser_that_keeps_no_cookies_is_credited_and_told_that_it_is_not_logged_in() -> Result<()> {
    let world = world("0").await?;
    let browser = Browser::without_cookies().await?;
    pay(&world, &browser, "payer@example.com", "visa").await?;
    browser.sees("Thank you").await?;
    browser.sees("The payment is credited to the account that its payment link belongs to.").await?;
    browser.sees("This browser was not logged in").await?;
    browser.sees("or it keeps no cookies of this site").await?;
    browser.check("no cookies").await?;
    assert_eq!(me(&world, &browser).await?["registered"], false, "a stranger at each visit");

    world.stripe.wait_idle(tests::DEADLINE).await?;
    tests::audit::audit_at_rest(world.disk(), tests::DEADLINE).await?;
    let users = world.request(Method::GET, "/db/admin-readonly?table=users&format=json");
    let users = world.send(users.basic_auth("admin-readonly", Some(tests::DB_SECRET))).await.json();
    let [user] = &users["rows"].as_array().context("rows")?[..] else { panic!("{users}") };
    assert_eq!((&user["balance"], &user["card_fingerprint"]), (&"500".into(), &Value::Null), "{user}");
    Ok(())
}

#[tokio::test]
async fn the_forged_link() -> Result<()> {
    let world = world("0").await?;
    let victim = Browser::open().await?;
    pay(&world, &victim, "victim@example.com", "visa").await?;
    let before = me(&world, &victim).await?;

    // The attacker left to pay, and the victim is sent to the payment page, and pays there with the card that is already known.
    let attacker = Browser::open().await?;
    attacker.goto(&world.address("/topup")).await?;
    let link = attacker.current_url().await?;
    victim.goto(link.as_str()).await?;
    let form = victim.find(Locator::Css("[name='session']")).await?;
    let session = form.attr("value").await?.context("a session")?;
    victim.pay("victim@example.com", "visa").await?;
    victim.sees("Thank you").await?;
    victim.check("thanks").await?;

    // The attacker knows the session: it is contested, and nothing is gained.
    let mine = me(&world, &attacker).await?;
    assert_eq!(mine["balance"], 500, "a gift is a gift");
    attacker.goto(&world.address(&format!("/stripe/return?session_id={session}"))).await?;
    attacker.sees("Another browser opened this page").await?;
    attacker.check("contested").await?;
    assert_eq!(me(&world, &attacker).await?["card_fingerprint"], Value::Null);
    assert_eq!(me(&world, &victim).await?, before, "the victim's account is as it was");
    Ok(())
}
