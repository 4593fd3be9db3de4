//! A local stand-in for Stripe: payment page, webhooks and the part of the API that stripeflare calls.
//!
//! As strict as Stripe where strictness is known: it refuses what Stripe refuses, in Stripe's words. It keeps
//! everything in memory and forgets it when it stops.

mod api;
mod clock;
mod currency;
mod disputes;
mod error;
mod expand;
mod form;
mod ids;
mod list;
mod method;
mod page;
mod payments;
mod refunds;
mod server;
mod setup;
mod signature;
mod stand_in;
mod state;
mod webhooks;

pub use clock::Clock;
pub use disputes::DisputeEnd;
pub use disputes::DisputeRequest;
pub use ids::random;
pub use method::DECLINING_CARD;
pub use method::Method;
pub use payments::PayRequest;
pub use refunds::RefundStatus;
pub use signature::header as signature_header;
pub use stand_in::ApiFault;
pub use stand_in::StandIn;
pub use stand_in::StandInOptions;
pub use stand_in::WEBHOOK_EVENTS;
pub use webhooks::Delivery;
pub use webhooks::DeliveryRecord;
pub use webhooks::Progress;

/// The one version of the API that the stand-in speaks.
pub const API_VERSION: &str = "2026-07-29.dahlia";
