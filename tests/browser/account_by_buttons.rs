//! The account page, by its buttons alone.

use anyhow::Result;
use cargo_stripeflare::stripe::StandInOptions;
use reqwest::Method;
use tests::World;
use tests::browser::Browser;

#[tokio::test]
async fn a_person_makes_and_ends_a_token_and_logs_out_without_javascript() -> Result<()> {
    let stripe = StandInOptions { after_payment: Some("/account".into()), ..StandInOptions::default() };
    let world = World::of("tests/worker", stripe, &[("SKIP_LOGIN", "true")]).await?;
    let browser = Browser::without_javascript().await?;
    browser.goto(&world.address("/account")).await?;
    browser.sees("Nobody has paid into this account yet.").await?;
    browser.press("Add credit").await?;
    browser.pay("payer@example.com", "visa").await?;
    browser.arrives(&world.address("/account")).await?;
    browser.sees("Balance: 500 cents").await?;
    browser.fill("label", "my <b>agent</b>").await?;
    browser.fill("cap_total", "2.5").await?;
    browser.press("Make it").await?;
    browser.sees("The access token my <b>agent</b>, shown this once:").await?;
    browser.check("new-token").await?;
    let text = browser.text().await?;
    let token = text.split_whitespace().find(|word| word.len() > 70).unwrap_or_default().to_owned();
    let called = world.send(world.request(Method::GET, "/ok").bearer_auth(&token)).await;
    assert_eq!((called.status, called.header("x-price").as_str()), (200, "1"), "{text}");

    browser.press("Your account").await?;
    browser.sees("my <b>agent</b>").await?;
    browser.check("account").await?;
    browser.press("Change its access token").await?;
    browser.sees("Balance: 499 cents").await?;
    browser.press("Log out").await?;
    browser.sees("Only this browser has the account").await?;
    browser.check("last-way").await?;
    browser.press("Log out and lose it").await?;
    browser.sees("This browser has forgotten the account.").await?;
    browser.goto(&world.address("/account")).await?;
    browser.sees("Nobody has paid into this account yet.").await
}
