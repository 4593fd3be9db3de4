//! Ways in for the fuzz targets in `fuzz/`, which see nothing private. Compiled under `--cfg fuzzing` alone.
//!
//! They only translate: what must hold is asserted by the targets.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use futures_util::FutureExt;
use http::{HeaderMap, StatusCode};

use crate::http::call::{credentials, idempotency};
use stripeflare_core::account::Kind;
use stripeflare_core::account::Place;
use stripeflare_core::identity::AccountId;
use stripeflare_core::identity::ReferenceKey;
use stripeflare_core::identity::Scope;
use stripeflare_core::identity::SealKey;
use stripeflare_core::identity::Token;
use stripeflare_core::money::Cents;
use stripeflare_core::stripe::CheckoutSession;
use stripeflare_core::stripe::Event;
use stripeflare_core::stripe::Fact;
use stripeflare_core::stripe::Rules;
use stripeflare_core::stripe::Verdict;

/// Checks a `Stripe-Signature` header; an error is named as in the code.
pub fn signature(header: &[u8], body: &[u8], secrets: &[String], now_s: u64) -> Result<(), String> {
    stripeflare_core::stripe::verify(header, body, secrets, now_s).map_err(|error| format!("{error:?}"))
}

/// What an event's body says.
pub enum Said {
    /// A Checkout Session was paid, or not.
    Checkout(Box<Checkout>),
    /// A refund or a dispute.
    Reversal(Reversal),
    /// Nothing that is acted on.
    Other,
}

/// A Checkout Session as it was read, to be judged.
pub struct Checkout {
    session: CheckoutSession,
    /// It came from a connected account.
    pub connected: bool,
}

/// What a session is judged by.
pub struct Deployment<'a> {
    /// Lowercase ISO code.
    pub currency: &'a str,
    /// Live keys, not test keys.
    pub livemode: bool,
    /// The session's payment link is the deployment's.
    pub our_link: bool,
    /// The session came from a connected account.
    pub connected: bool,
    /// Makes and reads references.
    pub key: &'a Key,
}

/// What became of a session.
#[derive(Debug, PartialEq)]
pub enum Judged {
    /// So much, to this account.
    Credit(AccountId, Cents),
    /// So much, in the currency's smallest unit, to nobody.
    Unclaimed(i64),
    /// No money has moved.
    Nothing,
}

/// A refund or a dispute.
#[derive(Debug)]
pub struct Reversal {
    /// Not a dispute.
    pub is_refund: bool,
    /// What it is about.
    pub amount: Cents,
    /// So much has left and did not come back.
    pub taken: Cents,
    /// Nothing more is expected.
    pub closed: bool,
}

/// Reads an event, as the webhook does.
pub fn event(body: &[u8]) -> Result<Said, String> {
    let event = Event::parse(body).map_err(|error| error.to_string())?;
    Ok(match event.fact {
        Fact::Checkout(mut session) => {
            session.livemode |= event.livemode;
            Said::Checkout(Box::new(Checkout { session: *session, connected: event.account.is_some() }))
        }
        Fact::Reversal(fact) => Said::Reversal(Reversal {
            is_refund: fact.reversal.kind == Kind::Refund,
            amount: fact.reversal.amount,
            taken: fact.reversal.taken,
            closed: fact.reversal.closed,
        }),
        Fact::Other => Said::Other,
    })
}

impl Checkout {
    /// Whether it says that it was paid.
    pub fn is_paid(&self) -> bool {
        self.session.payment_status.as_deref() == Some("paid")
    }

    /// Whether it is live.
    pub fn livemode(&self) -> bool {
        self.session.livemode
    }

    /// Whether it is a one-time payment.
    pub fn is_payment(&self) -> bool {
        self.session.mode.as_deref() == Some("payment")
    }

    /// The currency it was paid in.
    pub fn currency(&self) -> Option<&str> {
        self.session.currency.as_deref()
    }

    /// Total, tax and shipping, in the currency's smallest unit.
    pub fn amounts(&self) -> (Option<i64>, Option<i64>, Option<i64>) {
        (self.session.amount_total, self.session.amount_tax, self.session.amount_shipping)
    }

    /// The reference the payer came with.
    pub fn reference(&self) -> Option<&str> {
        self.session.client_reference_id.as_deref()
    }

    /// Puts another reference in its place.
    pub fn set_reference(&mut self, reference: String) {
        self.session.client_reference_id = Some(reference);
    }

    /// Decides about it.
    pub fn judge(&self, by: &Deployment<'_>) -> Judged {
        let rules = Rules {
            currency: by.currency,
            livemode: by.livemode,
            our_link: by.our_link,
            references: &by.key.0,
            connected: by.connected,
        };
        match rules.judge(&self.session) {
            Verdict::Credit(credit) => Judged::Credit(credit.account, credit.amount),
            Verdict::Unclaimed(unclaimed) => Judged::Unclaimed(unclaimed.amount),
            Verdict::Nothing => Judged::Nothing,
        }
    }
}

/// Signs and reads client reference ids.
pub struct Key(ReferenceKey);

impl Key {
    /// The key of a deployment's secret and version.
    pub fn new(db_secret: &str, version: &str) -> Self {
        Self(ReferenceKey::new(db_secret, Scope { version, livemode: false, currency: "usd" }))
    }

    /// The reference of an account.
    pub fn sign(&self, account: &AccountId) -> String {
        self.0.sign(account)
    }

    /// The account of a reference.
    pub fn verify(&self, reference: &str) -> Option<AccountId> {
        self.0.verify(reference)
    }
}

/// An access token that was read.
#[derive(Debug, PartialEq)]
pub struct ReadToken {
    /// The account it names.
    pub account: AccountId,
    /// Its whole text.
    pub exposed: String,
    /// How it prints in a log.
    pub debug: String,
    /// It is the one the account's id was made from.
    pub is_first: bool,
}

/// Reads an access token.
pub fn token(text: &str, version: &str) -> Option<ReadToken> {
    text.parse().ok().map(|token| read_token(&token, version))
}

fn read_token(token: &Token, version: &str) -> ReadToken {
    ReadToken {
        account: token.account().clone(),
        exposed: token.expose(),
        debug: format!("{token:?}"),
        is_first: token.is_first(version),
    }
}

/// Who calls.
#[derive(Debug, PartialEq)]
#[allow(missing_docs, reason = "as in http/call/credentials.rs")]
pub enum Caller {
    Visitor,
    Known { token: ReadToken, by_cookie: bool },
    TwoCookies,
    WrongToken,
    StaleCookie,
}

/// Finds out who calls.
pub fn caller(headers: &HeaderMap, cookie: &str, version: &str) -> Caller {
    match credentials::Caller::of(headers, cookie) {
        credentials::Caller::Visitor => Caller::Visitor,
        credentials::Caller::Known { token, by_cookie } => {
            Caller::Known { token: read_token(&token, version), by_cookie }
        }
        credentials::Caller::TwoCookies => Caller::TwoCookies,
        credentials::Caller::WrongToken => Caller::WrongToken,
        credentials::Caller::StaleCookie => Caller::StaleCookie,
    }
}

/// Whether a text from outside may be asked Stripe for as the id of a session.
pub fn is_session_id(text: &str) -> bool {
    stripeflare_core::stripe::is_session_id(text)
}

/// Reads a place in a statement and shows it again.
pub fn place(text: &str) -> Option<String> {
    text.parse().ok().map(|place: Place| place.to_string())
}

/// Seals the text of a form for a cookie.
pub fn seal(db_secret: &str, version: &str, text: &str, cookie: &str) -> String {
    SealKey::new(db_secret, version).seal(text, cookie)
}

/// Whether a seal is of this text and this cookie.
pub fn seal_fits(db_secret: &str, version: &str, text: &str, cookie: &str, seal: &str) -> bool {
    SealKey::new(db_secret, version).fits(text, cookie, seal)
}

/// An `Idempotency-Key`, and the hash of what it stands for.
#[derive(Debug, PartialEq)]
#[allow(missing_docs, reason = "as in the wallet")]
pub struct Idempotency {
    pub key: String,
    pub fingerprint: String,
}

/// Reads a request's `Idempotency-Key` and passes its body on.
///
/// # Panics
/// When it waits for anything: the whole body is there.
pub fn idempotency(request: Request) -> Result<(Option<Idempotency>, Vec<u8>), StatusCode> {
    let call = idempotency::CallIdentity::of(&request);
    let (_, body) = call.follow(request).into_parts();
    let (key, body) = idempotency::read(&call, body)
        .now_or_never()
        .expect("an answer at once")
        .map_err(|response| response.status())?;
    let body: Body = body;
    let body = to_bytes(body, usize::MAX).now_or_never().expect("a body at once").expect("a whole body");
    Ok((key.map(|key| Idempotency { key: key.key, fingerprint: key.fingerprint }), body.into()))
}
