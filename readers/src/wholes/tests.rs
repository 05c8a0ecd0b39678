//! Files by their names and by a card, and files behind each other.

use super::*;

fn file(name: &str, text: &str) -> ReadFile {
    ReadFile { name: name.to_owned(), bytes: text.as_bytes().to_vec(), notes: Vec::new() }
}

fn wholes(paths: &[&str], card: Option<&str>) -> Vec<(String, Vec<String>)> {
    let plan = plan(paths, card).expect("it is clear");
    let names = |files: Vec<usize>| files.into_iter().map(|file| paths[file].to_owned()).collect();
    plan.wholes.into_iter().map(|whole| (whole.name, names(whole.files))).collect()
}

fn whole(name: &str, paths: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), paths.iter().map(|path| (*path).to_owned()).collect())
}

#[test]
fn parts_are_known_by_their_names() {
    for (name, expected) in [
        ("train-00001-of-00003.parquet", Some(("train.parquet", 1, 3))),
        ("data/en-test-00000-of-00002-1a2b3c.parquet", Some(("data/en-test.parquet", 0, 2))),
        ("train-00000-of-00002.csv.gz", Some(("train.csv", 0, 2))),
        ("train-00000-of-00001.parquet", None),
        ("train-00002-of-00002.parquet", None),
        ("state-of-the-art.csv", None),
        ("train.csv", None),
    ] {
        assert_eq!(part_of(name), expected.map(|(whole, index, total)| (whole.to_owned(), index, total)), "{name}");
    }
}

#[test]
fn parts_and_files_of_a_split_are_put_together_in_their_order() {
    let [first, second] = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"];
    let test = "data/test-00000-of-00001.parquet";
    assert_eq!(
        wholes(&[second, test, first], None),
        [whole(test, &[test]), whole("data/train.parquet", &[first, second])]
    );
    let folders = ["train/b.csv", "train/a.csv", "test/a.csv", "train/c.jsonl"];
    let expected = [
        whole("test/a.csv", &["test/a.csv"]),
        whole("train/c.jsonl", &["train/c.jsonl"]),
        whole("train.csv", &["train/a.csv", "train/b.csv"]),
    ];
    let mut found = wholes(&folders, None);
    found.sort_by_key(|(name, files)| (files.len(), name.clone()));
    assert_eq!(found, expected);
    let alone = plan(&["train-00001-of-00003.csv", "may/a.csv", "may/b.csv"], None).expect("it is clear");
    assert_eq!(alone.wholes.len(), 3, "a folder that is called otherwise is no split");
    assert_eq!(alone.notes, ["train.csv has 3 parts, and these are not here: 00000, 00002"]);
    assert_eq!(alone.wholes[2].name, "train-00001-of-00003.csv");
}

const CARD: &str = "---\nconfigs:\n- config_name: en\n  data_files:\n  - split: train\n    path:\n    - en/b.csv\n    \
                    - en/a*.csv\n  - split: validation_matched\n    path: en/v1.csv\n  - split: validation_mismatched\n    \
                    path: en/v2.csv\n---\n";

#[test]
fn a_card_says_which_files_are_which_split() {
    let paths = ["en/a1.csv", "en/a2.csv", "en/b.csv", "en/v1.csv", "en/v2.csv", "fr/a.csv"];
    let expected =
        [whole("train.csv", &["en/b.csv", "en/a1.csv", "en/a2.csv"]), whole("validation_matched.csv", &["en/v1.csv"])];
    assert_eq!(wholes(&paths, Some(CARD)), expected);
    let notes = plan(&paths, Some(CARD)).expect("it is clear").notes;
    let said = [
        "the card says which files are read: its configuration \"en\"",
        "splits of the card that are not read: validation_mismatched",
        "files that this configuration does not name, and that are not read: fr/a.csv",
        "train.csv is read from 3 files, in this order: en/b.csv, en/a1.csv, en/a2.csv",
        "validation_matched.csv is en/v1.csv",
    ];
    assert_eq!(notes, said);
    let folder = "---\nconfigs:\n- config_name: de\n  data_dir: de\n---\n";
    assert_eq!(wholes(&["de/train.csv", "fr/train.csv"], Some(folder)), [whole("de/train.csv", &["de/train.csv"])]);
    let notes = plan(&["de/train.csv", "fr/train.csv"], Some(folder)).expect("it is clear").notes;
    assert_eq!(notes, ["the card reads files in de/, and these are not read: fr/train.csv"]);
    assert!(matches!(plan(&["fr/train.csv"], Some(folder)), Err(ReadError::NoFiles { .. })), "nothing would be read");
    let one = "---\nconfigs:\n- config_name: x\n  data_files:\n  - split: full\n    path: a.csv\n---\n";
    assert_eq!(wholes(&["a.csv"], Some(one)), [whole("full.csv", &["a.csv"])]);
    assert!(names_files(CARD) && names_files(one) && !names_files("# A card\n"));
}

#[test]
fn a_card_that_can_not_be_followed_is_refused() {
    let missing = plan(&["en/a1.csv"], Some(CARD)).expect_err("en/b.csv is not there").to_string();
    assert!(missing.contains("\"en/b.csv\"") && missing.contains("\"en\""), "{missing}");
    let two = "---\nconfigs:\n- config_name: en\n- config_name: fr\n---\n";
    assert!(matches!(plan(&["a.csv"], Some(two)), Err(ReadError::ManyConfigs { .. })) && names_files(two));
    let many: String = (0..65).map(|i| format!("  - a{i}*\n")).collect();
    let many = format!("---\nconfigs:\n- config_name: x\n  data_files:\n{many}---\n");
    assert!(matches!(plan(&["a.csv"], Some(&many)), Err(ReadError::TooManyPatterns { limit: 64, .. })));
    let splits = "---\nconfigs:\n- config_name: x\n  data_files:\n    old: a.csv\n    new: b.csv\n---\n";
    assert!(matches!(plan(&["a.csv", "b.csv"], Some(splits)), Err(ReadError::NoSplits { .. })));
}

fn appended(name: &str, first: &str, second: &str) -> Result<String, ReadError> {
    let mut whole = file(name, first);
    append(&mut whole, file(name, second))?;
    Ok(String::from_utf8(whole.bytes).expect("text"))
}

#[test]
fn files_of_one_kind_stand_behind_each_other() {
    for (name, first, second, both) in [
        ("a.parquet", "{\"a\": 1}", "{\"a\": 2}\n", "{\"a\": 1}\n{\"a\": 2}\n"),
        (
            "a.json",
            "{\"a\": 1}\n{\"a\": 2}\n",
            "{\"a\": 3}\n{\"a\": 4}",
            "{\"a\": 1}\n{\"a\": 2}\n{\"a\": 3}\n{\"a\": 4}",
        ),
        ("a.json", "[{\"a\": 1}]\n", "[{\"a\": 2}]", "[{\"a\": 1},{\"a\": 2}]"),
        ("a.json", "[]", "[{\"a\": 2}]", "[{\"a\": 2}]"),
        ("a.csv", "\u{feff}t,l\r\na,x", "\u{feff}t,l\nb,y\n", "\u{feff}t,l\r\na,x\nb,y\n"),
        ("a.txt", "one\n", "two\n", "one\ntwo\n"),
        ("a.txt", "[one]\n", "[two]\n", "[one]\n[two]\n"),
        ("a.txt", "Once\none\n", "Once\ntwo\n", "Once\none\nOnce\ntwo\n"),
        ("a.txt", "t\tl\na\tx\n", "t\tl\nb\ty\n", "t\tl\na\tx\nb\ty\n"),
        ("a.parquet", "{\"a\": 1}\n", "", "{\"a\": 1}\n"),
        ("a.parquet", "", "{\"a\": 2}\n", "{\"a\": 2}\n"),
        ("a.conll", "EU B-ORG\n", "EU B-ORG\n", "EU B-ORG\n\nEU B-ORG\n"),
    ] {
        assert_eq!(appended(name, first, second).expect(name), both, "{name}");
    }
    for (name, first, second) in [
        ("a.csv", "t,l\na,x\n", "l,t\nx,a\n"),
        ("a.json", "{\"data\": []}", "{\"data\": []}"),
        ("a.json", "[1", "[2]"),
        ("a.csv", "[t],l\n[a],x\n", "[l],t\n[x],a\n"),
    ] {
        let error = appended(name, first, second).expect_err(name).to_string();
        assert!(error.starts_with(&format!("{name} can't be read behind {name}")), "{error}");
    }
}

#[test]
fn a_part_is_held_once() {
    let mut whole = file("a.jsonl", &"{\"a\": 1}\n".repeat(1000));
    for _ in 0..5 {
        append(&mut whole, file("b.jsonl", &"{\"a\": 2}\n".repeat(1000))).expect("they are alike");
    }
    assert_eq!(whole.bytes.len(), 6 * 9000);
    assert!(whole.bytes.capacity() <= whole.bytes.len() + 16, "{}", whole.bytes.capacity());
}
