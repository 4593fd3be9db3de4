use sha2::{Digest, Sha256};

use crate::identity::AccountId;

/// Names one object.
pub trait Address {
    /// Under one version of the application's data.
    fn name(&self, version: &str) -> String;
}

/// One wallet.
impl Address for AccountId {
    fn name(&self, version: &str) -> String {
        format!("{version}-user-{self}")
    }
}

/// A part of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard(u8);

/// The number is part of the data: it never changes.
const SHARDS: u8 = 64;

impl Shard {
    /// The one that knows this key.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes())[0] % SHARDS)
    }
}

impl Address for Shard {
    fn name(&self, version: &str) -> String {
        format!("{version}-directory-{}", self.0)
    }
}

/// The mirror of all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate;

impl Address for Aggregate {
    fn name(&self, version: &str) -> String {
        format!("{version}-admin-readonly")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_keep_their_names() {
        let account = AccountId::from_hash(&[7; 32]);
        assert_eq!(account.name("2"), format!("2-user-{account}"));
        assert_eq!(Aggregate.name("1"), "1-admin-readonly");
        let shards = ["pi_1", "pi_2", "guesses"].map(|key| Shard::of(key).name("1"));
        assert_eq!(shards, ["1-directory-10", "1-directory-62", "1-directory-52"]);
    }
}
