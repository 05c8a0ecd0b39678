//! What was corrected, as it is kept with its project: after a reload, a run that is opened again says what was corrected of it, and a
//! second run is compared with the first. In: corrections, and what the first run's answers are worth by them. Out: JSON, and both again.

use std::sync::Arc;

use hone_core::config::Split;
use hone_core::data::RowId;
use hone_core::session::protocol::RenamedRun;
use leptos::prelude::*;

use super::made::{AnswerKind, Correction, Rescored};
use super::{CorrectionsState, Store};
use crate::{browser, format};

/// Kinds as numbers: a build that adds one puts it last.
const KINDS: [AnswerKind; 6] = [
    AnswerKind::Label,
    AnswerKind::Labels,
    AnswerKind::Numbers,
    AnswerKind::Text,
    AnswerKind::Tags,
    AnswerKind::Answer,
];

/// A correction: kind, run, split, place among the measured rows, row, cells, what the model says, what the row has.
type WrittenCorrection = (u8, u32, Split, usize, RowId, Vec<(String, String)>, Vec<String>, Vec<String>);

/// A first run: number of the second; kind, number, split, rows, which rows, corrected ones, figure before and after. JSON has no number
/// that is none.
type WrittenFirst = (u32, (u8, u32, Split, usize, u64, usize, Option<f64>, Option<f64>));

type Written = (Vec<WrittenCorrection>, Option<WrittenFirst>);

/// The number of a kind.
fn number_of_kind(kind: AnswerKind) -> u8 {
    KINDS.iter().zip(0..).find(|(one, _)| **one == kind).map_or(u8::MAX, |(_, number)| number)
}

/// The kind of a number; `None` of one that only another build knows.
fn kind_of(number: u8) -> Option<AnswerKind> {
    KINDS.get(usize::from(number)).copied()
}

fn write(made: &[Correction], first: Option<(&Rescored, u32)>) -> Written {
    let correction = |one: &Correction| {
        let Correction { kind, run, split, index, id, cells, predicted, values } = one.clone();
        (number_of_kind(kind), run, split, index, id, cells, predicted, values)
    };
    let first = first.map(|(first, second)| {
        let &Rescored { kind, run, split, num_rows, rows, num_corrected, before, after } = first;
        (second, (number_of_kind(kind), run, split, num_rows, rows, num_corrected, Some(before), Some(after)))
    });
    (made.iter().map(correction).collect(), first)
}

/// What was read.
struct KeptCorrections {
    made: Vec<Correction>,
    first: Option<(Rescored, u32)>,
    /// Corrections of a kind that another build knows: they are left out, and that is said.
    num_unknown: usize,
}

/// What was written. Runs that came in a project file have other numbers here than `renamed` says they had there. A first run of a
/// kind that another build knows is one whose corrections are of it.
fn read((made, first): Written, renamed: &[RenamedRun]) -> KeptCorrections {
    let here = |run: u32| renamed.iter().find(|one| one.number_there == run).map_or(run, |one| one.number);
    let num_written = made.len();
    let correction = |(kind, run, split, index, id, cells, predicted, values): WrittenCorrection| {
        let (kind, run) = (kind_of(kind)?, here(run));
        Some(Correction { kind, run, split, index, id, cells, predicted, values })
    };
    let first = first.and_then(|(second, (kind, run, split, num_rows, rows, num_corrected, before, after))| {
        let (kind, run) = (kind_of(kind)?, here(run));
        let [before, after] = [before, after].map(|value| value.unwrap_or(f64::NAN));
        Some((Rescored { kind, run, split, num_rows, rows, num_corrected, before, after }, here(second)))
    });
    let made: Vec<Correction> = made.into_iter().filter_map(correction).collect();
    let num_unknown = num_written - made.len();
    KeptCorrections { made, first, num_unknown }
}

/// What is said of corrections of kinds that another build knows; `None` where there are none.
fn unknown_words(num_unknown: usize) -> Option<String> {
    (num_unknown > 0).then(|| {
        let corrections = format::plural(num_unknown, "correction");
        format!(
            "{corrections} can't be shown: a newer Hone made what this one does not know. The edits of rows are kept."
        )
    })
}

impl CorrectionsState {
    /// Another project is shown.
    pub(in crate::state) fn clear(self) {
        self.active.set(None);
        self.note.set(None);
        self.made.set(Vec::new());
        self.first.set(None);
    }
}

impl Store {
    /// What was corrected, as JSON; empty where nothing was.
    pub(in crate::state) fn corrections_json(self) -> String {
        let written = self.corrections.made.with(|made| {
            self.corrections.first.with(|first| write(made, first.as_ref().map(|(first, second)| (&**first, *second))))
        });
        if written.0.is_empty() && written.1.is_none() {
            return String::new();
        }
        serde_json::to_string(&written).expect("corrections hold only plain values")
    }

    /// Takes what was corrected in a project, whose runs may have come under other numbers. What another version wrote and this one can't
    /// read is left out, and the page says so; its edits of rows are there.
    pub(in crate::state) fn take_corrections(self, json: &str, renamed: &[RenamedRun]) {
        self.corrections.clear();
        if json.is_empty() {
            return;
        }
        // The browser reads it, which takes less of the page than a parser of our own.
        let value = js_sys::JSON::parse(json).map_err(|error| browser::describe(&error));
        let written =
            value.and_then(|value| serde_wasm_bindgen::from_value::<Written>(value).map_err(|error| error.to_string()));
        match written {
            Ok(written) => {
                let KeptCorrections { made, first, num_unknown } = read(written, renamed);
                self.corrections.made.set(made);
                self.corrections.first.set(first.map(|(first, second)| (Arc::new(first), second)));
                self.corrections.note.set(unknown_words(num_unknown));
            }
            Err(error) => {
                let why =
                    format!("What was corrected of earlier runs can't be read ({error}); the edits of rows are kept.");
                self.corrections.note.set(Some(why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        let numbers = KINDS.map(number_of_kind);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        assert_eq!(numbers.map(kind_of), KINDS.map(Some));
        assert_eq!(kind_of(6), None);
    }

    #[test]
    fn corrections_come_back_under_the_numbers_of_this_browser() {
        let owned = |text: &str| vec![text.to_owned()];
        let made = Correction {
            kind: AnswerKind::Numbers,
            run: 1,
            split: Split::Test,
            index: 4,
            id: RowId { file: Split::Train, row: 9 },
            cells: vec![("score".into(), "2,5".into())],
            predicted: owned("1.5"),
            values: owned("2,5"),
        };
        let (num_rows, rows, num_corrected) = (12, (1_u64 << 53) - 1, 1);
        let (kind, split) = (AnswerKind::Numbers, Split::Test);
        let first = Rescored { kind, run: 1, split, num_rows, rows, num_corrected, before: 0.5, after: f64::NAN };
        let json = serde_json::to_string(&write(std::slice::from_ref(&made), Some((&first, 2)))).expect("plain values");
        let written: Written = serde_json::from_str(&json).expect("it is what was written");
        let same = read(written.clone(), &[]);
        assert_eq!((same.made.as_slice(), same.num_unknown), (std::slice::from_ref(&made), 0));
        let (again, second) = same.first.expect("a first run");
        assert_eq!((again.before, again.rows, second), (0.5, rows, 2));
        assert!(again.after.is_nan(), "a number that is none comes back as one");
        let (id_there, id) = ("8".to_owned(), "9".to_owned());
        let renamed = [RenamedRun { id_there, id, number_there: 1, number: 5 }];
        let moved = read(written, &renamed);
        assert_eq!(moved.made, [Correction { run: 5, ..made }]);
        assert_eq!(moved.first.map(|(first, second)| (first.run, second)), Some((5, 2)));
    }

    #[test]
    fn corrections_of_kinds_that_a_newer_build_knows_are_counted_and_said() {
        let id = RowId { file: Split::Train, row: 9 };
        let of_kind = |kind: u8| (kind, 1, Split::Test, 4, id, Vec::new(), Vec::new(), Vec::new());
        let found = read((vec![of_kind(0), of_kind(6), of_kind(u8::MAX)], None), &[]);
        assert_eq!((found.made.len(), found.made[0].kind, found.num_unknown), (1, AnswerKind::Label, 2));
        let words = unknown_words(found.num_unknown).expect("two are left out");
        assert!(words.starts_with("2 corrections can't be shown: a newer Hone"), "{words}");
        assert_eq!(unknown_words(0), None);
    }
}
