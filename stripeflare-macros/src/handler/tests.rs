use proc_macro2::TokenStream;
use quote::quote;

use super::{Attribute, Method};
use crate::errors::Expansion;
use crate::testing::{assert_golden, messages};

const GET: Attribute = Attribute::Route(Method::Get);
const POST: Attribute = Attribute::Route(Method::Post);

/// Of a free function.
fn expand(attribute: Attribute, arguments: TokenStream, item: TokenStream) -> Expansion {
    super::expand(attribute, arguments, item, false)
}

/// What `#[get("/")] item` reports.
fn get(item: TokenStream) -> Vec<String> {
    messages(expand(GET, quote!("/"), item))
}

/// What `#[priced(arguments)]` on a good handler reports.
fn priced(arguments: TokenStream) -> Vec<String> {
    let item = quote! { async fn reverse(body: String) -> String { body } };
    messages(expand(Attribute::Priced, arguments, item))
}

fn same(one: Expansion, other: Expansion) {
    assert!(one.errors.into_messages().is_empty());
    assert!(other.errors.into_messages().is_empty());
    // Each uses the attribute that it took off.
    let one = one.tokens.to_string().replace("priced as _", "post as _");
    assert_eq!(one, other.tokens.to_string());
}

#[test]
fn route() {
    let item = quote! {
        /// Greets whoever is calling.
        #[cfg(feature = "greeting")]
        #[allow(unused_variables)]
        pub(crate) async fn hello(account: Account<User>, Json(input): Json<Text>) -> String {
            any tokens at all
        }
    };
    // The body is not Rust on purpose: it must come through unparsed, so it is replaced for the formatter.
    let expansion = expand(GET, quote!("/hello"), item);
    let tokens = expansion.tokens.to_string();
    assert!(tokens.contains("any tokens at all"), "{tokens}");
    let tokens = tokens.replace("any tokens at all", "String::new()");
    let tokens = tokens.parse().expect("the tokens are as they were");
    assert_golden("route", Expansion { tokens, ..expansion });
}

#[test]
fn route_without_arguments() {
    let item = quote! { async fn ping() {} };
    assert_golden("route_without_arguments", expand(GET, quote!("/ping"), item));
}

#[test]
fn priced_route() {
    let item = quote! {
        #[priced(cents = 0.25, hold_s = 120)]
        async fn reverse(Path(id): Path<u32>, Json(input): Json<Text>) -> impl IntoResponse { input }
    };
    assert_golden("priced_route", expand(POST, quote!("/reverse/{id}"), item));
}

#[test]
fn priced_alone() {
    let item = quote! {
        /// Costs a constant at most.
        #[instrument]
        #[deprecated]
        pub async fn report(Path(id): Path<u32>) -> Result<Priced<String>> { document(id) }
    };
    let arguments = quote!(max_cents = prices::REPORT, crate = renamed::stripeflare);
    assert_golden("priced_alone", expand(Attribute::Priced, arguments, item));
}

#[test]
fn priced_from_its_arguments() {
    let item = quote! {
        #[priced(with = |_, text: &Json<Text>| cents!(0.1) * text.words(), label = "Translate")]
        async fn translate(Path(language): Path<String>, Json(text): Json<Text>) -> String { text.into(language) }
    };
    assert_golden("priced_from_its_arguments", expand(POST, quote!("/{language}"), item));
}

#[test]
fn the_order_of_the_attributes_is_free() {
    let function = quote! { async fn reverse(body: String) -> String { body } };
    let route_first = quote! { #[doc = "x"] #[stripeflare::priced(cents = 1)] #function };
    let price_first = quote! { #[stripeflare::post("/reverse")] #[doc = "x"] #function };
    same(expand(POST, quote!("/reverse"), route_first), expand(Attribute::Priced, quote!(cents = 1), price_first));
}

#[test]
fn signatures_that_are_no_handlers() {
    for (item, expected) in [
        (quote! { fn x() {} }, "a handler is asynchronous: write `async fn`"),
        (quote! { async unsafe fn x() {} }, "a handler cannot be `unsafe`; put an `unsafe` block in its body"),
        (quote! { async extern "C" fn x() {} }, "a handler cannot be `extern`"),
        (
            quote! { async fn x<T>(t: T) {} },
            "a handler cannot be generic: the router calls it for one set of types; name them here",
        ),
        (
            quote! { async fn x<'a>(t: &'a str) {} },
            "a handler cannot be generic: the router calls it for one set of types; name them here",
        ),
        (
            quote! { async fn x(t: impl Into<String>) {} },
            "a handler cannot be generic: name the type instead of `impl`",
        ),
        (quote! { async fn x() where u8: Copy {} }, "a handler cannot have a `where` clause"),
        (
            quote! { async fn u8() {} },
            "a handler cannot be called like the primitive type `u8`: beside it stands a hidden type of the same \
             name",
        ),
        (
            quote! { #[get("/again")] async fn x() {} },
            "this handler already has `#[get]`; for a second route write a second function that calls this one and put \
             `#[get]` there",
        ),
        (quote! { struct X; }, "`#[get]` goes on a handler, an `async fn` with a body"),
    ] {
        assert_eq!(get(item.clone()), [expected], "{item}");
    }
}

#[test]
fn a_function_of_an_impl_block_is_left_as_it_is() {
    let item = quote! { async fn x() {} };
    for expansion in [
        super::expand(GET, quote!("/"), item.clone(), true),
        super::expand(Attribute::Priced, quote!(cents = 1), quote! { #[get("/")] #item }, true),
        super::expand(Attribute::Priced, quote!(cents = 1), item.clone(), true),
    ] {
        let tokens = expansion.tokens.to_string().replace("use get as _ ; ", "");
        assert_eq!(tokens, quote! { async fn x() { {} } }.to_string());
        assert_eq!(expansion.errors.into_messages(), [IN_AN_IMPL]);
    }
    assert_eq!(get(quote! { async fn x(&self) {} }), [IN_AN_IMPL]);
}

const IN_AN_IMPL: &str = "a handler is a free function, not one of an `impl` block: beside it stands a hidden type of its name, \
                          which a block cannot hold; write the handler outside, and call the block's function from there";

#[test]
fn arguments_of_a_route() {
    let route = |arguments: TokenStream| messages(expand(GET, arguments, quote! { async fn x() {} }));
    assert_eq!(route(quote!()), ["a route needs a path: write `#[get(\"/\")]`"]);
    assert_eq!(route(quote!(PATH)), ["the path must be a string literal, as in `#[get(\"/\")]`"]);
    assert_eq!(route(quote!(1)), ["the path must be a string literal, as in `#[get(\"/\")]`"]);
    assert_eq!(route(quote!("/", "/b")), ["`#[get]` takes one path"]);
    assert_eq!(route(quote!("x")), ["a path starts with `/`: write `/x`"]);
    assert_eq!(route(quote!("/", crates = x)), ["unknown key `crates`; did you mean `crate`? (known here: `crate`)"]);
    assert_eq!(route(quote!("/", crate = 1)), ["`crate` takes a path, as in `crate = ::stripeflare`"]);
    assert!(route(quote!("/", crate = ::other,)).is_empty());
}

#[test]
fn arguments_of_a_price() {
    let missing = "`#[priced]` needs a price: write `cents = 1` for a fixed price, `max_cents = 50` for a handler that \
                   answers `Priced` with what it cost, or `with = price` for a function of the arguments";
    let keyless = "a price needs its key: `cents = 1` for a fixed price, `max_cents = 50` for at most that much";
    for (arguments, expected) in [
        (quote!(), missing),
        (quote!(hold_s = 5), missing),
        (quote!(1), keyless),
        (
            quote!(cent = 1),
            "unknown key `cent`; did you mean `cents`? (known here: `cents`, `max_cents`, `min_cents`, `with`, `label`, `hold_s`, `crate`)",
        ),
        (
            quote!(cents = 1, currency = "usd"),
            "unknown key `currency`; known here: `cents`, `max_cents`, `min_cents`, `with`, `label`, `hold_s`, `crate`",
        ),
        (quote!(cents = 1, cents = 2), "`cents` is written twice"),
        (
            quote!(cents = 1, max_cents = 2),
            "`cents` is already the price; a handler has one of `cents`, `max_cents` and `with`",
        ),
        (quote!(cents), "`cents` takes a value, as in `cents = 1`"),
        (quote!(cents = ), "`cents` has no value after its `=`"),
        (quote!(cents = 0), "a price is more than zero; leave `#[priced]` off for a free handler"),
        (quote!(cents = 1e3), "write the price without an exponent, as in `0.25`"),
        (quote!(cents = 1u8), "a price has no suffix: write `cents = 1`, without `u8`"),
        (quote!(max_cents = 0.00001), "a price is exact to 4 decimals of a cent; the smallest is `max_cents = 0.0001`"),
        (quote!(cents = "1"), "a price is a number, not a string: write `cents = 1`"),
        (quote!(cents = "one"), "a price is a number, not a string: write `cents = 1`"),
        (quote!(cents = true), "a price is a decimal number of cents or a `const` of type `Cents`"),
        (
            quote!(cents = 1, with = price),
            "`cents` is already the price; a handler has one of `cents`, `max_cents` and `with`",
        ),
        (quote!(cents = 1, min_cents = 1), "`min_cents` goes with `max_cents`: any other price is held as it is"),
        (quote!(with = 1), "`with` takes a function of the handler's arguments; a fixed price is `cents = 1`"),
        (quote!(cents = 1, label = ""), "a label is 1 to 100 bytes of printable text"),
        (quote!(cents = 1, label = "two\nlines"), "a label is 1 to 100 bytes of printable text"),
        (quote!(cents = 1, label = 1), "`label` takes a string literal, as in `label = \"Reverse a text\"`"),
        (
            quote!(max_cents = 2),
            "with `max_cents` the handler says what the call did cost: answer `Priced<…>`, or take a `Meter`",
        ),
        (quote!(cents = 1, hold_s = 0), "`hold_s` is a number of seconds from 1 to 3600"),
        (quote!(cents = 1, hold_s = 3601), "`hold_s` is a number of seconds from 1 to 3600"),
        (quote!(cents = 1, hold_s = 1.5), "`hold_s` takes a whole number, as in `hold_s = 60`"),
    ] {
        assert_eq!(priced(arguments.clone()), [expected], "{arguments}");
    }
}

#[test]
fn who_says_the_price() {
    let two = "the attribute says the price, so the answer cannot: leave `Priced` out, or write `max_cents` with the most that \
               a call may cost";
    let none = "with `max_cents` the handler says what the call did cost: answer `Priced<…>`, or take a `Meter`";
    let less = "`min_cents` is at most `max_cents`";
    for (arguments, item, expected) in [
        (quote!(cents = 1), quote! { async fn x() -> Result<Priced<String>> {} }, vec![two]),
        (quote!(with = price), quote! { async fn x() -> Priced<impl IntoResponse> {} }, vec![two]),
        (quote!(max_cents = 1), quote! { async fn x() {} }, vec![none]),
        (quote!(max_cents = 1), quote! { async fn x(a: Account<User>) -> Result<Json<Text>> {} }, vec![none]),
        (quote!(max_cents = 1), quote! { async fn x() -> &'static str {} }, vec![none]),
        (quote!(max_cents = 1, min_cents = 2), quote! { async fn x() -> Priced<()> {} }, vec![less]),
        // What these are, their names do not tell.
        (quote!(max_cents = 1), quote! { async fn x() -> Answer {} }, vec![]),
        (quote!(max_cents = 1), quote! { async fn x() -> Response {} }, vec![]),
        (quote!(max_cents = 1), quote! { async fn x(meter: Renamed) -> String {} }, vec![]),
        (quote!(max_cents = 1), quote! { async fn x(meter: Meter) -> String {} }, vec![]),
        (quote!(max_cents = 1, min_cents = 1), quote! { async fn x() -> Priced<()> {} }, vec![]),
    ] {
        assert_eq!(
            messages(expand(Attribute::Priced, arguments.clone(), item.clone())),
            expected,
            "{arguments} {item}"
        );
    }
}

#[test]
fn several_mistakes_are_reported_at_once() {
    let item = quote! {
        #[priced(cents = -1, hold_s = 0, colour = 1)]
        fn x<T>() {}
    };
    assert_eq!(messages(expand(POST, quote!("x?"), item)).len(), 6);
}
