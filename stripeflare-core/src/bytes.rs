//! Values as bytes. They do not say of what they are: whoever writes them puts a number before them that does.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes are of something else, or of a form that this release does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes that nobody understands")
    }
}

impl std::error::Error for Unreadable {}

/// # Panics
/// For a value that says itself that it cannot be written; none here does.
pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
    write_after(Vec::new(), value)
}

/// The same behind what is there already.
///
/// # Panics
/// As [`write()`].
pub fn write_after<T: Serialize>(head: Vec<u8>, value: &T) -> Vec<u8> {
    postcard::to_extend(value, head).expect("plain data")
}

/// # Errors
/// Also when something follows the value.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Unreadable),
    }
}

/// A value, and what follows it.
///
/// # Errors
/// As [`read`].
pub fn read_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), Unreadable> {
    postcard::take_from_bytes(bytes).map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_or_goes_on_is_not_read() {
        let bytes = write(&("text", Some(300)));
        assert_eq!(read(&bytes), Ok((String::from("text"), Some(300))));
        for end in 0..bytes.len() {
            assert_eq!(read::<(String, Option<i32>)>(&bytes[..end]), Err(Unreadable));
        }
        assert_eq!(read::<(String, Option<i32>)>(&[bytes, vec![0]].concat()), Err(Unreadable));
    }
}
