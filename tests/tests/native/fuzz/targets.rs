//! What is fuzzed: each reader of other people's files, with files that it takes and the words of its format.
//!
//! A reader is called as the command line and the worker call it, and what it gives is used once, as they would: cells are
//! counted, texts tokenised, models built, small images decoded.

use std::io::Cursor;
use std::rc::Rc;

use hone_core::checkpoint::{
    ADAPTER_CONFIG, ADAPTER_WEIGHTS, PretrainedModel, WeightFile, load_adapter, lora_of_adapter, read_adapter_config,
    shard_names,
};
use hone_core::config::{DataHashes, Job, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::{DataError, DataFiles, Table, parse, parse_keeping_nested, parse_lines, parse_sentences};
use hone_core::folder::Folder;
use hone_core::hub::{check_file, check_weight_file_name, sha256_hex};
use hone_core::model::ModelConfig;
use hone_core::project::{EVENTS_FILE, Project, ProjectWriter, RunAbout, SAVED_FILE};
use hone_core::task::{Purpose, ReadRequest, Task, guess};
use hone_core::tokenizer::chat_template::{ChatTemplate, TemplateDate};
use hone_core::tokenizer::{Role, TextStream, Tokenizer, Turn};
use hone_readers::{Limits, Options};
use hone_tests::golden::Golden;
use hone_tests::{devices, paths};
use serde_json::Value;

use super::mutate::Kind;
use super::words;

pub(super) const MEBIBYTE: usize = 1 << 20;

/// What any reader may take, whatever its file is: tables of the format, stacks of what is open.
const BASE_BYTES: usize = 64 * MEBIBYTE;

/// And for each byte of the file: parsed JSON takes a hundred, and is kept twice where it is compared.
const BYTES_A_BYTE: usize = 200;

/// Cells of a JSON file may be missing: `core/src/data/parse/json` holds eight of them for a byte, and a task a second text.
const JSON_BYTES_A_BYTE: usize = 400;

/// Pieces of SentencePiece are short, and each may be made of others in several ways.
const PIECE_BYTES_A_BYTE: usize = 1000;

/// A regular expression may take 10 MB once it is compiled, and a tokenizer may have several.
const EXPRESSION_BYTES: usize = 256 * MEBIBYTE;

/// What a template may build and write for a conversation (`core/src/tokenizer/jinja_limits`), and copies of it on the way.
const TEMPLATE_BYTES: usize = 256 * MEBIBYTE;

/// What any project file may unpack to (`core/src/project`), in memory that grows by doubling.
const UNPACKED_BYTES: usize = 192 * MEBIBYTE;

/// Values of one row of a Parquet file (`readers/src/parquet_rows/pages.rs`), in memory that grows by doubling.
const ROWS_BYTES: usize = 512 * MEBIBYTE;

/// A reader of files, and files that it takes.
pub(crate) struct Target {
    /// As its test is called.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Words of the format.
    pub(crate) words: &'static [&'static str],
    /// Files that are right.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads a file; whether it was taken.
    pub(crate) read: fn(&[u8]) -> bool,
    /// Bytes of memory that reading may take at once, whatever the file is.
    pub(crate) base_bytes: usize,
    /// And for each byte of the file.
    pub(crate) bytes_a_byte: usize,
}

pub(super) const PLAIN: Target = Target {
    name: "",
    kind: Kind::Text,
    words: &[],
    seeds: Vec::new,
    read: |_| false,
    base_bytes: BASE_BYTES,
    bytes_a_byte: BYTES_A_BYTE,
};

pub(super) const JSON: Target = Target { kind: Kind::Json, ..PLAIN };

pub(crate) const DELIMITED: Target = Target {
    name: "delimited",
    words: words::TABLE,
    seeds: delimited_seeds,
    read: |bytes| read_table("rows.csv", bytes),
    ..PLAIN
};

pub(crate) const JSON_ROWS: Target = Target {
    name: "json_rows",
    words: words::TABLE,
    seeds: json_seeds,
    read: |bytes| read_table("rows.jsonl", bytes),
    bytes_a_byte: JSON_BYTES_A_BYTE,
    ..JSON
};

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

pub(crate) const JOB: Target = Target { name: "job", words: words::JOB, seeds: job_seeds, read: read_job, ..JSON };

pub(crate) const PROJECT: Target = Target {
    name: "project",
    kind: Kind::Binary,
    words: words::ARCHIVE,
    seeds: project_seeds,
    read: |bytes| Project::from_zip(bytes).is_ok(),
    base_bytes: UNPACKED_BYTES,
    bytes_a_byte: JSON_BYTES_A_BYTE,
};

pub(crate) const PACKED_ROWS: Target = Target {
    name: "packed_rows",
    kind: Kind::Binary,
    words: words::PACKED_ROWS,
    seeds: || {
        ["tickets.parquet", "zstd_v2.parquet", "delta.parquet", "book.xlsx", "book.ods", "tickets.csv.gz", "set.zip"]
            .map(|name| file("readers", name))
            .to_vec()
    },
    read: read_packed_rows,
    base_bytes: ROWS_BYTES,
    ..PLAIN
};

/// A file of a folder under `tests/fixtures`.
pub(super) fn file(folder: &str, name: &str) -> Vec<u8> {
    let path = paths::fixture(folder).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()))
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn delimited_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(words::DELIMITED_FILES);
    let utf16 = words::DELIMITED_FILES[0].encode_utf16().flat_map(u16::to_le_bytes).collect();
    seeds.extend([utf16, b"texte;etiquette\nd\xE9j\xE0 vu;a\nno\xEBl;b\n".to_vec()]);
    seeds
}

fn json_seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts(words::JSON_FILES);
    seeds.push(file("field", "rows.jsonl"));
    seeds
}

/// Reads a table in every way that there is, then as the rows of one task, which the file's length chooses.
fn read_table(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let is_read = |table: Result<Table, DataError>| {
        let Ok(table) = table else { return false };
        assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "a row of another width");
        true
    };
    // One after the other: a person's file is one table at a time.
    let mut is_table = is_read(parse(name, bytes, &read));
    is_table |= is_read(parse_keeping_nested(name, bytes, &read));
    is_table |= is_read(parse_sentences(name, bytes, &read));
    drop(parse_lines(bytes, &read));
    let _ = guess(name, bytes, Task::ALL);
    let task = Task::ALL[bytes.len() % Task::ALL.len()];
    read_rows(task, name, bytes);
    is_table
}

/// Reads a file as the rows of a task; whether that can be.
pub(super) fn read_rows(task: Task, name: &str, bytes: &[u8]) -> bool {
    let files = DataFiles { train: (name.to_owned(), bytes.to_vec()), ..DataFiles::default() };
    let (read, run) = (ReadOptions::default(), RunConfig { seed: 1, ..RunConfig::default() });
    let request = ReadRequest {
        files: &Rc::new(files),
        read: &read,
        run: &run,
        known_labels: &[],
        purpose: Purpose::Train,
        model: None,
    };
    task.read(&request).is_ok_and(|data| data.report(None, &run).is_ok())
}

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

fn job_seeds() -> Vec<Vec<u8>> {
    let job = Job::new(ModelSource::hub("a/b"), Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
    let mut seeds = vec![job.to_json().into_bytes()];
    seeds.extend(texts(words::JOBS));
    seeds
}

/// The run of a project twice, as a file of several runs.
fn several_runs(project: &Project) -> Vec<u8> {
    let (name, rows) = &project.rows.train;
    let model = project.model.get("config.json").expect("it has one");
    let mut writer = ProjectWriter::new(Cursor::new(Vec::new()), "mine", Some(0), None).expect("memory");
    for (name, bytes) in [(name.as_str(), rows.as_slice()), ("config.json", model)] {
        assert!(writer.begin_shared(name, &sha256_hex(bytes), bytes.len() as u64).expect("memory"));
        writer.append(bytes).expect("memory");
    }
    let data_sha256 = DataHashes { train: Some(sha256_hex(rows)), ..DataHashes::default() };
    let job = Job { data_sha256, ..project.job.clone() };
    let model_sha256 = [("config.json".to_owned(), sha256_hex(model))].into();
    let (note, page) = (String::new(), String::new());
    let about = RunAbout { number: Some(1), began_ms: None, note, job, model_sha256, has_model: true, page };
    for _ in 0..2 {
        writer.begin_run(&about).expect("memory");
        for (name, bytes) in project.run.iter() {
            assert!(writer.begin_file(name, bytes.len() as u64).expect("memory"));
            writer.append(bytes).expect("memory");
        }
    }
    writer.finish().expect("memory").into_inner()
}

fn project_seeds() -> Vec<Vec<u8>> {
    let source = ModelSource::Local { name: "mine".into() };
    let job = Job::new(source, Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
    let mut project = Project::new(job, ("x.csv".into(), b"text,label\na,b\n".to_vec()));
    project.model.insert("config.json", file("tiny_encoder", "config.json"));
    let recipe = project.clone();
    let saved = r#"{"step":1,"total_steps":2,"is_finished":false,"elapsed_secs":1.0}"#;
    for (name, text) in [("state.json", "{}"), (EVENTS_FILE, "{}\n"), (SAVED_FILE, saved)] {
        project.run.insert(name, text);
    }
    let several = several_runs(&project);
    vec![recipe.to_zip(), project.to_zip(), several]
}

/// Reads a file that is no text within four megabytes; what comes of it is text or a smaller file.
fn read_packed_rows(bytes: &[u8]) -> bool {
    const MOST: u64 = 4 << 20;
    let limits = Limits { max_bytes: MOST, free_bytes: MOST, ..Limits::default() };
    let Ok(files) = hone_readers::read("rows", bytes.to_vec(), &Options { sheet: None, limits }) else { return false };
    let num_bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    assert!(num_bytes as u64 <= 2 * MOST, "{num_bytes} bytes, more than may be unpacked");
    files.iter().all(|file| !file.notes.is_empty())
}

fn read_job(bytes: &[u8]) -> bool {
    let Ok(job) = Job::from_json(bytes) else { return false };
    drop((job.model.argument(), job.to_json()));
    true
}
