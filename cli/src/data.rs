//! `hone data report FILE`: what may be wrong with rows, before anything is trained on them.
//!
//! In: files of rows, and perhaps a model whose tokenizer counts tokens. Out: findings with their rows and what would mend
//! them, as text, as JSON (docs/data-report.md) or as a page. Personal data are never written in full.

mod augment;
mod html;
mod label_errors;
mod rank;

use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{anyhow, bail};
use hone_core::config::{ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::data::findings::{Finding, FindingGroup, FindingKind, Findings, FoundRow, mask_personal};
use hone_core::session::with_model_of_rows;
use hone_core::task::{
    DataReport, FindingSearch, HeadKind, Purpose, ReadRequest, Reads, Task, TaskData, TaskError, TaskModel,
    explain_no_guess, finding_of_warning, guess_as_read,
};
use hone_core::words::{list, plural};
use serde::Serialize;

use crate::args::{DataCommand, DataReportArgs, as_flags, task_name, unused_columns};
use crate::failure::Usage;
use crate::inputs::{MAX_LISTED, headline, lengths, read_data, used_columns};
use crate::model_files;

/// Rows that are looked at before the search asks for more.
const PART: usize = 1000;
/// Groups of a finding of which a page shows the rows, and rows of a group.
const MAX_SHOWN: usize = 50;
/// Bytes of a row's texts in which personal data are masked, and characters of them that a page shows: far fewer, for what is
/// masked becomes shorter, and what is cut in two is not known for what it is.
const EXCERPT_BYTES: usize = 8 << 10;
const EXCERPT_CHARS: usize = 160;
/// Version of the layout of the JSON.
const LAYOUT: u32 = 1;

/// What there is to write.
struct Found {
    task: Task,
    /// Names of the files of training, validation and test rows.
    files: [Option<String>; 3],
    report: DataReport,
    /// Without personal data.
    findings: Findings,
    /// Of each finding the beginnings of the rows of its first groups, group after group.
    excerpts: Vec<Vec<Vec<String>>>,
    /// Tokens were counted.
    has_tokens: bool,
}

/// The JSON.
#[derive(Serialize)]
struct Written<'f> {
    hone_findings: u32,
    task: Task,
    files: &'f [Option<String>; 3],
    /// `None` where no tokens were counted.
    max_seq_length: Option<usize>,
    #[serde(flatten)]
    findings: &'f Findings,
}

/// Runs `hone data`.
///
/// # Errors
/// See [`report`], [`label_errors::run`], [`rank::run`] and [`augment::run`].
pub(crate) fn run(command: &DataCommand) -> anyhow::Result<ExitCode> {
    match command {
        DataCommand::Report(args) => report(args),
        DataCommand::LabelErrors(args) => label_errors::run(args),
        DataCommand::Rank(args) => rank::run(args),
        DataCommand::Augment(args) => augment::run(args),
    }
}

/// Runs `hone data report`.
///
/// # Errors
/// A file or a model that can't be read, rows that are plainly for no task.
fn report(args: &DataReportArgs) -> anyhow::Result<ExitCode> {
    let (read, run) = args.settings()?;
    let files = read_data(&args.file, args.valid.as_deref(), args.test.as_deref(), read.sheet.as_deref())?;
    let (name, bytes) = &files.train;
    let Some(task) = args.task.or_else(|| guess_as_read(name, bytes, &read, Task::ALL)) else {
        bail!("{}: {}", explain_no_guess(name, bytes, &read), args.file.display());
    };
    let unused = unused_columns(&read, task);
    if !unused.is_empty() {
        return Err(Usage(as_flags(&unused)).into());
    }
    let files = Rc::new(files);
    let found = match &args.model {
        None => find(task, &files, &read, &run, None),
        Some(model) => {
            let (folder, shown) = (model_files::load_without_weights(model)?.folder, model);
            let other = "choose another --model, or say what the rows are for with --task";
            with_model_of_rows(folder, |model| {
                let reads_images = matches!(model.reads, Reads::Images(_));
                match reads_images == is_of_images(task) {
                    true => Ok(find(task, &files, &read, &run, Some(model))),
                    false => Err(anyhow!(
                        "the rows are for {}, which this model does not read: {other}: {shown}",
                        task_name(task)
                    )),
                }
            })??
        }
    };
    let found = found.map_err(|error| anyhow!("{error}: {}", args.file.display()))?;
    let text = if args.json {
        to_json(&found)?
    } else if args.html {
        html::page(&found)
    } else {
        to_text(&found)
    };
    write!(io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the rows and seeks what is wrong with them.
fn find(
    task: Task,
    files: &Rc<DataFiles>,
    read: &ReadOptions,
    run: &RunConfig,
    model: Option<&TaskModel<'_>>,
) -> Result<Found, TaskError> {
    let (known_labels, purpose) = (&[][..], Purpose::Train);
    let mut rows = task.read(&ReadRequest { files, read, run, known_labels, purpose, model: model.copied() })?;
    match model {
        Some(model) => while rows.encode_part(model, run)? {},
        None => while rows.look_part()? {},
    }
    let report = rows.report(model, run)?;
    let mut search = FindingSearch::new(rows.as_ref(), report.max_seq_length, run.seed);
    while search.step(rows.as_ref(), PART) {}
    let mut findings = search.finish(rows.as_ref(), &report);
    let is_found = |warning: &str| finding_of_warning(warning).is_some_and(|kind| findings.get(kind).is_some());
    let other: Vec<&String> = report.warnings.iter().filter(|warning| !is_found(warning)).collect();
    findings.notes.extend(other.into_iter().map(|warning| mask_personal(warning).into_owned()));
    if files.valid.is_none() && !rows.splits_are_given()[0] && findings.num_rows[1] > 0 {
        let seed = run.seed;
        findings.notes.push(format!(
            "there is no file of validation rows: rows were shared out as hone train does with seed {seed}, and leaks are \
             those of that split"
        ));
    }
    let excerpts = findings.findings.iter().map(|finding| excerpts_of(rows.as_ref(), finding)).collect();
    let name = |file: &Option<(String, Vec<u8>)>| file.as_ref().map(|(name, _)| name.clone());
    // A test file that was found by its name and has no labels is left out.
    let has_test = rows.finding_rows().is_none_or(|rows| rows.has_own_file()[1]);
    Ok(Found {
        has_tokens: model.is_some() && !is_of_images(task),
        task,
        files: [Some(files.train.0.clone()), name(&files.valid), name(&files.test).filter(|_| has_test)],
        report,
        findings: findings.masked(),
        excerpts,
    })
}

fn is_of_images(task: Task) -> bool {
    task.spec().head == HeadKind::Image
}

/// A kind of finding as a heading.
fn title(task: Task, kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Conflicts if is_of_images(task) => "Same image, different labels",
        _ => kind.title(),
    }
}

fn excerpts_of(rows: &dyn TaskData, finding: &Finding) -> Vec<Vec<String>> {
    let of_row = |row: &FoundRow| excerpt_of(rows, row).unwrap_or_default();
    let of_group = |group: &FindingGroup| group.rows.iter().take(MAX_SHOWN).map(of_row).collect();
    finding.groups.iter().take(MAX_SHOWN).map(of_group).collect()
}

/// The beginning of a row's texts, without personal data.
fn excerpt_of(rows: &dyn TaskData, row: &FoundRow) -> Option<String> {
    let texts = rows.finding_rows()?.row_at(row.split.index(), row.index?).texts.join(" | ");
    let begin = mask_personal(&texts[..texts.floor_char_boundary(EXCERPT_BYTES)]).into_owned();
    Some(match begin.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &begin[..end]),
        None => begin,
    })
}

fn to_json(found: &Found) -> anyhow::Result<String> {
    let Found { task, files, findings, report, .. } = found;
    let max_seq_length = found.has_tokens.then_some(report.max_seq_length);
    let written = Written { hone_findings: LAYOUT, task: *task, files, max_seq_length, findings };
    Ok(serde_json::to_string_pretty(&written)? + "\n")
}

fn to_text(found: &Found) -> String {
    let Found { report, findings, .. } = found;
    // What was taken for the names of columns may be a row.
    let mut lines = vec![mask_personal(&headline(report, &used_columns(report))).into_owned()];
    lines.push(format!("  task: {}", task_name(found.task)));
    if found.has_tokens {
        lines.extend(lengths(report));
    }
    lines.extend(counted("labels", findings.labels.iter().map(|rows| (&rows.label, rows.counts.iter().sum()))));
    lines.extend(counted("languages", findings.languages.iter().map(|rows| (&rows.language, rows.num_rows))));
    lines.extend(report.notes.iter().map(|note| format!("  {}", mask_personal(note))));
    lines.push(match findings.findings.len() {
        0 => "nothing was found".to_owned(),
        count => format!("{}:", plural(count, "finding")),
    });
    for finding in &findings.findings {
        let Finding { kind, severity, message, action, .. } = finding;
        lines.push(format!("  {} ({}): {message}", title(found.task, *kind), severity.name()));
        let action = action.describe();
        lines.extend((!action.is_empty()).then(|| format!("    would mend it: {action}")));
    }
    let not_applied = findings.not_applied.iter();
    lines.extend(not_applied.map(|not| format!("  not sought: {}: {}", not.kind.title(), not.reason)));
    lines.extend(findings.notes.iter().map(|note| format!("  note: {note}")));
    lines.join("\n") + "\n"
}

/// A line of names, each with its rows; nothing where there are none.
fn counted<'n>(what: &str, counts: impl Iterator<Item = (&'n String, usize)>) -> Option<String> {
    let all: Vec<String> = counts.map(|(name, count)| format!("{name} ({count})")).collect();
    (!all.is_empty()).then(|| format!("  {what}: {}", list(&all[..all.len().min(MAX_LISTED)], all.len())))
}
