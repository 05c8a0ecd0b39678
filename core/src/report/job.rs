//! What was run: model, rows, settings that differ from the defaults; and how the model that came of it is used.

use super::frame::{Cell, escape, paragraph, table};
use super::log::{Beginning, DataSummary};
use super::training::Course;
use crate::config::{Job, SETTINGS};
use crate::task::{CardRequest, Task};
use crate::words::{count, duration, plural};

/// Labels that are listed.
const MAX_LABELS: usize = 100;

/// A folder that was unpacked, or that `--output` named.
const FOLDER: &str = "path/to/the/model";

/// Pairs of a name and a value, as a table.
fn facts(pairs: Vec<(&str, String)>) -> String {
    let known = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let rows: Vec<Vec<Cell>> = known.map(|(name, value)| vec![Cell::text(name), Cell::text(&value)]).collect();
    table(&["", ""], &rows)
}

/// Model, task, files, device and length of the run.
pub(super) fn what_was_run(job: &Job, course: &Course<'_>, began: Option<&Beginning>) -> String {
    let tasks = match job.parts.as_slice() {
        [] => job.task.map_or_else(String::new, |task| task.spec().title.to_owned()),
        parts => {
            let titles = parts.iter().map(|part| format!("{}: {}", part.name, part.task.spec().title));
            titles.collect::<Vec<_>>().join("; ")
        }
    };
    let named = [("", &job.data_file), ("validation: ", &job.valid_file), ("test: ", &job.test_file)];
    let files = named.into_iter().filter_map(|(role, file)| Some(format!("{role}{}", file.as_ref()?)));
    let trained = course.parameters.map(|[all, trained]| format!("{} of {}", count(trained), count(all)));
    facts(vec![
        ("Model", job.model.argument()),
        ("Task", tasks),
        ("Files of rows", files.collect::<Vec<_>>().join("; ")),
        ("Parameters that are trained", trained.unwrap_or_default()),
        ("Steps", course.steps_in_words()),
        ("How it ended", course.end_in_words()),
        ("Time of training", course.elapsed_secs.map(duration).unwrap_or_default()),
        ("Device", began.map(|began| began.device.clone()).unwrap_or_default()),
        ("Trained by", began.map(|began| format!("Hone {}", began.version)).unwrap_or_default()),
    ])
}

/// Every setting whose value is not its default, with both.
pub(super) fn settings(job: &Job) -> String {
    let differing = SETTINGS.iter().filter_map(|setting| {
        let (value, default) = ((setting.get)(&job.run), setting.default_text());
        let name = if setting.label.is_empty() { setting.name } else { setting.label };
        (value != default)
            .then(|| vec![Cell::text(name), Cell::text(setting.name), Cell::text(&value), Cell::text(&default)])
    });
    let rows: Vec<Vec<Cell>> = differing.collect();
    if rows.is_empty() {
        return paragraph("soft", "None: every setting has its default.");
    }
    table(&["Setting", "In the job file", "Value", "Default"], &rows)
}

/// The rows, of each task.
pub(super) fn data(summaries: &[DataSummary]) -> String {
    summaries.iter().map(data_of_part).collect()
}

fn data_of_part(data: &DataSummary) -> String {
    let [train, valid, test] = data.split_sizes.map(count);
    let title = if data.part.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", escape(&data.part)) };
    let rows = format!("{}: {train} training rows, {valid} validation rows, {test} test rows.", data.file_name);
    let counts: Vec<String> =
        data.counts.iter().map(|(words, number)| format!("{}: {}", words, count(*number))).collect();
    let labels = data.labels.iter().take(MAX_LABELS);
    let labels: Vec<Vec<Cell>> =
        labels.map(|(label, rows)| vec![Cell::text(label), Cell::number(count(*rows))]).collect();
    let more = data.labels.len().saturating_sub(MAX_LABELS);
    let more = if more > 0 { format!("{} not listed.", plural(more, "more label")) } else { String::new() };
    let counts = if counts.is_empty() { String::new() } else { format!("{}.", counts.join("; ")) };
    let notes: String = data.notes.iter().map(|note| paragraph("soft", note)).collect();
    let labels = table(&["Label", "Rows"], &labels);
    [title, paragraph("", &rows), paragraph("soft", &counts), notes, labels, paragraph("soft", &more)].concat()
}

/// Commands that ask the model and that train it again.
pub(super) fn how_to_use(job: &Job, task: Task, labels: &[String]) -> String {
    let is_several = !job.parts.is_empty();
    let request = CardRequest { class_name: "", labels, job, is_adapter: false };
    let arguments = task.card(&request).hone_arguments;
    let folder = match job.parts.first() {
        Some(part) => format!("{FOLDER}/{}", part.name),
        None => FOLDER.to_owned(),
    };
    let ask = format!("hone {} --model {folder} {arguments}", task.spec().command);
    let again = "hone train --job hone.json --output repeated";
    let several = if is_several { "There is a folder for each task. " } else { "" };
    let words = format!(
        "{several}README.md beside the model has the lines of Python that load it, and what to add to the second command where \
         files lie elsewhere; hone.json is the job file."
    );
    format!("<pre>{}\n{}</pre>\n{}", escape(&ask), escape(again), paragraph("soft", &words))
}
