//! Files come back to the letter, but for what was edited.

use proptest::prelude::*;

use super::*;
use crate::config::{RowEdit, RowEdits, TextCleaning};
use crate::data::parse;

fn source() -> RowSource {
    let own = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    RowSource {
        columns: vec![own("text", "text"), own("label", "label")],
        file_columns: vec!["text".into(), "label".into()],
        is_lines: false,
        merge_labels: BTreeMap::new(),
    }
}

fn set(row: usize, column: &str, was: &str, value: &str) -> RowEdit {
    let [column, was, value] = [column, was, value].map(str::to_owned);
    RowEdit::SetCell { file: Split::Train, row, column, was, value }
}

fn drop_rows(rows: &[usize]) -> RowEdit {
    RowEdit::DropRows { file: Split::Train, rows: rows.to_vec() }
}

fn clean_bytes(name: &str, bytes: &[u8], log: Vec<RowEdit>) -> CleanedFile {
    let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
    clean_file(&(name.to_owned(), bytes.to_vec()), Split::Train, &read, &source(), None).expect("it can be written")
}

fn clean(name: &str, text: &str, log: Vec<RowEdit>) -> String {
    String::from_utf8(clean_bytes(name, text.as_bytes(), log).bytes).expect("UTF-8")
}

#[test]
fn a_file_without_edits_comes_back_to_the_letter() {
    for (name, text) in [
        ("x.csv", "text,label\r\n\"a, b\",x\r\nc,\"y\"\r\n\r\nd,x,one too many\r\ne,y"),
        ("x.tsv", "text\tlabel\n \"a\tx\nb \ty\n=1+1\tx\n"),
        ("x.csv", "Export of May;\n\ntext;label\n\"two\nlines\";x\nb;y\n"),
        (
            "x.jsonl",
            "{\"id\": 1.0, \"text\":\"caf\\u00e9\", \"label\": 1}\n\n{\"text\": null, \"label\": 2, \"m\": {\"a\": [ ]}}\noops\n",
        ),
        ("x.json", "[\n  {\"text\": \"a\", \"label\": \"x\"},\n  {\"label\": \"y\", \"text\": \"b\"}\n]\n"),
        ("x.json", "{\"name\": \"set\", \"data\": [{\"text\": \"a\", \"label\": \"x\"}], \"n\": 1}"),
    ] {
        assert_eq!(clean(name, text, Vec::new()), text, "{name}");
    }
    let marked = [MARK, b"text,label\na,x\nb,y\n"].concat();
    assert_eq!(clean_bytes("x.csv", &marked, Vec::new()).bytes, marked, "with its byte order mark");
}

#[test]
fn texts_that_are_read_cleaned_are_written_so() {
    let read = ReadOptions { clean_texts: [TextCleaning::Markup].into(), ..ReadOptions::default() };
    let text = "text,label,note\na <b>bold</b> claim,x,<i>n</i>\nplain,y,\n";
    let file = ("x.csv".to_owned(), text.as_bytes().to_vec());
    let written = clean_file(&file, Split::Train, &read, &source(), None).expect("it can be written");
    let expected = "text,label,note\na bold claim,x,<i>n</i>\nplain,y,\n";
    assert_eq!(String::from_utf8(written.bytes).expect("UTF-8"), expected);
}

#[test]
fn columns_of_an_own_file_are_found_whatever_their_case_and_blanks() {
    let [column, was, value] = ["label", "x", "y"].map(str::to_owned);
    let log = vec![RowEdit::SetCell { file: Split::Test, row: 2, column, was, value }];
    let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
    let file = ("t.csv".to_owned(), b"Text,Label \na b,x\nc d,y\n".to_vec());
    let found = clean_file(&file, Split::Test, &read, &source(), None).expect("it can be written");
    assert_eq!(String::from_utf8(found.bytes).expect("UTF-8"), "Text,Label \na b,y\nc d,y\n");
}

#[test]
fn edited_cells_are_quoted_where_needed_and_dropped_rows_are_gone() {
    let text = "text,label,note\r\n\"a, b\",x,\"n\"\r\nc,y,\r\nd,x,=1\r\n";
    let log = vec![set(3, "text", "c", "say \"hi\", now"), drop_rows(&[2]), set(4, "label", "x", "new")];
    assert_eq!(clean("x.csv", text, log), "text,label,note\r\n\"say \"\"hi\"\", now\",y,\r\nd,new,=1\r\n");
    let lines = "{\"id\": 1.0, \"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 2}\n{\"text\": \"c\", \"label\": 1}";
    let log = vec![set(1, "label", "1", "2"), set(3, "text", "c", "ü"), drop_rows(&[2])];
    let cleaned = "{\"id\": 1.0, \"text\": \"a\", \"label\": 2}\n{\"text\": \"ü\", \"label\": 1}";
    assert_eq!(clean("x.jsonl", lines, log), cleaned);
}

#[test]
fn lines_of_fast_text_and_objects_with_gaps_are_edited_in_their_layout() {
    let text = "__label__a one text\n__label__b another\n__label__a third one\n";
    let log = vec![set(2, "label", "b", "a|c"), set(3, "text", "third one", "a third"), drop_rows(&[1])];
    assert_eq!(clean("x.txt", text, log), "__label__a __label__c another\n__label__a a third\n");
    let text = "{\"text\": \"a\", \"label\": NaN, \"n\": NaN}\n{\"text\": \"b\", \"label\": 1, \"n\": 2}\n";
    let log = vec![set(1, "label", "", "0")];
    assert_eq!(clean("x.jsonl", text, log), text.replacen("NaN", "0", 1));
}

#[test]
fn rows_go_out_of_an_array_with_one_comma_each() {
    let item = |text: &str| format!("{{\"text\": \"{text}\", \"label\": \"x\"}}");
    let array =
        |texts: &[&str]| format!("[\n{}\n]\n", texts.iter().map(|text| item(text)).collect::<Vec<_>>().join(",\n"));
    for (rows, left) in [(&[1][..], &["b", "c"][..]), (&[2], &["a", "c"]), (&[3], &["a", "b"]), (&[1, 3], &["b"])] {
        assert_eq!(clean("x.json", &array(&["a", "b", "c"]), vec![drop_rows(rows)]), array(left), "{rows:?}");
    }
}

#[test]
fn what_a_person_should_know_is_said() {
    let latin = clean_bytes("x.csv", b"text,label\nd\xE9j\xE0 vu,a\nno\xEBl,b\nna\xEFve,a\n", vec![drop_rows(&[2])]);
    assert_eq!(String::from_utf8(latin.bytes).expect("UTF-8"), "text,label\nnoël,b\nnaïve,a\n");
    assert!(latin.num_rows == 2 && latin.notes.iter().any(|note| note.contains("windows-1252")), "{:?}", latin.notes);
    let formulas = clean_bytes("x.csv", b"text,label\n=1+1,a\n-5,b\nc,a\nd,b\n", Vec::new());
    assert!(formulas.notes[0].starts_with("1 cell "), "{:?}", formulas.notes);
    let bad = clean_bytes("x.csv", b"text,label\na,x\nb,y\nc,x,y\nd,x\n", Vec::new());
    assert!(bad.notes[0].starts_with("1 row that could not be read"), "{:?}", bad.notes);
    let other = clean_bytes("x.csv", b"text,label\na,x\nb,y\n", vec![set(2, "text", "other", "new")]);
    assert!(other.notes[0].starts_with("1 edited row "), "{:?}", other.notes);
    assert!(other.bytes.starts_with(b"text,label\na,x\n"));
}

#[test]
fn rows_that_could_not_be_read_go_when_they_are_dropped_whatever_the_format() {
    let item = |text: &str| format!("{{\"text\": \"{text}\", \"label\": \"x\"}}");
    let (a, b) = (item("a"), item("b"));
    let lines = format!("oops\n{a}\n[\n1]\n{b}\n{{\"text\": 1\n");
    let array = format!("[\n7,\n{a},\n\"s\",\n{b}\n]\n");
    let trec = "ENTY:animal What ?\n".repeat(60);
    for (name, text, bad, cleaned) in [
        (
            "x.csv",
            "text,label\none,too,many\n\"a, b\",x\nc,y,z\n\n\"d\",x\ntext,label\n\"e,x\n".to_owned(),
            &[2, 4, 7, 8][..],
            "text,label\n\"a, b\",x\n\n\"d\",x\n".to_owned(),
        ),
        ("x.tsv", "text\tlabel\na\tx\none\ttoo\tmany\nb\ty".to_owned(), &[3], "text\tlabel\na\tx\nb\ty".to_owned()),
        ("x.jsonl", lines, &[1, 3, 6], format!("{a}\n{b}\n")),
        ("x.json", array, &[1, 3], format!("[\n{a},\n{b}\n]\n")),
        ("x.label", format!("{trec}oops\n{trec}"), &[61], trec.repeat(2)),
    ] {
        let without = |rows: &[usize]| clean_bytes(name, text.as_bytes(), vec![drop_rows(rows)]);
        let (all, none, one) = (without(bad), without(&[]), without(&bad[..1]));
        assert!(one.num_rows == all.num_rows && (one.bytes != all.bytes) == (bad.len() > 1), "{name}");
        assert_eq!(String::from_utf8(all.bytes).expect("UTF-8"), cleaned, "{name}");
        let list = |rows: &[usize]| rows.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let gone =
            format!("left out, as {} dropped: {}", if bad.len() == 1 { "it was" } else { "they were" }, list(bad));
        assert!(all.notes[0].ends_with(&gone) && all.notes.len() == 1, "{name}: {:?}", all.notes);
        assert_eq!(none.bytes, text.as_bytes(), "{name}: what was not dropped stays");
        let stays = if bad.len() == 1 { "stays in the file as it is" } else { "stay in the file as they are" };
        let stays = format!("{stays}: {}", list(bad));
        assert!(none.notes[0].ends_with(&stays) && none.notes.len() == 1, "{name}: {:?}", none.notes);
    }
}

#[test]
fn translations_change_within_their_cells() {
    let text =
        "id,translation,n\n1,\"{'en': 'a', 'fr': 'b'}\",x\n2,\"{\"\"en\"\": \"\"c\"\"}\",y\n3,\"{'en': 'd'}\",z\n";
    let own = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    let columns = vec![own("translation.en", "source"), own("translation.fr", "target"), own("n", "n")];
    let file_columns = ["id", "translation.en", "translation.fr", "n"].map(str::to_owned).to_vec();
    let source = RowSource { columns, file_columns, ..source() };
    let log = vec![set(2, "translation.fr", "b", "say \"e\""), set(3, "n", "y", "new"), drop_rows(&[4])];
    let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
    let file = ("x.csv".to_owned(), text.as_bytes().to_vec());
    let cleaned = clean_file(&file, Split::Train, &read, &source, None).expect("it can be written");
    let expected = "id,translation,n\n1,\"{\"\"en\"\":\"\"a\"\",\"\"fr\"\":\"\"say \\\"\"e\\\"\"\"\"}\",x\n\
                    2,\"{\"\"en\"\": \"\"c\"\"}\",new\n";
    assert_eq!(String::from_utf8(cleaned.bytes).expect("UTF-8"), expected);
}

#[test]
fn the_rows_of_a_split_come_without_what_could_not_be_read_above_them() {
    let file = ("x.csv".to_owned(), b"text,label\nbad,x,y\na,x\nb,y\nc,x\nd,y\nworse,x,y\n".to_vec());
    let cleaned = clean_file(&file, Split::Train, &ReadOptions::default(), &source(), Some(&[3])).expect("a table");
    assert_eq!((cleaned.bytes.as_slice(), cleaned.notes), (&b"text,label\na,x\n"[..], Vec::new()));
}

#[test]
fn a_dropped_row_that_the_file_does_not_have_is_said() {
    let cleaned = clean_bytes("x.csv", b"text,label\na,x\nb,y\n", vec![drop_rows(&[2, 99, 98])]);
    assert_eq!(cleaned.bytes, b"text,label\nb,y\n");
    assert!(
        cleaned.notes[0].starts_with("2 dropped rows ") && cleaned.notes[0].ends_with(": 98, 99"),
        "{:?}",
        cleaned.notes
    );
    assert_eq!((cleaned.notes.len(), cleaned.num_rows), (1, 1));
}

#[test]
fn labels_that_are_read_as_others_are_written_as_those() {
    let merge_labels = [("biling".to_owned(), "Billing".to_owned())].into();
    let file = ("x.csv".to_owned(), b"text,label\na,biling\nb,Billing\nc, biling \n".to_vec());
    let source = RowSource { merge_labels, ..source() };
    let cleaned = clean_file(&file, Split::Train, &ReadOptions::default(), &source, None).expect("a table");
    assert_eq!(cleaned.bytes, b"text,label\na,Billing\nb,Billing\nc,Billing\n");
}

#[test]
fn the_rows_of_a_split_are_written_below_the_header() {
    let file = ("x.csv".to_owned(), b"Export of May,\ntext,label\na,x\nbad\n\nb,y\nc,x\n".to_vec());
    let cleaned = clean_file(&file, Split::Train, &ReadOptions::default(), &source(), Some(&[6])).expect("a table");
    assert_eq!((cleaned.bytes.as_slice(), cleaned.num_rows), (&b"Export of May,\ntext,label\nb,y\n"[..], 1));
}

#[test]
fn what_a_layout_can_not_write_is_refused_with_its_row() {
    let file = ("x.label".to_owned(), b"DESC:manner How did it go ?\nENTY:animal What ?\n".to_vec());
    let own = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    let columns = vec![own("text", "text"), own("label", "label")];
    let file_columns = ["label", "fine label", "text"].map(str::to_owned).to_vec();
    let source = RowSource { columns, file_columns, ..source() };
    let with = |value: &str| ReadOptions {
        edits: RowEdits { log: vec![set(2, "text", "What ?", value), set(1, "label", "DESC", "ABBR")] },
        ..ReadOptions::default()
    };
    let cleaned = clean_file(&file, Split::Train, &with("Which ?"), &source, None).expect("two lines");
    assert_eq!(cleaned.bytes, b"ABBR:manner How did it go ?\nENTY:animal Which ?\n");
    let error = clean_file(&file, Split::Train, &with("two\nlines"), &source, None).expect_err("two lines in one");
    assert!(error.to_string().contains("row 2 can't be written"), "{error}");
}

proptest! {
    #[test]
    fn any_cells_come_back_as_they_were_set(
        cells in prop::collection::vec(("[a-z][ -~äö]{0,12}[a-z]", 0_usize..3), 3..12),
        delimiter in prop::sample::select(vec![',', ';', '\t']),
    ) {
        let mut text = format!("text{delimiter}label\n");
        let mut log = Vec::new();
        for (index, (cell, label)) in cells.iter().enumerate() {
            text += &format!("plain {index}{delimiter}l{label}\n");
            log.push(set(index + 2, "text", &format!("plain {index}"), cell));
        }
        let read = ReadOptions { delimiter: Some(delimiter), has_header: Some(true), edits: RowEdits { log }, ..ReadOptions::default() };
        let file = ("x.csv".to_owned(), text.into_bytes());
        let cleaned = clean_file(&file, Split::Train, &read, &source(), None).expect("it can be written");
        let again = parse("x.csv", &cleaned.bytes, &ReadOptions { edits: RowEdits::default(), ..read }).expect("a table");
        let found: Vec<&str> = again.rows.iter().map(|row| row.cells[0].as_str()).collect();
        prop_assert_eq!(found, cells.iter().map(|(cell, _)| cell.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_it_panic_and_without_edits_text_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = [b"text,label\n".as_slice(), &bytes].concat();
        for name in ["x.csv", "x.jsonl", "x.json"] {
            let file = (name.to_owned(), text.clone());
            let cleaned = clean_file(&file, Split::Train, &ReadOptions::default(), &source(), None);
            if let (Ok(cleaned), Ok(text)) = (cleaned, std::str::from_utf8(&text)) {
                prop_assert_eq!(cleaned.bytes, text.as_bytes());
            }
        }
    }
}
