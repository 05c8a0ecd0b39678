//! Files to examples: shapes, conversations, bad rows, splits.

use super::*;
use crate::config::{Fold, RowSharing};
use crate::tokenizer::{Conversation, RenderedConversation, Role};

fn files(name: &str, text: &str) -> DataFiles {
    DataFiles { train: (name.into(), text.as_bytes().to_vec()), ..DataFiles::default() }
}

/// `<user>q<assistant>a;`, or a refusal of tools.
fn template(conversation: &Conversation) -> Result<RenderedConversation, String> {
    let piece = |turn: &Turn| match turn.role {
        Role::Tool => Err("the chat template does not take this conversation".to_owned()),
        Role::Assistant => Ok(Piece { text: format!("{};", turn.content), has_loss: true }),
        role => Ok(Piece { text: format!("<{role:?}>{}<Assistant>", turn.content), has_loss: false }),
    };
    let pieces = conversation.turns.iter().map(piece).collect::<Result<_, String>>()?;
    Ok(RenderedConversation { pieces, only_last: false })
}

const ALL: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };

fn build(name: &str, text: &str) -> Result<(Dataset, Summary), DataError> {
    build_dataset(&files(name, text), &ReadOptions::default(), Some(&template), &ALL, 1)
}

fn as_chat() -> ReadOptions {
    ReadOptions { prompt_format: Some(PromptFormat::Chat), ..ReadOptions::default() }
}

fn pieces(example: &Example) -> Vec<(&str, bool)> {
    example.pieces.iter().map(|piece| (piece.text.as_str(), piece.has_loss)).collect()
}

#[test]
fn prompts_and_completions_are_taken_to_the_letter() {
    let csv = "prompt,completion\n\"Why is the sky blue? \", Because.\nWhat is it?,A sky.\n";
    let (dataset, summary) = build("x.csv", csv).expect("two rows");
    assert_eq!(dataset.shape, DataShape::PromptCompletion);
    assert_eq!(pieces(&dataset.train[0]), [("Why is the sky blue? ", false), (" Because.", true)]);
    assert_eq!(
        (dataset.train[0].prompt().as_str(), dataset.train[0].completion()),
        ("Why is the sky blue? ", " Because.")
    );
    assert_eq!((dataset.train[1].row, dataset.train[1].is_chat()), (3, false));
    assert!(summary.read.has_header);
    let used = |name: &str| (name.to_owned(), name.to_owned());
    assert_eq!(summary.read.used_columns, [used("prompt"), used("completion")]);
}

#[test]
fn prompts_and_completions_are_joined_as_asked() {
    let csv = "question,answer\nJapan?,Tokyo\nPeru?,Lima\n";
    let build = |prompt_format| {
        let read = ReadOptions { prompt_format, ..ReadOptions::default() };
        build_dataset(&files("x.csv", csv), &read, Some(&template), &ALL, 1).expect("two rows")
    };
    let (dataset, summary) = build(None);
    assert_eq!(pieces(&dataset.train[0]), [("Japan?\n", false), ("Tokyo", true)]);
    assert_eq!((summary.prompt_format, summary.is_prompt_format_guessed), (Some(PromptFormat::Newline), true));
    let (dataset, summary) = build(Some(PromptFormat::QuestionAnswer));
    assert_eq!(pieces(&dataset.train[1]), [("Q: Peru?\nA:", false), (" Lima", true)]);
    assert!(!summary.is_prompt_format_guessed);
    assert_eq!(pieces(&build(Some(PromptFormat::Plain)).0.train[0]), [("Japan?", false), ("Tokyo", true)]);
    let (dataset, _) = build(Some(PromptFormat::Chat));
    assert_eq!(pieces(&dataset.train[0]), [("<User>Japan?<Assistant>", false), ("Tokyo;", true)]);
}

#[test]
fn prompts_that_are_conversations_are_written_by_the_template() {
    let row = r#"{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
        {"role": "user", "content": "and?"}], "completion": [{"role": "assistant", "content": "b"}]}"#;
    let row = row.replace('\n', " ");
    let (dataset, summary) = build("x.jsonl", &row).expect("a row");
    assert_eq!(summary.prompt_format, Some(PromptFormat::Chat));
    assert_eq!(dataset.train[0].turns.iter().map(Turn::has_loss).collect::<Vec<_>>(), [false, false, false, true]);
    let none = build_dataset(&files("x.jsonl", &row), &ReadOptions::default(), None, &ALL, 1);
    assert!(matches!(none, Err(DataError::NoChatTemplate)));
}

#[test]
fn a_template_that_is_asked_for_and_missing_is_no_fault_of_the_rows() {
    for csv in ["prompt,completion\na,b\n", "instruction,input,output\nAdd.,2+2,4\nGreet.,,Hi\n"] {
        let error = build_dataset(&files("x.csv", csv), &as_chat(), None, &ALL, 1).expect_err("there is no template");
        assert!(matches!(error, DataError::NoTemplateForFormat), "{error}");
        assert!(error.to_string().starts_with("prompt_format chat needs a chat template"), "{error}");
    }
}

#[test]
fn instructions_get_alpacas_prompt() {
    let json = r#"[{"instruction": "Add.", "input": "2, 3", "output": "5"},
        {"instruction": "Hi", "input": "", "output": "Yo"}]"#;
    let (dataset, _) = build("x.json", json).expect("two rows");
    assert_eq!(dataset.shape, DataShape::Instruction);
    let with = "Below is an instruction that describes a task, paired with an input that provides further context. \
        Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n\
        2, 3\n\n### Response:";
    let without = "Below is an instruction that describes a task. Write a response that appropriately completes \
        the request.\n\n### Instruction:\nHi\n\n### Response:";
    assert_eq!(pieces(&dataset.train[0]), [(with, false), ("5", true)]);
    assert_eq!(pieces(&dataset.train[1]), [(without, false), ("Yo", true)]);
}

#[test]
fn conversations_are_written_by_the_template() {
    let openai = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;
    let sharegpt = r#"{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}"#;
    for json in [openai, sharegpt] {
        let (dataset, _) = build("x.jsonl", json).expect("a row");
        assert_eq!(dataset.shape, DataShape::Messages);
        assert_eq!(pieces(&dataset.train[0]), [("<User>q<Assistant>", false), ("a;", true)]);
        assert_eq!((dataset.train[0].turns.len(), dataset.train[0].is_chat()), (2, true));
    }
    let none = build_dataset(&files("x.jsonl", openai), &ReadOptions::default(), None, &ALL, 1);
    assert!(matches!(none, Err(DataError::NoChatTemplate)));
    let csv = "instruction,input,output\nAdd.,2+2,4\nGreet.,,Hi\n";
    let (dataset, _) = build_dataset(&files("x.csv", csv), &as_chat(), Some(&template), &ALL, 1).expect("rows");
    assert_eq!(pieces(&dataset.train[0]), [("<User>Add.\n\n2+2<Assistant>", false), ("4;", true)]);
    assert_eq!(pieces(&dataset.train[1]), [("<User>Greet.<Assistant>", false), ("Hi;", true)]);
}

#[test]
fn what_stands_beside_a_conversation_is_given_to_the_template() {
    let turns = r#"[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]"#;
    let rows = [
        format!(r#"{{"messages": {turns}, "system": "Be kind.", "tools": [{{"name": "f"}}]}}"#),
        format!(r#"{{"messages": {turns}, "tools": "[{{\"name\": \"g\"}}]"}}"#),
        format!(r#"{{"messages": {turns}, "tools": "[{{"}}"#),
    ];
    let seen = std::cell::RefCell::new(Vec::new());
    let template = |conversation: &Conversation| {
        seen.borrow_mut().push(conversation.clone());
        template(conversation)
    };
    let files = files("x.jsonl", &rows.join("\n"));
    let (dataset, summary) =
        build_dataset(&files, &ReadOptions::default(), Some(&template), &ALL, 1).expect("two rows");
    assert_eq!(pieces(&dataset.train[0])[..2], [("<System>Be kind.<Assistant>", false), ("<User>q<Assistant>", false)]);
    assert_eq!(seen.borrow()[0].variables["tools"][0]["name"], "f");
    assert!(seen.borrow().iter().any(|seen| seen.variables.get("tools").is_some_and(|tools| tools[0]["name"] == "g")));
    assert!(summary.read.bad_rows[0].reason.starts_with("the tools are not JSON"), "{:?}", summary.read.bad_rows);
    let used: Vec<&str> = summary.read.used_columns.iter().map(|(_, role)| role.as_str()).collect();
    assert_eq!(used, ["messages", "system", "tools"]);
    let unwritten = "tools is in 2 rows, and this model's chat template does not write it";
    assert_eq!(summary.read.warnings[0], unwritten, "the system turn is written");
}

#[test]
fn a_role_that_goes_by_another_name_is_said() {
    let turn = |role: &str| format!(r#"{{"role": "{role}", "content": "x"}}"#);
    let row = format!(r#"{{"messages": [{}]}}"#, ["developer", "user", "assistant"].map(turn).join(", "));
    let (_, summary) = build("x.jsonl", &row).expect("a row");
    let said = summary.read.warnings.iter().any(|warning| warning.contains("in 1 conversation a role gets the name"));
    assert!(said, "{:?}", summary.read.warnings);
    let (_, summary) = build("x.jsonl", &row.replace("developer", "System")).expect("a row");
    assert!(!summary.read.warnings.iter().any(|warning| warning.contains("role")), "{:?}", summary.read.warnings);
}

#[test]
fn what_the_template_does_not_write_is_said_once() {
    let row = |thought: &str| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "a"{thought}}},
            {{"role": "user", "content": "and?"}}]}}"#
        )
        .replace('\n', " ")
    };
    let rows = [row(r#", "reasoning_content": "hm""#), row(""), row(r#", "reasoning_content": "ah", "weight": 1"#)];
    let (_, summary) = build("x.jsonl", &rows.join("\n")).expect("three rows");
    let said = [
        "reasoning_content is in 2 rows, and this model's chat template does not write it",
        "in 3 conversations what follows the assistant's last turn is left out: nothing answers it",
    ];
    assert_eq!(summary.read.warnings[..2], said);
    let only_last = |conversation: &Conversation| {
        template(conversation).map(|written| RenderedConversation { only_last: true, ..written })
    };
    let files = files("x.jsonl", &rows[1]);
    let (_, summary) = build_dataset(&files, &ReadOptions::default(), Some(&only_last), &ALL, 1).expect("a row");
    assert!(summary.read.warnings[0].starts_with("in 1 conversation only the last answer is learned"));
}

#[test]
fn what_is_ignored_is_said() {
    for (name, text) in [("x.txt", "a text"), ("x.csv", "text\na text\nanother\n")] {
        let error = build_dataset(&files(name, text), &as_chat(), None, &ALL, 1).expect_err("no prompts");
        assert!(matches!(error, DataError::UnusedPromptFormat { .. }), "{name}: {error}");
    }
    let csv = "instruction,output,system\nHi,Yo,Be kind.\nHi,You,\n";
    let (_, summary) = build("x.csv", csv).expect("two rows");
    assert!(
        summary.read.warnings[0].starts_with("in 1 row the system text is left out"),
        "{:?}",
        summary.read.warnings
    );
}

#[test]
fn bad_rows_are_listed_and_the_rest_is_used() {
    let good = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;
    let lines = [
        good,
        r#"{"messages": [{"role": "user", "content": "q"}]}"#,
        r#"{"messages": "#,
        r#"{"messages": [{"role": "tool", "content": "t"}, {"role": "assistant", "content": "a"}]}"#,
        r#"{"messages": null}"#,
        good,
    ];
    let (dataset, summary) = build("x.jsonl", &lines.join("\n")).expect("good rows");
    assert_eq!((dataset.train.len(), summary.read.num_rows, summary.read.num_bad_rows), (2, 6, 4));
    let reasons: Vec<(usize, &str)> = summary.read.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    assert_eq!(reasons[0].0, 2);
    assert!(reasons[0].1.starts_with("no turn is the assistant's"), "{}", reasons[0].1);
    assert!(reasons[1].1.starts_with("malformed JSON at column"), "{}", reasons[1].1);
    assert_eq!(reasons[2], (4, "the chat template does not take this conversation"));
    assert_eq!(reasons[3], (5, "the conversation is missing (column \"messages\")"));
    assert_eq!(summary.read.num_duplicates, 1);
}

#[test]
fn rows_without_a_part_are_bad_and_nothing_usable_says_why() {
    let csv = "question,answer\nwho?,me\nwho?,\n,me\n";
    let (dataset, summary) = build("x.csv", csv).expect("two rows");
    assert_eq!((dataset.train.len(), summary.read.num_bad_rows), (2, 1));
    assert_eq!(summary.read.bad_rows[0].reason, "the completion is empty (column \"answer\")");
    assert_eq!(pieces(&dataset.train[1]), [("", false), ("me", true)]);
    assert!(summary.read.warnings[0].starts_with("in 1 row the prompt is empty"), "{:?}", summary.read.warnings);
    let built = build_dataset(&files("x.csv", csv), &as_chat(), Some(&template), &ALL, 1);
    assert_eq!(built.expect("one row").1.read.bad_rows[1].reason, "the prompt is empty (column \"question\")");
    let error = build("x.csv", "question,answer\nwho?,\nwhy?,\n").expect_err("no answers").to_string();
    let expected = "nothing in the file is usable: 2 rows, the first (row 2) because the completion is empty";
    assert!(error.starts_with(expected), "{error}");
    let nested = r#"{"prompt": {"role": "user", "content": "q"}, "completion": "x"}"#;
    let error = build("x.jsonl", nested).expect_err("nested").to_string();
    assert!(error.contains("the prompt holds an object or array (column \"prompt\")"), "{error}");
}

#[test]
fn a_plain_text_is_one_example_and_its_end_validates() {
    let text: String = (0..100).map(|line| format!("{line:04},line\r\n")).collect();
    let (dataset, summary) = build("book.txt", &text).expect("a text");
    assert_eq!((dataset.shape, dataset.train.len(), summary.read.num_rows), (DataShape::Text, 1, 1));
    assert_eq!(dataset.train[0].text(), text.replace("\r\n", "\n"));
    assert!(dataset.train[0].is_text());
    let split = SplitConfig::default();
    let read = ReadOptions::default();
    let (dataset, _) = build_dataset(&files("book.txt", &text), &read, None, &split, 1).expect("a text");
    let parts = [&dataset.train, &dataset.valid, &dataset.test].map(|split| split[0].text());
    assert_eq!(parts.concat(), text.replace("\r\n", "\n"));
    assert!(parts.iter().all(|part| part.ends_with('\n') && part.len() % 10 == 0), "{parts:?}");
    let lines = parts.each_ref().map(|part| part.lines().count());
    assert!((79..=82).contains(&lines[0]) && lines[1] >= 8 && lines[2] >= 8, "{lines:?}");
    assert_eq!(dataset.valid[0].row, lines[0] + 1);
    assert_eq!(build("x.txt", "{\"text\": \"a\"}\n").expect("a text").0.train[0].text(), "{\"text\": \"a\"}\n");
}

#[test]
fn own_files_are_read_like_the_training_file() {
    let mut files = files("x.csv", "frage2,antwort2\nwer da?,ich\nwas denn?,nichts\n");
    let name = |name: &str| Some(name.to_owned());
    let read = ReadOptions {
        prompt_column: name("frage2"),
        completion_column: name("antwort2"),
        has_header: Some(true),
        ..ReadOptions::default()
    };
    files.valid = Some(("v.jsonl".into(), br#"{"antwort2": "du", "frage2": "wer?"}"#.to_vec()));
    let built = build_dataset(&files, &read, None, &SplitConfig::default(), 1);
    let (dataset, _) = built.expect("the same columns");
    assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (2, 1, 0));
    assert_eq!(pieces(&dataset.valid[0]), [("wer?\n", false), ("du", true)], "joined like the training rows");
    files.valid = Some(("v.jsonl".into(), br#"{"text": "du"}"#.to_vec()));
    let error = build_dataset(&files, &read, None, &SplitConfig::default(), 1).expect_err("other columns");
    assert!(error.to_string().starts_with("validation file \"v.jsonl\": there is no column \"frage2\""), "{error}");
}

#[test]
fn the_header_of_an_own_file_stands_where_it_likes_or_in_the_row_that_was_named() {
    let (above, rows) = ("Fragen,Mai\nStand,heute\n", "wer da?,ich\nwas denn?,nichts\n");
    let mut files = files("x.csv", &format!("{above}frage2,antwort2\n{rows}"));
    let name = |name: &str| Some(name.to_owned());
    let read = ReadOptions {
        prompt_column: name("frage2"),
        completion_column: name("antwort2"),
        header_row: Some(3),
        ..ReadOptions::default()
    };
    for above in ["", above] {
        files.valid = Some(("v.csv".into(), format!("{above}frage2,antwort2\nwer?,du\n").into_bytes()));
        let (dataset, _) = build_dataset(&files, &read, None, &SplitConfig::default(), 1).expect("the same columns");
        assert_eq!((dataset.train.len(), dataset.valid.len()), (2, 1));
        assert_eq!(pieces(&dataset.valid[0]), [("wer?\n", false), ("du", true)]);
    }
    files.valid = Some(("v.csv".into(), rows.as_bytes().to_vec()));
    let error = build_dataset(&files, &read, None, &SplitConfig::default(), 1).expect_err("no such columns");
    assert!(error.to_string().contains("there is no column \"frage2\""), "{error}");
}

#[test]
fn splits_are_seeded_and_leaks_are_counted() {
    let rows: String = (0..100).map(|row| format!("{{\"text\": \"story {}\"}}\n", row % 99)).collect();
    let split = SplitConfig::default();
    let build =
        |seed| build_dataset(&files("x.jsonl", &rows), &ReadOptions::default(), None, &split, seed).expect("rows");
    let (dataset, summary) = build(3);
    assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (80, 10, 10));
    assert_eq!(build(3).0, dataset);
    assert_ne!(build(4).0.valid, dataset.valid);
    assert_eq!(summary.read.num_duplicates, 1);
    let mut own = files("x.csv", "text\nsame words here\nother words here\n");
    own.valid = Some(("v.csv".into(), b"text\nsame words here\n".to_vec()));
    let built = build_dataset(&own, &ReadOptions::default(), None, &split, 1);
    let (_, summary) = built.expect("rows");
    assert_eq!((summary.read.num_leaks, summary.read.warnings.len()), (1, 1));
}

#[test]
fn rows_are_shared_out_in_folds_of_which_each_validates_once_and_a_text_is_not() {
    let rows: String = (0..20).map(|row| format!("question {row},answer {row}\n")).collect();
    let csv = files("x.csv", &format!("prompt,completion\n{rows}"));
    let fold = |files: &DataFiles, index: u32| {
        let sharing = RowSharing { fold: Some(Fold { index, count: 4 }), ..RowSharing::default() };
        let read = ReadOptions { sharing, ..ReadOptions::default() };
        let split = SplitConfig { valid_fraction: 0.1, test_fraction: 0.2 };
        build_dataset(files, &read, None, &split, 1)
    };
    let numbers = |examples: &[Example]| examples.iter().map(|example| example.row).collect::<Vec<usize>>();
    let mut validated = Vec::new();
    let mut tests = Vec::new();
    for index in 0..4 {
        let (dataset, summary) = fold(&csv, index).expect("twenty rows");
        assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (12, 4, 4));
        let said = format!("{} of 4", index + 1);
        assert!(summary.read.notes.iter().any(|note| note.contains(&said)), "{:?}", summary.read.notes);
        validated.extend(numbers(&dataset.valid));
        tests.push(numbers(&dataset.test));
    }
    assert!(tests.iter().all(|test| *test == tests[0]), "the test rows are those of every fold");
    validated.extend(&tests[0]);
    validated.sort_unstable();
    assert_eq!(validated, (2..22).collect::<Vec<_>>());
    let error = fold(&files("x.txt", "One text. And more of it."), 0).expect_err("one row").to_string();
    assert!(error.contains("fold") && error.contains("a text is one row"), "{error}");
}

#[test]
fn a_first_row_that_holds_a_named_column_is_no_example() {
    let text_column = Some("Beitrag2".to_owned());
    let read = ReadOptions { text_column, shape: Some(DataShape::Text), ..ReadOptions::default() };
    let files = files("x.csv", "beitrag2\nein Text steht hier\nund hier noch einer\n");
    let (dataset, summary) = build_dataset(&files, &read, None, &ALL, 1).expect("two rows");
    assert_eq!((dataset.train.len(), summary.read.has_header), (2, true));
}
