//! The search for findings among the rows of any task, and what reading had found already.
//!
//! In: rows ([`TaskData`]), a part at a time, and at the end the report on them. Out: [`Findings`]: of texts what
//! [`FindingScan`] finds, of images those that stand twice ([`TaskData::image_findings`]), of all rows those that were left out, and
//! the advice on classes with the rows that it is about. What the report says of this by itself is there before the search
//! ([`findings_of_report`]).

use super::report_parts::is_of_cut_rows;
use std::collections::HashSet;

use super::image_classification::{NEAR_LEAKED, SAME_IMAGE};
use super::{DataReport, HeadKind, TaskData};
use crate::config::Split;
use crate::data::findings::{
    Finding, FindingAction, FindingGroup, FindingKind, FindingRows, FindingScan, Findings, FoundRow, LabelKind,
    NotApplied, Severity, ShownFindings, alone, mask_personal, rows_where,
};
use crate::data::{Advice, AdviceKind, LEAKED, SAME_TEXT, list_rows};
use crate::words::{list, plural};

/// What there is to find in texts alone.
const OF_TEXTS: [FindingKind; 7] = [
    FindingKind::NormalizedConflicts,
    FindingKind::PersonalData,
    FindingKind::EncodingDamage,
    FindingKind::Blank,
    FindingKind::TooLong,
    FindingKind::LanguageMix,
    FindingKind::Markup,
];

/// What there is to find in images once they are decoded.
const OF_IMAGES: [FindingKind; 5] = [
    FindingKind::Leaks,
    FindingKind::NearLeaks,
    FindingKind::Conflicts,
    FindingKind::Duplicates,
    FindingKind::NearDuplicates,
];

/// Images that were left out and are named with the reason.
const MAX_NAMED_IMAGES: usize = 5;

/// A search among the rows of a task, as far as it went.
#[derive(Debug)]
pub struct FindingSearch {
    /// `None` where rows are no texts.
    scan: Option<FindingScan>,
}

impl FindingSearch {
    /// A search among these rows, of which a model reads `max_tokens` each. The same seed finds the same.
    #[must_use]
    pub fn new(rows: &dyn TaskData, max_tokens: usize, seed: u64) -> Self {
        Self { scan: rows.finding_rows().map(|rows| FindingScan::new(rows.sizes(), max_tokens, seed)) }
    }

    /// Looks at the next `budget` rows, of long ones at fewer; `false` once nothing is left. The rows must be the same each
    /// time.
    pub fn step(&mut self, rows: &dyn TaskData, budget: usize) -> bool {
        match (&mut self.scan, rows.finding_rows()) {
            (Some(scan), Some(rows)) => scan.step(rows, budget),
            _ => false,
        }
    }

    /// Rows that were looked at, and rows in all.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        self.scan.as_ref().map_or((0, 0), FindingScan::progress)
    }

    /// The findings. `report` is that on the same rows.
    #[must_use]
    pub fn finish(self, rows: &dyn TaskData, report: &DataReport) -> Findings {
        let mut findings = match (self.scan, rows.finding_rows()) {
            (Some(scan), Some(rows)) => {
                let mut findings = scan.finish(rows);
                findings.findings.extend(report.advice.iter().map(|advice| of_advice(advice, rows)));
                findings
            }
            _ => {
                let not = |kind, reason: &str| NotApplied { kind, reason: reason.to_owned() };
                let of_texts = OF_TEXTS.map(|kind| not(kind, "rows are images, which have no text"));
                let found = rows.image_findings();
                let not_decoded = || OF_IMAGES.map(|kind| not(kind, "the images are not decoded yet")).to_vec();
                let of_images = if found.is_some() { Vec::new() } else { not_decoded() };
                let advice = report.advice.iter().map(|advice| of_classes(advice, Vec::new()));
                Findings {
                    num_rows: rows.num_rows(),
                    labels: rows.label_rows(),
                    findings: found.unwrap_or_default().into_iter().chain(advice).collect(),
                    not_applied: of_texts.into_iter().chain(of_images).collect(),
                    ..Findings::default()
                }
            }
        };
        findings.findings.iter_mut().for_each(|finding| fit_action(&mut finding.action, report));
        findings.findings.extend(left_out(report));
        if rows.finding_rows().is_some_and(|rows| rows.labels_are() != LabelKind::Class) {
            let reason = "these rows do not have one class each".to_owned();
            let of_classes = [FindingKind::SmallClasses, FindingKind::Imbalance];
            findings.not_applied.extend(of_classes.map(|kind| NotApplied { kind, reason: reason.clone() }));
        }
        findings.sort();
        findings
    }
}

/// Where texts can't be cleaned as they are read, for words and their tags, or answers and their places, would not fit any more, or the
/// texts stand within lists, their rows can be left out; one plain text has no rows.
fn fit_action(action: &mut FindingAction, report: &DataReport) {
    let are_lists = report.column_of("messages").is_some();
    let can_clean = report.task().spec().columns.contains(&"clean_texts") && !are_lists;
    match action {
        FindingAction::MergeLabels { .. } | FindingAction::RaiseMaxSeqLength { .. } => {}
        _ if report.format.is_none() => *action = FindingAction::None,
        FindingAction::CleanTexts { .. } if !can_clean => *action = FindingAction::DropRows,
        _ => {}
    }
}

/// What a report says before the rows are looked through: rows that were left out, and the advice on classes, without their rows
/// and without an action.
#[must_use]
pub fn findings_of_report(report: &DataReport) -> ShownFindings {
    let without_rows = |advice| Finding { action: FindingAction::None, ..of_classes(advice, Vec::new()) };
    let found = report.advice.iter().map(without_rows).chain(left_out(report));
    let mut findings = Findings { findings: found.collect(), ..Findings::default() };
    findings.sort();
    ShownFindings::of(&findings, None)
}

/// The finding that says, with its rows, what a warning of a report says.
#[must_use]
pub fn finding_of_warning(warning: &str) -> Option<FindingKind> {
    if warning.contains(LEAKED) {
        Some(FindingKind::Leaks)
    } else if warning.contains(NEAR_LEAKED) {
        Some(FindingKind::NearLeaks)
    } else if warning.contains(SAME_TEXT) || warning.contains(SAME_IMAGE) {
        Some(FindingKind::Conflicts)
    } else if is_of_cut_rows(warning) {
        Some(FindingKind::TooLong)
    } else {
        None
    }
}

/// Rows that were left out when the files were read.
fn left_out(report: &DataReport) -> Option<Finding> {
    if report.num_bad_rows == 0 {
        return None;
    }
    let found = report.bad_rows.iter().map(|bad| {
        let files = [(Split::Valid, "validation file: "), (Split::Test, "test file: ")];
        let own = files.into_iter().find_map(|(file, role)| Some((file, bad.reason.strip_prefix(role)?)));
        let (file, reason) = own.unwrap_or((Split::Train, bad.reason.as_str()));
        FoundRow { file, row: bad.row, split: file, index: None, note: mask_personal(reason).into_owned() }
    });
    let rows: Vec<FoundRow> = found.collect();
    if report.task().spec().head == HeadKind::Image {
        return Some(left_out_images(rows, report.num_bad_rows));
    }
    let names: Vec<String> = rows.iter().map(FoundRow::name).collect();
    let (count, are) = (plural(report.num_bad_rows, "row"), if report.num_bad_rows == 1 { "is" } else { "are" });
    let empty = match report.num_empty {
        0 => String::new(),
        count => format!(", in {count} of them something is empty"),
    };
    let listed = match report.num_bad_rows - rows.len() {
        0 => String::new(),
        more => format!(" ({more} more are not listed)"),
    };
    Some(Finding {
        kind: FindingKind::LeftOut,
        severity: Severity::Warning,
        message: format!("{count} {are} not used{empty}: rows {}{listed}", list_rows(&names)),
        num_rows: report.num_bad_rows,
        groups: alone(rows),
        action: FindingAction::None,
    })
}

/// Images that were left out, `num_rows` in all: the first with their paths and reasons, for a person knows a file of a folder by its
/// path.
fn left_out_images(rows: Vec<FoundRow>, num_rows: usize) -> Finding {
    let named = rows.iter().take(MAX_NAMED_IMAGES).map(|row| format!("row {} ({})", row.name(), row.note));
    let named = list(&named.collect::<Vec<String>>(), num_rows);
    let (count, are) = (plural(num_rows, "image"), if num_rows == 1 { "is" } else { "are" });
    Finding {
        kind: FindingKind::LeftOut,
        severity: Severity::Warning,
        message: format!("{count} {are} not used: {named}"),
        num_rows,
        groups: alone(rows),
        action: FindingAction::None,
    }
}

/// What a person may want to change about classes, with the rows of these.
fn of_advice(advice: &Advice, rows: &dyn FindingRows) -> Finding {
    let labels: &[String] = match &advice.kind {
        AdviceKind::SimilarLabels { labels } => labels.get(1..).unwrap_or_default(),
        AdviceKind::SmallClasses { labels } => labels,
        AdviceKind::Imbalance => &[],
    };
    let sought: HashSet<&str> = labels.iter().map(String::as_str).collect();
    let found = match labels {
        [] => Vec::new(),
        _ => rows_where(rows, |row| row.labels.iter().any(|label| sought.contains(&**label))),
    };
    of_classes(advice, found)
}

fn of_classes(advice: &Advice, rows: Vec<FoundRow>) -> Finding {
    let (kind, severity, action) = match &advice.kind {
        AdviceKind::SimilarLabels { labels } => {
            let action = match labels.as_slice() {
                [into, from @ ..] if !from.is_empty() => {
                    FindingAction::MergeLabels { from: from.to_vec(), into: into.clone() }
                }
                _ => FindingAction::None,
            };
            (FindingKind::SimilarLabels, Severity::Warning, action)
        }
        AdviceKind::SmallClasses { .. } => (FindingKind::SmallClasses, Severity::Warning, FindingAction::None),
        AdviceKind::Imbalance => (FindingKind::Imbalance, Severity::Note, FindingAction::None),
    };
    let num_rows = rows.len();
    let groups: Vec<FindingGroup> = alone(rows);
    Finding { kind, severity, message: advice.message.clone(), num_rows, groups, action }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, RunConfig, TextCleaning};
    use crate::data::DataFiles;
    use crate::task::texts::tests::{model, tokenizer};
    use crate::task::{ReadRequest, Task};

    fn read(task: Task, name: &str, files: [&str; 2], run: &RunConfig) -> Box<dyn TaskData> {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let test = (!files[1].is_empty()).then(|| file(&format!("test_{name}"), files[1]));
        let files = &DataFiles { train: file(name, files[0]), test, ..DataFiles::default() }.into();
        task.read(&ReadRequest::to_train(files, &ReadOptions::default(), run)).expect("good rows")
    }

    fn find(rows: &dyn TaskData, run: &RunConfig) -> Findings {
        let mut search = FindingSearch::new(rows, run.max_seq_length as usize, run.seed);
        while search.step(rows, 10) {}
        search.finish(rows, &rows.report(None, run).expect("nothing is decoded"))
    }

    fn names(findings: &Findings, kind: FindingKind) -> Vec<String> {
        let groups = findings.get(kind).map_or(&[][..], |finding| finding.groups.as_slice());
        groups.iter().flat_map(|group| &group.rows).map(FoundRow::name).collect()
    }

    #[test]
    fn the_same_texts_are_found_in_the_rows_of_every_task_of_texts() {
        fn numbered(row: fn(usize) -> String) -> String {
            (0..30).map(row).collect()
        }
        let run = &RunConfig::default();
        let cases: [(&str, &str, String, &str); 8] = [
            (
                "sequence_classification",
                "x.csv",
                numbered(|i| format!("the row {} says {i},{}\n", "x".repeat(i * 9), ["up", "down"][i % 2])),
                "text,label\n",
            ),
            (
                "regression",
                "x.csv",
                numbered(|i| format!("the row {} says {i},{}.5\n", "x".repeat(i * 9), i)),
                "text,score\n",
            ),
            (
                "multi_label",
                "x.csv",
                numbered(|i| format!("the row {} says {i},{}\n", "x".repeat(i * 9), ["a|b", "b"][i % 2])),
                "text,labels\n",
            ),
            (
                "seq2seq_lm",
                "x.csv",
                numbered(|i| format!("the row {} says {i},turned {i}\n", "x".repeat(i * 9))),
                "source,target\n",
            ),
            (
                "sentence_embedding",
                "x.csv",
                numbered(|i| format!("the row {} says {i},meant {i}\n", "x".repeat(i * 9))),
                "anchor,positive\n",
            ),
            (
                "question_answering",
                "x.csv",
                numbered(|i| format!("who says {i} {}?,it is anna {i} who says so,anna {i}\n", "x".repeat(i * 9))),
                "question,context,answer\n",
            ),
            (
                "causal_lm",
                "x.csv",
                numbered(|i| format!("ask {i} {},answer {i}\n", "x".repeat(i * 9))),
                "prompt,completion\n",
            ),
            ("masked_lm", "x.csv", numbered(|i| format!("the row {} says {i}\n", "x".repeat(i * 9))), "text\n"),
        ];
        for (name, file, rows, header) in cases {
            let task = Task::from_name(name).expect("there is one");
            let first = rows.lines().next().expect("thirty rows");
            let test = format!("{header}{first}\n{}\n", rows.lines().nth(1).expect("thirty rows").replace("x", "y"));
            let data = read(task, file, [&format!("{header}{rows}"), &test], run);
            let found = find(data.as_ref(), run);
            let leaks = names(&found, FindingKind::Leaks);
            assert!(leaks.contains(&"2".to_owned()) && leaks.contains(&"test 2".to_owned()), "{name}: {leaks:?}");
            assert_eq!(found.num_rows[2], 2, "{name}");
        }
    }

    #[test]
    fn left_out_rows_and_advice_on_classes_are_findings() {
        let run = &RunConfig::default();
        let rows = |label: &str, count: usize| {
            (0..count).map(|i| format!("the {label} row {} of {i},{label}\n", "x".repeat(7 * i))).collect::<String>()
        };
        let text = format!("text,label\n{}{},billing\n", rows("Billing", 80), rows("biling", 3));
        let data = read(Task::SequenceClassification, "x.csv", [&text, ""], run);
        let found = find(data.as_ref(), run);
        let left_out = found.get(FindingKind::LeftOut).expect("one row has no text");
        assert_eq!((left_out.groups[0].rows[0].index, left_out.groups[0].rows[0].row), (None, 85));
        assert!(
            left_out.message.starts_with("1 row is not used, in 1 of them something is empty"),
            "{}",
            left_out.message
        );
        let similar = found.get(FindingKind::SimilarLabels).expect("a misspelling");
        assert_eq!(similar.num_rows, 3, "those of the label that is replaced");
        assert_eq!(similar.action.describe(), "read \"biling\" as \"Billing\"");
        assert!(names(&found, FindingKind::SmallClasses).len() == 3 && found.get(FindingKind::Imbalance).is_some());

        // The report alone says the same, without the rows of classes.
        let report = data.report(None, run).expect("nothing is decoded");
        let early = findings_of_report(&report);
        let kinds: Vec<FindingKind> = early.findings.iter().map(|finding| finding.kind).collect();
        let expected =
            [FindingKind::LeftOut, FindingKind::SimilarLabels, FindingKind::SmallClasses, FindingKind::Imbalance];
        assert_eq!(kinds, expected);
        assert!(early.findings.iter().all(|finding| finding.action == FindingAction::None));
        assert!(early.findings[0].listed[0].note.contains("empty"), "{:?}", early.findings[0].listed);
    }

    #[test]
    fn texts_are_cleaned_where_they_can_be_and_else_their_rows_are_left_out() {
        fn numbered(row: fn(usize) -> String) -> String {
            (0..12).map(row).collect()
        }
        let run = &RunConfig::default();
        let action_of =
            |rows: &dyn TaskData| find(rows, run).get(FindingKind::PersonalData).map(|finding| finding.action.clone());
        let labeled = format!(
            "text,label\nwrite to anna@example.org,up\n{}",
            numbered(|i| format!("the row {} says {i},{}\n", "x".repeat(i * 9), ["up", "down"][i % 2]))
        );
        let clean = FindingAction::CleanTexts { of: TextCleaning::PersonalData };
        let data = read(Task::SequenceClassification, "x.csv", [&labeled, ""], run);
        assert_eq!(action_of(data.as_ref()), Some(clean));
        let answered = format!(
            "question,context,answer\nwho writes?,it is anna at anna@example.org who writes,anna\n{}",
            numbered(|i| format!("who says {i} {}?,it is anna {i} who says so,anna {i}\n", "x".repeat(i * 9)))
        );
        let data = read(Task::QuestionAnswering, "x.csv", [&answered, ""], run);
        assert_eq!(action_of(data.as_ref()), Some(FindingAction::DropRows), "answers would stand elsewhere");
        let turns = |text: &str| {
            format!(
                r#"{{"messages": [{{"role": "user", "content": "{text}"}}, {{"role": "assistant", "content": "yes"}}]}}"#
            )
        };
        let others = (0..12).map(|i| turns(&format!("is it {} {i}", "x".repeat(i * 9))) + "\n");
        let talks = turns("is it anna@example.org") + "\n" + &others.collect::<String>();
        let data = read(Task::CausalLm, "x.jsonl", [&talks, ""], run);
        assert_eq!(action_of(data.as_ref()), Some(FindingAction::DropRows), "texts within lists are not cleaned");

        let read = ReadOptions { clean_texts: [TextCleaning::PersonalData].into(), ..ReadOptions::default() };
        let files = &DataFiles { train: ("x.csv".into(), labeled.into_bytes()), ..DataFiles::default() }.into();
        let data = Task::SequenceClassification.read(&ReadRequest::to_train(files, &read, run)).expect("good rows");
        assert_eq!(action_of(data.as_ref()), None, "nothing is left of it");
        let notes = data.report(None, run).expect("nothing is decoded").notes;
        assert!(notes.iter().any(|note| note == "1 row is read with personal data replaced"), "{notes:?}");
    }

    #[test]
    fn a_warning_that_a_finding_repeats_is_known() {
        let run = &RunConfig { max_seq_length: 6, ..RunConfig::default() };
        let rows: String = (1..12).map(|i| format!("{},{}\n", "hello ".repeat(i), ["a", "b"][i % 2])).collect();
        let files = [format!("text,label\n{rows}world,a\nworld,b\n"), "text,label\nworld,b\n".to_owned()];
        let mut data = read(Task::SequenceClassification, "x.csv", [&files[0], &files[1]], run);
        let tokenizer = tokenizer();
        while data.encode_part(&model(&tokenizer), run).expect("room enough") {}
        let report = data.report(Some(&model(&tokenizer)), run).expect("it is decoded");
        let known: Vec<FindingKind> = report.warnings.iter().filter_map(|said| finding_of_warning(said)).collect();
        for kind in [FindingKind::Leaks, FindingKind::Conflicts, FindingKind::TooLong] {
            assert_eq!(known.iter().filter(|known| **known == kind).count(), 1, "{kind:?}: {:?}", report.warnings);
        }
        assert_eq!(finding_of_warning("there are no validation rows"), None);
    }

    #[test]
    fn tokens_are_counted_where_they_were_made() {
        let (run, tokenizer) = (&RunConfig { max_seq_length: 6, ..RunConfig::default() }, tokenizer());
        let rows: String = (1..12).map(|i| format!("{},{}\n", "hello ".repeat(i), ["a", "b"][i % 2])).collect();
        let mut data = read(Task::SequenceClassification, "x.csv", [&format!("text,label\n{rows}"), ""], run);
        let before = find(data.as_ref(), run);
        assert!(before.not_applied.iter().any(|not| not.kind == FindingKind::TooLong));
        while data.encode_part(&model(&tokenizer), run).expect("room enough") {}
        let found = find(data.as_ref(), run);
        // Four words beside two special tokens.
        let mut long = names(&found, FindingKind::TooLong);
        long.sort_by_key(|row| row.parse::<usize>().expect("a number"));
        assert_eq!(long, ["6", "7", "8", "9", "10", "11", "12"]);
        assert!(found.not_applied.iter().all(|not| not.kind != FindingKind::TooLong));
    }
}
