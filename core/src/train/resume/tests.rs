//! Whole runs on the tiny encoder: each is cut between two steps, gone on with, and compared with itself without a cut. What a
//! checkpoint is tied to is refused where it is another.

use futures_lite::future::block_on;

use super::*;
use crate::checkpoint::{TensorParts, read_state};
use crate::config::{
    AugmentKind, ClassSampling, EvalStrategy, JobPart, ModelSource, ReadOptions, SplitConfig, Techniques,
    TextAugmentation,
};
use crate::event::{Phase, Split, StopReason, TrainEvent};
use crate::session::Session;
use crate::session::protocol::Weights;
use crate::session::tiny::with_lines as session;
use crate::train::SavePace;

/// Without dropout, whose generator is shared by all tests of a process.
fn settings() -> RunConfig {
    RunConfig {
        num_train_epochs: 2,
        batch_size: 8,
        learning_rate: 1e-3,
        max_seq_length: 16,
        logging_steps: 1, // losses that wait for their reading go through JSON, which may cost the last bit
        dropout: Some(0.0),
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 },
        ..RunConfig::default()
    }
}

/// Every technique of training that draws nothing from the device's generator, together.
fn with_techniques() -> RunConfig {
    let techniques = Techniques {
        layerwise_lr_decay: 0.9,
        gradual_unfreezing: 0.25,
        focal_gamma: 2.0,
        class_sampling: ClassSampling::Balanced,
        fgm_epsilon: 0.1,
        l2_sp: 0.5,
        mixout: 0.3,
        ..Techniques::default()
    };
    RunConfig { techniques, ..settings() }
}

fn drain(session: &mut Session) -> Vec<TrainEvent> {
    std::iter::from_fn(|| block_on(session.next_event()).expect("the run goes on")).collect()
}

fn phase(event: &TrainEvent) -> Option<Phase> {
    if let TrainEvent::Phase { phase } = event { Some(*phase) } else { None }
}

/// What is told of steps and measurements.
fn told(events: &[TrainEvent]) -> Vec<&TrainEvent> {
    let is_beginning = |event: &TrainEvent| {
        matches!(event, TrainEvent::Started { .. } | TrainEvent::Augmented { .. }) || phase(event).is_some()
    };
    events.iter().filter(|event| !is_beginning(event)).collect()
}

/// Two changed copies of each training row: a checkpoint is tied to them, too.
fn augmented() -> RunConfig {
    let (augment_texts, augment_copies) = (vec![AugmentKind::Swap, AugmentKind::Typos], 2);
    let augmentation =
        TextAugmentation { augment_texts, augment_copies, augment_share: 0.2, ..TextAugmentation::default() };
    RunConfig { augmentation, num_train_epochs: 1, ..settings() }
}

#[test]
fn a_run_says_what_augmentation_added_and_trains_on_it() {
    let run = augmented();
    let mut session = session(&run);
    session.start(run).expect("it starts");
    let mut next = || block_on(session.next_event()).expect("it goes on").expect("it has begun");
    let TrainEvent::Started { num_rows, steps_per_epoch, .. } = next() else { panic!("it starts") };
    let train = num_rows[0];
    assert_eq!((num_rows.iter().sum::<usize>(), steps_per_epoch as usize), (60, (3 * train).div_ceil(8)), "as read");
    let TrainEvent::Augmented { step: 0, rows } = next() else { panic!("it says so") };
    assert_eq!((rows.num_rows, rows.num_added, rows.num_unchanged), (train, 2 * train, 0));
    let by_label: usize = rows.labels.iter().map(|(_, count)| count).sum();
    assert_eq!((by_label, rows.labels.len()), (3 * train, 2));
}

#[test]
fn a_checkpoint_belongs_to_the_copies_of_its_rows() {
    let fingerprint = |run: RunConfig| {
        let mut session = session(&run);
        session.start(run).expect("it starts");
        while !session.is_between_steps() {
            block_on(session.next_event()).expect("it goes on").expect("it has steps to take");
        }
        let checkpoint = block_on(session.checkpoint()).expect("it is saved");
        read_state(&checkpoint).expect("it is whole").data_fingerprint
    };
    let found = fingerprint(augmented());
    assert_eq!(fingerprint(augmented()), found, "the same seed gives the same rows");
    assert_ne!(fingerprint(RunConfig { augmentation: TextAugmentation::default(), ..augmented() }), found);
}

#[test]
fn a_run_that_is_cut_between_two_steps_loses_no_event_and_repeats_none() {
    let by_column = RunConfig { balance_column: "label".into(), ..settings() };
    [settings(), with_techniques(), augmented(), by_column].iter().for_each(is_the_same_after_a_cut);
}

#[test]
fn a_column_that_is_not_there_is_refused_and_the_run_before_stays() {
    let mut session = session(&settings());
    session.start(settings()).expect("it starts");
    let error = session.start(RunConfig { balance_column: "dialect".into(), ..settings() }).expect_err("no column");
    let told = error.to_string();
    assert!(told.starts_with("balance_column") && told.contains("it has text, label"), "{told}");
    assert!(block_on(session.next_event()).is_ok(), "the run before is there");
}

fn is_the_same_after_a_cut(run: &RunConfig) {
    let mut whole = session(run);
    whole.start(run.clone()).expect("it starts");
    let (mut seen, mut cuts) = (Vec::new(), Vec::new());
    while let Some(event) = block_on(whole.next_event()).expect("the run goes on") {
        seen.push(event);
        if whole.is_between_steps() {
            cuts.push((seen.len(), block_on(whole.checkpoint()).expect("it is saved")));
        }
    }
    assert!(cuts.len() >= 8, "{} moments", cuts.len());
    let last = cuts.len() - 1;
    for (num_seen, checkpoint) in [0, last / 2, last].map(|index| &cuts[index]) {
        let mut resumed = session(run);
        resumed.resume(checkpoint).expect("it goes on");
        let rest = drain(&mut resumed);
        assert_eq!(told(&rest), told(&seen[*num_seen..]), "cut after {num_seen} events");
        let mut in_parts = session(run);
        resume_in_parts(&mut in_parts, checkpoint);
        let again = block_on(in_parts.checkpoint()).expect("it is saved");
        for file in [MODEL_FILE, OPTIMIZER_FILE, BEST_FILE] {
            assert!(again.get(file) == checkpoint.get(file), "{file} is another after it was read in parts");
        }
        let mut phases = rest.iter().filter_map(phase);
        assert_eq!(phases.next(), Some(Phase::FirstStep));
        assert!(phases.next().is_none_or(|next| next == Phase::Training), "the first step is told from the others");
    }
}

#[test]
fn a_run_of_one_epoch_goes_on_from_wherever_in_it_it_was_saved() {
    let run = RunConfig { num_train_epochs: 1, eval_strategy: EvalStrategy::Steps(3), ..settings() };
    let mut whole = session(&run);
    whole.start(run.clone()).expect("it starts");
    // Forty seconds pass with each event, and one with each saving.
    let (mut pace, mut now_secs) = (SavePace::new(0.0), 0.0);
    let (mut seen, mut cuts) = (Vec::new(), Vec::new());
    while let Some(event) = block_on(whole.next_event()).expect("the run goes on") {
        now_secs += 40.0;
        let is_due = pace.is_due(&event, whole.is_between_steps(), now_secs);
        seen.push(event);
        if is_due {
            cuts.push((seen.len(), block_on(whole.checkpoint()).expect("it is saved")));
            pace.note_saving(now_secs, now_secs + 1.0);
        }
    }
    let steps: Vec<u32> = cuts.iter().map(|(_, saved)| read_state(saved).expect("it is whole").step).collect();
    assert!(steps.contains(&1) && steps.contains(&3), "by time, and after an evaluation: {steps:?}");
    let last = block_on(whole.checkpoint()).expect("it is saved");
    for (num_seen, checkpoint) in &cuts {
        let mut resumed = session(&run);
        resumed.resume(checkpoint).expect("it goes on");
        assert_eq!(told(&drain(&mut resumed)), told(&seen[*num_seen..]), "cut after {num_seen} events");
        let end = block_on(resumed.checkpoint()).expect("it is saved");
        assert!(end.get(MODEL_FILE) == last.get(MODEL_FILE), "other weights after {num_seen} events");
    }
}

#[test]
fn a_run_that_was_cut_off_stops_as_early_as_one_that_was_not() {
    // Nothing is learned: the first of the evaluations, every second step, stays the best, and the third ends the run.
    let run = RunConfig {
        learning_rate: 1e-10,
        metric_for_best_model: "accuracy".into(),
        eval_strategy: EvalStrategy::Steps(2),
        early_stopping_patience: Some(2),
        ..settings()
    };
    let mut whole = session(&run);
    whole.start(run.clone()).expect("it starts");
    let (mut seen, mut cuts) = (Vec::new(), Vec::new());
    while let Some(event) = block_on(whole.next_event()).expect("the run goes on") {
        let is_due = whole.is_between_steps() || matches!(event, TrainEvent::CheckpointDue { .. });
        seen.push(event);
        if is_due {
            cuts.push((seen.len(), block_on(whole.checkpoint()).expect("it is saved")));
        }
    }
    let end = seen.last();
    let is_early = |event: &TrainEvent| {
        matches!(event, TrainEvent::Finished { step: 6, reason: StopReason::EarlyStopping, weights_of_step: 2 })
    };
    assert!(end.is_some_and(is_early), "{end:?}");
    let since_best = |saved: &Folder| read_state(saved).expect("it is whole").evaluations_since_best;
    assert!(cuts.iter().any(|(_, saved)| since_best(saved) == 1), "one of them is between the second and the third");
    for (num_seen, checkpoint) in &cuts {
        let mut resumed = session(&run);
        resumed.resume(checkpoint).expect("it goes on");
        assert_eq!(told(&drain(&mut resumed)), told(&seen[*num_seen..]), "cut after {num_seen} events");
    }
}

#[test]
fn moments_that_do_not_fit_their_parameter_are_refused() {
    let mut session = session(&settings());
    session.start(settings()).expect("it starts");
    while !session.is_between_steps() {
        block_on(session.next_event()).expect("it goes on").expect("it has steps to take");
    }
    let mut checkpoint = block_on(session.checkpoint()).expect("it is saved");
    let mut moments = crate::checkpoint::read_tensors(&checkpoint, OPTIMIZER_FILE).expect("it is whole");
    moments.values_mut().next().expect("there are moments").shape.insert(0, 1);
    checkpoint.insert(OPTIMIZER_FILE, crate::checkpoint::write_tensors(&moments));
    let error = session.resume(&checkpoint).expect_err("it does not fit").to_string();
    assert!(error.contains("does not fit its parameter"), "{error}");
}

/// Takes a run up a tensor at a time, as where a file does not fit into memory.
fn resume_in_parts(session: &mut Session, checkpoint: &Folder) {
    let mut resuming = session.begin_resume(checkpoint).expect("its state fits");
    while let Some(name) = resuming.next_file() {
        if !resuming.takes_parts() {
            resuming.put(checkpoint).expect("it is whole");
            continue;
        }
        let bytes = checkpoint.get(name).expect("it is there");
        let cut = |range: std::ops::Range<u64>| &bytes[range.start as usize..range.end as usize];
        let header = TensorParts::header_range(name, bytes, bytes.len() as u64).expect("a header");
        let mut parts = TensorParts::open(name, cut(header), bytes.len() as u64).expect("a header");
        while let Some(range) = parts.next_range() {
            resuming.put_part(&mut parts, cut(range)).expect("they belong to the model");
        }
        resuming.end_file().expect("none is missing");
    }
    session.finish_resume(resuming);
}

#[test]
fn a_run_that_is_over_is_restored_with_its_weights_and_says_nothing() {
    for load_best_model_at_end in [true, false] {
        let run = RunConfig { load_best_model_at_end, ..settings() };
        let mut whole = session(&run);
        whole.start(run.clone()).expect("it starts");
        assert!(matches!(drain(&mut whole).last(), Some(TrainEvent::Finished { .. })));
        let checkpoint = block_on(whole.checkpoint()).expect("it is saved");
        assert!(checkpoint.get(BEST_FILE).is_none(), "the weights are in one file");
        let mut restored = session(&run);
        restored.resume(&checkpoint).expect("it is restored");
        assert!(drain(&mut restored).is_empty());
        assert!(!restored.is_between_steps());
        let [expected, found] = [&mut whole, &mut restored].map(|session| {
            block_on(session.evaluate(Weights::Tuned, Split::Valid, &mut |_, _| {})).expect("it is measured").0
        });
        assert_eq!(found, expected);
        let again = block_on(restored.checkpoint()).expect("it is saved again");
        assert_eq!(again.get(MODEL_FILE), checkpoint.get(MODEL_FILE));
        let [first, second] = [&checkpoint, &again].map(|saved| read_state(saved).expect("it is whole").over);
        assert!(first.is_some() && first == second, "{first:?}, {second:?}");
    }
}

#[test]
fn a_run_of_another_task_is_refused_by_name() {
    let [first, second] = [Task::ALL[0], Task::ALL[1]];
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    assert!(check_tasks(&job, &[("", first)]).is_ok(), "an earlier version did not say it");
    let one = Job { task: Some(first), ..job.clone() };
    assert!(check_tasks(&one, &tasks_of(&one)).is_ok());
    let error = check_tasks(&one, &[("", second)]).expect_err("another task").to_string();
    let expected = format!("this checkpoint belongs to another run: it learns {}, not {}", first.name(), second.name());
    assert_eq!(error, expected);
    let part = |name: &str| JobPart::new(name, first);
    let several = Job { parts: vec![part("a"), part("b")], ..job };
    assert!(check_tasks(&several, &tasks_of(&several)).is_ok());
    assert!(check_tasks(&several, &[("a", first), ("c", first)]).is_err());
    assert!(check_tasks(&several, &[("", first)]).is_err() && check_tasks(&one, &tasks_of(&several)).is_err());
}
