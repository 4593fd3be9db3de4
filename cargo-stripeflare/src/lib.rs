//! Everything around a stripeflare worker that is not the worker: setting up the tools, building, running it on
//! workerd, and a local stand-in for Stripe.
//!
//! The program `cargo stripeflare` is a thin shell over this library; tests and benchmarks use it directly.

// A Checkout Session is one long `json!`.
#![recursion_limit = "256"]

mod config;
mod pack;
mod process;
mod progress;

pub mod build;
pub mod cli;
pub mod cron;
pub mod deploy;
pub mod dev;
pub mod dev_vars;
pub mod doctor;
pub mod finding;
pub mod guard;
pub mod new;
pub mod pay;
pub mod project;
pub mod provision;
pub mod schema;
pub mod seller;
pub mod stripe;
pub mod workerd;
