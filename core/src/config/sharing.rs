//! How rows of a table are shared out over training, validation and test where shares alone do not say it: by a group, by
//! time, without repeats, or as one fold of several. In: what was asked for. Out: [`RowSharing`], checked.

use serde::{Deserialize, Serialize};

use super::ConfigProblem;

/// Most folds of a cross-validation: each is a run.
pub const MAX_FOLDS: u32 = 100;

/// One fold of a cross-validation: its rows are the validation rows, those of the other folds are trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

/// How rows are shared out; by default in shares that a seed draws.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowSharing {
    /// Rows with one value in this column never stand on both sides of a split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_column: Option<String>,
    /// The rows that are newest by this column are held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_column: Option<String>,
    /// Of rows that are the same in every column that is used only the first is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dedupe: bool,
    /// The validation rows are this fold, whatever share was asked for. The test rows are held out first, and are those of
    /// every fold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// Seed that the splits are drawn by, where it is not that of the run: runs of several seeds on the same rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_seed: Option<u64>,
}

impl RowSharing {
    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Every wish that can't be followed, whatever the file is.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut add = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
        for (field, column) in [("group_column", &self.group_column), ("time_column", &self.time_column)] {
            if column.as_ref().is_some_and(|name| name.trim().is_empty()) {
                add(field, "is empty: name a column, or leave it out".into());
            }
        }
        if self.group_column.is_some() && self.time_column.is_some() {
            add("time_column", "goes not with group_column: rows are held out by their time or by their group".into());
        }
        if let Some(Fold { index, count }) = self.fold {
            if !(2..=MAX_FOLDS).contains(&count) {
                add("fold", format!("{count} folds can't be: there are 2 to {MAX_FOLDS}"));
            } else if index >= count {
                add("fold", format!("fold {index} is not one of {count}, which are counted from 0"));
            }
            if self.time_column.is_some() {
                add("time_column", "goes not with folds: each of them but one would learn from newer rows".into());
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_that_contradict_are_named() {
        let fields =
            |sharing: RowSharing| -> Vec<String> { sharing.check().into_iter().map(|found| found.field).collect() };
        let column = |name: &str| Some(name.to_owned());
        let fold = |index, count| Some(Fold { index, count });
        assert!(fields(RowSharing::default()).is_empty());
        assert!(
            fields(RowSharing { group_column: column("user"), fold: fold(4, 5), ..RowSharing::default() }).is_empty()
        );
        let both = RowSharing { group_column: column("user"), time_column: column("day"), ..RowSharing::default() };
        assert_eq!(fields(both), ["time_column"]);
        assert_eq!(fields(RowSharing { time_column: column(" "), ..RowSharing::default() }), ["time_column"]);
        for wrong in [fold(0, 1), fold(5, 5), fold(0, 101)] {
            assert_eq!(fields(RowSharing { fold: wrong, ..RowSharing::default() }), ["fold"]);
        }
        let timed = RowSharing { time_column: column("day"), fold: fold(0, 5), ..RowSharing::default() };
        assert_eq!(fields(timed), ["time_column"]);
    }

    #[test]
    fn only_what_was_asked_for_is_in_a_file() {
        let json = |sharing: &RowSharing| serde_json::to_string(sharing).expect("plain values");
        assert_eq!(json(&RowSharing::default()), "{}");
        let sharing = RowSharing { dedupe: true, fold: Some(Fold { index: 1, count: 5 }), ..RowSharing::default() };
        assert_eq!(json(&sharing), r#"{"dedupe":true,"fold":{"index":1,"count":5}}"#);
        assert_eq!(serde_json::from_str::<RowSharing>(&json(&sharing)).expect("its own JSON"), sharing);
    }
}
