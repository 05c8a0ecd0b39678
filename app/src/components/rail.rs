//! The steps of the path: a list of buttons, at the side of a wide page and on top of a narrow one.

use leptos::prelude::*;

/// A step, and how it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RailItem {
    pub number: usize,
    pub title: &'static str,
    pub id: &'static str,
    pub is_current: Signal<bool>,
    pub is_done: Signal<bool>,
    /// A few words, e.g. the model's name.
    pub note: Signal<String>,
}

/// The rail.
#[component]
pub(crate) fn Rail(items: Vec<RailItem>, on_choose: Callback<usize>) -> impl IntoView {
    let button = |(index, item): (usize, RailItem)| {
        let current = move || item.is_current.get().then_some("step");
        let state = move || if item.is_done.get() { ", done" } else { "" };
        view! {
            <li>
                <button
                    type="button"
                    class="step"
                    class:done=move || item.is_done.get()
                    data-testid=format!("step-{}", item.id)
                    aria-current=current
                    aria-keyshortcuts=format!("Alt+{}", item.number)
                    on:click=move |_| on_choose.run(index)
                >
                    <span class="step-number" aria-hidden="true">{item.number}</span>
                    <span class="step-text">
                        <span class="step-title">{item.title}<span class="unseen">{state}</span></span>
                        <span class="step-note">{move || item.note.get()}</span>
                    </span>
                </button>
            </li>
        }
    };
    view! {
        <nav class="rail" aria-label="Steps">
            <ol>{items.into_iter().enumerate().map(button).collect_view()}</ol>
            <p class="rail-hint">"Alt+1 to Alt+7 jump between the steps."</p>
        </nav>
    }
    .into_any()
}
