//! The page as a whole: header, steps, the step that is shown, and what is said to those who do not see it.

use leptos::ev;
use leptos::prelude::*;

use crate::browser;
use crate::components::{Brand, Button, DeviceChip, NetworkChip, PageDrop, Rail, RailItem, ThemeToggle};
use crate::format;
use crate::pages;
use crate::state::evaluation::headline;
use crate::state::report::size_words;
use crate::state::run::{RunState, Status};
use crate::state::{STOPPED, Step, Store, Traffic, WorkerStatus};

/// The page.
#[component]
pub(crate) fn App() -> impl IntoView {
    let store = Store::new();
    store.start();
    store.hear_of_keeping();
    pages::later::load(store);
    let on_key = window_event_listener(ev::keydown, move |event| {
        let is_ours = event.alt_key() && !event.ctrl_key() && !event.meta_key();
        if is_ours && let Some(step) = Step::of_key_code(&event.code()) {
            event.prevent_default();
            store.go_to(step);
        }
    });
    on_cleanup(move || on_key.remove());
    let on_resize = window_event_listener(ev::resize, |_| Store::show_current_step());
    on_cleanup(move || on_resize.remove());
    let on_address = window_event_listener(ev::hashchange, move |_| store.follow_address());
    on_cleanup(move || on_address.remove());
    let on_leave = window_event_listener(ev::beforeunload, move |event| {
        // The browser asks in its own words.
        if store.has_unsaved_work() && !store.is_being_replaced() {
            event.prevent_default();
        }
    });
    on_cleanup(move || on_leave.remove());
    let title = Memo::new(move |_| {
        let step = store.step.get();
        store.run.with(|run| step.page_title(run))
    });
    Effect::new(move |_| browser::set_title(&title.get()));
    let on_choose = Callback::new(move |index: usize| store.go_to(Step::ALL[index]));
    let on_skip = move |event: ev::MouseEvent| {
        // The address is the step's.
        event.prevent_default();
        browser::focus_element("main");
    };
    let refusal = Signal::derive(move || store.refusal());
    let takes_pictures = Signal::derive(move || store.takes_images());
    let on_drop = Callback::new(move |dropped| store.take_dropped(dropped));
    let on_files = Callback::new(move |files| store.take_files(files));
    let on_text = Callback::new(move |text: String| store.take_text(&text));
    view! {
        <PageDrop
            refusal=refusal
            takes_pictures=takes_pictures
            on_drop=on_drop
            on_files=on_files
            on_text=on_text
        />
        <a class="skip" href="#main" on:click=on_skip>"Skip to the step"</a>
        {header(store)}
        <div class="layout">
            <Rail items=rail_items(store) on_choose=on_choose />
            <main id="main" tabindex="-1">
                {move || worker_notice(store)}
                {move || pages::later::notices(store)}
                {move || pages::page(store, store.step.get())}
            </main>
        </div>
        <p class="unseen" role="status" aria-live="polite">{spoken(store)}</p>
    }
}

fn header(store: Store) -> AnyView {
    let missing = Signal::derive(move || match store.worker.get() {
        WorkerStatus::Dead => "Stopped",
        WorkerStatus::Starting => "Starting",
        WorkerStatus::Ready if store.problems.with(|p| p.iter().any(|(at, _)| *at == Step::Model)) => "No device",
        WorkerStatus::Ready => "Checking the device",
    });
    let traffic = Signal::derive(move || {
        let row = |line: Traffic| (line.address, line.requests, line.sent, line.received);
        store.network.traffic.get().into_iter().map(row).collect::<Vec<_>>()
    });
    view! {
        <header class="top">
            <Brand />
            <div class="chips">
                <DeviceChip device=store.device.into() missing=missing />
                <NetworkChip traffic=traffic blocked=store.network.blocked.into() kept=store.offline.kept.into() />
                <ThemeToggle />
            </div>
        </header>
    }
    .into_any()
}

/// What the page no longer holds, or that the part of it that trains has stopped.
fn worker_notice(store: Store) -> Option<AnyView> {
    let is_dead = store.worker.get() == WorkerStatus::Dead;
    let lost = store.lost.get();
    if !is_dead && lost.is_none() {
        return None;
    }
    let text = lost.unwrap_or_else(|| STOPPED.into());
    let button = if is_dead {
        let on_press = Callback::new(move |()| store.restart_worker());
        view! { <Button id="revive-worker" text="Restart" is_primary=true on_press=on_press /> }.into_any()
    } else {
        let (disabled, on_press) = (store.model.loading.into(), Callback::new(move |()| store.load_again()));
        view! { <Button id="load-again" text="Load again" is_primary=true disabled=disabled on_press=on_press /> }
            .into_any()
    };
    Some(view! { <div class="banner warn" role="alert"><p>{text}</p>{button}</div> }.into_any())
}

fn rail_items(store: Store) -> Vec<RailItem> {
    let item = |(index, step): (usize, Step)| RailItem {
        number: index + 1,
        title: step.title(),
        id: step.id(),
        is_current: Signal::derive(move || store.step.get() == step),
        is_done: Signal::derive(move || is_done(store, step)),
        note: Signal::derive(move || note(store, step)),
    };
    Step::ALL.into_iter().enumerate().map(item).collect()
}

fn is_done(store: Store, step: Step) -> bool {
    match step {
        Step::Model => store.model.info.with(Option::is_some),
        Step::Data => store.data.report.with(Option::is_some),
        // Its values are there from the start: it is done once there are rows to train on with them.
        Step::Recipe => store.resolved.with(Result::is_ok) && store.data.report.with(Option::is_some),
        Step::Train => store.run.with(RunState::is_finished),
        Step::Evaluate => store.measured_tuned.with(Option::is_some),
        Step::Try => {
            store.tried.with(|tried| tried.as_ref().is_some_and(|tried| tried.tuned.is_some()))
                || store.writing.with(|writing| writing.tuned.is_some())
        }
        Step::Export => store.exported.with(Option::is_some),
    }
}

/// A few words about how a step stands.
fn note(store: Store, step: Step) -> String {
    if store.problems.with(|problems| problems.iter().any(|(at, _)| *at == step)) {
        return "needs attention".into();
    }
    match step {
        Step::Model if store.model.loading.get() => "loading".into(),
        Step::Model => store.model.info.with(|info| {
            let name = info.as_ref().map(|info| info.source.name().rsplit('/').next().unwrap_or_default().to_string());
            name.unwrap_or_default()
        }),
        Step::Data if store.data.loading.get() => "reading".into(),
        Step::Data => store.data.report.with(|report| report.as_deref().map(size_words).unwrap_or_default()),
        Step::Recipe => match store.wrong_settings() {
            Some(names) => format!("wrong: {names}"),
            None => store.resolved.with(|resolved| {
                let run = resolved.as_ref().ok();
                run.map(|run| format::plural(run.num_train_epochs as usize, "epoch")).unwrap_or_default()
            }),
        },
        Step::Train => store.run.with(|run| match run.status {
            Status::Idle | Status::Gone => String::new(),
            Status::Starting => "starting".into(),
            Status::Running => format!("{} %", run.percent_done()),
            Status::Paused => "paused".into(),
            Status::Stopping => "stopping".into(),
            Status::Finished(_) => "done".into(),
            Status::Failed => "failed".into(),
        }),
        Step::Evaluate | Step::Try | Step::Export if store.out_of_date().is_some() => "out of date".into(),
        Step::Evaluate => store
            .measured_tuned
            .with(|measured| measured.as_ref().map(|measured| headline(&measured.evaluation)).unwrap_or_default()),
        Step::Try | Step::Export => String::new(),
    }
}

/// Said aloud by screen readers: the run's state and every tenth of its way.
fn spoken(store: Store) -> Memo<String> {
    Memo::new(move |_| {
        store.run.with(|run| match run.status {
            Status::Idle => String::new(),
            Status::Starting => "Training is starting.".into(),
            Status::Running => format!("Training, {:.0} percent.", (run.progress() * 10.0).floor() * 10.0),
            Status::Paused => format!("{}.", run.paused_words()),
            Status::Stopping => "Training is stopping.".into(),
            Status::Finished(_) | Status::Gone => "Training has ended.".into(),
            Status::Failed => "Training failed.".into(),
        })
    })
}
