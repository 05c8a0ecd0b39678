//! Numbers for texts: from a CSV to a folder and an adapter that give the same ones.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{EvaluationDetail, Prediction, ReportDetail, RowPredictions, Task};
use hone_tests::classes::{files, inputs, loaded, repeatable_run};
use hone_tests::paths::text_in;
use hone_tests::rows;
use hone_tests::texts::drain;

/// Correlation that the tiny model must reach on rows it never saw.
const PEARSON: f64 = 0.8;
/// Largest difference of a number that is to be the same.
const SAME: f32 = 1e-4;

const TEXTS: [&str; 2] = ["butter and salt on warm bread", "thunder and rain came with the wind"];

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 10,
        metric_for_best_model: "mae".into(),
        split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.2 },
        ..repeatable_run()
    }
}

fn trained(data: DataFiles, read: &ReadOptions, run: &RunConfig) -> Session {
    let mut session = loaded();
    session.set_task(Task::Regression).expect("an encoder gives numbers");
    let report = session.load_data(data, read, run).expect("good rows");
    assert!(matches!(report.detail, ReportDetail::Regression(_)));
    session.start(run.clone()).expect("it starts");
    let _ = drain(&mut session);
    session
}

fn numbers(session: &mut Session, weights: Weights) -> Vec<Vec<f32>> {
    let texts = TEXTS.map(str::to_owned);
    let (predictions, _) = block_on(session.predict(&inputs(&texts), weights)).expect("it predicts");
    let numbers = |prediction| match prediction {
        Prediction::Regression(own) => own.numbers,
        other => panic!("of another task: {other:?}"),
    };
    predictions.into_iter().map(numbers).collect()
}

fn check_same(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < SAME, "{found} is not {expected}");
    }
}

#[test]
fn numbers_are_learned_and_the_exported_folder_gives_the_same() {
    let run = run();
    let mut session = trained(files(rows::numbers_csv(210)), &ReadOptions::default(), &run);
    let (evaluation, found) =
        block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    let EvaluationDetail::Regression(detail) = &evaluation.detail else { panic!("of this task") };
    let baseline = detail.baseline.expect("there are training rows");
    let (pearson, mae) =
        (evaluation.figure("pearson").expect("it varies"), evaluation.figure("mae").expect("a figure"));
    assert!(pearson >= PEARSON && mae < 0.6 * baseline.mae, "{:?} against {baseline:?}", evaluation.figures);
    assert_eq!(evaluation.figure("loss"), evaluation.figure("mse"), "the loss is the mean squared error");
    let RowPredictions::Regression(found) = found else { panic!("of this task") };
    assert!(found.iter().all(|row| rows::NUMBERS.contains(&row.numbers[0])), "points of a scatter: true and predicted");

    let expected = numbers(&mut session, Weights::Tuned);
    assert!(expected[0][0] < expected[1][0], "kitchen is lower than weather: {expected:?}");
    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let text = |name: &str| text_in(&folder, name);
    assert!(text("config.json").contains("\"problem_type\": \"regression\""), "{}", text("config.json"));
    assert!(text("README.md").contains("predicts a number for a text: `score`"), "{}", text("README.md"));

    let mut again = Session::new(Device::flex());
    let info = again.load_model(ModelSource::Local { name: "export".into() }, folder).expect("it opens");
    assert_eq!((info.task, info.labels), (Task::Regression, vec!["score".to_owned()]));
    check_same(&numbers(&mut again, Weights::Base), &expected);
    let report =
        again.load_rows_to_measure(files(rows::numbers_csv(30)), &ReadOptions::default()).expect("one number each");
    assert_eq!(report.num_usable, 30);
    let two = files("text,a,b\nwe spoke of rain,1,2\nof bread,3,4\n".into());
    let label_columns = vec!["a".into(), "b".into()];
    let read = ReadOptions { label_columns, has_header: Some(true), ..ReadOptions::default() };
    let error = again.load_rows_to_measure(two, &read).expect_err("it gives one number").to_string();
    assert!(error.contains("2 columns of numbers") && error.contains("gives 1"), "{error}");
}

#[test]
fn an_adapter_gives_several_numbers_again() {
    let line = |index: usize| {
        let number = rows::NUMBERS[index % 3];
        format!("{},{number},{}\n", rows::row(index).0, 10.0 - number)
    };
    let data = files(String::from("text,a,b\n") + &(0..60).map(line).collect::<String>());
    let label_columns = vec!["b".into(), "a".into()];
    let read = ReadOptions { label_columns, has_header: Some(true), ..ReadOptions::default() };
    let lora = LoraConfig { r: 2, ..LoraConfig::default() };
    let run = RunConfig { method: Method::Lora, lora, num_train_epochs: 2, ..run() };
    let mut session = trained(data, &read, &run);
    assert_eq!(session.labels(), ["b", "a"], "in the order in which they were named");
    let expected = numbers(&mut session, Weights::Tuned);
    assert!(expected.iter().all(|numbers| numbers.len() == 2));
    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let mut again = loaded();
    again.load_adapter(adapter).expect("its own adapter fits");
    assert_eq!((again.task().expect("there is a model"), again.labels()), (Task::Regression, session.labels()));
    check_same(&numbers(&mut again, Weights::Tuned), &expected);
}
