//! Somebody with a browser, as far as cookies, navigations and forms go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use cargo_stripeflare::stripe::{Method as Pay, PayRequest};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::{Customer, DEADLINE, Reply, World};

const COOKIE: &str = "__Host-access_token";
const PAYING: &str = "__Host-paying";

/// A browser that keeps our cookies and follows no redirect.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    token: Option<String>,
    /// The cookie by which it is known again when it comes back from paying.
    paying: Arc<Mutex<Option<String>>>,
}

impl Visitor {
    /// Somebody who has just opened the site.
    pub async fn arrive(world: &World) -> Self {
        let mut visitor = Self::default();
        visitor.visit(world, "/free").await;
        visitor
    }

    /// A browser with this token as its cookie.
    #[must_use]
    pub fn with(token: &str) -> Self {
        Self { token: Some(token.to_owned()), paying: Arc::default() }
    }

    /// The same browser, with another token in its cookie.
    #[must_use]
    pub fn as_if_with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), paying: Arc::clone(&self.paying) }
    }

    /// The cookie's token, and what a payment for its account carries.
    ///
    /// # Panics
    /// When there is no cookie.
    pub async fn customer(&self, world: &World) -> Customer {
        let token = self.token.clone().expect("a cookie");
        let reference = self.me(world).await["client_reference_id"].as_str().unwrap_or_default().to_owned();
        Customer { token, reference }
    }

    /// A request with the cookie, as a person following a link from elsewhere causes it.
    pub fn request(&self, world: &World, method: Method, path: &str) -> RequestBuilder {
        let request = world.request(method, path).header("sec-fetch-mode", "navigate");
        let request = request.header("sec-fetch-dest", "document").header("sec-fetch-site", "cross-site");
        let paying = self.paying.lock().expect("nobody panics here").clone();
        let cookies: Vec<String> = self.token.iter().map(|token| format!("{COOKIE}={token}")).chain(paying).collect();
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    /// Follows a link, and keeps the cookie that comes back.
    pub async fn visit(&mut self, world: &World, path: &str) -> Reply {
        let reply = world.send(self.request(world, Method::GET, path)).await;
        self.keep(reply)
    }

    fn keep(&mut self, reply: Reply) -> Reply {
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if let Some((name, token)) = cookie.split_once('=').filter(|(name, _)| *name == COOKIE) {
                self.token = Some(token.to_owned()).filter(|token| !token.is_empty());
                assert_eq!(name, COOKIE);
            }
        }
        reply
    }

    /// Follows a link of our own pages to the payment page. Answers what a payment there carries.
    pub async fn leave(&self, world: &World) -> String {
        let request = self.request(world, Method::GET, "/topup");
        let mut request = request.build().expect("a request");
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        let topup = world.send(RequestBuilder::from_parts(world.client().clone(), request)).await;
        let cookies = topup.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let paying = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with(PAYING));
        *self.paying.lock().expect("nobody panics here") = paying.map(str::to_owned);
        let reference = topup.header("location").split_once("client_reference_id=").map(|(_, it)| it.to_owned());
        reference.unwrap_or_default()
    }

    /// Pays through `/topup`, as the site's pages link to it, and does not come back yet. Answers the session.
    ///
    /// # Errors
    /// When Stripe refuses.
    pub async fn pay(&self, world: &World, cents: i64, method: Pay) -> Result<Value> {
        world.stripe.pay(&PayRequest::new(cents, self.leave(world).await).method(method)).await
    }

    /// Comes back from Stripe, and stays while the page says that it goes on by itself.
    ///
    /// # Panics
    /// When it never does.
    pub async fn come_back(&mut self, world: &World, session: &Value) -> Reply {
        let waiting = async {
            loop {
                let reply = self.look(world, session).await;
                if !reply.body.contains("<h1>One moment</h1>") {
                    return reply;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("the page goes on")
    }

    /// Opens the page that Stripe sends payers to, once.
    pub async fn look(&mut self, world: &World, session: &Value) -> Reply {
        let id = session["id"].as_str().unwrap_or_default();
        self.visit(world, &format!("/stripe/return?session_id={id}")).await
    }

    /// Pays so long ago that the page need not wait before it asks, and does not come back yet. Answers the session.
    ///
    /// # Errors
    /// When Stripe refuses, or the webhook is not accepted.
    pub async fn paid(&self, world: &World, cents: i64, method: Pay) -> Result<Value> {
        world.stripe.clock().advance_s(-30);
        let session = self.pay(world, cents, method).await;
        world.stripe.clock().advance_s(30);
        world.stripe.wait_idle(DEADLINE).await?;
        session
    }

    /// Pays and comes back, when the webhook has arrived.
    ///
    /// # Errors
    /// When Stripe refuses, or the webhook is not accepted.
    pub async fn log_in(&mut self, world: &World, cents: i64, method: Pay) -> Result<Reply> {
        let session = self.paid(world, cents, method).await?;
        Ok(self.come_back(world, &session).await)
    }

    /// Presses one of the buttons of the page that asks.
    ///
    /// # Errors
    /// When the page has no such form.
    pub async fn press(&mut self, world: &World, page: &Reply, button: &str) -> Result<Reply> {
        let form = form(page, button)?;
        let request = self.request(world, Method::POST, "/stripe/return").header("origin", "null");
        let reply = world.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await;
        Ok(self.keep(reply))
    }

    /// The cookie's token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The account's id.
    #[must_use]
    pub fn account(&self) -> &str {
        self.token.as_deref().and_then(|token| token.split('.').next()).unwrap_or_default()
    }

    /// The balance that `/me` tells, in cents.
    pub async fn balance(&self, world: &World) -> f64 {
        self.me(world).await["balance"].as_f64().unwrap_or(f64::NAN)
    }

    /// What `/me` tells.
    pub async fn me(&self, world: &World) -> Value {
        world.send(self.request(world, Method::GET, "/me")).await.json()
    }
}

/// What pressing a button sends.
///
/// # Errors
/// When the page has no such form.
pub fn form(page: &Reply, button: &str) -> Result<String> {
    let value = |name: &str| {
        let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\""))?;
        rest.split('"').next()
    };
    let field = |name: &str| value(name).with_context(|| format!("no {name}: {page:?}"));
    let (step, until, seal) = (field("step")?, field("until")?, field("seal")?);
    anyhow::ensure!(page.body.contains(&format!("value=\"{button}\"")), "no button {button}: {page:?}");
    Ok(format!("step={step}&until={until}&seal={seal}&answer={button}"))
}
