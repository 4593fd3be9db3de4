//! A local stand-in for Stripe: payment page, webhooks and the part of the API that stripeflare calls.
//!
//! As strict as Stripe where strictness is known: it refuses what Stripe refuses, in Stripe's words. It forgets
//! everything when it stops, unless it is given a file to keep it in.

mod clock;
mod model;
mod options;
mod resources;
mod server;
mod stand_in;
mod wire;

pub use clock::Clock;
pub use model::deliveries::Delivery;
pub use model::deliveries::DeliveryRecord;
pub use model::deliveries::Progress;
pub use model::method::DECLINING_CARD;
pub use model::method::Method;
pub use model::permission::Permission;
pub use model::permission::Resource;
pub use options::ApiFault;
pub use options::StandInOptions;
pub use options::WEBHOOK_EVENTS;
pub use resources::disputes::DisputeEnd;
pub use resources::disputes::DisputeRequest;
pub use resources::payments::PayRequest;
pub use resources::refunds::RefundStatus;
pub use stand_in::StandIn;
pub use wire::API_VERSION;
pub use wire::ids::random;
pub use wire::signature::header as signature_header;
