//! Rows that are read part by part, given up on the way, and read before there is a model.

use hone_core::config::{ReadOptions, RunConfig};
use hone_core::event::TrainEvent;
use hone_core::session::{Session, Survey};
use hone_core::task::{DataReport, ReportDetail, Task};
use hone_tests::classes::{files, loaded};
use hone_tests::{devices, rows, texts};

const ROWS: usize = 2_000;

#[test]
fn a_reading_that_is_given_up_leaves_the_rows_before_it() {
    let (read, run) = (ReadOptions::default(), RunConfig::default());
    let mut session = loaded();
    session.load_data(files(rows::csv(30)), &read, &run).expect("the rows load");
    let mut reading = session.begin_reading(files(rows::csv(ROWS)), &read, &run).expect("good rows");
    assert_eq!(reading.progress(), (0, ROWS));
    assert!(session.advance_reading(&mut reading).expect("good rows"), "it takes more than one part");
    let (done, total) = reading.progress();
    assert!((1..ROWS).contains(&done) && total == ROWS, "{done} of {total}");
    drop(reading);
    let before = session.reread_data(&read, &run).expect("they are still there");
    assert_eq!(before.num_usable, 30);
}

#[test]
fn rows_are_the_same_whether_their_tokens_are_known_or_not() {
    let read = ReadOptions::default();
    let run = RunConfig { max_seq_length: 8, num_train_epochs: 1, dropout: Some(0.0), ..RunConfig::default() };
    let losses = |session: &mut Session, run: &RunConfig| -> Vec<TrainEvent> {
        session.start(run.clone()).expect("it starts");
        texts::drain(session).into_iter().filter(|event| matches!(event, TrainEvent::Step { .. })).collect()
    };
    let mut session = loaded();
    let first = session.load_data(files(rows::csv(60)), &read, &run).expect("the rows load");
    let again = session.reread_data(&read, &run).expect("the rows load");
    assert_eq!(first, again);
    let with_known = losses(&mut session, &run);
    // Read for another length: what is known is cut elsewhere.
    session.reread_data(&read, &RunConfig { max_seq_length: 16, ..run.clone() }).expect("the rows load");
    assert_eq!(with_known, losses(&mut session, &run));
    assert!(!with_known.is_empty());
}

#[test]
fn a_start_that_is_refused_leaves_the_run_before_it() {
    let run = RunConfig { max_seq_length: 8, num_train_epochs: 1, ..RunConfig::default() };
    let mut session = loaded();
    session.load_data(files(rows::csv(30)), &ReadOptions::default(), &run).expect("the rows load");
    session.start(run.clone()).expect("it starts");
    let _ = texts::drain(&mut session);
    let held = |session: &Session| session.weights_of_step().map(|(step, _)| step);
    let before = held(&session);
    assert!(before.is_some());
    session.start(RunConfig { max_seq_length: 4096, ..run }).expect_err("the model reads less");
    assert_eq!(held(&session), before);
}

#[test]
fn a_long_plain_text_is_read_in_parts() {
    let book = "The rain came down,\nand the wind with it!\n\n".repeat(4_000);
    let mut text = files(book.clone());
    text.train.0 = "book.txt".into();
    let (read, run, session) = (ReadOptions::default(), texts::run(), texts::loaded());
    let mut reading = session.begin_reading(text, &read, &run).expect("a good text");
    assert_eq!(reading.progress(), (0, book.len()));
    let mut last = 0;
    let mut num_parts = 1;
    while session.advance_reading(&mut reading).expect("a good text") {
        let (done, total) = reading.progress();
        assert!((last..total).contains(&done) && done > last, "{done} after {last} of {total}");
        (last, num_parts) = (done, num_parts + 1);
    }
    assert!(num_parts > 4, "{num_parts}");
    assert_eq!(reading.progress(), (book.len(), book.len()));
}

#[test]
fn rows_can_be_read_before_there_is_a_model() {
    let (read, run) = (ReadOptions::default(), RunConfig::default());
    let without =
        Survey::new(Task::SequenceClassification, files(rows::csv(60)), &read, &run).expect("good rows").report;
    let ReportDetail::SequenceClassification(detail) = &without.detail else { panic!("these rows have labels") };
    assert_eq!((without.num_usable, detail.classes.len(), without.split_sizes), (60, 3, [48, 6, 6]));
    assert!(without.lengths.counts.is_empty() && without.num_truncated == 0);
    let with = loaded().load_data(files(rows::csv(60)), &read, &run).expect("the rows load");
    assert!(!with.lengths.counts.is_empty());
    let lengths = with.lengths.clone();
    assert_eq!(DataReport { lengths, ..without }, with, "all but the tokens is the same");
}

#[test]
fn conversations_can_be_looked_at_before_there_is_a_chat_template() {
    let turns = r#"[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]"#;
    let row = format!("{{\"messages\": {turns}}}\n");
    let mut talks = files(row.repeat(8));
    talks.train.0 = "talks.jsonl".into();
    let survey = Survey::new(Task::CausalLm, talks.clone(), &ReadOptions::default(), &RunConfig::default());
    let report = survey.expect("good rows").report;
    let ReportDetail::CausalLm(detail) = &report.detail else { panic!("these are texts") };
    assert_eq!((report.num_usable, detail.num_tokens, report.split_sizes), (8, 0, report.num_encoded));
    let tokens = &detail.preview[0].tokens;
    let learned: Vec<&str> = tokens.iter().filter(|t| t.has_loss).map(|t| t.text.as_str()).collect();
    assert_eq!(learned, ["assistant: Hello\n"]);
    let session = Session::new(devices::cpu());
    assert!(
        session.begin_reading(talks, &ReadOptions::default(), &RunConfig::default()).is_err(),
        "that needs a model"
    );
}
