//! Deleting what is kept, for good only after a second press, on another button. In: what is to go, and what is asked about. Out: a
//! button that asks and takes it back, and while it asks one that deletes.

use leptos::prelude::*;

/// The buttons. The test ids end with `what`; `key` names it in `asked`, which holds what is asked about.
pub(super) fn delete(
    what: String,
    words: &'static str,
    key: String,
    asked: RwSignal<Option<String>>,
    disabled: Signal<bool>,
    on_delete: Callback<()>,
) -> AnyView {
    let asked_key = key.clone();
    let is_asked = Memo::new(move |_| asked.with(|asked| asked.as_ref() == Some(&asked_key)));
    // One button asks and takes it back, so that the focus stays on it.
    let good_id = Signal::stored(format!("delete-for-good-{what}"));
    let ask_id = Signal::derive(move || format!("{}-{what}", if is_asked.get() { "keep" } else { "delete" }));
    let ask_text = Signal::derive(move || String::from(if is_asked.get() { "Keep it" } else { words }));
    let on_ask = Callback::new(move |()| asked.set(Some(key.clone()).filter(|_| !is_asked.get_untracked())));
    let good_text = Signal::stored("Delete for good".to_owned());
    let for_good = move || is_asked.get().then(|| button(good_id, good_text, disabled, on_delete));
    view! { {button(ask_id, ask_text, disabled, on_ask)} {for_good} }.into_any()
}

/// As [`crate::components::Button`], with a test id that is made of what it is for.
pub(super) fn button(
    id: Signal<String>,
    text: Signal<String>,
    disabled: Signal<bool>,
    on_press: Callback<()>,
) -> AnyView {
    view! {
        <button
            type="button"
            class="button"
            data-testid=move || id.get()
            disabled=move || disabled.get()
            on:click=move |_| on_press.run(())
        >
            {move || text.get()}
        </button>
    }
    .into_any()
}
