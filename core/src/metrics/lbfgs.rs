//! Minimises a smooth function of many numbers: L-BFGS with a backtracking line search (Nocedal and Wright, Numerical
//! Optimization, algorithms 7.4 and 7.5).
//!
//! In: where to begin, and a function that gives its value at a point and writes its gradient there. Out: a point that is better with
//! every iteration. Iterations are pulled one by one, so that a driver can show how far it is, or stop.

use std::collections::VecDeque;

use super::retrieval::dot;

/// Last steps that tell the curvature.
const HISTORY: usize = 10;

/// A step has to lower the value by this share of what its slope promises.
const SUFFICIENT: f64 = 1e-4;

/// Lengths that are tried for a step.
const MAX_TRIES: usize = 40;

/// Values that differ by less, as a share of them, are equal up to rounding.
const NOISE: f64 = 1e-12;

/// A step, what it changed of the gradient, and the inverse of their product.
#[derive(Debug)]
struct Step {
    moved: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// A minimisation under way.
#[derive(Debug)]
pub(super) struct Lbfgs {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    steps: VecDeque<Step>,
}

impl Lbfgs {
    /// Begins at a point.
    pub(super) fn new(point: Vec<f64>, function: impl Fn(&[f64], &mut [f64]) -> f64) -> Self {
        let mut gradient = vec![0.0; point.len()];
        let value = function(&point, &mut gradient);
        Self { point, value, gradient, steps: VecDeque::with_capacity(HISTORY) }
    }

    /// The best point so far.
    pub(super) fn point(&self) -> &[f64] {
        &self.point
    }

    /// The largest number of the gradient there, whatever its sign.
    pub(super) fn largest_slope(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()))
    }

    /// One iteration; `false` where no step is better than none, which is so at the minimum.
    pub(super) fn advance(&mut self, function: impl Fn(&[f64], &mut [f64]) -> f64) -> bool {
        let mut direction = self.direction();
        let mut slope = dot(&direction, &self.gradient);
        if slope >= 0.0 {
            // Rounding spoilt the curvature: straight down from here.
            self.steps.clear();
            direction = self.gradient.iter().map(|slope| -slope).collect();
            slope = -dot(&self.gradient, &self.gradient);
        }
        if slope == 0.0 || !slope.is_finite() {
            return false;
        }
        let mut length = if self.steps.is_empty() { (1.0 / (-slope).sqrt()).min(1.0) } else { 1.0 };
        let mut gradient = vec![0.0; self.point.len()];
        for _ in 0..MAX_TRIES {
            let point: Vec<f64> = self.point.iter().zip(&direction).map(|(at, step)| at + length * step).collect();
            let value = function(&point, &mut gradient);
            let is_lower = value <= self.value + SUFFICIENT * length * slope;
            // Near the minimum the value changes by less than its rounding, and the slope still tells (Hager and Zhang 2005).
            let is_flat = value <= self.value + NOISE * self.value.abs()
                && dot(&direction, &gradient) <= (2.0 * SUFFICIENT - 1.0) * slope;
            if is_lower || is_flat {
                self.take(point, value, gradient);
                return true;
            }
            // The minimum of the parabola through what is known, within limits.
            let fitted = -slope * length * length / (2.0 * (value - self.value - slope * length));
            let shorter = 0.5 * length;
            length = if fitted.is_finite() { fitted.clamp(0.1 * length, shorter) } else { shorter };
        }
        false
    }

    /// Goes to a point.
    fn take(&mut self, point: Vec<f64>, value: f64, gradient: Vec<f64>) {
        let difference =
            |new: &[f64], old: &[f64]| new.iter().zip(old).map(|(new, old)| new - old).collect::<Vec<f64>>();
        let (moved, change) = (difference(&point, &self.point), difference(&gradient, &self.gradient));
        let curvature = dot(&moved, &change);
        if curvature > f64::EPSILON * dot(&change, &change) {
            if self.steps.len() == HISTORY {
                self.steps.pop_front();
            }
            self.steps.push_back(Step { moved, change, inverse: 1.0 / curvature });
        }
        (self.point, self.value, self.gradient) = (point, value, gradient);
    }

    /// Where the next step goes: the gradient against what the last steps tell of the curvature.
    fn direction(&self) -> Vec<f64> {
        let mut direction: Vec<f64> = self.gradient.iter().map(|slope| -slope).collect();
        let add = |direction: &mut [f64], share: f64, other: &[f64]| {
            direction.iter_mut().zip(other).for_each(|(number, other)| *number += share * other);
        };
        let mut shares = Vec::with_capacity(self.steps.len());
        for step in self.steps.iter().rev() {
            let share = step.inverse * dot(&step.moved, &direction);
            add(&mut direction, -share, &step.change);
            shares.push(share);
        }
        if let Some(last) = self.steps.back() {
            let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
            direction.iter_mut().for_each(|number| *number *= scale);
        }
        for (step, share) in self.steps.iter().zip(shares.into_iter().rev()) {
            let own = step.inverse * dot(&step.change, &direction);
            add(&mut direction, share - own, &step.moved);
        }
        direction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley, whose minimum is 0 at (1, 1).
    fn valley(point: &[f64], gradient: &mut [f64]) -> f64 {
        let (x, y) = (point[0], point[1]);
        let bend = y - x * x;
        gradient[0] = -400.0 * x * bend - 2.0 * (1.0 - x);
        gradient[1] = 200.0 * bend;
        100.0 * bend * bend + (1.0 - x) * (1.0 - x)
    }

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        let mut found = Lbfgs::new(vec![-1.2, 1.0], valley);
        let mut count = 0;
        while found.largest_slope() > 1e-9 && found.advance(valley) {
            count += 1;
            assert!(count < 200, "it goes on for ever");
        }
        assert!(found.point().iter().all(|at| (at - 1.0).abs() < 1e-8), "{:?}", found.point());
    }

    #[test]
    fn at_the_minimum_there_is_no_step() {
        let bowl = |point: &[f64], gradient: &mut [f64]| {
            gradient.copy_from_slice(point);
            0.5 * dot(point, point)
        };
        assert!(!Lbfgs::new(vec![0.0; 9], bowl).advance(bowl));
        let mut found = Lbfgs::new(vec![3.0; 9], bowl);
        while found.largest_slope() > 1e-12 && found.advance(bowl) {}
        assert!(found.largest_slope() <= 1e-12, "{:?}", found.point());
    }
}
