//! A choice from a list, a switch, and a text of several lines, each with its label: one view type for all of them.

use leptos::prelude::*;

/// A list to choose from. `options` are (value, words); `id` is its test id.
pub(crate) fn select(
    label: &'static str,
    id: &'static str,
    options: Vec<(String, String)>,
    current: &str,
    disabled: Signal<bool>,
    on_choose: Callback<String>,
) -> AnyView {
    let options = options.into_iter().map(|(value, words)| {
        let is_chosen = value == current;
        view! { <option value=value prop:selected=is_chosen>{words}</option> }
    });
    view! {
        <label class="stacked">
            <span>{label}</span>
            <select
                data-testid=id
                disabled=move || disabled.get()
                on:change=move |event| on_choose.run(event_target_value(&event))
            >
                {options.collect_view()}
            </select>
        </label>
    }
    .into_any()
}

/// A switch; `id` is its test id.
pub(crate) fn check(
    label: &'static str,
    id: &'static str,
    checked: Signal<bool>,
    disabled: Signal<bool>,
    on_change: Callback<bool>,
) -> AnyView {
    view! {
        <label class="check">
            <input
                type="checkbox"
                data-testid=id
                prop:checked=move || checked.get()
                disabled=move || disabled.get()
                on:change=move |event| on_change.run(event_target_checked(&event))
            />
            <span>{label}</span>
        </label>
    }
    .into_any()
}

/// A text of several lines; `id` is its test id.
pub(crate) fn text_area(
    label: &'static str,
    id: &'static str,
    rows: &'static str,
    is_prose: bool,
    value: RwSignal<String>,
    on_input: Callback<String>,
) -> AnyView {
    view! {
        <label class="stacked">
            <span>{label}</span>
            <textarea
                rows=rows
                data-testid=id
                spellcheck=if is_prose { "true" } else { "false" }
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
            ></textarea>
        </label>
    }
    .into_any()
}
