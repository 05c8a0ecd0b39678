//! The report on the rows: what is there, what is missing, what looks wrong. A report in, a view out.

use hone_core::data::{BadRow, DataReport, LengthHistogram};
use leptos::prelude::*;

use super::data_controls::{advice, all_columns};
use crate::charts::{Bar, Bars, Histogram};
use crate::components::{Cell, table};
use crate::format;
use crate::state::Store;

/// Classes drawn as bars.
const MAX_CLASSES: usize = 20;
/// Characters of a text in the preview.
const MAX_PREVIEW_CHARS: usize = 160;
/// What the table of rows that could not be used is called.
pub(super) const UNUSED: &str = "Rows that could not be used";

pub(super) fn report_view(store: Store, report: &DataReport) -> AnyView {
    let used = [(report.text_column.as_str(), "text"), (report.label_column.as_str(), "label")];
    view! {
        {advice(store, report)}
        {warnings(&report.warnings)}
        {counts(report)}
        <div class="columns">
            {classes(report)}
            {lengths(&report.lengths, report.num_truncated, report.num_usable, "text", report.max_seq_length)}
        </div>
        {bad_rows("could not be used", UNUSED, "bad-rows", report.num_bad_rows, &report.bad_rows)}
        {all_columns(&report.reading.table, &used)}
        {preview(report)}
    }
    .into_any()
}

pub(super) fn warnings(warnings: &[String]) -> Option<AnyView> {
    let items = warnings.iter().map(|warning| view! { <li>{format::sentence(warning)}</li> });
    let list = || view! { <div role="status"><ul class="warnings">{items.collect_view()}</ul></div> }.into_any();
    (!warnings.is_empty()).then(list)
}

fn counts(report: &DataReport) -> AnyView {
    let [train, valid, test] = report.split_sizes;
    let figures = [
        ("Rows", report.num_rows, "in all files"),
        ("Usable", report.num_usable, "with a text and a label"),
        ("Training", train, "rows to train on"),
        ("Validation", valid, "rows that choose the best weights"),
        ("Test", test, "rows looked at once, at the end"),
        ("Empty", report.num_empty, "rows without text or label"),
        ("Duplicates", report.num_duplicates, "rows that repeat an earlier one"),
        ("Conflicts", report.num_conflicts, "rows with the text of an earlier one and another label"),
        ("Leaks", report.num_leaks, "validation or test rows that are also in the training rows"),
    ];
    let mut figures = figures.map(|(name, value, hint)| (name, value, hint.to_owned())).to_vec();
    if !report.lengths.counts.is_empty() {
        let hint = format!("rows longer than {} tokens, which are shortened", format::count(report.max_seq_length));
        figures.push(("Truncated", report.num_truncated, hint));
    }
    figures_view(&figures)
}

/// Counts with their names and what they count; the test ids are made from the names.
pub(super) fn figures_view(figures: &[(&'static str, usize, String)]) -> AnyView {
    let figure = |(name, value, hint): &(&'static str, usize, String)| {
        view! {
            <div class="stat" title=hint.clone()>
                <dt>{*name}</dt>
                <dd data-testid=format!("count-{}", name.to_lowercase()) data-value=value.to_string()>
                    {format::count(*value)}
                </dd>
                <dd class="hint">{hint.clone()}</dd>
            </div>
        }
        .into_any()
    };
    view! { <dl class="stats">{figures.iter().map(figure).collect_view()}</dl> }.into_any()
}

fn classes(report: &DataReport) -> AnyView {
    let most = report.classes.iter().map(|class| class.count).max().unwrap_or(0).max(1) as f64;
    let total = report.classes.iter().map(|class| class.count).sum::<usize>().max(1) as f64;
    let mut sorted: Vec<_> = report.classes.iter().collect();
    sorted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    let bars = sorted.iter().take(MAX_CLASSES).map(|class| Bar {
        label: class.label.clone(),
        share: class.count as f64 / most,
        text: format!("{} ({})", format::count(class.count), format::percent(class.count as f64 / total)),
        is_strong: true,
    });
    let rest = sorted.len().saturating_sub(MAX_CLASSES);
    view! {
        <div class="panel">
            <h3>{format::plural(sorted.len(), "class")}</h3>
            <Bars bars=bars.collect() label="Rows of each class" />
            {(rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> })}
        </div>
    }
    .into_any()
}

/// Texts, or what else `part` says they are, by their length; `num_cut` of `num_texts` are longer than `max_seq_length`.
/// Before there is a model that is not known.
pub(super) fn lengths(
    lengths: &LengthHistogram,
    num_cut: usize,
    num_texts: usize,
    part: &str,
    max_seq_length: usize,
) -> AnyView {
    if lengths.counts.is_empty() {
        let view = view! {
            <div class="panel" data-testid="lengths-unknown">
                <h3>"Length in tokens"</h3>
                <p class="hint">"Tokens are the pieces that a model cuts texts into: they are counted once a model is loaded."</p>
            </div>
        };
        return view.into_any();
    }
    let (texts, limit) = (format::plural(num_texts, part), format::count(max_seq_length));
    let cut = match num_cut {
        0 => format!("no {part} is longer than {limit} tokens."),
        1 => format!("1 of {texts} is longer than {limit} tokens and is shortened."),
        many => format!("{} of {texts} are longer than {limit} tokens and are shortened.", format::count(many)),
    };
    let words = format!("{:.0} tokens on average, {} at most; {cut}", lengths.mean, format::count(lengths.max));
    view! {
        <div class="panel">
            <h3>"Length in tokens"</h3>
            <Histogram
                counts=lengths.counts.clone()
                bucket_width=lengths.bucket_width
                mark=max_seq_length
                has_cut={num_cut > 0}
                label=format!("Histogram of lengths. {words}")
            />
            <p class="hint">{words}</p>
        </div>
    }
    .into_any()
}

/// Rows with what is wrong with them, of which the first are listed; `what` happened to them. `label` names the table.
pub(super) fn bad_rows(
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

fn preview(report: &DataReport) -> AnyView {
    let rows = report.preview.iter().map(|row| {
        let text = format::shortened(&row.text, MAX_PREVIEW_CHARS);
        vec![Cell::number(format::count(row.row)), Cell::new("text", text), row.label.clone().into()]
    });
    view! {
        <div class="panel">
            <h3>"The first rows, as they were understood"</h3>
            {table("First rows", "first-rows", &["Row", "Text", "Label"], rows.collect())}
        </div>
    }
    .into_any()
}
