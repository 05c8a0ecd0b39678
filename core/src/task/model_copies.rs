//! Copies of training rows that a model makes, before a run: words become what a model that fills in blanks thinks likely there
//! (<https://arxiv.org/abs/1805.06201>), or texts are translated into another language and back
//! (<https://arxiv.org/abs/1904.12848>).
//!
//! In: rows, the settings of copies, and how they are made; then, part after part, what a model says to the questions that are given
//! out ([`CopyQuestions`]). Out: the copies ([`MadeCopies`], which a job carries), and what was left out, in words. What is asked
//! follows from the seed and the row alone. Rows are asked about in an order that is drawn, so that what is ended before its end has
//! copies of rows of all kinds.

use std::collections::BTreeMap;

use rand_chacha::rand_core::RngCore;

use super::masked_lm::BLANKS;
use super::{Prediction, TaskData, TaskInput};
use crate::config::{AugmentKind, CopyMethod, MadeCopies, MadeCopy, RunConfig};
use crate::data::{AddedRow, Augmented, BlankedText, Split, generator, shuffle};
use crate::hub::sha256_hex;
use crate::words::{count, plural};

/// What the seed of a run is mixed with to draw blanks, what they are filled with, the order of rows, and what is written.
const SEEDS: [u64; 4] = [0x626C_616E_6B73, 0x6669_6C6C, 0x6F72_6465_7273, 0x7772_6974_6573];

/// Copies of a row, at most: what tells the streams of their randomness apart.
const MAX_COPIES: u64 = 64;

/// Copies whose blanks are asked about at a time.
const PART_SIZE: usize = 32;

/// Bytes of copies that are kept with a job, at most, which is part of every run of a project; and what one takes beside its texts.
const MAX_KEPT_BYTES: usize = 2 << 20;
const BYTES_OF_COPY: usize = 192;

/// Digits of the hash of a row's texts.
const HASH_DIGITS: usize = 16;

/// What a model is asked next.
#[derive(Debug, Clone, PartialEq)]
pub enum CopyQuestions {
    /// Texts with blanks to fill in.
    Blanks(Vec<TaskInput>),
    /// Texts of one row to translate and translate back, each with its seed.
    Texts(Vec<(String, u64)>),
}

/// What came of a text that was to be translated and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Translated {
    /// The text.
    Text(String),
    /// It is longer than the model reads, or the model did not end its translation.
    NotEnded,
}

/// A copy that is to be made.
#[derive(Debug, Clone, Copy)]
struct Planned {
    /// Place of its row among `rows`.
    index: usize,
    /// Which copy of the row.
    copy: u64,
}

/// What was left out.
#[derive(Debug, Default)]
struct LeftOut {
    /// Copies that are like their row, or like another copy of it.
    alike: usize,
    empty: usize,
    not_ended: usize,
    /// Texts that the model can't be asked about, which stay as they are.
    unasked: usize,
}

/// Copies of rows on their way.
#[derive(Debug)]
pub struct ModelCopies {
    method: CopyMethod,
    seed: u64,
    share: f64,
    /// The training rows: their numbers and texts.
    rows: Vec<(usize, Vec<String>)>,
    planned: Vec<Planned>,
    /// How many of them were asked about.
    done: usize,
    /// Those that are being asked about, with their blanks where they have any.
    asked: Vec<(Planned, Vec<BlankedText>)>,
    made: BTreeMap<usize, Vec<Vec<String>>>,
    num_bytes: usize,
    /// Bytes after which no more are made.
    max_bytes: usize,
    left_out: LeftOut,
}

impl ModelCopies {
    /// Plans copies of the training rows: as many, and with as many other words, as the run says. `None` where rows are no texts.
    #[must_use]
    pub fn plan(rows: &dyn TaskData, run: &RunConfig, method: CopyMethod) -> Option<Self> {
        let all = rows.finding_rows()?;
        let train = Split::Train.index();
        let texts_at = |index: usize| {
            let row = all.row_at(train, index);
            (row.row, row.texts.into_iter().map(str::to_owned).collect::<Vec<String>>())
        };
        let rows: Vec<(usize, Vec<String>)> = (0..all.sizes()[train]).map(texts_at).collect();
        let num_copies = u64::from(run.augmentation.augment_copies).min(MAX_COPIES);
        let copies_at = |index: usize| (0..num_copies).map(move |copy| Planned { index, copy });
        let mut order: Vec<usize> = (0..rows.len()).collect();
        shuffle(&mut order, &mut generator(run.seed ^ SEEDS[2], 0));
        Some(Self {
            method,
            seed: run.seed,
            share: run.augmentation.augment_share,
            planned: order.into_iter().flat_map(copies_at).collect(),
            rows,
            done: 0,
            asked: Vec::new(),
            made: BTreeMap::new(),
            num_bytes: 0,
            max_bytes: usize::MAX,
            left_out: LeftOut::default(),
        })
    }

    /// The same with no more of them than a job carries.
    #[must_use]
    pub fn to_be_kept(self) -> Self {
        Self { max_bytes: MAX_KEPT_BYTES, ..self }
    }

    /// How they are made.
    #[must_use]
    pub fn method(&self) -> &CopyMethod {
        &self.method
    }

    /// Copies that were asked for so far, and in all.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.planned.len())
    }

    /// What the model is asked next; `None` once all is asked, or no more copies may be held.
    #[must_use]
    pub fn ask(&mut self) -> Option<CopyQuestions> {
        let size = if self.method == CopyMethod::Masked { PART_SIZE } else { 1 };
        let end = (self.done + size).min(self.planned.len());
        if self.done == end || self.num_bytes > self.max_bytes {
            return None;
        }
        let part = self.planned[self.done..end].to_vec();
        let blanked = part.into_iter().map(|planned| (planned, self.blank(planned))).collect();
        self.asked = blanked;
        let asked = self.asked.iter();
        Some(match self.method {
            CopyMethod::Masked => {
                let texts = asked.flat_map(|(_, texts)| texts).filter(|text| text.num_blanks() > 0);
                let input =
                    |text: &BlankedText| TaskInput { text: text.with_blanks(BLANKS[0]), ..TaskInput::default() };
                CopyQuestions::Blanks(texts.map(input).collect())
            }
            CopyMethod::Translated(_) => {
                let texts_of = |&(planned, _): &(Planned, Vec<BlankedText>)| {
                    let mut random = generator(self.seed ^ SEEDS[3], self.stream(planned));
                    let texts = self.rows[planned.index].1.iter();
                    texts.map(|text| (text.clone(), random.next_u64())).collect::<Vec<_>>()
                };
                CopyQuestions::Texts(asked.flat_map(texts_of).collect())
            }
        })
    }

    /// Takes what was filled into the blanks that were given out, an answer a text; a text without one stays as it is.
    pub fn take_filled(&mut self, answers: &[Option<Prediction>]) {
        let mut answers = answers.iter();
        for (planned, texts) in std::mem::take(&mut self.asked) {
            let mut random = generator(self.seed ^ SEEDS[1], self.stream(planned));
            let mut fill = |text: &BlankedText| {
                let answer = if text.num_blanks() > 0 { answers.next() } else { None };
                match answer {
                    Some(Some(Prediction::MaskedLm(own))) if own.blanks.len() == text.num_blanks() => {
                        let offered =
                            own.blanks.iter().map(|fills| fills.iter().map(|fill| fill.token.as_str()).collect());
                        text.fill(&offered.collect::<Vec<Vec<&str>>>(), &mut random)
                    }
                    answer => {
                        self.left_out.unasked += usize::from(answer.is_some());
                        text.text().to_owned()
                    }
                }
            };
            let filled = texts.iter().map(&mut fill).collect();
            self.take(planned, filled);
        }
    }

    /// Takes what came back of the texts that were given out.
    pub fn take_translated(&mut self, texts: Vec<Translated>) {
        let mut texts = texts.into_iter();
        for (planned, _) in std::mem::take(&mut self.asked) {
            let own: Vec<Translated> = texts.by_ref().take(self.rows[planned.index].1.len()).collect();
            let ended = own.into_iter().map(|text| match text {
                Translated::Text(text) => Some(text),
                Translated::NotEnded => None,
            });
            match ended.collect::<Option<Vec<String>>>() {
                Some(texts) => self.take(planned, texts),
                None => {
                    self.done += 1;
                    self.left_out.not_ended += 1;
                }
            }
        }
    }

    /// What was made, and what there is to say of it, a sentence each without capital and full stop. `model` is the name of what made
    /// it.
    #[must_use]
    pub fn finish(self, model: &str) -> (MadeCopies, Vec<String>) {
        let notes = self.notes();
        let (kind, how) = match &self.method {
            CopyMethod::Masked => (AugmentKind::Masked, format!("words filled in by {model}")),
            CopyMethod::Translated(_) => (AugmentKind::Translated, format!("translated and back by {model}")),
        };
        let copies = self.made.iter().flat_map(|(&index, made)| {
            let (row, texts) = &self.rows[index];
            let of = hash_of(texts.iter().map(String::as_str));
            made.iter().map(move |texts| MadeCopy { row: *row, of: of.clone(), texts: texts.clone() })
        });
        (MadeCopies { by: format!("{how}, seed {}", self.seed), kind, copies: copies.collect() }, notes)
    }

    /// Adds a copy, unless it says nothing else than its row or another copy of it, or nothing at all.
    fn take(&mut self, planned: Planned, texts: Vec<String>) {
        self.done += 1;
        let is_alike = |others: &[String]| {
            texts.iter().zip(others).all(|(one, other)| one.split_whitespace().eq(other.split_whitespace()))
        };
        let known = self.made.get(&planned.index).map(Vec::as_slice).unwrap_or_default();
        if texts.iter().any(|text| text.trim().is_empty()) {
            self.left_out.empty += 1;
        } else if is_alike(&self.rows[planned.index].1) || known.iter().any(|known| is_alike(known)) {
            self.left_out.alike += 1;
        } else {
            self.num_bytes += texts.iter().map(String::len).sum::<usize>() + BYTES_OF_COPY;
            self.made.entry(planned.index).or_default().push(texts);
        }
    }

    /// The texts of a row with blanks in them; none where they are translated.
    fn blank(&self, planned: Planned) -> Vec<BlankedText> {
        if self.method != CopyMethod::Masked {
            return Vec::new();
        }
        let mut random = generator(self.seed ^ SEEDS[0], self.stream(planned));
        let texts = self.rows[planned.index].1.iter();
        texts.map(|text| BlankedText::draw(text, self.share, &mut random)).collect()
    }

    /// The stream of randomness of a copy.
    fn stream(&self, planned: Planned) -> u64 {
        self.rows[planned.index].0 as u64 * MAX_COPIES + planned.copy
    }

    fn notes(&self) -> Vec<String> {
        let LeftOut { alike, empty, not_ended, unasked } = self.left_out;
        let copies = |number: usize, what: &str| format!("{} {what}", plural(number, "copy"));
        let mut notes = Vec::new();
        if alike > 0 {
            notes.push(copies(alike, "left out: like the row, or like another copy of it"));
        }
        if empty > 0 {
            notes.push(copies(empty, "left out: a text came back empty"));
        }
        if not_ended > 0 {
            let what = "left out: a text is longer than the model reads, or its translation came to no end";
            notes.push(copies(not_ended, what));
        }
        if unasked > 0 {
            let texts = plural(unasked, "text");
            notes.push(format!("{texts} with a blank the model could not be asked about; they stay as they are"));
        }
        let (done, total) = self.progress();
        if self.num_bytes > self.max_bytes {
            notes.push(format!("no more than {} megabytes of copies are kept with a job", MAX_KEPT_BYTES >> 20));
        }
        if done < total {
            notes.push(format!("{} of {} were asked for", count(done), plural(total, "copy")));
        }
        notes
    }
}

/// The hash by which a copy knows its row.
fn hash_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    let mut hash = sha256_hex(&bytes);
    hash.truncate(HASH_DIGITS);
    hash
}

/// Puts copies that a model made beside those of `augmented`, each behind its row; `rows` are those that `augmented` is of, each with
/// its index, its number and its texts. A copy of a row that is not among them, or has other texts now, is left out.
pub(super) fn add_made<'t>(
    mut augmented: Augmented,
    made: &MadeCopies,
    rows: impl Iterator<Item = (usize, usize, Vec<&'t str>)>,
) -> Augmented {
    if made.is_empty() {
        return augmented;
    }
    let mut copies: Vec<&MadeCopy> = made.copies.iter().collect();
    copies.sort_by_key(|copy| copy.row);
    for (index, row, texts) in rows {
        let first = copies.partition_point(|copy| copy.row < row);
        let copies: Vec<&MadeCopy> = copies[first..].iter().take_while(|copy| copy.row == row).copied().collect();
        if copies.is_empty() {
            continue;
        }
        let (of, num_texts) = (hash_of(texts.iter().copied()), texts.len());
        let own = copies.iter().filter(|copy| copy.of == of && copy.texts.len() == num_texts);
        let added = own.map(|copy| AddedRow { index, row, kind: made.kind, texts: copy.texts.clone() });
        augmented.added.extend(added);
    }
    augmented.added.sort_by_key(|added| added.index);
    let num_copied = augmented.added.chunk_by(|one, next| one.index == next.index).count();
    Augmented { num_unchanged: augmented.num_rows - num_copied, ..augmented }
}

/// The copies that a model made, each behind the training row that it is of; `None` where rows are no texts.
#[must_use]
pub fn copies_of_rows(rows: &dyn TaskData, made: &MadeCopies) -> Option<Augmented> {
    let (all, train) = (rows.finding_rows()?, Split::Train.index());
    let num_rows = all.sizes()[train];
    let row_at = |index: usize| {
        let row = all.row_at(train, index);
        (index, row.row, row.texts)
    };
    let none = Augmented { num_rows, num_unchanged: num_rows, ..Augmented::default() };
    Some(add_made(none, made, (0..num_rows).map(row_at)))
}

/// Says how many copies no row that is trained on has; `used` are those that have one.
pub(super) fn warn_of_unused_copies(made: &MadeCopies, used: &Augmented) -> Option<String> {
    let num_unused = made.copies.len().saturating_sub(used.added.len());
    (num_unused > 0).then(|| {
        format!(
            "{} of {} that a model made are left out: their rows are not trained on, or have other texts since",
            count(num_unused),
            plural(made.copies.len(), "copy")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::masked_lm::{Fill, Prediction as Filled};
    use super::super::{ReadRequest, Task};
    use super::*;
    use crate::config::{ReadOptions, SplitConfig, TextAugmentation, Translation};
    use crate::data::DataFiles;

    const ROWS: &str = "text,label\nthe good movie,a\n12 34,b\nthe long story,b\n";

    fn run(augment_copies: u32) -> RunConfig {
        let augmentation = TextAugmentation { augment_copies, ..TextAugmentation::default() };
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        RunConfig { augmentation, split, ..RunConfig::default() }
    }

    fn data(text: &str, copies: MadeCopies) -> Box<dyn TaskData> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let read = &ReadOptions { copies, ..ReadOptions::default() };
        Task::SequenceClassification.read(&ReadRequest::to_train(files, read, &run(1))).expect("good rows")
    }

    fn plan(num_copies: u32, method: CopyMethod) -> ModelCopies {
        let rows = data(ROWS, MadeCopies::default());
        ModelCopies::plan(rows.as_ref(), &run(num_copies), method).expect("texts")
    }

    #[test]
    fn answers_become_copies_of_their_rows() {
        let mut copies = plan(2, CopyMethod::Masked);
        let Some(CopyQuestions::Blanks(inputs)) = copies.ask() else { panic!("there are words") };
        assert_eq!(inputs.len(), 4, "two copies of each of two rows");
        assert!(inputs.iter().all(|input| input.text.matches("[MASK]").count() == 1), "{inputs:?}");
        assert_eq!(plan(2, CopyMethod::Masked).ask(), Some(CopyQuestions::Blanks(inputs.clone())), "the same seed");
        let fill = |token: &str| Fill { token: token.to_owned(), probability: 0.5 };
        let answer = |token: &str| Some(Prediction::MaskedLm(Filled { blanks: vec![vec![fill(token)]] }));
        // Rows come in an order that is drawn, the copies of one after the other.
        copies.take_filled(&[answer("other"), answer("else"), answer("##x"), None]);
        assert_eq!((copies.progress(), copies.ask()), ((6, 6), None));
        let (made, notes) = copies.finish("tiny");
        assert_eq!((made.copies.len(), made.by.as_str()), (2, "words filled in by tiny, seed 42"));
        assert!(made.copies[0].row == made.copies[1].row && made.copies[0].of == made.copies[1].of, "{made:?}");
        let texts: Vec<&str> = made.copies.iter().map(|copy| copy.texts[0].as_str()).collect();
        assert!(texts[0].to_lowercase().contains("other") && texts[1].to_lowercase().contains("else"), "{texts:?}");
        let expected = [
            "4 copies left out: like the row, or like another copy of it",
            "1 text with a blank the model could not be asked about; they stay as they are",
        ];
        assert_eq!(notes, expected);
    }

    #[test]
    fn translations_that_say_nothing_new_are_left_out_and_counted() {
        let mut copies = plan(2, CopyMethod::Translated(Translation::default()));
        let mut asked = Vec::new();
        while let Some(CopyQuestions::Texts(texts)) = copies.ask() {
            let [(text, seed)] = texts.as_slice() else { panic!("rows have one text") };
            asked.push(*seed);
            copies.take_translated(vec![match (text.as_str(), asked.len() % 2) {
                ("the good movie", 1) => Translated::Text("a fine film".into()),
                ("the good movie", _) => Translated::Text(" a fine  film".into()),
                ("12 34", 1) => Translated::Text("12  34 ".into()),
                ("12 34", _) => Translated::Text(" ".into()),
                _ => Translated::NotEnded,
            }]);
        }
        asked.sort_unstable();
        asked.dedup();
        assert_eq!((asked.len(), copies.progress()), (6, (6, 6)), "each is drawn by itself");
        let (made, notes) = copies.finish("tiny");
        assert_eq!((made.copies.len(), made.copies[0].row, made.kind), (1, 2, AugmentKind::Translated));
        let expected = [
            "2 copies left out: like the row, or like another copy of it",
            "1 copy left out: a text came back empty",
            "2 copies left out: a text is longer than the model reads, or its translation came to no end",
        ];
        assert_eq!(notes, expected);
    }

    #[test]
    fn what_was_made_stands_behind_rows_that_are_as_they_were() {
        let mut copies = plan(1, CopyMethod::Translated(Translation::default()));
        while let Some(CopyQuestions::Texts(texts)) = copies.ask() {
            copies.take_translated(texts.iter().map(|(text, _)| Translated::Text(format!("{text} too"))).collect());
        }
        let (made, notes) = copies.finish("tiny");
        assert!(made.copies.len() == 3 && notes.is_empty(), "{notes:?}");
        let found = data(ROWS, made.clone()).augment(&run(1), usize::MAX).expect("texts");
        let texts: Vec<(usize, &str)> =
            found.added.iter().map(|added| (added.index, added.texts[0].as_str())).collect();
        assert_eq!(texts, [(0, "the good movie too"), (1, "12 34 too"), (2, "the long story too")]);
        assert_eq!((found.num_rows, found.num_unchanged), (3, 0));
        let edited = data(&ROWS.replace("good", "bad"), made);
        let found = edited.augment(&run(1), usize::MAX).expect("texts");
        assert_eq!((found.added.len(), found.num_unchanged), (2, 1));
        let warnings = edited.report(None, &run(1)).expect("no tokens are needed").warnings;
        let expected =
            "1 of 3 copies that a model made are left out: their rows are not trained on, or have other texts since";
        assert!(warnings.iter().any(|warning| warning == expected), "{warnings:?}");
    }

    #[test]
    fn no_more_are_kept_than_a_job_carries() {
        let mut copies = plan(2, CopyMethod::Translated(Translation::default())).to_be_kept();
        assert!(copies.ask().is_some());
        copies.take_translated(vec![Translated::Text("long ".repeat(MAX_KEPT_BYTES / 4))]);
        assert_eq!(copies.ask(), None);
        let (made, notes) = copies.finish("tiny");
        let expected = ["no more than 2 megabytes of copies are kept with a job", "1 of 6 copies were asked for"];
        assert_eq!((made.copies.len(), notes), (1, expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_ended_before_its_end_says_so() {
        let mut copies = plan(1, CopyMethod::Translated(Translation::default()));
        assert!(copies.ask().is_some());
        copies.take_translated(vec![Translated::Text("another".into())]);
        let (made, notes) = copies.finish("tiny");
        assert_eq!((made.copies.len(), notes), (1, vec!["1 of 3 copies were asked for".to_owned()]));
    }
}
