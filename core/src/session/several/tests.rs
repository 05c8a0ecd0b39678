//! A run of two tasks on the tiny encoder, cut between two steps and taken up again.

use futures_lite::future::block_on;

use super::*;
use crate::checkpoint::{FilePiece, read_state};
use crate::config::SplitConfig;
use crate::data::DataFiles;
use crate::folder::Folder;
use crate::session::tiny;

const WEIGHTS: &str = "model.safetensors";

/// Without dropout, whose generator is shared by all tests of a process.
fn settings() -> RunConfig {
    RunConfig {
        num_train_epochs: 2,
        batch_size: 8,
        learning_rate: 1e-3,
        max_seq_length: 16,
        logging_steps: 1, // losses that wait for their reading go through JSON, which may cost the last bit
        dropout: Some(0.0),
        task_temperature: 2.0,
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 },
        ..RunConfig::default()
    }
}

/// Many texts with labels, and some with numbers.
fn session(run: &RunConfig) -> Session {
    let (mut labels, mut numbers) = (String::from("text,label\n"), String::from("text,score\n"));
    for index in 0..60 {
        let (text, label) = [("my lord is come", "arrival"), ("thou hast slain my queen", "lament")][index % 2];
        labels.push_str(&format!("{text} {index},{label}\n"));
        if index < 30 {
            numbers.push_str(&format!("{text} {index},{}.5\n", index % 4));
        }
    }
    let request = |name: &str, task, csv: String| PartRequest {
        name: name.into(),
        task: Some(task),
        files: DataFiles { train: (format!("{name}.csv"), csv.into_bytes()), ..DataFiles::default() },
        read: ReadOptions::default(),
    };
    let mut session = tiny::loaded();
    let parts =
        vec![request("topic", Task::SequenceClassification, labels), request("mood", Task::Regression, numbers)];
    session.load_parts(parts, run).expect("the rows load");
    session
}

/// The checkpoint as a driver writes it, a piece at a time.
fn pull_checkpoint(session: &mut Session) -> Folder {
    let mut files = block_on(session.stream_checkpoint()).expect("it is saved");
    let mut pulled: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some(piece) = block_on(files.next_piece()).expect("the device gives it") {
        match piece {
            FilePiece::Begins { name, .. } => pulled.push((name, Vec::new())),
            FilePiece::Bytes(bytes) => pulled.last_mut().expect("a file began").1.extend(bytes),
        }
    }
    pulled.into_iter().collect()
}

#[test]
fn a_run_of_several_tasks_ends_in_the_same_weights_wherever_it_is_cut() {
    let run = settings();
    let mut whole = session(&run);
    whole.start(run.clone()).expect("it starts");
    let mut cuts = Vec::new();
    while block_on(whole.next_event()).expect("the run goes on").is_some() {
        if whole.is_between_steps() {
            let pulled = pull_checkpoint(&mut whole);
            assert!(block_on(whole.checkpoint()).expect("it is saved") == pulled, "in pieces it is another");
            cuts.push(pulled);
        }
    }
    let expected = block_on(whole.checkpoint()).expect("it is saved");
    let last = cuts.len() - 1;
    assert!(last >= 4, "{last}");
    for index in [0, last / 2, last] {
        let mut resumed = session(&run);
        let job = resumed.resume(&cuts[index]).expect("it goes on");
        assert_eq!(job.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["topic", "mood"]);
        while block_on(resumed.next_event()).expect("the run goes on").is_some() {}
        let found = block_on(resumed.checkpoint()).expect("it is saved");
        assert!(
            found.get(WEIGHTS).is_some() && found.get(WEIGHTS) == expected.get(WEIGHTS),
            "cut {index}: other weights"
        );
        let [found, expected] = [&found, &expected].map(|folder| read_state(folder).expect("it is whole"));
        assert_eq!((found.skipped, found.step), (expected.skipped, expected.step), "cut {index}");
    }
}
