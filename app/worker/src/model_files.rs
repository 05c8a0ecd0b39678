//! A model's files: from the disk if they are there, else from the network; verified; kept for the next time.
//!
//! Cached under `models/<hash of the hub's address>/<id>/<revision>/`, so that the files of one hub never answer for
//! another. Files are trusted once their manifest stands beside them and their SHA-256 is the one it names. A branch or a
//! tag of a hub moves: all files are fetched at the commit that it points to when loading begins; the manifest names it.
//!
//! Weights never lie in the worker's memory as a whole: they stay on the disk, else on JavaScript's heap, and core reads them there a
//! tensor at a time (ADR 45).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use hone_core::checkpoint::{INDEX, WEIGHTS, shard_names};
use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::hub::{self, WantedFiles};
use hone_core::session::protocol::{FromWorker, Problem, ProblemKind};
use js_sys::Uint8Array;

use crate::cached_models::{self, MODELS};
use crate::disk::{DiskError, DiskFolder, Manifest, StoredFile};
use crate::fetch::{self, Wanted};
use crate::kept::{KeptFiles, NamedBytes};
use crate::outside_bytes::{BlobBytes, HeapBytes};
use crate::received::{Body, is_weights, part_note};
use crate::{errors, hash, mailbox};

/// Where a model is fetched from.
pub(crate) struct Origin<'a> {
    pub(crate) source: &'a ModelSource,
    /// Folder on the page's own origin; `None` asks the hub.
    pub(crate) base_url: Option<&'a str>,
    pub(crate) hub_url: &'a str,
    /// (file name, lower-case hex), known in advance.
    pub(crate) sha256: &'a [(String, String)],
    /// Milliseconds without a byte after which a connection counts as broken.
    pub(crate) stall_ms: u32,
}

impl Origin<'_> {
    fn address(&self) -> &str {
        self.base_url.unwrap_or(self.hub_url)
    }
}

/// A model's files, and where they are when it must be loaded again.
pub(crate) struct ModelFiles {
    /// Of a hub at the commit, where that is known.
    pub(crate) source: ModelSource,
    pub(crate) folder: Folder,
    pub(crate) kept: KeptFiles,
    /// What there is to say about it.
    pub(crate) notes: Vec<String>,
}

/// What the hub says that a repository holds.
struct Listing {
    /// The commit that the asked revision is.
    commit: Option<String>,
    files: BTreeMap<String, Listed>,
}

/// One file of the hub's listing.
struct Listed {
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// A model's files, from the disk or from the network.
///
/// # Errors
/// A wrong id, no network, a refusal, a file that is missing or does not match its hash.
pub(crate) async fn load_files(origin: &Origin<'_>) -> Result<ModelFiles, Problem> {
    if let (ModelSource::Hub { id, revision }, None) = (origin.source, origin.base_url) {
        hub::is_repository_id(id).and_then(|()| hub::check_revision(revision)).map_err(|error| {
            let hint = "an id looks like owner/name or owner/name@revision, as the hub shows it";
            errors::problem(ProblemKind::Model, error.to_string(), hint)
        })?;
    }
    let path = disk_path(origin);
    let mut notes = Vec::new();
    let disk = match DiskFolder::open(&path).await {
        Ok(disk) => {
            remove_old(origin.source).await;
            Some(disk)
        }
        Err(error) => {
            notes.push(error.problem("the model can't be kept for the next time").message);
            None
        }
    };
    if let Some(disk) = &disk
        && let Some((folder, commit)) = from_disk(disk, origin.sha256).await
    {
        let source = pinned_source(origin, commit, &mut notes);
        return Ok(ModelFiles { source, folder, kept: KeptFiles::OnDisk(path), notes });
    }

    let Downloaded { files, manifest, not_kept } = download(origin, disk.as_ref()).await?;
    let source = pinned_source(origin, manifest.commit.clone(), &mut notes);
    let Some(disk) = disk else {
        let (folder, files) = in_memory(files, None).await?;
        return Ok(ModelFiles { source, folder, kept: KeptFiles::InMemory(files), notes });
    };
    let sealed = match not_kept {
        None => seal(&disk, &manifest).await,
        Some(error) => Err(error),
    };
    if let Err(error) = sealed {
        notes.push(error.problem("the model can't be kept for the next time").message);
        let (folder, files) = in_memory(files, Some(&disk)).await?;
        // No room: leave none of it behind, so that others have some. Else another tab may be at the same files.
        if matches!(error, DiskError::Full) {
            for name in manifest.files.keys() {
                discard(Some(&disk), name).await;
            }
        }
        return Ok(ModelFiles { source, folder, kept: KeptFiles::InMemory(files), notes });
    }
    let mut folder = Folder::new();
    for (name, body) in files {
        match body {
            Body::Memory(bytes) => folder.insert(name, bytes),
            Body::OnHeap(bytes) => folder.insert_stored(name, Rc::new(HeapBytes(bytes))),
            Body::OnDisk(_) => {
                let opened = on_disk(&disk, &name).await.map_err(|error| unread(&name, &error))?;
                folder.insert_stored(name, Rc::new(opened));
            }
        }
    }
    Ok(ModelFiles { source, folder, kept: KeptFiles::OnDisk(path), notes })
}

/// Files that the disk does not keep, as core reads them and as they are kept outside of wasm memory.
///
/// # Errors
/// When one that the disk has for now can't be read.
async fn in_memory(
    files: BTreeMap<String, Body>,
    disk: Option<&DiskFolder>,
) -> Result<(Folder, Vec<NamedBytes>), Problem> {
    let (mut folder, mut kept) = (Folder::new(), Vec::with_capacity(files.len()));
    for (name, body) in files {
        let bytes = match body {
            Body::Memory(bytes) => {
                kept.push((name.clone(), Uint8Array::from(bytes.as_slice())));
                folder.insert(name, bytes);
                continue;
            }
            Body::OnHeap(bytes) => bytes,
            Body::OnDisk(_) => match disk {
                Some(disk) => disk.read_js(&name).await.map_err(|error| unread(&name, &error))?,
                None => return Err(unread(&name, &DiskError::Missing)),
            },
        };
        folder.insert_stored(name.as_str(), Rc::new(HeapBytes(bytes.clone())));
        kept.push((name, bytes));
    }
    Ok((folder, kept))
}

/// A file of the disk, unread.
async fn on_disk(disk: &DiskFolder, name: &str) -> Result<BlobBytes, DiskError> {
    BlobBytes::open(disk.blob(name).await?).map_err(DiskError::Unavailable)
}

/// A file that came can't be read on the disk.
fn unread(name: &str, error: &DiskError) -> Problem {
    let message = format!("{name} came, and can't be read where it was put: {}", error.reason());
    errors::problem(ProblemKind::Storage, message, "try again; close other tabs of this page before that")
}

/// A whole folder of the disk, every hash checked; and of which commit it is, if that is known. Weights stay where they are. `None`: it
/// is not whole, or not what it was.
pub(crate) async fn from_disk(disk: &DiskFolder, known: &[(String, String)]) -> Option<(Folder, Option<String>)> {
    let manifest = disk.manifest().await.ok()??;
    let stored = |name: &str| manifest.files.get(name).and_then(|file| file.sha256.as_deref());
    if !known.iter().all(|(name, sha256)| stored(name).is_some_and(|stored| stored.eq_ignore_ascii_case(sha256))) {
        return None;
    }
    let mut folder = Folder::new();
    for (name, file) in &manifest.files {
        let is_whole = if is_weights(name) {
            // Opened before it is checked: where it is changed after that, it can't be read any more.
            folder.insert_stored(name.as_str(), Rc::new(on_disk(disk, name).await.ok()?));
            file.sha256.is_some() && disk.is_whole(name, file).await.ok()?
        } else {
            let bytes = disk.read(name).await.ok()??;
            let sha256 = hash::sha256_hex(&bytes).await;
            folder.insert(name.as_str(), bytes);
            file.sha256.as_ref() == Some(&sha256)
        };
        if !is_whole {
            let _ = disk.unseal().await;
            return None;
        }
        let message =
            FromWorker::Download { file: name.clone(), received: file.bytes, total: Some(file.bytes), cached: true };
        mailbox::post(&message, Vec::new());
    }
    cached_models::note_use(disk).await;
    Some((folder, manifest.commit))
}

/// Paths of all folders in which a model of this id is cached, whatever its address and its revision.
pub(crate) async fn cached_paths(id: &str) -> Result<Vec<Vec<String>>, DiskError> {
    let mut paths = Vec::new();
    let Some(models) = DiskFolder::find(&[MODELS.to_owned()]).await? else { return Ok(paths) };
    for address in models.names().await? {
        let path = [MODELS.to_owned(), address, id.to_owned()];
        // What is no folder of an address holds none.
        if let Ok(Some(folder)) = DiskFolder::find(&path).await {
            paths.extend(folder.names().await?.into_iter().map(|revision| [&path[..], &[revision]].concat()));
        }
    }
    Ok(paths)
}

/// What was downloaded.
struct Downloaded {
    files: BTreeMap<String, Body>,
    manifest: Manifest,
    /// Why the disk does not have all of it, if so.
    not_kept: Option<DiskError>,
}

async fn download(origin: &Origin<'_>, disk: Option<&DiskFolder>) -> Result<Downloaded, Problem> {
    if let Some(disk) = disk {
        let _ = disk.unseal().await;
    }
    let (mut commit, listing) = match (origin.source, origin.base_url) {
        (ModelSource::Hub { id, revision }, None) => {
            let listing = list_files(origin.hub_url, id, revision, origin.stall_ms).await?;
            let listing = listing.map_or((None, None), |listing| (listing.commit, Some(listing.files)));
            if hub::is_commit(revision) { (Some(revision.clone()), listing.1) } else { listing }
        }
        // The page knows what its own origin serves.
        (_, Some(_)) if !origin.sha256.is_empty() => {
            let listed = |(name, _): &(String, String)| (name.clone(), Listed { bytes: None, sha256: None });
            (None, Some(origin.sha256.iter().map(listed).collect()))
        }
        _ => (None, None),
    };
    let mut files_here: BTreeMap<String, Body> = BTreeMap::new();
    let mut manifest = Manifest::default();
    let mut not_kept = None;
    let mut files = WantedFiles::default();
    while let Some(file) = files.next_file() {
        let name = file.name.as_str();
        if !file.is_wanted {
            continue;
        }
        let listed = listing.as_ref().and_then(|listing| listing.get(name));
        let disk = if not_kept.is_none() { disk } else { None };
        let fetched = if listing.is_some() && listed.is_none() {
            None
        } else {
            let url = url(origin, commit.as_deref(), name)?;
            let bytes = listed.and_then(|listed| listed.bytes);
            let (model, page_means_missing) = (origin.source.name(), origin.base_url.is_some());
            let wanted = Wanted { name, model, url: &url, bytes, page_means_missing, stall_ms: origin.stall_ms };
            fetch::fetch_file(&wanted, disk).await?
        };
        let Some(fetched) = fetched else {
            // Also what loading can do without must come where it is listed.
            if listed.is_some() || !files.note_missing(&file) {
                return Err(missing(origin, name, listing.is_some()));
            }
            continue;
        };
        let body = fetched.body;
        let length = body.num_bytes();
        let head = head_of(&body, disk, name).await?;
        if let Err(error) = hub::check_file(name, &head, length) {
            discard(disk, name).await;
            let hint = "try again; nothing of this file was kept";
            return Err(errors::problem(ProblemKind::Network, error.to_string(), hint));
        }
        if name == INDEX {
            files.add_shards(shards_of(&head)?);
        }
        drop(head);
        let stored = describe(&body, disk, name).await?;
        let found = stored.sha256.clone().unwrap_or_default();
        let known = origin.sha256.iter().find(|(file, _)| file == name).map(|(_, sha256)| sha256.as_str());
        let promised = known.or(listed.and_then(|listed| listed.sha256.as_deref())).or(fetched.sha256.as_deref());
        if let Some(promised) = promised.filter(|promised| !promised.trim().eq_ignore_ascii_case(&found)) {
            discard(disk, name).await;
            return Err(mismatch(name, promised, found, length));
        }
        manifest.files.insert(name.into(), stored);
        files.note_fetched(name);
        files_here.insert(name.to_owned(), body);
        not_kept = not_kept.or(fetched.not_kept);
        if origin.base_url.is_none() {
            commit = commit.or(fetched.commit.filter(|commit| hub::is_commit(commit)));
        }
    }
    manifest.commit = commit;
    Ok(Downloaded { files: files_here, manifest, not_kept })
}

/// The files of weights that an index names.
fn shards_of(index: &[u8]) -> Result<Vec<String>, Problem> {
    let refused = |message: String| errors::problem(ProblemKind::Model, message, "choose another model or revision");
    let shards = shard_names(index).map_err(|error| refused(error.to_string()))?;
    let unsafe_name = shards.iter().find_map(|shard| hub::check_weight_file_name(shard).err());
    unsafe_name.map_or(Ok(shards), |error| Err(refused(error.to_string())))
}

/// Why a file is refused whose hash is not the one that was promised.
fn mismatch(name: &str, promised: &str, found: String, num_bytes: u64) -> Problem {
    let error = hub::HubError::Mismatch { file: name.into(), expected: promised.to_owned(), found, bytes: num_bytes };
    let hint = "try again; if it happens again, the file was changed on its way or on the server: do not use it";
    errors::problem(ProblemKind::Network, error.to_string(), hint)
}

/// The bytes by which a file is known for what it is: of weights their header, all of another.
async fn head_of<'a>(body: &'a Body, disk: Option<&DiskFolder>, name: &str) -> Result<Cow<'a, [u8]>, Problem> {
    let length = body.num_bytes();
    let read = async |end: u64| match (body, disk) {
        (Body::OnHeap(bytes), _) => Ok(bytes.subarray(0, end as u32).to_vec()),
        (_, Some(disk)) => disk.read_part(name, 0, end).await.map_err(|error| unread(name, &error)),
        (_, None) => Err(unread(name, &DiskError::Missing)),
    };
    if let Body::Memory(bytes) = body {
        return Ok(Cow::Borrowed(bytes));
    }
    let start = read(length.min(hub::HEAD_START_BYTES)).await?;
    Ok(Cow::Owned(read(hub::head_length(name, &start, length)).await?))
}

/// What a manifest says of a file that came.
async fn describe(body: &Body, disk: Option<&DiskFolder>, name: &str) -> Result<StoredFile, Problem> {
    let sha256 = match (body, disk) {
        (Body::Memory(bytes), _) => hash::sha256_hex(bytes).await,
        (Body::OnHeap(bytes), _) => hash::sha256_hex_of_js(bytes).await,
        (Body::OnDisk(_), Some(disk)) => return disk.describe(name).await.map_err(|error| unread(name, &error)),
        (Body::OnDisk(_), None) => return Err(unread(name, &DiskError::Missing)),
    };
    Ok(StoredFile { bytes: body.num_bytes(), sha256: Some(sha256), hashes: Vec::new() })
}

/// Forgets what came under a name, so that the next try starts anew.
async fn discard(disk: Option<&DiskFolder>, name: &str) {
    if let Some(disk) = disk {
        let _ = disk.remove(name).await;
        let _ = disk.remove(&part_note(name)).await;
    }
}

async fn seal(disk: &DiskFolder, manifest: &Manifest) -> Result<(), DiskError> {
    for name in manifest.files.keys() {
        disk.remove(&part_note(name)).await?;
    }
    disk.seal(manifest).await?;
    cached_models::note_use(disk).await;
    Ok(())
}

/// What the hub says the repository holds; `None` where it can't be asked, and each file is tried instead.
async fn list_files(hub_url: &str, id: &str, revision: &str, stall_ms: u32) -> Result<Option<Listing>, Problem> {
    let revision = String::from(js_sys::encode_uri_component(revision));
    let url = format!("{}/api/models/{id}/revision/{revision}?blobs=true", hub_url.trim_end_matches('/'));
    let Some(answer) = fetch::fetch_listing(id, &url, stall_ms).await? else { return Ok(None) };
    let Some(siblings) = answer["siblings"].as_array() else { return Ok(None) };
    let files = siblings.iter().filter_map(|file| {
        let name = file["rfilename"].as_str()?.to_owned();
        let bytes = file["lfs"]["size"].as_u64().or_else(|| file["size"].as_u64());
        let sha256 = file["lfs"]["sha256"].as_str().and_then(hub::sha256_from_etag);
        Some((name, Listed { bytes, sha256 }))
    });
    let commit = answer["sha"].as_str().filter(|commit| hub::is_commit(commit)).map(str::to_owned);
    Ok(Some(Listing { commit, files: files.collect() }))
}

/// Address of a file, of a hub at the commit where that is known.
fn url(origin: &Origin<'_>, commit: Option<&str>, name: &str) -> Result<String, Problem> {
    match (origin.base_url, origin.source) {
        (Some(base), _) => Ok(format!("{}/{name}", base.trim_end_matches('/'))),
        (None, ModelSource::Hub { id, revision }) => {
            Ok(hub::resolve_url(origin.hub_url, id, commit.unwrap_or(revision), name))
        }
        (None, ModelSource::Local { name }) => {
            Err(errors::bug(format!("{name}: files that the person chose can't be fetched")))
        }
    }
}

/// Where the model came from, a branch or a tag of a hub replaced by its commit; the notes say so.
fn pinned_source(origin: &Origin<'_>, commit: Option<String>, notes: &mut Vec<String>) -> ModelSource {
    let (ModelSource::Hub { id, revision }, None) = (origin.source, origin.base_url) else {
        return origin.source.clone();
    };
    if hub::is_commit(revision) {
        return origin.source.clone();
    }
    match commit {
        Some(commit) => {
            let short: String = commit.chars().take(8).collect();
            notes.push(format!(
                "revision {revision} is commit {short}, which the job file names: {revision} may move on"
            ));
            ModelSource::Hub { id: id.clone(), revision: commit }
        }
        None => {
            let host = hub::host_of(origin.hub_url);
            notes.push(format!("{host} did not say which commit {revision} is: the job file names {revision}"));
            origin.source.clone()
        }
    }
}

fn missing(origin: &Origin<'_>, name: &str, is_listed: bool) -> Problem {
    let (model, host) = (origin.source.name(), hub::host_of(origin.address()));
    let (message, hint) = match name {
        INDEX => (
            format!("{model}: there is no {WEIGHTS}"),
            "Hone reads weights in the safetensors format only; choose a model, or a revision, that has them",
        ),
        // Without its list of files, the first that is asked for says whether there is such a model at all.
        hub::CONFIG if !is_listed => {
            let revision = match origin.source {
                ModelSource::Hub { revision, .. } if revision != "main" => format!(" at revision {revision}"),
                _ => String::new(),
            };
            (
                format!("{model} does not exist{revision} on {host} (HTTP 404)"),
                "check the spelling of the id and the revision",
            )
        }
        _ => (format!("{model}: there is no {name}"), "check the id and the revision"),
    };
    errors::problem(ProblemKind::Model, message, hint)
}

fn disk_path(origin: &Origin<'_>) -> Vec<String> {
    match origin.source {
        ModelSource::Hub { id, revision } => hub::cache_path(origin.address(), id, revision),
        ModelSource::Local { name } => vec!["models".into(), "local".into(), name.clone()],
    }
}

/// Earlier versions kept a model under its id alone, whatever hub it came from: what is left of that is removed.
async fn remove_old(source: &ModelSource) {
    if let ModelSource::Hub { id, .. } = source
        && let Ok(models) = DiskFolder::open(&["models".to_owned()]).await
    {
        let _ = models.remove(id).await;
    }
}
