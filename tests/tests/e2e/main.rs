//! The page in a real headless Chromium, from the model to the zip: with WebGPU, without it, with bad files, with a
//! device that is lost, with a hub. `cargo xtask test` builds the page and says where it is; without it these skip.
//!
//! Two browsers at a time fill the machine; one that is measured has it to itself (`Site::open_alone`).

mod axe;
mod bad_input;
mod corrections;
mod data_step;
mod device_loss;
mod faults;
mod figures;
mod hub;
mod images;
mod kept_run;
mod language_model;
mod later_steps;
mod masked_lm;
mod model_step;
mod multi_label;
mod offline;
mod private;
mod projects;
mod prompts;
mod question_answering;
mod regression;
mod responsive;
mod rows;
mod screenshots;
mod sentence_embedding;
mod several;
mod shell;
mod site;
mod soak;
mod sweep;
mod text_to_text;
mod token_classification;
mod undo;
mod what_can_be_done;
mod whole_path;
