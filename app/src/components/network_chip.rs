//! What went over the network: a chip with the number of requests that opens to each of their addresses, the bytes out and in,
//! and how to check.

use leptos::prelude::*;

use super::{Cell, table};
use crate::format;

/// (address, requests, bytes that these said, bytes received); no bytes said where nobody knows.
type Line = (String, usize, Option<f64>, f64);

/// The chip.
#[component]
pub(crate) fn NetworkChip(
    /// A line for each address.
    traffic: Signal<Vec<Line>>,
    /// Requests that the content security policy stopped.
    blocked: Signal<usize>,
    /// How the browser keeps the page; empty where it does not.
    kept: Signal<String>,
) -> impl IntoView {
    let requests = move || traffic.with(|traffic| traffic.iter().map(|line| line.1).sum::<usize>());
    let list = move || {
        let row = |(address, requests, sent, received): Line| {
            let sent = sent.map_or_else(|| "–".into(), format::bytes);
            vec![
                address.into(),
                Cell::number(format::count(requests)),
                Cell::number(sent),
                Cell::number(format::bytes(received)),
            ]
        };
        let rows = traffic.get().into_iter().map(row).collect();
        table("Requests by address", "requests", &["Address", "Requests", "Sent", "Received"], rows)
    };
    view! {
        <details class="pop" name="chips">
            <summary class="chip" data-testid="network-count" data-value=move || requests().to_string()>
                <span class="chip-text">"0 bytes"<span class="on-wide">" of your data"</span>" sent"</span>
                <span class="chip-count on-wide">{move || format::plural(requests(), "request")}</span>
            </summary>
            <div class="pop-body" role="group" aria-label="Network" tabindex="0">
                <p>
                    "0 bytes of your data left this page. Your rows are read and trained on inside this tab, and kept in this browser, "
                    "with each run until you delete it. "
                    "No request has a body: the address of a file is all that is sent, with the headers that your browser adds, "
                    "and to a hub the token that you gave for it. "
                    "Page and training reach this site alone; a model hub is reached while a model is loaded from it. "
                    "All requests so far:"
                </p>
                {list}
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
