//! A cent is what Stripe counts in, whatever the currency: in payments, prices, refunds and disputes.

use anyhow::Result;
use cargo_stripeflare::stripe::{DisputeEnd, DisputeRequest, PayRequest, RefundStatus, StandInOptions};
use reqwest::Method;
use serde_json::json;
use tests::audit::audit_at_rest;
use tests::{Customer, DEADLINE, World};

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
        assert_eq!(world.get(&customer, "/me").await.json()["currency"], json!(currency));

        let charge = world.charge_of(&session);
        world.stripe.refund(&charge, Some(200 * unit), RefundStatus::Succeeded)?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(world.balance(&customer).await, units(700), "{currency}");
        let dispute =
            world.stripe.open_dispute(&DisputeRequest { amount: Some(300 * unit), ..DisputeRequest::new(&charge) })?;
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
        texts_name_the_currency(&world, &customer, if unit == 1 { name } else { "cents" }).await;
        let found = audit_at_rest(world.disk(), DEADLINE).await?;
        assert!(found.is_clean(), "{found}");
    }
    Ok(())
}

/// Whatever has an amount in it says of what.
async fn texts_name_the_currency(world: &World, customer: &Customer, unit: &str) {
    let capped = world.post(customer, "/tokens", r#"{"label":"capped","cap_total":0.5}"#).await.json();
    let capped = Customer { token: capped["access_token"].as_str().unwrap().to_owned(), ..customer.clone() };
    let refused = world.get(&capped, "/ok").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (402, Some("token_cap")));
    let closed = world.send(world.request(Method::DELETE, "/me").bearer_auth(&customer.token)).await;
    assert_eq!((closed.status, closed.json()["error"].as_str()), (409, Some("money_left")));
    let page = world.get(customer, "/account").await;
    for (reply, amount) in [(&refused, "0.5"), (&closed, "Money is left: "), (&page, "Balance: <strong>")] {
        let said = reply.body.split_once(amount).unwrap_or_else(|| panic!("{reply:?}")).1;
        let word = said.trim_start_matches(|character: char| character.is_ascii_digit() || " .".contains(character));
        assert!(word.starts_with(unit), "{said}");
    }
    assert!(page.body.contains(&format!("Caps, in {unit}")) && page.body.contains(&format!("a day, in {unit} <")));
    let others = if unit == "cents" { "JPY" } else { " cents" };
    for reply in [refused, closed, page] {
        assert!(!reply.body.contains(others), "{reply:?}");
    }
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

/// Whatever the keys and the currency say later, money stays what it was when it was paid.
#[tokio::test]
async fn test_money_and_money_of_another_currency_are_never_taken_for_this() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(100_000).await?;
    audit_at_rest(world.disk(), DEADLINE).await?;
    let live = [
        ("STRIPE_SECRET", "sk_live_0"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_0"),
        ("STRIPE_API_BASE", ""),
        ("STRIPE_PAYMENT_LINK", "https://buy.stripe.com/0"),
    ];
    world.deploy_with(&live).await?;
    let me = world.get(&customer, "/me").await.json();
    assert_eq!((&me["balance"], &me["registered"]), (&json!(0), &json!(false)));
    let reference = me["client_reference_id"].as_str().unwrap();
    assert!(reference.len() == customer.reference.len() && reference != customer.reference);
    assert_eq!(world.get(&customer, "/ok").await.status, 402, "a live call is not paid with test money");

    world.deploy_with(&[("STRIPE_CURRENCY", "jpy")]).await?;
    for path in ["/me", "/ok", "/topup"] {
        let reply = world.get(&customer, path).await;
        assert!(
            reply.status == 500 && reply.body.contains("STRIPE_CURRENCY") && reply.body.contains("usd"),
            "{reply:?}"
        );
    }
    let newcomer = world.newcomer().await;
    world.stripe.pay(&PayRequest::new(500, &newcomer.reference)).await?;
    assert_eq!(world.balance(&newcomer).await, 0.0);
    let panel = world.request(Method::GET, "/db/admin-readonly");
    let panel = world.send(panel.basic_auth("admin-readonly", Some("a secret that only these tests ever use"))).await;
    assert_eq!(panel.status, 500, "{panel:?}");

    world.deploy_with(&[]).await?;
    assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "99999");
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    Ok(())
}
