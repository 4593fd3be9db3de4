//! Columns of types that only the compiler knows, and filters over them.

#![deny(warnings, missing_docs)]

use stripeflare::{Column, ColumnEnum, ColumnType, StripeUser, Timestamp, Value};

/// One of three.
#[derive(ColumnEnum, Clone, Copy, Debug, PartialEq)]
pub enum Tier {
    /// Costs nothing.
    Free,
    /// Costs something.
    #[column(rename = "pro+")]
    Pro,
    /// A keyword.
    r#Type,
}

type Points = i64;

/// A type of one's own.
pub struct Color(u32);

impl Column for Color {
    const TYPE: ColumnType = ColumnType::Integer;
    fn to_value(&self) -> Value {
        self.0.to_value()
    }
    fn from_value(value: Value) -> Option<Self> {
        u32::from_value(value).map(Self)
    }
}

/// Somebody.
#[derive(StripeUser)]
#[stripe_user(index(columns = [tier, sort], since = 2))]
pub struct User {
    /// With a default.
    #[column(default = "pro+", index)]
    pub tier: Tier,
    #[column(since = 2)]
    last: Option<Tier>,
    seen: Timestamp,
    #[column(default = 5)]
    pub(crate) points: Points,
    color: Color,
    #[column(unique)]
    nickname: Option<String>,
    level: u8,
    #[column(since = 3, renamed_from = "kind")]
    sort: f64,
}

fn main() {
    let _ = User::tier.eq(Tier::Free).and(User::last.eq(Tier::r#Type)).or(User::last.is_none());
    let _ = !User::nickname.eq("ada").and(User::nickname.ne(None)).and(User::nickname.gt("a".to_owned()));
    let _ = User::seen.lt(Timestamp::from_millis(5)).and(User::points.ge(5)).and(User::level.one_of([1, 2]));
    let _ = (User::color.eq(Color(5)), User::sort.desc(), User::tier.asc());
    let _ = |user: User| (user.last, user.seen, user.points, user.color.0, user.nickname, user.level, user.sort);
}
