//! The scanner for secrets: what must be nowhere is looked for everywhere.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{DB_SECRET, World};

/// What must be nowhere, and what it is.
#[derive(Debug, Default)]
pub struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    /// Those of a deployment.
    ///
    /// # Panics
    /// When one is too short to be looked for.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let mut secrets = Self::default();
        secrets.add("DB_SECRET", DB_SECRET);
        secrets.add("DB_SECRET, as a browser sends it", "YSBzZWNyZXQgdGhhdCBvbmx5IHRoZXNlIHRlc3RzIGV2ZXIgdXNl");
        for (name, value) in world.stripe.vars() {
            // The others are public.
            if ["STRIPE_SECRET", "STRIPE_WEBHOOK_SIGNING_SECRET"].contains(&name.as_str()) {
                secrets.add(&name, &value);
            }
        }
        secrets
    }

    /// Another one, and what it is.
    ///
    /// # Panics
    /// When it is so short that it may be found by chance.
    pub fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 16, "{what} is too short to be looked for: {secret}");
        self.0.push((what.to_owned(), secret.as_bytes().to_vec()));
    }

    /// A token's secret in its spelling and as bytes.
    ///
    /// # Panics
    /// As [`Secrets::add`].
    pub fn add_token(&mut self, what: &str, token: &str) {
        let secret = token.split_once('.').map(|(_, secret)| secret).unwrap_or_default();
        self.add(what, secret);
        self.0.push((format!("{what}, as bytes"), bytes_of(secret)));
    }

    /// What of them is there.
    #[must_use]
    pub fn found_in(&self, content: &[u8]) -> Vec<&str> {
        self.0.iter().filter(|(_, secret)| contains(content, secret)).map(|(what, _)| what.as_str()).collect()
    }

    /// Fails when one is there.
    ///
    /// # Panics
    /// Then.
    pub fn must_not_be_in(&self, where_: &str, content: &[u8]) {
        let found = self.found_in(content);
        assert!(found.is_empty(), "{where_} tells {found:?}");
    }
}

/// Lowercase base32.
fn bytes_of(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for character in text.bytes() {
        let value = if character.is_ascii_digit() { character - b'2' + 26 } else { character - b'a' };
        bits = (bits << 5 | u32::from(value)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

/// All files below a folder, but the configuration, which has the variables in it. A journal that is deleted meanwhile is none.
///
/// # Errors
/// When one cannot be read.
pub fn files(dir: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.file_name().is_none_or(|name| name != "config.capnp") {
            match std::fs::read(&path) {
                Ok(content) => found.push((path, content)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(found)
}

fn contains(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|window| window == part)
}

/// How many objects have it in a file of theirs.
///
/// # Errors
/// When one cannot be read.
pub fn objects_with(world: &World, part: &[u8]) -> Result<usize> {
    let mut objects = BTreeSet::new();
    for (file, content) in files(&world.workerd.objects_dir())? {
        if contains(&content, part) {
            objects.insert(file.with_extension(""));
        }
    }
    Ok(objects.len())
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn a_secret_that_is_told_would_be_found() {
        let mut secrets = Secrets::default();
        secrets.add_token("a token", &format!("{}.{}", "b".repeat(26), "mfrggzdfmztwq2lknnwg23tpobyxe43u"));
        assert_eq!(secrets.found_in(b"x abcdefghijklmnopqrst x"), ["a token, as bytes"]);
        assert_eq!(secrets.found_in(b"mfrggzdfmztwq2lknnwg23tpobyxe43u"), ["a token"]);
        assert!(secrets.found_in(b"abc").is_empty());
    }
}
