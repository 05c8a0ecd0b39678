//! Delimited text as people and programs write it: delimiters, quotes, headers, rows that do not fit.

use super::*;

fn read(text: &str) -> Table {
    parse("x.txt", text, &ReadOptions::default()).expect("a table")
}

fn cells(table: &Table) -> Vec<Vec<&str>> {
    table.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect()).collect()
}

#[test]
fn every_usual_delimiter_is_guessed() {
    for delimiter in [',', '\t', ';', '|'] {
        let text = "text,label\ngood film,pos\nbad film,neg\n".replace(',', &delimiter.to_string());
        let table = read(&text);
        assert_eq!(table.delimiter, Some(delimiter));
        assert_eq!(table.columns, ["text", "label"]);
        assert_eq!(cells(&table), [["good film", "pos"], ["bad film", "neg"]]);
    }
}

#[test]
fn the_dashes_of_a_markdown_table_are_no_row() {
    for dashes in ["|---|---|", "| :--- | :---: |"] {
        let table = read(&format!("| text | label |\n{dashes}\n| good film | pos |\n| bad film | neg |\n"));
        let found: Vec<[&str; 2]> = table.rows.iter().map(|row| [1, 2].map(|at| row.cells[at].trim())).collect();
        assert_eq!(found, [["good film", "pos"], ["bad film", "neg"]], "{:?}", table.columns);
        let note = "row 2 is skipped: it is the line of dashes below the header of a Markdown table";
        assert!(table.notes.iter().any(|found| found == note), "{:?}", table.notes);
    }
    let table = parse("x.csv", "text,label\n--,-\n---,-\n", &ReadOptions::default()).expect("a table");
    assert_eq!(table.rows.len(), 2, "a single dash is a value");
}

#[test]
fn text_that_holds_commas_does_not_hide_the_delimiter() {
    let table = read("pos;yes, very good\nneg;no, not at all\npos;well, why not\nneg;oh, no\n");
    assert_eq!((table.delimiter, table.has_header), (Some(';'), false));
    let table = read("ham\tok, one, two\nspam\twin, now\nham\tone, two, three\nham\tno\n");
    assert_eq!(table.delimiter, Some('\t'));
    let table = read("text,label\n\"a; b; c\",x\n\"d; e\",y\n\"f; g\",y\n");
    assert_eq!(table.delimiter, Some(','));
}

#[test]
fn raw_quotes_in_a_tab_file_are_characters() {
    let text = "ham\tok\nspam\t\"Free entry\nham\tsee you\nham\t\"no\" he said\nspam\twin\" now\nham\tsame\"\n";
    let table = read(text);
    assert_eq!(table.rows.len(), 6);
    assert_eq!(table.rows[1].cells[1], "\"Free entry");
    let text = "ham\tok\nspam\t\"Free entry\nham\tsee you\nham\tdone\"\n";
    assert_eq!(read(text).rows.len(), 4, "two rows that fit together by chance");
}

#[test]
fn quoted_line_breaks_are_kept() {
    let text = "text,label\r\n\"two\r\nlines, here\",a\r\nplain,b\r\n";
    let table = read(text);
    assert_eq!(cells(&table), [["two\r\nlines, here", "a"], ["plain", "b"]]);
    assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn rows_of_the_wrong_width_are_listed_and_the_rest_is_read() {
    let table = read("text,label\na,x\nb, with comma,x\nc,y,,\n\nd,y\n");
    assert_eq!(cells(&table), [["a", "x"], ["c", "y"], ["d", "y"]]);
    assert_eq!((table.bad_rows[0].row, table.num_bad_rows), (3, 1));
    assert!(table.bad_rows[0].reason.starts_with("3 fields where 2 were expected (does the text"));
    assert_eq!(table.rows[2].number, 6);
    let without_header = "a text of many words,x,1\nonly\nanother text of words,y,2\nand one more text,x,3\n";
    let options = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
    let table = parse("x.csv", without_header, &options).expect("a table");
    assert_eq!(table.bad_rows, [super::super::BadRow { row: 2, reason: "1 field where 3 were expected".into() }]);
}

#[test]
fn cells_that_are_left_out_at_the_ends_of_rows_are_empty() {
    let table = read("text,label,note\n\"a\",x,1\nonly\nb,y\n\"c\" d,x\n\"e\",x,2\nf,y,1\n");
    let expected = [["a", "x", "1"], ["only", "", ""], ["b", "y", ""], ["e", "x", "2"], ["f", "y", "1"]];
    assert_eq!((cells(&table), table.rows[2].number), (expected.map(|row| row.to_vec()).to_vec(), 4));
    let note =
        "2 rows have fewer cells than the header has names: those left out at their ends are read as empty (rows 3, 4)";
    assert_eq!(table.notes, [note]);
    let bad =
        super::super::BadRow { row: 5, reason: "2 fields where 3 were expected (its quotes do not add up)".into() };
    assert_eq!(table.bad_rows, [bad], "a cell may have gone with a quote");

    // As a spreadsheet saves a table in which only the first rows have a comment.
    let row = |index: usize| {
        let comment = if index < 16 { ",ok" } else { "" };
        format!("this is the text of message {index},{}{comment}\n", ["up", "down"][index % 2])
    };
    let rows: String = (0..60).map(row).collect();
    for header in ["text,label,comment", "Nachricht,Richtung,Bemerkung"] {
        let table = read(&format!("{header}\n{rows}"));
        assert_eq!((table.columns.join(","), table.rows.len(), table.num_bad_rows), (header.to_owned(), 60, 0));
        assert!(table.notes.iter().any(|note| note.starts_with("44 rows have fewer cells")), "{:?}", table.notes);
    }
    // Texts that wait for their labels.
    let texts: String = (0..60).map(|index| format!("this is message {index}\n")).collect();
    let table = parse("x.csv", &format!("text,label\n{texts}"), &ReadOptions::default()).expect("a table");
    assert_eq!((table.columns.join(","), table.rows.len(), table.delimiter), ("text,label".to_owned(), 60, Some(',')));
}

#[test]
fn a_text_with_a_line_break_and_no_quotes_makes_no_class() {
    let row = |index: usize| {
        let gap = if index == 7 { "\n" } else { " " };
        format!("{},a message{gap}with number {index},2024-05-01\n", ["up", "down"][index % 2])
    };
    let table = read(&format!("label,text,date\n{}", (0..30).map(row).collect::<String>()));
    assert_eq!((table.columns.join(","), table.rows.len()), ("label,text,date".to_owned(), 29));
    let bad: Vec<usize> = table.bad_rows.iter().map(|bad| bad.row).collect();
    assert_eq!((bad, table.bad_rows[1].reason.as_str()), (vec![9, 10], BROKEN));
    assert_eq!(table.notes, Vec::<String>::new());
}

#[test]
fn nearly_empty_rows_below_a_long_header_take_no_more_than_their_share() {
    let names: Vec<String> = (0..1000).map(|index| format!("name{index}")).collect();
    let options = ReadOptions { has_header: Some(true), delimiter: Some(','), ..ReadOptions::default() };
    let table = parse("x.csv", &format!("{}\n{}", names.join(","), "a,b\n".repeat(5000)), &options).expect("a table");
    assert!(table.rows.len() * 998 <= FREE_CELLS && table.rows.len() + table.num_bad_rows == 5000);
}

#[test]
fn a_first_row_that_may_name_the_columns_is_said() {
    let rows: String =
        (0..20).map(|index| format!("\"this is message {index}, and more\",{}\n", ["up", "down"][index % 2])).collect();
    let first = "\"Tell us, in a few words: what was it!\",(way)\n";
    let table = read(&format!("{first}{rows}"));
    assert!(!table.has_header && table.notes[0].starts_with("row 1 is read as a row of data"), "{:?}", table.notes);
    assert_eq!(read(&rows).notes, Vec::<String>::new(), "its label comes back");
    let options = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
    let table = parse("x.csv", &format!("{first}{rows}"), &options).expect("a table");
    assert_eq!(table.notes, Vec::<String>::new(), "a person said so");
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row() {
    let mut text = String::from("text,label\n\"quoted, text\",x\n\"never closed,x\n");
    for i in 0..30 {
        text += &format!("\"row, {i}\",y\n");
    }
    let table = read(&text);
    assert_eq!((table.rows.len(), table.num_bad_rows), (31, 1));
    assert_eq!(table.bad_rows[0].row, 3);
}

#[test]
fn many_quotes_that_are_never_closed_are_read_in_linear_time() {
    let text = String::from("a,\"b\n") + &"\"x\"\"\n".repeat(200_000);
    let mut records = Records::new(&text, ',', true);
    let (mut num_records, mut again) = (0, 0);
    let budget = 4 * text.len();
    while let Some(record) = records.next() {
        num_records += 1;
        if again < budget {
            again += records.restart_after_line(record.start);
        }
    }
    assert!(again <= budget + text.len(), "{again} bytes are read again, of {}", text.len());
    let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
    let table = parse("x.csv", &text, &options);
    let rows = table.map_or(0, |table| table.rows.len() + table.num_bad_rows);
    assert!(rows <= 200_001 && num_records <= 200_001);
}

#[test]
fn a_cell_of_many_megabytes_is_one_cell() {
    let long = "say \"\"hello\"\", again and again, ".repeat(200_000);
    let table = read(&format!("text,label\n\"{long}\",a\nshort,b\n"));
    assert_eq!((table.rows.len(), table.num_bad_rows), (2, 0));
    assert_eq!(table.rows[0].cells[0].len(), long.replace("\"\"", "\"").len());
}

#[test]
fn missing_and_repeated_names_are_made_up_and_said() {
    let table = read("text,,label,label\na,1,x,p\nb,2,y,q\n");
    assert!(table.has_header);
    assert_eq!(table.columns, ["text", "Unnamed: 1", "label", "label (2)"]);
    let notes = [
        "column 2 has no name: it is read as \"Unnamed: 1\"",
        "column 4 is also called \"label\": it is read as \"label (2)\"",
    ];
    assert_eq!(table.notes, notes);
    let read = ReadOptions { has_header: Some(true), ..ReadOptions::default() };
    let table = parse("x.csv", "foo,,bar,bar\na,1,x,p\n", &read).expect("a table");
    assert_eq!(table.columns, ["foo", "Unnamed: 1", "bar", "bar (2)"]);
    let table = parse("x.csv", &format!("{}\n{}\n", "a,".repeat(50), "x,".repeat(50)), &read).expect("a table");
    assert_eq!(
        (table.notes.len(), table.notes[10].as_str()),
        (11, "40 more columns without a name of their own got one")
    );
}

#[test]
fn the_nameless_index_of_pandas_is_no_row_and_no_class() {
    let table = read(",text,label\n0,soup and bread,kitchen\n1,a violin,music\n");
    assert_eq!((table.columns[0].as_str(), table.rows.len(), table.rows[0].number), ("Unnamed: 0", 2, 2));
    assert_eq!(table.notes, ["column 1 has no name: it is read as \"Unnamed: 0\""]);
}

#[test]
fn lines_around_a_header_are_skipped_and_said() {
    let rows = "soup and bread;kitchen;1\na violin;music;2\n";
    let table = read(&format!("sep=;\r\nAll messages, May\n\ntext;label;nr\n{rows}"));
    assert_eq!((table.delimiter, table.columns.len(), table.num_bad_rows), (Some(';'), 3, 0));
    assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [5, 6]);
    let notes = [
        "line 1 is skipped: it declares the delimiter ';'",
        "1 blank line above the header is skipped",
        "line 2, above the header, is skipped: it holds nothing but \"All messages, May\"",
    ];
    assert_eq!(table.notes, notes);
    let table = read(&format!("All messages, May\t\t\n\t\t\n\ntext;label;nr\n{rows}").replace(';', "\t"));
    let notes = [
        "1 blank line above the header is skipped",
        "line 1, above the header, is skipped: it holds nothing but \"All messages, May\"",
        "line 2, above the header, is skipped: it is empty",
    ];
    assert_eq!(table.notes, notes, "each line once");
    let survey = "Respondent ID,How was it?,label\n,Open-Ended Response,Response\n1,good,a\n2,bad,b\n";
    let table = read(survey);
    assert_eq!((table.rows.len(), table.rows[0].number), (2, 3));
    assert!(table.notes[0].starts_with("line 2, below the header, is skipped"), "{:?}", table.notes);
}

#[test]
fn a_declared_delimiter_wins_over_a_guess_and_loses_to_the_person() {
    let text = "sep=|\na,b|c\nd,e|f\n";
    assert_eq!(read(text).delimiter, Some('|'));
    let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
    let table = parse("x.csv", text, &options).expect("a table");
    assert_eq!(cells(&table), [["a", "b|c"], ["d", "e|f"]]);
    assert!(matches!(parse("x.csv", "sep=;\n\n", &ReadOptions::default()), Err(DataError::Empty)));
}

#[test]
fn rows_without_a_header_are_all_rows() {
    let table = read("Export of May\nsoup and bread,kitchen\na violin,music\nbread,kitchen\n");
    assert_eq!((table.has_header, table.rows.len(), table.num_bad_rows), (false, 3, 1));
    assert_eq!(table.columns, ["column 1", "column 2"]);
    assert!(table.notes.is_empty());
}

#[test]
fn leading_zeros_and_long_numbers_stay() {
    let table = read("label,text\n007,a\n1.0,b\n1e5,c\n12345678901234567890,d\n");
    let labels: Vec<&str> = table.rows.iter().map(|row| row.cells[0].as_str()).collect();
    assert_eq!(labels, ["007", "1.0", "1e5", "12345678901234567890"]);
}

#[test]
fn options_win_over_guesses() {
    let read = ReadOptions { has_header: Some(false), delimiter: Some('/'), ..ReadOptions::default() };
    let table = parse("x.csv", "text/label\na,b/c\n", &read).expect("a table");
    assert_eq!(table.columns, ["column 1", "column 2"]);
    assert_eq!(cells(&table), [["text", "label"], ["a,b", "c"]]);
    let read = ReadOptions { delimiter: Some('"'), ..ReadOptions::default() };
    assert!(matches!(parse("x.csv", "a\"b\n", &read), Err(DataError::BadDelimiter { .. })));
}

#[test]
fn a_header_alone_has_no_rows() {
    let error = parse("x.csv", "text,label\n", &ReadOptions::default()).expect_err("no rows");
    assert!(matches!(error, DataError::NoRows { .. }), "{error}");
}

#[test]
fn quotes_behind_backslashes_are_quotes_where_they_add_up_only_so() {
    let text = "text,label\n\"he said \\\"go, now\\\" twice\",a\n\"plain, text\",b\n\"a \\\\ b\",b\n";
    let table = read(text);
    assert_eq!(table.columns, ["text", "label"]);
    assert_eq!(cells(&table), [["he said \"go, now\" twice", "a"], ["plain, text", "b"], ["a \\\\ b", "b"]]);
    assert!(
        table.num_bad_rows == 0 && table.notes.len() == 1 && table.notes[0].contains("backslash"),
        "{:?}",
        table.notes
    );
    // A path may end in a backslash.
    let table = read("text,label\n\"C:\\dir\\\",a\n\"x, y\",b\n");
    assert_eq!((cells(&table), table.notes.len()), (vec![vec!["C:\\dir\\", "a"], vec!["x, y", "b"]], 0));
}

#[test]
fn single_quotes_around_fields_are_none_of_their_letters() {
    let text = "text,label\n'it''s good, really','yes'\n'two\nlines','no'\n'a','yes'\n'b','no'\n";
    let table = read(text);
    assert_eq!(table.columns, ["text", "label"]);
    let expected = [["it's good, really", "yes"], ["two\nlines", "no"], ["a", "yes"], ["b", "no"]];
    assert_eq!((cells(&table), table.num_bad_rows), (expected.map(|row| row.to_vec()).to_vec(), 0));
    assert!(table.notes[0].contains("single quotes"), "{:?}", table.notes);
    // Apostrophes are letters, also where some begin a field.
    for text in ["text,label\nit's,a\n'tis so,b\n'ok',a\n", "text,label\n'a' and 'b',x\n'c' or 'd',y\n'e',x\n"] {
        let table = read(text);
        assert!(table.rows.iter().any(|row| row.cells[0].starts_with('\'')) && table.notes.is_empty(), "{table:?}");
    }
}

#[test]
fn a_first_row_that_holds_a_column_which_is_asked_for_is_a_header() {
    let text = "Satz,Urteil\nes geht,gut\nnein,schlecht\nnaja,gut\nso so,schlecht\n";
    let columns = |text: &str, read: &ReadOptions| parse("x.csv", text, read).expect("a table").columns;
    assert_eq!(columns(text, &ReadOptions::default()), ["column 1", "column 2"], "nothing else shows it");
    let asked = |text: &str, label: &str| ReadOptions {
        text_column: Some(text.into()),
        label_column: Some(label.into()),
        ..ReadOptions::default()
    };
    for read in [asked("Satz", "Urteil"), asked(" satz ", "x"), asked("x", "URTEIL")] {
        assert_eq!(columns(text, &read), ["Satz", "Urteil"], "{read:?}");
    }
    assert_eq!(columns(text, &asked("gut", "geht")), ["column 1", "column 2"], "it stands further down");
    let without = ReadOptions { has_header: Some(false), ..asked("Satz", "Urteil") };
    assert_eq!(columns(text, &without), ["column 1", "column 2"], "a person says that there is none");
    let several = ReadOptions { label_columns: vec!["Urteil".into()], ..ReadOptions::default() };
    assert_eq!(columns(text, &several), ["Satz", "Urteil"]);
    let numbers = "1,es geht\n0,nein\n1,naja\n0,so so\n";
    assert_eq!(columns(numbers, &asked("2", "1")), ["column 1", "column 2"], "a number is a value");
}
