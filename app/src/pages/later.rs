//! The steps after the first, in a wasm of their own that is fetched while the first is shown: a page of many tasks is there
//! as soon as one of few. `cargo xtask build` cuts the wasm in two (the feature `split`, ADR 16); where it is not cut, by
//! trunk or natively, all of it is there from the start.

use leptos::prelude::*;
#[cfg(feature = "split")]
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::{away, batch, data, evaluate, export, projects, recipe, saved, train, undo, update};
#[cfg(feature = "split")]
use crate::browser;
use crate::components::Button;
use crate::state::{LaterSteps, Step, Store};
use crate::tasks;

/// Fetches the steps after the first; once more, where that failed.
pub(crate) fn load(store: Store) {
    #[cfg(feature = "split")]
    {
        store.later.set(LaterSteps::Loading);
        wasm_bindgen_futures::spawn_local(async move {
            let loaded = fetch().await;
            // Who waits for a step has the focus on its heading, which is drawn anew.
            browser::keep_focus("main", browser::PAGE_TITLE_ID);
            store.later.set(if loaded.is_ok() { LaterSteps::Loaded } else { LaterSteps::Failed });
            store.note_unread();
        });
    }
    #[cfg(not(feature = "split"))]
    store.later.set(LaterSteps::Loaded);
}

/// What is said above every step: of a newer version of the page, of a run that is kept. Nothing before that part is there.
pub(crate) fn notices(store: Store) -> Option<AnyView> {
    (store.later.get() == LaterSteps::Loaded).then(|| drawn(store, None))
}

/// The page of a step after the first, or how far its fetching is.
pub(super) fn page(store: Store, step: Step) -> AnyView {
    let content = match store.later.get() {
        LaterSteps::Loaded => return drawn(store, Some(step)),
        LaterSteps::Loading => view! { <p class="lead" role="status">"This step is being loaded."</p> }.into_any(),
        LaterSteps::Failed => {
            let on_press = Callback::new(move |()| load(store));
            view! {
                <div class="banner warn" role="alert">
                    <p>"This step could not be loaded. Is there a connection to the server?"</p>
                    <Button id="load-steps" text="Try again" is_primary=true on_press=on_press />
                </div>
            }
            .into_any()
        }
    };
    view! {
        <section aria-labelledby="page-title">
            <h2 id="page-title" tabindex="-1">{step.title()}</h2>
            {content}
        </section>
    }
    .into_any()
}

/// What was fetched answers at once.
#[cfg(feature = "split")]
fn drawn(store: Store, step: Option<Step>) -> AnyView {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    let mut view = Box::pin(draw(store, step));
    match view.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(view)) => view,
        Poll::Ready(Err(_)) | Poll::Pending => {
            store.later.set(LaterSteps::Failed);
            ().into_any()
        }
    }
}

/// What is not cut is there.
#[cfg(not(feature = "split"))]
fn drawn(store: Store, step: Option<Step>) -> AnyView {
    of_later(store, step)
}

/// Draws them, in the part that is fetched: all that is reached from here alone is in it.
#[cfg(feature = "split")]
#[wasm_split(steps, wasm_split_path = ::leptos::wasm_split, fallible, preload(fetch))]
fn draw(store: Store, step: Option<Step>) -> Result<AnyView, SplitLoaderError> {
    Ok(of_later(store, step))
}

/// The page of a step, or (`None`) what is said above all of them, and what goes on whichever is shown.
fn of_later(store: Store, step: Option<Step>) -> AnyView {
    match step {
        Some(step) => of_step(store, step),
        None => {
            store.read_all_messages();
            undo::listen(store);
            away::watch(store);
            store.plan_ahead();
            store.drive_sweep();
            store.seek_findings();
            store.keep_projects();
            store.watch_silence();
            view! { {update::banner(store)} {saved::banner(store)} {projects::notice(store)} }.into_any()
        }
    }
}

/// The page of a step, for the task of the model, of the rows, or of a run's several tasks. Another task draws it anew.
fn of_step(store: Store, step: Step) -> AnyView {
    let task = match step {
        Step::Data => store.data.task.get(),
        Step::Evaluate | Step::Try | Step::Export => store.shown_task(),
        Step::Model | Step::Recipe | Step::Train => store.model.task.get(),
    };
    match step {
        Step::Model => ().into_any(),
        Step::Data => data::page(store, task),
        Step::Recipe => recipe::page(store, task),
        Step::Train => train::page(store, task),
        Step::Evaluate => evaluate::page(store),
        Step::Try => view! { {tasks::try_it(store, task)} {batch::panel(store, task)} }.into_any(),
        Step::Export => export::page(store, task),
    }
}
