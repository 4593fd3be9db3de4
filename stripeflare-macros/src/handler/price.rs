//! Amounts of money as literals: decimal digits to integer units, without a float in between.

use proc_macro2::Ident;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprUnary, Lit, LitInt, UnOp};

use super::model::{Amount, Limit, Price, RawAmount, RawPrice};
use crate::errors::Errors;

/// Ten-thousandths of a cent.
const UNITS_PER_CENT: i64 = 10_000;
const DECIMALS: usize = 4;
/// Amounts cross to SQLite as JavaScript numbers, exact up to here.
const MAX_UNITS: i64 = 9_007_199_254_740_991;

const DEFAULT_HOLD_SECONDS: u32 = 60;
const MAX_HOLD_SECONDS: u32 = 3600;

/// Checks everything in `#[priced(…)]` and answers the price if there is one.
pub(super) fn check<'a>(raw: &'a RawPrice, errors: &mut Errors) -> Option<Price<'a>> {
    let hold_seconds = match &raw.hold_seconds {
        Some(literal) => hold_seconds(literal, errors),
        None => Some(DEFAULT_HOLD_SECONDS),
    };
    let mut written = raw.amounts.iter();
    let Some(first) = written.next() else {
        if !raw.is_broken {
            errors.push(
                raw.span,
                "`#[priced]` needs a price: write `cents = 1` for a fixed price, `max_cents = 50` for a handler that \
                 answers `Priced` with what it cost, or `with = price` for a function of the arguments",
            );
        }
        return None;
    };
    let amount = amount(first, errors);
    for second in written {
        let message =
            format!("`{}` is already the price; a handler has one of `cents`, `max_cents` and `with`", first.key);
        errors.push(second.key.span(), message);
        self::amount(second, errors);
    }
    let least = match &raw.least {
        Some(least) if first.limit != Limit::UpTo => {
            errors.push(least.key.span(), "`min_cents` goes with `max_cents`: any other price is held as it is");
            return None;
        }
        Some(least) => Some(self::amount(least, errors)?),
        None => None,
    };
    if let (Some(RawAmount { key, .. }), Some(Amount::Units(least)), Some(Amount::Units(most))) =
        (&raw.least, &least, &amount)
        && least > most
    {
        errors.push(key.span(), "`min_cents` is at most `max_cents`");
    }
    let label = raw.label.as_ref();
    if let Some(label) = label
        && !stripeflare_schema::is_label(&label.value())
    {
        errors.push(label.span(), "a label is 1 to 100 bytes of printable text");
    }
    Some(Price { limit: first.limit, amount: amount?, least, hold_seconds: hold_seconds?, label })
}

fn hold_seconds(literal: &LitInt, errors: &mut Errors) -> Option<u32> {
    match literal.base10_parse::<u32>() {
        Ok(seconds @ 1..=MAX_HOLD_SECONDS) => Some(seconds),
        _ => {
            let message = format!("`hold_s` is a number of seconds from 1 to {MAX_HOLD_SECONDS}");
            errors.push(literal.span(), message);
            None
        }
    }
}

fn amount<'a>(raw: &'a RawAmount, errors: &mut Errors) -> Option<Amount<'a>> {
    let key = &raw.key;
    let literal = match &raw.value {
        Expr::Lit(other) if raw.limit == Limit::Asked => {
            let message = "`with` takes a function of the handler's arguments; a fixed price is `cents = 1`";
            errors.push(other.span(), message);
            return None;
        }
        function if raw.limit == Limit::Asked => return Some(Amount::Function(function)),
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.token(),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.token(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), expr, .. }) if matches!(**expr, Expr::Lit(_)) => {
            let message = match raw.limit {
                Limit::Exact | Limit::Asked => "a price cannot be negative",
                Limit::UpTo => "the most a call may cost cannot be negative",
            };
            errors.push(minus.span(), message);
            return None;
        }
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            let value = text.value();
            let digits = value.trim();
            let message = match units(digits) {
                Ok(_) => format!("a price is a number, not a string: write `{key} = {digits}`"),
                Err(_) => format!("a price is a number, not a string: write `{key} = 1`"),
            };
            errors.push(text.span(), message);
            return None;
        }
        Expr::Lit(other) => {
            errors.push(other.span(), "a price is a decimal number of cents or a `const` of type `Cents`");
            return None;
        }
        constant => return Some(Amount::Const(constant)),
    };
    match units(&literal.to_string()) {
        Ok(units) => Some(Amount::Units(units)),
        Err(wrong) => {
            errors.push(literal.span(), wrong.message(key));
            None
        }
    }
}

/// Why a literal is no price.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Zero,
    Decimals,
    Exponent,
    Radix,
    Suffix(String),
    TooMuch,
}

impl Wrong {
    fn message(&self, key: &Ident) -> String {
        match self {
            Self::Zero => "a price is more than zero; leave `#[priced]` off for a free handler".to_owned(),
            Self::Decimals => {
                format!("a price is exact to {DECIMALS} decimals of a cent; the smallest is `{key} = 0.0001`")
            }
            Self::Exponent => "write the price without an exponent, as in `0.25`".to_owned(),
            Self::Radix => "write the price in decimal digits, as in `0.25`".to_owned(),
            Self::Suffix(suffix) => {
                format!("a price has no suffix: write `{key} = 1`, without `{suffix}`")
            }
            Self::TooMuch => format!("the largest price is {} cents", largest()),
        }
    }
}

fn largest() -> String {
    format!("{}.{:04}", MAX_UNITS / UNITS_PER_CENT, MAX_UNITS % UNITS_PER_CENT)
}

/// The units of a literal such as `1`, `0.25` or `1_000.5`, from its digits.
fn units(literal: &str) -> Result<i64, Wrong> {
    let literal = literal.replace('_', "");
    if ["0x", "0o", "0b"].iter().any(|radix| literal.starts_with(radix)) {
        return Err(Wrong::Radix);
    }
    let end = literal.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(literal.len());
    let (number, rest) = literal.split_at(end);
    if rest.starts_with(['e', 'E']) {
        return Err(Wrong::Exponent);
    }
    if !rest.is_empty() || number.is_empty() {
        return Err(Wrong::Suffix(rest.to_owned()));
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > DECIMALS {
        return Err(Wrong::Decimals);
    }
    let whole = match whole.trim_start_matches('0') {
        "" => 0,
        digits => digits.parse::<i64>().map_err(|_| Wrong::TooMuch)?,
    };
    let fraction = format!("{fraction:0<DECIMALS$}").parse::<i64>().map_err(|_| Wrong::Decimals)?;
    let units = whole
        .checked_mul(UNITS_PER_CENT)
        .and_then(|units| units.checked_add(fraction))
        .filter(|units| *units <= MAX_UNITS)
        .ok_or(Wrong::TooMuch)?;
    match units {
        0 => Err(Wrong::Zero),
        units => Ok(units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_units_exactly() {
        for (literal, expected) in [
            ("1", 10_000),
            ("0.25", 2_500),
            ("0.0001", 1),
            ("1.", 10_000),
            ("01", 10_000),
            ("1_000.50", 10_005_000),
            ("0.25000", 2_500),
            ("900719925474.0991", MAX_UNITS),
        ] {
            assert_eq!(units(literal), Ok(expected), "{literal}");
        }
    }

    #[test]
    fn anything_else_says_why_not() {
        for (literal, wrong) in [
            ("0", Wrong::Zero),
            ("0.0000", Wrong::Zero),
            ("0.00001", Wrong::Decimals),
            ("1e3", Wrong::Exponent),
            ("1.5E2", Wrong::Exponent),
            ("0x10", Wrong::Radix),
            ("0b1", Wrong::Radix),
            ("1u32", Wrong::Suffix("u32".to_owned())),
            ("1.5f64", Wrong::Suffix("f64".to_owned())),
            ("900719925474.0992", Wrong::TooMuch),
            ("99999999999999999999", Wrong::TooMuch),
        ] {
            assert_eq!(units(literal), Err(wrong), "{literal}");
        }
    }
}
