//! Which tasks can be learned beside others, and which settings a run of several has.

use crate::task::{HeadKind, Task};

/// Settings that tasks have and several at once do not.
const OF_ONE_TASK: [&str; 6] =
    ["from_scratch", "packing", "gradient_checkpointing", "class_sampling", "balance_column", "gradual_unfreezing"];

/// Whether a task can be one of several: those that write texts have a table of their own for the next token, and no head
/// beside it, and images have no encoder in common with texts.
#[must_use]
pub fn goes_with_others(task: Task) -> bool {
    let spec = task.spec();
    !spec.writes() && spec.head != HeadKind::Image
}

/// Settings that not every task has, of which a run of these has these.
#[must_use]
pub fn settings_of(tasks: impl IntoIterator<Item = Task>) -> Vec<&'static str> {
    let mut settings: Vec<&str> = Vec::new();
    for name in tasks.into_iter().flat_map(|task| task.spec().settings.iter().copied()) {
        if !OF_ONE_TASK.contains(&name) && !settings.contains(&name) {
            settings.push(name);
        }
    }
    settings.push("task_temperature");
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting;

    #[test]
    fn several_tasks_have_the_settings_of_each_once_and_their_temperature() {
        for name in OF_ONE_TASK {
            assert!(setting(name).is_some(), "{name} is a setting");
        }
        let beside: Vec<Task> = Task::ALL.iter().copied().filter(|task| goes_with_others(*task)).collect();
        assert!(!beside.is_empty() && beside.len() < Task::ALL.len(), "those that write are learned alone");
        let found = settings_of(beside.iter().copied());
        assert_eq!(found.last(), Some(&"task_temperature"));
        assert!(OF_ONE_TASK.iter().all(|name| !found.contains(name)));
        for (index, name) in found.iter().enumerate() {
            assert!(!found[..index].contains(name), "{name} twice");
        }
        let mut of_each = beside.iter().flat_map(|task| task.spec().settings.iter());
        assert!(of_each.all(|name| OF_ONE_TASK.contains(name) || found.contains(name)));
    }
}
