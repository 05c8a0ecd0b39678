//! One run at a time in all tabs of a browser, as they share its disk: a Web Lock that is held while a run goes on; and each
//! project in one tab, by a lock of its own. A browser that freezes hidden tabs leaves one that holds a lock alone. Where there are
//! no locks (a page without HTTPS), it goes on without.

use hone_core::session::protocol::Problem;
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::WorkerGlobalScope;

use crate::clock::sleep;
use crate::errors;

const NAME: &str = "hone-run";

/// Milliseconds before it is asked again: a page that was reloaded, or a worker that was ended, lets go a little later.
const WAITS_MS: [i32; 3] = [150, 350, 700];

/// Held until it is dropped.
pub(crate) struct RunLock {
    /// `None` where the browser has no locks.
    release: Option<Function>,
}

impl RunLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another tab holds it.
    pub(crate) async fn acquire() -> Result<Self, Problem> {
        Self::acquire_named(NAME).await.ok_or_else(errors::run_elsewhere)
    }

    /// Takes that of a project; `None` where another tab holds it.
    pub(crate) async fn of_project(id: &str) -> Option<Self> {
        Self::acquire_named(&format!("hone-project-{id}")).await
    }

    async fn acquire_named(name: &str) -> Option<Self> {
        let Some(locks) = locks() else { return Some(Self { release: None }) };
        for wait_ms in WAITS_MS.map(Some).into_iter().chain([None]) {
            match request(&locks, name).await {
                Ok(Some(release)) => return Some(Self { release: Some(release) }),
                // The browser has locks, and none for this page.
                Err(_) => return Some(Self { release: None }),
                Ok(None) => {
                    if let Some(wait_ms) = wait_ms {
                        sleep(wait_ms).await;
                    }
                }
            }
        }
        None
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        if let Some(release) = &self.release {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Whether anybody holds it.
pub(crate) async fn is_held() -> bool {
    let Some(locks) = locks() else { return false };
    for wait_ms in WAITS_MS.map(Some).into_iter().chain([None]) {
        if !is_held_now(&locks).await.unwrap_or(false) {
            return false;
        }
        if let Some(wait_ms) = wait_ms {
            sleep(wait_ms).await;
        }
    }
    true
}

/// The browser's locks: by name, as web-sys counts them among what may change.
fn locks() -> Option<JsValue> {
    let locks = Reflect::get(&scope().navigator(), &"locks".into()).ok()?;
    (!locks.is_undefined() && !locks.is_null()).then_some(locks)
}

/// What releases the lock; `None` where another holds it.
async fn request(locks: &JsValue, name: &str) -> Result<Option<Function>, JsValue> {
    let request: Function = Reflect::get(locks, &"request".into())?.dyn_into()?;
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE)?;
    let (held, release) = promise();
    let (answered, answer) = promise();
    // The lock is held for as long as the promise that is given back here waits.
    let held: JsValue = held.into();
    let on_answer = Closure::<dyn FnMut(JsValue) -> JsValue>::new(move |lock: JsValue| -> JsValue {
        let is_held = !lock.is_null() && !lock.is_undefined();
        let _ = answer.call1(&JsValue::UNDEFINED, &JsValue::from_bool(is_held));
        if is_held { held.clone() } else { JsValue::UNDEFINED }
    });
    let arguments = Array::of3(&name.into(), &options, on_answer.as_ref());
    let over: JsValue = Reflect::apply(&request, locks, &arguments)?;
    let first = JsFuture::from(Promise::race(&Array::of2(&answered, &over))).await?;
    Ok(first.is_truthy().then_some(release))
}

/// Whether the lock is held now; `None` where the browser does not say.
async fn is_held_now(locks: &JsValue) -> Option<bool> {
    let query: Function = Reflect::get(locks, &"query".into()).ok()?.dyn_into().ok()?;
    let asked: Promise = query.call0(locks).ok()?.dyn_into().ok()?;
    let snapshot = JsFuture::from(asked).await.ok()?;
    let held: Array = Reflect::get(&snapshot, &"held".into()).ok()?.dyn_into().ok()?;
    let name_of = |lock: JsValue| Reflect::get(&lock, &"name".into()).ok().and_then(|name| name.as_string());
    Some(held.into_iter().any(|lock| name_of(lock).as_deref() == Some(NAME)))
}

/// A promise, and what fulfils it.
fn promise() -> (Promise, Function) {
    let mut fulfil = None;
    let promise = Promise::new(&mut |resolve, _| {
        let resolve: Function = resolve.unchecked_into();
        fulfil = Some(resolve);
    });
    (promise, fulfil.expect("a promise calls its executor at once"))
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}
