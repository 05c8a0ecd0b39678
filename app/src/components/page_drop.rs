//! Files and texts that are dropped or pasted anywhere on the page. A file that misses every field would else take the
//! browser to it, and everything on the page away.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, DragEvent, Element, Event};

use crate::browser::{self, DroppedItems, PickedFile};

/// Where text may be dropped and pasted as everywhere.
const TEXT_FIELDS: &str = "textarea, [contenteditable], \
    input:not([type=checkbox], [type=radio], [type=file], [type=range], [type=button])";

/// Listens to the whole window; while files are held over it, it says what becomes of them.
#[component]
pub(crate) fn PageDrop(
    /// Why nothing can be taken now.
    refusal: Signal<Option<&'static str>>,
    /// A picture alone can be used, and not only what is copied with one.
    takes_pictures: Signal<bool>,
    on_drop: Callback<DroppedItems>,
    /// Files that were pasted.
    on_files: Callback<Vec<PickedFile>>,
    /// A text that was pasted, but not into a field.
    on_text: Callback<String>,
) -> impl IntoView {
    let is_over = RwSignal::new(false);
    let on_over = window_event_listener(ev::dragover, move |event: DragEvent| {
        let has_files = has_files(&event);
        if has_files || !is_in_text_field(&event) {
            event.prevent_default();
        }
        if has_files && !is_over.get_untracked() {
            is_over.set(true);
        }
    });
    let on_leave = window_event_listener(ev::dragleave, move |event: DragEvent| {
        // Inside of the window it goes from one element to the next.
        if event.related_target().is_none() {
            is_over.set(false);
        }
    });
    let on_drop = window_event_listener(ev::drop, move |event: DragEvent| {
        is_over.set(false);
        if event.default_prevented() {
            return; // a part of the page has taken it
        }
        if !has_files(&event) && is_in_text_field(&event) {
            return;
        }
        event.prevent_default();
        if let Some(data) = event.data_transfer() {
            on_drop.run(DroppedItems::of(&data));
        }
    });
    let on_paste = window_event_listener(ev::paste, move |event: ClipboardEvent| {
        if is_in_text_field(&event) {
            return;
        }
        let Some(data) = event.clipboard_data() else { return };
        // Spreadsheets put a picture of the cells beside their text.
        let is_picture = |file: &PickedFile| file.blob.type_().starts_with("image/");
        let files = browser::picked_files(data.files());
        let text = data.get_data("text/plain").unwrap_or_default();
        let is_text = files.iter().all(is_picture) && !(text.is_empty() && takes_pictures.get_untracked());
        if !files.is_empty() && !is_text {
            event.prevent_default();
            on_files.run(files);
        } else {
            on_text.run(text);
        }
    });
    on_cleanup(move || [on_over, on_leave, on_drop, on_paste].into_iter().for_each(|listener| listener.remove()));
    let overlay = move || {
        let words = is_over.get().then(|| refusal.get().unwrap_or("Drop it to read it"))?;
        Some(view! { <div class="page-drop" data-testid="page-drop"><p>{words}</p></div> }.into_any())
    };
    view! { {overlay} }.into_any()
}

fn has_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|data| data.types().iter().any(|kind| kind == "Files"))
}

/// Whether what happened is the browser's own business, as a text is edited there.
pub(crate) fn is_in_text_field(event: &Event) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|element| element.closest(TEXT_FIELDS).ok().flatten().is_some())
}
