//! `cargo stripeflare pay`: pays at the local stand-in for Stripe, without a browser.

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;

/// What to pay, where and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// A payment link of the stand-in, as a 402 and `/me` answer it; or an access token.
    pub to: String,
    /// As on the payment page: `5` is five dollars.
    pub amount: String,
    /// What the payment page calls it, such as `visa`.
    pub method: String,
    /// Typed into the form.
    pub email: String,
    /// Where the worker of an access token is.
    pub worker: String,
}

/// Pays, and says what came of it.
///
/// # Errors
/// What the payment page refused, or that there is none.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", runtime.block_on(pay(options))?);
    Ok(())
}

async fn pay(options: &Options) -> Result<String> {
    // The payment page sends the payer back to the worker, which is not ours to open.
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let token = (!options.to.contains("://")).then_some(&*options.to);
    let link = match token {
        Some(token) => {
            let me = me(&http, options, token).await?;
            me["paymentLink"].as_str().context("the worker's /me has no paymentLink: is it stripeflare's?")?.to_owned()
        }
        None => options.to.clone(),
    };
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("session", ""), ("amount", &*options.amount), ("email", &*options.email)])
        .extend_pairs([("name", "Petra Payer"), ("method", &*options.method)])
        .finish();
    let page = http.post(local(&link)?).header("Content-Type", "application/x-www-form-urlencoded").body(form);
    let page = page.send().await.context("there is no payment page: is `cargo stripeflare dev` running?")?;
    let status = page.status();
    let text = page.text().await.context("the payment page broke off")?;
    if status != StatusCode::SEE_OTHER && status != StatusCode::OK {
        bail!("{}", said(&text).unwrap_or_else(|| format!("the payment page answered {}", status.as_u16())));
    }
    let mut told = format!("Paid {}.", options.amount);
    if let Some(token) = token {
        let balance = me(&http, options, token).await?["balance"].clone();
        told = format!("{told} The balance is {}.", balance.as_str().map_or(balance.to_string(), str::to_owned));
    }
    Ok(told)
}

async fn me(http: &Client, options: &Options, token: &str) -> Result<Value> {
    let url = local(&format!("{}/me", options.worker.trim_end_matches('/')))?;
    let answer = http.get(url).bearer_auth(token).send().await;
    let answer = answer.with_context(|| format!("no worker answers at {}: name it with --worker", options.worker))?;
    match answer.status() {
        StatusCode::OK => {
            let body = answer.text().await.context("the worker's answer broke off")?;
            serde_json::from_str(&body).context("the worker's /me is no JSON")
        }
        StatusCode::UNAUTHORIZED => bail!("the worker does not know this access token"),
        status => bail!("the worker's /me answered {}", status.as_u16()),
    }
}

/// A card or a token must go nowhere else.
fn local(url: &str) -> Result<Url> {
    let parsed = Url::parse(url).with_context(|| format!("{url} is no address"))?;
    if parsed.scheme() != "http" || !matches!(parsed.host_str(), Some("127.0.0.1" | "localhost")) {
        bail!("{url} is not on this machine: this pays at the local stand-in for Stripe alone");
    }
    Ok(parsed)
}

/// The page's own words about what is wrong, or its heading.
fn said(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("id=\"error\">").or_else(|| page.split_once("<h1>"))?;
    rest.split('<').next().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::{StandIn, StandInOptions};

    fn options(to: &str) -> Options {
        Options {
            to: to.to_owned(),
            amount: "5".to_owned(),
            method: "visa".to_owned(),
            email: "payer@example.com".to_owned(),
            worker: "http://localhost:8787".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_link_is_paid_for_its_reference() {
        let stand_in = StandIn::start(StandInOptions::default()).await.unwrap();
        let link = format!("{}?client_reference_id=acc-tag", stand_in.payment_link_url());
        assert_eq!(pay(&options(&link)).await.unwrap(), "Paid 5.");
        let session = stand_in.objects("checkout.session").pop().unwrap();
        assert_eq!((&session["amount_total"], &session["client_reference_id"]), (&500.into(), &"acc-tag".into()));
        let declined = pay(&Options { method: "declined".to_owned(), ..options(&link) }).await.unwrap_err();
        assert_eq!(declined.to_string(), "Your card was declined.");
        let little = pay(&Options { amount: "0.10".to_owned(), ..options(&link) }).await.unwrap_err().to_string();
        assert!(little.contains("between $0.50"), "{little}");
        let nowhere = pay(&options(&format!("{}/pay/test_nowhere", stand_in.api_base()))).await.unwrap_err();
        assert_eq!(nowhere.to_string(), "There is no such payment link");
    }

    #[tokio::test]
    async fn a_token_is_paid_for_by_the_link_of_its_worker() {
        let stand_in = StandIn::start(StandInOptions::default()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let worker = format!("http://{}/", listener.local_addr().unwrap());
        let link = format!("{}?client_reference_id=acc-tag", stand_in.payment_link_url());
        let me = serde_json::json!({ "paymentLink": link, "balance": 500 }).to_string();
        let app = axum::Router::new().route("/me", axum::routing::get(async move || me));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let told = pay(&Options { worker, ..options("token") }).await.unwrap();
        assert_eq!(told, "Paid 5. The balance is 500.");
        assert_eq!(stand_in.objects("checkout.session").len(), 1);
    }

    #[tokio::test]
    async fn nothing_goes_to_another_machine() {
        for to in ["https://buy.stripe.com/x", "http://127.0.0.1.example/x", "https://127.0.0.1/x"] {
            let error = pay(&options(to)).await.unwrap_err().to_string();
            assert!(error.contains("not on this machine"), "{error}");
        }
        let worker = "http://worker.example".to_owned();
        let error = pay(&Options { worker, ..options("token") }).await.unwrap_err().to_string();
        assert!(error.contains("not on this machine") && !error.contains("token"), "{error}");
    }
}
