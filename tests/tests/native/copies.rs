//! Copies of training rows that a model makes: words that the loaded model fills in, sources that the tiny T5 writes anew and again, and
//! runs that learn from them, in another session too.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{
    AugmentKind, CopyMethod, Job, MadeCopies, ReadOptions, RunConfig, TextAugmentation, Translation,
};
use hone_core::event::{Split, TrainEvent};
use hone_core::generate::SamplingConfig;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::session::{CopyMaker, Session};
use hone_core::task::{AddedRows, ModelCopies, Task};
use hone_tests::classes::{files, loaded};
use hone_tests::dates;
use hone_tests::texts::drain;

use crate::masked_lm::{self, THINGS};

fn plan(session: &Session, run: &RunConfig, method: &CopyMethod) -> ModelCopies {
    ModelCopies::plan(session.data_rows().expect("rows were read"), run, method.clone()).expect("they are texts")
}

/// All copies, with what was left out; `back` translates back.
fn make(
    session: &mut Session,
    back: Option<(&Session, &CopyMaker)>,
    run: &RunConfig,
    method: &CopyMethod,
) -> (MadeCopies, Vec<String>) {
    let maker = session.copy_maker(method).expect("it makes copies");
    let mut copies = plan(session, run, method);
    while block_on(session.make_copies(&maker, back, &mut copies)).expect("the device computes") {}
    let (done, total) = copies.progress();
    assert_eq!(done, total);
    copies.finish("tiny")
}

fn translated(temperature: Option<f64>) -> CopyMethod {
    CopyMethod::Translated(Translation { temperature, ..Translation::default() })
}

/// What the run said of copies.
fn added(events: &[TrainEvent]) -> Option<AddedRows> {
    events.iter().find_map(|event| match event {
        TrainEvent::Augmented { rows, .. } => Some(rows.clone()),
        _ => None,
    })
}

#[test]
fn sources_come_back_from_another_language_and_are_learned_with_their_targets() {
    let run = RunConfig { num_train_epochs: 1, ..dates::run() };
    let mut session = dates::ready(&run);
    let (made, notes) = make(&mut session, None, &run, &translated(None));
    let num_train = session.data_rows().expect("rows were read").num_rows()[0];
    assert_eq!((made.kind, made.by.as_str()), (AugmentKind::Translated, "translated and back by tiny, seed 42"));
    assert!(!made.is_empty() && made.copies.len() + notes.len() <= num_train, "{notes:?}");
    assert!(made.copies.len() == num_train || !notes.is_empty(), "what is left out is said");
    assert_eq!(make(&mut session, None, &run, &translated(None)).0, made, "the likeliest each time");

    // As it is written by hand, one prompt after the other.
    let sampling = SamplingConfig { max_new_tokens: 100, ..SamplingConfig::default() };
    let mut write = |prompt: String| {
        let prompt = Prompt::Text(prompt);
        let written = block_on(session.generate(&prompt, Weights::Base, &sampling, async |_: &str| true));
        written.expect("it writes").text.trim().to_owned()
    };
    let rows = dates::jsonl(dates::ROWS);
    let first = &made.copies[0];
    let line = rows.lines().nth(first.row - 1).expect("rows of JSON Lines are counted from 1");
    let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let there = write(format!("translate English to German: {}", row["source"].as_str().expect("a text")));
    assert_eq!(write(format!("translate German to English: {there}")), first.texts[0]);

    let drawn = RunConfig {
        augmentation: TextAugmentation { augment_copies: 2, ..TextAugmentation::default() },
        ..run.clone()
    };
    let several = make(&mut session, None, &drawn, &translated(Some(3.0))).0;
    assert_eq!(make(&mut session, None, &drawn, &translated(Some(3.0))).0, several, "the same seed");
    let other = RunConfig { seed: 7, ..drawn };
    assert_ne!(make(&mut session, None, &other, &translated(Some(3.0))).0.copies, several.copies);

    let with_copies = ReadOptions { copies: made.clone(), ..dates::read() };
    let report = session.reread_data(&with_copies, &run).expect("the rows load");
    assert!(report.warnings.iter().all(|warning| !warning.contains("copies")), "{:?}", report.warnings);
    let job = session.start(run.clone()).expect("it starts");
    let events = drain(&mut session);
    let rows = added(&events).expect("the run says it");
    assert_eq!((rows.num_rows, rows.num_added), (num_train, made.copies.len()));
    let job = Job::from_json(job.to_json().as_bytes()).expect("its own JSON");
    assert_eq!(job.read.copies, made, "the job carries them");
    let checkpoint = block_on(session.checkpoint()).expect("it is written");

    let mut next = dates::ready(&run);
    assert!(next.resume(&checkpoint).is_err(), "a run goes on with the rows that it began with");
    next.reread_data(&job.read, &run).expect("the rows load");
    next.resume(&checkpoint).expect("the same rows");
}

#[test]
fn another_model_may_translate_back_and_what_was_ended_is_kept() {
    let run = dates::run();
    let method = translated(None);
    let mut session = dates::ready(&run);
    let mut back = dates::open(dates::model());
    let back_maker = back.copy_maker(&method).expect("it turns a text into another");
    let (made, _) = make(&mut session, Some((&back, &back_maker)), &run, &method);
    assert_eq!(make(&mut session, None, &run, &method).0, made, "it has the same weights");
    let maker = session.copy_maker(&method).expect("it makes copies");
    let mut copies = plan(&session, &run, &method);
    for _ in 0..3 {
        assert!(block_on(session.make_copies(&maker, None, &mut copies)).expect("the device computes"));
    }
    let (some, notes) = copies.finish("tiny");
    assert!(some.copies.len() <= 3 && some.copies.iter().all(|copy| made.copies.contains(copy)), "{some:?}");
    assert!(notes.last().is_some_and(|note| note.starts_with("3 of ")), "{notes:?}");
    let error = session.copy_maker(&CopyMethod::Masked).expect_err("it is no encoder").to_string();
    assert!(error.contains("t5") && error.contains("no head that fills in words"), "{error}");
}

#[test]
fn words_are_filled_in_by_the_head_of_the_files_beside_another_task() {
    let row = |n: usize| {
        let (adjective, label) = [("good", "up"), ("dark", "down")][n % 2];
        format!("the {} was {adjective} and the {} too,{label}\n", THINGS[n % 5], THINGS[n / 5 % 5])
    };
    let csv = format!("text,label\n{}", (0..60).map(row).collect::<String>());
    let augmentation = TextAugmentation { augment_share: 0.3, ..TextAugmentation::default() };
    let run = RunConfig { num_train_epochs: 1, augmentation, ..masked_lm::run() };
    let mut headless = loaded();
    headless.load_data(files(csv.clone()), &ReadOptions::default(), &run).expect("rows");
    assert!(!headless.model_info().expect("it is loaded").fills_blanks);
    let error = headless.copy_maker(&CopyMethod::Masked).expect_err("its files have none").to_string();
    assert!(error.contains("its files hold no head that fills in words"), "{error}");

    let (mut learned, _) = masked_lm::trained(loaded(), RunConfig { num_train_epochs: 2, ..masked_lm::run() });
    let mut session = Session::new(Device::flex());
    session.load_model(masked_lm::source(), masked_lm::exported(&mut learned)).expect("it opens");
    session.set_task(Task::SequenceClassification).expect("an encoder labels texts");
    assert!(session.model_info().expect("it is loaded").fills_blanks);
    session.load_data(files(csv), &ReadOptions::default(), &run).expect("rows");
    let (made, _) = make(&mut session, None, &run, &CopyMethod::Masked);
    assert!(made.kind == AugmentKind::Masked && !made.is_empty(), "{made:?}");
    assert_eq!(make(&mut session, None, &run, &CopyMethod::Masked).0, made, "the same seed");
    assert_eq!(session.task().expect("one is loaded"), Task::SequenceClassification, "it stays what it is for");

    session.reread_data(&ReadOptions { copies: made.clone(), ..ReadOptions::default() }, &run).expect("rows");
    let plain = RunConfig { augmentation: TextAugmentation::default(), ..run };
    session.start(plain).expect("it starts");
    let rows = added(&drain(&mut session)).expect("the run says it");
    assert_eq!(rows.num_added, made.copies.len());
    let (found, _) = block_on(session.evaluate(Weights::Tuned, Split::Valid, &mut |_, _| {})).expect("rows");
    assert_eq!(found.num_rows, session.data_rows().expect("rows were read").num_rows()[1], "these have no copies");
}
