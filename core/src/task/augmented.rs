//! What augmentation adds to rows of texts: counted for whoever trains on them, shown before a run, and tokenised once.
//!
//! In: rows as they were read, and settings of a run. Out: [`AddedTexts`], the rows with copies behind those of the training split, and
//! their tokens; [`AddedRows`], the counts; [`AugmentationPreview`], some rows before and after.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::model_copies::add_made;
use super::texts::{EncodedTexts, LabeledText};
use super::{TaskData, TaskError, TaskInput};
use crate::config::{AugmentKind, MadeCopies, RunConfig, TextAugmentation};
use crate::data::{AddedRow, Augmented, Augmenter, Split};
use crate::tokenizer::Tokenizer;
use crate::words::{count, plural};

/// Labels that a sentence names, at most.
const MAX_NAMED: usize = 10;

/// Training rows of which copies are made to be shown: of more, so many that are spread over all of them evenly, so that nobody waits.
const MAX_PREVIEWED: usize = 1000;

/// Copies that are made at a time.
const PART_COPIES: usize = 2000;

/// What augmentation did to the rows to train on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AddedRows {
    /// Training rows as they were read.
    pub num_rows: usize,
    /// Changed copies of them.
    pub num_added: usize,
    /// Rows without a copy: nothing in them could be changed.
    pub num_unchanged: usize,
    /// Labels, each with the rows to train on that have it, copies among them; none where rows have numbers.
    pub labels: Vec<(String, usize)>,
}

impl AddedRows {
    /// The same with those of one of several tasks, whose labels are named by `name_of`.
    #[must_use]
    pub(super) fn with_part(mut self, part: Self, name_of: impl Fn(&str) -> String) -> Self {
        self.num_rows += part.num_rows;
        self.num_added += part.num_added;
        self.num_unchanged += part.num_unchanged;
        self.labels.extend(part.labels.into_iter().map(|(label, rows)| (name_of(&label), rows)));
        self
    }

    /// As a sentence without capital and full stop.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { num_rows, num_added, num_unchanged, labels } = self;
        let added = plural(*num_added, "changed copy");
        let mut text = format!("augmentation adds {added} to {}", plural(*num_rows, "training row"));
        if *num_unchanged > 0 {
            let (of, is) = (count(*num_unchanged), if *num_unchanged == 1 { "has" } else { "have" });
            text.push_str(&format!(
                "; {of} of them {is} none, since no word in them could be changed, or no copy was made of them"
            ));
        }
        if !labels.is_empty() {
            let named = labels.iter().take(MAX_NAMED).map(|(label, rows)| format!("{label} {}", count(*rows)));
            let more = if labels.len() > MAX_NAMED { ", …" } else { "" };
            text.push_str(&format!("; rows by label now: {}{more}", named.collect::<Vec<_>>().join(", ")));
        }
        text
    }
}

/// Rows with changed copies behind those to train on, and their tokens, as far as they were made.
#[derive(Debug)]
pub(super) struct AddedTexts<L> {
    /// The settings and the seed that the copies are drawn with.
    made_for: (TextAugmentation, u64),
    /// Tokens after which texts are cut.
    limit: usize,
    pub(super) splits: Rc<[Vec<LabeledText<L>>; 3]>,
    pub(super) tokens: Rc<[Vec<EncodedTexts>; 3]>,
    /// Training rows without a copy.
    pub(super) num_unchanged: usize,
    /// Training rows as they were read, and those of them whose copies are made.
    num_rows: usize,
    num_done: usize,
}

impl<L: Clone> AddedTexts<L> {
    /// Begins with rows whose tokens are there.
    pub(super) fn begin(
        splits: &[Vec<LabeledText<L>>; 3],
        tokens: &[Vec<EncodedTexts>; 3],
        limit: usize,
        run: &RunConfig,
    ) -> Self {
        Self {
            made_for: (run.augmentation.clone(), run.seed),
            limit,
            num_rows: splits[0].len(),
            splits: Rc::new(splits.clone()),
            tokens: Rc::new(tokens.clone()),
            num_unchanged: 0,
            num_done: 0,
        }
    }

    /// Makes some thousand copies of the next training rows, and their tokens; those that a model made before are among them. `false`
    /// once those of all rows are made.
    ///
    /// # Errors
    /// When the tokenizer fails on a copy; names the row.
    pub(super) fn advance(
        &mut self,
        tokenizer: &Tokenizer,
        (run, made): (&RunConfig, &MadeCopies),
    ) -> Result<bool, TaskError> {
        let (begin, limit) = (self.num_done, self.limit);
        let num_rows = (PART_COPIES / run.augmentation.max_copies().max(1)).max(1);
        let end = (begin + num_rows).min(self.num_rows);
        let rows = &self.splits[0][begin..end];
        let Augmented { added, num_unchanged, .. } = augment_texts(rows, run, made, usize::MAX);
        let more = added.into_iter().map(|copy| -> Result<_, TaskError> {
            let (row, label) = (copy.row, rows[copy.index].label.clone());
            let input = input_of(copy);
            let encoded = EncodedTexts::encode(tokenizer, &input, limit);
            let encoded = encoded.map_err(|source| TaskError::of_row(row, source))?;
            Ok((LabeledText { row, input, label }, encoded))
        });
        for (row, encoded) in more.collect::<Result<Vec<_>, _>>()? {
            Rc::make_mut(&mut self.splits)[0].push(row);
            Rc::make_mut(&mut self.tokens)[0].push(encoded);
        }
        self.num_unchanged += num_unchanged;
        self.num_done = end;
        Ok(end < self.num_rows)
    }

    /// Training rows whose copies are made, and all of them.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.num_done, self.num_rows)
    }

    /// Whether they are those of a run whose texts are cut at `limit`.
    pub(super) fn are_of(&self, run: &RunConfig, limit: usize) -> bool {
        self.made_for == (run.augmentation.clone(), run.seed) && self.limit == limit
    }
}

/// The copies of rows of texts, with those that a model made before; of more than `max_rows` only those of so many that are spread over
/// all of them evenly.
pub(super) fn augment_texts<L>(
    train: &[LabeledText<L>],
    run: &RunConfig,
    made: &MadeCopies,
    max_rows: usize,
) -> Augmented {
    let step = train.len().div_ceil(max_rows.max(1)).max(1);
    let rows = || train.iter().enumerate().step_by(step).map(|(index, row)| (index, row.row, texts_of(&row.input)));
    let mut augmented = Augmenter::new(run).add_to(rows().map(|(_, row, texts)| (row, texts)));
    augmented.added.iter_mut().for_each(|added| added.index *= step); // among all of them
    add_made(augmented, made, rows())
}

/// The text of an input, or the two.
pub(super) fn texts_of(input: &TaskInput) -> Vec<&str> {
    [Some(input.text.as_str()), input.second.as_deref()].into_iter().flatten().collect()
}

/// A copy as an input.
fn input_of(added: AddedRow) -> TaskInput {
    let mut texts = added.texts.into_iter();
    TaskInput { text: texts.next().unwrap_or_default(), second: texts.next(), image: None }
}

/// Some training rows before and after augmentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AugmentationPreview {
    /// Training rows as they were read.
    pub num_train: usize,
    /// Those of which copies were made to be shown and counted: all of them, or some that are spread over them evenly.
    pub num_rows: usize,
    /// Changed copies of them.
    pub num_added: usize,
    /// Rows without a copy.
    pub num_unchanged: usize,
    /// Rows that have copies.
    pub rows: Vec<PreviewedRow>,
}

/// A row and its copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewedRow {
    /// Number of the row in its file.
    pub row: usize,
    /// Its texts.
    pub texts: Vec<String>,
    /// How each copy was changed, and its texts.
    pub copies: Vec<(AugmentKind, Vec<String>)>,
}

/// Shows what augmentation would make of `count` training rows, from the `first` on of those that have copies; behind the last
/// the first follow. Of many rows only some are looked at. `None` where the rows of this task are not augmented.
#[must_use]
pub fn preview_augmentation(
    rows: &dyn TaskData,
    run: &RunConfig,
    first: usize,
    count: usize,
) -> Option<AugmentationPreview> {
    preview_of(rows, &rows.augment(run, MAX_PREVIEWED)?, first, count)
}

/// As [`preview_augmentation`], of copies that are there.
#[must_use]
pub fn preview_of(
    rows: &dyn TaskData,
    augmented: &Augmented,
    first: usize,
    count: usize,
) -> Option<AugmentationPreview> {
    let &Augmented { ref added, num_rows, num_unchanged } = augmented;
    let (all, num_train) = (rows.finding_rows()?, rows.num_rows()[Split::Train.index()]);
    let of_rows: Vec<&[AddedRow]> = added.chunk_by(|one, next| one.index == next.index).collect();
    let shown = of_rows.iter().cycle().skip(first % of_rows.len().max(1)).take(count.min(of_rows.len()));
    let previewed = |copies: &&[AddedRow]| {
        let texts = all.row_at(Split::Train.index(), copies[0].index).texts;
        let copies_of = copies.iter().map(|added| (added.kind, added.texts.clone())).collect();
        let texts = texts.into_iter().map(str::to_owned).collect();
        PreviewedRow { row: copies[0].row, texts, copies: copies_of }
    };
    let rows = shown.map(previewed).collect();
    Some(AugmentationPreview { num_train, num_rows, num_added: added.len(), num_unchanged, rows })
}

#[cfg(test)]
mod tests {
    use super::super::texts::tests::{model, tokenizer};
    use super::super::{ReadRequest, Task};
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::DataFiles;

    /// Forty pairs of texts.
    fn data(task: Task, run: &RunConfig) -> Box<dyn TaskData> {
        pairs(40, task, run)
    }

    fn pairs(count: usize, task: Task, run: &RunConfig) -> Box<dyn TaskData> {
        let row = |i: usize| format!("hello world number {i},world hello again {i},{}\n", i % 2);
        let text = String::from("premise,hypothesis,label\n") + &(0..count).map(row).collect::<String>();
        let files = &DataFiles { train: ("x.csv".into(), text.into_bytes()), ..DataFiles::default() }.into();
        let read = &ReadOptions::default();
        task.read(&ReadRequest::to_train(files, read, run)).expect("good rows")
    }

    fn augmented() -> RunConfig {
        let augment_texts = vec![AugmentKind::Swap];
        let augmentation = TextAugmentation { augment_texts, augment_copies: 2, ..TextAugmentation::default() };
        RunConfig { augmentation, max_seq_length: 32, ..RunConfig::default() }
    }

    #[test]
    fn copies_stand_behind_the_training_rows_and_nothing_else_changes() {
        let tokenizer = tokenizer();
        let (model, run) = (model(&tokenizer), augmented());
        for task in [Task::SequenceClassification, Task::Regression] {
            let data = data(task, &run);
            let own = data.prepare(&model, &run).expect("room enough");
            let more = data.prepare_to_train(&model, &run).expect("room enough");
            let [train, valid, test] = own.num_rows();
            assert!(valid > 0 && test > 0);
            assert_eq!((more.num_rows(), more.num_read()), ([3 * train, valid, test], [train, valid, test]));
            for split in [Split::Train, Split::Valid, Split::Test] {
                let all: Vec<usize> = (0..own.num_rows()[split.index()]).collect();
                assert_eq!(more.batch(split, &all, None), own.batch(split, &all, None), "{split:?}");
            }
            let [first, copy] = [0, train].map(|index| more.batch(Split::Train, &[index], None));
            assert_eq!((copy.targets, copy.num_tokens), (first.targets, first.num_tokens), "its label stays");
            assert_eq!(more.row_number(Split::Train, train), own.row_number(Split::Train, 0));
            let added = more.added().expect("there are copies");
            assert_eq!((added.num_rows, added.num_added, added.num_unchanged), (train, 2 * train, 0));
            let counted: usize = added.labels.iter().map(|(_, rows)| rows).sum();
            assert_eq!(counted, if task == Task::Regression { 0 } else { 3 * train });
            assert!(own.added().is_none() && own.fingerprint() != more.fingerprint());
            let again = data.prepare_to_train(&model, &run).expect("room enough");
            assert_eq!(again.fingerprint(), more.fingerprint(), "they are made once");
            let plain = RunConfig { augmentation: TextAugmentation::default(), ..run.clone() };
            let plain = data.prepare_to_train(&model, &plain).expect("room enough");
            assert_eq!(plain.fingerprint(), own.fingerprint());
        }
    }

    #[test]
    fn copies_that_are_made_in_parts_are_those_that_are_made_at_once() {
        let tokenizer = tokenizer();
        let augmentation = TextAugmentation { augment_copies: 16, ..augmented().augmentation };
        let (model, run) = (model(&tokenizer), RunConfig { augmentation, ..augmented() });
        let read = || pairs(300, Task::SequenceClassification, &run);
        let at_once = read().prepare_to_train(&model, &run).expect("room enough");
        let data = read();
        let mut told = Vec::new();
        while let Some(progress) = data.prepare_part(&model, &run).expect("room enough") {
            told.push(progress);
        }
        let num_train = data.num_rows()[0];
        assert_eq!(told, [(PART_COPIES / 16, num_train)], "then the last part");
        let in_parts = data.prepare_to_train(&model, &run).expect("room enough");
        assert_eq!((in_parts.fingerprint(), in_parts.added()), (at_once.fingerprint(), at_once.added()));
        assert_eq!(data.prepare_part(&model, &run).expect("room enough"), None);
        let plain = RunConfig { augmentation: TextAugmentation::default(), ..run.clone() };
        assert_eq!(data.prepare_part(&model, &plain).expect("room enough"), None, "there is nothing to make");
    }

    #[test]
    fn a_preview_shows_the_rows_that_have_copies_one_after_the_other() {
        let run = augmented();
        let data = data(Task::SequenceClassification, &run);
        let show = |first: usize, count: usize| preview_augmentation(data.as_ref(), &run, first, count).expect("texts");
        let shown = show(0, 3);
        assert_eq!((shown.num_added, shown.num_unchanged, shown.rows.len()), (2 * shown.num_rows, 0, 3));
        for PreviewedRow { row, texts, copies } in &shown.rows {
            let number = row - 2;
            assert_eq!(*texts, [format!("hello world number {number}"), format!("world hello again {number}")]);
            assert_eq!(copies.len(), 2);
            assert!(copies.iter().all(|(kind, changed)| *kind == AugmentKind::Swap && changed != texts));
        }
        let all = show(0, 1000).rows;
        assert_eq!((all.len(), &all[..3]), (shown.num_rows, shown.rows.as_slice()));
        assert_eq!(show(shown.num_rows + 1, 2).rows, all[1..3], "behind the last row the first follows");
        assert!(show(0, 0).rows.is_empty());
        let none = RunConfig { augmentation: TextAugmentation::default(), ..run.clone() };
        let none = preview_augmentation(data.as_ref(), &none, 0, 3).expect("texts");
        assert_eq!((none.num_added, none.rows.len()), (0, 0));
    }

    #[test]
    fn of_many_rows_some_are_looked_at_that_are_spread_over_all_and_their_copies_are_the_same() {
        let run = augmented();
        let data = data(Task::SequenceClassification, &run);
        let (all, some) = (data.augment(&run, usize::MAX).expect("texts"), data.augment(&run, 10).expect("texts"));
        let num_train = data.num_rows()[0];
        assert_eq!((all.num_rows, some.num_rows), (num_train, num_train.div_ceil(num_train.div_ceil(10))));
        assert!(some.num_rows <= 10 && some.added.len() == 2 * some.num_rows);
        assert!(some.added.iter().all(|added| all.added.contains(added)), "{some:?}");
        let shown = preview_of(data.as_ref(), &some, 0, 3).expect("texts");
        assert_eq!((shown.num_train, shown.num_rows), (num_train, some.num_rows));
        for PreviewedRow { row, texts, .. } in &shown.rows {
            assert_eq!(texts[0], format!("hello world number {}", row - 2), "each stands beside its own copies");
        }
    }

    #[test]
    fn what_was_added_is_said_with_the_rows_of_each_label() {
        let labels = vec![("no".to_owned(), 1200), ("yes".to_owned(), 10)];
        let added = AddedRows { num_rows: 605, num_added: 604, num_unchanged: 1, labels };
        let expected = "augmentation adds 604 changed copies to 605 training rows; 1 of them has none, since no word in them could be \
                        changed, or no copy was made of them; rows by label now: no 1,200, yes 10";
        assert_eq!(added.in_words(), expected);
        let added = AddedRows::default().with_part(added, |label| format!("part/{label}"));
        assert_eq!((added.num_added, added.labels[0].0.as_str()), (604, "part/no"));
    }
}
