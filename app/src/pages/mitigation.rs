//! What may be done where the model is worse in some rows, or where its answers hang on words that should make no difference: each
//! with one press, which is an edit of the recipe and can be undone. In: the column of the slices, the words that were swapped. Out:
//! buttons, and what each of them does and does not do.

use leptos::prelude::*;

use super::evaluate::cannot_measure;
use super::slices::lines;
use crate::components::Button;
use crate::state::Store;
use crate::state::recipe::{set_typed, typed};

/// How far token vectors are moved, where nobody says.
const EPSILON: &str = "0.5";

/// Whether the recipe has a setting: that of one task whose spec names it.
fn has(store: Store, setting: &'static str) -> bool {
    let task = store.model.task.get_untracked();
    !store.parts.are_several() && task.spec().settings.contains(&setting)
}

/// Offers to even out the values of a column.
pub(super) fn even_out(store: Store, column: &str) -> Option<AnyView> {
    const SETTING: &str = "balance_column";
    if !has(store, SETTING) {
        return None;
    }
    let hint = "Then train again: rows of each value come equally often, those of rare values again and again. It helps where a value is \
                worse because it is rare; not where its labels are wrong, or its texts harder.";
    let (text, column) = (format!("Even out “{column}” when training"), column.to_owned());
    let wanted = column.clone();
    let is_on = Signal::derive(move || store.draft.with(|draft| typed(draft, SETTING) == Some(wanted.as_str())));
    let on_press = Callback::new(move |()| change(store, SETTING, column.clone()));
    Some(offer(store, ("even-out", text), hint, is_on, on_press))
}

/// Offers to train on copies with words swapped.
pub(super) fn train_on_swaps(store: Store, pairs: RwSignal<String>) -> Option<AnyView> {
    const SETTING: &str = "augment_pairs";
    if !has(store, SETTING) {
        return None;
    }
    let hint = "Then train again: each training row that has one of these words is learned a second time, with the other word and the same \
                answer; the run says how many. Right only where the answer must not hang on them. Validation and test rows stay as they \
                are.";
    let on_press =
        Callback::new(move |()| change(store, SETTING, pairs.with_untracked(|pairs| lines(pairs).join(", "))));
    let is_on = Signal::derive(move || store.draft.with(|draft| typed(draft, SETTING).is_some()));
    Some(offer(store, ("train-on-swaps", "Train on swapped copies, too".into()), hint, is_on, on_press))
}

/// Offers adversarial training.
pub(super) fn train_against(store: Store) -> Option<AnyView> {
    const SETTING: &str = "fgm_epsilon";
    if !has(store, SETTING) {
        return None;
    }
    let hint = "Then train again: each batch is learned a second time, its token vectors moved to where the answer is worst. Answers hang \
                less on single words, whichever they are; it takes twice as long, needs all weights to be trained, and knows nothing of \
                groups.";
    let on_press = Callback::new(move |()| change(store, SETTING, EPSILON.to_owned()));
    let is_on = Signal::derive(move || store.draft.with(|draft| typed(draft, SETTING).is_some()));
    Some(offer(store, ("train-against", "Train adversarially".into()), hint, is_on, on_press))
}

/// Sets a setting of the recipe, which can be undone.
fn change(store: Store, setting: &'static str, value: String) {
    store.edit_recipe(None, |draft| set_typed(draft, setting, Some(value)));
}

/// A button, what comes of it, and that it was pressed.
fn offer(
    store: Store,
    (id, text): (&'static str, String),
    hint: &'static str,
    is_on: Signal<bool>,
    on_press: Callback<()>,
) -> AnyView {
    let said = move || {
        let text = if is_on.get() { "The recipe has it now; it can be undone there." } else { "" };
        view! { <span role="status" data-testid=format!("{id}-said")>{text}</span> }.into_any()
    };
    let text = Signal::stored(text);
    view! {
        <div class="row">
            <Button id=id text=text disabled=cannot_measure(store) on_press=on_press />
            {said}
        </div>
        <p class="hint">{hint}</p>
    }
    .into_any()
}
