//! Chance that can be repeated.

/// `STRIPEFLARE_SEED` is another one.
const SEED: u64 = 20_261_124;

/// A number that an environment variable may change.
#[must_use]
pub fn variable(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// The seed of this run. It is printed, so that a run can be repeated.
#[must_use]
pub fn seed() -> u64 {
    let seed = variable("STRIPEFLARE_SEED", SEED);
    println!("seed {seed}");
    seed
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as they always do for this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `most`.
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    fn throws(seed: u64) -> Vec<u64> {
        let mut dice = Dice::new(seed);
        (0..600).map(|_| dice.below(6)).collect()
    }

    #[test]
    fn a_seed_repeats_its_throws_and_another_has_others() {
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
    }

    #[test]
    fn every_side_comes_up() {
        let throws = throws(1);
        for side in 0..6 {
            let times = throws.iter().filter(|it| **it == side).count();
            assert!((60..140).contains(&times), "{side} came up {times} times");
        }
        assert!(throws.iter().all(|it| *it < 6));
    }
}
