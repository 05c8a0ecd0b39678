//! `hone data augment`: changed copies of rows, as a run trains on them.
//!
//! In: a file of rows of texts, and how they are changed, perhaps by a masked language model. Out: some rows with their copies as text;
//! where `--output` names a file, that file with all copies behind its rows, in its own format. Labels and other columns of a copy are
//! those of its row.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::{RunConfig, TextAugmentation};
use hone_core::data::{AddedRow, AppendedRow, Augmented, append_rows};
use hone_core::session::protocol::Weights;
use hone_core::session::{Session, SessionError};
use hone_core::task::{
    AugmentationPreview, DataReport, HeadKind, MaskedCopies, Prediction, PreviewedRow, Purpose, ReadRequest, Task,
    TaskData, TaskError, TaskInput, guess, preview_of,
};
use hone_core::words::{count, plural};

use crate::args::{DataAugmentArgs, as_flags, describe, unused_columns};
use crate::device::{self, DeviceChoice};
use crate::failure::Usage;
use crate::inputs::read_data;
use crate::model_files;
use crate::output::write_file;
use crate::progress::{Progress, say};

/// The setting that tasks have whose rows are augmented.
const SETTING: &str = "augment_texts";
/// Texts between two signs of life.
const CHUNK: usize = 64;
/// Characters of a text that is shown.
const MAX_CHARS: usize = 400;

/// Runs `hone data augment`.
///
/// # Errors
/// A file that can't be read or written, rows that are not augmented.
pub(super) fn run(args: &DataAugmentArgs) -> anyhow::Result<ExitCode> {
    let (device, read, run) = args.settings()?;
    if let Some(path) = args.output.as_deref().filter(|path| path.exists() && !args.force) {
        bail!("there is such a file: choose another name, or replace it with --force: {}", path.display());
    }
    let files = read_data(&args.file, None, None, read.sheet.as_deref())?;
    if files.valid.is_some() || files.test.is_some() {
        say("note: validation and test files are left as they are: the training file alone is augmented");
    }
    let (name, bytes) = &files.train;
    let Some(task) = args.task.or_else(|| guess(name, bytes, Task::ALL)) else {
        bail!("it is not clear what the rows are for: name it with --task: {}", args.file.display());
    };
    let unused = unused_columns(&read, task);
    if !unused.is_empty() {
        return Err(Usage(as_flags(&unused)).into());
    }
    let in_file = |error: &dyn Display| anyhow!("{error}: {}", args.file.display());
    if !task.spec().settings.contains(&SETTING) {
        let why = TextAugmentation::why_of_whole_texts(SETTING);
        return Err(in_file(&format!("rows have no changed copies where a model {}{why}", describe(task))));
    }
    let files = Rc::new(files);
    let (known_labels, purpose) = (&[][..], Purpose::Train);
    let request = ReadRequest { files: &files, read: &read, run: &run, known_labels, purpose, model: None };
    let rows = task.read(&request).map_err(|error| in_file(&error))?;
    let report = rows.report(None, &run).map_err(|error| in_file(&error))?;
    let augmented = match &args.masked_by {
        Some(model) => ask_for_copies(model, device, rows.as_ref(), &run)?,
        None => rows.augment(&run, usize::MAX).unwrap_or_default(),
    };
    let Some(preview) = preview_of(rows.as_ref(), &augmented, 0, args.num_shown()) else {
        return Err(in_file(&"rows of this task have no changed copies"));
    };
    write!(io::stdout().lock(), "{}", to_text(&preview))?;
    if let Some(path) = &args.output {
        let (name, bytes) = &files.train;
        let written = append_rows((name.as_str(), bytes.as_slice()), &read, &rows_to_append(&augmented, &report));
        let written = written.map_err(|error| in_file(&error))?;
        write_file(&written.bytes, path)?;
        written.notes.iter().for_each(|note| say(&format!("note: {note}")));
        say(&format!("{} written: {}", plural(written.num_rows, "row"), path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Copies whose words a masked language model fills in.
///
/// # Errors
/// A model that can't be read, or has no such head; a device that fails.
fn ask_for_copies(
    model: &str,
    device: DeviceChoice,
    rows: &dyn TaskData,
    run: &RunConfig,
) -> anyhow::Result<Augmented> {
    let Some(copies) = MaskedCopies::draw(rows, run) else { bail!("the rows are no texts") };
    let model = model_files::load(model)?;
    let progress = Progress::new(false, 0.0);
    let device = device::open(device)?;
    progress.note(&format!("device: {}", device.name));
    let mut session = Session::new(device.device);
    let info = session
        .load_model(model.source, model.folder)
        .with_context(|| format!("can't use the model in {}", model.dir.display()))?;
    let task = info.tasks.iter().copied().find(|task| task.spec().head == HeadKind::MaskedLm);
    let Some(task) = task else {
        bail!("this {} model has no head that fills in words: {}", info.model_type, model.dir.display());
    };
    session.set_task(task)?;
    if !session.has_own_head() {
        bail!(
            "the model's files hold no head that fills in words, and a fresh one knows none: {}",
            model.dir.display()
        );
    }
    let inputs = copies.inputs();
    let mut answers = Vec::with_capacity(inputs.len());
    for chunk in inputs.chunks(CHUNK) {
        match block_on(session.predict(chunk, Weights::Base)) {
            Ok((found, _)) => answers.extend(found.into_iter().map(Some)),
            // One of them can't be answered: then each is asked about by itself.
            Err(SessionError::Task(TaskError::Input { .. })) => {
                for input in chunk {
                    answers.push(answer_one(&mut session, input)?);
                }
            }
            Err(error) => return Err(error.into()),
        }
        progress.rows("filling in words", answers.len(), inputs.len());
    }
    progress.clear();
    let num_left_out = answers.iter().filter(|answer| answer.is_none()).count();
    if num_left_out > 0 {
        say(&format!("note: {} stay as they are: the model can't be asked about them", plural(num_left_out, "text")));
    }
    Ok(copies.fill(&answers))
}

/// What a model fills into one text; `None` where it can't be asked about it.
fn answer_one(session: &mut Session, input: &TaskInput) -> anyhow::Result<Option<Prediction>> {
    match block_on(session.predict(std::slice::from_ref(input), Weights::Base)) {
        Ok((mut found, _)) => Ok(found.pop()),
        Err(SessionError::Task(TaskError::Input { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The counts, and the rows that are shown.
fn to_text(preview: &AugmentationPreview) -> String {
    let AugmentationPreview { num_rows, num_added, num_unchanged, rows, .. } = preview;
    let mut lines = vec![format!("{} of {}", plural(*num_added, "changed copy"), plural(*num_rows, "row"))];
    if *num_unchanged > 0 {
        let rows = plural(*num_unchanged, "row");
        lines.push(format!("without a copy, since no word in them could be changed: {rows}"));
    }
    for PreviewedRow { row, texts, copies } in rows {
        lines.push(format!("row {}", count(*row)));
        lines.push(format!("  {:<10}{}", "before", shown(texts)));
        lines.extend(copies.iter().map(|(kind, texts)| format!("  {:<10}{}", kind.name(), shown(texts))));
    }
    lines.join("\n") + "\n"
}

/// The texts of a row on one line, or their beginning.
fn shown(texts: &[String]) -> String {
    let whole = texts.join(" | ").replace(['\r', '\n'], " ");
    match whole.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

/// The copies as rows of the file: its texts stand in the columns that they were read from.
fn rows_to_append(augmented: &Augmented, report: &DataReport) -> Vec<AppendedRow> {
    let columns: Vec<&str> = ["text", "second text"].into_iter().filter_map(|role| report.column_of(role)).collect();
    let append = |added: &AddedRow| {
        let cells = columns.iter().zip(&added.texts).map(|(column, text)| ((*column).to_owned(), text.clone()));
        AppendedRow { row: added.row, cells: cells.collect() }
    };
    augmented.added.iter().map(append).collect()
}

#[cfg(test)]
mod tests {
    use hone_core::config::AugmentKind;

    use super::*;

    #[test]
    fn rows_are_shown_with_their_copies_on_lines_of_their_own() {
        let copies = vec![(AugmentKind::Swap, vec!["b\na".to_owned()]), (AugmentKind::Synonyms, vec!["x".repeat(500)])];
        let rows = vec![PreviewedRow { row: 2, texts: vec!["a b".into()], copies }];
        let text = to_text(&AugmentationPreview { num_train: 3, num_rows: 3, num_added: 4, num_unchanged: 1, rows });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "4 changed copies of 3 rows",
                "without a copy, since no word in them could be changed: 1 row",
                "row 2",
                "  before    a b"
            ]
        );
        assert_eq!((lines[4], lines[5].chars().count()), ("  swap      b a", 2 + 10 + MAX_CHARS + 1));
    }
}
