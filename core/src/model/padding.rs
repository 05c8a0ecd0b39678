//! The row of a token table that takes no gradient: `padding_idx` of `torch.nn.Embedding`, which most models of
//! `transformers` build with `config.pad_token_id`.
//!
//! It matters where the padding token stands within texts: a tokenizer whose padding token also ends a text.

use super::ModelError;
use super::fields::Fields;

/// The row, out of `rows`, that `pad_token_id` names; `usual` where the file does not say. A negative number counts from
/// the end, as PyTorch reads it.
pub(super) fn padding_row(fields: &Fields<'_>, usual: Option<usize>, rows: usize) -> Result<Option<usize>, ModelError> {
    let id = fields.real_or("pad_token_id", f64::NAN)?;
    if id.is_nan() {
        return Ok(usual.filter(|&row| row < rows));
    }
    let row = if id < 0.0 { id + rows as f64 } else { id };
    let is_row = row >= 0.0 && row < rows as f64 && row.fract() == 0.0;
    Ok(is_row.then_some(row as usize))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{BackboneConfig, ModelConfig};

    /// The rows of a small BERT's tables without gradient, for a `pad_token_id`.
    fn row(model_type: &str, pad_token_id: &serde_json::Value) -> Option<usize> {
        let mut config = json!({
            "model_type": model_type, "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 32,
        });
        config["pad_token_id"] = pad_token_id.clone();
        let config = ModelConfig::from_json(config.to_string().as_bytes()).expect("a good config");
        match config.backbone {
            BackboneConfig::Encoder(encoder) => encoder.padding_idx,
            BackboneConfig::ModernEncoder(encoder) => encoder.padding_idx,
            BackboneConfig::Decoder(decoder) => decoder.padding_idx,
            BackboneConfig::EncoderDecoder(_) | BackboneConfig::Vision(_) => None,
        }
    }

    #[test]
    fn the_padding_token_names_the_row_as_in_pytorch() {
        assert_eq!(row("bert", &json!(7)), Some(7));
        assert_eq!(row("bert", &json!(null)), Some(0), "BERT's own");
        assert_eq!(row("roberta", &json!(null)), Some(1));
        assert_eq!(row("llama", &json!(null)), None);
        assert_eq!(row("llama", &json!(2)), Some(2));
        assert_eq!(row("llama", &json!(-1)), Some(99), "counted from the end");
        assert_eq!(row("llama", &json!(100)), None, "outside the table");
    }
}
