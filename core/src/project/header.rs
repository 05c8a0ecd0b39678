//! `project.json` and `run.json`: what a project file says of itself. Unknown fields are refused, so that a typing error is not
//! silently a default.
//!
//! In and out: JSON. Jobs stand in it as they are, with the checks of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::parts::is_of_model;
use super::{Project, ProjectError};
use crate::config::{Job, ModelSource, ReadOptions};
use crate::task::Task;

/// What any layout says first.
#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) hone_project: u32,
}

/// `project.json` of one run.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneRun {
    pub(super) hone_project: u32,
    pub(super) made_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
    pub(super) job: Box<RawValue>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) model_sha256: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) page: String,
}

impl OneRun {
    pub(super) fn of(about: &RunAbout) -> Self {
        let RunAbout { began_ms, note, job, model_sha256, page, .. } = about.clone();
        // An older version does not take several tasks for the first of them.
        let hone_project = if job.parts.is_empty() { 1 } else { 2 };
        let job = RawValue::from_string(job.to_json()).expect("a job is JSON");
        Self { hone_project, made_by: Project::made_by(), began_ms, note, job, model_sha256, page }
    }
}

/// `project.json` of several runs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeveralRuns {
    pub(super) hone_project: u32,
    pub(super) made_by: String,
    pub(super) name: String,
    /// The run that is taken where nobody chooses, from 1 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) main_run: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) draft: Option<ProjectDraft>,
}

/// `run.json`: one of several runs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunHeader {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
    job: Box<RawValue>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    model_sha256: BTreeMap<String, String>,
    /// The model's files lie in the project file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_model: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    page: String,
}

/// What is said of a run, beside its files.
#[derive(Debug, Clone, PartialEq)]
pub struct RunAbout {
    /// Its number on the page where it was made.
    pub number: Option<u32>,
    /// When it began, in milliseconds since 1970, where that is known.
    pub began_ms: Option<f64>,
    /// What the person wrote about it.
    pub note: String,
    /// What is run.
    pub job: Job,
    /// SHA-256 (lower-case hex) of the model's files, by name.
    pub model_sha256: BTreeMap<String, String>,
    /// The model's files lie in the project file.
    pub has_model: bool,
    /// What the page wants back when it goes on with the run.
    pub page: String,
}

impl RunHeader {
    pub(super) fn of(about: &RunAbout) -> Self {
        let RunAbout { number, began_ms, note, job, mut model_sha256, has_model, page } = about.clone();
        // A file of the model whose name would be refused is left out.
        model_sha256.retain(|name, _| !has_model || is_of_model(name));
        let job = RawValue::from_string(job.to_json()).expect("a job is JSON");
        Self { number, began_ms, note, job, model_sha256, has_model, page }
    }

    /// With its job, checked.
    ///
    /// # Errors
    /// When the job can't be used.
    pub(super) fn into_about(self) -> Result<RunAbout, ProjectError> {
        let Self { number, began_ms, note, job, model_sha256, has_model, page } = self;
        let job = Job::from_json(job.get().as_bytes())?;
        Ok(RunAbout { number, began_ms, note, job, model_sha256, has_model, page })
    }
}

/// How a project stood beside its runs: rows, how they are read, and what was typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectDraft {
    /// What is to be learned.
    pub task: Task,
    /// The model that was chosen; `None` where nobody chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSource>,
    /// How the rows are read.
    pub read: ReadOptions,
    /// Training, validation and test rows.
    pub rows: [Option<DraftFile>; 3],
    /// What its task is called where others are learned beside it; `None` names it after its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_name: Option<String>,
    /// The tasks that are learned beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<DraftPart>,
    /// The files of a model of the person's own that was loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_files: Vec<DraftFile>,
    /// What the page wants back when it opens the project.
    pub page: String,
}

impl ProjectDraft {
    /// All files that it names.
    pub fn files(&self) -> impl Iterator<Item = &DraftFile> {
        let of_parts = self.beside.iter().flat_map(|part| part.rows.iter().flatten());
        self.rows.iter().flatten().chain(of_parts).chain(&self.model_files)
    }

    /// Has the page's notes name runs by other ids; `ids` has for each id the one in its place. A text in the notes is replaced where it
    /// is an id as a whole, and all are in one pass: an id may be part of another, or one that is new may be another's old one. Notes
    /// that are no JSON name no runs.
    pub fn rename_runs(&mut self, ids: &BTreeMap<&str, String>) {
        let Ok(mut notes) = serde_json::from_str::<Value>(&self.page) else { return };
        if rename_texts(&mut notes, ids) {
            self.page = notes.to_string();
        }
    }
}

/// Replaces the texts in a value that are keys of `names`; says whether there were any.
fn rename_texts(value: &mut Value, names: &BTreeMap<&str, String>) -> bool {
    match value {
        Value::String(text) => {
            let name = names.get(text.as_str());
            name.inspect(|name| text.clone_from(name)).is_some()
        }
        Value::Array(values) => values.iter_mut().fold(false, |any, value| rename_texts(value, names) | any),
        Value::Object(fields) => fields.values_mut().fold(false, |any, value| rename_texts(value, names) | any),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A task that is learned beside the first one of a draft.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftPart {
    /// Its name.
    pub name: String,
    /// What is to be learned.
    pub task: Task,
    /// How the rows are read.
    pub read: ReadOptions,
    /// Training, validation and test rows.
    pub rows: [Option<DraftFile>; 3],
}

/// A file of rows of a draft, which lies where those of runs do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftFile {
    /// As the person knows it.
    pub name: String,
    /// Lower-case hex.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(page: &str) -> ProjectDraft {
        ProjectDraft {
            task: Task::default(),
            model: None,
            read: ReadOptions::default(),
            rows: [None, None, None],
            own_name: None,
            beside: Vec::new(),
            model_files: Vec::new(),
            page: page.to_owned(),
        }
    }

    #[test]
    fn runs_are_renamed_all_at_once_and_as_a_whole() {
        let renamed = |page: &str, ids: &[(&str, &str)]| {
            let mut draft = draft(page);
            draft.rename_runs(&ids.iter().map(|(id, new)| (*id, (*new).to_owned())).collect());
            draft.page
        };
        let page = r#"["{\"seed\":\"12\"}",true,"12 rows",["12","123","7"],"{\"number\":12}",{"drawn":["12"]}]"#;
        // One id begins another, and the new one of each is the old one of the next.
        let expected = r#"["{\"seed\":\"12\"}",true,"12 rows",["123","12","8"],"{\"number\":12}",{"drawn":["123"]}]"#;
        assert_eq!(renamed(page, &[("12", "123"), ("123", "12"), ("7", "8")]), expected);
        let spaced = r#"[ "a", ["1"] ]"#;
        assert_eq!(renamed(spaced, &[("2", "3")]), spaced, "nothing is renamed, nothing is written anew");
        assert_eq!(renamed("12", &[("12", "13")]), "12", "a number is no id");
        assert_eq!(renamed("no 12 JSON", &[("12", "13")]), "no 12 JSON");
    }
}
