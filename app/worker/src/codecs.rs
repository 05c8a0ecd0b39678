//! What reads and writes image files: a module of its own, which is fetched when the first images come and stays (`app/images`,
//! ADR 42). In: files and pictures, from core. Out: what the module makes of them. It is called at once, as a function of this worker
//! is; where it panics on a file or finds no memory, that file is bad and the next one gets a fresh module.

use std::cell::RefCell;

use hone_core::images::{Codecs, ImageFileError, ImageFormat, ImageHeader, Picture, install_codecs};
use hone_core::session::protocol::{Problem, ProblemKind};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::errors;

/// The function that the build puts into the script which loads this worker (`xtask/src/bundle.rs`).
const LOAD_IMAGES: &str = "honeLoadImages";

thread_local! {
    /// What calls a function of the module by its name; `None` before it is loaded.
    static MODULE: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Loads the module, unless it is there. To be awaited before core is given images to read.
///
/// # Errors
/// When it can't be fetched, or the build has none.
pub(crate) async fn load() -> Result<(), Problem> {
    if MODULE.with_borrow(Option::is_some) {
        return Ok(());
    }
    let function: Option<Function> =
        Reflect::get(&js_sys::global(), &LOAD_IMAGES.into()).ok().and_then(|found| found.dyn_into().ok());
    let Some(function) = function else {
        let message = "images can't be read: this build of Hone has nothing that decodes them";
        return Err(errors::problem(ProblemKind::Data, message, "use a build that `cargo xtask build` made"));
    };
    let answer: Result<JsValue, JsValue> = Reflect::apply(&function, &JsValue::UNDEFINED, &Array::new());
    let promise: Promise = answer.map_err(|thrown| explain_not_loaded(&thrown))?.unchecked_into();
    let module: JsValue = JsFuture::from(promise).await.map_err(|thrown| explain_not_loaded(&thrown))?;
    MODULE.set(Some(module.unchecked_into()));
    install_codecs(Codecs { read_header, decode, encode_png });
    Ok(())
}

fn explain_not_loaded(thrown: &JsValue) -> Problem {
    let message = format!("images can't be read: what decodes them was not loaded: {}", errors::js_text(thrown));
    errors::problem(ProblemKind::Network, message, "check the connection, and choose the images again")
}

fn read_header(bytes: &[u8]) -> Result<ImageHeader, ImageFileError> {
    let format = ImageFormat::of(bytes).ok_or(ImageFileError::NoImage)?;
    let size: Array = call(&Array::of2(&"read_header".into(), &Uint8Array::from(bytes)))?.unchecked_into();
    Ok(ImageHeader { format, width: number(&size.get(0)), height: number(&size.get(1)) })
}

fn decode(bytes: &[u8]) -> Result<Picture, ImageFileError> {
    let image: Array = call(&Array::of2(&"decode".into(), &Uint8Array::from(bytes)))?.unchecked_into();
    let pixels: Uint8Array = image.get(2).unchecked_into();
    Ok(Picture { width: number(&image.get(0)), height: number(&image.get(1)), pixels: pixels.to_vec() })
}

fn encode_png(picture: &Picture) -> Result<Vec<u8>, ImageFileError> {
    let [width, height] = [picture.width, picture.height].map(JsValue::from);
    let pixels = Uint8Array::from(picture.pixels.as_slice());
    let file: Uint8Array = call(&Array::of4(&"encode_png".into(), &width, &height, &pixels))?.unchecked_into();
    Ok(file.to_vec())
}

/// A size that the module gave.
fn number(value: &JsValue) -> usize {
    value.as_f64().map_or(0, |number| number as usize)
}

/// What a function of the module gives; its name comes first, then what it is given.
fn call(arguments: &Array) -> Result<JsValue, ImageFileError> {
    let module = MODULE.with_borrow(Option::clone).ok_or(ImageFileError::NoCodecs)?;
    let answer: Result<JsValue, JsValue> = Reflect::apply(&module, &JsValue::UNDEFINED, arguments);
    answer.map_err(|thrown| explain_thrown(&thrown))
}

/// What the module says of a file, or what ended it.
fn explain_thrown(thrown: &JsValue) -> ImageFileError {
    let error = thrown.dyn_ref::<js_sys::Error>();
    let (kind, message) =
        error.map(|error| (String::from(error.name()), String::from(error.message()))).unwrap_or_default();
    let message = match kind.as_str() {
        "Error" => message,
        _ => format!("can't be read: it is damaged, or too large for the browser ({})", errors::js_text(thrown)),
    };
    ImageFileError::Told { message }
}
