//! Every request of the page, by its address: what went out with it and what came in. The page's own are `resource` entries of
//! the browser's performance timeline, the worker tells of its own; blocked ones are violations of the content security policy.

use hone_core::hub::host_of;
use js_sys::{Array, Reflect};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{PerformanceEntry, PerformanceObserver, PerformanceObserverEntryList, PerformanceObserverInit};

use crate::browser;

/// Requests to one address.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Traffic {
    /// Host, path and query: all that such a request says, besides the headers that a browser adds to each.
    pub address: String,
    pub requests: usize,
    /// Bytes that these requests said: their addresses, for none has a body. Not known of the service worker's.
    pub sent: Option<f64>,
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

    /// Counts requests that the worker made, and bytes that came since it last said so.
    pub(super) fn note(self, url: &str, requests: usize, received: f64) {
        self.traffic.update(|traffic| add(traffic, url, requests, received));
    }

    /// Counts all that was fetched to keep the page, which is no entry of the page's timeline.
    pub(super) fn note_kept(self, requests: usize, received: f64) {
        let name = format!("{} (to open without a connection)", host_of(&browser::absolute_url("")));
        self.traffic.update(|traffic| {
            traffic.retain(|known| known.address != name);
            traffic.push(Traffic { address: name, requests, sent: None, received });
        });
    }

    fn count(self, entries: &Array) {
        self.traffic.update(|traffic| {
            for entry in entries.iter() {
                let entry: PerformanceEntry = entry.unchecked_into();
                let received = Reflect::get(&entry, &"encodedBodySize".into()).ok().and_then(|size| size.as_f64());
                add(traffic, &entry.name(), 1, received.unwrap_or(0.0));
            }
        });
    }
}

/// Adds requests to the others of that address. What has no host (`blob:`, `data:`) goes over no network.
fn add(traffic: &mut Vec<Traffic>, url: &str, requests: usize, received: f64) {
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| !scheme.contains(':')) else { return };
    // What follows `#` stays in the browser.
    let address = rest.split('#').next().unwrap_or(rest);
    let sent = (requests * address.len()) as f64;
    match traffic.iter_mut().find(|known| known.address == address) {
        Some(known) => {
            known.requests += requests;
            known.sent = known.sent.map(|before| before + sent);
            known.received += received;
        }
        None => traffic.push(Traffic { address: address.into(), requests, sent: Some(sent), received }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_add_up_by_address() {
        let mut traffic = Vec::new();
        for (url, requests, bytes) in [
            ("http://a/x", 1, 10.0),
            ("https://b:1/y?z", 1, 1.0),
            ("http://a/x#part", 1, 5.0),
            ("https://b:1/y?z", 0, 7.0),
            ("blob:http://a/1", 1, 9.0),
            ("data:text/plain,x", 1, 9.0),
        ] {
            add(&mut traffic, url, requests, bytes);
        }
        let seen: Vec<_> = traffic.iter().map(|t| (t.address.as_str(), t.requests, t.sent, t.received)).collect();
        assert_eq!(seen, [("a/x", 2, Some(6.0), 15.0), ("b:1/y?z", 1, Some(7.0), 8.0)]);
    }
}
