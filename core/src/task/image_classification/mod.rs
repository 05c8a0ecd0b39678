//! One label for an image.
//!
//! In: a zip of images, with a folder for each label or a table of file names and labels; some may have no label yet. `sources`
//! holds the zips, `folders` and `table` (with `one_hot`) find the images and their labels, `read` makes rows of them; `pixels`
//! decodes them part by part and keeps what there is room for; `near` finds images that stand twice, of which `findings` makes
//! findings with their rows; `data` and `report` are what the rest of Hone sees of rows that were read; `rows` are the rows of a
//! run, with `mixup`, `measure` their figures; `predict` answers images; `recognise` knows such zips; `card` says how the model is
//! used.

mod answers;
mod card;
mod data;
mod findings;
mod folders;
mod measure;
mod mixup;
mod near;
mod one_hot;
mod pixels;
mod predict;
mod read;
mod recognise;
mod report;
mod rows;
mod sources;
mod table;
#[cfg(test)]
mod testing;

use serde::{Deserialize, Serialize};

use super::class_sums::CLASS_FIGURES;
use super::{HeadKind, Task, TaskSpec};
use crate::data::Split;

pub use crate::metrics::Evaluation as EvaluationDetail;
pub use answers::ANSWERS;
pub use card::card;
pub use data::read;
pub use folders::is_unlabeled_folder;
pub use near::NearPair;
pub(super) use near::{NEAR_LEAKED, SAME_IMAGE};
pub use predict::predictor;
pub use read::{FOLDER, UNLABELED};
pub use recognise::recognise;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::ImageClassification,
    title: "Label images",
    does: "labels images",
    row_noun: "image",
    head: HeadKind::Image,
    problem_type: Some("single_label_classification"),
    peft_task_type: None,
    pipeline: "image-classification",
    library: "transformers",
    command: "predict",
    figures: CLASS_FIGURES,
    settings: &[
        "label_smoothing_factor",
        "class_weights",
        "effective_number_beta",
        "class_sampling",
        "focal_gamma",
        "rdrop_alpha",
        "gradual_unfreezing",
        "horizontal_flip",
        "random_resized_crop",
        "color_jitter",
        "rotation",
        "mixup_alpha",
    ],
    columns: &["image_column", "label_column", "merge_labels", "fold", "edits"],
    recipe: &super::recipes::OF_IMAGES,
    eval_batch_size: 32,
    has_labels: true,
    num_outputs: 0,
};

/// What a report says of labeled images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// Labels in the order of their ids, each with its images.
    pub classes: Vec<ClassCount>,
    /// Images of the training file that lack nothing but their label: they are left out until they get one.
    #[serde(default)]
    pub num_unlabeled: usize,
    /// Images by their shorter side, from the smallest that there are to the largest.
    pub sizes: Vec<SizeBucket>,
    /// Height and width of the image with the fewest pixels; 0 and 0 without images.
    pub smallest: [usize; 2],
    /// Height and width of the image with the most pixels.
    pub largest: [usize; 2],
    /// Images whose file stood earlier with another label; 0 before images are decoded, as all that follows.
    pub num_conflicts: usize,
    /// Images that look nearly like an earlier one, and are another file.
    pub num_near_duplicates: usize,
    /// The first hundred of them, those of two splits first.
    pub near_duplicates: Vec<NearPair>,
    /// Images of validation or test that look nearly like one of an earlier split.
    pub near_leaks: usize,
    /// Some images of each label, and of those of the first splits first.
    pub preview: Vec<PreviewImage>,
    /// Height and width that images have for the model; `None` before there is one.
    pub input_size: Option<[usize; 2]>,
}

/// A label and its images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The label.
    pub label: String,
    /// Usable images of it, over all splits.
    pub count: usize,
}

/// Images of about one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeBucket {
    /// Which: `256–511 px`.
    pub label: String,
    /// How many.
    pub count: usize,
}

/// An image to be shown: its file is asked for by split and index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewImage {
    /// The split that it is in.
    pub split: Split,
    /// Its place among the images of that split, from 0.
    pub index: usize,
    /// Its path in the zip.
    pub name: String,
    /// Its label.
    pub label: String,
    /// Pixels in a row.
    pub width: usize,
    /// Rows of pixels.
    pub height: usize,
}

/// What was predicted for an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowPrediction {
    /// The number of the row in its file.
    pub row: usize,
    /// Its path in the zip.
    pub name: String,
    /// Label id it has.
    pub label: usize,
    /// Label id with the highest probability.
    pub predicted: usize,
    /// Probabilities in label order.
    pub probabilities: Vec<f32>,
}

/// What a model says to an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Probabilities in label order, with the temperature that the model has.
    pub probabilities: Vec<f32>,
    /// The answer is unsure where the highest of them is below this; `None` where nobody chose that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsure_below: Option<f64>,
}
