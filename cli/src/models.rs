//! `hone models list | fetch ID`: what is known, what is cached, and getting more.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use hone_core::checkpoint::{INDEX, shard_names};
use hone_core::hub::{
    KNOWN_MODELS, SENTENCEPIECE_FILES, WantedFiles, check_revision, is_commit, is_repository_id, own_model_folder,
};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::ModelsCommand;
use crate::cache::{self, CachedFile, Manifest};
use crate::download::{Hub, Wanted};
use crate::failure::{Usage, io_error};
use crate::hub_cache;
use crate::hub_env;
use crate::lock::Lock;
use crate::model_files::{CONFIG, path_in, read_model_file, reads_images, split_id};
use crate::output::{remove_dir, remove_file};
use crate::progress::say;

/// Runs `hone models`.
///
/// # Errors
/// See the commands.
pub(crate) fn run(command: ModelsCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelsCommand::List { json } => list(json)?,
        ModelsCommand::Fetch { id, force } => {
            let (id, revision) = split_id(&id);
            let usage = |error: hone_core::hub::HubError| Usage(vec![error.to_string()]);
            is_repository_id(id).map_err(usage)?;
            check_revision(revision).map_err(usage)?;
            let cached = cache::find(id, revision)?.map(|(dir, _)| (dir, "already there"));
            let fetched_by_others = || Some((hub_cache::find(id, revision)?, "already there, in the hub's own cache"));
            let dir = match cached.or_else(fetched_by_others).filter(|_| !force) {
                Some((dir, origin)) => {
                    say(&format!("{origin} (--force fetches it again)"));
                    dir
                }
                None => fetch(id, revision)?,
            };
            writeln!(io::stdout(), "{}", dir.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool) -> anyhow::Result<()> {
    let cached = cache::all()?;
    let mut out = io::stdout().lock();
    if json {
        let known = KNOWN_MODELS.iter().map(|m| {
            json!({ "id": m.id, "title": m.title, "good_for": m.good_for, "licence": m.licence,
                "num_parameters": m.num_parameters, "download_bytes": m.download_bytes })
        });
        let cached = cached.iter().map(|(m, dir)| {
            json!({ "id": m.id, "revision": m.revision, "hub": m.hub, "commit": m.commit, "bytes": m.total_bytes(),
                "path": dir })
        });
        let value = json!({ "known": known.collect::<Vec<_>>(), "cached": cached.collect::<Vec<_>>() });
        writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
        return Ok(());
    }
    writeln!(out, "known to work (other models of the same architectures may be given by their id):")?;
    for model in KNOWN_MODELS {
        let millions = model.num_parameters as f64 / 1e6;
        let size = HumanBytes(model.download_bytes);
        writeln!(out, "  {}\n    {millions:.1} M parameters, {size}, {}; {}", model.id, model.licence, model.good_for)?;
    }
    writeln!(out, "\nin the cache:")?;
    if cached.is_empty() {
        writeln!(out, "  nothing yet; hone models fetch ID puts a model into {}", cache::root()?.display())?;
    }
    for (model, dir) in &cached {
        let at = if model.revision == "main" { String::new() } else { format!("@{}", model.revision) };
        writeln!(out, "  {}{at}  {}  {}", model.id, HumanBytes(model.total_bytes()), dir.display())?;
    }
    Ok(())
}

/// Downloads a model into the cache and returns its folder. Files that a broken attempt left whole are kept. A branch or a tag moves: once
/// the hub has named its commit, the other files are fetched at that.
///
/// # Errors
/// No network, no such model, a file that is not what its name says, a hash that does not match, a full disk.
pub(crate) fn fetch(id: &str, revision: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = own_model_folder(id) {
        bail!("{id} comes with Hone's sources and is on no hub: give --model its folder, {folder}");
    }
    if hub_env::is_offline() {
        bail!("HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set, so the hub is not asked for a model: {id} ({revision})");
    }
    let hub = Hub::from_env()?;
    let url = hub.shown_url();
    let dir = cache::dir_of(id, revision)?;
    if cache::read(&dir).and_then(|manifest| manifest.hub).is_none_or(|from| from == url) {
        return fetch_into(dir, id, revision, &hub);
    }
    // Another hub's files are not mixed with this one's, and stay until these are here.
    let mut aside = dir.clone().into_os_string();
    aside.push(".other");
    let aside = PathBuf::from(aside);
    remove_dir(&aside)?;
    rename(&dir, &aside)?;
    match fetch_into(dir.clone(), id, revision, &hub) {
        Ok(dir) => {
            remove_dir(&aside)?;
            Ok(dir)
        }
        Err(error) => {
            remove_dir(&dir)?;
            rename(&aside, &dir)?;
            Err(error)
        }
    }
}

fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::rename(from, to).map_err(|e| io_error("put the folder in place", &e, to))
}

fn fetch_into(dir: PathBuf, id: &str, revision: &str, hub: &Hub) -> anyhow::Result<PathBuf> {
    let url = hub.shown_url();
    let _lock = Lock::take(&dir)?;
    let token = hub.token_from().map_or_else(String::new, |from| format!(", with the token in {from}"));
    say(&format!("fetching {id} ({revision}) from {url}{token}"));
    let mut manifest = Manifest {
        id: id.into(),
        revision: revision.into(),
        hub: Some(url.clone()),
        commit: None,
        files: Default::default(),
    };
    let mut files = WantedFiles::default();
    while let Some(file) = files.next_file() {
        let name = file.name.as_str();
        let path = path_in(&dir, name)?;
        if !file.is_wanted {
            remove_file(&path)?;
            continue;
        }
        let bar = Bar::new(name);
        // Else files of two commits would lie in one folder, whose manifest names the first.
        let pinned = manifest.commit.as_deref().filter(|commit| is_commit(commit) && !is_commit(revision));
        let wanted = Wanted { id, revision: pinned.unwrap_or(revision), file: name };
        let fetched = hub.fetch(wanted, &path, &mut |done, total| bar.tell(done, total));
        bar.clear();
        let Some(fetched) = fetched.with_context(|| format!("can't fetch {name} of {id}"))? else {
            // A file that an earlier version of the model had would otherwise stay behind.
            remove_file(&path)?;
            if !files.note_missing(&file) {
                bail!("{}: {url}/{id} ({revision})", missing(name));
            }
            continue;
        };
        // The old list is true until a file that it names is replaced.
        if manifest.files.is_empty() {
            cache::unseal(&dir)?;
        }
        files.note_fetched(name);
        if name == INDEX {
            files.add_shards(shard_names(&read_model_file("read the index of the weights", &dir, INDEX)?)?);
        }
        let how = if fetched.verified { ", sha-256 verified" } else { "" };
        say(&format!("  {name}  {}{how}", HumanBytes(fetched.bytes)));
        manifest.commit = manifest.commit.or(fetched.commit);
        let cached = CachedFile { bytes: fetched.bytes, sha256: fetched.sha256, verified: fetched.verified };
        manifest.files.insert(file.name, cached);
    }
    let mut tokenizers = ["tokenizer.json", "vocab.txt", "vocab.json"].into_iter().chain(SENTENCEPIECE_FILES);
    let has_tokenizer = tokenizers.any(|name| manifest.files.contains_key(name));
    if !has_tokenizer && !reads_images(&read_model_file("read the model", &dir, CONFIG)?) {
        bail!("the model has no tokenizer.json, vocab.txt, vocab.json or SentencePiece file: {url}/{id} ({revision})");
    }
    cache::finish(&dir, &manifest)?;
    Ok(dir)
}

fn missing(name: &str) -> &'static str {
    match name {
        CONFIG => "there is no such model or revision (no config.json)",
        INDEX => "the model has no model.safetensors; only models saved in that format can be loaded",
        _ => "the model is not whole: a file of its weights is missing",
    }
}

/// Bytes of one file, on a terminal; silent elsewhere.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(name: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = "  {msg}  {wide_bar} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(name.to_owned());
        Self(Some(bar))
    }

    fn tell(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.0 {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
