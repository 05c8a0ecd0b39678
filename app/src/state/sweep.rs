//! Sweeps: many runs of one recipe with other settings, folds or seeds, one after the other in the worker, each kept as any run is (ADR
//! 39). In: what is typed of a sweep. Out: core's state of it, which is kept with the project after each run, so that after a reload
//! it goes on. `draft` is what is typed, `told` what a run came to and how that is said, both plain and tested natively; `drive` asks
//! the worker for one run after the other.

mod draft;
mod drive;
mod told;

use std::sync::Arc;

use hone_core::config::ReadOptions;
use hone_core::sweep::SweepOfRuns;
use leptos::prelude::*;

pub(crate) use draft::{SweepDraft, Tried, choices_of, offered};
pub(crate) use told::{TrialRow, coordinate_values, is_unfinished, leg_words, mean_secs, size_words, trial_rows};

use crate::browser;

/// Id of the panel, of its head, and of what stands at the step Train.
pub(crate) const PANEL_ID: &str = "sweep-panel";
pub(crate) const SUMMARY_ID: &str = "sweep-summary";
pub(crate) const BESIDE_RUN_ID: &str = "sweep-beside-run";

/// What a sweep does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// Nothing: there is none, it is over, or it waits.
    No,
    /// Its next run is being prepared.
    Between,
    /// A run of it goes on, or is held.
    Running,
    /// It ends with the run that goes on, which does not count.
    Stopping,
}

/// Signals of sweeps.
#[derive(Clone, Copy)]
pub(crate) struct SweepState {
    /// What is typed of the next one.
    pub draft: RwSignal<SweepDraft>,
    /// Its panel is unfolded by the page, not by the person.
    pub is_open: RwSignal<bool>,
    /// The one that goes on, or was made last.
    pub kept: RwSignal<Option<Arc<SweepOfRuns>>>,
    pub going: RwSignal<Going>,
    /// Why it does not go on.
    pub problem: RwSignal<Option<String>>,
    /// How the worker was asked to read rows for it, and the seed of the run; `None` where it has those that the page shows.
    rows: StoredValue<Option<(ReadOptions, u64)>>,
}

impl SweepState {
    pub(super) fn new() -> Self {
        Self {
            draft: RwSignal::new(SweepDraft::default()),
            is_open: RwSignal::new(false),
            kept: RwSignal::new(None),
            going: RwSignal::new(Going::No),
            problem: RwSignal::new(None),
            rows: StoredValue::new(None),
        }
    }

    /// Runs of it follow each other.
    pub(crate) fn is_going(self) -> bool {
        self.going.get() != Going::No
    }

    /// The focus goes to the head of the panel, or of the step Train, where the control that has it is about to go.
    pub(crate) fn keep_focus() {
        browser::keep_focus(PANEL_ID, SUMMARY_ID);
        browser::keep_focus(BESIDE_RUN_ID, browser::PAGE_TITLE_ID);
    }

    /// Takes the sweep off the page: another project is shown.
    pub(super) fn clear(self) {
        self.kept.set(None);
        self.problem.set(None);
    }
}
