//! Texts as they are read, tokenised and reported; and the rows that a run gets of them.

use std::any::Any;
use std::rc::Rc;

use super::encode::{EncodeSettings, Encoded, encode_examples};
use super::examples::{Dataset, Summary, build_dataset};
use super::parts::PartEncoder;
use super::plain::write_plainly;
use super::report::report;
use super::rows::{Rows, SplitRows};
use crate::config::{DataShape, ReadOptions, RunConfig};
use crate::data::findings::{FindingRow, FindingRows, LabelKind};
use crate::data::{DataError, NO_VALIDATION_ROWS};
use crate::task::encoding::{MIN_ROW_BYTES, PART_BYTES};
use crate::task::{
    DataReport, Purpose, ReadRequest, RenderTurns, RowPlaces, Task, TaskData, TaskError, TaskModel, TaskRows,
};

/// Reads texts. Before there is a model, conversations are written plainly, to be looked at.
///
/// A model that is measured may have been trained on rows of another kind: a `prompt_format` that these rows have no use
/// for is then left out, and that is said.
///
/// # Errors
/// When a file as a whole can't be used: says what is wrong, with row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let mut read = request.read.clone();
    let (dataset, summary) = match build(request, &read) {
        Err(TaskError::Data(DataError::UnusedPromptFormat { format, shape }))
            if request.purpose == Purpose::Measure =>
        {
            read.prompt_format = None;
            let (dataset, mut summary) = build(request, &read)?;
            let unused = format!("prompt_format {format} has no effect on {shape} rows: they are read without it");
            summary.read.warnings.push(unused);
            (dataset, summary)
        }
        built => built?,
    };
    Ok(Box::new(Data::new(dataset, summary, read, request.purpose)))
}

/// The texts, as the model's chat template writes them. A broken template stands in the way of conversations only, and is
/// then what is wrong.
fn build(request: &ReadRequest<'_>, read: &ReadOptions) -> Result<(Dataset, Summary), TaskError> {
    let render: Option<&RenderTurns<'_>> = match &request.model {
        Some(model) => model.render,
        None => Some(&write_plainly),
    };
    let broken = request.model.and_then(|model| model.broken_template);
    let built = build_dataset(request.files, read, render, &request.run.split, request.run.seed);
    let (dataset, mut summary) = built.map_err(|error| match broken {
        Some(broken) if lacks_template(&error) => TaskError::Model(broken.to_owned()),
        _ => error.into(),
    })?;
    if request.purpose == Purpose::Train && dataset.valid.is_empty() {
        summary.read.warnings.push(NO_VALIDATION_ROWS.into());
    }
    Ok((dataset, summary))
}

/// Whether there is something to write with a chat template, and no template.
fn lacks_template(error: &DataError) -> bool {
    match error {
        DataError::NoChatTemplate | DataError::NoTemplateForFormat => true,
        DataError::InFile { source, .. } => lacks_template(source),
        _ => false,
    }
}

/// Texts as read, and as tokens as far as they were made.
#[derive(Debug)]
struct Data {
    dataset: Rc<Dataset>,
    summary: Summary,
    /// How they were read.
    read: ReadOptions,
    purpose: Purpose,
    /// How they are tokenised; `None` before the first part.
    settings: Option<EncodeSettings>,
    tokens: [Vec<Encoded>; 3],
    /// A long text is one example: it is tokenised part by part.
    parts: PartEncoder,
    /// The split and the index of the example that come next.
    next: (usize, usize),
    /// Bytes of text that were tokenised, and in all: a text may be a whole file.
    bytes: (usize, usize),
}

impl Data {
    fn new(dataset: Dataset, summary: Summary, read: ReadOptions, purpose: Purpose) -> Self {
        let pieces = dataset.splits().into_iter().flatten().flat_map(|example| &example.pieces);
        let num_bytes = pieces.map(|piece| piece.text.len()).sum();
        Self {
            dataset: Rc::new(dataset),
            summary,
            read,
            purpose,
            settings: None,
            tokens: [Vec::new(), Vec::new(), Vec::new()],
            parts: PartEncoder::default(),
            next: (0, 0),
            bytes: (0, num_bytes),
        }
    }

    fn is_encoded(&self) -> bool {
        let (split, index) = self.next;
        let left: usize = self.dataset.splits()[split..].iter().map(|examples| examples.len()).sum();
        left <= index
    }
}

impl TaskData for Data {
    fn task(&self) -> Task {
        Task::CausalLm
    }

    fn labels(&self) -> &[String] {
        &[]
    }

    fn num_rows(&self) -> [usize; 3] {
        self.dataset.splits().map(<[_]>::len)
    }

    fn places(&self) -> RowPlaces {
        self.dataset.splits().map(|examples| examples.iter().map(|example| (example.row, None)).collect())
    }

    fn read_options(&self) -> ReadOptions {
        let read = with_used_columns(self.read.clone(), &self.summary.read.used_columns);
        ReadOptions { prompt_format: self.summary.prompt_format.clone(), ..read }
    }

    fn encode_part(&mut self, model: &TaskModel<'_>, run: &RunConfig) -> Result<bool, TaskError> {
        let settings = EncodeSettings::of(model, run);
        if self.settings.as_ref() != Some(&settings) {
            self.tokens = [Vec::new(), Vec::new(), Vec::new()];
            (self.parts, self.next, self.bytes.0) = (PartEncoder::default(), (0, 0), 0);
        }
        let settings = self.settings.insert(settings).clone();
        let mut num_bytes = 0;
        while num_bytes < PART_BYTES && !self.is_encoded() {
            let (split, index) = self.next;
            let Some(example) = self.dataset.splits()[split].get(index) else {
                self.next = (split + 1, 0);
                continue;
            };
            let (num_read, rows) = self.parts.advance(model.tokenizer(), example, index, &settings, PART_BYTES)?;
            self.bytes.0 += num_read;
            let Some(rows) = rows else {
                num_bytes += num_read;
                continue; // there is more of it
            };
            self.tokens[split].extend(rows);
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
        let [train, valid, test] = &self.tokens;
        let tokenizer = model.map(|model| model.tokenizer());
        let mut report = report(&self.summary, &self.dataset, [train, valid, test], tokenizer, limit)?;
        if let (Purpose::Measure, Some(model)) = (self.purpose, model) {
            let longest = model.tokenizer().model_max_length().unwrap_or(usize::MAX).min(model.max_tokens);
            if report.num_truncated > 0 && limit < longest {
                report.warnings.push(format!("this model reads {longest} tokens; rows are measured up to {limit}"));
            }
        }
        Ok(report)
    }

    fn sample_texts(&self) -> Vec<&str> {
        let examples = self.dataset.splits().into_iter().flatten();
        examples.flat_map(|example| &example.pieces).map(|piece| piece.text.as_str()).collect()
    }

    fn finding_rows(&self) -> Option<&dyn FindingRows> {
        Some(self)
    }

    fn prepare(&self, model: &TaskModel<'_>, run: &RunConfig) -> Result<Box<dyn TaskRows>, TaskError> {
        let settings = EncodeSettings::of(model, run);
        let tokens = if self.is_encoded() && self.settings.as_ref() == Some(&settings) {
            self.tokens.clone()
        } else {
            let encode = |examples: &[_]| encode_examples(model.tokenizer(), examples, &settings);
            let [train, valid, test] = self.dataset.splits().map(encode);
            [train?, valid?, test?]
        };
        let [train, valid, test] = tokens;
        // Only texts to train on are packed.
        let splits = [
            SplitRows::new(train, run.packing, settings.max_seq_length),
            SplitRows::new(valid, false, settings.max_seq_length),
            SplitRows::new(test, false, settings.max_seq_length),
        ];
        Ok(Box::new(Rows::new(Rc::clone(&self.dataset), splits, model.padding(run))))
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
        self.summary.read.has_own_file
    }

    fn sizes(&self) -> [usize; 3] {
        self.num_rows()
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        let example = &self.dataset.splits()[split][index];
        // What a chat template writes around each turn is the same in all rows.
        let texts = match example.turns.as_slice() {
            [] => example.pieces.iter().map(|piece| piece.text.as_str()).collect(),
            turns => turns.iter().map(|turn| turn.content.as_str()).collect(),
        };
        let tokens = &self.tokens[split];
        let first = tokens.partition_point(|row| row.example < index);
        let of_example = tokens[first..].iter().take_while(|row| row.example == index);
        let num_tokens = of_example.map(|row| row.num_tokens_untruncated).max();
        FindingRow { row: example.row, texts, target: None, labels: Vec::new(), num_tokens }
    }
}

/// The columns that texts were really read from, guessed ones too; a plain text has none.
fn with_used_columns(mut read: ReadOptions, used: &[(String, String)]) -> ReadOptions {
    for (column, role) in used {
        let (shape, wish) = match role.as_str() {
            "text" => (Some(DataShape::Text), &mut read.text_column),
            "prompt" => (Some(DataShape::PromptCompletion), &mut read.prompt_column),
            "instruction" => (Some(DataShape::Instruction), &mut read.prompt_column),
            "input" => (None, &mut read.input_column),
            "completion" | "output" => (None, &mut read.completion_column),
            "messages" => (Some(DataShape::Messages), &mut read.messages_column),
            _ => continue,
        };
        *wish = Some(column.clone());
        read.shape = shape.or(read.shape);
    }
    read
}

#[cfg(test)]
mod tests;
