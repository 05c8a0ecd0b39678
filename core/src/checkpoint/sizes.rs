//! `config.json` against the shapes in the weights' header, before anything is built: what is asked memory for is as
//! large as what is in the file, and files that do not belong together are told apart by the first size that differs.

use super::{CheckpointError, WeightFile};
use crate::model::{BackboneConfig, LinearLayout, ModelConfig, ModelError, checkpoint_key};
use crate::nn::{DecoderConfig, DisentangledConfig, EncoderConfig, EncoderDecoderConfig, FeedForward, Positions};

/// A matrix that the config asks for.
struct Matrix {
    path: String,
    /// As a file holds it.
    shape: [usize; 2],
    /// What decides the shape, in the same order.
    fields: [&'static str; 2],
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
        for matrix in layer_matrices(config, layer) {
            check(config, file, &matrix, format!("{name} {layers}"))?;
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
    let count = |matrices: &[Matrix]| -> f64 {
        matrices.iter().map(|matrix| matrix.shape[0] as f64 * matrix.shape[1] as f64).sum()
    };
    let (of_layers, of_tables) = (count(&layer_matrices(config, 0)), count(&tables(config)));
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
    matrix: &Matrix,
    asked_by: String,
) -> Result<(), CheckpointError> {
    let map = config.key_map();
    let Some(key) = file.find(map, &matrix.path) else {
        let key = checkpoint_key(map, &matrix.path).unwrap_or_else(|| matrix.path.clone());
        return Err(CheckpointError::Lacks { key, asked_by });
    };
    let (found, expected) = (file.shape(&key).unwrap_or_default(), matrix.shape.to_vec());
    if found == expected {
        return Ok(());
    }
    let named = |index: usize| {
        let field = config.architecture.field_name(matrix.fields[index]);
        let size = matrix.shape[index];
        if field.is_empty() { String::new() } else { format!("{field} {size}") }
    };
    let says = [named(0), named(1)].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
    Err(CheckpointError::Sizes { key, found, expected, says })
}

fn tables(config: &ModelConfig) -> Vec<Matrix> {
    let table = |path: &str, rows: (&'static str, usize), hidden: usize| Matrix {
        path: path.to_owned(),
        shape: [rows.1, hidden],
        fields: [rows.0, "hidden_size"],
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
            if !decoder.tie_word_embeddings {
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
                tables.push(Matrix {
                    path: format!("backbone.{stack}.layers.0.self_attn.relative_attention_bias.weight"),
                    shape: [buckets.1, both.num_attention_heads],
                    fields: [buckets.0, "num_attention_heads"],
                });
            }
            tables
        }
    }
}

/// The tables, and what makes states of their rows.
fn encoder_tables(encoder: &EncoderConfig, layout: LinearLayout) -> Vec<Matrix> {
    let (hidden, field) = (("hidden_size", encoder.hidden_size), encoder.embedding_size.map(|_| "embedding_size"));
    let width = (field.unwrap_or("hidden_size"), encoder.table_width());
    let table = |path: String, rows: (&'static str, usize), columns: (&'static str, usize)| Matrix {
        path,
        shape: [rows.1, columns.1],
        fields: [rows.0, columns.0],
    };
    let of = |name: &str, rows| table(format!("backbone.embeddings.{name}.weight"), rows, width);
    let mut tables = vec![of("word_embeddings", ("vocab_size", encoder.vocab_size))];
    match encoder.disentangled {
        Some(DisentangledConfig { buckets, .. }) => {
            let path = "backbone.relative_embeddings.weight".to_owned();
            tables.push(table(path, ("2 x position_buckets", 2 * buckets), hidden));
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
        tables.push(table(path, ("relative_attention_num_buckets", buckets), heads));
    }
    tables
}

fn layer_matrices(config: &ModelConfig, layer: usize) -> Vec<Matrix> {
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
    }
}

fn encoder_layer(encoder: &EncoderConfig, layout: LinearLayout, path: &str) -> Vec<Matrix> {
    let hidden = ("hidden_size", encoder.hidden_size);
    vec![
        linear(layout, format!("{path}.query.weight"), hidden, hidden),
        linear(layout, format!("{path}.intermediate.weight"), hidden, ("intermediate_size", encoder.intermediate_size)),
    ]
}

fn decoder_layer(decoder: &DecoderConfig, layout: LinearLayout, path: &str) -> Vec<Matrix> {
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
fn layer_of_either(both: &EncoderDecoderConfig, layout: LinearLayout, layer: usize) -> Vec<Matrix> {
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
        FeedForward::Relu => &["wi"],
        FeedForward::GatedGelu => &["wi_0", "wi_1"],
    };
    let of_mlp = |name: &&str| linear(layout, format!("{path}.mlp.{name}.weight"), hidden, inner);
    attentions.iter().map(of_attention).chain(up.iter().map(of_mlp)).collect()
}

fn linear(layout: LinearLayout, path: String, input: (&'static str, usize), output: (&'static str, usize)) -> Matrix {
    let [first, second] = match layout {
        LinearLayout::OutIn => [output, input],
        LinearLayout::InOut => [input, output],
    };
    Matrix { path, shape: [first.1, second.1], fields: [first.0, second.0] }
}
