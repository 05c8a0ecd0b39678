//! The model hub as data: which files a model has, where they lie, what they must hash to. No IO.
//!
//! In: a repository id such as `sentence-transformers/all-MiniLM-L6-v2`. Out: URLs, and a verdict on names and bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use sha2::{Digest, Sha256};

use crate::folder::StoredBytes;
use crate::images::PREPROCESSOR_CONFIG;

mod adapter_files;
mod address;
mod file_check;
mod known;
mod wanted_files;

pub use adapter_files::{ADAPTER_CONFIG, ADAPTER_FILES, ADAPTER_WEIGHTS, are_of_adapter};
pub use address::{cache_path, host_of, is_commit, read_typed_id, why_refused};
pub use file_check::{
    HEAD_START_BYTES, MAX_TEXT_BYTES, MAX_WEIGHT_BYTES, check_file, check_weight_file_name, head_length, max_bytes,
};
pub use known::{KNOWN_MODELS, KnownModel, ModelFamily, OWN_IMAGE_MODEL, OWN_MODEL, own_model_folder};
pub use wanted_files::{NextFile, WantedFiles};

/// Files worth fetching from a model's repository: (name, whether loading needs it).
///
/// The tokenizer is one of `tokenizer.json`, `vocab.txt`, `vocab.json` with `merges.txt`, or one of [`SENTENCEPIECE_FILES`] (see
/// [`is_wanted`]); none alone is required. A model that reads images has none of them, but mostly `preprocessor_config.json`.
pub const MODEL_FILES: &[(&str, bool)] = &[
    (CONFIG, true),
    (WEIGHTS, true),
    ("tokenizer.json", false),
    ("tokenizer_config.json", false),
    ("special_tokens_map.json", false),
    ("added_tokens.json", false),
    ("vocab.txt", false),
    ("vocab.json", false),
    ("merges.txt", false),
    (PREPROCESSOR_CONFIG, false),
    (GENERATION_CONFIG, false),
    (CHAT_TEMPLATE, false),
    (DEFAULT_CHAT_TEMPLATE, false),
    ("spiece.model", false),
    ("sentencepiece.bpe.model", false),
    ("spm.model", false),
    ("tokenizer.model", false),
    (MODULES, false),
    (POOLING, false),
    (PROMPTS, false),
    (SENTENCE_LENGTH, false),
];

/// Says which architecture a model is, and its sizes.
pub const CONFIG: &str = "config.json";

/// Weights in one file.
pub const WEIGHTS: &str = "model.safetensors";

/// Names the shards of weights that are in several files.
pub const INDEX: &str = "model.safetensors.index.json";

/// Says how a model writes where nobody says anything else, and which tokens begin and end its texts.
pub const GENERATION_CONFIG: &str = "generation_config.json";

/// The template that conversations are written by.
pub const CHAT_TEMPLATE: &str = "chat_template.jinja";

/// The same where it lies among several, before the other.
pub const DEFAULT_CHAT_TEMPLATE: &str = "additional_chat_templates/default.jinja";

/// Lists the modules of a model of `sentence-transformers`; the last three of [`MODEL_FILES`] are of such a model alone.
pub const MODULES: &str = "modules.json";

/// Says how `sentence-transformers` makes one vector of the states of tokens.
pub const POOLING: &str = "1_Pooling/config.json";

/// Says what `sentence-transformers` writes before texts.
pub const PROMPTS: &str = "config_sentence_transformers.json";

/// Says where `sentence-transformers` cuts texts.
pub const SENTENCE_LENGTH: &str = "sentence_bert_config.json";

/// The names that SentencePiece's file has in folders of models: of T5 and ALBERT, of XLM-R and CamemBERT, of DeBERTa v2, and of
/// Llama, Mistral and Gemma.
pub const SENTENCEPIECE_FILES: [&str; 4] = ["spiece.model", "sentencepiece.bpe.model", "spm.model", "tokenizer.model"];

/// Whether a file of [`MODEL_FILES`] is worth reading beside those that are there: SentencePiece's is where no other tokenizer
/// is, what modules are told by where modules are listed.
#[must_use]
pub fn is_wanted(name: &str, has: impl Fn(&str) -> bool) -> bool {
    if [POOLING, PROMPTS, SENTENCE_LENGTH].contains(&name) {
        return has(MODULES);
    }
    !SENTENCEPIECE_FILES.contains(&name) || !["tokenizer.json", "vocab.txt", "vocab.json"].into_iter().any(has)
}

/// Which of the files that a person chose are those of a model: their names in its folder, and their indices. A file is given by its
/// path (of a folder that was dropped) or by its name alone. Where two would have one name, the one that lies less deep counts: the
/// `onnx/config.json` of a folder is not its `config.json`.
#[must_use]
pub fn names_in_folder(paths: &[&str]) -> BTreeMap<String, usize> {
    let paths: Vec<String> = paths.iter().map(|path| path.replace('\\', "/")).collect();
    let depth = |path: &str| path.matches('/').count();
    let last_part = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let configs = paths.iter().filter(|path| last_part(path) == CONFIG);
    let root = configs.min_by_key(|path| depth(path)).and_then(|path| path.strip_suffix(CONFIG)).unwrap_or("");
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (index, path) in paths.iter().enumerate() {
        let inside = path.strip_prefix(root).filter(|inside| MODEL_FILES.iter().any(|(known, _)| known == inside));
        let name = inside.map_or_else(|| last_part(path), str::to_owned);
        if found.get(&name).is_none_or(|&other| depth(path) <= depth(&paths[other])) {
            found.insert(name, index);
        }
    }
    found
}

/// What can be wrong with an id or a file of the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// Not `owner/name`.
    #[error("{id:?} is not a repository id of the form owner/name: {reason}")]
    NotAnId {
        /// What was given.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not the name of a branch, a tag or a commit.
    #[error("{revision:?} can't be a revision: {reason}")]
    NotARevision {
        /// What was given, or its beginning.
        revision: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An index of weights names a file that could lie outside of the model's folder.
    #[error(
        "{name:?} can't be the name of a weight file: only letters, digits, '-', '_' and '.' are allowed, and it ends \
         in .safetensors"
    )]
    UnsafeName {
        /// The name, or its beginning.
        name: String,
    },
    /// A file is larger than such files can be.
    #[error("{file}: {bytes} bytes are too many for this file (at most {limit} are read)")]
    TooLarge {
        /// File name.
        file: String,
        /// Its size, as far as it is known.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Something else came under the name of a file.
    #[error("{file}: {found}")]
    WrongContent {
        /// File name.
        file: String,
        /// What it seems to be.
        found: String,
    },
    /// The bytes are not those that were promised: a broken or tampered download.
    #[error("{file}: the bytes do not match their checksum (expected sha-256 {expected}, got {found}, {bytes} bytes)")]
    Mismatch {
        /// File name.
        file: String,
        /// Hash that was promised.
        expected: String,
        /// Hash of the bytes.
        found: String,
        /// How many bytes came.
        bytes: u64,
    },
}

/// Whether `id` is a repository id of the form `owner/name`, as the hub allows it.
///
/// # Errors
/// When it is not, with the reason.
pub fn is_repository_id(id: &str) -> Result<(), HubError> {
    let fail = |reason| Err(HubError::NotAnId { id: id.to_owned(), reason });
    let Some((owner, name)) = id.split_once('/') else { return fail("there is no slash") };
    for part in [owner, name] {
        if part.is_empty() {
            return fail("a part is empty");
        }
        if part.len() > 96 {
            return fail("a part is longer than 96 characters");
        }
        if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return fail("only letters, digits, '-', '_' and '.' are allowed, and one slash");
        }
        if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
            return fail("a part starts or ends with '-' or '.'");
        }
        if part.contains("--") || part.contains("..") {
            return fail("'--' and '..' are not allowed");
        }
    }
    if name.ends_with(".git") {
        return fail("a name can't end in .git");
    }
    Ok(())
}

/// Whether `revision` can be the name of a branch, a tag or a commit: what git allows, and nothing that climbs out of a
/// path.
///
/// # Errors
/// When it can't, with the reason.
pub fn check_revision(revision: &str) -> Result<(), HubError> {
    let reason = if revision.is_empty() {
        "it is empty"
    } else if revision.len() > 200 {
        "it is longer than 200 bytes"
    } else if revision.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c)) {
        "white space and ~ ^ : ? * [ \\ are not allowed"
    } else if revision.contains("..") || revision.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        "no part may be empty or start with '.', and '..' is not allowed"
    } else {
        return Ok(());
    };
    let revision = revision.chars().take(file_check::SHOWN_CHARS).collect();
    Err(HubError::NotARevision { revision, reason })
}

/// `text` without the user names and passwords of the addresses in it: `https://me:secret@host` becomes
/// `https://***@host`.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + 3);
        let is_end = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '<' | '>');
        let (authority, others) = after.split_at(after.find(is_end).unwrap_or(after.len()));
        redacted.push_str(scheme);
        match authority.rfind('@') {
            Some(at) => {
                redacted.push_str("***");
                redacted.push_str(&authority[at..]);
            }
            None => redacted.push_str(authority),
        }
        rest = others;
    }
    redacted.push_str(rest);
    redacted
}

/// Address of a file: `{hub}/{id}/resolve/{revision}/{file}`; what a path can't carry is percent-encoded.
#[must_use]
pub fn resolve_url(hub: &str, id: &str, revision: &str, file: &str) -> String {
    let hub = hub.trim_end_matches('/');
    format!("{hub}/{}/resolve/{}/{}", encode(id, true), encode(revision, false), encode(file, true))
}

fn encode(part: &str, keep_slash: bool) -> String {
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if plain || (keep_slash && byte == b'/') {
            encoded.push(byte as char);
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    encoded
}

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hash = Sha256Pieces::default();
    hash.add(bytes);
    hash.into_hex()
}

/// SHA-256 in lower-case hex of a file that stays where it is, which is read in pieces.
///
/// # Errors
/// When it can't be read.
pub fn sha256_of_stored(file: &dyn StoredBytes) -> io::Result<String> {
    const PIECE_BYTES: usize = 8 << 20;
    let (mut hash, length) = (Sha256Pieces::default(), file.num_bytes());
    for start in (0..length).step_by(PIECE_BYTES) {
        hash.add(&file.read(start..length.min(start + PIECE_BYTES as u64))?);
    }
    Ok(hash.into_hex())
}

/// SHA-256 of bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Sha256Pieces(Sha256);

impl Sha256Pieces {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all of them, in lower-case hex.
    #[must_use]
    pub fn into_hex(self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0.finalize() {
            write!(hex, "{byte:02x}").expect("writing to a string does not fail");
        }
        hex
    }
}

/// Whether a text is a SHA-256 as [`sha256_hex`] gives it.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// All that stands in some text and may be a SHA-256, whatever is around it: what a damaged list of files still names.
#[must_use]
pub fn sha256s_in(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_sha256(word)).collect()
}

/// The SHA-256 in a hub's `ETag` or `X-Linked-ETag`: large files carry it, small ones carry a git hash (`None`).
#[must_use]
pub fn sha256_from_etag(etag: &str) -> Option<String> {
    let value = etag.trim();
    let value = value.strip_prefix("W/").unwrap_or(value).trim_matches('"');
    let is_sha256 = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha256.then(|| value.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_of_known_models_are_ids() {
        for model in KNOWN_MODELS {
            is_repository_id(model.id).expect("a known model has a good id");
            assert!(model.files_sha256.iter().all(|(_, hash)| sha256_from_etag(hash).as_deref() == Some(hash)));
            assert!(model.files_sha256.iter().all(|(name, _)| MODEL_FILES.iter().any(|(file, _)| file == name)));
        }
    }

    #[test]
    fn what_tells_of_modules_is_wanted_where_modules_are_listed() {
        for name in ["1_Pooling/config.json", "config_sentence_transformers.json", SENTENCE_LENGTH] {
            assert!(MODEL_FILES.iter().any(|(file, _)| *file == name) && !is_wanted(name, |_| false));
            assert!(is_wanted(name, |file| file == MODULES));
        }
        // A file that another makes wanted, or not, is looked for after it.
        let index = |name: &str| MODEL_FILES.iter().position(|(file, _)| *file == name);
        assert!(index(MODULES) < index("1_Pooling/config.json") && index("vocab.txt") < index("spiece.model"));
        assert!(
            is_wanted("spiece.model", |file| file == MODULES) && !is_wanted("spiece.model", |file| file == "vocab.txt")
        );
    }

    #[test]
    fn files_of_a_folder_that_was_dropped_keep_apart() {
        let names = |paths: &[&str]| -> Vec<(String, usize)> { names_in_folder(paths).into_iter().collect() };
        let expect = |names: &[(&str, usize)]| -> Vec<(String, usize)> {
            names.iter().map(|(name, index)| ((*name).to_owned(), *index)).collect()
        };
        let dropped = [
            "bge/1_Pooling/config.json",
            "bge/config.json",
            "bge/model.safetensors",
            "bge/modules.json",
            "bge/onnx/config.json",
        ];
        let found =
            expect(&[("1_Pooling/config.json", 0), ("config.json", 1), ("model.safetensors", 2), ("modules.json", 3)]);
        assert_eq!(names(&dropped), found);
        assert_eq!(names(&dropped.map(|path| &path[4..])), found, "as an export has them");
        assert_eq!(
            names(&["a\\b\\config.json", "a\\b\\1_Pooling\\config.json"]),
            expect(&[("1_Pooling/config.json", 1), ("config.json", 0)])
        );
        assert_eq!(names(&["config.json", "config.json"]), expect(&[("config.json", 1)]), "the later one");
        assert_eq!(
            names(&["config.json", "weights/model.safetensors"]),
            expect(&[("config.json", 0), ("model.safetensors", 1)])
        );
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn the_default_is_an_encoder_and_families_have_a_multilingual_model() {
        assert_eq!(KNOWN_MODELS[0].family, ModelFamily::Encoder);
        for family in ModelFamily::ALL {
            let has_one = KNOWN_MODELS.iter().any(|model| model.family == family && model.is_multilingual);
            // mT5 of the hub has its tokenizer in another file than tokenizer.json; images have no language.
            let is_expected = !matches!(family, ModelFamily::EncoderDecoder | ModelFamily::Vision);
            assert_eq!(has_one, is_expected, "{family:?}");
            assert!(KNOWN_MODELS.iter().any(|model| model.family == family), "{family:?}");
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_a_reason() {
        for id in ["bert", "a/b/c", "/b", "a/", "a b/c", "a/../b", "a/b.git", "-a/b", "https://x/y", "a/b?c", "ä/b"] {
            let error = is_repository_id(id).expect_err(id).to_string();
            assert!(error.contains("owner/name"), "{error}");
        }
    }

    #[test]
    fn revisions_that_climb_or_are_empty_are_refused() {
        for revision in ["main", "v1.0", "v+1", "v/1", "refs/pr/1", "0123456789abcdef0123456789abcdef01234567"] {
            check_revision(revision).expect(revision);
        }
        for revision in ["", ".", "..", "a/../b", "a//b", "/a", "a/", ".a", "a b", "a\n", "a:b", "a\\b"] {
            let error = check_revision(revision).expect_err(revision).to_string();
            assert!(error.contains("can't be a revision"), "{error}");
        }
    }

    #[test]
    fn passwords_are_not_repeated() {
        assert_eq!(redact("https://me:secret@hub.example/a/b?c=1"), "https://***@hub.example/a/b?c=1");
        assert_eq!(redact("can't reach http://a@b:1/x, http://c:d@e"), "can't reach http://***@b:1/x, http://***@e");
        assert_eq!(redact("https://hub.example/a@b"), "https://hub.example/a@b");
        assert_eq!(redact("no address, me@example"), "no address, me@example");
    }

    #[test]
    fn urls_are_resolved() {
        let url = resolve_url("https://hub.example/", "a/b-c", "main", "1_Pooling/config.json");
        assert_eq!(url, "https://hub.example/a/b-c/resolve/main/1_Pooling/config.json");
        let url = resolve_url("https://hub.example", "a/b", "refs/pr/1", "x y.json");
        assert_eq!(url, "https://hub.example/a/b/resolve/refs%2Fpr%2F1/x%20y.json");
    }

    #[test]
    fn a_hash_is_that_of_the_standard() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), abc);
        assert_ne!(sha256_hex(b"abd"), abc);
    }

    #[test]
    fn hashes_of_pieces_are_those_of_the_whole_and_are_found_in_what_is_damaged() {
        let mut pieces = Sha256Pieces::default();
        [&b"a"[..], b"", b"bc"].into_iter().for_each(|piece| pieces.add(piece));
        let whole = sha256_hex(b"abc");
        assert_eq!(pieces.into_hex(), whole);
        assert_eq!(sha256_of_stored(&b"abc".to_vec()).expect("in memory"), whole);
        let large: Vec<u8> = (0..(8 << 20) + 5_u32).map(|index| index as u8).collect();
        assert_eq!(sha256_of_stored(&large).expect("in memory"), sha256_hex(&large));
        assert!(is_sha256(&whole) && !is_sha256(&whole.to_uppercase()) && !is_sha256(&whole[1..]));
        let other = "0".repeat(64);
        let damaged = format!("{{\"sha256\":\"{whole}\",\u{fffd}x\":\"{other}\",\"sha2\":\"{}", &whole[..40]);
        assert_eq!(sha256s_in(&damaged), [&whole, &other]);
    }

    #[test]
    fn etags_are_read() {
        let hash = "A".repeat(64);
        assert_eq!(sha256_from_etag(&format!("\"{hash}\"")), Some("a".repeat(64)));
        assert_eq!(sha256_from_etag(&format!("W/\"{hash}\"")), Some("a".repeat(64)));
        assert_eq!(sha256_from_etag("\"60dbb2a1d3a2d3e3a5c1c5d8e8a1b2c3d4e5f607\""), None);
        assert_eq!(sha256_from_etag(""), None);
    }

    proptest! {
        #[test]
        fn no_id_or_etag_panics(text in any::<String>()) {
            let _ = is_repository_id(&text);
            let _ = sha256_from_etag(&text);
            let _ = check_revision(&text);
            let _ = redact(&text);
            prop_assert!(resolve_url("https://h", &text, &text, &text).is_ascii());
        }

        #[test]
        fn no_password_survives(user in "[a-z]{0,5}", password in "[A-Z0-9:@!$&'()*+,;=%_~-]{1,12}", path in "[a-z]{0,9}") {
            let shown = redact(&format!("can't reach https://{user}:{password}@hub/{path}"));
            prop_assert_eq!(shown, format!("can't reach https://***@hub/{path}"));
        }
    }
}
