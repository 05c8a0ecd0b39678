//! The rows whose texts are most like a text that a person typed.

use super::SessionError;
use super::protocol::Weights;
use super::run::Session;
use crate::task::{NearestTexts, TaskInput, rank_by_similarity};

/// Texts of rows that are looked through. Each gets its vector anew: on a CPU in a browser some hundred texts take
/// seconds.
const MAX_SEARCHED: usize = 500;

impl Session {
    /// Looks through the training rows that were read for the texts that are most like `text`: through all of them, or 500
    /// that are spread over them evenly.
    ///
    /// # Errors
    /// When there are no rows, the task makes no vectors of texts, or the device fails.
    pub async fn nearest(&mut self, text: &str, weights: Weights) -> Result<NearestTexts, SessionError> {
        let data = self.data.as_ref().ok_or(SessionError::NoData)?;
        let all = data.rows.texts_to_search();
        if all.is_empty() {
            return Err(self.other_task());
        }
        let num_texts = all.len();
        let spread = all.into_iter().step_by(num_texts.div_ceil(MAX_SEARCHED));
        let texts: Vec<(usize, String)> = spread.map(|(row, text)| (row, text.to_owned())).collect();
        let own = std::iter::once(text).chain(texts.iter().map(|(_, text)| text.as_str()));
        let inputs: Vec<TaskInput> =
            own.map(|text| TaskInput { text: text.to_owned(), second: None, image: None }).collect();
        let (answers, _) = self.predict(&inputs, weights).await?;
        Ok(rank_by_similarity(answers, texts, num_texts))
    }
}
