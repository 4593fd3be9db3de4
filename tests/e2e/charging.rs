//! Prices: held, charged, and by how much.

use anyhow::Result;
use reqwest::Method;
use tests::World;

#[tokio::test]
async fn of_three_hundred_calls_at_once_on_a_balance_for_forty_forty_are_served() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for _ in 0..10 {
        assert_eq!(world.get(&customer, "/ok").await.status, 200);
    }
    let calls = (0..300).map(|_| world.get(&customer, "/slow?ms=300"));
    let replies = futures_util::future::join_all(calls).await;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!(count(200), 40);
    assert_eq!(count(402) + count(429), 260, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for held in replies.iter().filter(|reply| reply.status == 429) {
        assert_eq!(held.header("retry-after"), "1");
    }
    world.settled(&customer).await;
    assert_eq!(world.balance(&customer).await, 0.0);
    assert_eq!(world.get(&customer, "/ok").await.status, 402);
    Ok(())
}

#[tokio::test]
async fn a_metered_call_costs_what_it_used_and_never_more_than_its_maximum() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    for (used, price, balance) in [
        ("2.5", "2.5", "97.5"),
        ("0.0001", "0.0001", "97.4999"),
        ("0", "0", "97.4999"),
        ("5000", "10", "87.4999"),
        ("5&max=3", "3", "84.4999"),
    ] {
        let reply = world.get(&customer, &format!("/metered?use={used}")).await;
        assert_eq!(
            (reply.status, reply.header("x-price").as_str(), reply.header("x-balance").as_str()),
            (200, price, balance)
        );
    }
    assert_eq!(world.get(&customer, "/metered?use=-1").await.status, 500);
    assert_eq!(world.balance(&customer).await, 84.4999);
    Ok(())
}

#[tokio::test]
async fn a_price_in_a_header_is_charged_after_the_fact() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let reply = world.get(&customer, "/dynamic?cents=12.5").await;
    assert_eq!((reply.status, reply.header("x-price"), reply.header("x-balance")), (200, "12.5".into(), "37.5".into()));
    for wrong in ["abc", "-1", "1e3", "0.00001", "", "99999999999999"] {
        let reply = world.get(&customer, &format!("/dynamic?cents={wrong}")).await;
        assert_eq!((reply.status, reply.body.contains("dynamic")), (500, false), "{wrong}");
    }
    let free = world.get(&customer, "/dynamic?cents=0").await;
    assert_eq!((free.status, free.header("x-price")), (200, "0".into()));
    assert_eq!(world.balance(&customer).await, 37.5);

    let overdrawn = world.get(&customer, "/dynamic?cents=100").await;
    assert_eq!((overdrawn.status, overdrawn.header("x-balance")), (200, "-62.5".into()));
    let withheld = world.get(&customer, "/dynamic?cents=1").await;
    assert_eq!((withheld.status, withheld.body.contains("dynamic")), (402, false), "below zero only once");
    assert_eq!(world.visit("/dynamic?cents=1").await.status, 402);
    assert_eq!(world.balance(&customer).await, -62.5);
    Ok(())
}

#[tokio::test]
async fn a_handler_may_charge_from_inside() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    assert_eq!(world.post(&customer, "/charge?cents=20", "").await.body, "30");
    let refused = world.post(&customer, "/charge?cents=31", "").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (402, Some("payment_required")));
    assert_eq!(world.post(&customer, "/charge?cents=31&overdraft=true", "").await.body, "-1");
    assert_eq!(world.post(&customer, "/charge?cents=1&overdraft=true", "").await.status, 402);
    assert_eq!(world.post(&customer, "/charge?cents=0", "").await.status, 500);
    let visitor = world.send(world.request(Method::POST, "/charge?cents=1")).await;
    assert_eq!(visitor.status, 402);
    assert_eq!(world.balance(&customer).await, -1.0);
    Ok(())
}

#[tokio::test]
async fn a_job_charges_once_per_key_and_says_why_not() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let job = |payer: &str, cents: &str, key: &str| {
        world.send(world.request(Method::POST, &format!("/job?payer={payer}&cents={cents}&key={key}")))
    };
    let account = customer.account();
    assert_eq!(job(account, "20", "monday").await.body, "Charged { available: Cents(300000) }");
    assert_eq!(job(account, "20", "monday").await.body, "AlreadyCharged");
    assert_eq!(job(&customer.token, "20", "monday").await.body, "AlreadyCharged");
    assert_eq!(job(account, "21", "monday").await.body, "KeyReused");
    assert_eq!(job(account, "31", "tuesday").await.body, "InsufficientFunds { available: Cents(300000) }");
    let stranger = world.newcomer().await;
    assert_eq!(job(stranger.account(), "1", "monday").await.body, "Unregistered");
    assert_eq!(job("nobody", "1", "monday").await.status, 500);
    assert_eq!(world.balance(&customer).await, 30.0);
    Ok(())
}

#[tokio::test]
async fn a_handler_of_a_plain_router_is_charged_too() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let reply = world.post(&customer, "/plain", "text").await;
    assert_eq!((reply.status, reply.body.as_str(), reply.header("x-price")), (200, "text", "2".into()));
    Ok(())
}

#[tokio::test]
async fn a_priced_function_is_charged_wherever_it_is_mounted() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let mut balance = 50.0;
    for path in ["/trap", "/x", "/nested/x", "/layered/x"] {
        assert_eq!(world.visit(path).await.status, 402, "{path}");
        let reply = world.get(&customer, path).await;
        assert_eq!((reply.status, reply.body.as_str(), reply.header("x-price")), (200, "trap", "3".into()), "{path}");
        balance -= 3.0;
        assert_eq!(world.balance(&customer).await, balance, "{path}");
    }
    assert_eq!(world.get(&customer, "/layered/x").await.header("x-layer"), "passed");
    let reply = world.get(&customer, "/of-others").await;
    assert_eq!((reply.body.as_str(), reply.header("x-price")), ("trap plain", "1".into()));
    assert_eq!(world.balance(&customer).await, balance - 4.0, "what others cost is not charged");
    Ok(())
}

#[tokio::test]
async fn a_handler_sees_its_account_with_the_reserve() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    assert_eq!(world.get(&customer, "/row").await.body, "50 free");
    assert_eq!(world.get(&customer, "/row").await.body, "49 free", "the last call's charge came along");
    let visitor = world.visit("/whoami").await;
    assert!(visitor.body.ends_with(" 0 free 0 None"), "{visitor:?}");
    Ok(())
}

#[tokio::test]
async fn a_handler_that_outlives_its_hold_is_paid_if_the_money_is_there() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let late = world.get(&customer, "/outlive?ms=1100").await;
    assert_eq!((late.status, late.header("x-price"), late.header("x-balance")), (200, "1".into(), "49".into()));
    assert_eq!(world.balance(&customer).await, 49.0, "captured before the answer, not after");
    Ok(())
}
