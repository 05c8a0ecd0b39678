//! How rows are shared out over training, validation and test where drawing them one by one would flatter the figures: rows of one
//! value stay together, the newest are held out, repeats are left out. In: the report on the rows. Out: a control for each, of tasks
//! and files that have what it needs. What came of it stands in the notes of the report. The changes are tested natively.

use hone_core::config::RowSharing;
use hone_core::task::DataReport;
use leptos::prelude::*;

use super::data::busy;
use crate::components::{check, select};
use crate::state::Store;

/// The columns that rows can be shared out by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShareBy {
    Group,
    Time,
}

impl ShareBy {
    /// As tasks name it; the test id is made of it.
    fn wish(self) -> &'static str {
        match self {
            Self::Group => "group_column",
            Self::Time => "time_column",
        }
    }

    fn label_and_id(self) -> (&'static str, &'static str) {
        match self {
            Self::Group => ("Keep rows together that share", "group-column"),
            Self::Time => ("Hold out the newest by", "time-column"),
        }
    }

    fn column(self, sharing: &RowSharing) -> Option<&str> {
        match self {
            Self::Group => sharing.group_column.as_deref(),
            Self::Time => sharing.time_column.as_deref(),
        }
    }

    /// Shares rows out by a column, an empty name by none. What does not go with it makes way: a time goes with no groups, and with no
    /// fold of a run that was opened.
    fn choose(self, sharing: &mut RowSharing, chosen: &str) {
        let column = Some(chosen).filter(|name| !name.is_empty()).map(str::to_owned);
        if column.is_some() {
            match self {
                Self::Group => sharing.time_column = None,
                Self::Time => (sharing.group_column, sharing.fold, sharing.split_seed) = (None, None, None),
            }
        }
        match self {
            Self::Group => sharing.group_column = column,
            Self::Time => sharing.time_column = column,
        }
    }
}

/// Columns that rows can be shared out by: those that are used for nothing else, and the one that is chosen.
fn columns_beside(report: &DataReport, current: Option<&str>) -> Vec<String> {
    let is_used = |name: &str| report.used_columns.iter().any(|(used, _)| used == name);
    let is_offered = |name: &&String| !is_used(name) || current == Some(name.as_str());
    report.columns.iter().filter(is_offered).cloned().collect()
}

/// The controls; nothing where rows have no columns, or the task can't ask for it.
pub(super) fn controls(store: Store, report: &DataReport) -> Option<AnyView> {
    let reads = |wish: &str| report.task().spec().columns.contains(&wish);
    // A plain text is cut into its passages, and has none.
    if report.format.is_none() || !reads("dedupe") {
        return None;
    }
    let sharing = store.data.read.with_untracked(|read| read.sharing.clone());
    let has_own_valid = store.data.valid.with_untracked(Option::is_some);
    let column = |by: ShareBy| {
        let current = by.column(&sharing);
        let columns = columns_beside(report, current);
        let has_effect = reads(by.wish()) && !columns.is_empty() && !has_own_valid;
        (has_effect || current.is_some()).then(|| share_by(store, by, columns, current.unwrap_or_default()))
    };
    let on_change = Callback::new(move |dedupe| store.reread_data(|read| read.sharing.dedupe = dedupe));
    let dedupe = check(
        "Leave out rows that repeat an earlier one",
        "dedupe",
        Signal::stored(sharing.dedupe),
        busy(store),
        on_change,
    );
    let hint = match has_own_valid {
        true => "Your own validation rows are held out, whatever is chosen here: no others are split off.",
        false => {
            "Rows of one customer, document or conversation on both sides of a split make figures look better than they are, and so do \
             rows that are older than those that were trained on."
        }
    };
    let view = view! {
        <fieldset class="panel" data-testid="sharing">
            <legend>"How the rows are shared out"</legend>
            <p class="hint">{hint}</p>
            <div class="fields">{column(ShareBy::Group)} {column(ShareBy::Time)}</div>
            {dedupe}
        </fieldset>
    };
    Some(view.into_any())
}

fn share_by(store: Store, by: ShareBy, columns: Vec<String>, current: &str) -> AnyView {
    let none = (String::new(), "no column".to_owned());
    let options = std::iter::once(none).chain(columns.into_iter().map(|name| (name.clone(), name))).collect();
    let on_choose =
        Callback::new(move |chosen: String| store.reread_data(|read| by.choose(&mut read.sharing, &chosen)));
    let (label, id) = by.label_and_id();
    select(label, id, options, current, busy(store), on_choose)
}

#[cfg(test)]
mod tests {
    use hone_core::config::Fold;

    use super::*;

    #[test]
    fn what_does_not_go_together_makes_way() {
        let folded =
            RowSharing { fold: Some(Fold { index: 1, count: 5 }), split_seed: Some(7), ..RowSharing::default() };
        let mut sharing = RowSharing { dedupe: true, ..folded.clone() };
        ShareBy::Group.choose(&mut sharing, "customer");
        assert_eq!(sharing, RowSharing { group_column: Some("customer".into()), dedupe: true, ..folded });
        ShareBy::Time.choose(&mut sharing, "day");
        assert_eq!(sharing, RowSharing { time_column: Some("day".into()), dedupe: true, ..RowSharing::default() });
        ShareBy::Group.choose(&mut sharing, "");
        assert_eq!(ShareBy::Time.column(&sharing), Some("day"), "no group takes nothing away");
        ShareBy::Group.choose(&mut sharing, "customer");
        assert_eq!((ShareBy::Group.column(&sharing), ShareBy::Time.column(&sharing)), (Some("customer"), None));
        assert!(sharing.check().is_empty());
        ShareBy::Group.choose(&mut sharing, "");
        assert_eq!(sharing, RowSharing { dedupe: true, ..RowSharing::default() });
    }
}
