use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use serde::de::DeserializeOwned;
use stripeflare_core::account::{Denied, Ending, Receipt};
use stripeflare_core::bytes::{self, Unreadable};
use stripeflare_core::identity::{AccountId, Proof, Token, random};
use stripeflare_core::protocol::codec::{Back, PROTOCOL};
use stripeflare_core::protocol::{Address, AnyCommand, Command, Envelope, NotDone, codec, object_name};
use worker::Env;

use crate::error::Misconfigured;
use crate::js::sleep;
use crate::object::{Unanswered, rpc};

/// How long one try may take; an object that hangs must not hang its callers.
const TRY_FOR: Duration = Duration::from_secs(10);
/// Before the second and the third try, and up to as much again: those that failed together do not come back together.
const BACKOFF_MS: [u64; 2] = [40, 250];

/// The objects of one deployment, version and mode.
#[derive(Clone)]
pub(crate) struct Stubs {
    env: Env,
    version: &'static str,
    /// `None`: an object that does not know its own.
    livemode: Option<bool>,
    /// Requests made so far, those to Stripe among them: Cloudflare counts them together.
    pub(crate) requests: Rc<Cell<u32>>,
}

/// A command was not carried out, or nobody knows whether it was.
#[derive(Debug)]
pub(crate) enum ObjectError {
    /// The caller's token does not do.
    Denied(Denied),
    /// Nobody has paid into the account yet.
    Unregistered,
    /// Nothing was done.
    Failed(String),
    /// Every try ended without an answer.
    Unreachable(String),
    /// Nothing was done: a variable does not fit the data.
    Misconfigured(Misconfigured),
}

impl ObjectError {
    pub(crate) fn misconfigured(&self) -> Option<&Misconfigured> {
        if let Self::Misconfigured(problem) = self { Some(problem) } else { None }
    }
}

impl From<NotDone> for ObjectError {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Denied(why) => Self::Denied(why),
            NotDone::Unregistered => Self::Unregistered,
            NotDone::Failed(cause) => Self::Failed(cause),
            NotDone::Misconfigured(problem) => {
                Self::Misconfigured(Misconfigured(StatusCode::INTERNAL_SERVER_ERROR, problem))
            }
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "the token does not do: {why:?}"),
            Self::Unregistered => f.write_str("nobody has paid into this account yet"),
            Self::Failed(cause) => write!(f, "the Durable Object failed: {cause}"),
            Self::Unreachable(cause) => write!(f, "the Durable Object did not answer: {cause}"),
            Self::Misconfigured(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ObjectError {}

/// The alarm only logs what went wrong.
impl From<ObjectError> for String {
    fn from(error: ObjectError) -> Self {
        error.to_string()
    }
}

impl Stubs {
    pub(crate) fn new(env: Env, version: &'static str, livemode: Option<bool>) -> Self {
        Self { env, version, livemode, requests: Rc::default() }
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// To the account of a token, with the rights of whoever has it.
    pub(crate) fn as_caller<'a>(&'a self, token: &'a Token) -> Sender<'a, AccountId> {
        Sender { stubs: self, to: token.account(), token: Some(token.proof(self.version)) }
    }

    /// To any object, with all rights.
    pub(crate) fn as_system<'a, A>(&'a self, to: &'a A) -> Sender<'a, A> {
        Sender { stubs: self, to, token: None }
    }

    /// To the object of this local name; answers the reply's bytes.
    pub(super) async fn carry(&self, to: &str, envelope: &Envelope) -> Result<Vec<u8>, ObjectError> {
        self.hand_over(to, envelope).await.1
    }

    /// The same, and what became of the endings; `None`: they were not carried out, or nobody knows.
    async fn hand_over(&self, to: &str, envelope: &Envelope) -> (Option<Receipt>, Result<Vec<u8>, ObjectError>) {
        let (receipt, answer) = match self.deliver(to, envelope).await {
            Ok(answered) => answered,
            Err(error) => return (None, Err(error)),
        };
        let reply = match codec::read_answer(&answer) {
            Ok(Ok(reply)) => Ok(reply.to_vec()),
            Ok(Err(why)) => Err(why.into()),
            Err(Unreadable) => Err(unreadable()),
        };
        let failed = matches!(reply, Err(ObjectError::Failed(_) | ObjectError::Unreachable(_)));
        ((!failed).then_some(receipt), reply)
    }

    /// Sends again in the form of the release before, if the object still runs that.
    async fn deliver(&self, to: &str, envelope: &Envelope) -> Result<(Receipt, Vec<u8>), ObjectError> {
        let livemode = self.livemode.ok_or_else(|| ObjectError::Failed("an object that forgot its mode".into()))?;
        let name = &object_name(to, self.version, livemode);
        let mut number = PROTOCOL.number();
        for _ in 0..2 {
            let Some(message) = PROTOCOL.message(number, envelope) else { break };
            let back = self.insist(name, &message).await?;
            match PROTOCOL.read_back(number, &envelope.command, &back) {
                Ok(Back::Answer(receipt, answer)) => return Ok((receipt, answer)),
                Ok(Back::Again(highest)) => number = highest,
                Err(Unreadable) => return Err(unreadable()),
            }
        }
        // Whoever cannot read a message has done nothing.
        Err(ObjectError::Failed(format!("it is of another release and reads number {number} of the protocol")))
    }

    /// Every command is idempotent, so a dead stub is replaced and asked again; an object that has too much to do is not.
    async fn insist(&self, name: &str, message: &[u8]) -> Result<Vec<u8>, ObjectError> {
        let mut backoff = BACKOFF_MS.into_iter();
        loop {
            let Unanswered { cause, again } = match self.ask(name, message).await {
                Ok(answer) => return Ok(answer),
                Err(unanswered) => unanswered,
            };
            let pause = backoff.next().filter(|_| again);
            let Some(pause) = pause else { return Err(ObjectError::Unreachable(cause)) };
            let [share] = random();
            sleep(Duration::from_millis(pause + pause * u64::from(share) / 256)).await;
        }
    }

    async fn ask(&self, name: &str, message: &[u8]) -> Result<Vec<u8>, Unanswered> {
        self.requests.update(|requests| requests + 1);
        rpc::ask(&self.env, name, message, TRY_FOR).await
    }
}

/// Sends commands to one object.
pub(crate) struct Sender<'a, A> {
    stubs: &'a Stubs,
    pub(crate) to: &'a A,
    /// Of the caller on whose behalf; `None`: they are ours.
    token: Option<Proof>,
}

impl<A: Address> Sender<'_, A> {
    pub(crate) async fn send<C: Command<To = A>>(self, command: C) -> Result<C::Reply, ObjectError> {
        read(&self.ask(command.into(), Vec::new()).await.1?)
    }

    /// A command and endings that go with it; answers what became of these, unless nobody knows, and the reply's bytes.
    pub(crate) async fn ask(
        self,
        command: AnyCommand,
        endings: Vec<Ending>,
    ) -> (Option<Receipt>, Result<Vec<u8>, ObjectError>) {
        let Self { stubs, to, token } = self;
        stubs.hand_over(&to.local_name(), &Envelope { endings, token, command }).await
    }
}

/// What a command's reply is.
pub(crate) fn read<R: DeserializeOwned>(reply: &[u8]) -> Result<R, ObjectError> {
    bytes::read(reply).map_err(|Unreadable| unreadable())
}

fn unreadable() -> ObjectError {
    ObjectError::Unreachable("an answer nobody understands".into())
}
