//! Any number of labels for a text: from a CSV to a folder and an adapter that give the same ones, from the same thresholds
//! on.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{
    ClassWeights, ExportFormat, JOB_FILE, Job, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig,
};
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::multi_label::Prediction as Labels;
use hone_core::task::{EvaluationDetail, Prediction, ReportDetail, RowPredictions, Task};
use hone_tests::classes::{files, inputs, loaded, repeatable_run};
use hone_tests::paths::text_in;
use hone_tests::rows;
use hone_tests::texts::drain;

/// F1 over all labels that the tiny model must reach on rows it never saw.
const MICRO_F1: f64 = 0.8;
/// Largest difference of a probability that is to be the same.
const SAME: f32 = 1e-4;

const TEXTS: [&str; 3] = [
    "butter and salt on warm bread",
    "thunder and rain came with the wind",
    "the choir sang a tune and the storm brought snow",
];

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 10,
        class_weights: ClassWeights::Balanced,
        metric_for_best_model: "micro_f1".into(),
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.2 },
        ..repeatable_run()
    }
}

fn trained(run: &RunConfig) -> Session {
    let mut session = loaded();
    session.set_task(Task::MultiLabel).expect("an encoder gives labels");
    let report = session.load_data(files(rows::several_csv(240)), &ReadOptions::default(), run).expect("good rows");
    let ReportDetail::MultiLabel(detail) = &report.detail else { panic!("of this task") };
    let labels: Vec<&str> = detail.labels.iter().map(|label| label.label.as_str()).collect();
    assert_eq!((labels.as_slice(), detail.separator, report.num_bad_rows), (&rows::LABELS[..], Some(';'), 0));
    session.start(run.clone()).expect("it starts");
    let _ = drain(&mut session);
    session
}

fn answers(session: &mut Session, weights: Weights) -> Vec<Labels> {
    let texts = TEXTS.map(str::to_owned);
    let (predictions, _) = block_on(session.predict(&inputs(&texts), weights)).expect("it predicts");
    let own = |prediction| match prediction {
        Prediction::MultiLabel(own) => own,
        other => panic!("of another task: {other:?}"),
    };
    predictions.into_iter().map(own).collect()
}

fn check_same(found: &[Labels], expected: &[Labels]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.thresholds.len(), expected.thresholds.len());
        for (found, expected) in found.thresholds.iter().zip(&expected.thresholds) {
            assert!((found - expected).abs() <= f64::EPSILON, "{found} is not {expected}: JSON costs a bit at most");
        }
        for (found, expected) in found.probabilities.iter().zip(&expected.probabilities) {
            assert!((found - expected).abs() < SAME, "{found} is not {expected}");
        }
    }
}

fn job(folder: &Folder) -> Job {
    Job::from_json(folder.get(JOB_FILE).expect("it has one")).expect("its own file")
}

#[test]
fn labels_are_learned_and_their_thresholds_leave_with_the_model() {
    let mut session = trained(&run());
    let (evaluation, found) =
        block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    assert!(evaluation.figure("micro_f1").is_some_and(|f1| f1 >= MICRO_F1), "{:?}", evaluation.figures);
    let EvaluationDetail::MultiLabel(detail) = &evaluation.detail else { panic!("of this task") };
    let used: Vec<f64> = detail.evaluation.per_label.iter().map(|label| label.threshold).collect();
    let RowPredictions::MultiLabel(found) = found else { panic!("of this task") };
    for row in &found {
        let reaches = |&label: &usize| f64::from(row.probabilities[label]) >= used[label];
        assert_eq!(row.predicted, (0..3).filter(reaches).collect::<Vec<_>>());
    }

    let expected = answers(&mut session, Weights::Tuned);
    assert!(expected.iter().all(|answer| answer.thresholds == used), "{expected:?} and {used:?}");
    assert!(answers(&mut session, Weights::Base).iter().all(|answer| answer.thresholds == [0.5; 3]));
    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let job = job(&folder);
    let kept: Vec<f64> = rows::LABELS.iter().map(|label| job.thresholds[*label]).collect();
    assert_eq!((kept.as_slice(), job.thresholds.len()), (used.as_slice(), 3), "those of the validation rows");
    let text = |name: &str| text_in(&folder, name);
    assert!(text("config.json").contains("multi_label_classification"), "{}", text("config.json"));
    assert!(text("README.md").contains(&format!("`kitchen` ({:.4})", used[0])), "{}", text("README.md"));

    let mut again = Session::new(Device::flex());
    let info = again.load_model(ModelSource::Local { name: "export".into() }, folder).expect("it opens");
    assert_eq!((info.task, info.labels), (Task::MultiLabel, rows::LABELS.map(str::to_owned).to_vec()));
    check_same(&answers(&mut again, Weights::Base), &expected);
    let report =
        again.load_rows_to_measure(files(rows::several_csv(30)), &ReadOptions::default()).expect("known labels");
    assert_eq!(report.num_usable, 30);
    let (measured, _) = block_on(again.evaluate(Weights::Base, Split::Train, &mut |_, _| {})).expect("all rows");
    let EvaluationDetail::MultiLabel(detail) = &measured.detail else { panic!("of this task") };
    assert_eq!(detail.evaluation.per_label.iter().map(|label| label.threshold).collect::<Vec<_>>(), used);
    let strange = files("text,labels\nwe spoke of rain,weather\nof bread,kitchen;bakery\n".into());
    let error = again.load_rows_to_measure(strange, &ReadOptions::default()).expect_err("unknown").to_string();
    assert!(error.starts_with("row 3, column \"labels\": label \"bakery\" is not one of the model's"), "{error}");
}

#[test]
fn an_adapter_has_its_thresholds_and_a_run_without_validation_rows_has_none() {
    let lora = LoraConfig { r: 2, ..LoraConfig::default() };
    let adapted = RunConfig { method: Method::Lora, lora, num_train_epochs: 2, ..run() };
    let mut session = trained(&adapted);
    let expected = answers(&mut session, Weights::Tuned);
    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    assert_eq!(job(&adapter).thresholds.len(), 3);
    let mut again = loaded();
    again.load_adapter(adapter).expect("its own adapter fits");
    assert_eq!(again.task().expect("there is a model"), Task::MultiLabel);
    check_same(&answers(&mut again, Weights::Tuned), &expected);

    let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.2 };
    let run = RunConfig { split, num_train_epochs: 1, metric_for_best_model: "loss".into(), ..run() };
    let mut session = trained(&run);
    assert!(answers(&mut session, Weights::Tuned).iter().all(|answer| answer.thresholds == [0.5; 3]));
    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    assert!(job(&folder).thresholds.is_empty());
}

#[test]
fn a_resumed_run_keeps_the_thresholds_of_its_last_evaluation_and_its_task() {
    // It learns next to nothing, so that its first evaluation stays the best; the last weights are kept all the same.
    let run = RunConfig { learning_rate: 1e-9, num_train_epochs: 2, load_best_model_at_end: false, ..run() };
    let mut session = trained(&run);
    let expected = answers(&mut session, Weights::Tuned);
    assert!(expected.iter().all(|answer| answer.thresholds != [0.5; 3]), "{expected:?}");
    let checkpoint = block_on(session.checkpoint()).expect("it can be saved");
    let mut again = loaded();
    let error = again.resume(&checkpoint).expect_err("it is for another task").to_string();
    assert!(error.ends_with("it learns multi_label, not sequence_classification"), "{error}");
    again.set_task(Task::MultiLabel).expect("an encoder gives labels");
    again.load_data(files(rows::several_csv(240)), &ReadOptions::default(), &run).expect("good rows");
    again.resume(&checkpoint).expect("it goes on");
    let _ = drain(&mut again);
    check_same(&answers(&mut again, Weights::Tuned), &expected);
}
