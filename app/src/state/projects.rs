//! Project files: a kept run is saved as one, for another browser or `hone train --project`, and one is taken, kept and opened.

use hone_core::config::ModelSource;
use hone_core::hub::KNOWN_MODELS;
use hone_core::project::PROJECT_ENDING;
use hone_core::session::protocol::{Command, NamedBlob, Problem, ProblemKind, Reply, SavedRun};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{ModelChoice, Step, Store, origin, unexpected, unreadable};
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

impl Store {
    /// Saves a kept run with all that it needs as one file.
    pub(crate) fn save_project(self, run: &SavedRun) {
        if self.kept.has_project_under_way() {
            return;
        }
        self.dismiss(Step::Train);
        let what = run.model.name();
        let ending = PROJECT_ENDING.trim_start_matches('.');
        let name = origin::file_name(what, run.task, None, "", run.number, ending);
        self.kept.begin_project(format!("Run {} is being packed.", run.number));
        let id = run.id.clone();
        spawn_local(async move {
            let answer = self.request(Command::SaveProject { id }, Vec::new()).await;
            let mut said = String::new();
            let problem = match answer {
                Ok((Reply::Exported { damage }, blobs)) => {
                    // As bytes: a browser that knows of zips would give it another name.
                    let size = self.save_parts(Step::Train, &name, &blobs, "application/octet-stream");
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
                self.report(Step::Train, problem);
            }
        });
    }

    /// Takes a project file: its run is kept in this browser, and opened.
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
            let answer = match file.read().await {
                Ok(buffer) => {
                    let named = NamedBlob { name: file.name.clone(), blob: 0 };
                    self.request(Command::ImportProject { file: named, number }, vec![buffer]).await
                }
                Err(message) => Err(unreadable(message)),
            };
            let problem = match answer {
                Ok((Reply::Imported { id }, _)) => {
                    let said = format!("{} is kept in this browser now, as run {number}.", file.name);
                    self.list_runs();
                    // The person may have started something meanwhile.
                    let Some(going) = untrack(|| self.activity()) else {
                        self.kept.end_project(said);
                        return self.open_run(id);
                    };
                    return self.kept.end_project(format!("{said} {}", going.then("It can be opened")));
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
    fn a_model_that_is_pinned_has_no_card() {
        let known = KNOWN_MODELS[1].id;
        assert_eq!(card_of(&ModelSource::hub(known)), Some(1));
        assert_eq!(card_of(&ModelSource::Hub { id: known.into(), revision: "a".repeat(40) }), None);
        assert_eq!(card_of(&ModelSource::Local { name: known.into() }), None);
    }
}
