//! SplitMix64 (<https://doi.org/10.1145/2714064.2660195>): numbers from a seed, and its output function as a hash.
//!
//! In: a seed, or any 64 bits. Out: 64 bits. For what needs no generator of cryptographic quality; what a run draws comes from
//! ChaCha (`data::generator`).

/// Draws numbers, one after the other.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// Any seed will do, 0 among them.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// The next number modulo `limit`; 0 where that is 0. Small numbers come a little more often, which shows for limits near 2^64 alone.
    pub fn draw_below(&mut self, limit: u64) -> u64 {
        self.draw() % limit.max(1)
    }
}

/// The output function: each bit of the result depends on every bit of `x`, and no two `x` give the same.
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers from seed 1234567, as its author's code gives them.
    #[test]
    fn the_numbers_are_those_of_the_reference() {
        let mut numbers = SplitMix64::new(1_234_567);
        let found = [(); 3].map(|()| numbers.draw());
        let mut same = SplitMix64::new(1_234_567);
        assert_eq!([same.draw_below(10), same.draw_below(0), same.draw_below(1)], [7, 0, 0]);
        assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
