//! How far a share that will be measured on some rows may be off, known before it is measured. In: the share that is expected, and
//! the number of rows. Out: its interval.

/// Quantile of the normal distribution for 95 % on both sides.
const Z_95: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share in `[0, 1]` that is measured on `count` rows which were drawn apart from each other, such as an
/// accuracy (Wilson 1927, which holds for few rows, too). `[0, 1]` where there are none.
#[must_use]
pub fn expected_interval(share: f64, count: usize) -> (f64, f64) {
    if count == 0 {
        return (0.0, 1.0);
    }
    let (count, z2) = (count as f64, Z_95 * Z_95);
    let middle = (share + z2 / (2.0 * count)) / (1.0 + z2 / count);
    let spread = (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt();
    let half = Z_95 / (1.0 + z2 / count) * spread;
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `scipy.stats.binomtest(k, n).proportion_ci(method="wilson")`.
    #[test]
    fn the_interval_is_that_of_scipy() {
        for (hits, count, low, high) in [
            (80.0, 100, 0.711_170_834_406_841, 0.866_633_066_668_967_4),
            (16.0, 20, 0.583_982_567_748_106_5, 0.919_342_337_420_201_9),
            (160.0, 200, 0.739_144_813_434_621_2, 0.849_547_990_739_018_9),
        ] {
            let found = expected_interval(hits / f64::from(count), count as usize);
            assert!((found.0 - low).abs() < 1e-9 && (found.1 - high).abs() < 1e-9, "{hits} of {count}: {found:?}");
        }
    }

    #[test]
    fn no_rows_say_nothing_and_no_share_leaves_its_range() {
        assert_eq!(expected_interval(0.8, 0), (0.0, 1.0));
        let (low, high) = expected_interval(1.0, 3);
        assert!(low > 0.3 && (high - 1.0).abs() < 1e-12, "{low} to {high}");
        assert!(expected_interval(0.0, 3).0.abs() < 1e-12);
    }
}
