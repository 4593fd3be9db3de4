//! Tables of the application's own, in each account's database.

use anyhow::Result;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::{Customer, Reply, World};

async fn send(world: &World, method: Method, customer: &Customer, path: &str, body: Value) -> Reply {
    world.send(with_json(world.request(method, path).bearer_auth(&customer.token), &body)).await
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

async fn add(world: &World, customer: &Customer, tag: &str, at: i64) -> Value {
    let answer = send(world, Method::POST, customer, "/notes", json!({ "tag": tag, "at": at })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn rows_are_written_read_changed_and_deleted() -> Result<()> {
    let world = World::start().await?;
    let (ada, bob) = (world.customer(500).await?, world.customer(500).await?);
    let note = json!({
        "id": 0, "tag": "Zoë 🦀'\"", "at": (1_i64 << 53) - 1, "pinned": true, "factor": 2.0, "links": ["a'", "\u{0}"],
    });
    let added = send(&world, Method::POST, &ada, "/notes", note.clone()).await;
    assert_eq!((added.status, added.json()), (200, json!(1)), "{added:?}");
    let mut expected = note;
    expected["id"] = json!(1);
    assert_eq!(world.get(&ada, "/notes/1").await.json(), expected);
    assert_eq!(world.get(&ada, "/notes/2").await.json(), Value::Null);
    assert_eq!(world.get(&bob, "/notes/1").await.json(), Value::Null, "each account has its own");

    expected["factor"] = json!(0.1);
    expected["links"] = Value::Null;
    assert_eq!(send(&world, Method::PUT, &ada, "/notes/1", expected.clone()).await.json(), json!(true));
    assert_eq!(send(&world, Method::PUT, &ada, "/notes/9", expected.clone()).await.json(), json!(false));
    assert_eq!(world.get(&ada, "/notes/1").await.json(), expected);

    let delete = async |id: u32| send(&world, Method::DELETE, &ada, &format!("/notes/{id}"), Value::Null).await.json();
    assert_eq!((delete(1).await, delete(1).await), (json!(true), json!(false)));
    assert_eq!(add(&world, &ada, "next", 1).await, 2, "a key is not given again");
    Ok(())
}

#[tokio::test]
async fn a_key_of_ones_own_is_there_once() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    let set = async |value: &str| {
        send(&world, Method::POST, &customer, "/settings", json!({ "name": "dark", "value": value })).await
    };
    assert_eq!(set("0.25").await.json(), json!("dark"));
    let again = set("1").await;
    assert_eq!((again.status, again.json()["error"].clone()), (409, json!("exists")), "{again:?}");
    assert_eq!(world.get(&customer, "/settings/dark").await.json(), json!(0.25));
    assert_eq!(world.get(&customer, "/settings/light").await.status, 404);
    let (sql, kind) = (world.account_database(&customer)?, "SELECT typeof(value) || value FROM setting");
    assert_eq!(sql.query_row(kind, [], |row| row.get::<_, String>(0))?, "integer2500");
    let long = send(&world, Method::POST, &customer, "/settings", json!({ "name": "x".repeat(1_100_000), "value": 1 }));
    let long = long.await;
    assert_eq!((long.status, long.json()["error"].clone()), (422, json!("column_value")), "{long:?}");
    Ok(())
}

#[tokio::test]
async fn rows_are_found_page_by_page() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    for at in 1..=7 {
        add(&world, &customer, if at % 2 == 0 { "even" } else { "odd" }, at).await;
    }
    let found = async |query: &str| {
        let notes = world.get(&customer, &format!("/notes?{query}")).await.json();
        notes.as_array().into_iter().flatten().filter_map(|note| note["at"].as_i64()).collect::<Vec<_>>()
    };
    assert_eq!(found("tag=odd").await, [7, 5, 3, 1]);
    assert_eq!(found("tag=odd&limit=2").await, [7, 5]);
    assert_eq!(found("tag=odd&limit=2&before=5").await, [3, 1]);
    assert_eq!(found("tag=odd&limit=0").await, [0_i64; 0]);
    assert_eq!(found("tag=none").await, [0_i64; 0]);
    Ok(())
}

#[tokio::test]
async fn who_never_paid_finds_nothing_and_writes_nothing() -> Result<()> {
    let world = World::start().await?;
    let (stranger, note) = (world.newcomer().await, json!({ "tag": "a", "at": 1 }));
    let visitor = world.send(with_json(world.request(Method::POST, "/notes"), &note)).await;
    for answer in [send(&world, Method::POST, &stranger, "/notes", note).await, visitor] {
        assert_eq!(answer.status, 402, "{answer:?}");
        assert!(answer.json()["paymentLink"].is_string());
    }
    assert_eq!(world.get(&stranger, "/notes/1").await.json(), Value::Null);
    assert_eq!(world.get(&stranger, "/note-counts").await.json(), json!([]));
    assert_eq!(world.visit("/notes?tag=a").await.json(), json!([]));
    assert!(world.account_database(&stranger).is_err());
    Ok(())
}

#[tokio::test]
async fn one_command_each_and_few_rows() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    add(&world, &customer, "a", 1).await;
    let before = world.stats(&customer).await;
    add(&world, &customer, "a", 2).await;
    let after = world.stats(&customer).await;
    // The account for the handler, and the row.
    assert_eq!(after.0 - before.0, 2);
    // The row, its place in two indexes, the key that was given, and what is remembered of the operation.
    assert_eq!(after.1 - before.1, 5);
    Ok(())
}

#[tokio::test]
async fn a_query_reads_everything_and_writes_nothing() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    for (tag, at) in [("work", 1), ("work", 2), ("draft", 3)] {
        add(&world, &customer, tag, at).await;
    }
    assert_eq!(
        world.get(&customer, "/note-counts").await.json(),
        json!([{ "tag": "work", "notes": 2, "any_pinned": false, "balance": 5_000_000 }])
    );
    for (sql, status) in [
        ("SELECT id FROM note", 200),
        ("DELETE FROM note", 500),
        ("WITH a AS (SELECT 1) DELETE FROM note", 500),
        ("SELECT 1; SELECT 2", 500),
        ("SELECT tag FROM note", 500),
        ("SELECT nothing FROM note", 500),
        ("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", 500),
        ("SELECT a.id FROM note a, note b, note c, note d, note e, note f, note g, note h, note i", 500),
    ] {
        let answer = world.post(&customer, "/query", sql).await;
        assert_eq!(answer.status, status, "{sql}: {answer:?}");
    }
    assert_eq!(world.post(&customer, "/query", "SELECT id FROM note").await.json(), json!(3));
    assert!(world.workerd.log().contains("a query answers at most 10000 rows"), "{}", world.workerd.log());
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_not_listed_says_what_to_write() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    assert_eq!(world.post(&customer, "/forgotten", "").await.status, 500);
    let log = world.workerd.log();
    assert!(log.contains("`Forgotten` is not listed: write `#[stripeflare::main(tables(Forgotten))]`"), "{log}");
    Ok(())
}

#[tokio::test]
async fn an_account_that_is_closed_leaves_no_rows() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    add(&world, &customer, "mine", 1).await;
    let closed = send(&world, Method::DELETE, &customer, "/me?forfeit=true", Value::Null).await;
    assert!(closed.status < 300, "{closed:?}");
    let sql = world.account_database(&customer)?;
    for table in ["note", "operations"] {
        let count = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(sql.query_row(&count, [], |row| row.get::<_, i64>(0))?, 0, "{table}");
    }
    Ok(())
}
