//! A run of adapters that was saved, thrown away and taken up again is the run that was never interrupted. Dropout is on,
//! and burn's CPU generator is shared by a process: hence a file of its own.

use futures_lite::future::block_on;
use hone_core::config::RunConfig;
use hone_core::session::protocol::Weights;
use hone_tests::texts::{drain, ready, run, valid_losses, write};

#[test]
fn a_resumed_run_of_adapters_matches_the_uninterrupted_one() {
    for run in [
        run(),
        RunConfig {
            packing: true,
            gradient_checkpointing: true,
            gradient_accumulation_steps: 2,
            batch_size: 2,
            ..run()
        },
    ] {
        let mut whole = ready(&run);
        whole.start(run.clone()).expect("it starts");
        let expected = drain(&mut whole);
        let mut cut = ready(&run);
        cut.start(run.clone()).expect("it starts");
        let mut events = Vec::new();
        while events.len() < 9 {
            events.push(block_on(cut.next_event()).expect("it goes on").expect("it is not over"));
        }
        let checkpoint = block_on(cut.checkpoint()).expect("it is saved");
        let bytes: usize = checkpoint.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes < 1_500_000, "{bytes} bytes: the frozen weights are not saved");
        let mut resumed = ready(&run);
        resumed.resume(&checkpoint).expect("it goes on");
        let rest = drain(&mut resumed);
        assert_eq!(rest.last(), expected.last());
        assert_eq!(
            valid_losses(&rest),
            valid_losses(&expected)[valid_losses(&expected).len() - valid_losses(&rest).len()..]
        );
        assert_eq!(write(&mut resumed, Weights::Tuned), write(&mut whole, Weights::Tuned));
    }
}
