//! Reads Rust source just well enough for the rules: code without comments and strings, the paths it names, and what it
//! is compiled for.

use std::ops::RangeInclusive;

/// `text` with comments, strings and character literals blanked out; lines stay where they are.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => until(&chars, at, |c| c == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment(&chars, at),
            '"' => string(&chars, at),
            'r' | 'b' if !at.checked_sub(1).is_some_and(|before| is_word(chars[before])) => raw_string(&chars, at),
            '\'' => character(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Every path that `code` (as of [`code_only`]) names, with its line from 1: `use` trees spelled out, and paths in place.
pub(super) fn paths(code: &str) -> Vec<(usize, String)> {
    let chars: Vec<char> = code.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        if chars[at] == '\n' {
            line += 1;
            at += 1;
        } else if is_word(chars[at]) {
            let mut reader = Tree { chars: &chars, at, line, found: &mut found };
            reader.tree("");
            (at, line) = (reader.at, reader.line);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads `a::b::{c, d::e}` from where it stands.
struct Tree<'a> {
    chars: &'a [char],
    at: usize,
    line: usize,
    found: &'a mut Vec<(usize, String)>,
}

impl Tree<'_> {
    fn tree(&mut self, prefix: &str) {
        let mut path = prefix.to_owned();
        let start = self.line;
        loop {
            let from = self.at;
            while self.peek().is_some_and(is_word) {
                self.at += 1;
            }
            path.extend(&self.chars[from..self.at]);
            let (at, line) = (self.at, self.line);
            self.space();
            if !(self.peek() == Some(':') && self.chars.get(self.at + 1) == Some(&':')) {
                (self.at, self.line) = (at, line);
                break;
            }
            self.at += 2;
            path.push_str("::");
            self.space();
            if self.peek() == Some('{') {
                self.group(&path);
                return;
            }
            if !self.peek().is_some_and(is_word) {
                break;
            }
        }
        if !path.is_empty() {
            self.found.push((start, path));
        }
    }

    fn group(&mut self, prefix: &str) {
        self.at += 1;
        while let Some(next) = self.peek() {
            if next == '}' {
                self.at += 1;
                return;
            }
            if is_word(next) {
                self.tree(prefix);
            } else {
                self.step();
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn step(&mut self) {
        if self.peek() == Some('\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.step();
        }
    }
}

/// Lines on which `cfg(…)`, `cfg!(…)` or `cfg_attr(…)` asks for something that starts with `target_`.
pub(super) fn target_cfgs(code: &str) -> Vec<usize> {
    let targets = cfgs(code).into_iter().filter(|cfg| cfg.condition.contains("target_"));
    targets.map(|cfg| line_of(code, cfg.start)).collect()
}

/// The same for features, without what is compiled for tests only.
pub(super) fn feature_cfgs(code: &str) -> Vec<usize> {
    let tests = test_modules(code);
    let features = cfgs(code).into_iter().filter(|cfg| cfg.names("feature") && !cfg.is_for_tests());
    let lines = features.map(|cfg| line_of(code, cfg.start));
    lines.filter(|line| !tests.iter().any(|lines| lines.contains(line))).collect()
}

/// Lines of each module that is compiled for tests only, `#[cfg(test)] mod … { … }`.
pub(super) fn test_modules(code: &str) -> Vec<RangeInclusive<usize>> {
    let mut found = Vec::new();
    for cfg in cfgs(code).into_iter().filter(Cfg::is_for_tests) {
        let Some(mut item) = code[cfg.end..].strip_prefix(')').and_then(|rest| rest.trim_start().strip_prefix(']'))
        else {
            continue;
        };
        item = item.trim_start();
        while item.starts_with("#[") {
            item = item.split_once(']').map_or("", |(_, rest)| rest.trim_start());
        }
        let item = without_visibility(item);
        let Some(open) = item.starts_with("mod ").then(|| item.find(['{', ';'])).flatten() else { continue };
        if let Some(length) = braces(&item[open..]) {
            let end = code.len() - item.len() + open + length;
            found.push(line_of(code, cfg.start)..=line_of(code, end));
        }
    }
    found
}

/// A `cfg(…)`, `cfg!(…)` or `cfg_attr(…)`, from its name to its closing parenthesis.
struct Cfg<'a> {
    start: usize,
    /// From the opening parenthesis on.
    condition: &'a str,
    end: usize,
}

impl Cfg<'_> {
    fn names(&self, word: &str) -> bool {
        self.condition.split(|c| !is_word(c)).any(|found| found == word)
    }

    fn is_for_tests(&self) -> bool {
        self.names("test") && !self.names("not")
    }
}

fn cfgs(code: &str) -> Vec<Cfg<'_>> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("cfg") {
        let before = code[..start].chars().next_back();
        let rest = &code[start + 3..];
        let rest = rest.strip_prefix("_attr").or_else(|| rest.strip_prefix('!')).unwrap_or(rest).trim_start();
        if before.is_some_and(is_word) || !rest.starts_with('(') {
            continue;
        }
        let mut depth = 0_usize;
        let length = rest.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let length = length.unwrap_or(rest.len());
        found.push(Cfg { start, condition: &rest[..length], end: code.len() - rest.len() + length });
    }
    found
}

/// An item without `pub` or `pub(…)`.
fn without_visibility(item: &str) -> &str {
    let Some(rest) = item.strip_prefix("pub") else { return item };
    let rest = match rest.strip_prefix('(') {
        Some(inner) => inner.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    };
    rest.trim_start()
}

/// Where the block that `code` begins with ends; `None` where it begins with none.
fn braces(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (c == '}').then_some(at);
        }
    }
    None
}

/// The line, from 1, that byte `at` of `text` stands on.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Whether `c` can stand in a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| stop(*c)).map_or(chars.len(), |length| from + length)
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`, `b"…"`; `from` itself when there is none.
fn raw_string(chars: &[char], from: usize) -> usize {
    let mut at = from;
    if chars[at] == 'b' {
        at += 1;
    }
    if chars.get(at) == Some(&'"') {
        return string(chars, at);
    }
    if chars.get(at) != Some(&'r') {
        return from;
    }
    at += 1;
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return from;
    }
    at += 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

/// A character literal; `from` itself for a lifetime.
fn character(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => {
            let close = chars.iter().skip(from + 3).position(|c| *c == '\'');
            close.map_or(chars.len(), |length| from + 3 + length + 1)
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank() {
        let text = "a // burn::x\n/* b /* c */ d */ e \"f\\\"g\" r#\"h\"i\"# 'j' '\\'' b\"k\" for<'l> rest";
        let code = code_only(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "for<'l>", "rest"]);
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn use_trees_are_spelled_out() {
        let code = "use crate::{\n    data::row,\n    model::{self, bert::Bert},\n};\nlet x = super::loss::mean(y);";
        let found: Vec<_> = paths(code).into_iter().filter(|(_, path)| path.contains("::")).collect();
        let expected = [
            (2, "crate::data::row"),
            (3, "crate::model::self"),
            (3, "crate::model::bert::Bert"),
            (5, "super::loss::mean"),
        ];
        assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn target_cfgs_are_found_in_every_form() {
        let code = "#[cfg(target_arch = x)]\n#[cfg(all(feature = y,\n target_os = z))]\nif cfg!(target_os = z) {}\n#[cfg(test)]\n#[cfg_attr(target_os, a)]\nmy_cfg(target_os)";
        assert_eq!(target_cfgs(code), [1, 2, 4, 6]);
    }

    #[test]
    fn features_count_outside_of_tests() {
        let code = "#[cfg(feature = x)]\nfn f() {}\n#[cfg(all(test, feature = x))]\nmod tests {\n    #[cfg(feature = x)]\n    fn f() {}\n}\n#[cfg_attr(feature = x, a)]";
        assert_eq!(feature_cfgs(code), [1, 8]);
    }

    #[test]
    fn test_modules_end_where_their_braces_do() {
        let code = "#[cfg(test)]\nmod a { fn f() { {} } }\nfn g() {}\n#[cfg(all(test, feature = x))]\n#[rustfmt::skip]\npub(super) mod b {\n    fn h() {}\n}\n";
        assert_eq!(test_modules(code), [1..=2, 4..=8]);
        for code in ["#[cfg(test)]\nmod a;\nmod b {}\n", "#[cfg(not(test))]\nmod a {}\n", "#[cfg(test)]\nfn f() {}\n"] {
            assert!(test_modules(code).is_empty(), "{code}");
        }
    }
}
