//! What each kind of object does: how it comes to be, changes, and what is told of it.

pub(super) mod disputes;
pub(super) mod events;
pub(super) mod payment_links;
pub(super) mod payments;
pub(super) mod products;
pub(super) mod refunds;
pub(super) mod webhook_endpoints;
