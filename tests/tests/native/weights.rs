//! Whose weights answer: the base's, an adapter's or a run's, and never those of what was loaded before; and what is made
//! of weights that are not as `config.json` says.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{ADAPTER_CONFIG, HeadRequest, INDEX, PretrainedModel, WEIGHTS, export_folder};
use hone_core::config::{ExportFormat, Job, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::model::ProblemType;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::HeadKind;
use hone_tests::classes::predict;
use hone_tests::texts::{adapter, loaded, loss, ready, run, write};
use hone_tests::{paths, rows};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

fn source() -> ModelSource {
    ModelSource::Local { name: "tiny".into() }
}

/// The adapter, scaled by nothing: with it the model writes as without.
fn without_effect(adapter: &Folder) -> Folder {
    let mut folder = adapter.clone();
    let config = folder.get(ADAPTER_CONFIG).expect("it has settings");
    let mut config: Value = serde_json::from_slice(config).expect("they are JSON");
    config["lora_alpha"] = json!(0.0);
    folder.insert(ADAPTER_CONFIG, config.to_string());
    folder
}

fn assert_no_tuned_model(session: &mut Session) {
    let measured = block_on(session.evaluate_general(Weights::Tuned, None, &mut |_, _| {}));
    let error = measured.expect_err("there is no tuned model").to_string();
    assert!(!session.is_trained() && error.contains("nothing has been trained"), "{error}");
}

#[test]
fn what_was_loaded_last_answers() {
    let adapter = adapter();
    let mut session = loaded();
    let base = write(&mut session, Weights::Base);
    assert_no_tuned_model(&mut session);

    session.load_adapter(adapter.clone()).expect("it fits");
    let tuned = write(&mut session, Weights::Tuned);
    assert_ne!(tuned, base);
    for _ in 0..2 {
        assert_eq!(write(&mut session, Weights::Base), base, "the base is untouched");
        assert_eq!(write(&mut session, Weights::Tuned), tuned);
    }
    session.load_adapter(without_effect(&adapter)).expect("it fits");
    assert_eq!(write(&mut session, Weights::Tuned), base, "another adapter takes the place of the first");
    session.load_adapter(adapter).expect("it fits");
    assert_eq!(write(&mut session, Weights::Tuned), tuned);
    let other = paths::read_folder(&paths::fixture("gpt2_lora").join("adapter"));
    session.load_adapter(other).expect_err("it is for another model");
    assert_eq!(write(&mut session, Weights::Tuned), tuned, "one that does not fit leaves the one before");
    session.release_built();
    assert_eq!([Weights::Tuned, Weights::Base].map(|which| write(&mut session, which)), [tuned.clone(), base.clone()]);

    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    session.load_model(source(), merged).expect("the merged model loads");
    assert_eq!(write(&mut session, Weights::Base), tuned, "another model drops the one before");
    assert_no_tuned_model(&mut session);
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_decoder"))).expect("the fixture loads");
    assert_eq!(write(&mut session, Weights::Base), base);
}

#[test]
fn a_run_takes_the_place_of_an_adapter_and_a_model_that_of_a_run() {
    let mut session = ready(&run());
    let base = write(&mut session, Weights::Base);
    session.load_adapter(adapter()).expect("it fits");
    let tuned = write(&mut session, Weights::Tuned);
    assert_ne!(tuned, base);
    session.start(run()).expect("it starts");
    let both = [Weights::Tuned, Weights::Base].map(|which| write(&mut session, which));
    assert_eq!(both, [base.clone(), base.clone()], "a fresh adapter changes nothing yet");
    let error = session.load_adapter(adapter()).expect_err("the run's weights answer").to_string();
    assert!(error.starts_with("there is a run, and its weights answer"), "{error}");
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_decoder"))).expect("the fixture loads");
    assert_eq!(write(&mut session, Weights::Base), base);
    assert_no_tuned_model(&mut session);
}

#[test]
fn a_head_is_as_wide_as_the_rows_have_labels() {
    let mut session = Session::new(Device::flex());
    session.load_model(source(), paths::read_folder(&paths::fixture("tiny_encoder"))).expect("the fixture loads");
    let texts = ["we spoke of the soup".to_owned()];
    let width =
        |session: &mut Session| predict(session, &texts, Weights::Base).expect("it predicts").first().map(Vec::len);
    assert_eq!(width(&mut session), Some(2), "no labels are known yet");
    let files = DataFiles { train: ("rows.csv".into(), rows::csv(60).into_bytes()), ..DataFiles::default() };
    let run = RunConfig { max_seq_length: 32, ..RunConfig::default() };
    session.load_data(files, &ReadOptions::default(), &run).expect("the rows load");
    assert_eq!(width(&mut session), Some(rows::LABELS.len()));
}

/// Probabilities in the field cases are rounded to six digits.
const PROBABILITY: f64 = 2e-6;
/// Losses in the field cases come from f32.
const LOSS: f64 = 1e-5;

fn field(name: &str) -> Folder {
    paths::read_folder(&paths::fixture("field").join(name))
}

fn json_of(path: &str) -> Value {
    let bytes = std::fs::read(paths::fixture("field").join(path)).expect("the fixture can be read");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

fn lines(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(paths::fixture("field").join(path)).expect("the fixture can be read");
    text.lines().skip(1).map(str::to_owned).collect()
}

/// The folder with another config.
fn with_config(mut folder: Folder, change: impl Fn(&mut Value)) -> Folder {
    let config = folder.get("config.json").expect("it has a config");
    let mut config: Value = serde_json::from_slice(config).expect("it is JSON");
    change(&mut config);
    folder.insert("config.json", config.to_string());
    folder
}

/// The folder's tensors in files of these names, each under what `rename` makes of its name; left out where that is
/// nothing. More than one file gets an index.
fn with_weights(folder: &Folder, files: &[&str], rename: impl Fn(&str) -> Option<String>) -> Folder {
    let bytes = folder.get(WEIGHTS).expect("it has weights");
    let opened = SafeTensors::deserialize(bytes).expect("they are whole");
    let mut shards: Vec<BTreeMap<String, TensorView<'_>>> = vec![BTreeMap::new(); files.len()];
    let mut weight_map = serde_json::Map::new();
    for (index, (name, view)) in opened.tensors().into_iter().enumerate() {
        if let Some(name) = rename(&name) {
            weight_map.insert(name.clone(), json!(files[index % files.len()]));
            shards[index % files.len()].insert(name, view);
        }
    }
    let mut changed = Folder::new();
    folder.iter().filter(|(name, _)| *name != WEIGHTS).for_each(|(name, bytes)| changed.insert(name, bytes));
    for (file, shard) in files.iter().zip(shards) {
        changed.insert(*file, safetensors::serialize(shard, None).expect("it serializes"));
    }
    if files != [WEIGHTS] {
        changed.insert(INDEX, json!({ "weight_map": weight_map }).to_string());
    }
    changed
}

/// The folder with its weights outside of it, where they are read in parts.
fn elsewhere(folder: &Folder) -> Folder {
    let mut moved = folder.clone();
    for (name, bytes) in folder.iter().filter(|(name, _)| name.ends_with(".safetensors")) {
        moved.insert_stored(name, Rc::new(bytes.to_vec()));
    }
    moved
}

fn open_error(folder: Folder) -> String {
    PretrainedModel::open(folder).expect_err("it is refused").to_string()
}

fn assert_probabilities(folder: Folder, prefix: &str) {
    let mut session = Session::new(Device::flex());
    let info = session.load_model(source(), folder).expect("it loads");
    let note = format!("begin with \"{prefix}\"");
    assert!(info.notes.iter().any(|line| line.contains(&note)), "{:?}", info.notes);
    assert_eq!(info.labels, ["neg", "pos"], "the head is the file's");
    let case = "19-torch-compile-prefix";
    let texts = lines(&format!("{case}/texts.csv"));
    let found = predict(&mut session, &texts, Weights::Base).expect("it predicts");
    let expected = json_of(&format!("{case}/expected.json"));
    let rows = expected["probabilities"].as_array().expect("a row a text");
    assert_eq!(found.len(), rows.len());
    for (found, expected) in found.iter().zip(rows) {
        for (label, probability) in found.iter().enumerate() {
            let expected = expected[label].as_f64().expect("a number");
            assert!((f64::from(*probability) - expected).abs() < PROBABILITY, "{probability} for {expected}");
        }
    }
}

#[test]
fn weights_behind_a_wrappers_prefix_answer_as_they_should() {
    assert_probabilities(field("19-torch-compile-prefix/model"), "_orig_mod.");
    assert_probabilities(field("19-torch-compile-prefix/model_ddp"), "module.");
    let plain = with_weights(&field("19-torch-compile-prefix/model"), &[WEIGHTS], |name| {
        Some(name.trim_start_matches("_orig_mod.").to_owned())
    });
    for prefix in ["model.", "_fsdp_wrapped_module.", "my.network.", "base_model.model."] {
        let files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let shards = with_weights(&plain, &files, |name| Some(format!("{prefix}{name}")));
        assert_probabilities(elsewhere(&shards), prefix);
        assert_probabilities(shards, prefix);
    }
}

/// Loss of the language model on its field case's rows.
fn token_loss(session: &mut Session) -> f64 {
    let bytes = std::fs::read(paths::fixture("field/18-tied-config-untied-head/rows.jsonl")).expect("it can be read");
    let files = DataFiles { train: ("rows.jsonl".into(), bytes), ..DataFiles::default() };
    session.load_rows_to_measure(files, &ReadOptions::default()).expect("the rows load");
    loss(&block_on(session.evaluate(Weights::Base, Split::Train, &mut |_, _| {})).expect("it is measured").0)
}

#[test]
fn a_stored_head_that_differs_counts_although_the_config_says_tied() {
    let folder = field("18-tied-config-untied-head/model");
    let mut session = Session::new(Device::flex());
    let info = session.load_model(source(), folder.clone()).expect("it loads");
    assert!(info.notes.iter().any(|note| note.contains("lm_head.weight is used")), "{:?}", info.notes);
    let expected = json_of("18-tied-config-untied-head/expected.json")["loss"].as_f64().expect("a number");
    let loss = token_loss(&mut session);
    assert!((loss - expected).abs() < LOSS, "{loss} for {expected}");

    let pretrained = PretrainedModel::open(folder).expect("it is whole");
    let head = HeadKind::CausalLm;
    let (model, _) = pretrained.build(head, Pooling::Cls, 0, 0, &Device::flex()).expect("it builds");
    let job = Job::new(source(), None, ReadOptions::default(), RunConfig::default());
    let exported = block_on(export_folder(&pretrained, &model, &[], &job, None)).expect("it exports");
    let config: Value = serde_json::from_slice(exported.get("config.json").expect("it has one")).expect("it is JSON");
    assert_eq!(config["tie_word_embeddings"], json!(false));
    let mut session = Session::new(Device::flex());
    session.load_model(source(), exported).expect("it loads");
    assert_eq!(token_loss(&mut session).to_bits(), loss.to_bits(), "what was saved answers the same");
}

#[test]
fn tied_tables_may_have_either_name_and_an_untied_head_must_be_there() {
    let folder = field("18-tied-config-untied-head/model");
    let without =
        |key: &'static str| with_weights(&folder, &[WEIGHTS], move |name| (name != key).then(|| name.to_owned()));
    let headless = PretrainedModel::open(without("lm_head.weight")).expect("it is tied");
    assert!(headless.notes.is_empty(), "{:?}", headless.notes);
    let tableless = PretrainedModel::open(without("model.embed_tokens.weight")).expect("it is tied");
    assert!(
        tableless.notes[0].contains("lm_head.weight is used as model.embed_tokens.weight"),
        "{:?}",
        tableless.notes
    );
    tableless.build(HeadKind::CausalLm, Pooling::Cls, 0, 0, &Device::flex()).expect("the table is the head's");
    let untied = with_config(without("lm_head.weight"), |config| config["tie_word_embeddings"] = json!(false));
    let error = open_error(untied);
    assert!(error.contains("lm_head.weight") && error.contains("tie_word_embeddings false"), "{error}");
}

#[test]
fn the_table_of_t5_may_have_the_name_of_a_stack() {
    let folder = paths::read_folder(&paths::fixture("tiny_t5"));
    let renamed = with_weights(&folder, &[WEIGHTS], |name| match name {
        "shared.weight" => Some("encoder.embed_tokens.weight".to_owned()),
        "encoder.embed_tokens.weight" | "decoder.embed_tokens.weight" => None,
        other => Some(other.to_owned()),
    });
    let pretrained = PretrainedModel::open(renamed).expect("its tables are one");
    let said = "encoder.embed_tokens.weight is used as shared.weight";
    assert!(pretrained.notes.iter().any(|note| note.contains(said)), "{:?}", pretrained.notes);
    pretrained.build(HeadKind::Seq2seqLm, Pooling::Cls, 0, 0, &Device::flex()).expect("nothing is missing");
}

#[test]
fn half_a_classifier_is_named() {
    let folder = field("13-multi-label-and-regression-heads/multi");
    let notes = |lacking: &'static str| {
        let folder = with_weights(&folder, &[WEIGHTS], |name| (name != lacking).then(|| name.to_owned()));
        let pretrained = PretrainedModel::open(folder).expect("the encoder is whole");
        let (_, report) = pretrained.build(HeadKind::Sequence, Pooling::Cls, 3, 0, &Device::flex()).expect("it builds");
        report.notes
    };
    assert!(notes("").is_empty(), "{:?}", notes(""));
    let said = "the weights hold classifier.weight and lack classifier.bias: the file is incomplete";
    let found = notes("classifier.bias");
    assert!(found.len() == 1 && found[0].starts_with(said), "{found:?}");
}

#[test]
fn a_vocabulary_that_the_weights_contradict_is_the_configs_fault() {
    let small =
        with_config(field("13-multi-label-and-regression-heads/multi"), |config| config["vocab_size"] = json!(6));
    let error = open_error(small);
    assert!(error.contains("word_embeddings.weight has shape") && error.contains("vocab_size 6"), "{error}");
}

#[test]
fn an_image_model_of_several_labels_says_that_these_are_not_supported() {
    let folder = paths::read_folder(&paths::fixture("tiny_vit"));
    let plain = PretrainedModel::open(folder.clone()).expect("it is whole");
    assert!(plain.notes.is_empty(), "{:?}", plain.notes);
    let several = with_config(folder, |config| config["problem_type"] = json!("multi_label_classification"));
    let several = PretrainedModel::open(several).expect("it is whole");
    let said =
        "classifier.weight is a head for multi_label_classification, which is not supported of models that read images";
    assert!(several.notes.iter().any(|note| note.starts_with(said)), "{:?}", several.notes);
}

#[test]
fn weights_of_64_bits_answer_and_are_said() {
    let folder = field("13-multi-label-and-regression-heads/multi");
    let single = PretrainedModel::open(folder.clone()).expect("it is whole");
    let opened = SafeTensors::deserialize(folder.get(WEIGHTS).expect("it has weights")).expect("they are whole");
    let doubles: Vec<(String, Vec<usize>, Vec<u8>)> = opened
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            assert_eq!(view.dtype(), Dtype::F32, "{name}");
            let values =
                view.data().chunks_exact(4).map(|word| f32::from_le_bytes(word.try_into().expect("four bytes")));
            (name, view.shape().to_vec(), values.flat_map(|value| f64::from(value).to_le_bytes()).collect())
        })
        .collect();
    let views = doubles.iter().map(|(name, shape, data)| {
        (name.as_str(), TensorView::new(Dtype::F64, shape.clone(), data).expect("sizes agree"))
    });
    let mut double = folder.clone();
    double.insert(WEIGHTS, safetensors::serialize(views.collect::<Vec<_>>(), None).expect("it serializes"));
    let double = PretrainedModel::open(double).expect("it is whole");
    let said = format!("tensors in F64, read as F32: {}", doubles.len());
    assert!(double.notes.contains(&said), "{:?}", double.notes);
    let classifier = |pretrained: &PretrainedModel| {
        let built = pretrained.build(HeadKind::Sequence, Pooling::Cls, 3, 0, &Device::flex()).expect("it builds");
        let job = Job::new(source(), None, ReadOptions::default(), RunConfig::default());
        let labels = pretrained.config.labels.clone();
        block_on(export_folder(pretrained, &built.0, &labels, &job, None))
            .expect("it exports")
            .get(WEIGHTS)
            .map(<[u8]>::to_vec)
    };
    assert!(classifier(&double) == classifier(&single), "the same numbers leave");
}

#[test]
fn heads_of_other_tasks_are_told_apart_and_never_trained_on() {
    use ProblemType::{MultiLabelClassification, Regression, SingleLabelClassification};
    let cases = [("multi", 3, MultiLabelClassification), ("score", 1, Regression), ("score", 1, Regression)];
    for (index, (name, outputs, own)) in cases.into_iter().enumerate() {
        let mut folder = field(&format!("13-multi-label-and-regression-heads/{name}"));
        if index == 2 {
            folder = with_config(folder, |config| config["problem_type"] = json!(null));
        }
        let pretrained = PretrainedModel::open(folder).expect("it is whole");
        assert_eq!(pretrained.config.problem_type, own);
        let fresh = |problem_type: ProblemType, outputs: usize| {
            let head = HeadRequest { kind: HeadKind::Sequence, problem_type: Some(problem_type) };
            let (_, report) = pretrained.build(head, Pooling::Cls, outputs, 0, &Device::flex()).expect("it builds");
            report.fresh_modules
        };
        let other = fresh(SingleLabelClassification, outputs);
        assert_eq!(other, ["classifier"], "the pooler is the model's, the classifier is not");
        assert!(fresh(own, outputs).is_empty(), "it is trained on for what it is for");
        assert_eq!(fresh(own, outputs + 1), ["classifier"], "of another number");
    }
}

#[test]
fn a_head_of_tokens_is_none_of_rows_although_it_has_the_same_name() {
    let folder = with_config(field("13-multi-label-and-regression-heads/multi"), |config| {
        config["architectures"] = json!(["BertForTokenClassification"]);
    });
    let pretrained = PretrainedModel::open(folder).expect("it is whole");
    let fresh = |kind| {
        let (_, report) = pretrained.build(kind, Pooling::Cls, 3, 0, &Device::flex()).expect("it builds");
        report.fresh_modules
    };
    assert_eq!(fresh(HeadKind::Sequence), ["classifier"]);
    assert!(fresh(HeadKind::Token).is_empty());
    assert!(pretrained.holds_head(HeadKind::Token) && !pretrained.holds_head(HeadKind::Sequence));
    assert_eq!(fresh(HeadKind::Span), ["qa_outputs"]);
}

#[test]
fn a_random_part_under_an_adapters_classifier_is_a_warning() {
    let case = "26-adapter-on-a-base-without-pooler";
    let mut session = Session::new(Device::flex());
    session.load_model(source(), field(&format!("{case}/base"))).expect("it loads");
    assert!(session.warnings().is_empty(), "it has no head that anything was trained for");
    session.load_adapter(field(&format!("{case}/adapter"))).expect("it fits");
    let warnings = session.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("bert.pooler.dense"), "{warnings:?}");

    // A classifier in the model's own file, without the pooler that it was trained on.
    let whole = field("19-torch-compile-prefix/model");
    let headed = with_weights(&whole, &[WEIGHTS], |name| (!name.contains("pooler")).then(|| name.to_owned()));
    session.load_model(source(), headed).expect("it loads");
    assert!(session.warnings()[0].contains("bert.pooler.dense"), "{:?}", session.warnings());
}

#[test]
fn a_config_that_the_weights_do_not_bear_out_is_refused_before_anything_is_built() {
    let encoder = || paths::read_folder(&paths::fixture("tiny_encoder"));
    let cases = [
        ("num_hidden_layers", 1024, ["num_hidden_layers 1024", "encoder.layer.2."]),
        ("hidden_size", 65_536, ["hidden_size 65536", "[1000, 128]"]),
        ("intermediate_size", 1_048_576, ["intermediate_size 1048576", "intermediate.dense.weight"]),
        ("max_position_embeddings", 16_777_216, ["max_position_embeddings 16777216", "[128, 128]"]),
        ("type_vocab_size", 65_536, ["type_vocab_size 65536", "token_type_embeddings"]),
    ];
    for (field, size, words) in cases {
        let error = open_error(with_config(encoder(), |config| config[field] = json!(size)));
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert!(error.contains("do not belong together"), "{error}");
    }
    let error = open_error(with_config(encoder(), |config| config["num_hidden_layers"] = json!(10_000_000)));
    assert!(error.contains("num_hidden_layers") && error.contains("1024"), "{error}");
    let decoder = paths::read_folder(&paths::fixture("tiny_decoder"));
    let error = open_error(with_config(decoder, |config| config["n_layer"] = json!(1000)));
    assert!(error.contains("n_layer 1000"), "{error}");
}

#[test]
fn quantized_weights_and_adapters_within_a_model_are_refused_by_name() {
    let whole = field("19-torch-compile-prefix/model");
    let quantized = with_config(whole.clone(), |config| {
        config["quantization_config"] = json!({ "quant_method": "gptq", "bits": 4 });
    });
    let error = open_error(quantized);
    assert!(error.contains("quantized (gptq)") && error.contains("save it again"), "{error}");
    let peft = with_weights(&whole, &[WEIGHTS], |name| {
        let name = name.replace("_orig_mod.", "base_model.model.").replace(".query.weight", ".query.base_layer.weight");
        Some(name)
    });
    let error = open_error(peft);
    assert!(error.contains("merge_and_unload"), "{error}");
}

#[test]
fn an_index_that_names_files_elsewhere_is_refused() {
    let whole = field("19-torch-compile-prefix/model");
    for name in ["../model.safetensors", "/etc/x.safetensors", "a/b.safetensors", "x.bin"] {
        let mut folder = Folder::new();
        whole.iter().filter(|(file, _)| *file != WEIGHTS).for_each(|(file, bytes)| folder.insert(file, bytes));
        folder.insert(INDEX, json!({ "weight_map": { "a": name } }).to_string());
        folder.insert(name, vec![0_u8; 16]);
        let error = open_error(folder);
        assert!(error.contains(INDEX), "{error}");
    }
}
