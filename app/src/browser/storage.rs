//! How much this site may keep in the browser, as the browser says.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::window;

/// What the browser says of this site's storage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StorageRoom {
    /// Bytes that the site keeps.
    pub used_bytes: f64,
    /// Bytes that it may keep in all.
    pub quota_bytes: f64,
    /// The browser promised not to clear them when the disk runs full.
    pub is_promised: bool,
}

impl StorageRoom {
    /// Bytes that are left.
    pub(crate) fn left_bytes(&self) -> f64 {
        (self.quota_bytes - self.used_bytes).max(0.0)
    }
}

/// Asks for it; `None` where the browser does not say, or has no storage for this page.
pub(crate) async fn storage_room() -> Option<StorageRoom> {
    // Without a secure context there is no such object: the first call throws.
    let storage = window().navigator().storage();
    let estimate = JsFuture::from(storage.estimate().ok()?).await.ok()?;
    let number = |name: &str| Reflect::get(&estimate, &JsValue::from_str(name)).ok().and_then(|value| value.as_f64());
    let (used_bytes, quota_bytes) = (number("usage")?, number("quota")?);
    let is_promised = match storage.persisted() {
        Ok(asked) => JsFuture::from(asked).await.is_ok_and(|promised| promised.is_truthy()),
        Err(_) => false,
    };
    Some(StorageRoom { used_bytes, quota_bytes, is_promised })
}
