//! The browser's private disk (OPFS): folders of files that are trusted only once a manifest stands beside them.
//!
//! Files are written through synchronous access handles (workers have them in every browser) and read through
//! `getFile`, which no other tab can lock. The manifest is written last, so a half-written folder is never used.

use std::collections::BTreeMap;

use hone_core::session::protocol::{Problem, ProblemKind};
use js_sys::{ArrayBuffer, IteratorNext, Promise, Uint8Array};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemRemoveOptions, FileSystemSyncAccessHandle,
    WorkerGlobalScope,
};

use crate::{errors, hash};

/// Bytes read or written at once; bounds what lies on JavaScript's heap.
const CHUNK: usize = 8 << 20;

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
}

/// A folder on the disk.
#[derive(Debug, Clone)]
pub(crate) struct DiskFolder(FileSystemDirectoryHandle);

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
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let storage = js_sys::Reflect::get(&scope.navigator(), &"storage".into())?;
        let Ok(storage) = storage.dyn_into::<web_sys::StorageManager>() else {
            return Err(DiskError::Unavailable("this browser has no storage here".into()));
        };
        Ok(Self(wait(storage.get_directory()).await?))
    }

    /// A sub-folder; made if it is not there.
    pub(crate) async fn folder(&self, name: &str) -> Result<Self, DiskError> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        Ok(Self(wait(self.0.get_directory_handle_with_options(&file_name(name), &options)).await?))
    }

    /// A sub-folder, if it is there.
    pub(crate) async fn existing(&self, name: &str) -> Result<Option<Self>, DiskError> {
        match wait::<FileSystemDirectoryHandle>(self.0.get_directory_handle(&file_name(name))).await {
            Ok(folder) => Ok(Some(Self(folder))),
            Err(DiskError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names of what is in it.
    pub(crate) async fn names(&self) -> Result<Vec<String>, DiskError> {
        let mut names = Vec::new();
        let keys = self.0.keys();
        loop {
            let next: IteratorNext = JsFuture::from(keys.next()?).await?.unchecked_into();
            if next.done() {
                return Ok(names);
            }
            names.extend(next.value().as_string());
        }
    }

    /// Removes a file, or a folder with all that is in it; what is not there is no error.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        match JsFuture::from(self.0.remove_entry_with_options(&file_name(name), &options)).await {
            Ok(_) => Ok(()),
            Err(error) => match DiskError::from(error) {
                DiskError::Missing => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Size in bytes, if the file is there.
    pub(crate) async fn size(&self, name: &str) -> Result<Option<u64>, DiskError> {
        Ok(self.file(name).await?.map(|file| file.size() as u64))
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
            let slice = file.slice_with_f64_and_f64(start as f64, end as f64)?;
            let buffer: ArrayBuffer = wait(slice.array_buffer()).await?;
            if buffer.byte_length() as usize != end - start {
                return Err(DiskError::Unavailable(format!("{name}: changed while it was read")));
            }
            bytes.resize(end, 0);
            Uint8Array::new(&buffer).copy_to(&mut bytes[start..end]);
        }
        Ok(Some(bytes))
    }

    /// The whole file on JavaScript's heap. Does not trust or check anything.
    ///
    /// # Errors
    /// Also where it is not there.
    pub(crate) async fn read_js(&self, name: &str) -> Result<Uint8Array, DiskError> {
        let file = self.file(name).await?.ok_or(DiskError::Missing)?;
        let buffer: ArrayBuffer = wait(file.array_buffer()).await?;
        Ok(Uint8Array::new(&buffer))
    }

    /// Writes a whole file from JavaScript's heap.
    pub(crate) async fn write_js(&self, name: &str, bytes: &Uint8Array) -> Result<(), DiskError> {
        let mut writer = self.writer(name, 0).await?;
        let (mut start, length) = (0, bytes.length());
        while start < length {
            let end = length.min(start.saturating_add(CHUNK as u32));
            writer.append_js(&bytes.subarray(start, end))?;
            start = end;
        }
        writer.finish()
    }

    /// Writes a whole file.
    pub(crate) async fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let mut writer = self.writer(name, 0).await?;
        for chunk in bytes.chunks(CHUNK) {
            writer.append(chunk)?;
        }
        writer.finish()
    }

    /// A writer that goes on after the first `keep` bytes of the file and drops the rest.
    pub(crate) async fn writer(&self, name: &str, keep: u64) -> Result<FileWriter, DiskError> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file: FileSystemFileHandle = wait(self.0.get_file_handle_with_options(&file_name(name), &options)).await?;
        let handle: FileSystemSyncAccessHandle = wait(file.create_sync_access_handle()).await?;
        let writer = FileWriter { handle, position: keep as f64 };
        writer.handle.truncate_with_f64(keep as f64)?;
        Ok(writer)
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

    /// The first file that is not what it was when the folder was declared whole, if there is one. Reads all of them; those
    /// without a hash are taken as they are.
    pub(crate) async fn damaged_file(&self, manifest: &Manifest) -> Result<Option<String>, DiskError> {
        for (name, stored) in &manifest.files {
            let Some(sha256) = &stored.sha256 else { continue };
            if hash::sha256_hex_of_js(&self.read_js(name).await?).await != *sha256 {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// A value from a file of JSON; `None` where it is missing or holds something else.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DiskError> {
        Ok(self.read(name).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    async fn file(&self, name: &str) -> Result<Option<File>, DiskError> {
        let handle = match wait::<FileSystemFileHandle>(self.0.get_file_handle(&file_name(name))).await {
            Ok(handle) => handle,
            Err(DiskError::Missing) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(wait(handle.get_file()).await?))
    }
}

/// Appends to a file; closes it when dropped, keeping what was written.
#[derive(Debug)]
pub(crate) struct FileWriter {
    handle: FileSystemSyncAccessHandle,
    position: f64,
}

impl FileWriter {
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let written = self.handle.write_with_u8_array_and_options(bytes, &self.options())?;
        self.advance(written, bytes.len() as f64)
    }

    /// As [`Self::append`], from JavaScript's heap.
    fn append_js(&mut self, bytes: &Uint8Array) -> Result<(), DiskError> {
        let written = self.handle.write_with_js_u8_array_and_options(bytes, &self.options())?;
        self.advance(written, f64::from(bytes.length()))
    }

    fn options(&self) -> FileSystemReadWriteOptions {
        let options = FileSystemReadWriteOptions::new();
        options.set_at(self.position);
        options
    }

    fn advance(&mut self, written: f64, asked: f64) -> Result<(), DiskError> {
        self.position += written;
        // A disk without room may take a part and throw nothing.
        if written < asked { Err(DiskError::Full) } else { Ok(()) }
    }

    /// Makes sure that it is on the disk.
    pub(crate) fn finish(self) -> Result<(), DiskError> {
        Ok(self.handle.flush()?)
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        self.handle.close();
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

async fn wait<T: JsCast>(promise: Promise) -> Result<T, DiskError> {
    Ok(JsFuture::from(promise).await?.unchecked_into())
}
