//! The question before trained weights go that were not exported.

use leptos::prelude::*;

use crate::components::Button;
use crate::state::run::RunState;
use crate::state::{Step, Store};

/// What is said of weights that are saved in the browser.
const KEPT: &str = "They are not exported yet. This browser keeps them: they can be opened again in the table of runs.";

/// The question and its answers; `None` while nothing waits for one.
pub(super) fn weights_question(store: Store) -> Option<AnyView> {
    let (_, do_anyway) = store.model.pending.get()?;
    // What is saved last of a run may be written while the question stands.
    let stays = Memo::new(move |_| store.run.with(RunState::is_saved_whole));
    let title = move || match stays.get() {
        true => "The weights you trained will no longer be loaded.",
        false => "The weights you trained will be gone.",
    };
    let detail = move || if stays.get() { KEPT } else { "They are not exported yet, and nothing else keeps them." };
    let on_keep = Callback::new(move |()| store.answer_weights_question(false));
    let on_export = Callback::new(move |()| {
        store.answer_weights_question(false);
        store.go_to(Step::Export);
    });
    let on_go = Callback::new(move |()| store.answer_weights_question(true));
    let question = view! {
        <div
            id="weights-box"
            class="banner warn"
            role="alertdialog"
            aria-labelledby="weights-question"
            aria-describedby="weights-detail"
            data-testid="weights-question"
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    on_keep.run(());
                }
            }
        >
            <div>
                <p class="banner-title" id="weights-question" tabindex="-1">{title}</p>
                <p id="weights-detail">{detail}</p>
            </div>
            <div class="row">
                <Button id="export-first" text="Export them first" is_primary=true on_press=on_export />
                <Button id="lose-weights" text=do_anyway on_press=on_go />
                <Button id="keep-weights" text="Keep them" on_press=on_keep />
            </div>
        </div>
    };
    Some(question.into_any())
}
