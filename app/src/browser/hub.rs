//! The way to a model hub, which `public/hub.js` opens (ADR 46). In: the hub's address, and the person's token for it. Out: a port
//! for the worker, by which it asks that hub and no other.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Url;

/// What the script calls itself.
const SCRIPT: &str = "honeHub";

/// The way to a hub. It is closed when this is dropped: then nothing of the page reaches the hub any more.
pub(crate) struct WayToHub(JsValue);

impl WayToHub {
    /// Opens it, and closes the one before. What is no address has none: the worker says so.
    pub(crate) fn open(hub_url: &str, token: &str) -> Self {
        Self(call("open", &Array::of2(&hub_url.into(), &token.into())).unwrap_or(JsValue::NULL))
    }

    /// No way to a hub, for models that this site serves.
    pub(crate) fn none() -> Self {
        Self(JsValue::NULL)
    }

    /// What the worker asks by; null where there is no way.
    pub(crate) fn port(&self) -> &JsValue {
        &self.0
    }
}

impl Drop for WayToHub {
    fn drop(&mut self) {
        if !self.0.is_null() {
            let _ = call("close", &Array::new());
        }
    }
}

/// `https://hub.example` of an address there, as a browser tells origins apart; `None` of what is no address.
pub(crate) fn origin_of(url: &str) -> Option<String> {
    Some(Url::new(url).ok()?.origin())
}

fn call(name: &str, arguments: &Array) -> Option<JsValue> {
    let script = Reflect::get(&js_sys::global(), &SCRIPT.into()).ok()?;
    let function: Function = Reflect::get(&script, &name.into()).ok()?.dyn_into().ok()?;
    let answer: Result<JsValue, JsValue> = Reflect::apply(&function, &script, arguments);
    answer.ok()
}
