//! A real browser against the real worker, paying on the stand-in's page.

mod account;
mod login;
mod other_sites;
mod pages;
mod paying;
