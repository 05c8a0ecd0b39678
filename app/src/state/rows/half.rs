//! Half of the rows, drawn by chance, for a run that takes long. In: the rows of the training file. Out: an edit that leaves half of them
//! out, which is undone like any other.

use hone_core::config::{RowEdit, Split};
use hone_core::data::{RowId, RowQuery, edits_by_file};
use hone_core::session::protocol::Command;
use hone_core::splitmix64::SplitMix64;
use leptos::prelude::*;

use super::super::Store;
use super::window_of;

/// Half of these rows, in their order. As many rows are halved alike each time; half of a half is drawn anew.
fn half_of(rows: &[RowId]) -> Vec<RowId> {
    let count = rows.len() as u64;
    let drawn = |id: &RowId| (SplitMix64::new((count << 32) ^ id.row as u64).draw(), *id);
    let mut drawn: Vec<(u64, RowId)> = rows.iter().map(drawn).collect();
    drawn.sort_unstable();
    drawn.truncate(rows.len() / 2);
    let mut half: Vec<RowId> = drawn.into_iter().map(|(_, id)| id).collect();
    half.sort_unstable();
    half
}

impl Store {
    /// Rows can be left out one by one.
    pub(crate) fn can_halve_rows(self) -> bool {
        self.can_edit_rows() && self.row_source().is_some()
    }

    /// Leaves out half of the rows of the training file. Validation and test rows of their own stay.
    pub(crate) fn halve_rows(self) {
        let Some(source) = untrack(|| self.row_source()) else { return };
        let query = RowQuery { count: usize::MAX >> 1, is_ids: true, ..RowQuery::default() };
        // The worker hears of edits with the rows that are looked through, and these may be closed.
        let edits = Some(self.data.read.with_untracked(|read| read.edits.clone()));
        let files = untrack(|| self.data.identities());
        self.client().send(Command::RowsWindow { source, query, edits }, Vec::new(), move |answer| {
            match window_of(answer) {
                Ok(window) if untrack(|| self.data.identities()) == files => {
                    let rows: Vec<RowId> = window.ids.into_iter().filter(|id| id.file == Split::Train).collect();
                    self.edit_rows(edits_by_file(&half_of(&rows), |file, rows| RowEdit::DropRows { file, rows }));
                }
                Ok(_) => {} // other files were chosen meanwhile
                Err(problem) => self.report(self.step.get_untracked(), problem),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_rows_is_drawn_by_chance_and_half_of_the_rest_again() {
        let all: Vec<RowId> = (2..1002).map(|row| RowId { file: Split::Train, row }).collect();
        let half = half_of(&all);
        assert!(half.len() == 500 && half.is_sorted() && half == half_of(&all));
        let num_even = half.iter().filter(|id| id.row.is_multiple_of(2)).count();
        assert!((200..300).contains(&num_even), "{num_even} of 500 are even: classes that alternate stay even");
        let rest: Vec<RowId> = all.iter().filter(|id| !half.contains(id)).copied().collect();
        assert_eq!(half_of(&rest).len(), 250);
        assert!(half_of(&all[..1]).is_empty(), "a single row stays");
    }
}
