//! The randomness of the data room: seeded, and the same on every platform (all arithmetic in `u64`).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Generator number `stream` of a seed; streams are independent of each other.
pub(crate) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// Fisher and Yates' shuffle.
pub(crate) fn shuffle<T>(items: &mut [T], generator: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last as u64 + 1, generator) as usize);
    }
}

/// A number from 0, below `bound`: Lemire's multiplication, whose bias (below 2^-32 here) is of no matter.
pub(crate) fn below(bound: u64, generator: &mut ChaCha8Rng) -> u64 {
    ((u128::from(generator.next_u64()) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pinned: a change here changes every split and every run of every seed.
    #[test]
    fn the_order_of_a_seed_never_changes() {
        let mut items: Vec<u32> = (0..10).collect();
        shuffle(&mut items, &mut generator(42, 0));
        assert_eq!(items, PINNED);
        let mut others: Vec<u32> = (0..10).collect();
        shuffle(&mut others, &mut generator(42, 1));
        assert_ne!(items, others);
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>());
    }

    const PINNED: [u32; 10] = [9, 7, 2, 5, 0, 1, 4, 3, 8, 6];
}
