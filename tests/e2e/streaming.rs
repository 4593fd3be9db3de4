//! Streamed answers: what was metered is charged once, however the stream ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use reqwest::{Method, Response};
use tests::audit::{Figures, audit, audit_at_rest};
use tests::{Customer, DEADLINE, Runtime, World};

const CENT: i64 = 10_000;
const SIGNAL: &str = "enable_request_signal";

fn figures(world: &World, customer: &Customer) -> Result<Figures> {
    Ok(audit(world.disk())?.accounts[customer.account()].clone())
}

/// Waits until the account's figures are so.
async fn until(world: &World, customer: &Customer, what: &str, holds: impl Fn(&Figures) -> bool) -> Result<()> {
    let wait = async {
        while !holds(&figures(world, customer)?) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE * 2, wait).await.unwrap_or_else(|_| panic!("{what}: {}", world.workerd.log()))
}

/// Everything is settled, clean, and so many ten-thousandths of a cent were charged in so many entries.
async fn charged(world: &World, customer: &Customer, units: i64, entries: usize) -> Result<()> {
    world.settled(customer).await;
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}");
    let account = &found.accounts[customer.account()];
    assert_eq!((account.charged, account.count("capture")), (units, entries), "{}", world.workerd.log());
    Ok(())
}

async fn begin(world: &World, customer: &Customer, path: &str) -> Result<Response> {
    Ok(world.request(Method::GET, path).bearer_auth(&customer.token).send().await?)
}

/// What arrives until the end. workerd ends what broke off as it ends what is whole.
async fn rest(mut response: Response) -> String {
    let mut text = String::new();
    while let Ok(Some(chunk)) = tokio::time::timeout(DEADLINE, response.chunk()).await.expect("a stream ends") {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

#[tokio::test]
async fn events_arrive_one_by_one_and_their_sum_is_charged_at_the_end() -> Result<()> {
    for runtime in Runtime::ALL {
        let world = World::on(runtime, &[SIGNAL]).await?;
        let customer = world.customer(50).await?;
        let mut response = begin(&world, &customer, "/stream?chunks=4&ms=300&cents=1.25").await?;
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap_or_default().to_owned());
        assert_eq!(response.status(), 200);
        assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
        assert_eq!(header("x-price"), None, "nobody knows it yet");
        assert_eq!(header("x-balance").as_deref(), Some("40"), "with the most it may cost held");
        assert_eq!(header("cache-control").as_deref(), Some("private, no-store"));
        for number in 0..4_u32 {
            let chunk = response.chunk().await?.expect("an event");
            assert_eq!(String::from_utf8_lossy(&chunk), format!("data: {number}\n\n"));
            if number == 0 {
                assert_eq!(figures(&world, &customer)?.open.len(), 1, "the stream still runs");
            }
        }
        assert_eq!(response.chunk().await?.as_deref(), Some(b": x-price 5\n\n".as_slice()), "a comment");
        assert_eq!(response.chunk().await?, None);
        // No pause: the end of the stream is after its settlement.
        assert_eq!(world.balance(&customer).await, 45.0);
        charged(&world, &customer, 5 * CENT, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_error_a_panic_and_the_maximum_end_a_stream_and_charge_what_was_metered() -> Result<()> {
    for runtime in Runtime::ALL {
        let world = World::on(runtime, &[SIGNAL]).await?;
        let customer = world.customer(100).await?;
        let text = rest(begin(&world, &customer, "/stream?chunks=2&end=error").await?).await;
        assert_eq!(text, "data: 0\n\ndata: 1\n\n");
        charged(&world, &customer, 2 * CENT, 1).await?;

        let text = rest(begin(&world, &customer, "/stream?chunks=3&end=panic").await?).await;
        assert_eq!(text.len(), 27);
        charged(&world, &customer, 5 * CENT, 2).await?;

        // The fourth would be the twelfth cent: it is neither charged nor sent.
        let text = rest(begin(&world, &customer, "/stream?chunks=9&cents=3").await?).await;
        assert_eq!(text.len(), 27);
        charged(&world, &customer, 14 * CENT, 3).await?;

        let text = rest(begin(&world, &customer, "/stream?chunks=3&cents=0").await?).await;
        assert!(text.len() == 40 && text.ends_with(": x-price 0\n\n"), "{text}");
        charged(&world, &customer, 14 * CENT, 3).await?;
        assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "85", "nothing is held any more");
    }
    Ok(())
}

/// Reads two events of half a cent each, and hangs up.
async fn hang_up(world: &World, customer: &Customer, path: &str) -> Result<()> {
    let mut response = begin(world, customer, &format!("{path}?chunks=1000&ms=400&cents=0.5")).await?;
    for _ in 0..2 {
        response.chunk().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_up_pays_for_what_was_metered_until_then() -> Result<()> {
    for runtime in Runtime::ALL {
        let world = World::on(runtime, &[SIGNAL]).await?;
        let customer = world.customer(100).await?;
        // Its money would be held for a minute.
        hang_up(&world, &customer, "/long-stream").await?;
        let begun = Instant::now();
        until(&world, &customer, "it is settled", |account| account.count("capture") == 1).await?;
        let took = begun.elapsed();
        println!("{runtime:?}: settled {took:?} after its client had left");
        assert!(took < Duration::from_secs(4), "{runtime:?}: {took:?}");
        world.settled(&customer).await;
        let found = audit_at_rest(world.disk(), DEADLINE).await?;
        assert!(found.is_clean(), "{found}");
        let units = found.accounts[customer.account()].charged;
        assert!((CENT..=CENT * 3).contains(&units), "two events were read, and {units} charged");
    }
    Ok(())
}

/// A runtime that tells nobody may end the request half a minute later.
#[tokio::test]
async fn what_a_client_that_left_without_a_word_owes_is_known_to_its_account_in_seconds() -> Result<()> {
    let world = World::on(Runtime::WithoutCancel, &[]).await?;
    let customer = world.customer(100).await?;
    hang_up(&world, &customer, "/long-stream").await?;
    let begun = Instant::now();
    until(&world, &customer, "it is reported", |account| account.reported.values().any(|units| *units >= CENT)).await?;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(figures(&world, &customer)?.count("capture"), 0, "nobody has settled it");
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_nothing_stops_the_handler_and_then_the_stream() -> Result<()> {
    for runtime in Runtime::ALL {
        let world = World::on(runtime, &[SIGNAL]).await?;
        let customer = world.customer(100).await?;
        let mut stream = TcpStream::connect(("127.0.0.1", world.workerd.port()))?;
        let path = "/stream?chunks=10000&ms=0&cents=0.001&bytes=1000000";
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", customer.token)?;
        let mut begun = [0; 1_000];
        stream.read_exact(&mut begun)?;
        until(&world, &customer, "it is given up", |account| account.count("capture") == 1).await?;
        let units = figures(&world, &customer)?.charged;
        println!("{} events of a megabyte were metered for a client that read nothing", units / 10);
        assert!(units < 100 * 10, "what the connection takes in, and two events beside it: {units}");
        charged(&world, &customer, units, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_outlives_its_hold_lives_by_renewals() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    let response = begin(&world, &customer, "/stream?chunks=25&ms=200&cents=0.25").await?;
    let reports = |account: &Figures| account.reported.values().copied().max().unwrap_or_default();
    until(&world, &customer, "a first report", |account| reports(account) > 0).await?;
    let first = reports(&figures(&world, &customer)?);
    until(&world, &customer, "a further one", |account| reports(account) > first).await?;
    let text = rest(response).await;
    assert!(text.ends_with("data: 24\n\n: x-price 6.25\n\n"), "{text}");
    assert_eq!(world.balance(&customer).await, 93.75);
    charged(&world, &customer, 25 * CENT / 4, 1).await
}

#[tokio::test]
async fn a_stream_that_stands_still_is_broken_off() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(100).await?;
    // The handler takes longer to its answer than its hold lasts, and then to each event.
    let late = begin(&world, &customer, "/stream?wait_ms=2500&chunks=2").await?;
    assert_eq!((late.status().as_u16(), rest(late).await.len()), (200, 31));
    charged(&world, &customer, 2 * CENT, 1).await?;
    let begun = Instant::now();
    let text = rest(begin(&world, &customer, "/stream?chunks=2&ms=20000").await?).await;
    assert_eq!(text, "");
    assert!(begun.elapsed() < Duration::from_secs(6));
    charged(&world, &customer, 2 * CENT, 1).await
}

#[tokio::test]
async fn what_a_stream_reported_before_the_worker_died_is_charged_when_its_hold_expires() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(50).await?;
    let response = begin(&world, &customer, "/stream?chunks=1000&ms=100&cents=0.1").await?;
    until(&world, &customer, "a report", |account| account.reported.values().any(|units| *units > 0)).await?;
    world.workerd.kill9().await?;
    drop(response);
    let left = figures(&world, &customer)?;
    let reported: i64 = left.reported.values().sum();
    assert_eq!((left.open.len(), left.charged), (1, 0));
    world.workerd.restart().await?;
    assert_eq!(world.get(&customer, "/ok").await.header("x-balance"), "39", "the maximum is still held");
    // Nobody asks: the alarm does it, two seconds and the half minute that a capture may take after the renewal.
    until(&world, &customer, "it is charged", |account| account.count("capture") == 2).await?;
    println!("{reported} ten-thousandths of a cent were reported");
    charged(&world, &customer, reported + CENT, 2).await
}

#[tokio::test]
async fn a_meter_without_a_stream_is_charged_at_once() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let reply = world.get(&customer, "/counted?use=2.5").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "7.5"));
    assert_eq!((reply.header("x-price"), reply.header("x-balance")), ("2.5".into(), "47.5".into()));
    assert_eq!(world.get(&customer, "/counted?use=10.01").await.status, 500, "the handler let the meter's error out");
    let refused = world.get(&customer, "/stream?status=503&chunks=2").await;
    assert_eq!((refused.status, refused.header("x-price")), (503, "0".into()));
    charged(&world, &customer, 5 * CENT / 2, 1).await
}

#[tokio::test]
async fn a_meter_in_the_wrong_place_and_a_key_for_a_stream_cost_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for path in ["/said-twice", "/meter-without-maximum", "/meter-without-price"] {
        let reply = world.get(&customer, path).await;
        assert_eq!((reply.status, &reply.json()["error"]), (500, &"internal".into()), "{path}");
    }
    for told in ["takes a Meter and returned a Priced", "/meter-without-price takes a Meter and has no"] {
        assert!(world.workerd.log().contains(told), "{told}");
    }
    let keyed = world.request(Method::GET, "/stream").bearer_auth(&customer.token).header("idempotency-key", "k");
    let keyed = world.send(keyed).await;
    assert_eq!((keyed.status, &keyed.json()["error"]), (400, &"idempotency_streamed".into()));
    charged(&world, &customer, 0, 0).await
}
