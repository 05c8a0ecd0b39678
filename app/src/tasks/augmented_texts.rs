//! What augmentation makes of some training texts, where it is on or a model made copies: three rows and their copies, three others when
//! asked for, and how many rows are added. They are the very copies that a run of these settings trains on.

use std::sync::Arc;

use hone_core::config::{AugmentKind, TextAugmentation};
use hone_core::task::{AugmentationPreview, DataReport, PreviewedRow};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::components::{Button, Cell, table};
use crate::format;
use crate::state::Store;

/// Rows that are shown at a time.
const NUM_ROWS: usize = 3;

/// Longest text that is shown, in characters.
const MAX_CHARS: usize = 400;

/// Between the texts of a pair.
const BETWEEN: &str = " | ";

/// The panel; nothing where no text is changed, or none was read.
pub(super) fn preview(store: Store) -> AnyView {
    let settings = Memo::new(move |_| {
        let of_run = store.resolved.with(|run| run.as_ref().ok().map(|run| (run.augmentation.clone(), run.seed)))?;
        // Rows that are read again are asked about again: they may have other copies.
        let of_reading = |report: &Arc<DataReport>| (report.split_sizes[0], Arc::as_ptr(report) as usize);
        let (num_train, reading) = store.data.report.with(|report| report.as_ref().map(of_reading))?;
        let made = store.data.read.with(|read| read.copies.clone());
        let is_on = !of_run.0.is_none() || !made.is_empty();
        (is_on && num_train > 0 && !store.parts.are_several()).then_some((of_run, reading, made))
    });
    let panel = move || settings.get().map(|((settings, _), _, made)| panel(store, &settings, !made.is_empty()));
    view! { {panel} }.into_any()
}

fn panel(store: Store, settings: &TextAugmentation, has_made: bool) -> AnyView {
    let shown: RwSignal<Option<AugmentationPreview>> = RwSignal::new(None);
    let problem: RwSignal<Option<String>> = RwSignal::new(None);
    let first = RwSignal::new(0_usize);
    // A row without a word of a pair has no copy for it, which is no shortage; nor is one that a model made none of.
    let num_wanted = if settings.augment_pairs.is_empty() && !has_made { settings.max_copies() } else { 0 };
    let ask = move || {
        let first = first.get_untracked();
        spawn_local(async move {
            match store.augmented_texts(first, NUM_ROWS).await {
                Ok(found) => {
                    let _ = shown.try_set(found);
                    let _ = problem.try_set(None);
                }
                Err(error) => {
                    let text = format!("{}. {}", format::sentence(&error.message), format::sentence(&error.hint));
                    let _ = problem.try_set(Some(text));
                }
            }
        });
    };
    ask();
    let on_others = Callback::new(move |()| {
        first.update(|first| *first = first.wrapping_add(NUM_ROWS));
        ask();
    });
    let rows = move || {
        shown.with(|shown| {
            let rows = shown.as_ref().filter(|shown| !shown.rows.is_empty())?;
            let cells = rows.rows.iter().flat_map(cells_of).collect();
            Some(table(
                "Training texts before and after",
                "augmented-rows",
                &["Row", "Before", "Changed by", "After"],
                cells,
            ))
        })
    };
    let counts = move || shown.with(|shown| shown.as_ref().map(|shown| count_in_words(shown, num_wanted, has_made)));
    view! {
        <div class="panel" data-testid="augmentation">
            <h3>"Training texts as augmentation changes them"</h3>
            <p role="status" data-testid="augmented-count">{counts}</p>
            {rows}
            <p class="hint" role="status">{move || problem.get()}</p>
            <p class="hint">
                "Labels stay as they are, and so do validation and test rows. Look whether a text still means what its label says."
            </p>
            <div class="row"><Button id="other-rows" text="Show other rows" on_press=on_others /></div>
        </div>
    }
    .into_any()
}

/// How many rows are added, and to how many none is.
fn count_in_words(shown: &AugmentationPreview, num_wanted: usize, has_made: bool) -> String {
    let &AugmentationPreview { num_train, num_rows, num_added, num_unchanged, .. } = shown;
    let mut text =
        format!("{} are added to {}.", format::plural(num_added, "row"), format::plural(num_rows, "training row"));
    if num_added == 1 {
        text = text.replacen("1 row are", "1 row is", 1);
    }
    if num_unchanged > 0 {
        let have = if num_unchanged == 1 { "has" } else { "have" };
        let none = format!(" {} of them {have} no copy", format::count(num_unchanged));
        text.push_str(&match has_made {
            true => format!("{none}: nothing in them could be changed, or the model made none that says anything else."),
            false => format!(
                "{none}: no word in them could be changed. That is so of texts without spaces between words, such as Chinese and \
                 Japanese, and of texts in which only synonyms are sought and none is known."
            ),
        });
    }
    if num_rows < num_train {
        text.push_str(&format!(
            " Counted of rows that are spread over all {} evenly; the run makes copies of all of them, and says how many.",
            format::count(num_train)
        ));
    }
    let num_short = (num_rows.saturating_sub(num_unchanged) * num_wanted).saturating_sub(num_added);
    if num_short > 0 {
        text.push_str(&format!(
            " {} fewer than asked for: some texts have no more ways to be changed.",
            format::count(num_short)
        ));
    }
    text
}

/// A line for each copy of a row; the text before stands in the first of them.
fn cells_of(row: &PreviewedRow) -> Vec<Vec<Cell>> {
    let shortened = |texts: &[String]| Cell::new("text", format::shortened(&texts.join(BETWEEN), MAX_CHARS));
    let line = |(index, (kind, texts)): (usize, &(AugmentKind, Vec<String>))| {
        let (number, before) = match index {
            0 => (format::count(row.row), shortened(&row.texts)),
            _ => (String::new(), shortened(&[])),
        };
        vec![Cell::number(number), before, Cell::new("", kind.name()), shortened(texts)]
    };
    row.copies.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(num_rows: usize, num_added: usize, num_unchanged: usize) -> String {
        of(num_rows, num_rows, num_added, num_unchanged)
    }

    fn of(num_train: usize, num_rows: usize, num_added: usize, num_unchanged: usize) -> String {
        let shown = AugmentationPreview { num_train, num_rows, num_added, num_unchanged, rows: Vec::new() };
        count_in_words(&shown, 2, false)
    }

    #[test]
    fn what_is_added_is_counted_and_what_is_not_too() {
        assert_eq!(shown(1200, 2400, 0), "2,400 rows are added to 1,200 training rows.");
        let of_many = of(50_000, 1000, 2000, 0);
        assert!(of_many.starts_with("2,000 rows are added to 1,000 training rows. Counted of rows"), "{of_many}");
        assert!(of_many.contains("spread over all 50,000 evenly"), "{of_many}");
        let made = AugmentationPreview { num_train: 3, num_rows: 3, num_added: 1, num_unchanged: 2, rows: Vec::new() };
        assert!(count_in_words(&made, 0, true).ends_with("or the model made none that says anything else."));
        assert!(shown(3, 1, 2).starts_with("1 row is added to 3 training rows. 2 of them have no copy"));
        assert!(shown(3, 1, 2).ends_with(" 1 fewer than asked for: some texts have no more ways to be changed."));
    }

    #[test]
    fn a_row_has_a_line_for_each_copy_and_stands_in_the_first() {
        let copies = vec![
            (AugmentKind::Swap, vec!["b a".to_owned(), "c".into()]),
            (AugmentKind::Typos, vec!["a bb".into(), "c".into()]),
        ];
        let cells = cells_of(&PreviewedRow { row: 7, texts: vec!["a b".into(), "c".into()], copies });
        let texts: Vec<Vec<&str>> =
            cells.iter().map(|line| line.iter().map(|cell| cell.text.as_str()).collect()).collect();
        assert_eq!(texts, [vec!["7", "a b | c", "swap", "b a | c"], vec!["", "", "typos", "a bb | c"]]);
    }
}
