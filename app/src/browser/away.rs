//! What reaches a person who does not look at the page: a screen that stays on, and a notice of the system. Not every browser has
//! them; each says so.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Notification, NotificationOptions};

use super::{describe, document, window};

/// Whether nobody can see the page: its tab is not shown, or its window is hidden.
pub(crate) fn is_hidden() -> bool {
    document().hidden()
}

/// What gives locks of the screen; `None` where the browser has none.
fn screen_locks() -> Option<JsValue> {
    Reflect::get(&window().navigator(), &"wakeLock".into()).ok().filter(JsValue::is_object)
}

/// Whether the browser can keep the screen on.
pub(crate) fn can_keep_screen_on() -> bool {
    screen_locks().is_some()
}

/// A screen that stays on; dropping it lets the screen go off again. The browser takes it away when the page is hidden.
#[derive(Debug)]
pub(crate) struct ScreenLock(JsValue);

impl ScreenLock {
    /// Asks for it.
    ///
    /// # Errors
    /// When the browser refuses, e.g. because the battery is low.
    pub(crate) async fn request() -> Result<Self, String> {
        let Some(locks) = screen_locks() else { return Err("this browser can't do that".into()) };
        let request = async {
            let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
            let asked: Promise = request.call1(&locks, &JsValue::from_str("screen"))?.dyn_into()?;
            JsFuture::from(asked).await
        };
        request.await.map(Self).map_err(|error| describe(&error))
    }
}

impl Drop for ScreenLock {
    fn drop(&mut self) {
        let release = Reflect::get(&self.0, &"release".into()).and_then(JsCast::dyn_into::<Function>);
        if let Ok(release) = release {
            // It answers when it is done, which nothing waits for.
            drop(release.call0(&self.0));
        }
    }
}

/// Whether the browser has notices.
pub(crate) fn has_notices() -> bool {
    Reflect::get(&window(), &"Notification".into()).is_ok_and(|class| class.is_function())
}

/// Asks the person for leave to show notices, unless they have answered before; returns whether they gave it.
pub(crate) async fn may_show_notices() -> bool {
    let Ok(asked) = Notification::request_permission() else { return false };
    JsFuture::from(asked).await.is_ok_and(|answer| answer.as_string().as_deref() == Some("granted"))
}

/// Shows a notice, in the place of the one before.
///
/// # Errors
/// When the browser shows none after all: some on phones.
pub(crate) fn show_notice(title: &str, text: &str) -> Result<(), String> {
    let options = NotificationOptions::new();
    options.set_body(text);
    options.set_tag("hone-run");
    Notification::new_with_options(title, &options).map(drop).map_err(|error| describe(&error))
}
