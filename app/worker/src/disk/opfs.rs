//! Folders of the browser's private file system (OPFS). Files are written through synchronous access handles (workers have them
//! in every browser of today) and read through `getFile`, which no other tab can lock.

use js_sys::{ArrayBuffer, Function, IteratorNext, Promise, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemReadWriteOptions, FileSystemRemoveOptions, FileSystemSyncAccessHandle,
    WorkerGlobalScope,
};

use super::{DiskError, wait};

/// A folder. Names are those that [`super::file_name`] gives.
#[derive(Debug, Clone)]
pub(crate) struct OpfsFolder(FileSystemDirectoryHandle);

impl OpfsFolder {
    /// All that this site keeps.
    ///
    /// # Errors
    /// Where the browser has no such files for this page, or can't write them.
    pub(super) async fn root() -> Result<Self, DiskError> {
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let absent = || DiskError::Unavailable("this browser has no private files for this page".into());
        let storage = Reflect::get(&scope.navigator(), &"storage".into())?;
        if !storage.is_object() || !can_write() {
            return Err(absent());
        }
        let open: Function = Reflect::get(&storage, &"getDirectory".into())?.dyn_into().map_err(|_| absent())?;
        let opened: Promise = open.call0(&storage)?.dyn_into().map_err(|_| absent())?;
        Ok(Self(wait(opened).await?))
    }

    pub(super) async fn folder(&self, name: &str) -> Result<Self, DiskError> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        Ok(Self(wait(self.0.get_directory_handle_with_options(name, &options)).await?))
    }

    pub(super) async fn existing(&self, name: &str) -> Result<Option<Self>, DiskError> {
        match wait::<FileSystemDirectoryHandle>(self.0.get_directory_handle(name)).await {
            Ok(folder) => Ok(Some(Self(folder))),
            Err(DiskError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, DiskError> {
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

    /// Fails with [`DiskError::Missing`] where it is not there.
    pub(super) async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        JsFuture::from(self.0.remove_entry_with_options(name, &options)).await?;
        Ok(())
    }

    pub(super) async fn file(&self, name: &str) -> Result<Option<OpfsFile>, DiskError> {
        let handle = match wait::<FileSystemFileHandle>(self.0.get_file_handle(name)).await {
            Ok(handle) => handle,
            Err(DiskError::Missing) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(OpfsFile(wait(handle.get_file()).await?)))
    }

    pub(super) async fn writer(&self, name: &str, keep: u64) -> Result<OpfsWriter, DiskError> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file: FileSystemFileHandle = wait(self.0.get_file_handle_with_options(name, &options)).await?;
        let handle: FileSystemSyncAccessHandle = wait(file.create_sync_access_handle()).await?;
        let writer = OpfsWriter { handle, position: keep as f64 };
        writer.handle.truncate_with_f64(keep as f64)?;
        Ok(writer)
    }
}

/// Old WebKit has the files and no way to write them from a worker.
fn can_write() -> bool {
    let class = Reflect::get(&js_sys::global(), &"FileSystemFileHandle".into());
    let prototype = class.and_then(|class| Reflect::get(&class, &"prototype".into()));
    prototype.and_then(|prototype| Reflect::has(&prototype, &"createSyncAccessHandle".into())).unwrap_or(false)
}

/// A file, as it was when it was looked for.
#[derive(Debug)]
pub(crate) struct OpfsFile(File);

impl OpfsFile {
    pub(super) fn size(&self) -> u64 {
        self.0.size() as u64
    }

    /// It, unread.
    pub(super) fn into_blob(self) -> Blob {
        self.0.into()
    }

    /// Its bytes from `start` up to `end`; fewer where it was changed since.
    pub(super) async fn read(&self, start: u64, end: u64) -> Result<Uint8Array, DiskError> {
        let slice = self.0.slice_with_f64_and_f64(start as f64, end as f64)?;
        let buffer: ArrayBuffer = wait(slice.array_buffer()).await?;
        Ok(Uint8Array::new(&buffer))
    }
}

/// Appends to a file; closes it when dropped, keeping what was written.
#[derive(Debug)]
pub(crate) struct OpfsWriter {
    handle: FileSystemSyncAccessHandle,
    position: f64,
}

impl OpfsWriter {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let written = self.handle.write_with_u8_array_and_options(bytes, &self.options())?;
        self.advance(written, bytes.len() as f64)
    }

    /// As [`Self::append`], from JavaScript's heap.
    pub(super) fn append_js(&mut self, bytes: &Uint8Array) -> Result<(), DiskError> {
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
    pub(super) fn finish(self) -> Result<(), DiskError> {
        Ok(self.handle.flush()?)
    }
}

impl Drop for OpfsWriter {
    fn drop(&mut self) {
        self.handle.close();
    }
}
