//! What was looked at, written down here, as it is shown and logged.

use super::*;
use crate::metrics::{RowOutcomes, Slice, compare_slices, mcnemar};
use crate::report::{LogEntry, LogLine, read_log};
use crate::task::{DifferingRow, FlippedRow};

fn slices_of(rows: usize) -> Examined {
    let outcomes = RowOutcomes::Right((0..60).map(|row| row >= rows).collect());
    let slice = Slice { by: "lang".into(), value: "<de>".into(), rows: (0..30).collect() };
    let report = compare_slices(&outcomes, &[slice]);
    Examined::Slices { part: String::new(), split: Some(Split::Test), report, notes: vec!["a note".into()] }
}

fn all() -> Vec<Examined> {
    let found = FoundInRows {
        kind: FindingKind::Leaks,
        severity: Severity::Serious,
        message: "7 rows say “a secret”".into(),
        num_rows: 7,
        action: "drop these rows".into(),
    };
    let shot = FewShot { per_label: Some(5), num_examples: 10, accuracy: 0.625 };
    let flipped = FlippedRow {
        index: 0,
        text: "he said".into(),
        swapped: "she said <b>".into(),
        labels: ["up".into(), "down".into()],
        probabilities: [0.9, 0.2],
    };
    let swaps = SwapReport { num_rows: 9, num_swapped: 4, num_flipped: 1, mean_change: 0.25, flipped: vec![flipped] };
    let row = DifferingRow {
        row: 4,
        text: "a secret <text>".into(),
        expected: "up".into(),
        answers: ["down".into(), "up".into()],
        better: 1,
    };
    let comparison = RunComparison {
        names: ["Run 1".into(), "Run 2".into()],
        num_rows: 9,
        num_left_out: 0,
        figures: Vec::new(),
        is_by_rows: true,
        test: Some(mcnemar(&[(false, true)])),
        num_resamples: 1000,
        num_better: [0, 1],
        rows: vec![row],
    };
    let rated = RatedTexts {
        names: ["Run 1".into(), "Run 2".into()],
        tally: PreferenceTally { first: 1, second: 3, ties: 0 },
        num_pairs: 4,
        num_same: 2,
        num_not_blind: 0,
    };
    vec![
        Examined::Findings { findings: vec![found], notes: Vec::new() },
        Examined::FewShot(FewShotReport { num_rows: 8, zero_shot: Some(0.25), shots: vec![shot] }),
        slices_of(30),
        Examined::Swaps { part: String::new(), pairs: vec!["he=she".into()], report: swaps },
        Examined::Comparison(comparison),
        Examined::Rating(rated),
    ]
}

#[test]
fn each_kind_has_its_section_and_no_text_is_an_element() {
    let all = all();
    let all: Vec<&Examined> = all.iter().collect();
    let html = of_rows(&all) + &of_model(&all);
    for part in [
        "<h2>What may be wrong with the rows</h2>",
        "<td>Leaks between splits</td><td>serious</td><td class=\"number\">7</td>",
        "<td>By 5 examples of each label</td><td class=\"number\">62.5 %</td>",
        "lang: &lt;de&gt;",
        "<td class=\"number\">0.0 %</td>",
        "<td>worse</td>",
        "All 60 test rows: 50.0 %.",
        "A note.",
        "Swapped: he=she. 4 of 9 texts have such a word; 1 of these get another answer (25.0 %).",
        "she said &lt;b&gt;",
        "Only Run 1 right: 0. Only Run 2 right: 1.",
        "a secret &lt;text&gt;",
        "4 of 4 pairs rated, without the names. 2 pairs not shown, for both wrote the same.",
        "Run 2 has 75 %",
    ] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
    assert_eq!((of_rows(&[]), of_model(&[])), Default::default());
}

#[test]
fn a_log_holds_it_and_beside_a_model_no_texts_of_rows() {
    let line = |one: &Examined| LogLine {
        time: None,
        elapsed_secs: 1.0,
        step: 2,
        entry: LogEntry::Examined(Box::new(one.clone())),
    };
    let whole: Vec<LogLine> = all().iter().map(line).collect();
    let text: String = whole.iter().map(LogLine::to_json_line).collect();
    let (read, num_unread) = read_log(text.as_bytes());
    let shown = |lines: &[LogLine]| {
        let examined = lines.iter().filter_map(|line| match &line.entry {
            LogEntry::Examined(examined) => Some(&**examined),
            _ => None,
        });
        let examined: Vec<&Examined> = examined.collect();
        of_rows(&examined) + &of_model(&examined)
    };
    assert_eq!((shown(&read), num_unread), (shown(&whole), 0));
    let bare: Vec<LogLine> = whole.iter().filter_map(LogLine::without_texts).collect();
    let text: String = bare.iter().map(LogLine::to_json_line).collect();
    assert_eq!(bare.len(), 5, "values of slices stand in rows");
    assert!(!text.contains("secret") && !text.contains("she said") && text.contains("\"accuracy\":0.625"), "{text}");
}

#[test]
fn what_was_added_says_what_it_is_of_and_stands_beside_what_the_run_has() {
    let added =
        |found: Examined| Examined::Added { of: "Of the model <b>, from eval.json".into(), found: Box::new(found) };
    let (own, other) = (slices_of(30), added(slices_of(10)));
    assert!(!own.is_replaced_by(&other) && !other.is_replaced_by(&other));
    let html = of_model(&[&own, &other]);
    let (_, below) = html.split_once("<h3>Of the model &lt;b&gt;, from eval.json</h3>").expect("it is marked");
    assert!(html.contains("All 60 test rows: 50.0 %.") && below.contains("All 60 test rows: 83.3 %."), "{html}");
    assert_eq!((of_rows(&[&other]), other.without_texts()), (String::new(), None), "it is nothing but slices");
    for one in all() {
        let (bare, of_added) = (one.without_texts(), added(one).without_texts());
        assert_eq!(of_added, bare.map(added));
    }
}

#[test]
fn of_each_kind_the_newest_counts() {
    let (old, new) = (slices_of(30), slices_of(10));
    let Examined::Slices { split, report, notes, .. } = new.clone() else { panic!("they are slices") };
    let of_part = Examined::Slices { part: "b".into(), split, report, notes };
    assert!(old.is_replaced_by(&new) && !old.is_replaced_by(&of_part));
    assert!(
        all().iter().all(|one| one.is_replaced_by(one) && !one.is_replaced_by(&of_part)),
        "another task is another"
    );
    let outlast: Vec<bool> = all().iter().map(Examined::outlasts_training).collect();
    assert_eq!(outlast, [true, true, false, false, false, false]);
}
