//! What the tests share: goldens made by PyTorch and transformers, devices, rows, where fixtures lie, a browser, a hub.

pub mod browser;
pub mod classes;
pub mod devices;
mod fixture;
pub mod fuzz;
pub mod golden;
pub mod golden_tokens;
pub mod hub;
pub mod missing;
pub mod paths;
pub mod python;
pub mod rows;
pub mod texts;
pub mod webdriver;
