//! A cent is what Stripe counts in, whatever the currency: in payments, prices, refunds and disputes.

use anyhow::Result;
use cargo_stripeflare::stripe::{DisputeEnd, DisputeRequest, PayRequest, RefundStatus, StandInOptions};
use reqwest::Method;
use tests::audit::audit_at_rest;
use tests::{DEADLINE, World};

#[tokio::test]
async fn payments_prices_refunds_and_disputes_count_alike_in_each_currency() -> Result<()> {
    // Two decimals, none, and none but sent times a hundred.
    for (currency, unit, name) in
        [("eur", 100, "cent"), ("jpy", 1, "JPY"), ("krw", 1, "KRW"), ("isk", 100, "cent"), ("ugx", 100, "cent")]
    {
        let options = StandInOptions { currency: currency.into(), ..StandInOptions::default() };
        let world = World::with(options, &[("STRIPE_CURRENCY", currency)]).await?;
        let customer = world.newcomer().await;
        assert!(
            world.stripe.pay(&PayRequest::new(99, &customer.reference)).await.is_ok()
                != (currency == "isk" || currency == "ugx")
        );
        world.stripe.wait_idle(DEADLINE).await?;
        let before = world.balance(&customer).await;
        let session = world.pay(&customer, 900 * unit).await?;
        let units = |whole: i64| before + (whole * unit) as f64;
        assert_eq!(world.balance(&customer).await, units(900), "{currency}");

        let intent = world.stripe.object("payment_intent", session["payment_intent"].as_str().unwrap()).unwrap();
        let charge = intent["latest_charge"].as_str().unwrap();
        world.stripe.refund(charge, Some(200 * unit), RefundStatus::Succeeded)?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(world.balance(&customer).await, units(700), "{currency}");
        let dispute =
            world.stripe.open_dispute(&DisputeRequest { amount: Some(300 * unit), ..DisputeRequest::new(charge) })?;
        let id = dispute["id"].as_str().unwrap();
        world.stripe.withdraw_disputed(id)?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(world.balance(&customer).await, units(400), "{currency}");
        world.stripe.reinstate_disputed(id, Some(150 * unit))?;
        world.stripe.close_dispute(id, DisputeEnd::Won)?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(world.balance(&customer).await, units(550), "{currency}");
        let call = world.get(&customer, "/fraction").await;
        assert_eq!(call.header("x-balance"), (units(550) - 0.25).to_string(), "a quarter of what Stripe counts in");
        let refused = world.visit("/ok").await.json();
        assert!(refused["message"].as_str().unwrap().contains(&format!("1 {name} of credit")), "{refused}");
        let found = audit_at_rest(world.disk(), DEADLINE).await?;
        assert!(found.is_clean(), "{found}");
    }
    Ok(())
}

#[tokio::test]
async fn a_currency_of_three_decimals_is_refused() -> Result<()> {
    let world = World::with(StandInOptions::default(), &[("STRIPE_CURRENCY", "kwd")]).await?;
    for path in ["/ok", "/me", "/free"] {
        let reply = world.send(world.request(Method::GET, path)).await;
        assert!(reply.status == 500 && reply.body.contains("STRIPE_CURRENCY"), "{reply:?}");
    }
    Ok(())
}
