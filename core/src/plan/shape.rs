//! The shape of a model, as far as a plan needs it: plain sizes, made by `model/plan_shape.rs` of a model that is loaded.

/// A model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shape {
    /// How many parameters it has where.
    pub parameters: Parameters,
    /// Its stacks of layers: one, or an encoder's and a decoder's.
    pub stacks: Vec<Stack>,
    /// Width of a state.
    pub hidden_size: u64,
    /// Tokens in the vocabulary; 0 of a model that reads images.
    pub vocab_size: u64,
    /// Pixels along a patch of an image; 0 of texts.
    pub patch_size: u64,
    /// Values of a patch, all channels; 0 of texts.
    pub patch_values: u64,
    /// The head scores every token of the vocabulary.
    pub scores_vocabulary: bool,
    /// Numbers that the head gives for a row, or for a token.
    pub num_outputs: u64,
    /// The head gives them for every token.
    pub scores_tokens: bool,
    /// Blocks can be computed again in the backward pass.
    pub can_checkpoint: bool,
}

/// How many parameters a model has where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parameters {
    /// All of them, without adapters.
    pub all: u64,
    /// Tables of tokens, positions and types, and what is made of them before the first layer.
    pub embeddings: u64,
    /// Those of all layers.
    pub layers: u64,
    /// Heads, without what scores the vocabulary.
    pub head: u64,
    /// What of heads scores the vocabulary, beside the table of the inputs: a table of its own, or what makes states comparable with that
    /// table.
    pub vocabulary: u64,
    /// The norm after the last layer; 0 where there is none.
    pub last_norm: u64,
    /// The largest single parameter.
    pub largest: u64,
    /// Layers that have weights of their own.
    pub num_layers: u64,
}

/// Layers of one kind, one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stack {
    /// How often states pass a layer.
    pub layers: u64,
    /// Layers that have weights of their own: fewer where they are shared.
    pub own_layers: u64,
    /// Its states are those of a target, of a model that reads a source and a target.
    pub is_of_target: bool,
    /// Each layer sees the source, too.
    pub sees_source: bool,
    /// Linear parts of one layer.
    pub linears: Vec<LinearShape>,
    /// Attention heads.
    pub heads: u64,
    /// Heads of keys and values.
    pub key_heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Scores that are added up for each query and key: 1, or 3 where distances have vectors.
    pub score_parts: u64,
    /// Norms of a layer.
    pub norms: u64,
    /// Between the linear parts of the feed-forward part.
    pub activation: ActivationKind,
    /// Its result is multiplied with another linear part.
    pub is_gated: bool,
    /// Dropout of attention probabilities.
    pub attention_dropout: f64,
    /// Dropout of what a layer adds.
    pub hidden_dropout: f64,
    /// How often a layer has that.
    pub num_hidden_dropouts: u64,
}

/// A linear part of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinearShape {
    /// Name in the checkpoint, by which adapters choose it.
    pub module: String,
    /// What it reads.
    pub reads: Reads,
    /// Width of that.
    pub input: u64,
    /// Width of what it makes.
    pub output: u64,
}

/// The tensor that a linear part reads: parts that read the same one keep it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reads {
    /// States, for queries, keys and values.
    #[default]
    Input,
    /// What attention gives.
    Context,
    /// States, for queries to the source.
    CrossInput,
    /// States of the source.
    Source,
    /// What attention to the source gives.
    CrossContext,
    /// States, for the feed-forward part.
    MlpInput,
    /// What is within the feed-forward part.
    MlpInner,
}

/// The activation of a feed-forward part, as far as it keeps tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActivationKind {
    /// GELU by the error function.
    #[default]
    Gelu,
    /// GELU by `tanh`.
    GeluTanh,
    /// SiLU.
    Silu,
    /// ReLU.
    Relu,
}

impl Reads {
    /// What the linear part of this name reads; `name` is the end of a parameter's path in `nn`, after the layer's number.
    #[must_use]
    pub fn of_part(name: &str) -> Self {
        match name {
            "query" | "key" | "value" | "qkv_proj" => Self::Input,
            "self_attn.q_proj" | "self_attn.k_proj" | "self_attn.v_proj" | "self_attn.qkv_proj" => Self::Input,
            "attention_output" | "self_attn.o_proj" => Self::Context,
            "cross_attn.q_proj" => Self::CrossInput,
            "cross_attn.k_proj" | "cross_attn.v_proj" => Self::Source,
            "cross_attn.o_proj" => Self::CrossContext,
            "output" | "mlp_out" | "mlp.down_proj" | "mlp.wo" | "mlp.fc2" | "mlp.weights_out" => Self::MlpInner,
            _ => Self::MlpInput,
        }
    }
}

impl Stack {
    /// Width within the feed-forward part, after a gate.
    #[must_use]
    pub fn inner_width(&self) -> u64 {
        self.linears.iter().find(|linear| linear.reads == Reads::MlpInner).map_or(0, |linear| linear.input)
    }
}
