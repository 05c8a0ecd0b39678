//! Names of tags that a JSON document has beside its rows, in the order of their ids. In: the bytes. Out: the names, where there are any.

use serde::Deserialize;

use crate::config::ReadOptions;
use crate::data::read_text;

/// Names of tags in the order of their ids, where a JSON document has them beside its rows.
pub(super) fn names_beside(bytes: &[u8], read: &ReadOptions) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(alias = "label_names", alias = "tag_names", alias = "ner_tags_names")]
        names: Option<Vec<String>>,
    }
    let decoded = read_text(bytes, read.encoding).ok()?;
    let document = decoded.text.trim_start();
    let is_object = document.starts_with('{');
    if is_object { serde_json::from_str::<Document>(document).ok()?.names } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tags_may_stand_beside_the_rows() {
        let names = |text: &str| names_beside(text.as_bytes(), &ReadOptions::default());
        let found = names(r#"{"label_names": ["O", "B-PER"], "data": [{"tokens": ["a"], "tags": [0]}]}"#);
        assert_eq!(found, Some(vec!["O".into(), "B-PER".into()]));
        assert_eq!(names(r#"{"data": [{"tokens": ["a"], "tags": [0]}]}"#), None);
        assert_eq!(names(r#"[{"tokens": ["a"], "names": ["x"]}]"#), None);
    }
}
