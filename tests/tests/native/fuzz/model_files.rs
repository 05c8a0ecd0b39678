//! What is fuzzed of the files of models: weights, config.json, tokenizers, chat templates, adapters. As `targets`.

use hone_core::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, PretrainedModel, WeightFile, load_adapter, lora_of_adapter, read_adapter_config,
    shard_names,
};
use hone_core::config::Pooling;
use hone_core::folder::Folder;
use hone_core::hub::{check_file, check_weight_file_name};
use hone_core::model::ModelConfig;
use hone_core::task::Task;
use hone_core::tokenizer::chat_template::{ChatTemplate, TemplateDate};
use hone_core::tokenizer::{Role, TextStream, Tokenizer, Turn};
use hone_tests::devices;
use hone_tests::golden::Golden;
use serde_json::Value;

use super::mutate::Kind;
use super::targets::{JSON, MEBIBYTE, PLAIN, Target, file, texts};
use super::words;

/// Pieces of SentencePiece are short, and each may be made of others in several ways.
const PIECE_BYTES_A_BYTE: usize = 1000;

/// A regular expression may take 10 MB once it is compiled, and a tokenizer may have several.
const EXPRESSION_BYTES: usize = 256 * MEBIBYTE;

/// What a template may build and write for a conversation (`templates/src/limits.rs`), and copies of it on the way.
const TEMPLATE_BYTES: usize = 256 * MEBIBYTE;

pub(crate) const SAFETENSORS: Target = Target {
    name: "safetensors",
    kind: Kind::Safetensors,
    words: words::SAFETENSORS,
    seeds: || vec![file("gpt2_lora/adapter", "adapter_model.safetensors"), file("mistral_tiny", "model.safetensors")],
    read: read_safetensors,
    ..PLAIN
};

pub(crate) const CONFIG: Target =
    Target { name: "config", words: words::CONFIG, seeds: config_seeds, read: read_config, ..JSON };

pub(crate) const MODEL: Target = Target {
    name: "model",
    words: words::CONFIG,
    seeds: || ["field/encoder", "field/llama"].map(|folder| file(folder, "config.json")).to_vec(),
    read: read_model,
    ..JSON
};

pub(crate) const TOKENIZER: Target = Target {
    name: "tokenizer",
    words: words::TOKENIZER,
    seeds: || ["tiny_encoder", "tiny_decoder", "field/llama"].map(|folder| file(folder, "tokenizer.json")).to_vec(),
    read: read_tokenizer,
    base_bytes: EXPRESSION_BYTES,
    ..JSON
};

pub(crate) const TOKENIZER_FOLDER: Target = Target {
    name: "tokenizer_folder",
    words: words::TOKENIZER,
    seeds: tokenizer_folder_seeds,
    read: read_tokenizer_folder,
    base_bytes: EXPRESSION_BYTES,
    ..JSON
};

pub(crate) const SENTENCEPIECE: Target = Target {
    name: "sentencepiece",
    kind: Kind::Binary,
    seeds: || vec![file("sentencepiece/t5", "spiece.model"), file("sentencepiece/llama", "tokenizer.model")],
    read: read_sentencepiece,
    base_bytes: EXPRESSION_BYTES,
    bytes_a_byte: PIECE_BYTES_A_BYTE,
    ..PLAIN
};

pub(crate) const CHAT_TEMPLATE: Target = Target {
    name: "chat_template",
    words: words::TEMPLATE,
    seeds: template_seeds,
    read: read_template,
    base_bytes: TEMPLATE_BYTES,
    ..PLAIN
};

pub(crate) const ADAPTER_SETTINGS: Target = Target {
    name: "adapter_config",
    words: words::ADAPTER,
    seeds: || {
        ["gpt2_lora/adapter", "gpt2_rslora/adapter", "gpt2_dora/adapter"]
            .map(|from| file(from, ADAPTER_CONFIG))
            .to_vec()
    },
    read: read_adapter,
    base_bytes: EXPRESSION_BYTES,
    ..JSON
};

pub(crate) const WEIGHT_INDEX: Target = Target { name: "weight_index", seeds: index_seeds, read: read_index, ..JSON };

fn read_safetensors(bytes: &[u8]) -> bool {
    drop(check_file("model.safetensors", bytes, bytes.len() as u64));
    let Ok(file) = WeightFile::open("model.safetensors", bytes) else { return false };
    file.names().all(|name| {
        let shape = file.shape(name).expect("it was listed");
        let ids = file.read_ids(name);
        assert!(ids.is_none_or(|(of, ids)| of.iter().product::<usize>() == ids.len()));
        file.read(name).is_ok_and(|tensor| tensor.is_some_and(|tensor| tensor.shape == shape))
    })
}

fn config_seeds() -> Vec<Vec<u8>> {
    let folders = [
        "bert_cls_tiny",
        "distilbert_cls_tiny",
        "roberta_cls_tiny",
        "albert_pair_tiny",
        "deberta_v2_pair_tiny",
        "electra_pair_tiny",
        "modernbert_pair_tiny",
        "mpnet_pair_tiny",
        "gpt2_tiny",
        "gpt_neo_tiny",
        "llama_tiny",
        "llama3_rope_tiny",
        "mistral_window_tiny",
        "qwen2_tiny",
        "qwen3_tiny",
        "gemma2_tiny",
        "gemma3_tiny",
        "granite_tiny",
        "olmo2_tiny",
        "phi3_tiny",
        "smollm3_tiny",
        "t5_tiny",
        "t5_gated_tiny",
        "vit_tiny",
        "deit_tiny",
        "dinov2_tiny",
        "dinov2_swiglu_tiny",
    ];
    folders.iter().map(|folder| file(folder, "config.json")).collect()
}

fn read_config(bytes: &[u8]) -> bool {
    drop(check_file("config.json", bytes, bytes.len() as u64));
    let Ok(config) = ModelConfig::from_json(bytes) else { return false };
    let _ = (config.max_tokens(), config.vocab_size());
    Task::ALL.iter().filter(|task| config.with_head(task.spec().head).is_ok()).count() > 0
}

/// A model whose config.json is not what its weights are: it is refused before memory is asked for.
fn read_model(config: &[u8]) -> bool {
    let is_llama = config.windows(5).any(|word| word == b"llama" || word == b"Llama");
    let from = if is_llama { "field/llama" } else { "field/encoder" };
    let mut folder = Folder::new();
    for name in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        folder.insert(name, file(from, name));
    }
    folder.insert("config.json", config);
    let Ok(pretrained) = PretrainedModel::open(folder) else { return false };
    let labels = pretrained.config.labels.len().max(2);
    drop(pretrained.build(pretrained.config.head_kind(), Pooling::Cls, labels, 1, &devices::cpu()));
    true
}

fn read_tokenizer(bytes: &[u8]) -> bool {
    let mut folder = Folder::new();
    folder.insert("tokenizer.json", bytes);
    use_tokenizer(&folder)
}

/// As a model without a class reads it, else as T5.
fn read_sentencepiece(bytes: &[u8]) -> bool {
    ["{}", r#"{"model_type": "t5"}"#].into_iter().any(|config| {
        let files = [("spiece.model", bytes), ("config.json", config.as_bytes())];
        use_tokenizer(&files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).into_iter().collect())
    })
}

/// The files of a folder as one JSON object: by its name what is in a file, a text or JSON.
fn tokenizer_folder_seeds() -> Vec<Vec<u8>> {
    let names = [
        "word_piece_added_tokens_decoder",
        "word_piece_special_tokens_map",
        "word_piece_json_and_added_tokens_json",
        "gpt2_added_tokens_json",
        "gpt2_space_as_written",
        "llama_legacy",
        "roberta_mask_by_map",
        "qwen2_vocabulary_alone",
        "t5_unigram",
    ];
    let files = |name: &str| -> Vec<u8> {
        let fixture: Value =
            serde_json::from_slice(&file("tokenizers", &format!("{name}.json"))).expect("the fixture is JSON");
        fixture["files"].to_string().into_bytes()
    };
    names.into_iter().map(files).collect()
}

fn read_tokenizer_folder(bytes: &[u8]) -> bool {
    let Ok(Value::Object(files)) = serde_json::from_slice(bytes) else { return false };
    let content = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let folder: Folder = files.into_iter().map(|(name, value)| (name, content(value).into_bytes())).collect();
    drop(ChatTemplate::from_folder(&folder, DATE));
    use_tokenizer(&folder)
}

fn use_tokenizer(folder: &Folder) -> bool {
    let Ok(tokenizer) = Tokenizer::from_folder(folder, None) else { return false };
    for text in ["", "Hello, world! 你好 \u{1f600}\u{301}", "a b\tc\nd  [SEP] <s> </s> aaaaaaaaaaaaaaaaaaaaaaaa"] {
        if let Ok(encoded) = tokenizer.encode(text, 16) {
            assert!(encoded.ids.len() <= 16, "more tokens than were asked for");
            drop(tokenizer.decode(&encoded.ids, false));
        }
        drop(tokenizer.encode_with_offsets(text));
    }
    let mut stream = TextStream::new(&tokenizer, &[2, 3], true);
    for id in 0..12 {
        drop(stream.push(id));
    }
    drop(stream.finish());
    true
}

const DATE: TemplateDate = TemplateDate { year: 2026, month: 7, day: 4 };

fn template_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(words::TEMPLATES);
    seeds.push(file("field/29-reasoning-content/model", "chat_template.jinja"));
    seeds
}

fn read_template(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(template) = ChatTemplate::new(text, Some("<s>".into()), Some("</s>".into()), DATE) else { return false };
    let turns: Vec<Turn> = [(Role::User, "a question"), (Role::Assistant, "an answer"), (Role::User, "more")]
        .map(|(role, content)| Turn::new(role, content))
        .into();
    let is_written = template.render(&turns, true).is_ok();
    drop(template.pieces(&turns.into()));
    is_written
}

/// An adapter whose settings are not what its weights are.
fn read_adapter(bytes: &[u8]) -> bool {
    let mut folder = Folder::new();
    folder.insert(ADAPTER_CONFIG, bytes);
    if read_adapter_config(&folder).is_err() {
        return false;
    }
    folder.insert(ADAPTER_WEIGHTS, file("gpt2_lora/adapter", ADAPTER_WEIGHTS));
    let config = ModelConfig::from_json(&file("gpt2_tiny", "config.json")).expect("a good config");
    let device = devices::cpu();
    let model = Golden::tiny("gpt2_tiny").model(&device);
    drop(lora_of_adapter(&config, &model, &folder));
    load_adapter(&config, model, &folder, &device).is_ok()
}

fn index_seeds() -> Vec<Vec<u8>> {
    let outside = "{\"metadata\": {\"total_size\": 10}, \"weight_map\": {\"a.weight\": \"model-00001-of-00002.safetensors\", \
                   \"b.weight\": \"model-00002-of-00002.safetensors\", \"c\": \"../x.safetensors\", \"d\": \"/etc/x.safetensors\"}}";
    let inside = outside.replace("../x", "x").replace("/etc/x", "y");
    texts(&[outside, &inside])
}

fn read_index(bytes: &[u8]) -> bool {
    let Ok(names) = shard_names(bytes) else { return false };
    for name in &names {
        let is_plain = !name.contains(['/', '\\']) && !name.starts_with('.') && name.ends_with(".safetensors");
        assert!(is_plain && check_weight_file_name(name).is_ok(), "a name that leaves the folder: {name:?}");
    }
    true
}
