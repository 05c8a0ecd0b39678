//! The commands of many inputs: a file is looked at, all of it is answered and handed back, texts are asked about with words swapped.
//! Between two parts the page hears how far it is, and can end it. And rows that were measured are taken apart, by what stands
//! beside them in their file.

use std::collections::BTreeMap;

use hone_core::config::ReadOptions;
use hone_core::data::{is_packed, list_rows};
use hone_core::event::Split;
use hone_core::images::{Archive, is_image_name};
use hone_core::session::protocol::{Problem, ProblemKind, Reply, Weights, WriteAs};
use hone_core::session::{Answered, Answering, SessionError, Swapping};
use hone_core::task::{
    Answers, ColumnsOfRows, InputTable, Inputs, MeasuredRows, NumberedInput, SliceBy, SwapPairs, TaskError, TaskInput,
    answer_file, image_answers, read_inputs, slice_rows, summarize_answers,
};
use hone_core::words::plural;
use js_sys::Uint8Array;

use super::answers::show_progress;
use super::{Answer, Worker};
use crate::codecs;
use crate::errors;
use crate::kept::NamedBytes;
use crate::readers;

/// Inputs that are answered between two looks at what the page asks.
const PART_SIZE: usize = 64;

/// Rows that are named in a note.
const MAX_LISTED: usize = 10;

/// A file of inputs as it was read.
struct OpenInputs {
    table: InputTable,
    /// Its name and its bytes, as core reads them.
    name: String,
    bytes: Vec<u8>,
    read: ReadOptions,
    /// It came as no text.
    is_made: bool,
}

impl Worker {
    pub(super) async fn look_at_inputs(
        &mut self,
        file: &NamedBytes,
        read: &ReadOptions,
        part: Option<&str>,
    ) -> Result<Reply, Problem> {
        let (answers, labels) = self.answers_of(part)?;
        let Inputs::Rows { .. } = answers.inputs else {
            return Err(errors::bug("images are not looked at before they are answered"));
        };
        let open = self.open_inputs(file, read, part, (answers, &labels)).await?;
        let used =
            open.table.used.iter().cloned().zip(open.table.roles.iter().map(|role| (*role).to_owned())).collect();
        let notes = notes_on(&open);
        let (num_inputs, columns) = (open.table.inputs.len(), open.table.columns);
        Ok(Reply::Inputs { columns, used, num_inputs, notes })
    }

    /// Answers all inputs of a file, or all images; `Done` where the page ended it.
    pub(super) async fn label_file(
        &mut self,
        files: &[NamedBytes],
        (read, write_as): (&ReadOptions, Option<WriteAs>),
        part: Option<&str>,
        thresholds: BTreeMap<String, f64>,
    ) -> Answer {
        let (answers, labels) = self.answers_of(part)?;
        self.ready()?.choose_thresholds(thresholds);
        match answers.inputs {
            Inputs::Images => self.label_images(files, part, (answers, &labels)).await,
            Inputs::Rows { .. } => {
                let file = files.first().ok_or_else(|| errors::bug("a file came without its bytes"))?;
                let open = self.open_inputs(file, read, part, (answers, &labels)).await?;
                self.label_rows(open, write_as, part, (answers, &labels)).await
            }
        }
    }

    async fn label_rows(
        &mut self,
        open: OpenInputs,
        write_as: Option<WriteAs>,
        part: Option<&str>,
        (answers, labels): (&Answers, &[String]),
    ) -> Answer {
        let inputs = open.table.inputs.iter().map(|one| one.input.clone()).collect();
        let done = if write_as.is_some() { "written" } else { "labeled" };
        let mut answering = Answering::new(inputs, PART_SIZE).writing(write_as);
        if !self.answer_all(&mut answering, part, Some(&open.table)).await? {
            return Ok((Reply::Done, Vec::new()));
        }
        let Answered { predictions, cut, bad, filtered } = answering.finish();
        let OpenInputs { table, name, bytes, read, is_made } = &open;
        let file = answer_file((name, bytes), read, table, labels, &predictions, answers);
        let file = file.map_err(|error| data_problem(name, &error.to_string()))?;
        let mut notes = notes_on(&open);
        let rows: Vec<String> = cut.iter().map(|&at| table.inputs[at].row.to_string()).collect();
        notes.extend(self.note_of_cut(&rows)?);
        let bad_rows = bad.iter().take(MAX_LISTED).map(|(at, reason)| (table.inputs[*at].row, reason));
        notes.extend(bad_rows.map(|(row, reason)| format!("row {row} has no answer: {reason}")));
        if bad.len() > MAX_LISTED {
            notes.push(format!("{} have no answer in all", plural(bad.len(), "prompt")));
        }
        notes.extend(filtered.in_words());
        notes.extend(file.notes);
        if *is_made {
            notes.push("the file came as no text: it is written as the text that was made of it".to_owned());
        }
        notes.extend(self.ready()?.warnings());
        let summary = summarize_answers(&table.inputs, labels, &predictions, answers);
        let reply =
            Reply::Labeled { name: answered_name((name, done), file.ending, *is_made, &file.bytes), summary, notes };
        Ok((reply, vec![Uint8Array::from(file.bytes.as_slice())]))
    }

    async fn label_images(
        &mut self,
        files: &[NamedBytes],
        part: Option<&str>,
        (answers, labels): (&Answers, &[String]),
    ) -> Answer {
        codecs::load().await?;
        let (images, mut notes) = unpack_images(files)?;
        let shown: Vec<NumberedInput> = images
            .iter()
            .enumerate()
            .map(|(index, (name, _))| NumberedInput {
                row: index + 1,
                id: None,
                input: TaskInput { text: name.clone(), ..TaskInput::default() },
            })
            .collect();
        let inputs = images.into_iter().map(|(text, image)| TaskInput { text, second: None, image: Some(image) });
        let mut answering = Answering::new(inputs.collect(), PART_SIZE);
        if !self.answer_all(&mut answering, part, None).await? {
            return Ok((Reply::Done, Vec::new()));
        }
        let Answered { predictions, bad, .. } = answering.finish();
        let names: Vec<TaskInput> = shown.iter().map(|one| one.input.clone()).collect();
        let file = image_answers(&names, labels, &predictions, answers);
        notes.extend(bad.iter().take(MAX_LISTED).map(|(_, reason)| format!("it has no label: {reason}")));
        if bad.len() > MAX_LISTED {
            notes.push(format!("{} have no label in all", plural(bad.len(), "image")));
        }
        notes.extend(file.notes);
        notes.extend(self.ready()?.warnings());
        let summary = summarize_answers(&shown, labels, &predictions, answers);
        let reply = Reply::Labeled { name: "images-labeled.csv".to_owned(), summary, notes };
        Ok((reply, vec![Uint8Array::from(file.bytes.as_slice())]))
    }

    /// Takes rows that were measured apart.
    pub(super) fn slice(
        &self,
        split: Split,
        measured: &MeasuredRows,
        by: &[SliceBy],
        part: Option<&str>,
    ) -> Result<Reply, Problem> {
        let data = match (part, &self.parts) {
            (Some(part), Some(parts)) => parts.rows().iter().find(|(name, _)| name == part).map(|(_, data)| data),
            (Some(_), None) => None,
            (None, _) => self.data.as_ref(),
        };
        let columns = data.and_then(|data| {
            let files = data.files();
            let own = match split {
                Split::Train => None,
                Split::Valid => files.valid.as_ref(),
                Split::Test => files.test.as_ref(),
            };
            let (name, bytes) = own.unwrap_or(&files.train);
            // What is no table (images, plain text) has no columns: texts can be taken apart all the same.
            ColumnsOfRows::read((name, bytes), &data.read).ok()
        });
        let slicing = match by {
            [] => None,
            by => {
                let found = slice_rows(measured, columns.as_ref(), by);
                let found = found.map_err(|error| data_problem("the measured rows", &error.to_string()))?;
                Some(Box::new(found))
            }
        };
        let columns = columns.map(|columns| columns.with_few_values()).unwrap_or_default();
        Ok(Reply::Sliced { columns, slicing })
    }

    /// Asks about texts again with words swapped; `Done` where the page ended it.
    pub(super) async fn swap_words(
        &mut self,
        inputs: Vec<TaskInput>,
        pairs: &[String],
        part: Option<&str>,
    ) -> Result<Reply, Problem> {
        let pairs = SwapPairs::parse(pairs)
            .map_err(|reason| errors::problem(ProblemKind::Config, reason, "change the words to swap"))?;
        let (_, labels) = self.answers_of(part)?;
        let mut swapping = Swapping::new(inputs, &pairs, PART_SIZE);
        if !self.answer_all(&mut swapping.answering, part, None).await? {
            return Ok(Reply::Done);
        }
        Ok(Reply::Swapped { report: swapping.finish(&labels) })
    }

    /// Answers inputs part by part; `false` where the page ended it. `table` names the row of a text that can't be used.
    pub(super) async fn answer_all(
        &mut self,
        answering: &mut Answering,
        part: Option<&str>,
        table: Option<&InputTable>,
    ) -> Result<bool, Problem> {
        let total = answering.progress().1;
        let mut is_unfinished = total > 0;
        while is_unfinished {
            show_progress(answering.progress().0, total);
            is_unfinished = self.answer_part(answering, part, table).await?;
            if is_unfinished && self.is_reading_ended().await {
                return Ok(false);
            }
        }
        show_progress(total, total);
        Ok(true)
    }

    /// Answers the next inputs; `false` once all are answered.
    pub(super) async fn answer_part(
        &mut self,
        answering: &mut Answering,
        part: Option<&str>,
        table: Option<&InputTable>,
    ) -> Result<bool, Problem> {
        let session = self.ready()?;
        let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
        let answered = session.answer_inputs(answering, weights, part).await;
        self.trust(answered.map_err(|error| in_row(&error, table))).await
    }

    /// How the task that answers does so, and its labels.
    fn answers_of(&mut self, part: Option<&str>) -> Result<(&'static Answers, Vec<String>), Problem> {
        let session = self.ready()?;
        let task = session.answering_task(part).map_err(|error| error.problem())?;
        let labels = match part {
            Some(part) => session.labels_of_part(part).to_vec(),
            None => session.labels().to_vec(),
        };
        Ok((task.answers(), labels))
    }

    async fn open_inputs(
        &mut self,
        file: &NamedBytes,
        asked: &ReadOptions,
        part: Option<&str>,
        (answers, labels): (&Answers, &[String]),
    ) -> Result<OpenInputs, Problem> {
        let Inputs::Rows { file: form, choose } = &answers.inputs else {
            return Err(errors::bug("images are not read as rows"));
        };
        let start = file.1.subarray(0, file.1.length().min(4)).to_vec();
        let is_made = is_packed(&start) || start.starts_with(b"PK");
        let (name, bytes) = readers::read_first(file, asked.sheet.as_deref()).await?;
        let bytes = bytes.to_vec();
        let trained = self.ready()?.read_inputs_as_trained((&name, &bytes), asked, part);
        let table = read_inputs((&name, &bytes), &trained, labels, form, *choose);
        let table = table.map_err(|error| data_problem(&name, &error.to_string()))?;
        Ok(OpenInputs { table, name, bytes, read: trained.read, is_made })
    }

    /// Says which rows are longer than the model reads.
    fn note_of_cut(&mut self, rows: &[String]) -> Result<Option<String>, Problem> {
        if rows.is_empty() {
            return Ok(None);
        }
        let limit = self.ready()?.max_tokens().map_err(|error| error.problem())?;
        let texts = plural(rows.len(), "text");
        Ok(Some(format!(
            "{texts} longer than {limit} tokens, of which the model reads the beginning: rows {}",
            list_rows(rows)
        )))
    }
}

/// How the inputs were read, and which rows have no answer.
fn notes_on(open: &OpenInputs) -> Vec<String> {
    let table = &open.table;
    let mut notes = table.notes.clone();
    notes.extend(table.warning.clone());
    let bad = table.bad_rows.iter().take(MAX_LISTED);
    notes.extend(bad.map(|bad| format!("row {} has no answer: {}", bad.row, bad.reason)));
    if table.num_bad_rows > MAX_LISTED {
        notes.push(format!("{} have no answer in all", plural(table.num_bad_rows, "row")));
    }
    let blank: Vec<String> = table.blank_rows().iter().map(usize::to_string).collect();
    if !blank.is_empty() {
        let rows = list_rows(&blank);
        notes.push(format!("{} without a word, answered as such: rows {rows}", plural(blank.len(), "text")));
    }
    notes
}

/// What the file of answers is called: as that of the inputs with what was done, or by what it is.
fn answered_name((name, done): (&str, &str), ending: Option<&str>, is_made: bool, bytes: &[u8]) -> String {
    let (stem, own) = name.rsplit_once('.').unwrap_or((name, "csv"));
    let ending = match ending {
        Some(ending) => ending,
        None if is_made && bytes.starts_with(b"{") => "jsonl",
        None if is_made => "csv",
        None => own,
    };
    format!("{stem}-{done}.{ending}")
}

/// Images with their names.
type NamedImages = Vec<(String, Vec<u8>)>;

/// The images of files and zips, and what is left out of them.
fn unpack_images(files: &[NamedBytes]) -> Result<(NamedImages, Vec<String>), Problem> {
    let (mut images, mut notes) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let bytes = bytes.to_vec();
        if !bytes.starts_with(b"PK") {
            images.push((name.clone(), bytes));
            continue;
        }
        let zip = Archive::open(bytes.as_slice()).map_err(|error| data_problem(name, &error.to_string()))?;
        let is_hidden = |path: &str| path.split(['/', '\\']).any(|part| part.starts_with('.') || part == "__MACOSX");
        for (index, path) in zip.files().filter(|(_, path)| is_image_name(path) && !is_hidden(path)) {
            match zip.read(index) {
                Ok(image) => images.push((path.to_owned(), image)),
                Err(error) => notes.push(format!("{path} is left out: {error}")),
            }
        }
    }
    if images.is_empty() {
        return Err(errors::problem(ProblemKind::Data, "there is no image in it", "choose images, or a zip of images"));
    }
    Ok((images, notes))
}

fn data_problem(name: &str, reason: &str) -> Problem {
    errors::problem(ProblemKind::Data, format!("{name}: {reason}"), "choose another column or file, or correct it")
}

/// An error of an input by the number of its row.
fn in_row(error: &SessionError, table: Option<&InputTable>) -> Problem {
    match (error, table) {
        (SessionError::Task(TaskError::Input { index, reason }), Some(table)) => {
            let row = table.inputs.get(index.saturating_sub(1)).map_or(*index, |input| input.row);
            errors::problem(ProblemKind::Data, format!("row {row}: {reason}"), "change this text")
        }
        _ => error.problem(),
    }
}
