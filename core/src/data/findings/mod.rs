//! Findings: what may be wrong with rows that were read, each with the rows it is about and one thing that would mend it.
//!
//! In: the rows of any task by their texts ([`FindingRows`]). Out: [`Findings`]. [`FindingScan`] looks at the rows a part at a
//! time, so that a driver can do something else in between. `normalize` makes texts comparable, `near` finds those that are
//! nearly the same, `repeats` makes findings of rows that stand twice, `damage`, `language` and `personal` look at one text.
//! Nothing is changed here: an action is data. `mend` says which edits of rows do it (texts are cleaned as they are read, by
//! `data/cleaning.rs`), `shown` is what a page shows.

mod damage;
mod language;
mod mend;
mod near;
mod normalize;
mod personal;
mod repeats;
mod scan;
mod shown;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::edits::RowId;
use super::split::Split;
use crate::config::TextCleaning;

pub(in crate::data) use damage::{repair_damage, strip_markup};
pub(in crate::data) use language::TextLanguage;
pub use mend::{MAX_RELABELED, Mended, RowChange, changes_of, edits_of};
pub use near::NEAR_THRESHOLD;
pub(in crate::data) use personal::name_personal;
pub use personal::{mask_personal, replace_personal};
pub use scan::FindingScan;
pub(crate) use scan::{alone, rows_where};
pub use shown::{ListedRows, ShownFinding, ShownFindings};

/// Bytes of a row's texts that are looked at, apart from whether the whole is repeated.
pub const MAX_LOOKED_AT: usize = 64 << 10;

/// What the labels of a task are, which says what two rows of one text and two labels mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Rows have none.
    None,
    /// One class a row.
    Class,
    /// Any number of classes a row.
    Labels,
    /// A number, or several.
    Number,
    /// A tag for each word.
    Tags,
    /// A text that the texts are turned into; several may be right.
    Text,
    /// Answers that stand in the texts; several may be right.
    Answers,
}

impl LabelKind {
    /// Whether the rows of one text can vote on its label.
    #[must_use]
    pub fn can_be_voted(self) -> bool {
        matches!(self, Self::Class | Self::Labels)
    }

    /// As a sentence calls one.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::None | Self::Class => "label",
            Self::Labels => "set of labels",
            Self::Number => "number",
            Self::Tags => "list of tags",
            Self::Text => "target",
            Self::Answers => "answer",
        }
    }
}

/// A row as findings are sought in it.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow<'a> {
    /// Row number in its file.
    pub row: usize,
    /// What a model reads of it: rows repeat each other where all of these do.
    pub texts: Vec<&'a str>,
    /// A text that a model is to write, which is looked at, too.
    pub target: Option<&'a str>,
    /// Its labels, in their order; none where it has none.
    pub labels: Vec<Cow<'a, str>>,
    /// Its tokens before it is cut; `None` before there is a tokenizer, and where nothing is cut.
    pub num_tokens: Option<usize>,
}

/// Rows in three splits, as findings are sought in them.
pub trait FindingRows {
    /// What their labels are.
    fn labels_are(&self) -> LabelKind;

    /// Whether the validation rows, and the test rows, come from a file of their own.
    fn has_own_file(&self) -> [bool; 2];

    /// Whether a row with more tokens than a model reads loses some; else it is read in several windows.
    fn are_cut(&self) -> bool {
        true
    }

    /// Rows of training, validation and test.
    fn sizes(&self) -> [usize; 3];

    /// The row at an index, below its size, of a split (0, 1 or 2).
    fn row_at(&self, split: usize, index: usize) -> FindingRow<'_>;
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Rows that were left out when the file was read: something is empty, or can't be read.
    LeftOut,
    /// Rows whose texts say nothing: signs alone, `n/a`, `null`.
    Blank,
    /// Validation or test rows whose texts stand in an earlier split.
    Leaks,
    /// Validation or test rows that are nearly the same as rows of an earlier split.
    NearLeaks,
    /// The same texts under different labels.
    Conflicts,
    /// The same texts but for case, spaces and punctuation, under different labels.
    NormalizedConflicts,
    /// Rows that repeat an earlier one of their split, label included.
    Duplicates,
    /// Rows that are nearly the same as an earlier one of their split, and have its label.
    NearDuplicates,
    /// Rows with more tokens than the model reads.
    TooLong,
    /// Characters that were read in a wrong encoding, replaced, or are for control.
    EncodingDamage,
    /// Tags and entities of HTML.
    Markup,
    /// Rows in other languages than most.
    LanguageMix,
    /// Mail addresses, phone numbers, account and card numbers.
    PersonalData,
    /// Labels that are probably one.
    SimilarLabels,
    /// Classes with few training rows.
    SmallClasses,
    /// One class has many times the rows of another.
    Imbalance,
}

impl FindingKind {
    /// All of them, those that matter most first.
    pub const ALL: [Self; 16] = [
        Self::Leaks,
        Self::NearLeaks,
        Self::Conflicts,
        Self::NormalizedConflicts,
        Self::PersonalData,
        Self::EncodingDamage,
        Self::LeftOut,
        Self::Blank,
        Self::Duplicates,
        Self::NearDuplicates,
        Self::TooLong,
        Self::SimilarLabels,
        Self::SmallClasses,
        Self::Imbalance,
        Self::LanguageMix,
        Self::Markup,
    ];

    /// As a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::LeftOut => "Rows left out",
            Self::Blank => "Rows that say nothing",
            Self::Leaks => "Leaks between splits",
            Self::NearLeaks => "Near leaks between splits",
            Self::Conflicts => "Same text, different labels",
            Self::NormalizedConflicts => "Nearly the same spelling, different labels",
            Self::Duplicates => "Duplicates",
            Self::NearDuplicates => "Near-duplicates",
            Self::TooLong => "Longer than the model reads",
            Self::EncodingDamage => "Damaged characters",
            Self::Markup => "HTML left over",
            Self::LanguageMix => "Several languages",
            Self::PersonalData => "Personal data",
            Self::SimilarLabels => "Labels that look alike",
            Self::SmallClasses => "Small classes",
            Self::Imbalance => "Imbalance",
        }
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Probably worth a change.
    Warning,
    /// Figures or rows can't be trusted as they are.
    Serious,
}

impl Severity {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Serious => "serious",
        }
    }
}

/// The one thing that would mend a finding. Rows are those of its groups, by split and index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum FindingAction {
    /// Nothing that could be done without looking.
    None,
    /// Drop all rows of all groups.
    DropRows,
    /// Keep the first row of each group, drop the others of it.
    KeepFirst,
    /// Move the validation and test rows of all groups to the training rows.
    MoveToTraining,
    /// Give all rows of a group its label; a group without one stays as it is.
    RelabelToMajority,
    /// Read the texts cleaned of what was found in them.
    CleanTexts {
        /// Of what.
        of: TextCleaning,
    },
    /// Read longer texts.
    RaiseMaxSeqLength {
        /// Tokens of the longest row; the model may read fewer.
        to: usize,
    },
    /// Read these labels as another one.
    MergeLabels {
        /// What is replaced.
        from: Vec<String>,
        /// By what.
        into: String,
    },
}

impl FindingAction {
    /// What is done, as a person reads it; empty where that is nothing.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::DropRows => "drop these rows".to_owned(),
            Self::KeepFirst => "keep the first row of each group, drop the others".to_owned(),
            Self::MoveToTraining => "move them to the training rows".to_owned(),
            Self::RelabelToMajority => "give each text the label that most of its rows have".to_owned(),
            Self::CleanTexts { of } => format!("read the texts with {} (clean_texts: {})", of.words(), of.name()),
            Self::RaiseMaxSeqLength { to } => {
                format!("raise max_seq_length to {to}, or to as many tokens as the model reads")
            }
            Self::MergeLabels { from, into } => {
                let from: Vec<String> = from.iter().map(|label| format!("{label:?}")).collect();
                format!("read {} as {into:?}", crate::words::list(&from, from.len()))
            }
        }
    }
}

/// A row that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRow {
    /// The file that it stands in: that of training rows, or an own file of another split.
    pub file: Split,
    /// Row number in that file.
    pub row: usize,
    /// The split that it is used in; of a row that was left out that of its file.
    pub split: Split,
    /// Index in that split; `None` for a row that was left out when the file was read.
    pub index: Option<usize>,
    /// What was found in it, without personal data in full; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl FoundRow {
    /// The row by its file and its number there.
    #[must_use]
    pub fn id(&self) -> RowId {
        RowId { file: self.file, row: self.row }
    }

    /// As a sentence names it: `12`, `validation 3`.
    #[must_use]
    pub fn name(&self) -> String {
        let file = match self.file {
            Split::Train => "",
            Split::Valid => "validation ",
            Split::Test => "test ",
        };
        format!("{file}{}", self.row)
    }
}

/// Rows that belong together; a row that stands for itself is a group of one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FindingGroup {
    /// The rows; the first is the one that would be kept.
    pub rows: Vec<FoundRow>,
    /// The label that most of them have, where they have several and one of these is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Something that may be wrong with rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence for the person, without personal data in full.
    pub message: String,
    /// Rows that are wrong: of rows that repeat others only those.
    pub num_rows: usize,
    /// The rows; none where a finding is about no rows in particular.
    pub groups: Vec<FindingGroup>,
    /// What would mend it.
    pub action: FindingAction,
}

/// Something that was not sought, or not everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotApplied {
    /// What.
    pub kind: FindingKind,
    /// Why not.
    pub reason: String,
}

/// A label and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRows {
    /// Its name.
    pub label: String,
    /// Rows of training, validation and test.
    pub counts: [usize; 3],
}

/// Puts labels in the order of [`Findings::labels`]: the most frequent first, of equals by name.
pub(crate) fn sort_by_rows(labels: &mut [LabelRows]) {
    labels.sort_by(|a, b| {
        let sum = |rows: &LabelRows| rows.counts.iter().sum::<usize>();
        sum(b).cmp(&sum(a)).then_with(|| a.label.cmp(&b.label))
    });
}

/// A language and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageRows {
    /// Its English name, or that of its script.
    pub language: String,
    /// Rows of all splits.
    pub num_rows: usize,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Rows of training, validation and test.
    pub num_rows: [usize; 3],
    /// Labels with their rows, the most frequent first; none where rows have no classes.
    pub labels: Vec<LabelRows>,
    /// Languages with their rows, the most frequent first, as far as they were recognised.
    pub languages: Vec<LanguageRows>,
    /// The findings, in the order of [`FindingKind::ALL`].
    pub findings: Vec<Finding>,
    /// What was not sought.
    pub not_applied: Vec<NotApplied>,
    /// What else is to be known of the search.
    pub notes: Vec<String>,
}

impl Findings {
    /// The first finding of a kind.
    #[must_use]
    pub fn get(&self, kind: FindingKind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }

    /// Puts the findings in their order.
    pub fn sort(&mut self) {
        let place = |kind: FindingKind| FindingKind::ALL.iter().position(|other| *other == kind);
        self.findings.sort_by_key(|finding| place(finding.kind));
        self.not_applied.sort_by_key(|not| place(not.kind));
    }

    /// The same to be shown or written: labels that hold personal data have it masked, those of actions, too. To act, take the
    /// findings as they were.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let mask = |text: &mut String| {
            let masked = match mask_personal(text) {
                Cow::Owned(masked) => masked,
                Cow::Borrowed(_) => return,
            };
            *text = masked;
        };
        self.labels.iter_mut().for_each(|label| mask(&mut label.label));
        for finding in &mut self.findings {
            mask(&mut finding.message);
            finding.groups.iter_mut().filter_map(|group| group.label.as_mut()).for_each(mask);
            if let FindingAction::MergeLabels { from, into } = &mut finding.action {
                from.iter_mut().for_each(mask);
                mask(into);
            }
        }
        self
    }
}
