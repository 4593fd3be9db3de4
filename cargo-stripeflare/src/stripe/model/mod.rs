//! What the stand-in knows, and how it is looked through.

pub(super) mod deliveries;
pub(super) mod events;
pub(super) mod expand;
pub(super) mod list;
pub(super) mod memory;
pub(super) mod method;
pub(super) mod permission;
pub(super) mod state;
