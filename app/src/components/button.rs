//! A button with its words. All buttons are one view type: every further type would be code of its own in the page.

use leptos::prelude::*;

/// A button.
#[component]
pub(crate) fn Button(
    /// Test id; empty for none.
    #[prop(optional)]
    id: &'static str,
    #[prop(into)] text: Signal<String>,
    /// The one thing to do next.
    #[prop(optional)]
    is_primary: bool,
    #[prop(optional)] disabled: Signal<bool>,
    on_press: Callback<()>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class=if is_primary { "button primary" } else { "button" }
            data-testid=(!id.is_empty()).then_some(id)
            disabled=move || disabled.get()
            on:click=move |_| on_press.run(())
        >
            {move || text.get()}
        </button>
    }
    .into_any()
}
