//! A run whose loss, or an output of its model, is not a number any more ends with the best weights that it has measured,
//! and knows at which step that was.

use super::trainer::Stage;
use super::{TrainError, Trainer};
use crate::event::StopReason;
use crate::generate::{GenerateError, SamplingError};

impl Trainer {
    /// The step at which the loss, or an output of the model, was not a number any more; `None` where all was well.
    #[must_use]
    pub fn diverged_at(&self) -> Option<u32> {
        self.diverged_at
    }

    /// Ends a run whose numbers are none any more with the weights of its best evaluation; gives the error back where it
    /// is another one, or nothing was evaluated.
    pub(super) fn keep_best_of_diverged(&mut self, error: TrainError) -> Result<(), TrainError> {
        let step = match &error {
            TrainError::Diverged { step, .. } => Some(*step),
            TrainError::NotFinite { .. } => Some(self.progress.step),
            TrainError::Generate(GenerateError::Sampling(SamplingError::NotFinite { .. })) => Some(self.progress.step),
            _ => None,
        };
        self.diverged_at = step;
        match step {
            Some(step) if self.evaluations.best.is_some() => {
                self.finish(step, StopReason::Diverged, true);
                Ok(())
            }
            _ => {
                self.stage = Stage::Over { weights_of_step: self.progress.step };
                Err(error)
            }
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use std::rc::Rc;

    use burn::tensor::Device;
    use futures_lite::future::block_on;

    use super::*;
    use crate::checkpoint::{STATE_FILE, TrainState};
    use crate::config::{EvalStrategy, Job, ModelSource, Pooling, ReadOptions, RunConfig, SplitConfig};
    use crate::data::{DataFiles, PositionIds};
    use crate::event::TrainEvent;
    use crate::folder::Folder;
    use crate::images::{ImageProcessor, Picture, encode_png, pack_zip};
    use crate::model::{Model, ModelConfig};
    use crate::nn::Init;
    use crate::task::{ReadRequest, Reads, Task, TaskModel};

    const SIDE: usize = 8;
    const CONFIG: &[u8] = br#"{"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "image_size": 8, "patch_size": 4}"#;

    /// Two images of each of two labels; others for another `shift`.
    fn images(shift: u8) -> (String, Vec<u8>) {
        let image = |(path, grey): (&str, u8)| {
            let picture = Picture { width: SIDE, height: SIDE, pixels: vec![grey + shift; 3 * SIDE * SIDE] };
            (path.to_owned(), encode_png(&picture))
        };
        let images = [("circle/0.png", 0), ("square/0.png", 90), ("circle/1.png", 150), ("square/1.png", 240)];
        ("images.zip".into(), pack_zip(&images.map(image)))
    }

    /// A rate that moves every weight by about as much at each step; no person could set it.
    const RATE: f64 = 1e38;

    /// A run of six steps, the first of which moves nothing, for it is the warm-up.
    fn trainer(learning_rate: f64, has_valid_rows: bool) -> Trainer {
        let run = RunConfig {
            num_train_epochs: 3,
            batch_size: 2,
            learning_rate,
            warmup_ratio: 0.1,
            eval_strategy: EvalStrategy::Steps(1),
            logging_steps: 1,
            load_best_model_at_end: false,
            split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 },
            ..RunConfig::default()
        };
        let valid = has_valid_rows.then(|| images(9));
        let files = Rc::new(DataFiles { train: images(0), valid, test: None });
        let read = ReadOptions::default();
        let data = Task::ImageClassification.read(&ReadRequest::to_train(&files, &read, &run)).expect("good images");
        let (processor, _) =
            ImageProcessor::from_folder(&mut Folder::new(), "vit", SIDE).expect("that of transformers");
        let task_model = TaskModel {
            reads: Reads::Images(&processor),
            max_tokens: 5,
            pad_token_id: 0,
            position_ids: PositionIds::FromZero,
            eos_token_ids: &[],
            decoder_start_token_id: None,
            render: None,
            broken_template: None,
        };
        let rows = data.prepare(&task_model, &run).expect("two labels");
        let config = ModelConfig::from_json(CONFIG).expect("usable");
        let device = Device::flex().autodiff();
        let model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &device);
        let job = Job::new(ModelSource::hub("a/b"), None, read, run);
        let job = Job { task: Some(Task::ImageClassification), ..job };
        Trainer::new(job, rows.into(), config, model, device).expect("it can be trained")
    }

    #[test]
    fn a_run_that_diverges_after_a_measurement_ends_with_the_weights_that_were_measured() {
        let mut trainer = trainer(RATE, true);
        let next = || block_on(trainer.next_event()).expect("it ends by itself");
        let events: Vec<TrainEvent> = std::iter::from_fn(next).collect();
        let finished = TrainEvent::Finished { step: 2, reason: StopReason::Diverged, weights_of_step: 1 };
        assert_eq!(events.last(), Some(&finished));
        assert_eq!(trainer.diverged_at(), Some(2));
        let (step, measured) = trainer.weights_of_step();
        assert!(step == 1 && measured.is_some_and(|measured| measured.figure("loss").is_some_and(f64::is_finite)));

        // It is kept and taken up again as what it is: over, with weights that are numbers. (Its rate would be refused.)
        let mut checkpoint = block_on(trainer.checkpoint()).expect("its weights are finite");
        let bytes = checkpoint.get(STATE_FILE).expect("it has a state");
        let mut state: TrainState = serde_json::from_slice(bytes).expect("it was just written");
        state.job.run.learning_rate = 1e-3;
        checkpoint.insert(STATE_FILE, serde_json::to_vec(&state).expect("plain values"));
        let mut restored = self::trainer(1e-3, true).restore(&checkpoint).expect("the same run");
        assert_eq!(block_on(restored.next_event()).expect("it is over"), None);
        assert_eq!((restored.diverged_at(), restored.weights_of_step().0), (Some(2), 1));
    }

    #[test]
    fn a_run_that_diverges_before_anything_was_measured_is_an_error() {
        let mut trainer = trainer(RATE, false);
        let error = loop {
            match block_on(trainer.next_event()) {
                Ok(event) => assert!(event.is_some(), "it does not end well"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, TrainError::Diverged { step: 3, .. }), "{error}");
        assert_eq!(block_on(trainer.next_event()).expect("it is over"), None);
    }
}
