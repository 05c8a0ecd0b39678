//! Texts that are asked about twice, as they are and with words swapped. In: inputs, and pairs of words. Out: how often the answer
//! changes. Which answers these are is what `hone predict` says: with the temperature that the model has.

use super::answering::{Answered, Answering};
use crate::task::{LabelAnswer, SwapPairs, SwapReport, TaskInput, compare_answers, label_answer};

/// Inputs with words of the pairs in them, being asked about.
pub struct Swapping {
    num_inputs: usize,
    /// Index among all inputs, the input as it is, and swapped.
    asked: Vec<(usize, TaskInput, TaskInput)>,
    /// What is asked: drive it with [`Session::answer_inputs`](super::Session::answer_inputs) until it is done.
    pub answering: Answering,
}

impl Swapping {
    /// Finds the inputs that have words of the pairs, to be asked about at most `part_size` at a time.
    #[must_use]
    pub fn new(inputs: Vec<TaskInput>, pairs: &SwapPairs, part_size: usize) -> Self {
        let num_inputs = inputs.len();
        let found = inputs.into_iter().enumerate();
        let asked: Vec<(usize, TaskInput, TaskInput)> = found
            .filter_map(|(index, input)| {
                let swapped = pairs.swap_input(&input)?;
                Some((index, input, swapped))
            })
            .collect();
        let both = asked.iter().flat_map(|(_, input, swapped)| [input.clone(), swapped.clone()]);
        let answering = Answering::new(both.collect(), part_size);
        Self { num_inputs, asked, answering }
    }

    /// What was found, once all is answered.
    #[must_use]
    pub fn finish(self, labels: &[String]) -> SwapReport {
        let Self { num_inputs, asked, answering } = self;
        let Answered { predictions, .. } = answering.finish();
        let shown = |input: &TaskInput| match &input.second {
            Some(second) => format!("{}\n{second}", input.text),
            None => input.text.clone(),
        };
        let texts: Vec<[String; 2]> = asked.iter().map(|(_, input, swapped)| [shown(input), shown(swapped)]).collect();
        let answer = |at: usize| predictions.get(at).and_then(Option::as_ref).and_then(label_answer);
        let rows = asked.iter().zip(&texts).enumerate().filter_map(|(at, ((index, ..), [text, swapped]))| {
            let answers: [LabelAnswer<'_>; 2] = [answer(2 * at)?, answer(2 * at + 1)?];
            Some((*index, text.as_str(), swapped.as_str(), answers))
        });
        compare_answers(num_inputs, labels, &rows.collect::<Vec<_>>())
    }
}
