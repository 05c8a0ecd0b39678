//! The search as a whole: five thousand rows with planted faults, each sort of finding on rows of its own, and rows nobody
//! thought of.

use std::collections::HashSet;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::data::{below, generator, shuffle};

/// A row of a test: its text, perhaps a second one, and its label.
#[derive(Debug, Clone, Default)]
struct TestRow {
    texts: Vec<String>,
    label: String,
    num_tokens: Option<usize>,
}

/// Rows of a test; validation and test rows are files of their own.
struct TestRows {
    splits: [Vec<TestRow>; 3],
    labels_are: LabelKind,
}

impl FindingRows for TestRows {
    fn labels_are(&self) -> LabelKind {
        self.labels_are
    }

    fn has_own_file(&self) -> [bool; 2] {
        [true, true]
    }

    fn sizes(&self) -> [usize; 3] {
        self.splits.each_ref().map(Vec::len)
    }

    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_> {
        let row = &self.splits[split][index];
        FindingRow {
            row: index + 2,
            texts: row.texts.iter().map(String::as_str).collect(),
            target: None,
            labels: if self.labels_are == LabelKind::None { Vec::new() } else { vec![Cow::Borrowed(&row.label)] },
            num_tokens: row.num_tokens,
        }
    }
}

fn row(text: &str, label: &str) -> TestRow {
    TestRow { texts: vec![text.to_owned()], label: label.to_owned(), num_tokens: None }
}

fn rows(train: &[(&str, &str)], test: &[(&str, &str)]) -> TestRows {
    let of = |rows: &[(&str, &str)]| rows.iter().map(|(text, label)| row(text, label)).collect();
    TestRows { splits: [of(train), Vec::new(), of(test)], labels_are: LabelKind::Class }
}

fn find(rows: &TestRows) -> Findings {
    let mut scan = FindingScan::new(rows.sizes(), 16, 42);
    while scan.step(rows, 100) {}
    scan.finish(rows)
}

/// The names of the rows of a finding, group after group.
fn named(findings: &Findings, kind: FindingKind) -> Vec<Vec<String>> {
    let groups = findings.get(kind).map_or(&[][..], |finding| finding.groups.as_slice());
    groups.iter().map(|group| group.rows.iter().map(FoundRow::name).collect()).collect()
}

#[test]
fn leaks_conflicts_and_duplicates_are_named_by_file_and_row() {
    let train = [
        ("my card was stolen yesterday evening", "a"),
        ("my card was stolen yesterday evening", "a"),
        ("when does the new card arrive", "b"),
        ("when does the new card arrive", "c"),
        ("When does the new card arrive?", "b"),
    ];
    let test = [("my card was stolen yesterday evening", "a"), ("how do i close my account", "b")];
    let found = find(&rows(&train, &test));
    assert_eq!(named(&found, FindingKind::Leaks), [["2", "test 2"]]);
    assert_eq!(named(&found, FindingKind::Duplicates), [["2", "3"]]);
    assert_eq!(named(&found, FindingKind::Conflicts), [["4", "5"]]);
    assert_eq!(named(&found, FindingKind::NormalizedConflicts), [["4", "5", "6"]]);
    assert_eq!(named(&found, FindingKind::NearDuplicates), [["4", "6"]], "of the same label");
    let leaks = found.get(FindingKind::Leaks).expect("one");
    assert_eq!((leaks.num_rows, leaks.severity, &leaks.action), (1, Severity::Serious, &FindingAction::KeepFirst));
    let leaked = &leaks.groups[0].rows[1];
    assert_eq!((leaked.file, leaked.split, leaked.index), (Split::Test, Split::Test, Some(0)));
    let conflicts = found.get(FindingKind::Conflicts).expect("one");
    assert_eq!((conflicts.groups[0].label.as_deref(), &conflicts.action), (None, &FindingAction::RelabelToMajority));
    let normalized = found.get(FindingKind::NormalizedConflicts).expect("one");
    assert_eq!(normalized.groups[0].label.as_deref(), Some("b"), "two of three");
    let kinds: Vec<FindingKind> = found.findings.iter().map(|finding| finding.kind).collect();
    let place = |kind: &FindingKind| FindingKind::ALL.iter().position(|other| other == kind);
    assert!(kinds.is_sorted_by_key(place), "{kinds:?}");
    assert_eq!(found.labels[0], LabelRows { label: "a".into(), counts: [2, 0, 1] });
    assert_eq!(found.num_rows, [5, 0, 2]);
}

#[test]
fn a_near_leak_is_moved_with_its_group_and_an_exact_one_is_said_once() {
    let long = "the delivery that was promised for last friday has still not arrived at our house";
    let typo = long.replace("friday", "fridey");
    let found = find(&rows(&[(long, "a"), ("something else", "b")], &[(typo.as_str(), "a"), (long, "a")]));
    assert_eq!(named(&found, FindingKind::Leaks), [["2", "test 3"]]);
    assert_eq!(named(&found, FindingKind::NearLeaks), [["2", "test 2"]]);
    assert_eq!(found.get(FindingKind::NearLeaks).map(|finding| &finding.action), Some(&FindingAction::MoveToTraining));
}

#[test]
fn labels_that_can_differ_rightly_are_no_majority_and_none_are_no_conflict() {
    let mut rows = rows(&[("what now", "this"), ("what now", "that")], &[]);
    rows.labels_are = LabelKind::Text;
    let conflicts = find(&rows).get(FindingKind::Conflicts).cloned().expect("one");
    assert_eq!((conflicts.severity, conflicts.action), (Severity::Note, FindingAction::None));
    assert!(conflicts.message.contains("a different target"), "{}", conflicts.message);
    rows.labels_are = LabelKind::None;
    let found = find(&rows);
    assert!(found.get(FindingKind::Conflicts).is_none() && found.labels.is_empty());
    assert_eq!(named(&found, FindingKind::Duplicates), [["2", "3"]]);
    let not_applied: Vec<FindingKind> = found.not_applied.iter().map(|not| not.kind).collect();
    for kind in [FindingKind::Conflicts, FindingKind::Leaks, FindingKind::TooLong] {
        assert!(not_applied.contains(&kind), "{kind:?}");
    }
}

#[test]
fn what_is_wrong_with_one_row_is_noted_without_personal_data() {
    let train = [
        ("write to anna.berger@example.org or call +49 170 1234567", "a"),
        ("das M\u{c3}\u{a4}dchen war hier", "a"),
        ("n/a", "b"),
        ("a line<br>another", "b"),
        ("N/A", "b"),
        ("n/a", "b"),
    ];
    let mut rows = rows(&train, &[]);
    rows.splits[0][1].num_tokens = Some(17);
    rows.splits[0][2].num_tokens = Some(16);
    let found = find(&rows);
    assert_eq!(named(&found, FindingKind::PersonalData), [["2"]]);
    assert_eq!(named(&found, FindingKind::EncodingDamage), [["3"]]);
    assert_eq!(named(&found, FindingKind::Blank), [["4"], ["6"], ["7"]]);
    assert_eq!(named(&found, FindingKind::Markup), [["5"]]);
    assert_eq!(named(&found, FindingKind::TooLong), [["3"]]);
    let action = |kind| found.get(kind).map(|finding| finding.action.clone());
    for (kind, of) in [
        (FindingKind::PersonalData, TextCleaning::PersonalData),
        (FindingKind::EncodingDamage, TextCleaning::Damage),
        (FindingKind::Markup, TextCleaning::Markup),
    ] {
        assert_eq!(action(kind), Some(FindingAction::CleanTexts { of }));
    }
    assert_eq!(action(FindingKind::TooLong), Some(FindingAction::RaiseMaxSeqLength { to: 17 }));
    let written = serde_json::to_string(&found).expect("plain values");
    for secret in ["berger", "1234567", "example.org"] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
    assert!(written.contains("mail a•••@•••.org, phone •••67"), "{written}");
    assert_eq!(serde_json::from_str::<Findings>(&written).expect("its own JSON"), found);
}

#[test]
fn labels_are_masked_where_they_are_shown() {
    let found = find(&rows(&[("one", "anna@example.org"), ("one", "anna@example.org"), ("one", "b")], &[]));
    assert_eq!(found.get(FindingKind::Conflicts).expect("one").groups[0].label.as_deref(), Some("anna@example.org"));
    let masked = serde_json::to_string(&found.masked()).expect("plain values");
    assert!(!masked.contains("anna@example") && masked.contains("a•••@•••.org"), "{masked}");
}

#[test]
fn rows_in_another_language_are_listed() {
    let english = "what is the reason that my card was not accepted at the shop number";
    let german = "warum wurde meine karte im laden nicht angenommen, und was kann ich tun, nummer";
    let mut rows = rows(&[], &[]);
    let name = |text: &str, number: usize| row(&format!("{text} {}", "x".repeat(number * 30)), "a");
    rows.splits[0].extend((0..6).map(|number| name(english, number)));
    rows.splits[0].extend((0..3).map(|number| name(german, number)));
    let found = find(&rows);
    assert_eq!(named(&found, FindingKind::LanguageMix), [["8"], ["9"], ["10"]]);
    assert_eq!(found.get(FindingKind::LanguageMix).map(|mix| &mix.action), Some(&FindingAction::DropRows));
    let of = |language: &str, num_rows| LanguageRows { language: language.into(), num_rows };
    assert_eq!(found.languages, [of("English", 6), of("German", 3)]);
}

#[test]
fn of_a_very_long_text_the_beginning_is_looked_at_and_that_is_said() {
    let long = "word ".repeat(MAX_LOOKED_AT);
    let other = format!("{long}end");
    let found = find(&rows(&[(long.as_str(), "a"), (other.as_str(), "a"), (long.as_str(), "a")], &[]));
    assert_eq!(named(&found, FindingKind::Duplicates), [["2", "4"]], "the whole is compared");
    assert!(found.get(FindingKind::NearDuplicates).is_none());
    assert!(
        found.notes[0].starts_with("of 2 rows with texts longer than 64 KiB only the beginning"),
        "{:?}",
        found.notes
    );
}

const WORDS: [&str; 64] = [
    "account", "address", "agent", "amount", "answer", "arrive", "balance", "bank", "before", "bill", "branch",
    "button", "cancel", "card", "change", "charge", "check", "close", "code", "country", "credit", "customer", "delay",
    "deliver", "deposit", "device", "email", "error", "exchange", "failed", "family", "friend", "garden", "holiday",
    "invoice", "limit", "machine", "market", "message", "minute", "mobile", "money", "month", "number", "office",
    "online", "order", "parcel", "password", "payment", "phone", "please", "price", "receive", "refund", "report",
    "safe", "shop", "signal", "station", "ticket", "transfer", "travel", "window",
];

/// A sentence of 14 to 21 words drawn at random: two of them share next to no order of letters.
fn sentence(random: &mut ChaCha8Rng) -> String {
    let num_words = 14 + below(8, random);
    let words: Vec<&str> = (0..num_words).map(|_| WORDS[below(WORDS.len() as u64, random) as usize]).collect();
    words.join(" ")
}

/// The sentence with one letter in the middle replaced by a digit.
fn mistype(text: &str, random: &mut ChaCha8Rng) -> String {
    let at = text.len() / 3 + below(text.len() as u64 / 3, random) as usize;
    format!("{}7{}", &text[..at], &text[at + 1..])
}

/// What was planted: pairs of split and index.
type Pair = [(usize, usize); 2];

/// The pairs of rows of a finding's groups, the first with each other.
fn pairs(findings: &Findings, kind: FindingKind) -> HashSet<Pair> {
    let place = |row: &FoundRow| (row.split as usize, row.index.expect("no row was left out"));
    let groups = findings.get(kind).map_or(&[][..], |finding| finding.groups.as_slice()).iter();
    groups.flat_map(|group| group.rows[1..].iter().map(move |row| [place(&group.rows[0]), place(row)])).collect()
}

/// 5,000 rows: 4,000 to train on and 1,000 to test, with 100 rows of each fault.
#[test]
fn planted_faults_are_found_among_five_thousand_rows() {
    let random = &mut generator(7, 1);
    let labels = ["pay", "card", "move"];
    let mut train: Vec<TestRow> =
        (0..3700).map(|_| row(&sentence(random), labels[below(3, random) as usize])).collect();
    let mut test: Vec<TestRow> = (0..800).map(|_| row(&sentence(random), labels[below(3, random) as usize])).collect();
    let mut sources: Vec<usize> = (0..train.len()).collect();
    shuffle(&mut sources, random);
    let mut sources = sources.into_iter();
    let mut source = || sources.next().expect("3,700 rows are enough");
    let (mut leaks, mut conflicts, mut near_leaks, mut near, mut repeats) =
        (HashSet::new(), HashSet::new(), HashSet::new(), HashSet::new(), HashSet::new());
    for _ in 0..100 {
        let from = source();
        leaks.insert([(0, from), (2, test.len())]);
        test.push(train[from].clone());

        let from = source();
        near_leaks.insert([(0, from), (2, test.len())]);
        test.push(row(&mistype(&train[from].texts[0], random), &train[from].label));

        let from = source();
        conflicts.insert([(0, from), (0, train.len())]);
        train.push(row(&train[from].texts[0], "another"));

        let from = source();
        near.insert([(0, from), (0, train.len())]);
        train.push(row(&mistype(&train[from].texts[0], random), &train[from].label));

        let from = source();
        repeats.insert([(0, from), (0, train.len())]);
        train.push(train[from].clone());
    }
    let rows = TestRows { splits: [train, Vec::new(), test], labels_are: LabelKind::Class };
    assert_eq!(rows.sizes(), [4000, 0, 1000]);
    let found = find(&rows);
    assert_eq!(pairs(&found, FindingKind::Leaks), leaks, "all of them and no other");
    assert_eq!(pairs(&found, FindingKind::Conflicts), conflicts);
    assert_eq!(pairs(&found, FindingKind::Duplicates), repeats);
    // A letter touches four pieces of each text, of 80 and more: 0.9 and more are shared, so that a pair is missed by all 16
    // bands once in a million. No two random sentences share 0.8.
    assert_eq!(pairs(&found, FindingKind::NearDuplicates), near);
    assert_eq!(pairs(&found, FindingKind::NearLeaks), near_leaks);
}

/// Texts that share about the threshold: what is reported is never below it, and of what is above it nearly all is found.
#[test]
fn near_duplicates_at_the_threshold_are_true_and_few_are_missed() {
    let random = &mut generator(11, 1);
    let mut texts: Vec<String> = Vec::new();
    for _ in 0..300 {
        let mut text = sentence(random);
        texts.push(text.clone());
        for _ in 0..1 + below(7, random) {
            text = mistype(&text, random);
        }
        texts.push(text);
    }
    let pieces = |text: &str| -> HashSet<Vec<char>> {
        text.chars().collect::<Vec<_>>().windows(4).map(<[char]>::to_vec).collect()
    };
    let share = |pair: &[String]| {
        let (a, b) = (pieces(&pair[0]), pieces(&pair[1]));
        let num_shared = a.intersection(&b).count();
        num_shared as f64 / (a.len() + b.len() - num_shared) as f64
    };
    let shares: Vec<f64> = texts.chunks(2).map(share).collect();
    let near: HashSet<usize> = (0..shares.len()).filter(|&pair| shares[pair] >= NEAR_THRESHOLD).collect();
    assert!((100..290).contains(&near.len()), "{} pairs lie above the threshold", near.len());
    let rows = TestRows {
        splits: [texts.iter().map(|text| row(text, "a")).collect(), Vec::new(), Vec::new()],
        labels_are: LabelKind::Class,
    };
    let found = pairs(&find(&rows), FindingKind::NearDuplicates);
    assert!(
        found.iter().all(|[(_, a), (_, b)]| a / 2 == b / 2),
        "texts of different pairs are nothing alike: {found:?}"
    );
    let found: HashSet<usize> = found.iter().map(|[(_, first), _]| first / 2).collect();
    assert!(found.is_subset(&near), "precision 1: candidates are compared by their pieces");
    assert!(found.len() * 100 >= near.len() * 99, "recall {} of {}", found.len(), near.len());
}

#[test]
fn parts_of_any_size_find_the_same() {
    let random = &mut generator(3, 1);
    let texts: Vec<String> =
        (0..40).map(|index| if index % 4 == 0 { "the same".into() } else { sentence(random) }).collect();
    let rows = TestRows {
        splits: [texts.iter().map(|text| row(text, "a")).collect(), Vec::new(), Vec::new()],
        labels_are: LabelKind::Class,
    };
    let with_budget = |budget: usize| {
        let mut scan = FindingScan::new(rows.sizes(), 16, 42);
        let mut num_parts = 1;
        while scan.step(&rows, budget) {
            num_parts += 1;
        }
        assert_eq!(scan.progress(), (40, 40));
        (num_parts, scan.finish(&rows))
    };
    let (one, many) = (with_budget(1000), with_budget(1));
    assert_eq!((one.0, many.0), (1, 40));
    assert_eq!(one.1, many.1);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_each_row_is_counted(
        texts in prop::collection::vec(("\\PC{0,20}|[a-c ]{0,6}|[\u{80}-\u{fff}@0-9]{0,12}", "[ab]?"), 0..12),
        cuts in (0_usize..12, 0_usize..12),
    ) {
        let mut train: Vec<TestRow> = texts.iter().map(|(text, label)| row(text, label)).collect();
        let mut valid = train.split_off(cuts.0.min(train.len()));
        let test = valid.split_off(cuts.1.min(valid.len()));
        let rows = TestRows { splits: [train, valid, test], labels_are: LabelKind::Class };
        let found = find(&rows);
        prop_assert_eq!(found.labels.iter().flat_map(|label| label.counts).sum::<usize>(), texts.len());
        for row in found.findings.iter().flat_map(|finding| &finding.groups).flat_map(|group| &group.rows) {
            prop_assert!(row.index.is_some_and(|index| index < rows.sizes()[row.split as usize]));
        }
    }
}
