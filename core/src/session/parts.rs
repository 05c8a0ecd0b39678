//! What a run of several tasks is asked about one of them, beside its answers.

use super::run::Session;
use crate::task::several::SeveralRows;

impl Session {
    /// Names of the outputs of one of the run's tasks; none where it has no labels, or there is no such task.
    #[must_use]
    pub fn labels_of_part(&self, part: &str) -> &[String] {
        let several = self.trainer.as_ref().and_then(|trainer| trainer.rows().as_several());
        let parts = several.map(SeveralRows::parts).unwrap_or_default();
        parts.iter().find(|own| own.name == part).map(|own| own.rows.labels()).unwrap_or_default()
    }
}
