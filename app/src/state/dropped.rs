//! Files, folders and texts that are dropped or pasted anywhere on the page: what is said of several files, what a
//! pasted text is, and where they go. Names are plain data, tested natively.

use hone_core::data::{are_parts, share_out_by_names};
use hone_core::hub::{ADAPTER_CONFIG, MODEL_FILES};
use hone_core::session::protocol::{Problem, ProblemKind};
use js_sys::Uint8Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::DragEvent;

use super::adapter::leave_unread;
use super::images::are_images;
use super::projects::is_project;
use super::{DataSlot, ModelChoice, Step, Store, unreadable};
use crate::browser::{DroppedItems, PickedFile};
use crate::tasks;

/// Lines of a pasted text that are looked at.
const MAX_LINES: usize = 20;

/// Name of the file that files of rows are packed into which belong together.
const PACKED_ROWS: &str = "rows.zip";

/// Names of files that a message has.
const MAX_NAMES: usize = 5;

/// Last bytes of a zip that are looked through for the names of its files.
const ZIP_END_BYTES: usize = 64 << 10;

/// The splits in the order in which files are shared out to them.
const SLOTS: [DataSlot; 3] = [DataSlot::Train, DataSlot::Valid, DataSlot::Test];

/// What is said about several files of which only the first is taken.
fn not_taken(names: &[&str]) -> String {
    let Some((first, others)) = names.split_first() else { return String::new() };
    let (others, are) = (others.join(", "), if others.len() == 1 { "is" } else { "are" });
    format!(
        "Only {first} is read; {others} {are} not. To give validation and test rows in files of their own, drop files \
         with \u{201c}train\u{201d}, \u{201c}valid\u{201d} and \u{201c}test\u{201d} in their names."
    )
}

/// What is said about files that were shared out by their names.
fn shared_out(names: &[&str], indices: &[Option<usize>; 3]) -> String {
    let uses = ["for training", "for validation", "as test rows"];
    let used = indices.iter().zip(uses).filter_map(|(index, what)| Some(format!("{} {what}", names.get((*index)?)?)));
    format!("By their names: {}.", used.collect::<Vec<_>>().join(", "))
}

/// A file name for a pasted text that can be rows; `None` where it is no table and no JSON.
pub(super) fn pasted_name(text: &str) -> Option<&'static str> {
    match text.trim_start().chars().next()? {
        '{' => return Some("pasted.jsonl"),
        '[' => return Some("pasted.json"),
        _ => {}
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(MAX_LINES).collect();
    let is_table = |delimiter: char| lines.iter().all(|line| line.contains(delimiter));
    match lines.as_slice() {
        [] | [_] => None,
        // Cells of a spreadsheet: of a cell with a line break only the last line has a tab.
        [first, ..] if first.contains('\t') => Some("pasted.tsv"),
        _ if [',', ';', '|'].into_iter().any(is_table) => Some("pasted.csv"),
        _ => None,
    }
}

/// Whether a file is a zip, by its name.
pub(super) fn is_zip(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".zip")
}

/// Whether a file is a part of a model, or of an adapter: by its name on the step where models are loaded, elsewhere only where it can be
/// nothing else.
fn is_model_file(name: &str, step: Step) -> bool {
    if name.rsplit('/').next() == Some(ADAPTER_CONFIG) {
        return true;
    }
    let is_named = MODEL_FILES.iter().any(|(known, _)| *known == name) || name.ends_with(".jinja");
    name.ends_with(".safetensors") || (step == Step::Model && is_named)
}

/// Whether a zip says at its end, where the names of its files stand, that it holds an adapter. One that can't be read is said to be none:
/// whoever reads it next says why.
async fn names_adapter(zip: &PickedFile) -> bool {
    let end = zip.read_end(ZIP_END_BYTES).await;
    let has_name = |bytes: Vec<u8>| bytes.windows(ADAPTER_CONFIG.len()).any(|name| name == ADAPTER_CONFIG.as_bytes());
    end.is_ok_and(|end| has_name(Uint8Array::new(&end).to_vec()))
}

impl Store {
    /// Why files can't be taken now.
    pub(crate) fn refusal(self) -> Option<&'static str> {
        if self.run.with(|run| run.is_active()) {
            return Some("A run is going on: stop it before you drop or paste a file.");
        }
        if self.data.loading.get() || self.loading_sample.get() {
            return Some("Rows are being read: wait until that is done, or cancel it.");
        }
        if let Some(packing) = self.images.packing.get() {
            return Some(packing.refusal());
        }
        self.model.loading.get().then_some("A model is being loaded: wait until that is done.")
    }

    /// What is dropped or pasted may be an image, and not only the picture of a text.
    pub(crate) fn takes_images(self) -> bool {
        match self.step.get() {
            Step::Try => self.tries_images(),
            _ => tasks::of(self.data.task.get()).reads_images,
        }
    }

    /// Takes what was dropped anywhere: files, and folders with all that is in them.
    pub(crate) fn take_dropped(self, dropped: DroppedItems) {
        if !dropped.has_folders() {
            if !dropped.files.is_empty() {
                self.take_files(dropped.files);
            }
            return;
        }
        spawn_local(async move {
            match dropped.all().await {
                Ok(files) => self.take_folder(files),
                Err(error) => self.report(self.step.get_untracked(), unreadable(error)),
            }
        });
    }

    /// Takes what was dropped on a part of the page: `on_files` gets it with all that is in folders. What can't be read is said at `step`.
    pub(crate) fn take_dropped_on_part(self, event: &DragEvent, step: Step, on_files: Callback<Vec<PickedFile>>) {
        let Some(data) = event.data_transfer() else { return };
        event.prevent_default(); // the page does not take it too
        let dropped = DroppedItems::of(&data);
        spawn_local(async move {
            match dropped.all().await {
                Ok(files) => on_files.run(files),
                Err(error) => self.report(step, unreadable(error)),
            }
        });
    }

    /// Takes the files of folders: images are packed with their paths, which say what class they are.
    pub(crate) fn take_folder(self, files: Vec<PickedFile>) {
        let step = self.step.get_untracked();
        if files.is_empty() {
            let (message, hint) = ("the folder is empty".into(), "Choose one with files in it.".into());
            return self.report(step, Problem { kind: ProblemKind::Data, message, hint });
        }
        let has_model = files.iter().any(|file| is_model_file(&file.name, step));
        let is_refused = untrack(|| self.refusal()).is_some();
        if has_model || is_refused || !tasks::of(self.data.task.get_untracked()).reads_images {
            return self.take_files(files);
        }
        if step != Step::Data {
            self.go_to(Step::Data);
        }
        self.use_images(files);
    }

    /// Takes files that were dropped or pasted anywhere: those of a model, or of an adapter, to the step Model, others as data.
    pub(crate) fn take_files(self, files: Vec<PickedFile>) {
        let step = self.step.get_untracked();
        if are_images(&files) && step == Step::Try && untrack(|| self.tries_images()) {
            return self.images.tried.set(files.into_iter().next());
        }
        if let Some(why) = untrack(|| self.refusal()) {
            let names: Vec<_> = files.iter().map(|file| file.name.as_str()).take(MAX_NAMES).collect();
            let more = if files.len() > MAX_NAMES { " and more" } else { "" };
            let message = format!("{}{more} was not taken", names.join(", "));
            return self.report(step, Problem { kind: ProblemKind::Data, message, hint: why.into() });
        }
        if let Some(project) = files.iter().find(|file| is_project(&file.name)) {
            if files.len() == 1 {
                return self.open_project(project.clone());
            }
            let (message, hint) = (format!("{} was not opened", project.name), "Drop a project file alone.".into());
            return self.report(step, Problem { kind: ProblemKind::Data, message, hint });
        }
        if files.iter().any(|file| is_model_file(&file.name, step)) {
            return self.take_model_files(files);
        }
        let is_one_zip = matches!(files.as_slice(), [file] if is_zip(&file.name));
        if step != Step::Model || !is_one_zip {
            return self.take_rows(files);
        }
        spawn_local(async move {
            if names_adapter(&files[0]).await {
                self.take_model_files(files);
            } else {
                self.take_rows(files);
            }
        });
    }

    fn take_model_files(self, mut files: Vec<PickedFile>) {
        leave_unread(&mut files);
        self.model.files.set(files);
        self.choose_model(ModelChoice::Local);
        self.go_to(Step::Model);
    }

    /// Takes files as data, at the step Data.
    fn take_rows(self, files: Vec<PickedFile>) {
        if self.step.get_untracked() != Step::Data {
            self.go_to(Step::Data);
        }
        if !are_images(&files) {
            return self.choose_data_files(files);
        }
        if tasks::of(self.data.task.get_untracked()).reads_images {
            return self.take_images(files);
        }
        let message = "images were dropped, and what is to be learned here reads texts".into();
        let hint = "Load a model that sees images at the step Model, and drop them again.".into();
        self.report(Step::Data, Problem { kind: ProblemKind::Data, message, hint });
    }

    /// Takes text that was pasted anywhere but into a field, if it can be rows.
    pub(crate) fn take_text(self, text: &str) {
        let file = pasted_name(text).and_then(|name| PickedFile::from_text(name, text));
        if let Some(file) = file {
            self.take_files(vec![file]);
        }
    }

    /// Takes one file as training rows; several by their names. The parts of a data set go in one zip to the worker's readers, which put
    /// them together.
    pub(crate) fn choose_data_files(self, files: Vec<PickedFile>) {
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        if are_parts(&names) {
            return self.use_packed(files, PACKED_ROWS);
        }
        let has_train = self.data.train.with_untracked(Option::is_some);
        let shared = if names.len() > 1 { share_out_by_names(&names, has_train) } else { None };
        let (chosen, note) = match shared {
            Some(indices) => {
                let file = |index: Option<usize>| index.and_then(|index| files.get(index)).cloned();
                let chosen = SLOTS.into_iter().zip(indices.map(file));
                // Without training rows among them they belong to those that are there.
                let chosen = chosen.filter(|(_, file)| indices[0].is_some() || file.is_some());
                (chosen.collect(), Some(shared_out(&names, &indices)))
            }
            None => {
                let note = (names.len() > 1).then(|| not_taken(&names));
                (vec![(DataSlot::Train, files.first().cloned())], note)
            }
        };
        self.take_data(chosen, note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_several_files_is_said() {
        let said = shared_out(&["a.csv", "b_test.csv"], &[Some(0), None, Some(1)]);
        assert_eq!(said, "By their names: a.csv for training, b_test.csv as test rows.");
        assert!(not_taken(&["a.csv", "b.csv"]).starts_with("Only a.csv is read; b.csv is not."));
        assert!(not_taken(&["a.csv", "b.csv", "c.csv"]).starts_with("Only a.csv is read; b.csv, c.csv are not."));
    }

    #[test]
    fn a_pasted_text_is_named_by_what_it_is() {
        assert_eq!(pasted_name("text\tlabel\nit rains\tweather\n"), Some("pasted.tsv"));
        assert_eq!(pasted_name("text,label\nit rains,weather\n"), Some("pasted.csv"));
        assert_eq!(pasted_name("text;label\nit rains;weather"), Some("pasted.csv"));
        assert_eq!(pasted_name(" {\"text\": \"it rains\"}"), Some("pasted.jsonl"));
        assert_eq!(pasted_name("[{\"text\": 1}]"), Some("pasted.json"));
        for text in ["", "\n", "a word", "first, second", "Dear all,\nit rains.\nYours, A"] {
            assert_eq!(pasted_name(text), None, "{text}");
        }
    }

    #[test]
    fn a_models_files_are_known_by_their_names_where_models_are_loaded() {
        assert!(is_model_file("config.json", Step::Model) && !is_model_file("config.json", Step::Data));
        assert!(is_model_file("model.safetensors", Step::Data));
        assert!(!is_model_file("rows.json", Step::Model));
        assert!(
            is_model_file("faq/adapter_config.json", Step::Data)
                && !is_model_file("adapter_config.json.txt", Step::Data)
        );
    }
}
