//! Files that are read as one: what a card says is a split, the numbered parts of a file (`train-00000-of-00002.parquet`), and several
//! files in the folder of a split (`train/1.csv`). In: the paths of files, and the card beside them. Out: which are put together, in which
//! order, and under which name; and a file with another one behind it, so that a part lies in memory once.

use std::collections::BTreeMap;

use crate::card::{Config, default_config};
use crate::glob::matches;
use crate::unpack::ending;
use crate::{ReadError, ReadFile};

/// Names that a sentence has.
const MAX_NAMES: usize = 8;

/// Most patterns of a configuration that are no plain paths, and the longest of them in bytes: each is tried on each path.
const MAX_PATTERNS: usize = 64;
const MAX_PATTERN: usize = 256;

/// Most parts that a name may speak of: each that is not there is looked for.
const MAX_PARTS: usize = 10_000;

/// How names of files end that are sentences with blank lines between, and such that are lines of text.
const SENTENCES: [&str; 3] = ["conll", "conllu", "bio"];
const LINES: [&str; 2] = ["txt", "text"];

/// How names of files end that may be an array.
const JSON: [&str; 3] = ["json", "jsonl", "ndjson"];

/// A file, or several that are read as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its name: of a file alone its path.
    pub name: String,
    /// Its files, by their index, in their order.
    pub files: Vec<usize>,
}

/// What files are read as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The files to read.
    pub wholes: Vec<Whole>,
    /// What was chosen, and what is left out, in sentences.
    pub notes: Vec<String>,
}

// What names say of splits and parts is read alike in core/src/data/file_names.rs, for the page links no readers.

/// A split, as far as a name speaks of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Train,
    Valid,
    Test,
}

/// The split that a name speaks of: `validation_matched`.
fn split_of(name: &str) -> Option<Split> {
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    words.map(str::to_lowercase).find_map(|word| match word.as_str() {
        "train" | "training" | "trainset" => Some(Split::Train),
        "valid" | "validation" | "validate" | "val" | "dev" | "eval" => Some(Split::Valid),
        "test" | "testing" | "testset" => Some(Split::Test),
        _ => None,
    })
}

/// Whether a card says which files are which split.
#[must_use]
pub fn names_files(card: &str) -> bool {
    !matches!(default_config(card), Ok(None))
}

/// What files at these paths are read as; `card` is the text of a README.md beside them, from whose folder the paths begin.
///
/// # Errors
/// When the card has several configurations and no default, or names files that are not there.
pub fn plan(paths: &[&str], card: Option<&str>) -> Result<Plan, ReadError> {
    let config = card.map(default_config).transpose()?.flatten();
    match config {
        Some(config) if !config.splits.is_empty() => by_card(paths, &config),
        Some(config) if !config.folder.is_empty() => {
            let folder = format!("{}/", config.folder);
            if !paths.iter().any(|path| path.starts_with(&folder)) {
                return Err(ReadError::NoFiles { config: config.name, pattern: folder });
            }
            let mut plan = by_names(paths, |path| path.starts_with(&folder));
            let others: Vec<String> =
                paths.iter().filter(|path| !path.starts_with(&folder)).map(|path| (*path).to_owned()).collect();
            if !others.is_empty() {
                plan.notes
                    .insert(0, format!("the card reads files in {folder}, and these are not read: {}", named(&others)));
            }
            Ok(plan)
        }
        _ => Ok(by_names(paths, |_| true)),
    }
}

/// The splits that a card names, of each kind the first.
fn by_card(paths: &[&str], config: &Config) -> Result<Plan, ReadError> {
    let patterns = config.splits.iter().flat_map(|(_, patterns)| patterns).filter(|pattern| is_glob(pattern));
    if patterns.clone().count() > MAX_PATTERNS || patterns.clone().any(|pattern| pattern.len() > MAX_PATTERN) {
        return Err(ReadError::TooManyPatterns { config: config.name.clone(), limit: MAX_PATTERNS });
    }
    let mut plan = Plan::default();
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    let mut is_used = vec![false; paths.len()];
    for (split, patterns) in &config.splits {
        // Where there is one alone, its rows are trained on, whatever it is called.
        let kind = split_of(split).or((config.splits.len() == 1).then_some(Split::Train));
        let mut files: Vec<usize> = Vec::new();
        for pattern in patterns {
            let found = files_of(paths, pattern, &config.folder);
            if found.is_empty() {
                let (config, pattern) = (config.name.clone(), pattern.clone());
                return Err(ReadError::NoFiles { config, pattern });
            }
            let new: Vec<usize> = found.into_iter().filter(|index| !files.contains(index)).collect();
            files.extend(new);
        }
        files.iter().for_each(|&index| is_used[index] = true);
        match kind {
            Some(kind) if !taken.contains(&kind) && !files.is_empty() => {
                taken.push(kind);
                let name = with_ending(split, paths[files[0]]);
                plan.notes.push(note_on(&name, &files, paths));
                plan.wholes.push(Whole { name, files });
            }
            _ => left_out.push(split.clone()),
        }
    }
    if plan.wholes.is_empty() {
        return Err(ReadError::NoSplits { config: config.name.clone(), splits: left_out });
    }
    let mut sentences = vec![format!("the card says which files are read: its configuration {:?}", config.name)];
    if !left_out.is_empty() {
        sentences.push(format!("splits of the card that are not read: {}", named(&left_out)));
    }
    let others: Vec<String> =
        paths.iter().zip(&is_used).filter(|(_, is_used)| !**is_used).map(|(path, _)| (*path).to_owned()).collect();
    if !others.is_empty() {
        sentences
            .push(format!("files that this configuration does not name, and that are not read: {}", named(&others)));
    }
    if !config.unread.is_empty() {
        sentences.push(format!(
            "what the card says of how files are read is not followed, but guessed: {}",
            named(&config.unread)
        ));
    }
    sentences.extend(plan.notes);
    Ok(Plan { notes: sentences, ..plan })
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The files that a pattern of a card means, by their paths.
fn files_of(paths: &[&str], pattern: &str, folder: &str) -> Vec<usize> {
    let pattern = pattern.trim_start_matches("./");
    let within = if folder.is_empty() { pattern.to_owned() } else { format!("{folder}/{pattern}") };
    let is_it = |path: &str| if is_glob(pattern) { matches(&within, path) } else { within == path };
    let mut found: Vec<usize> = (0..paths.len()).filter(|&index| is_it(paths[index])).collect();
    found.sort_by_key(|&index| paths[index]);
    found
}

/// The parts of a whole: where each stands among the files, by its number and its path.
type Parts<'p> = BTreeMap<(usize, &'p str), usize>;

/// Numbered parts together, and files of one kind in the folder of a split; all others alone.
fn by_names(paths: &[&str], is_wanted: impl Fn(&str) -> bool) -> Plan {
    let mut plan = Plan::default();
    let mut groups: BTreeMap<(String, usize), Parts<'_>> = BTreeMap::new();
    let mut order: Vec<(&str, usize)> = paths.iter().copied().zip(0..).filter(|(path, _)| is_wanted(path)).collect();
    order.sort_unstable();
    for &(path, index) in &order {
        let (whole, part, total) = part_of(path).or_else(|| in_split(path)).unwrap_or((path.to_owned(), 0, 0));
        groups.entry((whole, total)).or_default().insert((part, path), index);
    }
    for ((name, total), parts) in groups {
        let found: Vec<usize> = parts.keys().map(|(part, _)| *part).collect();
        let missing: Vec<String> =
            (0..total).filter(|part| !found.contains(part)).map(|part| format!("{part:05}")).collect();
        if !missing.is_empty() {
            plan.notes.push(format!("{name} has {total} parts, and these are not here: {}", named(&missing)));
        }
        let files: Vec<usize> = parts.into_values().collect();
        if let [alone] = files[..] {
            plan.wholes.push(Whole { name: paths[alone].to_owned(), files });
            continue;
        }
        plan.notes.push(note_on(&name, &files, paths));
        plan.wholes.push(Whole { name, files });
    }
    plan
}

/// The part that a file is, by its name: the name of the whole, which part from 0, and of how many.
fn part_of(path: &str) -> Option<(String, usize, usize)> {
    let (before, after) = path.rsplit_once("-of-")?;
    let (stem, index) = before.rsplit_once('-')?;
    let end = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    // Between the number and the ending there may be a hash: `-00002-1a2b3c.parquet`.
    let (index, total): (usize, usize) = (index.parse().ok()?, after[..end].parse().ok()?);
    (index < total && total > 1 && total <= MAX_PARTS).then(|| (with_ending(stem, path), index, total))
}

/// A name with what the name of a file ends in.
fn with_ending(name: &str, path: &str) -> String {
    match ending(path).as_str() {
        "" => name.to_owned(),
        ending => format!("{name}.{ending}"),
    }
}

/// Whether a folder is called as a split is, and no more.
pub(crate) fn is_split_folder(name: &str) -> bool {
    name.chars().all(char::is_alphanumeric) && split_of(name).is_some()
}

/// The file in the folder of a split that a file is one of, by its path.
fn in_split(path: &str) -> Option<(String, usize, usize)> {
    let (folders, _) = path.rsplit_once(['/', '\\'])?;
    let folder = folders.rsplit(['/', '\\']).next()?;
    let is_split = is_split_folder(folder);
    // One in all, where a file alone is none: both may be called the same.
    is_split.then(|| (with_ending(folders, path), 0, 1))
}

/// Says what a whole is read from.
fn note_on(name: &str, files: &[usize], paths: &[&str]) -> String {
    let names: Vec<String> = files.iter().map(|&index| paths[index].to_owned()).collect();
    match files.len() {
        1 => format!("{name} is {}", names[0]),
        count => format!("{name} is read from {count} files, in this order: {}", named(&names)),
    }
}

/// The first names, and how many more there are.
pub(crate) fn named(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Puts a file behind another one, of which it is a later part; one without rows adds nothing. What it is read as has the name of the
/// first.
///
/// # Errors
/// When they are neither both JSON, nor tables of text with the same first line, nor lines or sentences.
pub fn append(whole: &mut ReadFile, part: ReadFile) -> Result<(), ReadError> {
    if is_blank(&part.bytes) {
        return Ok(());
    }
    if is_blank(&whole.bytes) {
        whole.bytes = part.bytes;
        return Ok(());
    }
    let (_, mark) = without_mark(&part.bytes);
    let (header, other) = (first_line(&whole.bytes), first_line(&part.bytes));
    let is_same = !header.trim_ascii().is_empty() && header.trim_ascii() == other.trim_ascii();
    let (between, start) = match (Text::of(whole), Text::of(&part)) {
        (Text::JsonArray, Text::JsonArray) => return append_array(whole, &part),
        (Text::JsonLines, Text::JsonLines) => ("", mark),
        (Text::Sentences, Text::Sentences) => ("\n", mark),
        // Two texts may begin alike: without anything between fields that is no header.
        (Text::Lines, Text::Lines) if !header.iter().any(|byte| b",;\t|".contains(byte)) => ("", mark),
        (Text::Table | Text::Lines, Text::Table | Text::Lines) if is_same => ("", mark + other.len()),
        (Text::Lines, Text::Lines) => ("", mark),
        _ => return Err(ReadError::CanNotJoin { first: whole.name.clone(), second: part.name }),
    };
    let rest = &part.bytes[start..];
    // Room for the part and no more: twice what is there would be taken else.
    whole.bytes.reserve_exact(rest.len() + 2);
    if !whole.bytes.ends_with(b"\n") {
        whole.bytes.push(b'\n');
    }
    whole.bytes.extend_from_slice(between.as_bytes());
    whole.bytes.extend_from_slice(rest);
    Ok(())
}

/// The items of an array behind those of another one.
fn append_array(whole: &mut ReadFile, part: &ReadFile) -> Result<(), ReadError> {
    let can_not = |whole: &ReadFile| ReadError::CanNotJoin { first: whole.name.clone(), second: part.name.clone() };
    let inside = |bytes: &[u8]| {
        let trimmed = bytes.trim_ascii_end().len();
        let start = bytes.iter().position(|&byte| byte == b'[').map_or(trimmed, |at| at + 1);
        (start < trimmed && bytes[trimmed - 1] == b']').then_some((start, trimmed - 1))
    };
    let Some(((own_start, own_end), (start, end))) = inside(&whole.bytes).zip(inside(&part.bytes)) else {
        return Err(can_not(whole));
    };
    let is_empty = whole.bytes[own_start..own_end].trim_ascii().is_empty();
    let is_nothing = part.bytes[start..end].trim_ascii().is_empty();
    whole.bytes.truncate(own_end);
    whole.bytes.reserve_exact(end - start + 2);
    if !is_empty && !is_nothing {
        whole.bytes.push(b',');
    }
    whole.bytes.extend_from_slice(&part.bytes[start..end]);
    whole.bytes.push(b']');
    Ok(())
}

/// What a text is made of, as far as files are put behind each other.
enum Text {
    /// An object a line.
    JsonLines,
    /// Objects in brackets.
    JsonArray,
    /// A token a line.
    Sentences,
    /// Lines that may be a table.
    Lines,
    /// A table.
    Table,
    /// One object that may be anything.
    Other,
}

impl Text {
    fn of(file: &ReadFile) -> Self {
        let bytes = without_mark(&file.bytes).0;
        let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let ending = ending(&file.name);
        // A line of a text may begin with a bracket, too.
        if first.starts_with(b"[") && JSON.contains(&ending.as_str()) {
            return Self::JsonArray;
        }
        // A file of one object may be all of it on a line.
        if first.starts_with(b"{") && (ending != "json" || lines.next().is_some_and(|line| line.starts_with(b"{"))) {
            return Self::JsonLines;
        }
        match ending.as_str() {
            "json" => Self::Other,
            ending if SENTENCES.contains(&ending) => Self::Sentences,
            ending if LINES.contains(&ending) => Self::Lines,
            _ => Self::Table,
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    without_mark(bytes).0.trim_ascii().is_empty()
}

/// What stands behind a byte order mark, and how long that is.
fn without_mark(bytes: &[u8]) -> (&[u8], usize) {
    match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, 3),
        None => (bytes, 0),
    }
}

/// The first line with its end, without a byte order mark.
fn first_line(bytes: &[u8]) -> &[u8] {
    without_mark(bytes).0.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
