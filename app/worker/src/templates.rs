//! What renders chat templates: a module of its own, which is fetched when the first model with one is loaded and stays
//! (`app/templates`, ADR 47). In: templates and what they are given, from core. Out: what the module makes of them.

use std::cell::RefCell;

use hone_core::folder::Folder;
use hone_core::session::protocol::{Problem, ProblemKind};
use hone_core::tokenizer::chat_template::{ChatTemplate, Renderer, TemplateDate, TemplateError, install_renderer};
use js_sys::{Array, Function};
use wasm_bindgen::JsValue;

use crate::beside::{self, NotLoaded, Thrown};
use crate::errors;

/// The function that loads the module (`xtask/src/bundle.rs`).
const LOAD_TEMPLATES: &str = "honeLoadTemplates";

thread_local! {
    /// What calls a function of the module by its name; `None` before it is loaded.
    static MODULE: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Loads the module where a model has a chat template, unless it is there. To be awaited before core is given the model.
///
/// # Errors
/// When it can't be fetched, or the build has none.
pub(crate) async fn load_for(model: &Folder) -> Result<(), Problem> {
    if MODULE.with_borrow(Option::is_some) || !ChatTemplate::is_in(model) {
        return Ok(());
    }
    let module = beside::fetch(LOAD_TEMPLATES).await.map_err(explain_not_loaded)?;
    MODULE.set(Some(module));
    install_renderer(Renderer { check, render });
    Ok(())
}

fn explain_not_loaded(error: NotLoaded) -> Problem {
    match error {
        NotLoaded::NotBuilt => {
            let message = "the model's chat template can't be used: this build of Hone has nothing that renders it";
            errors::problem(ProblemKind::Model, message, "use a build that `cargo xtask build` made")
        }
        NotLoaded::NotFetched(reason) => {
            let message = format!("the model's chat template can't be used: what renders it was not loaded: {reason}");
            errors::problem(ProblemKind::Network, message, "check the connection, and load the model again")
        }
    }
}

fn check(source: &str, date: TemplateDate) -> Result<(), TemplateError> {
    call("check", source, date, &[]).map(drop)
}

fn render(source: &str, date: TemplateDate, given: &str) -> Result<String, TemplateError> {
    let text = call("render", source, date, &[given.into()])?;
    text.as_string().ok_or_else(|| TemplateError::NotRendered { message: "what renders it gave no text".into() })
}

/// What a function of the module makes of a template and of what it is given.
fn call(function: &str, source: &str, date: TemplateDate, given: &[JsValue]) -> Result<JsValue, TemplateError> {
    let not_rendered = |message: String| TemplateError::NotRendered { message };
    let module =
        MODULE.with_borrow(Option::clone).ok_or_else(|| not_rendered("what renders it was not loaded".into()))?;
    let TemplateDate { year, month, day } = date;
    let arguments: [JsValue; 5] = [function.into(), source.into(), year.into(), month.into(), day.into()];
    let arguments: Array = arguments.iter().chain(given).collect();
    beside::call(&module, &arguments).map_err(|thrown| match thrown {
        Thrown::Told(json) => serde_json::from_slice(json.as_bytes()).unwrap_or_else(|_| not_rendered(json)),
        Thrown::Ended(reason) => not_rendered(format!("it ended what renders it ({reason})")),
    })
}
