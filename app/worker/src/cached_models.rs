//! Models that are kept on the disk, `models/<hash of the address>/<id>/<revision>/` each: they are listed with the room that each
//! takes and when it was last loaded, and removed.

use hone_core::session::protocol::CachedModel;

use crate::disk::{DiskError, DiskFolder};

/// The folder of all models (`hub::cache_path`).
pub(crate) const MODELS: &str = "models";

/// When a model was last loaded, in milliseconds since 1970, in its folder.
const USED_FILE: &str = "used.txt";

/// Letters of the hash that stands for an address.
const ADDRESS_LETTERS: usize = 32;

/// Notes that a model was loaded now. Where that can't be noted, its list says less.
pub(crate) async fn note_use(model: &DiskFolder) {
    let _ = model.write(USED_FILE, format!("{:.0}", js_sys::Date::now()).as_bytes()).await;
}

/// All of them, the one that was loaded last first; `loaded` is the path of the one that is loaded now. Nothing large is read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn list(loaded: Option<&[String]>) -> Result<Vec<CachedModel>, DiskError> {
    let mut found = Vec::new();
    let Some(models) = DiskFolder::find(&[MODELS.to_owned()]).await? else { return Ok(found) };
    for address in models.names().await? {
        if address.len() != ADDRESS_LETTERS {
            continue; // what an earlier version left goes when that model is loaded
        }
        let Some(of_address) = models.existing(&address).await? else { continue };
        for id in of_address.names().await? {
            let Some(of_id) = of_address.existing(&id).await? else { continue };
            for revision in of_id.names().await? {
                let Some(model) = of_id.existing(&revision).await? else { continue };
                let is_loaded = loaded == Some(&path_of(&address, &id, &revision)[..]);
                let (bytes, used_ms) = (bytes_of(&model).await?, used_ms(&model).await);
                if bytes == 0 {
                    continue; // a download that ended before its first byte takes no room
                }
                let is_whole = model.is_sealed().await?;
                let (address, id) = (address.clone(), id.clone());
                found.push(CachedModel { address, id, revision, bytes, used_ms, is_whole, is_loaded });
            }
        }
    }
    found.sort_by(|a, b| b.used_ms.unwrap_or(0.0).total_cmp(&a.used_ms.unwrap_or(0.0)));
    Ok(found)
}

/// Removes a model.
///
/// # Errors
/// When the storage does not let it go.
pub(crate) async fn remove(address: &str, id: &str, revision: &str) -> Result<(), DiskError> {
    let path = [MODELS, address, id].map(str::to_owned);
    let Some(of_id) = DiskFolder::find(&path).await? else { return Ok(()) };
    of_id.remove(revision).await?;
    // Folders that are empty now.
    if of_id.names().await?.is_empty()
        && let Some(of_address) = DiskFolder::find(&path[..2]).await?
    {
        of_address.remove(id).await?;
    }
    Ok(())
}

/// Path of a model.
pub(crate) fn path_of(address: &str, id: &str, revision: &str) -> [String; 4] {
    [MODELS, address, id, revision].map(str::to_owned)
}

async fn bytes_of(model: &DiskFolder) -> Result<u64, DiskError> {
    let mut bytes = 0;
    for name in model.names().await? {
        bytes += model.size(&name).await?.unwrap_or(0);
    }
    Ok(bytes)
}

async fn used_ms(model: &DiskFolder) -> Option<f64> {
    let text = model.read(USED_FILE).await.ok().flatten()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}
