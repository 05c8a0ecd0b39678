//! Findings about rows that stand twice: leaks, conflicts and duplicates, exact, normalized and near.
//!
//! In: of each row the first one with its texts, that with the same texts but for case and punctuation, the first of those that
//! it is near to, and its label ([`Repeats`]). Rows have one number over all splits, so that the first of a group is in the
//! earliest split. Out: findings with their groups.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::scan::split_of;
use super::{Finding, FindingAction, FindingGroup, FindingKind, FoundRow, LabelKind, NEAR_THRESHOLD, Severity};
use crate::data::list_rows;
use crate::words::plural;

/// What is known of rows.
pub(super) struct Repeats<'a> {
    pub(super) labels_are: LabelKind,
    /// Of each row the first with the same texts.
    pub(super) exact_of: &'a [u32],
    /// The same, of normalized texts.
    pub(super) normal_of: &'a [u32],
    /// The first of the rows that are nearly the same.
    pub(super) near_of: Vec<u32>,
    /// The first row with the same labels.
    pub(super) label_of: &'a [u32],
    /// Names of the labels of a row, together.
    pub(super) labels: &'a dyn Fn(u32) -> String,
    /// Rows of each split.
    pub(super) sizes: [usize; 3],
    /// Where a row stands.
    pub(super) place: &'a dyn Fn(u32) -> FoundRow,
}

/// All findings about rows that stand twice.
pub(super) fn find_repeats(repeats: &Repeats<'_>) -> Vec<Finding> {
    let found = [
        repeats.leaks(),
        repeats.near_leaks(),
        repeats.conflicts(),
        repeats.normalized_conflicts(),
        repeats.duplicates(),
        repeats.near_duplicates(),
    ];
    found.into_iter().flatten().collect()
}

impl Repeats<'_> {
    fn split(&self, row: u32) -> usize {
        split_of(self.sizes, row).0
    }

    fn exact(&self, row: u32) -> u32 {
        self.exact_of[row as usize]
    }

    fn label(&self, row: u32) -> u32 {
        self.label_of[row as usize]
    }

    /// Rows with the same key, of which there are two or more: in the order of their first rows.
    fn group_by<K: Hash + Eq>(&self, key: impl Fn(u32) -> K) -> Vec<Vec<u32>> {
        let mut places: HashMap<K, usize> = HashMap::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for row in 0..self.exact_of.len() as u32 {
            let place = *places.entry(key(row)).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        groups.retain(|group| group.len() > 1);
        groups
    }

    /// Groups that stand in two splits or three: the first row, and those of later splits that `is_leak` says.
    fn across_splits(&self, groups: Vec<Vec<u32>>, is_leak: impl Fn(u32) -> bool) -> Vec<Vec<u32>> {
        let across = groups.into_iter().map(|group| {
            let first = group[0];
            let is_later = |row: &u32| self.split(*row) > self.split(first) && is_leak(*row);
            let leaked: Vec<u32> = group.iter().copied().filter(is_later).collect();
            [vec![first], leaked].concat()
        });
        across.filter(|group| group.len() > 1).collect()
    }

    fn leaks(&self) -> Option<Finding> {
        let groups = self.across_splits(self.group_by(|row| self.exact(row)), |_| true);
        let what = "also in an earlier split: figures will look better than they are";
        self.finding(FindingKind::Leaks, groups, "validation or test row", ["is", "are"], what)
    }

    fn near_leaks(&self) -> Option<Finding> {
        // Of rows with the same texts in an earlier split it was said already.
        let is_first = |row: u32| self.split(self.exact(row)) == self.split(row);
        let groups = self.across_splits(self.group_by(|row| self.near_of[row as usize]), is_first);
        let what = "nearly the same as rows of an earlier split: figures may look better than they are";
        self.finding(FindingKind::NearLeaks, groups, "validation or test row", ["is", "are"], what)
    }

    fn duplicates(&self) -> Option<Finding> {
        let groups = self.group_by(|row| (self.split(row), self.exact(row), self.label(row)));
        let what = format!("an earlier row of the same split{} word for word", self.and_label());
        self.finding(FindingKind::Duplicates, groups, "row", ["repeats", "repeat"], &what)
    }

    fn near_duplicates(&self) -> Option<Finding> {
        let mut groups = self.group_by(|row| (self.split(row), self.near_of[row as usize], self.label(row)));
        let mut known = HashSet::new();
        for group in &mut groups {
            group.retain(|row| known.insert((self.split(*row), self.exact(*row), self.label(*row))));
        }
        groups.retain(|group| group.len() > 1);
        let share = (100.0 * NEAR_THRESHOLD).round();
        let what = format!(
            "nearly the same as an earlier row of the same split{} (alike but for case and punctuation, or with {share} % of \
             all their four-letter pieces in common, directly or through a row between)",
            self.and_label()
        );
        self.finding(FindingKind::NearDuplicates, groups, "row", ["is", "are"], &what)
    }

    /// Rows that are dropped have the label of the one that stays, where rows have labels.
    fn and_label(&self) -> &'static str {
        if self.labels_are == LabelKind::None { "" } else { " and label" }
    }

    fn conflicts(&self) -> Option<Finding> {
        self.under_labels(FindingKind::Conflicts, self.group_by(|row| self.exact(row)), "the same text")
    }

    fn normalized_conflicts(&self) -> Option<Finding> {
        let mut groups = self.group_by(|row| self.normal_of[row as usize]);
        groups.retain(|group| group.iter().any(|row| self.exact(*row) != self.exact(group[0])));
        let what = "the same text but for case, spaces and punctuation";
        self.under_labels(FindingKind::NormalizedConflicts, groups, what)
    }

    /// Groups of one text whose labels differ.
    fn under_labels(&self, kind: FindingKind, mut groups: Vec<Vec<u32>>, what: &str) -> Option<Finding> {
        if self.labels_are == LabelKind::None {
            return None;
        }
        groups.retain(|group| group.iter().any(|row| self.label(*row) != self.label(group[0])));
        if groups.is_empty() {
            return None;
        }
        let rows: Vec<u32> = groups.concat();
        let noun = self.labels_are.noun();
        let texts = plural(groups.len(), "text");
        let named: Vec<String> = rows.iter().map(|row| (self.place)(*row).name()).collect();
        let message = format!(
            "{} have {what} as another row, and a different {noun} ({texts}): rows {}",
            plural(rows.len(), "row"),
            list_rows(&named)
        );
        let can_be_voted = self.labels_are.can_be_voted();
        let severity = match (self.labels_are, kind) {
            (LabelKind::Text | LabelKind::Answers, _) | (_, FindingKind::NormalizedConflicts) => Severity::Note,
            _ => Severity::Warning,
        };
        let of_group = |group: &Vec<u32>| FindingGroup {
            label: if can_be_voted { self.majority(group) } else { None },
            ..self.group(group)
        };
        Some(Finding {
            kind,
            severity,
            message,
            num_rows: rows.len(),
            groups: groups.iter().map(of_group).collect(),
            action: if can_be_voted { FindingAction::RelabelToMajority } else { FindingAction::None },
        })
    }

    /// The label that more rows of a group have than any other.
    fn majority(&self, group: &[u32]) -> Option<String> {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        group.iter().for_each(|row| *counts.entry(self.label(*row)).or_default() += 1);
        let most = counts.values().copied().max()?;
        let mut leading = counts.into_iter().filter(|(_, count)| *count == most);
        match (leading.next(), leading.next()) {
            (Some((label, _)), None) => Some((self.labels)(label)),
            _ => None,
        }
    }

    fn group(&self, rows: &[u32]) -> FindingGroup {
        FindingGroup { rows: rows.iter().map(|row| (self.place)(*row)).collect(), label: None }
    }

    /// A finding about all rows of groups but the first of each: `12 {noun}s {are} {what}: rows 3, 4`.
    fn finding(
        &self,
        kind: FindingKind,
        groups: Vec<Vec<u32>>,
        noun: &str,
        [of_one, of_many]: [&str; 2],
        what: &str,
    ) -> Option<Finding> {
        let repeated = groups.iter().flat_map(|group| &group[1..]);
        let named: Vec<String> = repeated.map(|row| (self.place)(*row).name()).collect();
        if named.is_empty() {
            return None;
        }
        let (severity, action) = match kind {
            FindingKind::Leaks => (Severity::Serious, FindingAction::KeepFirst),
            FindingKind::NearLeaks => (Severity::Warning, FindingAction::MoveToTraining),
            _ => (Severity::Note, FindingAction::KeepFirst),
        };
        let verb = if named.len() == 1 { of_one } else { of_many };
        let message = format!("{} {verb} {what}: rows {}", plural(named.len(), noun), list_rows(&named));
        let num_rows = named.len();
        let groups = groups.iter().map(|group| self.group(group)).collect();
        Some(Finding { kind, severity, message, num_rows, groups, action })
    }
}
