//! An element on the whole screen. Not every browser allows it, nor every frame that the page may stand in: then nothing happens.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::document;

/// Shows an element on the whole screen, if the browser allows it.
pub(crate) fn fill_screen(id: &str) {
    let Some(element) = document().get_element_by_id(id) else { return };
    let Ok(request) = Reflect::get(&element, &"requestFullscreen".into()) else { return };
    let Some(request) = request.dyn_ref::<Function>() else { return };
    let Some(promise) = request.call0(&element).ok().and_then(|asked| asked.dyn_into::<Promise>().ok()) else { return };
    // It stays as large as the page where that is refused.
    spawn_local(async move { drop(JsFuture::from(promise).await) });
}

/// Whether an element fills the screen.
pub(crate) fn fills_screen() -> bool {
    document().fullscreen_element().is_some()
}

/// Gives the screen back.
pub(crate) fn leave_screen() {
    if fills_screen() {
        document().exit_fullscreen();
    }
}
