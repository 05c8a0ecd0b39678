//! Give a model a prompt and read what it writes, before training beside after.

use hone_core::config::PromptFormat;
use hone_core::session::protocol::Weights;
use hone_core::tokenizer::{Role, Turn};
use leptos::prelude::*;

use crate::components::{Button, check, select, text_area};
use crate::format;
use crate::pages::frame::{Typed, frame, hint_while, missing, setting, wait_hint};
use crate::pages::of_run::of_run;
use crate::state::recipe::FieldSpec;
use crate::state::run::RunState;
use crate::state::writing::{Ending, SAMPLING_FIELDS, Written, next_role};
use crate::state::{Activity, Step, Store};

const LEAD: &str = "Type a beginning and see how the model goes on: the original and the trained one, side by side.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {ask(store)}
        {settings(store)}
        {controls(store)}
        <div class="columns">{panel(store, Weights::Base)} {panel(store, Weights::Tuned)}</div>
        {go_on(store)}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}

fn is_writing(store: Store) -> bool {
    store.writing.with(|writing| writing.current.is_some())
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
    let prompt = move || if is_chat.get() { turns(store) } else { text(store) };
    view! { {switch} {prompt} }.into_any()
}

fn text(store: Store) -> AnyView {
    let on_input = Callback::new(move |text| store.try_text.set(text));
    view! {
        {text_area("Prompt", "try-text", "4", true, store.try_text, on_input)}
        {given(store)}
    }
    .into_any()
}

/// What the model is given, where prompts of its training rows had more to them than their text.
fn given(store: Store) -> AnyView {
    let format = Memo::new(move |_| store.format_to_try());
    let given = move || {
        let format = format.get();
        let text = store.try_text.with(|text| format.prompt(text)).filter(|_| format != PromptFormat::Plain)?;
        let view = view! {
            <p class="hint">"The model is given, as in training:"</p>
            <p class="written" data-testid="given">{text}</p>
        };
        Some(view.into_any())
    };
    view! { {given} }.into_any()
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

fn settings(store: Store) -> AnyView {
    let fields = SAMPLING_FIELDS.iter().map(|(spec, _)| field(store, spec)).collect_view();
    view! {
        <details class="panel" data-testid="sampling">
            <summary>"How it writes"</summary>
            <div class="fields">{fields}</div>
        </details>
    }
    .into_any()
}

fn field(store: Store, spec: &'static FieldSpec) -> AnyView {
    let (name, sampling) = (spec.name, store.sampling);
    let value = Signal::derive(move || sampling.with(|draft| draft.text(name).to_owned()));
    let is_changed = Signal::derive(move || sampling.with(|draft| draft.typed(name).is_some()));
    let error = Signal::derive(move || {
        let problems = sampling.with(|draft| draft.resolve().err())?;
        problems.into_iter().find(|problem| problem.field == name).map(|problem| problem.message)
    });
    let on_input = Callback::new(move |text| sampling.update(|draft| draft.set_typed(name, Some(text))));
    let on_reset = Callback::new(move |()| sampling.update(|draft| draft.set_typed(name, None)));
    let typed = Typed { value, is_changed, error };
    setting(spec, Vec::new(), spec.hint.into(), typed, on_input, on_reset)
}

fn controls(store: Store) -> AnyView {
    let cannot_write = Signal::derive(move || {
        store.model.info.with(Option::is_none) || store.activity().is_some() || store.to_write().is_none()
    });
    let has_model = Memo::new(move |_| store.model.info.with(Option::is_some));
    let cannot_stop = Signal::derive(move || store.writing.with(|writing| writing.is_stopping));
    let can_be_stopped = Memo::new(move |_| is_writing(store));
    let is_wrong = Signal::derive(move || store.sampling.with(|draft| draft.resolve().is_err()));
    let on_write = Callback::new(move |()| store.write());
    let on_stop = Callback::new(move |()| store.stop_writing());
    let write = move || {
        view! { <Button id="write" text="Write" is_primary=true disabled=cannot_write on_press=on_write /> }.into_any()
    };
    let stop =
        move || view! { <Button id="stop-writing" text="Stop" disabled=cannot_stop on_press=on_stop /> }.into_any();
    let busy = move || match store.writing.with(|writing| writing.current) {
        Some(Weights::Base) => Some("The original model writes…"),
        Some(Weights::Tuned) => Some("The trained model writes…"),
        None => None,
    };
    view! {
        <div class="row">
            {move || has_model.get().then(write)}
            {move || can_be_stopped.get().then(stop)}
            <span class="busy" role="status">{busy}</span>
        </div>
        {hint_while(is_wrong, "A setting under “How it writes” is wrong: open it to see which.")}
        {move || has_model.get().then(|| wait_hint(store, "The model can write", Some(Activity::Writing)))}
    }
    .into_any()
}

/// What one set of weights wrote.
fn panel(store: Store, weights: Weights) -> AnyView {
    let (title, id, ending_id) = match weights {
        Weights::Base => ("Before training", "written-base", "ending-base"),
        Weights::Tuned => ("After training", "written-tuned", "ending-tuned"),
    };
    let text = move || {
        store.writing.with(|writing| writing.of(weights).map(|written| written.text.clone()).unwrap_or_default())
    };
    let ending = move || {
        let words = store.writing.with(|writing| writing.of(weights)?.ending.map(ending_words))?;
        Some(view! { <p class="hint" data-testid=ending_id>{words}</p> }.into_any())
    };
    let empty = move || {
        let has_run = store.run.with(RunState::is_finished);
        // Of a prompt that could not be written on there is nothing.
        let is_begun = store.writing.with(|writing| {
            let has_begun = |written: &Written| !written.text.is_empty() || written.ending.is_some();
            writing.current == Some(weights) || writing.of(weights).is_some_and(has_begun)
        });
        match weights {
            _ if is_begun => None,
            Weights::Tuned if !has_run => Some("There is no trained model yet."),
            _ => Some("Nothing has been written yet."),
        }
    };
    view! {
        <div class="panel" class:good={weights == Weights::Tuned}>
            <h3>{title}</h3>
            <p class="hint">{empty}</p>
            <p class="written" data-testid=id>{text}</p>
            {ending}
        </div>
    }
    .into_any()
}

fn ending_words(ending: Ending) -> String {
    let Ending { num_tokens, elapsed_secs, is_complete, is_stopped, is_at_limit } = ending;
    let rate = if elapsed_secs > 0.0 {
        format!("{} tokens a second", format::significant(num_tokens as f64 / elapsed_secs))
    } else {
        "too quick to time".into()
    };
    let why = match (is_complete, is_stopped) {
        (true, _) => "The model ended it.",
        (false, true) => "You stopped it.",
        (false, false) if is_at_limit => "Stopped at the length limit.",
        (false, false) => "Prompt and answer together are as long as this model can read.",
    };
    format!("{}, {rate}. {why}", format::plural(num_tokens, "token"))
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
