//! The runs that are kept in the browser: a table with what was changed from one to the next, their figures and the room that each
//! takes, their curves in one chart, and what can be done with them.

use hone_core::session::protocol::SavedRun;
use hone_core::task::Unit;
use leptos::prelude::*;

use super::delete::{button, delete};
use super::frame::wait_hint;
use super::saved::{can_delete, can_open};
use crate::browser;
use crate::charts::{LineChart, Series};
use crate::components::framed;
use crate::format;
use crate::state::runs::{MAX_DRAWN, best_by, changed_since, choose, shown_figures, time_words};
use crate::state::saved::{ELSEWHERE, RUNS_ID, RUNS_TITLE_ID, ago};
use crate::state::{Activity, Store};

/// Colours of the runs in a chart, in the order in which they were chosen.
const LINES: [&str; MAX_DRAWN] = ["s1", "s2", "s3", "s4"];

const NONE_YET: &str = "No run is kept here yet. Each run is kept here once it was saved for the first time: with its \
    recipe, its curves and its weights.";
const HOW_TO_COMPARE: &str = "Tick runs to see their curves in one chart, up to four at a time. What was changed is told against \
    the run before.";

/// What a project file is for.
const AS_FILE: &str = "“Save as file” gives one file with all of a run: its rows, its recipe, its weights. Dropped on this page, in \
    any browser, it is opened again; hone train --project trains it in a terminal.";

/// Characters of a note at most.
const MAX_NOTE_CHARS: &str = "200";

/// The heading stays while what is under it is drawn anew: it takes the focus from a button that goes.
pub(super) fn panel(store: Store) -> AnyView {
    // What is asked about, whether it is to go for good.
    let asked: RwSignal<Option<String>> = RwSignal::new(None);
    view! {
        <div class="panel" id=RUNS_ID>
            <h3 id=RUNS_TITLE_ID tabindex="-1">"Runs"</h3>
            {move || unread(store)}
            {move || table(store, asked)}
            {move || unreadable(store, asked)}
            {move || charts(store)}
        </div>
    }
    .into_any()
}

/// Why the list may lack runs, or all of them.
fn unread(store: Store) -> Option<AnyView> {
    let reason = store.kept.runs.with(|kept| kept.unread_reason.clone())?;
    let text = format!("Not all that is kept can be read now: {reason}. Reload this page to look again.");
    Some(view! { <p class="note" role="status" data-testid="runs-unread">{text}</p> }.into_any())
}

fn table(store: Store, asked: RwSignal<Option<String>>) -> AnyView {
    let mut kept = store.kept.runs.get();
    let num_all = kept.runs.len();
    kept.runs.retain(|run| store.projects.has_run(&run.id));
    let of_others = of_other_projects(num_all - kept.runs.len());
    if kept.runs.is_empty() && kept.unread_reason.is_some() {
        return ().into_any(); // nobody knows whether there are any
    }
    if kept.runs.is_empty() {
        return view! { <p class="hint" data-testid="no-runs">{NONE_YET}</p> {of_others} }.into_any();
    }
    // Few columns: what is done with a run must be in sight without scrolling to the side.
    let heads = ["Run", "What was changed", "Figures", "Note"];
    let heads = heads.into_iter().map(|name| view! { <th scope="col">{name}</th> }.into_any()).collect();
    let row_at = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| kept.runs.get(before));
        row(store, &kept.runs[index], before, &kept.runs, asked)
    };
    let rows = (0..kept.runs.len()).rev().map(row_at).collect_view();
    let own_bytes: u64 = kept.runs.iter().map(|run| run.bytes).sum();
    let shared = match kept.shared_bytes {
        0 => String::new(),
        bytes => format!(
            ", and {} of files that several of them began with, which are stored once",
            format::bytes(bytes as f64)
        ),
    };
    let room = format!("They take {} in this browser{shared}.", format::bytes(own_bytes as f64));
    let elsewhere = kept.is_elsewhere.then(|| view! { <p class="note">{ELSEWHERE}</p> });
    view! {
        <p class="hint">{HOW_TO_COMPARE}</p>
        {framed("Runs that are kept", "runs", heads, rows.into_any())}
        <p class="hint" data-testid="runs-room">{room}</p>
        {of_others}
        <p class="hint">{AS_FILE}</p>
        {elsewhere}
        {wait_hint(store, "Another run can be opened", None::<Activity>)}
    }
    .into_any()
}

/// That there are runs which are not in the table.
fn of_other_projects(count: usize) -> Option<AnyView> {
    let text = format!("{} of other projects: open these at the step Model.", format::plural(count, "more run"));
    (count > 0).then(|| view! { <p class="hint" data-testid="runs-elsewhere">{text}</p> }.into_any())
}

/// Runs that can only be deleted.
fn unreadable(store: Store, asked: RwSignal<Option<String>>) -> Option<AnyView> {
    let ids = store.kept.runs.with(|kept| kept.unreadable.clone());
    if ids.is_empty() {
        return None;
    }
    let text = format!(
        "What is kept of {} can't be read: it is damaged, or another version of this page wrote it. Until it is deleted, \
         the files that other runs began with stay when these are deleted: it may need them.",
        format::plural(ids.len(), "run")
    );
    let disabled = Signal::derive(move || !can_delete(store));
    let key = ids.join(" ");
    let on_delete = Callback::new(move |()| ids.iter().for_each(|id| store.drop_run(id.clone())));
    let buttons = delete("unreadable".into(), "Delete what can't be read", key, asked, disabled, on_delete);
    Some(view! { <div class="note row"><p>{text}</p> {buttons}</div> }.into_any())
}

fn row(
    store: Store,
    run: &SavedRun,
    before: Option<&SavedRun>,
    all: &[SavedRun],
    asked: RwSignal<Option<String>>,
) -> AnyView {
    let number = run.number;
    let (id, is_open_id) = (run.id.clone(), run.id.clone());
    let is_open = Memo::new(move |_| store.open_id().as_ref() == Some(&is_open_id));
    let badge = move || is_open.get().then(|| view! { <span class="badge">"open"</span> });
    let time_of = run.clone();
    let time = move || time_words(&time_of, is_open.get());
    let began = ago(browser::now_ms() - run.began_ms);
    let model = run.model.name().rsplit('/').next().unwrap_or_default().to_owned();
    let drawn_box = drawn_box(store, &id, number);
    view! {
        <tr data-testid=format!("run-{number}")>
            <th scope="row">
                {drawn_box} {badge}
                <p class="hint">{format!("{model} on {}", run.file)}</p>
                <p class="hint">{began} ": " {time} ", " {format::bytes(run.bytes as f64)}</p>
            </th>
            <td class="text" data-head="What was changed" data-testid=format!("changed-{number}")>
                {whole_numbers(&changed_since(run, before))}
            </td>
            <td class="text">{figures(run, all)}</td>
            <td class="text">
                <input
                    type="text"
                    maxlength=MAX_NOTE_CHARS
                    autocomplete="off"
                    aria-label=format!("Note on run {number}")
                    data-testid=format!("note-{number}")
                    prop:value=run.note.clone()
                    on:input=move |event| store.note_run(id.clone(), event_target_value(&event))
                />
                {buttons(store, run, is_open, asked)}
            </td>
        </tr>
    }
    .into_any()
}

/// Words of which those that are numbers stay whole at the end of a line: `1e-4` would be torn at its hyphen.
fn whole_numbers(text: &str) -> AnyView {
    let word = |word: &str| match word.trim_end_matches([' ', ';']).parse::<f64>() {
        Ok(_) => {
            let blank = word.ends_with(' ').then_some(" ");
            view! { <span class="whole">{word.trim_end().to_owned()}</span> {blank} }.into_any()
        }
        Err(_) => word.to_owned().into_any(),
    };
    text.split_inclusive(' ').map(word).collect_view().into_any()
}

/// The run's name, ticked where its curves are drawn.
fn drawn_box(store: Store, id: &str, number: u32) -> AnyView {
    let drawn = store.kept.drawn;
    let [checked_id, full_id, changed_id] = [(); 3].map(|()| id.to_owned());
    let is_drawn = move || drawn.with(|drawn| drawn.contains(&checked_id));
    let is_full = move || drawn.with(|drawn| drawn.len() >= MAX_DRAWN && !drawn.contains(&full_id));
    view! {
        <label class="check">
            <input
                type="checkbox"
                data-testid=format!("draw-{number}")
                prop:checked=is_drawn
                disabled=is_full
                on:change=move |event| {
                    let is_chosen = event_target_checked(&event);
                    drawn.update(|drawn| choose(drawn, &changed_id, is_chosen));
                }
            />
            <span>{format!("run {number}")}</span>
        </label>
    }
    .into_any()
}

/// The figures of its weights, with a mark where it is the best.
fn figures(run: &SavedRun, all: &[SavedRun]) -> AnyView {
    let shown = shown_figures(run);
    let Some(step) = run.summary.measured_step.filter(|_| !shown.is_empty()) else {
        return "not measured".into_any();
    };
    let lines = shown.into_iter().map(|(name, value, text)| {
        view! { <div data-testid=format!("run-{}-{name}", run.number) data-value=value.to_string()>{text}</div> }
    });
    let best = best_by(run, all).map(|by| {
        view! { <span class="badge" data-testid=format!("best-{}", run.number)>{format!("best: {by}")}</span> }
    });
    view! {
        {lines.collect_view()}
        <div class="hint">{format!("validation, step {}", format::count(step as usize))}</div>
        {best}
    }
    .into_any()
}

/// Open, save and delete; the last after a second press, on another button.
fn buttons(store: Store, run: &SavedRun, is_open: Memo<bool>, asked: RwSignal<Option<String>>) -> AnyView {
    let number = run.number;
    let text = if run.is_finished { "Open" } else { "Go on" };
    let id = run.id.clone();
    let is_elsewhere = move || store.kept.runs.with(|kept| kept.is_elsewhere);
    let cannot_open = Signal::derive(move || is_elsewhere() || is_open.get() || !can_open(store));
    let on_open = {
        let id = id.clone();
        Callback::new(move |()| store.open_run(id.clone()))
    };
    let is_going = Memo::new(move |_| is_open.get() && store.run.with(|run| run.is_active()));
    let cannot_delete = Signal::derive(move || is_elsewhere() || is_going.get() || !can_delete(store));
    let cannot_save = Signal::derive(move || is_elsewhere() || !can_open(store));
    let (save_id, save_text) = (Signal::stored(format!("save-{number}")), Signal::stored("Save as file".to_owned()));
    let on_save = {
        let run = run.clone();
        Callback::new(move |()| store.save_project(&run))
    };
    let key = id.clone();
    let on_delete = Callback::new(move |()| store.drop_run(id.clone()));
    let delete = delete(number.to_string(), "Delete", key, asked, cannot_delete, on_delete);
    let (open_id, open_text) = (Signal::stored(format!("open-{number}")), Signal::stored(text.to_owned()));
    view! {
        <div class="row" role="group" aria-label=format!("Run {number}")>
            {button(open_id, open_text, cannot_open, on_open)} {button(save_id, save_text, cannot_save, on_save)}
            {delete}
        </div>
    }
    .into_any()
}

/// The curves of the runs that were chosen, laid over each other.
fn charts(store: Store) -> Option<AnyView> {
    let drawn = store.kept.drawn.get();
    let runs: Vec<SavedRun> = store.kept.runs.with(|kept| {
        let of_id = |id: &String| kept.runs.iter().find(|run| run.id == *id).cloned();
        drawn.iter().filter_map(of_id).collect()
    });
    let first = runs.first()?;
    let leading = first.task.spec().leading_figure();
    let is_percent = matches!(leading.unit, Unit::Share | Unit::Percent);
    let scale = if leading.unit == Unit::Percent { 0.01 } else { 1.0 };
    let last_step = runs.iter().map(|run| run.total_steps).max().unwrap_or(0);
    let x_max = Signal::stored(f64::from(last_step));
    let coloured = || runs.iter().zip(LINES);
    let line = |run: &SavedRun, class: &'static str, what: &str, points: &[(f64, f64)], has_dots: bool| Series {
        name: format!("run {}{what}", run.number),
        class,
        points: points.to_vec(),
        has_dots,
    };
    let losses: Vec<Series> = coloured()
        .flat_map(|(run, class)| {
            let summary = &run.summary;
            [
                line(run, class, "", &summary.losses, false),
                line(run, class, ", validation", &summary.valid_losses, true),
            ]
        })
        .collect();
    // Figures of other tasks have other axes.
    let has_figure = |(run, _): &(&SavedRun, &str)| run.task.spec().leading_figure().name == leading.name;
    let figures: Vec<Series> = coloured()
        .filter(has_figure)
        .map(|(run, class)| {
            let points: Vec<_> = run.summary.valid_figures.iter().map(|&(step, value)| (step, value * scale)).collect();
            let of_part = run.parts.first().map(|part| format!(", {}", part.name)).unwrap_or_default();
            line(run, class, &of_part, &points, true)
        })
        .collect();
    let left_out = (figures.len() < runs.len()).then(|| {
        let text = format!(
            "The second chart has the {} only: runs of tasks without it are left out.",
            format::in_sentence(leading.title)
        );
        view! { <p class="hint">{text}</p> }
    });
    let view = view! {
        <div class="columns" data-testid="drawn-runs">
            <LineChart title="Loss of these runs" series=Signal::stored(losses) x_max=x_max />
            <LineChart
                title=leading.title
                series=Signal::stored(figures)
                x_max=x_max
                y_fixed=is_percent.then_some((0.0, 1.0))
                is_percent=is_percent
            />
        </div>
        {left_out}
    };
    Some(view.into_any())
}
