//! Values as Python prints them, which is what stands in a cell where a data set with nested columns was saved as CSV:
//! `{'text': ['Paris'], 'answer_start': [12]}`, with or without NumPy's `array(…, dtype=…)` around the lists.

use serde_json::{Map, Value};

/// Values within values.
const MAX_DEPTH: usize = 8;

/// Reads one value; `None` where it is none that Python prints.
pub(crate) fn read_literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(0)?;
    reader.skip_spaces();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_spaces();
        if depth > MAX_DEPTH {
            return None;
        }
        if self.takes("array(") {
            let value = self.value(depth + 1)?;
            // What type its items have.
            let end = self.rest.find(')')?;
            self.rest = &self.rest[end + 1..];
            return Some(value);
        }
        for (word, value) in [("None", Value::Null), ("True", Value::Bool(true)), ("False", Value::Bool(false))] {
            if self.takes(word) {
                return Some(value);
            }
        }
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.list(depth, ']'),
            '(' => self.list(depth, ')'),
            quote @ ('\'' | '"') => self.text(quote).map(Value::String),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut fields = Map::new();
        self.rest = &self.rest[1..];
        loop {
            self.skip_spaces();
            if self.takes("}") {
                return Some(Value::Object(fields));
            }
            let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let key = self.text(quote)?;
            self.skip_spaces();
            if !self.takes(":") {
                return None;
            }
            let value = self.value(depth + 1)?;
            fields.insert(key, value);
            self.skip_spaces();
            self.takes(",");
        }
    }

    fn list(&mut self, depth: usize, end: char) -> Option<Value> {
        let mut items = Vec::new();
        self.rest = &self.rest[1..];
        loop {
            self.skip_spaces();
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                return Some(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip_spaces();
            // NumPy has no commas.
            self.takes(",");
        }
    }

    /// A text in quotes of this kind.
    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            if char == quote {
                self.rest = &self.rest[at + 1..];
                return Some(text);
            }
            if char != '\\' {
                text.push(char);
                continue;
            }
            let (_, escaped) = chars.next()?;
            let num_digits = match escaped {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => {
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        other => other,
                    });
                    continue;
                }
            };
            let digits: String = chars.by_ref().take(num_digits).map(|(_, digit)| digit).collect();
            text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
        }
        None
    }

    fn number(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| matches!(c, ',' | ']' | '}' | ')') || c.is_whitespace());
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let value = serde_json::from_str(number).ok()?;
        self.rest = rest;
        Some(value)
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Whether the rest begins with a word, which is then left behind.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_python_prints_is_read() {
        for (text, value) in [
            ("{'text': ['Paris'], 'answer_start': [12]}", json!({"text": ["Paris"], "answer_start": [12]})),
            (
                "{'text': array([\"it's\", 'b'], dtype=object), 'answer_start': array([1, 2], dtype=int32)}",
                json!({"text": ["it's", "b"], "answer_start": [1, 2]}),
            ),
            ("{'text': array(['a' 'b'],\n      dtype=object)}", json!({"text": ["a", "b"]})),
            ("[{'a': None, 'b': True}, ('x',)]", json!([{"a": null, "b": true}, ["x"]])),
            (r"['caf\xe9 \u2603\n\\']", json!(["café ☃\n\\"])),
            ("{}", json!({})),
        ] {
            assert_eq!(read_literal(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_value_is_nothing() {
        for text in ["", "{'a'}", "['a'", "{'a': [}", "[a]", "'x' y", r"['\xzz']", &"[".repeat(100)] {
            assert_eq!(read_literal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), list in "[\\[\\](){}'\"\\\\,: aéx0-9]{0,40}") {
            let _ = (read_literal(&text), read_literal(&list));
        }
    }
}
