//! The labels of a head and what its outputs mean, as `config.json` says it.

use serde_json::Value;

use super::ModelError;
use super::fields::Fields;

/// Most labels of a classifier.
pub const MAX_LABELS: usize = 65_536;

/// What the outputs of a classifier of rows mean, as `transformers` decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemType {
    /// One label of several: softmax.
    SingleLabelClassification,
    /// Any number of labels: a sigmoid each.
    MultiLabelClassification,
    /// Numbers as they are.
    Regression,
}

impl ProblemType {
    const ALL: [Self; 3] = [Self::SingleLabelClassification, Self::MultiLabelClassification, Self::Regression];

    /// As `config.json` spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleLabelClassification => "single_label_classification",
            Self::MultiLabelClassification => "multi_label_classification",
            Self::Regression => "regression",
        }
    }

    /// The problem type of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem_type| problem_type.name() == name)
    }

    /// `problem_type`, else one label of several; regression where there is one output.
    pub(super) fn from_fields(fields: &Fields<'_>) -> Result<Self, ModelError> {
        let outputs = match fields.object("id2label") {
            Some(labels) => labels.len(),
            None => fields.whole_or("num_labels", 2)?,
        };
        match fields.text_or("problem_type", "")? {
            "" => Ok(Self::SingleLabelClassification.of_outputs(outputs)),
            name => match Self::from_name(name) {
                Some(problem_type) => Ok(problem_type.of_outputs(outputs)),
                None => {
                    let known = Self::ALL.map(Self::name).join(", ");
                    let reason = format!("{name:?} is none of {known}");
                    Err(ModelError::Field { field: "problem_type", reason })
                }
            },
        }
    }

    /// What a head of so many outputs does: a single label of one label is a number, for its probability would be 1
    /// whatever the text.
    #[must_use]
    pub fn of_outputs(self, outputs: usize) -> Self {
        match self {
            Self::SingleLabelClassification if outputs == 1 => Self::Regression,
            other => other,
        }
    }
}

/// `id2label` in order of ids, unless all are placeholders.
pub(super) fn labels(json: &Value) -> Vec<String> {
    let Some(map) = json.get("id2label").and_then(Value::as_object) else { return Vec::new() };
    let mut pairs: Vec<(usize, String)> =
        map.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label_text(label)?))).collect();
    pairs.sort();
    let is_numbered = pairs.iter().enumerate().all(|(index, (id, _))| index == *id) && pairs.len() == map.len();
    let is_placeholder = pairs.iter().all(|(id, label)| *label == format!("LABEL_{id}"));
    if !is_numbered || is_placeholder {
        return Vec::new();
    }
    pairs.into_iter().map(|(_, label)| label).collect()
}

/// A label as it stands in the file; some files have numbers for labels.
fn label_text(label: &Value) -> Option<String> {
    match label {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ModelConfig;
    use super::super::config::tests::{BERT, with};
    use super::*;

    #[test]
    fn placeholder_labels_are_no_labels() {
        assert!(with(r#""id2label":{"0":"LABEL_0","1":"LABEL_1"}"#).labels.is_empty());
        assert_eq!(with(r#""id2label":{"1":"b","0":"a"}"#).labels, ["a", "b"]);
    }

    #[test]
    fn labels_that_are_numbers_are_their_text() {
        assert_eq!(with(r#""id2label":{"0":0,"1":1,"2":"two"}"#).labels, ["0", "1", "two"]);
        assert_eq!(with(r#""id2label":{"0":-1,"1":10000000000000000}"#).labels, ["-1", "10000000000000000"]);
        assert!(with(r#""id2label":{"0":"a","2":"b"}"#).labels.is_empty(), "a gap");
    }

    #[test]
    fn the_problem_type_is_that_of_transformers() {
        use ProblemType::{MultiLabelClassification, Regression, SingleLabelClassification};
        let cases = [
            (r#""x":0"#, SingleLabelClassification),
            (r#""problem_type":null"#, SingleLabelClassification),
            (r#""problem_type":"multi_label_classification""#, MultiLabelClassification),
            (r#""problem_type":"multi_label_classification","id2label":{"0":"a"}"#, MultiLabelClassification),
            (r#""problem_type":"regression","id2label":{"0":"a","1":"b"}"#, Regression),
            (r#""id2label":{"0":"LABEL_0"}"#, Regression),
            (r#""num_labels":1"#, Regression),
            (r#""num_labels":1,"problem_type":"single_label_classification""#, Regression),
            (r#""id2label":{"0":"a","1":"b","2":"c"}"#, SingleLabelClassification),
        ];
        for (fields, problem_type) in cases {
            assert_eq!(with(fields).problem_type, problem_type, "{fields}");
            assert_eq!(ProblemType::from_name(problem_type.name()), Some(problem_type));
        }
        let text = BERT.replacen('{', r#"{"problem_type":"ranking","#, 1);
        let error = ModelConfig::from_json(text.as_bytes()).expect_err("unknown").to_string();
        assert!(error.contains("problem_type") && error.contains("\"ranking\""), "{error}");
    }
}
