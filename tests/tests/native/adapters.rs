//! A classifier's adapter is whole without its run: it brings its labels, its settings and its head; and figures of a run
//! are of that run's own rows.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, unzip_adapter};
use hone_core::config::{
    ExportFormat, JOB_FILE, Job, LoraConfig, Method, ModelSource, Pooling, ReadOptions, RunConfig, SplitConfig,
};
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::folder::Folder;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_tests::classes::{files, loaded, predict};
use hone_tests::{paths, rows, texts};
use serde_json::Value;

const NO_SPLIT: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
/// Largest difference of a probability that is to be the same.
const SAME: f32 = 1e-6;

fn run(pooling: Pooling) -> RunConfig {
    RunConfig {
        method: Method::Lora,
        lora: LoraConfig { r: 4, ..LoraConfig::default() },
        pooling,
        num_train_epochs: 2,
        batch_size: 16,
        learning_rate: 5e-3,
        max_seq_length: 16,
        ..RunConfig::default()
    }
}

fn trained(run: RunConfig) -> Session {
    let mut session = loaded();
    session.load_data(files(rows::csv(90)), &ReadOptions::default(), &run).expect("the rows load");
    session.start(run).expect("it starts");
    let _ = texts::drain(&mut session);
    session
}

fn questions() -> Vec<String> {
    let mut texts: Vec<String> = (0..5).map(|index| rows::row(index * 7 + 1).0).collect();
    texts.push("a text that is longer than sixteen tokens, so that it matters where it is cut off".repeat(3));
    texts
}

fn answers(session: &mut Session) -> Vec<Vec<f32>> {
    predict(session, &questions(), Weights::Tuned).expect("it predicts")
}

fn assert_same(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), expected.iter().map(Vec::len).collect::<Vec<_>>());
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= SAME, "probabilities differ by {worst:e}");
}

fn export(session: &mut Session, format: ExportFormat) -> Folder {
    block_on(session.export(format)).expect("it exports")
}

#[test]
fn a_classifiers_adapter_brings_its_labels_and_its_settings() {
    for pooling in [Pooling::Cls, Pooling::Mean] {
        let mut session = trained(run(pooling));
        let expected = answers(&mut session);
        let adapter = export(&mut session, ExportFormat::Adapter);

        let mut again = loaded();
        assert!(again.model_labels().is_empty(), "the base has a fresh head");
        // As the page saves one, and takes it again.
        let adapter = unzip_adapter(&adapter.to_zip()).expect("a zip").expect("with an adapter");
        again.load_adapter(adapter).expect("it fits a base that knows no labels");
        assert_eq!(again.model_labels(), rows::LABELS);
        let notes = again.adapter_notes();
        assert!(
            notes[0].starts_with("a LoRA adapter of rank 4 (alpha ") && notes[0].contains(" was added to "),
            "{notes:?}"
        );
        assert!(notes[1..].iter().all(|note| !note.contains("names")), "the base is the one that it names: {notes:?}");
        assert_same(&answers(&mut again), &expected);

        let merged = export(&mut again, ExportFormat::Merged);
        let job = Job::from_json(merged.get(JOB_FILE).expect("it is there")).expect("it is a job");
        assert_eq!((job.run.learning_rate, job.run.pooling), (5e-3, pooling), "the run that trained it, not a default");
        let card = String::from_utf8(merged.get("README.md").expect("a card").to_vec()).expect("text");
        assert!(!card.contains("Rows: 0") && card.contains("LoRA adapters of rank 4"), "{card}");
        let mut whole = Session::new(Device::flex());
        whole.load_model(ModelSource::Local { name: "merged".into() }, merged).expect("the merged model loads");
        assert_eq!(whole.model_labels(), rows::LABELS);
        assert_same(&predict(&mut whole, &questions(), Weights::Base).expect("it predicts"), &expected);
    }
}

#[test]
fn an_adapter_without_a_word_on_its_labels_has_them_numbered() {
    let mut session = trained(run(Pooling::Cls));
    let expected = answers(&mut session);
    let mut adapter = export(&mut session, ExportFormat::Adapter);
    let card = String::from_utf8(adapter.get("README.md").expect("a card").to_vec()).expect("text");
    assert!(card.contains("num_labels=3"), "{card}");
    // As PEFT saves one.
    for name in ["config.json", "README.md"] {
        adapter.remove(name);
    }
    let mut again = loaded();
    again.load_adapter(adapter).expect("it fits");
    assert_eq!(again.model_labels(), ["LABEL_0", "LABEL_1", "LABEL_2"]);
    assert_same(&answers(&mut again), &expected);

    // Its head is sound, its branches are not what its settings say.
    let mut other = export(&mut trained(RunConfig { max_seq_length: 8, ..run(Pooling::Mean) }), ExportFormat::Adapter);
    let config = String::from_utf8(other.get(ADAPTER_CONFIG).expect("settings").to_vec()).expect("text");
    other.insert(ADAPTER_CONFIG, config.replace("\"r\": 4", "\"r\": 2"));
    again.load_adapter(other).expect_err("its rank is another");
    assert_eq!(again.model_labels(), ["LABEL_0", "LABEL_1", "LABEL_2"], "the one before stays, with its labels");
    assert_same(&answers(&mut again), &expected);

    let merged = export(&mut again, ExportFormat::Merged);
    let mut whole = Session::new(Device::flex());
    whole.load_model(ModelSource::Local { name: "merged".into() }, merged).expect("the merged model loads");
    assert_eq!(whole.model_labels(), ["LABEL_0", "LABEL_1", "LABEL_2"], "numbers are all that is known of them");
    assert_same(&predict(&mut whole, &questions(), Weights::Base).expect("it predicts"), &expected);
}

#[test]
fn rows_and_an_adapter_are_numbered_alike_whichever_comes_first() {
    // Trained where "weather" came first: as a person's model may number its labels in any order.
    let adapter = {
        let mut folder = export(&mut trained(run(Pooling::Cls)), ExportFormat::Adapter);
        let config = String::from_utf8(folder.get("config.json").expect("labels").to_vec()).expect("text");
        let turned = config.replace("kitchen", "?").replace("weather", "kitchen").replace('?', "weather");
        folder.insert("config.json", turned);
        folder
    };
    let measure = |session: &mut Session, split| block_on(session.evaluate(Weights::Tuned, split, &mut |_, _| {}));
    let load = |session: &mut Session| {
        session.load_data(files(rows::csv(60)), &ReadOptions::default(), &run(Pooling::Cls)).expect("the rows load");
    };
    let mut first = loaded();
    first.load_adapter(adapter.clone()).expect("it fits");
    load(&mut first);
    let mut second = loaded();
    load(&mut second);
    second.load_adapter(adapter).expect("it fits");
    assert_eq!(second.labels(), ["weather", "music", "kitchen"]);
    let found = measure(&mut second, Split::Test).expect("it measures").0;
    assert_eq!(found, measure(&mut first, Split::Test).expect("it measures").0);

    let strange = "text,label\na b,x\nc d,y\ne f,x\ng h,y\n".to_owned();
    let all = RunConfig { split: NO_SPLIT, ..run(Pooling::Cls) };
    second.load_data(files(strange), &ReadOptions::default(), &all).expect("the rows load");
    let error = measure(&mut second, Split::Train).expect_err("they have other labels").to_string();
    assert!(error.contains("not those of the model"), "{error}");
}

#[test]
fn a_run_is_measured_on_its_own_rows() {
    let mut session = trained(run(Pooling::Cls));
    let measure = |session: &mut Session| {
        block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("the run's rows are measured")
    };
    let (expected, rows_of_run) = measure(&mut session);
    // Another seed deals the rows out anew: most of the new test split was trained on.
    let other = RunConfig { seed: 7, ..run(Pooling::Cls) };
    session.reread_data(&ReadOptions::default(), &other).expect("the rows load");
    let (found, found_rows) = measure(&mut session);
    assert_eq!((found, found_rows), (expected.clone(), rows_of_run));
    // More labels than the model has: they are not its own.
    let many: String = (0..80).map(|row| format!("text number {row},label {}\n", row % 8)).collect();
    session.load_data(files(format!("text,label\n{many}")), &ReadOptions::default(), &other).expect("the rows load");
    assert_eq!(measure(&mut session).0, expected);
    assert_eq!(session.labels(), rows::LABELS);
}

#[test]
fn a_language_models_run_is_measured_on_its_own_texts() {
    let run = RunConfig { num_train_epochs: 1, ..texts::run() };
    let mut session = texts::ready(&run);
    session.start(run.clone()).expect("it starts");
    let _ = texts::drain(&mut session);
    let measure = |session: &mut Session| {
        let tokens = block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {}));
        let written = block_on(session.evaluate_writing(Weights::Tuned, Split::Test, 3, Some(4), &mut |_, _| {}));
        (tokens.expect("the run's texts are measured").0, written.expect("they are written on from").samples)
    };
    let expected = measure(&mut session);
    session.reread_data(&ReadOptions::default(), &RunConfig { seed: 7, ..run }).expect("the rows load");
    assert_eq!(measure(&mut session), expected);
}

#[test]
fn a_prompt_as_long_as_the_window_does_not_end_an_evaluation() {
    let mut session = texts::loaded();
    let long = "so long a prompt ".repeat(60);
    let row = |prompt: &str| serde_json::json!({ "prompt": prompt, "completion": " an end" }).to_string();
    let lines = format!("{}\n{}\n", row(&long), row("a short one"));
    let data = DataFiles { train: ("rows.jsonl".into(), lines.into_bytes()), ..DataFiles::default() };
    let run = RunConfig { split: NO_SPLIT, max_seq_length: 64, ..texts::run() };
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    let written = block_on(session.evaluate_writing(Weights::Base, Split::Train, 2, Some(200), &mut |_, _| {}));
    assert_eq!(written.expect("the beginning of the prompt makes way").samples.len(), 2);
}

#[test]
fn settings_of_language_models_are_refused_for_labels() {
    let mut session = loaded();
    let plain = run(Pooling::Cls);
    session.load_data(files(rows::csv(30)), &ReadOptions::default(), &plain).expect("the rows load");
    let cases = [
        (RunConfig { packing: true, ..plain.clone() }, "packing"),
        (RunConfig { gradient_checkpointing: true, ..plain }, "gradient_checkpointing"),
    ];
    for (run, name) in cases {
        let error = session.start(run).expect_err("it would change nothing").to_string();
        assert!(error.contains(name) && error.contains("labels texts"), "{error}");
    }
}

/// Largest difference from what PEFT computes.
const AS_PEFT: f64 = 1e-4;

fn session_of(base: &str) -> Session {
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "base".into() };
    session.load_model(source, paths::read_folder(&paths::fixture(base))).expect("the fixture loads");
    session
}

fn field_adapter(name: &str) -> Folder {
    paths::read_folder(&paths::fixture(&format!("field/adapter_{name}")))
}

fn expected_of(adapter: &Folder) -> Value {
    serde_json::from_slice(adapter.get("expected.json").expect("it is there")).expect("JSON")
}

fn mean_loss(session: &mut Session, weights: Weights) -> (f64, u64) {
    let rows = std::fs::read(paths::fixture("field/rows.jsonl")).expect("the rows can be read");
    let data = DataFiles { train: ("rows.jsonl".into(), rows), ..DataFiles::default() };
    let run = RunConfig { split: NO_SPLIT, ..RunConfig::default() };
    session.load_data(data, &ReadOptions::default(), &run).expect("the rows load");
    let (found, _) = block_on(session.evaluate(weights, Split::Train, &mut |_, _| {})).expect("they are measured");
    (texts::loss(&found), texts::num_tokens(&found))
}

fn assert_as_peft(found: (f64, u64), expected: &Value, name: &str) {
    let loss = expected["loss"].as_f64().expect("a loss");
    assert_eq!(Some(found.1), expected["num_tokens"].as_u64(), "{name}");
    assert!((found.0 - loss).abs() <= AS_PEFT * loss, "{name}: {} instead of {loss}", found.0);
}

#[test]
fn adapters_that_choose_modules_in_pefts_ways_give_pefts_losses() {
    for (base, name) in [
        ("field/llama", "regex"),
        ("field/llama", "exclude"),
        ("field/llama", "layers"),
        ("field/llama", "saved"),
        ("tiny_decoder", "biases"),
    ] {
        let mut session = session_of(base);
        let plain = mean_loss(&mut session, Weights::Base);
        let adapter = field_adapter(name);
        let expected = expected_of(&adapter);
        session.load_adapter(adapter.clone()).expect(name);
        assert_as_peft(mean_loss(&mut session, Weights::Tuned), &expected, name);
        assert_eq!(mean_loss(&mut session, Weights::Base), plain, "{name}: the base stays what it is");

        let again = export(&mut session, ExportFormat::Adapter);
        for file in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
            assert_eq!(again.get(file), adapter.get(file), "{name}: it is the same adapter");
        }
        let merged = export(&mut session, ExportFormat::Merged);
        let mut whole = Session::new(Device::flex());
        whole.load_model(ModelSource::Local { name: "merged".into() }, merged).expect("the merged model loads");
        assert_as_peft(mean_loss(&mut whole, Weights::Base), &expected, name);
    }
}

#[test]
fn an_encoders_all_linear_adapter_with_ranks_of_its_own_gives_pefts_probabilities() {
    let adapter = field_adapter("encoder");
    let expected = expected_of(&adapter);
    let of = |field: &str| expected[field].as_array().expect("a list").clone();
    let texts: Vec<String> = of("texts").iter().map(|text| text.as_str().expect("a text").to_owned()).collect();
    let numbers = |row: &Value| -> Vec<f32> {
        row.as_array().expect("a row").iter().map(|value| value.as_f64().expect("a number") as f32).collect()
    };
    let rows: Vec<Vec<f32>> = of("probabilities").iter().map(numbers).collect();
    let close = |found: Vec<Vec<f32>>, what: &str| {
        assert_eq!(found.len(), rows.len());
        let pairs = found.iter().flatten().zip(rows.iter().flatten());
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{what}: probabilities differ by {worst:e}");
    };
    let mut session = session_of("field/encoder");
    session.load_adapter(adapter).expect("its pooler has a branch too");
    close(predict(&mut session, &texts, Weights::Tuned).expect("it predicts"), "the adapter");
    let merged = export(&mut session, ExportFormat::Merged);
    let card = String::from_utf8(merged.get("README.md").expect("a card").to_vec()).expect("text");
    assert!(card.contains("DoRA adapters of ranks 2 to 4"), "{card}");
    let mut whole = Session::new(Device::flex());
    whole.load_model(ModelSource::Local { name: "merged".into() }, merged).expect("the merged model loads");
    close(predict(&mut whole, &texts, Weights::Base).expect("it predicts"), "merged");
}

#[test]
fn adapters_that_belong_to_another_base_or_rank_are_refused_by_name() {
    let mut session = session_of("field/llama");
    let refuse = |session: &mut Session, adapter: Folder, words: &[&str]| {
        let error = session.load_adapter(adapter).expect_err("it is refused").to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert!(!session.is_trained());
    };
    refuse(&mut session, field_adapter("pissa"), &["init_lora_weights", "pissa", "convert it"]);
    let changed = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut adapter = field_adapter(name);
        let mut config: Value = serde_json::from_slice(adapter.get(ADAPTER_CONFIG).expect("settings")).expect("JSON");
        change(&mut config);
        adapter.insert(ADAPTER_CONFIG, config.to_string());
        adapter
    };
    let more = changed("layers", &|config| config["layers_to_transform"] = serde_json::json!([0, 1]));
    refuse(&mut session, more, &["has no", "layers.0", "lora_A"]);
    let less = changed("regex", &|config| config["target_modules"] = serde_json::json!(".*layers\\.1.*q_proj"));
    refuse(&mut session, less, &["adapts no", "v_proj", "target_modules"]);
    let rank = changed("layers", &|config| config["rank_pattern"] = serde_json::json!({ "q_proj": 3 }));
    refuse(&mut session, rank, &["q_proj", "rank 2", "rank 3"]);
    let huge = changed("layers", &|config| config["r"] = serde_json::json!(4096));
    refuse(&mut session, huge, &["down_proj", "rank 4", "rank 4096"]);
    let saved = changed("regex", &|config| config["modules_to_save"] = serde_json::json!(["lm_head"]));
    refuse(&mut session, saved, &["has no", "lm_head"]);
    let mut tied = session_of("tiny_decoder");
    let saved = changed("biases", &|config| config["modules_to_save"] = serde_json::json!(["wte"]));
    refuse(&mut tied, saved, &["modules_to_save", "wte", "one table"]);
}

#[test]
fn an_all_linear_adapter_names_its_modules() {
    let targets = |folder: &Folder| -> Vec<String> {
        let config: Value = serde_json::from_slice(folder.get(ADAPTER_CONFIG).expect("settings")).expect("JSON");
        let names = config["target_modules"].as_array().expect("a list of names").clone();
        names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(targets(&texts::adapter()), ["c_attn", "c_fc", "c_proj"]);

    // The pooler of an encoder is trained whole: names of layers that end as it does are written out.
    let all = LoraConfig { r: 2, target_modules: vec!["all-linear".into()], ..LoraConfig::default() };
    let mut session = trained(RunConfig { lora: all, ..run(Pooling::Cls) });
    let adapter = export(&mut session, ExportFormat::Adapter);
    let names = targets(&adapter);
    assert_eq!(names.iter().filter(|name| ["key", "query", "value"].contains(&name.as_str())).count(), 3, "{names:?}");
    assert!(names.contains(&"bert.encoder.layer.0.attention.output.dense".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name == "dense" || name.contains("pooler") || name == "all-linear"), "{names:?}");
    let expected = answers(&mut session);
    let mut again = loaded();
    again.load_adapter(adapter).expect("it is its own");
    assert_same(&answers(&mut again), &expected);
}

#[test]
fn a_run_with_ranks_of_its_own_is_exported_with_them() {
    let mut lora = LoraConfig { r: 4, ..LoraConfig::default() };
    lora.rank_pattern.insert("layer.0.attention.self.query".into(), 2);
    lora.alpha_pattern.insert("value".into(), 4.0);
    let mut session = trained(RunConfig { lora, ..run(Pooling::Cls) });
    let expected = answers(&mut session);
    let adapter = export(&mut session, ExportFormat::Adapter);
    let mut again = loaded();
    again.load_adapter(adapter).expect("its factors are as its settings say");
    assert_same(&answers(&mut again), &expected);
}
