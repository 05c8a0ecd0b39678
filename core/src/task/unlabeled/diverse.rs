//! Texts in an order whose first have little in common, before any model tells one from another: the sampling of k-means++ (Arthur &
//! Vassilvitskii 2007) on their words. In: texts, and a seed. Out: their indices.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::data::{generator, shuffle};

/// Texts that are drawn for having little in common with those before; the others follow as the seed draws them.
const MAX_DIVERSE: usize = 200;

/// Texts among which these are sought: of more so many are drawn.
const MAX_COMPARED: usize = 20_000;

/// Words of a text that count, from its beginning.
const MAX_WORDS: usize = 128;

/// Stream of the seed that the order draws from.
const STREAM: u64 = 0x006C_6162_656C;

/// An order of texts, as indices, whose first have little in common with each other: each is drawn with a probability that grows with
/// the square of its distance (1 less the cosine of their words) from all before it. The same seed gives the same order.
///
/// Words are what stands between spaces and signs: of texts written without spaces the order is that of the seed.
#[must_use]
pub fn diverse_order(texts: &[&str], seed: u64) -> Vec<usize> {
    let mut generator = generator(seed, STREAM);
    let mut order: Vec<usize> = (0..texts.len()).collect();
    shuffle(&mut order, &mut generator);
    let num_compared = order.len().min(MAX_COMPARED);
    let bags = Bags::of(order[..num_compared].iter().map(|&index| texts[index]));
    let drawn = bags.draw(MAX_DIVERSE, &mut generator);
    let mut is_drawn = vec![false; order.len()];
    drawn.iter().for_each(|&place| is_drawn[place] = true);
    let first = drawn.iter().map(|&place| order[place]);
    let others = order.iter().zip(&is_drawn).filter(|(_, is_drawn)| !**is_drawn).map(|(&index, _)| index);
    first.chain(others).collect()
}

/// The words of texts, each text at length 1.
struct Bags {
    texts: Vec<Vec<(usize, f64)>>,
    num_words: usize,
}

impl Bags {
    fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut ids: HashMap<String, usize> = HashMap::new();
        let mut bag = |text: &str| {
            let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            let mut counts: HashMap<usize, f64> = HashMap::new();
            for word in words.take(MAX_WORDS) {
                let next = ids.len();
                let id = *ids.entry(word.to_lowercase()).or_insert(next);
                *counts.entry(id).or_default() += 1.0;
            }
            let mut counts: Vec<(usize, f64)> = counts.into_iter().collect();
            counts.sort_unstable_by_key(|(id, _)| *id); // so that sums are the same in every run
            counts
        };
        let mut texts: Vec<Vec<(usize, f64)>> = texts.map(&mut bag).collect();
        // A word that stands in every other text tells little: inverse document frequency.
        let mut num_texts = vec![0.0_f64; ids.len()];
        texts.iter().flatten().for_each(|&(id, _)| num_texts[id] += 1.0);
        let all = texts.len() as f64;
        for text in &mut texts {
            text.iter_mut().for_each(|(id, weight)| *weight *= 1.0 + (all / num_texts[*id]).ln());
            let length = text.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
            text.iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        Self { texts, num_words: ids.len() }
    }

    /// Draws so many of the texts: the first is the first, each other by its squared distance from all before. Texts that repeat
    /// one that was drawn are not.
    fn draw(&self, count: usize, generator: &mut ChaCha8Rng) -> Vec<usize> {
        let mut drawn = Vec::new();
        let mut distances = vec![1.0_f64; self.texts.len()];
        let mut weights = vec![0.0; self.num_words];
        let mut next = (!self.texts.is_empty()).then_some(0);
        while let Some(center) = next {
            drawn.push(center);
            self.texts[center].iter().for_each(|&(id, weight)| weights[id] = weight);
            for (text, distance) in self.texts.iter().zip(&mut distances) {
                let cosine: f64 = text.iter().map(|&(id, weight)| weight * weights[id]).sum();
                *distance = distance.min((1.0 - cosine).max(0.0));
            }
            distances[center] = 0.0;
            self.texts[center].iter().for_each(|&(id, _)| weights[id] = 0.0);
            next = if drawn.len() < count { draw_by_square(&distances, generator) } else { None };
        }
        drawn
    }
}

/// An index, drawn with a probability in proportion to the square of its distance; `None` where all are 0.
fn draw_by_square(distances: &[f64], generator: &mut ChaCha8Rng) -> Option<usize> {
    // What only rounding keeps from 0 is a repeat.
    let square = |distance: &f64| if *distance > 1e-9 { distance * distance } else { 0.0 };
    let total: f64 = distances.iter().map(square).sum();
    if total <= 0.0 {
        return None;
    }
    let share = (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut left = share * total;
    let mut last = None;
    for (index, distance) in distances.iter().enumerate() {
        let square = square(distance);
        if square > 0.0 {
            last = Some(index);
            left -= square;
            if left < 0.0 {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_diverse_order_have_little_in_common() {
        // Ninety texts of one topic, and ten topics of a text each: of the first twenty all ten are there.
        let common = (0..90).map(|i| format!("my parcel has not arrived yet, number {}", i % 3));
        let rare = (0..10).map(|i| format!("topic{i} about{i} something{i} else{i}"));
        let texts: Vec<String> = common.chain(rare).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let order = diverse_order(&texts, 7);
        let rare = order.iter().take(20).filter(|&&index| index >= 90).count();
        assert_eq!(rare, 10, "{:?}", &order[..20]);
        let mut all = order.clone();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>(), "each is there once");
        assert_eq!(diverse_order(&texts, 7), order);
        assert_ne!(diverse_order(&texts, 8), order);
    }

    #[test]
    fn texts_without_words_and_repeats_are_in_order_too() {
        assert_eq!(diverse_order(&[], 1), [0; 0]);
        let mut order = diverse_order(&["", "...", "a", "a", "b"], 1);
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
}
