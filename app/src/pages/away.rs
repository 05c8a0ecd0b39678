//! Beside a run, for a person who looks elsewhere meanwhile: the screen that stays on, the notice at the end, and whether what is
//! saved of it fits into the browser's storage.

use hone_core::config::ModelSource;
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::recipe::num_trained;
use super::storage;
use crate::browser::{self, PickedFile, StorageRoom};
use crate::components::check;
use crate::state::run::RunState;
use crate::state::{Store, room};

/// What a person can do where little room is left.
const MAKE_ROOM: &str = "To make room, delete models or runs that are kept, below. The run can start all the same: where it can't be \
                         saved it goes on unsaved, and this page says so.";

/// Bytes of a parameter of a pretrained model at most.
const PARAMETER_BYTES: f64 = 4.0;

/// Does what the boxes ask for, whatever step is shown.
pub(super) fn watch(store: Store) {
    store.keep_screen_on();
    store.tell_ends();
    let on_change = window_event_listener(ev::visibilitychange, move |_| store.note_visibility());
    on_cleanup(move || on_change.remove());
}

/// The boxes that the browser can do something for.
pub(super) fn boxes(store: Store) -> AnyView {
    let away = store.away;
    let never = Signal::stored(false);
    let screen = browser::can_keep_screen_on().then(|| {
        let on_change = Callback::new(move |is_wanted| away.keeps_screen_on.set(is_wanted));
        check("Keep the screen on while training", "keep-screen-on", away.keeps_screen_on.into(), never, on_change)
    });
    let notice = browser::has_notices().then(|| {
        let on_change = Callback::new(move |is_wanted| store.tell_end(is_wanted));
        check("Tell me when it is done", "tell-end", away.tells_end.into(), never, on_change)
    });
    let told = move || away.tells_end.get().then_some("Your system tells you if this page is hidden then.");
    view! {
        <div class="row">{screen} {notice}</div>
        <p class="hint" role="status">{told}</p>
        <p class="field-error" aria-live="polite">{move || away.screen_problem.get()}</p>
        <p class="field-error" aria-live="polite" data-testid="notice-problem">{move || away.notice_problem.get()}</p>
    }
    .into_any()
}

/// How much the browser keeps, asked for anew with each step that is saved and each list of runs; and, before a run, whether
/// it may not fit.
pub(super) fn storage(store: Store) -> AnyView {
    let found: RwSignal<Option<StorageRoom>> = RwSignal::new(None);
    let saved_step = Memo::new(move |_| store.run.with(|run| run.checkpoint_step));
    Effect::new(move |_| {
        saved_step.track();
        store.kept.runs.track();
        spawn_local(async move {
            let room = browser::storage_room().await;
            // Another step may be shown by now.
            let _ = found.try_set(room);
        });
    });
    let shortage = Memo::new(move |_| {
        let is_asked = !store.run.with(RunState::is_active);
        found.get().filter(|_| is_asked).and_then(|found| room::shortage(&found, most_bytes(store)))
    });
    let warning = move || {
        let text = shortage.get()?;
        let view = view! {
            <div class="note" role="status" data-testid="storage-shortage">
                <p>{text}</p>
                <p class="hint">{MAKE_ROOM}</p>
            </div>
        };
        Some(view.into_any())
    };
    let words = move || found.get().map(|found| room::describe(&found));
    let is_short = Signal::derive(move || shortage.with(Option::is_some));
    view! {
        {warning}
        <p class="hint" data-testid="storage-room">{words}</p>
        {storage::panel(store, is_short)}
    }
    .into_any()
}

/// The most that is saved of a run that is started now; `None` where that is not known.
fn most_bytes(store: Store) -> Option<f64> {
    let size = |file: &Option<PickedFile>| file.as_ref().map_or(0.0, PickedFile::size_bytes);
    let rows: f64 = [store.data.train, store.data.valid, store.data.test].map(|file| file.with(size)).into_iter().sum();
    // Files that were chosen lie nowhere else.
    let model = store.model.info.with(|info| match info.as_ref().map(|info| (&info.source, info.num_parameters)) {
        Some((ModelSource::Local { .. }, parameters)) => parameters as f64 * PARAMETER_BYTES,
        _ => 0.0,
    });
    let beside = store.bytes_of_kept_parts();
    num_trained(store).map(|trained| room::most_bytes(trained, rows + beside + model))
}
