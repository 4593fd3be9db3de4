//! Reads values that a table has as bytes. It shares no code with the wallet.

/// What is left to be read. Each answers `None` where it is not as it should be.
pub(crate) struct Stored<'a>(&'a [u8]);

impl<'a> Stored<'a> {
    /// Behind the number of the form, which is one.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.strip_prefix(&[1]).map(Self)
    }

    /// Reads a whole value, with nothing behind it.
    pub(crate) fn whole<T>(bytes: &'a [u8], read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut stored = Self::new(bytes)?;
        read(&mut stored).filter(|_| stored.0.is_empty())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number that is never negative, seven bits a byte, the last ones first.
    pub(crate) fn count(&mut self) -> Option<u64> {
        let mut count = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            count |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(count);
            }
        }
        None
    }

    /// A number whose last bit says that it is negative.
    pub(crate) fn number(&mut self) -> Option<i64> {
        let count = self.count()?;
        Some((count >> 1) as i64 ^ -((count & 1) as i64))
    }

    /// A text behind its length.
    pub(crate) fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.count()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// Behind a byte that says whether it is there.
    pub(crate) fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// Behind how many there are.
    pub(crate) fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_and_lists_are_read_to_their_end() {
        let bytes = [1, 2, 0xac, 0x02, 0x03, 1, 2, b'o', b'k', 0x80, 0x01, 0x00, 0];
        let item = |stored: &mut Stored<'_>| Some((stored.count()?, stored.number()?, stored.optional(Stored::text)?));
        let read = |bytes: &[u8]| Stored::whole(bytes, |stored| stored.list(item));
        assert_eq!(read(&bytes), Some(vec![(300, -2, Some("ok".into())), (128, 0, None)]));
        assert_eq!(read(&[bytes.as_slice(), &[0]].concat()), None);
        assert!((0..bytes.len()).all(|end| read(&bytes[..end]).is_none()));
        let mut other_form = bytes;
        other_form[0] = 2;
        assert_eq!(read(&other_form), None);
    }
}
