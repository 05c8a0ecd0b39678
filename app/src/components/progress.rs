//! A progress bar with its words, and a figure with its name.

use leptos::prelude::*;

use super::Button;
use crate::format;

/// A progress bar; without a share it only says that something is going on.
#[component]
pub(crate) fn Meter(
    #[prop(into)] label: String,
    /// In `[0, 1]`; `None` where the end is not known.
    share: Signal<Option<f64>>,
    /// Shown beside the label.
    text: Signal<String>,
    /// Test id of the text; empty for none.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView {
    let value = move || share.get().map(|share| format!("{:.3}", share.clamp(0.0, 1.0)));
    view! {
        <div class="meter">
            <div class="meter-head">
                <span>{label.clone()}</span>
                <span data-testid=(!id.is_empty()).then_some(id)>{move || text.get()}</span>
            </div>
            <progress max="1" value=value aria-label=label></progress>
        </div>
    }
    .into_any()
}

/// The share of `(done, in all)`; `None` where the second is 0, not known yet.
pub(crate) fn share_of(progress: impl Into<Signal<(usize, usize)>>) -> Signal<Option<f64>> {
    let progress = progress.into();
    Signal::derive(move || {
        let (done, total) = progress.get();
        (total > 0).then(|| done as f64 / total as f64)
    })
}

/// `1,200 of 5,000 rows`; nothing where the second is 0, not known yet.
pub(crate) fn amount_of((done, total): (usize, usize), noun: &str) -> String {
    match total {
        0 => String::new(),
        _ => format!("{} of {}", format::count(done), format::plural(total, noun)),
    }
}

/// How far something is that can be counted, `(done, in all)`, the second 0 where it is not known yet; and the button of this test id
/// that ends it.
pub(crate) fn counted(
    label: &'static str,
    cancel_id: &'static str,
    progress: Signal<(usize, usize)>,
    on_cancel: Callback<()>,
) -> AnyView {
    let share = share_of(progress);
    let text = Signal::derive(move || {
        let (done, total) = progress.get();
        if total == 0 { String::new() } else { format!("{} of {}", format::count(done), format::count(total)) }
    });
    view! {
        <Meter label=label share=share text=text />
        <div class="row"><Button id=cancel_id text="Cancel" on_press=on_cancel /></div>
    }
    .into_any()
}

/// A figure with its name.
#[component]
pub(crate) fn Stat(
    #[prop(into)] label: String,
    /// Test id of the value; empty for none.
    #[prop(optional, into)]
    id: String,
    value: Signal<String>,
    /// The value as a bare number, for programs.
    #[prop(optional)]
    raw: Option<Signal<Option<f64>>>,
) -> impl IntoView {
    let raw = move || raw.and_then(|raw| raw.get()).map(|raw| raw.to_string());
    view! {
        <div class="stat">
            <dt>{label}</dt>
            <dd data-testid=(!id.is_empty()).then_some(id) data-value=raw>{move || value.get()}</dd>
        </div>
    }
    .into_any()
}
