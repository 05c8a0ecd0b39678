//! Seconds of a run, without its pauses, and waiting; core has no clock.

use js_sys::{Function, Promise};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::WorkerGlobalScope;

/// Milliseconds since the worker started.
pub(crate) fn now_ms() -> f64 {
    scope().performance().map_or_else(js_sys::Date::now, |performance| performance.now())
}

/// Resumes after so many milliseconds.
pub(crate) async fn sleep(ms: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        let resolve: Function = resolve.unchecked_into();
        if scope().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms).is_err() {
            let _ = resolve.call0(&wasm_bindgen::JsValue::UNDEFINED); // there is nothing to wait by
        }
    });
    let _ = JsFuture::from(promise).await;
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// A stopwatch that can be held.
#[derive(Debug)]
pub(crate) struct Clock {
    gathered_ms: f64,
    running_since_ms: Option<f64>,
}

impl Clock {
    /// Starts at zero.
    pub(crate) fn start() -> Self {
        Self::start_at(0.0)
    }

    /// Goes on from where another was.
    pub(crate) fn start_at(elapsed_secs: f64) -> Self {
        Self { gathered_ms: elapsed_secs * 1000.0, running_since_ms: Some(now_ms()) }
    }

    pub(crate) fn pause(&mut self) {
        if let Some(since) = self.running_since_ms.take() {
            self.gathered_ms += now_ms() - since;
        }
    }

    pub(crate) fn resume(&mut self) {
        self.running_since_ms.get_or_insert_with(now_ms);
    }

    pub(crate) fn elapsed_secs(&self) -> f64 {
        (self.gathered_ms + self.running_since_ms.map_or(0.0, |since| now_ms() - since)) / 1000.0
    }
}
