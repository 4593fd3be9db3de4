//! The guides, as they are in the repository.

/// How people and agents get at their money.
#[doc = include_str!("../docs/accounts.md")]
pub mod accounts {}

/// Prefixes, layers, pages of other origins.
///
/// [built-in routes]: http
#[doc = include_str!("../docs/applications.md")]
pub mod applications {}

/// Your own columns beside the wallet's.
///
/// [tables]: tables
#[doc = include_str!("../docs/columns.md")]
pub mod columns {}

/// For users of the TypeScript library.
#[doc = include_str!("../docs/from-typescript.md")]
pub mod from_typescript {}

/// Routes, headers and errors.
///
/// [logging in]: accounts#logging-in
/// [access tokens]: accounts#access-tokens
#[doc = include_str!("../docs/http.md")]
pub mod http {}

/// What is promised about money.
#[doc = include_str!("../docs/money.md")]
pub mod money {}

/// Running a deployment.
#[doc = include_str!("../docs/operating.md")]
pub mod operating {}

/// What calls cost.
#[doc = include_str!("../docs/prices.md")]
pub mod prices {}

/// A paid API in 15 minutes.
#[doc = include_str!("../docs/tutorial.md")]
pub mod tutorial {}

/// Tests of an application, without workerd.
#[cfg(feature = "testing")]
#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

/// Who may take what, and why attacks fail.
#[doc = include_str!("../docs/security.md")]
pub mod security {}

/// Your own data in each account's database.
///
/// [columns]: columns
#[doc = include_str!("../docs/tables.md")]
pub mod tables {}
