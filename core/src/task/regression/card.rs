//! What a model card says of a model that predicts numbers.

use crate::task::texts::card_arguments;
use crate::task::{CardRequest, CardText};
use crate::words;

/// Outputs that the card names.
const SHOWN: usize = 20;

/// What the model does and how it is asked: without a function the pipeline would press numbers into probabilities.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let shown: Vec<String> = request.labels.iter().take(SHOWN).map(|label| format!("`{label}`")).collect();
    let names = words::list(&shown, request.labels.len());
    let (input, hone_arguments) = card_arguments(request.job);
    let numbers = if request.labels.len() == 1 { "a number" } else { "numbers" };
    CardText {
        what: format!(" that predicts {numbers} for a text: {names}."),
        pipeline_arguments: format!("{input}, function_to_apply=\"none\", top_k=None"),
        python: None,
        hone_arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn the_pipeline_gives_numbers_as_they_are() {
        let job = &Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let labels = &["score".to_owned()];
        let found = card(&CardRequest { class_name: "BertForSequenceClassification", labels, job, is_adapter: false });
        assert_eq!(found.what, " that predicts a number for a text: `score`.");
        assert!(found.pipeline_arguments.contains("function_to_apply=\"none\""), "{}", found.pipeline_arguments);
    }
}
