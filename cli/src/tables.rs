//! Figures as text and as JSON: an evaluation with its baseline and what its task says besides, and before beside after.

use hone_core::metrics::{ClassMetrics, Figure, TargetLabels, TextStyle, TextStyles, known_interval};
use hone_core::session::protocol::WritingEvaluation;
use hone_core::task::{Evaluation, EvaluationDetail, FigureSpec, Task, TaskBaseline};
use hone_core::words::plural;
use serde_json::{Map, Value, json};

use crate::tasks::{Detail, noun, view};

/// Longer labels are cut in tables.
const MAX_LABEL: usize = 28;

/// The names of figures have so much room at the least.
const NAME_WIDTH: usize = 15;

/// Of whose rows a run's baseline is.
pub(crate) const OF_TRAINING: &str = "the training rows";

/// The figures beside the baseline, and what the task says besides. `of` says whose rows the baseline is of.
pub(crate) fn evaluation(title: &str, evaluation: &Evaluation, of: &str) -> String {
    if let EvaluationDetail::Several(detail) = &evaluation.detail {
        let of_part = |(name, part): &(String, Evaluation)| self::evaluation(&format!("{title}, {name}"), part, of);
        let parts: Vec<String> = detail.parts.iter().map(of_part).collect();
        return format!("{title}: {}\n\n{}", mean_loss(evaluation, parts.len()), parts.join("\n"));
    }
    let view = view(evaluation.task());
    let below = match view.detail {
        Detail::OneLine(line) => return format!("{title}: {}\n{}", line(evaluation), intervals_below(evaluation)),
        Detail::Below(below) => below,
    };
    let baseline = evaluation.baseline();
    let (first, more) = in_two(view.figures, evaluation.task());
    let width = name_width(&first);
    let mut out = String::new();
    let mut line = |text: &str| push_line(&mut out, text);
    line(&format!("{title}: {}", plural(evaluation.num_rows, noun(evaluation.task()))));
    if baseline.is_some() {
        line(&format!("  {:<width$}  {:>6}  {:>8}  {:>7}", "", "model", "baseline", "gain"));
    }
    for (name, value) in figures(&first, evaluation) {
        let beside = baseline.as_ref().and_then(|baseline| figure_of(baseline, name));
        let beside = beside.map_or_else(String::new, |base| {
            format!("  {base:>8.4}  {:>+7.4}", gain(evaluation.task(), name, base, value))
        });
        line(&format!("  {:<width$}  {value:.4}{beside}{}", spoken(name), interval(evaluation, name)));
    }
    if let Some(baseline) = &baseline {
        line(&about(baseline, of));
    }
    let more: Vec<(&str, f64)> = figures(&more, evaluation).collect();
    let width = name_width(&more.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    if !more.is_empty() {
        line("  more figures");
    }
    for (name, value) in more {
        line(&format!("    {:<width$}  {value:.4}{}", spoken(name), interval(evaluation, name)));
    }
    evaluation.missing_intervals().iter().for_each(|note| line(&format!("  {note}")));
    out + &below(evaluation)
}

/// Adds a line, without the spaces at its end.
pub(crate) fn push_line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// The figures that are shown first, and the others.
fn in_two(names: &[&'static str], task: Task) -> (Vec<&'static str>, Vec<&'static str>) {
    names.iter().copied().partition(|name| task.spec().figure(name).is_none_or(FigureSpec::is_headline))
}

/// Between which values a figure lies, where that was measured.
fn interval(evaluation: &Evaluation, name: &str) -> String {
    let found = evaluation.figures.iter().find(|figure| figure.name == name).and_then(|figure| figure.interval);
    match found {
        Some([low, high]) if low == high => "  the same in every draw of these rows: no interval is known".to_owned(),
        Some([low, high]) => format!("  95 % between {low:.4} and {high:.4}"),
        None => String::new(),
    }
}

/// The intervals of figures that stand in one line, below it; nothing where none was measured.
fn intervals_below(evaluation: &Evaluation) -> String {
    let width = NAME_WIDTH;
    let lines = evaluation.figures.iter().filter(|figure| figure.interval.is_some()).map(|figure| {
        let name = &figure.name;
        format!("  {:<width$}  {:.4}{}\n", spoken(name), figure.value, interval(evaluation, name))
    });
    let notes = evaluation.missing_intervals().into_iter().map(|note| format!("  {note}\n"));
    lines.chain(notes).collect()
}

/// Tuned beside base, for `--compare`. Where there is a baseline, the gain is over it: any head beats a random one.
pub(crate) fn comparison(title: &str, base: &Evaluation, tuned: &Evaluation) -> String {
    if let (EvaluationDetail::Several(base), EvaluationDetail::Several(tuned)) = (&base.detail, &tuned.detail) {
        let of_part = |(name, tuned): &(String, Evaluation)| {
            base.part(name).map(|base| comparison(&format!("{title}, {name}"), base, tuned))
        };
        return tuned.parts.iter().filter_map(of_part).collect::<Vec<_>>().join("\n");
    }
    let view = view(tuned.task());
    let baseline = tuned.baseline();
    let (first, _) = in_two(view.figures, tuned.task());
    let width = name_width(&first);
    let heads: &[&str] =
        if baseline.is_some() { &["baseline", "before", "tuned", "gain"] } else { &["before", "tuned", "change"] };
    let heads: String = heads.iter().map(|head| format!("  {head:>9}")).collect();
    let title_width = width + 2;
    let mut out = format!("{title:<title_width$}{heads}\n");
    for (name, after) in figures(&first, tuned) {
        let Some(before) = base.figure(name) else { continue };
        let least = baseline.as_ref().map(|baseline| figure_of(baseline, name));
        let (first, change) = match least {
            Some(Some(least)) => {
                (format!("  {least:>9.4}"), format!("{:>+9.4}", gain(tuned.task(), name, least, after)))
            }
            Some(None) => (format!("  {:>9}", ""), String::new()), // always answering alike has no loss
            None => (String::new(), format!("{:>+9.4}", after - before)),
        };
        let line = format!("  {:<width$}{first}  {before:>9.4}  {after:>9.4}  {change}", spoken(name));
        push_line(&mut out, &line);
    }
    if let Some(baseline) = &baseline {
        push_line(&mut out, &about(baseline, OF_TRAINING));
    }
    out
}

/// An evaluation as programs read it: the figures by name, the rows, and what the task says besides.
pub(crate) fn evaluation_json(evaluation: &Evaluation) -> Value {
    let figures = evaluation.figures.iter().map(|figure| (figure.name.to_string(), json!(figure.value)));
    let mut fields: Map<String, Value> = figures.collect();
    fields.insert("num_rows".into(), json!(evaluation.num_rows));
    let intervals = intervals_json(&evaluation.figures);
    if !intervals.is_empty() {
        fields.insert("intervals".into(), Value::Object(intervals));
    }
    if let EvaluationDetail::Several(detail) = &evaluation.detail {
        let parts = detail.parts.iter().map(|(name, part)| (name.clone(), evaluation_json(part)));
        fields.insert("parts".into(), Value::Object(parts.collect()));
        return Value::Object(fields);
    }
    // Under the name of its task.
    if let Ok(Value::Object(detail)) = serde_json::to_value(&evaluation.detail) {
        fields.extend(detail.into_iter().filter_map(|(_, own)| own.as_object().cloned()).flatten());
    }
    // What is undefined stands beside the figures of any task.
    let own = fields.get_mut("evaluation").and_then(Value::as_object_mut);
    if let Some(notes) = own.and_then(|own| own.shift_remove("notes")) {
        fields.insert("notes".into(), notes);
    }
    if let Some(best) = fields.get_mut("best").and_then(Value::as_object_mut) {
        best.shift_remove("notes");
    }
    Value::Object(fields)
}

/// The intervals of figures by name, of those of which one was measured; `null` where it is not known.
pub(crate) fn intervals_json(figures: &[Figure]) -> Map<String, Value> {
    let of = |figure: &Figure| Some((figure.name.to_string(), json!(known_interval(figure.interval?))));
    figures.iter().filter_map(of).collect()
}

/// What is said of an evaluation while a run goes on; of several tasks of each.
pub(crate) fn in_line(evaluation: &Evaluation) -> String {
    let EvaluationDetail::Several(detail) = &evaluation.detail else {
        return (view(evaluation.task()).line)(evaluation);
    };
    let parts = detail.parts.iter().map(|(name, part)| format!("; {name}: {}", in_line(part)));
    format!("{}{}", mean_loss(evaluation, detail.parts.len()), parts.collect::<String>())
}

/// What several tasks have in common.
fn mean_loss(evaluation: &Evaluation, parts: usize) -> String {
    let loss = evaluation.figure("loss").map_or_else(String::new, |loss| format!("mean loss {loss:.4} of "));
    format!("{loss}{}", plural(parts, "task"))
}

/// Some figures in one line, as is said while a run goes on.
pub(crate) fn figures_in_line(evaluation: &Evaluation, names: &[&'static str]) -> String {
    let figures = figures(names, evaluation).map(|(name, value)| format!("{} {value:.4}", spoken(name)));
    figures.collect::<Vec<_>>().join("  ")
}

fn figure_of(baseline: &TaskBaseline, name: &str) -> Option<f64> {
    baseline.figures.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
}

/// How much better a figure is than that of the baseline: of errors, how much less.
fn gain(task: Task, name: &str, base: f64, value: f64) -> f64 {
    let is_error = task.spec().figure(name).is_some_and(|figure| !figure.higher_is_better);
    if is_error { base - value } else { value - base }
}

/// What the baseline is; `of` says whose rows it is of.
fn about(baseline: &TaskBaseline, of: &str) -> String {
    let reason = baseline.reason.replace(OF_TRAINING, of);
    format!("  baseline: always {:?}, {reason}; gain: over the baseline", cut(&baseline.answer))
}

/// The figures that were measured, of those asked for.
fn figures<'a>(names: &'a [&'static str], evaluation: &'a Evaluation) -> impl Iterator<Item = (&'static str, f64)> {
    names.iter().filter_map(move |&name| Some((name, evaluation.figure(name)?)))
}

/// A figure's name in a line: `macro f1`.
fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

fn name_width(names: &[&str]) -> usize {
    names.iter().map(|name| name.len()).max().unwrap_or(0).max(NAME_WIDTH)
}

/// A label in one line, and not too long for a table.
pub(crate) fn cut(label: &str) -> String {
    let flat: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= MAX_LABEL {
        return flat;
    }
    flat.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

/// What written texts are like, beside those of the file.
fn styles(styles: &TextStyles) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let line = |name: &str, style: &TextStyle| {
        format!(
            "\n  {name:<12} {:.1} tokens a text  distinct-1 {:.4}  distinct-2 {:.4}  rep-4 {}  ended {}  refused {:.4}",
            style.mean_length,
            style.distinct_1,
            style.distinct_2,
            number(style.rep_4),
            number(style.completed),
            style.refusal_rate
        )
    };
    line("written", &styles.written) + &line("in the file", &styles.expected)
}

/// Figures of completions, and the first of them.
pub(crate) fn writing(writing: &WritingEvaluation) -> String {
    const SHOWN: usize = 3;
    let figures = &writing.figures;
    let mut text = format!(
        "{}: BLEU {:.2}  chrF {:.2}  ROUGE-1 {:.4}  ROUGE-2 {:.4}  ROUGE-L {:.4}  exact match {:.4}",
        plural(figures.num_rows, "text"),
        figures.bleu,
        figures.chrf,
        figures.rouge1,
        figures.rouge2,
        figures.rouge_l,
        figures.exact_match
    );
    let told = writing.figures().into_iter().filter_map(|figure| {
        let [low, high] = figure.interval.filter(|[low, high]| low < high)?;
        Some(format!("{} {low:.4} and {high:.4}", figure.name))
    });
    let told: Vec<String> = told.collect();
    if !told.is_empty() {
        text.push_str(&format!("\n  95 % between: {}", told.join("; ")));
    }
    if figures.bleu == 0.0 {
        text.push_str("\n  (BLEU counts runs of four words, too: where all texts are shorter it is 0)");
    }
    text.push_str(&styles(&writing.styles));
    if let Some(TargetLabels { per_label, num_unknown }) = &figures.labels {
        let names: Vec<String> = per_label.iter().map(|label| cut(&label.label)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, ClassMetrics { precision, recall, f1, support, .. }) in names.iter().zip(per_label) {
            text.push_str(&format!(
                "\n  {name:width$}  precision {precision:.4}  recall {recall:.4}  F1 {f1:.4}  of {}",
                plural(*support, "row")
            ));
        }
        if *num_unknown > 0 {
            text.push_str(&format!("\n  {} of none of these", plural(*num_unknown, "text")));
        }
    }
    for sample in writing.samples.iter().take(SHOWN) {
        text.push_str(&format!(
            "\n  row {}: {:?}\n    expected {:?}\n    written  {:?}",
            sample.row, sample.prompt, sample.expected, sample.generated
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stays_on_its_line() {
        assert_eq!(cut("a\nb"), "a b");
        assert_eq!(cut(&"x".repeat(100)).chars().count(), MAX_LABEL);
    }

    #[test]
    fn an_interval_is_null_where_every_draw_gave_the_same() {
        let of = |name: &'static str, interval| Figure { interval, ..Figure::higher(name, 0.5) };
        let figures = [of("a", Some([0.25, 0.75])), of("b", Some([0.5, 0.5])), of("c", None)];
        assert_eq!(Value::Object(intervals_json(&figures)), json!({ "a": [0.25, 0.75], "b": null }));
    }

    #[test]
    fn long_names_get_the_room_they_need() {
        assert_eq!((name_width(&["loss"]), name_width(&["loss", "a_name_of_twenty_ch"])), (15, 19));
        assert_eq!(spoken("macro_f1"), "macro f1");
    }
}
