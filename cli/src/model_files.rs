//! `--model DIR|ID`: from a folder or a hub id to the model's files in memory.
//!
//! Looked for in this order: a folder of that name, the cache, `public/models/` of the current folder (where set-up
//! puts the page's model), the hub.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, INDEX, shard_names};
use hone_core::config::{JOB_FILE, ModelSource};
use hone_core::folder::Folder;
use hone_core::hub::{KNOWN_MODELS, MODEL_FILES, is_repository_id};

use crate::cache;
use crate::models;
use crate::output::read_file;

/// A model's files, and where they came from.
#[derive(Debug)]
pub(crate) struct ModelFiles {
    pub(crate) source: ModelSource,
    pub(crate) folder: Folder,
    /// The folder on disk.
    pub(crate) dir: PathBuf,
}

/// The text that [`load`] takes for a model named in a job file.
pub(crate) fn name_of(source: &ModelSource) -> String {
    match source {
        ModelSource::Hub { id, revision } if revision == "main" => id.clone(),
        ModelSource::Hub { id, revision } => format!("{id}@{revision}"),
        ModelSource::Local { name } => name.clone(),
    }
}

/// Finds, or fetches, and reads a model.
///
/// # Errors
/// When it is nowhere, or a needed file is missing.
pub(crate) fn load(model: &str) -> anyhow::Result<ModelFiles> {
    let dir = Path::new(model);
    if dir.is_dir() {
        return Ok(ModelFiles {
            source: ModelSource::Local { name: folder_name(dir) },
            folder: read(dir)?,
            dir: dir.into(),
        });
    }
    if dir.is_file() {
        bail!("--model wants the folder that holds the model's files, not one of them: {model}");
    }
    let (id, revision) = split_id(model);
    if is_repository_id(id).is_err() {
        bail!("there is no folder of that name, and it is not a hub id of the form owner/name: {model}");
    }
    let dir = match cache::find(id, revision)?.or_else(|| in_public(id, revision)) {
        Some(dir) => dir,
        None => models::fetch(id, revision)?,
    };
    let source = ModelSource::Hub { id: id.into(), revision: revision.into() };
    Ok(ModelFiles { source, folder: read(&dir)?, dir })
}

/// A model, and the adapter that goes on it.
#[derive(Debug)]
pub(crate) struct WithAdapter {
    pub(crate) files: ModelFiles,
    pub(crate) adapter: Option<Folder>,
}

/// Files of an adapter that need not be there: its labels, how it was trained, its card.
const ADAPTER_EXTRAS: [&str; 3] = ["config.json", JOB_FILE, "README.md"];

/// As [`load`]; `model` may be a folder that holds only an adapter, which names its base model.
///
/// # Errors
/// When model or adapter are nowhere, or a needed file is missing.
pub(crate) fn load_with_adapter(model: &str, adapter: Option<&Path>) -> anyhow::Result<WithAdapter> {
    let dir = Path::new(model);
    let has = |name: &str| dir.join(name).is_file();
    let is_adapter = has(ADAPTER_WEIGHTS) && !has("model.safetensors") && !has(INDEX);
    let (base, adapter) = match adapter {
        None if is_adapter => (base_of(dir)?, Some(dir)),
        adapter => (model.to_owned(), adapter),
    };
    let adapter = adapter.map(read_adapter).transpose()?;
    Ok(WithAdapter { files: load(&base)?, adapter })
}

fn read_adapter(dir: &Path) -> anyhow::Result<Folder> {
    let mut folder = Folder::new();
    for name in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
        folder.insert(name, read_file("read the adapter", &dir.join(name))?);
    }
    for name in ADAPTER_EXTRAS.into_iter().filter(|name| dir.join(name).is_file()) {
        folder.insert(name, read_file("read the adapter", &dir.join(name))?);
    }
    Ok(folder)
}

/// The model that an adapter was made for: as it is named, or a folder of that name beside the adapter's.
fn base_of(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(ADAPTER_CONFIG);
    let config: serde_json::Value = serde_json::from_slice(&read_file("read the adapter", &path)?)
        .with_context(|| format!("this is not JSON: {}", path.display()))?;
    let base = config.get("base_model_name_or_path").and_then(serde_json::Value::as_str);
    let base = base.filter(|base| !base.is_empty()).with_context(|| {
        format!("the adapter does not say which model it is for, name that with --model: {}", path.display())
    })?;
    let beside = dir.join("..").join(base);
    let is_beside = !Path::new(base).is_dir() && beside.join("config.json").is_file();
    Ok(if is_beside { beside.to_string_lossy().into_owned() } else { base.to_owned() })
}

/// `owner/name@revision`, `owner/name`, or the name alone of a model that Hone knows.
pub(crate) fn split_id(text: &str) -> (&str, &str) {
    let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
    let known = KNOWN_MODELS.iter().find(|known| known.id.rsplit('/').next() == Some(id));
    (known.map_or(id, |known| known.id), revision)
}

/// What a person calls a folder: its last part, also for `.` and `models/`.
fn folder_name(dir: &Path) -> String {
    let whole = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    whole.file_name().map_or_else(|| dir.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Where set-up puts the page's model, if it is there and nobody asked for a certain revision.
fn in_public(id: &str, revision: &str) -> Option<PathBuf> {
    let name = id.rsplit('/').next().unwrap_or(id);
    let places = [Path::new("public/models").join(id), Path::new("public/models").join(name)];
    places.into_iter().filter(|_| revision == "main").find(|dir| dir.join("model.safetensors").is_file())
}

/// Reads the files that loading can use; the rest of the folder stays where it is.
fn read(dir: &Path) -> anyhow::Result<Folder> {
    let mut folder = Folder::new();
    let index = dir.join(INDEX);
    let is_sharded = index.is_file() && !dir.join("model.safetensors").is_file();
    if is_sharded {
        let bytes = read_file("read the model", &index)?;
        for name in shard_names(&bytes)? {
            folder.insert(name.as_str(), read_file("read the model", &dir.join(&name))?);
        }
        folder.insert(INDEX, bytes);
    }
    for (name, required) in MODEL_FILES.iter().copied().chain([(JOB_FILE, false)]) {
        let path = dir.join(name);
        if path.is_file() {
            folder.insert(name, read_file("read the model", &path)?);
        } else if required && !(is_sharded && name == "model.safetensors") {
            bail!("{name} is missing{} in the model folder: {}", why_missing(dir, name), dir.display());
        }
    }
    Ok(folder)
}

fn why_missing(dir: &Path, name: &str) -> &'static str {
    if name != "model.safetensors" {
        return "";
    }
    if dir.join("adapter_model.safetensors").is_file() {
        return " (there is only an adapter: name it with --adapter and its model with --model)";
    }
    if dir.join("pytorch_model.bin").is_file() {
        return " (there is only pytorch_model.bin: save it again with transformers' save_pretrained)";
    }
    ""
}

/// The bytes of a file that hangs on a job: beside the job file, or where we stand.
pub(crate) fn beside(job: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = job.parent().unwrap_or(Path::new("."));
    let places = [folder.join(name), PathBuf::from(name)];
    places.into_iter().find(|path| path.is_file()).with_context(|| {
        format!("the job's training file is neither beside the job nor here, say where with --data: {name}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_split_and_completed() {
        assert_eq!(split_id("a/b"), ("a/b", "main"));
        assert_eq!(split_id("a/b@v2"), ("a/b", "v2"));
        assert_eq!(split_id("all-MiniLM-L6-v2").0, "sentence-transformers/all-MiniLM-L6-v2");
        let source = ModelSource::Hub { id: "a/b".into(), revision: "v2".into() };
        assert_eq!(name_of(&source), "a/b@v2");
    }

    #[test]
    fn a_missing_file_is_named_with_its_reason() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at = dir.path().display().to_string();
        std::fs::write(dir.path().join("config.json"), "{}").expect("writes");
        std::fs::write(dir.path().join("pytorch_model.bin"), "x").expect("writes");
        let message = load(&at).expect_err("no weights").to_string();
        assert!(message.contains("model.safetensors is missing (there is only pytorch_model.bin"), "{message}");
        assert!(message.ends_with(&at), "{message}");
    }

    #[test]
    fn a_name_that_is_nothing_is_refused_without_the_network() {
        let message = load("./no/such/folder").expect_err("nowhere").to_string();
        assert!(message.contains("owner/name"), "{message}");
    }
}
