//! A picture from the person's camera: it is asked for on a press alone, and off again once a picture is taken or the
//! page is left.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::HtmlVideoElement;

use crate::browser::{Camera, PickedFile};
use crate::components::Button;
use crate::format;

/// What the camera sees while it is on, and the buttons. One of them opens it and takes the picture: the focus stays on it.
pub(super) fn camera(on_files: Callback<Vec<PickedFile>>) -> AnyView {
    let camera: RwSignal<Option<Camera>, LocalStorage> = RwSignal::new_local(None);
    let problem: RwSignal<Option<String>> = RwSignal::new(None);
    let is_opening = RwSignal::new(false);
    let is_on = Memo::new(move |_| camera.with(Option::is_some));
    let video: NodeRef<html::Video> = NodeRef::new();
    Effect::new(move |_| {
        if let Some(video) = video.get() {
            camera.with(|camera| camera.iter().for_each(|camera| camera.show_in(&video)));
        }
    });
    let open = move || {
        is_opening.set(true);
        problem.set(None);
        spawn_local(async move {
            let opened = Camera::open().await;
            let _ = is_opening.try_set(false);
            match opened {
                // Where the page was left it is dropped, and off with it.
                Ok(opened) => drop(camera.try_set(Some(opened))),
                Err(why) => drop(problem.try_set(Some(refused(&why)))),
            }
        });
    };
    let take = move |video: HtmlVideoElement| {
        spawn_local(async move {
            match Camera::take_picture(&video).await {
                Ok(file) => {
                    drop(camera.try_set(None));
                    let _ = on_files.try_run(vec![file]);
                }
                Err(why) => drop(problem.try_set(Some(format!("{}.", format::sentence(&why))))),
            }
        });
    };
    let on_main = Callback::new(move |()| match video.get_untracked() {
        Some(video) => take(video),
        None => open(),
    });
    let on_close = Callback::new(move |()| camera.set(None));
    let id = Signal::derive(move || if is_on.get() { "take-picture" } else { "open-camera" });
    let text = Signal::derive(move || {
        let words = if is_on.get() { "Take a picture" } else { "Use the camera" };
        words.to_owned()
    });
    let shown = move || {
        let label = "What the camera sees";
        is_on.get().then(|| view! { <video node_ref=video autoplay=true playsinline=true aria-label=label></video> })
    };
    let close = move || is_on.get().then(|| view! { <Button text="Close the camera" on_press=on_close /> });
    view! {
        <div class="tried">{shown}</div>
        <div class="row">
            <Button id=id text=text waits=is_opening.into() on_press=on_main />
            {close}
        </div>
        <p class="hint" role="status" data-testid="camera-problem">{move || problem.get()}</p>
    }
    .into_any()
}

/// That there is no camera, and what can be done instead.
fn refused(why: &str) -> String {
    format!(
        "{}. Choose, drop or paste an image instead, or allow the camera in the browser's settings.",
        format::sentence(why)
    )
}
