//! The labels of a head and what its outputs mean, as `config.json` says it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::fields::Fields;
use super::{ModelConfig, ModelError};
use crate::task::HeadKind;

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

/// Labels of the head that is in a model's file, with so many outputs, where `config.json` does not name each by its id; and what is
/// to be said of that, and of two of one name.
#[must_use]
pub fn adopt_labels(config: &mut ModelConfig, outputs: usize) -> Vec<String> {
    let named = config.labels.len();
    let mut notes = Vec::new();
    if named > 0 && named != outputs {
        notes.push(format!(
            "id2label of config.json names {named} labels, and the classifier of the weights, of {outputs} outputs, is not used"
        ));
    } else if named == 0 && outputs <= MAX_LABELS {
        let (labels, note) = fill_labels(&config.json, outputs);
        config.labels = labels;
        notes.extend(note);
    }
    // Tags may share a name: each token has one, and is not told by which.
    if config.own_head().kind != HeadKind::Token {
        notes.extend(tell_apart(&mut config.labels));
    }
    notes
}

/// Labels of a head with so many outputs, of which `config.json` does not name each by its id: the names that it has, by
/// `id2label` or, without that, by `label2id`, and `LABEL_k` for the others; and what is to be said of that.
fn fill_labels(json: &Value, outputs: usize) -> (Vec<String>, Option<String>) {
    let map = |field: &str| json.get(field).and_then(Value::as_object);
    let mut named: BTreeMap<usize, String> = match map("id2label") {
        Some(map) => map.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label_text(label)?))).collect(),
        None => {
            let ids = map("label2id").into_iter().flatten();
            ids.filter_map(|(label, id)| Some((usize::try_from(id.as_u64()?).ok()?, label.clone()))).collect()
        }
    };
    named.retain(|id, label| *label != format!("LABEL_{id}"));
    let field = if map("id2label").is_some() { "id2label" } else { "label2id" };
    let beyond = named.keys().next_back().copied().filter(|&id| id >= outputs);
    let note = match beyond {
        _ if named.is_empty() => None,
        Some(id) => Some(format!(
            "{field} of config.json names the label {id}, and the classifier of the weights has {outputs} outputs, from 0: \
             the names are not used"
        )),
        None if named.len() < outputs => Some(format!(
            "{field} of config.json names {} of {outputs} labels: the others are called LABEL_ and their id",
            named.len()
        )),
        None => Some(format!("labels are named by {field} of config.json")),
    };
    let name = |id: usize| named.get(&id).filter(|_| beyond.is_none()).cloned();
    ((0..outputs).map(|id| name(id).unwrap_or_else(|| format!("LABEL_{id}"))).collect(), note)
}

/// Numbers labels that are called as one before is, since answers are told apart by their names; and says it.
fn tell_apart(labels: &mut [String]) -> Option<String> {
    let mut taken: HashSet<String> = labels.iter().cloned().collect();
    let (mut seen, mut counts, mut note) = (HashSet::new(), HashMap::new(), None);
    for label in labels {
        if seen.insert(label.clone()) {
            continue;
        }
        let count = counts.entry(label.clone()).or_insert(1);
        let name = loop {
            *count += 1;
            let name = format!("{label} ({count})");
            if taken.insert(name.clone()) {
                break name;
            }
        };
        note.get_or_insert_with(|| {
            format!("config.json calls two labels {label:?}: the second is called {name:?} here")
        });
        *label = name;
    }
    note
}

/// A label as it stands in the file; some files have numbers for labels, and truths, which Python writes in its way.
fn label_text(label: &Value) -> Option<String> {
    match label {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(if *truth { "True" } else { "False" }.to_owned()),
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
    fn names_of_some_labels_count_and_it_is_said() {
        let fill = |fields: &str| fill_labels(&serde_json::from_str(fields).expect("JSON"), 3);
        let (labels, note) = fill(r#"{"id2label":{"0":"a","2":true}}"#);
        assert_eq!(labels, ["a", "LABEL_1", "True"]);
        assert!(note.is_some_and(|note| note.contains("id2label of config.json names 2 of 3 labels")));
        let (labels, note) = fill(r#"{"id2label":{"0":null,"1":"b","2":"c"}}"#);
        assert!(labels == ["LABEL_0", "b", "c"] && note.is_some());
        let (labels, note) = fill(r#"{"label2id":{"b":1,"a":0,"c":2}}"#);
        assert_eq!(
            (labels.join(" ").as_str(), note.as_deref()),
            ("a b c", Some("labels are named by label2id of config.json"))
        );
        let (labels, note) = fill(r#"{"id2label":{"1":"a","3":"b"}}"#);
        assert!(labels == ["LABEL_0", "LABEL_1", "LABEL_2"] && note.is_some_and(|note| note.contains("label 3")));
        for none in ["{}", r#"{"id2label":{"0":"LABEL_0","1":"LABEL_1"}}"#, r#"{"id2label":[]}"#] {
            assert_eq!(fill(none), (["LABEL_0", "LABEL_1", "LABEL_2"].map(str::to_owned).to_vec(), None), "{none}");
        }
    }

    #[test]
    fn labels_of_one_name_are_numbered_and_it_is_said() {
        let of = |labels: [&str; 5]| {
            let mut labels = labels.map(str::to_owned);
            let note = tell_apart(&mut labels);
            (labels, note)
        };
        let (labels, note) = of(["a", "b", "a", "a (2)", "a"]);
        assert_eq!(labels, ["a", "b", "a (3)", "a (2)", "a (4)"]);
        assert!(note.is_some_and(|note| note.contains("two labels \"a\": the second is called \"a (3)\"")));
        let own = ["a", "b", "c", "A", ""];
        assert_eq!(of(own), (own.map(str::to_owned), None));
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
