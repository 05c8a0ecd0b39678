//! Files that are parts of one, as data sets of the hub have them: `train-00000-of-00002.parquet`, `train-00001-of-00002.parquet`.
//! In: files by their names, as JSON lines, which Parquet becomes. Out: the same with all parts of a file put behind each other.

use std::collections::BTreeMap;

/// A file by its name.
type NamedBytes = (String, Vec<u8>);

/// The part that a file is, by its name: the name of the whole, which part from 0, and of how many.
fn part_of(name: &str) -> Option<(String, usize, usize)> {
    let (before, after) = name.rsplit_once("-of-")?;
    let (stem, index) = before.rsplit_once('-')?;
    let end = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    // Between the number and the ending there may be a hash.
    let ending = after.rfind('.').filter(|&at| at >= end).map_or("", |at| &after[at..]);
    let (index, total): (usize, usize) = (index.parse().ok()?, after[..end].parse().ok()?);
    (index < total && total > 1).then(|| (format!("{stem}{ending}"), index, total))
}

/// Whether a file holds JSON lines: a `.json` may be one object over all of it, and has to show a second line.
fn is_lines(name: &str, bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let is_object = |line: Option<&[u8]>| line.is_some_and(|line| line.starts_with(b"{"));
    is_object(lines.next()) && (!name.ends_with(".json") || is_object(lines.next()))
}

/// Puts parts of a file together where all are there and hold JSON lines; says so. Other files stay as they are.
#[must_use]
pub fn join_parts(files: Vec<NamedBytes>, notes: &mut Vec<String>) -> Vec<NamedBytes> {
    let mut wholes: BTreeMap<(String, usize), BTreeMap<usize, NamedBytes>> = BTreeMap::new();
    let mut others = Vec::new();
    for (name, bytes) in files {
        match part_of(&name).filter(|_| is_lines(&name, &bytes)) {
            Some((whole, index, total)) => {
                let twice = wholes.entry((whole, total)).or_default().insert(index, (name, bytes));
                others.extend(twice);
            }
            None => others.push((name, bytes)),
        }
    }
    for ((name, total), parts) in wholes {
        if parts.len() < total {
            others.extend(parts.into_values());
            continue;
        }
        let mut whole = Vec::with_capacity(parts.values().map(|(_, bytes)| bytes.len() + 1).sum());
        for (_, bytes) in parts.into_values() {
            whole.extend_from_slice(&bytes);
            if !bytes.ends_with(b"\n") {
                whole.push(b'\n');
            }
        }
        notes.push(format!("{name} is read from its {total} parts, in their order"));
        others.push((name, whole));
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_names() {
        for (name, expected) in [
            ("train-00001-of-00003.parquet", Some(("train.parquet", 1, 3))),
            ("en-test-00000-of-00002-1a2b3c.parquet", Some(("en-test.parquet", 0, 2))),
            ("train-00000-of-00001.parquet", None),
            ("train-00002-of-00002.parquet", None),
            ("state-of-the-art.csv", None),
            ("train.csv", None),
        ] {
            assert_eq!(part_of(name), expected.map(|(whole, index, total)| (whole.to_owned(), index, total)), "{name}");
        }
    }

    #[test]
    fn whole_sets_of_parts_become_one_file() {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let mut notes = Vec::new();
        let files = vec![
            file("test-00000-of-00002.parquet", "{\"a\": 9}\n"),
            file("train-00001-of-00002.parquet", "{\"a\": 2}\n"),
            file("train-00000-of-00002.parquet", "{\"a\": 1}"),
            file("valid-00000-of-00002.csv", "a,b\n"),
            file("valid-00001-of-00002.csv", "a,b\n"),
            file("own-00000-of-00002.json", "{\"data\": []}"),
            file("own-00001-of-00002.json", "{\"data\": []}"),
        ];
        let joined = join_parts(files.clone(), &mut notes);
        assert_eq!(notes, ["train.parquet is read from its 2 parts, in their order"]);
        let whole = joined.iter().find(|(name, _)| name == "train.parquet").expect("it is whole");
        assert_eq!(whole.1, b"{\"a\": 1}\n{\"a\": 2}\n");
        // A part that lacks the others, and tables with a header each, stay what they are.
        assert_eq!(joined.len(), 6);
        assert!([0, 3, 4, 5, 6].iter().all(|&own| joined.contains(&files[own])));
    }
}
