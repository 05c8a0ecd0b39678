//! The newer version of the page that is there: offered above every step, never forced.

use leptos::prelude::*;

use super::frame::wait_hint;
use crate::components::Button;
use crate::state::offline::Update;
use crate::state::{Activity, Store};

/// The offer, where there is one.
pub(super) fn banner(store: Store) -> AnyView {
    let is_there = Memo::new(move |_| store.offline.update.with(Option::is_some));
    view! { {move || is_there.get().then(|| offer(store))} }.into_any()
}

fn offer(store: Store) -> AnyView {
    let update = store.offline.update;
    let text = move || update.get().map(Update::words);
    let is_begun = Signal::derive(move || update.get() == Some(Update::Begun));
    // Where the part that trains does not start, a newer version may be what mends it.
    let disabled = Signal::derive(move || store.activity().is_some_and(|going| going != Activity::Starting));
    let on_press = Callback::new(move |()| store.use_update());
    view! {
        <div class="banner" data-testid="update">
            <div>
                <p role="status">{text}</p>
                {wait_hint(store, "It can be used", Some(Activity::Starting))}
            </div>
            <Button id="use-update" text="Use it" disabled=disabled waits=is_begun on_press=on_press />
        </div>
    }
    .into_any()
}
