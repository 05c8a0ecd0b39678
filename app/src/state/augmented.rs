//! What augmentation makes of training texts, asked of the worker, which has the rows.

use hone_core::session::protocol::{Command, Problem, Reply};
use hone_core::task::AugmentationPreview;

use super::{Store, unexpected};

impl Store {
    /// So many training rows before and after the augmentation of the recipe, from the `first` on of those that have copies; `None`
    /// where the worker has no rows that are augmented.
    pub(crate) async fn augmented_texts(
        self,
        first: usize,
        count: usize,
    ) -> Result<Option<AugmentationPreview>, Problem> {
        let run = self.run_to_read_for();
        match self.request(Command::PreviewAugmentedTexts { first, count, run }, Vec::new()).await? {
            (Reply::AugmentedTexts { preview }, _) => Ok(preview.map(|preview| *preview)),
            (other, _) => Err(unexpected(&other)),
        }
    }
}
