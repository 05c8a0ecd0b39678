//! Why a measured row was answered as it was. In: a row that a person opens in a list, and which label. Out: what each of its words adds
//! to the score of that label, and the training rows that are most like it; one after the other, and each can be ended.

use std::sync::Arc;

use hone_core::session::protocol::{Command, NearTo, Reply, ToExplain, Weights};
use hone_core::task::{Explanation, NearestRows, TaskInput};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Step, Store, unexpected};
use crate::browser;

/// The heading of the row that is open.
pub(crate) const TITLE_ID: &str = "explained-title";

/// Where it stands, whether one is open or not.
pub(crate) const PLACE_ID: &str = "explained";

/// What is being computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explaining {
    /// What words add.
    Words,
    /// Vectors of training rows, and which are nearest.
    Nearest,
}

/// A row that was opened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenedRow {
    /// Row number in its file.
    pub row: usize,
    /// Its place among the training rows, where it is one.
    pub in_training: Option<usize>,
    pub input: TaskInput,
    /// What answered it.
    pub weights: Weights,
    /// Names of the outputs.
    pub labels: Arc<Vec<String>>,
    /// The one that is explained first.
    pub first: usize,
    /// The label that it has; `None` where it has none, or numbers.
    pub truth: Option<usize>,
    /// The label that it was given.
    pub predicted: Option<usize>,
}

/// Signals of the row that is open.
#[derive(Clone, Copy)]
pub(crate) struct ExplainingState {
    pub going: RwSignal<Option<Explaining>>,
    pub row: RwSignal<Option<Arc<OpenedRow>>>,
    /// The output that is explained.
    output: RwSignal<usize>,
    /// How often a row or an output was chosen.
    turn: StoredValue<u32>,
    pub explanation: RwSignal<Option<Arc<Explanation>>>,
    /// The nearest training rows, or why there are none.
    pub nearest: RwSignal<Option<Result<Arc<NearestRows>, String>>>,
}

impl ExplainingState {
    pub(super) fn new() -> Self {
        Self {
            going: RwSignal::new(None),
            row: RwSignal::new(None),
            output: RwSignal::new(0),
            turn: StoredValue::new(0),
            explanation: RwSignal::new(None),
            nearest: RwSignal::new(None),
        }
    }

    fn is_open(self, row: &Arc<OpenedRow>) -> bool {
        self.row.with_untracked(|open| open.as_ref().is_some_and(|open| Arc::ptr_eq(open, row)))
    }

    /// Something else is asked for: what is on its way is not shown.
    fn ask_anew(self) {
        self.explanation.set(None);
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
    }
}

impl Store {
    /// Opens a row and explains its answer, at once or (while something else goes on) when the person asks for it.
    pub(crate) fn open_row(self, row: OpenedRow) {
        let state = self.explaining;
        state.ask_anew();
        state.output.set(row.first);
        state.nearest.set(None);
        state.row.set(Some(Arc::new(row)));
        browser::after(0, || browser::focus_element(TITLE_ID));
        if state.going.get_untracked().is_some() {
            self.cancel_explaining(); // what comes after it is this row
        } else {
            self.explain_row();
        }
    }

    /// Closes the row that is open.
    pub(crate) fn close_row(self) {
        let state = self.explaining;
        if state.going.get_untracked().is_some() {
            self.cancel_explaining();
        }
        state.ask_anew();
        state.row.set(None);
        state.nearest.set(None);
    }

    /// Explains another output of the row that is open.
    pub(crate) fn explain_output(self, output: usize) {
        let state = self.explaining;
        state.ask_anew();
        state.output.set(output);
        match state.going.get_untracked() {
            None => self.explain_row(),
            Some(Explaining::Words) => self.cancel_explaining(), // what comes after it is this output
            Some(Explaining::Nearest) => {}                      // its vectors are kept, and the words come after it
        }
    }

    /// Ends what is being computed.
    pub(crate) fn cancel_explaining(self) {
        self.client().send(Command::CancelReading, Vec::new(), |_| {});
    }

    /// Explains the row that is open.
    pub(crate) fn explain_row(self) {
        let state = self.explaining;
        let Some(row) = state.row.get_untracked().filter(|_| untrack(|| self.activity()).is_none()) else { return };
        self.dismiss(Step::Evaluate);
        state.explanation.set(None);
        self.measuring_progress.set((0, 0));
        state.going.set(Some(Explaining::Words));
        let (output, part) = (state.output.get_untracked(), self.measured_part.get_untracked().map(|part| part.name));
        let turn = state.turn.get_value();
        spawn_local(async move {
            self.explain_words(&row, output, part.clone()).await;
            if state.explanation.with_untracked(Option::is_some) {
                self.find_nearest_rows(&row, part.is_some()).await;
            }
            state.going.set(None);
            // Another row was opened meanwhile, or another output was chosen.
            if state.turn.get_value() != turn {
                self.explain_row();
            }
        });
    }

    async fn explain_words(self, row: &Arc<OpenedRow>, output: usize, part: Option<String>) {
        let asked = ToExplain { input: row.input.clone(), output: Some(output), weights: row.weights, part };
        let turn = self.explaining.turn.get_value();
        let problem = match self.request(Command::Explain(asked), Vec::new()).await {
            Ok((Reply::Explained { explanation }, _)) => {
                if self.explaining.turn.get_value() == turn {
                    self.explaining.explanation.set(Some(Arc::new(*explanation)));
                }
                return;
            }
            Ok((Reply::Done, _)) => return, // it was ended
            Ok((other, _)) => unexpected(&other),
            Err(problem) => problem,
        };
        self.report(Step::Evaluate, problem);
    }

    async fn find_nearest_rows(self, row: &Arc<OpenedRow>, has_parts: bool) {
        let state = self.explaining;
        if state.nearest.with_untracked(Option::is_some) {
            return;
        }
        if has_parts {
            let why = "nearest training rows are not sought where several tasks are learned at once";
            state.nearest.set(Some(Err(why.to_owned())));
            return;
        }
        self.measuring_progress.set((0, 0));
        state.going.set(Some(Explaining::Nearest));
        let near = NearTo { input: row.input.clone(), weights: row.weights, except: row.in_training };
        let found = match self.request(Command::FindNearestRows(near), Vec::new()).await {
            Ok((Reply::NearestRows { found }, _)) => Ok(Arc::new(*found)),
            Ok((Reply::Done, _)) => return, // it was ended
            Ok((other, _)) => Err(unexpected(&other).message),
            Err(problem) => Err(format!("the nearest training rows were not found: {}", problem.message)),
        };
        if state.is_open(row) {
            state.nearest.set(Some(found));
        }
    }
}
