//! The local stand-in for Stripe, over HTTP and through its own functions.

mod answers;
mod delivering;
mod disputing;
mod keys;
mod looking_up_events;
mod paying_on_the_page;
mod refunding;
mod remembering;
mod selling_by_links;
mod support;
