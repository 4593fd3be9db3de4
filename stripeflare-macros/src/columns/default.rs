//! Default values of columns: a literal, and whether it fits the type as far as that can be read.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprUnary, GenericArgument, Lit, LitFloat, LitInt, LitStr, PathArguments, Type, UnOp};

use super::model::Column;
use crate::errors::Errors;

/// A literal, with its sign.
pub(super) enum Default {
    Text(LitStr),
    Integer { negative: bool, literal: LitInt },
    Real { negative: bool, literal: LitFloat },
    Bool(bool),
}

impl Default {
    pub(super) fn parse(value: &Expr, errors: &mut Errors) -> Option<(Span, Self)> {
        let (negative, literal) = match value {
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => (true, &**expr),
            other => (false, other),
        };
        let default = match literal {
            Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) if literal.suffix().is_empty() => {
                Some(Self::Integer { negative, literal: literal.clone() })
            }
            Expr::Lit(ExprLit { lit: Lit::Float(literal), .. }) if literal.suffix().is_empty() => {
                Some(Self::Real { negative, literal: literal.clone() })
            }
            Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) if !negative => Some(Self::Text(literal.clone())),
            Expr::Lit(ExprLit { lit: Lit::Bool(literal), .. }) if !negative => Some(Self::Bool(literal.value)),
            _ => None,
        };
        if default.is_none() {
            errors.push(
                value.span(),
                "a default is a literal without a suffix: a string, a whole or a decimal number, `true` or `false`",
            );
        }
        Some((value.span(), default?))
    }
}

impl Default {
    /// As SQL spells it in a column of this type.
    pub(super) fn sql(&self, ty: &Type) -> String {
        let signed = |negative: bool, digits: String| format!("{}{digits}", if negative { "-" } else { "" });
        let real = |digits: &str| format!("{:?}", digits.parse::<f64>().unwrap_or_default());
        match self {
            Self::Text(text) => format!("'{}'", text.value().replace('\'', "''")),
            Self::Bool(truth) => i32::from(*truth).to_string(),
            Self::Real { negative, literal } => signed(*negative, real(literal.base10_digits())),
            Self::Integer { negative, literal } if is_real(ty) => signed(*negative, real(literal.base10_digits())),
            Self::Integer { negative, literal } => signed(*negative, literal.base10_digits().to_owned()),
        }
    }
}

/// Numbers cross to SQLite through JavaScript.
const MAX_INTEGER: i128 = (1 << 53) - 1;

/// What is known of a field's type from its spelling alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bool,
    Real,
    Integer { min: i128, max: i128 },
}

impl Kind {
    fn of(ty: &Type) -> Option<Self> {
        let integer = |min: i128, max: i128| Some(Self::Integer { min, max });
        match last_segment(option_content(ty).unwrap_or(ty))?.as_str() {
            "String" => Some(Self::Text),
            "bool" => Some(Self::Bool),
            "f64" => Some(Self::Real),
            "i8" => integer(i8::MIN.into(), i8::MAX.into()),
            "i16" => integer(i16::MIN.into(), i16::MAX.into()),
            "i32" => integer(i32::MIN.into(), i32::MAX.into()),
            "i64" => integer(-MAX_INTEGER, MAX_INTEGER),
            "u8" => integer(0, u8::MAX.into()),
            "u16" => integer(0, u16::MAX.into()),
            "u32" => integer(0, u32::MAX.into()),
            _ => None,
        }
    }
}

/// Reports a default that the column's type cannot hold. Types that cannot be told by their spelling take anything.
pub(super) fn check(column: &Column<'_>, errors: &mut Errors) {
    let Some((span, default)) = &column.default else {
        return;
    };
    if column.json {
        if !matches!(default, Default::Text(_)) {
            errors.push(*span, "a `json` column's default is a string of JSON, as in `default = \"{}\"`");
        }
        return;
    }
    let fits = match (Kind::of(column.ty), default) {
        (Some(Kind::Text), Default::Text(_))
        | (Some(Kind::Bool), Default::Bool(_))
        | (Some(Kind::Real), Default::Real { .. } | Default::Integer { .. }) => true,
        (Some(kind @ Kind::Integer { .. }), Default::Integer { negative, literal }) => {
            return check_range(column, kind, *negative, literal, *span, errors);
        }
        (Some(_), _) => false,
        (None, Default::Integer { negative, literal }) => {
            let any = Kind::Integer { min: -MAX_INTEGER, max: MAX_INTEGER };
            return check_range(column, any, *negative, literal, *span, errors);
        }
        (None, _) => true,
    };
    if !fits {
        let wanted = match Kind::of(column.ty) {
            Some(Kind::Text) => "a string, as in `default = \"free\"`",
            Some(Kind::Bool) => "`default = true` or `default = false`",
            Some(Kind::Real) => "a number, as in `default = 0.5`",
            _ => "a whole number, as in `default = 0`",
        };
        let message = format!("the default of `{}` must be {wanted}", column.name);
        errors.push(*span, message);
    }
}

fn check_range(column: &Column<'_>, kind: Kind, negative: bool, literal: &LitInt, span: Span, errors: &mut Errors) {
    let Kind::Integer { min, max } = kind else {
        return;
    };
    let value = literal.base10_parse::<i128>().ok();
    let value = value.map(|value| if negative { -value } else { value });
    if value.is_none_or(|value| value < min || value > max) {
        let message = format!("the default of `{}` must be from {min} to {max}", column.name);
        errors.push(span, message);
    }
}

/// Whether the type is spelled as a floating-point number, which a default like `1` must become.
pub(super) fn is_real(ty: &Type) -> bool {
    Kind::of(ty) == Some(Kind::Real)
}

/// The `T` of something spelled `Option<T>`.
pub(super) fn option_content(ty: &Type) -> Option<&Type> {
    let ty = ungrouped(ty);
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(content)) if last.ident == "Option" => Some(content),
        _ => None,
    }
}

pub(super) fn last_segment(ty: &Type) -> Option<String> {
    match ungrouped(ty) {
        Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last()?;
            Some(last.ident.to_string())
        }
        _ => None,
    }
}

/// Without the invisible delimiters that a `macro_rules!` fragment brings along.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        other => other,
    }
}
