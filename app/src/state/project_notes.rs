//! What is kept of a project beside its rows, and how it is called and told. Plain values, tested natively.

use hone_core::session::protocol::{RenamedRun, SavedProject, SavedRun};

use super::page_notes::PageNotes;
use super::runs::{best_by, shown_figures};
use super::saved::ago;
use crate::{browser, format};

/// What the page wants back when it opens a project.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ProjectNotes {
    /// What it wants of a run that would be started now.
    pub of_run: PageNotes,
    /// The person gave the name; else it is that of the training file.
    pub is_named: bool,
    /// Id of the step that was shown.
    pub step: String,
    /// Ids of the runs whose curves are drawn.
    pub drawn: Vec<String>,
    /// Its sweep, as JSON; empty where there is none.
    pub sweep: String,
    /// What was corrected in it, as JSON; empty where nothing was.
    pub corrections: String,
}

/// The same as JSON has it.
type Written = (String, bool, String, Vec<String>, String, String);

/// The first of what earlier builds wrote, which knew no corrections; some of them knew sweeps.
type WrittenBefore = (String, bool, String, Vec<String>);

impl ProjectNotes {
    /// As JSON.
    pub(super) fn to_json(&self) -> String {
        let Self { of_run, is_named, step, drawn, sweep, corrections } = self;
        let written: Written =
            (of_run.to_json(), *is_named, step.clone(), drawn.clone(), sweep.clone(), corrections.clone());
        serde_json::to_string(&written).expect("notes hold only plain values")
    }

    /// Of [`Self::to_json`], or of what a run was kept with that a project was made of.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        // The browser reads it, which takes less of the page than a parser of our own.
        let value = js_sys::JSON::parse(json).map_err(|error| browser::describe(&error))?;
        let written = serde_wasm_bindgen::from_value::<Written>(value.clone()).or_else(|_| {
            let (of_run, is_named, step, drawn) = serde_wasm_bindgen::from_value::<WrittenBefore>(value.clone())?;
            let sweep = js_sys::Array::from(&value).get(4).as_string().unwrap_or_default();
            Ok::<Written, serde_wasm_bindgen::Error>((of_run, is_named, step, drawn, sweep, String::new()))
        });
        match written {
            Ok((of_run, is_named, step, drawn, sweep, corrections)) => {
                Ok(Self { of_run: PageNotes::read(&of_run)?, is_named, step, drawn, sweep, corrections })
            }
            Err(_) => Ok(Self { of_run: PageNotes::read(json)?, ..Self::default() }),
        }
    }
}

/// The ids by which this browser knows runs; those of an imported project had others in its file.
pub(super) fn rename_ids(ids: Vec<String>, renamed: &[RenamedRun]) -> Vec<String> {
    let here = |id: String| renamed.iter().find(|run| run.id_there == id).map_or(id, |run| run.id.clone());
    ids.into_iter().map(here).collect()
}

/// The name that a project gets of its training file: that without its ending.
pub(super) fn guessed_name(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
    let bare = name.rsplit_once('.').map_or(name, |(bare, _)| bare);
    if bare.is_empty() { "Untitled".into() } else { bare.into() }
}

/// The name of a copy, which no other project has.
pub(super) fn name_of_copy(name: &str, taken: &[&str]) -> String {
    let numbered = |number: usize| match number {
        1 => format!("{name} (copy)"),
        number => format!("{name} (copy {number})"),
    };
    (1..).map(numbered).find(|copy| !taken.contains(&copy.as_str())).expect("one of so many is free")
}

/// The run of a project that is opened first where its file is taken, and whose figure is told: the best of those that can be
/// compared, else the last.
pub(crate) fn chosen_run<'a>(project: &SavedProject, runs: &'a [SavedRun]) -> Option<&'a SavedRun> {
    let own = move || runs.iter().filter(move |run| project.runs.contains(&run.id));
    let of_project: Vec<SavedRun> = own().cloned().collect();
    own().rfind(|run| best_by(run, &of_project).is_some()).or_else(|| own().next_back())
}

/// The runs of a project, with the figure of the best of them: `2 runs, accuracy 87.5 %`.
pub(crate) fn runs_words(project: &SavedProject, runs: &[SavedRun]) -> String {
    let Some(chosen) = chosen_run(project, runs) else { return "no run yet".into() };
    let count = format::plural(project.runs.len(), "run");
    match shown_figures(chosen).into_iter().next() {
        Some((_, _, figure)) => format!("{count}, run {} has {figure}", chosen.number),
        None => format!("{count}, not measured"),
    }
}

/// When a project was changed, and the room that it takes.
pub(crate) fn time_words(project: &SavedProject, now_ms: f64) -> String {
    let changed = ago(now_ms - project.changed_ms);
    match (project.bytes, &project.file) {
        (0, Some(_)) => format!("changed {changed}, shares its rows with another project"),
        (0, None) => format!("changed {changed}"),
        (bytes, _) => format!("changed {changed}, {}", format::bytes(bytes as f64)),
    }
}

/// What goes with a project.
pub(crate) fn loss_words(project: &SavedProject) -> String {
    let what = match project.runs.len() {
        0 => "Its rows and its recipe".to_owned(),
        count => format!("Its rows, its recipe and {} with all weights", format::plural(count, "run")),
    };
    match (project.bytes, &project.file) {
        (0, Some(_)) => format!("{what} go, and no room becomes free: another project has the same rows."),
        (0, None) => format!("{what} go, and no room becomes free."),
        (bytes, _) => format!("{what} go, and {} become free.", format::bytes(bytes as f64)),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::ReadOptions;
    use hone_core::metrics::Figure;
    use hone_core::session::protocol::{ProjectState, RunSummary};
    use hone_core::task::Task;

    use super::super::runs::fixtures::saved;
    use super::*;

    fn project(runs: &[&str]) -> SavedProject {
        let (id, name, page) = ("7".to_owned(), "tickets".to_owned(), String::new());
        SavedProject {
            state: ProjectState {
                id,
                name,
                task: Task::default(),
                model: None,
                read: ReadOptions::default(),
                page,
                renamed: Vec::new(),
            },
            file: Some("tickets.csv".into()),
            changed_ms: 0.0,
            runs: runs.iter().map(|id| (*id).to_owned()).collect(),
            bytes: 2_500_000,
        }
    }

    /// A run with a loss.
    fn run(number: u32, loss: f64) -> SavedRun {
        let summary =
            RunSummary { figures: vec![Figure::lower("loss", loss)], measured_step: Some(1), ..RunSummary::default() };
        SavedRun { summary, ..saved(number) }
    }

    #[test]
    fn curves_of_an_imported_project_are_found_by_the_ids_of_this_browser() {
        let (id_there, id) = ("8".to_owned(), "9".to_owned());
        let renamed = [RenamedRun { id_there, id, number_there: 1, number: 2 }];
        let drawn = ["7", "8"].map(str::to_owned).to_vec();
        assert_eq!(rename_ids(drawn, &renamed), ["7", "9"]);
    }

    #[test]
    fn a_project_is_called_after_its_file_without_the_ending() {
        assert_eq!(guessed_name("tickets.csv"), "tickets");
        assert_eq!(guessed_name("C:\\data\\may.2026.jsonl"), "may.2026");
        assert_eq!([guessed_name(""), guessed_name(".csv")], ["Untitled", "Untitled"]);
    }

    #[test]
    fn no_two_copies_have_one_name() {
        assert_eq!(name_of_copy("tickets", &["tickets"]), "tickets (copy)");
        assert_eq!(name_of_copy("tickets", &["tickets", "tickets (copy)"]), "tickets (copy 2)");
    }

    #[test]
    fn the_best_run_is_told_else_the_last() {
        let runs = [run(1, 0.5), run(2, 0.25), run(3, 0.75), run(4, 0.1)];
        let of_three = project(&["1", "2", "3"]);
        assert_eq!(chosen_run(&of_three, &runs).map(|run| run.number), Some(2), "run 4 is of another project");
        let words = runs_words(&of_three, &runs);
        assert!(words.starts_with("3 runs, run 2 has") && words.contains("0.25"), "{words}");
        let one = project(&["3"]);
        assert_eq!(chosen_run(&one, &runs).map(|run| run.number), Some(3), "there is nothing to compare it with");
        assert_eq!(runs_words(&project(&[]), &runs), "no run yet");
        assert_eq!(runs_words(&project(&["1"]), &[saved(1)]), "1 run, not measured");
    }

    #[test]
    fn what_goes_with_a_project_is_said_before_it_is_deleted() {
        assert_eq!(loss_words(&project(&[])), "Its rows and its recipe go, and 2.5 MB become free.");
        let words = loss_words(&project(&["1", "2"]));
        assert!(words.contains("its recipe and 2 runs with all weights go, and 2.5 MB"), "{words}");
        assert_eq!(time_words(&project(&[]), 120_000.0), "changed 2 minutes ago, 2.5 MB");
        let shared = SavedProject { bytes: 0, ..project(&[]) };
        let words = loss_words(&shared);
        assert_eq!(words, "Its rows and its recipe go, and no room becomes free: another project has the same rows.");
        assert_eq!(time_words(&shared, 120_000.0), "changed 2 minutes ago, shares its rows with another project");
        let without_rows = SavedProject { file: None, ..shared };
        assert!(!loss_words(&without_rows).contains("another project"), "it has none to share");
        assert_eq!(time_words(&without_rows, 120_000.0), "changed 2 minutes ago");
    }

    #[test]
    fn notes_come_back_as_they_were() {
        let notes = ProjectNotes {
            of_run: PageNotes { wished_task: Some(Task::default()), ..PageNotes::default() },
            is_named: true,
            step: "recipe".into(),
            drawn: vec!["3".into()],
            sweep: "{}".into(),
            corrections: "[[],null]".into(),
        };
        let (of_run, is_named, step, drawn, sweep, corrections): Written =
            serde_json::from_str(&notes.to_json()).expect("it is JSON");
        assert_eq!((of_run, is_named), (notes.of_run.to_json(), true));
        assert_eq!((step, drawn, sweep, corrections), (notes.step, notes.drawn, notes.sweep, notes.corrections));
    }
}
