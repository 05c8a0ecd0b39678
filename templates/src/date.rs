//! The day that a template is told.

use serde::{Deserialize, Serialize};

/// The day that `strftime_now` tells, since this library has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateDate {
    /// Year of the common era.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
}
