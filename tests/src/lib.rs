//! What the tests share: goldens made by PyTorch and transformers, devices, rows, where fixtures lie, a browser, a hub.
//! `hone-bench parity` holds a device to the same goldens.

pub mod asked;
pub mod beams;
pub mod browser;
pub mod classes;
pub mod dates;
pub mod devices;
pub mod figure;
mod fixture;
pub mod golden;
pub mod half;
pub mod hub;
pub mod missing;
pub mod net_log;
pub mod page_scripts;
pub mod parity;
pub mod paths;
pub mod products;
pub mod python;
pub mod rows;
pub mod tagged;
pub mod texts;
pub mod webdriver;
