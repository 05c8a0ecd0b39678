//! The files that make a folder with a bare encoder one of `sentence-transformers`: what comes after the token states is
//! their mean, at length 1.
//!
//! Reference: sentence-transformers 6.2, `SentenceTransformer.save_pretrained`; module types are written as all versions
//! know them. The folder `2_Normalize` that `modules.json` names holds no file: that module has nothing to say.

use serde_json::json;

use super::export::pretty;
use crate::config::RunConfig;
use crate::model::ModelConfig;

/// The files, by name.
pub(super) fn sentence_transformers_files(config: &ModelConfig, run: &RunConfig) -> [(&'static str, String); 4] {
    let module = |index: usize, path: &str, name: &str| {
        let kind = format!("sentence_transformers.models.{name}");
        json!({ "idx": index, "name": index.to_string(), "path": path, "type": kind })
    };
    let modules =
        json!([module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")]);
    let pooling = json!({
        "word_embedding_dimension": config.hidden_size(),
        "pooling_mode_cls_token": false,
        "pooling_mode_mean_tokens": true,
        "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false,
    });
    let max_seq_length = config.max_tokens().min(run.max_seq_length as usize);
    let texts = json!({ "max_seq_length": max_seq_length, "do_lower_case": false });
    let whole = json!({ "prompts": {}, "default_prompt_name": null, "similarity_fn_name": "cosine" });
    [
        ("modules.json", pretty(&modules)),
        ("1_Pooling/config.json", pretty(&pooling)),
        ("sentence_bert_config.json", pretty(&texts)),
        ("config_sentence_transformers.json", pretty(&whole)),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn texts_are_cut_as_in_training_and_their_states_are_averaged() {
        let config = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
            "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;
        let config = ModelConfig::from_json(config.as_bytes()).expect("usable");
        for (asked, expected) in [(16, 16), (128, 32)] {
            let run = RunConfig { max_seq_length: asked, ..RunConfig::default() };
            let files = sentence_transformers_files(&config, &run);
            let json = |name: &str| -> Value {
                let (_, text) = files.iter().find(|(own, _)| *own == name).expect("it is written");
                serde_json::from_str(text).expect("JSON")
            };
            assert_eq!(json("sentence_bert_config.json")["max_seq_length"], json!(expected));
            let pooling = json("1_Pooling/config.json");
            assert_eq!(
                (&pooling["word_embedding_dimension"], &pooling["pooling_mode_mean_tokens"]),
                (&json!(8), &json!(true))
            );
            assert_eq!(json("modules.json")[2]["type"], json!("sentence_transformers.models.Normalize"));
        }
    }
}
