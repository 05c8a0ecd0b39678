//! What a run reads: the person's files, and what is said about them before anything is trained.

use std::path::Path;

use anyhow::{Context, bail};
use hone_core::config::{JOB_FILE, Job};
use hone_core::data::{Advice, AdviceKind, DataFiles, LengthHistogram};
use hone_core::event::Split;
use hone_core::session::Session;
use hone_core::session::protocol::ModelInfo;
use hone_core::task::{DataReport, Task};
use hone_core::words::plural;

use crate::args::{choose_task, task_name};
use crate::device::OpenDevice;
use crate::image_files::pack_folder;
use crate::model_files::WithAdapter;
use crate::output::read_data_file;
use crate::progress::{Progress, say};
use crate::read_files;
use crate::tasks::{noun, view};

/// Rows and classes that are listed; the rest is counted.
pub(crate) const MAX_LISTED: usize = 10;

/// The files of a run, in memory; a folder of images as a zip. Of a workbook the sheet that is named; a folder or a zip of
/// several files of rows is shared out by their names.
///
/// # Errors
/// When one can't be read, or it is not clear which file is for what.
pub(crate) fn read_data(
    train: &Path,
    valid: Option<&Path>,
    test: Option<&Path>,
    sheet: Option<&str>,
) -> anyhow::Result<DataFiles> {
    let files = read_path("read the training file", train, sheet)?;
    let own = |doing, path: Option<&Path>, split| path.map(|path| read_rows(doing, path, split, sheet)).transpose();
    let valid = own("read the validation file", valid, Split::Valid)?;
    let test = own("read the test file", test, Split::Test)?;
    read_files::share_out(files, valid, test, train)
}

/// Files of rows that came in a project file, as core reads them.
///
/// # Errors
/// When one can't be read.
pub(crate) fn unpack_data(files: DataFiles, train: &Path, sheet: Option<&str>) -> anyhow::Result<DataFiles> {
    let one = |file: Option<(String, Vec<u8>)>, split| match file {
        Some(file) => read_files::choose(read_files::to_text(vec![file], sheet)?, split, train).map(Some),
        None => Ok(None),
    };
    let DataFiles { train: own, valid, test, .. } = files;
    let (valid, test) = (one(valid, Split::Valid)?, one(test, Split::Test)?);
    read_files::share_out(read_files::to_text(vec![own], sheet)?, valid, test, train)
}

/// A file of rows, or a folder of images as a zip: its name and its bytes. Of several files in a zip or a folder that of the
/// split.
///
/// # Errors
/// `can't {doing}: reason: path`.
pub(crate) fn read_rows(
    doing: &str,
    path: &Path,
    split: Split,
    sheet: Option<&str>,
) -> anyhow::Result<(String, Vec<u8>)> {
    read_files::choose(read_path(doing, path, sheet)?, split, path)
}

/// Whether what was read of a file are images: zips of rows are read as text, and what is left as a zip holds images.
pub(crate) fn holds_images(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The files of rows at a path, each with its name.
fn read_path(doing: &str, path: &Path, sheet: Option<&str>) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if path.is_dir()
        && let Some(files) = read_files::read_data_set(doing, path, sheet)?
    {
        return Ok(files);
    }
    let files = match path.is_dir() {
        true => match read_files::read_folder(doing, path)? {
            Some(files) => files,
            None => return Ok(vec![(file_name(path), pack_folder(doing, path)?)]),
        },
        false => vec![(file_name(path), read_data_file(doing, path)?)],
    };
    read_files::to_text(files, sheet).with_context(|| format!("can't {doing}: {}", path.display()))
}

/// Checks the job file of a trained model, or of its adapter: settings that can't be read can't be followed.
///
/// # Errors
/// When there is one that can't be used.
pub(crate) fn check_job(model: &WithAdapter) -> anyhow::Result<()> {
    let folder = model.adapter.as_ref().unwrap_or(&model.files.folder);
    let job = folder.get(JOB_FILE).map(Job::from_json).transpose();
    job.map(drop).with_context(|| format!("can't read what the model was trained with ({JOB_FILE})"))
}

/// A session with the model, used for what was asked of it, and its adapter; says what there is to say of them.
///
/// # Errors
/// When one of them can't be used, or is for another task than was asked for.
pub(crate) fn load_session(
    device: OpenDevice,
    model: WithAdapter,
    asked: Option<Task>,
    progress: &Progress,
) -> anyhow::Result<Session> {
    progress.note(&format!("device: {}", device.name));
    let mut session = Session::new(device.device);
    let info = session.load_model(model.files.source, model.files.folder)?;
    session.set_task(choose_task(asked, &info)?)?;
    // A base is for what it is trained for next; here it answers as what it is.
    let own = session.task_of_own_head().filter(|_| asked.is_none() && !session.has_own_head());
    if let Some(own) = own {
        session.set_task(own)?;
    }
    let has_adapter = model.adapter.is_some();
    let loaded = model.adapter.map(|adapter| session.load_adapter(adapter)); // which may bring what the model lacks
    let info = session.model_info().unwrap_or(info);
    say_model_notes(progress, &info, has_adapter);
    loaded.transpose()?;
    session.peft_notes().iter().for_each(|note| progress.note(&format!("adapter: {note}")));
    if has_adapter {
        let task = session.task()?;
        if let Some(asked) = asked.filter(|asked| *asked != task) {
            bail!("this adapter is for {}, not for {}: leave --task out", task_name(task), task_name(asked));
        }
    }
    say_warnings(&session);
    Ok(session)
}

/// What loading had to say of the model that answers, or of the one that its adapter is put on.
fn say_model_notes(progress: &Progress, info: &ModelInfo, has_adapter: bool) {
    let which = if has_adapter { "base model" } else { "model" };
    info.notes.iter().for_each(|note| progress.note(&format!("{which}: {note}")));
}

/// What makes all that the model answers worthless.
pub(crate) fn say_warnings(session: &Session) {
    session.warnings().iter().for_each(|warning| say(&format!("warning: {warning}")));
}

/// The last part of a path: what a job file may say about it.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What is in the data, and what to think of before training on it.
pub(crate) fn data_report(report: &DataReport) -> String {
    let summary = (view(report.task()).report)(report);
    let notes = report.notes.iter().map(|note| format!("\n  {note}"));
    let warnings = report.warnings.iter().map(|warning| format!("\n  warning: {warning}"));
    summary + &notes.chain(warnings).chain(report.advice.iter().map(with_flags)).collect::<String>()
}

/// A line of advice, with the flags that follow it.
fn with_flags(advice: &Advice) -> String {
    let flags = match &advice.kind {
        AdviceKind::SimilarLabels { labels } => {
            let (kept, others) = labels.split_first().map_or(("", &[][..]), |(kept, others)| (kept.as_str(), others));
            // A flag can't name a label that holds its sign.
            let others = others.iter().filter(|label| !label.contains('=')).take(MAX_LISTED);
            others.map(|label| format!("--merge-label {:?}", format!("{label}={kept}"))).collect::<Vec<_>>().join(" ")
        }
        AdviceKind::SmallClasses { .. } => String::new(),
        AdviceKind::Imbalance => "--class-weights balanced".to_owned(),
    };
    let flags = if flags.is_empty() { flags } else { format!(" ({flags})") };
    format!("\n  advice: {}{flags}", advice.message)
}

/// How many rows of which file are used, and what they are.
pub(crate) fn headline(report: &DataReport, what: &str) -> String {
    let splits = [Split::Train, Split::Valid, Split::Test].into_iter().zip(report.split_sizes);
    let splits = splits.filter(|(_, rows)| *rows > 0).map(|(split, rows)| format!("{rows} {}", split.words()));
    let splits = splits.collect::<Vec<_>>().join(", ");
    let splits = if splits.is_empty() { splits } else { format!(" ({splits})") };
    let what = if what.is_empty() { String::new() } else { format!("; {what}") };
    // Of one text each split is a part.
    if report.num_usable > report.num_rows {
        return format!("data: {}: a text in {}{splits}{what}", report.file_name, plural(report.num_usable, "part"));
    }
    let rows = are(report.num_rows, noun(report.task()));
    format!("data: {}: {} of {rows} usable{splits}{what}", report.file_name, report.num_usable)
}

/// The columns that are used, each after its role; nothing for a plain text.
pub(crate) fn used_columns(report: &DataReport) -> String {
    let columns = report.used_columns.iter().map(|(column, role)| format!("{role} {column:?}"));
    columns.collect::<Vec<_>>().join(", ")
}

/// Lines of the rows that are left out.
pub(crate) fn bad_rows(report: &DataReport) -> Vec<String> {
    let listed = report.bad_rows.iter().take(MAX_LISTED);
    let mut lines: Vec<String> = listed.map(|bad| format!("  row {} is left out: {}", bad.row, bad.reason)).collect();
    if report.num_bad_rows > MAX_LISTED {
        lines.push(format!("  {} left out in all", rows_are(report.num_bad_rows)));
    }
    lines
}

/// Lines of how long the rows are.
pub(crate) fn lengths(report: &DataReport) -> [String; 2] {
    let LengthHistogram { mean, max, .. } = report.lengths;
    let cut = format!("{} cut off at {}", rows_are(report.num_truncated), report.max_seq_length);
    [
        format!("  tokens a row: {mean:.0} on average, {max} at most; {cut}"),
        format!("  lengths: {}", bars(&report.lengths)),
    ]
}

/// How many rows are how long: a bar for each length, empty ones at the end left out.
fn bars(lengths: &LengthHistogram) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = lengths.counts.iter().copied().max().unwrap_or(0).max(1);
    let bars: String = lengths.counts.iter().map(|count| BARS[(count * 8).div_ceil(most)]).collect();
    format!("{} ({} a bar)", bars.trim_end(), plural(lengths.bucket_width, "token"))
}

/// `1 row is`, `2 rows are`.
pub(crate) fn rows_are(count: usize) -> String {
    are(count, "row")
}

fn are(count: usize, noun: &str) -> String {
    format!("{} {}", plural(count, noun), if count == 1 { "is" } else { "are" })
}

/// What follows a list of so many, of which not all are shown.
pub(crate) fn more(count: usize) -> String {
    if count > MAX_LISTED { format!(" and {} more", count - MAX_LISTED) } else { String::new() }
}

/// Why a model whose head is fresh does not answer: it may have labels, and a head that is not whole or for something else.
pub(crate) fn no_head(task: Task) -> String {
    format!("the model has no trained head for {}; fine-tune it first with hone train", task_name(task))
}
