//! What a model card says of a model that labels images.

use crate::task::class_answers::card_note;
use crate::task::{CardRequest, CardText};
use crate::words;

/// Labels that the card names.
const SHOWN: usize = 20;

/// What the model does and how it is asked.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let shown: Vec<String> = request.labels.iter().take(SHOWN).map(|label| format!("`{label}`")).collect();
    let names = words::list(&shown, request.labels.len());
    CardText {
        what: format!(
            " that tells images of {} labels apart: {names}.{}",
            request.labels.len(),
            card_note(&request.job.thresholds)
        ),
        pipeline_arguments: r#""image.jpg""#.into(),
        python: None,
        hone_arguments: "image.jpg".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn twenty_labels_are_named_and_a_file_is_asked_about() {
        let labels: Vec<String> = (0..22).map(|label| format!("l{label}")).collect();
        let job = &Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let card_of =
            |labels| card(&CardRequest { class_name: "ViTForImageClassification", labels, job, is_adapter: false });
        assert_eq!(card_of(&labels[..2]).what, " that tells images of 2 labels apart: `l0`, `l1`.");
        let found = card_of(&labels);
        assert!(found.what.ends_with("`l19` and 2 more."), "{}", found.what);
        assert_eq!((found.pipeline_arguments.as_str(), found.hone_arguments.as_str()), ("\"image.jpg\"", "image.jpg"));
    }
}
