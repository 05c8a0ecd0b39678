//! How texts are translated for copies of rows. In: what was chosen of translations. Out: settings of generation, or what is wrong.

use super::SamplingConfig;
use crate::config::{ConfigProblem, Translation};

impl Translation {
    /// Settings for one translation, of `max_new_tokens` at most.
    #[must_use]
    pub fn sampling(&self, seed: u64, max_new_tokens: u32) -> SamplingConfig {
        SamplingConfig {
            do_sample: self.temperature.is_some(),
            temperature: self.temperature.unwrap_or(1.0),
            num_beams: self.num_beams,
            max_new_tokens,
            seed,
            ..SamplingConfig::default()
        }
    }

    /// Every setting that can't be used to make `num_copies` of each row.
    #[must_use]
    pub fn check(&self, num_copies: u32) -> Vec<ConfigProblem> {
        let mut problems = self.sampling(0, 1).check().err().unwrap_or_default();
        if num_copies > 1 && self.temperature.is_none() {
            let message =
                "the likeliest translation is the same each time: draw (a temperature), or make one copy of a row";
            problems.push(ConfigProblem { field: "augment_copies".into(), message: message.into() });
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_text_is_asked_for_once() {
        let likeliest = Translation { temperature: None, num_beams: 4, ..Translation::default() };
        assert!(likeliest.check(1).is_empty() && Translation::default().check(8).is_empty());
        assert_eq!(likeliest.check(2)[0].field, "augment_copies");
        let both = Translation { num_beams: 4, ..Translation::default() };
        let problems = both.check(1);
        assert!(problems.len() == 1 && problems[0].field == "num_beams", "{problems:?}");
        assert!(!likeliest.sampling(7, 9).do_sample);
    }
}
