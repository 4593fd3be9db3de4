//! Support for the end-to-end tests, the browser tests and the benchmarks.

pub mod audit;
pub mod browser;
pub mod crossings;
pub mod dice;
pub mod imports;
mod next_release;
mod runtimes;
pub mod secrets;
mod stored;
pub mod traffic;
pub mod visitor;
mod world;

pub use next_release::next_release;
pub use runtimes::Runtime;
pub use world::Customer;
pub use world::DB_SECRET;
pub use world::DEADLINE;
pub use world::Reply;
pub use world::World;
pub use world::built;

/// The Rust in the README compiles. That in the guides does with the documentation of `stripeflare`.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
