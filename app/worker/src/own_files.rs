//! Tells the page of the files that this worker is made of: their requests stand in the worker's own timeline, which the page
//! does not see. All other requests of the worker are made, and told, by `fetch`.

use js_sys::{Array, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{PerformanceEntry, PerformanceObserver, PerformanceObserverEntryList, PerformanceObserverInit};

use crate::fetch;

/// How the names of the worker's own files begin, and of those of the modules that it loads; no name of a model's file does.
const OWN: [&str; 4] = ["hone-worker", "hone-readers", "hone-images", "hone-templates"];

/// Reports them as the browser lists them, those before this call too. A browser without the list reports none: the panel
/// says how to check by hand.
pub(crate) fn report() {
    let on_entries = Closure::<dyn FnMut(PerformanceObserverEntryList)>::new(|list: PerformanceObserverEntryList| {
        tell(&list.get_entries());
    });
    if let Ok(observer) = PerformanceObserver::new(on_entries.as_ref().unchecked_ref()) {
        // `buffered` goes with `type`, which the bindings' constructor does not know.
        let options = js_sys::Object::new();
        let set = |key: &str, value| Reflect::set(&options, &key.into(), &value).expect("a fresh object");
        set("type", "resource".into());
        set("buffered", true.into());
        observer.observe(options.unchecked_ref::<PerformanceObserverInit>());
        // It watches for as long as the worker lives.
        std::mem::forget(observer);
    }
    on_entries.forget();
}

fn tell(entries: &Array) {
    for entry in entries.iter() {
        let entry: PerformanceEntry = entry.unchecked_into();
        let url = entry.name();
        if url.rsplit('/').next().is_some_and(|file| OWN.iter().any(|own| file.starts_with(own))) {
            let received = Reflect::get(&entry, &"encodedBodySize".into()).ok().and_then(|size| size.as_f64());
            fetch::note_traffic(&url, 1, received.unwrap_or_default() as usize);
        }
    }
}
