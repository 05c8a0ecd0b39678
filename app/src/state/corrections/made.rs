//! What was corrected, and what a run's answers are worth by it: in, rows as they were measured and corrections of them; out, those that
//! hold, and figures before and after in words. Plain data, tested natively.

use hone_core::config::{RowEdit, RowEdits, Split};
use hone_core::data::RowId;
use hone_core::metrics::is_exact_answer;
use hone_core::task::MeasuredRows;

use super::tags;
use crate::format;
use crate::state::evaluation::Measured;

/// What is corrected of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// Its one label.
    Label,
    /// Its labels, as many as there are.
    Labels,
    /// Its numbers.
    Numbers,
    /// The text that is to be written for it.
    Text,
    /// The tags of its words.
    Tags,
    /// The answer in its context, or none.
    Answer,
}

impl AnswerKind {
    /// What it is called, of one row and of several.
    pub(crate) fn nouns(self) -> [&'static str; 2] {
        match self {
            Self::Label => ["label", "labels"],
            Self::Labels => ["set of labels", "labels"],
            Self::Numbers => ["number", "numbers"],
            Self::Text => ["text", "texts"],
            Self::Tags => ["set of tags", "tags"],
            Self::Answer => ["answer", "answers"],
        }
    }

    /// The figure that answers are worth, which rises or falls with what is corrected.
    fn figure(self) -> &'static str {
        match self {
            Self::Label | Self::Text => "accuracy",
            Self::Labels => "subset accuracy (all labels right)",
            Self::Numbers => "mean absolute error",
            Self::Tags => "share of rows in which all is found",
            Self::Answer => "share of exact answers",
        }
    }

    fn written(self, value: f64) -> String {
        if self == Self::Numbers { format::significant(value) } else { format::percent(value) }
    }
}

/// A row of a list of wrong ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongAnswer {
    pub kind: AnswerKind,
    /// Where it stands among the rows that were measured.
    pub index: usize,
    /// Row number in its file.
    pub row: usize,
    pub text: String,
    pub second: Option<String>,
    /// What it has: a label, or several; of numbers and texts what stands in each of their columns, once that was asked for; of a
    /// sentence each word with its tag (`tags`), of a question its answer.
    pub values: Vec<String>,
    /// What the model says.
    pub predicted: Vec<String>,
}

/// A row that was corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Correction {
    pub kind: AnswerKind,
    /// The run that was looked at, and the split that it was measured on.
    pub run: u32,
    pub split: Split,
    /// Place of the row among those that were measured.
    pub index: usize,
    /// The row in its file, and what its edited columns hold now.
    pub id: RowId,
    pub cells: Vec<(String, String)>,
    /// What the model says.
    pub predicted: Vec<String>,
    /// What the row has now.
    pub values: Vec<String>,
}

impl Correction {
    /// What the model's answer is worth now: 1 where it is right, else 0; of numbers how far off it is.
    fn outcome(&self) -> f64 {
        if self.kind == AnswerKind::Numbers {
            let number = |text: &String| number_of(text).unwrap_or(f64::NAN);
            let off = |(value, said): (&String, &String)| (number(value) - number(said)).abs();
            return mean(&self.values.iter().zip(&self.predicted).map(off).collect::<Vec<_>>());
        }
        if self.kind == AnswerKind::Tags {
            return if tags::entities(&self.values) == tags::entities(&self.predicted) { 1.0 } else { 0.0 };
        }
        if self.kind == AnswerKind::Answer {
            return if is_exact_answer(&self.values.concat(), &self.predicted.concat()) { 1.0 } else { 0.0 };
        }
        let sorted = |labels: &[String]| {
            let mut labels = labels.to_vec();
            labels.sort_unstable();
            labels
        };
        if sorted(&self.values) == sorted(&self.predicted) { 1.0 } else { 0.0 }
    }
}

/// What the columns of these edits hold after them.
pub(super) fn cells_after(edits: &[RowEdit]) -> Vec<(String, String)> {
    let cell = |edit: &RowEdit| match edit {
        RowEdit::SetCell { column, value, .. } => Some((column.clone(), value.clone())),
        _ => None,
    };
    edits.iter().filter_map(cell).collect()
}

/// What is typed as a number, with a point or, where the file has such, a comma before decimals.
pub(crate) fn number_of(text: &str) -> Option<f64> {
    text.trim().replacen(',', ".", 1).parse().ok().filter(|number: &f64| number.is_finite())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// What a run's answers are worth by what was there before, and by what is corrected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rescored {
    pub kind: AnswerKind,
    pub run: u32,
    pub split: Split,
    pub num_rows: usize,
    /// Which rows these are ([`fingerprint`]).
    pub rows: u64,
    /// Rows of the split that were corrected.
    pub num_corrected: usize,
    /// The figure by what was there when it was measured, and by what is corrected.
    pub before: f64,
    pub after: f64,
}

/// The corrections of a run that hold: the last of each row, while its edit does.
pub(crate) fn find_held(made: &[Correction], run: u32, edits: &RowEdits) -> Vec<Correction> {
    let files = [Split::Train, Split::Valid, Split::Test].map(|file| edits.of_file(file));
    let holds = |one: &Correction| {
        let edited = files[one.id.file.index()].get(&one.id.row);
        let found = |(column, value): &(String, String)| {
            let cell = edited?.cells.iter().find(|cell| cell.column == column)?;
            Some(cell.value == value)
        };
        // A cell that is again as in its file has no edit.
        let found: Vec<bool> = one.cells.iter().filter_map(found).collect();
        !found.is_empty() && found.iter().all(|is_it| *is_it)
    };
    // Where the last correction of a row was taken back, the one before holds again.
    let held: Vec<&Correction> = made.iter().filter(|one| one.run == run && holds(one)).collect();
    let is_last = |index: &usize| !held[index + 1..].iter().any(|later| later.id == held[*index].id);
    (0..held.len()).filter(is_last).map(|index| held[index].clone()).collect()
}

/// What the answers of a run are worth by what is corrected; `None` where no row is right, wrong or a number off.
pub(crate) fn rescore(measured: &Measured, run: u32, corrections: &[Correction]) -> Option<Rescored> {
    let kind = corrections.first()?.kind;
    let rows = MeasuredRows::of(&measured.rows).filter(|rows| !rows.rows.is_empty())?;
    let mut outcomes: Vec<f64> = rows.rows.iter().map(|row| row.outcome).collect();
    let (num_rows, before, fingerprint) = (outcomes.len(), mean(&outcomes), fingerprint(&rows));
    let of_split: Vec<&Correction> = corrections.iter().filter(|one| one.split == measured.split).collect();
    for one in &of_split {
        if let Some(outcome) = outcomes.get_mut(one.index) {
            *outcome = one.outcome();
        }
    }
    let (split, num_corrected) = (measured.split, of_split.len());
    Some(Rescored { kind, run, split, num_rows, rows: fingerprint, num_corrected, before, after: mean(&outcomes) })
}

/// Tells rows that were measured from others: by their numbers and words. The same in every build, as it is kept (FNV-1a), and a whole
/// number that JSON holds, below 2^53.
fn fingerprint(measured: &MeasuredRows) -> u64 {
    let bytes = measured.rows.iter().flat_map(|row| {
        let number = (row.row as u64).to_le_bytes();
        number.into_iter().chain(row.text.bytes()).chain([u8::MAX]) // which ends a text: UTF-8 has no such byte
    });
    let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, add) >> 11
}

impl Rescored {
    /// What is corrected changes of what was measured.
    pub(crate) fn in_words(&self) -> String {
        let Self { kind, run, split, num_rows, num_corrected, before, after, .. } = self;
        let [before, after] = [*before, *after].map(|value| kind.written(value));
        let [_, nouns] = kind.nouns();
        let article = if kind.figure().starts_with('a') { "an" } else { "a" };
        format!(
            "On {} run {run} has {article} {} of {after} by the corrected {nouns}, and of {before} by those before: what is \
             measured has changed, not the model. Only rows that it gets wrong are listed, so the figure by corrected {nouns} \
             flatters it. Of these rows {num_corrected} were corrected.",
            format::plural(*num_rows, &format!("{} row", split.words())),
            kind.figure()
        )
    }

    /// This run beside a second one, by what is corrected where both were measured on the same rows.
    pub(super) fn beside(&self, number: u32, measured: &Measured) -> String {
        let Self { kind, run, num_rows, before, after, .. } = self;
        let other = MeasuredRows::of(&measured.rows);
        let Some(other) = other.filter(|other| measured.split == self.split && fingerprint(other) == self.rows) else {
            return format!("Run {number} was measured on other rows than run {run}: their figures are not compared.");
        };
        let own = mean(&other.rows.iter().map(|row| row.outcome).collect::<Vec<_>>());
        let rows = format::plural(*num_rows, &format!("{} row", measured.split.words()));
        let [before, after, own] = [*before, *after, own].map(|value| kind.written(value));
        let [_, nouns] = kind.nouns();
        format!(
            "By the corrected {nouns}, on the same {rows}: run {run} {after}, run {number} {own} ({}). By the {nouns} before \
             run {run} had {before}; run {number} was not measured by those.",
            kind.figure()
        )
    }
}

#[cfg(test)]
mod tests {
    use hone_core::task::sequence_classification::RowPrediction;
    use hone_core::task::{RowPredictions, Task, regression};

    use super::*;
    use crate::tasks::fixtures;

    fn correction(index: usize, row: usize, predicted: &str, value: &str) -> Correction {
        let id = RowId { file: Split::Train, row };
        let (predicted, values) = (vec![predicted.to_owned()], vec![value.to_owned()]);
        let cells = vec![("label".to_owned(), value.to_owned())];
        Correction { kind: AnswerKind::Label, run: 1, split: Split::Test, index, id, cells, predicted, values }
    }

    fn set(row: usize, column: &str, was: &str, value: &str) -> RowEdit {
        let column = column.to_owned();
        RowEdit::SetCell { file: Split::Train, row, column, was: was.into(), value: value.into() }
    }

    /// Four test rows, of which the second and the third are answered wrongly.
    fn measured() -> Measured {
        let row = |row: usize, label: usize, predicted: usize| RowPrediction {
            row,
            text: format!("text {row}"),
            second: None,
            label,
            predicted,
            probabilities: vec![0.5, 0.5],
        };
        let rows = RowPredictions::SequenceClassification(vec![row(2, 0, 0), row(3, 0, 1), row(5, 1, 0), row(9, 1, 1)]);
        Measured { rows, ..fixtures::measured(fixtures::evaluation(Task::SequenceClassification, Vec::new())) }
    }

    #[test]
    fn a_correction_holds_while_its_edit_does() {
        let made = [correction(1, 3, "b", "b"), correction(2, 5, "a", "c"), correction(2, 5, "a", "a")];
        let log = vec![set(3, "label", "a", "b"), set(5, "label", "b", "c"), set(5, "label", "c", "a")];
        let edits = RowEdits { log };
        assert_eq!(find_held(&made, 1, &edits), [made[0].clone(), made[2].clone()], "the last of a row counts");
        assert!(find_held(&made, 2, &edits).is_empty(), "those of another run");
        let undone = RowEdits { log: edits.log[..2].to_vec() };
        assert_eq!(find_held(&made, 1, &undone), made[..2], "the one before holds again");
        assert!(find_held(&made, 1, &RowEdits::default()).is_empty());
    }

    #[test]
    fn of_a_column_each_those_that_are_still_edited_count() {
        let cells = |cells: &[(&str, &str)]| cells.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let first = Correction { cells: cells(&[("rude", "1")]), ..correction(1, 3, "b", "b") };
        let second = Correction { cells: cells(&[("rude", "0"), ("loud", "1")]), ..first.clone() };
        let mut log = vec![set(3, "rude", "0", "1"), set(3, "rude", "1", "0"), set(3, "loud", "0", "1")];
        let made = [first, second];
        assert_eq!(find_held(&made, 1, &RowEdits { log: log.clone() }), made[1..], "the first cell is as in the file");
        log.truncate(1);
        assert_eq!(find_held(&made, 1, &RowEdits { log }), made[..1]);
    }

    #[test]
    fn the_first_run_is_scored_by_the_corrected_labels_too() {
        let both = [correction(1, 3, "b", "b"), correction(2, 5, "a", "c")];
        let found = rescore(&measured(), 1, &both).expect("rows are right or wrong");
        assert_eq!((found.num_rows, found.num_corrected, found.before, found.after), (4, 2, 0.5, 0.75));
        let valid = Correction { split: Split::Valid, ..both[0].clone() };
        assert_eq!(rescore(&measured(), 1, &[valid]).map(|found| (found.num_corrected, found.after)), Some((0, 0.5)));
        assert_eq!(rescore(&measured(), 1, &[]), None, "nothing was corrected");
        let words = found.in_words();
        assert!(
            words.starts_with("On 4 test rows run 1 has an accuracy of 75.0 % by the corrected labels, and of 50.0 %")
        );
        let beside = found.beside(2, &measured());
        let expected = "By the corrected labels, on the same 4 test rows: run 1 75.0 %, run 2 50.0 % (accuracy).";
        assert!(beside.starts_with(expected), "{beside}");
        let RowPredictions::SequenceClassification(mut rows) = measured().rows else { panic!("one label each") };
        rows[3].row += 1;
        let other = Measured { rows: RowPredictions::SequenceClassification(rows), ..measured() };
        let of_valid = Measured { split: Split::Valid, ..measured() };
        for other in [other, of_valid] {
            assert!(found.beside(2, &other).contains("not compared"));
        }
    }

    #[test]
    fn sets_of_labels_are_right_as_a_whole_and_numbers_are_so_far_off() {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let of = |kind, values: &[&str], predicted: &[&str]| {
            let (values, predicted) = (owned(values), owned(predicted));
            Correction { kind, values, predicted, ..correction(0, 2, "", "") }.outcome()
        };
        assert_eq!(of(AnswerKind::Labels, &["b", "a"], &["a", "b"]), 1.0);
        assert_eq!(of(AnswerKind::Labels, &["b"], &["a", "b"]), 0.0);
        assert_eq!(of(AnswerKind::Numbers, &["2", " 5"], &["1.5", "5"]), 0.25);
        assert_eq!(of(AnswerKind::Numbers, &["2,5"], &["1.5"]), 1.0, "as its file has it");
        let words = ["Ann\tB-PER", "Ray\tI-PER"];
        assert_eq!(of(AnswerKind::Tags, &words, &["Ann\tI-PER", "Ray\tI-PER"]), 1.0, "the same name");
        assert_eq!(of(AnswerKind::Tags, &words, &["Ann\tB-PER", "Ray\tO"]), 0.0);
        assert_eq!(of(AnswerKind::Answer, &["The Ann"], &["ann."]), 1.0, "as SQuAD compares them");
        assert_eq!([of(AnswerKind::Answer, &[""], &["x"]), of(AnswerKind::Answer, &[""], &[""])], [0.0, 1.0]);
        let row = |row: usize, number: f64| regression::RowPrediction {
            row,
            text: format!("text {row}"),
            second: None,
            numbers: vec![number],
            predicted: vec![1.5],
        };
        let rows = RowPredictions::Regression(vec![row(2, 1.5), row(3, 3.5)]);
        let measured = Measured { rows, ..measured() };
        let one = Correction {
            kind: AnswerKind::Numbers,
            values: owned(&["2"]),
            predicted: owned(&["1.5"]),
            ..correction(1, 3, "", "")
        };
        let found = rescore(&measured, 1, &[one]).expect("rows are a number off");
        assert_eq!((found.before, found.after), (1.0, 0.25));
        assert!(found.in_words().contains("run 1 has a mean absolute error of 0.25"), "{}", found.in_words());
    }
}
