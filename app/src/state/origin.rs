//! What figures, answers and exports are of: the run behind them, and whether a run now would be made of the same. Plain
//! values, tested natively.

use hone_core::config::{Method, ModelChanges, ReadOptions, RunConfig};
use hone_core::task::Task;

use crate::browser::FileIdentity;
use crate::format;

/// What a run was made of, as the page knew it when it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    /// Counted since the page was opened.
    pub number: u32,
    /// Name of the pretrained model.
    pub model: String,
    pub task: Task,
    /// Name of the training file.
    pub file: String,
    pub made_of: MadeOf,
}

/// What a run depends on besides the model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MadeOf {
    /// The recipe; `None` while something in it is wrong.
    pub run: Option<RunConfig>,
    /// What was changed of the model before; `None` while something in it is wrong.
    pub changes: Option<ModelChanges>,
    pub read: ReadOptions,
    /// The chosen training, validation and test file.
    pub files: [Option<FileIdentity>; 3],
    /// Other tasks that are learned with it.
    pub beside: Beside,
}

/// What is learned beside the rows that the step Data shows; nothing where there is one task.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Beside {
    /// What all tasks are called, that of the step Data first.
    pub names: Vec<String>,
    /// What the others are, and their files with how they are read.
    pub parts: Vec<(Task, ReadOptions, [Option<FileIdentity>; 3])>,
}

impl Origin {
    /// `run 2 on tickets.csv (all weights, 3 epochs, rate 5e-5)`.
    pub(crate) fn describe(&self) -> String {
        let settings = self.made_of.run.as_ref().map_or_else(String::new, |run| {
            let epochs = format::plural(run.num_train_epochs as usize, "epoch");
            let rate = run.learning_rate;
            let rate = if rate < 1e-3 { format!("{rate:e}") } else { rate.to_string() };
            format!(" ({}, {epochs}, rate {rate})", method_words(run.method))
        });
        format!("run {} on {}{settings}", self.number, self.file)
    }

    /// What has changed since: why figures of this run are not those of a run now. `None` where nothing has.
    pub(crate) fn changed_since(&self, now: &MadeOf) -> Option<String> {
        let then = &self.made_of;
        let changes = [
            (then.files != now.files, "other rows were chosen"),
            (then.read != now.read, "the rows are read in another way"),
            (then.beside != now.beside, "other tasks are learned at once"),
            (then.run != now.run, "the recipe was changed"),
            (then.changes != now.changes, "other changes to the model were chosen"),
        ];
        let changes: Vec<&str> = changes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what).collect();
        (!changes.is_empty()).then(|| format!("Out of date: since run {}, {}.", self.number, changes.join(" and ")))
    }

    /// Name of a file of this run; see [`file_name`].
    pub(crate) fn file_name(&self, what: &str, ending: &str) -> String {
        let method = self.made_of.run.as_ref().map(|run| run.method);
        file_name(&self.model, self.task, method, what, self.number, ending)
    }
}

/// `<model>-<task>-<method>-<what>-run<number>.<ending>`: what is empty or not known is left out, and so is the number of
/// the first run. Only letters, digits, dots, dashes and underscores, which every file system takes.
pub(crate) fn file_name(
    model: &str,
    task: Task,
    method: Option<Method>,
    what: &str,
    number: u32,
    ending: &str,
) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let model = model.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
    let model: String = model.chars().map(safe).collect();
    let model = model.trim_matches(['-', '.']);
    let mut name = format!("{}-{}", if model.is_empty() { "model" } else { model }, task.spec().pipeline);
    let number = if number > 1 { format!("run{number}") } else { String::new() };
    for part in [method.map(method_name).unwrap_or_default(), what.into(), number] {
        if !part.is_empty() {
            name.push('-');
            name.push_str(&part);
        }
    }
    format!("{name}.{ending}")
}

/// What is trained, in the words of the recipe.
fn method_words(method: Method) -> String {
    match method {
        Method::Full => "all weights".into(),
        Method::Head => "the head only".into(),
        Method::Lora => "adapters".into(),
        Method::LastLayers(count) => format!("the last {}", format::plural(count as usize, "layer")),
    }
}

fn method_name(method: Method) -> String {
    match method {
        Method::Full => "full".into(),
        Method::Head => "head".into(),
        Method::Lora => "lora".into(),
        Method::LastLayers(count) => format!("last-{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Training rows alone.
    fn files(stamp: u64) -> [Option<FileIdentity>; 3] {
        [Some(FileIdentity { name: "tickets.csv".into(), size_bytes: 9e3, stamp }), None, None]
    }

    fn origin(number: u32, method: Method) -> Origin {
        let run = RunConfig { method, num_train_epochs: 3, learning_rate: 5e-5, ..RunConfig::default() };
        Origin {
            number,
            model: "sentence-transformers/all-MiniLM-L6-v2".into(),
            task: Task::default(),
            file: "tickets.csv".into(),
            made_of: MadeOf {
                run: Some(run),
                changes: Some(ModelChanges::default()),
                read: ReadOptions::default(),
                files: files(1),
                beside: Beside::default(),
            },
        }
    }

    #[test]
    fn a_run_is_described_by_its_number_file_and_settings() {
        assert_eq!(origin(2, Method::Full).describe(), "run 2 on tickets.csv (all weights, 3 epochs, rate 5e-5)");
        let mut last = origin(1, Method::LastLayers(2));
        if let Some(run) = &mut last.made_of.run {
            run.learning_rate = 3e-3;
        }
        assert_eq!(last.describe(), "run 1 on tickets.csv (the last 2 layers, 3 epochs, rate 0.003)");
    }

    #[test]
    fn whatever_changed_since_the_run_is_said() {
        let origin = origin(2, Method::Full);
        let mut now = origin.made_of.clone();
        assert_eq!(origin.changed_since(&now), None);
        now.files = files(2);
        let changed = "Out of date: since run 2, other rows were chosen.";
        assert_eq!(origin.changed_since(&now).as_deref(), Some(changed), "the file was changed meanwhile");
        let with_test = [now.files[0].clone(), None, now.files[0].clone()];
        assert!(origin.changed_since(&MadeOf { files: with_test, ..now.clone() }).is_some());
        let beside = Beside { names: vec!["tickets".into(), "mood".into()], parts: Vec::new() };
        let changed = origin.changed_since(&MadeOf { beside, ..now.clone() }).expect("another task");
        assert!(changed.ends_with("and other tasks are learned at once."), "{changed}");
        now.run = None;
        let changed = origin.changed_since(&now).expect("two things changed");
        assert!(changed.ends_with("other rows were chosen and the recipe was changed."), "{changed}");
        let changes = Some(ModelChanges { add_layers: 1, ..ModelChanges::default() });
        let changed = origin.changed_since(&MadeOf { changes, ..origin.made_of.clone() });
        assert!(changed.is_some_and(|changed| changed.contains("changes to the model")));
        let read = ReadOptions { text_column: Some("body".into()), ..ReadOptions::default() };
        let changed = origin.changed_since(&MadeOf { read, ..origin.made_of.clone() });
        assert!(changed.is_some_and(|changed| changed.contains("read in another way")));
    }

    #[test]
    fn the_same_file_chosen_again_is_no_change() {
        let origin = origin(1, Method::Full);
        let now = MadeOf { files: files(1), ..origin.made_of.clone() };
        assert_eq!(origin.changed_since(&now), None);
        let during = MadeOf { files: files(2), ..now.clone() };
        assert!(origin.changed_since(&during).is_some(), "another file is being read");
        assert_eq!(origin.changed_since(&now), None, "that was cancelled, and the file before is back");
    }

    #[test]
    fn files_have_names_that_tell_them_apart() {
        let first = origin(1, Method::Lora);
        assert_eq!(first.file_name("adapter", "zip"), "all-MiniLM-L6-v2-text-classification-lora-adapter.zip");
        assert_eq!(first.file_name("", "zip"), "all-MiniLM-L6-v2-text-classification-lora.zip");
        let second = origin(2, Method::LastLayers(2));
        let name = second.file_name("wrong-rows", "csv");
        assert_eq!(name, "all-MiniLM-L6-v2-text-classification-last-2-wrong-rows-run2.csv");
        let plain = |model: &str| file_name(model, Task::default(), None, "hone", 0, "json");
        assert_eq!(plain("C:\\models\\läuft gut!\\"), "l-uft-gut-text-classification-hone.json");
        assert_eq!(plain("東京"), "model-text-classification-hone.json", "nothing is left of this name");
    }
}
