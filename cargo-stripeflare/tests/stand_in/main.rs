//! The local stand-in for Stripe, over HTTP and through its own functions.

mod api;
mod disputes;
mod events;
mod keys;
mod layers;
mod links;
mod page;
mod refunds;
mod support;
mod webhooks;
