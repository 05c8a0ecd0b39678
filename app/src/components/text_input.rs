//! A line to type a text into, with its label. In: what it shows. Out: what is typed, letter by letter; no browser completes or
//! corrects it.

use leptos::prelude::*;

/// A line of text.
#[component]
pub(crate) fn TextInput(
    /// Test id of the input.
    #[prop(into)]
    id: String,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] value: Signal<String>,
    /// What it shows while it is empty.
    #[prop(optional)]
    placeholder: Option<&'static str>,
    /// What is typed is not shown.
    #[prop(optional)]
    is_secret: bool,
    #[prop(optional)] disabled: Signal<bool>,
    on_input: Callback<String>,
) -> impl IntoView {
    view! {
        <label class="stacked">
            <span>{move || label.get()}</span>
            <input
                type=if is_secret { "password" } else { "text" }
                data-testid=id
                autocomplete="off"
                spellcheck="false"
                placeholder=placeholder
                prop:value=move || value.get()
                disabled=move || disabled.get()
                on:input=move |event| on_input.run(event_target_value(&event))
            />
        </label>
    }
    .into_any()
}
