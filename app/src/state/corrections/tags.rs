//! Sentences whose tags are corrected: in, a sentence as it was measured, and what stands in its cells; out, its words with their tags
//! as plain values that travel like any other answer, each `word<tab>tag`, and the edit of the cell. Plain data, tested natively.

use std::collections::BTreeSet;
use std::sync::Arc;

use hone_core::config::{RowEdit, RowEdits, Split};
use hone_core::data::{RowSource, RowView};
use hone_core::metrics::{EntitySpan, entity_spans};
use hone_core::task::RowPredictions;
use hone_core::task::token_classification::{RowPrediction, Span, TagLayout, are_words_of};
use leptos::prelude::*;

use super::made::find_held;
use super::{AnswerKind, Correction, WrongAnswer, answer_places};
use crate::state::Store;
use crate::state::evaluation::Measured;
use crate::state::rows::set_cells;
use crate::tasks;

/// Between a word and its tag: no word has it, as it stands between columns.
const TAB: char = '\t';

/// A sentence of the list of wrong ones. `index` is its place among those that were measured.
pub(crate) fn wrong_sentence(index: usize, row: &RowPrediction, layout: &TagLayout) -> WrongAnswer {
    let tags = |spans: &[Span]| values_of(row, &layout.tags_of_spans(spans, &row.words));
    WrongAnswer {
        kind: AnswerKind::Tags,
        index,
        row: row.row,
        text: row.text.clone(),
        second: None,
        values: tags(&row.gold),
        predicted: tags(&row.predicted),
    }
}

/// The words of a sentence with these tags.
fn values_of(row: &RowPrediction, tags: &[String]) -> Vec<String> {
    let word = |&(start, end): &(usize, usize)| -> String {
        row.text.chars().skip(start).take(end.saturating_sub(start)).collect()
    };
    row.words.iter().zip(tags).map(|(place, tag)| pair(&word(place), tag)).collect()
}

fn pair(word: &str, tag: &str) -> String {
    format!("{word}{TAB}{tag}")
}

/// A word and its tag.
fn split(value: &str) -> (&str, &str) {
    value.rsplit_once(TAB).unwrap_or((value, ""))
}

/// The words of these values.
pub(crate) fn words(values: &[String]) -> Vec<String> {
    values.iter().map(|value| split(value).0.to_owned()).collect()
}

/// The tags of these values.
pub(crate) fn tags(values: &[String]) -> Vec<String> {
    values.iter().map(|value| split(value).1.to_owned()).collect()
}

/// The same words with other tags.
pub(crate) fn with_tags(values: &[String], tags: &[String]) -> Vec<String> {
    values.iter().zip(tags).map(|(value, tag)| pair(split(value).0, tag)).collect()
}

/// What these words are: entities of words.
pub(crate) fn entities(values: &[String]) -> Vec<EntitySpan> {
    entity_spans(&tags(values))
}

/// What a person reads of it: `Ada Lovelace: PER`.
pub(crate) fn in_words(values: &[String]) -> Vec<String> {
    let words = words(values);
    let name = |entity: EntitySpan| format!("{}: {}", words[entity.start..entity.end].join(" "), entity.label);
    entities(values).into_iter().map(name).collect()
}

/// Whether a row of the table is this sentence: a text, or words that make one. Of what is shown in part it is not known.
pub(super) fn is_sentence(source: &RowSource, view: &RowView, text: &str) -> bool {
    let cell = |role: &str| {
        let place = source.columns.iter().position(|(_, of)| of == role);
        place.and_then(|place| view.cells.get(place))
    };
    view.is_cut
        || cell("tokens").is_some_and(|words| are_words_of(words, text))
        || cell("text").is_some_and(|own| own == text)
}

/// The types in the sentences that were corrected, of whatever run, while their edits hold.
fn types_in(made: &[Correction], edits: &RowEdits) -> BTreeSet<String> {
    let of_tags = || made.iter().filter(|one| one.kind == AnswerKind::Tags);
    let runs: BTreeSet<u32> = of_tags().map(|one| one.run).collect();
    let held = runs.into_iter().flat_map(|run| find_held(made, run, edits)).filter(|one| one.kind == AnswerKind::Tags);
    held.flat_map(|one| entities(&one.values)).map(|entity| entity.label).collect()
}

fn sentence_at(measured: &Measured, index: usize) -> Option<&RowPrediction> {
    match &measured.rows {
        RowPredictions::TokenClassification(rows) => rows.get(index),
        _ => None,
    }
}

/// The values of a sentence by what stands in its row; or why they can't be told.
fn read_values(
    source: &RowSource,
    view: &RowView,
    sentence: &RowPrediction,
    layout: &TagLayout,
) -> Result<Vec<String>, String> {
    let place = answer_places(source, AnswerKind::Tags).into_iter().next();
    let cell = place.and_then(|place| view.cells.get(place)).ok_or("no column has its tags")?;
    Ok(values_of(sentence, &layout.tags_of(cell, &sentence.text, &sentence.words)?))
}

/// The edit that gives a sentence these tags; none where it has them. The reason, where the file can't have them.
fn edits_of_sentence(
    source: &RowSource,
    view: &RowView,
    sentence: &RowPrediction,
    layout: &TagLayout,
    values: &[String],
) -> Result<Vec<RowEdit>, String> {
    if read_values(source, view, sentence, layout)? == values {
        return Ok(Vec::new());
    }
    let tags = tags(values);
    let new = layout.find_new(&tags).filter(|_| view.id.file != Split::Train);
    if let Some(tag) = new {
        return Err(format!(
            "none of the training rows has \u{201c}{tag}\u{201d}, and a row of a validation or test file of its own can't have it alone"
        ));
    }
    let mut cells = view.cells.clone();
    for place in answer_places(source, AnswerKind::Tags) {
        cells[place] = layout.cell_with(&tags, &view.cells[place], &sentence.text, &sentence.words)?;
    }
    Ok(set_cells(source, view, &cells))
}

impl Store {
    /// The types that names have by corrections: those that a person made up are among them.
    pub(crate) fn types_by_hand(self) -> BTreeSet<String> {
        self.corrections.made.with(|made| self.data.read.with(|read| types_in(made, &read.edits)))
    }

    /// How the tags of rows stand in their cells; as most files have them before rows were read.
    pub(crate) fn tag_layout(self) -> TagLayout {
        let layout = self.data.report.with(|report| report.as_ref().and_then(|report| tasks::tag_layout(report)));
        layout.unwrap_or_default()
    }

    /// What a sentence has in its file; the reason, where that can't be told.
    pub(super) fn read_sentence(
        self,
        (source, view): (&RowSource, &RowView),
        measured: &Arc<Measured>,
        index: usize,
    ) -> Result<Vec<String>, String> {
        let layout = untrack(|| self.tag_layout());
        let sentence = sentence_at(measured, index).ok_or("it was not measured")?;
        read_values(source, view, sentence, &layout).map_err(|reason| not_readable(view, &reason))
    }

    /// The edit that gives a sentence these tags; the reason, where there is none.
    pub(super) fn tag_sentence(
        self,
        (source, view): (&RowSource, &RowView),
        measured: &Arc<Measured>,
        index: usize,
        values: &[String],
    ) -> Result<Vec<RowEdit>, String> {
        let layout = untrack(|| self.tag_layout());
        let sentence = sentence_at(measured, index).ok_or("it was not measured")?;
        let edits = edits_of_sentence(source, view, sentence, &layout, values);
        edits.map_err(|reason| not_readable(view, &reason))
    }
}

/// Why the tags of a row can't be corrected.
fn not_readable(view: &RowView, reason: &str) -> String {
    format!("Row {} can't be corrected here: {reason}.", view.id.row)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::data::{RowId, RowState};

    use super::*;

    fn sentence() -> RowPrediction {
        let span = |start, end, label: &str| Span { start, end, label: label.into(), score: None };
        RowPrediction {
            row: 4,
            text: "Zoë Ray left".into(),
            gold: vec![span(0, 3, "PER")],
            predicted: vec![span(0, 7, "PER")],
            errors: Vec::new(),
            words: vec![(0, 3), (4, 7), (8, 12)],
        }
    }

    fn layout() -> TagLayout {
        let labels = ["O", "B-PER", "I-PER"].map(str::to_owned).to_vec();
        TagLayout { labels, ..TagLayout::default() }
    }

    fn row(file: Split, cells: [&str; 2], roles: [&str; 2]) -> (RowSource, RowView) {
        let columns = roles.map(|role| (format!("{role} of it"), role.to_owned())).to_vec();
        let source = RowSource { columns, file_columns: Vec::new(), is_lines: false, merge_labels: BTreeMap::new() };
        let view = RowView {
            id: RowId { file, row: 4 },
            state: RowState::Test,
            is_edited: false,
            num_tokens: None,
            cells: cells.map(str::to_owned).to_vec(),
            label: None,
            is_cut: false,
        };
        (source, view)
    }

    #[test]
    fn a_sentence_is_its_words_with_their_tags() {
        let wrong = wrong_sentence(2, &sentence(), &layout());
        assert_eq!(wrong.values, ["Zoë\tB-PER", "Ray\tO", "left\tO"]);
        assert_eq!(
            (in_words(&wrong.values), in_words(&wrong.predicted)),
            (vec!["Zoë: PER".into()], vec!["Zoë Ray: PER".into()])
        );
        assert_eq!(words(&wrong.values), ["Zoë", "Ray", "left"]);
        assert_eq!(with_tags(&wrong.values, &tags(&wrong.predicted)), wrong.predicted);
    }

    #[test]
    fn types_that_were_made_up_are_known_while_their_sentence_is_edited() {
        let made = |run: u32, row: usize, tag: &str| Correction {
            kind: AnswerKind::Tags,
            run,
            split: Split::Test,
            index: 0,
            id: RowId { file: Split::Train, row },
            cells: vec![("tags".into(), tag.into())],
            predicted: vec!["Zoë\tO".into()],
            values: vec![format!("Zoë\t{tag}"), "left\tO".into()],
        };
        let all = [made(1, 4, "B-CAT"), made(2, 5, "B-DOG"), made(2, 5, "B-PER")];
        let set = |row: usize, was: &str, value: &str| {
            let (file, column) = (Split::Train, "tags".to_owned());
            RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
        };
        let mut log = vec![set(4, "O", "B-CAT"), set(5, "O", "B-DOG"), set(5, "B-DOG", "B-PER")];
        let types = |log: &[RowEdit]| types_in(&all, &RowEdits { log: log.to_vec() }).into_iter().collect::<Vec<_>>();
        assert_eq!(types(&log), ["CAT", "PER"], "of a row the last counts");
        log.truncate(2);
        assert_eq!(types(&log), ["CAT", "DOG"], "undone: the one before holds again");
        assert!(types(&[]).is_empty());
    }

    #[test]
    fn the_tags_of_a_sentence_are_an_edit_of_its_cell() {
        let (source, view) =
            row(Split::Train, [r#"["Zoë","Ray","left"]"#, r#"["B-PER", "O", "O"]"#], ["tokens", "tags"]);
        assert!(is_sentence(&source, &view, "Zoë Ray left") && !is_sentence(&source, &view, "Zoë left"));
        let wrong = wrong_sentence(2, &sentence(), &layout());
        let edits =
            |view: &RowView, values: &[String]| edits_of_sentence(&source, view, &sentence(), &layout(), values);
        assert_eq!(edits(&view, &wrong.values), Ok(Vec::new()), "it has them");
        let expected = RowEdit::SetCell {
            file: Split::Train,
            row: 4,
            column: "tags of it".into(),
            was: r#"["B-PER", "O", "O"]"#.into(),
            value: r#"["B-PER", "I-PER", "O"]"#.into(),
        };
        assert_eq!(edits(&view, &wrong.predicted), Ok(vec![expected]));
        let new = with_tags(&wrong.values, &["O", "O", "B-X"].map(str::to_owned));
        assert!(edits(&view, &new).is_ok(), "a tag that is new in the training file");
        let own = RowView { id: RowId { file: Split::Test, row: 4 }, ..view };
        let refused = edits(&own, &new).expect_err("a test file has no tags of its own");
        assert!(refused.contains("\u{201c}B-X\u{201d}"), "{refused}");
    }

    #[test]
    fn spans_of_a_text_are_its_tags_too() {
        let (source, view) = row(Split::Train, ["Zoë Ray left", r#"[[0, 3, "PER"]]"#], ["text", "spans"]);
        assert!(is_sentence(&source, &view, "Zoë Ray left"));
        let layout = TagLayout { has_spans: true, ..layout() };
        let values = wrong_sentence(2, &sentence(), &layout).predicted;
        let edits = edits_of_sentence(&source, &view, &sentence(), &layout, &values).expect("it can be written");
        let [RowEdit::SetCell { value, .. }] = edits.as_slice() else { panic!("one edit") };
        assert_eq!(value, r#"[[0, 7, "PER"]]"#);
    }
}
