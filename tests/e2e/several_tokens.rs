//! Several tokens for one account: each with its rights, its caps and its end.

use anyhow::Result;
use cargo_stripeflare::stripe::Method as Pay;
use reqwest::Method;
use serde_json::{Value, json};
use tests::visitor::Visitor;
use tests::{Customer, Reply, World};

async fn post(world: &World, customer: &Customer, path: &str) -> Reply {
    world.post(customer, path, "").await
}

async fn delete(world: &World, customer: &Customer, path: &str) -> Reply {
    world.send(world.request(Method::DELETE, path).bearer_auth(&customer.token)).await
}

/// A further token, and its id.
async fn mint(world: &World, by: &Customer, wanted: Value) -> (Customer, String) {
    let made = world.post(by, "/tokens", wanted.to_string()).await;
    assert_eq!((made.status, made.header("cache-control").as_str()), (201, "private, no-store"), "{made:?}");
    let text = |field: &str| made.json()[field].as_str().unwrap_or_default().to_owned();
    (Customer { token: text("access_token"), ..by.clone() }, text("id"))
}

async fn tokens(world: &World, customer: &Customer) -> Vec<Value> {
    let list = world.get(customer, "/tokens").await;
    assert_eq!((list.status, list.header("cache-control").as_str()), (200, "private, no-store"), "{list:?}");
    list.json()["tokens"].as_array().cloned().unwrap_or_default()
}

fn error(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn with_cookie(world: &World, method: Method, path: &str, token: &str) -> reqwest::RequestBuilder {
    world.request(method, path).header("cookie", format!("__Host-access_token={token}"))
}

/// The value of the cookie that a reply sets.
fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.cookie("__Host-access_token");
    let value = cookie.strip_prefix("__Host-access_token=").and_then(|rest| rest.split(';').next());
    value.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_that_spends_spends_and_no_more() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (agent, id) = mint(&world, &owner, json!({"label": "agent"})).await;
    assert_ne!(agent.token, owner.token);
    assert_eq!(agent.account(), owner.account());
    assert_eq!(world.get(&agent, "/ok").await.header("x-balance"), "499");
    assert_eq!(world.post(&agent, "/charge?cents=20", "").await.body, "479");
    assert_eq!(world.balance(&agent).await, 479.0);
    for (method, path) in [
        (Method::GET, "/tokens"),
        (Method::POST, "/tokens"),
        (Method::DELETE, "/tokens/first"),
        (Method::POST, "/logout-everywhere"),
        (Method::DELETE, "/me?forfeit=true"),
        (Method::GET, "/me/entries"),
    ] {
        let request = world.request(method, path).bearer_auth(&agent.token);
        let refused = world.send(request.body(json!({"label": "more", "manage": true}).to_string())).await;
        assert_eq!(error(&refused), (403, "rights".into()), "{path}");
    }
    let list = tokens(&world, &owner).await;
    let seen: Vec<_> = list.iter().map(|token| (token["id"].as_str(), token["manage"].as_bool())).collect();
    assert_eq!(seen, [(Some("first"), Some(true)), (Some(id.as_str()), Some(false))]);
    assert_eq!((&list[0]["this"], &list[1]["this"]), (&json!(true), &json!(false)));
    assert_eq!(list[1]["last_used"].as_str().map(str::len), Some(10), "a day");
    let text = world.get(&owner, "/tokens").await.body;
    for customer in [&owner, &agent] {
        assert!(!text.contains(customer.token.split('.').nth(1).unwrap()), "a secret is shown once");
    }

    let (second, _) = mint(&world, &owner, json!({"label": "partner", "manage": true})).await;
    assert_eq!(tokens(&world, &second).await.len(), 3);
    assert_eq!(delete(&world, &second, &format!("/tokens/{id}")).await.status, 204);
    assert_eq!(error(&world.get(&agent, "/ok").await), (401, "wrong_token".into()), "at the next request");
    assert_eq!(delete(&world, &second, &format!("/tokens/{id}")).await.status, 204, "it has ended");
    assert_eq!(delete(&world, &second, "/tokens/first").await.status, 204);
    assert_eq!(error(&world.get(&owner, "/me").await), (401, "wrong_token".into()), "the first one, too");
    assert_eq!(
        error(
            &delete(&world, &second, &format!("/tokens/{}", tokens(&world, &second).await[0]["id"].as_str().unwrap()))
                .await
        ),
        (409, "last_token".into())
    );
    assert_eq!(world.get(&second, "/ok").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_revoked_token_takes_along_what_was_made_and_added_with_it() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    petra.log_in(&world, 500, Pay::visa()).await?;
    let owner = petra.customer(&world).await;
    let (laptop, _) = mint(&world, &owner, json!({"label": "laptop", "manage": true})).await;
    let (agent, _) = mint(&world, &owner, json!({"label": "agent"})).await;
    let (agents, _) = mint(&world, &laptop, json!({"label": "agent of the laptop"})).await;
    for (customer, name) in [(&owner, json!("Petra Payer")), (&laptop, json!("Petra Payer")), (&agent, Value::Null)] {
        assert_eq!(world.get(customer, "/me").await.json()["name"], name, "who only spends does not see for whom");
    }
    let cards =
        async |customer: &Customer| world.get(customer, "/cards").await.json()["cards"].as_array().map(Vec::len);
    assert_eq!(cards(&laptop).await, Some(1));
    assert_eq!(delete(&world, &laptop, "/tokens/first").await.status, 204);
    for (customer, status) in [(&owner, 401), (&agent, 401), (&agents, 200), (&laptop, 200)] {
        assert_eq!(world.get(customer, "/ok").await.status, status);
    }
    assert_eq!(cards(&laptop).await, Some(0));
    let audit = tests::audit::audit_at_rest(world.disk(), tests::DEADLINE).await?;
    assert!(audit.is_clean() && audit.accounts[owner.account()].cards.is_empty(), "{audit}");
    let mut other = Visitor::arrive(&world).await;
    other.log_in(&world, 500, Pay::visa()).await?;
    assert_eq!(cards(&other.customer(&world).await).await, Some(1), "the card is free for another account");
    Ok(())
}

#[tokio::test]
async fn what_a_token_is_asked_to_be_is_checked() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    for (wrong, status) in [
        (json!({}), 400),
        (json!({"label": "a", "cap": 5}), 400),
        (json!({"label": "a", "cap_total": "five"}), 400),
        (json!({"label": ""}), 422),
        (json!({"label": "a\nb"}), 422),
        (json!({"label": "a".repeat(65)}), 422),
        (json!({"label": "a", "cap_total": 0}), 422),
        (json!({"label": "a", "cap_per_day": -1}), 422),
        (json!({"label": "a", "manage": true, "cap_total": 5}), 422),
        (json!({"label": "a", "manage": true, "expires_at": "2999-12-31"}), 422),
        (json!({"label": "a", "expires_at": "2020-01-01"}), 422),
        (json!({"label": "a", "expires_at": "tomorrow"}), 422),
    ] {
        let refused = world.post(&owner, "/tokens", wrong.to_string()).await;
        assert_eq!(error(&refused), (status, "token".into()), "{wrong}");
    }
    assert_eq!(tokens(&world, &owner).await.len(), 1);
    let expiring = json!({"label": "Zo\u{eb} \u{1f980}", "cap_total": 2.5, "expires_at": "2999-12-31"});
    let (_, id) = mint(&world, &owner, expiring).await;
    let list = tokens(&world, &owner).await;
    assert_eq!(list[1]["id"], id);
    assert_eq!((&list[1]["label"], &list[1]["cap_total"]), (&json!("Zo\u{eb} \u{1f980}"), &json!(2.5)));
    assert_eq!(list[1]["expires_at"], "2999-12-31T00:00:00.000Z");
    for number in 2..100 {
        mint(&world, &owner, json!({"label": number.to_string()})).await;
    }
    let one_more = world.post(&owner, "/tokens", json!({"label": "more"}).to_string()).await;
    assert_eq!(error(&one_more), (409, "too_many_tokens".into()));
    Ok(())
}

#[tokio::test]
async fn a_token_stops_when_its_time_is_over() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() as i64 + 3;
    let (day, second) = (now / 86_400, now % 86_400);
    let sql = rusqlite::Connection::open_in_memory()?;
    let date: String = sql.query_row("SELECT date(?, 'unixepoch')", [day * 86_400], |row| row.get(0))?;
    let at = format!("{date}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60);
    let (agent, _) = mint(&world, &owner, json!({"label": "agent", "expires_at": at})).await;
    assert_eq!(world.get(&agent, "/ok").await.status, 200);
    let expired = async {
        loop {
            let reply = world.get(&agent, "/me").await;
            if reply.status != 200 {
                return reply;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let expired = tokio::time::timeout(tests::DEADLINE, expired).await?;
    assert_eq!(error(&expired), (401, "token_expired".into()));
    assert_eq!(error(&world.get(&agent, "/ok").await), (401, "token_expired".into()));
    Ok(())
}

#[tokio::test]
async fn a_cap_ends_a_tokens_calls_and_nobody_elses() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (daily, _) = mint(&world, &owner, json!({"label": "daily", "cap_per_day": 3})).await;
    let (total, _) = mint(&world, &owner, json!({"label": "total", "cap_per_day": 50, "cap_total": 2.25})).await;
    for (agent, calls, says) in [
        (&daily, 3, "3 cents a day, and has 0 cents left today"),
        (&total, 2, "2.25 cents, and has 0.25 cents left in all"),
    ] {
        for _ in 0..calls {
            assert_eq!(world.get(agent, "/ok").await.status, 200);
        }
        world.settled(&owner).await;
        let refused = world.get(agent, "/ok").await;
        assert_eq!(error(&refused), (402, "token_cap".into()));
        assert!(refused.body.contains(says), "{refused:?}");
        assert_eq!((refused.header("x-price"), refused.json().get("paymentLink")), ("0".into(), None));
    }
    assert_eq!(world.get(&total, "/fraction").await.status, 200, "a quarter is left");
    world.settled(&owner).await;
    for path in ["/dynamic?cents=1", "/fraction"] {
        assert_eq!(error(&world.get(&total, path).await), (402, "token_cap".into()), "{path}");
    }
    assert_eq!(error(&world.post(&total, "/charge?cents=1&overdraft=true", "").await), (402, "token_cap".into()));
    let list = tokens(&world, &owner).await;
    assert_eq!((&list[1]["spent_today"], &list[1]["spent_total"]), (&json!(3), &json!(3)));
    assert_eq!((&list[2]["spent_today"], &list[2]["spent_total"]), (&json!(2.25), &json!(2.25)));
    assert_eq!((&list[0]["spent_total"], &list[0]["spent_days"]), (&json!(0), &json!([])));
    assert_eq!(world.get(&owner, "/ok").await.status, 200);
    world.settled(&owner).await;
    let list = tokens(&world, &owner).await;
    assert_eq!((&list[0]["spent_total"], &list[0]["spent_days"][0]["amount"]), (&json!(1), &json!(1)), "it has no cap");
    assert_eq!(list[1]["spent_days"][0]["amount"], json!(3));
    Ok(())
}

#[tokio::test]
async fn calls_at_once_keep_to_a_cap_and_are_told_to_wait_while_it_is_held() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (agent, _) = mint(&world, &owner, json!({"label": "agent", "cap_total": 10})).await;
    let replies = futures_util::future::join_all((0..30).map(|_| world.get(&agent, "/slow?ms=300"))).await;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(200) + count(402) + count(429)), (10, 30));
    assert!(count(429) > 0, "their money was held");
    world.settled(&owner).await;
    assert_eq!(world.balance(&owner).await, 490.0);
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_paid_by_a_token_keeps_to_its_caps_and_its_end() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (agent, id) = mint(&world, &owner, json!({"label": "agent", "cap_total": 5})).await;
    let job = |cents: &str, key: &str| {
        let path = format!("/job?payer={}&cents={cents}&key={key}", agent.token);
        world.send(world.request(Method::POST, &path))
    };
    assert_eq!(job("4", "a").await.body, "Charged { available: Cents(4960000) }");
    assert_eq!(job("4", "a").await.body, "AlreadyCharged");
    assert_eq!(job("4", "b").await.body, "TokenCap { left: Cents(10000) }");
    delete(&world, &owner, &format!("/tokens/{id}")).await;
    assert_eq!(job("1", "c").await.status, 500);
    assert_eq!(world.balance(&owner).await, 496.0);
    Ok(())
}

#[tokio::test]
async fn a_rotated_token_keeps_all_but_its_secret() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (agent, id) = mint(&world, &owner, json!({"label": "agent", "cap_total": 3})).await;
    world.get(&agent, "/ok").await;
    world.settled(&owner).await;
    let rotated = post(&world, &agent, "/rotate-token").await;
    assert_eq!((rotated.status, rotated.header("set-cookie").as_str()), (200, ""));
    let fresh = Customer { token: rotated.json()["access_token"].as_str().unwrap().to_owned(), ..agent.clone() };
    assert_eq!(world.get(&agent, "/me").await.status, 200, "the new one may be lost on its way");
    assert_eq!(world.get(&fresh, "/me").await.status, 200);
    assert_eq!(error(&world.get(&agent, "/me").await), (401, "wrong_token".into()), "it is not");
    let list = tokens(&world, &owner).await;
    assert_eq!((&list[1]["id"], &list[1]["label"], &list[1]["spent_total"]), (&json!(id), &json!("agent"), &json!(1)));
    for status in [200, 200, 402] {
        assert_eq!(world.get(&fresh, "/ok").await.status, status);
        world.settled(&owner).await;
    }

    let rotated = post(&world, &owner, "/rotate-token").await;
    let fresh = Customer { token: rotated.json()["access_token"].as_str().unwrap().to_owned(), ..owner.clone() };
    assert_eq!(world.balance(&fresh).await, 497.0);
    assert_eq!(world.get(&owner, "/me").await.status, 401);
    assert_eq!(tokens(&world, &fresh).await.len(), 2);

    let stranger = world.newcomer().await;
    assert_eq!(error(&post(&world, &stranger, "/rotate-token").await), (409, "unregistered".into()));
    assert_eq!(tokens(&world, &stranger).await, Vec::<Value>::new());
    assert_eq!(
        error(&world.post(&stranger, "/tokens", json!({"label": "a"}).to_string()).await),
        (402, "payment_required".into())
    );
    assert_eq!(error(&world.send(world.request(Method::POST, "/rotate-token")).await), (401, "no_token".into()));
    Ok(())
}

#[tokio::test]
async fn a_browser_gets_its_new_token_as_a_cookie_only() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    for headers in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("sec-fetch-site", "same-site")]
    {
        for path in ["/rotate-token", "/logout", "/logout-everywhere", "/tokens", "/account"] {
            let request = with_cookie(&world, Method::POST, path, &owner.token).header(headers.0, headers.1);
            assert_eq!(world.send(request.body("do=rotate")).await.status, 403, "{path}");
        }
        for path in ["/me?forfeit=true", "/tokens/first"] {
            let request = with_cookie(&world, Method::DELETE, path, &owner.token).header(headers.0, headers.1);
            assert_eq!(world.send(request).await.status, 403, "{path}");
        }
    }
    let ours = |path: &str, token: &str| {
        with_cookie(&world, Method::POST, path, token).header("sec-fetch-site", "same-origin")
    };
    let rotated = world.send(ours("/rotate-token", &owner.token)).await;
    assert_eq!((rotated.status, rotated.body.as_str()), (204, ""));
    let fresh = Customer { token: cookie_of(&rotated), ..owner.clone() };
    assert!(rotated.header("set-cookie").contains("; HttpOnly; Secure; SameSite=Lax; Path=/; Max-Age=34560000"));
    assert_eq!(world.balance(&fresh).await, 500.0);

    let everywhere = world.send(ours("/logout-everywhere", &fresh.token)).await;
    let last = Customer { token: cookie_of(&everywhere), ..owner.clone() };
    assert_eq!(world.get(&fresh, "/me").await.status, 401, "at once");
    assert_eq!(world.balance(&last).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn logging_out_forgets_the_cookie_and_loses_no_money() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let log_out = |token: &str, query: &str| {
        world.send(
            with_cookie(&world, Method::POST, &format!("/logout{query}"), token)
                .header("sec-fetch-site", "same-origin"),
        )
    };
    assert_eq!(error(&log_out(&owner.token, "").await), (409, "last_token".into()));
    let (keeper, _) = mint(&world, &owner, json!({"label": "kept", "manage": true})).await;
    let gone = log_out(&owner.token, "").await;
    assert_eq!(gone.status, 204);
    assert!(
        gone.header("set-cookie").starts_with("__Host-access_token=; ")
            && gone.header("set-cookie").ends_with("Max-Age=0")
    );
    assert_eq!(world.balance(&owner).await, 500.0, "who has kept it may use it");

    // The next person at this browser has not left to pay.
    let paying = format!("{}; __Host-paying={}", owner.token, "a".repeat(52));
    let gone = log_out(&paying, "").await;
    let dropped: Vec<_> = gone.headers.get_all("set-cookie").iter().filter_map(|it| it.to_str().ok()).collect();
    for name in ["access_token", "paying"] {
        let drop = format!("__Host-{name}=; HttpOnly; Secure; SameSite=Lax; Path=/; Max-Age=0");
        assert!(dropped.contains(&drop.as_str()), "{dropped:?}");
    }

    let everywhere = post(&world, &keeper, "/logout-everywhere").await;
    let keeper = Customer { token: everywhere.json()["access_token"].as_str().unwrap().to_owned(), ..keeper };
    assert_eq!(world.get(&owner, "/me").await.status, 401);
    assert_eq!(log_out(&keeper.token, "?forget=true").await.status, 204);
    for nothing_to_lose in [world.newcomer().await.token, owner.token] {
        assert_eq!(log_out(&nothing_to_lose, "").await.status, 204);
    }
    Ok(())
}

#[tokio::test]
async fn a_cookie_that_has_ended_is_replaced_where_a_person_comes_and_refused_elsewhere() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (browser, _) = mint(&world, &owner, json!({"label": "browser", "manage": true})).await;
    post(&world, &owner, "/logout-everywhere").await;
    let navigate = |path: &str| {
        let request = with_cookie(&world, Method::GET, path, &browser.token);
        request
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", "none")
    };
    for (path, status) in [
        ("/me", 200),
        ("/whoami", 200),
        ("/ok", 402),
        ("/row", 402),
        ("/topup", 303),
        ("/account", 200),
        ("/tokens", 401),
    ] {
        let replaced = world.send(navigate(path)).await;
        assert_eq!(replaced.status, status, "{path}");
        let cookie = cookie_of(&replaced);
        assert!(!cookie.is_empty() && !cookie.starts_with(owner.account()), "{path}: a visitor's, not {cookie}");
        if status == 303 {
            assert!(!replaced.header("location").contains(owner.account()), "nobody pays for what is lost");
        }
        let fetched = with_cookie(&world, Method::GET, path, &browser.token).header("sec-fetch-site", "same-origin");
        let fetched = world.send(fetched).await;
        assert_eq!((fetched.status, fetched.header("set-cookie").as_str()), (401, ""), "{path}");
    }
    assert_eq!(world.visit("/free").await.status, 200);
    Ok(())
}

#[tokio::test]
async fn an_account_is_deleted_when_its_money_is_gone_or_given_up() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (agent, _) = mint(&world, &owner, json!({"label": "agent"})).await;
    let refused = delete(&world, &owner, "/me").await;
    assert_eq!(error(&refused), (409, "money_left".into()));
    assert!(refused.body.contains("500 cents"), "{refused:?}");
    assert_eq!(delete(&world, &owner, "/me?forfeit=true").await.status, 204);
    for ended in [&owner, &agent] {
        for path in ["/me", "/ok"] {
            assert_eq!(error(&world.get(ended, path).await), (401, "wrong_token".into()));
        }
    }
    let sql = world.account_database(&owner)?;
    let entry: (String, i64, i64) =
        sql.query_row("SELECT kind, amount, balance FROM entries WHERE kind = 'close'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    assert_eq!(entry, ("close".into(), 0, 5_000_000), "it is the operator's to give back");
    let stranger = world.newcomer().await;
    assert_eq!(error(&delete(&world, &stranger, "/me").await), (409, "unregistered".into()));
    let mut petra = Visitor::arrive(&world).await;
    petra.log_in(&world, 500, Pay::visa()).await?;
    assert_eq!(delete(&world, &petra.customer(&world).await, "/me?forfeit=true").await.status, 204);
    let account = petra.account().to_owned();
    let audit = tests::audit::audit_at_rest(world.disk(), tests::DEADLINE).await?;
    assert!(audit.accounts[&account].cards.is_empty(), "its card is nobody's: {audit}");
    for file in world.workerd.object_files()? {
        let sql = rusqlite::Connection::open_with_flags(&file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let names = "SELECT COUNT(*) FROM users WHERE COALESCE(name, email, card_fingerprint) IS NOT NULL";
        if let Ok(named) = sql.query_row(names, [], |row| row.get::<_, i64>(0)) {
            assert_eq!(named, 0, "in {}", file.display());
        }
    }
    let audit = tests::audit::audit_at_rest(world.disk(), tests::DEADLINE).await?;
    assert!(audit.is_clean(), "{audit}");
    Ok(())
}

#[tokio::test]
async fn calls_of_a_capped_token_are_written_one_by_one_and_others_together() -> Result<()> {
    const CALLS: u64 = 100;
    let world = World::start().await?;
    let owner = world.customer(1_000).await?;
    let (plain, _) = mint(&world, &owner, json!({"label": "plain"})).await;
    let (capped, _) = mint(&world, &owner, json!({"label": "capped", "cap_per_day": 500, "cap_total": 500})).await;
    // With a cap: the hold, or with it the capture before; its entry; what the token has spent.
    for (name, agent, rows) in [("without a cap", &plain, 2), ("with a cap", &capped, 4)] {
        world.get(agent, "/ok").await;
        world.settled(&owner).await;
        let before = world.stats(&owner).await;
        for _ in 0..CALLS {
            assert_eq!(world.get(agent, "/ok").await.status, 200);
        }
        world.settled(&owner).await;
        let after = world.stats(&owner).await;
        let written = after.1 - before.1;
        println!("{CALLS} calls in a row by a token {name}: {} commands, {written} rows written", after.0 - before.0);
        assert!(written <= rows * CALLS, "{written} rows {name}");
    }
    Ok(())
}

#[tokio::test]
async fn an_old_reference_secret_still_credits_and_no_token_depends_on_it() -> Result<()> {
    const OLD: &str = "a secret that only these tests ever use";
    let mut world = World::start().await?;
    let (customer, early) = (world.customer(100).await?, world.newcomer().await);
    let vars = [("DB_SECRET", "another secret that only these tests use"), ("DB_SECRET_PREVIOUS", OLD)];
    world.deploy_with(&vars).await?;
    assert_eq!(world.balance(&customer).await, 100.0, "its token is what it was");
    let reference = world.get(&customer, "/me").await.json()["client_reference_id"].clone();
    assert_ne!(reference, json!(customer.reference));
    world.pay(&early, 70).await?;
    assert_eq!(world.balance(&early).await, 70.0, "by a link that was given out before");
    world.pay(&Customer { reference: reference.as_str().unwrap().to_owned(), ..customer.clone() }, 80).await?;
    assert_eq!(world.balance(&customer).await, 180.0);
    Ok(())
}

#[tokio::test]
async fn credentials_of_another_form_never_make_a_new_account() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    let token = &customer.token;
    let send = |path: &str, name: &str, value: &str| {
        world.send(world.request(Method::GET, path).header(name.to_owned(), value.to_owned()))
    };
    let mut balance = 50.0;
    for (name, value) in [("authorization", format!("bEARER  {token}")), ("x-api-key", token.clone())] {
        let reply = send("/ok", name, &value).await;
        assert_eq!((reply.status, reply.header("x-price")), (200, "1".into()), "{name}: {value}");
        balance -= 1.0;
    }
    for (name, value) in [
        ("authorization", token.clone()),
        ("authorization", format!("Token {token}")),
        ("authorization", format!("Bearer:{token}")),
        ("authorization", "Basic dG9rZW46".to_owned()),
        ("x-auth-token", token.clone()),
    ] {
        for path in ["/ok", "/dynamic?cents=1", "/me", "/whoami", "/topup"] {
            let reply = send(path, name, &value).await;
            let error = reply.json()["error"].as_str().map(str::to_owned);
            assert_eq!((reply.status, error.as_deref()), (401, Some("credentials")), "{path} {name}: {value}");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
            assert_eq!(reply.header("set-cookie"), "");
            assert!(
                reply.body.contains("Authorization: Bearer <access_token>") && !reply.body.contains(token.as_str())
            );
        }
        assert_eq!(send("/free", name, &value).await.status, 200, "what asks for nobody looks at nothing");
    }
    let queried = world.visit(&format!("/ok?access_token={token}")).await;
    assert_eq!((queried.status, queried.header("www-authenticate")), (401, "Bearer".into()));
    assert_eq!(send("/ok", "x-api-key", "another service's").await.status, 401);

    // A browser sends what it once told the panel by itself: beside a cookie it changes nothing, but nothing is charged.
    let with_cookie = |path: &str| {
        let request = world.request(Method::GET, path).header("cookie", format!("__Host-access_token={token}"));
        world.send(request.header("sec-fetch-site", "same-origin").header("authorization", "Basic dG9rZW46"))
    };
    assert_eq!(with_cookie("/me").await.json()["balance"], balance);
    assert_eq!(with_cookie("/ok").await.status, 401);

    // Of a protocol in which a call says how it will pay: it knows nobody yet.
    let payment = send("/ok", "authorization", "Payment id=\"1\"").await;
    assert_eq!((payment.status, payment.json()["error"].as_str()), (402, Some("payment_required")));
    assert_eq!(world.balance(&customer).await, balance);
    Ok(())
}
