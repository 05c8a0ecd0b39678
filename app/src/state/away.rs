//! For a person who looks elsewhere while a run goes on: the screen stays on, and its end is told, each where they ask for it. Both
//! hold until the page is closed. The words are plain, tested natively.

use hone_core::event::StopReason;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Store;
use super::run::{RunState, Status};
use crate::browser::{self, ScreenLock};

/// Said where the person, or their browser, allows no notifications.
const NO_NOTICES: &str =
    "Notifications of this page are not allowed: allow them in the browser's settings for this site.";

/// Signals of what reaches a person who looks elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct AwayState {
    /// The screen is to stay on while a run goes on.
    pub keeps_screen_on: RwSignal<bool>,
    /// Why it does not.
    pub screen_problem: RwSignal<Option<String>>,
    /// The end of a run is to be told while the page is hidden.
    pub tells_end: RwSignal<bool>,
    /// Why it is not.
    pub notice_problem: RwSignal<Option<String>>,
    is_hidden: RwSignal<bool>,
    screen: StoredValue<Option<ScreenLock>, LocalStorage>,
}

impl AwayState {
    pub(super) fn new() -> Self {
        Self {
            keeps_screen_on: RwSignal::new(false),
            screen_problem: RwSignal::new(None),
            tells_end: RwSignal::new(false),
            notice_problem: RwSignal::new(None),
            is_hidden: RwSignal::new(false),
            screen: StoredValue::new_local(None),
        }
    }
}

/// Title and text of the notice on the end of a run of `model` on the rows of `file`, either empty where it is not known; `None`
/// where it has not ended, or the person ended it.
fn notice(status: Status, model: &str, file: &str) -> Option<(&'static str, String)> {
    let title = match status {
        Status::Finished(StopReason::Completed) => "Training is finished",
        Status::Finished(StopReason::EarlyStopping) => "Training is finished early: no further improvement",
        Status::Finished(StopReason::Diverged) => "Training ended early: the loss ran away",
        Status::Failed => "Training failed",
        _ => return None,
    };
    let model = model.rsplit('/').next().unwrap_or_default();
    let text = match (model, file) {
        ("", "") => "Open Hone to see more.".into(),
        (one, "") | ("", one) => format!("{one}. Open Hone to see more."),
        (model, file) => format!("{model} on {file}. Open Hone to see more."),
    };
    Some((title, text))
}

impl Store {
    /// Notes that the page was hidden, or is shown again.
    pub(crate) fn note_visibility(self) {
        let is_hidden = browser::is_hidden();
        self.away.is_hidden.set(is_hidden);
        if is_hidden {
            spawn_local(self.keep_project()); // the browser may end a page that is hidden without a word
        }
    }

    fn wants_screen_on(self) -> bool {
        let is_going = self.run.with(RunState::is_active) || self.sweep.is_going();
        self.away.keeps_screen_on.get() && !self.away.is_hidden.get() && is_going
    }

    /// Keeps the screen on for as long as that is wanted. A browser lets it go when the page is hidden: it is asked for again when
    /// the page is shown.
    pub(crate) fn keep_screen_on(self) {
        let away = self.away;
        let is_wanted = Memo::new(move |_| self.wants_screen_on());
        Effect::new(move |_| {
            away.screen.set_value(None);
            if !is_wanted.get() {
                return;
            }
            spawn_local(async move {
                let problem = match ScreenLock::request().await {
                    // The run may have ended meanwhile.
                    Ok(lock) if untrack(|| self.wants_screen_on()) => {
                        away.screen.set_value(Some(lock));
                        None
                    }
                    Ok(_) => None,
                    Err(_) if browser::is_hidden() => None, // asked for again when it is shown
                    Err(error) => Some(format!("The screen can't be kept on: {error}.")),
                };
                away.screen_problem.set(problem);
            });
        });
    }

    /// Takes the wish to be told of the end of a run, or takes it back. The person is asked for leave, once.
    pub(crate) fn tell_end(self, is_wanted: bool) {
        let away = self.away;
        away.tells_end.set(is_wanted);
        away.notice_problem.set(None);
        if !is_wanted {
            return;
        }
        spawn_local(async move {
            if !browser::may_show_notices().await {
                // In a later task, so that the box that was ticked is seen to change.
                browser::after(0, move || {
                    away.tells_end.set(false);
                    away.notice_problem.set(Some(NO_NOTICES.into()));
                });
            }
        });
    }

    /// Tells of the end of each run while the page is hidden, where that is wanted.
    pub(crate) fn tell_ends(self) {
        // The runs of a sweep are told of once, at the end of the last.
        let status = Memo::new(move |_| match self.sweep.is_going() {
            true => Status::Running,
            false => self.run.with(|run| run.status),
        });
        let is_going =
            |status: Status| matches!(status, Status::Starting | Status::Running | Status::Paused | Status::Stopping);
        Effect::new(move |before: Option<Status>| {
            let status = status.get();
            let is_wanted = self.away.tells_end.get_untracked() && browser::is_hidden();
            // Of a run that is opened the end is told once more.
            if is_wanted && before.is_some_and(is_going) && !self.kept.is_replay() {
                self.show_end(status);
            }
            status
        });
    }

    fn show_end(self, status: Status) {
        let of_run = self.started.with_untracked(|started| {
            started.as_ref().map(|started| (started.origin.model.clone(), started.origin.file.clone()))
        });
        // One that failed may have done so before it began: what is known of the last run is not of this one.
        let (model, file) = match of_run.filter(|_| status != Status::Failed) {
            Some(names) => names,
            None => (self.model.loaded_name().unwrap_or_default(), untrack(|| self.names_of_files())),
        };
        if let Some((title, text)) = notice(status, &model, &file)
            && let Err(error) = browser::show_notice(title, &text)
        {
            self.away.notice_problem.set(Some(format!("This browser showed no notification: {error}.")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_is_told_in_plain_words() {
        let told = |status| notice(status, "sentence-transformers/all-MiniLM-L6-v2", "tickets.csv");
        let (title, text) = told(Status::Finished(StopReason::Completed)).expect("it has ended");
        assert_eq!(title, "Training is finished");
        assert_eq!(text, "all-MiniLM-L6-v2 on tickets.csv. Open Hone to see more.");
        let (title, text) = notice(Status::Failed, "", "").expect("it has ended");
        assert_eq!((title, text.as_str()), ("Training failed", "Open Hone to see more."));
        let (_, text) = notice(Status::Failed, "a/b", "").expect("it has ended");
        assert_eq!(text, "b. Open Hone to see more.");
        assert!(told(Status::Finished(StopReason::Diverged)).is_some_and(|(title, _)| title.contains("loss")));
        for status in [Status::Idle, Status::Running, Status::Paused, Status::Gone] {
            assert_eq!(told(status), None, "{status:?}");
        }
        assert_eq!(told(Status::Finished(StopReason::Stopped)), None, "the person knows");
    }
}
