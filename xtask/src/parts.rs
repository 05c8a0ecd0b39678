//! The parts of a long job, which run side by side: how long the first run will take, how far each part is, how long it
//! took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::proc;
use crate::web::Mode;

/// How often a line says how far everything is.
const EVERY: Duration = Duration::from_secs(30);

/// What set-up, build and tests consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A compiler with the wasm target.
    Toolchain,
    /// wasm-opt and the default model.
    Downloads,
    /// The wasm-bindgen CLI.
    WasmBindgen,
    /// What cuts the page.
    WasmSplit,
    /// Sources of everything the page is made of.
    Crates,
    /// The page, compiled.
    Page,
    /// The worker, compiled.
    Worker,
    /// The readers of files that are no text, compiled.
    Readers,
    /// What reads and writes image files, compiled.
    Images,
    /// What renders chat templates, compiled.
    Templates,
    /// wasm-bindgen's scripts, wasm-opt where it is used, `dist/`.
    Bundle,
    /// The native tests, compiled.
    Tests,
}

impl Part {
    /// Its name, and the CPU seconds it takes where nothing is built yet, in the quick and in the deployed build:
    /// measured on two cores of a server.
    const fn row(self) -> (&'static str, [u64; 2]) {
        match self {
            Self::Toolchain => ("wasm toolchain", [60, 60]),
            Self::Downloads => ("wasm-opt and the model", [20, 20]),
            Self::WasmBindgen => ("wasm-bindgen", [130, 130]),
            Self::WasmSplit => ("wasm-split", [80, 80]),
            Self::Crates => ("crates", [30, 30]),
            Self::Page => ("page", [250, 300]),
            Self::Worker => ("worker", [650, 1500]),
            Self::Readers => ("readers", [90, 120]),
            Self::Images => ("images", [40, 60]),
            Self::Templates => ("templates", [20, 30]),
            Self::Bundle => ("bundle", [20, 400]),
            Self::Tests => ("tests, compiled", [1800, 1800]),
        }
    }

    /// As it is called on the terminal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }
}

/// The parts of one job. While it lives, a line says every half minute how far they are.
#[derive(Debug)]
pub struct Parts {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// How long it will take, where that is known.
    expected: Option<Duration>,
    parts: Vec<State>,
}

#[derive(Debug)]
struct State {
    part: Part,
    started: Instant,
    took: Option<Duration>,
    /// Units that cargo has compiled, and all of them.
    units: Option<(usize, usize)>,
}

/// Hears how far one part is.
#[derive(Debug)]
pub struct Count<'a> {
    parts: &'a Parts,
    part: Part,
}

impl Count<'_> {
    /// `done` of `total` units are compiled.
    pub fn report(&self, done: usize, total: usize) {
        let mut shared = lock(&self.parts.shared);
        if let Some(state) = shared.parts.iter_mut().find(|state| state.part == self.part) {
            state.units = Some((done, total));
        }
    }
}

impl Parts {
    /// Begins a job in which the parts `anew` are made from nothing, and says how long that takes.
    #[must_use]
    pub fn begin(mode: Mode, anew: &[Part]) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let expected = expected(mode, anew, cores);
        if let Some(expected) = expected {
            let names: Vec<&str> = anew.iter().map(|part| part.name()).collect();
            proc::say(format!(
                "the first time takes about {} on this machine ({cores} cores), mostly side by side: {}",
                minutes(expected),
                names.join(", ")
            ));
        }
        let shared = Arc::new(Mutex::new(Shared { started: Instant::now(), expected, parts: Vec::new() }));
        let watched = Arc::downgrade(&shared);
        thread::spawn(move || {
            loop {
                thread::sleep(EVERY);
                let Some(shared) = watched.upgrade() else { break };
                let line = lock(&shared).line();
                if let Some(line) = line {
                    proc::say(line);
                }
            }
        });
        Self { shared }
    }

    /// Runs one part and notes how long it takes.
    ///
    /// # Errors
    /// Those of `job`, with the part's name.
    pub fn run<T>(&self, part: Part, job: impl FnOnce(&Count) -> Result<T>) -> Result<T> {
        let started = Instant::now();
        lock(&self.shared).parts.push(State { part, started, took: None, units: None });
        let result = job(&Count { parts: self, part }).context(part.name());
        if let Some(state) = lock(&self.shared).parts.iter_mut().find(|state| state.part == part) {
            state.took = Some(started.elapsed());
        }
        result
    }

    /// Ends the job: says what all of it took, and each part that took a second or more.
    pub fn close(self, what: &str) {
        let shared = lock(&self.shared);
        let mut text = format!("{what} after {}", span(shared.started.elapsed()));
        let took = shared.parts.iter().filter_map(|state| Some((state.part, state.took?)));
        let list: Vec<String> = took
            .filter(|(_, took)| took.as_secs() > 0)
            .map(|(part, took)| format!("{} {}", part.name(), clock(took)))
            .collect();
        if !list.is_empty() {
            text.push_str(&format!(" ({})", list.join(", ")));
        }
        proc::say(text);
    }
}

impl Shared {
    /// Where the parts at work stand; nothing where none is.
    fn line(&self) -> Option<String> {
        let at_work: Vec<String> = self
            .parts
            .iter()
            .filter(|state| state.took.is_none())
            .map(|state| match state.units {
                Some((done, total)) => format!("{} {done} of {total} compiled", state.part.name()),
                None => format!("{} for {}", state.part.name(), clock(state.started.elapsed())),
            })
            .collect();
        if at_work.is_empty() {
            return None;
        }
        let elapsed = self.started.elapsed();
        let mut line = format!("{}: {}", clock(elapsed), at_work.join("; "));
        if let Some(left) = self.expected.and_then(|expected| expected.checked_sub(elapsed)) {
            line.push_str(&format!("; about {} left", minutes(left)));
        }
        Some(line)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long `cores` need for the parts `anew`; nothing where there is none.
fn expected(mode: Mode, anew: &[Part], cores: usize) -> Option<Duration> {
    let column = usize::from(mode == Mode::Release);
    let secs: Vec<u64> = anew.iter().map(|part| part.row().1[column]).collect();
    // Many cores do not help where one crate waits for another.
    let longest = secs.iter().max()? / 4;
    let shared = secs.iter().sum::<u64>() / cores.max(1) as u64;
    Some(Duration::from_secs(shared.max(longest)))
}

/// `14 minutes`, rounded up.
fn minutes(time: Duration) -> String {
    match time.as_secs().div_ceil(60).max(1) {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

/// `12 min 40 s`, or `8 s`.
fn span(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, secs) => format!("{secs} s"),
        (minutes, secs) => format!("{minutes} min {secs} s"),
    }
}

/// `12:40`.
fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let secs = Duration::from_secs;
        assert_eq!((minutes(secs(1)), minutes(secs(61))), ("1 minute".to_owned(), "2 minutes".to_owned()));
        assert_eq!((span(secs(8)), span(secs(760))), ("8 s".to_owned(), "12 min 40 s".to_owned()));
        assert_eq!(clock(secs(65)), "1:05");
    }

    #[test]
    fn cores_share_the_work_but_not_all_of_it() {
        let parts = [Part::Page, Part::Worker];
        let on = |cores| expected(Mode::Quick, &parts, cores).expect("there is work");
        assert!(on(2) < on(1));
        assert!(on(64) >= on(1) / 8, "one crate waits for another");
        assert_eq!(expected(Mode::Quick, &[], 2), None);
    }

    #[test]
    fn a_part_at_work_says_how_far_it_is() {
        let parts = Parts::begin(Mode::Quick, &[]);
        let line = parts.run(Part::Page, |count| {
            count.report(12, 300);
            Ok(lock(&parts.shared).line())
        });
        let line = line.expect("nothing fails").expect("a part is at work");
        assert!(line.ends_with("page 12 of 300 compiled"), "{line}");
        assert_eq!(lock(&parts.shared).line(), None, "it is done");
    }
}
