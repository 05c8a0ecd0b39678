//! Names in texts: from a CoNLL file to a folder and an adapter that find the same ones.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::token_classification::Span;
use hone_core::task::{EvaluationDetail, Prediction, ReportDetail, RowPredictions, Task};
use hone_tests::classes::{inputs, loaded, repeatable_run};
use hone_tests::paths::text_in;
use hone_tests::tagged;
use hone_tests::texts::drain;

/// F1 that the tiny model must reach on sentences it never saw.
const F1: f64 = 0.9;

const TEXTS: [&str; 3] = ["so the great king was better that night", "now", "then the old man came before the hour"];

fn data() -> DataFiles {
    DataFiles { train: ("train.conll".into(), tagged::conll(200).into_bytes()), ..DataFiles::default() }
}

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 10,
        logging_steps: 10,
        metric_for_best_model: "f1".into(),
        split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.2 },
        ..repeatable_run()
    }
}

fn trained(run: &RunConfig) -> Session {
    let mut session = loaded();
    session.set_task(Task::TokenClassification).expect("an encoder tags words");
    let report = session.load_data(data(), &ReadOptions::default(), run).expect("good sentences");
    let ReportDetail::TokenClassification(detail) = &report.detail else { panic!("of this task") };
    assert_eq!((report.num_usable, report.num_bad_rows), (200, 0));
    let types: Vec<_> = detail.types.iter().map(|of| of.label.as_str()).collect();
    assert_eq!((types, detail.num_labels), (vec!["when", "who"], 4));
    session.start(run.clone()).expect("it starts");
    let _ = drain(&mut session);
    session
}

fn found(session: &mut Session, weights: Weights) -> Vec<Vec<Span>> {
    let texts = TEXTS.map(str::to_owned);
    let (predictions, cut) = block_on(session.predict(&inputs(&texts), weights)).expect("it predicts");
    assert!(cut.is_empty());
    let spans = |prediction| match prediction {
        Prediction::TokenClassification(own) => own.spans,
        other => panic!("of another task: {other:?}"),
    };
    predictions.into_iter().map(spans).collect()
}

/// The same spans, with scores that differ by rounding at most.
fn check_same(found: &[Vec<Span>], expected: &[Vec<Span>]) {
    let places = |spans: &[Vec<Span>]| -> Vec<Vec<(usize, usize, String)>> {
        let place = |span: &Span| (span.start, span.end, span.label.clone());
        spans.iter().map(|spans| spans.iter().map(place).collect()).collect()
    };
    assert_eq!(places(found), places(expected));
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        let [found, expected] = [found, expected].map(|span| span.score.expect("predictions have scores"));
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}

fn open(folder: Folder) -> Session {
    let mut session = Session::new(Device::flex());
    let info = session.load_model(ModelSource::Local { name: "export".into() }, folder).expect("it opens");
    assert_eq!(
        (info.task, info.labels.as_slice()),
        (Task::TokenClassification, &["O", "B-when", "B-who", "I-who"].map(str::to_owned)[..])
    );
    session
}

#[test]
fn names_are_learned_and_the_exported_folder_finds_the_same() {
    let mut session = trained(&run());
    let (evaluation, rows) =
        block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    let f1 = evaluation.figure("f1").expect("it is measured");
    assert!(f1 >= F1, "{:?}", evaluation.figures);
    assert!(evaluation.figure("strict_f1").is_some_and(|strict| strict >= F1), "{:?}", evaluation.figures);
    let EvaluationDetail::TokenClassification(detail) = &evaluation.detail else { panic!("of this task") };
    let RowPredictions::TokenClassification(rows) = rows else { panic!("of this task") };
    assert_eq!((evaluation.num_rows, rows.len(), detail.num_sequences), (40, 40, 40));
    let num_errors: usize = rows.iter().map(|row| row.errors.len()).sum();
    let counts = detail.errors;
    assert_eq!(num_errors, counts.missed + counts.spurious + counts.wrong_type + counts.wrong_border);

    let expected = found(&mut session, Weights::Tuned);
    let texts: Vec<Vec<String>> = expected
        .iter()
        .zip(TEXTS)
        .map(|(spans, text)| spans.iter().map(|span| text[span.start..span.end].to_owned()).collect())
        .collect();
    assert_eq!(texts, [vec!["great king", "night"], vec![], vec!["old man", "hour"]]);
    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let config = text_in(&folder, "config.json");
    assert!(config.contains("BertForTokenClassification") && config.contains("B-when"), "{config}");
    assert!(!config.contains("problem_type"), "{config}");
    let card = text_in(&folder, "README.md");
    assert!(card.contains("token-classification") && card.contains("aggregation_strategy"), "{card}");

    let mut again = open(folder);
    check_same(&found(&mut again, Weights::Base), &expected);
    let report = again.load_rows_to_measure(data(), &ReadOptions::default()).expect("its own tags");
    assert_eq!(report.num_usable, 200);
    let (measured, _) = block_on(again.evaluate(Weights::Base, Split::Train, &mut |_, _| {})).expect("all rows");
    assert!(measured.figure("f1").is_some_and(|f1| f1 >= F1), "{:?}", measured.figures);
}

#[test]
fn an_adapter_finds_the_same_names() {
    let lora = LoraConfig { r: 8, target_modules: vec!["all-linear".into()], ..LoraConfig::default() };
    let mut session = trained(&RunConfig { method: Method::Lora, lora, learning_rate: 5e-3, ..run() });
    let expected = found(&mut session, Weights::Tuned);
    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let config = text_in(&adapter, "adapter_config.json");
    assert!(config.contains("TOKEN_CLS"), "{config}");
    let mut again = loaded();
    again.load_adapter(adapter).expect("it fits");
    assert_eq!(again.task().expect("the adapter says it"), Task::TokenClassification);
    check_same(&found(&mut again, Weights::Tuned), &expected);
    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    check_same(&found(&mut open(merged), Weights::Base), &expected);
}
