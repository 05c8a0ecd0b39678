//! What was looked at besides the figures: what may be wrong with the rows, labels told without training, slices, swapped words, another
//! run beside this one, and what people prefer. In: what was found, as the log has it ([`Examined`]). Out: tables and sentences, each
//! under a heading of its own.

use serde::{Deserialize, Serialize};

use super::figures::{capital, figure_text, interval_text, rows_of};
use super::frame::{Cell, escape, paragraph, section, table};
use crate::data::findings::{Finding, FindingAction, FindingKind, NotApplied, Severity, ShownFinding};
use crate::event::Split;
use crate::metrics::{PreferenceTally, Rating, SliceReport, SliceResult};
use crate::task::{FewShot, FewShotReport, RunComparison, SwapReport, Unit};
use crate::words::{count, plural};

/// Slices that are listed.
const MAX_SLICES: usize = 60;

/// Answers that changed, and rows that one of two runs answers better, that are listed.
const MAX_ROWS: usize = 20;

/// Something that a person, or a driver, looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Examined {
    /// What may be wrong with the rows.
    Findings {
        /// The findings, those that matter most first.
        findings: Vec<FoundInRows>,
        /// What was not sought, and what else is to be known of the search.
        notes: Vec<String>,
    },
    /// What labels can be told without training.
    FewShot(FewShotReport),
    /// Rows taken apart, each part beside the rest.
    Slices {
        /// Of several tasks which; empty where there is one.
        part: String,
        /// Which rows; `None` of a file that is none of the run's.
        split: Option<Split>,
        /// The slices.
        report: SliceReport,
        /// What was not looked at, and why.
        notes: Vec<String>,
    },
    /// Words in the place of others.
    Swaps {
        /// Of several tasks which; empty where there is one.
        part: String,
        /// The pairs as they were typed; empty where that is not known.
        pairs: Vec<String>,
        /// What became of the answers.
        report: SwapReport,
    },
    /// Another run on the same rows.
    Comparison(RunComparison),
    /// Which of two models people prefer.
    Rating(RatedTexts),
    /// Something that was looked at elsewhere and is shown beside the run: it may be of another model, or of other rows.
    Added {
        /// Of which model it is and where it comes from, in words: `Of the model tuned, from eval.json`.
        of: String,
        /// What was looked at; none of these.
        found: Box<Examined>,
    },
}

/// A finding in short: without the rows that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundInRows {
    /// What it is about.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence; empty in a log without texts of rows.
    pub message: String,
    /// Rows that are wrong.
    pub num_rows: usize,
    /// What would mend it, in words; empty where that is nothing.
    pub action: String,
}

/// Votes on the texts of two models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatedTexts {
    /// The models.
    pub names: [String; 2],
    /// The votes.
    pub tally: PreferenceTally,
    /// Pairs that there are to vote on.
    pub num_pairs: usize,
    /// Prompts of which both wrote the same, which were not shown.
    pub num_same: usize,
    /// Votes that were given after the names were shown.
    pub num_not_blind: usize,
}

impl Examined {
    /// Findings as a page shows them.
    #[must_use]
    pub fn of_shown_findings(findings: &[ShownFinding], not_applied: &[NotApplied], notes: &[String]) -> Self {
        let of = |one: &ShownFinding| FoundInRows::of(one.kind, one.severity, &one.message, one.num_rows, &one.action);
        Self::Findings { findings: findings.iter().map(of).collect(), notes: notes_of(not_applied, notes) }
    }

    /// Findings as they are written.
    #[must_use]
    pub fn of_findings(findings: &[Finding], not_applied: &[NotApplied], notes: &[String]) -> Self {
        let of = |one: &Finding| FoundInRows::of(one.kind, one.severity, &one.message, one.num_rows, &one.action);
        Self::Findings { findings: findings.iter().map(of).collect(), notes: notes_of(not_applied, notes) }
    }

    /// A rating whose names may be said; `None` before that, and without a vote.
    #[must_use]
    pub fn of_rating(rating: &Rating) -> Option<Self> {
        let (num_rated, num_pairs) = rating.progress();
        let rated = || {
            let (num_same, num_not_blind) = (rating.num_same, rating.num_not_blind());
            Self::Rating(RatedTexts {
                names: rating.names.clone(),
                tally: rating.tally(),
                num_pairs,
                num_same,
                num_not_blind,
            })
        };
        (rating.is_revealed() && num_rated > 0).then(rated)
    }

    /// Whether another one takes its place: of the same kind and the same task. What was added stands beside what the run has.
    #[must_use]
    pub fn is_replaced_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Findings { .. }, Self::Findings { .. })
            | (Self::FewShot(_), Self::FewShot(_))
            | (Self::Rating(_), Self::Rating(_)) => true,
            (Self::Slices { part, .. }, Self::Slices { part: other, .. })
            | (Self::Swaps { part, .. }, Self::Swaps { part: other, .. }) => part == other,
            (Self::Comparison(one), Self::Comparison(other)) => one.names == other.names,
            _ => false,
        }
    }

    /// Whether it stays what it is where the run goes on: it is of the rows, or of the model before training.
    pub(super) fn outlasts_training(&self) -> bool {
        match self {
            Self::Added { found, .. } => found.outlasts_training(),
            other => matches!(other, Self::Findings { .. } | Self::FewShot(_)),
        }
    }

    /// The same without texts of rows; `None` where nothing is left. Values of slices stand in the rows.
    pub(super) fn without_texts(&self) -> Option<Self> {
        let mut bare = self.clone();
        match &mut bare {
            Self::Slices { .. } => return None,
            Self::Findings { findings, notes } => {
                findings.iter_mut().for_each(|one| {
                    one.message.clear();
                    one.action.clear();
                });
                notes.clear();
            }
            Self::Swaps { report, .. } => report.flipped.clear(),
            Self::Comparison(comparison) => comparison.rows.clear(),
            Self::FewShot(_) | Self::Rating(_) => {}
            Self::Added { found, .. } => **found = found.without_texts()?,
        }
        Some(bare)
    }
}

impl FoundInRows {
    fn of(kind: FindingKind, severity: Severity, message: &str, num_rows: usize, action: &FindingAction) -> Self {
        Self { kind, severity, message: message.to_owned(), num_rows, action: action.describe() }
    }
}

fn notes_of(not_applied: &[NotApplied], notes: &[String]) -> Vec<String> {
    let not_sought = |one: &NotApplied| format!("{} not sought: {}", one.kind.title(), one.reason);
    not_applied.iter().map(not_sought).chain(notes.iter().cloned()).collect()
}

/// What is written of one, below a heading that says what it is of where it was added.
fn below_heading(one: &Examined, write: &dyn Fn(&Examined) -> String) -> String {
    let Examined::Added { of, found } = one else { return write(one) };
    match write(found) {
        content if content.is_empty() => content,
        content => format!("<h3>{}</h3>\n{content}", escape(of)),
    }
}

/// The sections on the rows.
pub(super) fn of_rows(all: &[&Examined]) -> String {
    let found = all.iter().map(|one| {
        below_heading(one, &|one| match one {
            Examined::Findings { findings, notes } => findings_table(findings, notes),
            _ => String::new(),
        })
    });
    section("What may be wrong with the rows", &found.collect::<String>())
}

/// The sections on how good the model is.
pub(super) fn of_model(all: &[&Examined]) -> String {
    let of = |title: &str, write: &dyn Fn(&Examined) -> String| {
        section(title, &all.iter().map(|one| below_heading(one, write)).collect::<String>())
    };
    [
        of("Labels without training", &|one| match one {
            Examined::FewShot(report) => few_shot(report),
            _ => String::new(),
        }),
        of("Where it is worse than elsewhere", &|one| match one {
            Examined::Slices { part, split, report, notes } => slices(part, *split, report, notes),
            _ => String::new(),
        }),
        of("Words that should make no difference", &|one| match one {
            Examined::Swaps { part, pairs, report } => swaps(part, pairs, report),
            _ => String::new(),
        }),
        of("Beside another run, on the same rows", &|one| match one {
            Examined::Comparison(comparison) => compared(comparison),
            _ => String::new(),
        }),
        of("Which writes better, by people", &|one| match one {
            Examined::Rating(rated) => rating(rated),
            _ => String::new(),
        }),
    ]
    .concat()
}

fn sentences(notes: &[String]) -> String {
    notes.iter().map(|note| paragraph("soft", &format!("{}.", capital(note.trim_end_matches('.'))))).collect()
}

/// How many more there are than a table lists, in a sentence; nothing where it lists all.
fn not_listed(more: usize, what: &str) -> String {
    if more > 0 { format!("Not listed: {}.", plural(more, what)) } else { String::new() }
}

fn findings_table(findings: &[FoundInRows], notes: &[String]) -> String {
    if findings.is_empty() {
        return paragraph("", "Nothing stands out.") + &sentences(notes);
    }
    let row = |one: &FoundInRows| {
        vec![
            Cell::text(one.kind.title()),
            Cell::text(one.severity.name()),
            Cell::number(count(one.num_rows)),
            Cell::text(&one.message),
        ]
    };
    let mut heads = vec!["", "How serious", "Rows", "What was found"];
    let mut rows: Vec<Vec<Cell>> = findings.iter().map(row).collect();
    if findings.iter().any(|one| !one.action.is_empty()) {
        heads.push("What would mend it");
        rows.iter_mut().zip(findings).for_each(|(cells, one)| cells.push(Cell::text(&one.action)));
    }
    table(&heads, &rows) + &sentences(notes)
}

fn few_shot(report: &FewShotReport) -> String {
    let share =
        |title: String, accuracy: f64| vec![Cell::text(&title), Cell::number(figure_text(Unit::Share, accuracy))];
    let zero = report.zero_shot.map(|accuracy| share("By the names of the labels alone".to_owned(), accuracy));
    let shots = report.shots.iter().map(|&FewShot { per_label, num_examples, accuracy }| match per_label {
        Some(examples) => share(format!("By {} of each label", plural(examples, "example")), accuracy),
        None => share(format!("By all {}", plural(num_examples, "example")), accuracy),
    });
    let rows: Vec<Vec<Cell>> = zero.into_iter().chain(shots).collect();
    let words = format!(
        "On {}: the share that gets its label from the most similar examples, by the vectors of the model before training.",
        plural(report.num_rows, "row")
    );
    table(&["", "Accuracy"], &rows) + &paragraph("soft", &words)
}

/// A heading for one of several tasks; nothing where there is one.
fn of_part(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", escape(part)) }
}

fn slices(part: &str, split: Option<Split>, report: &SliceReport, notes: &[String]) -> String {
    let is_share = report.figure == "accuracy";
    let unit = if is_share { Unit::Share } else { Unit::Score };
    let between = |interval: Option<[f64; 2]>| match interval {
        Some(interval) => interval_text(unit, Some(interval)),
        None => "not known".to_owned(),
    };
    let row = |slice: &SliceResult| {
        let by = if is_share {
            format!("{:.1} points", slice.difference * 100.0)
        } else {
            format!("{:.3}", slice.difference)
        };
        vec![
            Cell::written(&format!("{}: {}", slice.by, slice.value)),
            Cell::number(count(slice.slice.num_rows)),
            Cell::number(figure_text(unit, slice.slice.value)),
            Cell::number(between(slice.slice.interval)),
            Cell::number(figure_text(unit, slice.rest.value)),
            Cell::number(by),
            Cell::number(format!("{:.3}", slice.p_corrected)),
            Cell::text(if slice.is_worse { "worse" } else { "" }),
        ]
    };
    let rows: Vec<Vec<Cell>> = report.slices.iter().take(MAX_SLICES).map(row).collect();
    let figure = if is_share { "Accuracy" } else { "Mean error" };
    let heads = ["Slice", "Rows", figure, "95 % between", "Rest", "Difference", "p, corrected", "Verdict"];
    let more = not_listed(report.slices.len().saturating_sub(MAX_SLICES), "more slice");
    let of = match split {
        Some(split) => rows_of(split, report.all.num_rows),
        None => plural(report.all.num_rows, "row"),
    };
    let all = format!("All {of}: {}.", figure_text(unit, report.all.value));
    let none = if rows.is_empty() { paragraph("", "No slice has enough rows to be compared.") } else { String::new() };
    let words = [paragraph("soft", &more), paragraph("soft", &report.note()), sentences(notes)].concat();
    [of_part(part), paragraph("", &all), none, table(&heads, &rows), words].concat()
}

fn swaps(part: &str, pairs: &[String], report: &SwapReport) -> String {
    let SwapReport { num_rows, num_swapped, num_flipped, mean_change, flipped } = report;
    let pairs = if pairs.is_empty() { String::new() } else { format!("Swapped: {}. ", pairs.join(", ")) };
    let found = match num_swapped {
        0 => format!("{pairs}None of {} has one of these words.", plural(*num_rows, "text")),
        _ => format!(
            "{pairs}{} of {} have such a word; {} of these get another answer ({}). The probability of the first answer changes by \
             {:.1} points on average.",
            count(*num_swapped),
            plural(*num_rows, "text"),
            count(*num_flipped),
            figure_text(Unit::Share, *num_flipped as f64 / *num_swapped as f64),
            mean_change * 100.0
        ),
    };
    let rows = flipped.iter().take(MAX_ROWS).map(|row| {
        let [before, after] = row.labels.each_ref();
        let [was, is] = row.probabilities.map(|share| figure_text(Unit::Share, f64::from(share)));
        vec![Cell::text(before), Cell::text(after), Cell::number(was), Cell::number(is), Cell::written(&row.swapped)]
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    let more = not_listed(num_flipped.saturating_sub(rows.len()), "more changed answer");
    let heads = ["Answer", "With words swapped", "Probability", "After", "Text with words swapped"];
    [of_part(part), paragraph("", &found), table(&heads, &rows), paragraph("soft", &more)].concat()
}

fn compared(comparison: &RunComparison) -> String {
    let [first, second] = &comparison.names;
    let figures = comparison.figures.iter().map(|figure| {
        vec![
            Cell::text(&figure.title),
            Cell::number(figure.value_text(figure.difference.first)),
            Cell::number(figure.value_text(figure.difference.second)),
            Cell::number(figure.by_text()),
            Cell::number(figure.interval_text()),
        ]
    });
    let figures = table(&["", first, second, "Difference", "95 % between"], &figures.collect::<Vec<_>>());
    let [by_first, by_second] = comparison.num_better;
    let better = match by_first + by_second {
        0 => String::new(),
        _ => {
            format!("Rows that {first} answers better: {}; that {second} does: {}.", count(by_first), count(by_second))
        }
    };
    let of_run = |run: usize| comparison.rows.iter().filter(move |row| row.better == run).take(MAX_ROWS);
    let row = |row: &crate::task::DifferingRow| {
        vec![
            Cell::number(count(row.row)),
            Cell::text(&comparison.names[row.better]),
            Cell::written(&row.text),
            Cell::written(&row.expected),
            Cell::written(&row.answers[0]),
            Cell::written(&row.answers[1]),
        ]
    };
    let rows: Vec<Vec<Cell>> = of_run(0).chain(of_run(1)).map(row).collect();
    let more = not_listed((by_first + by_second).saturating_sub(rows.len()), "more row");
    let rows = table(&["Row", "Better", "Text", "In the file", first, second], &rows);
    [
        paragraph("", &comparison.verdict()),
        figures,
        paragraph("soft", &comparison.test_words()),
        paragraph("soft", &comparison.notes()),
        paragraph("", &better),
        rows,
        paragraph("soft", &more),
    ]
    .concat()
}

fn rating(rated: &RatedTexts) -> String {
    let RatedTexts { names: [first, second], tally, num_pairs, num_same, num_not_blind } = rated;
    let num_votes = (tally.first + tally.second + tally.ties) as usize;
    let mut words = format!("{} of {} rated, without the names.", count(num_votes), plural(*num_pairs, "pair"));
    if *num_same > 0 {
        words.push_str(&format!(" {} not shown, for both wrote the same.", plural(*num_same, "pair")));
    }
    if *num_not_blind > 0 {
        words.push_str(&format!(" {} given after the names were shown.", plural(*num_not_blind, "vote")));
    }
    paragraph("", &tally.in_words(first, second)) + &paragraph("soft", &words)
}

#[cfg(test)]
mod tests;
