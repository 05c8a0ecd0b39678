//! The report on the rows: what is there, what is missing, what looks wrong. A report in, a view out.

use hone_core::data::{BadRow, LengthHistogram};
use hone_core::task::{DataReport, finding_of_warning};
use leptos::prelude::*;

use super::data_controls::{all_columns, cleaned, merged, reading};
use super::data_sharing;
use crate::charts::Histogram;
use crate::components::{Cell, table};
use crate::format;
use crate::state::Store;
use crate::tasks::{self, Count, DataParts, RowFacts};

pub(super) fn report_view(store: Store, report: &DataReport) -> AnyView {
    let DataParts { columns, below_columns, counts, beside_lengths, below_bad_rows, preview } =
        tasks::data_parts(store, report);
    let RowFacts { part, input, .. } = tasks::row_facts(report);
    let title = if input == part { "Length in tokens".to_owned() } else { format!("Length of {input}s in tokens") };
    let has_tokens = !tasks::of(report.task()).reads_images;
    let lengths = has_tokens.then(|| lengths(title, input, &report.lengths, Limit::of(report)));
    view! {
        {reading(store, report, columns, below_columns)}
        {merged(store)}
        {cleaned(store)}
        {data_sharing::controls(store, report)}
        {warnings_beside_findings(store, report)}
        {all_counts(report, part, input, counts)}
        <div class="columns">{beside_lengths} {lengths}</div>
        {below_bad_rows}
        {all_columns(&report.reading.table, &report.used_columns)}
        {preview}
    }
    .into_any()
}

/// Warnings of the report, without those that a finding says with its rows.
fn warnings_beside_findings(store: Store, report: &DataReport) -> AnyView {
    let all = report.warnings.clone();
    let found = store.rows.findings.found;
    let shown = move || {
        let left: Vec<String> = found.with(|found| {
            let is_found = |warning: &str| {
                let kind = finding_of_warning(warning);
                found.as_ref().zip(kind).is_some_and(|(found, kind)| found.has(kind))
            };
            all.iter().filter(|warning| !is_found(warning)).cloned().collect()
        });
        warnings(&left)
    };
    view! { {shown} }.into_any()
}

pub(crate) fn warnings(warnings: &[String]) -> Option<AnyView> {
    let items = warnings.iter().map(|warning| view! { <li>{format::sentence(warning)}</li> });
    let list = || view! { <div role="status"><ul class="warnings">{items.collect_view()}</ul></div> }.into_any();
    (!warnings.is_empty()).then(list)
}

/// Counts with their names and what they count; the test ids are made from the names.
fn all_counts(report: &DataReport, part: &str, input: &str, of_task: Vec<Count>) -> AnyView {
    let [train, valid, test] = report.num_encoded;
    let noun = tasks::inputs_noun(report.task());
    let num_to_label = tasks::num_unlabeled(report);
    let mut counts: Vec<Count> = vec![
        ("Rows", report.num_rows, if noun == "rows" { "in all files".into() } else { format!("{noun} in all files") }),
        ("Usable", report.num_usable, tasks::of(report.task()).usable.into()),
        ("Training", train, format!("{part}s to train on")),
        ("Validation", valid, format!("{part}s that choose the best weights")),
        ("Test", test, format!("{part}s looked at once, at the end")),
        (
            "Empty",
            report.num_empty.saturating_sub(num_to_label), // they lack something, too, and are counted apart
            "rows in which something needed is empty".into(),
        ),
    ];
    if num_to_label > 0 {
        counts.push((
            "Waiting",
            num_to_label,
            format!("{noun} that lack nothing but a label, which they can get below"),
        ));
    }
    // Of texts the findings say which.
    if tasks::of(report.task()).reads_images {
        counts.extend([
            ("Duplicates", report.num_duplicates, format!("{noun} that repeat an earlier one")),
            ("Leaks", report.num_leaks, format!("validation or test {noun} that are also in the training {noun}")),
        ]);
    }
    // A file of one text has no rows.
    if report.format.is_none() && !tasks::of(report.task()).reads_images {
        counts.retain(|(name, ..)| ["Training", "Validation", "Test"].contains(name));
    }
    counts.extend(of_task);
    if !report.lengths.counts.is_empty() {
        let hint = format!("{input}s longer than {} tokens, which are shortened", format::count(report.max_seq_length));
        counts.push(("Truncated", report.num_truncated, hint));
    }
    let count = |(name, value, hint): Count| {
        let title = hint.clone();
        view! {
            <div class="stat" title=title>
                <dt>{name}</dt>
                <dd data-testid=format!("count-{}", name.to_lowercase()) data-value=value.to_string()>
                    {format::count(value)}
                </dd>
                <dd class="hint">{hint}</dd>
            </div>
        }
        .into_any()
    };
    view! { <dl class="stats">{counts.into_iter().map(count).collect_view()}</dl> }.into_any()
}

/// How many of all are shortened, and after how many tokens.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub total: usize,
    pub num_cut: usize,
    pub max_length: usize,
}

impl Limit {
    /// That of what the model reads.
    fn of(report: &DataReport) -> Self {
        let total = report.num_encoded.iter().sum();
        Self { total, num_cut: report.num_truncated, max_length: report.max_seq_length }
    }
}

/// Rows, or what else `noun` says they are, by their length. Before there is a model that is not known.
pub(crate) fn lengths(title: String, noun: &str, lengths: &LengthHistogram, limit: Limit) -> AnyView {
    let Limit { total, num_cut, max_length } = limit;
    if lengths.counts.is_empty() {
        let view = view! {
            <div class="panel" data-testid="lengths-unknown">
                <h3>{title}</h3>
                <p class="hint">"Tokens are the pieces that a model cuts texts into: they are counted once a model is loaded."</p>
            </div>
        };
        return view.into_any();
    }
    let (rows, limit) = (format::plural(total, noun), format::count(max_length));
    let cut = match num_cut {
        0 => format!("no {noun} is longer than {limit} tokens."),
        1 => format!("1 of {rows} is longer than {limit} tokens and is shortened."),
        many => format!("{} of {rows} are longer than {limit} tokens and are shortened.", format::count(many)),
    };
    let words = format!("{:.0} tokens on average, {} at most; {cut}", lengths.mean, format::count(lengths.max));
    view! {
        <div class="panel">
            <h3>{title}</h3>
            <Histogram
                counts=lengths.counts.clone()
                bucket_width=lengths.bucket_width
                mark=max_length
                has_cut={num_cut > 0}
                label=format!("Histogram of lengths. {words}")
            />
            <p class="hint">{words}</p>
        </div>
    }
    .into_any()
}

/// Rows with what is wrong with them, of which the first are listed; `what` happened to them. `label` names the table.
pub(crate) fn bad_rows(
    what: &str,
    label: &'static str,
    id: &'static str,
    total: usize,
    listed: &[BadRow],
) -> Option<AnyView> {
    if total == 0 {
        return None;
    }
    let rows = listed.iter().map(|bad| vec![Cell::number(format::count(bad.row)), bad.reason.clone().into()]);
    let rest = total.saturating_sub(listed.len());
    let view = view! {
        <details class="panel" open=true>
            <summary>{format!("{} {what}", format::plural(total, "row"))}</summary>
            {table(label, id, &["Row", "Why"], rows.collect())}
            {(rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> })}
        </details>
    };
    Some(view.into_any())
}
