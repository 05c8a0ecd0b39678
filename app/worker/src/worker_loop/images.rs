//! The commands of images: packed into one file, shown again, and given beside a question; and what augmentation makes of training
//! rows, be they images or texts.

use hone_core::config::RunConfig;
use hone_core::event::Split;
use hone_core::images::ImageZip;
use hone_core::session::protocol::{NamedBlob, Problem, Reply};
use hone_core::task::{TaskInput, preview_augmentation};
use js_sys::Uint8Array;
use web_sys::Blob;

use super::{Answer, Worker};
use crate::codecs;
use crate::errors;
use crate::export::not_packed;
use crate::growing_blob::GrowingBlob;
use crate::mailbox::Letter;

/// Most rows whose images are sent in one answer.
const MAX_IMAGES: usize = 256;

/// Name of the table of labels that is put beside images.
const LABELS_NAME: &str = "metadata.jsonl";

/// What is done with it.
const BESIDE_IMAGES: &str = "put it into the folder or zip that the images were given in, in the place of a table that was there: their \
    labels are then read from it; an image without a label has an empty one";

/// Puts files into a zip under their paths. It grows as a file of the browser: of all of them only one is copied at a time.
pub(super) fn pack(files: &[NamedBlob], blobs: &[Uint8Array]) -> Result<(Reply, Blob), Problem> {
    let mut zip = ImageZip::new(GrowingBlob::default());
    for named in files {
        let (path, bytes) = Letter::file(blobs, named)?;
        zip.add(&path, &bytes.to_vec()).map_err(|error| not_packed(&error))?;
    }
    let packed = zip.finish().and_then(GrowingBlob::into_blob).map_err(|error| not_packed(&error))?;
    Ok((Reply::Packed { blob: 0 }, packed))
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

    /// The files of images in rows of the training file.
    pub(super) fn images_of_file(&self, rows: &[usize]) -> (Reply, Vec<Uint8Array>) {
        let data = self.data_rows();
        images(rows.iter().take(MAX_IMAGES).map(|&row| data?.image_of_row(row)))
    }

    /// The labels of the images of the training file, as a table that is put beside them.
    pub(super) fn write_image_labels(&self) -> Answer {
        let (bytes, num_rows) = self.data_rows().and_then(|rows| rows.labels_as_table()).ok_or_else(errors::no_data)?;
        let notes = vec![BESIDE_IMAGES.to_owned()];
        let (name, blob) = (LABELS_NAME.to_owned(), 0);
        Ok((Reply::Cleaned { name, blob, num_rows, notes }, vec![Uint8Array::from(bytes.as_slice())]))
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
