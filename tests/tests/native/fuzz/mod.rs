//! Damaged files for every reader of other people's files: none may panic, hang, or take memory that the file does not justify.
//!
//! A test a reader. It reads the files that are right and those that once were too much (`tests/fixtures/fuzz_seeds/NAME`), then
//! files damaged at random (`mutate`): the same few hundred on every machine, or as many as there are read within
//! `HONE_FUZZ_SECS`. `HONE_FUZZ_SEED` gives other damage. The file that is being read lies in `target/fuzz/NAME-current`, so that
//! one which ends the process can be looked at; one that is too much is kept beside it, under a name that the failing test says.
//! `cargo xtask fuzz` runs long.

mod images;
pub(crate) mod memory;
mod model_files;
mod mutate;
mod targets;
mod words;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use hone_tests::paths;

use self::mutate::Mutator;
use self::targets::Target;

/// Damaged files that a reader gets where nobody says for how long: about a second's.
const USUAL_INPUTS: u64 = 300;

/// The damage where nobody says.
const USUAL_SEED: u64 = 1;

/// Longest that one file may take of a processor.
const SLOW: Duration = Duration::from_secs(5);

/// Longest that one file may take by the clock: then the process is ended, for a reader can't be stopped.
const HANGS: Duration = Duration::from_secs(120);

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(500);

#[test]
fn delimited() {
    run(&targets::DELIMITED);
}

#[test]
fn json_rows() {
    run(&targets::JSON_ROWS);
}

#[test]
fn safetensors() {
    run(&model_files::SAFETENSORS);
}

#[test]
fn config() {
    run(&model_files::CONFIG);
}

#[test]
fn model() {
    run(&model_files::MODEL);
}

#[test]
fn tokenizer() {
    run(&model_files::TOKENIZER);
}

#[test]
fn tokenizer_folder() {
    run(&model_files::TOKENIZER_FOLDER);
}

#[test]
fn sentencepiece() {
    run(&model_files::SENTENCEPIECE);
}

#[test]
fn chat_template() {
    run(&model_files::CHAT_TEMPLATE);
}

#[test]
fn adapter_config() {
    run(&model_files::ADAPTER_SETTINGS);
}

#[test]
fn weight_index() {
    run(&model_files::WEIGHT_INDEX);
}

#[test]
fn job() {
    run(&targets::JOB);
}

#[test]
fn project() {
    run(&targets::PROJECT);
}

#[test]
fn image() {
    run(&images::IMAGE);
}

#[test]
fn preprocessor_config() {
    run(&images::IMAGE_SETTINGS);
}

#[test]
fn packed_rows() {
    run(&targets::PACKED_ROWS);
}

#[test]
fn archive() {
    run(&images::ARCHIVE);
}

/// Feeds a reader, and says how much of what it read.
fn run(target: &Target) {
    let secs: Option<f64> = variable("HONE_FUZZ_SECS");
    let seed = variable("HONE_FUZZ_SEED").unwrap_or(USUAL_SEED);
    let mut feeder = Feeder::new(target);
    let good = (target.seeds)();
    let mut files = files_of(&paths::fixture("fuzz_seeds").join(target.name));
    files.extend(good);
    for file in &files {
        feeder.feed(file).unwrap_or_else(|problem| panic!("{problem}"));
    }
    assert!(
        feeder.num_taken > 0,
        "{}: no file is right, so damaged ones are refused for the wrong reason",
        target.name
    );
    let mut mutator = Mutator::new(target.name, target.kind, target.words, files, seed);
    let (start, num_good) = (Instant::now(), feeder.num_inputs);
    let is_done = |num_inputs: u64| match secs {
        Some(secs) => start.elapsed().as_secs_f64() >= secs,
        None => num_inputs - num_good >= USUAL_INPUTS,
    };
    while !is_done(feeder.num_inputs) {
        feeder.feed(&mutator.next_input()).unwrap_or_else(|problem| panic!("{problem} (seed {seed})"));
    }
    let Feeder { num_inputs, num_taken, slowest, largest, .. } = &feeder;
    let (slowest, largest) = (slowest.as_secs_f64(), largest >> 20);
    eprintln!(
        "fuzz {}: {num_inputs} inputs, {num_taken} of them taken; slowest {slowest:.2} s, largest {largest} MiB",
        target.name
    );
}

/// What a variable of the environment says, where it is set.
fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, and a number is expected")))
}

/// The files of a folder in the order of their names; none where there is no folder.
fn files_of(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file of the folder can be read")).collect()
}

/// Gives files to a reader, and measures it.
struct Feeder<'t> {
    target: &'t Target,
    folder: PathBuf,
    /// When the reader was given the file that it reads; `None` between two.
    began: Arc<Mutex<Option<Instant>>>,
    /// Longest that a file may take of a processor.
    most: Duration,
    num_inputs: u64,
    num_taken: u64,
    slowest: Duration,
    largest: usize,
}

impl<'t> Feeder<'t> {
    fn new(target: &'t Target) -> Self {
        let folder = paths::root().join("target/fuzz");
        std::fs::create_dir_all(&folder).expect("the folder for found files can be made");
        let began = Arc::new(Mutex::new(None));
        let (watched, path) = (Arc::downgrade(&began), folder.join(format!("{}-current", target.name)));
        std::thread::spawn(move || watch(&watched, &path));
        Self { target, folder, began, most: SLOW, num_inputs: 0, num_taken: 0, slowest: Duration::ZERO, largest: 0 }
    }

    fn current(&self) -> PathBuf {
        self.folder.join(format!("{}-current", self.target.name))
    }

    fn set_began(&self, began: Option<Instant>) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = began;
    }

    /// Has the reader read a file.
    ///
    /// # Errors
    /// When it panics, takes too long or too much; the file is kept, and the error says where.
    fn feed(&mut self, input: &[u8]) -> Result<(), String> {
        let Target { name, read, base_bytes, bytes_a_byte, .. } = self.target;
        std::fs::write(self.current(), input).expect("the folder for found files can be written");
        let start = Instant::now();
        self.set_began(Some(start));
        let before = processor_time(start);
        let (outcome, peak) = memory::peak_of(|| catch_unwind(AssertUnwindSafe(|| read(input))));
        let took = processor_time(start).saturating_sub(before);
        self.set_began(None);
        self.num_inputs += 1;
        (self.slowest, self.largest) = (self.slowest.max(took), self.largest.max(peak));
        let room = base_bytes + bytes_a_byte * input.len();
        let problem = match outcome {
            Err(panic) => format!("the reader panics: {}", message_of(&*panic)),
            Ok(_) if took > self.most => format!("the reader takes {:.1} s of a processor", took.as_secs_f64()),
            Ok(_) if peak > room => {
                format!("the reader takes {} MiB of memory for {} bytes", peak >> 20, input.len())
            }
            Ok(is_taken) => {
                self.num_taken += u64::from(is_taken);
                return Ok(());
            }
        };
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let kept = self.folder.join(format!("{name}-{:016x}", hasher.finish()));
        std::fs::write(&kept, input).expect("the folder for found files can be written");
        Err(format!("{name}: {problem}; the file is {}", kept.display()))
    }
}

impl Drop for Feeder<'_> {
    fn drop(&mut self) {
        drop(std::fs::remove_file(self.current()));
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// Ends the process once a reader is with one file for too long; returns once the feeder is gone.
fn watch(began: &Weak<Mutex<Option<Instant>>>, current: &Path) {
    while let Some(began) = began.upgrade() {
        let is_hanging =
            began.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|began: Instant| began.elapsed() > HANGS);
        if is_hanging {
            // Not by `eprintln!`, which the test runner keeps to itself.
            let text = format!("a reader hangs: more than {} s; the file is {}", HANGS.as_secs(), current.display());
            drop(writeln!(std::io::stderr(), "{text}"));
            std::process::abort();
        }
        drop(began);
        std::thread::sleep(LOOK);
    }
}

/// Processor time of this thread, since a busy machine makes every file slow; the clock's where the system does not tell.
fn processor_time(start: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

#[test]
fn what_is_too_much_is_found_and_kept() {
    const BYTES: &[u8] = b"a file that is too much";
    const MOST: Duration = Duration::from_millis(300);
    let found = |name: &'static str, read: fn(&[u8]) -> bool| {
        let target = Target { name, read, ..model_files::WEIGHT_INDEX };
        let mut feeder = Feeder::new(&target);
        feeder.most = MOST;
        let problem = feeder.feed(BYTES).expect_err("it is too much");
        let path = problem.rsplit("the file is ").next().expect("it says where").to_owned();
        assert_eq!(std::fs::read(&path).expect("the file is there"), BYTES);
        std::fs::remove_file(path).expect("it can be removed");
        problem
    };
    let panics = found("self_test_panic", |bytes| bytes[1_000] == 0);
    assert!(panics.contains("the reader panics: index out of bounds"), "{panics}");
    let takes = found("self_test_memory", |_| std::hint::black_box(vec![0_u8; 80 << 20]).is_empty());
    assert!(takes.contains("80 MiB of memory for 23 bytes"), "{takes}");
    let is_slow = |_: &[u8]| {
        let start = Instant::now();
        let first = processor_time(start);
        while processor_time(start).saturating_sub(first) <= MOST {}
        true
    };
    assert!(found("self_test_time", is_slow).contains("s of a processor"));
}
