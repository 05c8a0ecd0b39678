//! Texts that a model wrote of the same prompts in the course of a run, side by side: a column for each checkpoint, from the model
//! before training to the last and the best. The page and the report on a run show them alike.
//!
//! In: [`Sample`]s in the order in which they were written. Out: a [`SideBySide`].

use std::collections::BTreeSet;

use crate::event::TrainEvent;
use crate::metrics::{TextShape, is_refusal};
use crate::words::{count, plural};

/// A text that a model wrote of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Optimizer steps taken; 0 before training.
    pub step: u32,
    /// The prompt.
    pub prompt: String,
    /// What stands in the file.
    pub expected: String,
    /// What the model wrote.
    pub generated: String,
    /// What that is like, where it is known.
    pub shape: Option<TextShape>,
}

impl Sample {
    /// What an event says; `None` of another event.
    #[must_use]
    pub fn of_event(event: &TrainEvent) -> Option<Self> {
        let TrainEvent::Sampled { step, prompt, expected, generated, shape } = event else { return None };
        let (prompt, expected, generated) = (prompt.clone(), expected.clone(), generated.clone());
        Some(Self { step: *step, prompt, expected, generated, shape: *shape })
    }
}

/// A point of the run at which texts were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Optimizer steps taken; 0 before training.
    pub step: u32,
    /// `Before training`, `Step 20`, `Step 40, the best`.
    pub name: String,
    /// Its weights are the best.
    pub is_best: bool,
    /// What its texts are like together, in words; empty where that is not known.
    pub about: String,
}

/// A prompt with what was written of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptTexts<'a> {
    /// The prompt.
    pub prompt: &'a str,
    /// What stands in the file.
    pub expected: &'a str,
    /// What was written at each checkpoint, in their order; `None` where nothing was.
    pub texts: Vec<Option<&'a Sample>>,
}

/// Texts of the same prompts at several checkpoints.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SideBySide<'a> {
    /// By step.
    pub checkpoints: Vec<Checkpoint>,
    /// In the order in which they came first.
    pub prompts: Vec<PromptTexts<'a>>,
    /// Checkpoints that have no column, for there are so many.
    pub num_left_out: usize,
}

/// Puts samples side by side, with at most `max_checkpoints` columns: the first, the last and the one of step `best`, and others at
/// even distances between them. Of a prompt that came twice at a step, since the run went back, the last text counts.
#[must_use]
pub fn side_by_side<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    best: Option<u32>,
    max_checkpoints: usize,
) -> SideBySide<'a> {
    let samples: Vec<&Sample> = samples.into_iter().collect();
    let steps: BTreeSet<u32> = samples.iter().map(|sample| sample.step).collect();
    let steps: Vec<u32> = steps.into_iter().collect();
    let shown = choose(&steps, best, max_checkpoints);
    let mut prompts: Vec<PromptTexts<'a>> = Vec::new();
    for &sample in &samples {
        let Some(column) = shown.iter().position(|&step| step == sample.step) else { continue };
        let index = prompts.iter().position(|one| one.prompt == sample.prompt).unwrap_or_else(|| {
            let (prompt, expected, texts) = (&*sample.prompt, &*sample.expected, vec![None; shown.len()]);
            prompts.push(PromptTexts { prompt, expected, texts });
            prompts.len() - 1
        });
        prompts[index].texts[column] = Some(sample);
    }
    let checkpoint = |(column, &step): (usize, &u32)| {
        let is_best = best == Some(step);
        let texts: Vec<&Sample> = prompts.iter().filter_map(|one| one.texts[column]).collect();
        Checkpoint { step, name: name_of(step, is_best), is_best, about: describe(&texts) }
    };
    let checkpoints = shown.iter().enumerate().map(checkpoint).collect();
    SideBySide { checkpoints, prompts, num_left_out: steps.len() - shown.len() }
}

/// At most so many of the steps, in their order.
fn choose(steps: &[u32], best: Option<u32>, max_checkpoints: usize) -> Vec<u32> {
    let Some(last) = steps.len().checked_sub(1) else { return Vec::new() };
    let best = best.and_then(|best| steps.iter().position(|&step| step == best));
    let mut chosen: BTreeSet<usize> = [Some(0), Some(last), best].into_iter().flatten().collect();
    for place in 1..max_checkpoints {
        if chosen.len() < max_checkpoints {
            chosen.insert(last * place / max_checkpoints.saturating_sub(1).max(1));
        }
    }
    chosen.into_iter().map(|index| steps[index]).collect()
}

fn name_of(step: u32, is_best: bool) -> String {
    let name = if step == 0 { "Before training".to_owned() } else { format!("Step {}", count(step as usize)) };
    if is_best { format!("{name}, the best") } else { name }
}

/// What texts are like together.
fn describe(texts: &[&Sample]) -> String {
    let shapes: Vec<TextShape> = texts.iter().filter_map(|sample| sample.shape).collect();
    if shapes.is_empty() {
        return String::new();
    }
    let mean = shapes.iter().map(|shape| shape.num_tokens as f64).sum::<f64>() / shapes.len() as f64;
    let num_ended = shapes.iter().filter(|shape| shape.is_complete).count();
    let num_refusing = texts.iter().filter(|sample| is_refusal(&sample.generated)).count();
    let repeated: Vec<f64> = shapes.iter().filter_map(|shape| shape.rep_4).collect();
    let repeated = match repeated.len() {
        0 => String::new(),
        count => format!("; {:.0} % repeated", 100.0 * repeated.iter().sum::<f64>() / count as f64),
    };
    let refusing = if num_refusing > 0 { format!("; {num_refusing} refused") } else { String::new() };
    format!("{}: {mean:.1} tokens each; {num_ended} ended{repeated}{refusing}", plural(texts.len(), "text"))
}

/// What one text is like: `12 tokens, ended by the model, 25 % repeated`.
#[must_use]
pub fn describe_shape(shape: TextShape) -> String {
    let ended = if shape.is_complete { "ended by the model" } else { "cut at the limit" };
    let repeated = shape.rep_4.filter(|&share| share > 0.0);
    let repeated = repeated.map_or_else(String::new, |share| format!(", {:.0} % repeated", 100.0 * share));
    format!("{}, {ended}{repeated}", plural(shape.num_tokens, "token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(step: u32, prompt: &str, generated: &str) -> Sample {
        let shape = TextShape { num_tokens: generated.len(), rep_4: Some(0.5), is_complete: step > 0 };
        let [prompt, expected, generated] = [prompt, "yes", generated].map(str::to_owned);
        Sample { step, prompt, expected, generated, shape: Some(shape) }
    }

    fn texts<'a>(found: &SideBySide<'a>) -> Vec<Vec<Option<&'a str>>> {
        let of = |one: &PromptTexts<'a>| one.texts.iter().map(|text| Some(text.as_ref()?.generated.as_str())).collect();
        found.prompts.iter().map(of).collect()
    }

    #[test]
    fn each_prompt_has_a_text_for_each_checkpoint_that_wrote_one() {
        let samples = [
            sample(0, "a", "x"),
            sample(0, "b", "y"),
            sample(5, "a", "old"),
            sample(5, "a", "new"),
            sample(9, "b", "I cannot help you."),
        ];
        let found = side_by_side(&samples, Some(5), 6);
        let names: Vec<&str> = found.checkpoints.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Before training", "Step 5, the best", "Step 9"]);
        let expected = [vec![Some("x"), Some("new"), None], vec![Some("y"), None, Some("I cannot help you.")]];
        assert_eq!((texts(&found), found.num_left_out), (expected.to_vec(), 0));
        assert_eq!(found.checkpoints[0].about, "2 texts: 1.0 tokens each; 0 ended; 50 % repeated");
        assert_eq!(found.checkpoints[2].about, "1 text: 18.0 tokens each; 1 ended; 50 % repeated; 1 refused");
        assert_eq!(side_by_side(&[], None, 6), SideBySide::default());
    }

    #[test]
    fn of_many_checkpoints_the_first_the_last_and_the_best_are_shown() {
        let steps: Vec<u32> = (0..20).collect();
        for max in 3..8 {
            let chosen = choose(&steps, Some(7), max);
            assert_eq!(chosen.len(), max, "{chosen:?}");
            assert!(chosen.is_sorted() && [0, 7, 19].iter().all(|step| chosen.contains(step)), "{chosen:?}");
        }
        assert_eq!(choose(&steps, None, 3), [0, 9, 19]);
        assert_eq!(choose(&steps[..2], None, 6), [0, 1]);
        assert_eq!(choose(&[4], Some(9), 6), [4]);
        let samples: Vec<Sample> = (0..20).map(|step| sample(step, "a", "x")).collect();
        assert_eq!(side_by_side(&samples, None, 5).num_left_out, 15);
    }

    #[test]
    fn one_text_is_described() {
        let shape = TextShape { num_tokens: 1, rep_4: Some(0.0), is_complete: true };
        assert_eq!(describe_shape(shape), "1 token, ended by the model");
        let long = TextShape { num_tokens: 12, rep_4: Some(0.25), is_complete: false };
        assert_eq!(describe_shape(long), "12 tokens, cut at the limit, 25 % repeated");
    }

    #[test]
    fn samples_are_read_off_events() {
        let one = sample(3, "a", "b");
        let Sample { step, prompt, expected, generated, shape } = one.clone();
        assert_eq!(Sample::of_event(&TrainEvent::Sampled { step, prompt, expected, generated, shape }), Some(one));
        assert_eq!(Sample::of_event(&TrainEvent::CheckpointDue { step }), None);
    }
}
