//! What renders chat templates, for the worker: a wasm module of its own, loaded when a model has one (ADR 47). In: a template, the day
//! that it is told, and what it is given as JSON. Out: its text, or an error whose words are the JSON of a `TemplateError`.
#![allow(unsafe_code, reason = "exports of wasm-bindgen are unsafe functions; none is written here")]

use std::cell::RefCell;

use hone_templates::{Template, TemplateDate, TemplateError};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// A template that was compiled, and what it was compiled of.
struct Compiled {
    source: String,
    date: TemplateDate,
    template: Template,
}

thread_local! {
    /// The one that was asked for last: a conversation is written many times, and a model has one template.
    static LAST: RefCell<Option<Compiled>> = const { RefCell::new(None) };
}

/// Says whether a template can be used.
///
/// # Errors
/// Why not.
#[wasm_bindgen]
pub fn check(source: &str, year: u16, month: u8, day: u8) -> Result<(), JsError> {
    with_template(source, TemplateDate { year, month, day }, |_| Ok(()))
}

/// Writes a template with what it is given.
///
/// # Errors
/// Why it can't be written.
#[wasm_bindgen]
pub fn render(source: &str, year: u16, month: u8, day: u8, given: &str) -> Result<String, JsError> {
    with_template(source, TemplateDate { year, month, day }, |template| template.render_json(given))
}

/// Uses a template, which is compiled where it is not the one that was asked for last.
fn with_template<T>(
    source: &str,
    date: TemplateDate,
    use_it: impl FnOnce(&Template) -> Result<T, TemplateError>,
) -> Result<T, JsError> {
    LAST.with_borrow_mut(|last| -> Result<T, TemplateError> {
        let is_it = |compiled: &Compiled| compiled.source == source && compiled.date == date;
        let compiled = match last.take().filter(is_it) {
            Some(compiled) => compiled,
            None => Compiled { source: source.to_owned(), date, template: Template::compile(source, date)? },
        };
        use_it(&last.insert(compiled).template)
    })
    .map_err(|error| JsError::new(&serde_json::to_string(&error).expect("numbers and texts can be written")))
}
