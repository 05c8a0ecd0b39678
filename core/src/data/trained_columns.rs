//! A file that goes with a trained model: it is read by the columns that the model was trained on, where it has them.
//!
//! In: the file, what was asked for, and the reading options of the model's job file. Out: reading options for this
//! file, and the columns that it lacks, so that what is guessed instead can be said.

use super::columns::index_of;
use super::parse::{Format, Table, parse, read_text};
use crate::config::{Encoding, ReadOptions};

/// How a file is read that goes with a trained model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainedRead {
    /// What was asked for, over the columns that the model was trained on.
    pub read: ReadOptions,
    /// Columns of its training texts where this file does not have all of them: its own are guessed.
    pub missing: Vec<String>,
    /// Column of its training labels where this file does not have it: its own is guessed.
    pub missing_label: Option<String>,
}

impl TrainedRead {
    /// Says that texts are read from the columns `used`, and why; nothing where these are those of the training.
    #[must_use]
    pub fn missing_texts(&self, used: &[&str]) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        let missing = quoted(&self.missing.iter().map(String::as_str).collect::<Vec<_>>());
        let read = match used {
            [] => "all of its text is read".to_owned(),
            used => format!("texts are read from {}", quoted(used)),
        };
        Some(format!("the model was trained on {missing}, which this file does not have: {read}"))
    }

    /// Says that labels are read from the column `used`, and why; nothing where it is that of the training.
    #[must_use]
    pub fn missing_labels(&self, used: &str) -> Option<String> {
        let missing = self.missing_label.as_ref()?;
        Some(format!(
            "the model was trained on the labels of column {missing:?}, which this file does not have: labels are read \
             from column {used:?}"
        ))
    }
}

/// `column "a"`, `columns "a", "b"`.
fn quoted(names: &[&str]) -> String {
    let all = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    format!("{} {all}", if names.len() == 1 { "column" } else { "columns" })
}

/// How a zip begins.
const ZIP: &[u8] = b"PK\x03\x04";

type Column = fn(&mut ReadOptions) -> &mut Option<String>;

/// The columns that texts are read from.
const TEXT_COLUMNS: [Column; 12] = [
    |read| &mut read.text_column,
    |read| &mut read.text_pair_column,
    |read| &mut read.negative_column,
    |read| &mut read.tokens_column,
    |read| &mut read.sentence_column,
    |read| &mut read.question_column,
    |read| &mut read.context_column,
    |read| &mut read.target_column,
    |read| &mut read.prompt_column,
    |read| &mut read.input_column,
    |read| &mut read.completion_column,
    |read| &mut read.messages_column,
];

/// Lays `asked` over `trained`, the options that a model was trained with.
///
/// Where the file lacks a column of `trained`, its own columns are left to a guess, and the lack is returned. Delimiter
/// and header of `trained` count only where its columns are found with them: another file may be laid out otherwise.
/// A file that can't be read is no error here: its reader says so.
#[must_use]
pub fn read_as_trained(name: &str, bytes: &[u8], asked: &ReadOptions, trained: &ReadOptions) -> TrainedRead {
    let (mut asked, mut trained) = (asked.clone(), trained.clone());
    asked.prompt_format = asked.prompt_format.or(trained.prompt_format.take());
    asked.source_prefix = asked.source_prefix.or(trained.source_prefix.take());
    asked.label_separator = asked.label_separator.or(trained.label_separator.take());
    asked.clean_texts.append(&mut trained.clean_texts);
    for (from, to) in std::mem::take(&mut trained.merge_labels) {
        asked.merge_labels.entry(from).or_insert(to);
    }
    if bytes.starts_with(ZIP) {
        // What is in it is known to its reader alone: a zip of images may have a table with these columns, or none.
        asked.image_column = asked.image_column.or(trained.image_column);
        asked.label_column = asked.label_column.or(trained.label_column);
        asked.delimiter = asked.delimiter.or(trained.delimiter);
        asked.has_header = asked.has_header.or(trained.has_header);
        return TrainedRead { read: asked, ..TrainedRead::default() };
    }
    asked.encoding = asked.encoding.or(trained.encoding.filter(|&encoding| could_be(bytes, encoding)));
    // Who names a part that the training texts did not have, or another shape, describes another kind of text.
    let mut is_other = asked.shape.is_some_and(|shape| trained.shape != Some(shape));
    for column in TEXT_COLUMNS {
        is_other |= column(&mut asked).is_some() && column(&mut trained).is_none();
    }
    let mut with_columns = asked.clone();
    let mut missing = Vec::new();
    if !is_other {
        with_columns.shape = asked.shape.or(trained.shape);
        for column in TEXT_COLUMNS {
            if let (None, Some(name)) = (column(&mut asked).as_ref(), column(&mut trained).as_ref()) {
                missing.push(name.clone());
                *column(&mut with_columns) = Some(name.clone());
            }
        }
    }
    let labels: Vec<String> = match (&trained.label_column, trained.label_columns.as_slice()) {
        _ if asked.label_column.is_some() || !asked.label_columns.is_empty() => Vec::new(),
        (label, []) => label.iter().cloned().collect(),
        (_, labels) => labels.to_vec(),
    };
    let with_layout = ReadOptions {
        delimiter: asked.delimiter.or(trained.delimiter),
        has_header: asked.has_header.or(trained.has_header),
        header_row: asked.header_row.or(trained.header_row),
        ..asked.clone()
    };
    if missing.is_empty() && labels.is_empty() && with_layout == asked {
        return TrainedRead { read: with_columns, ..TrainedRead::default() };
    }
    let sought: Vec<String> = TEXT_COLUMNS.iter().filter_map(|column| column(&mut with_columns).clone()).collect();
    let mut own_header = asked.has_header;
    for layout in [&with_layout, &asked] {
        let Some((columns, has_header)) = columns_of(name, bytes, layout, &sought, labels.first()) else {
            continue;
        };
        let has = |name: &String| index_of(&columns, name).is_some();
        if *layout == asked {
            own_header = has_header;
        }
        if !sought.iter().all(has) {
            continue;
        }
        let (delimiter, header_row) = (layout.delimiter, layout.header_row);
        let mut read = ReadOptions { delimiter, has_header, header_row, ..with_columns };
        let missing_label = labels.iter().find(|label| !has(label)).cloned();
        if missing_label.is_none() && !labels.is_empty() {
            if trained.label_columns.is_empty() {
                read.label_column = labels.into_iter().next();
            } else {
                read.label_columns = labels;
            }
        }
        return TrainedRead { read, missing: Vec::new(), missing_label };
    }
    let read = ReadOptions { has_header: own_header, ..asked };
    TrainedRead { read, missing, missing_label: labels.into_iter().next() }
}

/// Whether a file's own encoding is a guess, and it can be read in this one.
fn could_be(bytes: &[u8], encoding: Encoding) -> bool {
    read_text(bytes, None).is_ok_and(|text| text.is_guessed) && read_text(bytes, Some(encoding)).is_ok()
}

/// Names of the file's columns, and whether the first row is to be taken for them: a header of unknown words is one
/// where it holds the columns that are looked for, or one of them that does not come back below. `None` where the file can't be read so.
fn columns_of(
    name: &str,
    bytes: &[u8],
    layout: &ReadOptions,
    sought: &[String],
    label: Option<&String>,
) -> Option<(Vec<String>, Option<bool>)> {
    let parse_with = |has_header| {
        let ReadOptions { delimiter, header_row, encoding, .. } = *layout;
        let only_layout = ReadOptions { delimiter, has_header, header_row, encoding, ..ReadOptions::default() };
        parse(name, bytes, &only_layout).ok()
    };
    let Table { format, has_header, columns, rows, .. } = parse_with(layout.has_header)?;
    let holds = |cells: &[String]| {
        let has = |name: &String| index_of(cells, name).is_some();
        if sought.is_empty() { label.is_some_and(has) } else { sought.iter().all(has) }
    };
    let may_be_header = format == Format::Csv && !has_header && layout.has_header.is_none();
    let names = || sought.iter().chain(label);
    let rows_below = rows.get(1..).unwrap_or_default();
    // A number is a value, whatever a column is called.
    let is_name = |(index, cell): (usize, &String)| {
        names().any(|name| index_of(std::slice::from_ref(cell), name).is_some())
            && cell.trim().parse::<f64>().is_err()
            && !rows_below.iter().any(|row| row.cells[index] == *cell)
    };
    if may_be_header
        && rows.first().is_some_and(|row| holds(&row.cells) || row.cells.iter().enumerate().any(is_name))
        && let Some(table) = parse_with(Some(true))
        && names().any(|name| index_of(&table.columns, name).is_some())
    {
        return Some((table.columns, Some(true)));
    }
    Some((columns, layout.has_header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, PromptFormat, TextCleaning};
    use proptest::prelude::*;

    fn trained(text: &str, label: &str) -> ReadOptions {
        ReadOptions { text_column: Some(text.into()), label_column: Some(label.into()), ..ReadOptions::default() }
    }

    fn read(text: &str, asked: &ReadOptions, trained: &ReadOptions) -> TrainedRead {
        read_as_trained("x.csv", text.as_bytes(), asked, trained)
    }

    const TICKETS: &str = "id,title,complaint,team\n1,a title,it is broken,tech\n2,another,it is late,post\n";

    #[test]
    fn a_file_with_the_trained_columns_is_read_by_them() {
        let trained = trained("complaint", "team");
        let found = read(TICKETS, &ReadOptions::default(), &trained);
        assert_eq!(found, TrainedRead { read: trained.clone(), ..TrainedRead::default() });
        let asked = ReadOptions { text_column: Some("title".into()), ..ReadOptions::default() };
        let found = read(TICKETS, &asked, &trained).read;
        assert_eq!((found.text_column.as_deref(), found.label_column.as_deref()), (Some("title"), Some("team")));
    }

    #[test]
    fn pairs_and_several_label_columns_go_with_the_model() {
        let trained = ReadOptions {
            text_pair_column: Some("title".into()),
            label_column: None,
            label_columns: vec!["team".into(), "id".into()],
            ..trained("complaint", "")
        };
        let found = read(TICKETS, &ReadOptions::default(), &trained);
        assert_eq!(found, TrainedRead { read: trained.clone(), ..TrainedRead::default() });
        let found = read("complaint,title,team\na,b,c\nd,e,f\n", &ReadOptions::default(), &trained);
        assert_eq!((found.read.text_pair_column.as_deref(), found.read.label_columns.len()), (Some("title"), 0));
        assert_eq!(found.missing_label.as_deref(), Some("id"));
    }

    #[test]
    fn merged_labels_and_a_header_row_go_with_the_model_and_an_encoding_where_it_is_a_guess() {
        let trained = ReadOptions {
            merge_labels: [("tehc".to_owned(), "tech".to_owned())].into(),
            label_separator: Some('|'),
            clean_texts: [TextCleaning::Markup].into(),
            header_row: Some(2),
            encoding: Some(Encoding::Windows1250),
            ..trained("complaint", "team")
        };
        let found = read(&format!("ours\n{TICKETS}"), &ReadOptions::default(), &trained).read;
        assert_eq!(found, ReadOptions { encoding: None, ..trained.clone() });
        let found = read(TICKETS, &ReadOptions::default(), &trained).read;
        assert_eq!((found.header_row, found.label_column.as_deref()), (None, Some("team")), "its header is in row 1");
        assert_eq!(found.merge_labels, trained.merge_labels);
        let bytes = [format!("ours\n{TICKETS}").as_bytes(), b"3,z,za\xBF\xF3\xB3\xE6,tech\n"].concat();
        assert_eq!(read_as_trained("x.csv", &bytes, &ReadOptions::default(), &trained).read, trained);
    }

    #[test]
    fn what_a_file_lacks_is_guessed_and_named() {
        let trained = trained("complaint", "team");
        let found = read("text,label\na,b\nc,d\n", &ReadOptions::default(), &trained);
        assert_eq!(found.read, ReadOptions::default());
        assert_eq!((found.missing, found.missing_label), (vec!["complaint".to_owned()], Some("team".to_owned())));
        let found = read("complaint\nit is broken\nit is late\n", &ReadOptions::default(), &trained);
        assert_eq!((found.read.text_column.as_deref(), found.read.label_column), (Some("complaint"), None));
        assert_eq!((found.missing, found.missing_label), (Vec::new(), Some("team".to_owned())));
    }

    #[test]
    fn a_header_of_unknown_words_is_found_by_the_trained_columns() {
        let found =
            read("satz,urteil\nes geht,gut\nnein,schlecht\n", &ReadOptions::default(), &trained("satz", "urteil"));
        assert_eq!((found.read.text_column.as_deref(), found.missing), (Some("satz"), Vec::new()));
        let table = parse("x.csv", b"satz,urteil\nes geht,gut\nnein,schlecht\n", &found.read).expect("a table");
        assert_eq!(table.columns, ["satz", "urteil"]);
    }

    #[test]
    fn one_of_the_trained_columns_shows_a_header() {
        let trained = ReadOptions { text_pair_column: Some("frage".into()), ..trained("satz", "urteil") };
        let found = read("satz,note\nes geht,gut\nnein,schlecht\n", &ReadOptions::default(), &trained);
        assert_eq!((found.read.has_header, found.missing.len()), (Some(true), 2), "one lacks, and it is a header");
        let found = read("satz,es geht\nwort,nein\nsatz,naja\n", &ReadOptions::default(), &trained);
        assert_eq!(found.read.has_header, None, "it comes back: a value");
    }

    #[test]
    fn another_files_delimiter_is_not_forced() {
        let trained = ReadOptions { delimiter: Some('\t'), ..trained("complaint", "team") };
        let found = read(TICKETS, &ReadOptions::default(), &trained);
        assert_eq!((found.read.delimiter, found.read.text_column.as_deref()), (None, Some("complaint")));
        let tabs = TICKETS.replace(',', "\t");
        assert_eq!(read(&tabs, &ReadOptions::default(), &trained).read, trained);
    }

    #[test]
    fn another_shape_drops_the_columns_of_the_trained_one() {
        let column = |name: &str| Some(name.to_owned());
        let trained = ReadOptions {
            shape: Some(DataShape::PromptCompletion),
            prompt_column: column("frage"),
            completion_column: column("antwort"),
            prompt_format: Some(PromptFormat::Chat),
            ..ReadOptions::default()
        };
        let text = "frage,antwort,text\nwas?,das.,a\nwer?,der.,b\n";
        assert_eq!(read(text, &ReadOptions::default(), &trained).read, trained);
        let asked = ReadOptions { text_column: column("text"), ..ReadOptions::default() };
        let expected = ReadOptions { prompt_format: Some(PromptFormat::Chat), ..asked.clone() };
        assert_eq!(read(text, &asked, &trained), TrainedRead { read: expected, ..TrainedRead::default() });
        let found = read("question,answer\nwhat?,that.\n", &ReadOptions::default(), &trained);
        assert_eq!((found.read.shape, found.missing.len()), (None, 2));
    }

    #[test]
    fn a_target_and_what_stands_before_its_source_go_with_the_model() {
        let some = |text: &str| Some(text.to_owned());
        let (target_column, source_prefix) = (some("title"), some("summarize: "));
        let trained = ReadOptions { target_column, source_prefix, label_column: None, ..trained("complaint", "") };
        assert_eq!(read(TICKETS, &ReadOptions::default(), &trained).read, trained);
        let asked = ReadOptions { source_prefix: some(""), ..ReadOptions::default() };
        let found = read(TICKETS, &asked, &trained).read;
        assert_eq!((found.source_prefix.as_deref(), found.target_column.as_deref()), (Some(""), Some("title")));
        let found = read("text,summary\na,b\nc,d\n", &ReadOptions::default(), &trained);
        assert_eq!((found.read.source_prefix, found.missing.len()), (some("summarize: "), 2));
    }

    #[test]
    fn a_zip_of_images_is_read_by_the_trained_columns_and_nothing_is_said_to_lack() {
        let trained = ReadOptions { text_column: None, image_column: Some("file".into()), ..trained("", "kind") };
        let found = read_as_trained("x.zip", b"PK\x03\x04", &ReadOptions::default(), &trained);
        assert_eq!(found, TrainedRead { read: trained.clone(), ..TrainedRead::default() });
        let asked = ReadOptions { label_column: Some("other".into()), ..ReadOptions::default() };
        let found = read_as_trained("x.zip", b"PK\x03\x04", &asked, &trained).read;
        assert_eq!((found.image_column.as_deref(), found.label_column.as_deref()), (Some("file"), Some("other")));
    }

    #[test]
    fn what_is_read_instead_is_said() {
        let found = read("text,label\na,b\nc,d\n", &ReadOptions::default(), &trained("complaint", "team"));
        let expected = "the model was trained on column \"complaint\", which this file does not have: texts are read from \
                        column \"text\"";
        assert_eq!(found.missing_texts(&["text"]).as_deref(), Some(expected));
        assert!(found.missing_labels("label").expect("it lacks them").ends_with("from column \"label\""));
        assert_eq!(TrainedRead::default().missing_texts(&["text"]), None);
    }

    proptest! {
        #[test]
        fn no_file_panics_and_nothing_is_asked_for_that_a_file_lacks(
            text in "([a-c]{0,2}[,\t\n;]){0,30}",
            delimiter in prop::option::of(prop::sample::select(vec![',', '\t', ';'])),
            has_header in any::<Option<bool>>(),
        ) {
            let trained = ReadOptions { delimiter, has_header, ..trained("a", "b") };
            let found = read(&text, &ReadOptions::default(), &trained);
            if let (Some(column), Ok(table)) = (&found.read.text_column, parse("x.csv", text.as_bytes(), &found.read)) {
                prop_assert!(index_of(&table.columns, column).is_some());
            }
        }
    }
}
