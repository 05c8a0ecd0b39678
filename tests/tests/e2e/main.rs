//! The page in a real headless Chromium, from the model to the zip: with WebGPU, without it, with bad files, with a
//! device that is lost, with a hub. `cargo xtask test` builds the page and says where it is; without it these skip.
//!
//! A browser fills the machine: the tests take turns.

mod axe;
mod bad_input;
mod data_step;
mod device_loss;
mod figures;
mod hub;
mod language_model;
mod model_step;
mod prompts;
mod responsive;
mod screenshots;
mod shell;
mod site;
mod what_can_be_done;
mod whole_path;
