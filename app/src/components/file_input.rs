//! Choosing files: a button over a native input.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

use super::Button;
use crate::browser::{self, PickedFile};

/// A button that opens the browser's choice of files. What was chosen is shown by who asked for it.
#[component]
pub(crate) fn FileInput(
    /// Id and test id of the input.
    #[prop(into)]
    id: String,
    label: &'static str,
    /// File name endings, as the input's `accept` takes them.
    accept: &'static str,
    #[prop(optional)] multiple: bool,
    /// A whole folder is chosen, with all that is in it.
    #[prop(optional)]
    is_folder: bool,
    #[prop(into)] disabled: Signal<bool>,
    on_files: Callback<Vec<PickedFile>>,
) -> impl IntoView {
    let on_change = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        let Some(input) = input else { return };
        let files = browser::picked_files(input.files());
        // The same file can be chosen again after it was changed.
        input.set_value("");
        if !files.is_empty() {
            on_files.run(files);
        }
    };
    view! {
        <label class="button file">
            {label}
            <input
                class="unseen"
                id=id.clone()
                data-testid=id
                type="file"
                accept=accept
                multiple=multiple
                prop:webkitdirectory=is_folder
                disabled=move || disabled.get()
                on:change=on_change
            />
        </label>
    }
    .into_any()
}

/// A file that may be given or not: the button, and once there is one its name and the way back.
pub(crate) fn optional_file(
    id: &'static str,
    label: &'static str,
    accept: &'static str,
    file: RwSignal<Option<PickedFile>, LocalStorage>,
    disabled: Signal<bool>,
    on_files: Callback<Vec<PickedFile>>,
    on_remove: Callback<()>,
) -> AnyView {
    let chosen = move || {
        let name = file.get()?.name;
        Some(view! { <span>{name}</span> <Button text="Remove" disabled=disabled on_press=on_remove /> })
    };
    view! {
        <div class="row">
            <FileInput id=id label=label accept=accept disabled=disabled on_files=on_files />
            {chosen}
        </div>
    }
    .into_any()
}
