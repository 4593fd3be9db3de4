//! The local stand-in for Stripe, over HTTP and through its own functions.

mod api;
mod events;
mod layers;
mod page;
mod support;
mod webhooks;
