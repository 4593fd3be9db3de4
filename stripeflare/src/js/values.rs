//! Lists of SQLite's values as bytes; `glue.js` has the other half.

use stripeflare_core::sql::{Row, SqlError, Value};

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// The runtime passes numbers on to SQLite as JavaScript has them.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// # Errors
/// For an integer that would not arrive as it is.
pub(crate) fn write(values: &[Value]) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::new();
    for value in values {
        match value {
            Value::Null => bytes.push(NULL),
            Value::Integer(integer) if (-MAX_SAFE..=MAX_SAFE).contains(integer) => {
                bytes.push(INTEGER);
                bytes.extend(integer.to_le_bytes());
            }
            Value::Integer(integer) => return Err(SqlError(format!("{integer} does not cross JavaScript unchanged"))),
            Value::Real(real) => {
                bytes.push(REAL);
                bytes.extend(real.to_le_bytes());
            }
            Value::Text(text) => write_piece(&mut bytes, TEXT, text.as_bytes()),
            Value::Blob(blob) => write_piece(&mut bytes, BLOB, blob),
        }
    }
    Ok(bytes)
}

/// A text or a blob, of less than 4 GiB: there is no more memory.
fn write_piece(bytes: &mut Vec<u8>, tag: u8, piece: &[u8]) {
    bytes.push(tag);
    bytes.extend((piece.len() as u32).to_le_bytes());
    bytes.extend(piece);
}

/// Reads the values one after the other.
pub(crate) struct Values<'a>(pub(crate) &'a [u8]);

impl Values<'_> {
    fn number(&mut self) -> Option<[u8; 8]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }

    fn piece(&mut self) -> Option<Vec<u8>> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (piece, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        Some(piece.to_vec())
    }

    pub(crate) fn count(&mut self) -> Option<usize> {
        match self.next()? {
            Value::Integer(integer) => usize::try_from(integer).ok(),
            _ => None,
        }
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        match self.next()? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn row(&mut self, width: usize) -> Option<Row> {
        let row: Row = self.take(width).collect();
        (row.len() == width).then_some(row)
    }
}

impl Iterator for Values<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let (tag, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(match *tag {
            NULL => Value::Null,
            INTEGER => Value::Integer(i64::from_le_bytes(self.number()?)),
            REAL => Value::Real(f64::from_le_bytes(self.number()?)),
            TEXT => Value::Text(String::from_utf8(self.piece()?).ok()?),
            BLOB => Value::Blob(self.piece()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let values = [
            Value::Null,
            Value::Integer(-MAX_SAFE),
            Value::Integer(MAX_SAFE),
            Value::Real(-0.5),
            "Zoë\0\n\u{feff}".into(),
            "".into(),
            Value::Blob(vec![0, 255]),
        ];
        let bytes = write(&values).unwrap();
        assert_eq!(Values(&bytes).collect::<Vec<_>>(), values);
        // Cut anywhere, it ends where the last whole value does.
        for end in 0..bytes.len() {
            assert!(values.starts_with(&Values(&bytes[..end]).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn an_integer_that_javascript_would_round_is_refused() {
        for integer in [MAX_SAFE + 1, -MAX_SAFE - 1, i64::MAX, i64::MIN] {
            let refused = write(&[Value::Integer(integer)]).unwrap_err().to_string();
            assert!(refused.contains(&format!("{integer} does not cross JavaScript unchanged")), "{refused}");
        }
    }
}
