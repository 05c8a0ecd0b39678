//! Examples to training, validation and test: at random, or by position where they are one text; and which stand twice.

use super::examples::{Dataset, Example};
use crate::config::SplitConfig;
use crate::data::{ReadRows, ReadSummary, SourceRow};
use crate::task::plain_texts::share_out_text;
use crate::tokenizer::Piece;

pub(super) type Splits = [Vec<Example>; 3];

/// Shares examples out at random, or in folds, beside those of the person's own validation and test files; with what there is to say of
/// it. `asked` has the rows that a person moved, and how rows are shared out.
pub(super) fn share_out(
    train: Vec<Example>,
    own: [Option<Vec<Example>>; 2],
    asked: ReadSummary,
    fractions: &SplitConfig,
    seed: u64,
) -> (Splits, Vec<String>) {
    let rows_of = |examples: Vec<Example>| -> Vec<SourceRow<Example>> {
        examples.into_iter().map(|example| SourceRow { row: example.row, value: example }).collect()
    };
    let classes = vec![0; train.len()];
    let [valid, test] = own.map(|examples| examples.map(rows_of));
    let rows = ReadRows { train: rows_of(train), valid, test, summary: asked };
    let (splits, summary) = crate::data::share_out(rows, &classes, fractions, seed);
    (splits.map(|rows| rows.into_iter().map(|row| row.value).collect()), summary.notes)
}

/// Training, validation and test are a text's beginning, what follows, and its end.
pub(super) fn split_text(text: &str, fractions: &SplitConfig) -> Splits {
    share_out_text(text, fractions).map(|part| {
        let example = |(row, text): (usize, &str)| {
            let pieces = vec![Piece { text: text.to_owned(), has_loss: true }];
            Example { row, pieces, turns: Vec::new() }
        };
        part.map(example).into_iter().collect()
    })
}

/// Counts duplicates and leaks, and warns of the latter.
pub(super) fn count_repeats(dataset: &Dataset, summary: &mut ReadSummary) {
    // Rows have no labels that could differ.
    let splits = dataset.splits().map(|split| split.iter().map(|example| (&example.pieces, ())));
    crate::data::count_repeats(splits, "label", summary);
}
