//! Project files: a kept run, or a project with all of its runs, is saved as one, for another browser or `hone train --project`; and one
//! is taken, kept and opened.

use hone_core::config::ModelSource;
use hone_core::hub::KNOWN_MODELS;
use hone_core::project::PROJECT_ENDING;
use hone_core::session::protocol::{Command, NamedBlob, Problem, ProblemKind, Reply, SavedProject, SavedRun};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{ModelChoice, Step, Store, origin, unexpected};
use crate::browser::PickedFile;
use crate::format;

/// Whether a file's name is that of a project file.
pub(super) fn is_project(name: &str) -> bool {
    name.ends_with(PROJECT_ENDING)
}

/// The card of the known model that a run was started with; `None` where it is another, or pinned to a commit.
fn card_of(source: &ModelSource) -> Option<usize> {
    KNOWN_MODELS.iter().position(|known| *source == ModelSource::hub(known.id))
}

/// What is said of the runs of a project file, the first of which has this number.
fn imported_words(file: &str, number: u32, num_runs: u32) -> String {
    match num_runs {
        0 => format!("{file} is kept in this browser now: rows and a recipe, and no run."),
        1 => format!("{file} is kept in this browser now, as run {number}."),
        _ => format!("{file} is kept in this browser now, as runs {number} to {}.", number + num_runs - 1),
    }
}

/// The name of a project as that of a file: without what not every file system takes.
fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_control() || "<>:\"|?*/\\".contains(c) { '_' } else { c };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() { "project".into() } else { name.into() }
}

impl Store {
    /// Saves a kept run with all that it needs as one file.
    pub(crate) fn save_project(self, run: &SavedRun) {
        let ending = PROJECT_ENDING.trim_start_matches('.');
        let name = origin::file_name(run.model.name(), run.task, None, "", run.number, ending);
        let command = Command::SaveProject { id: run.id.clone() };
        self.save_as_file(Step::Train, command, name, format!("Run {} is being packed.", run.number));
    }

    /// Saves a project with all of its runs as one file; `best` is the run that is opened first where it is taken.
    pub(crate) fn pack_project(self, project: &SavedProject, best: Option<String>) {
        let name = format!("{}{PROJECT_ENDING}", plain_name(&project.state.name));
        let said = format!("Project \u{201c}{}\u{201d} is being packed.", project.state.name);
        let command = Command::PackProject { id: project.state.id.clone(), best };
        self.save_as_file(Step::Model, command, name, said);
    }

    fn save_as_file(self, step: Step, command: Command, name: String, said: String) {
        if self.kept.has_project_under_way() {
            return;
        }
        self.dismiss(step);
        self.kept.begin_project(said);
        spawn_local(async move {
            self.keep_project_now().await; // what was typed a moment ago goes along
            let answer = self.request(command, Vec::new()).await;
            let mut said = String::new();
            let problem = match answer {
                Ok((Reply::Exported { damage, .. }, blobs)) => {
                    // As bytes: a browser that knows of zips would give it another name.
                    let size = self.save_parts(step, &name, &blobs, "application/octet-stream");
                    if let Some(size) = size {
                        said = format!("Saved in your browser's downloads: {name} ({})", format::bytes(size));
                    }
                    damage
                }
                Ok((other, _)) => Some(unexpected(&other)),
                Err(error) => Some(error),
            };
            self.kept.end_project(said);
            if let Some(problem) = problem {
                self.report(step, problem);
            }
        });
    }

    /// Takes a project file: its runs are kept in this browser. A project is opened as it was left, and none of its runs: the recipe that
    /// is shown would be that of the run. A run alone is opened.
    pub(crate) fn open_project(self, file: PickedFile) {
        if self.kept.has_project_under_way() {
            return;
        }
        let step = self.step.get_untracked();
        if let Some(going) = untrack(|| self.activity()) {
            let message = format!("{} was not opened", file.name);
            let hint = going.then("A project file can be opened");
            return self.report(step, Problem { kind: ProblemKind::Data, message, hint });
        }
        self.dismiss(step);
        self.kept.begin_project(format!("{} is being read.", file.name));
        let number = self.next_number();
        self.num_runs.set_value(number); // a run that is started meanwhile has another
        spawn_local(async move {
            let named = NamedBlob { name: file.name.clone(), blob: 0 };
            let command = Command::ImportProject { file: named, number };
            let problem = match self.client().request_with_file(command, &file.blob).await {
                Ok((Reply::Imported { id, num_runs, project }, _)) => {
                    self.num_runs.update_value(|last| *last = (*last).max(number + num_runs.saturating_sub(1)));
                    let said = imported_words(&file.name, number, num_runs);
                    self.list_runs();
                    // The person may have started something meanwhile.
                    if let Some(going) = untrack(|| self.activity()) {
                        return self.kept.end_project(format!("{said} {}", going.then("It can be opened")));
                    }
                    self.kept.end_project(said);
                    return match (id, project) {
                        (_, Some(project)) => self.open_project_of(project),
                        (Some(run), None) => self.open_run(run),
                        (None, None) => {}
                    };
                }
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.kept.end_project(String::new());
            self.report(step, problem);
        });
    }

    /// Chooses the model of a hub that a kept run was started with, so that one press loads it.
    pub(super) fn choose_model_of_run(self, id: &str) {
        let source = self.kept.runs.with_untracked(|kept| {
            let run = kept.runs.iter().find(|run| run.id == id)?;
            Some(run.model.clone()).filter(|source| matches!(source, ModelSource::Hub { .. }))
        });
        if let Some(source) = source {
            self.choose_source(&source);
        }
    }

    /// Chooses a model by where it comes from.
    pub(super) fn choose_source(self, source: &ModelSource) {
        match (source, card_of(source)) {
            (_, Some(index)) => self.choose_model(ModelChoice::Known(index)),
            (ModelSource::Hub { .. }, None) => {
                self.model.hub_id.set(source.argument());
                self.choose_model(ModelChoice::Hub);
            }
            (ModelSource::Local { .. }, None) => self.choose_model(ModelChoice::Local),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_file_is_known_by_its_ending() {
        assert!(is_project("all-MiniLM-L6-v2-text-classification-run2.hone"));
        assert!(!is_project("hone.json") && !is_project("rows.csv"));
    }

    #[test]
    fn what_came_in_a_file_is_told_with_its_numbers() {
        assert_eq!(imported_words("a.hone", 4, 1), "a.hone is kept in this browser now, as run 4.");
        assert!(imported_words("a.hone", 4, 3).ends_with("as runs 4 to 6."));
        assert!(imported_words("a.hone", 4, 0).ends_with("and no run."));
        assert_eq!(
            ["for the talk", "a/b: c?", "..", ""].map(plain_name),
            ["for the talk", "a_b_ c_", "project", "project"]
        );
    }

    #[test]
    fn a_model_that_is_pinned_has_no_card() {
        let known = KNOWN_MODELS[1].id;
        assert_eq!(card_of(&ModelSource::hub(known)), Some(1));
        assert_eq!(card_of(&ModelSource::Hub { id: known.into(), revision: "a".repeat(40) }), None);
        assert_eq!(card_of(&ModelSource::Local { name: known.into() }), None);
    }
}
