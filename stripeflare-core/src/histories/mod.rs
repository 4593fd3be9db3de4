//! Random histories beside independent models, one file a promise.

mod balance;
mod card_claims;
mod groups;
mod moved_payments;

use proptest::test_runner::{Config, RngSeed};

/// Random histories of so many steps each; a variable says how many steps in all, and `STRIPEFLARE_SEED` begins elsewhere.
pub(crate) fn histories(variable: &str, usual: usize, each: usize, seed: u64) -> Config {
    let steps: usize = std::env::var(variable).ok().and_then(|steps| steps.parse().ok()).unwrap_or(usual);
    let seed = std::env::var("STRIPEFLARE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(seed);
    let cases = u32::try_from(steps.div_ceil(each)).unwrap();
    println!("seed {seed}, {cases} histories of {each} steps");
    Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() }
}
