//! What is dropped on the page: files, and folders with the files in them.

use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use super::{PickedFile, describe, picked_files};

/// Files, and folders that nobody has looked through yet.
pub(crate) struct DroppedItems {
    pub files: Vec<PickedFile>,
    folders: Vec<FileSystemDirectoryEntry>,
}

impl DroppedItems {
    /// To be read while the drop is handled: after it the browser forgets the folders.
    pub(crate) fn of(data: &DataTransfer) -> Self {
        let items = data.items();
        let entry = |index: u32| items.get(index)?.webkit_get_as_entry().ok().flatten();
        let folders = (0..items.length()).filter_map(entry).filter(FileSystemEntry::is_directory);
        let folders: Vec<FileSystemDirectoryEntry> = folders.map(JsCast::unchecked_into).collect();
        // A folder stands among the files too, as one that can't be read.
        let mut files = picked_files(data.files());
        files.retain(|file| folders.iter().all(|folder| folder.name() != file.name));
        Self { files, folders }
    }

    pub(crate) fn has_folders(&self) -> bool {
        !self.folders.is_empty()
    }

    /// All files, in the order of their names; those of folders are named by their paths.
    ///
    /// # Errors
    /// When the browser can't read a folder; the message names it.
    pub(crate) async fn all(self) -> Result<Vec<PickedFile>, String> {
        let Self { mut files, mut folders } = self;
        while let Some(folder) = folders.pop() {
            for entry in entries(&folder).await? {
                if entry.is_directory() {
                    folders.push(entry.unchecked_into());
                } else {
                    files.push(file(&entry.unchecked_into()).await?);
                }
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }
}

/// What lies in a folder.
async fn entries(folder: &FileSystemDirectoryEntry) -> Result<Vec<FileSystemEntry>, String> {
    let reader = folder.create_reader();
    let mut entries: Vec<FileSystemEntry> = Vec::new();
    // A browser gives some at a time, and none once it has given all.
    loop {
        let read = Promise::new(&mut |resolve, reject| {
            if let Err(error) = reader.read_entries_with_callback_and_callback(&resolve, &reject) {
                drop(reject.call1(&JsValue::NULL, &error));
            }
        });
        let some = JsFuture::from(read).await.map_err(|error| unreadable(folder, &error))?;
        let some: Array = some.unchecked_into();
        if some.length() == 0 {
            return Ok(entries);
        }
        entries.extend(some.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
}

async fn file(entry: &FileSystemFileEntry) -> Result<PickedFile, String> {
    let read = Promise::new(&mut |resolve, reject| entry.file_with_callback_and_callback(&resolve, &reject));
    let file: File = JsFuture::from(read).await.map_err(|error| unreadable(entry, &error))?.unchecked_into();
    let path = entry.full_path();
    Ok(PickedFile { name: path.trim_start_matches('/').into(), ..PickedFile::from_file(file) })
}

fn unreadable(entry: &FileSystemEntry, error: &JsValue) -> String {
    format!("{} can't be read: {}", entry.name(), describe(error))
}
