//! Builds the [`Problem`]s that a person reads: what happened and where, and what to do.

use hone_core::session::protocol::{Problem, ProblemKind, SavedRun};
use wasm_bindgen::{JsCast, JsValue};

use crate::fault;

pub(crate) fn problem(kind: ProblemKind, message: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { kind, message: message.into(), hint: hint.into() }
}

/// A mistake in Hone that did not end the worker.
pub(crate) fn bug(message: impl Into<String>) -> Problem {
    problem(ProblemKind::Bug, message, "this is a mistake in Hone; please report it with this message")
}

/// A panic: the worker can't go on.
pub(crate) fn panicked(message: &str) -> Problem {
    match fault::current() {
        Some(fault) => device_failed(&fault),
        None => {
            let message: String = message.chars().take(2_000).collect();
            let hint = "the part of the page that trains has stopped: press Restart, and please report this message";
            problem(ProblemKind::Bug, message, hint)
        }
    }
}

/// The GPU was lost, ran out of memory or refused a shader: nothing it computed since can be trusted.
pub(crate) fn device_failed(fault: &str) -> Problem {
    problem(
        ProblemKind::Device,
        format!("the GPU failed: {fault}"),
        format!(
            "press Restart, then go on with the run from where it was last saved, or start it with a smaller batch if memory \
             ran out, or {USE_CPU}"
        ),
    )
}

/// A GPU that passed its check, but not that of language models.
pub(crate) fn computes_wrongly(name: &str, what: &str) -> Problem {
    let message = format!("{name} computes wrongly what a language model needs: {what}");
    problem(ProblemKind::Device, message, format!("update the browser or the GPU's driver, or {USE_CPU}"))
}

const USE_CPU: &str = "add ?backend=cpu to the page's address to train on the CPU";

pub(crate) fn no_device() -> Problem {
    problem(ProblemKind::Device, "there is no device to compute on yet", "wait a moment, or reload the page")
}

pub(crate) fn no_model() -> Problem {
    problem(ProblemKind::Model, "no model is loaded", "choose a model first")
}

pub(crate) fn no_room_for_model(bytes: u64) -> Problem {
    let message = format!("a model of {} MB does not fit into the browser's memory", bytes / 1_000_000);
    problem(ProblemKind::Storage, message, "choose a smaller model, or train it with the command line tool")
}

pub(crate) fn no_data() -> Problem {
    problem(ProblemKind::Data, "no data is loaded", "choose a data file first")
}

pub(crate) fn run_goes_on() -> Problem {
    problem(ProblemKind::Config, "a run is going on", "stop the run, or wait until it is over")
}

pub(crate) fn run_elsewhere() -> Problem {
    let hint = "wait until that run is over, or stop it there: one run goes on at a time";
    problem(ProblemKind::Storage, "Hone trains in another tab of this browser", hint)
}

pub(crate) fn project_elsewhere() -> Problem {
    let hint = "close it in the other tab, and reload this page; or start a new project here";
    problem(ProblemKind::Config, "this project is open in another tab of this browser", hint)
}

/// The folder of a run that goes on was deleted, and with it what was saved of it.
pub(crate) fn saved_run_gone() -> Problem {
    let message = "what was saved of this run is no longer in the browser's storage";
    let hint = "keep this page open until the run is over, and export the model then: the run is saved no more";
    problem(ProblemKind::Storage, message, hint)
}

/// What to do where there is no room for a run: which kept runs take it, those that take the most first.
pub(crate) fn room_hint(runs: &[SavedRun]) -> String {
    let mut by_size: Vec<&SavedRun> = runs.iter().collect();
    by_size.sort_by_key(|run| std::cmp::Reverse(run.bytes));
    let words = |run: &&SavedRun| format!("run {} on {} {:.1} MB", run.number, run.file, run.bytes as f64 / 1e6);
    let list = by_size.iter().map(words).collect::<Vec<_>>().join(", ");
    format!("delete runs that you need no more, in the table of runs at the step Train; they take: {list}")
}

/// `Name: message` of a thrown value.
pub(crate) fn js_text(thrown: &JsValue) -> String {
    if let Some(error) = thrown.dyn_ref::<web_sys::DomException>() {
        return format!("{}: {}", error.name(), error.message());
    }
    if let Some(error) = thrown.dyn_ref::<js_sys::Error>() {
        return format!("{}: {}", String::from(error.name()), String::from(error.message()));
    }
    thrown.as_string().unwrap_or_else(|| format!("{thrown:?}"))
}
