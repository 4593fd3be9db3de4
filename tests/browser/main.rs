//! A real browser against the real worker, paying on the stand-in's page.

mod account_by_buttons;
mod logging_in;
mod other_sites;
mod pages;
mod paying_by_browser;
