//! What can be told without training: by the vectors of the model as it was loaded, each row has the label of the nearest
//! examples. Measured only when asked for, because all training rows are read for it.

use hone_core::event::Split;
use hone_core::task::{FewShot, FewShotReport, Task};
use leptos::prelude::*;

use crate::components::{Button, Cell, table};
use crate::format;
use crate::pages::evaluate::cannot_measure;
use crate::state::Store;

/// The panel; `tuned` is the accuracy after training.
pub(super) fn without_training(store: Store, split: Split, tuned: Option<f64>) -> Option<AnyView> {
    let has_vectors = store
        .model
        .info
        .with_untracked(|info| info.as_ref().is_some_and(|info| info.tasks.contains(&Task::SentenceEmbedding)));
    let found = move || match store.few_shot.get() {
        Some(report) => measured(&report, tuned),
        None => {
            let on_press = Callback::new(move |()| store.measure_few_shot(split));
            view! {
                <Button
                    id="measure-few-shot"
                    text="Measure without training"
                    disabled=cannot_measure(store)
                    on_press=on_press
                />
            }
            .into_any()
        }
    };
    // Of several tasks there are only the figures of their heads.
    let is_one = store.measured_part.with_untracked(Option::is_none);
    (has_vectors && is_one).then(|| {
        view! {
            <div class="panel figures">
                <h3>"Without training"</h3>
                {found}
                <p class="hint">
                    "How many rows get their label from the model as it was loaded: the label of the most similar examples \
                     among the training rows, or the label whose name is most similar. Training should do better."
                </p>
            </div>
        }
        .into_any()
    })
}

fn measured(report: &FewShotReport, tuned: Option<f64>) -> AnyView {
    let row = |(title, id, accuracy): (String, String, f64)| {
        let value = Cell::number(format::percent(accuracy));
        vec![Cell::new("head", title), Cell { id: Some(id), raw: Some(accuracy.to_string()), ..value }]
    };
    let rows = lines(report, tuned).into_iter().map(row).collect();
    let count = format::plural(report.num_rows, "row");
    view! {
        {table("Accuracy without training", "few-shot", &["", "Accuracy"], rows)}
        <p class="hint">{format!("On {count}.")}</p>
    }
    .into_any()
}

/// Title, test id and accuracy of each line.
fn lines(report: &FewShotReport, tuned: Option<f64>) -> Vec<(String, String, f64)> {
    let zero_shot =
        report.zero_shot.map(|accuracy| ("Names of the labels alone".into(), "few-shot-0".into(), accuracy));
    let shots = report.shots.iter().map(|&FewShot { per_label, num_examples, accuracy }| match per_label {
        Some(count) => (format!("{} a label", format::plural(count, "example")), format!("few-shot-{count}"), accuracy),
        None => (format!("All {}", format::plural(num_examples, "example")), "few-shot-all".into(), accuracy),
    });
    let tuned = tuned.map(|accuracy| ("After training".into(), "few-shot-tuned".into(), accuracy));
    zero_shot.into_iter().chain(shots).chain(tuned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_stands_from_nothing_to_all() {
        let shot = |per_label, num_examples, accuracy| FewShot { per_label, num_examples, accuracy };
        let shots = vec![shot(Some(1), 3, 0.5), shot(Some(5), 15, 0.6), shot(None, 80, 0.7)];
        let report = FewShotReport { num_rows: 10, zero_shot: Some(0.4), shots };
        let titles: Vec<String> = lines(&report, Some(0.9)).into_iter().map(|(title, _, _)| title).collect();
        let expected = [
            "Names of the labels alone",
            "1 example a label",
            "5 examples a label",
            "All 80 examples",
            "After training",
        ];
        assert_eq!(titles, expected);
        let report = FewShotReport { zero_shot: None, ..report };
        assert_eq!(lines(&report, None).len(), 3);
    }
}
