//! Which rows are shown: search, filters, and what is filtered as chips that take it away again.

use hone_core::data::{RowQuery, RowState};
use leptos::prelude::*;

use crate::browser;
use crate::components::Button;
use crate::format;
use crate::state::Store;

/// Milliseconds of quiet after a key before rows are searched.
const SEARCH_DELAY_MS: u32 = 120;

/// What a row is used for, in words.
pub(super) fn state_words(state: RowState) -> &'static str {
    match state {
        RowState::Train => "training",
        RowState::Valid => "validation",
        RowState::Test => "test",
        RowState::Unused => "not used",
        RowState::Dropped => "dropped",
    }
}

pub(super) fn bar(store: Store) -> AnyView {
    let rows = store.rows;
    let has_labels = Memo::new(move |_| rows.labels.with(|labels| !labels.is_empty()));
    let labels = move || {
        let label = |(label, count): &(String, usize)| {
            let words = format!("{label} ({})", format::count(*count));
            (label.clone(), words)
        };
        rows.labels.with(|labels| labels.iter().map(label).collect::<Vec<_>>())
    };
    let states = || RowState::ALL.map(|state| (state_words(state).to_owned(), state_words(state).to_owned())).to_vec();
    let on_label = Callback::new(move |chosen: String| {
        store.ask_other_rows(|query| query.filter.label = Some(chosen).filter(|label| !label.is_empty()));
    });
    let on_state = Callback::new(move |chosen: String| {
        let state = RowState::ALL.into_iter().find(|state| state_words(*state) == chosen);
        store.ask_other_rows(|query| query.filter.state = state);
    });
    let label = Signal::derive(move || rows.query.with(|query| query.filter.label.clone().unwrap_or_default()));
    let state = Signal::derive(move || {
        rows.query.with(|query| query.filter.state.map(state_words).unwrap_or_default().to_owned())
    });
    let (labels, states) = (Signal::derive(labels), Signal::derive(states));
    let by_label =
        move || has_labels.get().then(|| filter("Label", "rows-label", "all labels", labels, label, on_label));
    view! {
        <div class="fields">
            {search(store)}
            {by_label}
            {filter("Used for", "rows-state", "training, validation, test", states, state, on_state)}
            {tokens(store, "Fewest tokens", "rows-min", |query| &mut query.filter.min_tokens)}
            {tokens(store, "Most tokens", "rows-max", |query| &mut query.filter.max_tokens)}
        </div>
        {chips(store)}
        {total(store)}
    }
    .into_any()
}

fn search(store: Store) -> AnyView {
    let text = RwSignal::new(store.rows.query.with_untracked(|query| query.search.clone()));
    // A search that is taken away is no longer in the field.
    let is_cleared = Memo::new(move |_| store.rows.query.with(|query| query.search.is_empty()));
    Effect::new(move |_| {
        if is_cleared.get() {
            text.set(String::new());
        }
    });
    let search_for = move |typed: String| {
        text.set(typed.clone());
        browser::after(SEARCH_DELAY_MS, move || {
            // More may have been typed, or the table closed.
            if text.try_get_untracked() == Some(typed.clone()) {
                store.ask_other_rows(|query| query.search = typed);
            }
        });
    };
    view! {
        <label class="stacked">
            <span>"Search"</span>
            <input
                type="search"
                id="rows-search"
                data-testid="rows-search"
                autocomplete="off"
                placeholder="in all columns"
                prop:value=move || text.get()
                on:input=move |event| search_for(event_target_value(&event))
            />
        </label>
    }
    .into_any()
}

/// A choice among values that come and go; the empty one shows `all`.
fn filter(
    label: &'static str,
    id: &'static str,
    all: &'static str,
    options: Signal<Vec<(String, String)>>,
    current: Signal<String>,
    on_choose: Callback<String>,
) -> AnyView {
    let option = move |(value, words): (String, String)| {
        let own = value.clone();
        let is_chosen = move || current.with(|current| *current == own);
        view! { <option value=value prop:selected=is_chosen>{words}</option> }.into_any()
    };
    let options = move || options.get().into_iter().map(option).collect_view();
    view! {
        <label class="stacked">
            <span>{label}</span>
            <select data-testid=id on:change=move |event| on_choose.run(event_target_value(&event))>
                <option value="" prop:selected=move || current.with(String::is_empty)>{all}</option>
                {options}
            </select>
        </label>
    }
    .into_any()
}

type Tokens = fn(&mut RowQuery) -> &mut Option<usize>;

/// A bound of the length, where lengths are known.
fn tokens(store: Store, label: &'static str, id: &'static str, wish: Tokens) -> AnyView {
    let has_lengths = Memo::new(move |_| {
        store.data.report.with(|report| report.as_ref().is_some_and(|report| !report.lengths.counts.is_empty()))
    });
    let ask = move |typed: String| {
        let count: Option<usize> = typed.trim().parse().ok();
        store.ask_other_rows(|query| *wish(query) = count);
    };
    let value = move || {
        let count: Option<usize> = store.rows.query.with(|query| *wish(&mut query.clone()));
        count.map(|count| count.to_string()).unwrap_or_default()
    };
    let field = move || {
        let field = || {
            view! {
                <label class="stacked">
                    <span>{label}</span>
                    <input
                        type="number"
                        min="0"
                        data-testid=id
                        placeholder="any"
                        prop:value=value
                        on:change=move |event| ask(event_target_value(&event))
                    />
                </label>
            }
        };
        has_lengths.get().then(|| field().into_any())
    };
    view! { {field} }.into_any()
}

/// What is filtered, each with the way back.
fn chips(store: Store) -> AnyView {
    type TakeAway = fn(&mut RowQuery);
    let chips = move || {
        let found: Vec<(String, TakeAway)> = store.rows.query.with(|query| {
            let filter = &query.filter;
            let search = query.search.trim();
            let mut chips: Vec<(String, TakeAway)> = Vec::new();
            let mut add = |words: String, take_away: TakeAway| chips.push((words, take_away));
            if !search.is_empty() {
                add(format!("holds \u{201c}{}\u{201d}", format::excerpt(search, 30)), |query| query.search.clear());
            }
            if let Some(label) = &filter.label {
                add(format!("label \u{201c}{}\u{201d}", format::excerpt(label, 30)), |query| query.filter.label = None);
            }
            if let Some(state) = filter.state {
                add(state_words(state).to_owned(), |query| query.filter.state = None);
            }
            if filter.is_edited {
                add("edited".to_owned(), |query| query.filter.is_edited = false);
            }
            if let Some(tokens) = filter.min_tokens {
                add(format!("{tokens} tokens or more"), |query| query.filter.min_tokens = None);
            }
            if let Some(tokens) = filter.max_tokens {
                add(format!("{tokens} tokens at most"), |query| query.filter.max_tokens = None);
            }
            if let Some(rows) = &filter.rows {
                add(format!("{} of a finding", format::plural(rows.len(), "row")), |query| query.filter.rows = None);
            }
            chips
        });
        let chip = |(words, take_away): (String, TakeAway)| {
            let what = format!("Show more than {words}");
            let on_click = move |_| {
                store.ask_other_rows(take_away);
                browser::after(0, || browser::focus_element("rows-grid"));
            };
            view! { <button type="button" class="filter-chip" aria-label=what on:click=on_click>{words} " \u{d7}"</button> }
                .into_any()
        };
        found.into_iter().map(chip).collect_view()
    };
    view! { <div class="row" role="group" aria-label="What is filtered" data-testid="rows-chips">{chips}</div> }
        .into_any()
}

/// How many rows match.
fn total(store: Store) -> AnyView {
    let rows = store.rows;
    let counts =
        Memo::new(move |_| rows.window.with(|window| window.as_ref().map(|window| (window.total, window.num_rows))));
    let words = move || match counts.get() {
        Some((total, all)) => format!("{} of {}", format::count(total), format::plural(all, "row")),
        None => "The rows are being listed.".into(),
    };
    let is_edited = Memo::new(move |_| rows.query.with(|query| query.filter.is_edited));
    let text = Signal::derive(move || {
        let words = if is_edited.get() { "Show all rows" } else { "Show edited rows" };
        words.to_owned()
    });
    let on_press =
        Callback::new(move |()| store.ask_other_rows(|query| query.filter.is_edited = !query.filter.is_edited));
    view! {
        <div class="row">
            <p role="status" data-testid="rows-total" data-value=move || counts.get().map(|(total, _)| total.to_string())>
                {words}
            </p>
            <Button id="rows-edited" text=text on_press=on_press />
        </div>
    }
    .into_any()
}
