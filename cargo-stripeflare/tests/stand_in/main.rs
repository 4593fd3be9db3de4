//! The local stand-in for Stripe, over HTTP and through its own functions.

mod api;
mod layers;
mod page;
mod support;
mod webhooks;
