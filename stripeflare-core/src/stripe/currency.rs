//! What Stripe counts in, by currency. Amounts stay in Stripe's smallest unit: that is what a cent is here.

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
        assert!(THREE_DECIMAL.iter().all(|currency| !is_supported(currency)));
    }
}
