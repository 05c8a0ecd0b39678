//! What stands where something is missing: what is missing, and the button that goes there.

use leptos::prelude::*;

/// A sentence and a button.
#[component]
pub(crate) fn Empty(
    #[prop(into)] text: String,
    #[prop(into)] action: String,
    on_action: Callback<()>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p>{text}</p>
            <button type="button" class="button primary" on:click=move |_| on_action.run(())>{action}</button>
        </div>
    }
    .into_any()
}
