//! Chat templates: conversations to text by a model's own Jinja.
//!
//! In: a template as a stranger wrote it, and what it is given. Out: the text that it writes, or the reason why it can't, with its
//! line. Jinja is rendered with `trim_blocks`, `lstrip_blocks` and loop controls; `raise_exception`, `strftime_now`, `tojson`,
//! `{% generation %}` and Python's string methods are there. What a template may do and write is limited (`text`, `limits`).
//!
//! With the feature `jinja` the renderer is part of the crate. Without it the one is asked that was handed over by [`install`]: the
//! worker of the page loads it as a wasm module of its own (`app/templates`), where a model has a template (ADR 47).

#[cfg(any(not(feature = "jinja"), test))]
#[cfg_attr(feature = "jinja", allow(unreachable_pub, reason = "with a renderer of its own only the tests see it"))]
mod beside;
mod date;
mod error;
#[cfg(feature = "jinja")]
mod filters;
#[cfg(feature = "jinja")]
mod functions;
#[cfg(feature = "jinja")]
mod limits;
mod renderer;
mod rendering;
#[cfg(feature = "jinja")]
mod template;
#[cfg(feature = "jinja")]
mod text;

#[cfg(not(feature = "jinja"))]
pub use beside::{Template, TemplateValue};
pub use date::TemplateDate;
pub use error::TemplateError;
pub use renderer::{Renderer, install};
pub use rendering::{MARKS, Rendering};
#[cfg(feature = "jinja")]
pub use template::{Template, TemplateValue};
