//! What a golden of images reads, and what it holds of images of other sizes than its config's.

use burn::tensor::Device;
use hone_core::batch::BatchInputs;
use hone_core::data::{HostBatch, HostInputs, HostPixels};
use hone_core::optim::GradientSum;

use super::inputs::{class_targets, part_of, weight_of};
use super::{Golden, Pass, step};
use crate::figure::{Figure, demand};
use crate::fixture::{Compared, values};

/// How the names of tensors of images of other sizes begin: `resized.24x24.logits`.
const RESIZED: &str = "resized.";
/// Our path of the position table.
const TABLE: &str = "backbone.embeddings.position_embeddings";

impl Golden {
    /// The batches of a part that holds pixels; `None` where it holds texts.
    pub(super) fn image_batches(&self, part: &str) -> Option<Vec<HostBatch>> {
        let pixels = self.fixture.find(&format!("{part}.pixel_values"))?;
        let (_, labels) = self.fixture.find_ids(&format!("{part}.labels")).expect("every image has a label");
        let (leading, image) = pixels.shape.split_at(pixels.shape.len() - 3);
        let batch = *leading.last().expect("images come in batches");
        let count = leading.iter().product::<usize>() / batch;
        let host = |step| {
            let values = part_of(&pixels.values, step, count).to_vec();
            let [channels, height, width] = [image[0], image[1], image[2]];
            let targets = class_targets(part_of(&labels, step, count), self.num_outputs());
            HostBatch {
                inputs: HostInputs::Pixels(HostPixels { values, batch, channels, height, width }),
                weight: weight_of(&targets, batch),
                targets,
                num_rows: batch,
                num_tokens: 0,
            }
        };
        Some((0..count).map(host).collect())
    }

    /// Logits, loss and the gradient of the position table of images of each other size that it holds.
    ///
    /// # Panics
    /// When the fixture is damaged.
    #[must_use]
    pub fn resized(&self, device: &Device) -> Vec<Figure> {
        let names = self.fixture.names();
        let sizes = names.iter().filter_map(|name| name.strip_prefix(RESIZED)?.strip_suffix(".logits"));
        let figures: Vec<Figure> = sizes.flat_map(|size| self.resized_to(size, device)).collect();
        assert!(!figures.is_empty(), "it holds images of other sizes");
        figures
    }

    /// All of [`Self::resized`] agree.
    ///
    /// # Panics
    /// When they don't.
    pub fn check_resized(&self, device: &Device) {
        demand(&self.resized(device));
    }

    fn resized_to(&self, size: &str, device: &Device) -> Vec<Figure> {
        let part = format!("{RESIZED}{size}");
        let host = self.image_batches(&part).expect("it has such images").remove(0);
        let outputs = self.model(device).for_inference().outputs(&BatchInputs::new(&host.inputs, device));
        let logits = self.fixture.logits_of(&format!("{part}.logits"), &values(outputs));
        let device = device.clone().autodiff();
        let mut sum = GradientSum::default();
        let found = step(&self.model(&device), &host, Pass::Kept, &device, &mut sum);
        let loss = self.fixture.loss_of(found, f64::from(self.fixture.tensor(&format!("{part}.loss")).values[0]));
        let gradient = sum.remove(TABLE).expect("the table is trained");
        let mut compared = Compared::default();
        let expected = self.fixture.tensor(&format!("{part}.grad_position_embeddings")).values;
        compared.add(TABLE, &values(gradient), &expected);
        [logits, loss, compared.finish("gradient", 1)]
            .map(|figure| Figure { what: format!("{} of {size}", figure.what), ..figure })
            .into()
    }
}
