//! How many decimals a currency has on Stripe.

const ZERO_DECIMAL: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// Decimals of the number that Stripe's `amount` counts; two for ISK and UGX, which are sent times a hundred.
pub(crate) fn decimals(currency: &str) -> usize {
    match currency {
        _ if ZERO_DECIMAL.contains(&currency) => 0,
        _ if THREE_DECIMAL.contains(&currency) => 3,
        _ => 2,
    }
}

/// Whether Stripe takes this amount: ISK and UGX have no smaller unit, but are sent times a hundred.
pub(crate) fn is_whole(amount: i64, currency: &str) -> bool {
    !matches!(currency, "isk" | "ugx") || amount % 100 == 0
}

/// `5.00` for 500 of a currency with two decimals.
pub(crate) fn decimal(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    if decimals == 0 {
        return amount.to_string();
    }
    let unit = 10_i64.pow(u32::try_from(decimals).unwrap_or(0));
    format!("{}.{:0decimals$}", amount / unit, amount % unit)
}

/// `$5.00`, `5.00 EUR`
pub(crate) fn shown(amount: i64, currency: &str) -> String {
    match currency {
        "usd" => format!("${}", decimal(amount, currency)),
        _ => format!("{} {}", decimal(amount, currency), currency.to_uppercase()),
    }
}

/// What a payer types: `5`, `5.5`, `5.50`; nothing else, and nothing that a currency cannot hold.
pub(crate) fn parse(text: &str, currency: &str) -> Option<i64> {
    let decimals = decimals(currency);
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > decimals {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(parse("5", "usd"), Some(500));
        assert_eq!(parse(" 0.5 ", "usd"), Some(50));
        assert_eq!(parse("19.99", "usd"), Some(1999));
        assert_eq!(parse("500", "jpy"), Some(500));
        for wrong in ["", "-1", "1.001", "1,5", "1e3", ".5", "99999999999999999999"] {
            assert_eq!(parse(wrong, "usd"), None, "{wrong}");
        }
        assert_eq!(parse("5.0", "jpy"), None);
        assert_eq!(decimal(1999, "usd"), "19.99");
        assert_eq!(decimal(5, "eur"), "0.05");
        assert_eq!(decimal(500, "jpy"), "500");
        assert_eq!(shown(50, "eur"), "0.50 EUR");
    }
}
