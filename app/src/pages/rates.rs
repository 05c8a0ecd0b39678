//! The test of learning rates at the step Recipe: a button, how far it is, the curve, and the rate that follows of it.

use hone_core::session::protocol::RateTest;
use leptos::prelude::*;

use crate::charts::rates;
use crate::components::{Button, Meter, share_of};
use crate::format;
use crate::state::Store;
use crate::state::rates::{in_words, rate_text};

const WHAT_IT_IS: &str = "Trains a hundred steps while the learning rate rises from far too low to far too high, and shows at which rate \
    the loss falls fastest. What these steps learn is dropped.";

/// What keeps the test from being begun, in words; `None` where nothing does.
fn missing(store: Store) -> Option<&'static str> {
    if store.model.info.with(Option::is_none) || store.data.report.with(Option::is_none) {
        return Some("It needs a model and rows.");
    }
    if store.parts.are_several() {
        return Some("It is for one task: where several are learned at once it can't be made.");
    }
    (store.resolved.with(Result::is_err) || store.changed.with(Result::is_err))
        .then_some("It needs a recipe that is right.")
}

pub(super) fn panel(store: Store) -> AnyView {
    let is_going = store.rates.is_going;
    let cannot = Signal::derive(move || store.activity().is_some() || missing(store).is_some());
    let on_start = Callback::new(move |()| store.find_learning_rate());
    let on_stop = Callback::new(move |()| store.stop_finding_rate());
    let share = share_of(store.measuring_progress);
    let text = Signal::derive(move || match store.measuring_progress.get() {
        (_, 0) => "preparing".to_owned(),
        (done, total) => format!("{} of at most {}", format::count(done), format::plural(total, "step")),
    });
    let progress = move || {
        is_going.get().then(|| {
            view! {
                <Meter label="Raising the learning rate" share=share text=text id="rates-progress" />
                <div class="row"><Button id="stop-rates" text="Stop" on_press=on_stop /></div>
            }
            .into_any()
        })
    };
    let found = Memo::new(move |_| store.rate_test());
    let result = move || found.get().map(|test| result(store, &test));
    view! {
        <details class="panel" data-testid="rates">
            <summary>"Find a learning rate"</summary>
            <p class="hint">{WHAT_IT_IS}</p>
            <p class="hint">{move || missing(store)}</p>
            <div class="row"><Button id="find-rate" text="Try learning rates" waits=cannot on_press=on_start /></div>
            {progress}
            {result}
        </details>
    }
    .into_any()
}

fn result(store: Store, test: &RateTest) -> AnyView {
    let words = in_words(test);
    let line: Vec<(f64, f64)> = test.points.iter().zip(&test.smoothed).map(|(point, mean)| (point.0, *mean)).collect();
    let button = test.steepest.map(|rate| {
        let on_use = Callback::new(move |()| store.use_rate(rate));
        let disabled = Signal::derive(move || store.run.with(|run| run.is_active()));
        let text = format!("Use {}", rate_text(rate));
        view! { <div class="row"><Button id="use-rate" text=text disabled=disabled on_press=on_use /></div> }.into_any()
    });
    view! {
        <p role="status" data-testid="rates-found">{words.clone()}</p>
        {rates("rates-chart", &line, test.steepest, words)}
        {button}
    }
    .into_any()
}
