//! Rows on their way into a session. In: files, and how to read them. Out: the data set, its tokens, and a report.
//!
//! Files are parsed and shared out at once; the rows are then tokenised a part at a time, which takes most of the time:
//! between two parts a driver can show how far it is, hear what it is asked for, and drop the reading. The tokens are kept
//! for the run that is started on the rows.

use std::rc::Rc;

use super::SessionError;
use super::language::warn_of_language;
use super::run::{Data, Session};
use crate::config::{ReadOptions, RunConfig};
use crate::data::{DataError, DataFiles, DecodedText, Split, read_text};
use crate::task::{DataReport, Purpose, ReadRequest, RowPlaces, Task, TaskData};

/// Rows that were parsed and are being tokenised.
pub struct Reading {
    /// What the rows are for.
    task: Task,
    files: Rc<DataFiles>,
    run: RunConfig,
    rows: Box<dyn TaskData>,
}

impl Reading {
    /// What the rows are for.
    pub(super) fn task(&self) -> Task {
        self.task
    }

    /// How much was tokenised, and how much there is in all: rows, or bytes where a row may be a whole file.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        self.rows.progress()
    }
}

/// Rows that were read before there is a model to read them for.
pub struct Survey {
    rows: Box<dyn TaskData>,
    /// Everything of a report but the tokens.
    pub report: DataReport,
}

impl Survey {
    /// Reads rows.
    ///
    /// # Errors
    /// Says what is wrong, with row and column.
    pub fn new(
        task: Task,
        files: impl Into<Rc<DataFiles>>,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<Self, SessionError> {
        let files = &files.into();
        let rows = task.read(&ReadRequest::to_train(files, read, run))?;
        let report = rows.report(None, run)?;
        Ok(Self { rows, report })
    }

    /// The rows.
    #[must_use]
    pub fn data_rows(&self) -> &dyn TaskData {
        self.rows.as_ref()
    }

    /// As [`Session::row_image`].
    #[must_use]
    pub fn row_image(&self, split: Split, index: usize) -> Option<(String, Vec<u8>)> {
        self.rows.image(split, index)
    }

    /// As [`Session::row_places`].
    #[must_use]
    pub fn row_places(&self) -> RowPlaces {
        self.rows.places()
    }
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
    /// Reads the data files for the task; needs a model, for its tokenizer.
    ///
    /// # Errors
    /// Says what is wrong, with row and column; what was loaded before stays.
    pub fn load_data(
        &mut self,
        files: impl Into<Rc<DataFiles>>,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<DataReport, SessionError> {
        let mut reading = self.begin_reading(files, read, run)?;
        while self.advance_reading(&mut reading)? {}
        self.finish_reading(reading)
    }

    /// Reads the loaded files again with other options.
    ///
    /// # Errors
    /// As [`Self::load_data`]; the reading before stays.
    pub fn reread_data(&mut self, read: &ReadOptions, run: &RunConfig) -> Result<DataReport, SessionError> {
        let files = Rc::clone(&self.data.as_ref().ok_or(SessionError::NoData)?.files);
        self.load_data(files, read, run)
    }

    /// Name and bytes of the file of an image among the rows: of a run its own, else those that were read. `index` counts
    /// the rows of the split; `None` where there is no such row, or rows are no images.
    #[must_use]
    pub fn row_image(&self, split: Split, index: usize) -> Option<(String, Vec<u8>)> {
        match &self.trainer {
            Some(trainer) => trainer.rows().image(split, index),
            None => self.data.as_ref()?.rows.image(split, index),
        }
    }

    /// Which rows each split has, by their numbers in their files, with their tokens where those are known.
    #[must_use]
    pub fn row_places(&self) -> RowPlaces {
        self.data.as_ref().map(|data| data.rows.places()).unwrap_or_default()
    }

    /// The rows that were read.
    #[must_use]
    pub fn data_rows(&self) -> Option<&dyn TaskData> {
        Some(self.data.as_ref()?.rows.as_ref())
    }

    /// The report on the rows that were read, without what the model says of their language; `None` where none were.
    ///
    /// # Errors
    /// When its tokenizer can't decode what it encoded.
    pub fn report_on_rows(&self) -> Result<Option<DataReport>, SessionError> {
        let (Some(model), Some(data)) = (&self.model, &self.data) else { return Ok(None) };
        Ok(Some(model.with_task_model(|task_model| data.rows.report(Some(task_model), &data.run))?))
    }

    /// A training row that was read as it would be trained on with these settings and a seed: a PNG. `None` where there is
    /// no such row, or rows are no images.
    #[must_use]
    pub fn augmented_image(&self, index: usize, run: &RunConfig, seed: u64) -> Option<Vec<u8>> {
        let (model, data) = (self.model.as_ref()?, self.data.as_ref()?);
        model.with_task_model(|task_model| data.rows.augmented(index, task_model, run, seed))
    }

    /// Parses the data files. Then [`Session::advance_reading`] until it is done, and [`Session::finish_reading`]; a
    /// reading that is dropped leaves what was loaded before.
    ///
    /// # Errors
    /// When no model is there, or the files can't be used: says what is wrong, with row and column.
    pub fn begin_reading(
        &self,
        files: impl Into<Rc<DataFiles>>,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<Reading, SessionError> {
        self.begin_reading_for(self.task()?, files, read, run)
    }

    /// As [`Session::begin_reading`], for a task that the model may not be used for yet: [`Session::finish_reading`] uses
    /// it for that, and until then all stays as it is.
    ///
    /// # Errors
    /// Those of [`Session::begin_reading`], and where the model's architecture has no head for the task.
    pub fn begin_reading_for(
        &self,
        task: Task,
        files: impl Into<Rc<DataFiles>>,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<Reading, SessionError> {
        let (model, files) = (self.loaded()?, files.into());
        model.check_has_head(task)?;
        // What a head for another problem calls its outputs are no labels of these rows, and an adapter is one for its task.
        let of_adapter = self.adapter_labels().filter(|_| model.task == task);
        let known_labels = of_adapter.unwrap_or_else(|| model.known_labels_for(task));
        let rows = model.with_task_model(|text| {
            let (purpose, model) = (Purpose::Train, Some(*text));
            task.read(&ReadRequest { files: &files, read, run, known_labels, purpose, model })
        })?;
        let mut reading = Reading { task, files, run: run.clone(), rows };
        if let Some(before) = &self.data {
            let rows = &mut reading.rows;
            model.with_task_model(|text| rows.adopt_tokens(before.rows.as_ref(), text, run));
        }
        Ok(reading)
    }

    /// Rows of the task, without their tokens.
    pub(super) fn parse_rows(
        &self,
        files: &Rc<DataFiles>,
        read: &ReadOptions,
        run: &RunConfig,
        known_labels: &[String],
        purpose: Purpose,
    ) -> Result<Box<dyn TaskData>, SessionError> {
        let model = self.loaded()?;
        Ok(model.with_task_model(|text| {
            model.task.read(&ReadRequest { files, read, run, known_labels, purpose, model: Some(*text) })
        })?)
    }

    /// Tokenises the next rows; `false` once all are.
    ///
    /// # Errors
    /// When the tokenizer fails on a row.
    pub fn advance_reading(&self, reading: &mut Reading) -> Result<bool, SessionError> {
        Ok(self.loaded()?.with_task_model(|text| reading.rows.encode_part(text, &reading.run))?)
    }

    /// Takes the rows of a reading that is done, in the place of those before. Where they are for another task the model is
    /// used for that from now on, and adapter and run of the task before are dropped.
    ///
    /// # Errors
    /// When no model is there, its tokenizer can't decode what it encoded, or it can't be built for the task; then all stays
    /// as it is.
    pub fn finish_reading(&mut self, reading: Reading) -> Result<DataReport, SessionError> {
        let Reading { task, files, run, rows } = reading;
        let model = self.loaded()?;
        let mut report = model.with_task_model(|text| rows.report(Some(text), &run))?;
        report.warnings.extend(warn_of_language(model, &rows.sample_texts())?);
        // What was guessed is what a run follows, and its job file says.
        let read = rows.read_options();
        self.set_task(task)?;
        let files = without_left_out(files, rows.as_ref());
        self.data = Some(Data { files, rows, read, run });
        self.parts.clear();
        Ok(report)
    }
}

/// The files that rows were read from: without a test file that was found by its name and left out, so that a job does not name it.
fn without_left_out(files: Rc<DataFiles>, rows: &dyn TaskData) -> Rc<DataFiles> {
    let has_test = rows.finding_rows().is_none_or(|rows| rows.has_own_file()[1]);
    if has_test || !files.is_test_by_name {
        return files;
    }
    Rc::new(DataFiles { test: None, is_test_by_name: false, ..Rc::unwrap_or_clone(files) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_that_was_left_out_is_no_part_of_what_was_read() {
        let rows = |label: &dyn Fn(usize) -> String| -> Vec<u8> {
            let lines: String = (0..30).map(|row| format!("the text of row {row},{}\n", label(row))).collect();
            format!("text,label\n{lines}").into_bytes()
        };
        let train = ("train.csv".to_owned(), rows(&|row| ["ham", "spam"][row % 2].to_owned()));
        let read = |label: &dyn Fn(usize) -> String| {
            let test = Some(("test.csv".to_owned(), rows(label)));
            let files =
                Rc::new(DataFiles { train: train.clone(), test, is_test_by_name: true, ..DataFiles::default() });
            let (options, run) = (ReadOptions::default(), RunConfig::default());
            let survey =
                Survey::new(Task::SequenceClassification, Rc::clone(&files), &options, &run).expect("good rows");
            (without_left_out(files, survey.data_rows()).test.is_some(), survey.report.warnings.concat())
        };
        let (has_test, said) = read(&|_| "-1".to_owned());
        assert!(!has_test && said.contains("test.csv has no labels"), "{said}");
        let (has_test, said) = read(&|_| "ham".to_owned());
        assert!(has_test && !said.contains("has no labels"), "{said}");
    }

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
