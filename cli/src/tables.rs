//! Figures as text: an evaluation with its per-class table and confusion matrix, and the report on the data.

use std::fmt::Write as _;

use hone_core::metrics::{Baseline, Evaluation, Figures, LmEvaluation, TextEvaluation, TextSample};
use hone_core::words::plural;

/// A matrix of more classes is unreadable on a terminal; `--json` has it whole.
const MAX_MATRIX: usize = 20;
/// Longer labels are cut in tables.
const MAX_LABEL: usize = 28;

/// Of whose rows a run's baseline knows the most frequent label.
const OF_TRAINING: &str = "the training rows";

/// Figures of a run of either task.
pub(crate) fn figures(title: &str, figures: &Figures) -> String {
    match figures {
        Figures::Classes(figures) => evaluation(title, figures, OF_TRAINING),
        Figures::Tokens(figures) => tokens(title, figures),
    }
}

/// Headline beside the baseline, per-class table and, for few classes, the confusion matrix. `of` says whose most frequent
/// label the baseline is.
pub(crate) fn evaluation(title: &str, figures: &Evaluation, of: &str) -> String {
    let mut out = String::new();
    let mut line = |text: &str| writeln!(out, "{}", text.trim_end()).expect("writing to a string does not fail");
    line(&format!("{title}: {}", plural(figures.num_rows, "row")));
    if figures.baseline.is_some() {
        line(&format!("  {:<15}  {:>6}  {:>8}  {:>7}", "", "model", "baseline", "gain"));
    }
    for (name, value) in of_classes(figures) {
        let beside = figures.baseline.as_ref().and_then(|baseline| of_baseline(baseline, name));
        let beside = beside.map_or_else(String::new, |base| format!("  {base:>8.4}  {:>+7.4}", value - base));
        line(&format!("  {name:<15}  {value:.4}{beside}"));
    }
    if let Some(baseline) = &figures.baseline {
        line(&about_baseline(baseline, of));
    }
    let labels: Vec<String> = figures.per_class.iter().map(|class| cut(&class.label)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max("class".len());
    line("");
    line(&format!("  {:<width$}  precision  recall      f1   rows", "class"));
    for (label, class) in labels.iter().zip(&figures.per_class) {
        if class.support == 0 {
            line(&format!("  {label:<width$}  no rows"));
            continue;
        }
        line(&format!(
            "  {label:<width$}  {:>9.4}  {:>6.4}  {:>6.4}  {:>5}",
            class.precision, class.recall, class.f1, class.support
        ));
    }
    line("");
    if labels.len() > MAX_MATRIX {
        line(&format!("  the confusion matrix of {} classes is in --json", labels.len()));
        return out;
    }
    line("  confusion matrix (a row is what it is, a column what was predicted)");
    let cells = figures.confusion.iter().flatten().map(|count| count.to_string().len());
    let cell = cells.max().unwrap_or(1).max(labels.len().to_string().len() + 1);
    let numbers = (1..=labels.len()).map(|n| format!("  {:>cell$}", format!("#{n}"))).collect::<String>();
    line(&format!("  {:>width$}  {:>cell$}{numbers}", "", ""));
    for (n, (label, row)) in labels.iter().zip(&figures.confusion).enumerate() {
        let counts = row.iter().map(|count| format!("  {count:>cell$}")).collect::<String>();
        line(&format!("  {label:<width$}  {:>cell$}{counts}", format!("#{}", n + 1)));
    }
    out
}

/// Tuned beside base, for `--compare`. Where there is a baseline, the gain is over it: any head beats a random one.
pub(crate) fn comparison(title: &str, base: &Figures, tuned: &Figures) -> String {
    let baseline = match tuned {
        Figures::Classes(figures) => figures.baseline.as_ref(),
        Figures::Tokens(_) => None,
    };
    let heads: &[&str] =
        if baseline.is_some() { &["baseline", "before", "tuned", "gain"] } else { &["before", "tuned", "change"] };
    let heads: String = heads.iter().map(|head| format!("  {head:>9}")).collect();
    let mut out = format!("{title:<17}{heads}\n");
    for ((name, before), (_, after)) in named(base).into_iter().zip(named(tuned)) {
        let least = baseline.map(|baseline| of_baseline(baseline, name));
        let (first, change) = match least {
            Some(Some(least)) => (format!("  {least:>9.4}"), format!("{:>+9.4}", after - least)),
            Some(None) => (format!("  {:>9}", ""), String::new()), // always answering one label has no loss
            None => (String::new(), format!("{:>+9.4}", after - before)),
        };
        let line = format!("  {name:<15}{first}  {before:>9.4}  {after:>9.4}  {change}");
        writeln!(out, "{}", line.trim_end()).expect("writing to a string does not fail");
    }
    if let Some(baseline) = baseline {
        writeln!(out, "{}", about_baseline(baseline, OF_TRAINING)).expect("writing to a string does not fail");
    }
    out
}

/// What the baseline is; `of` says whose most frequent label it gives.
fn about_baseline(baseline: &Baseline, of: &str) -> String {
    format!("  baseline: always {:?}, the most frequent label of {of}; gain: over the baseline", cut(&baseline.label))
}

/// A figure of the baseline by its name in the tables.
fn of_baseline(baseline: &Baseline, name: &str) -> Option<f64> {
    match name {
        "accuracy" => Some(baseline.accuracy),
        "macro precision" => Some(baseline.macro_precision),
        "macro recall" => Some(baseline.macro_recall),
        "macro f1" => Some(baseline.macro_f1),
        _ => None,
    }
}

fn named(figures: &Figures) -> Vec<(&'static str, f64)> {
    match figures {
        Figures::Classes(figures) => of_classes(figures).into(),
        Figures::Tokens(figures) => {
            vec![("loss", figures.loss), ("perplexity", figures.perplexity), ("token accuracy", figures.token_accuracy)]
        }
    }
}

fn of_classes(figures: &Evaluation) -> [(&'static str, f64); 5] {
    [
        ("accuracy", figures.accuracy),
        ("macro precision", figures.macro_precision),
        ("macro recall", figures.macro_recall),
        ("macro f1", figures.macro_f1),
        ("loss", figures.loss),
    ]
}

/// A label in one line, and not too long for a table.
pub(crate) fn cut(label: &str) -> String {
    let flat: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= MAX_LABEL {
        return flat;
    }
    flat.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

/// Figures of next tokens.
pub(crate) fn tokens(name: &str, evaluation: &LmEvaluation) -> String {
    format!(
        "{name}: loss {:.4}  perplexity {:.2}  token accuracy {:.4}  over {} tokens",
        evaluation.loss, evaluation.perplexity, evaluation.token_accuracy, evaluation.num_tokens
    )
}

/// Figures of completions, and the first of them.
pub(crate) fn texts(figures: &TextEvaluation, samples: &[TextSample]) -> String {
    const SHOWN: usize = 3;
    let mut text = format!(
        "{}: BLEU {:.2}  ROUGE-L {:.4}  exact match {:.4}",
        plural(figures.num_rows, "completion"),
        figures.bleu,
        figures.rouge_l,
        figures.exact_match
    );
    for sample in samples.iter().take(SHOWN) {
        text.push_str(&format!(
            "\n  row {}: {:?}\n    expected {:?}\n    written  {:?}",
            sample.row, sample.prompt, sample.expected, sample.generated
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::Confusion;

    use super::*;

    fn measured(names: &[String], pairs: &[(usize, usize)]) -> Evaluation {
        let mut confusion = Confusion::new(names);
        pairs.iter().for_each(|(label, predicted)| confusion.add(*label, *predicted));
        confusion.finish(0.25)
    }

    #[test]
    fn an_evaluation_reads_as_a_table() {
        let figures = measured(&["ham".into(), "spam mail".into()], &[(0, 0), (0, 1), (1, 1), (1, 1)]);
        let expected = "\
test: 4 rows
  accuracy         0.7500
  macro precision  0.8333
  macro recall     0.7500
  macro f1         0.7333
  loss             0.2500

  class      precision  recall      f1   rows
  ham           1.0000  0.5000  0.6667      2
  spam mail     0.6667  1.0000  0.8000      2

  confusion matrix (a row is what it is, a column what was predicted)
                 #1  #2
  ham        #1   1   1
  spam mail  #2   0   2
";
        assert_eq!(evaluation("test", &figures, "the training rows"), expected);
    }

    #[test]
    fn the_baseline_stands_beside_the_figures_and_the_gain_is_over_it() {
        let names = ["ham".to_owned(), "spam".to_owned(), "phish".to_owned()];
        let mut tuned = measured(&names, &[(0, 0), (0, 1), (1, 1), (1, 1)]);
        tuned.set_baseline(1);
        let text = evaluation("test", &tuned, "this file");
        let expected = "\
test: 4 rows
                    model  baseline     gain
  accuracy         0.7500    0.5000  +0.2500
  macro precision  0.8333    0.2500  +0.5833
  macro recall     0.7500    0.5000  +0.2500
  macro f1         0.7333    0.3333  +0.4000
  loss             0.2500
  baseline: always \"spam\", the most frequent label of this file; gain: over the baseline
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n  phish  no rows\n"), "{text}");
        let base = Figures::Classes(Box::new(measured(&names, &[(0, 2), (0, 2), (1, 2), (1, 1)])));
        let text = comparison("test", &base, &Figures::Classes(Box::new(tuned)));
        let expected = "\
test                baseline     before      tuned       gain
  accuracy            0.5000     0.2500     0.7500    +0.2500
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n  loss                           0.2500     0.2500\n"), "{text}");
        assert!(text.ends_with("the most frequent label of the training rows; gain: over the baseline\n"), "{text}");
    }

    #[test]
    fn many_classes_have_no_matrix() {
        let names: Vec<String> = (0..40).map(|n| format!("class {n}")).collect();
        let text = evaluation("test", &measured(&names, &[(3, 3)]), "the training rows");
        assert!(text.contains("--json") && !text.contains("#1"), "{text}");
    }

    #[test]
    fn a_label_stays_on_its_line() {
        assert_eq!(cut("a\nb"), "a b");
        assert_eq!(cut(&"x".repeat(100)).chars().count(), MAX_LABEL);
    }

    #[test]
    fn before_stands_beside_after() {
        let names = ["a".to_owned(), "b".to_owned()];
        let of = |pairs: &[(usize, usize)]| Figures::Classes(Box::new(measured(&names, pairs)));
        let text = comparison("test", &of(&[(0, 1), (1, 1)]), &of(&[(0, 0), (1, 1)]));
        assert!(text.contains("  accuracy            0.5000     1.0000    +0.5000\n"), "{text}");
        let of = |loss: f64| {
            Figures::Tokens(LmEvaluation { loss, perplexity: loss.exp(), token_accuracy: 0.5, num_tokens: 9 })
        };
        let expected = "\
general text          before      tuned     change
  loss                1.0000     2.0000    +1.0000
  perplexity          2.7183     7.3891    +4.6708
  token accuracy      0.5000     0.5000    +0.0000
";
        assert_eq!(comparison("general text", &of(1.0), &of(2.0)), expected);
    }
}
