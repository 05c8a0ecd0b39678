//! Headers with lines above and below them, wider or narrower than the rows; and files without one.

use super::*;

fn layout(text: &str, asked: Option<bool>) -> Layout {
    let records: Vec<Record<'_>> = Records::new(text, ',', true).filter(|record| !record.is_blank()).collect();
    find_layout(&records, asked)
}

const ROWS: &str = "the printer is broken again,hardware,1\nI can't log in any more,access,2\n";

#[test]
fn a_header_stays_one_where_most_rows_lack_their_last_cells() {
    let full = "it is broken,hw,x\nno access at all,sw,y\nit burns,hw,x\ncan't log in,sw,y\n";
    let short = full.replace(",x\n", "\n").replace(",y\n", "\n").repeat(3);
    for (header, index) in [("text,label,note", 0), ("Was,Wer,Bemerkung", 0), ("Export of May\nWas,Wer,Bemerkung,", 1)]
    {
        let found = layout(&format!("{header}\n{full}{short}"), None);
        assert_eq!((found.header, found.first_row, found.width), (Some(index), index + 1, 3), "{header}");
    }
    let found = layout(&format!("text,label,note\n{short}"), None);
    assert_eq!((found.header, found.width), (Some(0), 3), "known names need no row with a cell for each");
    for first in ["Was,Wer,Bemerkung", "thanks, it works,praise"] {
        assert_eq!(layout(&format!("{first}\n{short}"), None).width, 2, "{first}");
    }
    let first = "thanks, it works,praise";
    assert_eq!(layout(&format!("{first}\n{full}{short}"), None).header, None, "a text with commas");
    assert_eq!(layout(&format!("text,label,note\n{full}{short}"), Some(false)).header, None);
}

#[test]
fn a_declared_delimiter_is_read() {
    for text in ["sep=;\na;b\n", "SEP=;\r\na;b\n", "\"sep=;\"\na;b\n", "sep=;;;\na;b\n"] {
        let (delimiter, end) = declared_delimiter(text).expect(text);
        assert_eq!((delimiter, &text[end..]), (';', "a;b\n"));
    }
    assert_eq!(declared_delimiter("sep=\t\na\tb\n"), Some(('\t', 6)));
    for text in ["", "sep=", "sep=\n", "sep=ab\n", "sep=a", "sepal,label\n", "séparé;b\n", "sep=;x\n"] {
        assert_eq!(declared_delimiter(text), None, "{text}");
    }
}

#[test]
fn lines_that_are_no_rows_are_passed_over_above_a_header() {
    for (above, index) in [("", 0), ("Export of May\n", 1), ("Export of May,,\n\n,,\nsee, below\n", 3)] {
        let found = layout(&format!("{above}message,team,nr\n{ROWS}"), None);
        assert_eq!((found.header, found.first_row, found.width), (Some(index), index + 1, 3), "{above}");
    }
}

#[test]
fn a_title_that_holds_the_delimiter_is_passed_over_above_known_names() {
    let found = layout("Tickets, first quarter\nmessage,label\nit is broken,hw\nno access at all,sw\n", None);
    assert_eq!((found.header, found.first_row), (Some(1), 2));
}

#[test]
fn a_title_with_a_gap_is_passed_over_above_names() {
    for title in ["Tickets,,2025-03-31", ",Tickets,2025-03-31", "Tickets,,first quarter"] {
        for header in ["Ticket ID,Subject,Team", "Nr,Was ist los,Wer hilft"] {
            let found = layout(&format!("{title}\n{header}\n{}", TICKETS.repeat(3)), None);
            assert_eq!((found.header, found.first_row), (Some(1), 2), "{title} {header}");
        }
    }
    let rows = TICKETS.repeat(3);
    for header in ["Ticket ID,,Team", ",Subject,Team", "Nr,,Wer hilft"] {
        let found = layout(&format!("{header}\n{rows}"), None);
        assert_eq!((found.header, found.first_row), (Some(0), 1), "a header with an empty cell: {header}");
    }
    for row in ["5,,access", "0,,printer", ",my mouse is gone,access"] {
        assert_eq!(layout(&format!("{row}\n{rows}"), None).header, None, "a row with an empty cell: {row}");
    }
    let survey = "good,it was all right I think,yes\nbad,never again please,no\n".repeat(4);
    assert_eq!(layout(&format!("pretty bad,,maybe\n{survey}"), None).header, None);
}

const TICKETS: &str = "1,the printer is broken again,hardware\n2,I can't log in any more,access\n\
                       3,the screen stays black,hardware\n4,no access to the folder,access\n";

#[test]
fn titles_and_notes_of_a_spreadsheet_are_passed_over() {
    for (above, index) in [
        ("Tickets export 2025-03,,\n", 1),
        ("Tickets export 2025-03,,\n,,\nSupport desk,,\n\n", 3),
        ("Generated on 2025-03-31\n\n", 1),
        ("Tickets,,\nGenerated on,2025-03-31,\nRows,4,\n,,\n", 4),
        ("Region,North,\nOwner,Desk,\n", 2),
    ] {
        for header in ["Ticket ID,Subject,Team", "Nr,Was ist los,Wer hilft"] {
            let found = layout(&format!("{above}{header}\n{}", TICKETS.repeat(3)), None);
            assert_eq!((found.header, found.first_row), (Some(index), index + 1), "{above}{header}");
        }
    }
}

#[test]
fn a_header_without_its_last_names_is_one() {
    let rows = "it is broken,hw,x,1\nno access at all,sw,y,2\nit burns,hw,x,3\ncan't log in,sw,y,4\n";
    for header in ["text,label,,", "Was,Wer,,"] {
        let found = layout(&format!("{header}\n{}", rows.repeat(5)), None);
        assert_eq!((found.header, found.first_row), (Some(0), 1), "{header}");
    }
}

#[test]
fn a_first_row_without_a_label_is_no_title() {
    assert_eq!(layout(&format!("a text without,,\n{ROWS}{ROWS}"), None).header, None);
    assert_eq!(layout(&format!("a text without,hardware,\n{ROWS}{ROWS}"), None).header, None);
}

#[test]
fn a_row_that_a_person_names_is_found_as_a_spreadsheet_counts() {
    let text = "Tickets\n\n\"two\nlines\",x\nfoo,bar\na,b\n";
    let start = |row| start_of_row(Records::peek(text, ',', true), 0, row);
    assert_eq!(start(4).expect("there"), text.find("foo").expect("there"));
    assert!(matches!(start(2), Err(DataError::EmptyHeaderRow { row: 2 })));
    assert!(matches!(start(6), Err(DataError::NoHeaderRow { row: 6, num_rows: 5 })));
    // A declaration of the delimiter is row 1.
    assert!(matches!(start_of_row(Records::peek(text, ',', true), 1, 1), Err(DataError::EmptyHeaderRow { row: 1 })));
    assert_eq!(start_of_row(Records::peek(text, ',', true), 1, 2).expect("there"), 0);
}

#[test]
fn a_header_that_comes_again_is_still_one() {
    let rows = "it is broken,hw\nno access at all,sw\nit burns,hw\ncan't log in,sw\n";
    let found = layout(&format!("text,label\n{rows}text,label\n{rows}"), None);
    assert_eq!((found.header, found.first_row), (Some(0), 1));
}

#[test]
fn sums_below_the_rows_do_not_hide_a_header() {
    let found = layout("No.,What they wrote,Queue\n1,it is broken,hw\n2,no access at all,hw\n,,\nTotal: 2,,\n", None);
    assert_eq!((found.header, found.first_row), (Some(0), 1));
}

#[test]
fn nothing_is_passed_over_without_a_header_or_above_a_row() {
    assert_eq!(layout(&format!("Export of May\n{ROWS}{ROWS}"), None).header, None);
    assert_eq!(layout(&format!("a text,access,3\nb text,label,nr\n{ROWS}"), None).header, None);
    assert_eq!(layout(&format!("Export of May\ntext,label,nr\n{ROWS}"), Some(false)).header, None);
    let asked = layout(&format!("Export of May\ntext,label,nr\n{ROWS}"), Some(true));
    assert_eq!((asked.header, asked.first_row), (Some(1), 2));
    assert_eq!(layout(ROWS, Some(true)).header, Some(0));
    let unknown = "Export of May\nfoo,bar\na b,c d\ne f,g h\n";
    assert_eq!((layout(unknown, None).header, layout(unknown, Some(true)).header), (None, Some(1)));
}

#[test]
fn a_header_without_a_name_for_row_numbers_is_recognised() {
    let found = layout("text,label\n1,first of all,a\n2,and then,b\n", None);
    assert_eq!((found.header, found.skips_row_numbers, found.width), (Some(0), true, 3));
    assert_eq!(layout("text,label\nx,first of all,a\ny,and then,b\n", None).header, None);
    let named = "doc1,first of all,a\ndoc2,and then,b\ndoc3,at last,a\ndoc4,no more,b\n";
    let found = layout(&format!("text,label\n{named}"), None);
    assert_eq!((found.header, found.skips_row_numbers), (Some(0), true));
    assert_eq!(layout(&format!("text,label\n{named}doc1,again,b\n"), None).header, None, "it is no name of its own");
    let texts = "Thanks, it works,a\nSorry, no,b\nHello, again,a\nWell, yes,b\n";
    assert_eq!(layout(&format!("text,label\n{texts}"), None).header, None, "these are texts with commas");
}

#[test]
fn empty_columns_at_the_end_of_rows_are_none() {
    let found = layout("text,label\na,x,\nb,y,\n", None);
    assert_eq!((found.header, found.width), (Some(0), 2));
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    let text = "a\r\nb\rc\nd";
    let lines = ["a", "b", "c", "d"].map(|line| line_of(text.as_bytes(), text.find(line).expect("there")));
    assert_eq!(lines, [1, 2, 3, 4]);
}
