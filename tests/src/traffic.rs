//! Traffic of every kind on the worker of the tests, and what customers know of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use reqwest::{Client, Method};
use stripeflare_core::money::Cents;

use crate::dice::Dice;
use crate::{Customer, DEADLINE, World};

/// Connections at once.
pub const CONNECTIONS: u64 = 16;

/// How a call is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Held, and captured after the answer.
    Hold,
    /// Held, and captured before the answer.
    Key,
    /// Charged before the answer.
    Charge,
    /// Never.
    Nothing,
}

/// One call of a customer.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    body: &'static str,
    key: Option<String>,
    /// How it is paid for.
    pub means: Means,
    /// What it costs if it succeeds, in ten-thousandths of a cent.
    price: i64,
}

impl Call {
    /// One of any kind.
    fn any(dice: &mut Dice) -> Self {
        let get = |path: &str, means, price| Self {
            method: Method::GET,
            path: path.to_owned(),
            body: "",
            key: None,
            means,
            price,
        };
        let echo = |body, means, price| Self { method: Method::POST, body, ..get("/echo", means, price) };
        match dice.below(15) {
            0..=2 => get("/ok", Means::Hold, 10_000),
            3 => get("/fraction", Means::Hold, 2_500),
            4 => get(&format!("/slow?ms={}", dice.below(150)), Means::Hold, 10_000),
            5 => {
                let used = 1 + i64::try_from(dice.below(9)).unwrap_or_default();
                get(&format!("/metered?use={used}.5"), Means::Hold, used * 10_000 + 5_000)
            }
            6 => echo(r#"{"text":"a"}"#, Means::Hold, 10_000),
            7 => echo("{", Means::Nothing, 0),
            8 => get("/me", Means::Nothing, 0),
            9 => get("/error", Means::Nothing, 0),
            10 => get("/panic", Means::Nothing, 0),
            11 => get("/stream?chunks=3&ms=20&cents=1.5", Means::Hold, 45_000),
            12 | 13 => get("/dynamic?cents=1.5", Means::Charge, 15_000),
            _ => Self { key: Some(format!("key-{}", dice.below(u64::MAX))), ..get("/ok", Means::Key, 10_000) },
        }
    }

    /// The call as it is sent, which may be again and again.
    pub fn request(&self, client: &Client, url: &str, customer: &Customer) -> reqwest::RequestBuilder {
        let request = client.request(self.method.clone(), format!("{url}{}", self.path)).bearer_auth(&customer.token);
        let request = match &self.key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        request.header("content-type", "application/json").body(self.body)
    }
}

/// What came of a call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its status and `X-Price`.
    Answered(u16, i64),
    /// The connection broke: whether the call ran is not known.
    Broken,
    /// The connection never came about.
    NotSent,
    /// What must not be.
    Hung,
}

/// A call, who made it, and what came of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// The place among the customers.
    pub customer: usize,
    /// The call.
    pub call: Call,
    /// What came of it.
    pub outcome: Outcome,
}

async fn tell(client: &Client, url: &str, customers: &[Customer], dice: &mut Dice) -> Told {
    let customer = usize::try_from(dice.below(customers.len() as u64)).unwrap_or_default();
    let call = Call::any(dice);
    let answer = async {
        let response = call.request(client, url, &customers[customer]).send().await?;
        let price = response.headers().get("x-price").and_then(|price| price.to_str().ok()?.parse::<Cents>().ok());
        let status = response.status().as_u16();
        response.bytes().await?;
        // A streamed answer does not say what it cost.
        let streamed = status == 200 && call.path.starts_with("/stream");
        Ok(Outcome::Answered(status, price.map_or(if streamed { call.price } else { 0 }, Cents::units)))
    };
    let outcome = answer.await.unwrap_or_else(|error: reqwest::Error| match error {
        error if error.is_connect() => Outcome::NotSent,
        error if error.is_timeout() => Outcome::Hung,
        _ => Outcome::Broken,
    });
    Told { customer, call, outcome }
}

/// One connection after the other's call until it is told to stop, or the worker is gone.
async fn connection(
    client: Client,
    url: String,
    customers: Arc<Vec<Customer>>,
    mut dice: Dice,
    stop: Arc<AtomicBool>,
) -> Vec<Told> {
    let mut all = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let told = tell(&client, &url, &customers, &mut dice).await;
        let over = !matches!(told.outcome, Outcome::Answered(..));
        all.push(told);
        if over {
            break;
        }
    }
    all
}

/// Traffic on all connections, which ends with the worker or `stop`.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    connections: Vec<tokio::task::JoinHandle<Vec<Told>>>,
}

impl Traffic {
    /// Begins it.
    pub fn start(world: &World, customers: &Arc<Vec<Customer>>, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number| {
            let dice = Dice::new(seed.wrapping_mul(1_000) + number);
            let (client, url) = (world.client().clone(), world.workerd.url());
            tokio::spawn(connection(client, url, Arc::clone(customers), dice, Arc::clone(&stop)))
        };
        Self { connections: (0..CONNECTIONS).map(start).collect(), stop }
    }

    /// Ends it, and answers all that was called.
    ///
    /// # Errors
    /// When a call goes on for ever.
    pub async fn end(self) -> Result<Vec<Told>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for connection in self.connections {
            all.extend(tokio::time::timeout(DEADLINE * 2, connection).await??);
        }
        Ok(all)
    }
}

/// What customers know, of one means of payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Answers with 200 that cost something.
    pub paid: usize,
    /// What those cost, in ten-thousandths of a cent.
    pub price: i64,
    /// Calls that may have been charged.
    pub unknown: usize,
    /// What those would cost.
    pub unknown_price: i64,
}

/// What a customer knows of its calls.
#[must_use]
pub fn known(told: &[Told], customer: usize, means: &[Means]) -> Known {
    let mut known = Known::default();
    for Told { call, outcome, .. } in told.iter().filter(|it| it.customer == customer && means.contains(&it.call.means))
    {
        match outcome {
            Outcome::Answered(200, price) => {
                known.paid += 1;
                known.price += price;
            }
            // A call that is charged before its answer may have been, when the account could not say so.
            Outcome::Answered(500.., _) if call.means != Means::Hold => {
                known.unknown += 1;
                known.unknown_price += call.price;
            }
            Outcome::Broken => {
                known.unknown += 1;
                known.unknown_price += call.price;
            }
            _ => {}
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::{Call, Known, Means, Outcome, Told, known};
    use crate::dice::Dice;

    #[test]
    fn calls_are_of_every_kind_and_a_seed_repeats_them() {
        let calls = || {
            let mut dice = Dice::new(1);
            (0..200).map(|_| Call::any(&mut dice)).collect::<Vec<_>>()
        };
        for means in [Means::Hold, Means::Key, Means::Charge, Means::Nothing] {
            assert!(calls().iter().any(|call| call.means == means), "{means:?}");
        }
        assert_eq!(format!("{:?}", calls()), format!("{:?}", calls()));
    }

    #[test]
    fn what_is_known_and_what_is_not() {
        let told = |customer, means, outcome| {
            let mut call = Call::any(&mut Dice::new(1));
            (call.means, call.price) = (means, 100);
            Told { customer, call, outcome }
        };
        let told = [
            told(0, Means::Hold, Outcome::Answered(200, 90)),
            told(1, Means::Hold, Outcome::Answered(200, 90)),
            told(0, Means::Hold, Outcome::Answered(500, 0)),
            told(0, Means::Hold, Outcome::Broken),
            told(0, Means::Hold, Outcome::NotSent),
            told(0, Means::Charge, Outcome::Answered(500, 0)),
        ];
        let known = |means| known(&told, 0, &[means]);
        assert_eq!(known(Means::Hold), Known { paid: 1, price: 90, unknown: 1, unknown_price: 100 });
        assert_eq!(known(Means::Charge), Known { paid: 0, price: 0, unknown: 1, unknown_price: 100 });
        assert_eq!(known(Means::Nothing), Known::default());
    }
}
