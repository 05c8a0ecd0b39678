//! What the tests share: goldens made by PyTorch and transformers, devices, and where fixtures lie.

pub mod devices;
pub mod golden;
pub mod paths;
