//! What a model card says of a model that finds names in texts.

use crate::metrics::entity_spans;
use crate::task::{CardRequest, CardText};
use crate::words;

/// Types that the card names.
const SHOWN: usize = 20;

/// What the model does and how it is asked.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let mut types: Vec<String> = Vec::new();
    for entity in request.labels.iter().flat_map(|label| entity_spans(&[label])) {
        if !types.contains(&entity.label) {
            types.push(entity.label);
        }
    }
    let shown: Vec<String> = types.iter().take(SHOWN).map(|label| format!("`{label}`")).collect();
    let (count, names) = (words::plural(types.len(), "type"), words::list(&shown, types.len()));
    CardText {
        what: format!(" that finds {count} of names and terms in texts: {names}."),
        pipeline_arguments: "\"your text here\", aggregation_strategy=\"first\"".into(),
        python: None,
        hone_arguments: "--text \"your text here\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn types_are_named_once_and_words_are_put_together() {
        let labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"].map(str::to_owned);
        let job = &Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let class_name = "BertForTokenClassification";
        let found = card(&CardRequest { class_name, labels: &labels, job, is_adapter: false });
        assert_eq!(found.what, " that finds 2 types of names and terms in texts: `PER`, `LOC`.");
        assert!(found.pipeline_arguments.ends_with(r#"aggregation_strategy="first""#));
    }
}
