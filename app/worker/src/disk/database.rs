//! Folders in the browser's database (IndexedDB), for browsers that have no private files for this page: old WebKit, some private
//! windows. Two stores: `entries` has the size of each file (of a folder -1) under `[folder, name]`, and `chunks` the bytes of
//! files, 4 MiB each, under `[path, index]`. What belongs together is written in one transaction.

use std::cell::RefCell;

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbKeyRange, IdbObjectStore, IdbRequest, IdbTransactionMode, WorkerGlobalScope};

use super::DiskError;

const NAME: &str = "hone";
const VERSION: u32 = 1;
const ENTRIES: &str = "entries";
const CHUNKS: &str = "chunks";

/// Bytes of a chunk; the last one of a file has fewer.
const CHUNK: u64 = 4 << 20;

/// What stands in the place of the size where an entry is a folder.
const IS_FOLDER: f64 = -1.0;

thread_local! {
    /// Open until the browser closes it.
    static DATABASE: RefCell<Option<IdbDatabase>> = const { RefCell::new(None) };
}

/// A folder. Names are those that [`super::file_name`] gives: none has a slash in it.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseFolder {
    /// Empty of the outermost.
    path: String,
}

impl DatabaseFolder {
    /// All that this site keeps.
    ///
    /// # Errors
    /// Where the browser has no database for this page.
    pub(super) async fn root() -> Result<Self, DiskError> {
        database().await?;
        Ok(Self { path: String::new() })
    }

    pub(super) async fn folder(&self, name: &str) -> Result<Self, DiskError> {
        if let Some(folder) = self.existing(name).await? {
            return Ok(folder);
        }
        let key = self.key(name);
        transact(IdbTransactionMode::Readwrite, |stores| stores.entries.put_with_key(&IS_FOLDER.into(), &key)).await?;
        Ok(Self { path: self.path_of(name) })
    }

    pub(super) async fn existing(&self, name: &str) -> Result<Option<Self>, DiskError> {
        let is_folder = self.entry(name).await? == Some(IS_FOLDER);
        Ok(is_folder.then(|| Self { path: self.path_of(name) }))
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, DiskError> {
        let range = all_of(&self.path)?;
        let asked =
            transact(IdbTransactionMode::Readonly, |stores| stores.entries.get_all_keys_with_key(&range)).await?;
        let keys: Array = asked.result()?.dyn_into()?;
        let name = |key: JsValue| key.dyn_into::<Array>().ok()?.iter().nth(1)?.as_string();
        Ok(keys.iter().filter_map(name).collect())
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let (key, path) = (self.key(name), self.path_of(name));
        let (own, below) = (all_of(&path)?, all_below(&path)?);
        let remove = |stores: &Stores| -> Result<(), JsValue> {
            stores.entries.delete(&key)?;
            for store in [&stores.entries, &stores.chunks] {
                store.delete(&own)?;
                store.delete(&below)?;
            }
            Ok(())
        };
        transact(IdbTransactionMode::Readwrite, remove).await
    }

    pub(super) async fn file(&self, name: &str) -> Result<Option<DatabaseFile>, DiskError> {
        let size = self.entry(name).await?.filter(|size| *size >= 0.0);
        Ok(size.map(|size| DatabaseFile { path: self.path_of(name), size: size as u64 }))
    }

    pub(super) async fn writer(&self, name: &str, keep: u64) -> Result<DatabaseWriter, DiskError> {
        let (key, path) = (self.key(name), self.path_of(name));
        let whole = keep - keep % CHUNK;
        let file = DatabaseFile { path: path.clone(), size: keep };
        let rest = file.read(whole, keep).await?.to_vec();
        let dropped = IdbKeyRange::bound(&chunk_key(&path, whole), &Array::of2(&path.as_str().into(), &Array::new()))?;
        let writer = DatabaseWriter { key, path, whole, rest };
        let write = |stores: &Stores| -> Result<(), JsValue> {
            stores.chunks.delete(&dropped)?;
            writer.write(stores)
        };
        transact(IdbTransactionMode::Readwrite, write).await?;
        Ok(writer)
    }

    /// The size of a file, or [`IS_FOLDER`]; `None` where there is neither.
    async fn entry(&self, name: &str) -> Result<Option<f64>, DiskError> {
        let key = self.key(name);
        let asked = transact(IdbTransactionMode::Readonly, |stores| stores.entries.get(&key)).await?;
        Ok(asked.result()?.as_f64())
    }

    fn key(&self, name: &str) -> Array {
        Array::of2(&self.path.as_str().into(), &name.into())
    }

    fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }
}

/// A file, as it was when it was looked for.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: String,
    size: u64,
}

impl DatabaseFile {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Its bytes from `start` up to `end`.
    ///
    /// # Errors
    /// Also where some of them are not there.
    pub(super) async fn read(&self, start: u64, end: u64) -> Result<Uint8Array, DiskError> {
        let bytes = Uint8Array::new_with_length((end - start) as u32);
        if start == end {
            return Ok(bytes);
        }
        let mut position = start - start % CHUNK;
        let range = IdbKeyRange::bound(&chunk_key(&self.path, position), &chunk_key(&self.path, end - 1))?;
        let asked = transact(IdbTransactionMode::Readonly, |stores| stores.chunks.get_all_with_key(&range)).await?;
        let chunks: Array = asked.result()?.dyn_into()?;
        for chunk in chunks.iter() {
            let chunk: Uint8Array = chunk.dyn_into()?;
            let next = position + u64::from(chunk.length());
            let (from, to) = (start.max(position), end.min(next));
            if from < to {
                let part = chunk.subarray((from - position) as u32, (to - position) as u32);
                bytes.set(&part, (from - start) as u32);
            }
            position = next;
        }
        if position < end { Err(DiskError::Missing) } else { Ok(bytes) }
    }
}

/// Appends to a file. What was appended since its last whole chunk is lost if it is dropped before [`Self::finish`].
#[derive(Debug)]
pub(crate) struct DatabaseWriter {
    /// Of the entry.
    key: Array,
    path: String,
    /// Bytes in whole chunks.
    whole: u64,
    /// Bytes after them, fewer than a chunk has.
    rest: Vec<u8>,
}

impl DatabaseWriter {
    pub(super) async fn append(&mut self, mut bytes: &[u8]) -> Result<(), DiskError> {
        while !bytes.is_empty() {
            let (part, others) = bytes.split_at(bytes.len().min(CHUNK as usize - self.rest.len()));
            self.rest.extend_from_slice(part);
            bytes = others;
            if self.rest.len() as u64 == CHUNK {
                self.flush().await?;
                self.whole += CHUNK;
                self.rest.clear();
            }
        }
        Ok(())
    }

    /// Makes sure that it is in the database.
    pub(super) async fn finish(self) -> Result<(), DiskError> {
        self.flush().await
    }

    /// Writes the bytes after the whole chunks, and with them the size.
    async fn flush(&self) -> Result<(), DiskError> {
        transact(IdbTransactionMode::Readwrite, |stores| self.write(stores)).await
    }

    fn write(&self, stores: &Stores) -> Result<(), JsValue> {
        if !self.rest.is_empty() {
            let chunk = Uint8Array::from(self.rest.as_slice());
            stores.chunks.put_with_key(&chunk, &chunk_key(&self.path, self.whole))?;
        }
        let size = (self.whole + self.rest.len() as u64) as f64;
        stores.entries.put_with_key(&size.into(), &self.key)?;
        Ok(())
    }
}

/// The stores of a transaction.
struct Stores {
    entries: IdbObjectStore,
    chunks: IdbObjectStore,
}

/// Makes requests, all at once, and waits until all of them are done; else none of them is.
async fn transact<T>(
    mode: IdbTransactionMode,
    ask: impl FnOnce(&Stores) -> Result<T, JsValue>,
) -> Result<T, DiskError> {
    let names = Array::of2(&ENTRIES.into(), &CHUNKS.into());
    let transaction = database().await?.transaction_with_str_sequence_and_mode(&names, mode)?;
    let over = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    });
    let stores = Stores { entries: transaction.object_store(ENTRIES)?, chunks: transaction.object_store(CHUNKS)? };
    let asked = match ask(&stores) {
        Ok(asked) => asked,
        Err(error) => {
            // What was asked for before is not done either.
            if transaction.abort().is_ok() {
                let _ = JsFuture::from(over).await;
            }
            return Err(error.into());
        }
    };
    match JsFuture::from(over).await {
        Ok(_) => Ok(asked),
        Err(_) => Err(transaction.error().map_or_else(unknown, |error| JsValue::from(error).into())),
    }
}

async fn database() -> Result<IdbDatabase, DiskError> {
    if let Some(open) = DATABASE.with_borrow(Clone::clone) {
        return Ok(open);
    }
    let opened = open().await?;
    // The browser may close it, for example when the person clears the data of the site.
    let on_close = Closure::<dyn FnMut()>::new(|| DATABASE.set(None));
    opened.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    on_close.forget();
    DATABASE.set(Some(opened.clone()));
    Ok(opened)
}

async fn open() -> Result<IdbDatabase, DiskError> {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let absent = || DiskError::Unavailable("this browser has no database for this page".into());
    let request = scope.indexed_db()?.ok_or_else(absent)?.open_with_u32(NAME, VERSION)?;
    let made = request.clone();
    let on_first = Closure::<dyn FnMut()>::new(move || {
        let Some(database) = made.result().ok().and_then(|made| made.dyn_into::<IdbDatabase>().ok()) else { return };
        for name in [ENTRIES, CHUNKS] {
            // Without it no transaction begins, which says why.
            let _ = database.create_object_store(name);
        }
    });
    request.set_onupgradeneeded(Some(on_first.as_ref().unchecked_ref()));
    let opened = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    match JsFuture::from(opened).await {
        Ok(_) => Ok(request.result()?.dyn_into()?),
        Err(_) => Err(failure(&request)),
    }
}

fn failure(request: &IdbRequest) -> DiskError {
    request.error().ok().flatten().map_or_else(unknown, |error| JsValue::from(error).into())
}

fn unknown() -> DiskError {
    DiskError::Unavailable("the browser's database failed".into())
}

/// Key of the chunk that a byte of a file is in.
fn chunk_key(path: &str, byte: u64) -> Array {
    Array::of2(&path.into(), &JsValue::from_f64((byte / CHUNK) as f64))
}

/// Keys whose first part is `first`: an array comes after every text and every number.
fn all_of(first: &str) -> Result<IdbKeyRange, JsValue> {
    let first: JsValue = first.into();
    IdbKeyRange::bound(&Array::of1(&first), &Array::of2(&first, &Array::new()))
}

/// Keys whose first part is a path below `path`: `0` comes after the slash.
fn all_below(path: &str) -> Result<IdbKeyRange, JsValue> {
    let [first, end] = ["/", "0"].map(|next| Array::of1(&format!("{path}{next}").into()));
    IdbKeyRange::bound_with_lower_open_and_upper_open(&first, &end, false, true)
}
