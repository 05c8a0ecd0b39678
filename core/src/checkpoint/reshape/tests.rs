//! Folders of tiny models, changed.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::tensors::to_bytes;
use super::*;
use crate::task::HeadKind;

const HIDDEN: usize = 8;
const LAYERS: usize = 3;

/// Tensors of a file: (name, shape).
type Shapes = Vec<(String, Vec<usize>)>;

fn bert_shapes(vocab: usize) -> Shapes {
    let mut shapes: Shapes = vec![
        ("bert.embeddings.word_embeddings.weight".into(), vec![vocab, HIDDEN]),
        ("bert.embeddings.position_embeddings.weight".into(), vec![32, HIDDEN]),
        ("bert.embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
        ("bert.embeddings.LayerNorm.weight".into(), vec![HIDDEN]),
        ("bert.embeddings.LayerNorm.bias".into(), vec![HIDDEN]),
        ("cls.predictions.bias".into(), vec![vocab]),
        ("cls.predictions.decoder.weight".into(), vec![vocab, HIDDEN]),
        ("cls.predictions.transform.dense.weight".into(), vec![HIDDEN, HIDDEN]),
        ("cls.predictions.transform.dense.bias".into(), vec![HIDDEN]),
        ("cls.predictions.transform.LayerNorm.weight".into(), vec![HIDDEN]),
        ("cls.predictions.transform.LayerNorm.bias".into(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, shape: &[usize]| {
            shapes.push((format!("bert.encoder.layer.{layer}.{name}"), shape.to_vec()));
        };
        for (name, output, input) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", 16, HIDDEN),
            ("output.dense", HIDDEN, 16),
        ] {
            add(&format!("{name}.weight"), &[output, input]);
            add(&format!("{name}.bias"), &[output]);
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            add(&format!("{name}.weight"), &[HIDDEN]);
            add(&format!("{name}.bias"), &[HIDDEN]);
        }
    }
    shapes
}

fn gpt2_shapes(vocab: usize) -> Shapes {
    let mut shapes: Shapes = vec![
        ("transformer.wte.weight".into(), vec![vocab, HIDDEN]),
        ("transformer.wpe.weight".into(), vec![32, HIDDEN]),
        ("transformer.ln_f.weight".into(), vec![HIDDEN]),
        ("transformer.ln_f.bias".into(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, shape: &[usize]| {
            shapes.push((format!("transformer.h.{layer}.{name}"), shape.to_vec()));
        };
        for (name, input, output) in [
            ("attn.c_attn", HIDDEN, 3 * HIDDEN),
            ("attn.c_proj", HIDDEN, HIDDEN),
            ("mlp.c_fc", HIDDEN, 4 * HIDDEN),
            ("mlp.c_proj", 4 * HIDDEN, HIDDEN),
        ] {
            add(&format!("{name}.weight"), &[input, output]);
            add(&format!("{name}.bias"), &[output]);
        }
        for name in ["ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"] {
            add(name, &[HIDDEN]);
        }
        add("attn.bias", &[1, 1, 32, 32]); // a buffer of old versions
    }
    shapes
}

fn llama_shapes(vocab: usize) -> Shapes {
    let mut shapes: Shapes = vec![
        ("model.embed_tokens.weight".into(), vec![vocab, HIDDEN]),
        ("model.norm.weight".into(), vec![HIDDEN]),
        ("lm_head.weight".into(), vec![vocab, HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, shape: &[usize]| {
            shapes.push((format!("model.layers.{layer}.{name}.weight"), shape.to_vec()));
        };
        for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"] {
            add(name, &[HIDDEN, HIDDEN]);
        }
        add("mlp.gate_proj", &[16, HIDDEN]);
        add("mlp.up_proj", &[16, HIDDEN]);
        add("mlp.down_proj", &[HIDDEN, 16]);
        add("input_layernorm", &[HIDDEN]);
        add("post_attention_layernorm", &[HIDDEN]);
    }
    shapes
}

/// A weights file in which no two values of a tensor are alike.
fn weights(shapes: &[(String, Vec<usize>)], dtype: Dtype) -> Vec<u8> {
    let bytes = |(index, (_, shape)): (usize, &(String, Vec<usize>))| {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|at| (index * 7 + at) as f32 / 64.0 - 1.0).collect();
        to_bytes("x", dtype, &values).expect("a float format")
    };
    let data: Vec<Vec<u8>> = shapes.iter().enumerate().map(bytes).collect();
    let view = |(name, shape): &(String, Vec<usize>), data| {
        (name.clone(), TensorView::new(dtype, shape.clone(), data).expect("sizes agree"))
    };
    let views: BTreeMap<String, TensorView<'_>> =
        shapes.iter().zip(&data).map(|(named, data)| view(named, data.as_slice())).collect();
    safetensors::serialize(views, None).expect("it serializes")
}

/// The file with `copy` holding what `table` holds, as tied tables do.
fn tie(bytes: &[u8], table: &str, copy: &str) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).expect("whole");
    let source = |name: &str| file.tensor(if name == copy { table } else { name }).expect("it is there");
    let views: BTreeMap<String, TensorView<'_>> =
        file.names().into_iter().map(|name| (name.to_owned(), source(name))).collect();
    safetensors::serialize(views, None).expect("it serializes")
}

const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\n!\n";

fn bert(dtype: Dtype) -> Folder {
    let config = json!({"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 9,
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 32});
    let mut folder = Folder::new();
    let bytes = weights(&bert_shapes(9), dtype);
    folder.insert(WEIGHTS, tie(&bytes, "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"));
    folder.insert(CONFIG, config.to_string());
    folder.insert("vocab.txt", WORDS);
    folder
}

/// A byte-level vocabulary with rows to spare in the table.
fn byte_pairs(folder: &mut Folder) {
    let vocab = r#"{"h":0,"i":1,"Ġ":2,"hi":3,"Ġhi":4,"<|endoftext|>":5}"#;
    folder.insert("vocab.json", vocab);
    folder.insert("merges.txt", "#version: 0.2\nh i\nĠ hi\n");
}

fn gpt2(dtype: Dtype) -> Folder {
    let config = json!({"model_type": "gpt2", "vocab_size": 6, "n_embd": HIDDEN, "n_layer": LAYERS, "n_head": 2,
        "n_positions": 32});
    let mut folder = Folder::new();
    folder.insert(WEIGHTS, weights(&gpt2_shapes(6), dtype));
    folder.insert(CONFIG, config.to_string());
    byte_pairs(&mut folder);
    folder
}

fn llama(dtype: Dtype) -> Folder {
    let config = json!({"model_type": "llama", "vocab_size": 8, "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": 2, "intermediate_size": 16, "tie_word_embeddings": false});
    let mut folder = Folder::new();
    folder.insert(WEIGHTS, weights(&llama_shapes(8), dtype));
    folder.insert(CONFIG, config.to_string());
    folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "GPT2Tokenizer"}"#);
    byte_pairs(&mut folder);
    folder
}

fn open(folder: Folder) -> PretrainedModel {
    PretrainedModel::open(folder).expect("a good folder")
}

fn changes(keep_layers: &[u32], add_layers: u32, words: &[&str]) -> ModelChanges {
    let add_tokens = words.iter().map(|&word| word.to_owned()).collect();
    ModelChanges { keep_layers: keep_layers.to_vec(), add_layers, add_tokens }
}

fn changed(folder: Folder, wishes: &ModelChanges) -> (PretrainedModel, Vec<String>) {
    let (folder, notes) = reshape(&open(folder), wishes, 1).expect("it can be changed");
    (open(folder), notes)
}

fn error(folder: Folder, wishes: &ModelChanges) -> String {
    reshape(&open(folder), wishes, 1).expect_err("it can't be").to_string()
}

/// The whole file of weights.
fn file_of(folder: &Folder) -> Vec<u8> {
    folder.read(WEIGHTS, 0..folder.size(WEIGHTS).expect("it has weights")).expect("it can be read")
}

/// Format, shape and bytes of a tensor.
fn tensor(model: &PretrainedModel, key: &str) -> (Dtype, Vec<usize>, Vec<u8>) {
    let file = WeightFile::open_in(&model.folder, [WEIGHTS]).expect("whole");
    let tensor = file.tensor(key).unwrap_or_else(|| panic!("no {key}"));
    (tensor.dtype(), tensor.shape().to_vec(), tensor.bytes().expect("it can be read").into_owned())
}

fn values(model: &PretrainedModel, key: &str) -> Vec<f32> {
    let file = WeightFile::open_in(&model.folder, [WEIGHTS]).expect("whole");
    file.read(key).expect("numbers").unwrap_or_else(|| panic!("no {key}")).values
}

fn row(model: &PretrainedModel, key: &str, row: usize) -> Vec<f32> {
    values(model, key)[row * HIDDEN..(row + 1) * HIDDEN].to_vec()
}

fn mean(rows: &[Vec<f32>]) -> Vec<f32> {
    (0..HIDDEN).map(|at| rows.iter().map(|row| row[at]).sum::<f32>() / rows.len() as f32).collect()
}

#[test]
fn layers_that_stay_are_copied_under_new_numbers() {
    type Case = (fn(Dtype) -> Folder, &'static str, &'static str);
    let cases: [Case; 3] = [
        (bert, "bert.encoder.layer.{i}.intermediate.dense.weight", "num_hidden_layers"),
        (gpt2, "transformer.h.{i}.attn.c_attn.weight", "n_layer"),
        (llama, "model.layers.{i}.mlp.gate_proj.weight", "num_hidden_layers"),
    ];
    for (folder, key, field) in cases {
        for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16] {
            let before = open(folder(dtype));
            let (after, notes) = changed(folder(dtype), &changes(&[0, 2], 0, &[]));
            for (place, layer) in [0, 2].into_iter().enumerate() {
                let at = |layer: usize| key.replace("{i}", &layer.to_string());
                assert_eq!(tensor(&after, &at(place)), tensor(&before, &at(layer)), "{key} {dtype:?}");
            }
            assert_eq!((after.config.num_hidden_layers(), &after.config.json[field]), (2, &json!(2)));
            assert_eq!(notes, ["layers 0, 2 of 3 kept, 1 left out"]);
            let names =
                |model: &PretrainedModel| WeightFile::open_in(&model.folder, [WEIGHTS]).expect("whole").names().count();
            let of_layer = (names(&before) - names(&after)) * LAYERS;
            assert!(of_layer > 0 && of_layer < names(&before), "one layer of three is gone");
        }
    }
}

#[test]
fn fresh_layers_are_drawn_by_the_seed_and_have_the_format_of_the_others() {
    let wishes = changes(&[1], 2, &[]);
    let (after, notes) = changed(bert(Dtype::BF16), &wishes);
    assert_eq!(after.config.num_hidden_layers(), 3);
    assert!(notes[1].starts_with("2 fresh layers added"), "{notes:?}");
    let key = |layer: usize, name: &str| format!("bert.encoder.layer.{layer}.{name}");
    let (dtype, shape, _) = tensor(&after, &key(2, "intermediate.dense.weight"));
    assert_eq!((dtype, shape), (Dtype::BF16, vec![16, HIDDEN]));
    assert!(values(&after, &key(1, "attention.output.LayerNorm.weight")).iter().all(|&value| value == 1.0));
    assert!(values(&after, &key(2, "output.LayerNorm.bias")).iter().all(|&value| value == 0.0));
    assert!(values(&after, &key(1, "output.dense.bias")).iter().all(|&value| value == 0.0));
    let drawn = [1, 2].map(|layer| values(&after, &key(layer, "attention.self.query.weight")));
    assert!(drawn[0] != drawn[1] && drawn.iter().flatten().all(|value| value.abs() < 0.2), "{drawn:?}");
    let spread = drawn[0].iter().map(|value| value * value).sum::<f32>() / drawn[0].len() as f32;
    assert!((0.01..0.03).contains(&spread.sqrt()), "0.02, not {}", spread.sqrt());

    let (doubles, _) = changed(bert(Dtype::F64), &wishes);
    assert_eq!(tensor(&doubles, &key(2, "output.dense.bias")).0, Dtype::F64);
    let model = open(bert(Dtype::BF16));
    let bytes = |seed| file_of(&reshape(&model, &wishes, seed).expect("it can be changed").0);
    assert!(bytes(1) == file_of(&after.folder) && bytes(2) != file_of(&after.folder));
    let (gpt2, _) = changed(gpt2(Dtype::F32), &wishes);
    let has_buffer = |layer: usize| {
        let file = WeightFile::open_in(&gpt2.folder, [WEIGHTS]).expect("whole");
        file.has(&format!("transformer.h.{layer}.attn.bias"))
    };
    assert_eq!([0, 1, 2].map(has_buffer), [true, false, false], "what is no parameter is not drawn");
}

#[test]
fn new_tokens_begin_as_the_mean_of_their_pieces() {
    for dtype in [Dtype::F32, Dtype::BF16] {
        let before = open(bert(dtype));
        let (after, notes) = changed(bert(dtype), &changes(&[], 0, &["worlds", "hello", "worlds!"]));
        assert_eq!((after.config.vocab_size(), after.tokenizer().vocab_size()), (11, 11));
        assert_eq!(after.tokenizer().encode("worlds worlds!", 16).expect("a text").ids, [2, 9, 10, 3]);
        assert!(notes[0].starts_with("2 new tokens") && notes[1].contains("\"hello\""), "{notes:?}");
        for key in ["bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"] {
            let (found_dtype, shape, bytes) = tensor(&after, key);
            assert_eq!((found_dtype, shape), (dtype, vec![11, HIDDEN]));
            assert!(bytes.starts_with(&tensor(&before, key).2), "the others stay");
            for (id, pieces) in [(9, vec![6, 7]), (10, vec![6, 7, 8])] {
                let pieces: Vec<Vec<f32>> = pieces.into_iter().map(|piece| row(&before, key, piece)).collect();
                let expected = to_bytes(key, dtype, &mean(&pieces)).expect("a float format");
                let found = to_bytes(key, dtype, &row(&after, key, id)).expect("a float format");
                assert_eq!(found, expected, "{key} {id} {dtype:?}");
            }
        }
        assert_eq!(values(&after, "cls.predictions.bias")[9..], [0.0, 0.0]);
        assert!(after.config.with_head(HeadKind::MaskedLm).is_ok());
    }
}

#[test]
fn a_table_of_scores_has_the_mean_of_its_own_rows_and_spare_rows_are_used_first() {
    let before = open(llama(Dtype::F32));
    let (after, _) = changed(llama(Dtype::F32), &changes(&[], 0, &["hihi", "hih", "ihi"]));
    assert_eq!((after.config.vocab_size(), after.tokenizer().vocab_size()), (9, 9), "six tokens had eight rows");
    for key in ["model.embed_tokens.weight", "lm_head.weight"] {
        assert_eq!(tensor(&after, key).1, [9, HIDDEN]);
        let rows = |ids: &[usize]| mean(&ids.iter().map(|&id| row(&before, key, id)).collect::<Vec<_>>());
        assert_eq!(row(&after, key, 5), row(&before, key, 5));
        for (id, pieces) in [(6, [3, 3]), (7, [3, 0]), (8, [1, 3])] {
            assert_eq!(row(&after, key, id), rows(&pieces), "{key} {id}");
        }
    }
    let (one, _) = changed(llama(Dtype::F32), &changes(&[], 0, &["hihi"]));
    assert_eq!((one.config.vocab_size(), one.tokenizer().vocab_size()), (8, 7));
    assert_eq!(row(&one, "lm_head.weight", 7), row(&before, "lm_head.weight", 7));
}

#[test]
fn a_tied_table_of_scores_grows_with_its_table() {
    let (after, _) = changed(gpt2(Dtype::F16), &changes(&[0], 1, &["hihi"]));
    assert_eq!((after.config.vocab_size(), after.config.num_hidden_layers()), (7, 2));
    assert_eq!(tensor(&after, "transformer.wte.weight").1, [7, HIDDEN]);
    assert!(after.config.backbone.ties_word_embeddings());
}

#[test]
fn shards_become_one_file_and_all_other_files_stay() {
    let mut folder = bert(Dtype::F32);
    let bytes = folder.remove(WEIGHTS).expect("it has weights");
    let whole = SafeTensors::deserialize(&bytes).expect("whole");
    let (mut map, mut shards) = (serde_json::Map::new(), [BTreeMap::new(), BTreeMap::new()]);
    for (index, (name, tensor)) in whole.tensors().into_iter().enumerate() {
        map.insert(name.clone(), Value::from(format!("{}.safetensors", index % 2)));
        shards[index % 2].insert(name, tensor);
    }
    for (index, shard) in shards.into_iter().enumerate() {
        folder.insert(format!("{index}.safetensors"), safetensors::serialize(shard, None).expect("it serializes"));
    }
    folder.insert(INDEX, json!({"weight_map": map}).to_string());
    folder.insert("README.md", "of the model");
    let wishes = changes(&[0, 2], 1, &["worlds"]);
    let (after, _) = changed(folder, &wishes);
    let (single, _) = changed(bert(Dtype::F32), &wishes);
    assert!(file_of(&after.folder) == file_of(&single.folder), "other bytes");
    let names: Vec<&str> = after.folder.names().collect();
    assert_eq!(names, ["README.md", "added_tokens.json", CONFIG, "vocab.txt", WEIGHTS]);
}

#[test]
fn the_new_file_is_the_one_that_safetensors_writes_and_none_of_it_lies_in_memory() {
    let mut folder = bert(Dtype::BF16);
    let bytes = folder.remove(WEIGHTS).expect("it has weights");
    let file = SafeTensors::deserialize(&bytes).expect("whole");
    let ids: Vec<u8> = (0..32_i64).flat_map(i64::to_le_bytes).collect();
    let mut views: BTreeMap<String, TensorView<'_>> = file.tensors().into_iter().collect();
    let position_ids = TensorView::new(Dtype::I64, vec![1, 32], &ids).expect("sizes agree");
    views.insert("bert.embeddings.position_ids".into(), position_ids); // a buffer of old versions, of wider numbers
    folder.insert(WEIGHTS, safetensors::serialize(views, None).expect("it serializes"));
    let (after, _) = changed(folder, &changes(&[0, 2], 1, &["worlds"]));
    assert!(after.folder.has(WEIGHTS) && after.folder.get(WEIGHTS).is_none(), "it stays where its parts lie");
    let found = file_of(&after.folder);
    let tensors = SafeTensors::deserialize(&found).expect("whole").tensors();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let expected = safetensors::serialize(tensors, Some(metadata)).expect("it serializes");
    assert!(found == expected, "other bytes");
    let size = found.len() as u64;
    for (start, end) in [(0, 8), (3, 900), (size / 3, size / 2), (size - 700, size), (size, size), (5, 5)] {
        let part = after.folder.read(WEIGHTS, start..end).expect("it is there");
        assert!(part == found[start as usize..end as usize], "{start}..{end}");
    }
    assert!(after.folder.read(WEIGHTS, size - 1..size + 1).is_err(), "it has no more");
}

#[test]
fn names_with_a_wrapper_and_of_tensorflow_are_changed_as_they_are() {
    let mut folder = bert(Dtype::F32);
    let bytes = folder.remove(WEIGHTS).expect("it has weights");
    let rename = |name: &str| format!("module.{}", name.replace("LayerNorm.weight", "LayerNorm.gamma"));
    let file = SafeTensors::deserialize(&bytes).expect("whole");
    let views: BTreeMap<String, TensorView<'_>> =
        file.tensors().into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect();
    folder.insert(WEIGHTS, safetensors::serialize(views, None).expect("it serializes"));
    let (after, _) = changed(folder, &changes(&[2], 1, &[]));
    let gamma = values(&after, "bert.encoder.layer.1.output.LayerNorm.gamma");
    assert!(gamma.iter().all(|&value| value == 1.0));
}

#[test]
fn what_can_not_be_is_refused_by_its_name() {
    let none = error(bert(Dtype::F32), &changes(&[0, 3], 0, &[]));
    assert_eq!(none, "keep_layers: there is no layer 3: this model has 3 layers, 0 to 2");
    assert!(error(bert(Dtype::F32), &changes(&[1, 0], 0, &[])).starts_with("keep_layers: "));
    assert!(error(bert(Dtype::F32), &changes(&[], 1023, &[])).contains("num_hidden_layers"), "1026 layers");
    assert!(error(bert(Dtype::F32), &changes(&[], 0, &["  "])).starts_with("add_tokens: word 1"));
    assert!(error(bert(Dtype::F32), &changes(&[], 0, &["\u{301}"])).contains("can't be added to the vocabulary"));
    let mut folder = bert(Dtype::F32);
    let mut config: Value = serde_json::from_slice(folder.get(CONFIG).expect("it has one")).expect("JSON");
    config["layer_scales"] = json!([1, 0, 1]);
    folder.insert(CONFIG, config.to_string());
    assert!(error(folder, &changes(&[0], 0, &[])).contains("layer_scales"));
}

#[test]
fn what_is_added_has_a_limit_that_is_known_before() {
    let bytes = weights(&llama_shapes(8), Dtype::F32);
    let file = WeightFile::open(WEIGHTS, &bytes).expect("whole");
    let model = open(llama(Dtype::F32));
    let rows = NewRows::new(&model.config, &file, &[], 8).expect("no rows");
    check_size(&model.config, &file, &[0, 1, 2], 1000, &rows).expect("a tiny model");
    let error = check_size(&model.config, &file, &[2], usize::MAX, &rows).expect_err("too much").to_string();
    assert!(error.starts_with("add_layers: would add") && error.ends_with("4096 MiB can be added"), "{error}");
}

/// A plan is made of the model as it was changed, with the head of its task: what is fresh counts as what was loaded does.
#[cfg(feature = "cpu")]
#[test]
fn a_plan_counts_fresh_layers_tokens_and_heads_as_a_built_model_has_them() {
    use burn::module::Module;
    use burn::tensor::Device;

    use crate::config::{Freeze, LoraConfig, Method, Pooling, RunConfig};
    use crate::plan::{BatchShape, Batches, Inputs, Kernels, predict};

    type Case = (fn(Dtype) -> Folder, &'static [&'static str], HeadKind, u64);
    // A head that no file holds, one that comes with the file, and one with a table of its own; parameters of a layer and of a token.
    let cases: [Case; 3] = [
        (bert, &["worlds"], HeadKind::Token, 600 + 8),
        (bert, &["worlds"], HeadKind::MaskedLm, 600 + 8 + 1),
        (llama, &["hihi", "hih", "ihi"], HeadKind::CausalLm, 656 + 2 * 8),
    ];
    let device = Device::flex().autodiff();
    let batches = Batches::alike(BatchShape { rows: 2, seq: 4, target_seq: 0, scored: 2 }, 1);
    // Parameters that are trained, after the plan and the model were found to agree on them.
    let trained = |model: &PretrainedModel, head: HeadKind, method: Method| {
        let lora = LoraConfig { target_modules: vec![LoraConfig::ALL_LINEAR.to_owned()], ..LoraConfig::default() };
        let run = RunConfig { method, lora, ..RunConfig::default() };
        let config = model.config.with_head(head).expect("the architecture has it");
        let (mut built, _) = model.build(head, Pooling::Cls, 3, 1, &device).expect("it can be built");
        let shape = built.plan_shape(&config, 3);
        let (kernels, num_threads, file_bytes, keeps_states) = (Kernels::Own, 1, 0, false);
        let inputs = Inputs { shape: &shape, batches: &batches, kernels, num_threads, file_bytes, keeps_states };
        let plan = predict(&inputs, &run);
        if method == Method::Lora {
            built.add_lora(config.key_map(), &run.lora, &run.lora.target_modules, &mut Init::new(2), &device);
        }
        let built = built.frozen_for(method, Freeze::None);
        let [trained, all] = [built.num_trained(), built.num_params()].map(|count| count as u64);
        assert_eq!((plan.num_trained, plan.memory.weights), (trained, 4 * all), "{head:?} {method:?}");
        assert_eq!((plan.memory.gradients, plan.memory.optimizer), (4 * trained, 8 * trained), "{head:?} {method:?}");
        trained
    };
    for (folder, words, head, fresh) in cases {
        let before = open(folder(Dtype::F32));
        let (after, _) = changed(folder(Dtype::F32), &changes(&[], 1, words));
        let more = |method| trained(&after, head, method) - trained(&before, head, method);
        assert_eq!(more(Method::Full), fresh, "{head:?}");
        assert!(more(Method::Lora) > 0, "{head:?}: adapters of the fresh layer");
        for method in [Method::LastLayers(2), Method::Head] {
            assert!(more(method) < fresh, "{head:?} {method:?}: as many layers, of whatever the model has");
        }
    }
}
