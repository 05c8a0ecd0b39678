//! What is learned of labels, with a real encoder: the quick baseline beats always giving one label, and labels that were changed on
//! purpose are found, before any training and by a run.

use futures_lite::future::block_on;
use hone_core::config::{ReadOptions, RunConfig, SplitConfig};
use hone_core::event::Split;
use hone_core::task::{LabelErrors, QuickBaseline, QuickMethod, Task};
use hone_tests::classes::{files, loaded, repeatable_run};
use hone_tests::{rows, texts};

const ROWS: usize = 300;

/// One row in twenty has the label of another class.
const EVERY: usize = 20;
const FIRST: usize = 7;

fn is_planted(index: usize) -> bool {
    index % EVERY == FIRST
}

fn planted() -> String {
    let class = |index: usize| match is_planted(index) {
        true => (index + 1 + index % 2) % rows::LABELS.len(),
        false => index % rows::LABELS.len(),
    };
    let row = |index: usize| format!("{},{}\n", rows::row(index).0, rows::LABELS[class(index)]);
    String::from("text,label\n") + &(0..ROWS).map(row).collect::<String>()
}

fn run(valid_fraction: f64) -> RunConfig {
    let split = SplitConfig { valid_fraction, test_fraction: 0.0 };
    RunConfig { max_seq_length: 32, split, ..RunConfig::default() }
}

fn baseline(csv: String, run: &RunConfig) -> QuickBaseline {
    let mut session = loaded();
    session.load_data(files(csv), &ReadOptions::default(), run).expect("labeled rows");
    let show = async |_: usize, _: usize| true;
    let measured = block_on(session.quick_baseline(Split::Valid, &|| 0.0, show));
    measured.expect("it measures").expect("nobody ended it")
}

#[test]
fn the_quick_baseline_beats_one_label_for_all() {
    let found = baseline(rows::csv(ROWS), &run(0.2));
    assert_eq!((found.num_folds, found.num_rows, found.num_examples), (None, 60, 240));
    let accuracy = |found: &QuickBaseline, method| {
        let figures = found.methods.iter().find(|figures| figures.method == method);
        figures.expect("all methods are there").accuracy
    };
    assert!(accuracy(&found, QuickMethod::MajorityClass) < 0.4, "{found:?}");
    assert!(accuracy(&found, QuickMethod::LogisticRegression) > 0.9, "{found:?}");
    assert!(accuracy(&found, QuickMethod::Nearest5) > 0.7, "{found:?}");
    let in_folds = baseline(rows::csv(ROWS), &run(0.0));
    assert_eq!((in_folds.num_folds, in_folds.num_rows), (Some(5), ROWS));
    assert!(accuracy(&in_folds, QuickMethod::LogisticRegression) > 0.9, "{in_folds:?}");
}

#[test]
fn labels_that_were_changed_are_found_and_hardly_any_other() {
    let mut session = loaded();
    session.load_data(files(planted()), &ReadOptions::default(), &run(0.2)).expect("labeled rows");
    let mut told = Vec::new();
    let show = async |done: usize, total: usize| {
        told.push((done, total));
        true
    };
    let (found, used) = block_on(session.label_errors(5, show)).expect("it looks").expect("nobody ended it");
    assert!(told.contains(&(64, ROWS)) && told.ends_with(&[(ROWS, ROWS)]), "{told:?}");
    let LabelErrors { num_rows, errors, .. } = &found;
    // The first row follows the header.
    let num_planted = (0..ROWS).filter(|&index| is_planted(index)).count();
    let hits = errors.iter().filter(|error| is_planted(error.row - 2)).count();
    let (precision, recall) = (hits as f64 / errors.len() as f64, hits as f64 / num_planted as f64);
    assert_eq!((*num_rows, used.probabilities.len(), num_planted), (ROWS, ROWS * 3, 15));
    assert!(precision > 0.8 && recall > 0.8, "precision {precision}, recall {recall}: {found:?}");
    let truth = |row: usize| rows::row(row - 2).1;
    let suggested =
        errors.iter().filter(|error| is_planted(error.row - 2)).all(|error| error.suggested == truth(error.row));
    assert!(suggested, "{found:?}");
}

#[test]
fn a_run_tells_which_labels_of_its_held_out_rows_are_wrong() {
    let mut session = loaded();
    let split = SplitConfig { valid_fraction: 0.3, test_fraction: 0.2 };
    let run = RunConfig { split, num_train_epochs: 3, ..repeatable_run() };
    session.load_data(files(planted()), &ReadOptions::default(), &run).expect("labeled rows");
    let goes_on = async |_: usize, _: usize| true;
    let error = block_on(session.label_errors_of_run(goes_on)).expect_err("nothing was trained").to_string();
    assert_eq!(error, "nothing has been trained");
    session.start(run).expect("it starts");
    let _ = texts::drain(&mut session);
    let at_once = async |_: usize, _: usize| false;
    assert_eq!(block_on(session.label_errors_of_run(at_once)).expect("it was ended"), None);
    let mut told = Vec::new();
    let show = async |done: usize, total: usize| {
        told.push((done, total));
        true
    };
    let found = block_on(session.label_errors_of_run(show)).expect("it looks").expect("nobody ended it");
    assert_eq!((found.num_rows, found.num_folds, told.last()), (150, None, Some(&(150, 150))), "{told:?}");
    assert!(found.errors.iter().all(|error| error.split != Split::Train && error.file == Split::Train), "{found:?}");
    let hits = found.errors.iter().filter(|error| is_planted(error.row - 2)).count();
    assert!(hits > 0 && hits * 2 >= found.errors.len(), "most of those that it names were planted: {found:?}");
    assert!(found.notes[0].contains("not cross-validated"), "{:?}", found.notes);
}

#[test]
fn it_ends_when_it_is_told_to_and_says_what_it_can_not_do() {
    let mut session = loaded();
    session.load_data(files(rows::csv(ROWS)), &ReadOptions::default(), &run(0.2)).expect("labeled rows");
    let at_once = async |_: usize, _: usize| false;
    assert_eq!(block_on(session.label_errors(5, at_once)).expect("it was ended"), None);
    let after_vectors = async |done: usize, total: usize| done < total;
    assert_eq!(block_on(session.quick_baseline(Split::Valid, &|| 0.0, after_vectors)).expect("it was ended"), None);
    session.set_task(Task::SentenceEmbedding).expect("an encoder makes vectors");
    let pairs: String = (0..40).map(|index| format!("{},{}\n", rows::row(index).0, rows::row(index + 3).0)).collect();
    let pairs = files(format!("anchor,positive\n{pairs}"));
    session.load_data(pairs, &ReadOptions::default(), &run(0.2)).expect("pairs");
    let goes_on = async |_: usize, _: usize| true;
    let error = block_on(session.label_errors(5, goes_on)).expect_err("pairs have no labels").to_string();
    assert!(error.contains("do not have one label each"), "{error}");
}
