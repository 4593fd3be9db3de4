//! What was written, and what may be expanded.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Expr, LitInt, LitStr, Path, Signature, Type, Visibility};

use crate::paths::Private;

/// The attributes of a handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Route(Method),
    Priced,
}

impl Attribute {
    pub(super) const ALL: [Self; 9] = [
        Self::Route(Method::Get),
        Self::Route(Method::Post),
        Self::Route(Method::Put),
        Self::Route(Method::Patch),
        Self::Route(Method::Delete),
        Self::Route(Method::Options),
        Self::Route(Method::Head),
        Self::Route(Method::Any),
        Self::Priced,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Route(method) => method.attribute(),
            Self::Priced => "priced",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Head,
    Any,
}

impl Method {
    /// The attribute's name.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Head => "head",
            Self::Any => "any",
        }
    }

    /// The variant of the runtime's `Method`.
    pub(super) fn variant(self) -> Ident {
        let name = match self {
            Self::Get => "Get",
            Self::Post => "Post",
            Self::Put => "Put",
            Self::Patch => "Patch",
            Self::Delete => "Delete",
            Self::Options => "Options",
            Self::Head => "Head",
            Self::Any => "Any",
        };
        Ident::new(name, Span::call_site())
    }
}

/// A handler as it was written, without the attributes of this crate.
pub(super) struct RawHandler {
    pub(super) private: Private,
    /// The paths of the attributes that were taken off, as they were imported.
    pub(super) taken: Vec<Path>,
    pub(super) attributes: Vec<syn::Attribute>,
    pub(super) visibility: Visibility,
    pub(super) signature: Signature,
    /// Unparsed: what is wrong in it is the compiler's to say.
    pub(super) body: TokenStream,
    pub(super) route: Option<RawRoute>,
    pub(super) price: Option<RawPrice>,
}

/// `#[get("/path")]`.
pub(super) struct RawRoute {
    pub(super) method: Method,
    pub(super) span: Span,
    pub(super) path: Option<Expr>,
}

/// `#[priced(…)]`.
pub(super) struct RawPrice {
    pub(super) span: Span,
    /// `cents`, `max_cents` and `with`, in the order written.
    pub(super) amounts: Vec<RawAmount>,
    /// `min_cents`.
    pub(super) least: Option<RawAmount>,
    pub(super) label: Option<LitStr>,
    pub(super) hold_seconds: Option<LitInt>,
    /// Something in it could not be read and was reported: what is missing may be there.
    pub(super) is_broken: bool,
}

pub(super) struct RawAmount {
    pub(super) key: Ident,
    pub(super) limit: Limit,
    pub(super) value: Expr,
}

/// What the amount means for the charge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// `cents`: the price.
    Exact,
    /// `max_cents`: the most it may cost.
    UpTo,
    /// `with`: a function of the arguments says the price.
    Asked,
}

/// A handler that may be expanded.
pub(super) struct Handler<'a> {
    pub(super) raw: &'a RawHandler,
    pub(super) arguments: Vec<&'a Type>,
    pub(super) answer: Answer<'a>,
    /// The route's path.
    pub(super) path: Option<LitStr>,
    pub(super) price: Option<Price<'a>>,
}

/// The return type, as far as it can be named.
pub(super) enum Answer<'a> {
    Unit,
    Named(&'a Type),
    /// It contains `impl`.
    Unnamed,
}

pub(super) struct Price<'a> {
    pub(super) limit: Limit,
    pub(super) amount: Amount<'a>,
    pub(super) least: Option<Amount<'a>>,
    pub(super) hold_seconds: u32,
    pub(super) label: Option<&'a LitStr>,
}

pub(super) enum Amount<'a> {
    /// Ten-thousandths of a cent.
    Units(i64),
    /// A constant expression of type `Cents`.
    Const(&'a Expr),
    /// The function of `with`.
    Function(&'a Expr),
}

/// The `crate = …` of whichever attribute has one.
pub(super) fn private(paths: &[Path]) -> Private {
    Private::new(paths.first())
}
