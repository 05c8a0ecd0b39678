//! SHA-256 of large files, by the browser's own code (several times faster than wasm), else by core's.

use js_sys::{ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::SubtleCrypto;

/// Lower-case hex.
pub(crate) async fn sha256_hex(bytes: &[u8]) -> String {
    let digest = browser_digest(|crypto| crypto.digest_with_str_and_u8_array("SHA-256", bytes)).await;
    digest.unwrap_or_else(|| hone_core::hub::sha256_hex(bytes))
}

/// The same of bytes on JavaScript's heap.
pub(crate) async fn sha256_hex_of_js(bytes: &Uint8Array) -> String {
    let digest = browser_digest(|crypto| crypto.digest_with_str_and_js_u8_array("SHA-256", bytes)).await;
    digest.unwrap_or_else(|| hone_core::hub::sha256_hex(&bytes.to_vec()))
}

/// `None` where the page is not a secure context, or the browser refuses.
async fn browser_digest(ask: impl FnOnce(&SubtleCrypto) -> Result<Promise, JsValue>) -> Option<String> {
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    let crypto = scope.crypto().ok()?;
    if js_sys::Reflect::get(&crypto, &"subtle".into()).ok()?.is_undefined() {
        return None;
    }
    let digest: ArrayBuffer = JsFuture::from(ask(&crypto.subtle()).ok()?).await.ok()?.dyn_into().ok()?;
    Some(Uint8Array::new(&digest).to_vec().iter().map(|byte| format!("{byte:02x}")).collect())
}
