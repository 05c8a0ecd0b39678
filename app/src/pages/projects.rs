//! The projects that are kept in the browser: at the first step a list of them with what can be done with each, and at every step a
//! line that says which is open and whether it is kept.

use hone_core::session::protocol::SavedProject;
use leptos::prelude::*;

use super::delete::{button, delete};
use super::frame::wait_hint;
use super::saved::{can_delete, can_open};
use crate::browser;
use crate::components::{Button, framed};
use crate::format;
use crate::state::kept_projects::{Keeping, PROJECTS_ID, PROJECTS_TITLE_ID};
use crate::state::project_notes::{loss_words, runs_words, time_words};
use crate::state::{Activity, Step, Store};

/// Characters of a name at most.
const MAX_NAME_CHARS: &str = "80";

const WHAT_THEY_ARE: &str = "A project is kept with each change: its rows, how they are read, its recipe, which model it is for, and its \
    runs. “Save as file” gives one file with its rows, its recipe and all of its runs, which “Open a project file” takes and hone train \
    runs. A copy has the rows and the recipe, and no runs.";

const ELSEWHERE: &str = "It is open in another tab of this browser, so that it is shown here as it was kept, and what you change is not \
    kept: close it there and reload this page, or choose other rows, which makes another project.";

/// Above every step.
pub(super) fn notice(store: Store) -> AnyView {
    // What is asked about, whether it is to go for good.
    let asked: RwSignal<Option<String>> = RwSignal::new(None);
    let is_listed = Memo::new(move |_| {
        let kept = store.projects.list;
        let has_any = kept.with(|kept| !kept.projects.is_empty() || kept.unread_reason.is_some());
        has_any && store.step.get() == Step::Model
    });
    view! {
        {line(store)}
        {move || is_listed.get().then(|| panel(store, asked))}
    }
    .into_any()
}

/// Which project is open, and whether it is kept.
fn line(store: Store) -> AnyView {
    let words = Memo::new(move |_| {
        let name = store.project_name()?;
        let is_elsewhere = store.projects.open.with(|open| open.as_ref().is_some_and(|open| open.is_elsewhere));
        let (kept, is_good) = match store.projects.keeping.get() {
            _ if is_elsewhere => (ELSEWHERE.to_owned(), false),
            Keeping::Kept => ("It is kept in this browser.".to_owned(), true),
            Keeping::Failed(why) => (format!("It is not kept: {why} It is tried again."), false),
        };
        Some((format!("Project “{name}”. {kept}"), is_good))
    });
    let shown = move || {
        let (text, is_good) = words.get()?;
        let class = if is_good { "hint" } else { "note" };
        Some(view! { <p class=class role="status" data-testid="project-line">{text}</p> })
    };
    view! { {shown} }.into_any()
}

fn panel(store: Store, asked: RwSignal<Option<String>>) -> AnyView {
    let title = move || {
        let count = store.projects.list.with(|kept| kept.projects.len());
        format!("{} in this browser", format::plural(count, "project"))
    };
    let is_first_thing = store.projects.open.with_untracked(Option::is_none);
    let cannot_start = Signal::derive(move || !can_open(store) || store.projects.open.with(Option::is_none));
    let on_start = Callback::new(move |()| store.start_project());
    let unread = move || {
        let reason = store.projects.list.with(|kept| kept.unread_reason.clone())?;
        let text = format!("Not all projects can be read: {reason}. Their runs stand at the step Train.");
        Some(view! {
            <p class="note" data-testid="projects-unread">{text}</p>
            {unreadable(store, asked)}
        })
    };
    view! {
        <details class="panel" id=PROJECTS_ID data-testid="projects-panel" open=is_first_thing>
            <summary id=PROJECTS_TITLE_ID>{title}</summary>
            {unread}
            {move || table(store, asked)}
            <div class="row">
                <Button id="new-project" text="New project" disabled=cannot_start on_press=on_start />
            </div>
            <p class="hint">{WHAT_THEY_ARE}</p>
            {wait_hint(store, "Another project can be opened", None::<Activity>)}
        </details>
    }
    .into_any()
}

/// What deletes the projects of which no state can be read any more, with their runs.
fn unreadable(store: Store, asked: RwSignal<Option<String>>) -> AnyView {
    let ids = store.projects.list.with(|kept| kept.unreadable.clone());
    if ids.is_empty() {
        return ().into_any();
    }
    let text = match ids.len() {
        1 => "Delete the project that can't be read, with its runs",
        _ => "Delete the projects that can't be read, with their runs",
    };
    let cannot_delete = Signal::derive(move || !can_delete(store));
    let on_delete = Callback::new(move |()| ids.iter().for_each(|id| store.drop_project(id.clone())));
    let delete = delete("unread-projects".into(), text, "unread".into(), asked, cannot_delete, on_delete);
    view! { <div class="row">{delete}</div> }.into_any()
}

/// The one that was changed last comes first; each has the number of its place among all.
fn table(store: Store, asked: RwSignal<Option<String>>) -> AnyView {
    let mut projects: Vec<(usize, SavedProject)> =
        store.projects.list.with(|kept| kept.projects.iter().cloned().enumerate().collect());
    projects.sort_by(|(_, a), (_, b)| b.changed_ms.total_cmp(&a.changed_ms));
    let heads = ["Project", "Task and model", "Runs"];
    let heads = heads.into_iter().map(|name| view! { <th scope="col">{name}</th> }.into_any()).collect();
    let rows = projects.iter().map(|(index, project)| row(store, index + 1, project, asked)).collect_view();
    framed("Projects that are kept", "projects", heads, rows.into_any())
}

fn row(store: Store, number: usize, project: &SavedProject, asked: RwSignal<Option<String>>) -> AnyView {
    let id = project.state.id.clone();
    let open_id = id.clone();
    let is_open = Memo::new(move |_| store.projects.open.with(|open| open.as_ref().is_some_and(|o| o.id == open_id)));
    let badge = move || is_open.get().then(|| view! { <span class="badge">"open"</span> });
    let is_elsewhere = store.projects.open.with(|open| open.as_ref().is_some_and(|o| o.id == id && o.is_elsewhere));
    let model =
        project.state.model.as_ref().map(|model| model.name().rsplit('/').next().unwrap_or_default().to_owned());
    let file = project.file.clone().unwrap_or_else(|| "no rows yet".into());
    let runs = store.kept.runs.with(|kept| runs_words(project, &kept.runs));
    let name = project.state.name.clone();
    let label = format!("Name of the project {name}");
    view! {
        <tr data-testid=format!("project-{number}")>
            <th scope="row">
                <input
                    type="text"
                    maxlength=MAX_NAME_CHARS
                    autocomplete="off"
                    aria-label=label
                    data-testid=format!("project-name-{number}")
                    disabled=is_elsewhere
                    prop:value=name
                    on:change=move |event| store.name_project(id.clone(), event_target_value(&event))
                />
                <p class="hint">{badge} " " {time_words(project, browser::now_ms())}</p>
            </th>
            <td class="text">
                {project.state.task.spec().title}
                <p class="hint">{model} " on " {file}</p>
            </td>
            <td class="text" data-testid=format!("project-runs-{number}")>
                {runs} {buttons(store, number, project, is_open, asked)}
            </td>
        </tr>
    }
    .into_any()
}

/// Open, save, copy and delete; the last after a second press, on another button, beside what goes.
fn buttons(
    store: Store,
    number: usize,
    project: &SavedProject,
    is_open: Memo<bool>,
    asked: RwSignal<Option<String>>,
) -> AnyView {
    let id = project.state.id.clone();
    let text = |text: &str| Signal::stored(text.to_owned());
    let test_id = |what: &str| Signal::stored(format!("{what}-project-{number}"));
    let cannot_open = Signal::derive(move || is_open.get() || !can_open(store) || store.projects.opening.get());
    let on_open = {
        let id = id.clone();
        Callback::new(move |()| store.open_project_of(id.clone()))
    };
    let is_elsewhere = move || store.kept.runs.with(|kept| kept.is_elsewhere);
    let cannot_save = Signal::derive(move || is_elsewhere() || !can_open(store));
    let on_save = {
        let project = project.clone();
        Callback::new(move |()| store.save_project_file(&project))
    };
    let cannot_copy = Signal::derive(move || !can_delete(store));
    let on_copy = {
        let project = project.clone();
        Callback::new(move |()| store.duplicate_project(&project))
    };
    let is_going = Memo::new(move |_| is_open.get() && store.run.with(|run| run.is_active()));
    let cannot_delete = Signal::derive(move || is_elsewhere() || is_going.get() || !can_delete(store));
    let (key, asked_key) = (id.clone(), id.clone());
    let on_delete = Callback::new(move |()| store.drop_project(id.clone()));
    let delete = delete(format!("project-{number}"), "Delete", key, asked, cannot_delete, on_delete);
    let loss = loss_words(project);
    let what_goes = move || {
        let is_asked = asked.with(|asked| asked.as_ref() == Some(&asked_key));
        is_asked.then(|| view! { <p class="hint" role="status" data-testid="project-loss">{loss.clone()}</p> })
    };
    view! {
        <div class="row" role="group" aria-label=format!("Project {}", project.state.name)>
            {button(test_id("open"), text("Open"), cannot_open, on_open)}
            {button(test_id("save"), text("Save as file"), cannot_save, on_save)}
            {button(test_id("copy"), text("Duplicate"), cannot_copy, on_copy)} {delete}
        </div>
        {what_goes}
    }
    .into_any()
}
