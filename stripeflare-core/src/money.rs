//! Amounts of money: fixed point, never floating point.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// Ten-thousandths in one cent.
const SCALE: i64 = 10_000;

/// An amount of money in cents, exact to four decimals of a cent.
///
/// A cent is the smallest unit Stripe counts in: a hundredth of a dollar or of an Icelandic króna, one yen. The amount is held as a whole number of
/// ten-thousandths of a cent, at most 2^53 − 1 of them either way (about nine billion dollars), so that it crosses
/// JavaScript unchanged. Shown in cents: `0.25`, `500`.
///
/// The operators panic past that bound, as integers do in a debug build; the `checked_` methods answer `None` instead.
///
/// ```
/// use stripeflare_core::money::Cents;
///
/// let price: Cents = "0.25".parse().unwrap();
/// assert_eq!(price * 4, Cents::new(1));
/// assert_eq!(price.to_string(), "0.25");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(i64);

impl Cents {
    /// No money at all.
    pub const ZERO: Self = Self(0);
    /// The largest amount: 2^53 − 1 ten-thousandths of a cent.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// So many whole cents.
    ///
    /// # Panics
    /// Past [`Cents::MAX`] in either direction; in a `const`, that is a compile error.
    #[must_use]
    pub const fn new(cents: i64) -> Self {
        match cents.checked_mul(SCALE) {
            Some(units) => Self::from_units(units),
            None => panic!("more cents than an amount can hold"),
        }
    }

    /// So many ten-thousandths of a cent: `from_units(2_500)` is a quarter of a cent.
    ///
    /// # Panics
    /// Past [`Cents::MAX`] in either direction; in a `const`, that is a compile error.
    #[must_use]
    pub const fn from_units(units: i64) -> Self {
        match Self::checked_from_units(units) {
            Some(cents) => cents,
            None => panic!("more cents than an amount can hold"),
        }
    }

    /// So many ten-thousandths of a cent, or `None` past [`Cents::MAX`] in either direction.
    #[must_use]
    pub const fn checked_from_units(units: i64) -> Option<Self> {
        if units > Self::MAX.0 || units < -Self::MAX.0 { None } else { Some(Self(units)) }
    }

    /// The amount in ten-thousandths of a cent.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// `true` for more than nothing.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The sum, or `None` past [`Cents::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(units) => Self::checked_from_units(units),
            None => None,
        }
    }

    /// The difference, or `None` past [`Cents::MAX`].
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(Self(-other.0))
    }

    /// The sum, in a `const` too, where `+` cannot stand.
    ///
    /// # Panics
    /// As `+`; in a `const`, that is a compile error.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        match self.checked_add(other) {
            Some(sum) => sum,
            None => panic!("{}", OVERFLOW),
        }
    }

    /// The product, or `None` past [`Cents::MAX`].
    #[must_use]
    pub const fn checked_mul(self, factor: i64) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(units) => Self::checked_from_units(units),
            None => None,
        }
    }

    /// A part of the amount: `price.part(1, 3, Rounding::Up)` is a third, `price.part(20, 100, Rounding::HalfUp)` twenty
    /// percent. It is rounded to a ten-thousandth of a cent.
    ///
    /// # Panics
    /// When `whole` is 0, or past [`Cents::MAX`].
    #[must_use]
    pub const fn part(self, part: u32, whole: u32, rounding: Rounding) -> Self {
        assert!(whole > 0, "a part of nothing");
        let (whole, product) = (whole as i128, self.0 as i128 * part as i128);
        let (down, rest) = (product.div_euclid(whole), product.rem_euclid(whole));
        let up = match rounding {
            Rounding::Down => false,
            Rounding::HalfUp => rest * 2 >= whole,
            Rounding::Up => rest > 0,
        };
        let units = down + up as i128;
        assert!(units <= Self::MAX.0 as i128 && units >= -Self::MAX.0 as i128, "{}", OVERFLOW);
        Self::from_units(units as i64)
    }

    /// The amount of a decimal literal, for `cents!`.
    ///
    /// # Panics
    /// When it is none; in a `const`, that is a compile error.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_literal(literal: &str) -> Self {
        match parse(literal.as_bytes(), true) {
            Ok(amount) => amount,
            Err(error) => panic!("{}", error.message()),
        }
    }
}

/// Where an amount goes that is not a whole number of ten-thousandths of a cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the next smaller one.
    Down,
    /// To the nearer one, and from the middle to the larger one.
    HalfUp,
    /// To the next larger one.
    Up,
}

/// Reads an optional minus, digits, and at most one point between digits; a literal may have underscores.
const fn parse(text: &[u8], literal: bool) -> Result<Cents, ParseCentsError> {
    let negative = !text.is_empty() && text[0] == b'-';
    let (mut index, mut units, mut digits, mut decimals) = (negative as usize, 0_i64, 0, None);
    let mut too_large = false;
    while index < text.len() {
        match text[index] {
            digit @ b'0'..=b'9' => {
                digits += 1;
                if let Some(count) = decimals {
                    decimals = Some(count + 1);
                }
                match units.checked_mul(10) {
                    Some(tens) if tens <= Cents::MAX.0 => units = tens + (digit - b'0') as i64,
                    _ => too_large = true,
                }
            }
            b'.' if decimals.is_none() && digits > 0 => decimals = Some(0),
            b'_' if literal && digits > 0 => {}
            _ => return Err(ParseCentsError::NotDecimal),
        }
        index += 1;
    }
    let mut decimals = match decimals {
        _ if digits == 0 => return Err(ParseCentsError::NotDecimal),
        Some(0) => return Err(ParseCentsError::NotDecimal),
        Some(count) => count,
        None => 0,
    };
    if decimals > 4 {
        return Err(ParseCentsError::TooPrecise);
    }
    while decimals < 4 && !too_large {
        decimals += 1;
        match units.checked_mul(10) {
            Some(tens) => units = tens,
            None => too_large = true,
        }
    }
    if too_large {
        return Err(ParseCentsError::TooLarge);
    }
    match Cents::checked_from_units(if negative { -units } else { units }) {
        Some(amount) => Ok(amount),
        None => Err(ParseCentsError::TooLarge),
    }
}

const OVERFLOW: &str = "an amount of money went past 2^53 - 1 ten-thousandths of a cent";

impl Add for Cents {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect(OVERFLOW)
    }
}

impl Sub for Cents {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect(OVERFLOW)
    }
}

impl Neg for Cents {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Cents {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

macro_rules! multiply_by {
    ($($integer:ty),*) => {$(
        impl Mul<$integer> for Cents {
            type Output = Self;
            fn mul(self, factor: $integer) -> Self {
                i64::try_from(factor).ok().and_then(|factor| self.checked_mul(factor)).expect(OVERFLOW)
            }
        }
        impl Mul<Cents> for $integer {
            type Output = Cents;
            fn mul(self, amount: Cents) -> Cents {
                amount * self
            }
        }
    )*};
}
multiply_by!(i32, i64, u32, u64, usize);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, scale) = (self.0.unsigned_abs(), SCALE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        match units % scale {
            0 => write!(f, "{sign}{}", units / scale),
            fraction => {
                let digits = format!("{fraction:04}");
                write!(f, "{sign}{}.{}", units / scale, digits.trim_end_matches('0'))
            }
        }
    }
}

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseCentsError {
    /// Not an optional minus, digits, and at most one point between digits.
    NotDecimal,
    /// More than four decimals.
    TooPrecise,
    /// Beyond 2^53 − 1 ten-thousandths of a cent.
    TooLarge,
}

impl ParseCentsError {
    const fn message(self) -> &'static str {
        match self {
            Self::NotDecimal => "an amount in cents is a decimal number such as 5 or 0.25",
            Self::TooPrecise => "an amount in cents has at most four decimals",
            Self::TooLarge => "an amount in cents is at most 900719925474.0991",
        }
    }
}

impl fmt::Display for ParseCentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ParseCentsError {}

impl FromStr for Cents {
    type Err = ParseCentsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.as_bytes(), false)
    }
}

/// Below this many cents, about 2.7 billion dollars, every amount is the shortest decimal of its double.
const EXACT_AS_DOUBLE: i64 = (1 << 38) * SCALE;

/// A JSON number in cents: `500`, `0.25`. A fraction so large that a double would not hold it is a decimal string.
/// Where no person reads it, the raw count.
impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            units::serialize(self, serializer)
        } else if self.0 % SCALE == 0 {
            serializer.serialize_i64(self.0 / SCALE)
        } else if self.0.abs() < EXACT_AS_DOUBLE {
            serializer.serialize_f64(self.0 as f64 / SCALE as f64)
        } else {
            serializer.collect_str(self)
        }
    }
}

/// From a JSON number or a decimal string, in cents.
impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InCents;
        impl Visitor<'_> for InCents {
            type Value = Cents;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in cents")
            }
            fn visit_i64<E: de::Error>(self, cents: i64) -> Result<Cents, E> {
                cents
                    .checked_mul(SCALE)
                    .and_then(Cents::checked_from_units)
                    .ok_or_else(|| E::custom(ParseCentsError::TooLarge))
            }
            fn visit_u64<E: de::Error>(self, cents: u64) -> Result<Cents, E> {
                i64::try_from(cents)
                    .map_err(|_| E::custom(ParseCentsError::TooLarge))
                    .and_then(|cents| self.visit_i64(cents))
            }
            fn visit_f64<E: de::Error>(self, cents: f64) -> Result<Cents, E> {
                let units = (cents * SCALE as f64).round();
                // Only what one of our own numbers reads as; NaN and infinity are none.
                let exact = units.abs() <= Cents::MAX.0 as f64 && units / SCALE as f64 == cents;
                if exact { Ok(Cents(units as i64)) } else { Err(E::custom(ParseCentsError::TooPrecise)) }
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Cents, E> {
                text.parse().map_err(E::custom)
            }
        }
        if !deserializer.is_human_readable() {
            return units::deserialize(deserializer);
        }
        deserializer.deserialize_any(InCents)
    }
}

/// For messages between the worker and its objects: the raw count of ten-thousandths.
pub mod units {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use super::{Cents, OVERFLOW};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(amount: &Cents, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(amount.units())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cents, D::Error> {
        Cents::checked_from_units(i64::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(OVERFLOW))
    }
}

/// The same of an amount that may be left open.
pub mod optional_units {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Cents;

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "super::units")] Cents);

    #[allow(clippy::ref_option, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(amount: &Option<Cents>, serializer: S) -> Result<S::Ok, S::Error> {
        amount.map(Wrapped).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cents>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_are_exact() {
        for (text, units) in [
            ("0", 0),
            ("0.25", 2_500),
            ("500", 5_000_000),
            ("274877906943.9999", EXACT_AS_DOUBLE - 1),
            ("274878399065.0994", 2_748_783_990_650_994),
            ("549755813888.0003", 5_497_558_138_880_003),
            ("-1.0001", -10_001),
            ("900719925474.0991", Cents::MAX.units()),
            ("-900719925474.0991", -Cents::MAX.units()),
        ] {
            let amount: Cents = text.parse().unwrap();
            assert_eq!(amount.units(), units);
            assert_eq!(amount.to_string(), text);
            let json = serde_json::to_string(&amount).unwrap();
            assert_eq!(json.trim_matches('"'), text);
            assert_eq!(serde_json::from_str::<Cents>(&json).unwrap(), amount);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "1e3", "+1", "1,5", " 1", "--1", "0x1", "NaN", "\u{663}"] {
            assert_eq!(text.parse::<Cents>(), Err(ParseCentsError::NotDecimal), "{text}");
        }
        assert_eq!("0.00001".parse::<Cents>(), Err(ParseCentsError::TooPrecise));
        assert_eq!("900719925474.0992".parse::<Cents>(), Err(ParseCentsError::TooLarge));
        assert_eq!("99999999999999999999".parse::<Cents>(), Err(ParseCentsError::TooLarge));
    }

    #[test]
    fn literals_are_read_at_compile_time() {
        const PRICE: Cents = Cents::from_literal("1_000.5").plus(Cents::from_literal("-0.25"));
        assert_eq!(PRICE.to_string(), "1000.25");
        for literal in ["1_", "_1", "0x1", "1e3", "1u8", "1.5f64", "0.00001", "900719925474.0992"] {
            let read = std::panic::catch_unwind(|| Cents::from_literal(literal));
            assert_eq!(read.is_ok(), literal == "1_", "{literal}");
        }
    }

    #[test]
    fn parts_are_rounded_as_said() {
        let ten = Cents::from_units(10);
        for (amount, part, whole, [down, half_up, up]) in [
            (ten, 1, 3, [3, 3, 4]),
            (ten, 2, 3, [6, 7, 7]),
            (ten, 1, 4, [2, 3, 3]),
            (ten, 1, 5, [2, 2, 2]),
            (-ten, 1, 3, [-4, -3, -3]),
            (-ten, 1, 4, [-3, -2, -2]),
            (Cents::MAX, u32::MAX, u32::MAX, [Cents::MAX.units(); 3]),
        ] {
            let rounded =
                [Rounding::Down, Rounding::HalfUp, Rounding::Up].map(|by| amount.part(part, whole, by).units());
            assert_eq!(rounded, [down, half_up, up], "{amount} × {part} / {whole}");
        }
        assert!(std::panic::catch_unwind(|| Cents::MAX.part(2, 1, Rounding::Down)).is_err());
        assert!(std::panic::catch_unwind(|| ten.part(1, 0, Rounding::Down)).is_err());
    }

    #[test]
    fn arithmetic_stops_at_the_bound() {
        assert_eq!(Cents::MAX.checked_add(Cents::from_units(1)), None);
        assert_eq!((-Cents::MAX).checked_sub(Cents::from_units(1)), None);
        assert_eq!(Cents::MAX.checked_mul(2), None);
        assert_eq!(Cents::new(3) * 7_u32 + Cents::from_units(1), Cents::from_units(210_001));
        assert!(std::panic::catch_unwind(|| Cents::MAX + Cents::MAX).is_err());
    }
}
