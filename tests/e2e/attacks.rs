//! What somebody may try who wants another's money, one test per attack.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use cargo_stripeflare::stripe::{ApiFault, DisputeEnd, DisputeRequest, Method as Pay, PayRequest, StandInOptions};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::audit::audit_at_rest;
use tests::secrets::{Secrets, files, objects_with};
use tests::visitor::Visitor;
use tests::{Customer, DB_SECRET, DEADLINE, Reply, World};

/// A request that carries a cookie header and comes from one of our own pages.
fn with_cookies(world: &World, path: &str, cookies: &str) -> RequestBuilder {
    world.request(Method::GET, path).header("cookie", cookies).header("sec-fetch-site", "same-origin")
}

fn secret(customer: &Customer) -> &str {
    customer.token.split_once('.').map(|(_, secret)| secret).unwrap_or_default()
}

/// Pays as somebody else than the account's owner does, and waits for the webhook.
async fn pay(world: &World, request: &PayRequest) -> Result<Value> {
    let session = world.stripe.pay(request).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    Ok(session)
}

#[tokio::test]
async fn guessed_and_truncated_tokens_and_other_spellings_of_one() -> Result<()> {
    let world = World::start().await?;
    let victim = world.customer(500).await?;
    let stranger = world.newcomer().await;
    let stranger_secret = secret(&stranger);
    let (id, token, secret) = (victim.account(), victim.token.as_str(), secret(&victim));
    let last = secret.chars().last().unwrap_or_default();
    let mut tries: Vec<String> = (0..token.len()).map(|length| token[..length].to_owned()).collect();
    tries.extend([
        format!("{id}.{stranger_secret}"),
        format!("{}.{secret}", stranger.account()),
        format!("{id}.{}", "a".repeat(secret.len())),
        format!("{id}.{id}"),
        token.to_uppercase(),
        format!("{}.{secret}", id.to_uppercase()),
        format!("{token}="),
        format!("{token}a"),
        format!("{token}.{secret}"),
        format!("{id}..{secret}"),
        format!("{id}%2e{secret}"),
        format!("\"{token}\""),
        // The last character holds one bit of the secret and four that must be zero.
        format!("{}{}", &token[..token.len() - 1], if last == 'a' { 'b' } else { 'r' }),
        victim.reference.clone(),
        format!("{}.{secret}", victim.reference),
    ]);
    for wrong in tries {
        for path in ["/me", "/ok"] {
            let bearer = world.send(world.request(Method::GET, path).bearer_auth(&wrong)).await;
            assert_eq!(bearer.status, 401, "Bearer {wrong} on {path}");
            let cookie = world.send(with_cookies(&world, path, &format!("__Host-access_token={wrong}"))).await;
            assert_eq!(cookie.status, 401, "the cookie {wrong} on {path}");
        }
    }
    for elsewhere in [format!("/ok?access_token={token}"), format!("/ok?token={token}")] {
        assert_eq!(world.visit(&elsewhere).await.status, 401, "an address is no place for a token");
    }
    assert_eq!(world.balance(&victim).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn a_token_for_somebodys_unregistered_account() -> Result<()> {
    let world = World::start().await?;
    // The attacker knows the account's id, from the reference in a payment link, before anybody has paid.
    let (victim, attacker) = (world.newcomer().await, world.newcomer().await);
    let forged = Customer { token: format!("{}.{}", victim.account(), secret(&attacker)), ..victim.clone() };
    let refused = async |when: &str| {
        for path in ["/me", "/ok", "/whoami"] {
            assert_eq!(world.get(&forged, path).await.status, 401, "{path}, {when}");
        }
    };
    refused("before it is paid for").await;
    world.pay(&victim, 300).await?;
    refused("afterwards").await;
    assert_eq!(world.balance(&victim).await, 300.0);
    Ok(())
}

#[tokio::test]
async fn paying_into_somebodys_account_to_pull_its_balance() -> Result<()> {
    let world = World::start().await?;
    let victim = world.customer(500).await?;
    let attacker = world.customer(100).await?;
    // The same card and the same email address as the victim's.
    pay(&world, &PayRequest::new(50, &victim.reference)).await?;
    pay(&world, &PayRequest::new(50, &attacker.reference)).await?;
    assert_eq!(world.balance(&victim).await, 550.0, "a gift");
    assert_eq!(world.balance(&attacker).await, 150.0);
    Ok(())
}

#[tokio::test]
async fn reference_ids_edited_or_of_another_deployment_on_the_same_stripe_account() -> Result<()> {
    let world = World::start().await?;
    let elsewhere =
        World::with(StandInOptions::default(), &[("DB_SECRET", "the secret of quite another deployment")]).await?;
    let (victim, attacker) = (world.customer(100).await?, world.newcomer().await);
    let (id, tag) = victim.reference.split_once('-').unwrap();
    let foreign = elsewhere.newcomer().await.reference;
    let edited = [
        format!("{id}-{}", attacker.reference.split_once('-').unwrap().1),
        format!("{id}-"),
        id.to_owned(),
        format!("{id}-{}", &tag[..tag.len() - 1]),
        format!("{id}-{tag}a"),
        format!("{}-{tag}", attacker.account()),
        victim.reference.to_uppercase(),
        foreign,
    ];
    for reference in &edited {
        pay(&world, &PayRequest::new(900, reference)).await?;
    }
    assert_eq!((world.balance(&victim).await, world.balance(&attacker).await), (100.0, 0.0));
    assert_eq!(world.get(&attacker, "/me").await.json()["registered"], false);
    Ok(())
}

#[tokio::test]
async fn another_products_payment_link() -> Result<()> {
    let world = World::start().await?;
    let attacker = world.customer(100).await?;
    // Sold on the same Stripe account for less than it says, or with a discount that is not ours.
    let other = world.stripe.add_payment_link("usd", None);
    let link = other["id"].as_str().map(str::to_owned);
    pay(&world, &PayRequest { payment_link: link, ..PayRequest::new(9_000, &attacker.reference) }).await?;
    assert_eq!(world.balance(&attacker).await, 100.0);
    Ok(())
}

#[tokio::test]
async fn cookie_tossing() -> Result<()> {
    let world = World::start().await?;
    let (victim, attacker) = (world.customer(500).await?, world.customer(100).await?);
    // What a subdomain can plant has no `__Host-`: it is not looked at, alone or beside the victim's own.
    let planted = format!("access_token={}", attacker.token);
    let own = format!("__Host-access_token={}", victim.token);
    for cookies in [format!("{planted}; {own}"), format!("{own}; {planted}"), format!("{own}; __host-{planted}")] {
        let me = world.send(with_cookies(&world, "/me", &cookies)).await;
        assert_eq!(me.json()["client_reference_id"], victim.reference.as_str(), "{cookies}");
    }
    let topup = world.send(with_cookies(&world, "/topup", &planted)).await;
    assert!(!topup.header("location").contains(attacker.account()), "the victim pays for an account of its own");
    // To a browser these have no prefix either, and to a server that strips all white space they would have our name.
    for blank in ["\u{2000}", "\u{a0}", "\u{85}"] {
        let topup = world.send(with_cookies(&world, "/topup", &format!("{blank}__Host-{planted}"))).await;
        assert!(!topup.header("location").contains(attacker.account()), "{blank:?}");
        let me = world.send(with_cookies(&world, "/me", &format!("{blank}__Host-{planted}; {own}"))).await;
        assert_eq!(me.json()["client_reference_id"], victim.reference.as_str(), "{blank:?}");
    }
    // Two of the real name cannot both be the victim's, and nobody knows which one is.
    for path in ["/me", "/ok", "/topup"] {
        let two = world.send(with_cookies(&world, path, &format!("__Host-{planted}; {own}"))).await;
        assert_eq!(two.status, 400, "{path}");
    }
    assert_eq!((world.balance(&victim).await, world.balance(&attacker).await), (500.0, 100.0));
    Ok(())
}

#[tokio::test]
async fn taking_the_victims_cookie_away_by_a_call_that_browsers_send_without_it() -> Result<()> {
    let world = World::start().await?;
    let call = async |method: Method, path: &str, headers: &[(&'static str, &'static str)]| {
        let request = world.request(method, path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        world.send(request).await.header("set-cookie")
    };
    let form = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let frame = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    let script = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
    let old_browser = [("origin", "https://evil.example")];
    for path in ["/ok", "/me", "/topup", "/account", "/logout", "/echo", "/stripe/return", "/free", "/nowhere"] {
        assert_eq!(call(Method::POST, path, &form).await, "", "POST {path}");
        for headers in [&frame[..], &script, &old_browser] {
            assert_eq!(call(Method::GET, path, headers).await, "", "{path} {headers:?}");
            assert_eq!(call(Method::POST, path, headers).await, "", "POST {path} {headers:?}");
        }
    }
    assert_ne!(call(Method::GET, "/ok", &form).await, "", "with a link that a person follows, browsers send it");
    Ok(())
}

#[tokio::test]
async fn a_dispute_used_to_freeze_a_rival() -> Result<()> {
    let world = World::start().await?;
    let rival = world.customer(500).await?;
    let session = pay(&world, &PayRequest::new(50, &rival.reference)).await?;
    let charge = world.charge_of(&session);
    for _ in 0..3 {
        let dispute = world.stripe.open_dispute(&DisputeRequest::new(&charge))?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(available(&world, &rival).await, "500", "no more is frozen than the attacker paid");
        let id = dispute["id"].as_str().unwrap();
        world.stripe.withdraw_disputed(id)?;
        world.stripe.close_dispute(id, DisputeEnd::Lost)?;
        world.stripe.wait_idle(DEADLINE).await?;
        assert_eq!(available(&world, &rival).await, "500", "and no more is taken back");
    }
    Ok(())
}

/// What is left to spend, by a call that costs nothing.
async fn available(world: &World, customer: &Customer) -> String {
    let reply = world.get(customer, "/metered?use=0").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.header("x-balance")
}

#[tokio::test]
async fn header_injection_through_names_and_emails_from_stripe() -> Result<()> {
    let world = World::start().await?;
    let name = "Eve\r\nSet-Cookie: __Host-access_token=evil\r\n\r\n<h1>\u{1f600}\u{0}";
    for name in [name, "Zoë Ö", "\u{202e}", &"x".repeat(20_000)] {
        let victim = world.newcomer().await;
        let request = PayRequest {
            name: Some(name.to_owned()),
            email: format!("{name}@example.com"),
            ..PayRequest::new(50, &victim.reference)
        };
        pay(&world, &request).await?;
        for path in ["/me", "/ok", "/whoami"] {
            let reply = world.get(&victim, path).await;
            assert_eq!(reply.status, 200, "{path} {reply:?}");
            assert_eq!(reply.header("set-cookie"), "", "{path}");
        }
    }
    Ok(())
}

/// One customer's whole life, with everything that may go wrong in it; collects the secrets and what was answered.
async fn live(world: &World, secrets: &mut Secrets, switches: bool) -> Result<(Vec<(String, Reply)>, String)> {
    let mut answers: Vec<(String, Reply)> = Vec::new();
    let customer = world.newcomer().await;
    secrets.add_token("a first token", &customer.token);
    let session = world.pay(&customer, 500).await?;
    secrets.add("a session id", session["id"].as_str().unwrap());
    let mut browser = Visitor::with(&customer.token);
    for path in ["/me", "/ok", "/row", "/whoami", "/error", "/err", "/panic", "/exception", "/large", "/nowhere"] {
        answers.push((path.to_owned(), world.get(&customer, path).await));
        answers.push((format!("{path} in a browser"), browser.visit(world, path).await));
    }
    for path in ["/dynamic?cents=x", "/metered?use=-1", "/charge?cents=0", "/charge?cents=1", "/echo", "/tokens"] {
        answers.push((path.to_owned(), world.post(&customer, path, "{\"text\":\"a\"}").await));
        answers.push((path.to_owned(), world.get(&customer, path).await));
    }
    let key = world.request(Method::GET, "/ok").bearer_auth(&customer.token).header("idempotency-key", "key-0001");
    answers.push(("with a key".to_owned(), world.send(key).await));
    for wrong in [format!("{}x", customer.token), format!("{}.{}", "a".repeat(26), secret(&customer))] {
        let request = world.request(Method::GET, "/me").bearer_auth(&wrong);
        answers.push(("a wrong token".to_owned(), world.send(request).await));
        let request = world.request(Method::GET, "/db/admin-readonly").basic_auth("admin-readonly", Some(&wrong));
        answers.push(("a wrong password".to_owned(), world.send(request).await));
    }
    let event = world.stripe.events().pop().unwrap().to_string();
    for body in [event.as_str(), "{"] {
        let request = world.request(Method::POST, "/stripe-webhook").header("stripe-signature", "t=1,v1=00");
        answers.push(("a forged webhook".to_owned(), world.send(request.body(body.to_owned())).await));
    }
    world.stripe.open_dispute(&DisputeRequest::new(world.charge_of(&session)))?;
    let unclaimed = pay(world, &PayRequest { client_reference_id: None, ..PayRequest::new(700, "") }).await?;
    secrets.add("a session id of nobody", unclaimed["id"].as_str().unwrap());

    // Further tokens, and a browser that comes back from paying.
    let rotated = world.post(&customer, "/rotate-token", "").await.json()["access_token"].as_str().unwrap().to_owned();
    secrets.add_token("a rotated token", &rotated);
    let (further, _) =
        mint(world, &Customer { token: rotated, ..customer }, json!({"label": "further", "manage": true})).await;
    secrets.add_token("a further token", &further.token);
    let mut browser = Visitor::with(&further.token);
    for fault in [Some(ApiFault::Broken), Some(ApiFault::Garbage), None] {
        let paid = browser.paid(world, 500, Pay::visa()).await?;
        secrets.add("a session id that comes back", paid["id"].as_str().unwrap());
        world.stripe.set_api_fault(fault);
        let back = browser.come_back(world, &paid).await;
        if fault.is_none() && switches {
            let waits = browser.press(world, &back, "use").await?;
            let switched = browser.press(world, &waits, "switch").await?;
            // The page that shows the token that opens the account it leaves, on purpose.
            assert!(switched.body.contains(&further.token), "{switched:?}");
            answers.push(("the wait".to_owned(), waits));
        }
        answers.push(("the return page".to_owned(), back));
    }
    assert_eq!(browser.token() != further.token, switches);
    if switches {
        secrets.add_token("a token of a login", browser.token());
    }
    answers.extend(pages(world, &mut browser, &session).await);
    // The account that went answers nobody any more.
    let last = world.post(&further, "/logout-everywhere", "").await;
    match last.json()["access_token"].as_str() {
        Some(token) => secrets.add_token("a last token", token),
        None => answers.push(("logged out everywhere".to_owned(), last)),
    }
    Ok((answers, session["payment_intent"].as_str().unwrap().to_owned()))
}

#[tokio::test]
async fn secrets_and_session_ids_are_in_no_log_error_page_or_file() -> Result<()> {
    let world = at_once().await?;
    let mut secrets = Secrets::of(&world);
    for switches in [false, true] {
        let (answers, intent) = live(&world, &mut secrets, switches).await?;
        for (what, mut reply) in answers {
            // Where a browser gets its own.
            reply.headers.remove("set-cookie");
            secrets.must_not_be_in(&what, reply.body.as_bytes());
            secrets.must_not_be_in(&what, format!("{:?}", reply.headers).as_bytes());
        }
        // What is no secret is found: in the account, in the directory and in the aggregate.
        let everywhere = async {
            while objects_with(&world, intent.as_bytes()).unwrap() < 3 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, everywhere).await?;
    }
    audit_at_rest(world.disk(), DEADLINE).await?;
    for (file, content) in files(world.disk())? {
        secrets.must_not_be_in(&file.display().to_string(), &content);
    }
    let log = world.workerd.log();
    assert!(log.contains("webhook refused"), "there is a log: {log}");
    secrets.must_not_be_in("the log", log.as_bytes());
    Ok(())
}

/// A payment by somebody whose reference it is not, with a card of theirs.
async fn pay_for(world: &World, reference: &str, card: &str) -> Result<Value> {
    pay(world, &PayRequest::new(500, reference).method(Pay::Card(card.to_owned()))).await
}

const MASTERCARD: &str = "5555555555554444";
const VISA: &str = "4242424242424242";

/// The cards of an account, as its owner sees them.
async fn cards(world: &World, visitor: &Visitor) -> Result<String> {
    let customer = visitor.customer(world).await;
    Ok(world.get(&customer, "/cards").await.body)
}

/// Everything in an answer that could be an id of something.
fn ids(reply: &Reply) -> BTreeSet<String> {
    let all = format!("{} {:?}", reply.body, reply.headers);
    let parts = all.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '-' || it == '.'));
    parts.filter(|part| part.len() >= 5).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_forged_link() -> Result<()> {
    let world = World::start().await?;
    let (mut attacker, mut victim) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    victim.log_in(&world, 500, Pay::visa()).await?;
    let before = victim.me(&world).await;
    let forged = attacker.customer(&world).await;
    let session = pay_for(&world, &forged.reference, VISA).await?;

    // The webhook has come, and the victim's browser has not: the attacker asks for all there is, and tries it.
    let mut known = BTreeSet::new();
    for path in ["/me", "/cards", "/tokens", "/me/entries", "/account", "/echo", "/topup", "/whoami"] {
        known.extend(ids(&world.get(&forged, path).await));
        known.extend(ids(&attacker.visit(&world, path).await));
    }
    assert!(known.contains(&forged.reference), "{known:?}");
    for id in known.iter().flat_map(|id| [id.clone(), format!("cs_test_{id}")]) {
        assert_ne!(id, session["id"], "it is told");
        let reply = attacker.visit(&world, &format!("/stripe/return?session_id={id}")).await;
        assert_eq!(reply.status, 404, "{id}: {reply:?}");
    }

    let returned = victim.come_back(&world, &session).await;
    assert!(returned.body.contains("<h1>Thank you</h1>"), "{returned:?}");
    // By whatever means: even the session's id gives nothing.
    assert!(attacker.come_back(&world, &session).await.body.contains("<h1>Thank you</h1>"));
    assert_eq!(victim.me(&world).await, before);
    let me = attacker.me(&world).await;
    for field in ["name", "email", "card_fingerprint", "verified_email"] {
        assert_eq!(me[field], Value::Null, "{me}");
    }
    assert!(!cards(&world, &attacker).await?.contains("4242"));
    // The attacker has the victim's gift, and no way to the rest.
    assert_eq!(attacker.balance(&world).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn paying_into_somebodys_account_to_pull_its_balance_by_logging_in_later() -> Result<()> {
    let world = World::start().await?;
    let (mut attacker, mut victim) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    victim.log_in(&world, 500, Pay::visa()).await?;
    let reference = victim.customer(&world).await.reference;
    let gift = pay_for(&world, &reference, MASTERCARD).await?;
    let back = attacker.come_back(&world, &gift).await;
    assert!(back.body.contains("<h1>Thank you</h1>"), "the attacker's browser is not that account's: {back:?}");
    // The same card in an account of the attacker's own opens that one.
    let back = attacker.log_in(&world, 100, Pay::Card(MASTERCARD.into())).await?;
    assert_eq!((back.status, attacker.balance(&world).await), (303, 100.0));
    assert_eq!(victim.balance(&world).await, 1_000.0);
    Ok(())
}

#[tokio::test]
async fn luring_the_victim_to_the_return_page_of_the_attackers_payment() -> Result<()> {
    let world = World::start().await?;
    for pays_first in [true, false] {
        let (mut attacker, mut victim) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        if pays_first {
            victim.log_in(&world, 500, Pay::visa()).await?;
        }
        let reference = victim.customer(&world).await.reference;
        let gift = pay_for(&world, &reference, MASTERCARD).await?;
        let lured = victim.come_back(&world, &gift).await;
        assert!(lured.body.contains("<h1>Thank you</h1>"), "nothing happens: {lured:?}");
        assert!(!cards(&world, &victim).await?.contains("4444"), "paid first: {pays_first}");
        if !pays_first {
            victim.log_in(&world, 500, Pay::visa()).await?;
        }
        // The card opens an account of the attacker's own, and nobody else's.
        let back = attacker.log_in(&world, 100, Pay::Card(MASTERCARD.into())).await?;
        assert_eq!((back.status, attacker.balance(&world).await), (303, 100.0), "{back:?}");
        let card = attacker.customer(&world).await;
        let id = world.get(&card, "/cards").await.json()["cards"][0]["id"].as_str().unwrap().to_owned();
        world.send(world.request(Method::DELETE, &format!("/cards/{id}")).bearer_auth(&card.token)).await;
    }
    Ok(())
}

#[tokio::test]
async fn card_squatting_and_its_undoing() -> Result<()> {
    let world = World::start().await?;
    for (reason, lost) in [("fraudulent", false), ("general", true)] {
        // The thief pays with the owner's card first, and so has the claim.
        let (mut thief, mut owner) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        let stolen = pay_for(&world, &thief.leave(&world).await, VISA).await?;
        assert_eq!(thief.come_back(&world, &stolen).await.status, 303);
        let back = owner.log_in(&world, 700, Pay::visa()).await?;
        assert_eq!(back.status, 303, "so young a claim lets nobody in: {back:?}");
        assert_eq!((thief.balance(&world).await, owner.balance(&world).await), (500.0, 700.0));

        // The owner tells the bank.
        let charge = world.charge_of(&stolen);
        let dispute =
            world.stripe.open_dispute(&DisputeRequest { reason: reason.to_owned(), ..DisputeRequest::new(&charge) })?;
        if lost {
            let id = dispute["id"].as_str().unwrap();
            world.stripe.withdraw_disputed(id)?;
            world.stripe.close_dispute(id, DisputeEnd::Lost)?;
        }
        world.stripe.wait_idle(DEADLINE).await?;
        let gone = async {
            while cards(&world, &thief).await.is_ok_and(|cards| cards.contains("4242")) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, gone).await?;
        audit_at_rest(world.disk(), DEADLINE).await?;
        let again = owner.log_in(&world, 50, Pay::visa()).await?;
        assert_eq!(again.status, 303, "{again:?}");
        assert!(cards(&world, &owner).await?.contains("4242"), "{reason}");
        assert_eq!(thief.come_back(&world, &stolen).await.status, 303);
        assert!(!cards(&world, &thief).await?.contains("4242"), "the disputed payment claims nothing again");
        let customer = owner.customer(&world).await;
        let id = world.get(&customer, "/cards").await.json()["cards"][0]["id"].as_str().unwrap().to_owned();
        world.send(world.request(Method::DELETE, &format!("/cards/{id}")).bearer_auth(&customer.token)).await;
    }
    Ok(())
}

/// A further token of an account, and its id.
async fn mint(world: &World, by: &Customer, wanted: Value) -> (Customer, String) {
    let made = world.post(by, "/tokens", wanted.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = |field: &str| made.json()[field].as_str().unwrap_or_default().to_owned();
    (Customer { token: text("access_token"), ..by.clone() }, text("id"))
}

/// All that an account's owner can see of its tokens and cards.
async fn state(world: &World, owner: &Customer) -> (String, String, String) {
    let body = async |path| world.get(owner, path).await.body;
    (body("/tokens").await, body("/cards").await, body("/me").await)
}

#[tokio::test]
async fn a_spend_only_token_that_claims_a_card_raises_its_own_cap_mints_or_revokes() -> Result<()> {
    let world = World::start().await?;
    let mut owner = Visitor::arrive(&world).await;
    owner.log_in(&world, 500, Pay::visa()).await?;
    let customer = owner.customer(&world).await;
    let (agent, id) = mint(&world, &customer, json!({"label": "agent", "cap_total": 5})).await;
    let (_, other) = mint(&world, &customer, json!({"label": "another"})).await;
    assert_eq!(world.get(&agent, "/ok").await.status, 200);
    world.settled(&customer).await;
    let before = state(&world, &customer).await;
    let card = world.get(&customer, "/cards").await.json()["cards"][0]["id"].as_str().unwrap().to_owned();

    let body = json!({"label": "more", "manage": true}).to_string();
    for (method, path) in [
        (Method::GET, "/tokens".to_owned()),
        (Method::POST, "/tokens".to_owned()),
        (Method::PUT, format!("/tokens/{id}")),
        (Method::PATCH, format!("/tokens/{id}")),
        (Method::POST, format!("/tokens/{id}")),
        (Method::DELETE, "/tokens/first".to_owned()),
        (Method::DELETE, format!("/tokens/{id}")),
        (Method::DELETE, format!("/tokens/{other}")),
        (Method::POST, "/logout-everywhere".to_owned()),
        (Method::DELETE, "/me?forfeit=true".to_owned()),
        (Method::GET, "/cards".to_owned()),
        (Method::DELETE, format!("/cards/{card}")),
        (Method::GET, "/me/entries".to_owned()),
    ] {
        let request = world.request(method.clone(), &path).bearer_auth(&agent.token);
        let refused = world.send(request.header("content-type", "application/json").body(body.clone())).await;
        assert!([403, 404, 405].contains(&refused.status), "{method} {path}: {refused:?}");
    }
    for button in ["make&label=more&rights=manage", "end&id=first", "logout-everywhere", "delete&forfeit=true"] {
        let form = world.request(Method::POST, "/account").bearer_auth(&agent.token);
        let form = form.header("content-type", "application/x-www-form-urlencoded").body(format!("do={button}"));
        assert_eq!(world.send(form).await.status, 403, "{button}");
    }
    let me = world.get(&agent, "/me").await.json();
    for field in ["name", "email", "card_fingerprint", "verified_email"] {
        assert_eq!(me[field], Value::Null, "{me}");
    }
    let panel = world.request(Method::GET, &format!("/db/{}", customer.reference));
    let panel = world.send(panel.basic_auth(format!("user-{}", customer.reference), Some(&agent.token))).await;
    assert_eq!(panel.status, 403, "{panel:?}");

    // As a cookie of a browser that pays into the account with a card of its own.
    let mut thief = Visitor::with(&agent.token);
    let returned = thief.log_in(&world, 50, Pay::Card(MASTERCARD.into())).await?;
    assert!(returned.body.contains("<h1>Thank you</h1>"), "{returned:?}");
    // Of all that, one thing changed: the owner is richer.
    let after = state(&world, &customer).await;
    assert_eq!((&after.0, &after.1), (&before.0, &before.1));
    assert_eq!(owner.balance(&world).await, 549.0);
    for status in [200, 200, 200, 200, 402] {
        assert_eq!(world.get(&agent, "/ok").await.status, status, "the cap is what it was");
        world.settled(&customer).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stolen_token_after_it_was_revoked() -> Result<()> {
    let world = World::start().await?;
    let mut owner = Visitor::arrive(&world).await;
    owner.log_in(&world, 500, Pay::visa()).await?;
    let customer = owner.customer(&world).await;
    let (stolen, id) = mint(&world, &customer, json!({"label": "laptop", "manage": true})).await;

    // The thief does all that its owner could: makes another token, and adds a card.
    let (further, _) = mint(&world, &stolen, json!({"label": "backdoor", "manage": true})).await;
    let mut thief = Visitor::with(&stolen.token);
    assert_eq!(thief.log_in(&world, 50, Pay::Card(MASTERCARD.into())).await?.status, 303);
    assert!(cards(&world, &owner).await?.contains("4444"));

    // One token ends: it stops at once, and its card opens nothing any more.
    let end = |id: &str| world.request(Method::DELETE, &format!("/tokens/{id}")).bearer_auth(&customer.token);
    assert_eq!(world.send(end(&id)).await.status, 204);
    for path in ["/me", "/ok", "/tokens"] {
        assert_eq!(world.get(&stolen, path).await.status, 401, "{path}");
    }
    assert!(!cards(&world, &owner).await?.contains("4444"));
    audit_at_rest(world.disk(), DEADLINE).await?;
    let mut fresh = Visitor::arrive(&world).await;
    let back = fresh.log_in(&world, 50, Pay::Card(MASTERCARD.into())).await?;
    assert_eq!((back.status, fresh.balance(&world).await), (303, 50.0), "it is in an account of its own: {back:?}");

    // So does the token that was made with it; the owner's card stays.
    assert_eq!(world.get(&further, "/me").await.status, 401);
    assert!(!world.get(&customer, "/tokens").await.body.contains("backdoor"));
    assert!(cards(&world, &owner).await?.contains("4242"));
    assert_eq!(owner.balance(&world).await, 550.0);
    Ok(())
}

#[tokio::test]
async fn reading_another_tokens_answer_by_its_idempotency_key() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let (agent, _) = mint(&world, &owner, json!({"label": "agent"})).await;
    let call = async |customer: &Customer| {
        let request = world.request(Method::GET, "/row").bearer_auth(&customer.token);
        world.send(request.header("idempotency-key", "order-0001")).await
    };
    assert_eq!(call(&owner).await.header("x-price"), "1");
    let theirs = call(&agent).await;
    assert_eq!((theirs.header("idempotent-replayed"), theirs.header("x-price")), (String::new(), "1".into()));
    assert_eq!(call(&owner).await.header("idempotent-replayed"), "true");
    assert_eq!(world.balance(&owner).await, 498.0);
    Ok(())
}

#[tokio::test]
async fn answers_to_the_question_from_elsewhere() -> Result<()> {
    let world = at_once().await?;
    let (mut first, mut second) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    first.log_in(&world, 500, Pay::visa()).await?;
    let asked = second.log_in(&world, 300, Pay::visa()).await?;
    let form = tests::visitor::form(&asked, "use")?;
    let fields: Vec<&str> = form.split('&').map(|pair| pair.split_once('=').unwrap().1).collect();
    let [step, until, seal, _] = fields[..] else { panic!("{form}") };
    let other = if step.ends_with('0') { '1' } else { '0' };
    let edited = format!("{}{other}", &step[..step.len() - 1]);
    let send = async |visitor: &Visitor, body: String| {
        let request = visitor.request(&world, Method::POST, "/stripe/return");
        world.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    };
    let forms = [
        format!("step={edited}&until={until}&seal={seal}&answer=use"),
        format!("step={step}&until=9{until}&seal={seal}&answer=use"),
        format!("step={step}&until={until}&seal={}&answer=use", "0".repeat(seal.len())),
        format!("step={step}&until={until}&seal=&answer=use"),
        format!("step={step}&until={until}&seal={}&answer=use", &seal[..32]),
        format!("step={step}&until={until}&answer=use"),
        "answer=use".to_owned(),
        String::new(),
    ];
    for body in forms {
        assert_eq!(send(&second, body.clone()).await.status, 400, "{body}");
    }
    // Another browser, and none, cannot use what was asked of this one.
    let attacker = Visitor::arrive(&world).await;
    for visitor in [&attacker, &first, &Visitor::default()] {
        assert_eq!(send(visitor, form.clone()).await.status, 400);
    }
    assert_eq!((first.balance(&world).await, second.balance(&world).await), (500.0, 300.0));
    Ok(())
}

/// Logins need not wait, and new cards let in at once.
async fn at_once() -> Result<World> {
    World::with(StandInOptions::default(), &[("LOGIN_WAIT", "0")]).await
}

/// What the owner of an account sees of it: nothing is to change by an attack.
async fn opens(world: &World, owner: &Visitor) -> (String, Value, Value) {
    let customer = owner.customer(world).await;
    let tokens = world.get(&customer, "/tokens").await.json();
    let count = tokens["tokens"].as_array().map(Vec::len);
    (world.get(&customer, "/cards").await.body, json!(count), owner.me(world).await["balance"].clone())
}

#[tokio::test]
async fn a_relayed_session_with_the_attacker_polling() -> Result<()> {
    let world = at_once().await?;
    for round in 0..10 {
        let card = Pay::Card(format!("400000000000{round}123"));
        let (mut victim, mut attacker) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        victim.log_in(&world, 500, card.clone()).await?;
        let before = opens(&world, &victim).await;
        let token = attacker.token().to_owned();
        // The attacker left to pay, and the victim paid on the page that it was sent.
        let session = attacker.paid(&world, 300, card).await?;
        // The attacker first, at the same time, and last.
        let polls = async {
            for _ in 0..10 {
                let page = attacker.look(&world, &session).await;
                if tests::visitor::form(&page, "use").is_ok() {
                    attacker.press(&world, &page, "use").await?;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            anyhow::Ok(())
        };
        let returns = async {
            tokio::time::sleep(Duration::from_millis(if round % 2 == 0 { 0 } else { 350 })).await;
            victim.look(&world, &session).await
        };
        let (polled, returned) = tokio::join!(polls, returns);
        polled?;
        assert!(returned.body.contains("<h1>Thank you</h1>"), "{returned:?}");
        let page = attacker.look(&world, &session).await;
        for button in ["use", "switch"] {
            assert!(tests::visitor::form(&page, button).is_err(), "{round}: {page:?}");
        }
        audit_at_rest(world.disk(), DEADLINE).await?;
        assert_eq!(attacker.token(), token, "{round}");
        assert_eq!(opens(&world, &victim).await, before, "{round}");
        // What began before the victim came back ends as soon as the account hears of it.
        let ended = async {
            while victim.me(&world).await["pending_logins"] != json!(0) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, ended).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_relayed_session_whose_payer_never_comes_back() -> Result<()> {
    let world = World::with(StandInOptions::default(), &[("LOGIN_WAIT", "2")]).await?;
    let wait = || tokio::time::sleep(Duration::from_secs(2));
    for (round, owner_does) in ["refuse", "lock?kept=true", "nothing"].into_iter().enumerate() {
        let card = || Pay::Card(format!("400000000000{round}123"));
        let (mut victim, mut attacker) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        victim.log_in(&world, 500, card()).await?;
        wait().await;
        let before = opens(&world, &victim).await;
        let session = attacker.paid(&world, 300, card()).await?;
        let asked = attacker.come_back(&world, &session).await;
        let waits = attacker.press(&world, &asked, "use").await?;
        assert!(waits.body.contains("Waiting for that account"), "{waits:?}");
        assert_eq!(opens(&world, &victim).await, before, "it gives nothing for so long");
        let customer = victim.customer(&world).await;
        let id = world.get(&customer, "/tokens").await.json()["pending_logins"][0]["id"].as_str().unwrap().to_owned();
        let path = match owner_does {
            "refuse" => format!("/logins/{id}/refuse"),
            "nothing" => String::new(),
            other => format!("/{other}"),
        };
        if !path.is_empty() {
            assert_eq!(world.post(&customer, &path, "").await.status, 204);
        }
        wait().await;
        let page = attacker.come_back(&world, &session).await;
        if !path.is_empty() {
            assert!(page.body.contains("This login has ended"), "{owner_does}: {page:?}");
            let after = opens(&world, &victim).await;
            assert_eq!((&after.1, &after.2), (&before.1, &before.2), "nor after it: {owner_does}");
            continue;
        }
        // What docs/security.md says is left: one token that manages, and the payment.
        attacker.press(&world, &page, "switch").await?;
        assert_eq!((attacker.account(), attacker.token() != victim.token()), (victim.account(), true));
        let moved = async {
            while victim.me(&world).await["balance"] != json!(800) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, moved).await?;
        assert_eq!(world.get(&customer, "/tokens").await.json()["tokens"].as_array().map(Vec::len), Some(2));
        // And the owner who sees it ends it.
        assert_eq!(world.post(&customer, &format!("/logins/{id}/refuse"), "").await.status, 204);
        let gone = world.send(world.request(Method::GET, "/me").bearer_auth(attacker.token())).await;
        assert_eq!(gone.status, 401, "{gone:?}");
    }
    Ok(())
}

/// All that an account's own pages and answers show of people.
async fn shown(world: &World, visitor: &mut Visitor) -> Result<String> {
    let customer = visitor.customer(world).await;
    let mut all = String::new();
    for path in ["/me", "/cards", "/whoami", "/me/entries"] {
        all.push_str(&world.get(&customer, path).await.body);
    }
    all.push_str(&visitor.visit(world, "/account").await.body);
    for table in ["account", "entries", "payments", "cards"] {
        let path = format!("/db/{}?table={table}", customer.reference);
        let panel = world.send(basic(world, &path, &format!("user-{}", customer.reference), &customer.token)).await;
        assert_eq!(panel.status, 200, "{panel:?}");
        all.push_str(&panel.body);
    }
    Ok(all)
}

const PERSONAL: [&str; 3] = ["Petra Payer", "payer@example.com", "4242"];

#[tokio::test]
async fn a_relayed_session_whose_payer_comes_back_late() -> Result<()> {
    let world = World::start().await?;
    let (mut victim, mut attacker) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    // Dated a little ahead, so that the time in which the payer comes back is not over before this test is.
    world.stripe.clock().advance_s(120);
    let session = attacker.pay(&world, 300, Pay::visa()).await?;
    world.stripe.clock().advance_s(-120);
    world.stripe.wait_idle(DEADLINE).await?;
    assert_eq!(attacker.come_back(&world, &session).await.status, 303, "the card is nobody's, and claimed at once");
    let sees = shown(&world, &mut attacker).await?;
    assert!(sees.contains("300") && !PERSONAL.iter().any(|text| sees.contains(text)), "{sees}");
    // The victim comes back within the patience that the page has, and nothing of this is left.
    assert!(victim.look(&world, &session).await.body.contains("<h1>Thank you</h1>"));
    audit_at_rest(world.disk(), DEADLINE).await?;
    let database = world.account_database(&attacker.customer(&world).await)?;
    let count = |select: &str| database.query_row(select, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT COUNT(*) FROM cards")?, 0);
    assert_eq!(count("SELECT COUNT(*) FROM users WHERE name IS NULL AND card_fingerprint IS NULL")?, 1);
    Ok(())
}

#[tokio::test]
async fn a_relayed_session_whose_payer_comes_back_when_all_was_shown() -> Result<()> {
    let world = World::start().await?;
    let (mut victim, mut attacker) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    let own =
        PayRequest { name: Some("Mallory".into()), email: "mallory@example.com".into(), ..PayRequest::new(50, "") };
    let own = PayRequest { client_reference_id: Some(attacker.leave(&world).await), ..own };
    world.stripe.clock().advance_s(-60);
    let first = pay(&world, &own.method(Pay::Card(MASTERCARD.into()))).await?;
    world.stripe.clock().advance_s(60);
    attacker.come_back(&world, &first).await;
    let before = attacker.me(&world).await;
    assert_eq!((&before["name"], &before["email"]), (&json!("Mallory"), &json!("mallory@example.com")));

    let session = attacker.paid(&world, 300, Pay::visa()).await?;
    assert_eq!(attacker.come_back(&world, &session).await.status, 303);
    let sees = shown(&world, &mut attacker).await?;
    assert!(PERSONAL.iter().all(|text| sees.contains(text)), "as docs/security.md says: {sees}");
    victim.look(&world, &session).await;
    let undone = async {
        while attacker.me(&world).await["name"] != before["name"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, undone).await?;
    audit_at_rest(world.disk(), DEADLINE).await?;
    let after = attacker.me(&world).await;
    for field in ["name", "email", "card_fingerprint", "verified_email"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let sees = shown(&world, &mut attacker).await?;
    assert!(!PERSONAL.iter().any(|text| sees.contains(text)), "{sees}");
    Ok(())
}

fn freeing(world: &World, user: &str, card: &str) -> RequestBuilder {
    let request = world.request(Method::POST, "/db/admin-readonly/free-card").basic_auth(user, Some(DB_SECRET));
    let request = request.header("accept", "application/json");
    request.header("content-type", "application/x-www-form-urlencoded").body(format!("card={card}"))
}

#[tokio::test]
async fn squatting_until_the_operator_frees_the_card() -> Result<()> {
    let world = at_once().await?;
    let [mut thief, mut second, mut third, mut owner] = [&world; 4].map(|_| Visitor::default());
    for visitor in [&mut thief, &mut second, &mut third, &mut owner] {
        visitor.visit(&world, "/free").await;
    }
    thief.log_in(&world, 500, Pay::visa()).await?;
    // One login by that card is taken, and one waits.
    let asked = second.log_in(&world, 50, Pay::visa()).await?;
    let ready = second.press(&world, &asked, "use").await?;
    second.press(&world, &ready, "switch").await?;
    let session = third.paid(&world, 50, Pay::visa()).await?;
    let asked = third.come_back(&world, &session).await;
    let ready = third.press(&world, &asked, "use").await?;
    let asked = owner.log_in(&world, 700, Pay::visa()).await?;
    assert!(asked.body.contains("Which account do you want to use?"), "{asked:?}");

    let card = thief.me(&world).await["card_fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(world.send(freeing(&world, "admin-readonly", &card)).await.status, 401, "that name only reads");
    let foreign = freeing(&world, "admin", &card).header("sec-fetch-site", "cross-site");
    assert_eq!(world.send(foreign).await.status, 403);
    assert_eq!(world.send(freeing(&world, "admin", "unknown")).await.status, 404);
    assert!(cards(&world, &thief).await?.contains("4242"));
    let freed = world.send(freeing(&world, "admin", &card)).await;
    let reference = thief.customer(&world).await.reference;
    assert_eq!((freed.status, freed.json()), (200, json!({"account": reference})));
    assert_eq!(world.send(freeing(&world, "admin", &card)).await.status, 404, "it is nobody's");

    assert!(!cards(&world, &thief).await?.contains("4242"));
    let gone = world.send(world.request(Method::GET, "/me").bearer_auth(second.token())).await;
    assert_eq!(gone.status, 401, "a login by it has ended: {gone:?}");
    let late = third.press(&world, &ready, "switch").await?;
    assert!(late.body.contains("This login has ended"), "{late:?}");
    let record = format!("/db/{reference}?table=entries&column=kind&contains=card_freed");
    let record = world.send(basic(&world, &record, "admin-readonly", DB_SECRET)).await.json();
    assert_eq!(record["rows"].as_array().map(Vec::len), Some(1), "it is on record: {record}");
    let back = owner.log_in(&world, 50, Pay::visa()).await?;
    assert!(back.status == 303 && cards(&world, &owner).await?.contains("4242"), "its owner has it: {back:?}");
    audit_at_rest(world.disk(), DEADLINE).await?;
    Ok(())
}

#[tokio::test]
async fn a_newcomer_who_pays_on_a_page_that_somebody_sent() -> Result<()> {
    let world = World::start().await?;
    for order in ["the attacker first", "both at once", "the attacker last"] {
        let (mut victim, mut attacker) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        let session = attacker.paid(&world, 300, Pay::visa()).await?;
        match order {
            "the attacker first" => drop((attacker.look(&world, &session).await, victim.look(&world, &session).await)),
            "both at once" => drop(tokio::join!(attacker.look(&world, &session), victim.look(&world, &session))),
            _ => drop((victim.look(&world, &session).await, attacker.look(&world, &session).await)),
        }
        audit_at_rest(world.disk(), DEADLINE).await?;
        for visitor in [&attacker, &victim] {
            assert!(
                !cards(&world, visitor).await?.contains("4242"),
                "the victim's card opens nobody's account: {order}"
            );
        }
        assert_eq!(attacker.me(&world).await["name"], Value::Null, "{order}");
        assert_eq!((attacker.balance(&world).await, victim.balance(&world).await), (300.0, 0.0), "a gift");
    }
    Ok(())
}

#[tokio::test]
async fn a_gift_by_a_payment_that_shows_no_card() -> Result<()> {
    let world = World::start().await?;
    let (mut victim, mut giver) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    victim.log_in(&world, 500, Pay::visa()).await?;
    // The victim has pressed Add credit, and has not paid yet.
    victim.leave(&world).await;
    let before = victim.me(&world).await;
    let reference = victim.customer(&world).await.reference;
    for way in [Pay::Wallet { device_number: None }, Pay::Card(MASTERCARD.into())] {
        let gift = PayRequest {
            name: Some("Mallory".into()),
            email: "mallory@example.com".into(),
            ..PayRequest::new(50, &reference).method(way)
        };
        world.stripe.clock().advance_s(-60);
        let session = pay(&world, &gift).await?;
        world.stripe.clock().advance_s(60);
        assert!(victim.come_back(&world, &session).await.body.contains("<h1>Thank you</h1>"), "lured");
        assert!(giver.come_back(&world, &session).await.body.contains("<h1>Thank you</h1>"));
    }
    audit_at_rest(world.disk(), DEADLINE).await?;
    let sees = shown(&world, &mut victim).await?;
    assert!(!sees.contains("Mallory") && !sees.contains("mallory") && !sees.contains("4444"), "{sees}");
    assert_eq!(victim.me(&world).await["name"], before["name"]);
    assert_eq!(victim.balance(&world).await, 600.0);
    Ok(())
}

#[tokio::test]
async fn the_attackers_account_is_the_older_one() -> Result<()> {
    let world = at_once().await?;
    let (mut thief, mut victim) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    // The thief squats the card, and the victim has money of its own and believes the question.
    thief.log_in(&world, 50, Pay::visa()).await?;
    victim.log_in(&world, 500, Pay::Card(MASTERCARD.into())).await?;
    let own = victim.customer(&world).await;
    let session = victim.paid(&world, 300, Pay::visa()).await?;
    let asked = victim.come_back(&world, &session).await;
    let ready = victim.press(&world, &asked, "use").await?;
    let switched = victim.press(&world, &ready, "switch").await?;
    assert_eq!(victim.account(), thief.account());
    assert!(switched.body.contains(&own.token), "the way back is shown: {switched:?}");
    audit_at_rest(world.disk(), DEADLINE).await?;
    assert_eq!((world.balance(&own).await, thief.balance(&world).await), (500.0, 350.0), "one payment, and no more");
    assert!(world.get(&own, "/cards").await.body.contains("4444"), "its token and its card open it as before");
    // What is disputed comes from where it went.
    lose(&world, &session, "general").await?;
    audit_at_rest(world.disk(), DEADLINE).await?;
    assert_eq!((world.balance(&own).await, thief.balance(&world).await), (500.0, 50.0));
    Ok(())
}

/// The payer disputes a payment, and the bank agrees.
async fn lose(world: &World, session: &Value, reason: &str) -> Result<()> {
    let charge = world.charge_of(session);
    let dispute =
        world.stripe.open_dispute(&DisputeRequest { reason: reason.to_owned(), ..DisputeRequest::new(&charge) })?;
    let id = dispute["id"].as_str().unwrap();
    world.stripe.withdraw_disputed(id)?;
    world.stripe.close_dispute(id, DisputeEnd::Lost)?;
    world.stripe.wait_idle(DEADLINE).await?;
    Ok(())
}

#[tokio::test]
async fn a_stolen_card_that_pays_uses_spends_and_is_disputed() -> Result<()> {
    let world = at_once().await?;
    for (round, reason) in ["fraudulent", "general"].into_iter().enumerate() {
        let card = || Pay::Card(format!("400000000000{round}123"));
        let (mut owner, mut thief) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        owner.log_in(&world, 500, card()).await?;
        let session = thief.paid(&world, 300, card()).await?;
        let asked = thief.come_back(&world, &session).await;
        let ready = thief.press(&world, &asked, "use").await?;
        // While the login waits the browser stays in its own account, and spends there.
        let own = thief.customer(&world).await;
        assert_eq!(world.get(&own, "/dynamic?cents=100").await.status, 200);
        world.settled(&own).await;
        thief.press(&world, &ready, "switch").await?;
        audit_at_rest(world.disk(), DEADLINE).await?;
        assert_eq!(owner.balance(&world).await, 700.0, "what was left of the payment");
        lose(&world, &session, reason).await?;
        audit_at_rest(world.disk(), DEADLINE).await?;
        assert_eq!(owner.balance(&world).await, 500.0, "nothing that was the owner's is gone: {reason}");
        assert_eq!(world.balance(&own).await, -100.0, "what was spent is missing where it was spent");
        let gone = world.send(world.request(Method::GET, "/me").bearer_auth(thief.token())).await;
        assert_eq!(gone.status, 401, "the login has ended: {gone:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stolen_card_whose_payment_the_operator_refunds_as_fraudulent() -> Result<()> {
    let world = at_once().await?;
    let (mut owner, mut thief) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    owner.log_in(&world, 500, Pay::visa()).await?;
    let asked = thief.log_in(&world, 300, Pay::visa()).await?;
    let paid = world.stripe.events().into_iter().rev().find(|event| event["type"] == "checkout.session.completed");
    let charge = world.charge_of(&paid.unwrap()["data"]["object"]);
    let ready = thief.press(&world, &asked, "use").await?;
    thief.press(&world, &ready, "switch").await?;
    for (cents, reason, status, left) in [(100, "requested_by_customer", 200, 700.0), (200, "fraudulent", 401, 500.0)] {
        let refund = world.client().post(format!("{}/v1/refunds", world.stripe.api_base()));
        let refund = refund.bearer_auth(&world.stripe.vars()["STRIPE_SECRET"]);
        let refund = refund.header("content-type", "application/x-www-form-urlencoded");
        let refund = world.send(refund.body(format!("charge={charge}&amount={cents}&reason={reason}"))).await;
        assert_eq!(refund.status, 200, "{refund:?}");
        world.stripe.wait_idle(DEADLINE).await?;
        audit_at_rest(world.disk(), DEADLINE).await?;
        let seen = world.send(world.request(Method::GET, "/me").bearer_auth(thief.token())).await;
        assert_eq!((seen.status, owner.balance(&world).await), (status, left), "{reason}");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_can_pay_with_a_card_is_its_owner_once_the_wait_is_over() -> Result<()> {
    let world = World::with(StandInOptions::default(), &[("LOGIN_WAIT", "1")]).await?;
    let (mut owner, mut holder) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    owner.log_in(&world, 500, Pay::visa()).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let session = holder.paid(&world, 300, Pay::visa()).await?;
    let asked = holder.come_back(&world, &session).await;
    holder.press(&world, &asked, "use").await?;
    assert_ne!(holder.account(), owner.account(), "not before that");
    let ripe = async {
        loop {
            let page = holder.clone().look(&world, &session).await;
            if tests::visitor::form(&page, "switch").is_ok() {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ripe = tokio::time::timeout(DEADLINE, ripe).await?;
    holder.press(&world, &ripe, "switch").await?;
    // All that the owner may: spend, make what lasts, and end the owner's own token.
    let (owners, holders) = (owner.customer(&world).await, holder.customer(&world).await);
    assert_eq!(holders.account(), owners.account());
    assert_eq!(world.get(&holders, "/dynamic?cents=400").await.status, 200);
    mint(&world, &holders, json!({"label": "lasts", "manage": true})).await;
    let ended = world.send(world.request(Method::DELETE, "/tokens/first").bearer_auth(&holders.token)).await;
    assert_eq!((ended.status, world.get(&owners, "/me").await.status), (204, 401));
    Ok(())
}

#[tokio::test]
async fn a_card_in_a_phone_is_another_one_than_the_card_that_was_typed() -> Result<()> {
    let world = at_once().await?;
    let phone = || Pay::Wallet { device_number: Some("4000000000000077".into()) };
    let [mut typed, mut phones, mut again] = [&world; 3].map(|_| Visitor::default());
    for visitor in [&mut typed, &mut phones, &mut again] {
        visitor.visit(&world, "/free").await;
    }
    typed.log_in(&world, 500, Pay::visa()).await?;
    let back = phones.log_in(&world, 300, phone()).await?;
    assert_eq!((back.status, phones.balance(&world).await), (303, 300.0), "nobody asks: {back:?}");
    assert_eq!((typed.balance(&world).await, typed.account() == phones.account()), (500.0, false));
    for visitor in [&typed, &phones] {
        assert!(cards(&world, visitor).await?.contains("visa •••• 4242"), "both look like that card");
    }
    let asked = again.log_in(&world, 50, phone()).await?;
    assert!(asked.body.contains("Which account do you want to use?"), "the phone's is one card: {asked:?}");
    typed.log_in(&world, 50, Pay::Wallet { device_number: Some("4000000000000085".into()) }).await?;
    let both = world.get(&typed.customer(&world).await, "/cards").await.json();
    assert_eq!(both["cards"].as_array().map(Vec::len), Some(2), "one account may have both: {both}");
    Ok(())
}

#[tokio::test]
async fn a_script_that_plants_the_attackers_mark_in_the_payers_browser() -> Result<()> {
    let world = at_once().await?;
    let (mut victim, mut attacker) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    victim.log_in(&world, 500, Pay::visa()).await?;
    let before = opens(&world, &victim).await;
    let session = attacker.paid(&world, 300, Pay::visa()).await?;
    // The victim's browser comes back with its own token, and the mark of the attacker's.
    let returned = attacker.as_if_with(victim.token()).look(&world, &session).await;
    assert!(returned.body.contains("<h1>Thank you</h1>"), "{returned:?}");
    // To us that is one browser, so nobody contests; it is a login that waits all the same, and is the owner's to refuse.
    let asked = attacker.come_back(&world, &session).await;
    attacker.press(&world, &asked, "use").await?;
    assert_eq!(opens(&world, &victim).await, before);
    let customer = victim.customer(&world).await;
    let waits = world.get(&customer, "/tokens").await.json()["pending_logins"][0]["id"].clone();
    let refuse = format!("/logins/{}/refuse", waits.as_str().unwrap());
    assert_eq!(world.post(&customer, &refuse, "").await.status, 204);
    let ended = attacker.look(&world, &session).await;
    assert!(ended.body.contains("This login has ended"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn what_a_copy_of_the_owners_own_token_can_do() -> Result<()> {
    let world = at_once().await?;
    let mut owner = Visitor::arrive(&world).await;
    owner.log_in(&world, 500, Pay::visa()).await?;
    let mut copy = Visitor::with(owner.token());
    copy.log_in(&world, 50, Pay::Card(MASTERCARD.into())).await?;
    let customer = owner.customer(&world).await;
    let renewed = world.post(&customer, "/logout-everywhere", "").await;
    let customer = Customer { token: renewed.json()["access_token"].as_str().unwrap().to_owned(), ..customer };
    assert_eq!(world.send(world.request(Method::GET, "/me").bearer_auth(copy.token())).await.status, 401);
    let left = world.get(&customer, "/cards").await.json();
    let left = left["cards"].as_array().unwrap();
    let stays =
        left.iter().find(|card| card["label"].as_str().unwrap().contains("4444")).expect("it claims as the owner");
    let path = format!("/cards/{}", stays["id"].as_str().unwrap());
    let removed = world.request(Method::DELETE, &path).bearer_auth(&customer.token);
    assert_eq!(world.send(removed).await.status, 204, "which the owner sees, and removes");
    Ok(())
}

#[tokio::test]
async fn what_a_script_injected_into_a_page_can_do() -> Result<()> {
    let world = at_once().await?;
    let mut owner = Visitor::arrive(&world).await;
    owner.log_in(&world, 500, Pay::visa()).await?;
    let (_, further) = mint(&world, &owner.customer(&world).await, json!({"label": "further", "manage": true})).await;
    let script = async |method: Method, path: &str, body: Value| {
        let request = world.request(method, path).header("cookie", format!("__Host-access_token={}", owner.token()));
        let request = request.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "cors");
        world.send(request.body(body.to_string())).await
    };
    assert_eq!(script(Method::POST, "/tokens", json!({"label": "lasts", "manage": true})).await.status, 403);
    let spends = script(Method::POST, "/tokens", json!({"label": "spends"})).await;
    assert_eq!(spends.status, 201, "{spends:?}");
    let card = script(Method::GET, "/cards", Value::Null).await.json()["cards"][0]["id"].as_str().unwrap().to_owned();
    for path in [format!("/tokens/{further}"), format!("/cards/{card}")] {
        assert_eq!(script(Method::DELETE, &path, Value::Null).await.status, 204, "{path}");
    }
    let spends = spends.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(script(Method::POST, "/logout?forget=true", Value::Null).await.status, 204);
    let call = async |path: &str| world.send(world.request(Method::GET, path).bearer_auth(&spends)).await.status;
    assert_eq!((call("/ok").await, call("/tokens").await), (200, 403), "it spends, and stays");
    Ok(())
}

#[tokio::test]
async fn a_stolen_manage_token_whose_card_logs_in_elsewhere() -> Result<()> {
    let world = at_once().await?;
    let mut owner = Visitor::arrive(&world).await;
    owner.log_in(&world, 500, Pay::visa()).await?;
    let customer = owner.customer(&world).await;
    let (stolen, id) = mint(&world, &customer, json!({"label": "laptop", "manage": true})).await;
    // The thief adds a card of its own with it, and logs in by that card in a second browser.
    let mut thief = Visitor::with(&stolen.token);
    assert_eq!(thief.log_in(&world, 50, Pay::Card(MASTERCARD.into())).await?.status, 303);
    let mut second = Visitor::arrive(&world).await;
    let asked = second.log_in(&world, 50, Pay::Card(MASTERCARD.into())).await?;
    let ready = second.press(&world, &asked, "use").await?;
    second.press(&world, &ready, "switch").await?;
    assert_eq!(second.account(), owner.account());
    // The owner revokes the token, and all that came from it ends.
    let revoke = world.request(Method::DELETE, &format!("/tokens/{id}")).bearer_auth(&customer.token);
    assert_eq!(world.send(revoke).await.status, 204);
    for token in [thief.token(), second.token()] {
        assert_eq!(world.send(world.request(Method::GET, "/me").bearer_auth(token)).await.status, 401);
    }
    audit_at_rest(world.disk(), DEADLINE).await?;
    assert!(!cards(&world, &owner).await?.contains("4444"));
    Ok(())
}

#[tokio::test]
async fn the_question_that_was_pressed_is_sent_again_after_the_owner_acted() -> Result<()> {
    let world = at_once().await?;
    for (round, owner_does) in ["removes the card", "logs out everywhere"].into_iter().enumerate() {
        let card = || Pay::Card(format!("400000000000{round}123"));
        let (mut owner, mut second) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
        owner.log_in(&world, 500, card()).await?;
        let asked = second.log_in(&world, 50, card()).await?;
        let ready = second.press(&world, &asked, "use").await?;
        second.press(&world, &ready, "switch").await?;
        let mut customer = owner.customer(&world).await;
        if owner_does == "removes the card" {
            let id = world.get(&customer, "/cards").await.json()["cards"][0]["id"].as_str().unwrap().to_owned();
            let forget = world.request(Method::DELETE, &format!("/cards/{id}")).bearer_auth(&customer.token);
            assert_eq!(world.send(forget).await.status, 204);
        } else {
            let renewed = world.post(&customer, "/logout-everywhere", "").await.json();
            customer.token = renewed["access_token"].as_str().unwrap().to_owned();
        }
        let gone = world.send(world.request(Method::GET, "/me").bearer_auth(second.token())).await;
        assert_eq!(gone.status, 401, "who logged in by that card does not stay: {gone:?}");
        let mut again = second.clone();
        for (page, button) in [(&asked, "use"), (&ready, "switch")] {
            let reply = again.press(&world, page, button).await?;
            assert!(!reply.body.contains("You are logged in"), "{owner_does}, {button}: {reply:?}");
        }
        assert_eq!(world.get(&customer, "/tokens").await.json()["tokens"].as_array().map(Vec::len), Some(1));
    }
    Ok(())
}

#[tokio::test]
async fn the_next_person_at_a_browser_that_waits_with_a_made_up_token() -> Result<()> {
    let world = at_once().await?;
    let (mut owner, mut second) = (Visitor::arrive(&world).await, Visitor::arrive(&world).await);
    owner.log_in(&world, 500, Pay::visa()).await?;
    let session = second.paid(&world, 50, Pay::visa()).await?;
    let asked = second.come_back(&world, &session).await;
    second.press(&world, &asked, "use").await?;
    // The mark is still in the browser, and whose account it was is public.
    let made_up = format!("{}.{}", second.account(), "a".repeat(52));
    let mut next = second.as_if_with(&made_up);
    let page = next.look(&world, &session).await;
    assert!(page.body.contains("<h1>Thank you</h1>"), "{page:?}");
    // Nor does it help whoever had a token that was ended meanwhile.
    let renewed = world.post(&second.customer(&world).await, "/logout-everywhere", "").await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let page = second.look(&world, &session).await;
    assert!(page.body.contains("<h1>Thank you</h1>"), "{page:?}");
    assert_eq!(owner.balance(&world).await, 500.0);
    Ok(())
}

#[tokio::test]
async fn a_charge_dated_ahead() -> Result<()> {
    let world = World::start().await?;
    let mut petra = Visitor::arrive(&world).await;
    world.stripe.clock().advance_s(600);
    let session = petra.pay(&world, 500, Pay::visa()).await?;
    world.stripe.clock().advance_s(-600);
    let back = petra.come_back(&world, &session).await;
    assert_eq!(back.status, 410, "{back:?}");
    assert!(!cards(&world, &petra).await?.contains("4242"));
    Ok(())
}

#[tokio::test]
async fn an_open_redirect() -> Result<()> {
    let world = World::start().await?;
    let evil = "https://evil.example/";
    let mut victim = Visitor::arrive(&world).await;
    let session = victim.pay(&world, 500, Pay::visa()).await?;
    world.stripe.wait_idle(DEADLINE).await?;
    let id = session["id"].as_str().unwrap();
    for more in ["return_to", "next", "url", "redirect", "STRIPE_RETURN_TO"] {
        let path = format!("/stripe/return?session_id={id}&{more}={evil}");
        let reply = victim.visit(&world, &path).await;
        assert_eq!((reply.status, reply.header("location").as_str()), (303, "/"), "{path}");
    }
    for path in ["/stripe/return//evil.example", "//evil.example/stripe/return", "/topup?next=https://evil.example"] {
        let reply = victim.visit(&world, path).await;
        let location = reply.header("location");
        assert!(location.is_empty() || location.starts_with(world.stripe.payment_link_url()), "{path}: {location}");
    }
    for weak in [evil, "//evil.example", "/\\evil.example", "javascript:alert(1)", "demo", "/a\r\nb: c"] {
        let world = World::with(StandInOptions::default(), &[("STRIPE_RETURN_TO", weak)]).await?;
        assert_eq!(world.visit("/free").await.status, 500, "{weak}");
    }
    Ok(())
}

fn as_operator(world: &World, path: &str) -> RequestBuilder {
    world.request(Method::GET, path).basic_auth("admin-readonly", Some(DB_SECRET))
}

/// All there is to see, for its owner and for the operator; the session is another one's.
async fn pages(world: &World, visitor: &mut Visitor, session: &Value) -> Vec<(String, Reply)> {
    let mut pages = Vec::new();
    let strange = "/stripe/return?session_id=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for path in ["/account", "/account?before=%3Cscript%3E", "/ok?%3Cscript%3E", strange, "/cards", "/tokens", "/me"] {
        pages.push((path.to_owned(), visitor.visit(world, path).await));
    }
    for path in ["/me/entries", "/me/entries?format=csv", "/nowhere/<script>", "/whoami", "/large"] {
        pages.push((path.to_owned(), visitor.visit(world, path).await));
    }
    pages.push(("the return page".to_owned(), visitor.come_back(world, session).await));
    pages.push(("the return page, of another".to_owned(), Visitor::default().come_back(world, session).await));
    let reference = visitor.customer(world).await.reference;
    let mut panels = Vec::new();
    for table in ["", "account", "entries", "payments", "tokens", "cards"] {
        panels.push(format!("/db/{reference}?table={table}&column=%3Cscript%3E&contains=%3Cscript%3E"));
        panels.push(format!("/db/{reference}?table={table}"));
        panels.push(format!("/db/{reference}?table={table}&format=csv"));
    }
    for table in ["users", "payments", "usage", "unclaimed", "%3Cscript%3E"] {
        panels.push(format!("/db/admin-readonly?table={table}"));
        panels.push(format!("/db/admin-readonly?table={table}&format=json"));
    }
    panels.push("/db/admin-readonly?sql=SELECT%20'%3Cscript%3E'".to_owned());
    panels.push("/db/admin-readonly?sql=%3C/textarea%3E%3Cscript%3E".to_owned());
    for path in panels {
        let page = world.send(as_operator(world, &path)).await;
        pages.push((path, page));
    }
    pages
}

#[tokio::test]
async fn html_in_names_on_every_page() -> Result<()> {
    let world = World::start().await?;
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    for _ in 0..2 {
        let mut visitor = Visitor::arrive(&world).await;
        let request = PayRequest {
            name: Some(format!("Eve {evil}")),
            email: format!("{evil}@example.com"),
            ..PayRequest::new(50, visitor.leave(&world).await)
        };
        let session = pay(&world, &request).await?;
        pay(&world, &PayRequest { client_reference_id: None, ..request }).await?;
        let back = visitor.come_back(&world, &session).await;
        assert_eq!(back.status, 303, "{back:?}");
        mint(&world, &visitor.customer(&world).await, json!({"label": evil})).await;
        audit_at_rest(world.disk(), DEADLINE).await?;
        let mut pages = pages(&world, &mut visitor, &session).await;
        pages.push(("the first return".to_owned(), back));
        let html = pages.iter().filter(|(_, page)| page.header("content-type").starts_with("text/html"));
        assert!(html.filter(|(_, page)| page.body.contains("&lt;script&gt;")).count() > 5, "names are shown");
        for (what, page) in pages {
            if page.header("content-type").starts_with("text/html") {
                assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{what}: {page:?}");
                let policy = page.header("content-security-policy");
                assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}");
            }
            assert!(page.headers.iter().all(|(_, value)| !value.as_bytes().contains(&b'<')), "{what}: {page:?}");
        }
    }
    Ok(())
}

fn basic(world: &World, path: &str, user: &str, password: &str) -> RequestBuilder {
    world.request(Method::GET, path).basic_auth(user, Some(password)).header("accept", "application/json")
}

fn assigning(world: &World, user: &str, password: &str, form: String) -> RequestBuilder {
    let request = world.request(Method::POST, "/db/admin-readonly/assign").basic_auth(user, Some(password));
    let request = request.header("accept", "application/json");
    request.header("content-type", "application/x-www-form-urlencoded").body(form)
}

/// What a browser says of a page that another site sends it to.
fn sent_by_another_site(request: RequestBuilder) -> RequestBuilder {
    let request = request.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    request.header("sec-fetch-dest", "document")
}

#[tokio::test]
async fn another_sites_navigation_with_wrong_basic_credentials() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    for path in ["/db/admin-readonly".to_owned(), format!("/db/{}", customer.reference)] {
        for _ in 0..20 {
            let sent = world.send(sent_by_another_site(basic(&world, &path, "admin-readonly", "x"))).await;
            assert_eq!((sent.status, sent.header("www-authenticate").as_str()), (403, ""), "{sent:?}");
            assert!(sent.body.contains(&format!("<a href=\"{path}\">")), "a person goes on from there: {sent:?}");
        }
        let right = world.send(basic(&world, &path, "admin-readonly", DB_SECRET)).await;
        assert_eq!(right.status, 200, "the operator is not locked out: {right:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_operators_panel_asked_by_another_site() -> Result<()> {
    let world = World::start().await?;
    let customer = world.customer(50).await?;
    audit_at_rest(world.disk(), DEADLINE).await?;
    let filter = |text: &str| format!("/db/admin-readonly?table=users&column=account_id&contains={text}");
    let (hit, miss) = (filter(customer.account()), filter("nobody"));
    let own = |path: &str| basic(&world, path, "admin-readonly", DB_SECRET);
    assert!(world.send(own(&hit)).await.body.contains(customer.account()));
    for site in ["cross-site", "same-site"] {
        let ask = async |path: &str| world.send(own(path).header("sec-fetch-site", site)).await;
        assert_eq!(ask(&hit).await.status, 403);
        assert_eq!(ask(&hit).await.body, ask(&miss).await.body, "which tells nothing");
        assert_eq!(ask("/db/admin-readonly?sql=SELECT+1").await.status, 403);
        let wrong = world.send(basic(&world, &hit, "admin-readonly", "x").header("sec-fetch-site", site)).await;
        assert_eq!(wrong.body, ask(&hit).await.body, "nor whether a password is right");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_knows_the_panels_password() -> Result<()> {
    const PASSWORD: &str = "typed by people at the panel";
    let world = World::with(StandInOptions::default(), &[("DB_ADMIN_PASSWORD", PASSWORD)]).await?;
    let attacker = world.newcomer().await;
    pay(&world, &PayRequest { client_reference_id: None, ..PayRequest::new(700, "") }).await?;
    let unclaimed = "/db/admin-readonly?table=unclaimed";
    for user in ["admin-readonly", "admin"] {
        assert_eq!(world.send(basic(&world, unclaimed, user, DB_SECRET)).await.status, 401, "the key opens nothing");
        assert_eq!(world.send(basic(&world, unclaimed, user, PASSWORD)).await.status, 200);
    }
    let key = world.send(basic(&world, unclaimed, "admin", PASSWORD)).await.json()["rows"][0]["key"].clone();
    let form = format!("key={}&account={}", key.as_str().unwrap_or_default(), attacker.reference);
    for (user, password) in [("admin-readonly", PASSWORD), ("admin", DB_SECRET)] {
        assert_eq!(world.send(assigning(&world, user, password, form.clone())).await.status, 401, "{user}");
    }
    assert_eq!(world.balance(&attacker).await, 0.0, "reading is all that the one name does");
    assert_eq!(world.send(assigning(&world, "admin", PASSWORD, form)).await.status, 200);
    assert_eq!(world.balance(&attacker).await, 700.0);
    Ok(())
}

#[tokio::test]
async fn an_owner_who_looks_for_columns_that_are_not_public() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(500).await?;
    let written = world.post(&owner, "/columns", json!({"nickname": "hidden from its owner"}).to_string()).await;
    assert_eq!(written.status, 200, "{written:?}");
    let ask = async |query: &str| {
        let user = format!("user-{}", owner.reference);
        world.send(basic(&world, &format!("/db/{}{query}", owner.reference), &user, &owner.token)).await
    };
    let shown = ask("").await.json();
    let mut columns: Vec<_> = shown["rows"][0].as_object().unwrap().keys().cloned().collect();
    columns.sort();
    assert_eq!(
        columns,
        [
            "account_id",
            "balance",
            "card_fingerprint",
            "email",
            "frozen",
            "handle",
            "name",
            "news",
            "registered_at",
            "tags",
            "tier",
            "verified_email"
        ]
    );
    for filter in
        ["nickname&contains=hidden", "users.nickname&contains=hidden", "logins&contains=0", "%22nickname%22&contains=h"]
    {
        let reply = ask(&format!("?column={filter}")).await;
        assert!(!reply.body.contains("hidden") && !reply.body.contains(owner.account()), "{filter}: {reply:?}");
    }
    let operators = world.send(basic(&world, &format!("/db/{}", owner.reference), "admin-readonly", DB_SECRET)).await;
    assert_eq!(operators.json()["rows"][0]["nickname"], "hidden from its owner");
    Ok(())
}

#[tokio::test]
async fn a_cross_site_link_to_a_priced_get_in_a_browser_without_fetch_metadata() -> Result<()> {
    let world = World::start().await?;
    let victim = world.customer(50).await?;
    let with_cookie = |method, path: &str| {
        world.request(method, path).header("cookie", format!("__Host-access_token={}", victim.token))
    };
    for path in ["/ok", "/dynamic?cents=5"] {
        let linked = world.send(with_cookie(Method::GET, path)).await;
        assert_eq!((linked.status, linked.header("set-cookie").as_str()), (403, ""), "{linked:?}");
    }
    for path in ["/charge?cents=5", "/rotate-token", "/logout", "/logout-everywhere", "/account"] {
        assert_eq!(world.send(with_cookie(Method::POST, path)).await.status, 403, "{path}");
    }
    assert_eq!(world.balance(&victim).await, 50.0);
    let ours = with_cookie(Method::POST, "/charge?cents=5").header("origin", world.workerd.url());
    assert_eq!(world.send(ours).await.body, "45", "its own pages say where they are");
    Ok(())
}

/// Sends bytes as they are, and reads the answer's headers.
fn raw(world: &World, request: &[u8]) -> Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", world.workerd.port()))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(request)?;
    let (mut answer, mut some) = (String::new(), [0; 4_096]);
    while !answer.contains("\r\n\r\n") {
        let read = stream.read(&mut some)?;
        anyhow::ensure!(read > 0, "cut off: {answer}");
        answer.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    Ok(answer)
}

#[tokio::test]
async fn a_cookie_header_with_a_control_byte() -> Result<()> {
    let world = World::start().await?;
    let victim = world.customer(50).await?;
    for (header, value) in [
        ("Cookie", format!("planted=\u{1}; __Host-access_token={}", victim.token)),
        ("Cookie", format!("__Host-access_token={}; planted=\u{7f}", victim.token)),
        ("Authorization", format!("Bearer {}\u{1}", victim.token)),
    ] {
        for path in ["/free", "/me", "/ok", "/topup", "/account"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n\
                 Sec-Fetch-Dest: document\r\n{header}: {value}\r\nConnection: close\r\n\r\n"
            );
            let answer = raw(&world, request.as_bytes())?;
            assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("set-cookie"), "nothing takes its place: {answer}");
        }
    }
    assert_eq!(world.balance(&victim).await, 50.0);
    Ok(())
}

#[tokio::test]
async fn the_holder_of_an_old_secret_rotates_after_the_owner() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(50).await?;
    let rotate = async |path: &str, key: Option<&str>| {
        let request = world.request(Method::POST, path).bearer_auth(&owner.token);
        world.send(key.into_iter().fold(request, |request, key| request.header("idempotency-key", key))).await
    };
    let first = rotate("/rotate-token", Some("the owner's own key")).await;
    assert_eq!(first.status, 200, "{first:?}");
    for (path, key) in [
        ("/rotate-token", None),
        ("/rotate-token", Some("another key")),
        ("/logout-everywhere", None),
        ("/logout-everywhere", Some("the owner's own key")),
    ] {
        let thief = rotate(path, key).await;
        assert_eq!((thief.status, &thief.json()["error"]), (409, &json!("rotated")), "{path} {key:?}: {thief:?}");
    }
    // The owner, whose answer was lost, asks again.
    let again = rotate("/rotate-token", Some("the owner's own key")).await;
    assert_eq!(again.json(), first.json());
    let fresh = Customer { token: first.json()["access_token"].as_str().unwrap().to_owned(), ..owner.clone() };
    assert_eq!(world.balance(&fresh).await, 50.0);
    assert_eq!(world.get(&owner, "/me").await.status, 401);
    assert_eq!(rotate("/rotate-token", Some("the owner's own key")).await.status, 401, "its time is over");
    Ok(())
}

#[tokio::test]
async fn token_labels_that_look_like_others() -> Result<()> {
    let world = World::start().await?;
    let owner = world.customer(50).await?;
    for label in ["first\u{200b}", "\u{202e}tsrif", "first\u{7}", "\u{feff}first", " "] {
        let made = world.post(&owner, "/tokens", json!({"label": label}).to_string()).await;
        assert_eq!(made.status, 422, "{label:?}: {made:?}");
    }
    let (stolen, thiefs) = mint(&world, &owner, json!({"label": "first", "manage": true})).await;
    let (_, id) = mint(&world, &stolen, json!({"label": "first"})).await;
    let cookie = format!("__Host-access_token={}", owner.token);
    let page = world.send(with_cookies(&world, "/account", &cookie)).await.body;
    let row = |id: &str, made_with: &str| format!("<td><code>{id}</code></td><td><code>{made_with}</code></td>");
    for (id, made_with) in [("first", "–"), (&thiefs, "first"), (&id, &thiefs)] {
        assert!(page.contains(&row(id, made_with)), "{id} {made_with}: {page}");
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_page_in_a_frame_of_a_sibling_subdomain() -> Result<()> {
    let world = World::of("examples/quickstart", StandInOptions::default(), &[]).await?;
    for (path, kind) in [("/demo", "text/html"), ("/demo.js", "text/javascript"), ("/demo.css", "text/css")] {
        let page = world.visit(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, format!("{kind}; charset=utf-8")), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    }
    Ok(())
}
