//! Webhooks that never come, or come late: the sweep credits what was paid, once.

use std::time::Duration;

use anyhow::{Context as _, Result};
use cargo_stripeflare::stripe::{
    ApiFault, DisputeEnd, DisputeRequest, Method as Pay, PayRequest, RefundStatus, StandInOptions,
};
use reqwest::Method;
use tests::audit::{Audit, audit_at_rest};
use tests::{Customer, DEADLINE, Reply, World};

/// A Stripe that tells nothing by itself.
fn silent() -> StandInOptions {
    StandInOptions { webhook_events: Vec::new(), redirect_wait: Duration::ZERO, ..StandInOptions::default() }
}

async fn sweep(world: &World) -> Reply {
    world.send(world.request(Method::POST, "/sweep")).await
}

/// What a sweep said: sessions, credited, unclaimed, failed.
fn figures(reply: &Reply) -> [u32; 4] {
    assert_eq!(reply.status, 200, "{reply:?}");
    ["sessions: ", "credited: ", "unclaimed: ", "failed: "].map(|name| said(reply, name))
}

/// As many runs as it takes: credited, unclaimed, failed.
async fn sweep_all(world: &World) -> [u32; 3] {
    let mut all = [0; 3];
    loop {
        let run = sweep(world).await;
        all = std::array::from_fn(|figure| all[figure] + figures(&run)[figure + 1]);
        if run.body.contains("complete: true") {
            return all;
        }
        // What was credited is known to be.
        at_rest(world).await.unwrap();
    }
}

fn said(reply: &Reply, name: &str) -> u32 {
    let rest = reply.body.split_once(name).map_or("", |(_, rest)| rest);
    rest.split([',', ' ']).next().and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

async fn at_rest(world: &World) -> Result<Audit> {
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());
    Ok(found)
}

/// Every event so far arrives now.
async fn webhooks_arrive(world: &World) {
    for event in world.stripe.events() {
        let body = event.to_string();
        let signature = world.stripe.sign(body.as_bytes(), world.stripe.clock().now_s());
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", signature);
        assert_eq!(world.send(request.body(body)).await.status, 200, "{event}");
    }
}

#[tokio::test]
async fn what_no_webhook_told_is_credited_once_less_what_went_back() -> Result<()> {
    let world = World::with(silent(), &[]).await?;
    assert_eq!(sweep_all(&world).await, [0, 0, 0]);

    let (ada, bob, eve) = (world.newcomer().await, world.newcomer().await, world.newcomer().await);
    let first = world.stripe.pay(&PayRequest::new(1_000, &ada.reference)).await?;
    world.stripe.refund(&world.charge_of(&first), Some(300), RefundStatus::Succeeded)?;
    world.stripe.refund(&world.charge_of(&first), Some(50), RefundStatus::Pending)?;
    let second = world.stripe.pay(&PayRequest::new(500, &bob.reference)).await?;
    let failed = world.stripe.refund(&world.charge_of(&second), Some(200), RefundStatus::Pending)?;
    world.stripe.update_refund(failed["id"].as_str().unwrap(), RefundStatus::Failed)?;
    let inquiry = DisputeRequest { amount: Some(100), inquiry: true, ..DisputeRequest::new(world.charge_of(&second)) };
    world.stripe.open_dispute(&inquiry)?;
    let third = world.stripe.pay(&PayRequest::new(600, &eve.reference)).await?;
    let dispute = world.stripe.open_dispute(&DisputeRequest::new(world.charge_of(&third)))?;
    world.stripe.withdraw_disputed(dispute["id"].as_str().unwrap())?;
    let nobody = PayRequest { client_reference_id: None, ..PayRequest::new(700, "") };
    world.stripe.pay(&nobody).await?;
    let other = world.stripe.add_payment_link("usd", None);
    let foreign =
        PayRequest { payment_link: other["id"].as_str().map(str::to_owned), ..PayRequest::new(800, &ada.reference) };
    world.stripe.pay(&foreign).await?;
    let debit = PayRequest::new(900, &bob.reference).method(Pay::BankDebit { succeeds: true });
    let debit = world.stripe.pay(&debit).await?;

    let balances = async || (world.balance(&ada).await, world.balance(&bob).await, world.balance(&eve).await);
    assert_eq!(balances().await, (0.0, 0.0, 0.0));
    assert_eq!(sweep_all(&world).await, [3, 1, 0]);
    assert_eq!(balances().await, (650.0, 500.0, 0.0));
    let found = at_rest(&world).await?;
    assert_eq!(found.accounts[bob.account()].frozen, 1_000_000, "an inquiry holds");
    assert_eq!(found.unclaimed.len(), 1, "{:?}", found.unclaimed);

    assert_eq!(sweep_all(&world).await, [0, 0, 0]);
    world.stripe.settle_delayed(debit["id"].as_str().unwrap(), true)?;
    assert_eq!(sweep_all(&world).await, [1, 0, 0], "the debit has come meanwhile");
    assert_eq!(balances().await, (650.0, 1_400.0, 0.0));

    for _ in 0..2 {
        webhooks_arrive(&world).await;
        assert_eq!(balances().await, (650.0, 1_400.0, 0.0));
    }
    let found = at_rest(&world).await?;
    assert_eq!(found.accounts[ada.account()].count("credit"), 1);
    assert_eq!(found.unclaimed.len(), 2, "the other link's payment was told by its webhook");
    assert_eq!(sweep_all(&world).await, [0, 0, 0]);
    Ok(())
}

#[tokio::test]
async fn a_sweep_credits_nothing_that_earlier_data_had() -> Result<()> {
    let mut world = World::with(silent(), &[]).await?;
    world.stripe.clock().advance_s(-3_600);
    let customer = world.newcomer().await;
    world.stripe.pay(&PayRequest::new(1_000, &customer.reference)).await?;
    world.stripe.pay(&PayRequest { client_reference_id: None, ..PayRequest::new(700, "") }).await?;
    sweep(&world).await;
    assert_eq!(world.balance(&customer).await, 1_000.0, "this data's reference, whenever it was paid");

    // As after a change of the version: no data, and references that read otherwise.
    world.workerd.kill9().await?;
    std::fs::read_dir(world.workerd.objects_dir())?.try_for_each(|file| std::fs::remove_file(file?.path()))?;
    world.deploy_with(&[("DB_SECRET", "another secret of these tests, as long as it must be")]).await?;
    assert_eq!(figures(&sweep(&world).await), [2, 0, 0, 0]);
    assert_eq!(figures(&sweep(&world).await), [2, 0, 0, 0]);
    let found = at_rest(&world).await?;
    assert!(found.accounts.is_empty() && found.unclaimed.is_empty(), "{found}");

    world.stripe.clock().advance_s(3_660);
    world.stripe.pay(&PayRequest::new(400, &customer.reference)).await?;
    webhooks_arrive(&world).await;
    let found = at_rest(&world).await?;
    assert_eq!(found.unclaimed.len(), 3, "a webhook is recorded, whenever it comes");
    assert_eq!(world.balance(&customer).await, 0.0);
    Ok(())
}

/// Variables that meant another link filed money under unclaimed; mended, they are asked again about all that nobody assigned.
#[tokio::test]
async fn money_that_nobody_was_credited_for_is_judged_again_by_todays_variables() -> Result<()> {
    let mut world = World::with(silent(), &[]).await?;
    let customer = world.newcomer().await;
    let other = world.stripe.add_payment_link("usd", None);
    let of_other = |field: &str| other[field].as_str().unwrap();
    world.deploy_with(&[("STRIPE_PAYMENT_LINK", of_other("url")), ("STRIPE_PAYMENT_LINK_ID", of_other("id"))]).await?;
    let session = world.stripe.pay(&PayRequest::new(1_000, &customer.reference)).await?;
    world.stripe.refund(&world.charge_of(&session), Some(300), RefundStatus::Succeeded)?;
    world.stripe.pay(&PayRequest { client_reference_id: Some("nobody".into()), ..PayRequest::new(700, "") }).await?;
    webhooks_arrive(&world).await;
    assert_eq!((at_rest(&world).await?.unclaimed.len(), world.balance(&customer).await), (2, 0.0));

    world.deploy_with(&[]).await?;
    for credited in [1, 0] {
        assert_eq!(figures(&sweep(&world).await)[1..3], [credited, 0]);
        assert_eq!(world.balance(&customer).await, 700.0);
        assert_eq!(at_rest(&world).await?.unclaimed.len(), 1);
    }
    Ok(())
}

/// The payment was told; what happened to it later was not.
#[tokio::test]
async fn refunds_and_disputes_that_no_webhook_told_are_found() -> Result<()> {
    let world = World::with(silent(), &[]).await?;
    let customer = world.newcomer().await;
    let first = world.stripe.pay(&PayRequest::new(1_000, &customer.reference)).await?;
    let second = world.stripe.pay(&PayRequest::new(500, &customer.reference)).await?;
    webhooks_arrive(&world).await;
    assert_eq!(world.balance(&customer).await, 1_500.0);
    at_rest(&world).await?;
    let refund = world.stripe.refund(&world.charge_of(&first), Some(300), RefundStatus::Pending)?;
    let inquiry = DisputeRequest { inquiry: true, ..DisputeRequest::new(world.charge_of(&second)) };
    let inquiry = world.stripe.open_dispute(&inquiry)?;
    let frozen = async || Ok::<_, anyhow::Error>(at_rest(&world).await?.accounts[customer.account()].frozen);

    assert_eq!(figures(&sweep(&world).await)[1..], [0, 0, 0]);
    assert_eq!((world.balance(&customer).await, frozen().await?), (1_200.0, 5_000_000));
    world.stripe.close_dispute(inquiry["id"].as_str().unwrap(), DisputeEnd::WarningClosed)?;
    world.stripe.update_refund(refund["id"].as_str().unwrap(), RefundStatus::Failed)?;
    assert_eq!((world.balance(&customer).await, frozen().await?), (1_200.0, 5_000_000));
    for _ in 0..2 {
        assert!(sweep(&world).await.body.contains("complete: true"));
        assert_eq!((world.balance(&customer).await, frozen().await?), (1_500.0, 0));
    }
    webhooks_arrive(&world).await;
    assert_eq!((world.balance(&customer).await, frozen().await?), (1_500.0, 0), "late webhooks change nothing");
    Ok(())
}

/// Even where the events of its end are gone: what has not ended is asked about until it has.
#[tokio::test]
async fn what_is_open_is_asked_about_until_it_ends() -> Result<()> {
    let mut world = World::with(silent(), &[]).await?;
    let customer = world.newcomer().await;
    let session = world.stripe.pay(&PayRequest::new(500, &customer.reference)).await?;
    let dispute = world.stripe.open_dispute(&DisputeRequest::new(world.charge_of(&session)))?;
    world.stripe.withdraw_disputed(dispute["id"].as_str().unwrap())?;
    webhooks_arrive(&world).await;
    assert_eq!(world.balance(&customer).await, 0.0);
    world.stripe.close_dispute(dispute["id"].as_str().unwrap(), DisputeEnd::Won)?;
    world.stripe.reinstate_disputed(dispute["id"].as_str().unwrap(), None)?;
    at_rest(&world).await?;

    // As if all events had been looked through already.
    world.workerd.kill9().await?;
    let swept = "INSERT OR REPLACE INTO meta (key, value) SELECT 'events swept', 4000000000 WHERE EXISTS (SELECT 1 FROM all_payments)";
    let files = world.workerd.object_files()?;
    let changed = files.iter().filter_map(|file| rusqlite::Connection::open(file).ok()?.execute(swept, []).ok());
    assert_eq!(changed.sum::<usize>(), 1);
    world.workerd.restart().await?;
    assert_eq!(figures(&sweep(&world).await)[1..], [0, 0, 0]);
    assert_eq!(world.balance(&customer).await, 500.0);
    at_rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn a_long_sweep_goes_on_where_it_ended_within_forty_requests_a_run() -> Result<()> {
    let world = World::with(silent(), &[]).await?;
    let customer = world.newcomer().await;
    for _ in 0..60 {
        world.stripe.pay(&PayRequest::new(100, &customer.reference)).await?;
    }
    let (mut credited, mut runs) = (0, 0);
    loop {
        let before = world.stripe.api_requests().len();
        let run = sweep(&world).await;
        let requests = world.stripe.api_requests().len() - before;
        // Those to objects count, too: of each credit two.
        let (all, new) = (said(&run, "requests: ") as usize, figures(&run)[1] as usize);
        assert!(all <= 40 && all >= requests + 2 * new + 4, "{requests} of {all} requests for {new}");
        credited += figures(&run)[1];
        runs += 1;
        assert_eq!(world.balance(&customer).await, f64::from(credited) * 100.0);
        at_rest(&world).await?;
        if run.body.contains("complete: true") {
            break;
        }
        assert!(figures(&run)[1] >= 6, "each run gets on: {run:?}");
    }
    assert!(credited == 60 && runs <= 10, "{credited} in {runs} runs");
    Ok(())
}

#[tokio::test]
async fn more_refunds_of_one_second_than_a_run_can_ask_about_are_all_taken() -> Result<()> {
    let world = World::with(silent(), &[]).await?;
    let customer = world.newcomer().await;
    let session = world.stripe.pay(&PayRequest::new(1_000, &customer.reference)).await?;
    webhooks_arrive(&world).await;
    let charge = world.charge_of(&session);
    for _ in 0..30 {
        world.stripe.refund(&charge, Some(10), RefundStatus::Succeeded)?;
    }
    assert_eq!(world.balance(&customer).await, 1_000.0);
    at_rest(&world).await?;
    let (mut runs, mut complete) = (0, false);
    while !complete {
        let run = sweep(&world).await;
        assert!(said(&run, "requests: ") <= 42, "{run:?}");
        complete = run.body.contains("complete: true");
        runs += 1;
        assert!(runs <= 15, "{run:?}");
    }
    assert_eq!(world.balance(&customer).await, 700.0);
    at_rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn a_sweep_without_the_links_id_finds_it_and_survives_trouble_at_stripe() -> Result<()> {
    let world = World::with(silent(), &[("STRIPE_PAYMENT_LINK_ID", "")]).await?;
    world.stripe.add_payment_link("usd", None);
    let customer = world.newcomer().await;
    let session = world.stripe.pay(&PayRequest::new(300, &customer.reference)).await?;
    world.stripe.refund(&world.charge_of(&session), Some(100), RefundStatus::Succeeded)?;
    for fault in [ApiFault::Broken, ApiFault::RateLimited, ApiFault::Garbage, ApiFault::Disconnect] {
        world.stripe.set_api_fault(Some(fault));
        assert_eq!(sweep(&world).await.status, 500, "{fault:?}");
    }
    world.stripe.set_api_fault(None);
    assert_eq!(figures(&sweep(&world).await), [1, 1, 0, 0]);
    assert_eq!(world.balance(&customer).await, 200.0);
    at_rest(&world).await?;
    Ok(())
}

/// The directory knows whose a payment is, and its account could not be credited: whatever happens to it meanwhile.
#[tokio::test]
async fn an_account_in_trouble_is_credited_later_and_keeps_no_other_waiting() -> Result<()> {
    let mut world = World::with(silent(), &[]).await?;
    let (ada, bob) = (world.newcomer().await, world.newcomer().await);
    world.stripe.pay(&PayRequest::new(100, &ada.reference)).await?;
    assert_eq!(figures(&sweep(&world).await), [1, 1, 0, 0]);
    at_rest(&world).await?;

    world.stripe.pay(&PayRequest::new(300, &bob.reference)).await?;
    let session = world.stripe.pay(&PayRequest::new(500, &ada.reference)).await?;
    let file = world.account_database(&ada)?.path().context("a file")?.to_owned();
    let intruder = rusqlite::Connection::open(file)?;
    intruder.busy_timeout(DEADLINE)?;
    intruder.execute_batch(
        "CREATE TRIGGER fails BEFORE INSERT ON keyed_entries BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    )?;
    let run = sweep(&world).await;
    assert_eq!((figures(&run), run.body.contains("complete: true")), ([3, 1, 0, 1], true), "{run:?}");
    assert_eq!((world.balance(&ada).await, world.balance(&bob).await), (100.0, 300.0));
    world.stripe.refund(&world.charge_of(&session), Some(200), RefundStatus::Succeeded)?;
    assert_eq!(figures(&sweep(&world).await)[3], 2, "its refund finds no credit yet");
    intruder.execute_batch("DROP TRIGGER fails")?;
    drop(intruder);

    // Its time to be tried again has come.
    world.workerd.kill9().await?;
    let listed = |statement: &str| -> usize {
        let files = world.workerd.object_files().unwrap().into_iter();
        files.filter_map(|file| rusqlite::Connection::open(file).ok()?.execute(statement, []).ok()).sum()
    };
    assert_eq!(listed("UPDATE again SET next_at = 0"), 2);
    world.workerd.restart().await?;
    assert_eq!(figures(&sweep(&world).await)[3], 0);
    assert_eq!((world.balance(&ada).await, world.balance(&bob).await), (400.0, 300.0));
    world.workerd.kill9().await?;
    let files = world.workerd.object_files()?;
    let left = files.iter().filter_map(|file| {
        rusqlite::Connection::open(file)
            .ok()?
            .query_row("SELECT COUNT(*) FROM again", [], |row| row.get::<_, i64>(0))
            .ok()
    });
    assert_eq!(left.sum::<i64>(), 0);
    world.workerd.restart().await?;
    at_rest(&world).await?;
    Ok(())
}

#[tokio::test]
async fn the_cron_trigger_of_the_quickstart_sweeps() -> Result<()> {
    let world = World::of("examples/quickstart", silent(), &[]).await?;
    let call = world.request(Method::POST, "/reverse").header("content-type", "application/json");
    let newcomer = world.send(call.body(r#"{"text":"abc"}"#)).await.json();
    let reference = newcomer["paymentLink"].as_str().unwrap().split_once("client_reference_id=").unwrap().1.to_owned();
    let customer = Customer { token: newcomer["access_token"].as_str().unwrap().to_owned(), reference };
    world.stripe.pay(&PayRequest::new(500, &customer.reference)).await?;
    assert_eq!(world.balance(&customer).await, 0.0);
    for _ in 0..2 {
        let rung = world.visit("/cdn-cgi/handler/scheduled?cron=17+*+*+*+*").await.json();
        assert_eq!(rung["outcome"], "ok", "{rung}\n{}", world.workerd.log());
        assert_eq!(world.balance(&customer).await, 500.0);
    }
    world.stripe.set_api_fault(Some(ApiFault::Broken));
    let rung = world.visit("/cdn-cgi/handler/scheduled?cron=17+*+*+*+*").await.json();
    assert_eq!(rung["outcome"], "exception", "Cloudflare shows a run that failed");
    Ok(())
}
