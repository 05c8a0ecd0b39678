//! Which columns hold the sources and which the targets: as asked for, else guessed from their names.

use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn, choose_text_columns, find_column, name_rank};

/// Role of the text that is turned into another.
pub(super) const SOURCE: &str = "source";

/// Role of what it is turned into.
pub(super) const TARGET: &str = "target";

/// What such rows are called in messages.
const SHAPE: &str = "text-to-text";

/// Names of two columns that go together.
struct Pair {
    /// What the source may be called, best first.
    sources: &'static [&'static str],
    /// What the target may be called, best first.
    targets: &'static [&'static str],
    /// Columns beside which these two are not all of a row.
    unless: &'static [&'static str],
}

/// Names that rows of this task alone have, the surest first.
const CERTAIN: &[Pair] = &[
    pair(&["source", "source_text", "src", "src_text"], &["target", "target_text", "tgt", "tgt_text", "trg"]),
    pair(&["article", "document", "dialogue", "dialog", "text"], &["summary", "highlights"]),
    pair(&["article"], &["abstract"]),
    pair(&["input_text"], &["target_text", "output_text"]),
];

/// Names that rows of other tasks may have, too, the surest first.
const POSSIBLE: &[Pair] = &[
    pair(&["inputs"], &["targets"]),
    Pair { unless: &["instruction"], ..pair(&["input", "input_text"], &["output", "output_text", "target"]) },
    pair(&["prompt"], &["completion", "response", "output"]),
    Pair { unless: &["context", "passage"], ..pair(&["question"], &["answer", "response"]) },
    pair(&["text", "sentence"], &["target", "label"]),
];

const fn pair(sources: &'static [&'static str], targets: &'static [&'static str]) -> Pair {
    Pair { sources, targets, unless: &[] }
}

/// Before the name of a language, in columns of translations as the `datasets` library keeps them.
const TRANSLATION: &str = "translation.";

/// Codes of languages (ISO 639-1). That of Indonesian is the name of other columns, too, and counts among translations only.
const LANGUAGES: &[&str] = &[
    "af", "am", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et", "eu",
    "fa", "fi", "fr", "ga", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "is", "it", "ja", "ka", "kk", "km", "kn",
    "ko", "ky", "la", "lb", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn",
    "no", "pa", "pl", "ps", "pt", "ro", "ru", "sd", "si", "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "te", "tg",
    "th", "tl", "tr", "uk", "ur", "uz", "vi", "xh", "yi", "yo", "zh", "zu",
];

/// Languages by their names.
const NAMES_OF_LANGUAGES: &[&str] = &[
    "english",
    "german",
    "french",
    "spanish",
    "portuguese",
    "italian",
    "dutch",
    "polish",
    "czech",
    "swedish",
    "russian",
    "ukrainian",
    "turkish",
    "greek",
    "arabic",
    "hebrew",
    "hindi",
    "urdu",
    "bengali",
    "chinese",
    "japanese",
    "korean",
    "vietnamese",
    "indonesian",
];

/// Columns of labels and numbers: what stands beside one is read for it.
const OF_OTHER_TASKS: &[&str] =
    &["label", "labels", "class", "category", "topic", "intent", "sentiment", "score", "rating", "stars"];

/// Chooses the columns of source and target, in this order.
///
/// # Errors
/// When a named column is not there, one has two roles, or no names tell which columns these are.
pub(super) fn choose(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    let find = |name: &Option<String>| name.as_deref().map(|name| find_column(table, name)).transpose();
    let wished = [find(&read.text_column)?, find(&read.target_column)?];
    let columns = || table.columns.clone();
    match guess(&table.columns, wished) {
        [Some(source), Some(target)] if source == target => {
            let column = table.columns[source].clone();
            Err(DataError::SharedColumn { column, first: SOURCE, second: TARGET })
        }
        [Some(source), Some(target)] => {
            Ok(vec![UsedColumn { role: SOURCE, index: source }, UsedColumn { role: TARGET, index: target }])
        }
        [None, None] => Err(DataError::NoTargets { columns: columns() }),
        [None, Some(_)] => Err(DataError::NoShapeColumn { shape: SHAPE, role: SOURCE, columns: columns() }),
        [Some(_), None] => Err(DataError::NoShapeColumn { shape: SHAPE, role: TARGET, columns: columns() }),
    }
}

/// Chooses the column of sources in a file that may have no targets: as asked for, else by its name, else the only one that holds texts.
///
/// # Errors
/// When a named column is not there, or nothing looks like a text.
pub(super) fn choose_source(
    table: &Table,
    read: &ReadOptions,
    _labels: &[String],
) -> Result<Vec<UsedColumn>, DataError> {
    let known = |pair: &Pair| table.columns.iter().position(|name| name_rank(name, pair.sources).is_some());
    let index = match &read.text_column {
        Some(name) => find_column(table, name)?,
        None => match CERTAIN.iter().chain(POSSIBLE).find_map(known) {
            Some(index) => index,
            None => choose_text_columns(table, read, &[])?.text,
        },
    };
    Ok(vec![UsedColumn { role: SOURCE, index }])
}

/// Whether names of columns can only be those of texts and what they are turned into.
pub(super) fn are_certain(columns: &[String]) -> bool {
    let find = |pair: &Pair| find_pair(columns, pair, [None, None]);
    let found = CERTAIN.iter().find_map(find).or_else(|| {
        let are_translations = columns.len() == 2 || columns.iter().any(|name| name.starts_with(TRANSLATION));
        find_languages(columns, [None, None]).filter(|_| are_translations)
    });
    let is_of_another = |index: usize| name_rank(&columns[index], OF_OTHER_TASKS).is_some();
    found.is_some_and(|[source, target]| {
        (0..columns.len()).all(|index| index == source || index == target || !is_of_another(index))
    })
}

/// Source and target, of which some are `wished` for.
fn guess(columns: &[String], wished: [Option<usize>; 2]) -> [Option<usize>; 2] {
    if wished.iter().all(Option::is_some) {
        return wished;
    }
    let find = |pair: &Pair| find_pair(columns, pair, wished);
    let found = CERTAIN.iter().find_map(find);
    let found = found.or_else(|| find_languages(columns, wished)).or_else(|| POSSIBLE.iter().find_map(find));
    match (found, wished, columns.len()) {
        (Some(found), ..) => found.map(Some),
        // Of two columns the one that is left.
        (None, [Some(one @ 0..=1), None] | [None, Some(one @ 0..=1)], 2) => {
            [wished[0].or(Some(1 - one)), wished[1].or(Some(1 - one))]
        }
        _ => wished,
    }
}

/// The columns of a pair of names, where one that is `wished` for may have any name.
fn find_pair(columns: &[String], pair: &Pair, wished: [Option<usize>; 2]) -> Option<[usize; 2]> {
    let best = |names: &[&str]| {
        let ranked = columns.iter().enumerate().filter_map(|(index, name)| Some((name_rank(name, names)?, index)));
        ranked.min().map(|(_, index)| index)
    };
    // Who names one of them knows what else there is.
    if wished == [None, None] && best(pair.unless).is_some() {
        return None;
    }
    let found = [wished[0].or_else(|| best(pair.sources))?, wished[1].or_else(|| best(pair.targets))?];
    (found[0] != found[1]).then_some(found)
}

/// Two columns that are called as languages are, where no third one is: the first is the source.
fn find_languages(columns: &[String], wished: [Option<usize>; 2]) -> Option<[usize; 2]> {
    let is_free = |index: &usize| !wished.contains(&Some(*index)) && is_language(&columns[*index]);
    let mut free = (0..columns.len()).filter(is_free);
    let found = [wished[0].or_else(|| free.next())?, wished[1].or_else(|| free.next())?];
    free.next().is_none().then_some(found)
}

/// `en`, `pt-BR`, `zh_CN`, `English`, `translation.en`.
fn is_language(name: &str) -> bool {
    if name.starts_with(TRANSLATION) {
        return true;
    }
    let name = name.trim().to_lowercase();
    let (code, region) = name.split_once(['-', '_']).unwrap_or((name.as_str(), "xx"));
    let is_code =
        LANGUAGES.contains(&code) && region.len() == 2 && region.chars().all(|letter| letter.is_ascii_lowercase());
    is_code || NAMES_OF_LANGUAGES.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn names(header: &str, read: &ReadOptions) -> Result<[String; 2], DataError> {
        let read = ReadOptions { has_header: Some(true), ..read.clone() };
        let row = vec!["some words"; header.split(',').count()].join(",");
        let table = parse("x.csv", format!("{header}\n{row}\n").as_bytes(), &read).expect("a table");
        let used = choose(&table, &read)?;
        assert_eq!(used.iter().map(|used| used.role).collect::<Vec<_>>(), [SOURCE, TARGET]);
        Ok([0, 1].map(|at| table.columns[used[at].index].clone()))
    }

    fn wishing(source: Option<&str>, target: Option<&str>) -> ReadOptions {
        let name = |name: Option<&str>| name.map(str::to_owned);
        ReadOptions { text_column: name(source), target_column: name(target), ..ReadOptions::default() }
    }

    #[test]
    fn columns_are_known_by_their_names() {
        for (header, source, target) in [
            ("id,source,target", "source", "target"),
            ("Target Text,Source Text", "Source Text", "Target Text"),
            ("highlights,article,id", "article", "highlights"),
            ("id,dialogue,summary", "dialogue", "summary"),
            ("text,summary,title", "text", "summary"),
            ("id,de,en", "de", "en"),
            ("pt-BR,zh_CN", "pt-BR", "zh_CN"),
            ("French,English", "French", "English"),
            ("input,output", "input", "output"),
            ("question,answer", "question", "answer"),
            ("prompt,completion", "prompt", "completion"),
            ("prefix,input_text,target_text", "input_text", "target_text"),
            ("text,label", "text", "label"),
        ] {
            let found = names(header, &ReadOptions::default()).expect(header);
            assert_eq!(found, [source, target], "{header}");
        }
    }

    #[test]
    fn translations_of_the_datasets_library_are_taken_in_their_order() {
        let line = "{\"id\": \"1\", \"translation\": {\"id\": \"satu\", \"en\": \"one\"}}\n";
        let table = parse("x.jsonl", line.repeat(2).as_bytes(), &ReadOptions::default()).expect("a table");
        let used = choose(&table, &ReadOptions::default()).expect("two languages");
        let found: Vec<&str> = used.iter().map(|used| table.columns[used.index].as_str()).collect();
        assert_eq!(found, ["translation.id", "translation.en"]);
    }

    #[test]
    fn what_is_not_all_of_a_row_or_may_be_anything_is_not_guessed() {
        for header in ["a,b", "instruction,input,output", "question,context,answer", "de,en,fr", "text"] {
            let error = names(header, &ReadOptions::default()).expect_err(header);
            assert!(matches!(error, DataError::NoTargets { .. }), "{header}: {error}");
        }
        let error = names("a,b", &ReadOptions::default()).expect_err("any names").to_string();
        assert!(error.contains("(text_column)") && error.contains("(target_column): \"a\", \"b\""), "{error}");
    }

    #[test]
    fn wishes_win_and_the_other_column_goes_with_them() {
        let found = |header: &str, source, target| names(header, &wishing(source, target)).expect(header);
        assert_eq!(found("source,target,b", Some("b"), None), ["b", "target"]);
        assert_eq!(found("source,target,b", None, Some("b")), ["source", "b"]);
        assert_eq!(found("instruction,input,output", Some("input"), None), ["input", "output"]);
        assert_eq!(found("de,en,fr", Some("fr"), Some("de")), ["fr", "de"]);
        assert_eq!(found("de,en", None, Some("de")), ["en", "de"]);
        assert_eq!(found("a,b", None, Some("a")), ["b", "a"]);
        assert_eq!(found("a,b", Some("a"), None), ["a", "b"]);
        let error =
            |header: &str, source, target| names(header, &wishing(source, target)).expect_err(header).to_string();
        let lacks = error("a,b,c", Some("a"), None);
        assert!(lacks.starts_with("a text-to-text file needs a column for the target; say which one"), "{lacks}");
        assert!(error("a,b,c", None, Some("a")).contains("a column for the source"));
        assert_eq!(error("a,b", Some("a"), Some("a")), "column \"a\" can't be both the source and the target");
        assert!(error("source,target", Some("x"), None).starts_with("there is no column \"x\""));
    }

    #[test]
    fn certain_names_have_no_labels_beside_them() {
        let certain = |header: &str| are_certain(&header.split(',').map(str::to_owned).collect::<Vec<_>>());
        for header in
            ["source,target", "id,article,highlights", "text,summary", "en,de", "translation.en,translation.de,id"]
        {
            assert!(certain(header), "{header}");
        }
        for header in
            ["text,label", "question,answer", "text,summary,score", "is,no,text", "source,text", "input,output"]
        {
            assert!(!certain(header), "{header}");
        }
    }
}
