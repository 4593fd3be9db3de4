//! Two accounts of one person become one, whatever else happens to them meanwhile.

use std::time::Duration;

use anyhow::Result;
use cargo_stripeflare::stripe::{DisputeEnd, DisputeRequest, Method as Pay, PayRequest, RefundStatus};
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tests::audit::{Audit, audit, audit_at_rest};
use tests::visitor::{Visitor, form};
use tests::{Customer, DEADLINE, Reply, World};

fn mastercard() -> Pay {
    Pay::Card("5555555555554444".into())
}

async fn rest(world: &World) -> Result<Audit> {
    world.stripe.wait_idle(DEADLINE).await?;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());
    Ok(found)
}

fn went_on(reply: &Reply) {
    assert_eq!((reply.status, reply.header("location").as_str()), (303, "/"), "{reply:?}");
}

fn asks(reply: &Reply) {
    assert!(reply.status == 200 && reply.body.contains("Use that account"), "{reply:?}");
}

/// Somebody who has paid with a card of their own; each is registered after the one before.
async fn payer(world: &World, cents: i64, card: Pay) -> Result<Visitor> {
    let mut visitor = Visitor::arrive(world).await;
    went_on(&visitor.log_in(world, cents, card).await?);
    Ok(visitor)
}

fn charge(world: &World, session: &Value) -> String {
    let intent = world.stripe.object("payment_intent", session["payment_intent"].as_str().unwrap()).unwrap();
    intent["latest_charge"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_same_card_in_a_fresh_browser_is_the_same_account_or_stays_apart() -> Result<()> {
    let world = World::start().await?;
    let first = payer(&world, 500, Pay::visa()).await?;
    let mut second = Visitor::arrive(&world).await;
    let (own, old) = (second.account().to_owned(), second.customer(&world).await);
    let question = second.log_in(&world, 300, Pay::visa()).await?;
    asks(&question);
    assert!(question.body.contains("p•••@example.com") && question.body.contains("visa •••• 4242"), "{question:?}");
    assert!(!question.body.contains("cs_test_") && !question.body.contains("payer@example.com"));

    went_on(&second.press(&world, &question, "keep").await?);
    assert_eq!((second.account(), second.balance(&world).await), (own.as_str(), 300.0));
    assert_eq!(second.me(&world).await["card_fingerprint"], Value::Null);

    went_on(&second.press(&world, &question, "use").await?);
    assert_eq!(second.account(), first.account());
    let found = rest(&world).await?;
    for visitor in [&first, &second] {
        assert_eq!(visitor.balance(&world).await, 800.0);
        assert!(visitor.me(&world).await["card_fingerprint"].is_string(), "this token manages");
    }
    let gone = &found.accounts[&own];
    assert_eq!((gone.balance, gone.merged_into.as_deref()), (0, Some(first.account())));

    let refused = world.get(&old, "/ok").await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("account_merged")));
    let mut stale = Visitor::with(&old.token);
    assert_eq!(stale.visit(&world, "/free").await.status, 200);
    assert_eq!(world.get(&second.customer(&world).await, "/ok").await.header("x-balance"), "799");
    Ok(())
}

#[tokio::test]
async fn the_answer_may_be_given_again_but_by_no_other_browser() -> Result<()> {
    let world = World::start().await?;
    let first = payer(&world, 500, Pay::visa()).await?;
    let mut second = Visitor::arrive(&world).await;
    let before = second.clone();
    let question = second.log_in(&world, 300, Pay::visa()).await?;
    let sent = form(&question, "use")?;

    let mut mallory = payer(&world, 100, mastercard()).await?;
    let changed = Reply { body: question.body.replace("value=\"7b", "value=\"7a"), ..question.clone() };
    for (visitor, page) in
        [(&mut mallory, &question), (&mut Visitor::default(), &question), (&mut before.clone(), &changed)]
    {
        let refused = visitor.press(&world, page, "use").await?;
        assert!([400, 403].contains(&refused.status), "{refused:?}");
    }
    for wrong in
        ["", "question=&seal=&answer=use", &sent.replace("answer=use", "answer=add"), &sent.replace("seal=", "seal=0")]
    {
        let request = before.request(&world, Method::POST, "/stripe/return").body(wrong.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(world.send(request).await.status, 400, "{wrong}");
    }
    assert!(rest(&world).await?.accounts.values().all(|account| account.merged_into.is_none()));

    // The answer got lost, twice, and the browser sends the form again with the cookie that it has.
    for _ in 0..3 {
        let mut browser = before.clone();
        went_on(&browser.press(&world, &question, "use").await?);
        assert_eq!(browser.account(), first.account());
        assert_eq!(rest(&world).await?.accounts[first.account()].balance, 8_000_000);
        assert_eq!(browser.balance(&world).await, 800.0);
    }
    Ok(())
}

#[tokio::test]
async fn two_browsers_that_pay_with_the_same_new_card_at_once_end_as_one_account() -> Result<()> {
    let world = World::start().await?;
    for round in 0..4 {
        let card = Pay::Card(format!("400000000000{round}123"));
        let (mut ada, mut bob) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        let (paid_a, paid_b) = join(ada.pay(&world, 500, card.clone()), bob.pay(&world, 300, card)).await;
        let (back_a, back_b) = {
            let (paid_a, paid_b) = (paid_a?, paid_b?);
            join(ada.come_back(&world, &paid_a), bob.come_back(&world, &paid_b)).await
        };
        let (asked, page) = if back_a.status == 200 { (&mut ada, back_a) } else { (&mut bob, back_b) };
        asks(&page);
        went_on(&asked.press(&world, &page, "use").await?);
        rest(&world).await?;
        // Whoever was not asked may be the one whose account went.
        let survivor =
            if asked.balance(&world).await == 800.0 { asked.account().to_owned() } else { panic!("{round}") };
        let found = rest(&world).await?;
        assert_eq!(found.accounts[&survivor].balance, 8_000_000);
        assert_eq!(found.accounts[&survivor].cards.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn two_browsers_that_merge_into_each_other_at_once_end_as_one_account() -> Result<()> {
    for round in 0..3 {
        let world = World::start().await?;
        let mut ada = payer(&world, 500, Pay::visa()).await?;
        let mut bob = payer(&world, 300, mastercard()).await?;
        let page_a = ada.log_in(&world, 50, mastercard()).await?;
        let page_b = bob.log_in(&world, 70, Pay::visa()).await?;
        asks(&page_a);
        asks(&page_b);
        let (said_a, said_b) = join(ada.press(&world, &page_a, "use"), bob.press(&world, &page_b, "use")).await;
        went_on(&said_a?);
        went_on(&said_b?);
        assert_eq!(ada.account(), bob.account(), "{round}");
        let found = rest(&world).await?;
        assert_eq!(found.accounts[ada.account()].balance, 9_200_000);
        assert_eq!(found.accounts[ada.account()].cards.len(), 2);
        assert_eq!((ada.balance(&world).await, bob.balance(&world).await), (920.0, 920.0));
    }
    Ok(())
}

/// A, B and C, of which C went into B and then B into A; each had paid 500 cents. Answers the sessions, too.
async fn chain(world: &World) -> Result<([Visitor; 3], [Value; 3])> {
    let numbers = ["4242424242424242", "5555555555554444", "378282246310005"];
    let mut visitors = Vec::new();
    let mut sessions = Vec::new();
    for number in numbers {
        let mut visitor = Visitor::arrive(world).await;
        let session = visitor.pay(world, 500, Pay::Card(number.into())).await?;
        world.stripe.wait_idle(DEADLINE).await?;
        went_on(&visitor.come_back(world, &session).await);
        visitors.push(visitor);
        sessions.push(session);
    }
    let before = visitors.clone();
    for (goes, into) in [(2, 1), (1, 0)] {
        let question = visitors[goes].log_in(world, 50, Pay::Card(numbers[into].into())).await?;
        asks(&question);
        went_on(&visitors[goes].press(world, &question, "use").await?);
        assert_eq!(visitors[goes].account(), before[into].account());
    }
    Ok((before.try_into().unwrap(), sessions.try_into().unwrap()))
}

#[tokio::test]
async fn through_a_chain_of_three_everything_follows_up_and_down() -> Result<()> {
    let world = World::start().await?;
    let ([ada, bob, cyd], [.., session]) = chain(&world).await?;
    let (customer, charge) = (ada.customer(&world).await, charge(&world, &session));
    let balance = async |cents: f64, what: &str| -> Result<()> {
        let found = rest(&world).await?;
        assert_eq!(world.balance(&customer).await, cents, "{what}");
        for gone in [&bob, &cyd] {
            let account = &found.accounts[gone.account()];
            assert_eq!(account.balance, account.frozen, "{what}");
        }
        assert_eq!(found.accounts[ada.account()].cards.len(), 3, "{what}");
        Ok(())
    };
    balance(1_600.0, "all three, and twice 50").await?;

    let reference = format!("{}-", cyd.account());
    let old = world.stripe.events().into_iter().find_map(|event| {
        let reference_of = event["data"]["object"]["client_reference_id"].as_str()?;
        reference_of.starts_with(&reference).then(|| reference_of.to_owned())
    });
    let old = Customer { token: String::new(), reference: old.unwrap() };
    world.pay(&old, 100).await?;
    balance(1_700.0, "a payment for the account that went is credited there, and follows").await?;

    world.stripe.refund(&charge, Some(200), RefundStatus::Succeeded)?;
    balance(1_500.0, "what is refunded there is owed back").await?;

    let dispute = world.stripe.open_dispute(&DisputeRequest { amount: Some(250), ..DisputeRequest::new(&charge) })?;
    let dispute = dispute["id"].as_str().unwrap();
    balance(1_250.0, "what is disputed there must lie there").await?;
    world.stripe.withdraw_disputed(dispute)?;
    balance(1_250.0, "and is taken from there").await?;
    world.stripe.reinstate_disputed(dispute, None)?;
    world.stripe.close_dispute(dispute, DisputeEnd::Won)?;
    balance(1_500.0, "and comes back").await?;

    let job = |payer: &str, key: &str| world.request(Method::POST, &format!("/job?payer={payer}&cents=10&key={key}"));
    for (payer, said) in [(&cyd, "Charged"), (&cyd, "AlreadyCharged"), (&ada, "Charged"), (&ada, "AlreadyCharged")] {
        assert!(world.send(job(payer.account(), "monthly")).await.body.contains(said), "{said}");
    }
    balance(1_480.0, "a job that knows the old account charges the one it went into").await?;

    let dispute = DisputeRequest { reason: "fraudulent".into(), amount: Some(50), ..DisputeRequest::new(&charge) };
    world.stripe.open_dispute(&dispute)?;
    let found = rest(&world).await?;
    assert_eq!(found.accounts[ada.account()].cards.len(), 2, "what its payment claimed is given up where it is by now");
    assert_eq!(world.balance(&customer).await, 1_430.0);
    Ok(())
}

#[tokio::test]
async fn an_inherited_card_logs_in_to_the_survivor() -> Result<()> {
    let world = World::start().await?;
    let ([ada, ..], _) = chain(&world).await?;
    rest(&world).await?;
    let mut fresh = Visitor::arrive(&world).await;
    let question = fresh.log_in(&world, 50, Pay::Card("378282246310005".into())).await?;
    asks(&question);
    went_on(&fresh.press(&world, &question, "use").await?);
    assert_eq!(fresh.account(), ada.account());
    rest(&world).await?;
    let cards = world.get(&ada.customer(&world).await, "/cards").await.json();
    let tokens = cards["cards"].as_array().unwrap().iter().filter(|card| card["token"] == "first").count();
    assert_eq!(tokens, 1, "the others hang on the tokens of the browsers that brought them: {cards}");
    Ok(())
}

#[tokio::test]
async fn calls_that_run_while_their_account_goes_are_paid_once() -> Result<()> {
    let world = World::start().await?;
    let first = payer(&world, 500, Pay::visa()).await?;
    let mut second = payer(&world, 500, mastercard()).await?;
    let own = second.account().to_owned();
    let customer = second.customer(&world).await;
    let question = second.log_in(&world, 50, Pay::visa()).await?;
    asks(&question);
    let running = join_all((0..5).map(|_| world.get(&customer, "/slow?ms=4000")));
    let merging = async {
        while audit(world.disk())?.accounts[&own].open.len() < 5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        went_on(&second.press(&world, &question, "use").await?);
        assert_eq!(world.get(&customer, "/ok").await.status, 401, "nothing new is held there");
        anyhow::Ok(())
    };
    let (replies, merged) = join(running, merging).await;
    merged?;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    while !audit(world.disk())?.accounts[&own].open.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let found = rest(&world).await?;
    let gone = &found.accounts[&own];
    assert_eq!((gone.balance, gone.count("capture")), (0, 5));
    assert_eq!(first.balance(&world).await, 1_045.0);
    Ok(())
}

#[tokio::test]
async fn a_token_that_only_spends_claims_no_card() -> Result<()> {
    let world = World::start().await?;
    let owner = payer(&world, 500, Pay::visa()).await?;
    let customer = owner.customer(&world).await;
    let minted = world.post(&customer, "/tokens", r#"{"label":"spends"}"#).await;
    let mut thief = Visitor::with(minted.json()["access_token"].as_str().unwrap());
    let request = PayRequest::new(500, &customer.reference).method(mastercard());
    let session = world.stripe.pay(&request).await?;
    let refused = thief.come_back(&world, &session).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(rest(&world).await?.accounts[owner.account()].cards.len(), 1);
    let spends = Customer { token: minted.json()["access_token"].as_str().unwrap().to_owned(), ..customer };
    assert_eq!(world.get(&spends, "/cards").await.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_runtime_killed_at_any_moment_of_a_merge_loses_and_doubles_nothing() -> Result<()> {
    const KILLS: u64 = 12;
    let mut world = World::start().await?;
    let mut expected = 0.0;
    let first = payer(&world, 500, Pay::visa()).await?;
    expected += 500.0;
    for round in 0..KILLS {
        let mut visitor = Visitor::arrive(&world).await;
        let session = visitor.pay(&world, 100, Pay::visa()).await?;
        world.stripe.wait_idle(DEADLINE).await?;
        expected += 100.0;
        let question = visitor.come_back(&world, &session).await;
        asks(&question);
        // Early kills hit the answer, late ones the alarm that carries the money two seconds later.
        let moment = if round % 2 == 0 { round * 3 } else { 1_900 + round * 25 };
        let request = visitor.request(&world, Method::POST, "/stripe/return");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form(&question, "use")?);
        let sent = tokio::spawn(request.send());
        tokio::time::sleep(Duration::from_millis(moment)).await;
        world.workerd.kill9().await?;
        let _ = sent.await?;
        let found = audit(world.disk())?;
        assert!(found.violations.is_empty(), "{found}");
        world.workerd.restart().await?;
        went_on(&visitor.press(&world, &question, "use").await?);
        assert_eq!(visitor.account(), first.account(), "{round}");
    }
    let found = rest(&world).await?;
    println!("{found}");
    assert_eq!(first.balance(&world).await, expected);
    assert_eq!(found.accounts[first.account()].cards.len(), 1);
    Ok(())
}
