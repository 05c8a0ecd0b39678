//! What is done with projects and models that are kept, in the lists of them: named, copied, deleted, saved as a file.

use hone_core::session::protocol::{Command, Reply, SavedProject};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::kept_projects::{PROJECTS_ID, PROJECTS_TITLE_ID};
use super::project_notes::{chosen_run, name_of_copy};
use super::{Step, Store, unexpected};
use crate::browser;

impl Store {
    /// Lists the projects that are kept.
    pub(crate) fn list_projects(self) {
        self.client().send(Command::ListProjects, Vec::new(), move |answer| match answer {
            Ok((Reply::Projects { kept }, _)) => {
                let refocus = browser::focus_keeper_within(PROJECTS_ID, PROJECTS_TITLE_ID);
                self.projects.list.set(kept);
                refocus();
                self.end_awaiting_run();
            }
            Ok((other, _)) => self.report(Step::Model, unexpected(&other)),
            Err(_) => {} // the part that trains has stopped, which is said already: the next one is asked again
        });
    }

    /// Lists the models that are kept.
    pub(crate) fn list_models(self) {
        self.client().send(Command::ListModels, Vec::new(), move |answer| match answer {
            Ok((Reply::Models { kept }, _)) => self.projects.models.set(Some(kept)),
            Ok((other, _)) => self.report(Step::Train, unexpected(&other)),
            Err(_) => {} // as above
        });
    }

    /// Deletes the files of a model that is kept.
    pub(crate) fn drop_model(self, address: String, id: String, revision: String) {
        let command = Command::DropModel { address, id, revision };
        self.client().send(command, Vec::new(), move |answer| {
            if let Err(problem) = answer {
                self.report(self.step.get_untracked(), problem);
            }
            self.list_models();
        });
    }

    /// Gives a project another name; an empty one is not taken.
    pub(crate) fn name_project(self, id: String, name: String) {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return self.list_projects(); // the old one is shown again
        }
        let is_open = self.projects.open.with_untracked(|open| open.as_ref().is_some_and(|open| open.id == id));
        let refocus = browser::focus_keeper_within(PROJECTS_ID, PROJECTS_TITLE_ID);
        self.projects.list.update(|list| {
            if let Some(project) = list.projects.iter_mut().find(|project| project.state.id == id) {
                project.state.name.clone_from(&name);
            }
        });
        refocus();
        if is_open {
            self.projects.open.update(|open| {
                if let Some(open) = open {
                    open.typed_name = Some(name);
                }
            });
            return spawn_local(self.keep_project_now());
        }
        self.change_projects(Command::NameProject { id, name });
    }

    /// Keeps a copy of a project, without its runs.
    pub(crate) fn duplicate_project(self, project: &SavedProject) {
        let (taken, id) = (self.projects.names(), project.state.id.clone());
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        let name = name_of_copy(&project.state.name, &taken);
        spawn_local(async move {
            self.keep_project_now().await; // what was typed a moment ago is in the copy, too
            self.change_projects(Command::DuplicateProject { id, name });
        });
    }

    /// Deletes a project with its runs.
    pub(crate) fn drop_project(self, id: String) {
        // Nothing is kept of it any more: it would come back.
        self.projects.opening.set(true);
        self.client().send(Command::DropProject { id: id.clone() }, Vec::new(), move |answer| {
            match answer {
                Ok(_) => {
                    browser::keep_focus(PROJECTS_ID, browser::PAGE_TITLE_ID);
                    if self.projects.open.with_untracked(|open| open.as_ref().is_some_and(|open| open.id == id)) {
                        self.start_project_now();
                    }
                    self.list_runs(); // and with them the projects
                }
                Err(problem) => self.report(self.step.get_untracked(), problem),
            }
            self.projects.opening.set(false);
        });
    }

    fn change_projects(self, command: Command) {
        self.client().send(command, Vec::new(), move |answer| {
            if let Err(problem) = answer {
                self.report(self.step.get_untracked(), problem);
            }
            self.list_projects();
        });
    }

    /// Saves a project with all of its runs as one file; `hone train --project` takes its best run, else its last.
    pub(crate) fn save_project_file(self, project: &SavedProject) {
        let best = self.kept.runs.with_untracked(|kept| chosen_run(project, &kept.runs).map(|run| run.id.clone()));
        self.pack_project(project, best);
    }
}
