//! A button with its words. All buttons are one view type: every further type would be code of its own in the page.
//! What a button is for may change while it keeps the focus: its words, its test id and its look are signals.

use leptos::prelude::*;

/// A button.
#[component]
pub(crate) fn Button(
    /// Test id; empty for none.
    #[prop(optional, into)]
    id: Signal<&'static str>,
    #[prop(into)] text: Signal<String>,
    /// The one thing to do next.
    #[prop(optional, into)]
    is_primary: Signal<bool>,
    #[prop(optional)] disabled: Signal<bool>,
    /// It does nothing for a moment, but keeps the focus, which a disabled one loses.
    #[prop(optional)]
    waits: Signal<bool>,
    on_press: Callback<()>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class=move || if is_primary.get() { "button primary" } else { "button" }
            data-testid=move || Some(id.get()).filter(|id| !id.is_empty())
            disabled=move || disabled.get()
            aria-disabled=move || waits.get().then_some("true")
            on:click=move |_| {
                if !waits.get_untracked() {
                    on_press.run(());
                }
            }
        >
            {move || text.get()}
        </button>
    }
    .into_any()
}
