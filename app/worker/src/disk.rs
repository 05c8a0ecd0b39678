//! What the browser keeps for this site: folders of files that are trusted only once a manifest stands beside them. They lie in the
//! browser's private files (`opfs`) or, where it has none for this page, in its database (`database`): which of them is found out
//! once. The manifest is written last, so a half-written folder is never used.

mod database;
mod opfs;

use std::cell::Cell;
use std::collections::BTreeMap;

use hone_core::hub::Sha256Pieces;
use hone_core::session::protocol::{Problem, ProblemKind, StoragePlace};
use js_sys::{Array, Promise, Uint8Array};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, DomException};

use self::database::{DatabaseFile, DatabaseFolder, DatabaseWriter};
use self::opfs::{OpfsFile, OpfsFolder, OpfsWriter};
use crate::{errors, hash};

thread_local! {
    /// Where files are kept; `None` before that was found out.
    static PLACE: Cell<Option<StoragePlace>> = const { Cell::new(None) };
}

/// Bytes read or written at once; bounds what lies on JavaScript's heap.
const CHUNK: usize = 8 << 20;

/// Bytes of a file that have a hash together, where it is not hashed as a whole; the last ones may be fewer.
pub(crate) const HASHED_BYTES: usize = 8 << 20;

/// Bytes of a file up to which its hash is made of it as a whole, by the browser's code.
const MAX_WHOLE_BYTES: u64 = 128 << 20;

/// The file that says a folder is whole.
const MANIFEST: &str = "manifest.json";

/// Why the disk could not be used.
#[derive(Debug)]
pub(crate) enum DiskError {
    /// No room left for this site.
    Full,
    /// No such file or folder.
    Missing,
    /// What is there is not what was written: which file.
    Damaged(String),
    /// Private window, no permission, locked by another tab, …
    Unavailable(String),
}

impl DiskError {
    /// Why something could not be kept, for the person: `what`, e.g. `the checkpoint can't be kept`.
    pub(crate) fn problem(&self, what: &str) -> Problem {
        let hint = match self {
            Self::Full => "free disk space, or clear this site's stored models; the work goes on in memory",
            Self::Missing | Self::Damaged(_) => "the work goes on in memory",
            Self::Unavailable(_) => "private windows and strict settings have no storage; the work goes on in memory",
        };
        errors::problem(ProblemKind::Storage, format!("{what}: {}", self.reason()), hint)
    }

    /// In words.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Full => "this browser's storage for the site is full",
            Self::Missing => "a file disappeared from the browser's storage",
            Self::Damaged(reason) | Self::Unavailable(reason) => reason,
        }
    }
}

impl From<JsValue> for DiskError {
    fn from(thrown: JsValue) -> Self {
        match thrown.dyn_ref::<DomException>().map(DomException::name).as_deref() {
            Some("QuotaExceededError") => Self::Full,
            Some("NotFoundError") => Self::Missing,
            _ => Self::Unavailable(errors::js_text(&thrown)),
        }
    }
}

/// What a whole folder holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Commit of the hub that the files are of, where the hub said it.
    #[serde(default)]
    pub(crate) commit: Option<String>,
    pub(crate) files: BTreeMap<String, StoredFile>,
}

/// A file of a whole folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) bytes: u64,
    /// Lower-case hex; earlier versions of Hone wrote checkpoints without.
    pub(crate) sha256: Option<String>,
    /// The same of every [`HASHED_BYTES`] of a file that was written in pieces, or is large: these are compared then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hashes: Vec<String>,
}

/// Where files are kept; `None` where there is no such place, or nobody has asked for a file yet.
pub(crate) fn storage_place() -> Option<StoragePlace> {
    PLACE.get()
}

/// A folder on the disk.
#[derive(Debug, Clone)]
pub(crate) enum DiskFolder {
    Opfs(OpfsFolder),
    Database(DatabaseFolder),
}

impl DiskFolder {
    /// The folder at `path`; made if it is not there.
    pub(crate) async fn open(path: &[String]) -> Result<Self, DiskError> {
        let mut folder = Self::root().await?;
        for part in path {
            folder = folder.folder(part).await?;
        }
        Ok(folder)
    }

    /// The folder at `path`, if it is there.
    pub(crate) async fn find(path: &[String]) -> Result<Option<Self>, DiskError> {
        let mut folder = Self::root().await?;
        for part in path {
            let Some(next) = folder.existing(part).await? else { return Ok(None) };
            folder = next;
        }
        Ok(Some(folder))
    }

    /// All that this site keeps.
    pub(crate) async fn root() -> Result<Self, DiskError> {
        match storage_place() {
            Some(StoragePlace::Files) => Ok(Self::Opfs(OpfsFolder::root().await?)),
            Some(StoragePlace::Database) => Ok(Self::Database(DatabaseFolder::root().await?)),
            None => Self::find_place().await,
        }
    }

    async fn find_place() -> Result<Self, DiskError> {
        let files = match OpfsFolder::root().await {
            Ok(root) => {
                PLACE.set(Some(StoragePlace::Files));
                return Ok(Self::Opfs(root));
            }
            Err(error) => error,
        };
        match DatabaseFolder::root().await {
            Ok(root) => {
                PLACE.set(Some(StoragePlace::Database));
                Ok(Self::Database(root))
            }
            Err(database) => Err(DiskError::Unavailable(format!("{}, and {}", files.reason(), database.reason()))),
        }
    }

    /// A sub-folder; made if it is not there.
    pub(crate) async fn folder(&self, name: &str) -> Result<Self, DiskError> {
        let name = file_name(name);
        match self {
            Self::Opfs(folder) => folder.folder(&name).await.map(Self::Opfs),
            Self::Database(folder) => folder.folder(&name).await.map(Self::Database),
        }
    }

    /// A sub-folder, if it is there.
    pub(crate) async fn existing(&self, name: &str) -> Result<Option<Self>, DiskError> {
        let name = file_name(name);
        match self {
            Self::Opfs(folder) => Ok(folder.existing(&name).await?.map(Self::Opfs)),
            Self::Database(folder) => Ok(folder.existing(&name).await?.map(Self::Database)),
        }
    }

    /// Names of what is in it.
    pub(crate) async fn names(&self) -> Result<Vec<String>, DiskError> {
        let names = match self {
            Self::Opfs(folder) => folder.names().await?,
            Self::Database(folder) => folder.names().await?,
        };
        Ok(names.iter().map(|name| plain_name(name)).collect())
    }

    /// Removes a file, or a folder with all that is in it; what is not there is no error.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let name = file_name(name);
        let removed = match self {
            Self::Opfs(folder) => folder.remove(&name).await,
            Self::Database(folder) => folder.remove(&name).await,
        };
        match removed {
            Err(DiskError::Missing) => Ok(()),
            removed => removed,
        }
    }

    /// Size in bytes, if the file is there.
    pub(crate) async fn size(&self, name: &str) -> Result<Option<u64>, DiskError> {
        Ok(self.file(name).await?.map(|file| file.size()))
    }

    /// The whole file, if it is there. Does not trust or check anything.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DiskError> {
        let Some(file) = self.file(name).await? else { return Ok(None) };
        let size = file.size() as usize;
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(size).is_err() {
            return Err(DiskError::Unavailable(format!("{name}: {size} bytes do not fit into memory")));
        }
        while bytes.len() < size {
            let start = bytes.len();
            let end = size.min(start + CHUNK);
            let part = file.read(name, start as u64, end as u64).await?;
            bytes.resize(end, 0);
            part.copy_to(&mut bytes[start..end]);
        }
        Ok(Some(bytes))
    }

    /// The bytes of a file from `start` up to `end`. Does not trust or check anything.
    ///
    /// # Errors
    /// Also where it is not there.
    pub(crate) async fn read_part(&self, name: &str, start: u64, end: u64) -> Result<Vec<u8>, DiskError> {
        let file = self.file(name).await?.ok_or(DiskError::Missing)?;
        Ok(file.read(name, start, end).await?.to_vec())
    }

    /// The whole file on JavaScript's heap. Does not trust or check anything.
    ///
    /// # Errors
    /// Also where it is not there.
    pub(crate) async fn read_js(&self, name: &str) -> Result<Uint8Array, DiskError> {
        let file = self.file(name).await?.ok_or(DiskError::Missing)?;
        file.read(name, 0, file.size()).await
    }

    /// Writes a whole file from JavaScript's heap.
    pub(crate) async fn write_js(&self, name: &str, bytes: &Uint8Array) -> Result<(), DiskError> {
        let mut writer = self.writer(name, 0).await?;
        let (mut start, length) = (0, bytes.length());
        while start < length {
            let end = length.min(start.saturating_add(CHUNK as u32));
            writer.append_js(&bytes.subarray(start, end)).await?;
            start = end;
        }
        writer.finish().await
    }

    /// Writes a whole file.
    pub(crate) async fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let mut writer = self.writer(name, 0).await?;
        for chunk in bytes.chunks(CHUNK) {
            writer.append(chunk).await?;
        }
        writer.finish().await
    }

    /// A writer that goes on after the first `keep` bytes of the file and drops the rest.
    pub(crate) async fn writer(&self, name: &str, keep: u64) -> Result<FileWriter, DiskError> {
        let name = file_name(name);
        match self {
            Self::Opfs(folder) => folder.writer(&name, keep).await.map(FileWriter::Opfs),
            Self::Database(folder) => folder.writer(&name, keep).await.map(FileWriter::Database),
        }
    }

    /// Declares the folder whole.
    pub(crate) async fn seal(&self, manifest: &Manifest) -> Result<(), DiskError> {
        let json = serde_json::to_vec_pretty(manifest).expect("a manifest holds only plain values");
        self.write(MANIFEST, &json).await
    }

    /// Declares the folder unfinished, before a file of it is changed.
    pub(crate) async fn unseal(&self) -> Result<(), DiskError> {
        self.remove(MANIFEST).await
    }

    /// Whether it was declared whole; what is in it may have been damaged since.
    pub(crate) async fn is_sealed(&self) -> Result<bool, DiskError> {
        Ok(self.size(MANIFEST).await?.is_some())
    }

    /// The manifest, if the folder is whole: every file is there in its full size.
    pub(crate) async fn manifest(&self) -> Result<Option<Manifest>, DiskError> {
        let Some(json) = self.read(MANIFEST).await? else { return Ok(None) };
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&json) else { return Ok(None) };
        for (name, stored) in &manifest.files {
            if self.size(name).await? != Some(stored.bytes) {
                return Ok(None);
            }
        }
        Ok((!manifest.files.is_empty()).then_some(manifest))
    }

    /// A file as it is, which whoever has it can read until it is changed or removed.
    ///
    /// # Errors
    /// Also where it is not there.
    pub(crate) async fn blob(&self, name: &str) -> Result<Blob, DiskError> {
        let file = match self.file(name).await?.ok_or(DiskError::Missing)? {
            FoundFile::Opfs(file) => return Ok(file.into_blob()),
            file => file,
        };
        let (parts, mut start) = (Array::new(), 0);
        while start < file.size() {
            let end = file.size().min(start + CHUNK as u64);
            let bytes = file.read(name, start, end).await?;
            parts.push(&Blob::new_with_buffer_source_sequence(&Array::of1(&bytes))?.into());
            start = end;
        }
        Ok(Blob::new_with_buffer_source_sequence(&parts)?)
    }

    /// What a manifest says of a file as it is now.
    ///
    /// # Errors
    /// Also where it is not there.
    pub(crate) async fn describe(&self, name: &str) -> Result<StoredFile, DiskError> {
        let file = self.file(name).await?.ok_or(DiskError::Missing)?;
        let bytes = file.size();
        if bytes <= MAX_WHOLE_BYTES {
            let sha256 = hash::sha256_hex_of_js(&file.read(name, 0, bytes).await?).await;
            return Ok(StoredFile { bytes, sha256: Some(sha256), hashes: Vec::new() });
        }
        let (mut whole, mut hashes, mut start) = (Sha256Pieces::default(), Vec::new(), 0);
        while start < bytes {
            let end = bytes.min(start + HASHED_BYTES as u64);
            let piece = file.read(name, start, end).await?;
            hashes.push(hash::sha256_hex_of_js(&piece).await);
            whole.add(&piece.to_vec());
            start = end;
        }
        Ok(StoredFile { bytes, sha256: Some(whole.into_hex()), hashes })
    }

    /// The first file that is not what it was when the folder was declared whole, if there is one. Reads all of them.
    pub(crate) async fn damaged_file(&self, manifest: &Manifest) -> Result<Option<String>, DiskError> {
        for (name, stored) in &manifest.files {
            if !self.is_whole(name, stored).await? {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// Whether a file is what a manifest says; one without a hash is taken as it is.
    pub(crate) async fn is_whole(&self, name: &str, stored: &StoredFile) -> Result<bool, DiskError> {
        match &stored.sha256 {
            Some(sha256) if stored.hashes.is_empty() => {
                Ok(hash::sha256_hex_of_js(&self.read_js(name).await?).await == *sha256)
            }
            _ => self.has_hashes(name, &stored.hashes).await,
        }
    }

    /// Whether a file has these hashes, where it has any.
    async fn has_hashes(&self, name: &str, hashes: &[String]) -> Result<bool, DiskError> {
        let file = self.file(name).await?.ok_or(DiskError::Missing)?;
        let mut start = 0;
        for sha256 in hashes {
            let end = file.size().min(start + HASHED_BYTES as u64);
            if hash::sha256_hex_of_js(&file.read(name, start, end).await?).await != *sha256 {
                return Ok(false);
            }
            start = end;
        }
        Ok(hashes.is_empty() || start == file.size())
    }

    /// A value from a file of JSON; `None` where it is missing or holds something else.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DiskError> {
        Ok(self.read(name).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    async fn file(&self, name: &str) -> Result<Option<FoundFile>, DiskError> {
        let name = file_name(name);
        match self {
            Self::Opfs(folder) => Ok(folder.file(&name).await?.map(FoundFile::Opfs)),
            Self::Database(folder) => Ok(folder.file(&name).await?.map(FoundFile::Database)),
        }
    }
}

/// A file, as it was when it was looked for.
enum FoundFile {
    Opfs(OpfsFile),
    Database(DatabaseFile),
}

impl FoundFile {
    fn size(&self) -> u64 {
        match self {
            Self::Opfs(file) => file.size(),
            Self::Database(file) => file.size(),
        }
    }

    /// Its bytes from `start` up to `end`, on JavaScript's heap.
    async fn read(&self, name: &str, start: u64, end: u64) -> Result<Uint8Array, DiskError> {
        let bytes = match self {
            Self::Opfs(file) => file.read(start, end).await?,
            Self::Database(file) => file.read(start, end).await?,
        };
        if u64::from(bytes.length()) == end - start {
            Ok(bytes)
        } else {
            Err(DiskError::Unavailable(format!("{name}: changed while it was read")))
        }
    }
}

/// Appends to a file; closes it when dropped. What was written before that is kept, in a database but for less than a chunk.
#[derive(Debug)]
pub(crate) enum FileWriter {
    Opfs(OpfsWriter),
    Database(DatabaseWriter),
}

impl FileWriter {
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        match self {
            Self::Opfs(writer) => writer.append(bytes),
            Self::Database(writer) => writer.append(bytes).await,
        }
    }

    /// As [`Self::append`], from JavaScript's heap.
    pub(crate) async fn append_js(&mut self, bytes: &Uint8Array) -> Result<(), DiskError> {
        match self {
            Self::Opfs(writer) => writer.append_js(bytes),
            Self::Database(writer) => writer.append(&bytes.to_vec()).await,
        }
    }

    /// Makes sure that it is on the disk.
    pub(crate) async fn finish(self) -> Result<(), DiskError> {
        match self {
            Self::Opfs(writer) => writer.finish(),
            Self::Database(writer) => writer.finish().await,
        }
    }
}

/// A name that the disk takes: letters, digits, `-`, `_` and `.` stay, others become `%XX`.
fn file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            safe.push(byte as char);
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    if safe.chars().all(|c| c == '.') { safe.replace('.', "%2E") } else { safe }
}

/// The name of which [`file_name`] made another.
fn plain_name(safe: &str) -> String {
    let mut bytes = Vec::with_capacity(safe.len());
    let mut rest = safe;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn wait<T: JsCast>(promise: Promise) -> Result<T, DiskError> {
    Ok(JsFuture::from(promise).await?.unchecked_into())
}
