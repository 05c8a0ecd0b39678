//! What the page fetched, as the browser counted it: every request of the page is a `resource` entry of the performance
//! timeline; blocked ones are violations of the content security policy. The worker's downloads are counted by file.

use hone_core::hub::host_of;
use js_sys::{Array, Reflect};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{PerformanceEntry, PerformanceObserver, PerformanceObserverEntryList, PerformanceObserverInit};

use crate::browser;

/// Requests to one host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Traffic {
    pub host: String,
    pub requests: usize,
    /// Bytes received, as far as the browser says.
    pub received: f64,
}

/// Signals of the network counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkState {
    pub traffic: RwSignal<Vec<Traffic>>,
    /// Requests that the content security policy stopped.
    pub blocked: RwSignal<usize>,
}

impl NetworkState {
    pub(super) fn new() -> Self {
        Self { traffic: RwSignal::new(Vec::new()), blocked: RwSignal::new(0) }
    }

    /// Counts from now on, and what was fetched before.
    pub(super) fn watch(self) {
        let on_entries =
            Closure::<dyn FnMut(PerformanceObserverEntryList)>::new(move |list: PerformanceObserverEntryList| {
                self.count(&list.get_entries())
            });
        if let Ok(observer) = PerformanceObserver::new(on_entries.as_ref().unchecked_ref()) {
            // `buffered` goes with `type`, which the bindings' constructor does not know.
            let options = js_sys::Object::new();
            let set = |key: &str, value| Reflect::set(&options, &key.into(), &value).expect("a fresh object");
            set("type", "resource".into());
            set("buffered", true.into());
            // A browser without the timeline counts nothing; the panel says how to check by hand.
            observer.observe(options.unchecked_ref::<PerformanceObserverInit>());
            // It watches for as long as the page lives.
            std::mem::forget(observer);
        }
        on_entries.forget();
        let on_violation = Closure::<dyn FnMut()>::new(move || self.blocked.update(|blocked| *blocked += 1));
        let listening = browser::document()
            .add_event_listener_with_callback("securitypolicyviolation", on_violation.as_ref().unchecked_ref());
        listening.expect("a document takes listeners");
        on_violation.forget();
    }

    /// Counts what the worker said it fetched: a new request or not, and bytes since it last said so.
    pub(super) fn note_worker(self, host: &str, is_new: bool, received: f64) {
        let name = format!("{host} (model files)");
        self.traffic.update(|traffic| add(traffic, &name, usize::from(is_new), received));
    }

    /// Counts all that was fetched to keep the page, which is no entry of the page's timeline.
    pub(super) fn note_kept(self, requests: usize, received: f64) {
        let name = format!("{} (to open without a connection)", host_of(&browser::absolute_url("")));
        self.traffic.update(|traffic| {
            traffic.retain(|known| known.host != name);
            add(traffic, &name, requests, received);
        });
    }

    fn count(self, entries: &Array) {
        self.traffic.update(|traffic| {
            for entry in entries.iter() {
                let entry: PerformanceEntry = entry.unchecked_into();
                let received = Reflect::get(&entry, &"encodedBodySize".into()).ok().and_then(|size| size.as_f64());
                add(traffic, host_of(&entry.name()), 1, received.unwrap_or(0.0));
            }
        });
    }
}

fn add(traffic: &mut Vec<Traffic>, host: &str, requests: usize, received: f64) {
    match traffic.iter_mut().find(|known| known.host == host) {
        Some(known) => {
            known.requests += requests;
            known.received += received;
        }
        None => traffic.push(Traffic { host: host.into(), requests, received }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_add_up_by_host() {
        let mut traffic = Vec::new();
        for (host, bytes) in [("a", 10.0), ("b", 1.0), ("a", 5.0)] {
            add(&mut traffic, host, 1, bytes);
        }
        let seen: Vec<_> = traffic.iter().map(|t| (t.host.as_str(), t.requests, t.received)).collect();
        assert_eq!(seen, [("a", 2, 15.0), ("b", 1, 1.0)]);
    }
}
