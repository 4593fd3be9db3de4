//! Support for the end-to-end tests, the browser tests and the benchmarks.

pub mod audit;
pub mod browser;
pub mod dice;
pub mod imports;
pub mod secrets;
pub mod traffic;
pub mod visitor;
mod world;

pub use world::Customer;
pub use world::DB_SECRET;
pub use world::DEADLINE;
pub use world::Reply;
pub use world::World;
pub use world::built;

/// The Rust in the documentation compiles.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    mod readme {}
    #[doc = include_str!("../../docs/columns.md")]
    mod columns {}
    #[doc = include_str!("../../docs/prices.md")]
    mod prices {}
}
