//! What stands before every source: typed, with suggestions, and shown with a source of the file.

use hone_core::task::seq2seq_lm::ReportDetail;
use leptos::prelude::*;

use crate::format;
use crate::pages::data::busy;
use crate::state::Store;

/// Prefixes that T5 was trained with, and one for questions.
const SUGGESTIONS: [&str; 3] = ["summarize: ", "translate English to German: ", "question: "];

/// Id and test id of the field.
const ID: &str = "source-prefix";

/// Characters of a source that is shown with its prefix.
const MAX_EXAMPLE_CHARS: usize = 160;

/// The field of the prefix, and how a source looks with what stands in it. It is kept as it is typed.
pub(super) fn source_prefix(store: Store, detail: &ReportDetail) -> AnyView {
    let typed = RwSignal::new(detail.source_prefix.clone());
    let busy = busy(store);
    let on_change = move |event: web_sys::Event| {
        let prefix = Some(event_target_value(&event)).filter(|prefix| !prefix.is_empty());
        store.reread_data(move |read| read.source_prefix = prefix);
    };
    let reset = (!detail.source_prefix.is_empty()).then(|| {
        view! {
            <button
                type="button"
                class="reset"
                data-testid="reset-source-prefix"
                disabled=move || busy.get()
                on:click=move |_| store.reread_data(|read| read.source_prefix = None)
            >
                "No prefix"
            </button>
        }
    });
    let suggestions = SUGGESTIONS.map(|text| view! { <option value=text></option> }).collect_view();
    let remark = move || {
        let words = "The source follows it without a space: type one at its end, unless none should be there.";
        typed.with(|typed| lacks_space(typed)).then_some(words)
    };
    let example = bare_source(detail).map(|source| {
        let shown = move || typed.with(|typed| [typed.as_str(), source.as_str()].concat());
        view! {
            <p class="hint">"The model reads:"</p>
            <p class="written" data-testid="source-with-prefix">{shown}</p>
        }
    });
    view! {
        <div class="field">
            <div class="field-head"><label for=ID>"Prefix of every source"</label>{reset}</div>
            <div class="field-control">
                <input
                    id=ID
                    data-testid=ID
                    type="text"
                    list="source-prefixes"
                    spellcheck="false"
                    placeholder="none"
                    aria-describedby="source-prefix-hint"
                    prop:value=move || typed.get()
                    disabled=move || busy.get()
                    on:input=move |event| typed.set(event_target_value(&event))
                    on:change=on_change
                />
                <datalist id="source-prefixes">{suggestions}</datalist>
            </div>
            <p class="hint" id="source-prefix-hint">
                "Tells the model what to do with the text, where it knows several tasks. It is written before every source as \
                 you type it, spaces too."
            </p>
            <p class="hint" role="status">{remark}</p>
            {example}
        </div>
    }
    .into_any()
}

/// Whether the source would follow a prefix without anything between them.
fn lacks_space(prefix: &str) -> bool {
    !prefix.is_empty() && !prefix.ends_with(char::is_whitespace)
}

/// The beginning of the first source, without the prefix.
fn bare_source(detail: &ReportDetail) -> Option<String> {
    let source = &detail.preview.first()?.source;
    let bare = source.strip_prefix(detail.source_prefix.as_str()).unwrap_or(source);
    Some(format::shortened(bare, MAX_EXAMPLE_CHARS))
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::detail;
    use super::*;

    #[test]
    fn a_prefix_is_shown_with_the_source_as_it_stands_in_the_file() {
        assert_eq!(bare_source(&detail("summarize: ")).as_deref(), Some("It rains."));
        assert_eq!(bare_source(&detail("")).as_deref(), Some("It rains."));
    }

    #[test]
    fn suggestions_end_with_a_space_and_one_that_is_missing_is_said() {
        assert!(SUGGESTIONS.iter().all(|prefix| !lacks_space(prefix)));
        assert!(lacks_space("summarize:") && !lacks_space(""));
    }
}
