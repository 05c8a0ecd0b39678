//! `hone data augment`: changed copies of rows, as a run trains on them.
//!
//! In: a file of rows of texts, and how they are changed, perhaps by a model that fills in words, or translates texts and translates them
//! back. Out: some rows with their copies as text; where `--output` names a file, that file with all copies behind its rows, in its own
//! format, and where `--copies` does, the copies alone. Labels and other columns of a copy are those of its row.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, anyhow, bail};
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{CopyMethod, MadeCopies, TextAugmentation};
use hone_core::data::{AddedRow, AppendedRow, Augmented, append_rows};
use hone_core::session::{CopyMaker, Session};
use hone_core::task::{
    AugmentationPreview, DataReport, ModelCopies, PreviewedRow, Purpose, ReadRequest, Task, copies_of_rows,
    explain_no_guess, guess_as_read, preview_of,
};
use hone_core::words::{count, plural};

use crate::args::{DataAugmentArgs, as_flags, describe, unused_columns};
use crate::device::{self, DeviceChoice, OpenDevice};
use crate::failure::Usage;
use crate::inputs::read_data;
use crate::model_files::{self, ModelFiles};
use crate::output::write_file;
use crate::progress::{Progress, say};
use crate::result_file::check_file;

/// The setting that tasks have whose rows are augmented.
const SETTING: &str = "augment_texts";
/// The choice of rows that tasks have whose rows have copies that a model made.
const COPIES: &str = "copies";
/// Why a row has no copy that words are changed in.
const UNCHANGED: &str = "since no word in them could be changed";
/// Characters of a text that is shown.
const MAX_CHARS: usize = 400;

/// Runs `hone data augment`.
///
/// # Errors
/// A file that can't be read or written, rows that are not augmented.
pub(super) fn run(args: &DataAugmentArgs) -> anyhow::Result<ExitCode> {
    let (device, read, run) = args.settings()?;
    let mut written = args.output.iter().chain(&args.copies);
    if let Some(path) = written.find(|path| path.exists() && !args.force) {
        bail!("there is such a file: choose another name, or replace it with --force: {}", path.display());
    }
    for (flag, path) in [("--output", &args.output), ("--copies", &args.copies)] {
        check_file(flag, path.as_deref(), &[&args.file])?;
    }
    if let Some(path) = &args.output
        && let (Some(own), Some(wanted)) = (is_table(&args.file), is_table(path))
        && own != wanted
    {
        let file = args.file.display();
        let problem = format!("--output: it is written in the format of {file}: choose a name that ends as that does");
        return Err(Usage(vec![problem]).into());
    }
    let files = read_data(&args.file, None, None, read.sheet.as_deref())?;
    if files.valid.is_some() || files.test.is_some() {
        say("note: validation and test files are left as they are: the training file alone is augmented");
    }
    let (name, bytes) = &files.train;
    let model = args.model();
    let is_translated = matches!(model, Some((_, CopyMethod::Translated(_))));
    // Sources with targets would else be taken for texts.
    let may_be = |task: &Task| !is_translated || task.spec().columns.contains(&COPIES);
    let tasks: Vec<Task> = Task::ALL.iter().copied().filter(may_be).collect();
    let Some(task) = args.task.or_else(|| guess_as_read(name, bytes, &read, &tasks)) else {
        bail!("{}: {}", explain_no_guess(name, bytes, &read), args.file.display());
    };
    let unused = unused_columns(&read, task);
    if !unused.is_empty() {
        return Err(Usage(as_flags(&unused)).into());
    }
    let in_file = |error: &dyn Display| anyhow!("{error}: {}", args.file.display());
    let spec = task.spec();
    let takes_copies = spec.settings.contains(&SETTING) || is_translated && spec.columns.contains(&COPIES);
    if !takes_copies {
        let why = TextAugmentation::why_of_whole_texts(SETTING);
        return Err(in_file(&format!("rows have no changed copies where a model {}{why}", describe(task))));
    }
    let files = Rc::new(files);
    let (known_labels, purpose) = (&[][..], Purpose::Train);
    let request = ReadRequest { files: &files, read: &read, run: &run, known_labels, purpose, model: None };
    let rows = task.read(&request).map_err(|error| in_file(&error))?;
    let report = rows.report(None, &run).map_err(|error| in_file(&error))?;
    let back = args.translated_back_by.as_deref();
    let plan = |method: &CopyMethod| {
        let planned = ModelCopies::plan(rows.as_ref(), &run, method.clone());
        if args.copies.is_some() { planned.map(ModelCopies::to_be_kept) } else { planned }
    };
    let made = model.map(|model| make_copies(model, back, device, plan)).transpose()?;
    let augmented = match &made {
        Some(made) => copies_of_rows(rows.as_ref(), made),
        None => rows.augment(&run, usize::MAX),
    };
    let augmented = augmented.unwrap_or_default();
    let Some(preview) = preview_of(rows.as_ref(), &augmented, 0, args.num_shown()) else {
        return Err(in_file(&"rows of this task have no changed copies"));
    };
    let why = if made.is_some() { "since none was made that says anything else" } else { UNCHANGED };
    write!(io::stdout().lock(), "{}", to_text(&preview, why))?;
    if let (Some(path), Some(made)) = (&args.copies, &made) {
        write_file(made.to_json().as_bytes(), path)?;
        say(&format!("{} written: {}", plural(made.copies.len(), "copy"), path.display()));
    }
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

/// Whether a file is a table or JSON by its name; `None` where that says neither.
fn is_table(path: &Path) -> Option<bool> {
    match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
        "csv" | "tsv" => Some(true),
        "json" | "jsonl" | "ndjson" => Some(false),
        _ => None,
    }
}

/// Copies that a model makes of all rows.
///
/// # Errors
/// A model that can't be read, or makes none in this way; a device that fails.
fn make_copies(
    (model, method): (&str, CopyMethod),
    back: Option<&str>,
    device: DeviceChoice,
    plan: impl FnOnce(&CopyMethod) -> Option<ModelCopies>,
) -> anyhow::Result<MadeCopies> {
    let progress = Progress::new(false, 0.0);
    let OpenDevice { device, name } = device::open(device)?;
    progress.note(&format!("device: {name}"));
    let there = open_maker(model, &method, &device)?;
    let back = back.map(|model| open_maker(model, &method, &device)).transpose()?;
    let Some(mut copies) = plan(&method) else { bail!("the rows are no texts, of which alone a model makes copies") };
    loop {
        let back = back.as_ref().map(|back| (&back.session, &back.maker));
        let goes_on = block_on(there.session.make_copies(&there.maker, back, &mut copies))?;
        let (done, total) = copies.progress();
        progress.rows("making copies", done, total);
        if !goes_on {
            break;
        }
    }
    progress.clear();
    let name = match &back {
        Some(back) => format!("{} and {}", there.name, back.name),
        None => there.name,
    };
    let (made, notes) = copies.finish(&name);
    notes.iter().for_each(|note| say(&format!("note: {note}")));
    Ok(made)
}

/// A model that makes copies, in a session of its own.
struct OpenMaker {
    name: String,
    session: Session,
    maker: CopyMaker,
}

fn open_maker(model: &str, method: &CopyMethod, device: &Device) -> anyhow::Result<OpenMaker> {
    let ModelFiles { source, folder, dir } = model_files::load(model)?;
    let (name, dir) = (source.name().to_owned(), dir.display());
    let mut session = Session::new(device.clone());
    session.load_model(source, folder).with_context(|| format!("can't use the model in {dir}"))?;
    let maker = session.copy_maker(method).map_err(|error| anyhow!("{error}: {dir}"))?;
    Ok(OpenMaker { name, session, maker })
}

/// The counts, and the rows that are shown; `why` says why rows have no copy.
fn to_text(preview: &AugmentationPreview, why: &str) -> String {
    let AugmentationPreview { num_rows, num_added, num_unchanged, rows, .. } = preview;
    let mut lines = vec![format!("{} of {}", plural(*num_added, "changed copy"), plural(*num_rows, "row"))];
    if *num_unchanged > 0 {
        let rows = plural(*num_unchanged, "row");
        lines.push(format!("without a copy, {why}: {rows}"));
    }
    for PreviewedRow { row, texts, copies } in rows {
        lines.push(format!("row {}", count(*row)));
        lines.push(format!("  {:<9} {}", "before", shown(texts)));
        lines.extend(copies.iter().map(|(kind, texts)| format!("  {:<9} {}", kind.name(), shown(texts))));
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
    let columns: Vec<&str> =
        ["text", "second text", "source"].into_iter().filter_map(|role| report.column_of(role)).collect();
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
        let preview = AugmentationPreview { num_train: 3, num_rows: 3, num_added: 4, num_unchanged: 1, rows };
        let text = to_text(&preview, UNCHANGED);
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
