//! The picture in a file, for as long as it is drawn.

use leptos::prelude::*;

use crate::browser::{ObjectUrl, PickedFile};

/// The picture; nothing where the browser can't show the file. `alt` says what it is to those who do not see it.
pub(crate) fn picture(file: &PickedFile, alt: String) -> Option<AnyView> {
    let url = ObjectUrl::of(&file.blob)?;
    let src = url.as_str().to_owned();
    // The browser may forget the file's bytes with the view that is drawn here.
    on_cleanup(move || drop(url));
    Some(view! { <img class="picture" src=src alt=alt decoding="async" /> }.into_any())
}
