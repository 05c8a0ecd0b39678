//! Rows on their way into a session. In: files, and how to read them. Out: the data set, its tokens, and a report.
//!
//! Files are parsed and shared out at once; the rows are then tokenised a part at a time, which takes most of the time:
//! between two parts a driver can show how far it is, hear what it is asked for, and drop the reading. A plain text, which
//! is one row, is cut into parts where its tokens allow it. The tokens are kept for the run that is started on the rows.

use std::collections::HashMap;

use super::measure::with_used_columns;
use super::run::{Data, Report, Rows, Session};
use super::{SessionError, classes, language, texts};
use crate::checkpoint::PretrainedModel;
use crate::config::{ReadOptions, RunConfig, Task};
use crate::data::causal_lm::{LmDataset, LmEncodeSettings, LmEncoded, LmPartEncoder, LmSummary};
use crate::data::{DataError, DataFiles, Dataset, DecodedText, Encoded, Example, ReadSummary, encode_text, read_text};

/// Bytes of text that are tokenised in one go: some tens of milliseconds in a browser.
const PART_BYTES: usize = 32 << 10;

/// What a row counts at least, however short it is.
const MIN_ROW_BYTES: usize = 64;

/// Tokens of training, validation and test rows.
pub(super) enum Tokens {
    Classes([Vec<Encoded>; 3]),
    Texts([Vec<LmEncoded>; 3]),
}

/// Rows that were parsed and are being tokenised.
pub struct Reading {
    files: DataFiles,
    read: ReadOptions,
    run: RunConfig,
    rows: Unmeasured,
    /// The split and the row that come next.
    next: (usize, usize),
    done: usize,
    total: usize,
}

enum Unmeasured {
    Classes {
        dataset: Dataset,
        summary: ReadSummary,
        /// What the rows of the reading before give again.
        known: [Vec<Option<Encoded>>; 3],
        tokens: [Vec<Encoded>; 3],
    },
    Texts {
        dataset: LmDataset,
        summary: LmSummary,
        tokens: [Vec<LmEncoded>; 3],
        /// A long text is one row: it is tokenised part by part.
        parts: LmPartEncoder,
        /// How they are tokenised.
        settings: LmEncodeSettings,
        /// Bytes of text that were tokenised, and in all.
        bytes: (usize, usize),
    },
}

impl Reading {
    /// Rows that were tokenised, and rows in all; of texts for a language model, of which one may be a whole file, bytes.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        match self.rows {
            Unmeasured::Classes { .. } => (self.done, self.total),
            Unmeasured::Texts { bytes, .. } => bytes,
        }
    }

    /// Tokenises some tens of kilobytes of text; `false` once nothing is left.
    fn advance(&mut self, model: &PretrainedModel) -> Result<bool, SessionError> {
        let mut num_bytes = 0;
        while self.done < self.total && num_bytes < PART_BYTES {
            let (split, index) = self.next;
            let row_bytes = match &mut self.rows {
                Unmeasured::Classes { dataset, known, tokens, .. } => {
                    let rows = [&dataset.train, &dataset.valid, &dataset.test][split];
                    let Some(row) = rows.get(index) else {
                        self.next = (split + 1, 0);
                        continue;
                    };
                    let known = known[split].get_mut(index).and_then(Option::take);
                    let num_new = if known.is_some() { 0 } else { row.text.len() };
                    let encoded = match known {
                        Some(encoded) => Encoded { label: row.label, example: index, ..encoded },
                        None => {
                            let limit = classes::limit(model, &self.run);
                            encode_text(&model.tokenizer, &row.text, row.label, index, limit)?
                        }
                    };
                    tokens[split].push(encoded);
                    num_new
                }
                Unmeasured::Texts { dataset, tokens, parts, settings, bytes, .. } => {
                    let rows = [&dataset.train, &dataset.valid, &dataset.test][split];
                    let Some(row) = rows.get(index) else {
                        self.next = (split + 1, 0);
                        continue;
                    };
                    let (read, rows) = parts.advance(&model.tokenizer, row, index, settings, PART_BYTES)?;
                    bytes.0 += read;
                    let Some(rows) = rows else {
                        num_bytes += read;
                        continue; // there is more of it
                    };
                    tokens[split].extend(rows);
                    read
                }
            };
            num_bytes += row_bytes.max(MIN_ROW_BYTES);
            self.next = (split, index + 1);
            self.done += 1;
        }
        Ok(self.done < self.total)
    }
}

/// Reads rows before there is a model to read them for: the report has everything but the tokens.
///
/// # Errors
/// Says what is wrong, with row and column.
pub fn survey(task: Task, files: &DataFiles, read: &ReadOptions, run: &RunConfig) -> Result<Report, SessionError> {
    let limit = run.max_seq_length as usize;
    Ok(match task {
        Task::SequenceClassification => {
            let (dataset, summary) = classes::parse(&[], files, read, run)?;
            Report::Classes(Box::new(classes::report(&dataset, &summary, &Default::default(), limit)))
        }
        Task::CausalLm => {
            let (dataset, summary) = texts::parse(None, files, read, run)?;
            Report::Texts(Box::new(texts::report(None, &dataset, &summary, &Default::default(), limit)?))
        }
    })
}

/// Reads a person's own general text ([`Session::evaluate_general`]): the text, and what there is to say about how its
/// bytes were read.
///
/// # Errors
/// When the file is no text; names it.
pub fn read_general_text(name: &str, bytes: &[u8]) -> Result<(String, Option<String>), SessionError> {
    match read_text(bytes, None) {
        Ok(DecodedText { text, encoding, is_guessed: true, .. }) => {
            let encoding = encoding.name();
            let note = format!("{name} is not UTF-8: it was read as {encoding}, a guess; save it as UTF-8 to be sure");
            Ok((text.into_owned(), Some(note)))
        }
        Ok(DecodedText { text, note, .. }) => Ok((text.into_owned(), note.map(|note| format!("{name}: {note}")))),
        Err(source) => {
            let source = Box::new(source);
            Err(DataError::InFile { role: "general text", name: name.to_owned(), source }.into())
        }
    }
}

impl Session {
    /// Reads the data files; needs a model, for its tokenizer and its task.
    ///
    /// # Errors
    /// Says what is wrong, with row and column; what was loaded before stays.
    pub fn load_data(&mut self, files: DataFiles, read: &ReadOptions, run: &RunConfig) -> Result<Report, SessionError> {
        let mut reading = self.begin_reading(files, read, run)?;
        while self.advance_reading(&mut reading)? {}
        self.finish_reading(reading)
    }

    /// Reads the loaded files again with other options.
    ///
    /// # Errors
    /// As [`Self::load_data`]; the reading before stays.
    pub fn reread_data(&mut self, read: &ReadOptions, run: &RunConfig) -> Result<Report, SessionError> {
        let files = self.data.as_ref().ok_or(SessionError::NoData)?.files.clone();
        self.load_data(files, read, run)
    }

    /// Parses the data files. Then [`Session::advance_reading`] until it is done, and [`Session::finish_reading`]; a
    /// reading that is dropped leaves what was loaded before.
    ///
    /// # Errors
    /// When no model is there, or the files can't be used: says what is wrong, with row and column.
    pub fn begin_reading(
        &self,
        files: DataFiles,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<Reading, SessionError> {
        let model = self.pretrained()?;
        let (rows, total) = match model.config.task() {
            Task::SequenceClassification => {
                // What a head of another task calls its outputs are no labels of these rows.
                let labels: &[String] = if self.unsupported_head.is_some() { &[] } else { self.known_labels() };
                let (dataset, summary) = classes::parse(labels, &files, read, run)?;
                let known = self.known_tokens(&dataset, classes::limit(model, run));
                let total = dataset.train.len() + dataset.valid.len() + dataset.test.len();
                (Unmeasured::Classes { dataset, summary, known, tokens: Default::default() }, total)
            }
            Task::CausalLm => {
                let (dataset, summary) = texts::parse(Some(model), &files, read, run)?;
                let total = dataset.train.len() + dataset.valid.len() + dataset.test.len();
                let rows = [&dataset.train, &dataset.valid, &dataset.test].into_iter().flatten();
                let bytes: (usize, usize) = (0, rows.flat_map(|row| &row.pieces).map(|piece| piece.text.len()).sum());
                let (parts, settings) = (LmPartEncoder::default(), texts::encode_settings(model, run));
                (Unmeasured::Texts { dataset, summary, tokens: Default::default(), parts, settings, bytes }, total)
            }
        };
        Ok(Reading { files, read: read.clone(), run: run.clone(), rows, next: (0, 0), done: 0, total })
    }

    /// Tokenises the next rows; `false` once all are.
    ///
    /// # Errors
    /// When the tokenizer fails on a row.
    pub fn advance_reading(&self, reading: &mut Reading) -> Result<bool, SessionError> {
        reading.advance(self.pretrained()?)
    }

    /// Takes the rows of a reading that is done, in the place of those before.
    ///
    /// # Errors
    /// When no model is there, or its tokenizer can't decode what it encoded.
    pub fn finish_reading(&mut self, reading: Reading) -> Result<Report, SessionError> {
        let Reading { files, read, run, rows, .. } = reading;
        let model = self.pretrained()?;
        let (rows, tokens, read, report) = match rows {
            Unmeasured::Classes { dataset, summary, tokens, .. } => {
                let mut report = classes::report(&dataset, &summary, &tokens, classes::limit(model, &run));
                report.warnings.extend(language::warn_of_rows(model, &dataset)?);
                let read = classes::with_columns(&read, &report);
                (Rows::Classes(dataset), Tokens::Classes(tokens), read, Report::Classes(Box::new(report)))
            }
            Unmeasured::Texts { dataset, summary, tokens, .. } => {
                let mut report = texts::report(Some(model), &dataset, &summary, &tokens, texts::limit(model, &run))?;
                report.warnings.extend(language::warn_of_texts(model, &dataset)?);
                // What was guessed is what a run follows, and its job file says.
                let read = with_used_columns(read, &report.used_columns);
                let read = ReadOptions { prompt_format: report.prompt_format.clone(), ..read };
                (Rows::Texts(dataset), Tokens::Texts(tokens), read, Report::Texts(Box::new(report)))
            }
        };
        self.data = Some(Data { files, rows, tokens: Some(tokens), read, run });
        Ok(report)
    }

    /// Tokens of the loaded rows, where they are labeled and cut at `limit`.
    pub(super) fn class_tokens(&self, limit: usize) -> Option<&[Vec<Encoded>; 3]> {
        match self.data.as_ref() {
            Some(Data { tokens: Some(Tokens::Classes(tokens)), run, .. }) => {
                (classes::limit(self.pretrained().ok()?, run) == limit).then_some(tokens)
            }
            _ => None,
        }
    }

    /// Tokens of the loaded texts, where they are cut at `limit`.
    pub(super) fn text_tokens(&self, limit: usize) -> Option<&[Vec<LmEncoded>; 3]> {
        match self.data.as_ref() {
            Some(Data { tokens: Some(Tokens::Texts(tokens)), run, .. }) => {
                (texts::limit(self.pretrained().ok()?, run) == limit).then_some(tokens)
            }
            _ => None,
        }
    }

    /// Tokens of the rows of `dataset` that the data before has too, by their texts.
    fn known_tokens(&self, dataset: &Dataset, limit: usize) -> [Vec<Option<Encoded>>; 3] {
        let (Some(tokens), Some(Data { rows: Rows::Classes(before), .. })) = (self.class_tokens(limit), &self.data)
        else {
            return Default::default();
        };
        let rows = [&before.train, &before.valid, &before.test].into_iter().flatten();
        let by_text: HashMap<&str, &Encoded> = rows.map(|row| row.text.as_str()).zip(tokens.iter().flatten()).collect();
        let known = |row: &Example| by_text.get(row.text.as_str()).map(|&encoded| encoded.clone());
        [&dataset.train, &dataset.valid, &dataset.test].map(|rows| rows.iter().map(known).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_general_text_says_how_it_was_read() {
        let read = |bytes: &[u8]| read_general_text("letter.txt", bytes);
        assert_eq!(read("Grüße aus Köln".as_bytes()).expect("UTF-8"), ("Grüße aus Köln".to_owned(), None));
        let (text, note) = read(b"Gr\xfc\xdfe aus K\xf6ln").expect("an old encoding");
        assert_eq!(text, "Grüße aus Köln");
        let note = note.expect("a guess is said");
        assert!(note.starts_with("letter.txt is not UTF-8") && note.contains("windows-1252"), "{note}");
        let error = read(b"PK\x03\x04 packed").expect_err("a zip is no text").to_string();
        assert!(error.contains("letter.txt"), "{error}");
    }
}
