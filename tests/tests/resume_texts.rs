//! A run of adapters that was saved, thrown away and taken up again is the run that was never interrupted, of a model that
//! goes on from a prompt and of one that turns a text into another. Dropout is on, and burn's CPU generator is shared by a
//! process: hence a file of its own, with one test function.

use std::fmt::Debug;

use futures_lite::future::block_on;
use hone_core::config::{LoraConfig, RunConfig};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_tests::dates;
use hone_tests::texts::{drain, ready, run, valid_losses, write};

/// Cuts a run after so many events; `ready` makes a session that can start it, and `write` what its model writes.
fn check<T: PartialEq + Debug>(
    run: &RunConfig,
    num_events: usize,
    ready: impl Fn(&RunConfig) -> Session,
    write: impl Fn(&mut Session) -> T,
) {
    let mut whole = ready(run);
    whole.start(run.clone()).expect("it starts");
    let expected = drain(&mut whole);
    let mut cut = ready(run);
    cut.start(run.clone()).expect("it starts");
    for _ in 0..num_events {
        block_on(cut.next_event()).expect("it goes on").expect("it is not over");
    }
    let checkpoint = block_on(cut.checkpoint()).expect("it is saved");
    let bytes: usize = checkpoint.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 1_500_000, "{bytes} bytes: the frozen weights are not saved");
    let mut resumed = ready(run);
    resumed.resume(&checkpoint).expect("it goes on");
    let rest = drain(&mut resumed);
    assert_eq!(rest.last(), expected.last());
    let (found, all) = (valid_losses(&rest), valid_losses(&expected));
    assert!(!found.is_empty());
    assert_eq!(found, all[all.len() - found.len()..]);
    assert_eq!(write(&mut resumed), write(&mut whole));
}

/// Blocks are computed again in the backward pass, and a step has two micro-batches.
fn checkpointed(run: RunConfig) -> RunConfig {
    RunConfig { gradient_checkpointing: true, gradient_accumulation_steps: 2, batch_size: 2, ..run }
}

#[test]
fn a_resumed_run_of_adapters_matches_the_uninterrupted_one() {
    for run in [run(), RunConfig { packing: true, ..checkpointed(run()) }] {
        check(&run, 13, ready, |session| write(session, Weights::Tuned));
    }
    let usual = dates::run();
    let lora = LoraConfig { r: 4, lora_dropout: 0.1, ..usual.lora.clone() };
    let with_dropout = RunConfig { dropout: Some(0.1), lora, ..usual };
    for run in [with_dropout.clone(), checkpointed(with_dropout)] {
        check(&run, 17, dates::ready, |session| dates::write(session, Weights::Tuned, 1));
    }
}
