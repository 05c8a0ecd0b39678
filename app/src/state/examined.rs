//! What a person looked at besides the figures (slices, swapped words, two runs side by side), kept for the report on the run. In: what was
//! found. Out: the newest of each kind.

use std::any::Any;
use std::sync::Arc;

use hone_core::report::Examined;
use leptos::prelude::*;

use super::Store;

/// What was looked at, each an [`Examined`]. It is forgotten and put back by the part of the page that is there first, which need not know
/// what it is.
pub(super) type Kept = Vec<Arc<dyn Any + Send + Sync>>;

/// What was looked at of the weights that are loaded.
#[derive(Clone, Copy)]
pub(crate) struct ExaminedState {
    kept: StoredValue<Kept>,
}

impl ExaminedState {
    pub(super) fn new() -> Self {
        Self { kept: StoredValue::new(Vec::new()) }
    }

    /// Other weights are loaded, or will be.
    pub(super) fn forget_trained(self) {
        self.kept.update_value(Vec::clear);
    }

    /// All of it as it is kept, to be put back.
    pub(super) fn kept(self) -> Kept {
        self.kept.get_value()
    }

    /// Puts back what was forgotten: the weights before are still those that are loaded.
    pub(super) fn take_back(self, kept: Kept) {
        self.kept.set_value(kept);
    }

    /// Keeps what was found, in the place of what it replaces.
    fn note(self, examined: Examined) {
        self.kept.update_value(|all| note_in(all, examined));
    }

    /// All of it, in order.
    pub(super) fn all(self) -> Vec<Examined> {
        self.kept.with_value(|all| all_of(all))
    }
}

impl Store {
    /// Keeps what was looked at for the report on the run, where it is of the trained model: of other weights it would say nothing there.
    pub(super) fn note_for_report(self, examined: Examined) {
        if self.measured_tuned.with_untracked(Option::is_some) {
            self.examined.note(examined);
        }
    }
}

fn note_in(all: &mut Kept, examined: Examined) {
    all.retain(|kept| kept.downcast_ref::<Examined>().is_none_or(|kept| !kept.is_replaced_by(&examined)));
    all.push(Arc::new(examined));
}

fn all_of(all: &[Arc<dyn Any + Send + Sync>]) -> Vec<Examined> {
    all.iter().filter_map(|kept| kept.downcast_ref::<Examined>().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_to_be_put_back_is_what_was_looked_at_last() {
        let findings = |note: &str| Examined::Findings { findings: Vec::new(), notes: vec![note.to_owned()] };
        let mut all = Kept::new();
        note_in(&mut all, findings("old"));
        note_in(&mut all, findings("new"));
        let put_back = all.clone();
        all.clear(); // another run was asked for
        assert!(all_of(&all).is_empty());
        assert_eq!(all_of(&put_back), [findings("new")]);
    }
}
