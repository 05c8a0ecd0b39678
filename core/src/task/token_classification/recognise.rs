//! Whether a file plainly holds tagged sentences: a look at its beginning, to guess the task from the data.

use serde_json::{Map, Value};

use super::cells::{is_span, read_spans, read_tags, read_words};
use super::columns::choose;
use crate::config::ReadOptions;
use crate::data::{
    Format, Row, SENTENCE_NAMES, TAG_NAMES, TOKEN_NAMES, choose_columns, is_conll_u, is_tag, is_tagged_conll,
    name_rank, parse_keeping_nested, read_text,
};
use crate::task::guess::beginning;

/// Rows that are looked at.
const ROWS: usize = 20;

/// Of so many rows one may have tokens and tags of unequal numbers, or no list of both.
const ROWS_A_FLAW: usize = 5;

/// Whether a file is plainly of this task: CoNLL with tags, rows of tokens with tags or of a text with spans, or a table with a
/// token, its tag and its sentence.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    let Ok(decoded) = read_text(beginning(bytes), None) else { return false };
    let text = decoded.text.as_ref();
    is_tagged_conll(name, text)
        || is_conll_u(name, text)
        || holds_json_rows(text)
        || has_token_columns(text)
        || has_list_columns(name, bytes)
}

/// Whether the first rows are objects with tokens and tags, or with a text and spans, in a list or one after another; or each a
/// text and an object with its spans, as for spaCy.
fn holds_json_rows(text: &str) -> bool {
    let rows = text.trim_start().trim_start_matches(|c: char| c == '[' || c.is_whitespace());
    let is_beside_text = rows.starts_with('"') && text.trim_start().starts_with('[');
    if !rows.starts_with('{') && !is_beside_text {
        return false;
    }
    let (mut num_tagged, mut num_others) = (0, 0);
    for line in split_objects(rows).take(ROWS) {
        let Ok(object) = serde_json::from_str::<Map<String, Value>>(line) else { return false };
        let is_row = if is_beside_text { has_spans(&object) } else { is_tagged(&object) };
        if is_row { num_tagged += 1 } else { num_others += 1 }
    }
    num_tagged > 0 && num_others * ROWS_A_FLAW <= num_tagged
}

/// The whole objects at the start of a text, by their brackets.
fn split_objects(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find('{')?;
        let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
        for (at, byte) in rest.bytes().enumerate().skip(start) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_text => is_escaped = true,
                b'"' => in_text = !in_text,
                b'{' if !in_text => depth += 1,
                b'}' if !in_text => {
                    depth -= 1;
                    if depth == 0 {
                        let (object, after) = (&rest[start..=at], &rest[at + 1..]);
                        rest = after;
                        return Some(object);
                    }
                }
                _ => {}
            }
        }
        None
    })
}

fn is_tagged(object: &Map<String, Value>) -> bool {
    let list = |key: &str| object.get(key).and_then(Value::as_array);
    let tokens = TOKEN_NAMES.iter().find_map(|key| list(key)).filter(|list| list.iter().all(Value::is_string));
    let is_of_tags = |list: &&Vec<Value>| list.iter().all(|tag| tag.is_u64() || tag.is_string());
    if let Some(tokens) = tokens {
        let tags = object.iter().filter(|(key, _)| name_rank(key, TAG_NAMES).is_some());
        let mut tags = tags.filter_map(|(_, value)| value.as_array()).filter(is_of_tags);
        return tags.any(|tags| tags.len() == tokens.len());
    }
    let has_text = ["text", "content", "sentence"].iter().any(|key| object.get(*key).is_some_and(Value::is_string));
    has_text && has_spans(object)
}

fn has_spans(object: &Map<String, Value>) -> bool {
    object.values().any(|value| value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_span)))
}

/// Whether a table has a column of tokens, in lists (in a delimited one as Python or NumPy prints them, or with spaces between), and
/// one of as many tags; or one of texts and one of lists of spans, and none that is called as labels are. A document of JSON may have
/// its rows under a key, or as a tool for annotation writes them.
fn has_list_columns(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let Ok(table) = parse_keeping_nested(name, beginning(bytes), &read) else { return false };
    if table.format == Format::Conll {
        return false;
    }
    let Ok(used) = choose(&table, &read) else { return false };
    let [tokens, tags, ..] = used[..] else { return false };
    let nearly_all =
        |holds: &dyn Fn(&Row) -> bool| table.rows.iter().filter(|row| holds(row)).count() * 10 >= table.rows.len() * 9;
    if tags.role == "spans" {
        let spans = |row: &Row| read_spans(&row.cells[tags.index]);
        let has_some = table.rows.iter().any(|row| spans(row).is_ok_and(|spans| !spans.is_empty()));
        let labels = choose_columns(&table, &read, &[]);
        let has_labels = labels.is_ok_and(|other| other.label != tags.index && other.is_label_named(&table));
        let are_spans = |row: &Row| row.cells[tags.index].trim().is_empty() || spans(row).is_ok();
        return has_some && !has_labels && nearly_all(&are_spans);
    }
    let num_words = |row: &Row| read_words(&row.cells[tokens.index]).map_or(0, |words| words.values.len());
    let num_tags = |row: &Row| read_tags(&row.cells[tags.index]).map_or(0, |tags| tags.values.len());
    let has_as_many = |row: &Row| num_words(row) == num_tags(row);
    // A text of a word with a list of one label may be anything.
    let is_long = table.rows.iter().map(num_tags).sum::<usize>() > 2 * table.rows.len();
    let are_lists = |column: usize| {
        nearly_all(&|row| row.cells[column].trim().starts_with('[') && row.cells[column].trim().ends_with(']'))
    };
    let is_named = |column: usize, names: &[&str]| name_rank(&table.columns[column], names).is_some();
    let are_words_of_texts = || is_named(tags.index, TAG_NAMES) && is_long && nearly_all(&has_as_many);
    // Tags such as `B-PER` between spaces are nothing else, whatever their column is called.
    let are_tags = |row: &Row| {
        let tags = read_tags(&row.cells[tags.index]);
        tags.is_ok_and(|tags| !tags.values.is_empty() && tags.values.iter().all(|tag| is_tag(tag)))
    };
    if tokens.role == "tokens" && is_long && nearly_all(&has_as_many) && nearly_all(&are_tags) {
        return true;
    }
    let is_csv = table.format == Format::Csv;
    let are_words_in_lists = || is_named(tokens.index, TOKEN_NAMES) && are_lists(tokens.index);
    tokens.role == "tokens"
        && are_lists(tags.index)
        && (are_words_in_lists() && (is_csv || nearly_all(&has_as_many)) || is_csv && are_words_of_texts())
}

/// Whether the first line names a token, its tag and its sentence, and the lines below have tags.
fn has_token_columns(text: &str) -> bool {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let Some(delimiter) = [',', '\t', ';'].into_iter().find(|delimiter| header.contains(*delimiter)) else {
        return false;
    };
    let fields = |line: &str| -> Vec<String> {
        line.split(delimiter).map(|field| field.trim().trim_matches('"').to_owned()).collect()
    };
    let columns = fields(header);
    let find = |names: &[&str]| columns.iter().position(|column| name_rank(column, names).is_some());
    let (Some(_), Some(_), Some(tag)) = (find(SENTENCE_NAMES), find(TOKEN_NAMES), find(TAG_NAMES)) else {
        return false;
    };
    let mut below = lines.filter(|line| !line.trim().is_empty()).take(ROWS).map(fields).peekable();
    let is_tagged =
        |row: Vec<String>| row.len() != columns.len() || read_tags(&row[tag]).is_ok_and(|tags| tags.values.len() == 1);
    below.peek().is_some() && below.all(is_tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tagged_sentences_are_recognised_in_every_shape() {
        let spans = "[{\"label\": [\"ORG\"], \"points\": [{\"start\": 0, \"end\": 1}]}]";
        let of_dataturks =
            format!("{{\"content\": \"EU said\", \"annotation\": {spans}, \"extras\": null}}\n").repeat(2);
        let twenty_times = |rows: &str| format!("tokens,ner_tags\n{}", rows.repeat(20));
        let of_python =
            twenty_times("\"['EU', 'said']\",\"['B-ORG', 'O']\"\n\"['a', 'b', 'c']\",\"['O', 'O', 'O']\"\n");
        let of_numpy = twenty_times("\"['EU' 'said']\",\"[3 0]\"\n\"['a' 'b' 'c']\",\"[0 0 0]\"\n");
        let joined = format!("sentence,word_labels\n{}", "EU said so,B-ORG O O\nHi Rome,O B-LOC\n".repeat(20));
        for (name, text) in [
            ("train.conll", "EU\tB-ORG\nsaid\tO\n\nHi\tO\n"),
            ("train", "EU NNP B-NP B-ORG\nsaid VBD B-VP O\n\nHi UH B-NP O\n"),
            ("a.jsonl", "{\"tokens\": [\"EU\"], \"ner_tags\": [\"B-ORG\"]}\n"),
            (
                "a.json",
                "[{\"tokens\": [\"EU\", \"{\"], \"ner_tags\": [3, 0]}, {\"tokens\": [\"a\"], \"ner_tags\": [0]}]",
            ),
            ("a.jsonl", "{\"text\": \"EU said\", \"label\": [[0, 2, \"ORG\"]]}\n"),
            ("a.jsonl", "{\"text\": \"EU \\\" said\", \"spans\": [{\"start\": 0, \"end\": 2, \"label\": \"ORG\"}]}\n"),
            ("a.jsonl", "{\"tokens\": [\"EU\", \"said\"], \"pos_tags\": [\"PROPN\", \"VERB\"]}\n"),
            (
                "a.json",
                "[[\"EU said\", {\"entities\": [[0, 2, \"ORG\"]]}],\n [\"Hi Rome\", {\"entities\": [[3, 7, \"LOC\"]]}]]",
            ),
            ("a.csv", of_python.as_str()),
            ("a.csv", "id,text,entities\n1,EU said,\"[(0, 2, 'ORG')]\"\n2,in Rome,\"[(3, 7, 'LOC')]\"\n3,nothing,[]\n"),
            ("a.csv", "text,label\nEU said,\"[{\"\"start\"\": 0, \"\"end\"\": 2, \"\"label\"\": \"\"ORG\"\"}]\"\n"),
            ("a.csv", "Sentence,POS,Tag\nEU said so,\"['N', 'V', 'R']\",\"['B-org', 'O', 'O']\"\n"),
            ("a.csv", of_numpy.as_str()),
            ("a.csv", joined.as_str()),
            ("a.bio", "B-ORG\teu\nO\tsaid\n\nO\thi\n"),
            ("a.txt", "EU\torganization-other\nsaid\tO\n\nso\tO\nEU\torganization-other\n"),
            (
                "de.conllu",
                "# text = Rad\n1\tRad\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n1\tHut\t_\tNOUN\t_\t_\t0\troot\t_\t_\n",
            ),
            ("ner.csv", "Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-org\n,said,VBD,O\n"),
            (
                "a.jsonl",
                "{\"text\": \"nothing\", \"label\": []}\n{\"text\": \"EU said\", \"label\": [[0, 2, \"ORG\"]]}\n",
            ),
            ("a.json", "{\"data\": [{\"tokens\": [\"EU\", \"said\"], \"ner_tags\": [\"B-ORG\", \"O\"]}]}"),
            ("a.jsonl", of_dataturks.as_str()),
            (
                "a.json",
                "[{\"data\": {\"text\": \"EU said\"}, \"annotations\": [{\"result\": [{\"from_name\": \"label\", \"type\": \"labels\", \
                 \"value\": {\"start\": 0, \"end\": 2, \"labels\": [\"ORG\"]}}]}]}]",
            ),
        ] {
            assert!(recognise(name, text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn rows_of_other_tasks_are_not() {
        for (name, text) in [
            ("a.csv", "text,label\ngood film,pos\n"),
            ("a.tsv", "good film\tpos\nbad film\tneg\n"),
            ("a.jsonl", "{\"text\": \"a\", \"label\": \"b\"}\n"),
            ("a.jsonl", "{\"text\": \"a\", \"labels\": [\"b\", \"c\"]}\n"),
            ("a.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n"),
            (
                "a.jsonl",
                "{\"context\": \"a\", \"question\": \"b\", \"answers\": {\"text\": [\"a\"], \"answer_start\": [0]}}\n",
            ),
            (
                "a.jsonl",
                "{\"text\": \"hi\", \"intent\": \"greet\", \"entities\": []}\n{\"text\": \"to Rome\", \"intent\": \"go\", \"entities\": \
                 [{\"start\": 3, \"end\": 7, \"entity\": \"LOC\"}]}\n",
            ),
            ("a.jsonl", "{\"tokens\": [\"EU\", \"said\", \"so\"], \"labels\": [\"news\"]}\n"),
            ("a.txt", "A text.\n\nAnd more of it.\n"),
            ("a.csv", ""),
        ] {
            assert!(!recognise(name, text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_row_with_a_tag_too_few_among_good_ones_changes_nothing() {
        let good = "{\"tokens\": [\"EU\", \"said\"], \"ner_tags\": [\"B-ORG\", \"O\"]}\n".repeat(9);
        let flawed = "{\"tokens\": [\"EU\", \"said\"], \"ner_tags\": [\"B-ORG\"]}\n";
        assert!(recognise("a.jsonl", format!("{good}{flawed}{good}").as_bytes()));
        assert!(!recognise("a.jsonl", flawed.repeat(9).as_bytes()));
    }

    #[test]
    fn only_the_beginning_is_looked_at() {
        let lines = "EU\tB-ORG\nsaid\tO\n\n".repeat(10_000);
        assert!(recognise("x", lines.as_bytes()));
        let rows = "{\"tokens\": [\"EU\"], \"ner_tags\": [\"B-ORG\"]}\n".repeat(10_000);
        assert!(recognise("x", rows.as_bytes()));
    }
}
