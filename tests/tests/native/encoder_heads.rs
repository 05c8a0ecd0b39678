//! Encoders beside BERT, DistilBERT and RoBERTa under every head but that of one label: numbers, several labels, vectors, tags,
//! answers and hidden words are trained for a moment, and the exported folder gives the same answers. What a trained head is
//! worth is tested of the tiny encoder, in the files of the tasks.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ExportFormat, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Task, TaskInput};
use hone_tests::classes::{files, repeatable_run};
use hone_tests::texts::{drain, loss};
use hone_tests::{asked, rows, tagged};
use serde_json::Value;

use crate::encoders::small;
use crate::masked_lm::prose;
use crate::sentence_embedding::pairs;

/// Largest difference of a number that is to be the same.
const SAME: f64 = 1e-4;

const MODEL_TYPES: [&str; 6] = ["xlm-roberta", "electra", "mpnet", "albert", "deberta-v2", "modernbert"];

/// What is learned, of which rows, and what is asked then.
struct Lesson {
    task: Task,
    rows: DataFiles,
    input: TaskInput,
}

fn lessons() -> [Lesson; 6] {
    let lesson = |task, rows, text: &str| {
        let input = TaskInput { text: text.into(), ..TaskInput::default() };
        Lesson { task, rows, input }
    };
    let file = |name: &str, text: String| DataFiles { train: (name.into(), text.into_bytes()), ..DataFiles::default() };
    let mut answers = lesson(Task::QuestionAnswering, file("train.json", asked::squad(12)), "who is it ?");
    answers.input.second = Some(asked::context(200));
    [
        lesson(Task::Regression, files(rows::numbers_csv(60)), "butter and salt on warm bread"),
        lesson(Task::MultiLabel, files(rows::several_csv(60)), "the choir sang a tune and the storm brought snow"),
        lesson(Task::SentenceEmbedding, pairs(), "we spoke of rain"),
        lesson(
            Task::TokenClassification,
            file("train.conll", tagged::conll(40)),
            "so the great king was better that night",
        ),
        answers,
        lesson(Task::MaskedLm, prose(), "[MASK] day was good and the night too"),
    ]
}

/// All rows are learned from, so that they can be measured with the exported folder too.
fn run() -> RunConfig {
    let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
    RunConfig { num_train_epochs: 4, learning_rate: 5e-3, split, ..repeatable_run() }
}

fn open(folder: Folder) -> Session {
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: "small".into() }, folder).expect("it loads");
    session
}

fn answer(session: &mut Session, weights: Weights, input: &TaskInput) -> Value {
    let (predictions, cut) = block_on(session.predict(std::slice::from_ref(input), weights)).expect("it predicts");
    assert!(cut.is_empty() && predictions.len() == 1);
    serde_json::to_value(predictions).expect("answers are JSON for the page")
}

fn loss_of_all(session: &mut Session, weights: Weights) -> f64 {
    loss(&block_on(session.evaluate(weights, Split::Train, &mut |_, _| {})).expect("there are rows").0)
}

/// The same, but for the rounding of numbers.
fn check_same(found: &Value, expected: &Value, what: &str) {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => {
            let [found, expected] = [found, expected].map(|number| number.as_f64().expect("a number"));
            assert!((found - expected).abs() < SAME, "{what}: {found} is not {expected}");
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{what}: {found:?}, not {expected:?}");
            for (found, expected) in found.iter().zip(expected) {
                check_same(found, expected, what);
            }
        }
        (Value::Object(found), Value::Object(expected)) => {
            assert_eq!(found.len(), expected.len(), "{what}: {found:?}, not {expected:?}");
            for (name, found) in found {
                check_same(found, expected.get(name).expect("it has the same fields"), what);
            }
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn every_head_of_every_encoder_is_trained_and_the_exported_folder_gives_the_same_answers() {
    for model_type in MODEL_TYPES {
        for Lesson { task, rows, input } in lessons() {
            let what = format!("{model_type}, {}", task.name());
            eprintln!("{what}");
            let mut session = open(small(model_type));
            session.set_task(task).expect("every encoder has this head");
            session.load_data(rows.clone(), &ReadOptions::default(), &run()).expect("good rows");
            session.start(run()).expect("it starts");
            let _ = drain(&mut session);
            let [base, tuned] = [Weights::Base, Weights::Tuned].map(|weights| loss_of_all(&mut session, weights));
            assert!(tuned < base, "{what}: the loss was {base} and is {tuned}");

            let expected = answer(&mut session, Weights::Tuned, &input);
            let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
            let mut again = open(folder);
            assert_eq!(again.task().expect("it is loaded"), task, "{what}: its class says what it is for");
            check_same(&answer(&mut again, Weights::Base, &input), &expected, &what);
            // Which tokens are hidden, and which pairs stand beside one another, depends on the order of the rows.
            if !matches!(task, Task::MaskedLm | Task::SentenceEmbedding) {
                again.load_rows_to_measure(rows, &ReadOptions::default()).expect("its own rows");
                let found = loss_of_all(&mut again, Weights::Base);
                assert!((found - tuned).abs() < SAME, "{what}: the loss is {found}, not {tuned}");
            }
        }
    }
}
