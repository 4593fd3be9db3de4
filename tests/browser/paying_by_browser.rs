//! Paying, as somebody with a browser does it.

use anyhow::Result;
use cargo_stripeflare::stripe::StandInOptions;
use tests::World;
use tests::browser::Browser;

/// The worker, with the return page leading on to one of its pages.
async fn world(worker: &'static str, return_to: &str) -> Result<World> {
    let after_payment = Some("/stripe/return?session_id={CHECKOUT_SESSION_ID}".to_owned());
    let stripe = StandInOptions { after_payment, ..StandInOptions::default() };
    World::of(worker, stripe, &[("STRIPE_RETURN_TO", return_to)]).await
}

#[tokio::test]
async fn the_demo_page_shows_what_was_paid_and_what_calls_cost() -> Result<()> {
    let world = world("examples/quickstart", "/demo").await?;
    let browser = Browser::open().await?;
    browser.goto(&world.address("/demo")).await?;
    browser.sees("You have not paid yet.").await?;
    browser.sees("$0.00").await?;
    browser.sees("Costs what it uses, $0.50 at most.").await?;
    browser.press("Reverse").await?;
    browser.sees("There is not enough credit for this call.").await?;
    browser.check("demo-without-credit").await?;

    browser.press("Add credit").await?;
    browser.check("payment").await?;
    browser.pay("payer@example.com", "visa").await?;
    browser.arrives(&world.address("/demo")).await?;
    browser.sees("$5.00").await?;
    browser.press("Reverse").await?;
    browser.sees("desserts").await?;
    browser.sees("$4.99").await?;
    // Who paid is not shown before another browser had time to contest it.
    browser.comes_to_see(&world.address("/me"), "payer@example.com").await?;
    browser.goto(&world.address("/demo")).await?;
    browser.sees("payer@example.com").await?;
    browser.check("demo").await
}

#[tokio::test]
async fn the_demo_page_counts_in_the_currency_of_the_worker() -> Result<()> {
    for (currency, nothing, most) in [("jpy", "¥0", "¥50"), ("mga", "MGA 0", "MGA 50"), ("isk", "ISK 0.00", "ISK 0.50")]
    {
        let stripe = StandInOptions { currency: currency.into(), ..StandInOptions::default() };
        let world = World::of("examples/quickstart", stripe, &[("STRIPE_CURRENCY", currency)]).await?;
        let browser = Browser::open().await?;
        browser.goto(&world.address("/demo")).await?;
        browser.sees(nothing).await?;
        browser.sees(&format!("Costs what it uses, {most} at most.")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_page_that_costs_leads_to_payment_and_opens_afterwards_also_without_javascript() -> Result<()> {
    let world = world("tests/worker", "/ok").await?;
    for browser in [Browser::open().await?, Browser::without_javascript().await?] {
        browser.goto(&world.address("/ok")).await?;
        browser.sees("Your balance is 0 cents.").await?;
        browser.check("402").await?;
        browser.press("Add credit").await?;
        browser.pay("payer@example.com", "wallet").await?;
        browser.arrives(&world.address("/ok")).await?;
        browser.sees("ok").await?;
    }
    Ok(())
}
