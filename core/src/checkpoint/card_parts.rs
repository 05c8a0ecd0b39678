//! What a model card says only now and then: of a task that was learned with others, and of a run that diverged.

use std::fmt::Write as _;

use super::card_code::{model_argument, quoted};
use crate::config::{Job, JobPart, RunConfig, SETTINGS, Techniques, TextAugmentation};
use crate::words::{list, plural};

/// That other tasks were learned on the same encoder, as a sentence; nothing where there are none.
pub(super) fn beside(job: &Job) -> String {
    if job.parts.is_empty() {
        return String::new();
    }
    let names: Vec<String> =
        job.parts.iter().map(|JobPart { name, task, .. }| format!("`{name}` ({})", task.name())).collect();
    let count = plural(names.len(), "task");
    format!(
        "One of {count} that were learned at once, on one encoder with a head for each: {}. The encoder is the same in all \
         of their folders. ",
        list(&names, names.len())
    )
}

/// That the run went back after it had diverged, and at which share of its rate it went on, as a sentence after others;
/// nothing where it did not.
pub(super) fn rollbacks(rollbacks: Option<(u32, f64)>) -> String {
    rollbacks.map_or_else(String::new, |(count, factor)| {
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        format!(
            " The run diverged and went back to an earlier step {times}; it went on at {factor} times the learning rate."
        )
    })
}

/// That changed copies of rows were trained on, too, as a sentence after others; nothing where none were.
pub(super) fn added(num_added: usize) -> String {
    match num_added {
        0 => String::new(),
        count => format!(" Augmentation added {} of training rows.", plural(count, "changed copy")),
    }
}

/// Which techniques of training were in force, and how texts were augmented, as a sentence after others; nothing where none was.
pub(super) fn techniques(run: &RunConfig) -> String {
    let (techniques, augmentation) = (Techniques::default(), TextAugmentation::default());
    let plain = RunConfig { techniques, augmentation, ..run.clone() };
    let differing = SETTINGS.iter().filter(|setting| (setting.get)(run) != (setting.get)(&plain));
    let told: Vec<String> = differing.map(|setting| format!("`{}` {}", setting.name, (setting.get)(run))).collect();
    if told.is_empty() { String::new() } else { format!(" Techniques: {}.", list(&told, told.len())) }
}

/// That the run ended because it diverged, as a sentence after others; nothing where it did not.
pub(super) fn divergence(diverged_at: Option<u32>) -> String {
    diverged_at.map_or_else(String::new, |step| {
        format!(
            " The run diverged at step {step}, where the loss, or an output of the model, was not a number any more, or the loss \
             far above what it was; it ended there, with the weights that it had measured as the best before."
        )
    })
}

/// The command that learns all tasks of the job again.
pub(super) fn command(job: &Job) -> String {
    let mut command = format!("hone train --job hone.json --model {}", model_argument(&job.model));
    for JobPart { name, task, data_file, .. } in &job.parts {
        let file = data_file.as_deref().unwrap_or("rows.csv");
        let part = quoted(&format!("{name}:{}:path/to/{file}", task.name()));
        write!(command, " --part {part}").expect("writing to a string");
    }
    command
}

/// Where the files of validation and test rows have to lie that parts of the job have of their own: `--part` names training
/// rows. A sentence after others; nothing where there are no such files.
pub(super) fn own_files(job: &Job) -> String {
    let files: Vec<String> = job
        .parts
        .iter()
        .flat_map(|part| [&part.valid_file, &part.test_file])
        .flatten()
        .map(|file| format!("`{file}`"))
        .collect();
    if files.is_empty() {
        return String::new();
    }
    let names = list(&files, files.len());
    format!(
        " It takes validation and test rows from the files that `hone.json` names, which have to lie beside it: {names}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelSource, ReadOptions};
    use crate::task::Task;

    #[test]
    fn techniques_are_told_by_the_names_of_their_settings() {
        assert_eq!(techniques(&RunConfig::default()), "");
        let of_run = Techniques { focal_gamma: 2.0, l2_sp: 0.1, ..Techniques::default() };
        let run = RunConfig { techniques: of_run, batch_size: 3, ..RunConfig::default() };
        assert_eq!(techniques(&run), " Techniques: `focal_gamma` 2, `l2_sp` 0.1.");
    }

    #[test]
    fn the_other_tasks_are_named_and_all_are_learned_again() {
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        assert_eq!(beside(&job), "");
        let part =
            |name: &str, task: Task| JobPart { data_file: Some(format!("{name}.csv")), ..JobPart::new(name, task) };
        let parts = Task::ALL[..2].iter().zip(["topic", "mood"]).map(|(&task, name)| part(name, task)).collect();
        let job = Job { parts, ..job };
        let [first, second] = [Task::ALL[0], Task::ALL[1]].map(Task::name);
        let sentence = beside(&job);
        assert!(sentence.contains(&format!("`topic` ({first})")) && sentence.contains(&format!("`mood` ({second})")));
        let command = command(&job);
        for part in [format!("topic:{first}:path/to/topic.csv"), format!("mood:{second}:path/to/mood.csv")] {
            assert!(command.contains("--part") && command.contains(&part), "{command}");
        }
        assert_eq!(own_files(&job), "", "rows of the training files are kept aside");
        let mut job = job;
        job.parts[1].test_file = Some("mood-test.csv".into());
        assert!(own_files(&job).ends_with("beside it: `mood-test.csv`."), "{}", own_files(&job));
    }
}
