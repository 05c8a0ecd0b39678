//! What `--bin fuzz` feeds, and with what: a target for each parser of foreign bytes, and the damage done to its files.

use burn::tensor::Device;
use hone_core::checkpoint::{PretrainedModel, WeightFile, load_adapter, read_adapter_config, shard_names};
use hone_core::config::{Job, ModelSource, Pooling, ReadOptions, RunConfig};
use hone_core::data::{DataFiles, parse};
use hone_core::folder::Folder;
use hone_core::model::ModelConfig;
use hone_core::task::{HeadKind, Purpose, ReadRequest, Task};
use hone_core::tokenizer::chat_template::{ChatTemplate, TemplateDate};
use hone_core::tokenizer::{Role, Tokenizer, Turn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::devices;
use crate::fixture::read_file;

/// A parser and files that it takes.
pub struct Target {
    /// As it is called on the command line.
    pub name: &'static str,
    /// Files that are right.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads a file; whether it was taken.
    pub read: fn(&[u8]) -> bool,
}

/// Every parser of foreign bytes.
pub const TARGETS: &[Target] = &[
    Target { name: "delimited", seeds: delimited_seeds, read: |bytes| read_table("rows.csv", bytes) },
    Target { name: "json", seeds: json_seeds, read: |bytes| read_table("rows.jsonl", bytes) },
    Target { name: "safetensors", seeds: safetensors_seeds, read: read_safetensors },
    Target { name: "config", seeds: config_seeds, read: |bytes| ModelConfig::from_json(bytes).is_ok() },
    Target { name: "model", seeds: model_seeds, read: read_model },
    Target { name: "tokenizer", seeds: tokenizer_seeds, read: read_tokenizer },
    Target { name: "chat_template", seeds: template_seeds, read: read_template },
    Target { name: "adapter_config", seeds: adapter_seeds, read: read_adapter },
    Target { name: "weight_index", seeds: index_seeds, read: read_index },
    Target { name: "job", seeds: job_seeds, read: |bytes| Job::from_json(bytes).is_ok() },
];

fn fixtures(names: &[&str], file: &str) -> Vec<Vec<u8>> {
    names.iter().map(|name| read_file(name, file)).collect()
}

fn delimited_seeds() -> Vec<Vec<u8>> {
    let texts = [
        ",text,label\n0,\"a, \"\"b\"\"\",x\n1,c,y\n2,d,x\n3,e,y\n",
        "sep=;\ntext;label\ngood;1\nbad;0\nbad;0\n",
        "Export of tickets\n\ntext\tlabel\tlabel\nhello world\tgreet\t1\nbye now\tpart\t2\n",
        "text|label\n\"never closed|x\nb|y\nc|x\n",
        "just one column\nof text\nin lines\n",
        "\u{feff}Текст,Метка\nпривет,да\nпока,нет\n",
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.push(texts[0].encode_utf16().flat_map(u16::to_le_bytes).collect());
    seeds
}

fn json_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 1.0}\n{\"text\": \"c\", \"label\": 12345678901234567890}\n",
        "[{\"text\": \"a\", \"label\": \"x\"}, {\"text\": \"b\", \"label\": \"y\", \"n\": [1, {\"k\": null}]}]",
        "{\n  \"text\": \"a\",\n  \"label\": true\n}\n{\n  \"text\": \"b\",\n  \"label\": false\n}\n",
        "{\"text\": \"a\", \"label\": 1}{\"text\": \"b\", \"label\": 2}",
        "{\"data\": [{\"text\": \"\\u00e9\\ud83d\\ude00\", \"label\": \"x\"}, {\"text\": \"b\", \"label\": \"y\"}]}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn read_table(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let Ok(table) = parse(name, bytes, &read) else { return false };
    assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()), "a row of another width");
    let files = &DataFiles { train: (name.to_owned(), bytes.to_vec()), valid: None, test: None };
    let run = &RunConfig { seed: 1, ..RunConfig::default() };
    let request = ReadRequest {
        files: &files.clone().into(),
        read: &read,
        run,
        known_labels: &[],
        purpose: Purpose::Train,
        model: None,
    };
    Task::SequenceClassification.read(&request).is_ok()
}

fn safetensors_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![read_file("gpt2_lora/adapter", "adapter_model.safetensors")];
    seeds.push(read_file("mistral_tiny", "model.safetensors"));
    seeds
}

fn read_safetensors(bytes: &[u8]) -> bool {
    let Ok(file) = WeightFile::open("model.safetensors", bytes) else { return false };
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    names.iter().all(|name| {
        let shape = file.shape(name).expect("it was listed");
        let ids = file.read_ids(name);
        assert!(ids.is_none_or(|(of, ids)| of.iter().product::<usize>() == ids.len()));
        file.read(name).is_ok_and(|tensor| tensor.is_some_and(|tensor| tensor.shape == shape))
    })
}

const DECODERS: [&str; 6] =
    ["gpt2_tiny", "gpt_neo_tiny", "llama_tiny", "mistral_window_tiny", "qwen2_tiny", "llama3_rope_tiny"];

fn config_seeds() -> Vec<Vec<u8>> {
    let encoders =
        fixtures(&["bert_cls_tiny", "distilbert_cls_tiny", "roberta_cls_tiny", "tiny_encoder"], "config.json");
    [encoders, fixtures(&DECODERS, "config.json")].concat()
}

fn model_seeds() -> Vec<Vec<u8>> {
    fixtures(&["tiny_encoder"], "config.json")
}

/// A model whose config.json is not what its weights are.
fn read_model(config: &[u8]) -> bool {
    let mut folder = Folder::new();
    folder.insert("config.json", config);
    for file in ["model.safetensors", "tokenizer.json"] {
        folder.insert(file, read_file("tiny_encoder", file));
    }
    let Ok(pretrained) = PretrainedModel::open(folder) else { return false };
    let labels = pretrained.config.labels.len().max(2);
    pretrained.build(HeadKind::Sequence, Pooling::Cls, labels, 1, &devices::cpu()).is_ok()
}

fn tokenizer_seeds() -> Vec<Vec<u8>> {
    fixtures(&["tiny_encoder", "tiny_decoder"], "tokenizer.json")
}

fn read_tokenizer(bytes: &[u8]) -> bool {
    let mut folder = Folder::new();
    folder.insert("tokenizer.json", bytes);
    let Ok(tokenizer) = Tokenizer::from_folder(&folder, None) else { return false };
    for text in ["", "Hello, world! 你好 \u{1f600}\u{301}", "a b\tc\nd  [SEP] <s> </s> aaaaaaaaaaaaaaaaaaaaaaaa"] {
        if let Ok(encoded) = tokenizer.encode(text, 16) {
            drop(tokenizer.decode(&encoded.ids, false));
        }
        drop(tokenizer.encode_with_offsets(text));
    }
    true
}

fn template_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}\
         {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\
         {{ raise_exception('no') }}{% endif %}{{ m['content'].strip() | trim | tojson }}{% endfor %}",
        "{%- macro f(x, depth) -%}{{ x | indent(4) }}{%- if depth > 0 %}{{ f(x, depth - 1) }}{% endif %}{%- endmacro -%}\
         {% for i in range(3) %}{{ f(messages[0].content, i) }}{% endfor %}",
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ '%s-%d' | format(m.role, ns.n) }}\
         {{ m.content | replace('a', 'bb') | upper | center(20) }}{{ 'x' * ns.n }}{% endfor %}",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn read_template(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let date = TemplateDate { year: 2026, month: 7, day: 4 };
    let Ok(template) = ChatTemplate::new(text, Some("<s>".into()), Some("</s>".into()), date) else { return false };
    let turns: Vec<Turn> = [(Role::User, "a question"), (Role::Assistant, "an answer"), (Role::User, "more")]
        .map(|(role, content)| Turn::new(role, content))
        .into();
    let is_written = template.render(&turns, true).is_ok();
    drop(template.pieces(&turns.into()));
    is_written
}

fn adapter_seeds() -> Vec<Vec<u8>> {
    fixtures(&["gpt2_lora/adapter", "gpt2_rslora/adapter", "gpt2_dora/adapter"], "adapter_config.json")
}

/// An adapter whose settings are not what its weights are.
fn read_adapter(bytes: &[u8]) -> bool {
    let mut folder = Folder::new();
    folder.insert("adapter_config.json", bytes);
    if read_adapter_config(&folder).is_err() {
        return false;
    }
    folder.insert("adapter_model.safetensors", read_file("gpt2_lora/adapter", "adapter_model.safetensors"));
    let config = ModelConfig::from_json(&read_file("gpt2_tiny", "config.json")).expect("a good config");
    let device: Device = devices::cpu();
    let model = crate::golden::Golden::tiny("gpt2_tiny").model(&device);
    load_adapter(&config, model, &folder, &device).is_ok()
}

fn index_seeds() -> Vec<Vec<u8>> {
    let text = "{\"metadata\": {\"total_size\": 10}, \"weight_map\": {\"a.weight\": \"model-00001-of-00002.safetensors\", \
                \"b.weight\": \"model-00002-of-00002.safetensors\", \"c\": \"../x.safetensors\", \"d\": \"/etc/x.safetensors\"}}";
    let plain = text.replace("../x", "x").replace("/etc/x", "y");
    vec![text.as_bytes().to_vec(), plain.into_bytes()]
}

fn read_index(bytes: &[u8]) -> bool {
    let Ok(names) = shard_names(bytes) else { return false };
    for name in &names {
        let is_plain = !name.contains(['/', '\\']) && !name.starts_with('.') && name.ends_with(".safetensors");
        assert!(is_plain, "a name that leaves the folder: {name:?}");
    }
    true
}

fn job_seeds() -> Vec<Vec<u8>> {
    let job = Job::new(ModelSource::hub("a/b"), Some("x.csv".into()), ReadOptions::default(), RunConfig::default());
    vec![job.to_json().into_bytes()]
}

/// Words that parsers stumble over.
const WORDS: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e308",
    "-0.0",
    "4294967296",
    "9223372036854775808",
    "4611686018427387904",
    "10000000",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "]]]]]]]]",
    "{\"a\":",
    "\"\\ud800\"",
    "\u{feff}",
    "\r\n",
    "\0",
    "\"",
    "'",
    ",",
    ";",
    "\t",
    "|",
    "{{",
    "}}",
    "{%",
    "%}",
    "range(1000000000)",
    "*1000000000",
    "|indent(1000000000)",
    "..",
    "/",
    "\\",
    "%s",
    "\u{202e}",
    "\u{1f600}",
    "NaN",
    "Infinity",
    "[1,",
    "sep=;",
];

/// Damages files, the same way for the same name.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    random: ChaCha8Rng,
}

impl Mutator {
    /// Over files that are right.
    #[must_use]
    pub fn new(name: &str, seeds: Vec<Vec<u8>>) -> Self {
        let seed = name.bytes().fold(1u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Self { seeds, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.random.next_u64() % limit.max(1) as u64) as usize
    }

    /// The next damaged file.
    pub fn next_input(&mut self) -> Vec<u8> {
        let which = self.below(self.seeds.len());
        let mut bytes = self.seeds[which].clone();
        for _ in 0..=self.below(4) {
            self.damage(&mut bytes);
        }
        bytes
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len() + 1);
        let to = (at + self.below(64)).min(bytes.len());
        let word = WORDS[self.below(WORDS.len())].as_bytes();
        match self.below(10) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..to, word.iter().copied())),
            3 => drop(bytes.splice(at..at, word.iter().copied())),
            4 => {
                let times = 1 + self.below(2000);
                let part = bytes[at..to].repeat(times);
                drop(bytes.splice(at..at, part));
            }
            5 => {
                let other = self.below(self.seeds.len());
                let other = self.seeds[other].clone();
                let from = self.below(other.len() + 1);
                drop(bytes.splice(at..to, other[from..(from + 200).min(other.len())].iter().copied()));
            }
            6 => self.replace_value(bytes, word),
            7 | 8 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (self.random.next_u32() % 8);
                }
            }
            _ => {
                let byte = (self.random.next_u32() % 256) as u8;
                bytes.insert(at, byte);
            }
        }
    }

    /// A number or a text of a JSON file becomes a word, so that the file stays JSON and its content is hostile.
    fn replace_value(&mut self, bytes: &mut Vec<u8>, word: &[u8]) {
        let colons: Vec<usize> = (0..bytes.len().min(1 << 16)).filter(|&at| bytes[at] == b':').collect();
        if colons.is_empty() {
            return;
        }
        let from = colons[self.below(colons.len())] + 1;
        let ends = |byte: u8| matches!(byte, b',' | b'}' | b']' | b'\n');
        let to = bytes[from..].iter().position(|&byte| ends(byte)).map_or(bytes.len(), |length| from + length);
        drop(bytes.splice(from..to, word.iter().copied()));
    }
}
