//! Names of classes that the `datasets` library keeps beside numbers (`ClassLabel`). In: the note on its features in the footer of
//! a Parquet file. Out: for a column, or what lies in it, the names that its numbers stand for.
//!
//! The note is JSON under the key `huggingface`: <https://huggingface.co/docs/datasets/about_dataset_features>.

use std::collections::BTreeMap;

use parquet::file::metadata::KeyValue;
use serde_json::{Map, Value};

/// The key of the note, and the kinds of features in it.
const KEY: &str = "huggingface";
const CLASS_LABEL: &str = "ClassLabel";
const LISTS: [&str; 3] = ["Sequence", "List", "LargeList"];

/// Levels of features that are looked at.
const MAX_DEPTH: usize = 16;

/// Longest name of a class, in bytes: each number of a file becomes one.
const MAX_NAME: usize = 256;

/// The tag of a word that is in no entity, and prefixes of the others in the order in which a model has those of a type.
const OUTSIDE: &str = "O";
const PREFIXES: &str = "BIELSU";

/// Classes of a column that a sentence names.
const MAX_SAID: usize = 5;

/// Names of classes somewhere in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClassNames {
    /// The value is the index of one of these.
    Of(Vec<String>),
    /// The value is a list, of which each element has such names.
    Each(Box<ClassNames>),
    /// The value is a struct with such fields.
    Fields(BTreeMap<String, ClassNames>),
}

impl ClassNames {
    /// Names in the columns of a file; none where it has no such note.
    pub(super) fn of_columns(notes: Option<&[KeyValue]>) -> BTreeMap<String, Self> {
        let note = notes.into_iter().flatten().find(|note| note.key == KEY).and_then(|note| note.value.as_deref());
        let note: Option<Value> = note.and_then(|json| serde_json::from_str(json).ok());
        let features = note.as_ref().and_then(|note| note.get("info")?.get("features")?.as_object());
        features.map(|features| fields(features, MAX_DEPTH)).unwrap_or_default()
    }

    /// What a number stands for: a name, or nothing where it is -1, as of a row without a label. `None` of any other number.
    pub(super) fn name_of(&self, number: i64) -> Option<Option<&str>> {
        match self {
            Self::Of(_) if number == -1 => Some(None),
            Self::Of(names) => {
                usize::try_from(number).ok().and_then(|index| names.get(index)).map(|name| Some(name.as_str()))
            }
            Self::Each(_) | Self::Fields(_) => None,
        }
    }

    /// The names in the elements of a list.
    pub(super) fn element(&self) -> Option<&Self> {
        match self {
            Self::Each(names) => Some(names),
            Self::Of(_) | Self::Fields(_) => None,
        }
    }

    /// The names in a field of a struct.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Fields(fields) => fields.get(name),
            Self::Of(_) | Self::Each(_) => None,
        }
    }

    /// `: 0 is "O", 1 is "B-PER" …`; nothing of fields of a struct.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Of(names) => {
                let said: Vec<String> = names
                    .iter()
                    .enumerate()
                    .take(MAX_SAID)
                    .map(|(index, name)| format!("{index} is {name:?}"))
                    .collect();
                format!(": {}", said.join(", ")) + if names.len() > MAX_SAID { ", …" } else { "" }
            }
            Self::Each(names) => names.describe(),
            Self::Fields(_) => String::new(),
        }
    }

    /// Says that a model numbers the classes otherwise than the file; nothing where it does not.
    pub(super) fn say_of_ids(&self) -> &'static str {
        match self {
            Self::Of(names) if !have_order_of_model(names) => {
                "; a model that is trained on them numbers them anew, by their names: the numbers are in its config.json"
            }
            Self::Each(names) => names.say_of_ids(),
            Self::Of(_) | Self::Fields(_) => "",
        }
    }
}

/// Whether a model that is trained on classes of these names numbers them as the file does: sorted as numbers if all are numbers, else as
/// texts; tags with `O` first, then by type and prefix.
fn have_order_of_model(names: &[String]) -> bool {
    let number = |name: &String| name.parse::<f64>().ok().filter(|number| number.is_finite());
    if names.iter().any(|name| name == OUTSIDE) {
        return names.is_sorted_by_key(|name| tag_key(name));
    }
    match names.iter().map(number).collect::<Option<Vec<f64>>>() {
        Some(numbers) => numbers.is_sorted(),
        None => names.is_sorted(),
    }
}

fn tag_key(name: &str) -> (bool, &str, Option<usize>) {
    let parts = name.split_once('-').filter(|(prefix, label)| prefix.len() == 1 && !label.is_empty());
    let ranked = parts.and_then(|(prefix, label)| Some((label, PREFIXES.find(prefix)?)));
    let (label, rank) = ranked.map_or((name, None), |(label, rank)| (label, Some(rank)));
    (name != OUTSIDE, label, rank)
}

/// Names in features by their own names.
fn fields(features: &Map<String, Value>, depth: usize) -> BTreeMap<String, ClassNames> {
    features.iter().filter_map(|(name, feature)| Some((name.clone(), names_in(feature, depth)?))).collect()
}

/// Names in a feature; `None` where it has none.
fn names_in(feature: &Value, depth: usize) -> Option<ClassNames> {
    let depth = depth.checked_sub(1)?;
    let each = |feature: &Value| Some(ClassNames::Each(Box::new(names_in(feature, depth)?)));
    let object = match feature {
        // A list in Python, around what is in it.
        Value::Array(only) => return only.first().and_then(each),
        Value::Object(object) => object,
        _ => return None,
    };
    let all = |fields: BTreeMap<String, ClassNames>| (!fields.is_empty()).then_some(ClassNames::Fields(fields));
    match object.get("_type").and_then(Value::as_str) {
        Some(CLASS_LABEL) => {
            let names: Option<Vec<String>> =
                object.get("names")?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect();
            let are_names = |names: &Vec<String>| !names.is_empty() && names.iter().all(|name| name.len() <= MAX_NAME);
            names.filter(are_names).map(ClassNames::Of)
        }
        Some(kind) if LISTS.contains(&kind) => match object.get("feature")? {
            // A sequence of structs is kept as a struct of lists.
            Value::Object(inner) if kind == LISTS[0] && !inner.contains_key("_type") => {
                all(inner.iter().filter_map(|(name, feature)| Some((name.clone(), each(feature)?))).collect())
            }
            inner => each(inner),
        },
        Some(_) => None,
        None => all(fields(object, depth)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(features: &str) -> BTreeMap<String, ClassNames> {
        let note = KeyValue::new(KEY.to_owned(), format!(r#"{{"info": {{"features": {features}}}}}"#));
        let other = KeyValue::new("pandas".to_owned(), "{}".to_owned());
        ClassNames::of_columns(Some(&[other, note]))
    }

    #[test]
    fn classes_are_found_wherever_the_library_keeps_them() {
        let label = r#"{"names": ["neg", "pos"], "_type": "ClassLabel"}"#;
        let text = r#"{"dtype": "string", "_type": "Value"}"#;
        let of = ClassNames::Of(vec!["neg".into(), "pos".into()]);
        let found = columns(&format!(r#"{{"text": {text}, "label": {label}}}"#));
        assert_eq!(found, BTreeMap::from([("label".to_owned(), of.clone())]));
        assert_eq!(found["label"].describe(), r#": 0 is "neg", 1 is "pos""#);
        assert_eq!(
            [0, 1, -1, 2, -2].map(|number| of.name_of(number)),
            [Some(Some("neg")), Some(Some("pos")), Some(None), None, None]
        );
        for list in [
            format!(r#"{{"feature": {label}, "length": -1, "_type": "Sequence"}}"#),
            format!(r#"{{"feature": {label}, "_type": "List"}}"#),
            format!("[{label}]"),
        ] {
            let found = columns(&format!(r#"{{"tags": {list}}}"#));
            assert_eq!(found["tags"].element(), Some(&of), "{list}");
        }
        let found = columns(&format!(
            r#"{{"a": {{"b": {label}, "c": {text}}}, "d": {{"feature": {{"e": {label}}}, "_type": "Sequence"}}}}"#
        ));
        assert_eq!(found["a"].field("b"), Some(&of));
        assert_eq!(found["d"].field("e").and_then(ClassNames::element), Some(&of));
    }

    #[test]
    fn it_is_said_where_a_model_numbers_classes_otherwise() {
        let of = |names: &[&str]| ClassNames::Of(names.iter().map(|name| (*name).to_owned()).collect());
        for same in [&["neg", "pos"][..], &["1", "2", "10"], &["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]] {
            assert_eq!(of(same).say_of_ids(), "", "{same:?}");
        }
        for other in [&["pos", "neg"][..], &["1", "10", "2"], &["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], &["a", "O"]] {
            let said = ClassNames::Each(Box::new(of(other))).say_of_ids();
            assert!(said.contains("numbers them anew"), "{other:?}");
        }
    }

    #[test]
    fn notes_of_any_other_kind_name_nothing() {
        let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
        let nameless =
            r#"{"label": {"num_classes": 2, "_type": "ClassLabel"}, "x": {"names": [1], "_type": "ClassLabel"}}"#;
        let long = format!(r#"{{"label": {{"names": ["{}"], "_type": "ClassLabel"}}}}"#, "x".repeat(300));
        let deep = format!(r#"{{"a": {deep}}}"#);
        for features in [nameless, long.as_str(), "[]", "{", deep.as_str()] {
            assert!(columns(features).is_empty(), "{features}");
        }
        assert!(ClassNames::of_columns(None).is_empty());
    }
}
