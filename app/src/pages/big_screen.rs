//! A run for the front of a room: the loss as a large curve, a few large numbers, what the model writes, in plain words; over all of
//! the page, and on the whole screen where the browser allows it. Escape leaves.

use hone_core::task::Task;
use leptos::ev;
use leptos::prelude::*;

use super::train::{PHASE_ID, loss_series, phase_text, steps_text, valid_stats};
use crate::browser;
use crate::charts::LineChart;
use crate::components::{Button, Stat};
use crate::format;
use crate::state::Store;
use crate::state::run::Sample;

/// Id of what is shown.
const ID: &str = "big-screen";

/// Texts that are shown at most of those that the model wrote when it was asked last.
const NUM_SAMPLES: usize = 3;

/// Characters of such a text.
const MAX_CHARS: usize = 120;

/// The button, and what it opens.
pub(super) fn view(store: Store, task: Task) -> AnyView {
    let is_open = RwSignal::new(false);
    let open = Callback::new(move |()| {
        is_open.set(true);
        // Once it is drawn.
        browser::after(0, || {
            browser::focus_element(ID);
            browser::fill_screen(ID);
        });
    });
    let close = Callback::new(move |()| {
        browser::leave_screen();
        is_open.set(false);
        // Once it is gone: the browser takes the focus from what is removed.
        browser::after(0, || browser::focus_element(PHASE_ID));
    });
    // The browser's own way out of a full screen is a way out of this, too.
    let on_change = window_event_listener(ev::fullscreenchange, move |_| {
        if !browser::fills_screen() && is_open.get_untracked() {
            close.run(());
        }
    });
    on_cleanup(move || {
        on_change.remove();
        browser::leave_screen();
    });
    view! {
        <div class="row">
            <Button id="big-screen-open" text="Big screen" on_press=open />
        </div>
        {move || is_open.get().then(|| screen(store, task, close))}
    }
    .into_any()
}

fn screen(store: Store, task: Task, close: Callback<()>) -> AnyView {
    let steps = Signal::derive(move || steps_text(store));
    let left =
        Signal::derive(move || store.run.with(|run| run.secs_left().map_or_else(|| "–".to_owned(), format::duration)));
    let loss = Signal::derive(move || {
        store.run.with(|run| run.losses.mean().map_or_else(|| "–".to_owned(), format::significant))
    });
    let x_max = Signal::derive(move || store.run.with(|run| f64::from(run.total_steps.max(run.step))));
    let samples = move || {
        let sample = |sample: &Sample| {
            let [prompt, generated] = [&sample.prompt, &sample.generated].map(|text| format::excerpt(text, MAX_CHARS));
            view! { <li>{prompt} " → " <strong>{generated}</strong></li> }.into_any()
        };
        store.run.with(|run| {
            // The same prompts come again at each measurement.
            let last = run.samples.back().map(|sample| sample.step);
            let newest = run.samples.iter().rev().take_while(|sample| Some(sample.step) == last);
            newest.take(NUM_SAMPLES).map(sample).collect_view()
        })
    };
    // Tab stays within what is shown: the page behind it can't be seen.
    let edge = || view! { <span tabindex="0" on:focus=move |_| browser::focus_element(ID)></span> }.into_any();
    view! {
        {edge()}
        <section
            class="big-screen"
            id=ID
            tabindex="-1"
            role="dialog"
            aria-modal="true"
            aria-label="The run on a big screen"
            data-testid="big-screen"
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    event.prevent_default();
                    close.run(());
                }
            }
        >
            <div class="row">
                <p class="big-phase">{move || phase_text(store)}</p>
                <Button id="big-screen-close" text="Close" on_press=close />
            </div>
            <dl class="stats">
                <Stat label="Steps" value=steps />
                <Stat label="Time left" value=left />
                {move || valid_stats(store, task, "big-")}
                <Stat label="Loss: how wrong it is" value=loss />
            </dl>
            <LineChart title="Loss: the lower, the better" series=loss_series(store) x_max=x_max />
            <ul class="big-samples">{samples}</ul>
        </section>
        {edge()}
    }
    .into_any()
}
