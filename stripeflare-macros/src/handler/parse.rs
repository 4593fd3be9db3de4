//! Reads the function, both attributes and their arguments.

use proc_macro2::{Group, Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Path, Signature, Visibility};

use super::model::{Attribute, Limit, RawAmount, RawHandler, RawPrice, RawRoute, private};
use crate::args::{Arg, Args, attribute_tokens};
use crate::errors::Errors;

const ROUTE_KEYS: &[&str] = &["crate"];
const PRICE_KEYS: &[&str] = &["cents", "max_cents", "min_cents", "with", "label", "hold_s", "crate"];

/// `None` if the item is no function: then there is nothing to go on with.
pub(super) fn parse(
    attribute: Attribute,
    arguments: TokenStream,
    item: TokenStream,
    errors: &mut Errors,
) -> Option<RawHandler> {
    let function = match syn::parse2::<Function>(item) {
        Ok(function) => function,
        Err(_) => {
            let message = format!("`#[{}]` goes on a handler, an `async fn` with a body", attribute.name());
            errors.push(Span::call_site(), message);
            return None;
        }
    };
    let mut found = Found::default();
    found.read(attribute, Span::call_site(), Some(arguments), errors);
    let mut attributes = Vec::new();
    for written in function.attributes {
        match known(written.path()) {
            Some(attribute) => {
                let arguments = attribute_tokens(&written, errors);
                found.read(attribute, written.path().span(), arguments, errors);
                found.taken.push(written.path().clone());
            }
            None => attributes.push(written),
        }
    }
    Some(RawHandler {
        private: private(&found.crates),
        taken: found.taken,
        attributes,
        visibility: function.visibility,
        signature: function.signature,
        body: function.body,
        route: found.route,
        price: found.price,
    })
}

struct Function {
    attributes: Vec<syn::Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(syn::Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = input.parse::<Group>()?;
        Ok(Self { attributes, visibility, signature, body: proc_macro2::TokenTree::from(body).into() })
    }
}

/// What the attributes of this crate said.
#[derive(Default)]
struct Found {
    route: Option<RawRoute>,
    price: Option<RawPrice>,
    crates: Vec<Path>,
    taken: Vec<Path>,
}

impl Found {
    fn read(&mut self, attribute: Attribute, span: Span, arguments: Option<TokenStream>, errors: &mut Errors) {
        match attribute {
            Attribute::Route(method) => {
                if let Some(first) = &self.route {
                    let first = first.method.attribute();
                    let second = method.attribute();
                    let message = format!(
                        "this handler already has `#[{first}]`; for a second route write a second function that calls \
                         this one and put `#[{second}]` there"
                    );
                    errors.push(span, message);
                    return;
                }
                let path = arguments.and_then(|arguments| self.read_route(attribute, arguments, errors));
                self.route = Some(RawRoute { method, span, path });
            }
            Attribute::Priced => {
                if self.price.is_some() {
                    errors.push(span, "this handler already has a price; write one `#[priced]`");
                    return;
                }
                let price = self.read_price(span, arguments, errors);
                self.price = Some(price);
            }
        }
    }

    fn read_route(&mut self, attribute: Attribute, arguments: TokenStream, errors: &mut Errors) -> Option<syn::Expr> {
        let name = attribute.name();
        let is_empty = arguments.is_empty();
        let mut args = Args::parse(arguments, errors);
        self.crates.extend(args.take_crate(errors));
        if is_empty {
            // The caller reports the missing path, at the attribute.
            return None;
        }
        let mut positional = args.positional.into_iter();
        let path = positional.next();
        for extra in positional {
            let message = format!("`#[{name}]` takes one path");
            errors.push(extra.span(), message);
        }
        for arg in args.named {
            if path.is_none() && matches!(arg.value, crate::args::Value::Flag) {
                let message = format!("the path must be a string literal, as in `#[{name}(\"/\")]`");
                errors.push(arg.key.span(), message);
            } else {
                arg.reject_unknown(ROUTE_KEYS, errors);
            }
        }
        path
    }

    fn read_price(&mut self, span: Span, arguments: Option<TokenStream>, errors: &mut Errors) -> RawPrice {
        let mut price = RawPrice {
            span,
            amounts: Vec::new(),
            least: None,
            label: None,
            hold_seconds: None,
            is_broken: arguments.is_none(),
        };
        let Some(arguments) = arguments else {
            return price;
        };
        let before = errors.count();
        let mut args = Args::parse(arguments, errors);
        self.crates.extend(args.take_crate(errors));
        for value in args.positional {
            errors.push(
                value.span(),
                "a price needs its key: `cents = 1` for a fixed price, `max_cents = 50` for at most that much",
            );
        }
        for arg in args.named {
            let key = arg.key.clone();
            match key.to_string().as_str() {
                "cents" => price.amounts.extend(amount(arg, Limit::Exact, "cents = 1", errors)),
                "max_cents" => price.amounts.extend(amount(arg, Limit::UpTo, "max_cents = 50", errors)),
                "with" => price.amounts.extend(amount(arg, Limit::Asked, "with = price", errors)),
                "min_cents" => price.least = amount(arg, Limit::UpTo, "min_cents = 1", errors),
                "label" => price.label = arg.string("label = \"Reverse a text\"", errors),
                "hold_s" => price.hold_seconds = arg.integer("hold_s = 60", errors),
                _ => arg.reject_unknown(PRICE_KEYS, errors),
            }
        }
        price.is_broken = errors.count() > before;
        price
    }
}

fn amount(arg: Arg, limit: Limit, example: &str, errors: &mut Errors) -> Option<RawAmount> {
    let key = arg.key.clone();
    arg.assigned(example, errors).map(|value| RawAmount { key, limit, value })
}

/// Which attribute of this crate a path means, by its last segment: `priced`, `stripeflare::priced`.
fn known(path: &Path) -> Option<Attribute> {
    let last = &path.segments.last()?.ident;
    Attribute::ALL.into_iter().find(|attribute| last == attribute.name())
}
