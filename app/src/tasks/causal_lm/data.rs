//! Texts to learn from: how they were read, how many tokens are learned, and the first of them token by token.

use hone_core::config::{DataShape, PromptFormat};
use hone_core::task::DataReport;
use hone_core::task::causal_lm::{ReportDetail, TokenPreview};
use leptos::prelude::*;

use super::prompt_format::{join_note, joined_by, own_format};
use super::shape::{choose_shape, roles};
use crate::components::select;
use crate::format;
use crate::pages::data::busy;
use crate::pages::data_controls::columns;
use crate::pages::data_report::bad_rows;
use crate::state::Store;
use crate::tasks::{DataParts, RowFacts};

pub(crate) fn row_facts(detail: &ReportDetail) -> RowFacts {
    let part = if detail.shape == DataShape::Text { "passage" } else { "row" };
    RowFacts {
        part,
        input: part,
        num_labels: 0,
        has_second: false,
        prompt_format: Some(PromptFormat::for_rows(Some(detail.shape), detail.prompt_format.as_ref())),
    }
}

pub(crate) fn data_parts(store: Store, report: &DataReport, detail: &ReportDetail) -> DataParts {
    let shapes = DataShape::ALL.map(|shape| (shape.name().to_owned(), shape_words(shape).to_owned()));
    let on_shape = Callback::new(move |chosen: String| {
        let shape = DataShape::ALL.into_iter().find(|shape| shape.name() == chosen);
        if let (Some(shape), Some(report)) = (shape, store.data.report.get_untracked()) {
            store.reread_data(|read| choose_shape(read, &report, shape));
        }
    });
    let controls = view! {
        {select("A row is", "shape", shapes.into(), detail.shape.name(), busy(store), on_shape)}
        {columns(store, report, roles(detail.shape), Some(detail.shape))}
        {joined_by(store, detail)}
    };
    let below_columns = view! {
        {join_note(detail)}
        {own_format(store, detail)}
    };
    let share = detail.num_loss_tokens as f64 / detail.num_tokens.max(1) as f64;
    let mut counts = vec![
        ("Tokens", detail.num_tokens, "in all, without what is cut off".into()),
        ("Learned", detail.num_loss_tokens, format!("tokens it learns from, {}", format::percent(share))),
    ];
    // Before there is a model nothing is known of tokens.
    if report.lengths.counts.is_empty() {
        counts.clear();
    }
    // Some rows are of both kinds, and listed once; a hundred are listed at most.
    let num_cut = match detail.cut_rows.len() {
        all @ 0..100 => all,
        _ => detail.num_prompt_cut + detail.num_lost_completion,
    };
    let what = "shortened: a part of the prompt or the answer did not fit";
    DataParts {
        columns: controls.into_any(),
        below_columns: Some(below_columns.into_any()),
        counts,
        beside_lengths: None,
        below_bad_rows: bad_rows(what, "Shortened rows", "cut-rows", num_cut, &detail.cut_rows),
        preview: preview(&detail.preview, report.format.is_none()),
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

/// The first examples as the model sees them.
fn preview(rows: &[TokenPreview], is_one_text: bool) -> AnyView {
    let row = |(index, preview): (usize, &TokenPreview)| {
        let name = match is_one_text {
            true => format!("Passage {}", index + 1),
            false => format!("Row {}", format::count(preview.row)),
        };
        token_view(name, preview)
    };
    let rows = rows.iter().enumerate().map(row).collect_view();
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
pub(super) mod tests {
    use hone_core::data::Format;
    use hone_core::task;

    use super::*;
    use crate::state::report::size_words;
    use crate::tasks::fixtures;

    /// A report on one text that is cut into four passages.
    pub(in crate::tasks::causal_lm) fn report(columns: &[&str], shape: DataShape, used: &[(&str, &str)]) -> DataReport {
        let detail = ReportDetail {
            shape,
            prompt_format: None,
            is_prompt_format_guessed: false,
            num_prompt_cut: 0,
            num_lost_completion: 0,
            cut_rows: Vec::new(),
            num_tokens: 8,
            num_loss_tokens: 4,
            preview: Vec::new(),
        };
        DataReport {
            format: None,
            columns: columns.iter().map(|&name| name.into()).collect(),
            num_encoded: [4, 0, 0],
            ..fixtures::report(1, used, task::ReportDetail::CausalLm(Box::new(detail)))
        }
    }

    #[test]
    fn a_text_is_counted_by_what_the_model_gets() {
        let part = |report: &DataReport| crate::tasks::row_facts(report).part;
        let mut text = report(&["text"], DataShape::Text, &[("text", "text")]);
        assert_eq!((part(&text), size_words(&text).as_str()), ("passage", "1 text"));
        text.lengths.counts.push(4);
        assert_eq!(size_words(&text), "4 passages");
        let mut pairs = report(&["q", "a"], DataShape::PromptCompletion, &[("q", "prompt"), ("a", "completion")]);
        pairs.format = Some(Format::Jsonl);
        assert_eq!((part(&pairs), size_words(&pairs).as_str()), ("row", "1 row"));
    }

    #[test]
    fn a_bare_prompt_is_given_as_the_rows_are() {
        let format = |shape| crate::tasks::row_facts(&report(&[], shape, &[])).prompt_format;
        assert_eq!(format(DataShape::Text), Some(PromptFormat::Plain));
        assert_eq!(format(DataShape::Messages), Some(PromptFormat::Chat));
    }
}
