//! Whether bytes that came under the name of a model's file can be that file, and which names such files may have.
//!
//! In: the name, the first bytes and the length. Out: a verdict. Nothing large is held: of weights only the header is
//! looked at, and of its JSON only where the last tensor ends.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{HubError, MODULES};
use crate::file_signature::Signature;

/// Most bytes of a configuration, a tokenizer, or another text of a model.
pub const MAX_TEXT_BYTES: u64 = 64 << 20;

/// Most bytes of one file of weights.
pub const MAX_WEIGHT_BYTES: u64 = 64 << 30;

/// How many of its first bytes are read of a file before [`head_length`] says how many more are needed: at least the eight that are the
/// length of a safetensors header, and enough to tell what came in the place of a model's file.
pub const HEAD_START_BYTES: u64 = 64;

/// Most bytes of a safetensors header, as the format's own crate has it.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Longest file name that common disks take.
const MAX_NAME_BYTES: usize = 255;

/// Characters of a foreign name that an error repeats.
pub(super) const SHOWN_CHARS: usize = 80;

/// Whether `name` may be the name of a file of weights: letters, digits, `-`, `_` and `.`, not starting with a dot,
/// ending in `.safetensors`, so that it can't leave the folder it is put into.
///
/// # Errors
/// When it may not.
pub fn check_weight_file_name(name: &str) -> Result<(), HubError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() <= MAX_NAME_BYTES && !name.starts_with('.') && is_weights(name) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(HubError::UnsafeName { name: name.chars().take(SHOWN_CHARS).collect() })
}

/// Most bytes that a file of this name may have.
#[must_use]
pub fn max_bytes(name: &str) -> u64 {
    if is_weights(name) { MAX_WEIGHT_BYTES } else { MAX_TEXT_BYTES }
}

/// How many of its first bytes [`check_file`] needs to check a file whole. `start` holds the first eight or more
/// ([`HEAD_START_BYTES`]), or the whole file if that is shorter.
#[must_use]
pub fn head_length(name: &str, start: &[u8], length: u64) -> u64 {
    match start.first_chunk::<8>() {
        Some(first) if is_weights(name) => {
            let header = u64::from_le_bytes(*first);
            // Where this is no header, its first bytes are enough to say what it is.
            if header > MAX_HEADER_BYTES { length.min(HEAD_START_BYTES) } else { length.min(8 + header) }
        }
        _ => length.min(max_bytes(name)),
    }
}

/// Whether a file can be what its name says: JSON files hold one object (but `modules.json` a list), the header of weights agrees
/// with their length, and nothing is a web page, a packed body or a pointer to a file that lies elsewhere.
///
/// `head` holds the file's first bytes, `length` is that of the whole file. What lies beyond `head` is not checked;
/// [`head_length`] says how much is needed.
///
/// # Errors
/// Names the file and what it seems to be instead.
pub fn check_file(name: &str, head: &[u8], length: u64) -> Result<(), HubError> {
    let limit = max_bytes(name);
    if length > limit {
        return Err(HubError::TooLarge { file: name.to_owned(), bytes: length, limit });
    }
    let is_whole = head.len() as u64 >= length;
    let problem = if is_weights(name) {
        // Any first bytes can be the length of a header, so the header decides what this is.
        check_weights(head, length).err().map(|reason| foreign(head).map_or(reason, str::to_owned))
    } else if let Some(found) = foreign(head) {
        Some(found.to_owned())
    } else if name.ends_with(".json") {
        check_json(name == MODULES, head, is_whole).err()
    } else {
        None
    };
    match problem {
        Some(found) => Err(HubError::WrongContent { file: name.to_owned(), found }),
        None => Ok(()),
    }
}

fn is_weights(name: &str) -> bool {
    name.ends_with(".safetensors")
}

/// What the first bytes are, if that is none of a model's files.
fn foreign(head: &[u8]) -> Option<&'static str> {
    match Signature::of(head)? {
        Signature::WebPage => {
            Some("this is a web page, not the file (a login page or a proxy may have answered in the hub's place)")
        }
        Signature::Xml => Some("this is an XML document, not the file (perhaps an error message of a store)"),
        Signature::LfsPointer => Some("this is a Git LFS pointer, not the file (git lfs pull brings the file)"),
        Signature::Gzip => Some("this is gzip data, not the file (a proxy may have packed it)"),
        _ => None,
    }
}

/// Without a byte order mark and the white space before the first character.
fn without_blanks(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// `is_list`: it is to be a list, and not an object.
fn check_json(is_list: bool, head: &[u8], is_whole: bool) -> Result<(), String> {
    let text = without_blanks(head);
    let (opening, kind) = if is_list { (b'[', "a list") } else { (b'{', "an object") };
    match text.first() {
        None if is_whole => return Err("the file is empty".to_owned()),
        None => {}
        Some(&first) if first == opening => {}
        Some(b'{' | b'[' | b'"') => return Err(format!("this is JSON, but not {kind}")),
        Some(_) => return Err("this is not JSON".to_owned()),
    }
    if !is_whole {
        return Ok(());
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = match is_list {
        true => IgnoredAny::deserialize(&mut reader).map(|_| ()),
        false => reader.deserialize_map(AnyObject),
    };
    let parsed = read.and_then(|()| reader.end());
    parsed.map_err(|error| format!("this is not JSON, or it is cut off ({error})"))
}

fn check_weights(head: &[u8], length: u64) -> Result<(), String> {
    let Some((first, rest)) = head.split_first_chunk::<8>() else {
        return Err(format!("{length} bytes are too few for a safetensors file"));
    };
    let header = u64::from_le_bytes(*first);
    if header > MAX_HEADER_BYTES || rest.first().is_some_and(|&byte| byte != b'{') {
        return Err("this is not a safetensors file: it does not start with a header".to_owned());
    }
    let Some(data) = length.checked_sub(8 + header) else {
        return Err(format!("the file is cut off: its header has {header} bytes and the whole file {length}"));
    };
    let Some(json) = usize::try_from(header).ok().and_then(|header| rest.get(..header)) else { return Ok(()) };
    let Header { end } = serde_json::from_slice(json)
        .map_err(|error| format!("this is not a safetensors file: its header can't be read ({error})"))?;
    match end.cmp(&data) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => {
            Err(format!("the file is cut off: its header tells of {end} bytes of weights, and {data} are there"))
        }
        std::cmp::Ordering::Less => {
            Err(format!("the file is damaged: its header tells of {end} bytes of weights, and {data} are there"))
        }
    }
}

/// One JSON object, whatever is in it.
struct AnyObject;

impl<'de> Visitor<'de> for AnyObject {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// A safetensors header: where the last tensor ends.
struct Header {
    end: u64,
}

#[derive(Deserialize)]
struct Tensor {
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Tensors)
    }
}

struct Tensors;

impl<'de> Visitor<'de> for Tensors {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut end = 0;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
            } else {
                end = end.max(map.next_value::<Tensor>()?.data_offsets.1);
            }
        }
        Ok(Header { end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weights(data: usize) -> Vec<u8> {
        let header = format!(
            r#"{{"__metadata__":{{"format":"pt"}},"a":{{"dtype":"U8","shape":[{data}],"data_offsets":[0,{data}]}}}}"#
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 7);
        bytes
    }

    fn refusal(name: &str, bytes: &[u8]) -> String {
        check_file(name, bytes, bytes.len() as u64).expect_err(name).to_string()
    }

    #[test]
    fn the_start_of_a_file_says_how_long_its_head_is_and_what_it_is_instead() {
        let start = |bytes: &[u8]| bytes[..bytes.len().min(HEAD_START_BYTES as usize)].to_vec();
        let bytes = weights(300);
        let length = bytes.len() as u64;
        assert_eq!(head_length("model.safetensors", &start(&bytes), length), length - 300);
        let page = format!("\u{feff}\r\n <!DOCTYPE html>\n<html>{}</html>", " ".repeat(1000));
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 9\n", "0".repeat(64));
        for (other, found) in [(page, "web page"), (pointer, "Git LFS")] {
            let head = start(other.as_bytes());
            assert!(head_length("model.safetensors", &head, other.len() as u64) <= head.len() as u64, "{found}");
            let error = check_file("model.safetensors", &head, other.len() as u64).expect_err(found).to_string();
            assert!(error.contains(found), "{error}");
        }
    }

    #[test]
    fn good_files_pass() {
        for (name, text) in [
            ("config.json", "\u{feff} {\"a\": [1, {\"b\": null}]}\n"),
            ("tokenizer.json", "{}"),
            ("merges.txt", "#version: 0.2\nĠ t\n"),
            ("vocab.txt", "[PAD]\n<s>\n"),
            ("chat_template.jinja", "{% for message in messages %}"),
            ("modules.json", "[{\"idx\": 0, \"path\": \"\"}]\n"),
            ("1_Pooling/config.json", "{}"),
        ] {
            check_file(name, text.as_bytes(), text.len() as u64).expect(name);
        }
        let bytes = weights(1000);
        check_file("model.safetensors", &bytes, bytes.len() as u64).expect("whole");
        let needed = head_length("model.safetensors", &bytes[..8], bytes.len() as u64) as usize;
        assert_eq!(needed, bytes.len() - 1000);
        check_file("model.safetensors", &bytes[..needed], bytes.len() as u64).expect("by its header");
    }

    #[test]
    fn a_header_that_looks_like_another_format_is_a_header() {
        // The length 0x088b1f has the first bytes of gzip.
        let mut header = r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.to_owned();
        header.push_str(&" ".repeat(0x08_8b1f - header.len()));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        assert!(bytes.starts_with(&[0x1f, 0x8b, 0x08]));
        bytes.extend_from_slice(header.as_bytes());
        check_file("model.safetensors", &bytes, bytes.len() as u64).expect("a good file");
    }

    #[test]
    fn what_came_in_a_files_place_is_named() {
        let page = b"\r\n<!DOCTYPE html><html><body>Please log in</body></html>";
        for name in ["config.json", "model.safetensors", "merges.txt", "vocab.txt", "chat_template.jinja"] {
            let message = refusal(name, page);
            assert!(message.starts_with(name) && message.contains("web page"), "{message}");
            let message = refusal(name, b"\x1f\x8b\x08\0\0\0\0\0\0\x03 packed");
            assert!(message.contains("gzip"), "{message}");
        }
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n";
        assert!(refusal("model.safetensors", pointer).contains("Git LFS"));
        assert!(refusal("tokenizer.json", pointer).contains("Git LFS"));
        assert!(refusal("config.json", b"[1, 2]").contains("not an object"));
        assert!(refusal("config.json", b"{\"a\": 1").contains("not JSON"));
        assert!(refusal("modules.json", b"{}").contains("not a list"));
        assert!(refusal("modules.json", b"[1").contains("not JSON"));
        assert!(refusal("modules.json", b"[] more").contains("not JSON"));
        assert!(refusal("config.json", b"").contains("empty"));
        assert!(refusal("model.safetensors", b"abc").contains("too few"));
    }

    #[test]
    fn weights_of_another_length_are_refused() {
        let bytes = weights(1000);
        assert!(refusal("model.safetensors", &bytes[..bytes.len() - 1]).contains("cut off"));
        assert!(refusal("model.safetensors", &bytes[..40]).contains("cut off"));
        assert!(refusal("model.safetensors", &[&bytes[..], b"more"].concat()).contains("damaged"));
        let mut huge = bytes;
        huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(refusal("model.safetensors", &huge).contains("not a safetensors file"));
    }

    #[test]
    fn sizes_are_limited() {
        let error = check_file("tokenizer.json", b"{", MAX_TEXT_BYTES + 1).expect_err("too large").to_string();
        assert!(error.contains("67108865 bytes") && error.contains("67108864"), "{error}");
        check_file("model.safetensors", &[], u64::MAX).expect_err("too large");
    }

    #[test]
    fn names_that_climb_are_refused() {
        for name in ["model-00001-of-00002.safetensors", "a_B-1.2.safetensors"] {
            check_weight_file_name(name).expect(name);
        }
        for name in [
            "",
            ".safetensors",
            "..safetensors",
            "../x.safetensors",
            "/tmp/x.safetensors",
            "a/b.safetensors",
            "a\\b.safetensors",
            "C:x.safetensors",
            "x.safetensors\0",
            "x.safetensors ",
            "x.bin",
            "ä.safetensors",
        ] {
            let message = check_weight_file_name(name).expect_err(name).to_string();
            assert!(message.contains("weight"), "{message}");
        }
        check_weight_file_name(&format!("{}.safetensors", "a".repeat(255))).expect_err("too long");
    }

    proptest! {
        #[test]
        fn a_name_that_passes_stays_in_its_folder(name in "\\PC{0,40}|[a-z./\\\\:]{0,30}(\\.safetensors)?") {
            if check_weight_file_name(&name).is_ok() {
                let path = std::path::Path::new("dir").join(&name);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("dir")));
                prop_assert!(name.ends_with(".safetensors") && !name.contains(['/', '\\', ':', '\0']));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length in any::<u64>()) {
            for (name, length) in [
                ("config.json", bytes.len() as u64),
                ("vocab.txt", bytes.len() as u64),
                ("model.safetensors", bytes.len() as u64),
                ("model.safetensors", length),
                ("config.json", length),
            ] {
                let _ = check_file(name, &bytes, length);
                prop_assert!(head_length(name, &bytes, length) <= length);
            }
        }

        #[test]
        fn a_changed_header_is_never_taken_for_another_length(at in 0_usize..100, byte in any::<u8>()) {
            let mut bytes = weights(300);
            let at = at % (bytes.len() - 300);
            bytes[at] = byte;
            if check_file("model.safetensors", &bytes, bytes.len() as u64).is_ok() {
                prop_assert!(check_file("model.safetensors", &bytes, bytes.len() as u64 + 1).is_err());
            }
        }

        #[test]
        fn a_cut_anywhere_is_found(keep in 0_usize..400) {
            let bytes = weights(300);
            let keep = keep.min(bytes.len() - 1);
            prop_assert!(check_file("model.safetensors", &bytes[..keep], keep as u64).is_err());
        }
    }
}
