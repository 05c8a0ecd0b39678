//! What renders templates where this crate does not: a module beside it, which is handed over.

use std::sync::OnceLock;

use crate::{TemplateDate, TemplateError};

/// What renders templates.
#[derive(Debug, Clone, Copy)]
pub struct Renderer {
    /// Says whether a template can be used.
    pub check: fn(&str, TemplateDate) -> Result<(), TemplateError>,
    /// Writes a template with what it is given as JSON, as `Template::render_json` of the feature `jinja` takes it.
    pub render: fn(&str, TemplateDate, &str) -> Result<String, TemplateError>,
}

/// The one that was handed over.
static INSTALLED: OnceLock<Renderer> = OnceLock::new();

/// Hands over what templates are rendered with, where this crate can't. The first that is handed over stays.
pub fn install(renderer: Renderer) {
    let _ = INSTALLED.set(renderer); // refused where one is there
}

/// The one that was handed over.
#[cfg(any(not(feature = "jinja"), test))]
pub(crate) fn find() -> Result<&'static Renderer, TemplateError> {
    INSTALLED.get().ok_or_else(|| TemplateError::NotRendered { message: "what renders it was not loaded".into() })
}
