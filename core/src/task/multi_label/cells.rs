//! Cells with several labels, or with a yes or no to one.

use std::collections::HashSet;

/// What may stand between labels.
pub(super) const SEPARATORS: [char; 3] = [';', '|', ','];

/// Digits of the number of a label at most: marks between thousands have three behind them.
const MAX_ID_LENGTH: usize = 2;

/// How cells begin that hold a list, or an object with a yes or no for each label.
const BRACKETS: [char; 2] = ['[', '{'];

/// Sets and tuples of Python with nothing in them.
const EMPTY: [&str; 3] = ["set()", "frozenset()", "()"];

/// What some programs make of the quotes around labels.
const CURLY_QUOTES: [(char, char); 2] = [('‘', '’'), ('“', '”')];

/// Whether a cell says by itself where its labels begin and end.
pub(super) fn is_bracketed(cell: &str) -> bool {
    let cell = without_name(cell.trim());
    cell.starts_with(BRACKETS) || inside_tuple(cell).is_some() || EMPTY.contains(&cell)
}

/// The set in `frozenset({'a', 'b'})`, as Python prints one that can't be changed; any other cell as it is.
fn without_name(cell: &str) -> &str {
    let inside = cell.strip_prefix("frozenset(").and_then(|cell| cell.strip_suffix(')'));
    inside.filter(|inside| inside.starts_with('{')).unwrap_or(cell)
}

/// What stands in `('a', 'b')`, as Python prints a tuple. Brackets without quotes are letters of a label.
fn inside_tuple(cell: &str) -> Option<&str> {
    cell.strip_prefix('(')?.strip_suffix(')').filter(|inside| inside.starts_with(['\'', '"']))
}

/// What of [`SEPARATORS`] stands in the most cells, or a space between numbers of labels; `None` where none does. Cells with a list in
/// brackets need none.
pub(super) fn find_separator<'c>(cells: impl Iterator<Item = &'c str> + Clone) -> Option<char> {
    let mut counts = [0_usize; SEPARATORS.len()];
    for cell in cells.clone().filter(|cell| !is_bracketed(cell)) {
        for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
            *count += usize::from(cell.contains(separator));
        }
    }
    let Some(most) = counts.into_iter().max().filter(|&most| most > 0) else {
        return hold_ids(cells.filter(|cell| !cell.trim().is_empty())).then_some(' ');
    };
    SEPARATORS.into_iter().zip(counts).find(|&(_, count)| count == most).map(|(separator, _)| separator)
}

/// Whether cells hold numbers of labels and nothing else, `4`, `4,27` or `4 27`, as GoEmotions has them: small whole numbers, of which
/// all come back, and a cell with several that can't be a decimal number. Zeros and ones alone may say no and yes instead.
pub(super) fn hold_ids<'c>(cells: impl Iterator<Item = &'c str>) -> bool {
    let (mut ids, mut num_all, mut num_cells, mut num_several, mut is_clear) = (HashSet::new(), 0, 0, 0, false);
    for cell in cells {
        let parts: Vec<&str> = cell.split([',', ' ']).filter(|part| !part.is_empty()).collect();
        let is_id = |part: &&str| part.len() <= MAX_ID_LENGTH && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.is_empty() || !parts.iter().all(is_id) {
            return false;
        }
        num_cells += 1;
        num_all += parts.len();
        num_several += usize::from(parts.len() > 1);
        is_clear |= parts.len() > 2 || (parts.len() > 1 && !cell.contains(','));
        ids.extend(parts);
    }
    let is_often = num_several * 10 >= num_cells;
    let is_of_names = ids.iter().any(|id| !matches!(*id, "0" | "1"));
    is_clear && is_often && is_of_names && ids.len() * 2 <= num_all
}

/// The labels of a cell: of a list as JSON, Python or NumPy writes it, of an object with a yes or no for each label or with choices
/// (Label Studio), of a Python set or tuple, or of a text with a separator. `None` where it is broken, or holds something else than
/// labels.
pub(super) fn parse_labels(cell: &str, separator: Option<char>) -> Option<Vec<String>> {
    let cell = without_name(cell.trim());
    let mut labels = match (inside_tuple(cell), separator) {
        _ if EMPTY.contains(&cell) => Vec::new(),
        _ if cell.starts_with('[') => parse_list(cell)?,
        _ if cell.starts_with('{') => parse_object(cell)?,
        (Some(inside), _) => parse_items(inside)?,
        (None, Some(separator)) => cell.split(separator).map(str::to_owned).collect(),
        (None, None) => vec![cell.to_owned()],
    };
    let is_in_brackets = is_bracketed(cell);
    for label in &mut labels {
        let inside = |(open, close): (char, char)| label.trim().strip_prefix(open)?.strip_suffix(close);
        let quoted = CURLY_QUOTES.into_iter().find_map(inside).filter(|_| is_in_brackets);
        *label = quoted.unwrap_or(label.as_str()).trim().to_owned();
    }
    labels.retain(|label| !label.is_empty());
    let mut seen = HashSet::new();
    labels.retain(|label| seen.insert(label.clone()));
    Some(labels)
}

fn parse_list(cell: &str) -> Option<Vec<String>> {
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(cell) else { return parse_python_list(cell) };
    values.iter().map(label_of).collect()
}

fn label_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// `{"a": true, "b": 0}`, a yes or no for each label; `{"choices": ["a", "b"]}`; or `{'a', 'b'}`, as Python prints a set.
fn parse_object(cell: &str) -> Option<Vec<String>> {
    let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(cell) else {
        let inside = cell.strip_prefix('{')?.strip_suffix('}')?;
        return if inside.contains(':') { None } else { parse_items(inside) };
    };
    if let (1, Some(serde_json::Value::Array(choices))) = (object.len(), object.get("choices")) {
        return choices.iter().map(label_of).collect();
    }
    let truth = |value: &serde_json::Value| match value {
        serde_json::Value::Bool(truth) => Some(*truth),
        serde_json::Value::Number(number) => truth_of(number.as_f64()?),
        _ => None,
    };
    let all: Option<Vec<(String, bool)>> =
        object.into_iter().map(|(label, value)| Some((label, truth(&value)?))).collect();
    Some(all?.into_iter().filter(|(_, truth)| *truth).map(|(label, _)| label).collect())
}

/// `['a', "b", 3]`, as Python prints a list, or NumPy without commas.
fn parse_python_list(cell: &str) -> Option<Vec<String>> {
    parse_items(cell.strip_prefix('[')?.strip_suffix(']')?)
}

/// What stands between brackets. In a list of Python's there is a comma between two texts, in an array of NumPy's none.
fn parse_items(inside: &str) -> Option<Vec<String>> {
    if let Some(numbers) = numbers_of_numpy(inside) {
        return Some(numbers.into_iter().map(str::to_owned).collect());
    }
    let (mut labels, mut label, mut quote, mut is_ended) = (Vec::new(), String::new(), None, false);
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', Some(_)) => label.push(characters.next()?),
            (_, Some(open)) if character == open => (quote, is_ended) = (None, true),
            ('\'' | '"', None) => {
                if std::mem::take(&mut is_ended) {
                    labels.push(std::mem::take(&mut label));
                }
                quote = Some(character);
            }
            (',', None) => {
                is_ended = false;
                labels.push(std::mem::take(&mut label));
            }
            ('[' | ']' | '{' | '}', None) => return None,
            _ => label.push(character),
        }
    }
    labels.push(label);
    quote.is_none().then_some(labels)
}

/// `0 1 0`, the inside of an array of numbers as NumPy prints it, which has no commas; `None` where it is something else.
fn numbers_of_numpy(inside: &str) -> Option<Vec<&str>> {
    let numbers: Vec<&str> = inside.split_whitespace().collect();
    let are_numbers = numbers.len() > 1 && numbers.iter().all(|number| number.parse::<f64>().is_ok());
    are_numbers.then_some(numbers)
}

/// How many labels the lists of a column say yes or no to, each in its place: `[0, 1, 0]`, as files for `BCEWithLogitsLoss` have
/// them. `None` where a cell is something else, and where they may as well be labels that are called 0 and 1: lists are none of a
/// model that has as many labels and none of these names.
pub(super) fn find_vector<'c>(cells: impl Iterator<Item = &'c str>, known: &[String]) -> Option<usize> {
    let (mut length, mut has_repeat) = (None, false);
    for cell in cells.filter(|cell| !cell.trim().is_empty()) {
        let truths = parse_vector(cell)?;
        if *length.get_or_insert(truths.len()) != truths.len() {
            return None;
        }
        let num_true = truths.iter().filter(|&&truth| truth).count();
        has_repeat |= num_true > 1 || truths.len() - num_true > 1;
    }
    let has_names = !known.is_empty() && !known.iter().any(|label| matches!(label.as_str(), "0" | "1"));
    length.filter(|&length| has_repeat || (has_names && length == known.len()))
}

/// A list of 0 and 1, with commas between or as NumPy prints it.
pub(super) fn parse_vector(cell: &str) -> Option<Vec<bool>> {
    let cell = cell.trim();
    let numbers: Vec<f64> = match serde_json::from_str(cell) {
        Ok(numbers) => numbers,
        Err(_) => {
            let numbers = numbers_of_numpy(cell.strip_prefix('[')?.strip_suffix(']')?)?;
            numbers.into_iter().filter_map(|number| number.parse().ok()).collect()
        }
    };
    numbers.into_iter().map(truth_of).collect()
}

fn truth_of(number: f64) -> Option<bool> {
    if number == 1.0 { Some(true) } else { (number == 0.0).then_some(false) }
}

/// Whether a cell says yes or no; `None` where it says neither.
pub(super) fn parse_truth(cell: &str) -> Option<bool> {
    match cell.trim().to_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" | "y" | "x" | "✓" | "✔" => Some(true),
        "0" | "0.0" | "false" | "no" | "n" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_and_separators_give_labels_once_and_without_spaces() {
        let labels = |cell: &str, separator| parse_labels(cell, separator).expect("labels");
        assert_eq!(labels(r#"["a b", "c", 3, true]"#, None), ["a b", "c", "3", "true"]);
        assert_eq!(labels(r#"['it\'s', "b", 'c, d']"#, Some(',')), ["it's", "b", "c, d"]);
        assert_eq!(labels("[]", None), [""; 0]);
        assert_eq!(labels(" a ; b;;a ", Some(';')), ["a", "b"]);
        assert_eq!(labels("a, b", None), ["a, b"]);
        assert_eq!(labels("['it\\'s' 'b c'\n \"d\"]", None), ["it's", "b c", "d"], "NumPy has no commas");
        assert_eq!(labels("[0 3]", None), ["0", "3"]);
        assert_eq!(labels("{'a', 'b, c'}", Some(',')), ["a", "b, c"], "a set");
        assert_eq!(labels(r#"{"a": true, "b": 0, "c, d": 1.0, "e": false}"#, Some(',')), ["a", "c, d"]);
        assert_eq!(labels(r#"{"a": 0}"#, None), [""; 0]);
        assert_eq!(labels("('a', 'b, c')", Some(',')), ["a", "b, c"], "a tuple");
        assert_eq!(labels("('a',)", None), ["a"]);
        assert_eq!(labels("(a, b)", None), ["(a, b)"]);
        for empty in ["set()", "frozenset()", "()", "{}"] {
            assert_eq!(labels(empty, Some(',')), [""; 0], "{empty}");
            assert!(is_bracketed(empty), "{empty}");
        }
        assert_eq!(labels("frozenset({'a', 'b'})", None), ["a", "b"]);
        assert_eq!(labels("[‘a b’, ‘c’]", None), ["a b", "c"], "quotes that a program made curly");
        assert_eq!(labels(r#"{"choices": ["a", "b"]}"#, None), ["a", "b"], "of Label Studio");
        let broken = [r#"{"a": "x"}"#, r#"{"a": 2}"#, r#"{"a": null}"#, "{'a': 1}", "{'a'"];
        for broken in broken.into_iter().chain([r#"[["a"]]"#, r#"[{"a": 1}]"#, "['a", "['a]", "[null]"]) {
            assert_eq!(parse_labels(broken, None), None, "{broken}");
        }
    }

    #[test]
    fn the_separator_is_the_most_frequent_one() {
        assert_eq!(find_separator(["a;b", "a, b;c", "d"].into_iter()), Some(';'));
        assert_eq!(find_separator(["a|b", "c|d", "a, b"].into_iter()), Some('|'));
        assert_eq!(find_separator(["a", r#"["a", "b"]"#, r#"{"a": 1, "b": 0}"#].into_iter()), None);
    }

    #[test]
    fn lists_of_zeros_and_ones_are_told_from_labels_of_these_names() {
        let find = |cells: &[&str]| find_vector(cells.iter().copied(), &[]);
        assert_eq!(find(&["[0, 1, 0]", "", "[1.0, 1.0, 0.0]"]), Some(3));
        assert_eq!(find(&["[0, 1]", "[0, 0]"]), Some(2));
        assert_eq!(find(&["[0 1 1]", "[1. 0. 0.]"]), Some(3), "as NumPy prints them");
        for others in
            [&["[0, 1]", "[1, 0]"][..], &["[1, 1]", "[0]"], &["[0, 1, 2]"], &["[\"0\", \"1\", \"0\"]"], &["0;1"], &[]]
        {
            assert_eq!(find(others), None, "{others:?}");
        }
        let of_model = |labels: [&str; 2]| find_vector(["[0, 1]", "[1, 0]"].into_iter(), &labels.map(str::to_owned));
        assert_eq!([["x", "y"], ["0", "y"]].map(of_model), [Some(2), None]);
    }

    #[test]
    fn numbers_of_labels_are_told_from_other_numbers() {
        assert!(hold_ids(["4", "4 27", "27", "4 27"].into_iter()));
        assert!(hold_ids(["4", "4,27", "27,4,3", "3", "4"].into_iter()));
        for cells in [
            ["4,5", "3,5", "4", "3"],
            ["1,500,200", "1,500", "1", "1"],
            ["0 1", "1 1 0", "1", "0"],
            ["4", "7", "4", "7"],
        ] {
            assert!(!hold_ids(cells.into_iter()), "{cells:?}");
        }
        assert_eq!(find_separator(["4", "4 27", "27", "4 27"].into_iter()), Some(' '));
        assert_eq!(find_separator(["a b", "b"].into_iter()), None, "names may have spaces");
    }

    #[test]
    fn yes_and_no_are_told_from_the_rest() {
        assert_eq!(
            ["1", " TRUE", "X", "0", "no", "N", "2", ""].map(parse_truth),
            [Some(true), Some(true), Some(true), Some(false), Some(false), Some(false), None, None]
        );
    }

    proptest! {
        #[test]
        fn any_cell_is_read_without_panic(cell in any::<String>(), list in "\\[.*\\]?") {
            for text in [&cell, &list] {
                for separator in [None, Some(';'), Some(',')] {
                    let labels = parse_labels(text, separator).unwrap_or_default();
                    prop_assert!(labels.iter().all(|label| !label.is_empty()));
                }
            }
        }
    }
}
