//! `--model DIR|ID`: from a folder or a hub id to the model's files, in memory but for the weights, which are read where they lie.
//!
//! Looked for in this order: a folder of that name, our cache, `public/models/` of the current folder (where set-up
//! puts the page's model), the cache of the hub's own tools, the hub. Which it was is said, unless it is the folder.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, bail};
use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, INDEX, RESULTS_FILE, WEIGHTS, shard_names};
use hone_core::config::{JOB_FILE, Job, ModelSource};
use hone_core::folder::Folder;
pub(crate) use hone_core::hub::CONFIG;
use hone_core::hub::{
    HEAD_START_BYTES, HubError, KNOWN_MODELS, MODEL_FILES, check_file, check_revision, check_weight_file_name,
    head_length, is_repository_id, is_wanted,
};
use hone_core::model::{BackboneConfig, ModelConfig};

use crate::cache;
use crate::checkpoint_dir;
use crate::disk_file::DiskFile;
use crate::failure::io_error;
use crate::hub_cache;
use crate::missing_files::why_missing;
use crate::models;
use crate::output::read_file;
use crate::progress::say;

/// A model's files, and where they came from.
#[derive(Debug)]
pub(crate) struct ModelFiles {
    pub(crate) source: ModelSource,
    pub(crate) folder: Folder,
    /// The folder on disk.
    pub(crate) dir: PathBuf,
}

/// Finds, or fetches, and reads a model.
///
/// # Errors
/// When it is nowhere, or a needed file is missing.
pub(crate) fn load(model: &str) -> anyhow::Result<ModelFiles> {
    load_files(model, true)
}

/// As [`load`], without its weights, which need not be there.
///
/// # Errors
/// When it is nowhere, or a needed file is missing.
pub(crate) fn load_without_weights(model: &str) -> anyhow::Result<ModelFiles> {
    load_files(model, false)
}

fn load_files(model: &str, with_weights: bool) -> anyhow::Result<ModelFiles> {
    let dir = Path::new(model);
    if dir.is_dir() {
        let is_unfinished = checkpoint_dir::find(dir).is_some();
        if is_unfinished && !dir.join(CONFIG).is_file() {
            bail!(
                "the folder holds an unfinished run and no model yet: finish it first, with hone train --resume --output \
                 {model}"
            );
        }
        if is_unfinished {
            say(&format!(
                "warning: the folder holds an unfinished run (hone train --resume goes on with it); what is read is the \
                 model from before it: {model}"
            ));
        }
        if let Some(folders) = folders_of_parts(dir) {
            bail!("the folder holds a model for each of several tasks, so name one of them, {folders}: {model}");
        }
        return Ok(ModelFiles {
            source: ModelSource::Local { name: folder_name(dir) },
            folder: read(dir, with_weights)?,
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
    check_revision(revision)?;
    let dir = match on_this_machine(id, revision)? {
        Some((dir, origin)) => {
            say(&format!("model: {id} ({revision}) from {origin}: {}", dir.display()));
            dir
        }
        None => models::fetch(id, revision)?,
    };
    let source = ModelSource::Hub { id: id.into(), revision: revision.into() };
    let folder = read(&dir, with_weights).map_err(|error| match error.downcast::<BadFile>() {
        Ok(bad) => {
            let hint = format!(" (hone models fetch --force {model} fetches it again)");
            anyhow::Error::new(BadFile { hint, ..bad })
        }
        Err(error) => error,
    })?;
    Ok(ModelFiles { source, folder, dir })
}

/// The folders of the models that a run of several tasks left in one folder; `None` where it is none of such a run.
fn folders_of_parts(dir: &Path) -> Option<String> {
    if dir.join(CONFIG).is_file() {
        return None;
    }
    let job = Job::from_json(&fs::read(dir.join(JOB_FILE)).ok()?).ok()?;
    let folders: Vec<String> = job.parts.iter().map(|part| dir.join(&part.name).display().to_string()).collect();
    (!folders.is_empty()).then(|| folders.join(" or "))
}

/// The folder of a model that is already here, and where that is.
fn on_this_machine(id: &str, revision: &str) -> anyhow::Result<Option<(PathBuf, String)>> {
    if let Some((dir, manifest)) = cache::find(id, revision)? {
        let from = manifest.hub.map_or_else(String::new, |hub| format!(" (fetched from {hub})"));
        return Ok(Some((dir, format!("the cache{from}"))));
    }
    if let Some(dir) = in_public(id, revision) {
        return Ok(Some((dir, "this folder's public/models".to_owned())));
    }
    Ok(hub_cache::find(id, revision).map(|dir| (dir, "the cache of the hub's own tools".to_owned())))
}

/// A model, and the adapter that goes on it.
#[derive(Debug)]
pub(crate) struct WithAdapter {
    pub(crate) files: ModelFiles,
    pub(crate) adapter: Option<Folder>,
}

/// Files of an adapter that need not be there: its labels, how it was trained, its card, its figures.
const ADAPTER_EXTRAS: [&str; 4] = [CONFIG, JOB_FILE, "README.md", RESULTS_FILE];

/// As [`load`]; `model` may be a folder that holds only an adapter, which names its base model.
///
/// # Errors
/// When model or adapter are nowhere, or a needed file is missing.
pub(crate) fn load_with_adapter(model: &str, adapter: Option<&Path>) -> anyhow::Result<WithAdapter> {
    let dir = Path::new(model);
    if adapter.is_none() && is_adapter(dir) {
        let (base, adapter) = (base_of(dir)?, read_adapter(dir)?);
        let files = load(&base).with_context(|| {
            format!(
                "the adapter's base model is not here: give its folder with --model, and this one with --adapter {model} (hone rate \
                 takes it as --base)"
            )
        })?;
        return Ok(WithAdapter { files, adapter: Some(adapter) });
    }
    let adapter = adapter.map(read_adapter).transpose()?;
    Ok(WithAdapter { files: load(model)?, adapter })
}

/// Whether a folder holds an adapter, and no model beside it.
pub(crate) fn is_adapter(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).is_file();
    has(ADAPTER_WEIGHTS) && !has(WEIGHTS) && !has(INDEX)
}

fn read_adapter(dir: &Path) -> anyhow::Result<Folder> {
    let mut folder = Folder::new();
    if dir.is_file() {
        bail!("--adapter wants the folder that holds the adapter's files, not one of them: {}", dir.display());
    }
    if let Some(inner) = inner_adapter(dir) {
        bail!("the adapter lies in a folder within this one, name that with --adapter: {}", inner.display());
    }
    if !dir.join(ADAPTER_WEIGHTS).is_file() && dir.join("adapter_model.bin").is_file() {
        bail!(
            "there is only adapter_model.bin: load the adapter in PEFT and save it again with save_pretrained, which writes \
             {ADAPTER_WEIGHTS}: {}",
            dir.display()
        );
    }
    for name in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
        folder.insert(name, read_model_file("read the adapter", dir, name)?);
    }
    for name in ADAPTER_EXTRAS.into_iter().filter(|name| dir.join(name).is_file()) {
        folder.insert(name, read_model_file("read the adapter", dir, name)?);
    }
    Ok(folder)
}

/// The first folder within `dir` that holds an adapter, where `dir` holds none: PEFT puts an adapter with a name in one.
fn inner_adapter(dir: &Path) -> Option<PathBuf> {
    let has_settings = |dir: &Path| dir.join(ADAPTER_CONFIG).is_file();
    let folders = fs::read_dir(dir).ok().filter(|_| !has_settings(dir))?.flatten().map(|entry| entry.path());
    folders.filter(|path| has_settings(path)).min()
}

/// The model that an adapter was made for: as it is named, or a folder of that name beside the adapter's. Says which was
/// taken, since the adapter may be a stranger's.
fn base_of(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(ADAPTER_CONFIG);
    let config: serde_json::Value = serde_json::from_slice(&read_model_file("read the adapter", dir, ADAPTER_CONFIG)?)
        .with_context(|| format!("this is not JSON: {}", path.display()))?;
    let base = config.get("base_model_name_or_path").and_then(serde_json::Value::as_str);
    let base = base.filter(|base| !base.is_empty()).with_context(|| {
        format!("the adapter does not say which model it is for, name that with --model: {}", path.display())
    })?;
    let beside = dir.join("..").join(base);
    // A name that climbs means a place beside the adapter, never one that depends on where the command was started.
    let climbs = Path::new(base).components().any(|part| part == Component::ParentDir);
    let is_here = !climbs && Path::new(base).is_dir();
    let taken = if !is_here && beside.join(CONFIG).is_file() {
        beside.to_string_lossy().into_owned()
    } else if climbs {
        bail!("the adapter names a model that is not beside it ({base:?}), name it with --model: {}", path.display());
    } else {
        let revision = config.get("revision").and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        match revision.filter(|_| !is_here && !base.contains('@')) {
            Some(revision) => format!("{base}@{revision}"),
            None => base.to_owned(),
        }
    };
    say(&format!("base model, as {ADAPTER_CONFIG} names it: {taken}"));
    Ok(taken)
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
    let folders = [Path::new("public/models").join(id), Path::new("public/models").join(name)];
    folders.into_iter().filter(|_| revision == "main").find(|dir| dir.join(WEIGHTS).is_file())
}

/// Where a model's file lies in its folder. The one place where such a name becomes a path: names of weights come from
/// an index that a stranger may have written.
///
/// # Errors
/// When the name is neither one that Hone knows nor the plain name of a weight file.
pub(crate) fn path_in(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let is_known = MODEL_FILES.iter().any(|(known, _)| *known == name)
        || ADAPTER_EXTRAS.contains(&name)
        || [INDEX, ADAPTER_CONFIG].contains(&name);
    if !is_known {
        check_weight_file_name(name)?;
    }
    Ok(dir.join(name))
}

/// Whether a model with this config.json reads images, so that it has no tokenizer. What can't be used is left to who loads it.
pub(crate) fn reads_images(config: &[u8]) -> bool {
    ModelConfig::from_json(config).is_ok_and(|config| matches!(config.backbone, BackboneConfig::Vision(_)))
}

/// A model's file, checked by its first bytes before memory is asked for the rest.
///
/// # Errors
/// When it can't be read, is too large, or is not what its name says.
pub(crate) fn read_model_file(doing: &str, dir: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    read_file(doing, &checked_path(doing, dir, name)?)
}

/// Where a model's file lies, once its first bytes are known to be those of such a file.
fn checked_path(doing: &str, dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = path_in(dir, name)?;
    check_on_disk(name, &path, Depth::Start).map_err(|error| match error.downcast::<HubError>() {
        Ok(error) => {
            let (doing, path) = (doing.to_owned(), path.clone());
            anyhow::Error::new(BadFile { doing, error, hint: String::new(), path })
        }
        Err(error) => error,
    })?;
    Ok(path)
}

/// A file that is not what its name says.
#[derive(Debug)]
struct BadFile {
    doing: String,
    error: HubError,
    hint: String,
    path: PathBuf,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {}: {}{}: {}", self.doing, self.error, self.hint, self.path.display())
    }
}

impl std::error::Error for BadFile {}

/// How much of a text is checked; of weights it is always the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Length and first bytes: whoever reads it checks the rest.
    Start,
    /// All of it.
    Whole,
}

/// Checks what a file is by its length and its first bytes. What is missing or no file at all is left to who reads it.
///
/// # Errors
/// When it can't be read, is too large, or is not what its name says.
pub(crate) fn check_on_disk(name: &str, path: &Path, depth: Depth) -> anyhow::Result<()> {
    // Opening a pipe would wait for ever.
    if !fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Ok(());
    }
    let failed = |e: io::Error| io_error("read the file", &e, path);
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut head = Vec::new();
    file.by_ref().take(HEAD_START_BYTES).read_to_end(&mut head).map_err(failed)?;
    if depth == Depth::Whole || name.ends_with(".safetensors") {
        let more = head_length(name, &head, length).saturating_sub(head.len() as u64);
        file.take(more).read_to_end(&mut head).map_err(failed)?;
    }
    Ok(check_file(name, &head, length)?)
}

/// Reads the files that loading can use; the rest of the folder stays where it is.
fn read(dir: &Path, with_weights: bool) -> anyhow::Result<Folder> {
    let mut folder = Folder::new();
    let is_sharded = with_weights && dir.join(INDEX).is_file() && !dir.join(WEIGHTS).is_file();
    if is_sharded {
        let bytes = read_model_file("read the model", dir, INDEX)?;
        for name in shard_names(&bytes)? {
            add_file(&mut folder, dir, &name)?;
        }
        folder.insert(INDEX, bytes);
    }
    let is_read = |(name, _): &(&str, bool)| with_weights || *name != WEIGHTS;
    for (name, required) in MODEL_FILES.iter().copied().chain([(JOB_FILE, false)]).filter(is_read) {
        if dir.join(name).is_file() && is_wanted(name, |file| folder.get(file).is_some()) {
            add_file(&mut folder, dir, name)?;
        } else if required && !(is_sharded && name == WEIGHTS) {
            bail!("{name} is missing{} in the model folder: {}", why_missing(dir, name), dir.display());
        }
    }
    Ok(folder)
}

/// Adds a file of a model to a folder; one of weights stays on the disk.
fn add_file(folder: &mut Folder, dir: &Path, name: &str) -> anyhow::Result<()> {
    let path = checked_path("read the model", dir, name)?;
    match name.ends_with(".safetensors") {
        true => folder.insert_stored(name, Rc::new(DiskFile::open("read the model", &path)?)),
        false => folder.insert(name, read_file("read the model", &path)?),
    }
    Ok(())
}

/// The path of a file, or a folder of images, that a job names: beside the job file, or in the current folder. `what` it is
/// and the `remedy` go into the error.
pub(crate) fn beside(job: &Path, name: &str, what: &str, remedy: &str) -> anyhow::Result<PathBuf> {
    let folder = job.parent().unwrap_or(Path::new("."));
    let paths = [folder.join(name), PathBuf::from(name)];
    let found = paths.into_iter().find(|path| path.is_file() || path.is_dir());
    found.with_context(|| format!("the job's {what} is neither beside the job nor here, {remedy}: {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_split_and_completed() {
        assert_eq!(split_id("a/b"), ("a/b", "main"));
        assert_eq!(split_id("a/b@v2"), ("a/b", "v2"));
        assert_eq!(split_id("all-MiniLM-L6-v2").0, "sentence-transformers/all-MiniLM-L6-v2");
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
    fn fresh_weights_need_no_file() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at = dir.path().display().to_string();
        for name in ["config.json", "tokenizer.json"] {
            std::fs::write(dir.path().join(name), "{}").expect("writes");
        }
        std::fs::write(dir.path().join(WEIGHTS), "no weights").expect("writes");
        let files = load_without_weights(&at).expect("they are not looked at");
        assert_eq!(files.folder.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["config.json", "tokenizer.json"]);
    }

    #[test]
    fn a_weight_file_stays_in_its_folder() {
        let dir = Path::new("model");
        assert_eq!(path_in(dir, "a.safetensors").expect("plain"), dir.join("a.safetensors"));
        for name in ["config.json", INDEX, JOB_FILE, ADAPTER_CONFIG, ADAPTER_WEIGHTS, "README.md"] {
            path_in(dir, name).expect(name);
        }
        for name in ["../a.safetensors", "/a.safetensors", "passwd", "a/b.safetensors"] {
            path_in(dir, name).expect_err(name);
        }
    }

    #[test]
    fn a_pointer_and_cut_weights_are_named_before_they_are_read() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("config.json"), "{}").expect("writes");
        let weights = dir.path().join("model.safetensors");
        std::fs::write(&weights, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n").expect("writes");
        let message = format!("{:#}", load(&dir.path().display().to_string()).expect_err("a pointer"));
        assert!(message.contains("Git LFS") && message.contains("model.safetensors"), "{message}");
        // A gigabyte that takes no room on the disk: only its header is read.
        let mut bytes = 2_u64.to_le_bytes().to_vec();
        bytes.extend_from_slice(b"{}");
        std::fs::write(&weights, bytes).expect("writes");
        File::options().write(true).open(&weights).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
        let message = format!("{:#}", load(&dir.path().display().to_string()).expect_err("not whole"));
        assert!(message.contains("0 bytes of weights"), "{message}");
        std::fs::remove_file(&weights).expect("removes");
        let config = dir.path().join("config.json");
        File::options().write(true).open(&config).and_then(|file| file.set_len((64 << 20) + 1)).expect("a sparse file");
        let message = format!("{:#}", load(&dir.path().display().to_string()).expect_err("too large"));
        assert!(message.contains("config.json: 67108865 bytes are too many"), "{message}");
    }

    #[test]
    fn an_adapter_is_a_folder_with_its_settings() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let named = root.path().join("french");
        std::fs::create_dir(&named).expect("makes");
        std::fs::write(named.join(ADAPTER_CONFIG), "{}").expect("writes");
        let message = read_adapter(root.path()).expect_err("it lies within").to_string();
        assert!(message.ends_with(&format!("--adapter: {}", named.display())), "{message}");
        let message = read_adapter(&named.join(ADAPTER_CONFIG)).expect_err("a file").to_string();
        assert!(message.starts_with("--adapter wants the folder"), "{message}");
    }

    #[test]
    fn an_adapter_can_climb_only_to_what_lies_beside_it() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let adapter = root.path().join("a/adapter");
        std::fs::create_dir_all(&adapter).expect("makes");
        let name_base = |base: &str| {
            let config = serde_json::json!({ "base_model_name_or_path": base }).to_string();
            std::fs::write(adapter.join(ADAPTER_CONFIG), config).expect("writes");
            base_of(&adapter)
        };
        assert_eq!(name_base("owner/name").expect("an id"), "owner/name");
        let message = name_base("../../etc").expect_err("climbs").to_string();
        assert!(message.contains("../../etc") && message.contains("--model"), "{message}");
        std::fs::create_dir_all(root.path().join("base")).expect("makes");
        std::fs::write(root.path().join("base/config.json"), "{}").expect("writes");
        assert!(name_base("../base").expect("beside").ends_with("a/adapter/../../base"));
    }

    #[test]
    fn a_revision_that_is_none_is_refused_without_the_network() {
        for model in ["a/b@", "a/b@.", "a/b@.."] {
            let message = load(model).expect_err(model).to_string();
            assert!(message.contains("can't be a revision"), "{message}");
        }
    }

    #[test]
    fn a_name_that_is_nothing_is_refused_without_the_network() {
        let message = load("./no/such/folder").expect_err("nowhere").to_string();
        assert!(message.contains("owner/name"), "{message}");
    }
}
