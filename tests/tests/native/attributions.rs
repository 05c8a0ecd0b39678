//! What of a text speaks for an answer: integrated gradients agree with PyTorch's and add up, on encoders and decoders that label; the
//! words of a text speak for the label that it has; the nearest training rows are those of the file.

use std::cell::Cell;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ReadOptions, RunConfig, SplitConfig};
use hone_core::data::{HostText, Padding, TextRow};
use hone_core::event::Split;
use hone_core::model::ModelConfig;
use hone_core::session::protocol::{ToExplain, Weights};
use hone_core::session::{Session, SessionError};
use hone_core::task::{Explanation, NearestRows, RowPredictions, Task, TaskInput};
use hone_core::train::{Attributions, ComparedRow};
use hone_tests::classes::{files, inputs, loaded};
use hone_tests::golden::Golden;
use hone_tests::texts::drain;
use hone_tests::{devices, paths, rows};
use serde_json::Value;

/// Largest difference of a token's number from PyTorch's, relative to the largest of its row.
const SAME: f64 = 1e-3;
/// How far the numbers of a row may be from the difference of both outputs, as a share of it.
const COMPLETE: f64 = 1e-3;
/// Largest difference of an output.
const OUTPUT: f64 = 2e-5;

/// A row of `tests/fixtures/attributions.json`.
struct Row {
    name: String,
    output: usize,
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
    baseline_ids: Vec<i32>,
    score: f64,
    baseline_score: f64,
    attributions: Vec<f64>,
}

fn golden_rows() -> Vec<Row> {
    let bytes = std::fs::read(paths::fixture("attributions.json")).expect("the fixture is there");
    let rows: Vec<Value> = serde_json::from_slice(&bytes).expect("the fixture is JSON");
    let numbers = |row: &Value, key: &str| -> Vec<f64> {
        row[key].as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    let number = |row: &Value, key: &str| row[key].as_f64().expect("a number");
    let row = |row: &Value| Row {
        name: row["name"].as_str().expect("a name").to_owned(),
        output: number(row, "output") as usize,
        input_ids: numbers(row, "input_ids").into_iter().map(|id| id as u32).collect(),
        token_type_ids: numbers(row, "token_type_ids").into_iter().map(|id| id as u32).collect(),
        baseline_ids: numbers(row, "baseline_ids").into_iter().map(|id| id as i32).collect(),
        score: number(row, "score"),
        baseline_score: number(row, "baseline_score"),
        attributions: numbers(row, "attributions"),
    };
    rows.iter().map(row).collect()
}

/// The numbers of a row, padded to `multiple_of` tokens.
fn attributions(row: &Row, multiple_of: usize, num_steps: usize, device: &Device) -> Attributions {
    let config = std::fs::read(paths::fixture(&row.name).join("config.json")).expect("it has a config");
    let config = ModelConfig::from_json(&config).expect("the config is supported");
    let positions = config.position_ids();
    let padding = Padding { pad_token_id: config.pad_token_id, multiple_of, max_length: 512, positions };
    let tokens = TextRow { input_ids: &row.input_ids, token_type_ids: &row.token_type_ids };
    let text = HostText::pad(&[tokens], &padding);
    let mut baseline_ids = row.baseline_ids.clone();
    baseline_ids.resize(text.seq, config.pad_token_id as i32);
    let model = Golden::tiny(&row.name).model(device).for_inference();
    let compared = block_on(ComparedRow::compare(&model, text, &baseline_ids, device)).expect("the device computes");
    let compared = compared.expect("it reads one text");
    let mut integration = compared.integrate(row.output, num_steps);
    while block_on(integration.advance()).expect("the device computes") {}
    assert_eq!(integration.progress(), (num_steps, num_steps));
    integration.finish()
}

fn check(row: &Row, found: &Attributions) {
    let Row { name, output, score, baseline_score, attributions, .. } = row;
    assert!((found.score - score).abs() < OUTPUT, "{name}: {} is not {score}", found.score);
    assert!((found.baseline_score - baseline_score).abs() < OUTPUT, "{name}: {}", found.baseline_score);
    let largest = attributions.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (index, (found, expected)) in found.tokens.iter().zip(attributions).enumerate() {
        let error = (found - expected).abs() / largest;
        assert!(error < SAME, "{name} output {output}, token {index}: {found} is not {expected} ({error:.1e})");
    }
    assert!(found.tokens[attributions.len()..].iter().all(|value| *value == 0.0), "{name}: padding adds nothing");
    let (sum, difference) = (found.tokens.iter().sum::<f64>(), found.score - found.baseline_score);
    assert!((sum - difference).abs() < COMPLETE * difference.abs(), "{name}: {sum} in all, not {difference}");
}

#[test]
fn integrated_gradients_add_up_and_are_those_of_pytorch() {
    let rows = golden_rows();
    assert!(rows.len() >= 12);
    for row in &rows {
        check(row, &attributions(row, 1, 200, &devices::cpu()));
    }
    // Rows that are padded, and longer than go through a model at once several times.
    check(&rows[0], &attributions(&rows[0], 32, 200, &devices::cpu()));
}

#[test]
fn fifty_steps_are_enough_where_no_norm_stands_behind_zeros() {
    let of = |name: &str| golden_rows().into_iter().find(|row| row.name == name).expect("a row of it");
    for name in ["bert_pair_tiny", "roberta_pair_tiny", "modernbert_pair_tiny", "gpt2_cls_tiny"] {
        let row = of(name);
        check(&row, &attributions(&row, 1, 50, &devices::cpu()));
    }
}

#[test]
fn integrated_gradients_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    let row = golden_rows().swap_remove(0);
    check(&row, &attributions(&row, 8, 50, &device));
}

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 6,
        early_stopping_patience: None, // all steps are taken
        batch_size: 8,
        learning_rate: 2e-3,
        max_seq_length: 32,
        dropout: Some(0.0), // other tests of this process draw too
        split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.2 },
        ..RunConfig::default()
    }
}

fn trained() -> Session {
    let mut session = loaded();
    session.set_task(Task::SequenceClassification).expect("an encoder labels");
    let _ = session.load_data(files(rows::csv(150)), &ReadOptions::default(), &run()).expect("good rows");
    session.start(run()).expect("it starts");
    let _ = drain(&mut session);
    session
}

fn input(text: &str) -> TaskInput {
    inputs(&[text.to_owned()]).remove(0)
}

fn explain(session: &mut Session, text: &str, output: Option<usize>) -> Result<Explanation, SessionError> {
    let asked = ToExplain { input: input(text), output, weights: Weights::Tuned, part: None };
    let found = block_on(session.explain(&asked, async |_: usize, _: usize| true))?;
    Ok(found.expect("nobody ended it"))
}

/// The nearest rows of a text, and how many vectors of rows were computed for them.
fn nearest(session: &mut Session, text: &str, except: Option<usize>) -> (NearestRows, usize) {
    let computed = Cell::new(0);
    let show = async |done: usize, _: usize| {
        computed.set(done);
        true
    };
    let found = block_on(session.nearest_rows(&input(text), Weights::Tuned, except, show)).expect("there are rows");
    (found.expect("nobody ended it"), computed.get())
}

#[test]
fn words_speak_for_the_label_that_a_text_has_and_near_rows_are_found() {
    let mut session = trained();
    let labels = session.labels().to_vec();
    let evaluated = block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    let RowPredictions::SequenceClassification(found) = evaluated.1 else { panic!("of this task") };
    let row = found.iter().find(|row| row.label == row.predicted).expect("some are right");
    let explained = explain(&mut session, &row.text, None).expect("it labels");
    assert_eq!((explained.output, &explained.label), (row.predicted, &labels[row.predicted]));
    assert_eq!((explained.predicted, explained.texts.len(), explained.is_cut), (row.predicted, 1, false));
    assert!(explained.completeness_error() <= 0.01, "{}", explained.completeness());
    let words: f64 = explained.words().map(|(_, _, value)| value).sum();
    assert!((words - explained.sum).abs() < 1e-9, "what is shown is all there is");
    let shown: String = explained.texts[0].iter().map(|part| part.text.as_str()).collect();
    assert_eq!(shown, row.text, "the whole text is shown");
    // Another label is explained by the same words, by other numbers.
    let other = (row.predicted + 1) % labels.len();
    let against = explain(&mut session, &row.text, Some(other)).expect("it labels");
    assert_eq!((against.output, against.predicted), (other, row.predicted));
    assert!(against.score < explained.score && against.words().count() == explained.words().count());
    let of_label = |label: usize| found.iter().find(|row| row.label == label && row.predicted == label);
    let speaks_for_it = |row| explain(&mut session, row, None).expect("it labels").sum > 0.0;
    let texts: Vec<&str> = (0..labels.len()).filter_map(of_label).map(|row| row.text.as_str()).collect();
    let num_for = texts.iter().copied().map(speaks_for_it).filter(|speaks| *speaks).count();
    assert!(num_for >= 2, "a text that says nothing has at most one of the labels: {num_for} of {}", texts.len());

    let (near, computed) = nearest(&mut session, &row.text, None);
    assert_eq!((near.rows.len(), near.num_searched, computed), (5, near.num_rows, near.num_rows));
    assert!(near.rows.windows(2).all(|pair| pair[0].similarity >= pair[1].similarity));
    for near in &near.rows {
        let (text, label) = rows::row(near.row - 2); // after the row that names the columns
        assert_eq!((near.texts.as_slice(), near.label.as_str()), (&[text][..], label));
    }
    let (again, computed) = nearest(&mut session, &row.text, None);
    assert_eq!((again, computed), (near, 0), "vectors of rows are kept");

    // A training row is nearest to itself, unless it is left out.
    let text = nearest(&mut session, &row.text, None).0.rows[0].texts[0].clone();
    assert!((nearest(&mut session, &text, None).0.rows[0].similarity - 1.0).abs() < 1e-3);
    let all = nearest(&mut session, &text, None).0.num_searched;
    assert_eq!(nearest(&mut session, &text, Some(0)).0.num_searched, all - 1);

    // A run says nothing about the rows of a file that was read after it.
    assert!(!nearest(&mut session, &text, None).0.are_others);
    let _ = session.load_data(files(rows::csv(120)), &ReadOptions::default(), &run()).expect("good rows");
    let (others, computed) = nearest(&mut session, &text, None);
    assert!(others.are_others && computed == others.num_rows);

    // Other weights make other vectors.
    session.start(run()).expect("it starts");
    assert!(nearest(&mut session, &row.text, None).1 > 0);
}

#[test]
fn what_is_not_explained_says_why_and_what_goes_on_can_be_ended() {
    let mut session = loaded();
    session.set_task(Task::Regression).expect("an encoder gives numbers");
    let _ = session.load_data(files(rows::numbers_csv(60)), &ReadOptions::default(), &run()).expect("good rows");
    session.start(run()).expect("it starts");
    let text = "butter and salt on warm bread";
    let explained = explain(&mut session, text, None).expect("it predicts numbers");
    assert_eq!((explained.output, explained.predicted), (0, 0));
    let asked = ToExplain { input: input(text), output: None, weights: Weights::Tuned, part: None };
    let ended = block_on(session.explain(&asked, async |_: usize, _: usize| false)).expect("it may be ended");
    assert!(ended.is_none());
    let error = explain(&mut session, text, Some(7)).expect_err("there is one number").to_string();
    assert_eq!(error, "the model has no output 7: it has 1, counted from 0");
    let long = "butter ".repeat(60);
    let cut = explain(&mut session, &long, None).expect("it predicts numbers");
    assert!(cut.is_cut && cut.words().count() < 60, "what is not read adds nothing");

    session.set_task(Task::TokenClassification).expect("an encoder finds names");
    let error = explain(&mut session, text, None).expect_err("tags are not explained");
    assert!(matches!(error, SessionError::Unexplained { .. }), "{error}");
    assert!(error.to_string().contains("each token has a label of its own"), "{error}");
}
