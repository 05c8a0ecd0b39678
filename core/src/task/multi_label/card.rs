//! What a model card says of a model that gives texts several labels.

use crate::task::texts::card_arguments;
use crate::task::thresholds::DEFAULT_THRESHOLD;
use crate::task::{CardRequest, CardText};
use crate::words;

/// Labels that the card names.
const SHOWN: usize = 20;

/// What the model does, from which probability on it gives each label, and how it is asked.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let (labels, thresholds) = (request.labels, &request.job.thresholds);
    let label = |label: &String| match thresholds.get(label) {
        Some(threshold) => format!("`{label}` ({threshold:.4})"),
        None if thresholds.is_empty() => format!("`{label}`"),
        None => format!("`{label}` ({DEFAULT_THRESHOLD})"),
    };
    let names = words::list(&labels.iter().take(SHOWN).map(label).collect::<Vec<_>>(), labels.len());
    let (from, note) = match thresholds.is_empty() {
        true => (DEFAULT_THRESHOLD.to_string(), String::new()),
        false => (
            "its own".to_owned(),
            format!(
                " These thresholds, in full in `hone.json`, give each label its best F1 on the validation rows; the \
                 figures of the validation rows themselves are those at {DEFAULT_THRESHOLD}."
            ),
        ),
    };
    let (input, hone_arguments) = card_arguments(request.job);
    CardText {
        what: format!(
            " that gives a text any number of {} labels, each from a probability of {from} on: {names}.{note}",
            labels.len()
        ),
        pipeline_arguments: format!("{input}, top_k=None"),
        python: None,
        hone_arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn labels_and_their_thresholds_are_named() {
        let card_of = |thresholds: &[(&str, f64)]| {
            let thresholds = thresholds.iter().map(|&(label, value)| (label.to_owned(), value)).collect();
            let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
            let job = &Job { thresholds, ..job };
            let labels = &["toxic".to_owned(), "insult".to_owned()];
            card(&CardRequest { class_name: "BertForSequenceClassification", labels, job, is_adapter: false })
        };
        let found = card_of(&[]);
        let expected =
            " that gives a text any number of 2 labels, each from a probability of 0.5 on: `toxic`, `insult`.";
        assert_eq!(
            (found.what.as_str(), found.pipeline_arguments.as_str()),
            (expected, "\"your text here\", top_k=None")
        );
        let found = card_of(&[("toxic", 0.312_56)]).what;
        let expected = " each from a probability of its own on: `toxic` (0.3126), `insult` (0.5). These thresholds";
        assert!(found.contains(expected), "{found}");
    }
}
