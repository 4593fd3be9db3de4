//! What Stripe counts in, by currency. Amounts stay in Stripe's smallest unit: that is what a cent is here.

use crate::money::Cents;

/// Counted in whole units: 500 yen are 500.
const ZERO_DECIMAL: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Counted in thousandths, which the ledger's cents are not.
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// What the variable `STRIPE_CURRENCY` means, as a lowercase ISO code.
pub fn configured(variable: Option<&str>) -> String {
    variable.map(str::trim).filter(|text| !text.is_empty()).unwrap_or("usd").to_ascii_lowercase()
}

pub fn is_supported(currency: &str) -> bool {
    !THREE_DECIMAL.contains(&currency)
}

/// What a page calls a cent. ISK and UGX have whole units only, but Stripe counts them in hundredths: 500 krónur are 50000
/// cents, and a price may be a part of one.
pub fn unit(currency: &str) -> String {
    if ZERO_DECIMAL.contains(&currency) { currency.to_ascii_uppercase() } else { "cents".to_owned() }
}

/// An amount with its unit: `1 cent`, `0.5 cents`, `100 JPY`.
pub fn named(amount: Cents, currency: &str) -> String {
    let unit = unit(currency);
    format!("{amount} {}", if amount == Cents::new(1) { unit.trim_end_matches('s') } else { &unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_meant_without_the_white_space_around_it() {
        for variable in [None, Some(""), Some(" \n"), Some("USD\n"), Some(" usd ")] {
            assert_eq!(configured(variable), "usd", "{variable:?}");
        }
        assert_eq!(configured(Some("jpy\r\n")), "jpy");
    }

    #[test]
    fn a_cent_is_what_stripe_counts_in() {
        for (currency, name) in [("usd", "cents"), ("jpy", "JPY"), ("isk", "cents"), ("ugx", "cents"), ("xaf", "XAF")] {
            assert!(is_supported(currency));
            assert_eq!(unit(currency), name);
        }
        for (units, currency, says) in [
            (10_000, "usd", "1 cent"),
            (5_000, "usd", "0.5 cents"),
            (-10_000, "eur", "-1 cents"),
            (20_000, "usd", "2 cents"),
            (0, "isk", "0 cents"),
            (10_000, "jpy", "1 JPY"),
            (1_000_000, "xof", "100 XOF"),
        ] {
            assert_eq!(named(Cents::from_units(units), currency), says);
        }
        assert!(THREE_DECIMAL.iter().all(|currency| !is_supported(currency)));
    }
}
