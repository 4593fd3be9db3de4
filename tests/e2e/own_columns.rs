//! The owner's columns: written through `account.update`, shown by `/me`, found among all accounts.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Customer, World};

async fn write(world: &World, customer: &Customer, columns: Value) -> tests::Reply {
    world.post(customer, "/columns", columns.to_string()).await
}

/// What SQLite says of the account's row.
fn stored(world: &World, customer: &Customer, expression: &str) -> Result<String> {
    let select = format!("SELECT CAST({expression} AS TEXT) FROM users");
    Ok(world.account_database(customer)?.query_row(&select, [], |row| row.get(0))?)
}

#[tokio::test]
async fn every_type_crosses_unchanged() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    let fresh = world.get(&customer, "/columns").await.json();
    assert_eq!(
        fresh,
        json!({
            "logins": 0, "nickname": null, "handle": null, "factor_bits": 0.5_f64.to_bits(), "picture": [],
            "level": "None", "seen": null, "spent": 0, "news": false, "tags": null, "small": 0,
        })
    );
    let largest = (1_i64 << 53) - 1;
    for (columns, types) in [
        (
            json!({
                "logins": largest, "nickname": "Zoë 🦀\u{0}\n'\"", "handle": "", "factor_bits": (1.0_f64 / 3.0).to_bits(),
                "picture": [0, 255, 7], "level": "High", "seen": 1_800_000_000_123_i64, "spent": -0.0001, "news": true,
                "tags": ["a", "b'\"\u{0}"], "small": -128,
            }),
            "integer text text real blob text integer integer integer text integer",
        ),
        (
            json!({
                "logins": -largest, "nickname": "", "handle": "x", "factor_bits": (-3.0_f64).to_bits(), "picture": [],
                "level": "None", "seen": -1, "spent": "900719925474.0991", "news": false, "tags": [], "small": 127,
            }),
            "integer text text real blob text integer integer integer text integer",
        ),
        (
            json!({
                "logins": 0, "nickname": "x", "handle": "y", "factor_bits": 1e300_f64.to_bits(), "picture": [1],
                "level": "High", "seen": 0, "spent": 0, "news": true, "tags": ["x"], "small": 0,
            }),
            "integer text text real blob text integer integer integer text integer",
        ),
    ] {
        let answer = write(&world, &customer, columns.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json(), columns, "in hand");
        assert_eq!(world.get(&customer, "/columns").await.json(), columns, "read again");
        let names =
            ["logins", "nickname", "handle", "factor", "picture", "level", "seen", "spent", "news", "tags", "small"];
        let typeof_each = names.map(|name| format!("typeof({name})")).join(" || ' ' || ");
        assert_eq!(stored(&world, &customer, &typeof_each)?, types);
    }
    for bits in [5e-324_f64, f64::MAX, f64::MIN, 0.1, 9_007_199_254_740_993.0, 123_456_789.123_456_79].map(f64::to_bits)
    {
        write(&world, &customer, json!({ "factor_bits": bits })).await;
        assert_eq!(world.get(&customer, "/columns").await.json()["factor_bits"], bits);
    }
    Ok(())
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_is_refused_and_nothing_is_written() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    let before = world.get(&customer, "/columns").await.json();
    for (columns, named) in [
        (json!({ "nickname": "x", "logins": 1_i64 << 53 }), "`logins`"),
        (json!({ "nickname": "x", "logins": i64::MIN }), "`logins`"),
        (json!({ "nickname": "x", "factor_bits": f64::NAN.to_bits() }), "`factor`"),
        (json!({ "nickname": "x", "factor_bits": f64::INFINITY.to_bits() }), "`factor`"),
        (json!({ "nickname": "x".repeat(1_100_000) }), "`nickname`"),
    ] {
        let answer = write(&world, &customer, columns).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (422, Some("column_value")), "{answer:?}");
        assert!(answer.json()["message"].as_str().unwrap_or_default().starts_with(named), "{answer:?}");
        assert_eq!(world.get(&customer, "/columns").await.json(), before);
    }
    Ok(())
}

#[tokio::test]
async fn many_at_once_lose_no_update() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    let paths = (0..60).map(|number| if number % 3 == 0 { "/paid-login" } else { "/login" });
    let answers = join_all(paths.map(|path| world.post(&customer, path, ""))).await;
    let mut counts: Vec<u32> = answers.iter().map(|answer| answer.body.parse().unwrap_or_default()).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=60).collect::<Vec<_>>(), "each saw its own");
    assert_eq!(world.get(&customer, "/columns").await.json()["logins"], 60);
    assert_eq!(world.balance(&customer).await, 480.0);
    Ok(())
}

#[tokio::test]
async fn only_what_changed_is_written() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    write(&world, &customer, json!({ "nickname": "ada", "small": 5 })).await;
    let before = world.stats(&customer).await;
    assert_eq!(write(&world, &customer, json!({ "nickname": "ada", "small": 5 })).await.status, 200);
    let after = world.stats(&customer).await;
    assert_eq!(after.1, before.1, "the same again writes nothing");
    assert_eq!(after.0 - before.0, 1, "and asks for nothing but the row");
    Ok(())
}

#[tokio::test]
async fn who_never_paid_writes_nothing() -> Result<()> {
    let world = World::start().await?;
    let stranger = world.newcomer().await;
    let visitor = world.send(world.request(reqwest::Method::POST, "/login")).await;
    for answer in [world.post(&stranger, "/login", "").await, visitor] {
        assert_eq!(answer.status, 402, "{answer:?}");
        assert!(answer.json()["paymentLink"].is_string());
    }
    let answer = write(&world, &stranger, json!({ "handle": "ada" })).await;
    assert_eq!(answer.status, 402);
    let customer = world.customer(500).await?;
    assert_eq!(write(&world, &customer, json!({ "handle": "ada" })).await.status, 200, "no stranger holds a value");
    Ok(())
}

#[tokio::test]
async fn a_cookie_alone_writes_only_from_this_sites_pages() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    let cookie = format!("__Host-access_token={}", customer.token);
    for (site, status) in [("cross-site", 403), ("same-origin", 200)] {
        let request = world.request(reqwest::Method::POST, "/login").header("cookie", &cookie);
        let answer = world.send(request.header("sec-fetch-site", site)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_unique_value_has_one_account() -> Result<()> {
    let world = World::start().await?;
    let (ada, bob) = (world.customer(500).await?, world.customer(500).await?);
    assert_eq!(write(&world, &ada, json!({ "handle": "ada", "nickname": "n" })).await.status, 200);
    let refused = write(&world, &bob, json!({ "handle": "ada", "nickname": "n" })).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (409, Some("not_unique")), "{refused:?}");
    assert_eq!(world.get(&bob, "/columns").await.json()["nickname"], Value::Null, "all or nothing");
    assert_eq!(write(&world, &ada, json!({ "handle": "ada" })).await.status, 200, "one's own again");

    assert_eq!(world.post(&ada, "/leave-handle", "").await.status, 200);
    assert_eq!(write(&world, &bob, json!({ "handle": "ada" })).await.status, 200, "free again");
    assert_eq!(write(&world, &ada, json!({ "handle": "ada" })).await.status, 409);

    let runners: Vec<Customer> =
        vec![world.customer(500).await?, world.customer(500).await?, world.customer(500).await?];
    let answers = join_all(runners.iter().map(|runner| write(&world, runner, json!({ "handle": "raced" })))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409]);
    Ok(())
}

/// Changes the objects that have a table, while nothing runs.
async fn doctor(world: &mut World, table: &str, statement: &str) -> Result<()> {
    world.workerd.kill9().await?;
    for file in world.workerd.object_files()? {
        let sql = rusqlite::Connection::open(&file)?;
        if sql.prepare(&format!("SELECT 1 FROM {table}")).is_ok() {
            sql.execute_batch(statement)?;
        }
    }
    world.workerd.restart().await
}

#[tokio::test]
async fn a_claim_that_a_crash_left_behind_holds_for_a_minute() -> Result<()> {
    let mut world = World::start().await?;
    let (ada, bob) = (world.customer(500).await?, world.customer(500).await?);
    let status =
        async |world: &World, customer: &Customer| write(world, customer, json!({ "handle": "wanted" })).await.status;
    assert_eq!(status(&world, &ada).await, 200);
    // As if the worker had died between ada's claim and the write.
    doctor(&mut world, "entries", "UPDATE users SET handle = NULL").await?;
    assert_eq!(status(&world, &bob).await, 409, "ada may be about to write it");
    doctor(&mut world, "unique_values", "UPDATE unique_values SET at = at - 60000").await?;
    assert_eq!(status(&world, &bob).await, 200, "ada does not have it");
    doctor(&mut world, "unique_values", "UPDATE unique_values SET at = at - 60000").await?;
    assert_eq!(status(&world, &ada).await, 409, "bob has it");
    Ok(())
}

#[tokio::test]
async fn public_columns_are_in_me() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    write(&world, &customer, json!({ "news": true, "tags": ["a"], "nickname": "hidden" })).await;
    let me = world.get(&customer, "/me").await.json();
    assert_eq!(
        (&me["tier"], &me["news"], &me["tags"], &me["handle"], me.get("nickname"), &me["balance"]),
        (&json!("free"), &json!(true), &json!(["a"]), &Value::Null, None, &json!(500))
    );
    let visitor = world.visit("/me").await.json();
    assert_eq!((&visitor["tier"], &visitor["registered"]), (&json!("free"), &json!(false)), "a visitor has defaults");
    Ok(())
}

#[tokio::test]
async fn users_are_found_by_their_columns_page_by_page() -> Result<()> {
    let world = World::start().await?;
    const COUNT: usize = 60;
    let mut wanted = Vec::new();
    for number in 0..COUNT {
        let customer = world.customer(500).await?;
        let logins = (number % 7) as i64;
        write(&world, &customer, json!({ "logins": logins })).await;
        if logins >= 1 {
            wanted.push((-logins, customer.account().to_owned()));
        }
    }
    wanted.sort();
    let expected = |limit: usize| {
        let found = wanted.iter().take(limit).map(|(logins, id)| format!(" {id}:{}", -logins));
        format!("{}{}", wanted.len(), found.collect::<String>())
    };
    // The mirror follows within seconds.
    let found = async || world.visit("/found?least=1&limit=1000").await.body;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while found().await != expected(1_000) && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(found().await, expected(1_000));
    for limit in [0, 1, 50, 51] {
        assert_eq!(world.visit(&format!("/found?least=1&limit={limit}")).await.body, expected(limit), "{limit}");
    }
    let none = world.visit("/found?least=9007199254740992&limit=1").await;
    assert_eq!(none.status, 500, "a number that does not cross is no number that is not there: {none:?}");
    Ok(())
}
