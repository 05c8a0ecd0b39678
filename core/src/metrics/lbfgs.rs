//! Minimises a smooth function of many numbers: L-BFGS with a backtracking line search (Nocedal and Wright, Numerical
//! Optimization, algorithms 7.4 and 7.5).
//!
//! In: where to begin, then the function's value and gradient at each point that is asked for. Out: a point that is better with every
//! iteration. Who drives it computes the values, in parts of any size, and can stop at any time.

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

/// A line along which a better point is sought.
#[derive(Debug)]
struct Line {
    direction: Vec<f64>,
    slope: f64,
    /// Length of the step that is tried.
    length: f64,
    num_tries: usize,
}

/// What came of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is no better: one that is nearer is asked for.
    Nearer,
    /// It is the best so far, as the first one is.
    Better,
    /// No step is better than none, which is so at the minimum. Nothing more is asked for.
    Stuck,
}

/// A minimisation under way.
#[derive(Debug)]
pub(super) struct Lbfgs {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    steps: VecDeque<Step>,
    /// The point that is asked for, and the line to it; `None` where it is the first.
    next_point: Vec<f64>,
    line: Option<Line>,
}

impl Lbfgs {
    /// Begins at a point.
    pub(super) fn new(point: Vec<f64>) -> Self {
        Self {
            next_point: point.clone(),
            gradient: vec![0.0; point.len()],
            point,
            value: f64::INFINITY,
            steps: VecDeque::with_capacity(HISTORY),
            line: None,
        }
    }

    /// The point whose value and gradient are needed.
    pub(super) fn next_point(&self) -> &[f64] {
        &self.next_point
    }

    /// The best point so far.
    pub(super) fn point(&self) -> &[f64] {
        &self.point
    }

    /// The largest number of the gradient there, whatever its sign.
    pub(super) fn largest_slope(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()))
    }

    /// Takes value and gradient at [`Self::next_point`].
    pub(super) fn take_value(&mut self, value: f64, gradient: Vec<f64>) -> Outcome {
        if let Some(line) = self.line.take() {
            let is_lower = value <= self.value + SUFFICIENT * line.length * line.slope;
            // Near the minimum the value changes by less than its rounding, and the slope still tells (Hager and Zhang 2005).
            let is_flat = value <= self.value + NOISE * self.value.abs()
                && dot(&line.direction, &gradient) <= (2.0 * SUFFICIENT - 1.0) * line.slope;
            if !(is_lower || is_flat) {
                return self.try_nearer(line, value);
            }
            self.note_step(&gradient);
            self.point.clone_from(&self.next_point);
        }
        (self.value, self.gradient) = (value, gradient);
        if self.try_line() { Outcome::Better } else { Outcome::Stuck }
    }

    /// Asks for a point along a new line; `false` where there is no way down.
    fn try_line(&mut self) -> bool {
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
        let length = if self.steps.is_empty() { (1.0 / (-slope).sqrt()).min(1.0) } else { 1.0 };
        self.ask(Line { direction, slope, length, num_tries: 0 });
        true
    }

    /// Asks for a nearer point on a line whose last one has this value.
    fn try_nearer(&mut self, mut line: Line, value: f64) -> Outcome {
        line.num_tries += 1;
        if line.num_tries == MAX_TRIES {
            return Outcome::Stuck;
        }
        // The minimum of the parabola through what is known, within limits.
        let fitted = -line.slope * line.length * line.length / (2.0 * (value - self.value - line.slope * line.length));
        let shorter = 0.5 * line.length;
        line.length = if fitted.is_finite() { fitted.clamp(0.1 * line.length, shorter) } else { shorter };
        self.ask(line);
        Outcome::Nearer
    }

    fn ask(&mut self, line: Line) {
        let steps = self.point.iter().zip(&line.direction);
        self.next_point = steps.map(|(at, step)| at + line.length * step).collect();
        self.line = Some(line);
    }

    /// Notes what a step to [`Self::next_point`] changes of the gradient.
    fn note_step(&mut self, gradient: &[f64]) {
        let difference =
            |new: &[f64], old: &[f64]| new.iter().zip(old).map(|(new, old)| new - old).collect::<Vec<f64>>();
        let (moved, change) = (difference(&self.next_point, &self.point), difference(gradient, &self.gradient));
        let curvature = dot(&moved, &change);
        if curvature > f64::EPSILON * dot(&change, &change) {
            if self.steps.len() == HISTORY {
                self.steps.pop_front();
            }
            self.steps.push_back(Step { moved, change, inverse: 1.0 / curvature });
        }
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

    /// Goes on until the slope is small enough, or there is no step; returns how many points were better.
    fn minimise(found: &mut Lbfgs, tolerance: f64, function: impl Fn(&[f64], &mut [f64]) -> f64) -> usize {
        let mut num_better = 0;
        loop {
            let mut gradient = vec![0.0; found.next_point().len()];
            let value = function(found.next_point(), &mut gradient);
            match found.take_value(value, gradient) {
                Outcome::Nearer => {}
                Outcome::Better => num_better += 1,
                Outcome::Stuck => return num_better,
            }
            assert!(num_better < 200, "it goes on for ever");
            if found.largest_slope() <= tolerance {
                return num_better;
            }
        }
    }

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        let mut found = Lbfgs::new(vec![-1.2, 1.0]);
        let _ = minimise(&mut found, 1e-9, valley);
        assert!(found.point().iter().all(|at| (at - 1.0).abs() < 1e-8), "{:?}", found.point());
    }

    #[test]
    fn at_the_minimum_there_is_no_step() {
        let bowl = |point: &[f64], gradient: &mut [f64]| {
            gradient.copy_from_slice(point);
            0.5 * dot(point, point)
        };
        assert_eq!(minimise(&mut Lbfgs::new(vec![0.0; 9]), 0.0, bowl), 0, "stuck at once");
        let mut found = Lbfgs::new(vec![3.0; 9]);
        assert!(minimise(&mut found, 1e-12, bowl) > 1);
        assert!(found.largest_slope() <= 1e-12, "{:?}", found.point());
    }
}
