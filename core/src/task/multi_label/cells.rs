//! Cells with several labels, or with a yes or no to one.

/// What may stand between labels.
const SEPARATORS: [char; 3] = [';', '|', ','];

/// What of [`SEPARATORS`] stands in the most cells; `None` where none does. Cells with a list in brackets need none.
pub(super) fn find_separator<'c>(cells: impl Iterator<Item = &'c str>) -> Option<char> {
    let mut counts = [0_usize; SEPARATORS.len()];
    for cell in cells.filter(|cell| !cell.trim_start().starts_with('[')) {
        for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
            *count += usize::from(cell.contains(separator));
        }
    }
    let most = counts.into_iter().max().filter(|&most| most > 0)?;
    SEPARATORS.into_iter().zip(counts).find(|&(_, count)| count == most).map(|(separator, _)| separator)
}

/// The labels of a cell: of a list as JSON or Python writes it, or of a text with a separator. `None` where a list is
/// broken, or holds something else than labels.
pub(super) fn parse_labels(cell: &str, separator: Option<char>) -> Option<Vec<String>> {
    let cell = cell.trim();
    let mut labels = match (cell.starts_with('['), separator) {
        (true, _) => parse_list(cell)?,
        (false, Some(separator)) => cell.split(separator).map(str::to_owned).collect(),
        (false, None) => vec![cell.to_owned()],
    };
    for label in &mut labels {
        *label = label.trim().to_owned();
    }
    labels.retain(|label| !label.is_empty());
    let mut seen = std::collections::HashSet::new();
    labels.retain(|label| seen.insert(label.clone()));
    Some(labels)
}

fn parse_list(cell: &str) -> Option<Vec<String>> {
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(cell) else { return parse_python_list(cell) };
    let label = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    values.into_iter().map(label).collect()
}

/// `['a', "b", 3]`, as Python prints a list.
fn parse_python_list(cell: &str) -> Option<Vec<String>> {
    let inside = cell.strip_prefix('[')?.strip_suffix(']')?;
    let (mut labels, mut label, mut quote) = (Vec::new(), String::new(), None);
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', Some(_)) => label.push(characters.next()?),
            (_, Some(open)) if character == open => quote = None,
            ('\'' | '"', None) => quote = Some(character),
            (',', None) => labels.push(std::mem::take(&mut label)),
            ('[' | ']' | '{' | '}', None) => return None,
            _ => label.push(character),
        }
    }
    labels.push(label);
    quote.is_none().then_some(labels)
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

/// A list of 0 and 1.
pub(super) fn parse_vector(cell: &str) -> Option<Vec<bool>> {
    let numbers: Vec<f64> = serde_json::from_str(cell.trim()).ok()?;
    let truth = |number: f64| if number == 1.0 { Some(true) } else { (number == 0.0).then_some(false) };
    numbers.into_iter().map(truth).collect()
}

/// Whether a cell says yes or no; `None` where it says neither.
pub(super) fn parse_truth(cell: &str) -> Option<bool> {
    match cell.trim().to_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" => Some(true),
        "0" | "0.0" | "false" | "no" => Some(false),
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
        for broken in [r#"[["a"]]"#, r#"[{"a": 1}]"#, "['a", "['a]", "[null]"] {
            assert_eq!(parse_labels(broken, None), None, "{broken}");
        }
    }

    #[test]
    fn the_separator_is_the_most_frequent_one() {
        assert_eq!(find_separator(["a;b", "a, b;c", "d"].into_iter()), Some(';'));
        assert_eq!(find_separator(["a|b", "c|d", "a, b"].into_iter()), Some('|'));
        assert_eq!(find_separator(["a", r#"["a", "b"]"#].into_iter()), None);
    }

    #[test]
    fn lists_of_zeros_and_ones_are_told_from_labels_of_these_names() {
        let find = |cells: &[&str]| find_vector(cells.iter().copied(), &[]);
        assert_eq!(find(&["[0, 1, 0]", "", "[1.0, 1.0, 0.0]"]), Some(3));
        assert_eq!(find(&["[0, 1]", "[0, 0]"]), Some(2));
        for others in
            [&["[0, 1]", "[1, 0]"][..], &["[1, 1]", "[0]"], &["[0, 1, 2]"], &["[\"0\", \"1\", \"0\"]"], &["0;1"], &[]]
        {
            assert_eq!(find(others), None, "{others:?}");
        }
        let of_model = |labels: [&str; 2]| find_vector(["[0, 1]", "[1, 0]"].into_iter(), &labels.map(str::to_owned));
        assert_eq!([["x", "y"], ["0", "y"]].map(of_model), [Some(2), None]);
    }

    #[test]
    fn yes_and_no_are_told_from_the_rest() {
        assert_eq!(
            ["1", " TRUE", "0", "no", "2", ""].map(parse_truth),
            [Some(true), Some(true), Some(false), Some(false), None, None]
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
