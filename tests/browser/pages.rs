//! The pages for an account's owner and for the operator, read and used by people, also without JavaScript.

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::{PayRequest, StandInOptions};
use fantoccini::Locator;
use tests::World;
use tests::browser::Browser;

const PASSWORD: &str = "a-secret-that-only-these-tests-use";

async fn world() -> Result<World> {
    let after_payment = Some("/stripe/return?session_id={CHECKOUT_SESSION_ID}".to_owned());
    let stripe = StandInOptions { after_payment, ..StandInOptions::default() };
    let vars = [("STRIPE_RETURN_TO", "/account"), ("DB_SECRET", PASSWORD), ("LOGIN_WAIT", "0")];
    let world = World::of("tests/worker", stripe, &vars).await?;
    // So long ago was each payment that the page need not wait before it asks.
    world.stripe.clock().advance_s(-30);
    Ok(world)
}

/// Pays from the account page, and is there again.
async fn pay(world: &World, browser: &Browser) -> Result<()> {
    browser.goto(&world.address("/account")).await?;
    browser.press("Add credit").await?;
    browser.pay("owner@example.com", "visa").await?;
    browser.sees("Balance: 500 cents").await
}

async fn the_account_page(browser: Browser) -> Result<()> {
    let world = world().await?;
    browser.goto(&world.address("/account")).await?;
    browser.sees("Nobody has paid into this account yet.").await?;
    browser.check("account-of-a-visitor").await?;
    pay(&world, &browser).await?;
    browser.sees("visa •••• 4242").await?;

    browser.fill("label", "agent").await?;
    browser.fill("cap_total", "25").await?;
    browser.press("Make it").await?;
    browser.sees("shown this once").await?;
    browser.check("new-token").await?;
    let token = browser.find(Locator::Css("code")).await?.text().await?;
    let spend = world.request(reqwest::Method::GET, "/ok").bearer_auth(&token);
    assert_eq!(world.send(spend).await.status, 200);

    browser.press("Your account").await?;
    browser.sees("of 25 in all").await?;
    browser.sees("GET /ok").await?;
    browser.check("account").await?;
    browser.find(Locator::Css("[aria-label='End the token agent']")).await?.click().await?;
    browser.arrives(&world.address("/account")).await?;
    let ended = async {
        while world.send(world.request(reqwest::Method::GET, "/me").bearer_auth(&token)).await.status != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(tests::DEADLINE, ended).await?;
    browser.sees("Cards that open this account").await?;

    browser.press("Change its access token").await?;
    browser.sees("Balance: 499 cents").await?;
    browser.press("Log out everywhere else").await?;
    browser.sees("Balance: 499 cents").await?;
    browser.press("Log out").await?;
    browser.sees("This browser has forgotten the account.").await?;
    browser.check("logged-out").await?;

    // The card is the way back.
    pay_again(&world, &browser).await?;
    browser.press("Delete the account").await?;
    browser.sees("cents").await?;
    browser.check("account-with-money").await
}

async fn pay_again(world: &World, browser: &Browser) -> Result<()> {
    browser.goto(&world.address("/account")).await?;
    browser.press("Add credit").await?;
    browser.pay("owner@example.com", "visa").await?;
    browser.sees("Which account do you want to use?").await?;
    browser.press("Use that account").await?;
    browser.sees("You can switch now").await?;
    browser.press("Switch to that account").await?;
    browser.sees("You are logged in").await?;
    browser.press("Go on").await?;
    browser.arrives(&world.address("/account")).await?;
    browser.sees("visa •••• 4242").await
}

#[tokio::test]
async fn an_owner_makes_and_ends_tokens_logs_out_and_comes_back() -> Result<()> {
    the_account_page(Browser::open().await?).await
}

#[tokio::test]
async fn an_owner_does_all_that_without_javascript() -> Result<()> {
    the_account_page(Browser::without_javascript().await?).await
}

#[tokio::test]
async fn the_operator_looks_at_accounts_and_assigns_money() -> Result<()> {
    let world = world().await?;
    let browser = Browser::without_javascript().await?;
    pay(&world, &browser).await?;
    world.stripe.pay(&PayRequest { client_reference_id: None, ..PayRequest::new(900, "") }).await?;
    world.stripe.wait_idle(tests::DEADLINE).await?;
    tests::audit::audit_at_rest(world.disk(), tests::DEADLINE).await?;

    let panel = world.address("/db/admin-readonly").replace("//", &format!("//admin:{PASSWORD}@"));
    browser.goto(&panel).await?;
    browser.sees("owner@example.com").await?;
    browser.check("panel").await?;
    browser.press("unclaimed").await?;
    let field = browser.find(Locator::Css("[name='account']")).await.context("money to assign")?;
    field.send_keys("nobody").await?;
    browser.check("panel-unclaimed").await?;
    browser.press("Assign").await?;
    browser.sees("No such account").await?;
    browser.check("panel-error").await
}
