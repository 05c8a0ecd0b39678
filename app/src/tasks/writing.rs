//! What the step Try shows alike of models that write: the field of the text, how it writes, the button, and what was written
//! before training beside after.

use hone_core::config::PromptFormat;
use hone_core::session::protocol::Weights;
use leptos::prelude::*;

use crate::components::{Button, text_area};
use crate::format;
use crate::pages::frame::{Typed, hint_while, setting, wait_hint};
use crate::state::recipe::FieldSpec;
use crate::state::run::RunState;
use crate::state::writing::{Ending, SAMPLING_FIELDS, Written};
use crate::state::{Activity, Store};

/// The field of a text, of so many lines, and what the model is given of it.
pub(super) fn text(store: Store, label: &'static str, rows: &'static str) -> AnyView {
    let on_input = Callback::new(move |text| store.try_text.set(text));
    view! {
        {text_area(label, "try-text", rows, true, store.try_text, on_input)}
        {given(store)}
    }
    .into_any()
}

/// What the model is given, where the texts of its training rows had more to them: a format, or a prefix.
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

fn is_writing(store: Store) -> bool {
    store.writing.with(|writing| writing.current.is_some())
}

/// How it writes.
pub(super) fn settings(store: Store) -> AnyView {
    let fields = SAMPLING_FIELDS.iter().map(|(spec, _)| field(store, spec)).collect_view();
    let notes = move || {
        let notes = store.sampling_now().map_or_else(|_| Vec::new(), |(_, notes)| notes);
        notes.iter().map(|note| view! { <p class="hint">{format::sentence(note)}"."</p> }).collect_view()
    };
    view! {
        <details class="panel" data-testid="sampling">
            <summary>"How it writes"</summary>
            <div class="fields">{fields}</div>
        </details>
        <div data-testid="own-sampling">{notes}</div>
    }
    .into_any()
}

fn field(store: Store, spec: &'static FieldSpec) -> AnyView {
    let (name, sampling) = (spec.name, store.sampling);
    let value = Signal::derive(move || store.with_sampling(|draft, own| draft.text(name, own)));
    let is_changed = Signal::derive(move || sampling.with(|draft| draft.typed(name).is_some()));
    let error = Signal::derive(move || {
        let problems = store.sampling_now().err()?;
        problems.into_iter().find(|problem| problem.field == name).map(|problem| problem.message)
    });
    let on_input = Callback::new(move |text| sampling.update(|draft| draft.set_typed(name, Some(text))));
    let on_reset = Callback::new(move |()| sampling.update(|draft| draft.set_typed(name, None)));
    let typed = Typed { value, is_changed, error };
    let choices = spec.choices.iter().map(|(value, words)| ((*value).to_owned(), (*words).to_owned())).collect();
    setting(spec, choices, spec.hint.into(), typed, on_input, on_reset)
}

/// The buttons that begin and end the writing.
pub(super) fn controls(store: Store) -> AnyView {
    let cannot_write = Signal::derive(move || {
        store.model.info.with(Option::is_none) || store.activity().is_some() || store.to_write().is_none()
    });
    let has_model = Memo::new(move |_| store.model.info.with(Option::is_some));
    let cannot_stop = Signal::derive(move || store.writing.with(|writing| writing.is_stopping));
    let can_be_stopped = Memo::new(move |_| is_writing(store));
    let is_wrong = Signal::derive(move || store.sampling_now().is_err());
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

/// What was written, before training beside after; `is_full` is why a text ended that neither the model nor a person nor a
/// setting ended.
pub(super) fn panels(store: Store, is_full: &'static str) -> AnyView {
    let [base, tuned] = [Weights::Base, Weights::Tuned].map(|weights| panel(store, weights, is_full));
    view! { <div class="columns">{base} {tuned}</div> }.into_any()
}

/// What one set of weights wrote.
fn panel(store: Store, weights: Weights, is_full: &'static str) -> AnyView {
    let (title, id, ending_id) = match weights {
        Weights::Base => ("Before training", "written-base", "ending-base"),
        Weights::Tuned => ("After training", "written-tuned", "ending-tuned"),
    };
    let text = move || {
        store.writing.with(|writing| writing.of(weights).map(|written| written.text.clone()).unwrap_or_default())
    };
    let ending = move || {
        let words = ending_words(store.writing.with(|writing| writing.of(weights)?.ending)?, is_full);
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

fn ending_words(ending: Ending, is_full: &str) -> String {
    let Ending { num_tokens, elapsed_secs, is_complete, is_stopped, is_at_limit, filtered } = ending;
    if is_stopped && num_tokens == 0 {
        return "You stopped it before there was a text.".into(); // beams give one at their end
    }
    let rate = if elapsed_secs > 0.0 {
        format!("{} tokens a second", format::significant(num_tokens as f64 / elapsed_secs))
    } else {
        "too quick to time".into()
    };
    let why = match (is_complete, is_stopped) {
        (true, _) => "The model ended it.",
        (false, true) => "You stopped it.",
        (false, false) if is_at_limit => "Stopped at the length limit.",
        (false, false) => is_full,
    };
    let replaced = filtered.in_words().map_or_else(String::new, |words| format!(" {words}"));
    format!("{}, {rate}. {why}{replaced}", format::plural(num_tokens, "token"))
}
