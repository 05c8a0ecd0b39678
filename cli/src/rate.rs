//! `hone rate`: a person says which of two models writes better, without seeing which is which.
//!
//! In: two models and a file of rows, of which a seed draws prompts that both write for; or two files of texts, as `hone eval
//! --save-texts` writes them; then keys. Out: pair by pair in the order that the seed draws; votes that are kept after each key; at the
//! end the tally with its interval, and a file of votes as the page saves it.

mod asking;
mod state;

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use futures_lite::future::block_on;
use hone_core::config::ReadOptions;
use hone_core::data::DataFiles;
use hone_core::event::Split;
use hone_core::metrics::{Rating, TextSample, WrittenSet, blind_order};
use hone_core::session::SessionError;
use hone_core::session::protocol::Weights;
use hone_core::words::{count, plural};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{RateArgs, as_flags, describe, unused_columns};
use crate::device::{self, DeviceChoice, OpenDevice};
use crate::failure::Usage;
use crate::inputs::{check_job, data_report, load_session, no_head, read_rows};
use crate::json_lines::{Field, fault_in, read_lines};
use crate::model_files;
use crate::output::write_file;
use crate::progress::{Progress, say};
use crate::result_file::check_file;
use asking::{rate, read_answers, read_key, takes_back};
use state::Asked;

/// A text that was written, as a line of JSON.
#[derive(Debug, Deserialize)]
struct WrittenLine {
    row: Option<usize>,
    prompt: String,
    #[serde(default)]
    expected: String,
    generated: String,
}

/// The fields of a [`WrittenLine`].
const FIELDS: [Field; 4] = [
    Field::optional::<Option<usize>>("row", "the number of a row"),
    Field::of::<String>("prompt", "a text"),
    Field::optional::<String>("expected", "a text"),
    Field::of::<String>("generated", "a text"),
];

/// What writes such lines.
const WRITERS: &str = "hone eval --generate N --save-texts FILE writes such lines";

/// Runs `hone rate`.
///
/// # Errors
/// Flags that can't be used, models that don't write, files that can't be read, no keyboard.
pub(crate) fn run(args: &RateArgs) -> anyhow::Result<ExitCode> {
    let (choice, read) = args.settings()?;
    check(args)?;
    let texts = [&args.first, &args.second].map(Path::new);
    let inputs: Vec<&Path> = texts.into_iter().chain(args.data.as_deref()).chain(args.answers.as_deref()).collect();
    for (flag, path) in [("--output", args.output.as_deref()), ("--state", Some(args.state.as_path()))] {
        check_file(flag, path, &inputs)?;
    }
    let answers = args.answers.as_deref().map(read_answers).transpose()?;
    if answers.is_none() && !io::stdin().is_terminal() {
        let why = "votes are typed, and standard input is no terminal: --answers FILE takes them from a file, one of 1, 2, = a line";
        return Err(Usage(vec![why.to_owned()]).into());
    }
    let asked = Asked::of(args, read.sheet.as_deref())?;
    let mut rating = match state::read(args, &asked)? {
        Some(rating) => rating,
        None => begin(args, choice, &read)?,
    };
    let keep = |rating: &Rating| state::keep(rating, &asked, &args.state);
    match answers {
        Some(keys) => {
            let mut keys = keys.into_iter();
            rate(&mut rating, &mut || Ok(keys.next()), &|_| {}, &keep)?;
            if keys.len() > 0 {
                say(&format!("left over: {}", plural(keys.len(), "answer")));
            }
        }
        None => {
            let mut lines = io::stdin().lines();
            while let Some(before) = rate(&mut rating, &mut || read_key(&mut lines), &say, &keep)? {
                if !takes_back(&mut lines)? {
                    break;
                }
                rating = before;
            }
        }
    }
    if let Some(path) = args.output.as_deref().filter(|_| rating.progress().0 > 0) {
        let text = if is_table(path) { rating.to_csv() } else { rating.to_jsonl() };
        write_file(text.as_bytes(), path)?;
        say(&format!("{}: {}", plural(rating.progress().0, "vote"), path.display()));
    }
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&to_json(&rating))?)?,
        false => writeln!(out, "{}", verdict(&rating))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Flags that don't go together.
fn check(args: &RateArgs) -> Result<(), Usage> {
    let mut problems = Vec::new();
    if args.first == args.second {
        problems.push("A and B are the same: name two models, or two files of texts".to_owned());
    }
    let endings = |path: &Path| is_table(path) || path.extension().is_some_and(|ending| ending == "jsonl");
    if args.output.as_deref().is_some_and(|path| !endings(path)) {
        problems.push("--output: its name ends in .csv or .jsonl".to_owned());
    }
    let names = [&args.first, &args.second];
    let is_lost = |name: &&&String| {
        Path::new(name).extension().is_some_and(|ending| ending == "jsonl") && !Path::new(name).exists()
    };
    problems.extend(names.iter().filter(is_lost).map(|name| format!("there is no such file: {name}")));
    let are_files = names.map(|name| Path::new(name).is_file());
    let has_adapter = names.iter().any(|name| model_files::is_adapter(Path::new(name)));
    if args.base.is_some() && !are_files.contains(&true) && !has_adapter {
        problems.push("--base: has no effect: neither A nor B is a folder that holds only an adapter".to_owned());
    }
    match are_files {
        [true, true] => {
            problems.extend(args.flags_of_models().into_iter().map(|flag| {
                format!("{flag}: has no effect: A and B are files of texts that were written already")
            }));
        }
        [false, false] if args.data.is_none() => {
            problems.push("--data: say which rows both models write for".to_owned());
        }
        [false, false] => {}
        _ => problems.push(
            "A and B: one is a file of texts and the other is not; hone eval --generate N --save-texts FILE writes those of a model"
                .to_owned(),
        ),
    }
    if problems.is_empty() { Ok(()) } else { Err(Usage(problems)) }
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "csv")
}

/// The pairs of a new rating.
fn begin(args: &RateArgs, choice: DeviceChoice, read: &ReadOptions) -> anyhow::Result<Rating> {
    let (seed, num_pairs) = (args.seed(), args.pairs as usize);
    let [first, second] = match &args.data {
        Some(data) => {
            let file = read_rows("read the data", data, Split::Test, read.sheet.as_deref())?;
            if !model_files::is_adapter(Path::new(&args.second)) {
                model_files::load_without_weights(&args.second)?; // one that is nowhere is said before the first has written
            }
            let device = device::open(choice)?;
            let first =
                write(args, &args.first, device.clone(), file.clone(), read, &|rows| draw_rows(rows, num_pairs, seed))?;
            let chosen: Vec<usize> = first.iter().map(|sample| sample.row).collect();
            let mut second = write(args, &args.second, device, file, read, &|_| chosen.clone())?;
            let num_renamed = take_prompts(&first, &mut second);
            if num_renamed > 0 {
                let rows = plural(num_renamed, "row");
                say(&format!("each model gets {rows} in a form of its own; that of {} is shown", args.first));
            }
            [first, second]
        }
        None => {
            let (first, second) = (read_texts(Path::new(&args.first))?, read_texts(Path::new(&args.second))?);
            [draw_shared(first, &second, num_pairs, seed), second]
        }
    };
    let num_asked = first.len();
    let set = |name: &str, texts| WrittenSet { name: name.to_owned(), texts: Arc::new(texts) };
    let rating = Rating::new(&[set(&args.first, first), set(&args.second, second)], seed).ok_or_else(|| {
        anyhow!(
            "there is nothing to rate: of {} that both have, none has two different texts",
            plural(num_asked, "prompt")
        )
    })?;
    if rating.num_same > 0 {
        say(&format!("{} not shown: both wrote the same", plural(rating.num_same, "pair")));
    }
    let num_alone = num_asked - rating.num_same - rating.progress().1;
    if num_alone > 0 {
        say(&format!("{} left out: {} has no text for it", plural(num_alone, "row"), args.second));
    }
    Ok(rating)
}

/// Places of `num_drawn` of `len` things that a seed draws, in their order; all where there are fewer.
fn draw(len: usize, num_drawn: usize, seed: u64) -> Vec<usize> {
    let mut places: Vec<usize> = blind_order(len, seed).into_iter().take(num_drawn).map(|place| place.index).collect();
    places.sort_unstable();
    places
}

fn draw_rows(rows: &[usize], num_drawn: usize, seed: u64) -> Vec<usize> {
    draw(rows.len(), num_drawn, seed).into_iter().map(|place| rows[place]).collect()
}

/// What a model writes for the rows of a file that are chosen out of those with a prompt.
fn write(
    args: &RateArgs,
    name: &str,
    device: OpenDevice,
    file: (String, Vec<u8>),
    read: &ReadOptions,
    choose: &dyn Fn(&[usize]) -> Vec<usize>,
) -> anyhow::Result<Vec<TextSample>> {
    let model = match args.base.as_deref().filter(|_| model_files::is_adapter(Path::new(name))) {
        Some(base) => model_files::load_with_adapter(base, Some(Path::new(name)))?,
        None => model_files::load_with_adapter(name, None)?,
    };
    check_job(&model)?;
    let progress = Progress::new(false, 0.0);
    let mut session = load_session(device, model, None, &progress)?;
    let task = session.task()?;
    if !task.spec().writes() {
        bail!("people rate what models write, and this model {}: {name}", describe(task));
    }
    if !session.has_own_head() {
        bail!("{}: {name}", no_head(task));
    }
    let problems = unused_columns(read, task);
    if !problems.is_empty() {
        return Err(Usage(as_flags(&problems)).into());
    }
    let file_name = file.0.clone();
    let files = DataFiles { train: file, ..DataFiles::default() };
    let report = session.load_rows_to_measure(files, read).map_err(|error| match error {
        SessionError::Data(error) => anyhow!("{error}: {file_name}"),
        other => other.into(),
    })?;
    progress.note(&data_report(&report));
    let rows = choose(&session.prompt_rows(Split::Train)?);
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let doing = format!("writing with {name}");
    let mut tell = |done, total| progress.rows(&doing, done, total);
    let written = session.write_for_rows(weights, Split::Train, &rows, args.max_new_tokens, &mut tell);
    let (samples, how) = block_on(written)?;
    progress.clear();
    how.iter().for_each(|words| progress.note(&format!("{name}: {words}")));
    Ok(samples)
}

/// Gives samples of the second model the prompts of the first, row by row; returns how many had another. They are rows of one file,
/// which each model reads as it was trained: with a template, a prefix.
fn take_prompts(first: &[TextSample], second: &mut [TextSample]) -> usize {
    let prompts: HashMap<usize, &String> = first.iter().map(|sample| (sample.row, &sample.prompt)).collect();
    let mut num_renamed = 0;
    for sample in second {
        if let Some(&prompt) = prompts.get(&sample.row).filter(|prompt| ***prompt != sample.prompt) {
            sample.prompt.clone_from(prompt);
            num_renamed += 1;
        }
    }
    num_renamed
}

/// The texts in a file of JSON Lines.
fn read_texts(path: &Path) -> anyhow::Result<Vec<TextSample>> {
    let lines = read_lines::<WrittenLine>(path, "texts", WRITERS, |found| fault_in(&found, &FIELDS))?;
    let sample = |(number, line): (usize, WrittenLine)| {
        let WrittenLine { row, prompt, expected, generated } = line;
        TextSample { row: row.unwrap_or(number), prompt, expected, generated }
    };
    Ok(lines.into_iter().map(sample).collect())
}

/// Draws samples of the first file by a seed, of those whose row and prompt stand in the second file too.
fn draw_shared(first: Vec<TextSample>, second: &[TextSample], num_drawn: usize, seed: u64) -> Vec<TextSample> {
    let of_second: HashSet<(usize, &str)> = second.iter().map(|sample| (sample.row, sample.prompt.as_str())).collect();
    let num_all = first.len();
    let both: Vec<TextSample> =
        first.into_iter().filter(|sample| of_second.contains(&(sample.row, sample.prompt.as_str()))).collect();
    if both.len() < num_all {
        say(&format!(
            "{} of A left out: B has no text for the same row and prompt",
            plural(num_all - both.len(), "text")
        ));
    }
    let places: HashSet<usize> = draw(both.len(), num_drawn, seed).into_iter().collect();
    both.into_iter().enumerate().filter(|(place, _)| places.contains(place)).map(|(_, sample)| sample).collect()
}

/// What the votes say, once it may be said.
fn verdict(rating: &Rating) -> String {
    let (done, all) = rating.progress();
    let progress = format!("{} of {} rated.", count(done), plural(all, "pair"));
    if !rating.is_revealed() {
        return format!("{progress} The same command goes on; what the votes say comes at the end, or after n.");
    }
    let not_blind = match rating.num_not_blind() {
        0 => String::new(),
        votes => format!(" {} given after the names were shown.", plural(votes, "vote")),
    };
    format!("{progress} {}{not_blind}", rating.tally().in_words(&rating.names[0], &rating.names[1]))
}

/// The same as JSON; votes are `null` while it may not be said whose they are.
fn to_json(rating: &Rating) -> Value {
    let (done, all) = rating.progress();
    let tally = rating.is_revealed().then(|| rating.tally());
    json!({
        "first": rating.names[0],
        "second": rating.names[1],
        "seed": rating.seed,
        "num_pairs": all,
        "num_rated": done,
        "num_same": rating.num_same,
        "num_not_blind": rating.num_not_blind(),
        "votes": tally,
        "share_of_second": tally.and_then(|tally| tally.share_of_second()),
        "interval": tally.and_then(|tally| tally.interval()),
        "p_value": tally.map(|tally| tally.p_value()),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::asking::{ASKED, key_of};
    use super::*;

    fn sample(row: usize, generated: &str) -> TextSample {
        TextSample { row, prompt: format!("prompt {row}"), expected: "yes".into(), generated: generated.into() }
    }

    fn rating() -> Rating {
        let texts = |letter: char| (1..=3).map(|row| sample(row, &format!("{letter}{row}"))).collect();
        let set = |letter: char| WrittenSet { name: letter.to_string(), texts: Arc::new(texts(letter)) };
        Rating::new(&[set('a'), set('b')], 5).expect("three pairs")
    }

    #[test]
    fn keys_vote_until_a_person_leaves_and_each_is_kept() {
        let (mut rating, shown, kept) = (rating(), RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let mut keys = ["1", "f", "2", "u", "=", "q", "1"].into_iter().map(|line| key_of(line).expect("a key"));
        let show = |text: &str| shown.borrow_mut().push(text.to_owned());
        let keep = |rating: &Rating| {
            kept.borrow_mut().push(rating.progress().0);
            Ok(())
        };
        let left = rate(&mut rating, &mut || Ok(keys.next()), &show, &keep).expect("nothing fails");
        assert_eq!(left, None, "not all are rated");
        assert_eq!((kept.into_inner(), rating.progress(), keys.len()), (vec![0, 1, 2, 1, 2], (2, 3), 1));
        let shown = shown.into_inner();
        assert!(shown[0].starts_with("\n=== 1 of 3 pairs\n  prompt ") && shown[0].ends_with(ASKED), "{}", shown[0]);
        assert!(shown[0].contains("\n--- text 1\n  ") && shown[0].contains("\n--- text 2\n  "), "{}", shown[0]);
        assert_eq!(shown[2], "--- in the file\n  yes");
        assert!(verdict(&rating).starts_with("2 of 3 pairs rated. The same command goes on"), "{}", verdict(&rating));
        assert_eq!((&to_json(&rating)["votes"], &to_json(&rating)["num_rated"]), (&Value::Null, &json!(2)));
        let before = rate(&mut rating, &mut || Ok(keys.next()), &|_| {}, &|_| Ok(())).expect("nothing fails");
        assert!(before.is_some_and(|before| before.progress() == (2, 3) && !before.is_revealed()), "it is blind again");
        let said = verdict(&rating);
        assert!(said.starts_with("3 of 3 pairs rated. a: ") && said.contains(" 1 tie."), "{said}");
        assert_eq!((&to_json(&rating)["votes"]["ties"], &to_json(&rating)["num_rated"]), (&json!(1), &json!(3)));
        assert_eq!([key_of("3"), key_of(""), key_of("yes")], [None; 3]);
    }

    #[test]
    fn a_line_that_is_no_text_is_named_with_its_field_and_what_writes_such_lines() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let good = r#"{"prompt":"p","generated":"a"}"#;
        let read = |line: &str| {
            std::fs::write(file.path(), format!("\n{good}\n{line}\n")).expect("writes");
            read_texts(file.path()).map_err(|error| error.to_string())
        };
        let rows: Vec<usize> = read(good).expect("two texts").iter().map(|sample| sample.row).collect();
        assert_eq!(rows, [2, 3], "without a number of a row it is that of the line");
        for (line, fault) in [
            (r#"{"row":2,"prompt":"p"}"#, r#"the field "generated" is missing"#),
            (r#"{"row":2,"prompt":1,"generated":"a"}"#, r#"the field "prompt" is not a text"#),
            (r#"{"row":"x","prompt":"p","generated":"a"}"#, r#"the field "row" is not the number of a row"#),
        ] {
            let expected = format!("line 3 can't be read, {fault}: {WRITERS}: {}", file.path().display());
            assert_eq!(read(line), Err(expected));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_rows() {
        assert_eq!(draw(100, 10, 7), draw(100, 10, 7));
        assert_ne!(draw(100, 10, 7), draw(100, 10, 8));
        assert!(draw(100, 10, 7).is_sorted_by(|a, b| a < b) && draw(100, 10, 7).len() == 10);
        assert_eq!(draw(3, 10, 7), [0, 1, 2]);
        let first: Vec<TextSample> = (1..=9).map(|row| sample(row, "a")).collect();
        let second: Vec<TextSample> = (2..=6).map(|row| sample(row, "b")).collect();
        let found = draw_shared(first, &second, 3, 7);
        assert!(found.len() == 3 && found.iter().all(|sample| (2..=6).contains(&sample.row)), "{found:?}");
    }

    #[test]
    fn a_row_that_each_model_gets_in_its_own_form_is_shown_in_that_of_the_first() {
        let first = [sample(1, "a"), sample(2, "a")];
        let mut second = [sample(2, "b"), sample(3, "b")];
        second[0].prompt = "<user>prompt 2".into();
        assert_eq!(take_prompts(&first, &mut second), 1);
        assert_eq!(second.map(|sample| sample.prompt), ["prompt 2", "prompt 3"]);
    }
}
