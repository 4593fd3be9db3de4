//! End to end: the real worker on the real runtime, paid through the Stripe stand-in.

mod account_by_forms;
mod answers;
mod applications;
mod as_at_cloudflare;
mod attacks;
mod bad_input;
mod budget;
mod built_in_routes;
mod charging;
mod cookies_and_tokens;
mod crossings;
mod currencies;
mod failing_disks;
mod failing_handlers;
mod faults;

mod logins;
mod mirroring;
mod objects;
mod own_columns;
mod own_tables;
mod paying;
mod reading_statements;
mod repeating_calls;
mod return_page;
mod reversals;
mod several_tokens;
mod streaming;
mod sweeping;
mod two_releases;
mod upgrades;
mod using_the_panel;
mod what_calls_cost;
