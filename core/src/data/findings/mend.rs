//! What the actions of findings do to rows.
//!
//! In: a finding, the rows that it was made of, and, where labels change, the rows as they stand in their files ([`RowTable`]). Out:
//! which rows change ([`changes_of`]), then the edits that change them ([`edits_of`]): one step of the log of edits. Labels that are
//! read as another one are no edits of rows: [`FindingAction::MergeLabels`] names them. Nor are texts that are cleaned, or longer, as
//! they are read.

use super::{Finding, FindingAction, FindingGroup, FindingRows, FoundRow};
use crate::config::{RowEdit, Split};
use crate::data::edits::{RowId, RowTable, edits_by_file};

/// Most rows that get another label at once: what stood in each goes into the log. The others are found by the next search.
pub const MAX_RELABELED: usize = 2000;

/// A row that an action changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowChange {
    /// Which one.
    pub row: RowId,
    /// The row whose label it gets; `None` where it gets none.
    pub like: Option<RowId>,
}

/// The edits that make changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mended {
    /// The edits, in the order in which they are to be made.
    pub edits: Vec<RowEdit>,
    /// Rows that can't be changed by edits: their labels stand in a list, or nowhere.
    pub num_left: usize,
}

/// The rows that the action of a finding changes. `rows` are those that it was found in; labels stay without them.
#[must_use]
pub fn changes_of(finding: &Finding, rows: Option<&dyn FindingRows>) -> Vec<RowChange> {
    let plain = |found: &FoundRow| RowChange { row: found.id(), like: None };
    let groups = finding.groups.iter();
    match &finding.action {
        FindingAction::None | FindingAction::MergeLabels { .. } => Vec::new(),
        FindingAction::DropRows | FindingAction::CleanTexts { .. } | FindingAction::RaiseMaxSeqLength { .. } => {
            groups.flat_map(|group| &group.rows).map(plain).collect()
        }
        FindingAction::KeepFirst => groups.flat_map(|group| group.rows.iter().skip(1)).map(plain).collect(),
        FindingAction::MoveToTraining => {
            let held_out = groups.flat_map(|group| &group.rows).filter(|found| found.split != Split::Train);
            held_out.map(plain).collect()
        }
        FindingAction::RelabelToMajority => match rows {
            Some(rows) => groups.flat_map(|group| relabeled(group, rows)).take(MAX_RELABELED).collect(),
            None => Vec::new(),
        },
    }
}

/// The rows of a group that have another label than most of it; none where no label is ahead.
fn relabeled(group: &FindingGroup, rows: &dyn FindingRows) -> Vec<RowChange> {
    let Some(label) = &group.label else { return Vec::new() };
    let has_label = |found: &FoundRow| {
        found.index.is_some_and(|index| rows.row_at(found.split.index(), index).labels.join(", ") == *label)
    };
    let (right, wrong): (Vec<&FoundRow>, Vec<&FoundRow>) = group.rows.iter().partition(|&found| has_label(found));
    let Some(like) = right.first().map(|found| found.id()) else { return Vec::new() };
    wrong.into_iter().map(|found| RowChange { row: found.id(), like: Some(like) }).collect()
}

/// The edits that make the changes of an action. `table` has the rows of the files; labels stay without it.
#[must_use]
pub fn edits_of(action: &FindingAction, changes: &[RowChange], table: Option<&RowTable>) -> Mended {
    let rows: Vec<RowId> = changes.iter().map(|change| change.row).collect();
    let edits = match action {
        FindingAction::None
        | FindingAction::MergeLabels { .. }
        | FindingAction::CleanTexts { .. }
        | FindingAction::RaiseMaxSeqLength { .. } => Vec::new(),
        FindingAction::DropRows | FindingAction::KeepFirst => {
            edits_by_file(&rows, |file, rows| RowEdit::DropRows { file, rows })
        }
        FindingAction::MoveToTraining => {
            edits_by_file(&rows, |file, rows| RowEdit::MoveRows { file, rows, split: Split::Train })
        }
        FindingAction::RelabelToMajority => return relabel(changes, table),
    };
    Mended { edits, num_left: 0 }
}

/// Gives each row what stands in the columns of labels of the row that it is to be like.
fn relabel(changes: &[RowChange], table: Option<&RowTable>) -> Mended {
    let mut mended = Mended::default();
    for change in changes {
        let edits = table.map(|table| edits_of_labels(change, table)).unwrap_or_default();
        mended.num_left += usize::from(edits.is_empty());
        mended.edits.extend(edits);
    }
    mended
}

fn edits_of_labels(change: &RowChange, table: &RowTable) -> Vec<RowEdit> {
    let like = change.like.and_then(|like| table.cells(like));
    let Some((own, like)) = table.cells(change.row).zip(like) else { return Vec::new() };
    // A list of JSON is shown in the table as text that reading does not find in the file.
    let is_list = |cell: &str| cell.trim_start().starts_with(['[', '{']);
    let columns = table.source().columns.iter().zip(own.iter().zip(like));
    let changed = columns.filter(|((_, role), (was, value))| {
        (role == "label" || role == "labels") && was != value && !is_list(was) && !is_list(value)
    });
    let edit = |((column, _), (was, value)): (&(String, String), (&String, &String))| RowEdit::SetCell {
        file: change.row.file,
        row: change.row.row,
        column: column.clone(),
        was: was.clone(),
        value: value.clone(),
    };
    changed.map(edit).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::super::{FindingKind, FindingRow, FindingScan, Findings, LabelKind};
    use super::*;
    use crate::config::{ReadOptions, TextCleaning};
    use crate::data::edits::RowSource;
    use crate::data::rows::DataFiles;

    const TRAIN: [(&str, &str); 6] = [
        ("my card was stolen yesterday evening", "card"),
        ("my card was stolen yesterday evening", "card"),
        ("when does the parcel arrive at our house", "parcel"),
        ("when does the parcel arrive at our house", "card"),
        ("when does the parcel arrive at our house", "parcel"),
        ("n/a", "card"),
    ];
    const TEST: [(&str, &str); 2] =
        [("my card was stolen yesterday evening", "card"), ("how do i close the account of my wife", "account")];

    /// Training rows and test rows, each in a file of their own, whose first row is row 2.
    struct Rows;

    impl FindingRows for Rows {
        fn labels_are(&self) -> LabelKind {
            LabelKind::Class
        }

        fn has_own_file(&self) -> [bool; 2] {
            [false, true]
        }

        fn sizes(&self) -> [usize; 3] {
            [TRAIN.len(), 0, TEST.len()]
        }

        fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
            let (text, label) = if split == 0 { TRAIN[index] } else { TEST[index] };
            let labels = vec![Cow::Borrowed(label)];
            FindingRow { row: index + 2, texts: vec![text], target: None, labels, num_tokens: None }
        }
    }

    fn found() -> Findings {
        let mut scan = FindingScan::new(Rows.sizes(), 16, 42);
        while scan.step(&Rows, 100) {}
        scan.finish(&Rows)
    }

    fn table(label: impl Fn(&str) -> String) -> RowTable {
        let file = |name: &str, rows: &[(&str, &str)]| {
            let row = |(text, class): &(&str, &str)| format!("{text},\"{}\"\n", label(class).replace('"', "\"\""));
            (name.to_owned(), format!("text,kind\n{}", rows.iter().map(row).collect::<String>()).into_bytes())
        };
        let files =
            DataFiles { train: file("x.csv", &TRAIN), test: Some(file("t.csv", &TEST)), ..DataFiles::default() };
        let own = |name: &str, role: &str| (name.to_owned(), role.to_owned());
        let source = RowSource {
            columns: vec![own("text", "text"), own("kind", "label")],
            file_columns: vec!["text".into(), "kind".into()],
            is_lines: false,
            merge_labels: BTreeMap::new(),
        };
        RowTable::open(&files, &ReadOptions::default(), &source).expect("a table")
    }

    fn mended(kind: FindingKind, action: Option<FindingAction>) -> Vec<RowEdit> {
        let found = found();
        let finding = found.get(kind).expect("it is there").clone();
        let finding = Finding { action: action.unwrap_or_else(|| finding.action.clone()), ..finding };
        let table = table(str::to_owned);
        edits_of(&finding.action, &changes_of(&finding, Some(&Rows)), Some(&table)).edits
    }

    #[test]
    fn the_first_of_each_stays_and_rows_are_named_by_their_files() {
        let drop_rows = |file, rows: &[usize]| RowEdit::DropRows { file, rows: rows.to_vec() };
        assert_eq!(mended(FindingKind::Leaks, None), [drop_rows(Split::Test, &[2])]);
        assert_eq!(mended(FindingKind::Blank, None), [drop_rows(Split::Train, &[7])]);
        let duplicates = mended(FindingKind::Duplicates, None);
        assert_eq!(duplicates, [drop_rows(Split::Train, &[3, 6])], "and 5 has another label");
    }

    #[test]
    fn only_rows_that_are_held_out_move_to_the_training_rows() {
        let moved = mended(FindingKind::Leaks, Some(FindingAction::MoveToTraining));
        assert_eq!(moved, [RowEdit::MoveRows { file: Split::Test, rows: vec![2], split: Split::Train }]);
    }

    #[test]
    fn the_commoner_label_is_taken_as_it_stands_in_the_file() {
        let found = found();
        let conflicts = found.get(FindingKind::Conflicts).expect("one text has two labels");
        let changes = changes_of(conflicts, Some(&Rows));
        let id = |row| RowId { file: Split::Train, row };
        assert_eq!(changes, [RowChange { row: id(5), like: Some(id(4)) }]);
        let edit = |was: &str, value: &str| RowEdit::SetCell {
            file: Split::Train,
            row: 5,
            column: "kind".into(),
            was: was.into(),
            value: value.into(),
        };
        // The file may name them otherwise, such as by numbers that the model has names for.
        let numbers = table(|label| if label == "parcel" { "1".into() } else { "0".into() });
        let mended = edits_of(&conflicts.action, &changes, Some(&numbers));
        assert_eq!(mended, Mended { edits: vec![edit("0", "1")], num_left: 0 });
        let lists = table(|label| format!("[\"{label}\"]"));
        let left = edits_of(&conflicts.action, &changes, Some(&lists));
        assert_eq!(left, Mended { edits: Vec::new(), num_left: 1 });
        assert!(changes_of(conflicts, None).is_empty());
    }

    #[test]
    fn what_asks_for_nothing_or_for_another_reading_is_no_edit() {
        assert!(mended(FindingKind::Leaks, Some(FindingAction::None)).is_empty());
        let merge = FindingAction::MergeLabels { from: vec!["parcel".into()], into: "card".into() };
        assert!(mended(FindingKind::Conflicts, Some(merge)).is_empty());
        let clean = FindingAction::CleanTexts { of: TextCleaning::Markup };
        for action in [clean, FindingAction::RaiseMaxSeqLength { to: 99 }] {
            let found = found();
            let finding = Finding { action: action.clone(), ..found.get(FindingKind::Blank).expect("one").clone() };
            assert_eq!(changes_of(&finding, Some(&Rows)).len(), 1, "the rows that are read otherwise are counted");
            assert!(mended(FindingKind::Blank, Some(action)).is_empty());
        }
    }
}
