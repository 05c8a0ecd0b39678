//! A run that was saved, thrown away and taken up again is the run that was never interrupted; and the same seed gives
//! the same run. Dropout is on: its generator is part of what must be restored. One test function, because burn's CPU
//! generator is shared by a process.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::{ModelSource, ReadOptions, RunConfig, SplitConfig, Techniques};
use hone_core::data::DataFiles;
use hone_core::event::TrainEvent;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_tests::classes::predict;
use hone_tests::paths;

fn data() -> DataFiles {
    let mut csv = String::from("text,label\n");
    let things = ["king", "queen", "sword", "crown", "night", "love", "death", "heart"];
    for index in 0..96 {
        let (a, b) = (things[index % 8], things[(index / 8 + 3) % 8]);
        let (text, label) = match index % 3 {
            0 => (format!("my lord, the {a} and the {b} are come"), "arrival"),
            1 => (format!("o {a}, thou hast slain my {b} this {index}th hour"), "lament"),
            _ => (format!("who goes there? speak of {a}, not {b}"), "question"),
        };
        csv.push_str(&format!("\"{text}\",{label}\n"));
    }
    DataFiles { train: ("lines.csv".into(), csv.into_bytes()), ..DataFiles::default() }
}

fn session(run: &RunConfig) -> Session {
    let mut session = Session::new(Device::flex());
    let folder = paths::read_folder(&paths::fixture("tiny_encoder"));
    session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
    session.load_data(data(), &ReadOptions::default(), run).expect("the data loads");
    session
}

fn drain(session: &mut Session) -> Vec<TrainEvent> {
    let mut events = Vec::new();
    while let Some(event) = block_on(session.next_event()).expect("the run goes on") {
        events.push(event);
    }
    events
}

fn losses(events: &[TrainEvent]) -> Vec<f64> {
    events
        .iter()
        .filter_map(|e| if let TrainEvent::Step { losses, .. } = e { Some(losses.clone()) } else { None })
        .flatten()
        .collect()
}

#[test]
fn resumed_run_matches_uninterrupted_run() {
    let run = RunConfig {
        num_train_epochs: 3,
        batch_size: 8,
        gradient_accumulation_steps: 2,
        learning_rate: 1e-3,
        max_seq_length: 32,
        logging_steps: 2,
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 },
        ..RunConfig::default()
    };
    let mut whole = session(&run);
    whole.start(run.clone()).expect("starts");
    let expected = drain(&mut whole);
    assert!(losses(&expected).len() >= 12, "{} steps", losses(&expected).len());
    let texts = vec!["who goes there, my lord?".to_owned(), "the queen is slain".to_owned()];
    let expected_probabilities = predict(&mut whole, &texts, Weights::Tuned).expect("predicts");

    // Same seed, same run.
    let mut again = session(&run);
    again.start(run.clone()).expect("starts");
    assert_eq!(drain(&mut again), expected);

    // Cut after several events, also before the first step, in the middle of an evaluation and of a logging window.
    for cut in [1, 3, 6, 9, 12] {
        let mut first = session(&run);
        first.start(run.clone()).expect("starts");
        let mut seen = Vec::new();
        for _ in 0..cut {
            seen.push(block_on(first.next_event()).expect("goes on").expect("is not over"));
        }
        let checkpoint = block_on(first.checkpoint()).expect("can be saved");
        drop(first);
        let mut second = session(&run);
        second.resume(&checkpoint).expect("can be taken up");
        let rest = drain(&mut second);
        let finished = |events: &[TrainEvent]| events.last().cloned();
        assert_eq!(finished(&rest), finished(&expected), "cut at {cut}");
        let (expected_losses, rest_losses) = (losses(&expected), losses(&rest));
        let tail = &expected_losses[expected_losses.len() - rest_losses.len()..];
        assert_eq!(rest_losses, tail, "cut at {cut}");
        let found = predict(&mut second, &texts, Weights::Tuned).expect("predicts");
        assert_eq!(found, expected_probabilities, "cut at {cut}");
    }

    // Noise on token vectors, and a second pass with other dropout, are drawn again as they were.
    let techniques = Techniques { neftune_noise_alpha: 5.0, rdrop_alpha: 1.0, ..Techniques::default() };
    let noisy = RunConfig { techniques, num_train_epochs: 1, ..run.clone() };
    let mut whole = session(&noisy);
    whole.start(noisy.clone()).expect("starts");
    let expected_losses = losses(&drain(&mut whole));
    assert_ne!(expected_losses[0], losses(&expected)[0], "they are in force");
    let mut first = session(&noisy);
    first.start(noisy.clone()).expect("starts");
    for _ in 0..6 {
        block_on(first.next_event()).expect("goes on").expect("is not over");
    }
    let checkpoint = block_on(first.checkpoint()).expect("can be saved");
    drop(first);
    let mut second = session(&noisy);
    second.resume(&checkpoint).expect("can be taken up");
    let rest = losses(&drain(&mut second));
    assert!(!rest.is_empty());
    assert_eq!(rest, expected_losses[expected_losses.len() - rest.len()..], "noise and two passes");

    // A checkpoint of other data is refused.
    let mut first = session(&run);
    first.start(run.clone()).expect("starts");
    block_on(first.next_event()).expect("goes on");
    let checkpoint = block_on(first.checkpoint()).expect("can be saved");
    let mut other = Session::new(Device::flex());
    let folder = paths::read_folder(&paths::fixture("tiny_encoder"));
    other.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("loads");
    let mut files = data();
    files.train.1.extend_from_slice(b"one more row,lament\n");
    other.load_data(files, &ReadOptions::default(), &run).expect("loads");
    let error = other.resume(&checkpoint).expect_err("the data differ").to_string();
    assert!(error.contains("training rows"), "{error}");
}
