//! Drop, paste, choose or take an image, and see which label the model chooses: before training beside after.

use hone_core::event::Split;
use hone_core::task;
use hone_core::task::image_classification::Prediction;
use leptos::prelude::*;

use super::camera::camera;
use super::thumbnails::{Grid, Thumbnail, spread};
use crate::browser::PickedFile;
use crate::components::{Button, FileInput, picture};
use crate::pages::ask::can_predict;
use crate::pages::frame::{frame, missing, wait_hint};
use crate::pages::of_run::of_run;
use crate::state::{Step, Store};
use crate::tasks::label_answers::label_answers;

const LEAD: &str = "Drop or paste an image like those the model will get, and see which label it chooses.";
/// What a browser offers to choose from.
const ACCEPT: &str = "image/png,image/jpeg,image/webp,image/bmp,image/gif";
/// Rows that are kept aside and can be tried with one press.
const MAX_SAMPLES: usize = 8;

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let tried = store.images.tried;
    // A model that was trained meanwhile answers at once, too.
    Effect::new(move |_| {
        if tried.with(Option::is_some) && untrack(|| can_predict(store)) {
            store.predict();
        }
    });
    let on_files = Callback::new(move |files: Vec<PickedFile>| tried.set(files.into_iter().next()));
    let is_shown =
        Memo::new(move |_| store.model.info.with(Option::is_some) && store.data.report.with(Option::is_some));
    let cannot_ask = Signal::derive(move || !can_predict(store) || tried.with(Option::is_none));
    let on_ask = Callback::new(move |()| store.predict());
    let ask = move || {
        view! { <Button id="try-run" text="Predict" is_primary=true disabled=cannot_ask on_press=on_ask /> }.into_any()
    };
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        <div class="drop">
            <p class="drop-title">"Drop or paste an image anywhere"</p>
            <div class="row">
                <FileInput
                    id="try-image"
                    label="Choose an image"
                    accept=ACCEPT
                    disabled=Signal::stored(false)
                    on_files=on_files
                />
            </div>
            {camera(on_files)}
        </div>
        {move || samples(store)}
        {move || tried.get().map(|file| chosen(&file))}
        <div class="row">
            {move || is_shown.get().then(ask)}
            <span class="busy" role="status">{move || store.predicting.get().then_some("Predicting…")}</span>
        </div>
        {move || is_shown.get().then(|| wait_hint(store, "You can predict", None))}
        {move || answers(store)}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}

fn chosen(file: &PickedFile) -> AnyView {
    let shown = picture(file, format!("The image that is tried: {}", file.name));
    view! { <div class="tried" data-testid="try-image-shown">{shown} <p class="hint">{file.name.clone()}</p></div> }
        .into_any()
}

/// The answers, as long as they are of the image that is shown.
fn answers(store: Store) -> Option<AnyView> {
    let tried = store.tried.get()?;
    let shown = store.images.tried.with(|file| file.as_ref().map(PickedFile::identity));
    let [base, tuned] = [&tried.base, &tried.tuned].map(|answer| probabilities(answer.as_ref()));
    (tried.image.is_some() && tried.image == shown).then(|| label_answers(store, &tried, base, tuned))
}

/// Probabilities in the order of the labels; none where there is no answer of this kind.
fn probabilities(answer: Option<&task::Prediction>) -> &[f32] {
    match answer {
        Some(task::Prediction::ImageClassification(Prediction { probabilities, .. })) => probabilities,
        _ => &[],
    }
}

/// Images that were kept aside, to be tried with one press.
fn samples(store: Store) -> Option<AnyView> {
    let report = store.data.report.get()?;
    let [_, valid, test] = report.num_encoded;
    let (split, count) = if test > 0 { (Split::Test, test) } else { (Split::Valid, valid) };
    let one = |index: usize| Thumbnail { split, index, name: None, caption: String::new() };
    let images = spread(MAX_SAMPLES, count).map(one).collect();
    let on_press = Callback::new(move |(_, file): (usize, PickedFile)| store.images.tried.set(Some(file)));
    let press = Some(("Try", on_press));
    let grid = Grid { store, id: "try-samples", label: "Images that were kept aside", images, press }.draw()?;
    let view = view! {
        <div class="panel">
            <h3>"Or one of those that were kept aside"</h3>
            {grid}
        </div>
    };
    Some(view.into_any())
}
