//! Findings as a page shows them. In: [`Findings`] and the rows that they are about. Out: plain values that travel between worker and
//! page: of each finding its first groups by the names of their rows, how many rows its action changes, and nothing of personal
//! data in full. The rows themselves stay where the findings are.

use serde::{Deserialize, Serialize};

use super::{
    Finding, FindingAction, FindingGroup, FindingKind, FindingRows, Findings, FoundRow, NotApplied, Severity,
    changes_of, mask_personal,
};
use crate::words::list;

/// Groups of a finding that are listed.
const MAX_LISTED: usize = 200;

/// Rows of a group that are named.
const MAX_NAMED: usize = 10;

/// Rows that belong together, or one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRows {
    /// By their names: `4, 5, test 2`.
    pub rows: String,
    /// What was found in them, or which label most of them have; may be empty.
    pub note: String,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownFinding {
    /// What it is about.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence for the person.
    pub message: String,
    /// Rows that are wrong.
    pub num_rows: usize,
    /// Groups of rows, or rows, that there are to list.
    pub num_groups: usize,
    /// The first of them.
    pub listed: Vec<ListedRows>,
    /// What would mend it; labels in it are as they are shown.
    pub action: FindingAction,
    /// Rows that this changes; 0 where it changes how labels are read.
    pub num_changed: usize,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShownFindings {
    /// The findings, those that matter most first.
    pub findings: Vec<ShownFinding>,
    /// What was not sought.
    pub not_applied: Vec<NotApplied>,
    /// What else is to be known of the search.
    pub notes: Vec<String>,
}

impl ShownFindings {
    /// What is shown of findings. `rows` are those that they were found in, where these are texts.
    #[must_use]
    pub fn of(findings: &Findings, rows: Option<&dyn FindingRows>) -> Self {
        let Findings { findings, not_applied, notes, .. } = findings;
        Self {
            findings: findings.iter().map(|finding| shown(finding, rows)).collect(),
            not_applied: not_applied.clone(),
            notes: notes.clone(),
        }
    }

    /// Whether there is a finding of a kind.
    #[must_use]
    pub fn has(&self, kind: FindingKind) -> bool {
        self.findings.iter().any(|finding| finding.kind == kind)
    }
}

fn shown(finding: &Finding, rows: Option<&dyn FindingRows>) -> ShownFinding {
    ShownFinding {
        kind: finding.kind,
        severity: finding.severity,
        message: mask(&finding.message),
        num_rows: finding.num_rows,
        num_groups: finding.groups.len(),
        listed: finding.groups.iter().take(MAX_LISTED).map(listed).collect(),
        action: match &finding.action {
            FindingAction::MergeLabels { from, into } => {
                FindingAction::MergeLabels { from: from.iter().map(|label| mask(label)).collect(), into: mask(into) }
            }
            action => action.clone(),
        },
        num_changed: changes_of(finding, rows).len(),
    }
}

fn listed(group: &FindingGroup) -> ListedRows {
    let names: Vec<String> = group.rows.iter().take(MAX_NAMED).map(FoundRow::name).collect();
    let note = match (&group.label, group.rows.as_slice()) {
        (Some(label), _) => format!("most have {:?}", mask(label)),
        (None, [row]) => row.note.clone(),
        _ => String::new(),
    };
    ListedRows { rows: list(&names, group.rows.len()), note }
}

fn mask(text: &str) -> String {
    mask_personal(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    fn row(row: usize, note: &str) -> FoundRow {
        FoundRow { file: Split::Test, row, split: Split::Test, index: Some(row - 2), note: note.into() }
    }

    fn finding(groups: Vec<FindingGroup>, action: FindingAction) -> Finding {
        let message = "2 rows hold what anna.meier@example.com wrote".into();
        Finding { kind: FindingKind::Leaks, severity: Severity::Note, message, num_rows: 2, groups, action }
    }

    #[test]
    fn rows_are_named_a_group_at_a_time_and_the_rest_is_counted() {
        let many = FindingGroup { rows: (2..14).map(|number| row(number, "")).collect(), label: Some("b".into()) };
        let one = FindingGroup { rows: vec![row(99, "12 tokens")], label: None };
        let groups = [vec![many], vec![one; MAX_LISTED]].concat();
        let findings = Findings { findings: vec![finding(groups, FindingAction::KeepFirst)], ..Findings::default() };
        let shown = ShownFindings::of(&findings, None);
        let found = &shown.findings[0];
        assert_eq!((found.num_groups, found.listed.len(), found.num_changed), (MAX_LISTED + 1, MAX_LISTED, 11));
        assert!(found.listed[0].rows.ends_with("test 10, test 11 and 2 more"), "{}", found.listed[0].rows);
        assert_eq!(found.listed[0].note, "most have \"b\"");
        assert_eq!(found.listed[1], ListedRows { rows: "test 99".into(), note: "12 tokens".into() });
        assert!(shown.has(FindingKind::Leaks) && !shown.has(FindingKind::Blank));
    }

    #[test]
    fn nothing_personal_is_shown_in_full() {
        let address = "anna.meier@example.com".to_owned();
        let merge = FindingAction::MergeLabels { from: vec![address.clone()], into: address.clone() };
        let group = FindingGroup { rows: vec![row(2, "")], label: Some(address.clone()) };
        let findings = Findings { findings: vec![finding(vec![group], merge)], ..Findings::default() };
        let shown = serde_json::to_string(&ShownFindings::of(&findings, None)).expect("plain values");
        assert!(!shown.contains(&address), "{shown}");
        assert!(shown.contains("merge_labels"), "{shown}");
    }
}
