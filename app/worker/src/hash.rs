//! SHA-256 of large files, by the browser's own code (several times faster than wasm), else by core's.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// Lower-case hex.
pub(crate) async fn sha256_hex(bytes: &[u8]) -> String {
    match browser_sha256(bytes).await {
        Some(digest) => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        None => hone_core::hub::sha256_hex(bytes),
    }
}

/// `None` where the page is not a secure context, or the browser refuses.
async fn browser_sha256(bytes: &[u8]) -> Option<Vec<u8>> {
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    let crypto = scope.crypto().ok()?;
    if js_sys::Reflect::get(&crypto, &"subtle".into()).ok()?.is_undefined() {
        return None;
    }
    let promise = crypto.subtle().digest_with_str_and_u8_array("SHA-256", bytes).ok()?;
    let digest: ArrayBuffer = JsFuture::from(promise).await.ok()?.dyn_into().ok()?;
    Some(Uint8Array::new(&digest).to_vec())
}
