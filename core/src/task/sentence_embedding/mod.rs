//! Vectors for texts: of texts that belong together, close to each other (contrastive learning).
//!
//! In: tables of pairs, of triplets, of pairs with a score or of texts with a label, and plain texts line by line.
//! `columns` tells which it is, `scores` what a score is, `read` makes rows of them; `data` tokenises and reports them.
//! `contrast` says which texts of a batch are compared with which, `rows` makes batches of it; `measure` has the figures
//! of vectors that were read back, `draws` their intervals; `predict` gives vectors to texts that a person typed; `card` says how
//! the model is used.

mod answers;
mod card;
mod columns;
mod contrast;
mod data;
mod draws;
mod measure;
mod predict;
mod read;
mod rows;
mod scores;

use serde::{Deserialize, Serialize};

use super::spec::settings_of_texts;
use super::{FigureSpec, HeadKind, LOSS, Task, TaskSpec, Unit};

pub use answers::ANSWERS;
pub use card::card;
pub use columns::text_columns;
pub use data::read;
pub use predict::predictor;
pub use read::recognise;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::SentenceEmbedding,
    title: "Find similar texts",
    does: "turns texts into vectors",
    row_noun: "row",
    head: HeadKind::Pooled,
    problem_type: None,
    peft_task_type: Some("FEATURE_EXTRACTION"),
    pipeline: "sentence-similarity",
    library: "sentence-transformers",
    command: "predict",
    figures: &[
        LOSS,
        FigureSpec { name: "recall_at_1", title: "Recall at 1", unit: Unit::Share, higher_is_better: true },
        FigureSpec { name: "recall_at_10", title: "Recall at 10", unit: Unit::Share, higher_is_better: true },
        FigureSpec { name: "mrr", title: "Mean reciprocal rank", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "triplet_accuracy", title: "Triplet accuracy", unit: Unit::Share, higher_is_better: true },
        FigureSpec { name: "spearman", title: "Spearman correlation", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "pearson", title: "Pearson correlation", unit: Unit::Score, higher_is_better: true },
        FigureSpec {
            name: "nearest_accuracy",
            title: "Nearest-neighbour accuracy",
            unit: Unit::Share,
            higher_is_better: true,
        },
    ],
    settings: settings_of_texts!["similarity_scale"],
    columns: &[
        "text_column",
        "text_pair_column",
        "negative_column",
        "label_column",
        "merge_labels",
        "group_column",
        "time_column",
        "dedupe",
        "fold",
        "clean_texts",
        "edits",
    ],
    recipe: &super::recipes::OF_VECTORS,
    eval_batch_size: 32,
    has_labels: false,
    num_outputs: 0,
};

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowShape {
    /// Two texts that belong together.
    Pairs,
    /// Two texts that belong together, and one or more that do not belong to the first.
    Triplets,
    /// Two texts, and how alike they are.
    ScoredPairs,
    /// A text with a label; texts of one label belong together.
    LabeledTexts,
    /// A text alone; it belongs to itself, read twice with dropout (SimCSE, <https://arxiv.org/abs/2104.08821>).
    Texts,
}

impl RowShape {
    /// As it is called in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Triplets => "triplets",
            Self::ScoredPairs => "scored_pairs",
            Self::LabeledTexts => "labeled_texts",
            Self::Texts => "texts",
        }
    }

    /// What rows of it are, and what is learned of them: `pairs of texts that belong together`.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Pairs => "pairs of texts that belong together",
            Self::Triplets => "pairs of texts that belong together, with texts that do not",
            Self::ScoredPairs => "pairs of texts with a score of how alike they are",
            Self::LabeledTexts => "texts with a label: those of one label belong together",
            Self::Texts => "texts alone: each belongs to itself, read twice with dropout",
        }
    }

    /// The figures that are measured of it, the loss first.
    #[must_use]
    pub fn figures(self) -> &'static [&'static str] {
        match self {
            Self::Pairs => &["loss", "recall_at_1", "recall_at_10", "mrr"],
            Self::Triplets => &["loss", "recall_at_1", "recall_at_10", "mrr", "triplet_accuracy"],
            Self::ScoredPairs => &["loss", "spearman", "pearson"],
            Self::LabeledTexts => &["loss", "nearest_accuracy"],
            Self::Texts => &["loss"],
        }
    }
}

/// What a report says of such rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// What a row is.
    pub shape: RowShape,
    /// Labels in their order; none where rows have no labels.
    pub labels: Vec<LabelCount>,
    /// Lowest and highest score in the training file, before they are scaled to 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<[f32; 2]>,
    /// Rows whose texts stood in an earlier one with another score or label.
    pub num_conflicts: usize,
    /// The first five rows.
    pub preview: Vec<PreviewRow>,
}

/// A label and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCount {
    /// Name of the label.
    pub label: String,
    /// Usable rows of it, over all splits.
    pub count: usize,
}

/// A row as it will be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Row number in its file.
    pub row: usize,
    /// The text; the one that belongs to it; those that do not.
    pub texts: Vec<String>,
    /// How alike the two texts are, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// What a row is.
    pub shape: RowShape,
    /// Rows among which the most similar one was looked for: all of them, or 1,500 spread over them.
    pub num_compared: usize,
    /// Nearest other rows that vote on the label of one.
    pub num_neighbours: usize,
    /// Mean similarity of texts that belong together; `None` where none do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity_of_same: Option<f64>,
    /// Mean similarity of texts that do not; `None` where that is not known of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity_of_others: Option<f64>,
}

/// What was measured of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowPrediction {
    /// Row number in its file.
    pub row: usize,
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// How similar the vectors of the two are, from -1 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
    /// How alike the two are by the file, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Rank of the second text among those of all rows, the most similar to the text being 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The label of the nearest other texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<String>,
    /// What is most similar to the text: of pairs among the second texts, else among the other texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

/// What a model says to an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The vector of the text, of length 1.
    pub embedding: Vec<f32>,
    /// How similar the second text is, from -1 to 1; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_a_shape_is_one_of_the_task() {
        let shapes =
            [RowShape::Pairs, RowShape::Triplets, RowShape::ScoredPairs, RowShape::LabeledTexts, RowShape::Texts];
        for shape in shapes {
            assert!(shape.figures().iter().all(|name| SPEC.figure(name).is_some()), "{}", shape.name());
            assert_eq!(shape.figures()[0], "loss");
        }
        let is_measured = |name: &&str| shapes.iter().any(|shape| shape.figures().contains(name));
        assert!(SPEC.figure_names().iter().all(is_measured));
    }
}
