use crate::account::tokens::TokenId;
use crate::clock::Millis;
use crate::money::Cents;

/// What an account has done and not written yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// Counted in the balance, in their order.
    pub(crate) entries: Vec<Entry>,
}

/// A change of the balance.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Never used twice.
    pub(crate) key: String,
    pub(crate) at: Millis,
    pub(crate) kind: &'static str,
    pub(crate) amount: Cents,
    /// What it was for.
    pub(crate) detail: Option<String>,
    /// The token that it is charged to.
    pub(crate) token: Option<TokenId>,
}
