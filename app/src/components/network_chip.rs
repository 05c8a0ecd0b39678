//! What went over the network: a chip with the number of requests that opens to hosts, bytes, and how to check.

use leptos::prelude::*;

use super::{Cell, table};
use crate::format;

/// The chip.
#[component]
pub(crate) fn NetworkChip(
    /// (host, requests, bytes received).
    hosts: Signal<Vec<(String, usize, f64)>>,
    /// Requests that the content security policy stopped.
    blocked: Signal<usize>,
    /// How the browser keeps the page; empty where it does not.
    kept: Signal<String>,
) -> impl IntoView {
    let requests = move || hosts.with(|hosts| hosts.iter().map(|host| host.1).sum::<usize>());
    let fetched = move || {
        let row = |(host, requests, received): (String, usize, f64)| {
            vec![host.into(), Cell::number(format::count(requests)), Cell::number(format::bytes(received))]
        };
        let rows = hosts.get().into_iter().map(row).collect();
        table("Requests by host", "", &["Host", "Requests", "Received"], rows)
    };
    view! {
        <details class="pop" name="chips">
            <summary class="chip" data-testid="network-count" data-value=move || requests().to_string()>
                <span class="chip-text">"0 bytes"<span class="on-wide">" of your data"</span>" sent"</span>
                <span class="chip-count on-wide">{move || format::plural(requests(), "request")}</span>
            </summary>
            <div class="pop-body" role="group" aria-label="Network" tabindex="0">
                <p>
                    "0 bytes of your data left this page. Your rows are read, trained on and kept inside this tab; "
                    "nothing here sends a request with a body. What was fetched so far:"
                </p>
                {fetched}
                <p>{move || format!("Requests that the page's content security policy stopped: {}.", format::count(blocked.get()))}</p>
                <p data-testid="kept">{move || kept.get()}</p>
                <p>
                    "How to check: open the browser's developer tools (F12), choose Network, and drop in your file: "
                    "no new request appears. Or load a model, switch the network off, and go on: it works as before. "
                    "Requests that the browser answers from its cache are counted too."
                </p>
            </div>
        </details>
    }
    .into_any()
}
