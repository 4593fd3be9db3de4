//! `/account`: the account for people, by forms alone.

use anyhow::Result;
use cargo_stripeflare::stripe::Method as Pay;
use reqwest::Method;
use serde_json::json;
use tests::visitor::Visitor;
use tests::{Customer, Reply, World};

/// What a browser sends when a person follows a link or presses a button of our own page.
fn browse(world: &World, method: Method, path: &str, token: &str) -> reqwest::RequestBuilder {
    let request = world.request(method, path).header("cookie", format!("__Host-access_token={token}"));
    let request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
    request.header("sec-fetch-site", "same-origin")
}

async fn press(world: &World, customer: &Customer, form: &str) -> Reply {
    let request = browse(world, Method::POST, "/account", &customer.token);
    world.send(request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())).await
}

async fn see(world: &World, customer: &Customer) -> String {
    let page = world.send(browse(world, Method::GET, "/account", &customer.token)).await;
    assert_eq!((page.status, page.header("content-type").as_str()), (200, "text/html; charset=utf-8"), "{page:?}");
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert!(!page.body.contains("<script"));
    page.body
}

fn cookie_of(reply: &Reply) -> String {
    let cookie = reply.header("set-cookie");
    let value = cookie.strip_prefix("__Host-access_token=").and_then(|rest| rest.split(';').next());
    value.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_person_sees_the_balance_the_statement_and_the_tokens() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    for _ in 0..25 {
        world.get(&owner, "/ok").await;
    }
    world.settled(&owner).await;
    let page = see(&world, &owner).await;
    assert!(page.contains("<strong>475 cents</strong>") && page.contains("href=\"/topup\""), "{page}");
    assert_eq!(page.matches("<td>GET /ok</td>").count(), 20);
    assert!(page.contains("first (this browser)"), "{page}");
    assert!(!page.contains(owner.token.split('.').nth(1).unwrap()), "no secret on it");
    let older = page.split("href=\"").find(|part| part.starts_with("/account?before=")).unwrap();
    let older = older.split(['"', '#']).next().unwrap();
    let older = world.send(browse(&world, Method::GET, older, &owner.token)).await.body;
    assert_eq!((older.matches("<td>GET /ok</td>").count(), older.contains("<td>credit</td>")), (5, true));

    for nobody in [world.visit("/account").await, world.get(&world.newcomer().await, "/account").await] {
        assert_eq!(nobody.status, 200);
        assert!(nobody.body.contains("Nobody has paid") && nobody.body.contains("/topup"), "{nobody:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_person_makes_changes_and_ends_tokens() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let made = press(
        &world,
        &owner,
        "do=make&label=my+%3Cb%3E%22agent%27&rights=spend&cap_per_day=2.5&cap_total=&expires_at=2999-01-01",
    )
    .await;
    assert_eq!((made.status, made.header("cache-control").as_str()), (201, "private, no-store"));
    assert!(made.body.contains("my &lt;b&gt;&quot;agent&#39;"), "{made:?}");
    let token = made.body.split(['<', '>']).find(|part| part.starts_with(owner.account())).unwrap().to_owned();
    let agent = Customer { token, ..owner.clone() };
    assert_eq!(world.get(&agent, "/ok").await.status, 200);
    world.settled(&owner).await;
    let page = see(&world, &owner).await;
    assert!(page.contains("1 of 2.5 today") && page.contains("2999-01-01 00:00"), "{page}");
    assert!(page.contains("<th scope=\"row\">my &lt;b&gt;") && !page.contains("<b>"), "{page}");

    let theirs = see(&world, &agent).await;
    assert!(theirs.contains("499 cents") && theirs.contains("only spends") && !theirs.contains("first"), "{theirs}");
    for (wrong, status) in [
        ("do=make&label=", 422),
        ("do=make&label=a&cap_total=x", 422),
        ("do=fly", 400),
        ("do=make&label=a&forget=x", 422),
    ] {
        let refused = press(&world, &owner, wrong).await;
        assert_eq!((refused.status, refused.header("content-type").starts_with("text/")), (status, true), "{wrong}");
    }
    let id = page.split("name=\"id\" value=\"").nth(2).unwrap().split('"').next().unwrap();
    assert_eq!(press(&world, &owner, &format!("do=end&id={id}")).await.header("location"), "/account");
    assert_eq!(world.get(&agent, "/ok").await.status, 401);
    let refused = press(&world, &owner, "do=end&id=first").await;
    assert_eq!((refused.status, refused.body.contains("last way")), (409, true), "as a page: {refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_person_sees_who_is_logged_in_and_forgets_a_card() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    petra.log_in(&world, 500, Pay::visa()).await?;
    let owner = petra.customer(&world).await;
    let page = see(&world, &owner).await;
    assert!(page.contains("Petra Payer") && page.contains("visa •••• 4242"), "{page}");
    let id = page.split("name=\"id\" value=\"").last().unwrap().split('"').next().unwrap();
    assert_eq!(press(&world, &owner, &format!("do=forget-card&id={id}")).await.status, 303);
    assert!(!see(&world, &owner).await.contains("4242"));
    assert_eq!(press(&world, &owner, "do=forget-card&id=x").await.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_person_rotates_logs_out_and_deletes() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let page = see(&world, &owner).await;
    let (_, key) = page.split_once("name=\"key\" value=\"").unwrap();
    let form = format!("do=rotate&key={}", key.split('"').next().unwrap());
    let rotated = press(&world, &owner, &form).await;
    assert_eq!((rotated.status, rotated.header("location").as_str()), (303, "/account"));
    let again = press(&world, &owner, &form).await;
    assert_eq!(cookie_of(&again), cookie_of(&rotated), "the answer was lost, and the form is sent again");
    assert_eq!(press(&world, &owner, "do=rotate").await.status, 409);
    let owner = Customer { token: cookie_of(&rotated), ..owner };
    let elsewhere = press(&world, &owner, "do=logout-everywhere").await;
    let owner = Customer { token: cookie_of(&elsewhere), ..owner };
    assert!(see(&world, &owner).await.contains("500 cents"));

    let kept = press(&world, &owner, "do=logout").await;
    assert_eq!((kept.status, kept.header("set-cookie").as_str()), (409, ""));
    assert!(kept.body.contains("name=\"forget\""), "{kept:?}");
    let left = press(&world, &owner, "do=logout&forget=true").await;
    assert!(left.status == 200 && left.header("set-cookie").ends_with("Max-Age=0"), "{left:?}");

    let refused = press(&world, &owner, "do=delete").await;
    assert_eq!((refused.status, refused.body.contains("Money is left: 500 cents.")), (409, true), "{refused:?}");
    let deleted = press(&world, &owner, "do=delete&forfeit=true").await;
    assert!(deleted.status == 200 && deleted.header("set-cookie").ends_with("Max-Age=0"), "{deleted:?}");
    assert!(deleted.body.contains("<h1>Account deleted</h1>"), "{deleted:?}");
    assert_eq!(world.get(&owner, "/me").await.status, 401);
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_is_a_page_for_a_person_and_json_for_a_program() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let foreign = browse(&world, Method::GET, "/ok", &owner.token).header("sec-purpose", "prefetch");
    assert!(world.send(foreign).await.json()["error"] == json!("cross_site"), "nobody reads it");
    let two = browse(&world, Method::GET, "/ok", &format!("{}; __Host-access_token=x", owner.token));
    let page = world.send(two).await;
    assert_eq!((page.status, page.header("content-type").as_str()), (400, "text/html; charset=utf-8"), "{page:?}");
    assert!(page.body.contains("Two access token cookies"));
    Ok(())
}
