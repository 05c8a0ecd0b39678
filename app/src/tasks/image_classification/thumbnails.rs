//! Images of rows in a grid, a page at a time: they are asked for when they are shown, and forgotten with the grid.

use std::sync::Arc;

use hone_core::event::Split;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser::{self, PickedFile};
use crate::components::{Button, picture};
use crate::format;
use crate::state::Store;

/// Images of a page of the grid.
const PAGE: usize = 24;
/// Images asked for at once: the first are there while the others are read.
const BATCH: usize = 8;

/// An image of a row, and what stands below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thumbnail {
    pub split: Split,
    /// Place of the row in its split.
    pub index: usize,
    /// Name of its file, where that is known: rows that were read since then may have another there.
    pub name: Option<String>,
    pub caption: String,
}

/// Places of a few rows, spread over so many.
pub(super) fn spread(count: usize, of: usize) -> impl Iterator<Item = usize> {
    let count = count.min(of);
    (0..count).map(move |place| place * of / count)
}

/// What is known of an image.
#[derive(Debug, Clone)]
enum Content {
    Awaited,
    There(PickedFile),
    /// Why it is not there.
    Missing(&'static str),
}

/// A grid of images.
#[derive(Clone)]
pub(super) struct Grid {
    pub store: Store,
    /// Test id, and id of the element.
    pub id: &'static str,
    /// What it shows.
    pub label: &'static str,
    pub images: Arc<[Thumbnail]>,
    /// What a press on an image does, and in words; nothing where there is nothing to do. It gets the place of the row in its split.
    pub press: Option<(&'static str, Callback<(usize, PickedFile)>)>,
}

impl Grid {
    /// Draws it; nothing where there is no image.
    pub(super) fn draw(self) -> Option<AnyView> {
        let Self { id, label, .. } = self;
        let has_images = !self.images.is_empty();
        let view = move || {
            view! {
                <div class="scroll tall" id=id data-testid=id tabindex="0" role="region" aria-label=label>
                    {self.page(0)}
                </div>
            }
            .into_any()
        };
        has_images.then(view)
    }

    /// The images from one on, and the way to see more.
    fn page(self, from: usize) -> AnyView {
        let to = (from + PAGE).min(self.images.len());
        let contents: Vec<_> = (from..to).map(|_| RwSignal::new_local(Content::Awaited)).collect();
        let problem: RwSignal<Option<String>> = RwSignal::new(None);
        spawn_local(ask(self.store, self.images[from..to].to_vec(), contents.clone(), problem));
        let press = self.press;
        let figure = |(image, content): (&Thumbnail, RwSignal<Content, LocalStorage>)| figure(image, content, press);
        let figures = self.images[from..to].iter().zip(contents).map(figure).collect_view();
        let num_left = self.images.len() - to;
        let is_more = RwSignal::new(false);
        let id = self.id;
        let on_more = Callback::new(move |()| {
            is_more.set(true);
            browser::focus_element(id); // the button goes
        });
        let rest = move || {
            if is_more.get() {
                return Some(self.clone().page(to));
            }
            let text = format!("Show more ({} left)", format::count(num_left));
            (num_left > 0).then(|| view! { <Button id="more-images" text=text on_press=on_more /> }.into_any())
        };
        view! {
            <ul class="thumbnails">{figures}</ul>
            <p class="hint" role="status">{move || problem.get()}</p>
            {rest}
        }
        .into_any()
    }
}

/// Asks for images, and shows each as soon as it is there; ends where nobody looks at them any more.
async fn ask(
    store: Store,
    images: Vec<Thumbnail>,
    contents: Vec<RwSignal<Content, LocalStorage>>,
    problem: RwSignal<Option<String>>,
) {
    for (images, contents) in images.chunks(BATCH).zip(contents.chunks(BATCH)) {
        let rows = images.iter().map(|image| (image.split, image.index)).collect();
        let files = match store.row_images(rows).await {
            Ok(files) => files,
            Err(error) => {
                let text = format!("{}. {}", format::sentence(&error.message), format::sentence(&error.hint));
                let _ = problem.try_set(Some(text));
                return;
            }
        };
        for ((image, content), file) in images.iter().zip(contents).zip(files) {
            let found = match file {
                Some(file) if image.name.as_ref().is_none_or(|name| is_same_name(name, &file.name)) => {
                    Content::There(file)
                }
                Some(_) => Content::Missing("other rows are loaded now"),
                None => Content::Missing("not loaded any more"),
            };
            if content.try_set(found).is_some() {
                return; // its view is gone
            }
        }
    }
}

/// Whether two names, or paths, are of one file.
fn is_same_name(one: &str, other: &str) -> bool {
    let separators = ['/', '\\'];
    one.rsplit(separators).next() == other.rsplit(separators).next()
}

fn figure(
    image: &Thumbnail,
    content: RwSignal<Content, LocalStorage>,
    press: Option<(&'static str, Callback<(usize, PickedFile)>)>,
) -> AnyView {
    let shown = move || match content.get() {
        Content::Awaited => None,
        Content::There(file) => picture(&file, file.name.clone()),
        Content::Missing(why) => Some(view! { <span class="hint">{why}</span> }.into_any()),
    };
    let inner = view! {
        <span class="frame">{shown}</span>
        <span class="caption">{image.caption.clone()}</span>
    };
    let Some((what, on_press)) = press else { return view! { <li class="thumbnail">{inner}</li> }.into_any() };
    let words = move || match content.get() {
        Content::There(file) => format!("{what} {}", file.name),
        Content::Awaited | Content::Missing(_) => what.to_owned(),
    };
    let index = image.index;
    let on_click = move |_| {
        if let Content::There(file) = content.get_untracked() {
            on_press.run((index, file));
        }
    };
    view! {
        <li>
            <button type="button" class="thumbnail" title=words on:click=on_click>
                {inner}
            </button>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{is_same_name, spread};

    #[test]
    fn a_file_is_known_by_the_last_part_of_its_path() {
        assert!(is_same_name("train/circle/1.png", "circle/1.png") && is_same_name("1.png", "a\\1.png"));
        assert!(!is_same_name("circle/1.png", "circle/11.png"));
    }
    #[test]
    fn a_few_rows_are_spread_over_all() {
        assert_eq!(spread(4, 100).collect::<Vec<_>>(), [0, 25, 50, 75]);
        assert_eq!(spread(4, 2).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(spread(4, 0).count(), 0);
    }
}
