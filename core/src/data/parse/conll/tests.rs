//! CoNLL files as programs write them: sentences, columns, comments, headers, and what is no such file.

use super::*;

fn read(name: &str, text: &str) -> Table {
    parse_sentences(name, text.as_bytes(), &ReadOptions::default()).expect("a table")
}

fn cells(table: &Table) -> Vec<(usize, Vec<&str>)> {
    table.rows.iter().map(|row| (row.number, row.cells.iter().map(String::as_str).collect())).collect()
}

#[test]
fn sentences_stand_between_blank_lines_or_lines_with_a_tab_alone() {
    let table = read("x.conll", "EU\tB-ORG\nsaid\tO\n\t\n\"\tO\nhi \tO\r\n\n\nParis\tB-LOC\n");
    let expected = [
        (1, vec![r#"["EU","said"]"#, r#"["B-ORG","O"]"#]),
        (4, vec![r#"["\"","hi"]"#, r#"["O","O"]"#]),
        (8, vec![r#"["Paris"]"#, r#"["B-LOC"]"#]),
    ];
    assert_eq!(cells(&table), expected);
    assert_eq!((table.format, table.delimiter, table.has_header), (Format::Conll, Some('\t'), false));
    assert_eq!(
        (table.columns, table.rows[0].nested.as_slice()),
        (vec!["column 1".into(), "column 2".into()], &[0, 1][..])
    );
    assert!(table.notes.is_empty(), "{:?}", table.notes);
}

#[test]
fn columns_may_be_apart_by_spaces_and_documents_have_a_first_line() {
    let table = read("eng.train", "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n. . O O\n\nHi UH B-NP O\n");
    assert_eq!((table.rows.len(), table.columns.len(), table.delimiter), (2, 4, Some(' ')));
    assert_eq!(table.rows[0].cells[3], r#"["B-ORG","O"]"#);
    assert_eq!(table.notes, ["lines with -DOCSTART-, which end a sentence and are no tokens: 1"]);
}

#[test]
fn lines_around_a_document_are_no_tokens() {
    let table = read("x.conll", "#begin document (a); part 000\nEU\tB-ORG\nsaid\tO\n#end document\n\n# x\nHi\tO\n");
    assert_eq!((table.rows.len(), table.num_bad_rows, table.rows[0].number), (2, 0, 2));
    assert!(table.notes[1].ends_with("#end document, which end a sentence and are no tokens: 2"), "{:?}", table.notes);
}

#[test]
fn comments_are_skipped_and_a_hash_with_a_tag_is_a_token() {
    let text = "# id 7 domain=en\nParis _ _ B-LOC\n# _ _ O\n\n# text = x y\nx _ _ O\n";
    let table = read("x.conll", text);
    assert_eq!(table.rows[0].cells[0], r##"["Paris","#"]"##);
    assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 6]);
    assert_eq!(table.notes, ["lines skipped as comments, as they begin with \"# \": 2"]);
    let hash = read("x.conll", "#\tO\nParis\tB-LOC\n\na\tO\n");
    assert_eq!(hash.rows[0].cells[0], r##"["#","Paris"]"##);
}

#[test]
fn a_line_of_another_width_spoils_its_sentence_only() {
    let good: String = (0..12).map(|i| format!("w{i} O\n")).collect();
    let table = read("x.conll", &format!("a O\nlonely\nb O\n\n{good}"));
    assert_eq!((table.rows.len(), table.num_bad_rows), (1, 1));
    let expected = "line 2 has 1 field where 2 were expected: its sentence is left out";
    assert_eq!((table.bad_rows[0].row, table.bad_rows[0].reason.as_str()), (1, expected));
}

#[test]
fn a_header_names_the_columns() {
    let table = read("x.tsv", "token\tner\nEU\tB-ORG\n\nParis\tB-LOC\n");
    assert_eq!((table.columns, table.header_row, table.rows.len()), (vec!["token".into(), "ner".into()], Some(1), 2));
    let named = ReadOptions { header_row: Some(2), ..ReadOptions::default() };
    let text = "made in May\nw\tw\nEU\tB-ORG\n\nParis\tB-LOC\n";
    let table = parse_sentences("x.conll", text.as_bytes(), &named).expect("a table");
    assert_eq!((table.columns, table.rows[0].number), (vec!["w".into(), "w (2)".into()], 3));
    assert_eq!(table.notes, ["the lines above line 2, which names the columns, are skipped"]);
}

#[test]
fn tags_may_stand_before_their_words() {
    let text = "B-PER\tada\nO\tlives\n\n# 2\nO\tin\nB-LOC\toslo\n";
    assert!(is_tagged_conll("x.txt", text));
    let table = read("x.txt", text);
    let expected =
        [(1, vec![r#"["B-PER","O"]"#, r#"["ada","lives"]"#]), (5, vec![r#"["O","B-LOC"]"#, r#"["in","oslo"]"#])];
    assert_eq!(cells(&table), expected);
    assert_eq!(table.notes[0], "the tags stand in the first column, before their words");
    let named: String = (0..6).map(|_| "B-PER ada\nO lives\n\n").collect();
    assert_eq!(read("x.txt", &format!("tag token\n{named}")).columns, ["tag", "token"]);
    assert!(!is_tagged_conll("x.tsv", "S-1\tgood film\n\nS-2\tbad film\n"), "ids are no tags");
}

#[test]
fn a_no_break_space_is_part_of_a_word() {
    let table = read("x.conll", "10\u{a0}000 O\n\u{a0} O\n\nAda B-PER\r\n");
    assert_eq!((table.rows[0].cells[0].as_str(), table.num_bad_rows), ("[\"10\u{a0}000\",\"\u{a0}\"]", 0));
    let tabs = read("x.conll", "10\u{a0}000\tO\n\u{a0}\tO\n\nAda\tB-PER\n");
    assert_eq!(tabs.rows[0].cells[0], table.rows[0].cells[0]);
}

#[test]
fn sentences_with_their_tags_on_a_line_are_a_table() {
    let rows = |between: &str| -> String {
        (0..12).map(|i| format!("Ada{i} Holm in Oslo{between}B-PER I-PER O B-LOC\n")).collect()
    };
    for (name, between) in [("x.csv", ","), ("x.tsv", "\t"), ("x.csv", ";")] {
        let table = read(name, &format!("sentence{between}word_labels\n{}", rows(between)));
        assert_eq!((table.format, table.rows.len()), (Format::Csv, 12), "{between:?}");
        assert_eq!(table.rows[0].cells, ["Ada0 Holm in Oslo", "B-PER I-PER O B-LOC"]);
    }
}

#[test]
fn multiword_tokens_of_conll_u_are_skipped() {
    let line = |id: &str, form: &str| format!("{id}\t{form}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n");
    let text = ["# text = im Haus\n", &line("1-2", "im"), &line("1", "in"), &line("2", "dem"), &line("2.1", "x")];
    let table = read("de.conllu", &text.concat());
    assert_eq!((table.rows[0].cells[1].as_str(), table.columns.len()), (r#"["in","dem"]"#, 10));
    assert_eq!(table.notes[1], "lines skipped as multiword tokens or empty nodes of CoNLL-U: 2");
}

#[test]
fn tables_and_json_are_read_as_ever() {
    for (name, text, format) in [
        ("x.csv", "sentence,word,tag\n1,EU,B-ORG\n1,said,O\n", Format::Csv),
        ("x.tsv", "sentence_id\tword\ttag\n1\tEU\tB-ORG\n1\tsaid\tO\n", Format::Csv),
        ("x.jsonl", "{\"tokens\": [\"a\"], \"n\": 1}\n{\"tokens\": [\"b\"], \"n\": 2}\n", Format::Jsonl),
        ("x.txt", "A text of words.\n\nAnother one, and longer.\n", Format::Csv),
    ] {
        assert_eq!(read(name, text).format, format, "{text}");
    }
    let lines = "{\"tokens\": [\"a\"], \"n\": 1}\n{\"tokens\": [\"b\"], \"n\": 2}\n";
    assert_eq!(read("x.jsonl", lines).rows[0].cells[0], "[\"a\"]");
}

#[test]
fn only_files_with_tags_are_conll_beyond_doubt() {
    assert!(is_tagged_conll("x", "EU B-ORG\n. O\n\nHi O\n"));
    let conll_u = "# text = Haus\n1\tHaus\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n1\tRad\t_\tNOUN\t_\t_\t0\troot\t_\t_\n";
    assert!(is_conll_u("de.conllu", conll_u) && !is_tagged_conll("de.conllu", conll_u));
    assert!(!is_conll_u("x.conll", "EU\tB-ORG\n.\tO\n\nHi\tO\n"));
    assert!(!is_tagged_conll("x.tsv", "good film\tpos\n\nbad film\tneg\n"));
    assert!(!is_tagged_conll("x.txt", "one two\nthree four\n"));
    assert!(is_tagged_conll("x.txt", "EU ORG-B\n. O\n\nHi O\n") && is_tagged_conll("x.txt", "EU B_ORG\n. O\n\nHi O\n"));
    let few = "Ada\tperson-other\nHolm\tperson-other\nin\tO\n\nOslo\tlocation-GPE\nis\tO\nOslo\tlocation-GPE\n";
    assert!(is_tagged_conll("x.txt", few) && is_tagged_conll("x.txt", &few.replace('\t', " ")));
    assert!(!is_tagged_conll("x.txt", &few.replace("\tO", "\tnone")));
    assert!(!is_tagged_conll("x.txt", &few.replace("\n\n", "\n")), "nothing tells sentences apart");
    let small = few.replace("person-other", "b-per").replace("\tO", "\to");
    assert!(is_tagged_conll("x.txt", &small));
    for (tag, expected) in [
        ("B-PER O O", false),
        ("PER-B", true),
        ("I_PER", true),
        ("Typ-B", false),
        ("-B", false),
        ("O", true),
        ("B-x", true),
        ("I-", false),
        ("OK", false),
        ("X-a", false),
        ("", false),
    ] {
        assert_eq!(is_tag(tag), expected, "{tag}");
    }
}
