//! Rows that were given a wrong label: in what order they are looked at, those of one pair of labels alone, and as a file.
//! How a row itself is drawn is said by its task.

use std::sync::Arc;

use hone_core::metrics::ClassMetrics;
use leptos::prelude::*;

use super::correct_labels;
use crate::browser;
use crate::charts::Chosen;
use crate::components::Button;
use crate::format;
use crate::state::Store;

/// The element that has the focus once a pair of labels is chosen.
pub(super) const TITLE_ID: &str = "wrong-rows-title";

/// A row that was given a label.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabeledRow<'a> {
    pub row: usize,
    /// Its text, or the name of its image.
    pub text: &'a str,
    /// The second text of a pair.
    pub second: Option<&'a str>,
    /// Ids of the label that it has and of the one that was predicted.
    pub label: usize,
    pub predicted: usize,
    pub probabilities: &'a [f32],
}

/// A row that was predicted wrongly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrongRow {
    /// Its place among the rows that were measured.
    pub index: usize,
    pub row: usize,
    pub text: String,
    pub second: Option<String>,
    pub label: String,
    pub predicted: String,
    /// Of the predicted label.
    pub probability: f32,
}

/// Rows predicted wrongly, the most confident first; `classes` are in the order of the label ids.
pub(super) fn wrong_rows<'a>(rows: impl Iterator<Item = LabeledRow<'a>>, classes: &[ClassMetrics]) -> Vec<WrongRow> {
    let name = |id: usize| classes.get(id).map_or_else(|| id.to_string(), |class| class.label.clone());
    let wrong = rows.enumerate().filter(|(_, row)| row.label != row.predicted).map(|(index, row)| WrongRow {
        index,
        row: row.row,
        text: row.text.to_owned(),
        second: row.second.map(str::to_owned),
        label: name(row.label),
        predicted: name(row.predicted),
        probability: row.probabilities.get(row.predicted).copied().unwrap_or(f32::NAN),
    });
    let mut wrong: Vec<_> = wrong.collect();
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    wrong
}

/// The pair of labels (true, predicted) whose rows are looked at, and how another is chosen.
pub(super) fn chosen_pair() -> (RwSignal<Option<(usize, usize)>>, Chosen) {
    let pair: RwSignal<Option<(usize, usize)>> = RwSignal::new(None);
    let on_choose = Callback::new(move |chosen: (usize, usize)| {
        pair.set(Some(chosen));
        browser::after(0, || browser::focus_element(TITLE_ID));
    });
    (pair, Chosen { pair: pair.into(), on_choose })
}

/// The wrong rows of a pair of labels, (true, predicted); all of them without one.
fn of_pair<'a>(rows: &'a [WrongRow], pair: Option<(&str, &str)>) -> Vec<&'a WrongRow> {
    let is_of = |row: &WrongRow| pair.is_none_or(|(label, predicted)| row.label == label && row.predicted == predicted);
    rows.iter().filter(|row| is_of(row)).collect()
}

/// Whether any of the rows is a pair of texts.
pub(super) fn has_pairs(rows: &[WrongRow]) -> bool {
    rows.iter().any(|row| row.second.is_some())
}

/// The rows it gets wrong, those of one pair of labels alone while one is chosen. `what` a row's text is stands over its
/// column in the saved file, and `draw` shows rows; `labels` are in the order of their ids.
pub(super) fn mistakes(
    store: Store,
    wrong: Vec<WrongRow>,
    labels: Vec<String>,
    pair: RwSignal<Option<(usize, usize)>>,
    what: &'static str,
    draw: impl Fn(&[&WrongRow]) -> AnyView + Send + 'static,
) -> AnyView {
    let wrong = Arc::new(wrong);
    if wrong.is_empty() {
        return view! { <p class="note" data-testid="wrong-rows">"Every row was predicted correctly."</p> }.into_any();
    }
    let (all, classes) = (Arc::clone(&wrong), labels.clone());
    let shown = move || {
        let names = pair.get().and_then(|(truth, predicted)| Some((labels.get(truth)?, labels.get(predicted)?)));
        let slice = store.batch.slice.get();
        let mut rows = of_pair(&all, names.map(|(truth, predicted)| (truth.as_str(), predicted.as_str())));
        rows.retain(|row| slice.as_ref().is_none_or(|slice| slice.rows.contains(&row.index)));
        let count = format::plural(rows.len(), "row");
        let title = match names {
            Some((truth, predicted)) => format!("{count}: true “{truth}”, predicted “{predicted}”"),
            None => format!("{count} the model gets wrong, the most confident first"),
        };
        let title = slice.as_ref().map_or_else(|| title.clone(), |slice| format!("{title}, of {}", slice.name));
        let on_all = Callback::new(move |()| {
            pair.set(None);
            store.batch.slice.set(None);
            browser::after(0, || browser::focus_element(TITLE_ID));
        });
        let all_button = (names.is_some() || slice.is_some())
            .then(|| view! { <Button id="wrong-rows-all" text="Show all wrong rows" on_press=on_all /> });
        view! {
            <h3 id=TITLE_ID tabindex="-1" data-testid="wrong-rows-title">{title}</h3>
            <div class="row">{all_button}</div>
            {draw(&rows)}
        }
        .into_any()
    };
    let on_save = Callback::new(move |()| store.save_table("wrong-rows", &wrong_rows_csv(&wrong, what)));
    view! {
        <div class="panel">
            {shown}
            {correct_labels::panel(store, classes)}
            <div class="row"><Button id="save-wrong-rows" text="Save all wrong rows as CSV" on_press=on_save /></div>
        </div>
    }
    .into_any()
}

/// The wrong rows as a CSV file.
fn wrong_rows_csv(rows: &[WrongRow], what: &str) -> String {
    let has_pairs = has_pairs(rows);
    let second_column = if has_pairs { ",second_text" } else { "" };
    let mut csv = format!("row,{what}{second_column},label,predicted,probability\n");
    for row in rows {
        let second = has_pairs.then(|| row.second.as_deref().unwrap_or_default());
        let texts = [Some(row.text.as_str()), second, Some(row.label.as_str()), Some(row.predicted.as_str())];
        let fields: Vec<_> = texts.into_iter().flatten().map(format::csv_field).collect();
        csv.push_str(&format!("{},{},{}\n", row.row, fields.join(","), row.probability));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong() -> Vec<WrongRow> {
        let class =
            |label: &str| ClassMetrics { label: label.into(), precision: 0.0, recall: 0.0, f1: 0.0, support: 1 };
        let row = |row, text, label, predicted, probabilities| LabeledRow {
            row,
            text,
            second: None,
            label,
            predicted,
            probabilities,
        };
        let rows = [
            row(1, "row, 1", 0, 1, &[0.4, 0.6]),
            row(2, "row, 2", 0, 0, &[0.9, 0.1]),
            row(3, "row, 3", 1, 0, &[0.8, 0.2]),
        ];
        wrong_rows(rows.into_iter(), &[class("yes"), class("no")])
    }

    #[test]
    fn wrong_rows_come_most_confident_first_and_know_their_place() {
        let wrong = wrong();
        let seen: Vec<_> = wrong.iter().map(|w| (w.index, w.row, w.label.as_str(), w.predicted.as_str())).collect();
        assert_eq!(seen, [(2, 3, "no", "yes"), (0, 1, "yes", "no")]);
    }

    #[test]
    fn wrong_rows_of_one_pair_can_be_looked_at_alone() {
        let wrong = wrong();
        let rows = |pair| of_pair(&wrong, pair).iter().map(|row| row.row).collect::<Vec<_>>();
        assert_eq!(rows(None), [3, 1]);
        assert_eq!(rows(Some(("yes", "no"))), [1]);
        assert_eq!(rows(Some(("yes", "yes"))), [0; 0]);
    }

    #[test]
    fn the_csv_quotes_texts_and_has_the_second_of_a_pair() {
        let mut wrong = wrong();
        let csv = wrong_rows_csv(&wrong, "text");
        assert_eq!(csv, "row,text,label,predicted,probability\n3,\"row, 3\",no,yes,0.8\n1,\"row, 1\",yes,no,0.6\n");
        wrong[0].second = Some("b".into());
        let csv = wrong_rows_csv(&wrong[..1], "text");
        assert_eq!(csv, "row,text,second_text,label,predicted,probability\n3,\"row, 3\",b,no,yes,0.8\n");
    }
}
