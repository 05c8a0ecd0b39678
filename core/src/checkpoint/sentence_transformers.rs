//! Folders of `sentence-transformers`, in and out: what comes after the token states is their mean or the state of the first
//! token, at length 1.
//!
//! In: the files of a folder; out of them how texts become vectors, and what of it is not followed. Out: the files that make
//! a folder with a bare encoder one of `sentence-transformers`.
//!
//! Reference: sentence-transformers 6.2, `SentenceTransformer.save_pretrained`; module types are written as all versions
//! know them. The folder `2_Normalize` that `modules.json` names holds no file: that module has nothing to say.

use serde_json::{Value, json};

use super::export::pretty;
use super::notes::{cut, quoted};
use crate::config::RunConfig;
use crate::folder::Folder;
use crate::hub::{MODULES, POOLING, PROMPTS, SENTENCE_LENGTH};
use crate::model::{ModelConfig, RowVector};
use crate::task::CardText;

/// The ways of pooling, as `1_Pooling/config.json` calls them: since version 6 by the name, before with a field for each.
const WAYS: [(&str, &str); 6] = [
    ("cls", "pooling_mode_cls_token"),
    ("mean", "pooling_mode_mean_tokens"),
    ("max", "pooling_mode_max_tokens"),
    ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
    ("weightedmean", "pooling_mode_weightedmean_tokens"),
    ("lasttoken", "pooling_mode_lasttoken"),
];

/// Lines of a card's Python that take the mean, and that which takes the first token.
const CODE_OF_MEAN: &str = "mask = inputs[\"attention_mask\"].unsqueeze(-1)
states = model(**inputs).last_hidden_state
embeddings = (states * mask).sum(1) / mask.sum(1)";
const CODE_OF_FIRST: &str = "embeddings = model(**inputs).last_hidden_state[:, 0]";

/// Takes vectors as the folder pools them, where that is by the first token.
pub(super) fn adopt_pooling(config: &mut ModelConfig, folder: &Folder) {
    if ways_of(folder) == ["cls"] {
        config.row_vector = RowVector::FirstToken;
    }
}

/// What of a folder of `sentence-transformers` is not followed where it turns texts into vectors, a sentence each.
pub(crate) fn pooling_notes(folder: &Folder) -> Vec<String> {
    let mut notes = Vec::new();
    let ways = ways_of(folder);
    let known = ["cls", "mean", "mean_sqrt_len_tokens"];
    let differ = "its vectors here are others than those of sentence-transformers";
    if ways.len() > 1 || ways.iter().any(|way| !known.contains(&way.as_str())) {
        let ways = quoted(&ways);
        notes.push(format!("{POOLING} pools by {ways}, and Hone takes the mean of the token states: {differ}"));
    }
    let modules = modules_of(folder);
    if modules.iter().any(|name| name == "Pooling") && folder.get(POOLING).is_none() {
        notes.push(format!(
            "{MODULES} names a module that pools, and {POOLING}, which would say how, is not here: Hone takes the mean of the token \
             states, so {differ} where those pool in another way"
        ));
    }
    let others: Vec<String> = modules
        .iter()
        .filter(|name| !["Transformer", "Pooling", "Normalize", "Dropout"].contains(&name.as_str()))
        .cloned()
        .collect();
    if !others.is_empty() {
        notes.push(format!("{MODULES} names modules that Hone does not have, {}: {differ}", quoted(&others)));
    }
    if !modules.is_empty() && !modules.iter().any(|name| name == "Normalize") {
        notes.push("its vectors have length 1 here, and not in sentence-transformers: cosines are the same".into());
    }
    if let Some(size) = read(folder, PROMPTS).and_then(|json| json.get("truncate_dim")?.as_u64()) {
        notes
            .push(format!("{PROMPTS} has vectors cut to their first {size} numbers, which Hone does not do: {differ}"));
    }
    let lowers = |json: Value| json.get("do_lower_case").and_then(Value::as_bool) == Some(true);
    if read(folder, SENTENCE_LENGTH).is_some_and(lowers) {
        notes.push(format!(
            "{SENTENCE_LENGTH} has texts written in small letters, which Hone leaves to the tokenizer: where that keeps capitals, \
             {differ}"
        ));
    }
    if let Some(prompt) = default_prompt(folder) {
        notes.push(format!(
            "{PROMPTS} has {:?} written before every text, which Hone does not do: write it before your texts",
            cut(&prompt)
        ));
    }
    notes
}

/// How a folder pools; empty where it does not say.
fn ways_of(folder: &Folder) -> Vec<String> {
    let Some(json) = read(folder, POOLING) else { return Vec::new() };
    let named = match json.get("pooling_mode") {
        Some(Value::String(way)) => vec![way.clone()],
        Some(Value::Array(ways)) => ways.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if !named.is_empty() {
        return named;
    }
    let is_on = |field: &str| json.get(field).and_then(Value::as_bool) == Some(true);
    WAYS.iter().filter(|(_, field)| is_on(field)).map(|(way, _)| (*way).to_owned()).collect()
}

/// The last parts of the types of a folder's modules: `Transformer`.
fn modules_of(folder: &Folder) -> Vec<String> {
    let Some(Value::Array(modules)) = read(folder, MODULES) else { return Vec::new() };
    let name = |module: &Value| {
        let kind = module.get("type")?.as_str()?;
        Some(kind.rsplit('.').next().unwrap_or(kind).to_owned())
    };
    modules.iter().filter_map(name).collect()
}

/// What is written before each text that is given without a prompt.
fn default_prompt(folder: &Folder) -> Option<String> {
    let json = read(folder, PROMPTS)?;
    let prompt = json.get("prompts")?.get(json.get("default_prompt_name")?.as_str()?)?.as_str()?;
    (!prompt.is_empty()).then(|| prompt.to_owned())
}

fn read(folder: &Folder, name: &str) -> Option<Value> {
    serde_json::from_slice(folder.get(name)?).ok()
}

/// Makes a card say how a model pools.
pub(super) fn describe_pooling(config: &ModelConfig, text: &mut CardText) {
    if config.row_vector != RowVector::FirstToken {
        return;
    }
    text.what = text.what.replace("the mean of the token states", "the state of the first token");
    text.python = text.python.take().map(|code| code.replace(CODE_OF_MEAN, CODE_OF_FIRST));
}

/// The files, by name.
pub(super) fn sentence_transformers_files(config: &ModelConfig, run: &RunConfig) -> [(&'static str, String); 4] {
    let module = |index: usize, path: &str, name: &str| {
        let kind = format!("sentence_transformers.models.{name}");
        json!({ "idx": index, "name": index.to_string(), "path": path, "type": kind })
    };
    let modules =
        json!([module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")]);
    let is_first = config.row_vector == RowVector::FirstToken;
    let pooling = json!({
        "word_embedding_dimension": config.hidden_size(),
        "pooling_mode_cls_token": is_first,
        "pooling_mode_mean_tokens": !is_first,
        "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false,
    });
    let max_seq_length = config.max_tokens().min(run.max_seq_length as usize);
    let texts = json!({ "max_seq_length": max_seq_length, "do_lower_case": false });
    let whole = json!({ "prompts": {}, "default_prompt_name": null, "similarity_fn_name": "cosine" });
    [
        (MODULES, pretty(&modules)),
        (POOLING, pretty(&pooling)),
        (SENTENCE_LENGTH, pretty(&texts)),
        (PROMPTS, pretty(&whole)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions};
    use crate::task::{CardRequest, Task};

    fn encoder() -> ModelConfig {
        let config = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
            "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;
        ModelConfig::from_json(config.as_bytes()).expect("usable")
    }

    fn folder(pooling: &str, modules: &[&str]) -> Folder {
        let module = |name: &&str| json!({ "type": format!("sentence_transformers.models.{name}") });
        let mut folder = Folder::new();
        folder.insert(POOLING, pooling);
        folder.insert(MODULES, Value::from(modules.iter().map(module).collect::<Vec<_>>()).to_string());
        folder
    }

    #[test]
    fn a_folder_says_how_it_pools_in_both_spellings() {
        let usual = ["Transformer", "Pooling", "Normalize"];
        for (pooling, expected) in [
            (r#"{"pooling_mode": "cls"}"#, RowVector::FirstToken),
            (r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#, RowVector::FirstToken),
            (r#"{"pooling_mode": "mean", "include_prompt": true}"#, RowVector::Mean),
            (r#"{"pooling_mode_mean_tokens": true}"#, RowVector::Mean),
            ("{", RowVector::Mean),
        ] {
            let (mut config, folder) = (encoder(), folder(pooling, &usual));
            adopt_pooling(&mut config, &folder);
            assert_eq!((config.row_vector, pooling_notes(&folder)), (expected, Vec::new()), "{pooling}");
            // What is written is read again.
            let mut written = Folder::new();
            for (name, text) in sentence_transformers_files(&config, &RunConfig::default()) {
                written.insert(name, text);
            }
            let mut again = encoder();
            adopt_pooling(&mut again, &written);
            assert_eq!((again.row_vector, pooling_notes(&written)), (expected, Vec::new()), "{pooling}");
        }
    }

    #[test]
    fn a_card_says_how_the_model_pools() {
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let card = |is_adapter| {
            let mut config = encoder();
            config.row_vector = RowVector::FirstToken;
            let request = CardRequest { class_name: "BertModel", labels: &[], job: &job, is_adapter };
            let mut text = Task::SentenceEmbedding.card(&request);
            describe_pooling(&config, &mut text);
            (text.what, text.python.expect("no pipeline of transformers does it"))
        };
        let (what, python) = card(true);
        assert!(what.contains("the state of the first token, of length 1"), "{what}");
        assert!(
            python.contains("last_hidden_state[:, 0]\nembeddings = embeddings / ") && !python.contains("mask"),
            "{python}"
        );
        assert!(card(false).1.contains("SentenceTransformer"));
    }

    #[test]
    fn what_is_not_followed_is_said() {
        for pooling in [
            r#"{"pooling_mode": "max"}"#,
            r#"{"pooling_mode": ["cls", "mean"]}"#,
            r#"{"pooling_mode_lasttoken": true}"#,
        ] {
            let notes = pooling_notes(&folder(pooling, &["Transformer", "Pooling", "Normalize"]));
            assert!(notes.len() == 1 && notes[0].contains("Hone takes the mean"), "{pooling}: {notes:?}");
        }
        let mut others = folder(r#"{"pooling_mode": "mean"}"#, &["Transformer", "Pooling", "Dense"]);
        others.insert(PROMPTS, r#"{"prompts": {"query": "query: "}, "default_prompt_name": "query"}"#);
        let notes = pooling_notes(&others);
        assert!(notes[0].contains("does not have, \"Dense\"") && notes[1].contains("have length 1"), "{notes:?}");
        assert!(notes.len() == 3 && notes[2].contains("has \"query: \" written"), "{notes:?}");
        others.remove(POOLING).expect("it was there");
        let notes = pooling_notes(&others);
        assert!(notes.len() == 4 && notes[0].contains("which would say how, is not here"), "{notes:?}");
        assert!(pooling_notes(&Folder::new()).is_empty(), "another model");

        let mut cut = folder(r#"{"pooling_mode": "mean"}"#, &["Transformer", "Pooling", "Dropout", "Normalize"]);
        assert!(pooling_notes(&cut).is_empty(), "dropout does nothing after training");
        cut.insert(PROMPTS, r#"{"truncate_dim": 8}"#);
        cut.insert(SENTENCE_LENGTH, r#"{"do_lower_case": true}"#);
        let notes = pooling_notes(&cut);
        assert!(notes.len() == 2 && notes[0].contains("first 8 numbers"), "{notes:?}");
        assert!(notes[1].contains("small letters"), "{notes:?}");
    }

    #[test]
    fn texts_are_cut_as_in_training_and_their_states_are_averaged() {
        let config = encoder();
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
