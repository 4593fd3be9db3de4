//! A literal after `cents =` in `#[priced(…)]`, beside the same digits read by `Cents`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quote::ToTokens;
use stripeflare::Cents;
use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

#[allow(dead_code, reason = "the whole file, of which a part is wanted")]
#[path = "../../stripeflare-macros/src/errors.rs"]
mod errors;
#[allow(dead_code, reason = "the whole file, of which a part is wanted")]
#[path = "../../stripeflare-macros/src/paths.rs"]
mod paths;

/// A proc-macro crate exports nothing, so its files are compiled here.
#[allow(dead_code, reason = "the whole files, of which a part is wanted")]
#[path = "../../stripeflare-macros/src/handler"]
mod handler {
    mod model;
    mod price;

    use crate::errors::Errors;
    use model::{Amount, Limit, RawAmount, RawPrice};
    use proc_macro2::{Ident, Span};

    /// The units that are charged, and how many mistakes were reported.
    pub(crate) fn units(key: &str, value: &syn::Expr) -> (Option<i64>, usize) {
        let span = Span::call_site();
        let limit = if key == "cents" { Limit::Exact } else { Limit::UpTo };
        let mut errors = Errors::new();
        let amounts = vec![RawAmount { key: Ident::new(key, span), limit, value: value.clone() }];
        let raw = RawPrice { span, amounts, least: None, label: None, hold_seconds: None, is_broken: false };
        let units = price::check(&raw, &mut errors).map(|price| match price.amount {
            Amount::Units(units) => units,
            Amount::Const(_) | Amount::Function(_) => panic!("a literal is neither a constant nor a function"),
        });
        let count = errors.count();
        drop(errors.into_tokens());
        (units, count)
    }
}

/// As `Cents` would have it: without what Rust's literals have more, separators and zeros that change nothing.
fn plain(literal: &str) -> String {
    let literal = literal.replace('_', "");
    let Some((whole, fraction)) = literal.split_once('.') else { return literal };
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

fuzz_target!(|text: &str| {
    // Longer ones only nest deeper, in syn's parser and not in ours.
    if text.len() > 64 {
        return;
    }
    let Ok(value) = syn::parse_str::<Expr>(text) else { return };
    let literal = match &value {
        Expr::Lit(ExprLit { lit, .. }) => lit.to_token_stream().to_string(),
        // A minus before a literal: never a price.
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) if matches!(**expr, Expr::Lit(_)) => "-".to_owned(),
        _ => return,
    };
    let expected = plain(&literal).parse::<Cents>().ok().filter(|amount| amount.is_positive());

    for key in ["cents", "max_cents"] {
        let (units, mistakes) = handler::units(key, &value);
        assert_eq!(units, expected.map(Cents::units), "{literal}");
        // Exactly one: a price or a reason, and never both.
        assert_eq!(mistakes, usize::from(units.is_none()), "{literal}");
    }
    // A number in quotes is refused, too.
    if let Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) = &value {
        assert_eq!(expected, None);
    }
});
