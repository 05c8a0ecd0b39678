//! Give a model a prompt and read what it writes, before training beside after.

use hone_core::tokenizer::{Role, Turn};
use leptos::prelude::*;

use crate::components::{Button, check, select};
use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::writing::next_role;
use crate::state::{Step, Store};
use crate::tasks::writing::{controls, panels, settings, text};

const LEAD: &str = "Type a beginning and see how the model goes on: the original and the trained one, side by side.";

/// Why a text ended that neither the model nor a person nor a setting ended.
const IS_FULL: &str = "Prompt and answer together are as long as this model can read.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {ask(store)}
        {settings(store)}
        {controls(store)}
        {panels(store, IS_FULL)}
        {go_on(store)}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}

/// The prompt: a text, or turns where the model has conversations.
fn ask(store: Store) -> AnyView {
    let has_chat = Memo::new(move |_| store.model.has_chat_template());
    let is_chat = Memo::new(move |_| store.tries_chat());
    let never = Signal::stored(false);
    let switch = move || {
        let on_change = Callback::new(move |as_chat| store.try_as_chat.set(Some(as_chat)));
        has_chat.get().then(|| check("As a conversation", "try-as-chat", is_chat.into(), never, on_change))
    };
    let prompt = move || if is_chat.get() { turns(store) } else { text(store, "Prompt", "4") };
    view! { {switch} {prompt} }.into_any()
}

fn turns(store: Store) -> AnyView {
    let roles =
        Memo::new(move |_| store.try_turns.with(|turns| turns.iter().map(|turn| turn.role).collect::<Vec<_>>()));
    let all = move || {
        let roles = roles.get();
        let is_alone = roles.len() == 1;
        roles.into_iter().enumerate().map(|(index, role)| turn(store, index, role, is_alone)).collect_view()
    };
    let on_add = Callback::new(move |()| {
        store.try_turns.update(|turns| turns.push(Turn::new(next_role(turns), "")));
    });
    view! {
        <div class="turns">{all}</div>
        <div class="row"><Button id="add-turn" text="Add a turn" on_press=on_add /></div>
    }
    .into_any()
}

fn turn(store: Store, index: usize, role: Role, is_alone: bool) -> AnyView {
    let roles =
        [(Role::System, "system", "System"), (Role::User, "user", "User"), (Role::Assistant, "assistant", "Assistant")];
    let options = roles.iter().map(|(_, value, words)| ((*value).to_owned(), (*words).to_owned())).collect();
    let current = roles.iter().find(|(one, ..)| *one == role).map_or("user", |(_, value, _)| *value);
    let on_role = Callback::new(move |chosen: String| {
        let chosen = roles.iter().find(|(_, value, _)| *value == chosen).map(|(role, ..)| *role);
        store.try_turns.update(|turns| {
            if let (Some(turn), Some(chosen)) = (turns.get_mut(index), chosen) {
                turn.role = chosen;
            }
        });
    });
    let on_remove = Callback::new(move |()| {
        store.try_turns.update(|turns| {
            if index < turns.len() {
                turns.remove(index);
            }
        });
    });
    let content =
        move || store.try_turns.with(|turns| turns.get(index).map(|turn| turn.content.clone()).unwrap_or_default());
    let on_input = move |event| {
        store.try_turns.update(|turns| {
            if let Some(turn) = turns.get_mut(index) {
                turn.content = event_target_value(&event);
            }
        });
    };
    let speaker = select("Who speaks", "turn-role", options, current, Signal::stored(false), on_role);
    let remove = (!is_alone).then(|| view! { <Button text="Remove" on_press=on_remove /> });
    view! {
        <div class="panel">
            <div class="row">{speaker} {remove}</div>
            <textarea
                rows="3"
                aria-label="What is said"
                data-testid=format!("turn-{}", index + 1)
                prop:value=content
                on:input=on_input
            ></textarea>
        </div>
    }
    .into_any()
}

/// In a conversation, the answer can become a turn.
fn go_on(store: Store) -> AnyView {
    let can_go_on = Memo::new(move |_| {
        let is_done = store.writing.with(|writing| writing.current.is_none() && writing.base.is_some());
        is_done && store.tries_chat()
    });
    let on_press = Callback::new(move |()| store.go_on_from_answer());
    let button = move || {
        let view = || view! { <Button id="go-on" text="Continue the conversation" on_press=on_press /> }.into_any();
        can_go_on.get().then(view)
    };
    view! { <div class="row">{button}</div> }.into_any()
}
