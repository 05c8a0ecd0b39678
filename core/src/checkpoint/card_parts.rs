//! What a model card says of a task that was learned together with others.

use std::fmt::Write as _;

use super::card_code::{model_argument, quoted};
use crate::config::{Job, JobPart};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataHashes, ModelSource, ReadOptions, RunConfig};
    use crate::task::Task;

    #[test]
    fn the_other_tasks_are_named_and_all_are_learned_again() {
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        assert_eq!(beside(&job), "");
        let part = |name: &str, task: Task| JobPart {
            name: name.into(),
            task,
            data_file: Some(format!("{name}.csv")),
            data_sha256: DataHashes::default(),
            read: ReadOptions::default(),
        };
        let parts = Task::ALL[..2].iter().zip(["topic", "mood"]).map(|(&task, name)| part(name, task)).collect();
        let job = Job { parts, ..job };
        let [first, second] = [Task::ALL[0], Task::ALL[1]].map(Task::name);
        let sentence = beside(&job);
        assert!(sentence.contains(&format!("`topic` ({first})")) && sentence.contains(&format!("`mood` ({second})")));
        let command = command(&job);
        for part in [format!("topic:{first}:path/to/topic.csv"), format!("mood:{second}:path/to/mood.csv")] {
            assert!(command.contains("--part") && command.contains(&part), "{command}");
        }
    }
}
