//! What a model card says of a model that labels texts.

use crate::task::class_answers::card_note;
use crate::task::texts::card_arguments;
use crate::task::{CardRequest, CardText};
use crate::words;

/// Labels that the card names.
const SHOWN: usize = 20;

/// What the model does and how it is asked.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let shown: Vec<String> = request.labels.iter().take(SHOWN).map(|label| format!("`{label}`")).collect();
    let names = words::list(&shown, request.labels.len());
    let (pipeline_arguments, hone_arguments) = card_arguments(request.job);
    CardText {
        what: format!(
            " that tells {} labels apart: {names}.{}",
            request.labels.len(),
            card_note(&request.job.thresholds)
        ),
        pipeline_arguments,
        python: None,
        hone_arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn twenty_labels_are_named_and_pairs_are_asked_as_pairs() {
        let labels: Vec<String> = (0..22).map(|i| format!("l{i}")).collect();
        let card_of = |labels: &[String], second: Option<&str>| {
            let read = ReadOptions { text_pair_column: second.map(str::to_owned), ..ReadOptions::default() };
            let job = &Job::new(ModelSource::hub("a/b"), None, read, RunConfig::default());
            card(&CardRequest { class_name: "BertForSequenceClassification", labels, job, is_adapter: false })
        };
        let found = card_of(&labels[..2], None);
        assert_eq!(found.what, " that tells 2 labels apart: `l0`, `l1`.");
        assert_eq!(found.pipeline_arguments, "\"your text here\"");
        let found = card_of(&labels, Some("hypothesis"));
        assert!(found.what.ends_with("`l19` and 2 more."), "{}", found.what);
        assert!(found.pipeline_arguments.contains("text_pair") && found.hone_arguments.contains("--text-pair"));
    }
}
