//! Copies of training rows that a model made, as data that a job file carries: a run that starts again, or goes on elsewhere, learns
//! from the very same ones, whatever its device computes in the last bit.
//!
//! In: copies, each with the number of its row and a hash of what the row was. Out: the same, cheap to hand around.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AugmentKind, ConfigProblem};
use crate::file_text::text_of;

/// A copy of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeCopy {
    /// Number of its row in the training file.
    pub row: usize,
    /// Beginning of the SHA-256 of the texts of that row, by which a row that was edited since is told.
    pub of: String,
    /// Its texts, as many as the row has.
    pub texts: Vec<String>,
}

/// Copies that a model made of training rows; labels and targets are those of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeCopies {
    /// How they were made, and by which model, in words for people.
    pub by: String,
    /// The way in which they were changed.
    pub kind: AugmentKind,
    /// The copies, in the order of their rows. They are shared: options of reading are handed around often.
    #[serde(serialize_with = "write_copies", deserialize_with = "read_copies")]
    pub copies: Arc<[MadeCopy]>,
}

impl Default for MadeCopies {
    fn default() -> Self {
        Self { by: String::new(), kind: AugmentKind::Masked, copies: Arc::default() }
    }
}

impl MadeCopies {
    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// Every copy that can't be one of any row.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let problem = |(index, copy): (usize, &MadeCopy)| {
            let what = match copy {
                MadeCopy { row: 0, .. } => "names row 0: rows are counted from 1",
                MadeCopy { texts, .. } if texts.is_empty() => "has no text",
                _ => return None,
            };
            Some(ConfigProblem { field: "copies".into(), message: format!("copy {} {what}", index + 1) })
        };
        self.copies.iter().enumerate().filter_map(problem).collect()
    }

    /// Reads copies from a file, as [`Self::to_json`] writes it.
    ///
    /// # Errors
    /// When it holds no copies, or one that can't be a copy of any row.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let text = text_of(bytes).map_err(|error| format!("the file is {error}"))?;
        let made: Self = serde_json::from_str(&text).map_err(|error| format!("no copies of rows: {error}"))?;
        match made.check().into_iter().next() {
            Some(problem) => Err(problem.message),
            None => Ok(made),
        }
    }

    /// The copies as a file.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("copies hold only plain values") + "\n"
    }
}

fn write_copies<S: Serializer>(copies: &Arc<[MadeCopy]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(copies.iter())
}

fn read_copies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[MadeCopy]>, D::Error> {
    Vec::<MadeCopy>::deserialize(deserializer).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(row: usize, texts: &[&str]) -> MadeCopies {
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        let copies = Arc::new([MadeCopy { row, of: "0123".into(), texts }]);
        MadeCopies { by: "tiny".into(), kind: AugmentKind::Translated, copies }
    }

    #[test]
    fn copies_survive_their_file_and_what_can_be_of_no_row_is_named() {
        let good = made(2, &["ü \"a\"\n"]);
        assert_eq!(MadeCopies::from_json(good.to_json().as_bytes()), Ok(good));
        assert!(MadeCopies::default().is_empty() && MadeCopies::default().check().is_empty());
        let error = |made: &MadeCopies| MadeCopies::from_json(made.to_json().as_bytes()).expect_err("it is of no row");
        assert_eq!(error(&made(0, &["a"])), "copy 1 names row 0: rows are counted from 1");
        assert_eq!(error(&made(2, &[])), "copy 1 has no text");
        assert!(MadeCopies::from_json(b"[]").is_err());
        let good = made(2, &["a"]);
        assert_eq!(MadeCopies::from_json(format!("\u{feff}{}", good.to_json()).as_bytes()), Ok(good));
    }
}
