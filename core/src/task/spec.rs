//! What there is to say about a task besides its rows: the head that it trains, its names in other people's files, its
//! figures and settings.

use serde::{Deserialize, Serialize};

use super::{Recipe, Task};
use crate::config::TaskSettings;
use crate::hub::ModelFamily;

/// What stands on a backbone and makes outputs of its states. Which classes of `transformers` these are is said by each
/// architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// `[batch, labels]`: numbers for a row, from one vector a row (`…ForSequenceClassification`).
    Sequence,
    /// `[batch * seq, labels]`: numbers for each token (`…ForTokenClassification`).
    Token,
    /// `[batch * seq, 2]`: scores of each token as first and as last of a span (`…ForQuestionAnswering`).
    Span,
    /// Scores of the vocabulary at a token, from both sides of it (`…ForMaskedLM`).
    MaskedLm,
    /// Scores of the vocabulary for the next token (`…ForCausalLM`).
    CausalLm,
    /// The same, of a target that belongs to a source (`…ForConditionalGeneration`).
    Seq2seqLm,
    /// `[batch, hidden]`: one vector of length 1 a row, without parameters (`…Model`, pooled).
    Pooled,
    /// `[batch, labels]`: numbers for an image (`…ForImageClassification`).
    Image,
}

impl HeadKind {
    /// Whether it scores the next token, so that a model with it writes texts.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::CausalLm | Self::Seq2seqLm)
    }
}

/// A figure that a task measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureSpec {
    /// As events, settings and job files name it.
    pub name: &'static str,
    /// As people read it.
    pub title: &'static str,
    /// How it is written.
    pub unit: Unit,
    /// More of it is better.
    pub higher_is_better: bool,
}

/// Figures of what a model wrote after prompts, in the order of [`TEXT_FIGURES`](crate::metrics::TEXT_FIGURES).
pub const WRITING_FIGURES: [FigureSpec; 6] = [
    FigureSpec::score("bleu", "BLEU, 0 to 100"),
    FigureSpec::score("chrf", "chrF, 0 to 100"),
    FigureSpec::score("rouge1", "ROUGE-1"),
    FigureSpec::score("rouge2", "ROUGE-2"),
    FigureSpec::score("rougeL", "ROUGE-L"),
    FigureSpec::share("exact_match", "Exact match"),
];

/// Figures that stand behind the others: whoever looks for them finds them, and nobody else has to read past them.
const MORE_FIGURES: [&str; 12] = [
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
    "matthews_correlation",
    "cohen_kappa",
    "roc_auc",
    "weighted_roc_auc",
    "average_precision",
    "top_3_accuracy",
    "top_5_accuracy",
    "brier_score",
    "expected_calibration_error",
];

impl FigureSpec {
    /// A score, of which more is better.
    pub(super) const fn score(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Score, higher_is_better: true }
    }

    /// An error that is a score, of which less is better.
    pub(super) const fn error(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Score, higher_is_better: false }
    }

    /// A share, of which more is better.
    pub(super) const fn share(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Share, higher_is_better: true }
    }

    /// Whether it is among those that are shown first.
    #[must_use]
    pub fn is_headline(&self) -> bool {
        !MORE_FIGURES.contains(&self.name)
    }
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share from 0 to 1, written in percent.
    Share,
    /// A share that is measured in percent, from 0 to 100.
    Percent,
    /// A score, with three decimals.
    Score,
    /// Any number.
    Number,
}

/// Settings of a task of texts: those that every such task has, and these of its own.
macro_rules! settings_of_texts {
    ($($own:literal),*) => {
        &["max_seq_length", "pad_to_multiple_of", "neftune_noise_alpha", $($own),*]
    };
}

pub(super) use settings_of_texts;

/// A task, in words and names. One const in each room.
#[derive(Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// Which one.
    pub task: Task,
    /// What a person chooses: `Label texts`.
    pub title: &'static str,
    /// What a model of this task does, to go on after "it": `gives each text one label`.
    pub does: &'static str,
    /// One row to a person: `row`, `question`.
    pub row_noun: &'static str,
    /// The head that is trained.
    pub head: HeadKind,
    /// `problem_type` of config.json; `None` writes none.
    pub problem_type: Option<&'static str>,
    /// `task_type` of PEFT's adapter_config.json; `None` is null there.
    pub peft_task_type: Option<&'static str>,
    /// `pipeline_tag` on the hub, and the pipeline of `transformers`.
    pub pipeline: &'static str,
    /// `library_name` on the hub, of a whole model.
    pub library: &'static str,
    /// The command of `hone` that asks a model: `predict` or `generate`.
    pub command: &'static str,
    /// What is measured: any of them may choose the best weights. The first is `loss`.
    pub figures: &'static [FigureSpec],
    /// Settings that not every task has, of which this one has these.
    pub settings: &'static [&'static str],
    /// Wishes about columns that this task reads, by their names in `ReadOptions`.
    pub columns: &'static [&'static str],
    /// Settings that are recommended for it.
    pub recipe: &'static Recipe,
    /// Rows in a batch of an evaluation.
    pub eval_batch_size: usize,
    /// The model's outputs are the labels of the rows (config.json: `id2label`).
    pub has_labels: bool,
    /// Outputs of the head where they are no labels (2 for the ends of a span); 0 where the backbone decides.
    pub num_outputs: usize,
}

impl Task {
    /// The task that a model of a family is taken for where nothing else says.
    #[must_use]
    pub fn usual_of(family: ModelFamily) -> Self {
        let of_family = |task: &&Self| task.spec().family() == family;
        Self::ALL.iter().find(of_family).copied().unwrap_or_default()
    }
}

impl TaskSpec {
    /// The models that are made for it.
    #[must_use]
    pub fn family(&self) -> ModelFamily {
        match self.head {
            HeadKind::CausalLm => ModelFamily::Decoder,
            HeadKind::Seq2seqLm => ModelFamily::EncoderDecoder,
            HeadKind::Image => ModelFamily::Vision,
            HeadKind::Sequence | HeadKind::Token | HeadKind::Span | HeadKind::MaskedLm | HeadKind::Pooled => {
                ModelFamily::Encoder
            }
        }
    }

    /// Whether the known models of a family have a head for it: those that write label texts and tokens, too.
    #[must_use]
    pub fn suits(&self, family: ModelFamily) -> bool {
        let gives_labels = matches!(self.head, HeadKind::Sequence | HeadKind::Token);
        self.family() == family || (family == ModelFamily::Decoder && gives_labels)
    }

    /// Whether its models write texts.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.head.writes()
    }

    /// Whether each row has one of its labels: its model answers with probabilities that exclude each other.
    #[must_use]
    pub fn gives_one_label(&self) -> bool {
        self.problem_type == Some("single_label_classification")
    }

    /// Whether each row has one of its labels, or any number of them.
    #[must_use]
    pub fn gives_labels(&self) -> bool {
        self.problem_type.is_some_and(|kind| kind.ends_with("label_classification"))
    }

    /// Whether its outputs are numbers rather than scores of labels.
    #[must_use]
    pub fn predicts_numbers(&self) -> bool {
        self.problem_type == Some("regression")
    }

    /// Why no answer of it is explained by the words that speak for it (integrated gradients); `None` where answers are.
    #[must_use]
    pub fn unexplained(&self) -> Option<&'static str> {
        match self.head {
            HeadKind::Sequence => None,
            HeadKind::Token => Some("each token has a label of its own, and there is no one score to explain"),
            HeadKind::Span => {
                Some("the answer stands in the text itself, between two tokens that are scored each by itself")
            }
            HeadKind::MaskedLm => Some("each hidden word is scored by itself, and there is no one score to explain"),
            HeadKind::CausalLm | HeadKind::Seq2seqLm => {
                Some("a text is written token by token, each with scores of its own")
            }
            HeadKind::Pooled => Some("a vector is no score"),
            HeadKind::Image => Some("an image has no words"),
        }
    }

    /// A figure by its name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&'static FigureSpec> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// Whether a figure of the task is one of rows with so many labels: there is no top five of five, and of two labels the area
    /// under the ROC curve is one, which nothing weighs.
    #[must_use]
    pub fn measures(&self, figure: &str, num_labels: usize) -> bool {
        let least = match figure {
            "top_5_accuracy" => 6,
            "top_3_accuracy" => 4,
            "weighted_roc_auc" if self.gives_one_label() => 3,
            _ => 0,
        };
        num_labels >= least
    }

    /// The figure that says most: the first after the loss.
    #[must_use]
    pub fn leading_figure(&self) -> &'static FigureSpec {
        self.figures.get(1).or(self.figures.first()).unwrap_or(&LOSS)
    }

    /// The figures that are shown first.
    #[must_use]
    pub fn headline_figures(&self) -> Vec<&'static FigureSpec> {
        self.figures.iter().filter(|figure| figure.is_headline()).collect()
    }

    /// Names of its figures.
    #[must_use]
    pub fn figure_names(&self) -> Vec<&'static str> {
        self.figures.iter().map(|figure| figure.name).collect()
    }

    /// What settings of a run and of reading are checked against; `figures` are [`Self::figure_names`].
    #[must_use]
    pub fn settings_for_check<'a>(&self, figures: &'a [&'a str]) -> TaskSettings<'a> {
        TaskSettings { does: self.does, settings: self.settings, columns: self.columns, figures }
    }
}

/// The loss, which every task has.
pub const LOSS: FigureSpec = FigureSpec { name: "loss", title: "Loss", unit: Unit::Number, higher_is_better: false };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_of_texts_has_the_settings_of_texts() {
        for &task in Task::ALL {
            let spec = task.spec();
            for name in ["max_seq_length", "pad_to_multiple_of", "neftune_noise_alpha"] {
                assert_eq!(spec.settings.contains(&name), spec.head != HeadKind::Image, "{} {name}", task.name());
            }
        }
    }

    #[test]
    fn a_model_that_writes_is_asked_by_generate() {
        for &task in Task::ALL {
            let spec = task.spec();
            assert_eq!(spec.command, if spec.writes() { "generate" } else { "predict" }, "{}", task.name());
        }
        assert!(Task::CausalLm.spec().writes() && !Task::MaskedLm.spec().writes());
    }

    #[test]
    fn answers_are_explained_where_a_row_has_scores_of_its_own() {
        let explained = Task::ALL.iter().filter(|task| task.spec().unexplained().is_none());
        let expected = [Task::SequenceClassification, Task::Regression, Task::MultiLabel];
        assert!(explained.copied().eq(Task::ALL.iter().copied().filter(|task| expected.contains(task))));
        assert!(Task::ALL.len() > expected.len());
    }

    #[test]
    fn a_decoder_is_for_writing_and_can_label() {
        assert_eq!(Task::usual_of(ModelFamily::Decoder), Task::CausalLm);
        let suiting = Task::ALL.iter().copied().filter(|task| task.spec().suits(ModelFamily::Decoder));
        let labels = [Task::SequenceClassification, Task::Regression, Task::MultiLabel, Task::TokenClassification];
        assert_eq!(suiting.collect::<Vec<_>>(), [&labels[..], &[Task::CausalLm]].concat());
        for &task in Task::ALL {
            assert!(task.spec().suits(task.spec().family()), "{}", task.name());
        }
        assert!(!Task::CausalLm.spec().suits(ModelFamily::Encoder));
    }
}
