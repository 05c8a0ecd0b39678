//! The job file that a run is made of: reads it, names the field that can't be read, and finds the files and the tasks that it names,
//! where no flag says otherwise.

use std::path::{Path, PathBuf};

use anyhow::Context;
use hone_core::config::{DataHashes, Job, JobError, JobPart, ReadOptions};
use hone_core::file_text::text_of;
use hone_core::task::Task;

use super::{PlanPart, TEST_FILE, VALID_FILE};
use crate::args::{PartArg, TrainArgs};
use crate::failure::Usage;
use crate::model_files::beside;
use crate::output::read_file;

/// What to do where a file of one of several tasks is not found: no flag says where it lies.
const PUT_BESIDE: &str = "put it beside the job, or take its name out of the job file";

pub(super) fn read_job_file(path: &Path) -> anyhow::Result<Job> {
    let bytes = read_file("read the job file", path)?;
    Job::from_json(&bytes).map_err(|error| {
        let field = field_of(&error, &bytes).map_or_else(String::new, |field| format!(", in the field {field}"));
        anyhow::anyhow!("{error}{field}: {}", path.display())
    })
}

/// The field whose value can't be read; `None` where the error names it itself, or is of none.
fn field_of(error: &JobError, bytes: &[u8]) -> Option<String> {
    let JobError::Malformed(error) = error else { return None };
    let message = error.to_string();
    if !["invalid type", "invalid value", "unknown variant"].iter().any(|begin| message.starts_with(begin)) {
        return None;
    }
    let text = text_of(bytes).ok()?;
    let lines_before = text.split_inclusive('\n').take(error.line().checked_sub(1)?);
    let line_start: usize = lines_before.map(str::len).sum();
    last_name(text.get(..line_start + error.column())?).map(str::to_owned)
}

/// The last name of a field in the beginning of a JSON text: in quotes, with a colon behind it.
fn last_name(json: &str) -> Option<&str> {
    let mut rest = json;
    while let Some((before, _)) = rest.rsplit_once(':') {
        let name = before.trim_end().strip_suffix('"').and_then(|quoted| quoted.rsplit_once('"'));
        if let Some((_, name)) = name {
            return Some(name);
        }
        rest = before;
    }
    None
}

/// The tasks that flags or the job file name: flags say where the training rows lie, and win.
pub(super) fn parts_of(args: &TrainArgs, job: Option<&Job>) -> anyhow::Result<Vec<PlanPart>> {
    let of_job = job.map(|job| job.parts.as_slice()).unwrap_or_default();
    if args.part.is_empty() {
        let Some(path) = args.job.as_deref() else { return Ok(Vec::new()) };
        let problems = if of_job.is_empty() { Vec::new() } else { args.flags_of_one_task() };
        if !problems.is_empty() {
            return Err(Usage(problems).into());
        }
        let find = |part: &JobPart| {
            let name = part.data_file.as_deref().with_context(|| format!("the job names no file for {}", part.name))?;
            let file = beside(path, name, "training file", "say where all of them lie with --part")?;
            part_of_job(path, part, file, Some(part.task))
        };
        return of_job.iter().map(find).collect();
    }
    let with_job = |PartArg { name, task, file }: &PartArg| {
        let own = of_job.iter().find(|part| part.name == *name);
        if let (Some(job), Some(part)) = (args.job.as_deref(), own) {
            return part_of_job(job, part, file.clone(), task.or(Some(part.task)));
        }
        let (read, data_sha256) = (ReadOptions::default(), DataHashes::default());
        let (name, task, file) = (name.clone(), *task, file.clone());
        Ok(PlanPart { name, task, file, valid: None, test: None, read, data_sha256 })
    };
    args.part.iter().map(with_job).collect()
}

/// One of several tasks with what the job at `path` says of it: how its rows are read, and its own validation and test rows.
fn part_of_job(path: &Path, part: &JobPart, file: PathBuf, task: Option<Task>) -> anyhow::Result<PlanPart> {
    let find = |name: &Option<String>, what: &str| {
        name.as_deref().map(|name| beside(path, name, &format!("{what} of {}", part.name), PUT_BESIDE)).transpose()
    };
    let (valid, test) = (find(&part.valid_file, VALID_FILE)?, find(&part.test_file, TEST_FILE)?);
    let (read, data_sha256) = (part.read.clone(), part.data_sha256.clone());
    Ok(PlanPart { name: part.name.clone(), task, file, valid, test, read, data_sha256 })
}

/// The file that a flag names, else the one that a job does: the path of that, and the name in it.
pub(super) fn flag_or_job(
    flag: Option<&PathBuf>,
    named: Option<(&Path, &str)>,
    what: &str,
    remedy: &str,
) -> anyhow::Result<Option<PathBuf>> {
    match (flag, named) {
        (Some(path), _) => Ok(Some(path.clone())),
        (None, Some((job, name))) => beside(job, name, what, remedy).map(Some),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_is_told_by_its_field() {
        let field = |run: &str| {
            let json =
                format!("{{\"hone\": 1, \"model\": {{\"local\": {{\"name\": \"C:m\"}}}},\n \"run\": {{{run}}}}}");
            field_of(&Job::from_json(json.as_bytes()).expect_err("it can't be read"), json.as_bytes())
        };
        assert_eq!(field("\"seed\": 1, \"learning_rate\": \"5e-5\"").as_deref(), Some("learning_rate"));
        assert_eq!(field("\"eval_strategy\": \"steps\", \"eval_steps\": 2").as_deref(), Some("eval_strategy"));
        assert_eq!(field("\"seed\": 1, \"learning_rat\": 1"), None, "the error names it");
    }
}
