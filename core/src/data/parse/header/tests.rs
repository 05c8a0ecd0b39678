//! When a first row is a header, and what is said where it may be one.

use super::*;

fn guess<const N: usize>(first: [&str; N], rest: &[[&str; N]]) -> bool {
    has_header(&first, rest)
}

const TICKETS: [[&str; 2]; 4] = [
    ["the printer on the third floor is broken", "hardware"],
    ["I can't log in any more since this morning", "access"],
    ["my screen stays black after the update", "hardware"],
    ["please give me access to the shared folder", "access"],
];

#[test]
fn known_names_are_a_header() {
    assert!(guess(["Text", "Category"], &[["hello", "greeting"]]));
    assert!(guess(["id", " Label "], &[["x1", "a"]]));
    assert!(guess(["", "text", "label"], &[["0", "hello", "greeting"]]), "an index without a name");
    assert!(guess(["text", "text", "label"], &[["hello", "HELLO", "greeting"]]), "a name twice");
    assert!(guess(["label", ""], &[["a", "x"]]));
}

#[test]
fn a_known_name_that_comes_back_is_a_value() {
    let rows = [["question", "when is it?"], ["answer", "at ten"], ["question", "why?"]];
    assert!(!guess(["question", "what is up?"], &rows));
}

#[test]
fn unknown_names_above_other_kinds_are_a_header() {
    assert!(guess(["wert", "satz"], &[["1", "gut"], ["0", "schlecht"]]));
    let rows = [["gut", "das hat mir wirklich sehr gefallen"], ["schlecht", "nein, das war leider gar nichts"]];
    assert!(guess(["urteil", "satz"], &rows.repeat(6)));
    assert!(!guess(["gut", "das war schon alles"], &rows.repeat(6)));
    assert!(guess(["Zeit", "Meinung"], &[["2024-01-02 10:11", "gut"], ["2024-01-03 09:00", "na ja"]]));
}

#[test]
fn names_with_dots_and_question_marks_are_a_header() {
    let ticket = |index: usize| {
        let [text, label] = TICKETS[index % 4];
        [format!("{text} ({index})"), label.to_owned()]
    };
    let tickets: Vec<[String; 2]> = (0..36).map(ticket).collect();
    let guess = |first: [&str; 2]| has_header(&first.map(str::to_owned), &tickets);
    for names in [
        ["Input.text", "Answer.category.label"],
        ["Review.Text", "Quality.Class"],
        ["t.body", "t.team"],
        ["Bez.", "Abt."],
        ["What happened?", "Which team?"],
        ["What is your feedback?", "Which team?"],
        ["Meldung", "Dringend?"],
        ["bodyText", "itemCategory"],
    ] {
        assert!(guess(names), "{names:?}");
    }
    for first in [
        ["it is fine.thanks", "other"],
        ["see www.example.com.", "other"],
        ["why is it broken?", "hardware"],
        ["It broke again. Please help.", "other"],
    ] {
        assert!(!guess(first), "{first:?}");
    }
    let stamped = TICKETS.map(|[text, _]| ["2024/01/01 3:04:05 PM GMT+1", text]);
    assert!(has_header(&["Timestamp", "What they wrote us"], &stamped));
    for (name, is_name) in [("a.b", true), ("Nr.", true), ("Q1.1_TEXT", true), ("Thanks a lot.", false), (".a", false)]
    {
        assert_eq!(is_like_name(name), is_name, "{name}");
    }
}

#[test]
fn a_first_row_that_may_be_a_header_is_named() {
    let table = |first: [&str; 2], rows: &[[&str; 2]]| {
        let columns = ["column 1", "column 2"].map(str::to_owned).to_vec();
        let mut table = Table::new(super::super::Format::Csv, Some(','), false, columns);
        for (row, number) in [first].iter().chain(rows).zip(1..) {
            let cells = row.iter().map(|&cell| cell.to_owned()).collect();
            table.rows.push(super::super::Row { number, cells, nested: Vec::new() });
        }
        table
    };
    let note = note_on_first_row(&table(["What is it, in short", "(team)"], &TICKETS)).expect("it may be one");
    assert!(note.starts_with("row 1 is read as a row of data, but its \"(team)\" (column 2)"), "{note}");
    assert!(note.contains("--header yes"), "{note}");
    assert_eq!(note_on_first_row(&table(["my screen is black", "access"], &TICKETS)), None, "the label comes back");
    let numbered = TICKETS.map(|[text, label]| [text, if label == "access" { "1" } else { "2" }]);
    assert_eq!(note_on_first_row(&table(["my screen is black", "3"], &numbered)), None, "a number among numbers");
    assert_eq!(note_on_first_row(&table(["a", "b"], &TICKETS[..2])), None, "too few rows to tell");
}

#[test]
fn names_in_any_language_and_spelling_are_a_header() {
    for names in [
        ["utterance", "intent"],
        ["Nachricht", "Kategorie"],
        ["meldung", "abteilung"],
        ["MELDUNGSTEXT", "ZUSTAENDIG"],
        ["ticket_body_raw", "routed_to"],
        ["Customer Message", "Team"],
        ["wiadomość", "zespół"],
        ["消息", "部门"],
    ] {
        assert!(guess(names, &TICKETS), "{names:?}");
        assert!(guess([names[1], names[0]], &TICKETS.map(|[text, label]| [label, text])), "{names:?}");
    }
}

#[test]
fn questions_of_a_survey_are_names() {
    let question = "How satisfied are you with the support that you received, all in all?";
    let rows = [["2024-05-01", "good, thanks"], ["2024-05-02", "it took a while"], ["2024-05-03", "bad"]];
    let rows = [rows[0], rows[1], rows[2], ["2024-05-04", "fine"]];
    assert!(guess(["Zeitstempel", question], &rows));
    assert!(guess(["label", question], &[["pos", "good"], ["neg", "bad"]]));
    let answers = [["it was all right I think", "yes"], ["never again, really", "no"]].repeat(3);
    assert!(guess(["What do you want to tell us?", "Would you come again?"], &answers));
}

#[test]
fn a_first_row_of_data_is_no_header() {
    // A label that occurs once, in the first row.
    assert!(!guess(["how do I cancel my order?", "cancel"], &TICKETS));
    assert!(!guess(["my mouse does not move any more", "mouse"], &TICKETS));
    assert!(!guess(["cancel my order", "cancel"], &TICKETS));
    assert!(!guess(["it works, thank you", "other"], &TICKETS));
    let classes = [["this is one text", "class1"], ["and this is another", "class2"]].repeat(6);
    assert!(!guess(["hello", "class9"], &classes));
    assert!(!guess(["N/A", "a text that is here"], &[["1", "another text here"], ["2", "and one more"]]));
    // Few rows, and texts as short as names.
    assert!(!guess(["hello", "greet"], &[["hi", "greet2"], ["bye", "leave"]]));
    assert!(!guess(["hello", "greet"], &[["hi", "salute"], ["bye", "leave"], ["hey", "salute"], ["ciao", "leave"]]));
}

#[test]
fn words_above_objects_are_a_header() {
    assert!(guess(["translation"], &[["{'en': 'a', 'fr': 'b'}"], ["{\"en\": \"c\"}"]]));
    assert!(guess(["messages"], &[["[{\"role\": \"user\"}]"], ["[{'role': 'user'}]"]]));
    assert!(!guess(["[{'role': 'user'}]"], &[["[{'role': 'assistant'}]"]]));
}

#[test]
fn a_familiar_name_above_the_only_column_of_texts_is_a_header() {
    let texts = [["what is the capital of France?"], ["name three birds, please"]];
    for name in ["prompt", "instruction", "feedback", "email", "Answer", "user_input", "src"] {
        assert!(guess([name], &texts), "{name}");
    }
    assert!(!guess(["prompt"], &[["a text of words"], ["prompt"], ["another text"]]), "it comes back");
    assert!(!guess(["prompt"], &[["request"], ["reply"]]), "words among words");
    for first in ["hello", "no", "great review", "Tell me more, please"] {
        assert!(!guess([first], &texts), "{first}");
    }
    assert!(
        !guess(["prompt", "what is it"], &[["request", "how is it"], ["reply", "it is well"]]),
        "a label and a text"
    );
}

#[test]
fn a_first_row_that_may_name_the_only_column_is_named() {
    let note = |first: &str, rest: &[&str]| {
        let mut table = Table::new(super::super::Format::Csv, None, false, vec!["column 1".to_owned()]);
        for (cell, number) in [first].iter().chain(rest).zip(1..) {
            table.rows.push(Row { number, cells: vec![(*cell).to_owned()], nested: Vec::new() });
        }
        note_on_first_row(&table)
    };
    let texts = ["it is broken again", "I can't log in"];
    let said = note("Meldungen", &texts).expect("it may be a name");
    assert!(said.starts_with("row 1 is read as a row of data, but its \"Meldungen\" looks like the name"), "{said}");
    assert!(said.contains("--header yes"), "{said}");
    assert_eq!(note("my screen is black", &texts), None, "a text");
    assert_eq!(note("Meldungen", &["Hallo", "it is broken"]), None, "a word among texts");
    assert_eq!(note("Meldungen", &["it is broken", "Meldungen"]), None, "it comes back");
    assert_eq!(note("Meldungen", &[]), None, "nothing below");
}

#[test]
fn words_above_marks_are_a_header() {
    let rows = [["it costs too much", "x", ""], ["it broke at once", "", "x"]].repeat(3);
    assert!(guess(["Feedback", "Price", "Quality"], &rows));
    assert!(!guess(["it costs a lot", "x", ""], &rows));
    assert!(!guess(["Why so much", "Price", ""], &rows), "one may be a remark");
}

#[test]
fn numbers_and_long_texts_are_no_header() {
    assert!(!guess(["3", "text"], &[["4", "x"]]));
    assert!(!guess(["it works", "y"], &[["it does not", "n"], ["nor this", "n"]]));
    assert!(!guess(["label", &"long ".repeat(20)], &[["a", "x"]]));
    assert!(!guess(["", ""], &[["a", "x"]]));
}

#[test]
fn counted_columns_of_pandas_are_a_header() {
    let rows = TICKETS.map(|[text, label]| ["7", text, label]);
    assert!(guess(["", "0", "1"], &rows));
    assert!(guess(["0", "1"], &TICKETS));
    assert!(guess(["Nr", "0", "1"], &TICKETS.map(|[text, label]| ["x7", text, label])));
    assert!(!guess(["0", "1"], &[["1", "0"], ["0", "0"], ["1", "1"], ["0", "1"]]));
}

#[test]
fn further_headers_of_surveys_are_counted() {
    let ids = ["{\"ImportId\":\"startDate\"}", "{\"ImportId\":\"QID1\"}"];
    assert_eq!(num_further_headers::<&str, _>(&[["Start Date", "How was it?"], ids, ["2024-01-01", "good"]]), 2);
    assert_eq!(num_further_headers::<&str, _>(&[["", "Open-Ended Response"], ["1", "good"], ["2", "Response"]]), 1);
    assert_eq!(num_further_headers::<&str, _>(&[["1", "Response"], ["2", "good"]]), 0);
    assert_eq!(num_further_headers::<&str, [&str; 2]>(&[]), 0);
}
