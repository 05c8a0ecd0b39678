//! Images of rows that are labeled: in, the rows of the list and where a person is in it; out, the image that is shown, and those behind
//! it, which are there before they are looked at. Images that are far away are forgotten. What is asked for is plain, tested natively.

use hone_core::session::protocol::Command;
use hone_core::task::RankedRow;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::super::images::images_of;
use super::super::{Step, Store};
use crate::browser::PickedFile;

/// Rows behind the one that is shown whose images are asked for with it.
const AHEAD: usize = 4;

/// Images that are kept beside these.
const MAX_KEPT: usize = 16;

/// The image of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown<F = PickedFile> {
    /// It was asked for.
    Awaited,
    There(F),
    /// Its file is not loaded any more.
    Missing,
}

/// Images by the numbers of their rows, those that were looked at last behind the others.
#[derive(Debug)]
pub(super) struct Pictures<F = PickedFile>(Vec<(usize, Shown<F>)>);

impl<F> Default for Pictures<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> Pictures<F> {
    fn of(&self, row: usize) -> Option<&Shown<F>> {
        self.0.iter().find(|(of, _)| *of == row).map(|(_, shown)| shown)
    }

    /// Notes that the row at a place and those behind it are looked at: those of which no image was asked for yet.
    fn look_at(&mut self, rows: &[RankedRow], at: usize) -> Vec<usize> {
        let numbers: Vec<usize> = rows.iter().skip(at).take(AHEAD + 1).map(|row| row.id.row).collect();
        let (near, far): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(row, _)| numbers.contains(row));
        let num_forgotten = far.len().saturating_sub(MAX_KEPT);
        self.0 = far.into_iter().skip(num_forgotten).chain(near).collect();
        let wanted: Vec<usize> = numbers.into_iter().filter(|row| self.of(*row).is_none()).collect();
        self.0.extend(wanted.iter().map(|&row| (row, Shown::Awaited)));
        wanted
    }

    /// Takes the images of these rows.
    fn take(&mut self, rows: &[usize], files: impl IntoIterator<Item = Option<F>>) {
        for (row, file) in rows.iter().zip(files) {
            if let Some((_, shown)) = self.0.iter_mut().find(|(of, _)| of == row) {
                *shown = file.map_or(Shown::Missing, Shown::There);
            }
        }
    }

    /// Forgets that these rows were asked for.
    fn forget(&mut self, rows: &[usize]) {
        self.0.retain(|(row, _)| !rows.contains(row));
    }
}

impl Store {
    /// The image of a row of the list; `None` where none was asked for.
    pub(crate) fn picture_to_label(self, row: usize) -> Option<Shown> {
        self.labeling.pictures.with(|pictures| pictures.of(row).cloned())
    }

    /// Asks for the image of the row at a place in the list, and for those behind it, where rows are images.
    pub(super) fn ask_for_pictures(self, at: usize) {
        let ranked = untrack(|| self.ranked_rows()).filter(|_| untrack(|| self.rows_are_images()));
        let Some(ranked) = ranked else { return };
        let pictures = self.labeling.pictures;
        let wanted = pictures.try_update(|pictures| pictures.look_at(&ranked.rows, at)).unwrap_or_default();
        if wanted.is_empty() {
            return;
        }
        spawn_local(async move {
            match images_of(self.request(Command::ImagesOfFile { rows: wanted.clone() }, Vec::new()).await) {
                Ok(files) => pictures.update(|pictures| pictures.take(&wanted, files)),
                Err(problem) => {
                    pictures.update(|pictures| pictures.forget(&wanted));
                    self.report(Step::Data, problem);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::Split;
    use hone_core::data::RowId;

    use super::*;

    /// Rows 100, 101, …
    fn rows(count: usize) -> Vec<RankedRow> {
        let row = |row: usize| RankedRow {
            id: RowId { file: Split::Train, row },
            label: String::new(),
            text: format!("{row}.png"),
            second: None,
            uncertainty: None,
            likely: Vec::new(),
        };
        (100..100 + count).map(row).collect()
    }

    #[test]
    fn the_next_images_are_asked_for_once_before_they_are_looked_at() {
        let rows = rows(8);
        let mut pictures: Pictures<&str> = Pictures::default();
        assert_eq!(pictures.look_at(&rows, 0), [100, 101, 102, 103, 104]);
        assert_eq!(pictures.of(100), Some(&Shown::Awaited));
        assert_eq!(pictures.look_at(&rows, 1), [105]);
        pictures.take(&[100, 101], [Some("a"), None]);
        assert_eq!([pictures.of(100), pictures.of(101)], [Some(&Shown::There("a")), Some(&Shown::Missing)]);
        assert_eq!(pictures.look_at(&rows, 6), [106, 107], "the list ends there");
        pictures.forget(&[106]);
        assert_eq!((pictures.look_at(&rows, 6), pictures.look_at(&rows, 8)), (vec![106], vec![]));
    }

    #[test]
    fn images_that_are_far_away_are_forgotten_and_not_those_that_are_looked_at() {
        let rows = rows(60);
        let mut pictures: Pictures<&str> = Pictures::default();
        for at in 0..50 {
            pictures.look_at(&rows, at);
            assert!(pictures.0.len() <= MAX_KEPT + AHEAD + 1);
        }
        assert!(pictures.of(100).is_none() && pictures.of(149).is_some());
        let before = pictures.look_at(&rows, 33);
        assert!(before.is_empty(), "a way back is not asked for again: {before:?}");
        pictures.look_at(&rows, 0);
        assert!(pictures.of(100).is_some() && pictures.of(133).is_some());
    }
}
