//! HTTP: the entry point, an application's routes, and what is built in.

pub(crate) mod app;
pub(crate) mod call;
pub(crate) mod entry;
pub(crate) mod reply;
pub(crate) mod route;
pub(crate) mod routes;
