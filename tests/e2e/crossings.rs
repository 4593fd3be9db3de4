//! How often a call goes between JavaScript and WebAssembly.

use std::collections::BTreeMap;

use anyhow::Result;
use cargo_stripeflare::stripe::StandInOptions;
use cargo_stripeflare::workerd::Script;
use tests::crossings::{counting, crossings};
use tests::{Customer, World, built};

/// At most, of a priced POST with a JSON body that comes alone: its ending goes by itself, a moment later.
const ALONE: u64 = 110;
/// At most, of one more that comes right before it: its ending rides on the next call. Fewer where both endings are one group.
const IN_A_ROW: u64 = 100;

#[tokio::test]
async fn a_priced_call_crosses_so_often_and_no_more() -> Result<()> {
    let counting = tokio::task::spawn_blocking(|| counting(&built("tests/worker")?)).await??;
    let script = Script::Built(counting.path().to_owned());
    let world = World::set_up("tests/worker", StandInOptions::default(), &[], |options| {
        options.script = script;
        Ok(())
    })
    .await?;
    let customer = world.customer(10_000).await?;
    // The first one finds some things out that the worker remembers.
    of_calls(&world, &customer, 1).await;
    let alone = counted(&world, &customer, 1).await;
    let two = counted(&world, &customer, 2).await;
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    let (first, one_more) = (sum(&alone), sum(&two) - sum(&alone));
    println!("{first} crossings of a call alone, {one_more} of one more");
    assert!(first <= ALONE && one_more <= IN_A_ROW, "{first} and {one_more}: {alone:#?} {two:#?}");
    Ok(())
}

/// What so many calls in a row make, where each ending but the last rode on the next call and no alarm rang meanwhile: the
/// fewest of some rounds, because on a slow machine the endings of one round are two groups.
async fn counted(world: &World, customer: &Customer, calls: u64) -> BTreeMap<String, u64> {
    let mut rounds = Vec::new();
    for _ in 0..100 {
        let counts = of_calls(world, customer, calls).await;
        if counts["dorm_call"] == calls + 1 && counts.get("dorm_alarm").is_none_or(|rang| *rang == 0) {
            rounds.push(counts);
        }
        if rounds.len() == 10 {
            break;
        }
    }
    rounds.into_iter().min_by_key(|counts| counts.values().sum::<u64>()).expect("calls that came soon after each other")
}

async fn of_calls(world: &World, customer: &Customer, calls: u64) -> BTreeMap<String, u64> {
    let before = crossings(world).await;
    for _ in 0..calls {
        let answer = world.post(customer, "/echo", r#"{"text":"a text"}"#).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"text":"a text"}"#));
    }
    let mut counts = crossings(world).await;
    for (name, count) in &mut counts {
        *count -= before.get(name).unwrap_or(&0);
    }
    counts
}
