//! The readers of files that are no text, for the worker: a wasm module of its own, loaded when the first such file comes and
//! started anew for each (ADR 26). In: a file's name, bytes and sheet. Out: for each file of rows in it its name, its bytes and
//! what there is to say of it, or an error with its words.
#![allow(unsafe_code, reason = "exports of wasm-bindgen are unsafe functions; none is written here")]

use hone_readers::{Options, ReadFile, read};
use js_sys::{Array, JsString, Uint8Array};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Reads a file: an array `[name, bytes, notes]` for each file of rows.
///
/// # Errors
/// What is wrong with the file, in words.
#[wasm_bindgen]
pub fn read_rows(name: &str, bytes: Vec<u8>, sheet: Option<String>) -> Result<Array, JsError> {
    let files = read(name, bytes, &Options { sheet, ..Options::default() })?;
    let entry = |ReadFile { name, bytes, notes }: ReadFile| {
        let notes: Array = notes.into_iter().map(JsString::from).collect();
        Array::of3(&JsString::from(name), &Uint8Array::from(bytes.as_slice()), &notes)
    };
    Ok(files.into_iter().map(entry).collect())
}
