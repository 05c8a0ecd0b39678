//! What reads and writes image files: a module of its own, which is fetched when the first images come and stays (`app/images`,
//! ADR 42). In: files and pictures, from core. Out: what the module makes of them. Where it panics on a file or finds no memory, that
//! file is bad.

use std::cell::RefCell;

use hone_core::images::{Codecs, ImageFileError, ImageFormat, ImageHeader, Picture, install_codecs};
use hone_core::session::protocol::{Problem, ProblemKind};
use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::beside::{self, NotLoaded, Thrown};
use crate::errors;

/// The function that loads the module (`xtask/src/bundle.rs`).
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
    let module = beside::fetch(LOAD_IMAGES).await.map_err(explain_not_loaded)?;
    MODULE.set(Some(module));
    install_codecs(Codecs { read_header, decode, encode_png });
    Ok(())
}

fn explain_not_loaded(error: NotLoaded) -> Problem {
    match error {
        NotLoaded::NotBuilt => {
            let message = "images can't be read: this build of Hone has nothing that decodes them";
            errors::problem(ProblemKind::Data, message, "use a build that `cargo xtask build` made")
        }
        NotLoaded::NotFetched(reason) => {
            let message = format!("images can't be read: what decodes them was not loaded: {reason}");
            errors::problem(ProblemKind::Network, message, "check the connection, and choose the images again")
        }
    }
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
    beside::call(&module, arguments).map_err(|thrown| {
        let message = match thrown {
            Thrown::Told(message) => message,
            Thrown::Ended(reason) => {
                format!("can't be read: it is damaged, or too large for the browser ({reason})")
            }
        };
        ImageFileError::Told { message }
    })
}
