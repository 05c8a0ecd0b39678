//! What stands out in the rows: the findings of the worker's search, each with its rows, the way to them in the table, and the one
//! thing that would mend it. Before the search is done, what the report on the rows says by itself. The words are tested natively.

use std::sync::Arc;

use hone_core::config::{ClassWeights, TextCleaning};
use hone_core::data::findings::{FindingAction, FindingKind, MAX_RELABELED, NotApplied, ShownFinding, ShownFindings};
use hone_core::task::{DataReport, findings_of_report};
use leptos::prelude::*;

use crate::browser;
use crate::components::{Button, Cell, Meter, amount_of, share_of, table};
use crate::format;
use crate::state::reading::FINDINGS_TITLE_ID;
use crate::state::{Step, Store, recipe};
use crate::tasks;

/// Id of the panel.
const ID: &str = "findings-panel";

/// What can be done with the rows of a report.
#[derive(Clone, Copy)]
struct Can {
    list: bool,
    edit: bool,
    merge: bool,
    /// Validation or test rows are drawn from the file of the training rows.
    draw: bool,
    /// Tokens of a row that are read, and most that the model reads.
    tokens: [usize; 2],
}

pub(super) fn section(store: Store, report: &DataReport) -> AnyView {
    let state = store.rows.findings;
    let early = Arc::new(findings_of_report(report));
    let (has_valid, has_test) = (store.data.valid, store.data.test);
    let can = Can {
        list: store.data.read.with_untracked(|read| report.row_source(read).is_some()),
        // Labels of images are corrected where the model gets them wrong.
        edit: report.has_row_edits() && !tasks::of(report.task()).reads_images,
        merge: report.task().spec().columns.contains(&"merge_labels"),
        tokens: [report.max_seq_length, most_tokens(store)],
        draw: untrack(|| has_valid.with(Option::is_none) || has_test.with(Option::is_none)),
    };
    let list = move || {
        // A finding that is mended goes, and its button with it.
        browser::keep_focus(ID, FINDINGS_TITLE_ID);
        let (found, is_known) = match state.found.get() {
            Some(found) => (found, true),
            None => (Arc::clone(&early), false),
        };
        findings(store, &found, can, is_known)
    };
    let status = move || match (state.is_current.get(), state.problem.get()) {
        (true, _) => state.found.with(|found| found.as_ref().map_or_else(String::new, |found| count_words(found))),
        (false, Some(problem)) => format!("The rows could not be looked through: {problem}."),
        (false, None) if store.run.with(|run| run.is_active()) => {
            "The rows are looked through once no run is going on.".into()
        }
        (false, None) => "The rows are being looked through.".into(),
    };
    let note = move || state.note.get();
    view! {
        <section
            class="panel"
            id=ID
            aria-labelledby=FINDINGS_TITLE_ID
            data-testid="findings"
            data-current=move || state.is_current.get().to_string()
        >
            <h3 id=FINDINGS_TITLE_ID tabindex="-1">"What stands out"</h3>
            <p role="status" data-testid="findings-status">{status}</p>
            {meter(store)}
            <p class="hint" role="status" data-testid="findings-note">{note}</p>
            {list}
        </section>
    }
    .into_any()
}

/// Most tokens that the model reads of a row.
fn most_tokens(store: Store) -> usize {
    store.model.info.with_untracked(|info| info.as_ref().map_or(0, |info| info.max_position_embeddings))
}

/// How far the search is.
fn meter(store: Store) -> AnyView {
    let state = store.rows.findings;
    let is_seeking = Memo::new(move |_| {
        let is_over = state.is_current.get() || state.problem.with(Option::is_some);
        !is_over && state.progress.with(|(_, total)| *total > 0)
    });
    let share = share_of(state.progress);
    let text = Signal::derive(move || amount_of(state.progress.get(), "row"));
    let shown = move || {
        is_seeking.get().then(|| {
            view! { <Meter label="Looking through the rows" share=share text=text id="findings-progress" /> }.into_any()
        })
    };
    view! { {shown} }.into_any()
}

/// The findings. Only those that the worker `is_known` to have are acted on.
fn findings(store: Store, found: &Arc<ShownFindings>, can: Can, is_known: bool) -> AnyView {
    let has_imbalance = found.has(FindingKind::Imbalance);
    let one = |(index, finding): (usize, &ShownFinding)| {
        // One remedy for both is offered once.
        let is_about_sizes = match finding.kind {
            FindingKind::SmallClasses => !has_imbalance,
            kind => kind == FindingKind::Imbalance,
        };
        let id = id_of(finding.kind);
        view! {
            <div class="advice" data-testid="finding" data-kind=id.clone() data-value=finding.num_rows.to_string()>
                <h4>{finding.kind.title()} <span class="badge">{finding.severity.name()}</span></h4>
                <p>{format::sentence(&finding.message)}</p>
                {is_known.then(|| actions(store, index, finding, &id, can))}
                {listed(finding)}
                {is_about_sizes.then(|| weights(store))}
            </div>
        }
        .into_any()
    };
    let draws = |finding: &ShownFinding| {
        let is_edit = !matches!(
            finding.action,
            FindingAction::MoveToTraining | FindingAction::CleanTexts { .. } | FindingAction::RaiseMaxSeqLength { .. }
        );
        is_edit && finding.num_changed > 0
    };
    let is_drawn = can.draw && can.edit && is_known && found.findings.iter().any(draws);
    let drawn = "Where validation or test rows come from the same file, they are drawn anew once rows are left out or labels are merged.";
    view! {
        {found.findings.iter().enumerate().map(one).collect_view()}
        {is_drawn.then(|| view! { <p class="hint">{drawn}</p> })}
        {not_sought(&found.not_applied, &found.notes)}
    }
    .into_any()
}

/// The way to the rows of a finding, and what would mend it.
fn actions(store: Store, index: usize, finding: &ShownFinding, id: &str, can: Can) -> AnyView {
    let kind = finding.kind;
    let state = store.rows.findings;
    let is_stale = Signal::derive(move || !state.is_current.get());
    let cannot = Signal::derive(move || is_stale.get() || !store.can_step());
    let show = (can.list && finding.num_groups > 0).then(|| {
        let on_press = Callback::new(move |()| store.look_at_finding(index, kind));
        view! {
            <span data-testid=format!("show-{id}")>
                <Button text="Show these rows" waits=is_stale on_press=on_press />
            </span>
        }
        .into_any()
    });
    let is_possible = match finding.action {
        FindingAction::MergeLabels { .. } => can.merge,
        FindingAction::CleanTexts { .. } | FindingAction::RaiseMaxSeqLength { .. } => true,
        _ => can.edit && finding.num_changed > 0,
    };
    let mend = button_words(&finding.action, can).filter(|_| is_possible).map(|text| {
        let action = finding.action.clone();
        let on_press = Callback::new(move |()| mend(store, index, &action, can));
        view! { <span data-testid=format!("mend-{id}")><Button text=text waits=cannot on_press=on_press /></span> }
            .into_any()
    });
    let words = preview_words(finding, can);
    view! {
        <div class="row">{show} {mend} <p class="hint">{words}</p></div>
    }
    .into_any()
}

/// Does what would mend a finding. What is another way to read the rows is no edit of them.
fn mend(store: Store, index: usize, action: &FindingAction, can: Can) {
    match action {
        FindingAction::CleanTexts { of } => store.reread_data(|read| {
            read.clean_texts.insert(*of);
        }),
        FindingAction::RaiseMaxSeqLength { to } => {
            let tokens = raised(*to, can).map(|tokens| tokens.to_string());
            store.edit_recipe(None, |draft| recipe::set_typed(draft, "max_seq_length", tokens));
        }
        _ => store.mend_finding(index),
    }
}

/// Tokens that are read of a row where as many as `to` are wanted; `None` where the model reads no more than now.
fn raised(to: usize, can: Can) -> Option<usize> {
    let [now, most] = can.tokens;
    Some(to.min(most)).filter(|tokens| *tokens > now)
}

/// What the button of an action says; `None` where there is nothing to do.
fn button_words(action: &FindingAction, can: Can) -> Option<String> {
    Some(match action {
        FindingAction::None => return None,
        FindingAction::CleanTexts { of: TextCleaning::Damage } => "Repair them".into(),
        FindingAction::CleanTexts { of: TextCleaning::Markup } => "Take it out".into(),
        FindingAction::CleanTexts { of: TextCleaning::PersonalData } => "Replace them".into(),
        FindingAction::RaiseMaxSeqLength { to } => format!("Read {} tokens", format::count(raised(*to, can)?)),
        FindingAction::DropRows => "Drop these rows".into(),
        FindingAction::KeepFirst => "Keep the first of each".into(),
        FindingAction::MoveToTraining => "Move to training".into(),
        FindingAction::RelabelToMajority => "Take the commoner label".into(),
        FindingAction::MergeLabels { into, .. } => format!("Merge into \u{201c}{}\u{201d}", format::excerpt(into, 40)),
    })
}

/// What an action would change, or why it can't be done here.
fn preview_words(finding: &ShownFinding, can: Can) -> String {
    let ShownFinding { action, num_changed: count, .. } = finding;
    let rows = format::plural(*count, "row");
    let verb = |one: &'static str, many: &'static str| if *count == 1 { one } else { many };
    match action {
        FindingAction::None => String::new(),
        FindingAction::CleanTexts { of } => {
            let stays = match of {
                TextCleaning::Damage => " A character that was replaced when the file was written is lost, and stays.",
                TextCleaning::Markup => "",
                TextCleaning::PersonalData => {
                    " What stood there is named, such as [mail], so that none of it is learned."
                }
            };
            format!("{rows} {} read with {}; the file stays as it is.{stays}", verb("is", "are"), of.words())
        }
        FindingAction::RaiseMaxSeqLength { to } => match raised(*to, can) {
            None => "The model reads no more of a row: take one that reads longer texts, or shorten these.".into(),
            Some(tokens) if tokens < *to => "That is all that the model reads of a row: some are still cut.".into(),
            Some(_) => {
                "None is cut then. A step takes more memory and more time: the plan of the recipe says how much.".into()
            }
        },
        FindingAction::MergeLabels { .. } if can.merge => format!("{}.", format::sentence(&action.describe())),
        _ if !can.edit => "Rows of this kind can't be changed here: change them in their file.".into(),
        FindingAction::RelabelToMajority if *count == 0 => "No label is the commoner one: look at the rows.".into(),
        FindingAction::RelabelToMajority if *count == MAX_RELABELED => {
            format!("{rows} get another label; if there are more, press it again after that.")
        }
        FindingAction::RelabelToMajority => format!("{rows} {} another label.", verb("gets", "get")),
        FindingAction::MoveToTraining => format!("{rows} {} moved.", verb("is", "are")),
        FindingAction::DropRows | FindingAction::KeepFirst => format!("{rows} {} left out.", verb("is", "are")),
        FindingAction::MergeLabels { .. } => String::new(),
    }
}

/// The rows of a finding, a group a line. Those that are not used are open at once: nothing else says why.
fn listed(finding: &ShownFinding) -> Option<AnyView> {
    if finding.listed.is_empty() {
        return None;
    }
    let is_left_out = finding.kind == FindingKind::LeftOut;
    let has_notes = finding.listed.iter().any(|rows| !rows.note.is_empty());
    let rows = finding.listed.iter().map(|rows| {
        let note = has_notes.then(|| Cell::from(rows.note.clone()));
        let cells: Vec<Cell> = std::iter::once(Cell::new("head", rows.rows.clone())).chain(note).collect();
        cells
    });
    let heads: &[&str] = match (has_notes, is_left_out) {
        (true, true) => &["Row", "Why"],
        (true, false) => &["Rows", "What was found"],
        (false, _) => &["Rows"],
    };
    let rest = finding.num_groups.saturating_sub(finding.listed.len());
    let id = if is_left_out { "bad-rows" } else { "" };
    let view = view! {
        <details open=is_left_out>
            <summary>"Which rows"</summary>
            {table(finding.kind.title(), id, heads, rows.collect())}
            {(rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> })}
        </details>
    };
    Some(view.into_any())
}

/// What was not sought, or not everywhere.
fn not_sought(not_applied: &[NotApplied], notes: &[String]) -> Option<AnyView> {
    let not = not_applied.iter().map(|not| format!("{}: {}", not.kind.title(), not.reason));
    let items: Vec<String> = not.chain(notes.iter().map(|note| format::sentence(note))).collect();
    let list = || {
        let items = items.iter().map(|item| view! { <li>{item.clone()}</li> }).collect_view();
        view! {
            <details data-testid="not-sought">
                <summary>"What was not sought"</summary>
                <ul>{items}</ul>
            </details>
        }
        .into_any()
    };
    (!items.is_empty()).then(list)
}

/// How many findings there are.
fn count_words(found: &ShownFindings) -> String {
    match found.findings.len() {
        0 => "Nothing stands out.".into(),
        count => format!("{}.", format::plural(count, "finding")),
    }
}

/// A kind as test ids name it: `same-text-different-labels`.
fn id_of(kind: FindingKind) -> String {
    let title = kind.title().to_lowercase();
    title.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Weights of classes: the setting of the recipe, on and off.
fn weights(store: Store) -> AnyView {
    let is_on = Memo::new(move |_| {
        store.resolved.with(|run| run.as_ref().is_ok_and(|run| run.class_weights == ClassWeights::Balanced))
    });
    let text = Signal::derive(move || {
        let words = if is_on.get() { "Weight all rows alike again" } else { "Weight classes by how rare they are" };
        words.to_owned()
    });
    let on_press = Callback::new(move |()| store.weight_classes(!is_on.get_untracked()));
    let on_recipe = Callback::new(move |()| store.go_to(Step::Recipe));
    let says = move || is_on.get().then_some("Classes are weighted by how rare they are: a setting of the recipe.");
    view! {
        <p class="hint" role="status">{says}</p>
        <div class="row">
            <Button id="weight-classes" text=text on_press=on_press />
            <Button text="See it in the recipe" on_press=on_recipe />
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use hone_core::data::findings::Severity;

    use super::*;

    const ALL: Can = Can { list: true, edit: true, merge: true, draw: true, tokens: [128, 512] };

    fn finding(kind: FindingKind, action: FindingAction, num_changed: usize) -> ShownFinding {
        let (severity, message) = (Severity::Note, String::new());
        ShownFinding { kind, severity, message, num_rows: 3, num_groups: 3, listed: Vec::new(), action, num_changed }
    }

    #[test]
    fn an_action_says_what_it_would_change() {
        let words = |action: FindingAction, count| {
            let button = button_words(&action, ALL);
            (button.unwrap_or_default(), preview_words(&finding(FindingKind::Leaks, action, count), ALL))
        };
        let both = |button: &str, preview: &str| (button.to_owned(), preview.to_owned());
        assert_eq!(words(FindingAction::None, 0), both("", ""));
        assert_eq!(words(FindingAction::KeepFirst, 2), both("Keep the first of each", "2 rows are left out."));
        assert_eq!(words(FindingAction::DropRows, 1), both("Drop these rows", "1 row is left out."));
        assert_eq!(words(FindingAction::MoveToTraining, 1), both("Move to training", "1 row is moved."));
        let (button, preview) = words(FindingAction::RelabelToMajority, 1);
        assert_eq!((button.as_str(), preview.as_str()), ("Take the commoner label", "1 row gets another label."));
        assert!(words(FindingAction::RelabelToMajority, 0).1.contains("look at the rows"));
        assert!(words(FindingAction::RelabelToMajority, MAX_RELABELED).1.contains("press it again"));
        let merge = FindingAction::MergeLabels { from: vec!["biling".into()], into: "billing".into() };
        assert_eq!(words(merge, 0), both("Merge into \u{201c}billing\u{201d}", "Read \"biling\" as \"billing\"."));
    }

    #[test]
    fn texts_are_read_otherwise_as_far_as_the_model_reads() {
        let clean = FindingAction::CleanTexts { of: TextCleaning::Markup };
        let said = preview_words(&finding(FindingKind::Markup, clean.clone(), 2), Can { edit: false, ..ALL });
        assert_eq!(said, "2 rows are read with HTML taken out; the file stays as it is.");
        assert_eq!(button_words(&clean, ALL).as_deref(), Some("Take it out"));
        let said = |to: usize, tokens: [usize; 2]| {
            let (action, can) = (FindingAction::RaiseMaxSeqLength { to }, Can { tokens, ..ALL });
            (button_words(&action, can), preview_words(&finding(FindingKind::TooLong, action, 3), can))
        };
        let (button, preview) = said(300, [128, 512]);
        assert!(button.as_deref() == Some("Read 300 tokens") && preview.starts_with("None is cut"), "{preview}");
        let (button, preview) = said(900, [128, 512]);
        assert!(button.as_deref() == Some("Read 512 tokens") && preview.contains("still cut"), "{preview}");
        let (button, preview) = said(900, [512, 512]);
        assert!(button.is_none() && preview.contains("reads no more"), "{preview}");
    }

    #[test]
    fn rows_that_can_not_be_edited_are_said_to_be_so() {
        let fixed = Can { edit: false, ..ALL };
        let said = preview_words(&finding(FindingKind::Duplicates, FindingAction::KeepFirst, 2), fixed);
        assert!(said.contains("can't be changed here"), "{said}");
        let merge = FindingAction::MergeLabels { from: vec!["a".into()], into: "b".into() };
        assert!(preview_words(&finding(FindingKind::SimilarLabels, merge, 0), fixed).starts_with("Read"));
    }

    #[test]
    fn every_kind_has_an_id_of_its_own() {
        let ids: std::collections::BTreeSet<String> = FindingKind::ALL.iter().map(|kind| id_of(*kind)).collect();
        assert_eq!(ids.len(), FindingKind::ALL.len());
        assert_eq!(id_of(FindingKind::Conflicts), "same-text-different-labels");
    }

    #[test]
    fn findings_are_counted() {
        assert_eq!(count_words(&ShownFindings::default()), "Nothing stands out.");
        let one = finding(FindingKind::Leaks, FindingAction::KeepFirst, 1);
        let found = ShownFindings { findings: vec![one], ..ShownFindings::default() };
        assert_eq!(count_words(&found), "1 finding.");
    }
}
