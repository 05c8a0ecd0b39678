//! The geometry of charts: scales, ticks, paths, thinning, reading off. Plain numbers in, plain numbers and SVG path data
//! out; points are (x, y) in data units, sorted by x.

use std::fmt::Write as _;

/// A straight line from data units to drawing units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
}

impl Scale {
    /// Maps `domain` onto `range`; a domain without width is widened around its value.
    pub fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = domain;
        let domain = if high > low { domain } else { (low - 0.5, low + 0.5) };
        Self { domain, range }
    }

    /// Where `value` is drawn.
    pub fn at(&self, value: f64) -> f64 {
        let share = (value - self.domain.0) / (self.domain.1 - self.domain.0);
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// Which value is drawn at `position`.
    pub fn invert(&self, position: f64) -> f64 {
        let share = (position - self.range.0) / (self.range.1 - self.range.0);
        self.domain.0 + share * (self.domain.1 - self.domain.0)
    }
}

/// The round number (1, 2 or 5 times a power of ten) that divides `span` into about `about` parts.
pub fn tick_step(span: f64, about: usize) -> f64 {
    if !(span.is_finite() && span > 0.0) {
        return 1.0;
    }
    let rough = span / about.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

/// Round values within `[low, high]`, about `about` of them.
pub fn ticks(low: f64, high: f64, about: usize) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite() && high > low) {
        return vec![low];
    }
    let step = tick_step(high - low, about);
    let first = (low / step).ceil();
    // A few more than `about` at most.
    let count = ((high / step + 1e-9).floor() - first) as usize + 1;
    (0..count).map(|index| (first + index as f64) * step).collect()
}

/// A tick as text, with as many decimals as its step has.
pub fn tick_label(value: f64, step: f64) -> String {
    let decimals = if step >= 1.0 { 0 } else { (-step.log10()).ceil().clamp(0.0, 8.0) as usize };
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    format!("{value:.decimals$}")
}

/// Lowest and highest y of finite points; `None` where there is none.
pub fn extent<'a>(points: impl IntoIterator<Item = &'a (f64, f64)>) -> Option<(f64, f64)> {
    let finite = points.into_iter().map(|point| point.1).filter(|y| y.is_finite());
    finite.fold(None, |extent, y| match extent {
        Some((low, high)) => Some((f64::min(low, y), f64::max(high, y))),
        None => Some((y, y)),
    })
}

/// At most about `max` points that look like all of them: the lowest and the highest of each stretch are kept, so that
/// no spike is lost.
pub fn thinned(points: &[(f64, f64)], max: usize) -> Vec<(f64, f64)> {
    if points.len() <= max || max < 4 {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(max / 2);
    let mut kept = Vec::with_capacity(max + 2);
    for chunk in points.chunks(stretch) {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (Some(low), Some(high)) = (chunk.iter().min_by(by_y), chunk.iter().max_by(by_y)) else { continue };
        let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
        kept.push(*first);
        if second.0 > first.0 {
            kept.push(*second);
        }
    }
    kept
}

/// SVG path data through the points; values that are no numbers leave a gap.
pub fn path(points: &[(f64, f64)], x: &Scale, y: &Scale) -> String {
    let mut data = String::with_capacity(points.len() * 14);
    let mut pen_is_down = false;
    for point in points {
        if !point.1.is_finite() {
            pen_is_down = false;
            continue;
        }
        let letter = if pen_is_down { 'L' } else { 'M' };
        write!(data, "{letter}{:.1} {:.1}", x.at(point.0), y.at(point.1)).expect("strings take text");
        pen_is_down = true;
    }
    data
}

/// The last point at or before `x`: what was known there.
pub fn last_at(points: &[(f64, f64)], x: f64) -> Option<(f64, f64)> {
    points.partition_point(|point| point.0 <= x).checked_sub(1).and_then(|index| points.get(index)).copied()
}

/// Counts with as many neighbours put together as it takes to have at most `max`; and how many were put together.
pub fn merged(counts: &[usize], max: usize) -> (Vec<usize>, usize) {
    let together = counts.len().div_ceil(max.max(1)).max(1);
    (counts.chunks(together).map(|chunk| chunk.iter().sum()).collect(), together)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_inverts_itself_and_takes_an_empty_domain() {
        let scale = Scale::new((2.0, 4.0), (100.0, 0.0));
        assert_eq!((scale.at(3.0), scale.invert(50.0)), (50.0, 3.0));
        assert_eq!(Scale::new((3.0, 3.0), (0.0, 10.0)).at(3.0), 5.0);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 1.0, 5).len(), 6);
        assert_eq!(ticks(3.0, 97.0, 5), [20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(1.0, 1.0, 5), [1.0]);
        assert_eq!(ticks(f64::NAN, 1.0, 5).len(), 1);
        let labels: Vec<_> = ticks(0.0, 0.5, 5).into_iter().map(|t| tick_label(t, 0.1)).collect();
        assert_eq!(labels, ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(tick_label(-1e-17, 0.5), "0.0");
    }

    #[test]
    fn thinning_keeps_spikes_order_and_the_limit() {
        let mut points: Vec<_> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points[7_777].1 = 50.0;
        let kept = thinned(&points, 400);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert!(kept.contains(&(7_777.0, 50.0)));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thinned(&points[..100], 400), points[..100]);
    }

    #[test]
    fn a_value_that_is_no_number_leaves_a_gap() {
        let unit = Scale::new((0.0, 1.0), (0.0, 1.0));
        assert_eq!(
            path(&[(0.0, 0.0), (1.0, f64::NAN), (1.0, 1.0), (2.0, 1.0)], &unit, &unit),
            "M0.0 0.0M1.0 1.0L2.0 1.0"
        );
        assert_eq!(extent(&[(0.0, f64::NAN)]), None);
        assert_eq!(extent(&[(0.0, 2.0), (1.0, f64::NAN), (2.0, -1.0)]), Some((-1.0, 2.0)));
    }

    #[test]
    fn what_comes_later_is_not_read_off() {
        let points = [(1.0, 10.0), (2.0, 20.0), (4.0, 40.0)];
        assert_eq!(last_at(&points, 0.0), None);
        assert_eq!([last_at(&points, 2.0), last_at(&points, 3.9)], [Some((2.0, 20.0)); 2]);
        assert_eq!(last_at(&points, f64::INFINITY), Some((4.0, 40.0)));
        assert_eq!(last_at(&[], 1.0), None);
    }

    #[test]
    fn merged_counts_add_up() {
        assert_eq!(merged(&[1, 2, 3, 4, 5], 2), (vec![6, 9], 3));
        assert_eq!(merged(&[1, 2], 10), (vec![1, 2], 1));
        assert_eq!(merged(&[], 10), (Vec::new(), 1));
    }
}
