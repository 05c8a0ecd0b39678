//! Few rows at the step Data: how far the figure of a test may be off, in words, and a cross-validation that measures every row.

use hone_core::metrics::expected_interval;
use hone_core::task::{DataReport, Unit};
use leptos::prelude::*;

use crate::components::Button;
use crate::format;
use crate::state::Store;

/// Fewer rows than these are few, whatever is measured.
const FEW: usize = 200;

/// A figure whose interval is wider than this can tell little.
const WIDE: f64 = 0.1;

/// A figure as it may come out, of which the interval is told.
const EXPECTED: f64 = 0.8;

/// Folds that are set up.
const FOLDS: u32 = 5;

/// What there is to say of rows, where they are few.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FewRows {
    words: String,
    /// Whether they can be shared out into folds.
    can_fold: bool,
}

/// `noun` is what rows are called; `is_share` says that the task's figure is a share of its rows, `has_no_folds` that validation
/// rows came in a file of their own, or are the newest.
fn few_rows(sizes: [usize; 3], noun: &str, figure: &str, is_share: bool, has_no_folds: bool) -> Option<FewRows> {
    let all: usize = sizes.iter().sum();
    let (held_out, name) = if sizes[2] > 0 { (sizes[2], "test") } else { (sizes[1], "validation") };
    if all == 0 {
        return None;
    }
    let (low, high) = expected_interval(EXPECTED, held_out);
    let is_wide = is_share && held_out > 0 && high - low > WIDE;
    if all >= FEW && !is_wide {
        return None;
    }
    let rows = format::plural(held_out, noun);
    let mut words = match (is_share, held_out) {
        (_, 0) => format!("There are {} in all, and none is held out to measure on.", format::plural(all, noun)),
        (true, _) => format!(
            "The {name} figure will rest on {rows}: {figure} of {} measured there would mean anything from {} to {} (95 % interval).",
            format::percent(EXPECTED),
            format::percent(low),
            format::percent(high)
        ),
        (false, _) => {
            format!("There are {} in all: the {name} figure will rest on {rows} only.", format::plural(all, noun))
        }
    };
    let can_fold = sizes[0] >= FOLDS as usize && !has_no_folds;
    if can_fold {
        words.push_str(&format!(
            " A cross-validation of {FOLDS} folds measures every {noun} but those of the test once, in {FOLDS} runs, and says how much \
             they differ."
        ));
    }
    Some(FewRows { words, can_fold })
}

/// The warning, with the button that sets a cross-validation up; and what to do about a fold that a run was opened with.
pub(super) fn view(store: Store, report: &DataReport) -> AnyView {
    let spec = report.task().spec();
    let leading = spec.leading_figure();
    let figure = format!("{} {}", article(leading.title), format::in_sentence(leading.title));
    let is_share = spec.gives_one_label() && leading.unit == Unit::Share && leading.name == "accuracy";
    let is_by_time = store.data.read.with_untracked(|read| read.sharing.time_column.is_some());
    let has_no_folds = is_by_time || store.data.valid.with_untracked(Option::is_some);
    let few = few_rows(report.split_sizes, spec.row_noun, &figure, is_share, has_no_folds).map(
        |FewRows { words, can_fold }| {
            let can_fold = can_fold && !store.parts.are_several();
            let on_press = Callback::new(move |()| store.set_up_folds(FOLDS));
            let text = format!("Set up {FOLDS} folds");
            let button = can_fold.then(|| view! { <Button id="set-up-folds" text=text on_press=on_press /> });
            view! { <div class="note row" data-testid="few-rows"><p>{words}</p> {button}</div> }
        },
    );
    let fold = store.data.read.with_untracked(|read| read.sharing.fold).map(|fold| {
        let words = format!(
            "The rows are shared out as fold {} of {}, for a run of a cross-validation was opened.",
            fold.index + 1,
            fold.count
        );
        let disabled = super::data::busy(store);
        let on_press = Callback::new(move |()| store.leave_fold());
        view! {
            <div class="note row" data-testid="fold-note">
                <p>{words}</p>
                <Button id="leave-fold" text="Share them out as ever" disabled=disabled on_press=on_press />
            </div>
        }
    });
    view! { {fold} {few} }.into_any()
}

fn article(title: &str) -> &'static str {
    if title.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sizes: [usize; 3], is_share: bool) -> Option<String> {
        few_rows(sizes, "row", "an accuracy", is_share, false).map(|few| few.words)
    }

    #[test]
    fn a_wide_interval_is_told_in_numbers() {
        let said = words([160, 20, 20], true).expect("twenty rows tell little");
        let expected = "The test figure will rest on 20 rows: an accuracy of 80.0 % measured there would mean anything from 58.4 % to \
                        91.9 % (95 % interval).";
        assert!(said.starts_with(expected), "{said}");
        assert!(said.contains("5 folds"), "{said}");
        let said = words([900, 100, 0], true).expect("a hundred rows have an interval of 15 points");
        assert!(said.starts_with("The validation figure will rest on 100 rows"), "{said}");
        assert_eq!(words([9000, 500, 500], true), None);
    }

    #[test]
    fn few_rows_of_another_figure_are_told_without_numbers() {
        let said = words([80, 10, 10], false).expect("few");
        assert!(said.starts_with("There are 100 rows in all: the test figure will rest on 10 rows only."), "{said}");
        assert_eq!(words([180, 10, 10], false), None);
        let none = few_rows([4, 0, 0], "row", "an accuracy", true, false).expect("few");
        assert!(none.words.contains("none is held out") && !none.can_fold && !none.words.contains("folds"), "{none:?}");
        let own = few_rows([80, 10, 10], "row", "an accuracy", true, true).expect("few");
        assert!(!own.can_fold && !own.words.contains("folds"), "validation rows of their own are in no fold: {own:?}");
        assert_eq!(words([0, 0, 0], true), None);
    }
}
