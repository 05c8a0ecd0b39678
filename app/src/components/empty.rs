//! What stands where something is missing: what is missing, and the button that goes there.

use leptos::prelude::*;

use super::Button;

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
            <Button text=action is_primary=true on_press=on_action />
        </div>
    }
    .into_any()
}
