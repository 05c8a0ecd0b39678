//! What stands twice among images, as findings with their rows.
//!
//! In: images that are all decoded. Out: leaks, images that nearly are, one file with several labels, duplicates and
//! near-duplicates, of which the first three say what training warns of. Nothing is said to mend them: rows of images are not
//! edited in a table.

use std::collections::BTreeMap;
use std::iter::once;

use super::data::ImageData;
use super::report::repeats_of;
use crate::data::findings::{Finding, FindingAction, FindingGroup, FindingKind, FoundRow, Severity, mask_personal};
use crate::data::{ReadSummary, Split, list_rows};
use crate::task::finding_of_warning;
use crate::words::plural;

/// Pairs of a later image and the earlier one that it repeats, by their places in the list of all images.
type Pairs = [(usize, usize)];

/// The findings. All images must be decoded.
pub(super) fn findings(data: &ImageData) -> Vec<Finding> {
    let images = Images::of(data);
    let mut said = ReadSummary::default();
    let repeats = repeats_of(data, &images.usable, &mut said);
    let warning = |kind: FindingKind| {
        said.warnings.iter().find(|warning| finding_of_warning(warning) == Some(kind)).cloned().unwrap_or_default()
    };
    let (near, near_leaks): (Vec<_>, Vec<_>) =
        repeats.near.iter().copied().partition(|&(later, first)| images.places[later].0 == images.places[first].0);
    let (of_leaks, of_near_leaks) = (warning(FindingKind::Leaks), warning(FindingKind::NearLeaks));
    let of_conflicts = warning(FindingKind::Conflicts);
    let repeat = |one: &str, more: &str, pairs: &Pairs| {
        let verb = if pairs.len() == 1 { one } else { more };
        format!("{} {verb} an earlier one of their split", plural(pairs.len(), "image"))
    };
    let of_duplicates = format!(
        "{}, label included ({})",
        repeat("repeats", "repeat", &repeats.duplicates),
        images.names(&repeats.duplicates, "is")
    );
    let of_near =
        format!("{} ({})", repeat("looks nearly like", "look nearly like", &near), images.names(&near, "and"));
    let all = [
        (FindingKind::Leaks, Severity::Serious, of_leaks, &repeats.leaks),
        (FindingKind::NearLeaks, Severity::Warning, of_near_leaks, &near_leaks),
        (FindingKind::Conflicts, Severity::Warning, of_conflicts, &repeats.conflicts),
        (FindingKind::Duplicates, Severity::Note, of_duplicates, &repeats.duplicates),
        (FindingKind::NearDuplicates, Severity::Note, of_near, &near),
    ];
    let found = all.into_iter().filter(|(.., pairs)| !pairs.is_empty());
    found
        .map(|(kind, severity, message, pairs)| Finding {
            kind,
            severity,
            message,
            num_rows: pairs.len(),
            groups: images.groups(pairs, kind == FindingKind::Conflicts),
            action: FindingAction::None,
        })
        .collect()
}

/// The images that can be used, in the order of training, validation and test.
struct Images<'d> {
    data: &'d ImageData,
    /// Of each split the places of the images that can be used.
    usable: [Vec<usize>; 3],
    /// Of each image its split, and its index among the usable images of that.
    places: Vec<(usize, usize)>,
}

impl<'d> Images<'d> {
    fn of(data: &'d ImageData) -> Self {
        let usable = [0, 1, 2].map(|split| data.usable(split));
        let of_split = |split: usize| (0..usable[split].len()).map(move |index| (split, index));
        let places = (0..3).flat_map(of_split).collect();
        Self { data, usable, places }
    }

    fn row(&self, at: usize, with_label: bool) -> FoundRow {
        let (split, index) = self.places[at];
        let image = &self.data.splits[split][self.usable[split][index]];
        let note = match with_label {
            true => format!("{}: label {:?}", image.name, self.data.labels[image.label]),
            false => image.name.clone(),
        };
        FoundRow {
            file: Split::ALL[image.file],
            row: image.row,
            split: Split::ALL[split],
            index: Some(index),
            note: mask_personal(&note).into_owned(),
        }
    }

    /// Each earlier image with all that repeat it.
    fn groups(&self, pairs: &Pairs, with_label: bool) -> Vec<FindingGroup> {
        let mut by_first: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &(later, first) in pairs {
            by_first.entry(first).or_default().push(later);
        }
        let group = |(first, later): (usize, Vec<usize>)| {
            let rows = once(first).chain(later).map(|at| self.row(at, with_label)).collect();
            FindingGroup { rows, label: None }
        };
        by_first.into_iter().map(group).collect()
    }

    /// The first pairs by their names, with a word between the two.
    fn names(&self, pairs: &Pairs, between: &str) -> String {
        let name = |at: usize| {
            let (split, index) = self.places[at];
            &self.data.splits[split][self.usable[split][index]].name
        };
        let names: Vec<String> =
            pairs.iter().map(|&(later, first)| format!("{} {between} {}", name(later), name(first))).collect();
        list_rows(&names)
    }
}
