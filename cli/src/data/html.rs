//! The data report as a page: one file to read, print and send on.
//!
//! In: what was found. Out: HTML in the frame that all reports have (`hone_core::report`). All that comes from files is escaped.

use std::fmt::Write;

use hone_core::data::findings::{Finding, FoundRow};
use hone_core::report::{self, escape};
use hone_core::words::plural;

use super::{Found, MAX_SHOWN, title};
use crate::args::task_name;

/// Labels that are listed.
const MAX_LABELS: usize = 100;

/// The page.
pub(super) fn page(found: &Found) -> String {
    let mut body = String::new();
    write_body(&mut body, found).expect("a string takes all");
    report::page(&format!("Data report: {}", found.report.file_name), &body)
}

fn write_body(page: &mut String, found: &Found) -> std::fmt::Result {
    write_counts(page, found)?;
    let count = found.findings.findings.len();
    let summary = if count == 0 { "Nothing was found.".to_owned() } else { format!("{}.", plural(count, "finding")) };
    writeln!(page, "<p>{summary} Personal data are masked.</p>")?;
    for (finding, excerpts) in found.findings.findings.iter().zip(&found.excerpts) {
        write_finding(page, title(found.task, finding.kind), finding, excerpts)?;
    }
    if !found.findings.not_applied.is_empty() || !found.findings.notes.is_empty() {
        writeln!(page, "<h2>Not sought, and notes</h2>\n<ul>")?;
        for not in &found.findings.not_applied {
            writeln!(page, "<li>{}: {}</li>", not.kind.title(), escape(&not.reason))?;
        }
        for note in &found.findings.notes {
            writeln!(page, "<li>{}</li>", escape(note))?;
        }
        writeln!(page, "</ul>")?;
    }
    Ok(())
}

/// Rows of each split, labels and languages.
fn write_counts(page: &mut String, found: &Found) -> std::fmt::Result {
    let [train, valid, test] = found.findings.num_rows;
    let task = task_name(found.task);
    writeln!(page, "<p>Task {task}: {train} training rows, {valid} validation rows, {test} test rows.</p>")?;
    let labels = &found.findings.labels;
    if !labels.is_empty() {
        writeln!(
            page,
            "<table>\n<tr><th scope=\"col\">Label</th><th scope=\"col\">Training</th><th scope=\"col\">Validation</th>\
             <th scope=\"col\">Test</th></tr>"
        )?;
        for rows in labels.iter().take(MAX_LABELS) {
            let ([train, valid, test], label) = (rows.counts, escape(&rows.label));
            writeln!(page, "<tr><td>{label}</td><td>{train}</td><td>{valid}</td><td>{test}</td></tr>")?;
        }
        writeln!(page, "</table>")?;
        if labels.len() > MAX_LABELS {
            writeln!(page, "<p class=\"soft\">{} more labels are not listed.</p>", labels.len() - MAX_LABELS)?;
        }
    }
    let languages: Vec<String> =
        found.findings.languages.iter().map(|rows| format!("{} ({})", rows.language, rows.num_rows)).collect();
    if !languages.is_empty() {
        writeln!(page, "<p>Languages, as guessed: {}.</p>", escape(&languages.join(", ")))?;
    }
    Ok(())
}

fn write_finding(page: &mut String, title: &str, finding: &Finding, excerpts: &[Vec<String>]) -> std::fmt::Result {
    let Finding { severity, message, groups, action, .. } = finding;
    let level = severity.name();
    writeln!(page, "<section>\n<h2>{title} <span class=\"level {level}\">{level}</span></h2>")?;
    writeln!(page, "<p>{}</p>", escape(message))?;
    let action = action.describe();
    if !action.is_empty() {
        writeln!(page, "<p>What would mend it: {}.</p>", escape(&action))?;
    }
    if !groups.is_empty() {
        writeln!(
            page,
            "<table>\n<tr><th scope=\"col\">Group</th><th scope=\"col\">Row</th><th scope=\"col\">Used for</th>\
             <th scope=\"col\">Found</th><th scope=\"col\">Begins</th></tr>"
        )?;
        for (index, (group, excerpts)) in groups.iter().zip(excerpts).enumerate() {
            for (row, excerpt) in group.rows.iter().zip(excerpts) {
                write_row(page, index + 1, row, excerpt)?;
            }
            if group.rows.len() > excerpts.len() {
                let more = plural(group.rows.len() - excerpts.len(), "more row");
                writeln!(page, "<tr><td>{}</td><td colspan=\"4\" class=\"soft\">{more}</td></tr>", index + 1)?;
            }
        }
        writeln!(page, "</table>")?;
        if groups.len() > MAX_SHOWN {
            let more = groups.len() - MAX_SHOWN;
            writeln!(page, "<p class=\"soft\">{more} more groups are not shown; --json has all of them.</p>")?;
        }
    }
    writeln!(page, "</section>")
}

fn write_row(page: &mut String, group: usize, row: &FoundRow, excerpt: &str) -> std::fmt::Result {
    let used = if row.index.is_some() { row.split.words() } else { "nothing" };
    let (name, note, excerpt) = (row.name(), escape(&row.note), escape(excerpt));
    writeln!(page, "<tr><td>{group}</td><td>{name}</td><td>{used}</td><td>{note}</td><td>{excerpt}</td></tr>")
}
