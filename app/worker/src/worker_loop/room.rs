//! Whether a model fits into the memory of the worker, where its weights lie on the CPU: running out of it would end the worker. In: the
//! files of a model. Out: a refusal, in words.

use std::hint::black_box;

use hone_core::checkpoint::WeightFile;
use hone_core::folder::Folder;
use hone_core::session::protocol::Problem;

use crate::errors;

/// Bytes that are asked for in one piece: a model is many tensors, and no vector has more than 2 GB here.
const PIECE_BYTES: u64 = 256 << 20;

/// Makes sure that there is room for a model.
///
/// # Errors
/// When there is not.
pub(super) fn check_room(model: &Folder) -> Result<(), Problem> {
    let bytes = bytes_in_memory(model);
    if has_room(bytes) { Ok(()) } else { Err(errors::no_room_for_model(bytes)) }
}

/// Bytes of weights in memory: each value is an f32 there, also one that takes half of that in its file. Of files that can't be read as
/// weights their size counts; why they can't is said when they are loaded.
fn bytes_in_memory(model: &Folder) -> u64 {
    let names = model.names().filter(|name| name.ends_with(".safetensors"));
    let Ok(weights) = WeightFile::open_in(model, names) else { return model.total_bytes() };
    let num_values = |name| {
        let shape = weights.shape(name).unwrap_or_default();
        shape.into_iter().fold(1, |values: u64, size| values.saturating_mul(size as u64))
    };
    let num_values = weights.names().map(num_values).fold(0, u64::saturating_add);
    num_values.saturating_mul(size_of::<f32>() as u64)
}

/// Whether so many bytes are free, or can be had.
fn has_room(bytes: u64) -> bool {
    let mut pieces = Vec::new();
    let mut left = bytes;
    while left > 0 {
        let size = left.min(PIECE_BYTES);
        let mut piece = Vec::<u8>::new();
        if piece.try_reserve_exact(size as usize).is_err() {
            return false;
        }
        pieces.push(black_box(piece)); // else the compiler leaves the reservation out
        left -= size;
    }
    true
}
