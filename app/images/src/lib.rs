//! What reads and writes image files, for the worker: a wasm module of its own, loaded when the first images come (ADR 42). In: the
//! bytes of a file, or pixels. Out: sizes, pixels or a PNG file, or an error with its words.
#![allow(unsafe_code, reason = "exports of wasm-bindgen are unsafe functions; none is written here")]

use hone_images::Picture;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Reads the size of an image: an array `[width, height]`.
///
/// # Errors
/// Why the file can't be read, in words.
#[wasm_bindgen]
pub fn read_header(bytes: &[u8]) -> Result<Array, JsError> {
    let header = hone_images::read_header(bytes)?;
    Ok(Array::of2(&header.width.into(), &header.height.into()))
}

/// Decodes the first frame: an array `[width, height, pixels]`, of which the pixels are RGB, row by row.
///
/// # Errors
/// Why the file can't be read, in words.
#[wasm_bindgen]
pub fn decode(bytes: &[u8]) -> Result<Array, JsError> {
    let Picture { width, height, pixels } = hone_images::decode(bytes)?;
    Ok(Array::of3(&width.into(), &height.into(), &Uint8Array::from(pixels.as_slice())))
}

/// Writes a PNG file of RGB pixels, row by row.
///
/// # Errors
/// Why it can't be written, in words.
#[wasm_bindgen]
pub fn encode_png(width: usize, height: usize, pixels: Vec<u8>) -> Result<Vec<u8>, JsError> {
    Ok(hone_images::encode_png(&Picture { width, height, pixels })?)
}
