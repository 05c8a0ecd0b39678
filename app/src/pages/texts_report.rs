//! The report on texts for a language model: how they were read, what is there, and which tokens are learned.

use hone_core::config::{DataShape, PromptFormat, PromptFormatError};
use hone_core::data::causal_lm::{LmReport, TokenPreview};
use leptos::prelude::*;

use super::data::{busy, header, named, read_as, separator};
use super::data_controls::{all_columns, encoding, header_row};
use super::data_report::{UNUSED, bad_rows, figures_view, lengths, warnings};
use crate::components::{Button, select};
use crate::format;
use crate::state::Store;
use crate::state::report::{column_of, part_of, roles};

pub(super) fn page(store: Store, report: &LmReport) -> AnyView {
    let encoded = report.num_encoded.iter().sum();
    let used: Vec<_> = report.used_columns.iter().map(|(column, role)| (column.as_str(), role.as_str())).collect();
    // Some rows are of both kinds, and listed once; a hundred are listed at most.
    let num_cut = match report.cut_rows.len() {
        all @ 0..100 => all,
        _ => report.num_prompt_cut + report.num_lost_completion,
    };
    view! {
        {reading(store, report)}
        {warnings(&report.warnings)}
        {counts(report)}
        {lengths(&report.lengths, report.num_truncated, encoded, part_of(report), report.max_seq_length)}
        {bad_rows("could not be used", UNUSED, "bad-rows", report.num_bad_rows, &report.bad_rows)}
        {bad_rows("shortened: a part of the prompt or the answer did not fit", "Shortened rows", "cut-rows", num_cut, &report.cut_rows)}
        {all_columns(&report.reading.table, &used)}
        {preview(report)}
    }
    .into_any()
}

/// How the file was understood, and the controls to correct it.
fn reading(store: Store, report: &LmReport) -> AnyView {
    let shapes = DataShape::ALL.map(|shape| (shape.name().to_owned(), shape_words(shape).to_owned()));
    let on_shape = Callback::new(move |chosen: String| {
        if let Some(shape) = DataShape::ALL.into_iter().find(|shape| shape.name() == chosen) {
            store.choose_shape(shape);
        }
    });
    let column = |role: &'static str| {
        let current = column_of(report, role);
        let mut options = named(&report.columns);
        if current.is_none() {
            options.insert(0, (String::new(), "none".into()));
        }
        let (label, id) = match role {
            "prompt" => ("Prompt", "prompt-column"),
            "completion" => ("Answer", "completion-column"),
            "instruction" => ("Instruction", "prompt-column"),
            "input" => ("Input to it", "input-column"),
            "output" => ("Output", "completion-column"),
            "messages" => ("Conversation", "messages-column"),
            _ => ("Text", "text-column"),
        };
        let on_choose = Callback::new(move |chosen: String| store.choose_part(role, &chosen));
        select(label, id, options, current.unwrap_or_default(), busy(store), on_choose)
    };
    let columns = (!report.columns.is_empty()).then(|| roles(report.shape).iter().copied().map(column).collect_view());
    view! {
        <fieldset class="panel">
            <legend>{read_as(&report.file_name, report.format)}</legend>
            <div class="fields">
                {select("A row is", "shape", shapes.into(), report.shape.name(), busy(store), on_shape)}
                {columns}
                {joined_by(store, report)}
                {separator(store, report.delimiter)}
                {encoding(store, &report.reading)}
                {header_row(store, report.delimiter, &report.reading)}
            </div>
            {header(store, report.delimiter, report.has_header)}
            {join_note(report)}
            {own_format(store, report)}
        </fieldset>
    }
    .into_any()
}

/// Value of the choice of a text of one's own.
const OWN: &str = "own";

/// What a text of one's own begins as.
const FIRST_OWN: &str = "Question: {prompt}\\nAnswer: {completion}";

/// How prompt and answer become one text.
fn joined_by(store: Store, report: &LmReport) -> Option<AnyView> {
    let is_pair = report.shape == DataShape::PromptCompletion;
    let has_template = store.model.has_chat_template();
    if !is_pair && (report.shape != DataShape::Instruction || !has_template) {
        return None;
    }
    let format = report.prompt_format.clone().unwrap_or_default();
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
fn join_note(report: &LmReport) -> Option<AnyView> {
    let format = report.prompt_format.as_ref().filter(|_| report.is_prompt_format_guessed)?;
    let words = format!("Prompt and answer are joined {}: a guess, which you can change.", format.describe());
    Some(view! { <p class="hint" data-testid="prompt-format-note">{words}</p> }.into_any())
}

/// The person's own text, with what is wrong with it.
fn own_format(store: Store, report: &LmReport) -> Option<AnyView> {
    let before = report.prompt_format.as_ref().filter(|format| matches!(format, PromptFormat::Own(_)))?.to_typed();
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

fn shape_words(shape: DataShape) -> &'static str {
    match shape {
        DataShape::Text => "a text",
        DataShape::PromptCompletion => "a prompt and its answer",
        DataShape::Instruction => "an instruction",
        DataShape::Messages => "a conversation",
    }
}

fn counts(report: &LmReport) -> AnyView {
    let [train, valid, test] = report.num_encoded;
    let parts = format!("{}s", part_of(report));
    let share = report.num_loss_tokens as f64 / report.num_tokens.max(1) as f64;
    let mut figures = vec![
        ("Rows", report.num_rows, "in the file".into()),
        ("Usable", report.num_usable, "with something to learn".into()),
        ("Training", train, format!("{parts} to train on")),
        ("Validation", valid, format!("{parts} that choose the best weights")),
        ("Test", test, format!("{parts} looked at once, at the end")),
        ("Tokens", report.num_tokens, "in all, without what is cut off".into()),
        ("Learned", report.num_loss_tokens, format!("tokens it learns from, {}", format::percent(share))),
        ("Duplicates", report.num_duplicates, "rows that repeat an earlier one".into()),
        ("Leaks", report.num_leaks, "rows that are also in the training rows".into()),
        ("Truncated", report.num_truncated, format!("{parts} longer than {} tokens", report.max_seq_length)),
    ];
    // Before there is a model nothing is known of tokens.
    if report.lengths.counts.is_empty() {
        figures.retain(|(name, ..)| !["Tokens", "Learned", "Truncated"].contains(name));
    }
    // A file of one text has no rows.
    if report.format.is_none() {
        figures.retain(|(name, ..)| !["Rows", "Usable", "Duplicates", "Leaks"].contains(name));
    }
    figures_view(&figures)
}

/// The first examples as the model sees them.
fn preview(report: &LmReport) -> AnyView {
    let is_one_text = report.format.is_none();
    let row = |(index, preview): (usize, &TokenPreview)| {
        let name = match is_one_text {
            true => format!("Passage {}", index + 1),
            false => format!("Row {}", format::count(preview.row)),
        };
        token_view(name, preview)
    };
    let rows = report.preview.iter().enumerate().map(row).collect_view();
    let title =
        if is_one_text { "The first passages, token by token" } else { "The first training rows, token by token" };
    view! {
        <div class="panel" data-testid="token-view">
            <h3>{title}</h3>
            <p class="hint">
                "The model learns to write the tokens that are " <mark class="learned">"underlined"</mark>
                "; the others it only reads."
            </p>
            {rows}
        </div>
    }
    .into_any()
}

fn token_view(name: String, preview: &TokenPreview) -> AnyView {
    let tokens = preview.tokens.iter().filter(|token| !token.text.is_empty()).map(|token| {
        let text = token.text.clone();
        match token.has_loss {
            true => view! { <mark class="learned">{text}</mark> }.into_any(),
            false => view! { <span>{text}</span> }.into_any(),
        }
    });
    let tokens = tokens.collect_view();
    let rest = preview.num_tokens.saturating_sub(preview.tokens.len());
    let rest = (rest > 0).then(|| format!("; {} more are not shown", format::count(rest)));
    let head = match preview.num_tokens {
        0 => name,
        count => format!("{name}, {}", format::plural(count, "token")),
    };
    view! {
        <div>
            <p class="hint">{head}{rest}</p>
            <p class="tokens">{tokens}</p>
        </div>
    }
    .into_any()
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
