//! Modules that lie beside the worker and stay once they are loaded (`app/images`, `app/templates`; ADR 42, 47). In: the name of the
//! function that the build puts into the script which loads this worker. Out: a function that calls one of the module's by its name, at
//! once, as a function of this worker is called. Where the module panics or finds no memory, the next call gets a fresh one.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::errors;

/// Why a module is not there.
pub(crate) enum NotLoaded {
    /// This build has none.
    NotBuilt,
    /// It can't be fetched, in words.
    NotFetched(String),
}

/// What a call of a module threw.
pub(crate) enum Thrown {
    /// An error that the module gives, with its words.
    Told(String),
    /// What ended it.
    Ended(String),
}

/// Fetches a module by the function that loads it (`xtask/src/bundle.rs`).
pub(crate) async fn fetch(loader: &str) -> Result<Function, NotLoaded> {
    let function: Option<Function> =
        Reflect::get(&js_sys::global(), &loader.into()).ok().and_then(|found| found.dyn_into().ok());
    let function = function.ok_or(NotLoaded::NotBuilt)?;
    let not_fetched = |thrown: JsValue| NotLoaded::NotFetched(errors::js_text(&thrown));
    let answer: Result<JsValue, JsValue> = Reflect::apply(&function, &JsValue::UNDEFINED, &Array::new());
    let promise: Promise = answer.map_err(not_fetched)?.unchecked_into();
    let module: JsValue = JsFuture::from(promise).await.map_err(not_fetched)?;
    Ok(module.unchecked_into())
}

/// What a function of a module gives; its name comes first among the arguments, then what it is given.
pub(crate) fn call(module: &Function, arguments: &Array) -> Result<JsValue, Thrown> {
    let answer: Result<JsValue, JsValue> = Reflect::apply(module, &JsValue::UNDEFINED, arguments);
    answer.map_err(|thrown| {
        let error = thrown.dyn_ref::<js_sys::Error>();
        let (kind, message) =
            error.map(|error| (String::from(error.name()), String::from(error.message()))).unwrap_or_default();
        // What the module gives as an error is a plain one; a panic is a `RuntimeError`, a full stack a `RangeError`.
        if kind == "Error" { Thrown::Told(message) } else { Thrown::Ended(errors::js_text(&thrown)) }
    })
}
