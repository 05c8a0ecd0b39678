//! What a run reads: the person's files, and what is said about them before anything is trained.

use std::path::Path;

use anyhow::Context;
use hone_core::config::{DataShape, JOB_FILE, Job};
use hone_core::data::causal_lm::LmReport;
use hone_core::data::{Advice, AdviceKind, DataFiles, DataReport, LengthHistogram};
use hone_core::event::Split;
use hone_core::session::protocol::ModelInfo;
use hone_core::session::{Report, Session};
use hone_core::words::plural;

use crate::model_files::WithAdapter;
use crate::output::read_data_file;
use crate::progress::{Progress, say, split_name};
use crate::tables::cut;

/// Bad rows and classes that are listed; the rest is counted.
const MAX_LISTED: usize = 10;

/// The files of a run, in memory.
///
/// # Errors
/// When one can't be read.
pub(crate) fn read_data(train: &Path, valid: Option<&Path>, test: Option<&Path>) -> anyhow::Result<DataFiles> {
    let read = |doing: &str, path: &Path| anyhow::Ok((file_name(path), read_data_file(doing, path)?));
    Ok(DataFiles {
        train: read("read the training file", train)?,
        valid: valid.map(|path| read("read the validation file", path)).transpose()?,
        test: test.map(|path| read("read the test file", path)).transpose()?,
    })
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

/// What loading had to say of the model that answers, or of the one that its adapter is put on.
pub(crate) fn say_model_notes(progress: &Progress, info: &ModelInfo, has_adapter: bool) {
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
pub(crate) fn data_report(report: &Report) -> String {
    let (summary, warnings, advice) = match report {
        Report::Classes(report) => (data_summary(report), &report.warnings, report.advice.as_slice()),
        Report::Texts(report) => (texts_summary(report), &report.warnings, &[][..]),
    };
    let warnings = warnings.iter().map(|warning| format!("\n  warning: {warning}"));
    summary + &warnings.chain(advice.iter().map(with_flags)).collect::<String>()
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

/// What is in the texts.
pub(crate) fn texts_summary(report: &LmReport) -> String {
    let mut lines = Vec::new();
    let splits = [Split::Train, Split::Valid, Split::Test].into_iter().zip(report.split_sizes);
    let splits: Vec<_> =
        splits.filter(|(_, rows)| *rows > 0).map(|(split, rows)| format!("{rows} {}", split_name(split))).collect();
    let columns: Vec<_> = report.used_columns.iter().map(|(column, role)| format!("{role} {column:?}")).collect();
    let columns = if columns.is_empty() { String::new() } else { format!("; {}", columns.join(", ")) };
    lines.push(format!(
        "data: {}: {} of {} usable ({}); {}{columns}",
        report.file_name,
        report.num_usable,
        rows_are(report.num_rows),
        splits.join(", "),
        report.shape.name(),
    ));
    let num_passages: usize = report.num_encoded.iter().sum();
    if report.shape == DataShape::Text && num_passages != report.num_usable {
        lines.push(format!("  long texts are cut into {}", plural(num_passages, "passage")));
    }
    lines.push(format!(
        "  tokens: {} in all, it learns from {}; {:.0} a row on average, {} at most; {} cut at {}",
        report.num_tokens,
        report.num_loss_tokens,
        report.lengths.mean,
        report.lengths.max,
        rows_are(report.num_truncated),
        report.max_seq_length
    ));
    if let Some(format) = &report.prompt_format {
        let guess = if report.is_prompt_format_guessed { " (a guess; --prompt-format chooses)" } else { "" };
        lines.push(format!("  prompt and answer are joined {}{guess}", format.describe()));
    }
    for bad in report.bad_rows.iter().take(MAX_LISTED) {
        lines.push(format!("  row {} is left out: {}", bad.row, bad.reason));
    }
    if report.num_bad_rows > MAX_LISTED {
        lines.push(format!("  {} left out in all", rows_are(report.num_bad_rows)));
    }
    for cut in report.cut_rows.iter().take(MAX_LISTED) {
        lines.push(format!("  row {}: {}", cut.row, cut.reason));
    }
    if report.cut_rows.len() > MAX_LISTED {
        let all = report.num_prompt_cut + report.num_lost_completion;
        lines.push(format!("  {all} rows are too long and are shortened"));
    }
    lines.join("\n")
}

/// How many rows are how long: a bar for each length, empty ones at the end left out.
fn bars(lengths: &LengthHistogram) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = lengths.counts.iter().copied().max().unwrap_or(0).max(1);
    let bars: String = lengths.counts.iter().map(|count| BARS[(count * 8).div_ceil(most)]).collect();
    format!("{} ({} a bar)", bars.trim_end(), plural(lengths.bucket_width, "token"))
}

/// What is in the data.
pub(crate) fn data_summary(report: &DataReport) -> String {
    let mut lines = Vec::new();
    let sizes = report.split_sizes;
    let splits = [Split::Train, Split::Valid, Split::Test].into_iter().zip(sizes).filter(|(_, rows)| *rows > 0);
    let splits: Vec<_> = splits.map(|(split, rows)| format!("{rows} {}", split_name(split))).collect();
    lines.push(format!(
        "data: {}: {} of {} usable ({}); text {:?}, label {:?}",
        report.file_name,
        report.num_usable,
        rows_are(report.num_rows),
        splits.join(", "),
        report.text_column,
        report.label_column
    ));
    let mut classes: Vec<_> = report.classes.iter().collect();
    classes.sort_by_key(|class| std::cmp::Reverse(class.count));
    let shown = classes.iter().take(MAX_LISTED).map(|class| format!("{} {}", cut(&class.label), class.count));
    let shown = shown.collect::<Vec<_>>().join(", ");
    lines.push(format!("  {}: {shown}{}", plural(classes.len(), "class"), more(classes.len())));
    lines.push(format!(
        "  tokens a row: {:.0} on average, {} at most; {} cut off at {}",
        report.lengths.mean,
        report.lengths.max,
        rows_are(report.num_truncated),
        report.max_seq_length
    ));
    lines.push(format!("  lengths: {}", bars(&report.lengths)));
    lines.push(format!(
        "  rows without text or label: {}; repeats of another row: {}; repeats with another label: {}; validation or test \
         rows that are also training rows: {}",
        report.num_empty, report.num_duplicates, report.num_conflicts, report.num_leaks
    ));
    for bad in report.bad_rows.iter().take(MAX_LISTED) {
        lines.push(format!("  row {} is left out: {}", bad.row, bad.reason));
    }
    if report.num_bad_rows > MAX_LISTED {
        lines.push(format!("  {} left out in all", rows_are(report.num_bad_rows)));
    }
    lines.join("\n")
}

/// `1 row is`, `2 rows are`.
fn rows_are(count: usize) -> String {
    format!("{} {}", plural(count, "row"), if count == 1 { "is" } else { "are" })
}

fn more(count: usize) -> String {
    if count > MAX_LISTED { format!(" and {} more", count - MAX_LISTED) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use hone_core::data::{BadRow, ClassCount, FileReading, Format};

    use super::*;

    fn report() -> DataReport {
        let class = |label: &str, count| ClassCount { label: label.into(), count };
        DataReport {
            file_name: "mail.csv".into(),
            format: Format::Csv,
            delimiter: Some(','),
            has_header: true,
            columns: vec!["text".into(), "label".into()],
            reading: FileReading::default(),
            text_column: "text".into(),
            label_column: "label".into(),
            num_rows: 101,
            num_usable: 100,
            num_empty: 1,
            num_duplicates: 0,
            num_conflicts: 0,
            num_leaks: 0,
            classes: vec![class("ham", 30), class("spam", 70)],
            split_sizes: [90, 10, 0],
            bad_rows: vec![BadRow { row: 7, reason: "there is no label".into() }],
            num_bad_rows: 1,
            lengths: LengthHistogram { bucket_width: 8, counts: vec![10, 90, 0], max: 40, mean: 12.4 },
            max_seq_length: 32,
            num_truncated: 3,
            warnings: vec!["few rows".into()],
            advice: vec![
                Advice {
                    kind: AdviceKind::SimilarLabels { labels: vec!["ham".into(), "Ham".into(), "hm".into()] },
                    message: "they look alike.".into(),
                },
                Advice { kind: AdviceKind::Imbalance, message: "few are ham.".into() },
            ],
            preview: Vec::new(),
        }
    }

    #[test]
    fn a_report_reads_well() {
        let expected = "\
data: mail.csv: 100 of 101 rows are usable (90 training, 10 validation); text \"text\", label \"label\"
  2 classes: spam 70, ham 30
  tokens a row: 12 on average, 40 at most; 3 rows are cut off at 32
  lengths: ▁█ (8 tokens a bar)
  rows without text or label: 1; repeats of another row: 0; repeats with another label: 0; validation or test \
rows that are also training rows: 0
  row 7 is left out: there is no label
  warning: few rows
  advice: they look alike. (--merge-label \"Ham=ham\" --merge-label \"hm=ham\")
  advice: few are ham. (--class-weights balanced)";
        assert_eq!(data_report(&Report::Classes(Box::new(report()))), expected);
    }

    #[test]
    fn many_classes_are_counted() {
        let classes = (0..15).map(|n| ClassCount { label: n.to_string(), count: 1 }).collect();
        let text = data_summary(&DataReport { classes, num_truncated: 1, ..report() });
        assert!(text.contains("; 1 row is cut off at 32"), "{text}");
        assert!(text.contains("15 classes: ") && text.contains(" and 5 more"), "{text}");
    }
}
