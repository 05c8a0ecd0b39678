//! The way back from edits of the recipe and of the choices about the rows: two buttons that say what they undo and redo, and the
//! keys that everybody has in their fingers. Which key asks for what is plain, tested natively.

use leptos::ev;
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::frame::{hint_while, is_running};
use crate::components::{Button, is_in_text_field};
use crate::state::history::Way;
use crate::state::{Step, Store};

/// The buttons. They keep the focus where there is nothing more to undo.
pub(super) fn buttons(store: Store) -> AnyView {
    view! {
        <div class="row" role="group" aria-label="Edits">
            {button(store, Way::Undo, "undo", "Undo", Callback::new(move |()| store.take_step(Way::Undo)))}
            {button(store, Way::Redo, "redo", "Redo", Callback::new(move |()| store.take_step(Way::Redo)))}
        </div>
        {hint_while(is_running(store), "A run is going on: edits can be undone when it has ended.")}
    }
    .into_any()
}

/// A button that says what it undoes; `on_press` does it.
pub(crate) fn undo_button(store: Store, id: &'static str, on_press: Callback<()>) -> AnyView {
    button(store, Way::Undo, id, "Undo", on_press)
}

fn button(store: Store, way: Way, id: &'static str, name: &'static str, on_press: Callback<()>) -> AnyView {
    let words = Memo::new(move |_| store.step_words(way));
    let text = Signal::derive(move || match words.get() {
        Some(words) => format!("{name}: {words}"),
        None => name.into(),
    });
    let waits = Signal::derive(move || words.with(Option::is_none) || !store.can_step());
    view! { <Button id=id text=text waits=waits on_press=on_press /> }.into_any()
}

/// Listens for the keys, at the steps that have the buttons.
pub(super) fn listen(store: Store) {
    let on_key = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
        let is_here = matches!(store.step.get_untracked(), Step::Data | Step::Recipe);
        // A text has steps of its own, which the browser undoes.
        if !is_here || is_in_text_field(&event) {
            return;
        }
        let control = (event.ctrl_key(), event.meta_key());
        if let Some(way) = way_of(&event.key(), control, event.shift_key(), event.alt_key()) {
            event.prevent_default();
            store.take_step(way);
        }
    });
    let on_leave = window_event_listener(ev::focusout, move |_| store.end_typing());
    on_cleanup(move || [on_key, on_leave].into_iter().for_each(|listener| listener.remove()));
}

/// What a key asks for: `control` are the control key and, on a Mac, the command key.
fn way_of(key: &str, control: (bool, bool), has_shift: bool, has_alt: bool) -> Option<Way> {
    let (has_control, has_command) = control;
    if has_control == has_command || has_alt {
        return None;
    }
    match (key.to_ascii_lowercase().as_str(), has_shift) {
        ("z", false) => Some(Way::Undo),
        ("z", true) => Some(Way::Redo),
        // With the command key it is the browser's own.
        ("y", false) if has_control => Some(Way::Redo),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ask_for_what_they_do_elsewhere() {
        let (control, command) = ((true, false), (false, true));
        for modifier in [control, command] {
            assert_eq!(way_of("z", modifier, false, false), Some(Way::Undo));
            assert_eq!(way_of("Z", modifier, true, false), Some(Way::Redo));
            assert_eq!(way_of("z", modifier, false, true), None);
            assert_eq!(way_of("x", modifier, false, false), None);
        }
        assert_eq!(way_of("Z", control, false, false), Some(Way::Undo), "with caps lock");
        assert_eq!([control, command].map(|key| way_of("y", key, false, false)), [Some(Way::Redo), None]);
        assert_eq!(way_of("z", (false, false), false, false), None, "a letter");
    }
}
