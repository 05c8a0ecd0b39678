//! `config.json` against the shapes in the weights' header, before anything is built: what is asked memory for is as
//! large as what is in the file, and files that do not belong together are told apart by the first size that differs.

use super::{CheckpointError, WeightFile};
use crate::model::{BackboneConfig, LinearLayout, ModelConfig, ModelError, checkpoint_key};
use crate::nn::{
    DecoderConfig, DisentangledConfig, EncoderConfig, EncoderDecoderConfig, FeedForward, Positions, VisionConfig,
    VisionMlpKind,
};

/// A table or a matrix that the config asks for.
struct Weight {
    path: String,
    /// As a file holds it.
    shape: Vec<usize>,
    /// What decides the shape, in the same order; empty where nothing does.
    fields: Vec<&'static str>,
}

impl Weight {
    /// A matrix.
    fn matrix(path: String, rows: (&'static str, usize), columns: (&'static str, usize)) -> Self {
        Self { path, shape: vec![rows.1, columns.1], fields: vec![rows.0, columns.0] }
    }

    /// Its numbers, which may be too many for a `usize`.
    fn count(&self) -> f64 {
        self.shape.iter().map(|&size| size as f64).product()
    }
}

/// Compares every table, and of every layer what is as large as all the rest.
///
/// # Errors
/// Names the tensor, both shapes and the fields.
pub(super) fn check_sizes(config: &ModelConfig, file: &WeightFile<'_>) -> Result<(), CheckpointError> {
    for table in tables(config) {
        let asked_by = match table.path.starts_with("head.") {
            true => "tie_word_embeddings false".to_owned(),
            false => format!("model_type {}", config.model_type()),
        };
        check(config, file, &table, asked_by)?;
    }
    let layers = config.num_hidden_layers();
    let name = config.architecture.field_name("num_hidden_layers");
    for layer in 0..layers {
        for weight in layer_weights(config, layer) {
            check(config, file, &weight, format!("{name} {layers}"))?;
        }
    }
    Ok(())
}

/// Refuses sizes of fresh weights that no memory holds: no file says that they are real.
///
/// # Errors
/// When they are more than four billion.
pub(super) fn check_fresh(config: &ModelConfig) -> Result<(), CheckpointError> {
    const MOST: f64 = 4e9;
    let count = |weights: &[Weight]| -> f64 { weights.iter().map(Weight::count).sum() };
    let (of_layers, of_tables) = (count(&layer_weights(config, 0)), count(&tables(config)));
    if of_tables + of_layers * config.num_hidden_layers() as f64 <= MOST {
        return Ok(());
    }
    let reason = "makes more than 4 billion fresh weights with the other sizes".to_owned();
    Err(ModelError::Field { field: config.architecture.field_name("hidden_size"), reason }.into())
}

/// `asked_by` is what is wrong where the file has no such tensor at all.
fn check(
    config: &ModelConfig,
    file: &WeightFile<'_>,
    weight: &Weight,
    asked_by: String,
) -> Result<(), CheckpointError> {
    let map = config.key_map();
    let Some(key) = file.find(map, &weight.path) else {
        let key = checkpoint_key(map, &weight.path).unwrap_or_else(|| weight.path.clone());
        return Err(CheckpointError::Lacks { key, asked_by });
    };
    let (found, expected) = (file.shape(&key).unwrap_or_default(), weight.shape.clone());
    if found == expected {
        return Ok(());
    }
    let named = weight.fields.iter().zip(&weight.shape).filter(|(field, _)| !field.is_empty());
    let says = named.map(|(&field, size)| format!("{} {size}", config.architecture.field_name(field)));
    let says = says.collect::<Vec<_>>().join(", ");
    Err(CheckpointError::Sizes { key, found, expected, says })
}

fn tables(config: &ModelConfig) -> Vec<Weight> {
    let table = |path: &str, rows: (&'static str, usize), hidden: usize| {
        Weight::matrix(path.to_owned(), rows, ("hidden_size", hidden))
    };
    match &config.backbone {
        BackboneConfig::Encoder(encoder) => encoder_tables(encoder, config.key_map().linear),
        BackboneConfig::ModernEncoder(encoder) => {
            let rows = ("vocab_size", encoder.vocab_size);
            vec![table(config.backbone.word_table(), rows, encoder.hidden_size)]
        }
        BackboneConfig::Decoder(decoder) => {
            let hidden = decoder.hidden_size;
            let vocab = ("vocab_size", decoder.vocab_size);
            let mut tables = vec![table("backbone.embed_tokens.weight", vocab, hidden)];
            // A head of labels has no such table, whatever the file says of ties.
            if !decoder.tie_word_embeddings && config.head_kind().writes() {
                tables.push(table("head.lm_head.weight", vocab, hidden));
            }
            if decoder.positions == Positions::Learned {
                let rows = ("max_position_embeddings", decoder.max_position_embeddings);
                tables.push(table("backbone.position_embeddings.weight", rows, hidden));
            }
            tables
        }
        BackboneConfig::EncoderDecoder(both) => {
            let vocab = ("vocab_size", both.vocab_size);
            let mut tables = vec![table("backbone.embed_tokens.weight", vocab, both.hidden_size)];
            if !both.tie_word_embeddings {
                tables.push(table("head.lm_head.weight", vocab, both.hidden_size));
            }
            let buckets = ("relative_attention_num_buckets", both.relative_attention_num_buckets);
            for stack in ["encoder", "decoder"] {
                let path = format!("backbone.{stack}.layers.0.self_attn.relative_attention_bias.weight");
                tables.push(Weight::matrix(path, buckets, ("num_attention_heads", both.num_attention_heads)));
            }
            tables
        }
        BackboneConfig::Vision(vision) => vision_tables(vision),
    }
}

/// The tables, and what makes states of their rows.
fn encoder_tables(encoder: &EncoderConfig, layout: LinearLayout) -> Vec<Weight> {
    let (hidden, field) = (("hidden_size", encoder.hidden_size), encoder.embedding_size.map(|_| "embedding_size"));
    let width = (field.unwrap_or("hidden_size"), encoder.table_width());
    let of = |name: &str, rows| Weight::matrix(format!("backbone.embeddings.{name}.weight"), rows, width);
    let mut tables = vec![of("word_embeddings", ("vocab_size", encoder.vocab_size))];
    match encoder.disentangled {
        Some(DisentangledConfig { buckets, .. }) => {
            let path = "backbone.relative_embeddings.weight".to_owned();
            tables.push(Weight::matrix(path, ("2 x position_buckets", 2 * buckets), hidden));
        }
        None => {
            let rows = ("max_position_embeddings", encoder.max_position_embeddings);
            tables.push(of("position_embeddings", rows));
        }
    }
    if encoder.type_vocab_size > 0 {
        tables.push(of("token_type_embeddings", ("type_vocab_size", encoder.type_vocab_size)));
    }
    if encoder.embedding_size.is_some() {
        tables.push(linear(layout, "backbone.projection.weight".to_owned(), width, hidden));
    }
    if let Some(buckets) = encoder.relative_attention_num_buckets {
        let heads = ("num_attention_heads", encoder.num_attention_heads);
        let path = "backbone.relative_attention_bias.weight".to_owned();
        tables.push(Weight::matrix(path, ("relative_attention_num_buckets", buckets), heads));
    }
    tables
}

/// The table of positions, and the kernel that makes states of patches.
fn vision_tables(vision: &VisionConfig) -> Vec<Weight> {
    let (hidden, patch) = (vision.hidden_size, vision.patch_size);
    vec![
        Weight {
            path: "backbone.embeddings.position_embeddings".to_owned(),
            shape: vec![1, vision.num_positions(), hidden],
            fields: vec!["", "1 + (image_size / patch_size)^2", "hidden_size"],
        },
        Weight {
            path: "backbone.embeddings.patch_embeddings.weight".to_owned(),
            shape: vec![hidden, vision.num_channels, patch, patch],
            fields: vec!["hidden_size", "num_channels", "patch_size", ""],
        },
    ]
}

fn layer_weights(config: &ModelConfig, layer: usize) -> Vec<Weight> {
    let layout = config.key_map().linear;
    let path = format!("backbone.layers.{layer}");
    match &config.backbone {
        BackboneConfig::Encoder(encoder) => encoder_layer(encoder, layout, &path),
        BackboneConfig::ModernEncoder(encoder) => {
            let hidden = ("hidden_size", encoder.hidden_size);
            let inner = ("2 x intermediate_size", 2 * encoder.intermediate_size);
            let all = ("3 x hidden_size", 3 * encoder.hidden_size);
            vec![
                linear(layout, format!("{path}.qkv_proj.weight"), hidden, all),
                linear(layout, format!("{path}.mlp_in.weight"), hidden, inner),
            ]
        }
        BackboneConfig::Decoder(decoder) => decoder_layer(decoder, layout, &path),
        BackboneConfig::EncoderDecoder(both) => layer_of_either(both, layout, layer),
        BackboneConfig::Vision(vision) => vision_layer(vision, layout, &path),
    }
}

fn encoder_layer(encoder: &EncoderConfig, layout: LinearLayout, path: &str) -> Vec<Weight> {
    let hidden = ("hidden_size", encoder.hidden_size);
    vec![
        linear(layout, format!("{path}.query.weight"), hidden, hidden),
        linear(layout, format!("{path}.intermediate.weight"), hidden, ("intermediate_size", encoder.intermediate_size)),
    ]
}

fn vision_layer(vision: &VisionConfig, layout: LinearLayout, path: &str) -> Vec<Weight> {
    let hidden = ("hidden_size", vision.hidden_size);
    let (name, field) = match vision.mlp {
        VisionMlpKind::Plain(_) => ("fc1", "intermediate_size"),
        VisionMlpKind::SwiGlu => ("weights_in", "twice two thirds of hidden_size x mlp_ratio"),
    };
    vec![
        linear(layout, format!("{path}.query.weight"), hidden, hidden),
        linear(layout, format!("{path}.mlp.{name}.weight"), hidden, (field, vision.mlp_width())),
    ]
}

fn decoder_layer(decoder: &DecoderConfig, layout: LinearLayout, path: &str) -> Vec<Weight> {
    let hidden = ("hidden_size", decoder.hidden_size);
    let (queries, keys) =
        (decoder.num_attention_heads * decoder.head_dim, decoder.num_key_value_heads * decoder.head_dim);
    let mut matrices = match decoder.attention.has_fused_qkv {
        // Its width has no name in config.json.
        true => vec![linear(layout, format!("{path}.self_attn.qkv_proj.weight"), hidden, ("", queries + 2 * keys))],
        false => vec![
            linear(
                layout,
                format!("{path}.self_attn.q_proj.weight"),
                hidden,
                ("num_attention_heads x head_dim", queries),
            ),
            linear(layout, format!("{path}.self_attn.k_proj.weight"), hidden, ("num_key_value_heads x head_dim", keys)),
        ],
    };
    let (name, inner) = match decoder.mlp.is_fused() {
        true => ("gate_up_proj", ("2 x intermediate_size", 2 * decoder.intermediate_size)),
        false => ("up_proj", ("intermediate_size", decoder.intermediate_size)),
    };
    matrices.push(linear(layout, format!("{path}.mlp.{name}.weight"), hidden, inner));
    matrices
}

/// A layer of the encoder, or of the decoder that comes after it.
fn layer_of_either(both: &EncoderDecoderConfig, layout: LinearLayout, layer: usize) -> Vec<Weight> {
    let hidden = ("hidden_size", both.hidden_size);
    let heads = ("num_attention_heads x d_kv", both.num_attention_heads * both.head_dim);
    let inner = ("intermediate_size", both.intermediate_size);
    let (stack, index, attentions): (_, _, &[_]) = match layer.checked_sub(both.num_encoder_layers) {
        None => ("encoder", layer, &["self_attn"]),
        Some(index) => ("decoder", index, &["self_attn", "cross_attn"]),
    };
    let path = format!("backbone.{stack}.layers.{index}");
    let of_attention = |name: &&str| linear(layout, format!("{path}.{name}.q_proj.weight"), hidden, heads);
    let up: &[_] = match both.feed_forward {
        FeedForward::Plain(_) => &["wi"],
        FeedForward::Gated(_) => &["wi_0", "wi_1"],
    };
    let of_mlp = |name: &&str| linear(layout, format!("{path}.mlp.{name}.weight"), hidden, inner);
    attentions.iter().map(of_attention).chain(up.iter().map(of_mlp)).collect()
}

fn linear(layout: LinearLayout, path: String, input: (&'static str, usize), output: (&'static str, usize)) -> Weight {
    match layout {
        LinearLayout::OutIn => Weight::matrix(path, output, input),
        LinearLayout::InOut => Weight::matrix(path, input, output),
    }
}
