//! Texts as they are read, tokenised and reported; and the passages that a run gets of them.

use std::any::Any;
use std::rc::Rc;

use super::mask::{Masking, no_mask_token};
use super::passages::{Passage, PassageReader, read_passages};
use super::read::{Texts, read_texts};
use super::rows::Rows;
use super::{PassagePreview, ReportDetail};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::{FindingRow, FindingRows, LabelKind};
use crate::data::{LengthHistogram, NO_VALIDATION_ROWS, ReadSummary};
use crate::task::encoding::{MIN_ROW_BYTES, PART_BYTES};
use crate::task::{
    self, DataReport, Purpose, ReadRequest, RowPlaces, Task, TaskData, TaskError, TaskModel, TaskRows, data_report,
};

/// Passages of the preview.
const PREVIEW: usize = 3;

/// Characters of a row in the preview, where there are no tokens.
const PREVIEW_CHARS: usize = 300;

/// Reads texts.
///
/// # Errors
/// When a file as a whole can't be used: says what is wrong, with row and column; when the model hides no words.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    if request.model.is_some_and(|model| model.tokenizer().mask_token_id().is_none()) {
        return Err(no_mask_token());
    }
    let (splits, mut summary) = read_texts(request)?;
    if request.purpose == Purpose::Train && splits[1].is_empty() {
        summary.warnings.push(NO_VALIDATION_ROWS.into());
    }
    let num_bytes = splits.iter().flatten().map(|row| row.value.len()).sum();
    Ok(Box::new(Data {
        splits,
        summary,
        read: request.read.clone(),
        limit: None,
        passages: Default::default(),
        reader: PassageReader::default(),
        next: (0, 0),
        bytes: (0, num_bytes),
    }))
}

/// Texts as read, and their passages as far as they were made.
#[derive(Debug)]
struct Data {
    splits: [Texts; 3],
    summary: ReadSummary,
    /// How they were read.
    read: ReadOptions,
    /// Tokens of a passage; `None` before the first part.
    limit: Option<usize>,
    passages: [Rc<Vec<Passage>>; 3],
    /// A long text is one row: it is tokenised part by part.
    reader: PassageReader,
    /// The split and the index of the row that come next.
    next: (usize, usize),
    /// Bytes of text that were tokenised, and in all: a text may be a whole file.
    bytes: (usize, usize),
}

impl Data {
    fn is_encoded(&self) -> bool {
        let (split, index) = self.next;
        let left: usize = self.splits[split..].iter().map(Vec::len).sum();
        left <= index
    }

    fn row_numbers(&self) -> [Vec<usize>; 3] {
        self.splits.each_ref().map(|rows| rows.iter().map(|row| row.row).collect())
    }

    fn preview(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<Vec<PassagePreview>, TaskError> {
        let Some(model) = model else {
            let text = |text: &str| text.chars().take(PREVIEW_CHARS).collect();
            let rows = self.splits[0].iter().take(PREVIEW);
            return Ok(rows
                .map(|row| PassagePreview { row: row.row, text: text(&row.value), num_hidden: 0 })
                .collect());
        };
        let masking = Masking::new(model, run)?;
        let preview = |(index, passage): (usize, &Passage)| -> Result<PassagePreview, TaskError> {
            let mut ids = passage.input_ids.clone();
            let hidden = masking.hide(passage, index, None);
            for hidden in &hidden {
                ids[hidden.position] = hidden.shown;
            }
            let row = self.splits[0].get(passage.row).map_or(0, |row| row.row);
            Ok(PassagePreview { row, text: model.tokenizer().decode(&ids, false)?, num_hidden: hidden.len() })
        };
        self.passages[0].iter().take(PREVIEW).enumerate().map(preview).collect()
    }
}

impl TaskData for Data {
    fn task(&self) -> Task {
        Task::MaskedLm
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    fn places(&self) -> RowPlaces {
        self.splits.each_ref().map(|rows| rows.iter().map(|row| (row.row, None)).collect())
    }

    fn read_options(&self) -> ReadOptions {
        let column = Some(self.summary.column_of("text").to_owned()).filter(|column| !column.is_empty());
        ReadOptions { text_column: column, ..self.read.clone() }
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        let limit = model.limit(run);
        if self.limit != Some(limit) {
            self.passages = Default::default();
            (self.reader, self.next, self.bytes.0) = (PassageReader::default(), (0, 0), 0);
        }
        self.limit = Some(limit);
        let mut num_bytes = 0;
        while num_bytes < PART_BYTES && !self.is_encoded() {
            let (split, index) = self.next;
            let Some(row) = self.splits[split].get(index) else {
                self.next = (split + 1, 0);
                continue;
            };
            let at = (index, row.row);
            let (num_read, passages) = self.reader.advance(model.tokenizer(), at, &row.value, limit, PART_BYTES)?;
            self.bytes.0 += num_read;
            let Some(passages) = passages else {
                num_bytes += num_read;
                continue; // there is more of it
            };
            Rc::make_mut(&mut self.passages[split]).extend(passages);
            num_bytes += num_read.max(MIN_ROW_BYTES);
            self.next = (split, index + 1);
        }
        Ok(!self.is_encoded())
    }

    fn progress(&self) -> (usize, usize) {
        self.bytes
    }

    fn report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> Result<DataReport, TaskError> {
        let limit = model.map_or(run.max_seq_length as usize, |model| model.limit(run));
        let lengths: Vec<usize> =
            self.passages.iter().flat_map(|passages| passages.iter()).map(|row| row.input_ids.len()).collect();
        let detail = ReportDetail { num_tokens: lengths.iter().sum(), preview: self.preview(model, run)? };
        let detail = task::ReportDetail::MaskedLm(Box::new(detail));
        // Texts are cut into passages of which nothing is lost.
        let report = data_report(&self.summary, &self.row_numbers(), &[], limit, detail);
        let num_encoded = match model {
            Some(_) => self.passages.each_ref().map(|passages| passages.len()),
            None => report.split_sizes,
        };
        Ok(DataReport { num_encoded, lengths: LengthHistogram::of(&lengths), ..report })
    }

    fn sample_texts(&self) -> Vec<&str> {
        self.splits.iter().flatten().map(|row| row.value.as_str()).collect()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        let limit = model.limit(run);
        let splits = if self.is_encoded() && self.limit == Some(limit) {
            self.passages.clone()
        } else {
            let read = |rows: &Texts| {
                let texts = rows.iter().map(|row| (row.row, row.value.as_str()));
                read_passages(model.tokenizer(), texts, limit, PART_BYTES).map(Rc::new)
            };
            let [train, valid, test] = self.splits.each_ref().map(read);
            [train?, valid?, test?]
        };
        let (masking, padding) = (Masking::new(model, run)?, model.padding(run));
        Ok(Box::new(Rows { splits, numbers: self.row_numbers(), masking, padding }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FindingRows for Data {
    fn labels_are(&self) -> LabelKind {
        LabelKind::None
    }

    fn has_own_file(&self) -> [bool; 2] {
        self.summary.has_own_file
    }

    fn are_cut(&self) -> bool {
        false
    }

    fn sizes(&self) -> [usize; 3] {
        self.num_rows()
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        let row = &self.splits[split][index];
        let texts = vec![row.value.as_str()];
        FindingRow { row: row.row, texts, target: None, labels: Vec::new(), num_tokens: None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mask::tests::model;
    use super::super::passages::tests::tokenizer;
    use super::*;
    use crate::data::{DataFiles, Split};
    use crate::folder::Folder;
    use crate::tokenizer::Tokenizer;

    fn run(max_seq_length: u32) -> RunConfig {
        RunConfig { max_seq_length, ..RunConfig::default() }
    }

    fn data(text: &str, model: Option<TaskModel<'_>>) -> Result<Box<dyn TaskData>, TaskError> {
        let files = DataFiles { train: ("a.txt".into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        let (read_as, run) = (ReadOptions::default(), run(16));
        let (known_labels, purpose) = (&[][..], Purpose::Train);
        read(&ReadRequest { files: &files.clone().into(), read: &read_as, run: &run, known_labels, purpose, model })
    }

    fn detail(report: &DataReport) -> &ReportDetail {
        let task::ReportDetail::MaskedLm(detail) = &report.detail else { panic!("of hidden tokens") };
        detail
    }

    #[test]
    fn passages_are_made_part_by_part_and_taken_for_a_run_of_the_same_length() {
        let tokenizer = tokenizer();
        let model = model(&tokenizer);
        let text = "hello worlds and hello !\n".repeat(8_000);
        let mut data = data(&text, Some(model)).expect("a text");
        let mut num_parts = 1;
        while data.encode_part(&model, &run(16)).expect("room") {
            num_parts += 1;
        }
        assert!(num_parts > 4 && data.progress() == (text.len(), text.len()), "{num_parts}");
        let report = data.report(Some(&model), &run(16)).expect("its own tokens");
        // Six tokens a line, in passages of fourteen with two special tokens around each.
        let num_passages: usize = report.num_encoded.iter().sum();
        assert_eq!(detail(&report).num_tokens, 48_000 + 2 * num_passages);
        assert_eq!((report.split_sizes, report.num_truncated, report.lengths.max), ([1, 1, 1], 0, 16));
        let preview = &detail(&report).preview;
        assert!(
            preview.len() == 3 && preview[0].num_hidden > 0 && preview[0].text.starts_with("[CLS] "),
            "{preview:?}"
        );
        let known = data.prepare(&model, &run(16)).expect("they are there");
        assert_eq!(known.num_rows(), report.num_encoded);
        assert_eq!(data.prepare(&model, &run(32)).expect("they are made").lengths(Split::Train)[0], 32);
    }

    #[test]
    fn texts_can_be_looked_at_before_there_is_a_model() {
        let found = data(&"hello world\n".repeat(10), None).expect("a text");
        let report = found.report(None, &run(16)).expect("nothing is decoded");
        assert_eq!((detail(&report).num_tokens, report.lengths.counts.len()), (0, 0));
        assert_eq!(detail(&report).preview[0].text, "hello world\n".repeat(9));
    }

    #[test]
    fn a_model_that_hides_no_words_is_refused() {
        let mut folder = Folder::new();
        folder.insert("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\n");
        let tokenizer = Tokenizer::from_folder(&folder, None).expect("a good vocabulary");
        let error = data("hello", Some(model(&tokenizer))).expect_err("it has no mask token").to_string();
        assert!(error.contains("mask_token"), "{error}");
    }
}
