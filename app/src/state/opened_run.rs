//! What of a project stays when a run of it is opened. In: what is typed and chosen of the project, and what the run was started with.
//! Out: the run's own recipe and rows, with the edits and the copies of rows that were made since; where anything else differs, one step
//! back leads to what the project had, and the page says so. How rows are read then is a plain value, tested natively.

use hone_core::config::{MadeCopies, ReadOptions, RowEdits};
use hone_core::session::protocol::ProjectState;
use leptos::prelude::*;

use super::Store;
use super::edits::Choices;
use super::history::Way;
use crate::browser::PickedFile;

/// How rows are read once a run is opened whose files are those of its project: as the run read them. Edits and copies that the project
/// has since stay, where those of the run come first among them and all else is read alike.
fn read_after_opening(run: &ReadOptions, project: &ReadOptions) -> ReadOptions {
    let untouched = |read: &ReadOptions| {
        let (edits, copies) = (RowEdits::default(), MadeCopies::default());
        ReadOptions { edits, copies, ..read.clone() }
    };
    let go_on = project.edits.log.starts_with(&run.edits.log);
    if go_on && untouched(run) == untouched(project) { project.clone() } else { run.clone() }
}

/// Knows the files of a run as those that are chosen, where names and sizes say that they may be. Whether they do.
pub(super) fn know_files(files: &mut [Option<PickedFile>; 3], chosen: &[Option<PickedFile>; 3]) -> bool {
    let known = |(file, chosen): (&Option<PickedFile>, &Option<PickedFile>)| match (file, chosen) {
        (Some(file), Some(chosen)) => Some(file.known_as(chosen)),
        _ => None,
    };
    let identities =
        |files: &[Option<PickedFile>; 3]| files.each_ref().map(|file| file.as_ref().map(PickedFile::identity));
    let mut pairs = files.iter().zip(chosen).map(known);
    let known: [Option<PickedFile>; 3] = std::array::from_fn(|_| pairs.next().flatten());
    let is_known =
        identities(&known) == identities(chosen) && files.iter().flatten().count() == known.iter().flatten().count();
    if is_known {
        *files = known;
    }
    is_known
}

impl Store {
    /// What is typed and chosen of a project; `None` where it is not the open one.
    pub(super) fn choices_of_project(self, project: Option<&ProjectState>) -> Option<Choices> {
        let id = &project?.id;
        let is_open = self.projects.open.with_untracked(|open| open.as_ref().is_some_and(|open| open.id == *id));
        is_open.then(|| untrack(|| self.choices()))
    }

    /// A run was put where it was when it was started. What was edited and copied of its rows since stays; for all else that the
    /// project had `before`, there is a step back. `same_rows` is the project where its files are those of the run.
    pub(super) fn keep_what_came_since(self, number: u32, before: Option<Choices>, same_rows: Option<ProjectState>) {
        let run = self.data.read.get_untracked();
        if let Some(project) = &same_rows {
            let read = before.as_ref().map_or(&project.read, |before| &before.read);
            let read = read_after_opening(&run, read);
            if read != run {
                self.data.read.set(read); // once the run is over, the rows are read again
            }
        }
        let Some(mut before) = before else {
            // Edits before are those of another project.
            return self.history.update(|history| history.clear());
        };
        let now = untrack(|| self.choices());
        if same_rows.is_some() {
            (before.kept, before.own_name) = (now.kept.clone(), now.own_name.clone()); // the same, under other ids
        }
        if before == now {
            return;
        }
        self.history.update(|history| history.note(before, None));
        if let Some(words) = untrack(|| self.step_words(Way::Undo)) {
            self.kept.put_aside.set(put_aside_words(number, &words));
        }
    }
}

/// What is said where a run took the place of something else; `words` are those of the step back.
fn put_aside_words(number: u32, words: &str) -> String {
    format!(
        "Run {number} is shown with the recipe and the rows that it was started with. What this project had in their place comes back \
         by “Undo: {words}”, at the steps Data and Recipe."
    )
}

#[cfg(test)]
mod tests {
    use hone_core::config::{RowEdit, RunDraft, Split};
    use hone_core::task::Task;

    use super::super::history::History;
    use super::*;

    fn label(row: usize, was: &str, value: &str) -> RowEdit {
        let (file, column) = (Split::Train, "label".to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    }

    fn read(log: &[RowEdit]) -> ReadOptions {
        let label_column = Some("label".to_owned());
        ReadOptions { label_column, edits: RowEdits { log: log.to_vec() }, ..ReadOptions::default() }
    }

    /// A project as it comes back after a reload.
    fn reload(read: ReadOptions) -> ReadOptions {
        let (id, name) = ("7".to_owned(), "tickets".to_owned());
        let (model, page, renamed) = (None, String::new(), Vec::new());
        let state = ProjectState { id, name, task: Task::default(), model, read, page, renamed };
        let json = serde_json::to_string(&state).expect("a project holds only plain values");
        serde_json::from_str::<ProjectState>(&json).expect("it is what was written").read
    }

    #[test]
    fn labels_that_were_corrected_after_a_run_stay_when_it_is_opened() {
        let log = [label(3, "a", "b"), label(5, "b", "a"), label(5, "a", "b")];
        let (run, corrected) = (read(&log[..1]), read(&log));
        assert_eq!(read_after_opening(&run, &reload(corrected.clone())), corrected);
        assert_eq!(read_after_opening(&read(&[]), &corrected), corrected, "the run knew no edits");
        assert_eq!(read_after_opening(&corrected, &corrected), corrected, "the run was trained with all of them");
        let copies = MadeCopies { by: "a model".into(), ..MadeCopies::default() };
        let copied = ReadOptions { copies, ..run.clone() };
        assert_eq!(read_after_opening(&run, &copied), copied, "copies that were made since stay, too");
    }

    #[test]
    fn a_run_with_other_edits_or_another_reading_shows_its_own() {
        let log = [label(3, "a", "b"), label(5, "b", "a")];
        let (run, before) = (read(&log), read(&log[..1]));
        assert_eq!(read_after_opening(&run, &before), run, "an edit of the run was taken back since");
        assert_eq!(read_after_opening(&run, &read(&log[1..])), run, "the logs part");
        let other = ReadOptions { label_column: Some("kind".into()), ..read(&log) };
        assert_eq!(read_after_opening(&run, &other), run, "labels are those of another column");
    }

    #[test]
    fn what_a_run_took_the_place_of_comes_back_by_one_step() {
        let log = [label(3, "a", "b"), label(5, "b", "a")];
        let draft = |seed: &'static str| RunDraft::from_typed([("seed", seed)]);
        let project = Choices { draft: draft("7"), read: reload(read(&log[..1])), ..Choices::default() };
        let run = read(&log);
        let opened = Choices { draft: draft("1"), read: read_after_opening(&run, &project.read), ..Choices::default() };
        assert!(opened != project && opened.read == run);
        let mut history = History::new();
        history.note(project.clone(), None);
        // The model of the run is used for the task of the project.
        history.forget_unless(|choices: &Choices| choices.task == Task::default());
        assert!(history.take(Way::Undo, opened.clone()) == Some(project.clone()), "edits and recipe of the project");
        assert!(history.take(Way::Redo, project) == Some(opened));
        let said = put_aside_words(1, "Seed 1");
        assert!(said.starts_with("Run 1 is shown with") && said.contains("“Undo: Seed 1”"), "{said}");
    }
}
