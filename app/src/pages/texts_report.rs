//! The report on texts for a language model: how they were read, what is there, and which tokens carry loss.

use hone_core::config::DataShape;
use hone_core::data::causal_lm::{LmReport, TokenPreview};
use leptos::prelude::*;

use super::data::{busy, header, named, read_as, separator};
use super::data_report::{bad_rows, figures_view, lengths, warnings};
use crate::components::{check, select};
use crate::format;
use crate::state::Store;
use crate::state::report::{column_of, roles};

pub(super) fn page(store: Store, report: &LmReport) -> AnyView {
    let encoded = report.num_encoded.iter().sum();
    // Some rows are of both kinds, and listed once; a hundred are listed at most.
    let num_cut = match report.cut_rows.len() {
        all @ 0..100 => all,
        _ => report.num_prompt_cut + report.num_lost_completion,
    };
    view! {
        {reading(store, report)}
        {warnings(&report.warnings)}
        {counts(report)}
        {lengths(&report.lengths, report.num_truncated, encoded, report.max_seq_length)}
        {bad_rows("could not be used", "bad-rows", report.num_bad_rows, &report.bad_rows)}
        {bad_rows("lose what should be learned or read", "cut-rows", num_cut, &report.cut_rows)}
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
    let can_be_chat = matches!(report.shape, DataShape::PromptCompletion | DataShape::Instruction);
    let as_chat = move || {
        let has_template = store.model.info.with(|info| info.as_ref().is_some_and(|info| info.has_chat_template));
        let on_change = Callback::new(move |as_chat| store.reread_data(|read| read.as_chat = as_chat));
        let checked = Signal::derive(move || store.data.read.with(|read| read.as_chat));
        let label = "As a conversation, in the words of the model's chat template";
        (can_be_chat && has_template).then(|| check(label, "as-chat", checked, busy(store), on_change))
    };
    view! {
        <fieldset class="panel">
            <legend>{read_as(&report.file_name, report.format)}</legend>
            <div class="fields">
                {select("A row is", "shape", shapes.into(), report.shape.name(), busy(store), on_shape)}
                {columns}
                {separator(store, report.delimiter)}
            </div>
            {header(store, report.delimiter, report.has_header)}
            {as_chat}
        </fieldset>
    }
    .into_any()
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
    let share = report.num_loss_tokens as f64 / report.num_tokens.max(1) as f64;
    figures_view(&[
        ("Rows", report.num_rows, "in the file".into()),
        ("Usable", report.num_usable, "with something to learn".into()),
        ("Training", train, "trained on; long texts give several".into()),
        ("Validation", valid, "choose the best weights".into()),
        ("Test", test, "looked at once, at the end".into()),
        ("Tokens", report.num_tokens, "in all, as far as they are not cut off".into()),
        ("Learned", report.num_loss_tokens, format!("tokens that carry loss, {}", format::percent(share))),
        ("Duplicates", report.num_duplicates, "rows that repeat an earlier one".into()),
        ("Leaks", report.num_leaks, "rows that stand in two splits".into()),
        ("Truncated", report.num_truncated, "rows longer than the limit".into()),
    ])
}

/// The first examples as the model sees them.
fn preview(report: &LmReport) -> AnyView {
    let rows = report.preview.iter().map(token_view).collect_view();
    view! {
        <div class="panel" data-testid="token-view">
            <h3>"The first rows, token by token"</h3>
            <p class="hint">
                "The model learns to write the tokens that are " <mark class="learned">"underlined"</mark>
                "; the others it only reads."
            </p>
            {rows}
        </div>
    }
    .into_any()
}

fn token_view(preview: &TokenPreview) -> AnyView {
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
    let head = format!("Row {}, {} tokens", format::count(preview.row), format::count(preview.num_tokens));
    view! {
        <div>
            <p class="hint">{head}{rest}</p>
            <p class="tokens">{tokens}</p>
        </div>
    }
    .into_any()
}
