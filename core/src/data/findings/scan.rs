//! The search: looks at rows one after the other, a part at a time, and makes findings of what it saw.
//!
//! In: rows ([`FindingRows`]), asked for anew with each part, so that nothing of them is kept or borrowed in between. Out:
//! [`Findings`]. What is kept of a row is numbers: the first row with its texts, that with the same texts but for case and
//! punctuation, its label, its language, and what was found in it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::damage::{find_damage, find_markup};
use super::language::Languages;
use super::near::{Groups, NearIndex, Shingles};
use super::normalize::Normalized;
use super::personal::describe_personal;
use super::repeats::{Repeats, find_repeats};
use super::{
    Finding, FindingAction, FindingGroup, FindingKind, FindingRow, FindingRows, Findings, FoundRow, LabelKind,
    LabelRows, LanguageRows, MAX_LOOKED_AT, NotApplied, Severity, sort_by_rows,
};
use crate::config::TextCleaning;
use crate::data::{Split, list_rows};
use crate::words::plural;

/// Bytes of text for which a row counts once more in a part's budget.
const BYTES_A_ROW: usize = 1024;

/// Rows of a language before it is taken for one of the file's: of fewer the guess may be wrong.
const MIN_LANGUAGE_ROWS: usize = 3;

/// Texts that say nothing, normalized.
const BLANK: [&str; 14] =
    ["n/a", "na", "nan", "null", "none", "nil", "undefined", "unknown", "missing", "tbd", "n a", "xxx", "#n/a", "k a"];

const SPLITS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

/// Something that was found in one row.
#[derive(Debug)]
struct Mark {
    kind: FindingKind,
    row: u32,
    note: String,
}

/// The first row with what a row has, by a hash; whether two rows with one hash are the same is asked.
#[derive(Debug, Default)]
struct FirstRows(HashMap<u64, u32>);

/// A search for findings, as far as it went.
#[derive(Debug)]
pub struct FindingScan {
    sizes: [usize; 3],
    /// Tokens that a model reads of a row.
    max_tokens: usize,
    exact: FirstRows,
    normal: FirstRows,
    /// The first row with the texts of each row, as they stand and normalized.
    exact_of: Vec<u32>,
    normal_of: Vec<u32>,
    groups: Groups,
    near: NearIndex,
    /// The first row with the labels of each row.
    labels: FirstRows,
    label_of: Vec<u32>,
    languages: Languages,
    language_of: Vec<Option<&'static str>>,
    marks: Vec<Mark>,
    /// Rows of which only the beginning was looked at.
    num_long: usize,
    /// Rows whose tokens were counted, and tokens of the longest.
    num_counted: usize,
    longest: usize,
    /// Buffers: of the row that is looked at, and of one that it is compared with.
    own: (Normalized, Shingles),
    other: (Normalized, Shingles),
}

impl FirstRows {
    fn find(&mut self, key: u64, row: u32, mut is_same: impl FnMut(u32) -> bool) -> u32 {
        let mut key = key;
        loop {
            match self.0.get(&key) {
                None => {
                    self.0.insert(key, row);
                    return row;
                }
                Some(&first) if is_same(first) => return first,
                Some(_) => key = key.wrapping_add(1),
            }
        }
    }
}

impl FindingScan {
    /// A search among rows of these sizes, for a model that reads `max_tokens` of a row. The same seed finds the same.
    #[must_use]
    pub fn new(sizes: [usize; 3], max_tokens: usize, seed: u64) -> Self {
        Self {
            sizes,
            max_tokens,
            exact: FirstRows::default(),
            normal: FirstRows::default(),
            exact_of: Vec::new(),
            normal_of: Vec::new(),
            groups: Groups::default(),
            near: NearIndex::new(seed),
            labels: FirstRows::default(),
            label_of: Vec::new(),
            languages: Languages::new(),
            language_of: Vec::new(),
            marks: Vec::new(),
            num_long: 0,
            num_counted: 0,
            longest: 0,
            own: Default::default(),
            other: Default::default(),
        }
    }

    /// Looks at the next `budget` rows, of long ones at fewer; `false` once nothing is left. The rows must be the same each
    /// time.
    pub fn step(&mut self, rows: &(impl FindingRows + ?Sized), budget: usize) -> bool {
        let mut spent = 0;
        while spent < budget.max(1) && self.exact_of.len() < self.num_rows() {
            spent += 1 + self.look_at(rows, self.exact_of.len() as u32) / BYTES_A_ROW;
        }
        self.exact_of.len() < self.num_rows()
    }

    /// Rows that were looked at, and rows in all.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.exact_of.len(), self.num_rows())
    }

    fn num_rows(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Looks at a row; gives the bytes of its texts.
    fn look_at(&mut self, rows: &(impl FindingRows + ?Sized), id: u32) -> usize {
        let sizes = self.sizes;
        let row = row_of(rows, sizes, id);
        let texts = cut(&row.texts);
        let num_bytes: usize = row.texts.iter().map(|text| text.len()).sum();
        let is_whole = texts == row.texts;
        self.groups.push();
        let same_labels = |first| row_of(rows, sizes, first).labels == row.labels;
        self.label_of.push(self.labels.find(hash_of(&row.labels), id, same_labels));
        let exact = self.exact.find(hash_of(&row.texts), id, |first| row_of(rows, sizes, first).texts == row.texts);
        self.exact_of.push(exact);
        self.mark_row(id, &row, &texts);
        if exact != id {
            self.groups.join(id, exact);
            self.normal_of.push(self.normal_of[exact as usize]);
            self.language_of.push(self.language_of[exact as usize]);
            return num_bytes;
        }
        self.own.0.read(&texts);
        self.language_of.push(self.languages.guess(&self.own.0.texts));
        self.mark_blank(id);
        if !is_whole {
            self.num_long += 1;
            self.normal_of.push(id);
            return num_bytes;
        }
        let (own, other) = (&self.own.0, &mut self.other);
        let normal = self.normal.find(hash_of(&own.texts), id, |first| {
            other.0.read(&row_of(rows, sizes, first).texts);
            other.0 == *own
        });
        self.normal_of.push(normal);
        if normal != id {
            self.groups.join(id, normal);
            return num_bytes;
        }
        let (normalized, shingles) = &mut self.own;
        shingles.read(normalized);
        self.near.add(id, shingles, &mut self.groups, |shingles, earlier| {
            let (normalized, others) = &mut *other;
            let texts = row_of(rows, sizes, earlier).texts;
            if texts.len() > 1 {
                // Of questions about one long context most differ: it need not be read.
                normalized.read(&texts[..1]);
                others.read(normalized);
                if !shingles.begin_near(others) {
                    return false;
                }
            }
            normalized.read(&texts);
            others.read(normalized);
            shingles.are_near(others)
        });
        num_bytes
    }

    /// Notes what is found in the texts and the target of a row.
    fn mark_row(&mut self, row: u32, found: &FindingRow<'_>, texts: &[&str]) {
        let target = found.target.map(|target| cut(&[target]));
        let all = || texts.iter().copied().chain(target.iter().flatten().copied());
        let marks = [
            (FindingKind::EncodingDamage, all().find_map(find_damage)),
            (FindingKind::Markup, all().find_map(find_markup)),
            (FindingKind::PersonalData, all().find_map(describe_personal)),
        ];
        let marks = marks.into_iter().filter_map(|(kind, note)| Some(Mark { kind, row, note: note? }));
        self.marks.extend(marks);
        if let Some(num_tokens) = found.num_tokens {
            self.num_counted += 1;
            self.longest = self.longest.max(num_tokens);
            if num_tokens > self.max_tokens {
                let note = plural(num_tokens, "token");
                self.marks.push(Mark { kind: FindingKind::TooLong, row, note });
            }
        }
    }

    /// Notes that all texts of the row in the buffer say nothing.
    fn mark_blank(&mut self, row: u32) {
        let says_nothing = |chars: &Vec<char>| {
            let has_sign = chars.iter().any(|char| char.is_alphanumeric() || !char.is_ascii() && !char.is_whitespace());
            !has_sign || chars.len() <= 9 && BLANK.contains(&chars.iter().collect::<String>().as_str())
        };
        if self.own.0.texts.iter().all(says_nothing) {
            self.marks.push(Mark { kind: FindingKind::Blank, row, note: String::new() });
        }
    }

    /// The findings. `rows` are those that were looked at.
    #[must_use]
    pub fn finish(mut self, rows: &(impl FindingRows + ?Sized)) -> Findings {
        self.repeat_blanks();
        let kind = rows.labels_are();
        let mut findings = Findings { num_rows: self.sizes, languages: self.count_languages(), ..Findings::default() };
        if kind.can_be_voted() {
            findings.labels = self.count_labels(rows);
        }
        let near_of = (0..self.exact_of.len() as u32).map(|row| self.groups.first(row)).collect();
        let place = |row: u32, note: &str| place_of(rows, self.sizes, row, note);
        let repeats = Repeats {
            labels_are: kind,
            exact_of: &self.exact_of,
            normal_of: &self.normal_of,
            near_of,
            label_of: &self.label_of,
            labels: &|row| row_of(rows, self.sizes, row).labels.join(", "),
            sizes: self.sizes,
            place: &|row| place(row, ""),
        };
        findings.findings = find_repeats(&repeats);
        let of_marks = MARKED.iter().filter_map(|&kind| {
            let marks = self.marks.iter().filter(|mark| mark.kind == kind);
            of_rows(kind, marks.map(|mark| place(mark.row, &mark.note)).collect(), [self.max_tokens, self.longest])
        });
        findings.findings.extend(of_marks);
        findings.findings.extend(self.find_mix(&findings.languages, &place));
        findings.not_applied = self.not_applied(rows, kind);
        findings.notes = self.notes();
        findings.sort();
        findings
    }

    /// Rows that repeat a blank one are blank, too.
    fn repeat_blanks(&mut self) {
        let blank: Vec<u32> =
            self.marks.iter().filter(|mark| mark.kind == FindingKind::Blank).map(|mark| mark.row).collect();
        let repeated = self.exact_of.iter().enumerate().map(|(row, first)| (row as u32, *first));
        let repeated = repeated.filter(|(row, first)| row != first && blank.binary_search(first).is_ok());
        let marks = repeated.map(|(row, _)| Mark { kind: FindingKind::Blank, row, note: String::new() });
        self.marks.extend(marks);
        self.marks.sort_by_key(|mark| mark.row);
    }

    fn count_labels(&self, rows: &(impl FindingRows + ?Sized)) -> Vec<LabelRows> {
        let mut of_rows: HashMap<u32, [usize; 3]> = HashMap::new();
        for (row, label) in self.label_of.iter().enumerate() {
            of_rows.entry(*label).or_default()[split_of(self.sizes, row as u32).0] += 1;
        }
        let mut counts: HashMap<String, [usize; 3]> = HashMap::new();
        for (first, of_splits) in of_rows {
            for name in row_of(rows, self.sizes, first).labels {
                let counts = counts.entry(name.into_owned()).or_default();
                counts.iter_mut().zip(of_splits).for_each(|(count, of_split)| *count += of_split);
            }
        }
        let mut labels: Vec<LabelRows> =
            counts.into_iter().map(|(label, counts)| LabelRows { label, counts }).collect();
        sort_by_rows(&mut labels);
        labels
    }

    fn count_languages(&self) -> Vec<LanguageRows> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for language in self.language_of.iter().flatten() {
            *counts.entry(language).or_default() += 1;
        }
        let counts = counts.into_iter().filter(|(_, count)| *count >= MIN_LANGUAGE_ROWS);
        let mut languages: Vec<LanguageRows> =
            counts.map(|(language, num_rows)| LanguageRows { language: language.to_owned(), num_rows }).collect();
        languages.sort_by(|a, b| b.num_rows.cmp(&a.num_rows).then_with(|| a.language.cmp(&b.language)));
        languages
    }

    /// Rows in other languages than most.
    fn find_mix(&self, languages: &[LanguageRows], place: &dyn Fn(u32, &str) -> FoundRow) -> Option<Finding> {
        let (main, others) = languages.split_first().filter(|(_, others)| !others.is_empty())?;
        let is_other = |language: &str| others.iter().any(|other| other.language == language);
        let rows = self.language_of.iter().enumerate().filter_map(|(row, language)| {
            let language = (*language).filter(|&language| is_other(language))?;
            Some(place(row as u32, language))
        });
        let rows: Vec<FoundRow> = rows.collect();
        let of_language = |other: &LanguageRows| format!("{} ({})", other.language, plural(other.num_rows, "row"));
        let named: Vec<String> = others.iter().take(5).map(of_language).collect();
        let message = format!(
            "most rows seem to be in {}, and some in {}: a model must know all of them (guessed from frequent words and \
             scripts)",
            main.language,
            crate::words::list(&named, others.len())
        );
        Some(Finding {
            kind: FindingKind::LanguageMix,
            severity: Severity::Note,
            message,
            num_rows: rows.len(),
            groups: alone(rows),
            action: FindingAction::DropRows,
        })
    }

    fn not_applied(&self, rows: &(impl FindingRows + ?Sized), kind: LabelKind) -> Vec<NotApplied> {
        let mut found = Vec::new();
        let mut add = |kind, reason: &str| found.push(NotApplied { kind, reason: reason.to_owned() });
        if kind == LabelKind::None {
            add(FindingKind::Conflicts, "these rows have no labels that could differ");
            add(FindingKind::NormalizedConflicts, "these rows have no labels that could differ");
        }
        if self.sizes[1] + self.sizes[2] == 0 {
            add(FindingKind::Leaks, "there are training rows only");
            add(FindingKind::NearLeaks, "there are training rows only");
        }
        if !rows.are_cut() {
            add(FindingKind::TooLong, "long texts of this task are read in several parts, of which nothing is lost");
        } else if self.num_counted == 0 {
            add(FindingKind::TooLong, "there is no model whose tokenizer could count tokens");
        }
        found
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.num_long > 0 {
            notes.push(format!(
                "of {} with texts longer than {} KiB only the beginning was looked at, and no near-duplicates were sought",
                plural(self.num_long, "row"),
                MAX_LOOKED_AT >> 10
            ));
        }
        if self.near.num_crowded > 0 {
            notes.push(format!(
                "{} look like so many others that they were not compared with all of them: groups of near-duplicates may \
                 be larger than listed",
                plural(self.near.num_crowded, "row")
            ));
        }
        if self.near.num_left_out > 0 {
            notes.push(format!(
                "near-duplicates were not sought among the last {}, because there are so many",
                plural(self.near.num_left_out, "row")
            ));
        }
        notes
    }
}

/// Kinds that are found in a row by itself.
const MARKED: [FindingKind; 5] = [
    FindingKind::PersonalData,
    FindingKind::EncodingDamage,
    FindingKind::Blank,
    FindingKind::TooLong,
    FindingKind::Markup,
];

/// The finding about rows of which each was found by itself; `None` where there are none. A model reads `max_tokens` of a row.
fn of_rows(kind: FindingKind, rows: Vec<FoundRow>, [max_tokens, longest]: [usize; 2]) -> Option<Finding> {
    if rows.is_empty() {
        return None;
    }
    let (count, one) = (plural(rows.len(), "row"), rows.len() == 1);
    let verb = |of_one: &'static str, of_many: &'static str| if one { of_one } else { of_many };
    let hold = verb("holds", "hold");
    let (severity, action, what) = match kind {
        FindingKind::PersonalData => (
            Severity::Warning,
            FindingAction::CleanTexts { of: TextCleaning::PersonalData },
            format!(
                "{hold} what looks like mail addresses, phone, account or card numbers, which a model may learn by heart"
            ),
        ),
        FindingKind::EncodingDamage => (
            Severity::Warning,
            FindingAction::CleanTexts { of: TextCleaning::Damage },
            format!(
                "{hold} characters that were damaged on their way: save the file as UTF-8 anew, or name its encoding"
            ),
        ),
        FindingKind::Blank => (
            Severity::Warning,
            FindingAction::DropRows,
            format!("{} nothing that could be learned from: signs alone, or a word such as n/a", verb("says", "say")),
        ),
        FindingKind::TooLong => (
            Severity::Note,
            FindingAction::RaiseMaxSeqLength { to: longest },
            format!("{} longer than {max_tokens} tokens, and {} cut there", verb("is", "are"), verb("is", "are")),
        ),
        _ => {
            let action = FindingAction::CleanTexts { of: TextCleaning::Markup };
            (Severity::Note, action, format!("{hold} tags or entities of HTML"))
        }
    };
    let names: Vec<String> = rows.iter().map(FoundRow::name).collect();
    let message = format!("{count} {what}: rows {}", list_rows(&names));
    Some(Finding { kind, severity, message, num_rows: rows.len(), groups: alone(rows), action })
}

/// Each row a group of its own.
pub(crate) fn alone(rows: Vec<FoundRow>) -> Vec<FindingGroup> {
    rows.into_iter().map(|row| FindingGroup { rows: vec![row], label: None }).collect()
}

/// The beginnings of texts that are looked at: no more bytes of them together than [`MAX_LOOKED_AT`].
fn cut<'t>(texts: &[&'t str]) -> Vec<&'t str> {
    let (mut parts, mut left) = (Vec::with_capacity(texts.len()), MAX_LOOKED_AT);
    for &text in texts {
        let part = &text[..text.floor_char_boundary(left)];
        left -= part.len();
        parts.push(part);
    }
    parts
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Split and index of a row, given its number over all splits.
pub(super) fn split_of(sizes: [usize; 3], row: u32) -> (usize, usize) {
    let row = row as usize;
    if row < sizes[0] {
        (0, row)
    } else if row < sizes[0] + sizes[1] {
        (1, row - sizes[0])
    } else {
        (2, row - sizes[0] - sizes[1])
    }
}

fn row_of<R: FindingRows + ?Sized>(rows: &R, sizes: [usize; 3], row: u32) -> FindingRow<'_> {
    let (split, index) = split_of(sizes, row);
    rows.row_at(split, index)
}

/// The rows of all splits of which something is true.
pub(crate) fn rows_where(rows: &dyn FindingRows, is: impl Fn(&FindingRow<'_>) -> bool) -> Vec<FoundRow> {
    let sizes = rows.sizes();
    let all = 0..sizes.iter().sum::<usize>() as u32;
    all.filter(|row| is(&row_of(rows, sizes, *row))).map(|row| place_of(rows, sizes, row, "")).collect()
}

fn place_of(rows: &(impl FindingRows + ?Sized), sizes: [usize; 3], row: u32, note: &str) -> FoundRow {
    let (split, index) = split_of(sizes, row);
    let has_own_file = split > 0 && rows.has_own_file()[split - 1];
    FoundRow {
        file: if has_own_file { SPLITS[split] } else { Split::Train },
        row: rows.row_at(split, index).row,
        split: SPLITS[split],
        index: Some(index),
        note: note.to_owned(),
    }
}
