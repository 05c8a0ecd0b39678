//! Models that find names and terms in texts: how their rows and figures are shown.

use hone_core::task::token_classification::ReportDetail;
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail as AnyDetail};
use hone_core::words::plural;

use super::{Detail, View};
use crate::inputs::{MAX_LISTED, bad_rows, headline, lengths, more, used_columns};
use crate::tables::{cut, figures_in_line, push_line};

/// A matrix of more types is unreadable on a terminal; `--json` has it whole.
const MAX_MATRIX: usize = 12;

pub(super) static VIEW: View = View {
    figures: &["f1", "precision", "recall", "accuracy", "strict_f1", "loss"],
    report,
    line: |evaluation| figures_in_line(evaluation, &["loss", "f1", "precision", "recall"]),
    detail: Detail::Below(tables),
};

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    if let AnyDetail::TokenClassification(detail) = &report.detail {
        lines.extend(sentences(report, detail));
    }
    lines.extend(lengths(report));
    lines.push(format!(
        "  rows without words: {}; repeats of another row: {}; validation or test rows that are also training rows: {}",
        report.num_empty, report.num_duplicates, report.num_leaks
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

/// How sentences are tagged, and the types with their entities over all splits, the most frequent first.
fn sentences(report: &DataReport, detail: &ReportDetail) -> [String; 2] {
    let windows: usize = report.num_encoded.iter().sum();
    let windows = match windows > report.num_usable {
        true => format!(", read in {}", plural(windows, "window")),
        false => String::new(),
    };
    let mut types: Vec<(usize, &str)> =
        detail.types.iter().map(|of| (of.counts.iter().sum(), of.label.as_str())).collect();
    types.sort_by_key(|&(count, label)| (std::cmp::Reverse(count), label));
    let shown = types.iter().take(MAX_LISTED).map(|(count, label)| format!("{} {count}", cut(label)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    [
        format!("  {}{windows}; tags: {}", plural(detail.num_words, "word"), detail.scheme.name()),
        format!("  {}: {shown}{}", plural(types.len(), "type"), more(types.len())),
    ]
}

/// The table of the types, what was taken for what, and errors by kind.
fn tables(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let EvaluationDetail::TokenClassification(found) = &evaluation.detail else { return out };
    let mut line = |text: &str| push_line(&mut out, text);
    let labels: Vec<String> = found.per_type.iter().map(|of| cut(&of.label)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max("type".len());
    line("");
    line(&format!("  {:<width$}  precision  recall      f1  entities", "type"));
    for (label, of) in labels.iter().zip(&found.per_type) {
        let (precision, recall, f1, support) = (of.precision, of.recall, of.f1, of.support);
        line(&format!("  {label:<width$}  {precision:>9.4}  {recall:>6.4}  {f1:>6.4}  {support:>8}"));
    }
    line("");
    let errors = found.errors;
    line(&format!(
        "  errors: {} missed, {} spurious, {} of the wrong type, {} with a wrong border",
        errors.missed, errors.spurious, errors.wrong_type, errors.wrong_border
    ));
    if let Some(strict) = &found.strict {
        line(&format!(
            "  strict: precision {:.4}, recall {:.4}, f1 {:.4} (entities whose tags keep to their scheme)",
            strict.precision, strict.recall, strict.f1
        ));
    }
    if labels.is_empty() {
        return out;
    }
    line("");
    if labels.len() > MAX_MATRIX {
        line(&format!("  what was taken for what, of {} types, is in --json", labels.len()));
        return out;
    }
    line("  the same words (a row is what they are, a column what was predicted)");
    let confusion = &found.confusion;
    let cell = confusion.counts.iter().flatten().chain(&confusion.missed).chain(&confusion.spurious);
    let cell = cell.map(|count| count.to_string().len()).max().unwrap_or(1).max("missed".len());
    let heads = (1..=labels.len()).map(|n| format!("#{n}")).chain(["missed".into()]);
    let heads: String = heads.map(|head| format!("  {head:>cell$}")).collect();
    let width = width.max("spurious".len());
    line(&format!("  {:<width$}  {:>3}{heads}", "", ""));
    for (n, (label, row)) in labels.iter().zip(&confusion.counts).enumerate() {
        let counts = row.iter().chain(confusion.missed.get(n));
        let counts: String = counts.map(|count| format!("  {count:>cell$}")).collect();
        line(&format!("  {label:<width$}  {:>3}{counts}", format!("#{}", n + 1)));
    }
    let spurious: String = confusion.spurious.iter().map(|count| format!("  {count:>cell$}")).collect();
    line(&format!("  {:<width$}  {:>3}{spurious}", "spurious", ""));
    out
}

#[cfg(test)]
mod tests {
    use hone_core::data::{Format, LengthHistogram};
    use hone_core::metrics::{Figure, evaluate_entities};
    use hone_core::task::token_classification::{Scheme, TagLayout, TypeCount};

    use super::*;
    use crate::tables::evaluation;
    use crate::tasks::fixtures;

    #[test]
    fn an_evaluation_reads_as_a_table() {
        let tags = |of: &str| of.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let gold = [tags("B-LOC O B-PER I-PER"), tags("B-PER O")];
        let predicted = [tags("B-PER O B-PER O"), tags("B-PER B-LOC")];
        let detail = evaluate_entities(&gold, &predicted, None);
        let loss = Figure::lower("loss", 0.5);
        let figures = detail.figures().into_iter().filter(|figure| VIEW.figures.contains(&&*figure.name));
        let found = Evaluation {
            figures: std::iter::once(loss).chain(figures).collect(),
            num_rows: 2,
            detail: EvaluationDetail::TokenClassification(Box::new(detail)),
        };
        let expected = "\
test: 2 rows
  f1               0.2857
  precision        0.2500
  recall           0.3333
  accuracy         0.5000
  strict f1        0.2857
  loss             0.5000

  type  precision  recall      f1  entities
  LOC      0.0000  0.0000  0.0000         1
  PER      0.3333  0.5000  0.4000         2

  errors: 0 missed, 1 spurious, 1 of the wrong type, 1 with a wrong border
  strict: precision 0.2500, recall 0.3333, f1 0.2857 (entities whose tags keep to their scheme)

  the same words (a row is what they are, a column what was predicted)
                     #1      #2  missed
  LOC        #1       0       1       0
  PER        #2       0       1       1
  spurious            1       1
";
        assert_eq!(evaluation("test", &found, "the training rows"), expected);
        assert_eq!((VIEW.line)(&found), "loss 0.5000  f1 0.2857  precision 0.2500  recall 0.3333");
    }

    #[test]
    fn a_report_reads_well() {
        let count = |label: &str, counts| TypeCount { label: label.into(), counts };
        let detail = ReportDetail {
            scheme: Scheme::Bio,
            layout: TagLayout::default(),
            num_labels: 5,
            types: vec![count("LOC", [3, 0, 1]), count("PER", [9, 1, 0])],
            num_words: 1200,
            num_long: 1,
            num_unseen_words: 0,
            preview: Vec::new(),
        };
        let used = [("column 1", "tokens"), ("column 2", "tags")];
        let rows = DataReport {
            format: Some(Format::Conll),
            delimiter: Some('\t'),
            columns: vec!["column 1".into(), "column 2".into()],
            used_columns: used.map(|(column, role)| (column.to_owned(), role.to_owned())).to_vec(),
            num_rows: 100,
            num_usable: 100,
            num_duplicates: 2,
            num_leaks: 1,
            split_sizes: [90, 10, 0],
            num_encoded: [92, 10, 0],
            lengths: LengthHistogram { bucket_width: 8, counts: vec![10, 90], max: 40, mean: 12.4 },
            max_seq_length: 32,
            ..fixtures::report("train.conll", AnyDetail::TokenClassification(Box::new(detail)))
        };
        let expected = "\
data: train.conll: 100 of 100 rows are usable (90 training, 10 validation); tokens \"column 1\", tags \"column 2\"
  1,200 words, read in 102 windows; tags: BIO (IOB2)
  2 types: PER 10, LOC 4
  tokens a row: 12 on average, 40 at most; 0 rows are cut off at 32
  lengths: ▁█ (8 tokens a bar)
  rows without words: 0; repeats of another row: 2; validation or test rows that are also training rows: 1";
        assert_eq!(report(&rows), expected);
    }
}
