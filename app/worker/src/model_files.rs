//! A model's files: from the disk if they are there, else from the network; verified; kept for the next time.
//!
//! Cached under `models/<hash of the hub's address>/<id>/<revision>/`, so that the files of one hub never answer for
//! another. Files are trusted once their manifest stands beside them and their SHA-256 is the one it names.

use std::collections::{BTreeMap, VecDeque};

use hone_core::checkpoint::{INDEX, WEIGHTS, shard_names};
use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::hub::{self, MODEL_FILES};
use hone_core::session::protocol::{FromWorker, Problem, ProblemKind};

use crate::disk::{DiskError, DiskFolder, Manifest, StoredFile};
use crate::fetch::{self, Wanted};
use crate::{errors, hash, mailbox};

/// Where a model is fetched from.
pub(crate) struct Place<'a> {
    pub(crate) source: &'a ModelSource,
    /// Folder on the page's own origin; `None` asks the hub.
    pub(crate) base_url: Option<&'a str>,
    pub(crate) hub_url: &'a str,
    /// (file name, lower-case hex), known in advance.
    pub(crate) sha256: &'a [(String, String)],
}

/// A model's files, and whether the disk has them too.
pub(crate) struct ModelFiles {
    pub(crate) folder: Folder,
    /// Path of the whole folder on the disk.
    pub(crate) on_disk: Option<Vec<String>>,
    /// What there is to say about it.
    pub(crate) notes: Vec<String>,
}

/// One file of the hub's listing.
struct Listed {
    bytes: Option<u64>,
    sha256: Option<String>,
}

/// Brings a model's files into memory.
///
/// # Errors
/// A wrong id, no network, a refusal, a file that is missing or does not match its hash.
pub(crate) async fn bring(place: &Place<'_>) -> Result<ModelFiles, Problem> {
    if let (ModelSource::Hub { id, revision }, None) = (place.source, place.base_url) {
        hub::is_repository_id(id).and_then(|()| hub::check_revision(revision)).map_err(|error| {
            let hint = "an id looks like owner/name or owner/name@revision, as the hub shows it";
            errors::problem(ProblemKind::Model, error.to_string(), hint)
        })?;
    }
    let path = disk_path(place);
    let mut notes = Vec::new();
    let disk = match DiskFolder::open(&path).await {
        Ok(disk) => {
            remove_old(place.source).await;
            Some(disk)
        }
        Err(error) => {
            notes.push(error.problem("the model can't be kept for the next time").message);
            None
        }
    };
    if let Some(disk) = &disk
        && let Some(folder) = from_disk(disk, place.sha256).await
    {
        return Ok(ModelFiles { folder, on_disk: Some(path), notes });
    }

    let (folder, manifest, not_kept) = download(place, disk.as_ref()).await?;
    let sealed = match (&disk, not_kept) {
        (Some(disk), None) => seal(disk, &manifest).await,
        (Some(disk), Some(error)) => {
            // No room: leave none of it behind, so that others have some.
            for name in manifest.files.keys() {
                let _ = disk.remove(name).await;
                let _ = disk.remove(&fetch::part_note(name)).await;
            }
            Err(error)
        }
        (None, _) => return Ok(ModelFiles { folder, on_disk: None, notes }),
    };
    let on_disk = match sealed {
        Ok(()) => Some(path),
        Err(error) => {
            notes.push(error.problem("the model can't be kept for the next time").message);
            None
        }
    };
    Ok(ModelFiles { folder, on_disk, notes })
}

/// Reads a whole folder again, checking every hash. `None`: it is not whole, or not what it was.
pub(crate) async fn from_disk(disk: &DiskFolder, known: &[(String, String)]) -> Option<Folder> {
    let manifest = disk.manifest().await.ok()??;
    let stored = |name: &str| manifest.files.get(name).and_then(|file| file.sha256.as_deref());
    if !known.iter().all(|(name, sha256)| stored(name).is_some_and(|stored| stored.eq_ignore_ascii_case(sha256))) {
        return None;
    }
    let mut folder = Folder::new();
    for (name, file) in &manifest.files {
        let bytes = disk.read(name).await.ok()??;
        if file.sha256.as_deref() != Some(hash::sha256_hex(&bytes).await.as_str()) {
            let _ = disk.unseal().await;
            return None;
        }
        let message =
            FromWorker::Download { file: name.clone(), received: file.bytes, total: Some(file.bytes), cached: true };
        mailbox::post(&message, Vec::new());
        folder.insert(name.as_str(), bytes);
    }
    Some(folder)
}

async fn download(
    place: &Place<'_>,
    disk: Option<&DiskFolder>,
) -> Result<(Folder, Manifest, Option<DiskError>), Problem> {
    if let Some(disk) = disk {
        let _ = disk.unseal().await;
    }
    let listing = match (place.source, place.base_url) {
        (ModelSource::Hub { id, revision }, None) => listing(place.hub_url, id, revision).await?,
        // The page knows what its own origin serves.
        (_, Some(_)) if !place.sha256.is_empty() => {
            Some(place.sha256.iter().map(|(name, _)| (name.clone(), Listed { bytes: None, sha256: None })).collect())
        }
        _ => None,
    };
    let mut folder = Folder::new();
    let mut manifest = Manifest::default();
    let mut not_kept = None;
    let mut files: VecDeque<(String, bool)> =
        MODEL_FILES.iter().map(|&(name, required)| (name.to_owned(), required)).collect();
    while let Some((name, required)) = files.pop_front() {
        let name = name.as_str();
        let listed = listing.as_ref().map(|listing| listing.get(name));
        if matches!(listed, Some(None)) {
            if name == WEIGHTS && folder.get(INDEX).is_none() {
                files.push_front((INDEX.to_owned(), true)); // perhaps the weights are in several files
            } else if required {
                return Err(missing(place, name));
            }
            continue;
        }
        let listed = listed.flatten();
        let url = url(place, name)?;
        let bytes = listed.and_then(|listed| listed.bytes);
        let wanted = Wanted { name, url: &url, bytes, page_means_missing: place.base_url.is_some() };
        let disk = if not_kept.is_none() { disk } else { None };
        let Some(fetched) = fetch::fetch_file(&wanted, disk).await? else {
            if name == WEIGHTS && listed.is_none() && folder.get(INDEX).is_none() {
                files.push_front((INDEX.to_owned(), true));
            } else if required || listed.is_some() {
                return Err(missing(place, name));
            }
            continue;
        };
        let length = fetched.bytes.len() as u64;
        if let Err(error) = hub::check_file(name, &fetched.bytes, length) {
            discard(disk, name).await;
            let hint = "try again; nothing of this file was kept";
            return Err(errors::problem(ProblemKind::Network, error.to_string(), hint));
        }
        if name == INDEX {
            let refused =
                |message: String| errors::problem(ProblemKind::Model, message, "choose another model or revision");
            let shards = shard_names(&fetched.bytes).map_err(|error| refused(error.to_string()))?;
            let unsafe_name = shards.iter().find_map(|shard| hub::check_weight_file_name(shard).err());
            if let Some(error) = unsafe_name {
                return Err(refused(error.to_string()));
            }
            shards.into_iter().rev().for_each(|shard| files.push_front((shard, true)));
        }
        let found = hash::sha256_hex(&fetched.bytes).await;
        let known = place.sha256.iter().find(|(file, _)| file == name).map(|(_, sha256)| sha256.as_str());
        let promised = known.or(listed.and_then(|listed| listed.sha256.as_deref())).or(fetched.sha256.as_deref());
        if promised.is_some_and(|promised| !promised.trim().eq_ignore_ascii_case(&found)) {
            discard(disk, name).await;
            let expected = promised.unwrap_or_default().to_owned();
            let bytes = fetched.bytes.len();
            let error = hub::HubError::Mismatch { file: name.into(), expected, found, bytes };
            let hint =
                "try again; if it happens again, the file was changed on its way or on the server: do not use it";
            return Err(errors::problem(ProblemKind::Network, error.to_string(), hint));
        }
        let stored = StoredFile { bytes: length, sha256: Some(found) };
        manifest.files.insert(name.into(), stored);
        folder.insert(name, fetched.bytes);
        not_kept = not_kept.or(fetched.not_kept);
    }
    Ok((folder, manifest, not_kept))
}

/// Forgets what came under a name, so that the next try starts anew.
async fn discard(disk: Option<&DiskFolder>, name: &str) {
    if let Some(disk) = disk {
        let _ = disk.remove(name).await;
        let _ = disk.remove(&fetch::part_note(name)).await;
    }
}

async fn seal(disk: &DiskFolder, manifest: &Manifest) -> Result<(), DiskError> {
    for name in manifest.files.keys() {
        disk.remove(&fetch::part_note(name)).await?;
    }
    disk.seal(manifest).await
}

/// What the hub says the repository holds; `None` where it can't be asked, and each file is tried instead.
async fn listing(hub_url: &str, id: &str, revision: &str) -> Result<Option<BTreeMap<String, Listed>>, Problem> {
    let revision = String::from(js_sys::encode_uri_component(revision));
    let url = format!("{}/api/models/{id}/revision/{revision}?blobs=true", hub_url.trim_end_matches('/'));
    let Some(answer) = fetch::fetch_json(&url).await? else { return Ok(None) };
    let Some(siblings) = answer["siblings"].as_array() else { return Ok(None) };
    let files = siblings.iter().filter_map(|file| {
        let name = file["rfilename"].as_str()?.to_owned();
        let bytes = file["lfs"]["size"].as_u64().or_else(|| file["size"].as_u64());
        let sha256 = file["lfs"]["sha256"].as_str().and_then(hub::sha256_from_etag);
        Some((name, Listed { bytes, sha256 }))
    });
    Ok(Some(files.collect()))
}

fn url(place: &Place<'_>, name: &str) -> Result<String, Problem> {
    match (place.base_url, place.source) {
        (Some(base), _) => Ok(format!("{}/{name}", base.trim_end_matches('/'))),
        (None, ModelSource::Hub { id, revision }) => Ok(hub::resolve_url(place.hub_url, id, revision, name)),
        (None, ModelSource::Local { name }) => {
            Err(errors::bug(format!("{name}: files that the person chose can't be fetched")))
        }
    }
}

fn missing(place: &Place<'_>, name: &str) -> Problem {
    let model = place.source.name();
    let hint = if name == INDEX {
        "Hone reads weights in the safetensors format only; choose a model, or a revision, that has them"
    } else {
        "check the id and the revision"
    };
    let name = if name == INDEX { WEIGHTS } else { name };
    errors::problem(ProblemKind::Model, format!("{model}: there is no {name}"), hint)
}

fn disk_path(place: &Place<'_>) -> Vec<String> {
    match place.source {
        ModelSource::Hub { id, revision } => {
            let address = place.base_url.unwrap_or(place.hub_url).trim_end_matches('/');
            // 128 bits of it: no two addresses share a folder, and no password lies on the disk.
            let hub = hub::sha256_hex(address.as_bytes())[..32].to_owned();
            vec!["models".into(), hub, id.clone(), revision.clone()]
        }
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
