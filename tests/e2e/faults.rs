//! The ledger under faults: crashes, hang-ups, panics, crowds and a Stripe in trouble, each ending with the audit.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use cargo_stripeflare::stripe::{
    ApiFault, Delivery, DisputeEnd, DisputeRequest, PayRequest, Progress, RefundStatus, StandInOptions,
};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;
use tests::audit::{Audit, audit, audit_at_rest};
use tests::dice::{Dice, seed, variable};
use tests::traffic::{CONNECTIONS, Means, Outcome, Told, Traffic, known};
use tests::{Customer, DEADLINE, World};

const KILLS: u64 = 20;
const CUSTOMERS: usize = 8;
/// During each round of the kill test.
const PAYMENTS: u64 = 4;

fn violations(found: &Audit) {
    assert!(found.violations.is_empty(), "{found}");
}

/// What events of some kinds were about whose webhooks were answered with a 2xx.
fn delivered(world: &World, kinds: &[&str]) -> Vec<Value> {
    let delivered = |progress| progress == Progress::Delivered;
    let events: BTreeSet<String> =
        world.stripe.deliveries().into_iter().filter(|it| delivered(it.progress)).map(|it| it.event).collect();
    let of_kind =
        |event: &Value| kinds.iter().any(|kind| event["type"].as_str().is_some_and(|it| it.starts_with(kind)));
    let is_it = |event: &Value| of_kind(event) && events.contains(event["id"].as_str().unwrap_or_default());
    world.stripe.events().into_iter().filter(is_it).map(|event| event["data"]["object"].clone()).collect()
}

/// PaymentIntents of acknowledged payments.
fn acknowledged(world: &World) -> BTreeSet<String> {
    let sessions = delivered(world, &["checkout.session."]).into_iter();
    sessions.filter_map(|session| session["payment_intent"].as_str().map(str::to_owned)).collect()
}

/// Acknowledged refunds and disputes.
fn acknowledged_reversals(world: &World) -> BTreeSet<String> {
    let facts = delivered(world, &["refund.", "charge.dispute."]).into_iter();
    facts.filter_map(|fact| Some(format!("{}:{}", fact["object"].as_str()?, fact["id"].as_str()?))).collect()
}

/// Something happens to a payment that nothing has happened to: answers what is taken back in the end, in cents.
fn reverse(world: &World, charge: &str, cents: i64, dice: &mut Dice) -> Result<i64> {
    let part = 1 + i64::try_from(dice.below(cents.unsigned_abs()))?;
    let id = |fact: &Value| fact["id"].as_str().unwrap_or_default().to_owned();
    match dice.below(4) {
        0 => {
            world.stripe.refund(charge, Some(part), RefundStatus::Succeeded)?;
            Ok(part)
        }
        1 => {
            let refund = world.stripe.refund(charge, Some(part), RefundStatus::Pending)?;
            world.stripe.update_refund(&id(&refund), RefundStatus::Failed)?;
            Ok(0)
        }
        kind => {
            let dispute =
                world.stripe.open_dispute(&DisputeRequest { amount: Some(part), ..DisputeRequest::new(charge) })?;
            world.stripe.withdraw_disputed(&id(&dispute))?;
            if kind == 2 {
                world.stripe.close_dispute(&id(&dispute), DisputeEnd::Lost)?;
                return Ok(part);
            }
            world.stripe.reinstate_disputed(&id(&dispute), None)?;
            world.stripe.close_dispute(&id(&dispute), DisputeEnd::Won)?;
            Ok(0)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_crashes_lose_no_cent_and_invent_none() -> Result<()> {
    let seed = seed();
    let begun = Instant::now();
    let mut dice = Dice::new(seed);
    let delivery = Delivery {
        duplicates: 2,
        reorder: Duration::from_millis(150),
        retry: Duration::from_millis(50),
        seed,
        ..Delivery::default()
    };
    let options = StandInOptions { delivery, redirect_wait: Duration::ZERO, ..StandInOptions::default() };
    let mut world = World::with(options, &[]).await?;
    let mut customers = Vec::new();
    let mut paid = vec![100_000; CUSTOMERS];
    let mut taken = [0; CUSTOMERS];
    // Payments that nothing has happened to: whose, the charge, how much.
    let mut untouched: Vec<(usize, String, i64)> = Vec::new();
    let mut reversed = 0;
    for cents in &paid {
        customers.push(world.customer(*cents).await?);
    }
    let customers = Arc::new(customers);
    let mut told = Vec::new();
    // Held when the worker was killed: by account, the hold and its amount.
    let mut left: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();

    // The last round ends in peace.
    for round in 0..=KILLS {
        let traffic = Traffic::start(&world, &customers, seed + round);
        let mut most = 300 + dice.below(600);
        for _ in 0..PAYMENTS {
            let pause = dice.below(most);
            most -= pause;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let customer = usize::try_from(dice.below(CUSTOMERS as u64))?;
            let cents = 100 + i64::try_from(dice.below(400))?;
            let session = world.stripe.pay(&PayRequest::new(cents, &customers[customer].reference)).await?;
            paid[customer] += cents;
            untouched.push((customer, world.charge_of(&session), cents));
            if dice.below(2) == 0 {
                let any = usize::try_from(dice.below(untouched.len() as u64))?;
                let (customer, charge, cents) = untouched.swap_remove(any);
                taken[customer] += reverse(&world, &charge, cents, &mut dice)?;
                reversed += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(most)).await;
        if round == KILLS {
            told.extend(traffic.end().await?);
            break;
        }
        world.workerd.kill9().await?;
        told.extend(traffic.end().await?);

        let found = audit(world.disk())?;
        violations(&found);
        let credited: BTreeSet<String> =
            found.accounts.values().flat_map(|account| account.payment_intents.clone()).collect();
        let lost: Vec<String> = acknowledged(&world).difference(&credited).cloned().collect();
        assert!(lost.is_empty(), "Stripe was told that these are stored: {lost:?}");
        let known: BTreeSet<String> = found.accounts.values().flat_map(|account| account.reversals.clone()).collect();
        // One that came before its payment waits for it.
        let waits = |key: &String| {
            let id = key.split(':').next_back().unwrap_or_default();
            let is_in = |message: &[u8]| message.windows(id.len()).any(|part| part == id.as_bytes());
            found.parked.iter().any(|(_, fact)| fact.contains(id)) || found.outgoing.iter().any(|(_, it)| is_in(it))
        };
        let reversals = acknowledged_reversals(&world);
        let lost: Vec<&String> = reversals.difference(&known).filter(|key| !waits(key)).collect();
        assert!(lost.is_empty(), "and these: {lost:?}");
        for (id, account) in found.accounts {
            left.entry(id).or_default().extend(account.open);
        }
        world.workerd.restart().await?;
        assert_eq!(world.visit("/free").await.status, 200, "it is up again");
    }
    world.stripe.wait_idle(DEADLINE * 2).await?;
    let stays = |found: &Audit| {
        let open = |(id, account): (&String, &tests::audit::Figures)| {
            account.open.keys().filter(|hold| !left[id].contains_key(*hold)).count()
        };
        found.accounts.iter().map(open).sum::<usize>() == 0
    };
    let settled = async {
        while !stays(&audit(world.disk())?) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, settled).await.expect("what no crash left behind is settled")?;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());

    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    let count = |which: fn(&Outcome) -> bool| told.iter().filter(|it| which(&it.outcome)).count();
    for it in &told {
        if let Outcome::Answered(status, _) = it.outcome {
            *statuses.entry(status).or_default() += 1;
        }
    }
    println!(
        "{} calls: {statuses:?}, {} broken, {} not sent, {} hung",
        told.len(),
        count(|it| matches!(it, Outcome::Broken)),
        count(|it| matches!(it, Outcome::NotSent)),
        count(|it| matches!(it, Outcome::Hung))
    );
    assert_eq!(count(|it| matches!(it, Outcome::Hung)), 0, "every request ends");
    let mut uncharged = 0;
    for (index, customer) in customers.iter().enumerate() {
        let account = &found.accounts[customer.account()];
        let held = known(&told, index, &[Means::Hold, Means::Key]);
        let at_once = known(&told, index, &[Means::Charge]);
        let lost: Vec<i64> = left[customer.account()]
            .iter()
            .filter(|(hold, _)| !account.captured.contains(*hold))
            .map(|(_, amount)| *amount)
            .collect();
        let (captures, charges) = (account.count("capture"), account.count("charge"));
        println!(
            "{}: {} held calls answered 200, {} unknown, {captures} captures, {} holds left by crashes; \
             {} charged at once, {} unknown, {charges} charges",
            customer.account(),
            held.paid,
            held.unknown,
            lost.len(),
            at_once.paid,
            at_once.unknown
        );
        assert_eq!(account.credited, paid[index] * 10_000, "every payment, once");
        assert_eq!(account.taken, taken[index] * 10_000, "every refund and dispute, once");
        assert!(captures <= held.paid + held.unknown, "nothing is captured twice");
        assert!(captures + lost.len() >= held.paid, "a 200 is captured, or its hold was there when the worker died");
        assert!((at_once.paid..=at_once.paid + at_once.unknown).contains(&charges), "a charge comes before its answer");
        let keyed = known(&told, index, &[Means::Key]);
        assert!(
            (keyed.paid..=keyed.paid + keyed.unknown).contains(&account.keys.len()),
            "so does a capture with a key"
        );
        let price = held.price + at_once.price;
        assert!(account.charged <= price + held.unknown_price + at_once.unknown_price, "no cent invented");
        assert!(account.charged >= price - lost.iter().sum::<i64>(), "no cent lost but by a crash");
        uncharged += held.paid.saturating_sub(captures);
    }
    let keyed: Vec<&Told> = told
        .iter()
        .filter(|it| it.call.means == Means::Key && matches!(it.outcome, Outcome::Answered(200, _)))
        .take(100)
        .collect();
    for Told { customer, call, .. } in &keyed {
        let request = call.request(world.client(), &world.workerd.url(), &customers[*customer]);
        let again = world.send(request).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true".into()), "{again:?}");
    }
    let after = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(after.is_clean(), "{after}");
    let charged = |found: &Audit| found.accounts.values().map(|account| account.charged).sum::<i64>();
    assert_eq!(charged(&after), charged(&found), "a replay is not charged");
    let deliveries = world.stripe.deliveries();
    let tries: usize = deliveries.iter().map(|delivery| delivery.tries.len()).sum();
    println!(
        "{uncharged} answers or more were never charged, because a crash came first; {} keys replayed; \
         {reversed} payments refunded or disputed\n\
         {} deliveries of webhooks in {tries} tries; {KILLS} crashes in {:.1} s\n{after}",
        keyed.len(),
        deliveries.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

#[tokio::test]
async fn webhooks_repeated_reordered_and_refused_are_credited_once() -> Result<()> {
    // For a long run: STRIPEFLARE_PAYMENTS=1000 STRIPEFLARE_COPIES=10.
    let (payments, copies) = (variable("STRIPEFLARE_PAYMENTS", 100), variable("STRIPEFLARE_COPIES", 5));
    let seed = seed();
    let delivery = Delivery {
        duplicates: u32::try_from(copies)? - 1,
        reorder: Duration::from_millis(100),
        retry: Duration::from_millis(20),
        seed,
        ..Delivery::default()
    };
    let options = StandInOptions { delivery, redirect_wait: Duration::ZERO, ..StandInOptions::default() };
    // Without the link's id the worker has to ask Stripe whose link it is, and cannot accept a payment meanwhile.
    let world = World::with(options, &[("STRIPE_PAYMENT_LINK_ID", "")]).await?;
    let customers = [world.newcomer().await, world.newcomer().await, world.newcomer().await];
    let mut paid = [0; 3];
    let refused = |world: &World| {
        world.stripe.deliveries().iter().flat_map(|it| it.tries.clone()).filter(|it| *it == Ok(503)).count()
    };
    let faults = [ApiFault::Broken, ApiFault::RateLimited, ApiFault::Garbage, ApiFault::Disconnect];
    for (phase, fault) in faults.into_iter().enumerate() {
        world.stripe.set_api_fault(Some(fault));
        let before = refused(&world);
        for index in (0..payments as usize).skip(phase).step_by(faults.len()) {
            let cents = 50 + i64::try_from(index)?;
            world.stripe.pay(&PayRequest::new(cents, &customers[index % 3].reference)).await?;
            paid[index % 3] += cents;
        }
        let refuses = async {
            while refused(&world) == before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, refuses).await?;
        assert!(acknowledged(&world).is_empty(), "{fault:?}");
    }
    world.stripe.set_api_fault(None);
    world.stripe.wait_idle(DEADLINE * 4).await?;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    for (customer, cents) in customers.iter().zip(paid) {
        assert_eq!(found.accounts[customer.account()].credited, cents * 10_000);
    }
    assert_eq!(acknowledged(&world).len(), payments as usize);
    println!("{payments} payments, {} deliveries, {} answers of 503\n{found}", payments * copies, refused(&world));
    Ok(())
}

#[tokio::test]
async fn of_three_hundred_calls_at_once_256_are_held_and_the_rest_are_too_many() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(1_000).await?;
    let calls = join_all((0..300).map(|_| world.get(&customer, "/slow?ms=12000")));
    let held = async {
        while audit(world.disk())?.accounts[customer.account()].open.len() < 256 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    let (replies, held) = futures_util::future::join(calls, tokio::time::timeout(DEADLINE, held)).await;
    held.expect("all holds are open at once")?;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(429)), (256, 44));
    world.settled(&customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    assert_eq!(found.accounts[customer.account()].charged, 2_560_000);
    Ok(())
}

#[tokio::test]
async fn one_panic_in_a_hundred_calls_harms_no_other() -> Result<()> {
    let seed = seed();
    let world = World::start().await?;
    let customer = world.customer(10_000).await?;
    let connection = |number: u64| {
        let (world, customer) = (&world, &customer);
        async move {
            let mut dice = Dice::new(seed + number);
            let (mut fine, mut panicked) = (0, 0);
            for _ in 0..100 {
                if dice.below(100) == 0 {
                    assert_eq!(world.get(customer, "/panic").await.status, 500);
                    panicked += 1;
                } else {
                    let reply = world.get(customer, &format!("/slow?ms={}", dice.below(10))).await;
                    assert_eq!((reply.status, reply.body.as_str()), (200, "slow"), "{reply:?}");
                    fine += 1;
                }
            }
            (fine, panicked)
        }
    };
    let counts = join_all((0..CONNECTIONS).map(connection)).await;
    let (fine, panicked) = counts.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    world.settled(&customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    println!("{fine} answered, {panicked} panicked");
    assert!(panicked > 0);
    assert_eq!(found.accounts[customer.account()].count("capture"), fine, "whoever panicked pays nothing");
    Ok(())
}

#[tokio::test]
async fn what_a_crash_left_held_is_free_again_when_its_time_is_over() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(50).await?;
    for _ in 0..49 {
        assert_eq!(world.get(&customer, "/ok").await.status, 200);
    }
    world.settled(&customer).await;
    let stream = sent(&world, &customer, "/outlive?ms=20000", usize::MAX)?;
    let held = async {
        while audit(world.disk())?.accounts[customer.account()].open.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, held).await.expect("the handler runs")?;
    world.workerd.kill9().await?;
    drop(stream);
    world.workerd.restart().await?;
    assert_eq!(world.get(&customer, "/ok").await.status, 429, "the last cent is held");
    // A second of its own, and the half minute that a capture may take.
    let free = async {
        while world.get(&customer, "/ok").await.status == 429 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(DEADLINE * 2, free).await.expect("it is released");
    world.settled(&customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let account = &found.accounts[customer.account()];
    assert_eq!((account.balance, account.count("capture"), account.expired), (0, 50, 0));
    Ok(())
}

/// A connection that has sent so much of a request and reads nothing.
fn sent(world: &World, customer: &Customer, path: &str, most: usize) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", world.workerd.port()))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", customer.token);
    stream.write_all(&request.as_bytes()[..request.len().min(most)])?;
    Ok(stream)
}

#[tokio::test]
async fn clients_that_hang_up_pay_at_most_once() -> Result<()> {
    const EACH: usize = 20;
    let world = World::start().await?;
    let customer = world.customer(1_000).await?;
    let figures = || audit(world.disk()).map(|found| found.accounts[customer.account()].clone());
    let until = |what: &'static str, holds: fn(&tests::audit::Figures) -> bool| async move {
        let wait = async {
            while !holds(&figures()?) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, wait).await.expect(what)
    };

    for most in (0..EACH).map(|index| index * 3) {
        drop(sent(&world, &customer, "/ok", most)?);
    }
    let streams = (0..EACH).map(|_| sent(&world, &customer, "/slow?ms=2000", usize::MAX));
    let streams = streams.collect::<Result<Vec<_>>>()?;
    until("the handlers run", |account| account.open.len() == EACH).await?;
    drop(streams);
    until("they end", |account| account.open.is_empty()).await?;
    let during = figures()?.count("capture");
    assert!(during <= EACH);

    let streams = (0..EACH).map(|_| sent(&world, &customer, "/ok", usize::MAX)).collect::<Result<Vec<_>>>()?;
    let wait = async {
        while figures()?.count("capture") < during + EACH {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("each is charged, though nobody reads the answer")?;
    drop(streams);
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let captures = found.accounts[customer.account()].count("capture");
    println!("hung up before: 0 charged; during: {during} of {EACH}; after: {} of {EACH}", captures - during);
    assert_eq!(captures, during + EACH);
    assert_eq!(world.get(&customer, "/ok").await.status, 200, "and the worker is well");
    Ok(())
}

#[tokio::test]
async fn twenty_clients_that_hang_up_in_the_middle_of_a_stream_pay_for_what_was_metered() -> Result<()> {
    const STREAMS: usize = 20;
    let world = World::start().await?;
    let customer = world.customer(1_000).await?;
    let read_two = || async {
        let request = world.request(Method::GET, "/stream?chunks=1000&ms=300&cents=0.5");
        let mut response = request.bearer_auth(&customer.token).send().await?;
        for _ in 0..2 {
            response.chunk().await?;
        }
        anyhow::Ok(response)
    };
    let streams = join_all((0..STREAMS).map(|_| read_two())).await;
    drop(streams.into_iter().collect::<Result<Vec<_>>>()?);
    // Longer than a stream may stand still.
    let settled = tokio::time::timeout(Duration::from_secs(8), world.settled(&customer)).await;
    settled.expect("a stream ends with its client");
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let account = &found.accounts[customer.account()];
    let each = account.charged / STREAMS as i64;
    println!("{each} ten-thousandths of a cent for two events of 5000 and what was on its way");
    assert_eq!(account.count("capture"), STREAMS);
    assert!((10_000..=25_000).contains(&each), "{each}");
    Ok(())
}

#[tokio::test]
async fn a_request_whose_body_stalls_ends_and_costs_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let half = |path: &str, length: usize, header: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", world.workerd.port()))?;
        let token = &customer.token;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{header}\r\n{{\"text\":"
        )?;
        stream.set_read_timeout(Some(DEADLINE))?;
        anyhow::Ok(tokio::task::spawn_blocking(move || {
            let mut head = [0; 20];
            stream.read_exact(&mut head).map(|()| String::from_utf8_lossy(&head).into_owned())
        }))
    };
    let begun = Instant::now();
    let mut stalled = Vec::new();
    for number in 0..5 {
        // What is small is read in one piece.
        for length in [100, 100_000] {
            stalled.push(half("/echo", length, "")?);
            stalled.push(half("/echo", length, &format!("idempotency-key: {length}-{number}\r\n"))?);
            stalled.push(half("/stripe-webhook", length, "")?);
            stalled.push(half("/drain", length, "")?);
        }
    }
    let held = async {
        while audit(world.disk())?.accounts[customer.account()].open.len() != 10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, held).await.expect("only those who read in the handler hold anything")?;
    assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "39", "others are served");
    for answer in join_all(stalled).await {
        assert_eq!(answer??, "HTTP/1.1 408 Request");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    world.settled(&customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    assert_eq!(found.accounts[customer.account()].charged, 10_000, "the one that was whole");
    Ok(())
}

#[tokio::test]
async fn a_stripe_that_is_slow_slows_no_call_and_its_webhooks_come_again() -> Result<()> {
    const PAYMENTS: usize = 10;
    let delivery = Delivery { retry: Duration::from_millis(20), ..Delivery::default() };
    let options = StandInOptions { delivery, redirect_wait: Duration::ZERO, ..StandInOptions::default() };
    let world = World::with(options, &[("STRIPE_PAYMENT_LINK_ID", "")]).await?;
    let customer = world.newcomer().await;
    // Nothing is known of the payment link yet: the first webhooks have to ask.
    world.stripe.set_api_fault(Some(ApiFault::Slow(Duration::from_secs(60))));
    for _ in 0..PAYMENTS {
        world.stripe.pay(&PayRequest::new(100, &customer.reference)).await?;
    }
    let tries = |world: &World| world.stripe.deliveries().into_iter().flat_map(|it| it.tries).collect::<Vec<_>>();
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while tries(&world).iter().filter(|it| **it == Ok(503)).count() < PAYMENTS {
        assert!(begun.elapsed() < Duration::from_secs(25), "a webhook is answered while Stripe still waits for it");
        let call = Instant::now();
        assert_eq!(world.get(&customer, "/free").await.status, 200);
        assert_eq!(world.get(&customer, "/me").await.status, 200);
        slowest = slowest.max(call.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("refused after {:?}; the slowest two calls meanwhile took {slowest:?}", begun.elapsed());
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert_eq!(world.get(&customer, "/ok").await.status, 402, "nothing is credited that was not checked");
    world.stripe.set_api_fault(None);
    world.stripe.wait_idle(DEADLINE * 2).await?;
    world.settled(&customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    assert_eq!(found.accounts[customer.account()].credited, PAYMENTS as i64 * 100 * 10_000);
    Ok(())
}

#[tokio::test]
async fn of_fifty_handlers_that_outlive_their_holds_as_many_are_answered_as_there_is_money_for() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    // Two seconds longer than a second of their own and the half minute that a capture may take.
    let late = || {
        let request = world.request(Method::GET, "/outlive?ms=33000").bearer_auth(&customer.token);
        world.send(request.timeout(DEADLINE * 2))
    };
    let quick = async {
        while audit(world.disk())?.accounts[customer.account()].open.len() < 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(world.get(&customer, "/ok").await.status, 429, "all money is held");
        // Their holds began one after the other, and so they end.
        for _ in 0..30 {
            let mut status = 429;
            while status == 429 {
                status = world.get(&customer, "/ok").await.status;
                if status == 429 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            assert_eq!(status, 200, "what is held no longer is there for others");
        }
        anyhow::Ok(())
    };
    let (replies, quick) = futures_util::future::join(join_all((0..50).map(|_| late())), quick).await;
    quick?;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(504)), (20, 30));
    world.settled(&customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let account = &found.accounts[customer.account()];
    assert_eq!((account.balance, account.count("capture")), (0, 50));
    Ok(())
}
