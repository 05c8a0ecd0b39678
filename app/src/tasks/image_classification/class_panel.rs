//! Images that are given class by class: each class has a name and a place for its images.

use leptos::prelude::*;
use web_sys::DragEvent;

use crate::browser::{self, PickedFile};
use crate::components::{Button, FileInput, picture};
use crate::format;
use crate::pages::data::busy;
use crate::state::{ImageClass, Step, Store};

/// Images of a class that are shown.
const MAX_SHOWN: usize = 6;
/// What a browser offers to choose from.
const ACCEPT: &str = "image/png,image/jpeg,image/webp,image/bmp,image/gif";
/// Id of the panel's heading; it takes the focus from a class that is removed.
const HEADING_ID: &str = "class-by-class-heading";

/// The panel.
pub(in crate::tasks) fn give_images(store: Store) -> AnyView {
    let images = store.images;
    let ids =
        Memo::new(move |_| images.classes.with(|classes| classes.iter().map(|class| class.id).collect::<Vec<_>>()));
    let has_images =
        Memo::new(move |_| images.classes.with(|classes| classes.iter().any(|class| !class.images.is_empty())));
    let problem = Memo::new(move |_| images.problem_of_classes().filter(|_| has_images.get()));
    let cannot_use = Signal::derive(move || store.refusal().is_some() || images.problem_of_classes().is_some());
    let cannot_label = Signal::derive(move || store.refusal().is_some() || !images.has_images_to_label());
    let on_label = Callback::new(move |()| store.use_classes_to_label());
    let on_add = Callback::new(move |()| {
        let id = images.add_class(Vec::new());
        browser::after(0, move || browser::focus_element(&name_id(id)));
    });
    let on_use = Callback::new(move |()| store.use_classes());
    let classes = move || ids.get().into_iter().map(|id| class(store, id)).collect_view();
    view! {
        <details class="panel" data-testid="class-by-class" prop:open=move || has_images.get()>
            <summary id=HEADING_ID>"Class by class: give the images of each class by themselves"</summary>
            <div class="columns">{classes}</div>
            <p class="hint" role="status" data-testid="classes-problem">{move || problem.get()}</p>
            <div class="row">
                <Button id="use-classes" text="Use these images" is_primary=true disabled=cannot_use on_press=on_use />
                <Button id="label-classes" text="Label them one by one" disabled=cannot_label on_press=on_label />
                <Button id="add-class" text="Add a class" on_press=on_add />
            </div>
            <p class="hint">
                "Images of a class without a name, in a folder called “unlabeled” or in no folder are labeled below, one by \
                 one and by keys."
            </p>
        </details>
    }
    .into_any()
}

/// Id of the field with the name of a class.
fn name_id(id: u32) -> String {
    format!("class-name-{id}")
}

/// Something of a class; nothing once it is removed.
fn of_class<T>(store: Store, id: u32, read: impl Fn(&ImageClass) -> T) -> Option<T> {
    store.images.classes.with(|classes| classes.iter().find(|class| class.id == id).map(read))
}

fn class(store: Store, id: u32) -> AnyView {
    let images = store.images;
    let name = move || of_class(store, id, |class| class.name.clone()).unwrap_or_default();
    let num_images = Memo::new(move |_| of_class(store, id, |class| class.images.len()).unwrap_or_default());
    let on_files =
        Callback::new(move |files: Vec<PickedFile>| images.change_class(id, |class| class.images.extend(files)));
    let on_drop = move |event: DragEvent| {
        if untrack(|| store.refusal()).is_none() {
            store.take_dropped_on_part(&event, Step::Data, on_files);
        }
    };
    let on_clear = Callback::new(move |()| images.change_class(id, |class| class.images.clear()));
    let on_remove = Callback::new(move |()| {
        images.remove_class(id);
        browser::after(0, || browser::focus_element(HEADING_ID));
    });
    // Drawn anew for other images alone, not for every letter of the name.
    let shown = move || {
        num_images.track();
        let one = |file: &PickedFile| view! { <li class="frame">{picture(file, file.name.clone())}</li> }.into_any();
        first_images(store, id).iter().map(one).collect_view()
    };
    let count = move || match num_images.get() {
        0 => "Drop images here, or choose them.".to_owned(),
        count => format::plural(count, "image"),
    };
    let cannot_clear = Signal::derive(move || num_images.get() == 0);
    view! {
        <div class="image-class" data-testid=format!("class-{id}") on:drop=on_drop>
            <label class="stacked">
                <span>"Name of the class"</span>
                <input
                    type="text"
                    id=name_id(id)
                    data-testid=name_id(id)
                    autocomplete="off"
                    prop:value=name
                    on:input=move |event| {
                        let name = event_target_value(&event);
                        images.change_class(id, |class| class.name = name);
                    }
                />
            </label>
            <p class="hint" role="status" data-testid=format!("class-count-{id}")>{count}</p>
            <ul class="thumbnails few">{shown}</ul>
            <div class="row">
                <FileInput
                    id=format!("class-files-{id}")
                    label="Choose images"
                    accept=ACCEPT
                    multiple=true
                    disabled=busy(store)
                    on_files=on_files
                />
                <Button text="Empty it" disabled=cannot_clear on_press=on_clear />
                <Button text="Remove the class" on_press=on_remove />
            </div>
        </div>
    }
    .into_any()
}

/// The first images of a class.
fn first_images(store: Store, id: u32) -> Vec<PickedFile> {
    let first = |class: &ImageClass| class.images.iter().take(MAX_SHOWN).cloned().collect();
    untrack(|| of_class(store, id, first)).unwrap_or_default()
}
