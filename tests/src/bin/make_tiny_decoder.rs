//! Makes `tests/fixtures/tiny_decoder`: a four-layer GPT-2 of width 128 over bytes, in the shape of nanoGPT's recipe for
//! a CPU (`n_layer=4 n_head=4 n_embd=128`, <https://github.com/karpathy/nanoGPT>), so that the fixture is ours.
//!
//! `make_tiny_decoder fresh DIR POSITIONS` writes it with random weights; `hone train --model DIR` trains it;
//! `make_tiny_decoder halve FROM TO` writes a trained folder again with f16 weights, half the size.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{WeightFile, read_weights, weights_to_safetensors};
use hone_core::config::Pooling;
use hone_core::model::{Model, ModelConfig};
use hone_core::nn::Init;
use serde_json::{Map, Value, json};

/// Ends a text; the last of the vocabulary.
const END: &str = "<|endoftext|>";

/// Bytes, and the token that ends a text.
const VOCAB: usize = 257;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["fresh", dir, positions] => fresh(Path::new(dir), positions.parse()?),
        ["halve", from, to] => halve(Path::new(from), Path::new(to)),
        _ => bail!("make_tiny_decoder fresh DIR POSITIONS | halve FROM TO"),
    }
}

fn fresh(dir: &Path, positions: usize) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let config = json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": VOCAB,
        "n_positions": positions,
        "n_embd": 128,
        "n_layer": 4,
        "n_head": 4,
        "activation_function": "gelu_new",
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "bos_token_id": VOCAB - 1,
        "eos_token_id": VOCAB - 1,
        "torch_dtype": "float32",
    });
    let config = serde_json::to_string_pretty(&config)? + "\n";
    let parsed = ModelConfig::from_json(config.as_bytes())?;
    let model = Model::new(&parsed, Pooling::Cls, 0, &mut Init::new(7), &Device::flex());
    let weights = block_on(read_weights(&model, parsed.key_map(), |_, _| true))?;
    std::fs::write(dir.join("config.json"), config)?;
    std::fs::write(dir.join("model.safetensors"), weights_to_safetensors(parsed.key_map(), &weights)?)?;
    std::fs::write(dir.join("tokenizer.json"), serde_json::to_string(&tokenizer())?)?;
    let settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "model_max_length": positions,
    });
    std::fs::write(dir.join("tokenizer_config.json"), serde_json::to_string_pretty(&settings)? + "\n")?;
    Ok(())
}

/// Byte-level BPE without merges: every byte is a token.
fn tokenizer() -> Value {
    let mut characters: Vec<char> = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet().into_iter().collect();
    characters.sort_unstable();
    let mut vocab = Map::new();
    for (id, character) in characters.into_iter().enumerate() {
        vocab.insert(character.to_string(), json!(id));
    }
    vocab.insert(END.into(), json!(VOCAB - 1));
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": VOCAB - 1, "content": END, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        }],
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": [],
        },
    })
}

fn halve(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(from.join(name), to.join(name)).with_context(|| format!("{name} is copied"))?;
    }
    let bytes = std::fs::read(from.join("model.safetensors"))?;
    let file = WeightFile::open("model.safetensors", &bytes)?;
    let mut halves = BTreeMap::new();
    for name in file.names() {
        let tensor = file.read(name)?.context("the name comes from the file")?;
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
        halves.insert(name.to_owned(), (tensor.shape, bytes));
    }
    let views = halves.iter().map(|(name, (shape, bytes))| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F16, shape.clone(), bytes).map(|view| (name, view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>()?;
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    std::fs::write(to.join("model.safetensors"), safetensors::serialize(views, Some(metadata))?)?;
    Ok(())
}
