//! A worker that trains and says nothing: browsers can end one without a word. In: a look every few seconds at how many messages have
//! come. Out: when the page asks it for a sign, and when it says that none came. When is plain, tested natively.
//!
//! Nothing is ended for it: a step of a large model on a slow machine may take that long, and the person sees what is said.

use hone_core::session::protocol::{Command, Problem, ProblemKind};
use leptos::prelude::*;

use super::run::Status;
use super::{Step, Store};
use crate::browser;

/// Milliseconds between two looks.
const LOOK_EVERY_MS: u32 = 10_000;

/// Seconds of silence that are nothing yet.
const MIN_SECS: f64 = 60.0;

/// The same before the first step, in which a device compiles what all steps run.
const MIN_FIRST_SECS: f64 = 300.0;

/// The same while a run is saved, of which a large model has gigabytes to write.
const MIN_SAVING_SECS: f64 = 600.0;

/// The worker is asked once it was silent for so many times as long as ever before in the run.
const TIMES: f64 = 4.0;

/// How what is said about it begins.
const SAYS_NOTHING: &str = "the part of the page that trains has said nothing for";

/// What there is to do after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// It is asked for a sign.
    Ask,
    /// It gave none: that is said.
    Say,
    /// It gave one after all.
    TakeBack,
}

/// How long the worker has been silent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence {
    /// When it was looked at last, in milliseconds.
    looked_ms: Option<f64>,
    num_heard: u32,
    secs: f64,
    /// The longest silence in this run that had an end.
    longest_secs: f64,
    is_asked: bool,
    is_said: bool,
    /// The run is being saved.
    is_saving: bool,
}

impl Silence {
    /// The worker said that it saves the run, and says nothing before that is done.
    pub(super) fn begin_saving(&mut self) {
        self.is_saving = true;
    }

    /// The run was saved, or could not be: how long that took says nothing of a step.
    pub(super) fn end_saving(&mut self) {
        if self.is_saving {
            (self.is_saving, self.secs) = (false, 0.0);
        }
    }

    /// A look at `now_ms`, by when `num_heard` messages have come. `step` is that of a run that goes on; `None` where none does.
    fn look(&mut self, now_ms: f64, num_heard: u32, step: Option<u32>) -> Due {
        // A page that was asleep with its worker looks late, and a clock may be set: such a time is no silence.
        let most_ms = 2.0 * f64::from(LOOK_EVERY_MS);
        let passed_ms = self.looked_ms.map_or(0.0, |before| (now_ms - before).clamp(0.0, most_ms));
        let was_said = self.is_said;
        let is_heard = num_heard != self.num_heard;
        (self.looked_ms, self.num_heard) = (Some(now_ms), num_heard);
        match step {
            None => {
                *self = Self { looked_ms: self.looked_ms, num_heard, ..Self::default() };
                return if was_said { Due::TakeBack } else { Due::Nothing };
            }
            Some(_) if is_heard => {
                self.longest_secs = self.longest_secs.max(self.secs);
                (self.secs, self.is_asked, self.is_said) = (0.0, false, false);
                return if was_said { Due::TakeBack } else { Due::Nothing };
            }
            Some(step) => {
                self.secs += passed_ms / 1000.0;
                let min_secs = match step {
                    _ if self.is_saving => MIN_SAVING_SECS,
                    0 => MIN_FIRST_SECS,
                    _ => MIN_SECS,
                };
                let limit_secs = min_secs.max(TIMES * self.longest_secs);
                if !self.is_asked && self.secs >= limit_secs {
                    self.is_asked = true;
                    return Due::Ask;
                }
                if self.is_asked && !self.is_said && self.secs >= limit_secs + MIN_SECS {
                    self.is_said = true;
                    return Due::Say;
                }
            }
        }
        Due::Nothing
    }
}

/// What is said of a silence of so many seconds; `is_saving`: it began as the run was saved.
fn problem(secs: f64, is_saving: bool) -> Problem {
    let minutes = (secs / 60.0).max(1.0);
    let (since, what) = match is_saving {
        true => (" since it began to save the run", "saving a model of this size may take that long on this disk"),
        false => ("", "one step may take that long on this device"),
    };
    let message = format!("{SAYS_NOTHING} {minutes:.0} minutes{since}, and does not answer");
    let hint = format!("wait, if {what}; else press Restart, and go on with the run from where it was last saved");
    Problem { kind: ProblemKind::Device, message, hint }
}

impl Store {
    /// Looks from now on whether a worker that trains says something.
    pub(crate) fn watch_silence(self) {
        let is_watched = self.silence.with_value(|silence| silence.looked_ms.is_some());
        if !is_watched {
            self.look_for_silence();
        }
    }

    fn look_for_silence(self) {
        let step = self.run.with_untracked(|run| {
            let goes_on = matches!(run.status, Status::Starting | Status::Running | Status::Stopping);
            goes_on.then_some(run.step)
        });
        let (now_ms, num_heard) = (browser::now_ms(), self.client().num_heard());
        let due = self.silence.try_update_value(|silence| (silence.look(now_ms, num_heard, step), *silence));
        match due {
            // Its answer is a message, and all that is wanted of it.
            Some((Due::Ask, _)) => {
                self.client().send(Command::Memory, Vec::new(), drop);
            }
            Some((Due::Say, silence)) => self.report(Step::Train, problem(silence.secs, silence.is_saving)),
            Some((Due::TakeBack, _)) => self.take_back_silence(),
            Some((Due::Nothing, _)) | None => {}
        }
        browser::after(LOOK_EVERY_MS, move || self.look_for_silence());
    }

    /// Takes away what was said, unless something else is said there by now.
    fn take_back_silence(self) {
        let is_ours = |(at, problem): &(Step, Problem)| *at == Step::Train && problem.message.starts_with(SAYS_NOTHING);
        if self.problems.with_untracked(|problems| problems.iter().any(is_ours)) {
            self.dismiss(Step::Train);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every ten seconds, so often; what was due at which of them.
    fn looks(
        silence: &mut Silence,
        now_ms: &mut f64,
        count: usize,
        heard: u32,
        step: Option<u32>,
    ) -> Vec<(usize, Due)> {
        let mut due = Vec::new();
        for look in 1..=count {
            *now_ms += f64::from(LOOK_EVERY_MS);
            match silence.look(*now_ms, heard, step) {
                Due::Nothing => {}
                what => due.push((look, what)),
            }
        }
        due
    }

    #[test]
    fn a_silent_worker_is_asked_after_a_minute_and_told_of_after_another() {
        let (mut silence, mut now_ms) = (Silence::default(), 1e12);
        assert!(looks(&mut silence, &mut now_ms, 2, 1, Some(3)).is_empty(), "it has just spoken");
        assert_eq!(looks(&mut silence, &mut now_ms, 30, 1, Some(3)), [(5, Due::Ask), (11, Due::Say)], "and once only");
        let said = problem(silence.secs, silence.is_saving);
        assert!(said.message.contains("for 5 minutes,") && said.hint.contains("one step"), "{said:?}");
        assert_eq!(looks(&mut silence, &mut now_ms, 1, 2, Some(3)), [(1, Due::TakeBack)], "it was only slow");
        // It may be as slow again.
        assert!(looks(&mut silence, &mut now_ms, 100, 2, Some(3)).is_empty(), "longer than it was silent before");
        assert_eq!(looks(&mut silence, &mut now_ms, 60, 2, Some(3)), [(24, Due::Ask), (30, Due::Say)]);
    }

    #[test]
    fn an_answer_to_the_question_is_enough() {
        let (mut silence, mut now_ms) = (Silence::default(), 1e12);
        looks(&mut silence, &mut now_ms, 1, 1, Some(3));
        assert_eq!(looks(&mut silence, &mut now_ms, 6, 1, Some(3)), [(6, Due::Ask)]);
        assert!(looks(&mut silence, &mut now_ms, 20, 2, Some(3)).is_empty(), "three minutes are nothing to it now");
    }

    #[test]
    fn the_first_step_may_take_longer() {
        let (mut silence, mut now_ms) = (Silence::default(), 1e12);
        looks(&mut silence, &mut now_ms, 1, 1, Some(0));
        assert_eq!(looks(&mut silence, &mut now_ms, 40, 1, Some(0)), [(30, Due::Ask), (36, Due::Say)]);
    }

    #[test]
    fn saving_may_take_longer_and_says_nothing_of_a_step() {
        let (mut silence, mut now_ms) = (Silence::default(), 1e12);
        silence.begin_saving();
        assert!(looks(&mut silence, &mut now_ms, 55, 1, Some(3)).is_empty(), "nine minutes");
        silence.end_saving();
        assert_eq!(looks(&mut silence, &mut now_ms, 30, 2, Some(3)), [(7, Due::Ask), (13, Due::Say)], "as before");
        assert_eq!(looks(&mut silence, &mut now_ms, 1, 3, Some(3)), [(1, Due::TakeBack)]);

        let mut silence = Silence::default();
        silence.begin_saving();
        looks(&mut silence, &mut now_ms, 1, 4, Some(3));
        assert_eq!(looks(&mut silence, &mut now_ms, 200, 4, Some(3)), [(60, Due::Ask), (66, Due::Say)]);
        let said = problem(silence.secs, silence.is_saving);
        assert!(said.message.contains("since it began to save the run"), "{}", said.message);
        assert!(said.hint.contains("saving a model") && !said.hint.contains("step"), "{}", said.hint);
    }

    #[test]
    fn a_run_that_is_held_or_over_may_be_silent() {
        let (mut silence, mut now_ms) = (Silence::default(), 1e12);
        looks(&mut silence, &mut now_ms, 13, 1, Some(3));
        assert!(silence.is_said, "{silence:?}");
        assert_eq!(looks(&mut silence, &mut now_ms, 500, 1, None), [(1, Due::TakeBack)]);
    }

    #[test]
    fn neither_a_machine_that_slept_nor_a_clock_that_was_set_is_silence() {
        let (mut silence, mut now_ms) = (Silence::default(), 1e12);
        looks(&mut silence, &mut now_ms, 2, 1, Some(3));
        for leap_ms in [3.6e7, -3.6e7] {
            now_ms += leap_ms;
            assert_eq!(silence.look(now_ms, 1, Some(3)), Due::Nothing, "{silence:?}");
        }
        assert!(silence.secs <= 40.0, "{silence:?}");
    }
}
