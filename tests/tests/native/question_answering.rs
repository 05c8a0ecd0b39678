//! Questions on texts: from SQuAD's JSON to a folder and an adapter that give the same answers.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::question_answering::{Grouping, Prediction};
use hone_core::task::{EvaluationDetail, Prediction as AnyPrediction, ReportDetail, RowPredictions, Task, TaskInput};
use hone_tests::asked;
use hone_tests::classes::{loaded, repeatable_run};
use hone_tests::paths::text_in;
use hone_tests::texts::drain;

/// Sentences that are asked about.
const SENTENCES: usize = 120;

/// Exact match that the tiny model must reach on sentences it never saw.
const EXACT: f64 = 90.0;

fn data() -> DataFiles {
    DataFiles { train: ("train.json".into(), asked::squad(SENTENCES).into_bytes()), ..DataFiles::default() }
}

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 6,
        learning_rate: 1e-3,
        logging_steps: 10,
        metric_for_best_model: "f1".into(),
        split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.2 },
        ..repeatable_run()
    }
}

fn trained(run: &RunConfig) -> Session {
    let mut session = loaded();
    session.set_task(Task::QuestionAnswering).expect("an encoder finds answers");
    let report = session.load_data(data(), &ReadOptions::default(), run).expect("good questions");
    let ReportDetail::QuestionAnswering(detail) = &report.detail else { panic!("of this task") };
    assert_eq!((report.num_usable, report.num_bad_rows), (asked::num_questions(SENTENCES), 0));
    assert_eq!((detail.num_contexts, detail.num_no_answer, detail.grouping), (SENTENCES, 40, Grouping::Article));
    session.start(run.clone()).expect("it starts");
    let _ = drain(&mut session);
    session
}

fn ask(session: &mut Session, weights: Weights) -> Vec<Prediction> {
    let input = |question: &str| TaskInput { text: question.into(), second: Some(asked::context(200)), image: None };
    let inputs = ["who is it ?", "when is it ?", "where is it ?"].map(input);
    let (predictions, cut) = block_on(session.predict(&inputs, weights)).expect("it predicts");
    assert!(cut.is_empty());
    let unpack = |prediction| match prediction {
        AnyPrediction::QuestionAnswering(own) => own,
        other => panic!("of another task: {other:?}"),
    };
    predictions.into_iter().map(unpack).collect()
}

fn given(predictions: &[Prediction]) -> Vec<&str> {
    predictions.iter().map(|own| own.given().map_or("", |answer| answer.text.as_str())).collect()
}

/// The same answers, with scores that differ by rounding at most.
fn check_same(found: &[Prediction], expected: &[Prediction]) {
    assert_eq!(given(found), given(expected));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.no_answer - expected.no_answer).abs() < 1e-3, "{found:?} is not {expected:?}");
        let (found, expected) = (&found.answers[0], &expected.answers[0]);
        assert!((found.score - expected.score).abs() < 1e-3, "{found:?} is not {expected:?}");
    }
}

fn open(folder: Folder) -> Session {
    let mut session = Session::new(Device::flex());
    let info = session.load_model(ModelSource::Local { name: "export".into() }, folder).expect("it opens");
    assert_eq!((info.task, info.labels.len()), (Task::QuestionAnswering, 0), "{:?}", info.notes);
    session
}

#[test]
fn answers_are_learned_and_the_exported_folder_gives_the_same() {
    let mut session = trained(&run());
    let (evaluation, rows) =
        block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    let exact = evaluation.figure("exact_match").expect("it is measured");
    assert!(exact >= EXACT, "{:?}", evaluation.figures);
    assert!(evaluation.figure("f1").is_some_and(|f1| f1 >= exact), "{:?}", evaluation.figures);
    let EvaluationDetail::QuestionAnswering(detail) = &evaluation.detail else { panic!("of this task") };
    let RowPredictions::QuestionAnswering(rows) = rows else { panic!("of this task") };
    assert_eq!((rows.len(), detail.num_windows), (evaluation.num_rows, evaluation.num_rows));
    assert!(detail.squad.no_answer.is_some_and(|none| none.exact_match >= EXACT), "{detail:?}");
    let num_exact = rows.iter().filter(|row| row.is_exact).count();
    assert!((exact - 100.0 * num_exact as f64 / rows.len() as f64).abs() < 1e-9);

    let expected = ask(&mut session, Weights::Tuned);
    let [who, when] = asked::answers(200);
    assert_eq!(given(&expected), [who.as_str(), when.as_str(), ""]);
    let first = expected[0].given().expect("it is answered");
    assert_eq!(&asked::context(200)[first.start..first.end], who);

    let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let config = text_in(&folder, "config.json");
    assert!(config.contains("BertForQuestionAnswering") && !config.contains("problem_type"), "{config}");
    let card = text_in(&folder, "README.md");
    assert!(card.contains("question-answering") && card.contains("AutoModelForQuestionAnswering"), "{card}");
    assert!(card.contains("--context"), "{card}");

    let mut again = open(folder);
    check_same(&ask(&mut again, Weights::Base), &expected);
    let report = again.load_rows_to_measure(data(), &ReadOptions::default()).expect("its own questions");
    assert_eq!(report.num_usable, asked::num_questions(SENTENCES));
    assert!(!report.warnings.iter().any(|said| said.contains("trained on")), "{:?}", report.warnings);
    let (measured, _) = block_on(again.evaluate(Weights::Base, Split::Train, &mut |_, _| {})).expect("all rows");
    assert!(measured.figure("exact_match").is_some_and(|exact| exact >= EXACT), "{:?}", measured.figures);
}

#[test]
fn an_adapter_gives_the_same_answers() {
    let lora = LoraConfig { r: 8, target_modules: vec!["all-linear".into()], ..LoraConfig::default() };
    let mut session = trained(&RunConfig { method: Method::Lora, lora, learning_rate: 5e-3, ..run() });
    let expected = ask(&mut session, Weights::Tuned);
    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let config = text_in(&adapter, "adapter_config.json");
    assert!(config.contains(r#""task_type": null"#) && config.contains("qa_outputs"), "{config}");
    let mut again = loaded();
    again.load_adapter(adapter).expect("it fits");
    assert_eq!(again.task().expect("the adapter says it"), Task::QuestionAnswering);
    check_same(&ask(&mut again, Weights::Tuned), &expected);
    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    check_same(&ask(&mut open(merged), Weights::Base), &expected);
}

#[test]
fn a_long_text_is_read_in_windows() {
    let mut session = trained(&RunConfig { max_seq_length: 24, doc_stride: 10, ..run() });
    let others: Vec<String> = (201..206).map(asked::context).collect();
    // Only one part of the text says who it was.
    let text = format!("{} {}", ["it was better that way and so on and on"; 6].join(" "), asked::context(200));
    let input = TaskInput { text: "who is it ?".into(), second: Some(text.clone()), image: None };
    let inputs = [input, TaskInput { text: "who is it ?".into(), second: Some(others.join(" ")), image: None }];
    let (predictions, cut) = block_on(session.predict(&inputs, Weights::Tuned)).expect("it predicts");
    assert!(cut.is_empty() && predictions.len() == 2);
    let AnyPrediction::QuestionAnswering(found) = &predictions[0] else { panic!("of this task") };
    assert!(found.answers.iter().all(|answer| text[answer.start..answer.end] == answer.text), "{found:?}");
    assert!(found.answers.iter().any(|answer| answer.start > 200), "the last windows were read: {found:?}");
}
