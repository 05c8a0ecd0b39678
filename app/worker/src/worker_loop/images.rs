//! The commands of images: packed into one file, shown again, and given beside a question; and what augmentation makes of training
//! rows, be they images or texts.

use hone_core::config::RunConfig;
use hone_core::event::Split;
use hone_core::images::pack_zip;
use hone_core::session::protocol::{NamedBlob, Problem, Reply};
use hone_core::task::{TaskInput, preview_augmentation};
use js_sys::Uint8Array;

use super::{Answer, Worker};
use crate::codecs;
use crate::errors;
use crate::mailbox::Letter;

/// Most rows whose images are sent in one answer.
const MAX_IMAGES: usize = 256;

/// Puts images into a zip under their paths.
pub(super) fn pack(files: &[NamedBlob], blobs: &[Uint8Array]) -> Answer {
    let read = |named| Letter::file(blobs, named).map(|(name, bytes)| (name, bytes.to_vec()));
    let files = files.iter().map(read).collect::<Result<Vec<_>, Problem>>()?;
    let zip = pack_zip(&files);
    Ok((Reply::Packed { blob: 0 }, vec![Uint8Array::from(zip.as_slice())]))
}

/// Inputs with the bytes of their images, where they have some; what decodes these is there then.
///
/// # Errors
/// When that can't be loaded.
pub(super) async fn with_images(
    mut inputs: Vec<TaskInput>,
    images: &[NamedBlob],
    blobs: &[Uint8Array],
) -> Result<Vec<TaskInput>, Problem> {
    if !images.is_empty() && images.len() != inputs.len() {
        return Err(errors::bug(format!("{} images came with {} inputs", images.len(), inputs.len())));
    }
    if !images.is_empty() {
        codecs::load().await?;
    }
    for (input, named) in inputs.iter_mut().zip(images) {
        input.image = Some(Letter::file(blobs, named)?.1.to_vec());
    }
    Ok(inputs)
}

impl Worker {
    /// The files of images among the rows.
    pub(super) fn row_images(&self, rows: &[(Split, usize)]) -> (Reply, Vec<Uint8Array>) {
        let find = |&(split, index): &(Split, usize)| match (&self.survey, &self.session) {
            (Some(survey), _) => survey.row_image(split, index),
            (None, Some(session)) => session.row_image(split, index),
            (None, None) => None,
        };
        images(rows.iter().take(MAX_IMAGES).map(find))
    }

    /// Training rows as they are trained on.
    pub(super) fn preview_augmentation(&self, rows: &[usize], seed: u64, run: &RunConfig) -> (Reply, Vec<Uint8Array>) {
        let draw = |(place, &index): (usize, &usize)| {
            let png = self.session.as_ref()?.augmented_image(index, run, seed.wrapping_add(place as u64))?;
            Some((format!("{index}.png"), png))
        };
        images(rows.iter().enumerate().take(MAX_IMAGES).map(draw))
    }
}

impl Worker {
    /// Training texts before and after augmentation.
    pub(super) fn preview_augmented_texts(&self, first: usize, count: usize, run: &RunConfig) -> Reply {
        let preview = self.data_rows().and_then(|rows| preview_augmentation(rows, run, first, count));
        Reply::AugmentedTexts { preview: preview.map(Box::new) }
    }
}

fn images(found: impl Iterator<Item = Option<(String, Vec<u8>)>>) -> (Reply, Vec<Uint8Array>) {
    let mut blobs = Vec::new();
    let mut keep = |(name, bytes): (String, Vec<u8>)| {
        blobs.push(Uint8Array::from(bytes.as_slice()));
        NamedBlob { name, blob: blobs.len() - 1 }
    };
    let images = found.map(|image| image.map(&mut keep)).collect();
    (Reply::Images { images }, blobs)
}
