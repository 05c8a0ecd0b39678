//! Tokenizers against ids written down by `transformers`: MiniLM's (`tests/fixtures/minilm_cls/tokenizer_cases.json`), which
//! is fetched at set-up (without it the test says that it was skipped), a GPT-2 vocabulary that has no tokenizer.json
//! (`tests/fixtures/gpt2_tokenizer`), and folders with added tokens and settings of many kinds
//! (`tests/fixtures/tokenizers`; `rebuilt_*` have a tokenizer.json that their class does not follow) or with SentencePiece's
//! file alone (`tests/fixtures/sentencepiece`); and the segments of two texts by class and settings
//! (`tests/fixtures/pair_types.json`).

use std::path::{Path, PathBuf};

use hone_core::folder::Folder;
use hone_core::tokenizer::Tokenizer;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Case {
    text: String,
    /// A second text; classification has one text a row, so these cases are left out.
    pair: Option<String>,
    max_len: usize,
    ids: Vec<u32>,
    #[serde(default)]
    tokens: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cases() -> Vec<Case> {
    let path = root().join("tests/fixtures/minilm_cls/tokenizer_cases.json");
    serde_json::from_slice(&std::fs::read(path).expect("the fixture is checked in")).expect("the fixture is JSON")
}

/// The named files of the model, or `None` (said loudly) where they were not fetched.
fn model(files: &[&str]) -> Option<Folder> {
    let folder = root().join("public/models/sentence-transformers/all-MiniLM-L6-v2");
    let read = |file: &&str| Some(((*file).to_owned(), std::fs::read(folder.join(file)).ok()?));
    let found: Option<Folder> = files.iter().map(read).collect();
    if found.is_none() {
        eprintln!("SKIPPED: all-MiniLM-L6-v2 is not in public/models (cargo xtask fetches it)");
        assert!(std::env::var_os("CI").is_none(), "under CI nothing may be missing");
    }
    found
}

fn compare(tokenizer: &Tokenizer) {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.pair.is_none()).collect();
    assert_eq!(cases.len(), 23, "the fixture's cases of one text");
    for case in cases {
        let encoded = tokenizer.encode(&case.text, case.max_len).expect("room enough");
        let tokens: Vec<String> = encoded.ids.iter().filter_map(|&id| tokenizer.token(id)).collect();
        assert_eq!(tokens, case.tokens, "{:?} at {}", case.text, case.max_len);
        assert_eq!(encoded.ids, case.ids, "{:?} at {}", case.text, case.max_len);
        assert!(encoded.type_ids.iter().all(|&id| id == 0));
    }
}

#[test]
fn tokenizer_json_gives_the_ids_of_transformers() {
    let Some(folder) = model(&["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]) else { return };
    let tokenizer = Tokenizer::from_folder(&folder, Some(0)).expect("MiniLM's tokenizer");
    assert_eq!((tokenizer.vocab_size(), tokenizer.pad_token_id()), (30_522, 0));
    tokenizer.check_vocab(30_522).expect("MiniLM's vocabulary");
    compare(&tokenizer);
}

#[test]
fn vocab_txt_alone_gives_the_same_ids() {
    let Some(folder) = model(&["vocab.txt"]) else { return };
    let tokenizer = Tokenizer::from_folder(&folder, None).expect("MiniLM's vocabulary");
    assert_eq!((tokenizer.vocab_size(), tokenizer.pad_token_id()), (30_522, 0));
    compare(&tokenizer);
}

#[derive(Deserialize)]
struct Gpt2Case {
    text: String,
    input_ids: Vec<u32>,
}

#[test]
fn vocab_json_and_merges_give_the_ids_of_transformers() {
    let at = root().join("tests/fixtures/gpt2_tokenizer");
    let read = |file: &str| std::fs::read(at.join(file)).expect("the fixture is checked in");
    let files = ["vocab.json", "merges.txt", "config.json"];
    let folder: Folder = files.iter().map(|&file| (file.to_owned(), read(file))).collect();
    let tokenizer = Tokenizer::from_folder(&folder, None).expect("GPT-2's vocabulary");
    assert_eq!((tokenizer.vocab_size(), tokenizer.num_special_tokens()), (385, 0));
    let end = tokenizer.eos_token().zip(tokenizer.eos_token_id());
    let cases: Vec<Gpt2Case> = serde_json::from_slice(&read("cases.json")).expect("the fixture is JSON");
    assert_eq!((cases.len(), end), (10, Some(("<|endoftext|>", 0))));
    for Gpt2Case { text, input_ids } in cases {
        assert_eq!(tokenizer.encode(&text, 512).expect("room enough").ids, input_ids, "{text:?}");
    }
}

#[derive(Deserialize)]
struct FolderCases {
    tokenizer_class: String,
    files: Map<String, Value>,
    cases: Vec<Gpt2Case>,
    #[serde(default)]
    pairs: Vec<PairCase>,
    decoded: Vec<Decoded>,
}

#[derive(Deserialize)]
struct Decoded {
    ids: Vec<u32>,
    text: String,
}

#[test]
fn folders_give_the_ids_of_auto_tokenizer() {
    let mut num_folders = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/fixtures/tokenizers")).expect("the fixtures are checked in") {
        let path = entry.expect("a file").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).expect("the fixture is readable");
        let fixture: FolderCases = serde_json::from_slice(&bytes).expect("the fixture is JSON");
        let content = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes();
        let folder: Folder = fixture.files.iter().map(|(file, value)| (file.clone(), content(value))).collect();
        let tokenizer = Tokenizer::from_folder(&folder, None).expect("a good folder");
        num_folders += 1;
        for Gpt2Case { text, input_ids } in fixture.cases {
            let ids = tokenizer.encode(&text, 512).expect("room enough").ids;
            if ids != input_ids {
                let class = &fixture.tokenizer_class;
                failures.push(format!("{name} ({class}), {text:?}:\n  {input_ids:?} expected\n  {ids:?} found"));
            }
        }
        for PairCase { texts: (first, second), input_ids } in fixture.pairs {
            let ids = tokenizer.encode_pair(&first, &second, 512).expect("room enough").ids;
            if ids != input_ids {
                failures.push(format!("{name}, {first:?}, {second:?}:\n  {input_ids:?} expected\n  {ids:?} found"));
            }
        }
        for Decoded { ids, text } in fixture.decoded {
            let found = tokenizer.decode(&ids, true).expect("known ids");
            if found != text {
                failures.push(format!("{name}, {ids:?}: {text:?} expected, {found:?} found"));
            }
        }
    }
    assert_eq!(
        num_folders, 35,
        "make_tokenizer_folders.py writes 24, make_unigram.py two, make_rebuilt_tokenizers.py nine"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[derive(Deserialize)]
struct TypedFolder {
    folder: String,
    tokenizer_class: String,
    files: Map<String, Value>,
    pairs: Vec<TypedPair>,
}

#[derive(Deserialize)]
struct TypedPair {
    texts: (String, String),
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
}

/// `make_pair_types.py` writes the fixture.
#[test]
fn pairs_have_the_segments_that_auto_tokenizer_gives_the_model() {
    let fixtures = root().join("tests/fixtures");
    let bytes = std::fs::read(fixtures.join("pair_types.json")).expect("the fixture is checked in");
    let folders: Vec<TypedFolder> = serde_json::from_slice(&bytes).expect("the fixture is JSON");
    let content = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes();
    let mut failures = Vec::new();
    let mut num_typed = 0;
    for TypedFolder { folder: name, tokenizer_class, files, pairs } in &folders {
        let base = std::fs::read(fixtures.join("tokenizers").join(format!("{name}.json"))).expect("a folder beside it");
        let base: FolderCases = serde_json::from_slice(&base).expect("the fixture is JSON");
        let all = base.files.iter().chain(files);
        let folder: Folder = all.map(|(file, value)| (file.clone(), content(value))).collect();
        let tokenizer = Tokenizer::from_folder(&folder, None).expect("a good folder");
        for TypedPair { texts: (first, second), input_ids, token_type_ids } in pairs {
            let found = tokenizer.encode_pair(first, second, 512).expect("room enough");
            let layout = tokenizer.pair_layout().expect("it joins two texts");
            let [first_ids, second_ids] =
                [first, second].map(|text| tokenizer.encode_with_offsets(text).expect("any text").ids);
            let joined = layout.join(&first_ids, &second_ids);
            if (&found.ids, &found.type_ids) != (input_ids, token_type_ids) || joined != (found.ids, found.type_ids) {
                let settings = files.get("tokenizer_config.json");
                failures.push(format!("{name} ({tokenizer_class}, {settings:?}), {first:?}, {second:?}: {joined:?}"));
            }
            num_typed += usize::from(token_type_ids.contains(&1));
        }
    }
    assert_eq!((folders.len(), num_typed), (34, 32), "as make_pair_types.py writes them");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[derive(Deserialize)]
struct PieceCases {
    cases: Vec<Gpt2Case>,
    pairs: Vec<PairCase>,
    decoded: Vec<Decoded>,
}

#[derive(Deserialize)]
struct PairCase {
    texts: (String, String),
    input_ids: Vec<u32>,
}

#[test]
fn sentencepiece_files_alone_give_the_ids_of_auto_tokenizer() {
    let mut num_folders = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/fixtures/sentencepiece")).expect("the fixtures are checked in") {
        let path = entry.expect("a folder").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut folder = Folder::new();
        for file in std::fs::read_dir(&path).expect("the folder is readable") {
            let file = file.expect("a file").path();
            let bytes = std::fs::read(&file).expect("the file is readable");
            folder.insert(file.file_name().expect("a name").to_string_lossy().into_owned(), bytes);
        }
        let found: PieceCases = serde_json::from_slice(folder.get("cases.json").expect("its cases")).expect("JSON");
        let tokenizer = Tokenizer::from_folder(&folder, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        num_folders += 1;
        for Gpt2Case { text, input_ids } in found.cases {
            let ids = tokenizer.encode(&text, 512).expect("room enough").ids;
            if ids != input_ids {
                failures.push(format!("{name}, {text:?}:\n  {input_ids:?} expected\n  {ids:?} found"));
            }
        }
        for PairCase { texts: (first, second), input_ids } in found.pairs {
            let ids = tokenizer.encode_pair(&first, &second, 512).expect("room enough").ids;
            if ids != input_ids {
                failures.push(format!("{name}, {first:?}, {second:?}:\n  {input_ids:?} expected\n  {ids:?} found"));
            }
        }
        for Decoded { ids, text } in found.decoded {
            let found = tokenizer.decode(&ids, true).expect("known ids");
            if found != text {
                failures.push(format!("{name}, {ids:?}: {text:?} expected, {found:?} found"));
            }
        }
    }
    assert_eq!(num_folders, 15, "make_sentencepiece.py writes so many");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_class_that_is_built_by_other_rules_says_how_to_get_a_tokenizer_json() {
    let mut folder = Folder::new();
    let file = root().join("tests/fixtures/sentencepiece/t5/spiece.model");
    folder.insert("spiece.model", std::fs::read(file).expect("the fixture is checked in"));
    let fail = |folder: &Folder| Tokenizer::from_folder(folder, None).expect_err("not usable").to_string();
    folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "PegasusTokenizer"}"#);
    let error = fail(&folder);
    assert!(error.contains("spiece.model of PegasusTokenizer") && error.contains("save_pretrained"), "{error}");
    folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "GemmaTokenizer"}"#);
    let error = fail(&folder);
    assert!(error.starts_with("spiece.model can't be read: it is a Unigram model"), "{error}");
    folder.insert("spiece.model", "IQ== 0\nIg== 1\n");
    let error = fail(&folder);
    assert!(error.starts_with("spiece.model can't be read: it is no SentencePiece model"), "{error}");
    assert!(fail(&Folder::new()).contains("spiece.model"), "what can be read is named");
}

/// The ids are those of `T5Tokenizer` for the one file, of `TokenizersBackend`, which is what transformers 5 takes, for the other.
#[test]
fn a_class_that_only_transformers_4_has_is_t5s_or_reads_the_file_as_written() {
    let bytes =
        std::fs::read(root().join("tests/fixtures/sentencepiece/t5/spiece.model")).expect("the fixture is checked in");
    let expected: [(&str, &[u32]); 2] = [("spiece.model", &[15, 4, 88, 1]), ("tokenizer.model", &[15, 4, 88])];
    for (file, ids) in expected {
        let mut folder = Folder::new();
        folder.insert("config.json", r#"{"model_type": "mt5", "vocab_size": 1000}"#);
        folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "MT5Tokenizer"}"#);
        folder.insert(file, bytes.clone());
        let tokenizer = Tokenizer::from_folder(&folder, None).expect("a good folder");
        assert_eq!(tokenizer.encode("  the ship", 512).expect("room enough").ids, ids, "{file}");
    }
}
