use sha2::{Digest, Sha256};

use crate::identity::AccountId;

/// Names one object among those of one version of the application's data, in one mode.
pub trait Address {
    fn local_name(&self) -> String;
}

/// What such an object is called in all.
pub fn object_name(local_name: &str, version: &str, livemode: bool) -> String {
    format!("{version}-{}{local_name}", if livemode { "" } else { TEST })
}

/// Test money is no live money: in test mode every object's name has this in it, before its role.
const TEST: &str = "test_";

/// The mode of an object, by its name.
pub fn is_live_name(name: &str) -> bool {
    // Neither an account's id nor a shard's number has a hyphen, so the role stands between the last two.
    !name.rsplit('-').nth(1).is_some_and(|role| role.starts_with(TEST))
}

/// One wallet.
impl Address for AccountId {
    fn local_name(&self) -> String {
        format!("user-{self}")
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
    fn local_name(&self) -> String {
        format!("directory-{}", self.0)
    }
}

/// The mirror of all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate;

impl Address for Aggregate {
    fn local_name(&self) -> String {
        "admin-readonly".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_keep_their_names() {
        let account = AccountId::from_hash(&[7; 32]);
        let name = |to: &dyn Address, version, livemode| object_name(&to.local_name(), version, livemode);
        assert_eq!(name(&account, "2", true), format!("2-user-{account}"));
        assert_eq!(name(&Aggregate, "1", true), "1-admin-readonly");
        let shards = ["pi_1", "pi_2", "guesses"].map(|key| name(&Shard::of(key), "1", true));
        assert_eq!(shards, ["1-directory-10", "1-directory-62", "1-directory-52"]);
        assert_eq!(name(&Aggregate, "1", false), "1-test_admin-readonly");
    }

    #[test]
    fn objects_of_test_mode_have_other_names_than_those_of_live_mode() {
        let mut names = Vec::new();
        for version in ["1", "2", "1-test", "test_1", "1-test_user", ""] {
            for livemode in [true, false] {
                let account = AccountId::from_hash(&[7; 32]);
                let all: [&dyn Address; 3] = [&account, &Shard::of("pi_1"), &Aggregate];
                for name in all.map(|to| object_name(&to.local_name(), version, livemode)) {
                    assert_eq!(is_live_name(&name), livemode, "{name}");
                    assert!(!names.contains(&name), "{name}");
                    names.push(name);
                }
            }
        }
    }
}
