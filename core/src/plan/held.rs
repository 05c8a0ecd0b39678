//! What a run holds from one step to the next, counted while it goes on. What it was expected to hold is in
//! [`MemoryParts`](super::MemoryParts), together with what comes and goes within a step.

use serde::{Deserialize, Serialize};

/// Bytes that a run holds between two steps, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HeldBytes {
    /// All weights.
    pub weights: u64,
    /// Both moments of AdamW.
    pub optimizer: u64,
    /// Weights of the best evaluation, or the memory that they will have.
    pub best: u64,
    /// The state to go back to, on the host: the memory that it has, also where there are no moments in it yet.
    pub state: u64,
    /// How many such states there are.
    pub num_states: u32,
}
