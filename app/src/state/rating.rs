//! People rate the texts of two models, which were written when models were measured. What is rated stays in the tab over a reload, and
//! goes with it.

use std::sync::Arc;

use hone_core::metrics::{Rating, RatingInput, TextSample, WrittenSet, chosen_sides};
use leptos::prelude::*;

use super::{Step, Store};
use crate::browser;

/// Sets of texts that are kept, at most; beyond it, the oldest is dropped.
const MAX_SETS: usize = 12;

/// Under which a rating is kept for the tab.
const KEY: &str = "hone-rating";

/// Signals of ratings.
#[derive(Clone, Copy)]
pub(crate) struct RatingState {
    /// What models wrote since the page was opened, in order.
    pub sets: RwSignal<Vec<WrittenSet>>,
    /// Names of the two that are chosen; empty where nobody chose.
    pub chosen: RwSignal<[String; 2]>,
    /// The seed as typed.
    pub seed: RwSignal<String>,
    pub current: RwSignal<Option<Rating>>,
    /// Of a rating that was not begun with what is open now: where it comes from.
    pub comes_from: RwSignal<Option<&'static str>>,
}

impl RatingState {
    pub(super) fn new() -> Self {
        Self {
            sets: RwSignal::new(Vec::new()),
            chosen: RwSignal::new(Default::default()),
            seed: RwSignal::new("1".into()),
            current: RwSignal::new(None),
            comes_from: RwSignal::new(None),
        }
    }

    /// Keeps what a model wrote, in the place of what it wrote before.
    fn note(self, name: String, texts: Vec<TextSample>) {
        self.sets.update(|sets| {
            sets.retain(|set| set.name != name);
            sets.push(WrittenSet { name, texts: Arc::new(texts) });
            if sets.len() > MAX_SETS {
                sets.remove(0);
            }
        });
    }
}

impl Store {
    /// Keeps what a model wrote when it was measured, to be rated: the trained one, or the one before.
    pub(super) fn note_written(self, is_trained: bool, texts: &[TextSample]) {
        self.rating.note(self.name_of_measured(is_trained), texts.to_vec());
    }

    /// What a model that was measured is called beside others: `Run 2`, `gpt2 before training`.
    pub(super) fn name_of_measured(self, is_trained: bool) -> String {
        let number = self.started.with_untracked(|started| started.as_ref().map(|run| run.origin.number));
        match number.filter(|_| is_trained) {
            Some(number) => format!("Run {number}"),
            None => format!("{} before training", self.model.loaded_name().unwrap_or_else(|| "The model".into())),
        }
    }

    /// Takes up what was rated in this tab before it was loaded again.
    pub(crate) fn restore_rating(self) {
        if self.rating.current.with_untracked(Option::is_none)
            && let Some(rating) = browser::kept_for_tab(KEY).and_then(|text| Rating::from_json(&text))
        {
            self.rating.current.set(Some(rating));
            self.rating.comes_from.set(Some("These pairs were begun before the page was loaded again."));
        }
    }

    /// Leaves what models of another project wrote. A rating that has votes stays until another is begun.
    pub(super) fn leave_ratings(self) {
        self.rating.sets.set(Vec::new());
        self.rating.chosen.set(Default::default());
        let num_votes = self.rating.current.with_untracked(|rating| rating.as_ref().map(|rating| rating.progress().0));
        match num_votes {
            None => {}
            Some(0) => {
                self.rating.current.set(None);
                self.keep_rating();
            }
            Some(_) => self.rating.comes_from.set(Some("These pairs are of the project that was open before.")),
        }
    }

    /// Begins to rate the two that are chosen; what was rated before is dropped.
    pub(crate) fn start_rating(self) {
        let seed = self.rating.seed.with_untracked(|seed| seed.trim().parse().ok());
        let chosen = self.rating.chosen.get_untracked();
        let sides = self.rating.sets.with_untracked(|sets| chosen_sides(sets, &chosen));
        if let (Some(seed), Some(sides)) = (seed, sides) {
            self.rating.current.set(Rating::new(&sides, seed));
            self.rating.comes_from.set(None);
            self.keep_rating();
        }
    }

    /// Takes what the person says of a pair.
    pub(crate) fn rate(self, input: RatingInput) {
        self.rating.current.update(|rating| {
            if let Some(rating) = rating {
                rating.apply(input);
            }
        });
        self.keep_rating();
    }

    /// Keeps the rating for this tab; where the browser keeps nothing it lasts until a reload.
    fn keep_rating(self) {
        let text =
            self.rating.current.with_untracked(|rating| rating.as_ref().and_then(|r| serde_json::to_string(r).ok()));
        browser::keep_for_tab(KEY, text.as_deref().unwrap_or_default());
    }

    /// Saves the votes as a table, or as lines of JSON.
    pub(crate) fn save_rating(self, is_table: bool) {
        let Some(rating) = self.rating.current.get_untracked() else { return };
        let (text, ending, media_type) = match is_table {
            true => (rating.to_csv(), "csv", "text/csv"),
            false => (rating.to_jsonl(), "jsonl", "application/jsonl"),
        };
        let name = self.file_name("rating", ending);
        self.save(Step::Evaluate, &name, &text.as_str().into(), media_type);
    }
}
