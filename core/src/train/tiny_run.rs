//! A run of a tiny model on four images, for tests: six steps in three epochs, the first of which moves nothing, for it is the
//! warm-up.

use std::rc::Rc;

use burn::tensor::Device;
use futures_lite::future::block_on;

use super::Trainer;
use crate::config::{EvalStrategy, Job, ModelSource, Pooling, ReadOptions, RunConfig, SplitConfig};
use crate::data::DataFiles;
use crate::event::TrainEvent;
use crate::folder::Folder;
use crate::images::{ImageProcessor, Picture, encode_png, pack_zip};
use crate::model::{Model, ModelConfig};
use crate::nn::Init;
use crate::task::{ReadRequest, Reads, Task, TaskModel, TaskRows};

const SIDE: usize = 8;
pub(super) const CONFIG: &[u8] =
    br#"{"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 16, "image_size": 8, "patch_size": 4}"#;

/// Two images of each of two labels; others for another `shift`.
fn images(shift: u8) -> (String, Vec<u8>) {
    let image = |(path, grey): (&str, u8)| {
        let picture = Picture { width: SIDE, height: SIDE, pixels: vec![grey + shift; 3 * SIDE * SIDE] };
        (path.to_owned(), encode_png(&picture).expect("a PNG"))
    };
    let images = [("circle/0.png", 0), ("square/0.png", 90), ("circle/1.png", 150), ("square/1.png", 240)];
    ("images.zip".into(), pack_zip(&images.map(image)))
}

/// Two steps an epoch, each read and measured.
pub(super) fn settings(learning_rate: f64) -> RunConfig {
    RunConfig {
        num_train_epochs: 3,
        batch_size: 2,
        learning_rate,
        warmup_ratio: 0.1,
        dropout: Some(0.0), // its generator is shared by all tests of a process
        eval_strategy: EvalStrategy::Steps(1),
        logging_steps: 1,
        load_best_model_at_end: false,
        early_stopping_patience: None, // six steps, all of them
        split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 },
        ..RunConfig::default()
    }
}

/// The rows of the images.
pub(super) fn rows(run: &RunConfig, has_valid_rows: bool) -> Box<dyn TaskRows> {
    let valid = has_valid_rows.then(|| images(9));
    let files = Rc::new(DataFiles { train: images(0), valid, ..DataFiles::default() });
    let read = ReadOptions::default();
    let data = Task::ImageClassification.read(&ReadRequest::to_train(&files, &read, run)).expect("good images");
    let (processor, _) = ImageProcessor::from_folder(&mut Folder::new(), "vit", SIDE).expect("that of transformers");
    data.prepare(&TaskModel::to_test(Reads::Images(&processor), 5), run).expect("two labels")
}

pub(super) fn trainer(run: RunConfig, has_valid_rows: bool) -> Trainer {
    let rows = rows(&run, has_valid_rows);
    let config = ModelConfig::from_json(CONFIG).expect("usable");
    let device = Device::flex().autodiff();
    let model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &device);
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), run);
    let job = Job { task: Some(Task::ImageClassification), ..job };
    Trainer::new(job, rows.into(), config, model, device).expect("it can be trained")
}

/// What the rest of a run says.
pub(super) fn drain(trainer: &mut Trainer) -> Vec<TrainEvent> {
    std::iter::from_fn(|| block_on(trainer.next_event()).expect("it ends by itself")).collect()
}
