//! The database panel: what it shows to whom, and what nobody can do there.

use anyhow::Result;
use cargo_stripeflare::stripe::PayRequest;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::audit::audit_at_rest;
use tests::{Customer, DEADLINE, Reply, World};

use crate::failing_disks::intruder;

const PASSWORD: &str = "a secret that only these tests ever use";
const PANEL: &str = "/db/admin-readonly";

fn operator(world: &World, path: &str) -> RequestBuilder {
    world.request(Method::GET, path).basic_auth("admin-readonly", Some(PASSWORD))
}

async fn table(world: &World, path: &str) -> Value {
    let reply = world.send(operator(world, path).header("accept", "application/json")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["rows"].clone()
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let byte =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let text = |text: &str| text.bytes().map(byte).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join("&")
}

async fn sql(world: &World, statement: &str) -> Reply {
    world.send(operator(world, &format!("{PANEL}?{}", encoded(&[("sql", statement), ("format", "json")])))).await
}

fn form(world: &World, pairs: &[(&str, &str)]) -> RequestBuilder {
    form_to(world, "assign", pairs)
}

fn form_to(world: &World, what: &str, pairs: &[(&str, &str)]) -> RequestBuilder {
    let request = world.request(Method::POST, &format!("{PANEL}/{what}"));
    request.header("content-type", "application/x-www-form-urlencoded").body(encoded(pairs))
}

async fn assign(world: &World, key: &str, account: &str, cents: &str) -> Reply {
    let request = form(world, &[("key", key), ("account", account), ("cents", cents)]);
    world.send(request.basic_auth("admin", Some(PASSWORD)).header("accept", "application/json")).await
}

async fn at_rest(world: &World) -> Result<()> {
    let found = audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(found.is_clean(), "{found}\n{}", world.workerd.log());
    Ok(())
}

#[tokio::test]
async fn the_operator_sees_all_accounts_and_each_of_them() -> Result<()> {
    let world = World::start().await?;
    let empty = world.send(operator(&world, PANEL)).await;
    assert!(empty.status == 200 && empty.body.contains("Nothing here"), "{empty:?}");
    let (ada, bob) = (world.customer(500).await?, world.customer(70).await?);
    world.get(&ada, "/fraction").await;
    at_rest(&world).await?;

    let users = table(&world, PANEL).await;
    let balance = |customer: &Customer| {
        let users = users.as_array().unwrap();
        users.iter().find(|row| row["account_id"] == customer.account()).unwrap()["balance"].clone()
    };
    assert_eq!((balance(&ada), balance(&bob)), (json!("499.75"), json!("70")));
    assert_eq!(users[0]["tier"], "free", "with the owner's columns");
    assert_eq!(
        table(&world, "/db/admin-readonly?table=payments&column=amount&contains=5000000")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let usage = table(&world, "/db/admin-readonly?table=usage").await;
    assert_eq!(
        (&usage[0]["route"], &usage[0]["calls"], &usage[0]["amount"]),
        (&json!("GET /fraction"), &json!(1), &json!("0.25"))
    );

    let page = world.send(operator(&world, PANEL)).await;
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.body.contains(&format!("<a href=\"/db/{}\">", ada.reference)), "{}", page.body);
    let csv = world.send(operator(&world, "/db/admin-readonly?format=csv")).await;
    assert!(csv.header("content-type").starts_with("text/csv") && csv.body.contains("\"499.75\""), "{csv:?}");
    assert_eq!(world.send(operator(&world, "/db/admin-readonly?table=tokens")).await.status, 404);

    let entries = table(&world, &format!("/db/{}?table=entries", ada.reference)).await;
    assert_eq!((&entries[0]["kind"], &entries[0]["amount"]), (&json!("capture"), &json!("-0.25")));
    Ok(())
}

#[tokio::test]
async fn an_owner_sees_one_account_and_no_hash() -> Result<()> {
    let world = World::start().await?;
    let (ada, bob) = (world.customer(500).await?, world.customer(70).await?);
    world.get(&ada, "/ok").await;
    world.settled(&ada).await;
    let mine = |table: &str, user: &Customer, token: &Customer| {
        let request = world.request(Method::GET, &format!("/db/{}?table={table}", ada.reference));
        world.send(request.basic_auth(format!("user-{}", user.reference), Some(&token.token)))
    };
    let entries = mine("entries", &ada, &ada).await;
    assert!(entries.status == 200 && entries.body.contains("GET /ok"), "{entries:?}");
    for table in ["", "account", "payments", "tokens", "cards"] {
        let page = mine(table, &ada, &ada).await;
        assert_eq!(page.status, 200, "{table}: {page:?}");
        assert!(!page.body.contains(ada.token.split('.').nth(1).unwrap()));
        assert!(!page.body.contains("hash"), "{page:?}");
    }
    for (user, token) in [(&ada, &bob), (&bob, &ada), (&bob, &bob)] {
        assert_eq!(mine("account", user, token).await.status, 401);
    }
    for table in ["", "account"] {
        let page = mine(table, &ada, &ada).await.body;
        for column in ["balance", "registered_at", "tier", "handle", "news", "tags"] {
            assert!(
                page.contains(&format!("<th>{column}</th>")) || page.contains(&format!("\"number\">{column}</th>")),
                "{column}: {page}"
            );
        }
    }
    let with_sql = world.request(Method::GET, &format!("/db/{}?sql=SELECT+hash+FROM+tokens", ada.reference));
    let with_sql = world.send(with_sql.basic_auth(format!("user-{}", ada.reference), Some(&ada.token))).await;
    assert!(!with_sql.body.contains("<th>hash"), "{with_sql:?}");
    assert_eq!(world.send(world.request(Method::GET, "/db/somebody")).await.status, 404);
    let stranger = world.newcomer().await;
    let request = world.request(Method::GET, &format!("/db/{}", stranger.reference));
    let reply = world.send(request.basic_auth(format!("user-{}", stranger.reference), Some(&stranger.token))).await;
    assert!(reply.status == 200 && reply.body.contains("Nothing here"), "{reply:?}");
    at_rest(&world).await
}

#[tokio::test]
async fn a_wrong_password_opens_nothing_and_soon_waits() -> Result<()> {
    let world = World::start().await?;
    let guess = async |user: &str, password: &str, from: &str| {
        let request = world.request(Method::GET, PANEL).basic_auth(user, Some(password));
        world.send(request.header("cf-connecting-ip", from)).await
    };
    let without = world.visit(PANEL).await;
    assert_eq!(without.status, 401);
    assert!(without.header("www-authenticate").starts_with("Basic realm="), "{without:?}");
    for _ in 0..20 {
        assert_eq!(world.visit(PANEL).await.status, 401, "no password is no guess");
    }
    let cut = &PASSWORD[..PASSWORD.len() - 1];
    for (user, password) in [("admin-readonly", ""), ("admin-readonly", cut), ("Admin", PASSWORD), ("", PASSWORD)] {
        assert_eq!(guess(user, password, "203.0.113.1").await.status, 401, "{user} {password}");
    }
    assert_eq!(guess("admin-readonly", PASSWORD, "203.0.113.1").await.status, 200);
    for _ in 0..6 {
        assert_eq!(guess("admin-readonly", "wrong", "203.0.113.1").await.status, 401);
    }
    for password in ["wrong", PASSWORD] {
        let reply = guess("admin-readonly", password, "203.0.113.1").await;
        assert_eq!(reply.status, 429, "{reply:?}");
        let seconds: u32 = reply.header("retry-after").parse()?;
        assert!((1..=600).contains(&seconds), "{seconds}");
    }
    assert_eq!(guess("admin-readonly", PASSWORD, "203.0.113.2").await.status, 200, "from elsewhere it opens");
    Ok(())
}

#[tokio::test]
async fn sql_reads_and_nothing_else() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(500).await?;
    at_rest(&world).await?;
    let answer = sql(&world, "SELECT COUNT(*) AS accounts, SUM(balance) AS units FROM users").await;
    assert_eq!(answer.json()["rows"], json!([{"accounts": 1, "units": 5_000_000}]));
    for statement in ["SELECT 1 AS one; -- x", "SELECT 1 AS one;", "-- y\nSELECT 1 AS one /* ; */ ; /* z"] {
        assert_eq!(sql(&world, statement).await.json()["rows"], json!([{"one": 1}]), "{statement}");
    }
    let many = "WITH ten(i) AS (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))
        SELECT a.i FROM ten a, ten b, ten c, ten d, ten e, ten f, ten g, ten h, ten i";
    let many = sql(&world, many).await.json();
    assert_eq!((many["rows"].as_array().unwrap().len(), &many["more"]), (1_000, &json!(true)), "not a billion");
    for statement in [
        "INSERT INTO unclaimed (key, at, reason, amount, currency) VALUES ('x', 1, 'x', 1, 'usd')",
        "UPDATE users SET balance = 0",
        "DELETE FROM users",
        "DROP TABLE users",
        "WITH gone AS (SELECT 1) DELETE FROM users",
        "WITH gone AS (SELECT 1) INSERT INTO unclaimed (key, at, reason, amount, currency) SELECT 'x', 1, 'x', 1, 'usd' RETURNING key",
        "SELECT 1; DELETE FROM users",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
        "PRAGMA user_version = 7",
        "ATTACH DATABASE 'other' AS other",
        "VACUUM",
        "BEGIN",
        "SELECT * FROM nowhere",
        "SELECT * FROM users WHERE balance = ?",
        "SELECT * FROM _cf_METADATA",
        "nonsense",
    ] {
        let reply = sql(&world, statement).await;
        assert_eq!(reply.status, 400, "{statement}: {reply:?}");
    }
    let answer =
        sql(&world, "SELECT COUNT(*) AS n, (SELECT COUNT(*) FROM unclaimed) AS u FROM users WHERE balance > 0").await;
    assert_eq!(answer.json()["rows"], json!([{"n": 1, "u": 0}]), "all of it was rolled back");
    assert_eq!(world.balance(&customer).await, 500.0);
    at_rest(&world).await
}

#[tokio::test]
async fn unclaimed_money_is_assigned_once() -> Result<()> {
    let world = World::start().await?;
    let (ada, bob) = (world.customer(100).await?, world.newcomer().await);
    let session = world.stripe.pay(&PayRequest { client_reference_id: None, ..PayRequest::new(900, "") }).await?;
    let euros = world.stripe.add_payment_link("eur", None);
    let other =
        PayRequest { payment_link: euros["id"].as_str().map(str::to_owned), ..PayRequest::new(500, &bob.reference) };
    world.stripe.pay(&other).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    let rows = table(&world, "/db/admin-readonly?table=unclaimed").await;
    let key = |amount: i64| {
        let rows = rows.as_array().unwrap();
        rows.iter().find(|row| row["amount"] == amount).unwrap()["key"].as_str().unwrap().to_owned()
    };
    let (dollars, euros) = (key(900), key(500));
    let page = world.send(operator(&world, "/db/admin-readonly?table=unclaimed")).await;
    assert!(page.body.contains("action=\"/db/admin-readonly/assign\""), "{}", page.body);

    let form = form(&world, &[("key", &dollars), ("account", &ada.reference)]);
    assert_eq!(world.send(form.try_clone().unwrap()).await.status, 401);
    let reads = world.send(form.try_clone().unwrap().basic_auth("admin-readonly", Some(PASSWORD))).await;
    assert!(reads.status == 401 && reads.body.contains("user name admin"), "{reads:?}");
    let foreign = form.basic_auth("admin", Some(PASSWORD)).header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(foreign).await.status, 403);
    for (account, cents) in [("nobody", ""), (bob.account(), ""), (&ada.reference[..], "-5"), (&ada.reference, "1e3")] {
        assert_eq!(
            assign(&world, &dollars, account, cents).await.status,
            if cents == "-5" { 409 } else { 400 },
            "{account} {cents}"
        );
    }
    assert_eq!(assign(&world, "unheard of", &ada.reference, "").await.status, 409);
    assert_eq!(world.balance(&ada).await, 100.0);

    for _ in 0..3 {
        let reply = assign(&world, &dollars, ada.account(), "").await;
        assert_eq!((reply.status, reply.json()["account"].as_str()), (200, Some(ada.account())), "{reply:?}");
        assert_eq!(world.balance(&ada).await, 1_000.0);
    }
    assert_eq!(assign(&world, &dollars, &bob.reference, "").await.status, 409);
    let without = assign(&world, &euros, &bob.reference, "").await;
    assert!(without.status == 409 && without.body.contains("eur"), "{without:?}");
    assert_eq!(assign(&world, &euros, &bob.reference, "550.5").await.status, 200);
    assert_eq!(world.balance(&bob).await, 550.5);
    at_rest(&world).await?;

    // A refund finds the account, and the webhook that comes late another account's money, not twice.
    let succeeded = cargo_stripeflare::stripe::RefundStatus::Succeeded;
    world.stripe.refund(&world.charge_of(&session), Some(300), succeeded)?;
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(world.balance(&ada).await, 700.0);
    let event = world.stripe.events().into_iter().find(|event| event["data"]["object"]["id"] == session["id"]).unwrap();
    for reference in [&bob.reference, &ada.reference] {
        let mut event = event.clone();
        event["data"]["object"]["client_reference_id"] = json!(reference);
        let body = event.to_string();
        let signature = world.stripe.sign(body.as_bytes(), world.stripe.clock().now_s());
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", signature);
        assert_eq!(world.send(request.body(body)).await.status, 200);
    }
    assert_eq!((world.balance(&ada).await, world.balance(&bob).await), (700.0, 550.5));
    at_rest(&world).await?;

    // What was decided and could not be credited arrives by itself, and asking again changes nothing.
    world.stripe.pay(&PayRequest { client_reference_id: None, ..PayRequest::new(810, "") }).await?;
    world.stripe.pay(&PayRequest { client_reference_id: None, ..PayRequest::new(800, "") }).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    let sql = intruder(&world, &bob)?;
    sql.execute_batch("CREATE TRIGGER fails BEFORE UPDATE OF balance ON users BEGIN SELECT RAISE(ABORT, 'no'); END")?;
    let key = key_of(&world, 800).await;
    assert_eq!(assign(&world, &key, &bob.reference, "").await.status, 503);
    assert_eq!(assign(&world, &key_of(&world, 810).await, &ada.reference, "").await.status, 200);
    sql.execute_batch("DROP TRIGGER fails")?;
    drop(sql);
    at_rest(&world).await?;
    assert_eq!((world.balance(&ada).await, world.balance(&bob).await), (1_510.0, 1_350.5));
    assert_eq!(assign(&world, &key, &bob.reference, "").await.status, 200);
    assert_eq!(world.balance(&bob).await, 1_350.5);
    at_rest(&world).await
}

async fn key_of(world: &World, amount: i64) -> String {
    let rows = table(world, &format!("/db/admin-readonly?table=unclaimed&column=amount&contains={amount}")).await;
    rows[0]["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn html_in_names_is_shown_and_not_run() -> Result<()> {
    let mut world = World::start().await?;
    let customer = world.customer(100).await?;
    let evil = "<script>alert('x')</script>";
    let reference = PayRequest { client_reference_id: None, ..PayRequest::new(900, "") };
    world.stripe.pay(&reference).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    at_rest(&world).await?;
    world.workerd.kill9().await?;
    for file in world.workerd.object_files()? {
        let sql = rusqlite::Connection::open(file)?;
        let _ = sql.execute("UPDATE users SET name = ?1, email = '\"><img src=x onerror=alert(1)>'", [evil]);
        let _ = sql.execute("UPDATE unclaimed SET reason = ?1, currency = ?1, client_reference_id = '=1+1'", [evil]);
        let _ = sql.execute("UPDATE keyed_entries SET detail = ?1", [evil]);
    }
    world.workerd.restart().await?;
    for path in [
        PANEL.to_owned(),
        "/db/admin-readonly?table=unclaimed".to_owned(),
        format!("/db/{}", customer.reference),
        format!("/db/{}?table=entries", customer.reference),
        "/db/admin-readonly?column=%3Cscript%3Ealert(1)%3C/script%3E&contains=%22%3E%3Cscript%3E".to_owned(),
        "/db/admin-readonly?sql=SELECT+name+FROM+users+--+%3C/textarea%3E%3Cscript%3E".to_owned(),
    ] {
        let page = world.send(operator(&world, &path)).await;
        assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{path}: {}", page.body);
    }
    let page = world.send(operator(&world, PANEL)).await;
    assert!(page.body.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{}", page.body);
    let csv = world.send(operator(&world, "/db/admin-readonly?table=unclaimed&format=csv")).await;
    assert!(csv.body.contains("\"'=1+1\""), "{}", csv.body);
    Ok(())
}

#[tokio::test]
async fn money_of_a_closed_account_is_seen_and_handed_over_or_refunded() -> Result<()> {
    let world = World::start().await?;
    let (ada, bob, eve) = (world.customer(500).await?, world.customer(70).await?, world.newcomer().await);
    let close = world.request(Method::DELETE, "/me?forfeit=true").bearer_auth(&ada.token);
    assert_eq!(world.send(close).await.status, 204);
    // Somebody pays into it all the same.
    let late = world.stripe.pay(&PayRequest::new(300, &ada.reference)).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    at_rest(&world).await?;
    let closed = async || table(&world, &format!("{PANEL}?table=closed")).await;
    assert_eq!(
        (&closed().await[0]["account_id"], &closed().await[0]["balance"]),
        (&json!(ada.account()), &json!("800"))
    );
    let page = world.send(operator(&world, &format!("{PANEL}?table=closed"))).await.body;
    assert!(page.contains("action=\"/db/admin-readonly/hand-over\""), "{page}");

    let wish = |key: &str, from: &str, to: &str, cents: &str, reason: &str| {
        form_to(
            &world,
            "hand-over",
            &[("key", key), ("from", from), ("account", to), ("cents", cents), ("reason", reason)],
        )
    };
    let ask = async |key: &str, from: &str, to: &str, cents: &str, reason: &str| {
        let request = wish(key, from, to, cents, reason).basic_auth("admin", Some(PASSWORD));
        let reply = world.send(request.header("accept", "application/json")).await;
        (reply.status, reply.json())
    };
    let reads = wish("a", ada.account(), bob.account(), "", "why").basic_auth("admin-readonly", Some(PASSWORD));
    assert_eq!(world.send(reads).await.status, 401);
    for (key, from, to, cents, reason, status) in [
        ("a", ada.account(), bob.account(), "100", "", 400),
        ("", ada.account(), bob.account(), "100", "why", 400),
        ("a", ada.account(), bob.account(), "100", "a\nb", 400),
        ("a", ada.account(), ada.account(), "100", "why", 400),
        ("a", ada.account(), eve.account(), "100", "why", 400),
        ("a", bob.account(), &eve.reference, "10", "why", 409),
        ("a", ada.account(), bob.account(), "801", "why", 409),
        ("a", ada.account(), bob.account(), "-1", "why", 409),
    ] {
        let (answered, body) = ask(key, from, to, cents, reason).await;
        assert_eq!(answered, status, "{key} {from} {to} {cents} {reason}: {body}");
    }
    for _ in 0..2 {
        let answer = ask("a", ada.account(), &bob.reference, "100", "asked by mail").await;
        assert_eq!(answer, (200, json!({"account": bob.account(), "amount": "100"})));
        assert_eq!(world.balance(&bob).await, 170.0);
    }
    assert_eq!(ask("a", ada.account(), &bob.reference, "99", "asked by mail").await.0, 409);
    // Back to whoever paid, as far as it was that payment.
    world.stripe.refund(&world.charge_of(&late), None, cargo_stripeflare::stripe::RefundStatus::Succeeded)?;
    world.stripe.wait_idle(DEADLINE).await?;
    at_rest(&world).await?;
    assert_eq!(closed().await[0]["balance"], "400");

    // To a newcomer, whose account is in trouble at that moment: it arrives by itself.
    let sql = intruder(&world, &bob)?;
    sql.execute_batch("CREATE TRIGGER fails BEFORE UPDATE OF balance ON users BEGIN SELECT RAISE(ABORT, 'no'); END")?;
    assert_eq!(ask("b", ada.account(), &bob.reference, "50", "asked by mail").await.0, 503);
    sql.execute_batch("DROP TRIGGER fails")?;
    drop(sql);
    assert_eq!(ask("c", ada.account(), &eve.reference, "", "asked by mail").await.0, 200);
    at_rest(&world).await?;
    assert_eq!((world.balance(&bob).await, world.balance(&eve).await), (220.0, 350.0));
    assert_eq!(closed().await, json!([]));
    let entries = table(&world, &format!("/db/{}?table=entries", ada.reference)).await;
    assert!(entries.to_string().contains(&format!("{} asked by mail", eve.account())), "{entries}");
    Ok(())
}
