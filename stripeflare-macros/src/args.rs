//! The arguments of an attribute: `positional, key, key = value, key(…)`, read to the end even after a mistake.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitInt, LitStr, Path, Token};

use crate::errors::{Errors, unknown_key};

/// All arguments as they were written.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<Arg>,
}

/// `key`, `key = value` or `key(…)`.
pub(crate) struct Arg {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Flag,
    Assigned(Box<Expr>),
    List(TokenStream),
}

impl Args {
    /// Reads every argument. One that cannot be read is an error and is left out. Of a key written twice the first stays.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parsed = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = args.parse_one(input, errors) {
                    errors.add(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    errors.push(input.span(), "expected `,` between arguments");
                    skip_to_comma(input)?;
                    input.parse::<Option<Token![,]>>()?;
                }
            }
            Ok(())
        })
        .parse2(tokens);
        if let Err(error) = parsed {
            errors.add(error);
        }
        args
    }

    fn parse_one(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        if !starts_with_key(input) {
            self.positional.push(input.parse()?);
            return Ok(());
        }
        let key = input.call(Ident::parse_any)?;
        let value = if let Some(equals) = input.parse::<Option<Token![=]>>()? {
            if input.is_empty() || input.peek(Token![,]) {
                let message = format!("`{key}` has no value after its `=`");
                return Err(syn::Error::new(equals.span, message));
            }
            Value::Assigned(Box::new(input.parse()?))
        } else if input.peek(syn::token::Paren) {
            let list;
            syn::parenthesized!(list in input);
            Value::List(list.parse()?)
        } else {
            Value::Flag
        };
        self.named.push(Arg { key, value });
        let (last, before) = self.named.split_last().expect("just pushed");
        if is_unique_key(before, last) {
            return Ok(());
        }
        errors.push(last.key.span(), format!("`{}` is written twice", last.key));
        self.named.pop();
        Ok(())
    }

    /// Takes out `crate = path`, which every attribute accepts.
    pub(crate) fn take_crate(&mut self, errors: &mut Errors) -> Option<Path> {
        let index = self.named.iter().position(|arg| arg.key == "crate")?;
        let arg = self.named.remove(index);
        match arg.value {
            Value::Assigned(value) => match *value {
                Expr::Path(path) if path.attrs.is_empty() && path.qself.is_none() => Some(path.path),
                other => {
                    errors.push(other.span(), "`crate` takes a path, as in `crate = ::stripeflare`");
                    None
                }
            },
            _ => {
                errors.push(arg.key.span(), "`crate` takes a path, as in `crate = ::stripeflare`");
                None
            }
        }
    }
}

impl Arg {
    /// The value after `=`, or an error that shows how to write one.
    pub(crate) fn assigned(self, example: &str, errors: &mut Errors) -> Option<Expr> {
        match self.value {
            Value::Assigned(value) => Some(ungrouped(*value)),
            _ => {
                let message = format!("`{}` takes a value, as in `{example}`", self.key);
                errors.push(self.key.span(), message);
                None
            }
        }
    }

    pub(crate) fn string(self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        let key = self.key.clone();
        match self.assigned(example, errors)? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
            other => {
                let message = format!("`{key}` takes a string literal, as in `{example}`");
                errors.push(other.span(), message);
                None
            }
        }
    }

    pub(crate) fn integer(self, example: &str, errors: &mut Errors) -> Option<LitInt> {
        let key = self.key.clone();
        match self.assigned(example, errors)? {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => Some(number),
            other => {
                let message = format!("`{key}` takes a whole number, as in `{example}`");
                errors.push(other.span(), message);
                None
            }
        }
    }

    /// `true` for a bare `key`; a value is an error.
    pub(crate) fn flag(&self, errors: &mut Errors) -> bool {
        match &self.value {
            Value::Flag => true,
            _ => {
                let message = format!("`{}` takes no value: write just `{}`", self.key, self.key);
                errors.push(self.key.span(), message);
                false
            }
        }
    }

    pub(crate) fn list(self, example: &str, errors: &mut Errors) -> Option<(Span, TokenStream)> {
        match self.value {
            Value::List(tokens) => Some((self.key.span(), tokens)),
            _ => {
                let message = format!("write `{example}`");
                errors.push(self.key.span(), message);
                None
            }
        }
    }

    pub(crate) fn reject_unknown(&self, known: &[&str], errors: &mut Errors) {
        errors.add(unknown_key(&self.key, known));
    }
}

/// The expression without the invisible delimiters that a `macro_rules!` fragment brings along.
pub(crate) fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

/// The arguments of an attribute that was taken off an item; `None` after `#[attribute = …]`, which is an error.
pub(crate) fn attribute_tokens(attribute: &syn::Attribute, errors: &mut Errors) -> Option<TokenStream> {
    match &attribute.meta {
        syn::Meta::Path(_) => Some(TokenStream::new()),
        syn::Meta::List(list) => Some(list.tokens.clone()),
        syn::Meta::NameValue(pair) => {
            errors.push(pair.eq_token.span(), "the arguments of this attribute go in parentheses");
            None
        }
    }
}

/// Lists such as `index(…)` may be written more than once; each has its own content.
fn is_unique_key(before: &[Arg], last: &Arg) -> bool {
    matches!(last.value, Value::List(_)) || before.iter().all(|arg| arg.key != last.key)
}

fn starts_with_key(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.call(Ident::parse_any).is_ok()
        && (ahead.is_empty()
            || ahead.peek(Token![,])
            || ahead.peek(syn::token::Paren)
            || (ahead.peek(Token![=]) && !ahead.peek(Token![==])))
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
