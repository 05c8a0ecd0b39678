//! How prompt and answer become one text: chosen from a list, or a text of one's own.

use hone_core::config::{DataShape, PromptFormat, PromptFormatError};
use hone_core::task::causal_lm::ReportDetail;
use leptos::prelude::*;

use crate::components::{Button, select};
use crate::pages::data::busy;
use crate::state::Store;

/// Value of the choice of a text of one's own.
const OWN: &str = "own";

/// What a text of one's own begins as.
const FIRST_OWN: &str = "Question: {prompt}\\nAnswer: {completion}";

/// How prompt and answer become one text.
pub(super) fn joined_by(store: Store, detail: &ReportDetail) -> Option<AnyView> {
    let is_pair = detail.shape == DataShape::PromptCompletion;
    let has_template = store.model.has_chat_template();
    if !is_pair && (detail.shape != DataShape::Instruction || !has_template) {
        return None;
    }
    let format = detail.prompt_format.clone().unwrap_or_default();
    let words = [
        (PromptFormat::Plain, if is_pair { "nothing: as they stand in the file" } else { "the Alpaca template" }),
        (PromptFormat::Newline, "a line break"),
        (PromptFormat::QuestionAnswer, "Q: … / A: …"),
        (PromptFormat::Chat, "the model's chat template"),
    ];
    let is_offered = |named: &PromptFormat| match named {
        PromptFormat::Plain => true,
        PromptFormat::Chat => has_template || format == PromptFormat::Chat,
        _ => is_pair,
    };
    let offered = words.into_iter().filter(|(named, _)| is_offered(named));
    let mut options: Vec<_> = offered.map(|(named, words)| (named.to_typed(), words.to_owned())).collect();
    if is_pair {
        options.push((OWN.into(), "a text of your own".into()));
    }
    let current = if matches!(format, PromptFormat::Own(_)) { OWN } else { format.to_text() };
    let on_choose = Callback::new(move |chosen: String| {
        choose_format(store, if chosen == OWN { FIRST_OWN } else { &chosen });
    });
    let label = if is_pair { "Prompt and answer are joined by" } else { "Instruction and answer are joined by" };
    Some(select(label, "prompt-format", options, current, busy(store), on_choose))
}

/// Reads the rows again with another format, if it is one.
fn choose_format(store: Store, typed: &str) {
    if let Ok(format) = PromptFormat::parse_typed(typed) {
        store.reread_data(|read| read.prompt_format = Some(format));
    }
}

/// Says that nobody chose the format.
pub(super) fn join_note(detail: &ReportDetail) -> Option<AnyView> {
    let format = detail.prompt_format.as_ref().filter(|_| detail.is_prompt_format_guessed)?;
    let words = format!("Prompt and answer are joined {}: a guess, which you can change.", format.describe());
    Some(view! { <p class="hint" data-testid="prompt-format-note">{words}</p> }.into_any())
}

/// The person's own text, with what is wrong with it.
pub(super) fn own_format(store: Store, detail: &ReportDetail) -> Option<AnyView> {
    let before = detail.prompt_format.as_ref().filter(|format| matches!(format, PromptFormat::Own(_)))?.to_typed();
    let typed = RwSignal::new(before.clone());
    let error = Memo::new(move |_| typed.with(|typed| own_format_error(typed)));
    let cannot_use = Signal::derive(move || error.with(Option::is_some) || typed.with(|typed| *typed == before));
    let on_use = Callback::new(move |()| choose_format(store, &typed.get_untracked()));
    let view = view! {
        <div class="field" class:invalid=move || error.with(Option::is_some)>
            <div class="field-head"><label for="prompt-text">"Your text"</label></div>
            <div class="field-control">
                <input
                    id="prompt-text"
                    data-testid="prompt-text"
                    type="text"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby="prompt-text-hint prompt-text-error"
                    aria-invalid=move || if error.with(Option::is_some) { "true" } else { "false" }
                    prop:value=move || typed.get()
                    on:input=move |event| typed.set(event_target_value(&event))
                />
                <Button id="use-prompt-text" text="Use it" disabled=cannot_use on_press=on_use />
            </div>
            <p class="hint" id="prompt-text-hint">
                "With {prompt} where the prompt goes and {completion}, the answer, at the end; \\n is a line break."
            </p>
            <p class="field-error" id="prompt-text-error" aria-live="polite">{move || error.get()}</p>
        </div>
    };
    Some(view.into_any())
}

/// What is wrong with a text of one's own. The names of formats, which a text may be too, are the list's to offer.
fn own_format_error(typed: &str) -> Option<String> {
    match PromptFormat::parse_typed(typed).err()? {
        PromptFormatError::Unknown { .. } => Some("the text must hold {prompt} and, at its end, {completion}".into()),
        error => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::own_format_error;

    #[test]
    fn what_a_text_of_ones_own_lacks_is_said_without_names_of_formats() {
        let error = |typed| own_format_error(typed).unwrap_or_default();
        for typed in ["", "hello"] {
            assert_eq!(error(typed), "the text must hold {prompt} and, at its end, {completion}");
        }
        assert_eq!(
            error("{completion}"),
            "{prompt} is missing: the text must hold {prompt} and, at its end, {completion}"
        );
        assert_eq!(own_format_error("Frage: {prompt}\\nAntwort: {completion}"), None);
    }
}
