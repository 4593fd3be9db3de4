use std::fmt;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::pin_mut;
use http::StatusCode;
use js_sys::Promise;
use sha2::{Digest, Sha256};
use stripeflare_core::account::Ending;
use stripeflare_core::identity::{AccountId, Proof};
use stripeflare_core::protocol::{Command, Envelope, Reply};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::{Delay, Env};

use crate::error::Misconfigured;
use crate::js::describe;

/// The binding every deployment names in its wrangler.toml.
const BINDING: &str = "DORM_NAMESPACE";
/// How long one try may take; an object that hangs must not hang its callers.
const TRY_FOR: Duration = Duration::from_secs(10);
/// Before the second and the third try.
const BACKOFF_MS: [u64; 2] = [40, 250];

#[wasm_bindgen]
extern "C" {
    type JsStub;
    #[wasm_bindgen(method, catch)]
    fn call(this: &JsStub, command: &str) -> Result<Promise, JsValue>;
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Account(AccountId),
    Aggregate,
    /// The shard that knows this key.
    Directory(String),
}

/// The objects of one deployment, version and mode.
#[derive(Clone)]
pub(crate) struct Stubs {
    env: Env,
    version: &'static str,
    /// `None`: an object that does not know its own.
    livemode: Option<bool>,
}

/// Test money is no live money: in test mode every object's name has this in it, before its role.
const TEST: &str = "test_";

/// The mode of an object, by its name.
pub(super) fn is_live(name: &str) -> bool {
    // Neither an account's id nor a shard's number has a hyphen, so the role stands between the last two.
    !name.rsplit('-').nth(1).is_some_and(|role| role.starts_with(TEST))
}

/// An object could not be asked, or failed; whether the command was carried out is unknown unless it says so.
#[derive(Debug)]
pub(crate) enum ObjectError {
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

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
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

/// Shards of the directory. The number is part of the data: it never changes.
const SHARDS: u8 = 64;

fn shard(key: &str) -> u8 {
    Sha256::digest(key.as_bytes())[0] % SHARDS
}

fn name(version: &str, livemode: bool, to: &Address) -> String {
    let test = if livemode { "" } else { TEST };
    match to {
        Address::Account(account) => format!("{version}-{test}user-{account}"),
        Address::Aggregate => format!("{version}-{test}admin-readonly"),
        Address::Directory(key) => format!("{version}-{test}directory-{}", shard(key)),
    }
}

fn unexpected() -> ObjectError {
    ObjectError::Failed("an answer that does not fit its question".into())
}

impl Stubs {
    pub(crate) fn new(env: Env, version: &'static str, livemode: Option<bool>) -> Self {
        Self { env, version, livemode }
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    /// Sends a command of ours.
    pub(crate) async fn call(
        &self,
        to: &Address,
        command: impl Into<Command>,
        endings: Vec<Ending>,
    ) -> Result<Reply, ObjectError> {
        self.call_for(to, None, command.into(), endings).await
    }

    /// A command of ours that is simply to be done.
    pub(crate) async fn done(&self, to: &Address, command: impl Into<Command>) -> Result<(), ObjectError> {
        match self.call(to, command, Vec::new()).await? {
            Reply::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// A question of ours that is answered by yes or no.
    pub(crate) async fn is(&self, to: &Address, command: impl Into<Command>) -> Result<bool, ObjectError> {
        match self.call(to, command, Vec::new()).await? {
            Reply::Is(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    /// A question of ours that is answered by an account.
    pub(crate) async fn found(
        &self,
        to: &Address,
        command: impl Into<Command>,
    ) -> Result<Option<AccountId>, ObjectError> {
        match self.call(to, command, Vec::new()).await? {
            Reply::Found(account) => Ok(account),
            _ => Err(unexpected()),
        }
    }

    /// Sends a command on behalf of a caller, if there is one. Every command is idempotent, so a dead stub is replaced and
    /// asked again.
    pub(crate) async fn call_for(
        &self,
        to: &Address,
        token: Option<Proof>,
        command: Command,
        endings: Vec<Ending>,
    ) -> Result<Reply, ObjectError> {
        let livemode = self.livemode.ok_or_else(|| ObjectError::Failed("an object that forgot its mode".into()))?;
        let name = name(self.version, livemode, to);
        let envelope = serde_json::to_string(&Envelope { endings, token, command }).expect("commands are plain JSON");
        let mut backoff = BACKOFF_MS.into_iter();
        loop {
            let cause = match self.ask(&name, &envelope).await {
                Ok(Reply::Failed(cause)) => return Err(ObjectError::Failed(cause)),
                Ok(Reply::Misconfigured(problem)) => {
                    let problem = Misconfigured(StatusCode::INTERNAL_SERVER_ERROR, problem);
                    return Err(ObjectError::Misconfigured(problem));
                }
                Ok(reply) => return Ok(reply),
                Err(cause) => cause,
            };
            let Some(pause) = backoff.next() else { return Err(ObjectError::Unreachable(cause)) };
            Delay::from(Duration::from_millis(pause)).await;
        }
    }

    async fn ask(&self, name: &str, envelope: &str) -> Result<Reply, String> {
        let stub: JsStub = self
            .env
            .durable_object(BINDING)
            .and_then(|namespace| namespace.get_by_name(name))
            .map_err(|error| error.to_string())?
            .into_rpc();
        let answer = JsFuture::from(stub.call(envelope).map_err(|exception| describe(&exception))?);
        let deadline = Delay::from(TRY_FOR);
        pin_mut!(deadline);
        let answer = match select(answer, deadline).await {
            Either::Left((answer, _)) => answer.map_err(|exception| describe(&exception))?,
            Either::Right(_) => return Err(format!("no answer within {} s", TRY_FOR.as_secs())),
        };
        let answer = answer.as_string().ok_or("an answer that is no text")?;
        serde_json::from_str(&answer).map_err(|error| format!("an answer nobody understands: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_test_mode_have_other_names_than_those_of_live_mode() {
        let account = AccountId::from_hash(&[7; 32]);
        let addresses = [Address::Account(account), Address::Aggregate, Address::Directory("pi_1".into())];
        let mut names = Vec::new();
        for version in ["1", "2", "1-test", "test_1", "1-test_user", ""] {
            for livemode in [true, false] {
                for address in &addresses {
                    let name = name(version, livemode, address);
                    assert_eq!(is_live(&name), livemode, "{name}");
                    assert!(!names.contains(&name), "{name}");
                    names.push(name);
                }
            }
        }
        assert_eq!(names[1], "1-admin-readonly", "live data has the names that users of the original know");
    }
}
