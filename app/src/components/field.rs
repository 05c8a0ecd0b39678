//! A setting: label, unit, hint, what is wrong with it, and a way back to its default.

use leptos::prelude::*;

/// A number or a choice with everything around it.
#[component]
pub(crate) fn Field(
    /// Name of the setting; the ids are made from it.
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    #[prop(into)] hint: String,
    /// (value, words); empty for a typed value.
    choices: Vec<(String, String)>,
    /// What the control shows.
    value: Signal<String>,
    /// Something was typed or chosen.
    is_changed: Signal<bool>,
    /// What is wrong with it.
    error: Signal<Option<String>>,
    on_input: Callback<String>,
    /// The focus leaves the field.
    on_leave: Callback<()>,
    on_reset: Callback<()>,
) -> impl IntoView {
    let id = format!("field-{name}");
    let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
    let described = format!("{hint_id} {error_id}");
    let is_invalid = move || if error.with(Option::is_some) { "true" } else { "false" };
    let control = if choices.is_empty() {
        view! {
            <input
                id=id.clone()
                data-testid=id.clone()
                type="text"
                inputmode="text"
                autocomplete="off"
                spellcheck="false"
                aria-describedby=described
                aria-invalid=is_invalid
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
                on:blur=move |_| {
                    // It may be the page that goes, and the callback with it.
                    on_leave.try_run(());
                }
            />
        }
        .into_any()
    } else {
        let options = choices.into_iter().map(|(one, words)| {
            let own = one.clone();
            view! { <option value=one prop:selected=move || value.with(|value| *value == own)>{words}</option> }
        });
        view! {
            <select
                id=id.clone()
                data-testid=id.clone()
                aria-describedby=described
                aria-invalid=is_invalid
                on:change=move |event| on_input.run(event_target_value(&event))
            >
                {options.collect_view()}
            </select>
        }
        .into_any()
    };
    view! {
        <div class="field" class:invalid=move || error.with(Option::is_some)>
            <div class="field-head">
                <label for=id>{label}</label>
                <button
                    type="button"
                    class="reset"
                    aria-label=format!("Reset {label} to its default")
                    disabled=move || !is_changed.get()
                    on:click=move |_| on_reset.run(())
                >
                    "Reset"
                </button>
            </div>
            <div class="field-control">
                {control}
                <span class="unit">{unit}</span>
            </div>
            <p class="hint" id=hint_id>{hint}</p>
            <p class="field-error" id=error_id aria-live="polite">{move || error.get()}</p>
        </div>
    }
    .into_any()
}
