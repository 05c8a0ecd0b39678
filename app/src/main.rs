//! Hone's page: the path Model, Data, Recipe, Train, Evaluate, Try, Export. It computes nothing: a Web Worker
//! (`client`) owns the device and the model; `state` holds what is known; `pages` and `components` draw it, with what is one
//! task's alone in `tasks`.

#![expect(unreachable_pub, reason = "leptos writes `pub` in front of what its component macro makes")]

mod app;
mod browser;
mod charts;
mod client;
mod components;
mod format;
mod pages;
mod state;
mod tasks;

fn main() {
    console_error_panic_hook::set_once();
    browser::remove_element("loading");
    leptos::mount::mount_to_body(app::App);
}
