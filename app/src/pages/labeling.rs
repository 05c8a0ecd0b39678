//! Rows without labels, at the step Data: they are left out until a person labels them, one by one and by keys, those first that teach
//! most. A file that has no column for labels gets one; labels that images got are taken home as a table.

use std::sync::Arc;

use hone_core::config::{RowEdits, Split};
use hone_core::task::{RankedRow, RankedRows, Uncertainty};
use leptos::prelude::*;

use super::frame::wait_hint;
use super::undo::undo_button;
use crate::components::{Button, Cell, ClassAct, Meter, amount_of, class_box, picture, select, share_of, table};
use crate::format;
use crate::state::labeling::{BOX_ID, Shown, class_counts, toggle};
use crate::state::{Activity, Step, Store};
use crate::tasks;

/// Characters of a text that are drawn.
const MAX_CHARS: usize = 2000;

/// How the order is come to, where no model tells.
const DIVERSE: &str = "No model was trained on labels yet, so rows come first that have little in common: drawn by a seed with the \
    sampling of k\u{2011}means++ on their words.";

/// The same of images.
const DIVERSE_PATHS: &str = "No model was trained on labels yet, so images come first whose folders and names have little in common, \
    drawn by a seed: what they show is not compared.";

const KEYS_OF_IMAGES: &str = "A digit takes its class, letters find one and Enter takes it; what is no class becomes one. The right arrow \
    skips an image, the left arrow and Backspace go back. Each label is an edit: Undo takes it back.";

const KEYS: &str = "A digit takes its class, letters find one and Enter takes it; what is no class becomes one. The right arrow skips a \
    row, the left arrow and Backspace go back. Each label is an edit of its row: Undo takes it back, and the file is saved with it \
    under “Rows”.";

const KEYS_OF_SEVERAL: &str = "A digit adds its label or takes it away, so do letters with Enter; what is no label becomes one. Enter \
    alone keeps what is chosen, also nothing, and shows the next row; the right arrow skips a row, the left arrow and Backspace go back. \
    Each is an edit of its row: Undo takes it back, and the file is saved with it under “Rows”.";

/// The panel, while rows have no label.
pub(super) fn panel(store: Store) -> AnyView {
    let count = Memo::new(move |_| store.num_unlabeled());
    let ranked = Memo::new(move |_| store.ranked_rows());
    let is_shown = Memo::new(move |_| count.get() > 0 || ranked.with(Option::is_some));
    let content = move || is_shown.get().then(|| of_rows(store, count, ranked));
    view! { {content} }.into_any()
}

fn of_rows(store: Store, count: Memo<usize>, ranked: Memo<Option<Arc<RankedRows>>>) -> AnyView {
    let waits = Signal::derive(move || store.activity().is_some());
    let said = move || waiting_words(count.get(), noun(store.rows_are_images()));
    let text = Signal::derive(move || match ranked.with(Option::is_some) {
        true => "Order them again".to_owned(),
        false => format!("Label these {}s", noun(store.rows_are_images())),
    });
    let title = move || if store.rows_are_images() { "Images without labels" } else { "Rows without labels" };
    let on_rank = Callback::new(move |()| store.rank_unlabeled());
    let share = share_of(store.measuring_progress);
    let amount = Signal::derive(move || amount_of(store.measuring_progress.get(), noun(store.rows_are_images())));
    let on_stop = Callback::new(move |()| store.cancel_batch());
    let progress = move || {
        store.labeling.ranking.get().then(|| {
            view! {
                <Meter label="Asking the model about them" share=share text=amount id="labeling-progress" />
                <div class="row"><Button id="stop-ranking" text="Stop" on_press=on_stop /></div>
            }
            .into_any()
        })
    };
    let list = move || {
        store.data.task.track(); // whether a row has one label or several
        ranked.get().filter(|ranked| !ranked.rows.is_empty()).map(|ranked| list(store, &ranked))
    };
    view! {
        <section class="panel rows" aria-labelledby="labeling-title" data-testid="labeling">
            <h3 id="labeling-title">{title}</h3>
            <p role="status" data-testid="num-unlabeled">{said}</p>
            <div class="row">
                <Button id="label-rows" text=text waits=waits on_press=on_rank /> {move || order_by(store)}
            </div>
            {wait_hint(store, "They can be put in order", Some(Activity::Answering))}
            {progress}
            {list}
        </section>
    }
    .into_any()
}

/// What a row is called.
fn noun(is_image: bool) -> &'static str {
    if is_image { "image" } else { "row" }
}

/// How many rows wait for a label.
fn waiting_words(count: usize, noun: &str) -> String {
    match count {
        0 => format!("Every {noun} has a label."),
        1 => format!("1 {noun} has no label, and is left out until it gets one."),
        count => format!("{} have no label, and are left out until they get one.", format::plural(count, noun)),
    }
}

/// Whether a row has any number of labels.
fn gives_several(store: Store) -> bool {
    let spec = store.data.task.get().spec();
    spec.gives_labels() && !spec.gives_one_label()
}

/// By what it is told how unsure a model is.
fn order_by(store: Store) -> AnyView {
    let is_several = gives_several(store);
    let words = |by: Uncertainty| match (by, is_several) {
        (Uncertainty::Margin, false) => "two labels nearly as likely",
        (Uncertainty::Entropy, false) => "all labels alike (entropy)",
        (Uncertainty::LeastConfident, false) => "no label likely",
        (Uncertainty::Margin, true) => "a label near its threshold",
        (Uncertainty::Entropy, true) => "labels as likely as not (entropy)",
        (Uncertainty::LeastConfident, true) => "many labels that may be wrong",
    };
    let options = Uncertainty::ALL.map(|by| (by.name().to_owned(), words(by).to_owned())).to_vec();
    let on_choose = Callback::new(move |name: String| {
        let by = Uncertainty::ALL.into_iter().find(|by| by.name() == name);
        store.labeling.by.set(by.unwrap_or_default());
    });
    let current = store.labeling.by.get_untracked().name();
    let never = Signal::stored(false);
    select("A trained model is unsure where it finds", "uncertainty", options, current, never, on_choose)
}

/// The row that is labeled, the classes, and how far a person is.
fn list(store: Store, ranked: &Arc<RankedRows>) -> AnyView {
    let at = store.labeling.at;
    let [of_row, of_names, of_counts, of_progress] = [(); 4].map(|()| Arc::clone(ranked));
    let given = Memo::new(move |_| store.given_labels());
    let is_several = untrack(|| gives_several(store));
    let are_images = untrack(|| store.rows_are_images());
    let row = move || of_row.rows.get(at.get()).map(|row| shown(store, row, is_several, are_images));
    let picked = store.labeling.picked;
    let layout = Memo::new(move |_| store.label_layout());
    let names = Memo::new(move |_| {
        let counts = given.with(|given| layout.with(|layout| class_counts(&of_names, given, layout.as_ref())));
        let mut names: Vec<String> = counts.into_iter().map(|(name, _)| name).collect();
        picked.with(|picked| {
            let new: Vec<String> = picked.iter().filter(|name| !names.contains(name)).cloned().collect();
            names.extend(new);
        });
        Arc::new(names)
    });
    let chosen_of = Arc::clone(ranked);
    let chosen = Signal::derive(move || {
        if is_several {
            return picked.get();
        }
        let row = chosen_of.rows.get(at.get());
        let given = row.and_then(|row| given.with(|given| given.get(&row.id.row).cloned()));
        given.into_iter().collect()
    });
    let waits = Signal::derive(move || !store.can_edit_rows() || store.labeling.ranking.get());
    let on_act = Callback::new(move |act: ClassAct| match act {
        ClassAct::Choose(label) if is_several => picked.update(|picked| toggle(picked, label)),
        ClassAct::Choose(label) => store.give_label(&label),
        ClassAct::Done => store.give_picked_labels(),
        ClassAct::Skip => store.move_to_row(false),
        ClassAct::Back => store.move_to_row(true),
    });
    let counts = move || {
        let rows = given.with(|given| layout.with(|layout| class_counts(&of_counts, given, layout.as_ref())));
        let row = |(name, count): (String, usize)| vec![Cell::new("head", name), Cell::number(format::count(count))];
        let (caption, name, head) = match (are_images, is_several) {
            (true, _) => ("Images of each class", "Class", "Images"),
            (false, true) => ("Rows of each label", "Label", "Rows"),
            (false, false) => ("Rows of each class", "Class", "Rows"),
        };
        table(caption, "labeling-counts", &[name, head], rows.into_iter().map(row).collect())
    };
    let progress = move || {
        let done = given.with(|given| of_progress.rows.iter().filter(|row| given.contains_key(&row.id.row)).count());
        place_words(at.get(), done, &of_progress, noun(are_images))
    };
    let order = match ranked.is_by_model {
        true if are_images => "By the trained model: images that it is least sure of come first (Settles 2009).",
        true => "By the trained model: rows that it is least sure of come first (Settles 2009).",
        false if are_images => DIVERSE_PATHS,
        false => DIVERSE,
    };
    let notes = ranked.notes.iter().map(|note| view! { <p class="hint">{format::sentence(note)}</p> }).collect_view();
    let was_by_model = ranked.is_by_model;
    let retrained = move || {
        let is_trained = store.run.with(|run| run.is_finished());
        (is_trained && !was_by_model).then(|| {
            let text = "A model was trained since: order them again, and those come first that it is unsure of.";
            view! { <p class="note" role="status" data-testid="labeling-again">{text}</p> }
        })
    };
    let note = move || store.labeling.note.get().map(|note| view! { <p class="note" role="status">{note}</p> });
    let on_keep = Callback::new(move |()| store.give_picked_labels());
    let keep = is_several.then(|| {
        view! { <Button id="labeling-keep" text="Keep these labels" is_primary=true waits=waits on_press=on_keep /> }
    });
    let on_move = move |is_back: bool| Callback::new(move |()| store.move_to_row(is_back));
    let on_undo = Callback::new(move |()| store.undo_labeling());
    let (asked, keys) = match (are_images, is_several) {
        (true, _) => ("Class of this image", KEYS_OF_IMAGES),
        (false, true) => ("Class of this row", KEYS_OF_SEVERAL),
        (false, false) => ("Class of this row", KEYS),
    };
    let on_train = Callback::new(move |()| store.go_to(Step::Train));
    let on_close = Callback::new(move |()| store.close_labeling());
    view! {
        <p class="hint">{order}</p>
        {notes}
        {retrained}
        <p role="status" data-testid="labeling-place">{progress}</p>
        // Who does not see the row hears it as it comes.
        <div data-testid="labeling-row" aria-live="polite">{row}</div>
        {class_box(BOX_ID, asked, names.into(), chosen, waits, is_several, on_act)}
        <p class="hint">{keys}</p>
        {note}
        <div class="row">
            {keep}
            <Button id="labeling-back" text="Back" on_press=on_move(true) />
            <Button id="labeling-skip" text="Skip" on_press=on_move(false) />
            {undo_button(store, "labeling-undo", on_undo)}
            <Button id="labeling-train" text="On to training" on_press=on_train />
            <Button id="labeling-close" text="Put the list away" on_press=on_close />
        </div>
        {counts}
    }
    .into_any()
}

/// A row with what the model finds likely.
fn shown(store: Store, row: &RankedRow, is_several: bool, is_image: bool) -> AnyView {
    let image = is_image.then(|| image(store, row));
    let second = row.second.as_ref().map(|second| view! { <p>{format::shortened(second, MAX_CHARS)}</p> });
    let likely = (!row.likely.is_empty()).then(|| view! { <p class="hint">{likely_words(row, is_several)}</p> });
    view! {
        {image}
        <p>{format::shortened(&row.text, MAX_CHARS)}</p>
        {second}
        {likely}
    }
    .into_any()
}

/// The image of a row, once it is there; its path stands below it.
fn image(store: Store, row: &RankedRow) -> AnyView {
    let number = row.id.row;
    // Drawn anew once it comes, and not with every other image.
    let is_awaited = Memo::new(move |_| matches!(store.picture_to_label(number), None | Some(Shown::Awaited)));
    let shown = move || {
        let _ = is_awaited.get(); // a memo that is only tracked is never computed
        let words = |words: &'static str| Some(view! { <span class="hint">{words}</span> }.into_any());
        match untrack(|| store.picture_to_label(number)) {
            Some(Shown::There(file)) => picture(&file, "The image to label".into()),
            Some(Shown::Missing) => words("Its file is not loaded any more."),
            Some(Shown::Awaited) | None => words("The image is being read."),
        }
    };
    view! { <div class="tried" data-testid="labeling-image">{shown}</div> }.into_any()
}

/// Labels that images got by hand, to be taken home.
pub(super) fn images_by_hand(store: Store) -> AnyView {
    let count = Memo::new(move |_| match store.rows_are_images() {
        true => store.data.read.with(|read| count_edited(&read.edits)),
        false => 0,
    });
    let is_shown = Memo::new(move |_| count.get() > 0);
    let said = move || match count.get() {
        1 => "1 image was labeled or edited by hand.".to_owned(),
        count => format!("{} were labeled or edited by hand.", format::plural(count, "image")),
    };
    let waits = Signal::derive(move || store.activity().is_some());
    let on_save = Callback::new(move |()| store.save_cleaned(Split::Train, None));
    let on_edits = Callback::new(move |()| store.save_row_edits());
    let content = move || {
        is_shown.get().then(|| {
            view! {
                <section class="panel" aria-labelledby="image-labels-title" data-testid="image-labels">
                    <h3 id="image-labels-title">"Labels by hand"</h3>
                    <p>{said}</p>
                    <div class="row">
                        <Button
                            id="save-image-labels"
                            text="Save the labels of all training images"
                            waits=waits
                            on_press=on_save
                        />
                        <Button id="save-image-edits" text="Save the edits" on_press=on_edits />
                    </div>
                    <p class="hint" role="status" data-testid="image-labels-note">{move || store.rows.note.get()}</p>
                </section>
            }
            .into_any()
        })
    };
    view! { {content} }.into_any()
}

/// Rows of all files that have edits.
fn count_edited(edits: &RowEdits) -> usize {
    Split::ALL.into_iter().map(|file| edits.of_file(file).len()).sum()
}

/// `The model finds “a” (45.0 %) or “b” (40.0 %).` Of a row with any number of labels each has its own: `and`.
fn likely_words(row: &RankedRow, is_several: bool) -> String {
    let label = |(name, p): &(String, f32)| format!("“{name}” ({})", format::percent(f64::from(*p)));
    format!(
        "The model finds {}.",
        row.likely.iter().map(label).collect::<Vec<_>>().join(if is_several { " and " } else { " or " })
    )
}

/// `3 of the first 20 of 120 (row 17 of the file), 2 labeled here.`
fn place_words(at: usize, done: usize, ranked: &RankedRows, noun: &str) -> String {
    let of_all = match ranked.rows.len() == ranked.num_unlabeled {
        true => format::count(ranked.num_unlabeled),
        false => format!("the first {} of {}", format::count(ranked.rows.len()), format::count(ranked.num_unlabeled)),
    };
    let number = ranked.rows.get(at).map_or(0, |row| row.id.row);
    format!(
        "{} of {of_all} ({noun} {} of the file), {} labeled here.",
        format::count(at + 1),
        format::count(number),
        format::count(done)
    )
}

/// For a file that could not be read as it has no labels: to add a column for them.
pub(super) fn offer_column(store: Store) -> AnyView {
    let waits = Signal::derive(move || store.activity().is_some());
    let on_add = Callback::new(move |()| store.add_label_column());
    let is_offered = Memo::new(move |_| {
        let task = store.data.task.get();
        task.spec().gives_labels() && !tasks::of(task).reads_images && task.spec().columns.contains(&"edits")
    });
    let content = move || {
        is_offered.get().then(|| {
            view! {
                <div class="panel" data-testid="no-labels">
                    <p>
                        "Does this file hold texts without labels? An empty column is added to a copy of it, and you label its rows here, \
                         one by one and by keys."
                    </p>
                    <div class="row">
                        <Button id="add-label-column" text="Add a column for labels" waits=waits on_press=on_add />
                    </div>
                </div>
            }
            .into_any()
        })
    };
    view! { {content} }.into_any()
}

#[cfg(test)]
mod tests {
    use hone_core::config::RowEdit;
    use hone_core::data::RowId;

    use super::*;

    fn row(row: usize) -> RankedRow {
        let id = RowId { file: Split::Train, row };
        let likely = vec![("a".to_owned(), 0.45), ("b".to_owned(), 0.4)];
        RankedRow { id, label: String::new(), text: "text".into(), second: None, uncertainty: Some(0.9), likely }
    }

    #[test]
    fn it_is_said_how_many_rows_or_images_wait() {
        assert_eq!(waiting_words(0, "image"), "Every image has a label.");
        assert_eq!(waiting_words(1, "row"), "1 row has no label, and is left out until it gets one.");
        let many = waiting_words(1200, "image");
        assert_eq!(many, "1,200 images have no label, and are left out until they get one.");
    }

    #[test]
    fn edited_rows_of_all_files_are_counted_once() {
        let set = |file: Split, row: usize, was: &str, value: &str| {
            let column = "folder".to_owned();
            RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
        };
        let first = set(Split::Train, 2, "", "a");
        let log = vec![first, set(Split::Train, 2, "a", "b"), set(Split::Test, 2, "a", "b")];
        assert_eq!(count_edited(&RowEdits { log }), 2);
        assert_eq!(count_edited(&RowEdits::default()), 0);
    }

    #[test]
    fn it_is_said_where_one_is_and_what_the_model_finds() {
        let ranked = RankedRows { rows: vec![row(17), row(4)], num_unlabeled: 2, ..RankedRows::default() };
        assert_eq!(place_words(0, 0, &ranked, "row"), "1 of 2 (row 17 of the file), 0 labeled here.");
        let ranked = RankedRows { num_unlabeled: 1200, ..ranked };
        let place = place_words(1, 1, &ranked, "image");
        assert_eq!(place, "2 of the first 2 of 1,200 (image 4 of the file), 1 labeled here.");
        assert_eq!(likely_words(&row(1), false), "The model finds “a” (45.0 %) or “b” (40.0 %).");
        assert_eq!(likely_words(&row(1), true), "The model finds “a” (45.0 %) and “b” (40.0 %).");
    }
}
