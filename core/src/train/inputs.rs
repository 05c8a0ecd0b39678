//! What a run works on: encoded splits and how they become batches; and the fingerprint that ties a checkpoint to its
//! data.

use crate::config::{ClassWeights, RunConfig};
use crate::data::causal_lm::{LmEncoded, LmExample, LmHostBatch, LmPadding, collate_lm, one_a_row, pack};
use crate::data::{Encoded, Example, HostBatch, Padding, collate};
use crate::event::Split;
use crate::loss::LossConfig;
use crate::tokenizer::Tokenizer;

/// All that a run is given besides the model and the settings.
#[derive(Debug, Clone)]
pub enum TrainInputs {
    /// Texts with labels.
    Classes(Box<ClassInputs>),
    /// Texts whose tokens are predicted.
    Tokens(Box<TokenInputs>),
}

/// Texts with labels.
#[derive(Debug, Clone)]
pub struct ClassInputs {
    /// Labels, in the order of their ids.
    pub labels: Vec<String>,
    /// Rows to train on.
    pub train: TrainSplit,
    /// Rows that choose the best weights.
    pub valid: TrainSplit,
    /// Rows for the end.
    pub test: TrainSplit,
    /// How batches are padded.
    pub padding: Padding,
    /// The loss.
    pub loss: LossConfig,
}

/// A split: rows as read, and as tokens.
#[derive(Debug, Clone, Default)]
pub struct TrainSplit {
    /// Rows as read.
    pub examples: Vec<Example>,
    /// The same rows as tokens.
    pub encoded: Vec<Encoded>,
}

/// Texts whose tokens are predicted.
#[derive(Debug, Clone)]
pub struct TokenInputs {
    /// Texts to train on.
    pub train: TokenSplit,
    /// Texts that choose the best weights.
    pub valid: TokenSplit,
    /// Texts for the end.
    pub test: TokenSplit,
    /// How batches are padded.
    pub padding: LmPadding,
    /// For the samples that show how the model changes.
    pub tokenizer: Tokenizer,
    /// Tokens that end a text.
    pub eos_token_ids: Vec<u32>,
}

/// A split of texts: as read, as tokens, and shared out over rows.
#[derive(Debug, Clone, Default)]
pub struct TokenSplit {
    /// Texts as read.
    pub examples: Vec<LmExample>,
    /// The texts as tokens (a long text may give several).
    pub encoded: Vec<LmEncoded>,
    /// Indices into `encoded` of what stands in each row: one, or several with packing.
    pub rows: Vec<Vec<usize>>,
}

/// A micro-batch on the host.
#[derive(Debug, Clone)]
pub enum MicroBatch {
    /// Texts with labels.
    Classes(HostBatch),
    /// Texts whose tokens are predicted.
    Tokens(LmHostBatch),
}

impl ClassInputs {
    /// A split by its name.
    #[must_use]
    pub fn split(&self, split: Split) -> &TrainSplit {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}

impl TokenInputs {
    /// A split by its name.
    #[must_use]
    pub fn split(&self, split: Split) -> &TokenSplit {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}

impl TrainInputs {
    /// Labels; none for a language model.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        match self {
            Self::Classes(inputs) => &inputs.labels,
            Self::Tokens(_) => &[],
        }
    }

    /// Rows of the training, validation and test split.
    #[must_use]
    pub fn num_rows(&self) -> [usize; 3] {
        match self {
            Self::Classes(inputs) => [&inputs.train, &inputs.valid, &inputs.test].map(TrainSplit::len),
            Self::Tokens(inputs) => [&inputs.train, &inputs.valid, &inputs.test].map(TokenSplit::len),
        }
    }

    /// Tokens of each row to train on.
    #[must_use]
    pub fn train_lengths(&self) -> Vec<usize> {
        match self {
            Self::Classes(inputs) => inputs.train.encoded.iter().map(|row| row.input_ids.len()).collect(),
            Self::Tokens(inputs) => inputs.train.rows.iter().map(|row| inputs.train.row_length(row)).collect(),
        }
    }

    /// The loss of a classifier.
    #[must_use]
    pub fn class_loss(&self) -> Option<&LossConfig> {
        match self {
            Self::Classes(inputs) => Some(&inputs.loss),
            Self::Tokens(_) => None,
        }
    }

    /// Settings of the loss that come from the run.
    pub(super) fn set_loss(&mut self, run: &RunConfig) {
        let Self::Classes(inputs) = self else { return };
        let num_labels = inputs.labels.len();
        let labels = inputs.train.encoded.iter().map(|row| row.label);
        inputs.loss = LossConfig {
            num_labels,
            label_smoothing: run.label_smoothing_factor,
            class_weights: match run.class_weights {
                ClassWeights::None => None,
                ClassWeights::Balanced => Some(LossConfig::balanced(labels, num_labels)),
            },
        };
    }

    /// Pads the training rows at `indices`.
    #[must_use]
    pub fn micro_batch(&self, indices: &[usize]) -> MicroBatch {
        match self {
            Self::Classes(inputs) => MicroBatch::Classes(inputs.train.collate(indices, &inputs.padding)),
            Self::Tokens(inputs) => MicroBatch::Tokens(inputs.train.collate(indices, &inputs.padding)),
        }
    }

    /// SHA-256 over the tokens to train on and what is to be learned of them, in order.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        match self {
            Self::Classes(inputs) => {
                for row in &inputs.train.encoded {
                    bytes.extend((row.label as u32).to_le_bytes());
                    bytes.extend((row.input_ids.len() as u32).to_le_bytes());
                    bytes.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
                }
            }
            Self::Tokens(inputs) => {
                for row in &inputs.train.encoded {
                    bytes.extend((row.input_ids.len() as u32).to_le_bytes());
                    bytes.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
                    bytes.extend(row.loss_mask.iter().map(|&has_loss| u8::from(has_loss)));
                }
            }
        }
        crate::hub::sha256_hex(&bytes)
    }
}

impl MicroBatch {
    /// What the losses are divided by for their mean: rows by the weights of their classes, or tokens with a loss.
    #[must_use]
    pub fn weight(&self, inputs: &TrainInputs) -> f64 {
        match (self, inputs) {
            (Self::Classes(batch), TrainInputs::Classes(inputs)) => {
                inputs.loss.weight_sum(batch.labels.iter().map(|&label| label as usize))
            }
            (Self::Tokens(batch), _) => batch.targets.len() as f64,
            (Self::Classes(_), TrainInputs::Tokens(_)) => {
                unreachable!("a batch comes from the inputs it is weighed by")
            }
        }
    }

    /// (rows, tokens without padding)
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Classes(batch) => (batch.batch, batch.num_tokens),
            Self::Tokens(batch) => (batch.batch, batch.num_tokens),
        }
    }
}

impl TrainSplit {
    /// Pads the rows at `indices`.
    #[must_use]
    pub fn collate(&self, indices: &[usize], padding: &Padding) -> HostBatch {
        let rows: Vec<&Encoded> = indices.iter().map(|&index| &self.encoded[index]).collect();
        collate(&rows, padding)
    }

    /// Rows in the split.
    #[must_use]
    pub fn len(&self) -> usize {
        self.encoded.len()
    }

    /// No rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }
}

impl TokenSplit {
    /// Shares texts out over rows of at most `max_length` tokens: one a row, or packed. Texts in which
    /// nothing is left to learn are left out.
    #[must_use]
    pub fn new(examples: Vec<LmExample>, encoded: Vec<LmEncoded>, packing: bool, max_length: usize) -> Self {
        let encoded: Vec<LmEncoded> = encoded.into_iter().filter(|text| !text.lost_completion).collect();
        let lengths: Vec<usize> = encoded.iter().map(LmEncoded::num_tokens).collect();
        let rows = if packing { pack(&lengths, max_length) } else { one_a_row(encoded.len()) };
        Self { examples, encoded, rows }
    }

    /// Pads the rows at `indices`.
    #[must_use]
    pub fn collate(&self, indices: &[usize], padding: &LmPadding) -> LmHostBatch {
        let rows: Vec<Vec<&LmEncoded>> =
            indices.iter().map(|&row| self.rows[row].iter().map(|&text| &self.encoded[text]).collect()).collect();
        collate_lm(&rows, padding)
    }

    /// Rows in the split.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Tokens of a row.
    #[must_use]
    pub fn row_length(&self, row: &[usize]) -> usize {
        row.iter().map(|&text| self.encoded[text].input_ids.len()).sum()
    }
}
