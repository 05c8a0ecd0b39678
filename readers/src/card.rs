//! The card of a data set, README.md as the hub has it: which files are which split. In: its text. Out: the configurations that its front
//! matter lists. Of YAML what such lists are written in is read: maps and lists by indents, lists in brackets, quotes, comments.

use crate::ReadError;

/// Most bytes of a front matter: what is behind them is not read.
const MAX_BYTES: usize = 1 << 20;

/// Values within values.
const MAX_DEPTH: usize = 12;

/// What a configuration may say that changes nothing of its files.
const NO_WAY_OF_READING: [&str; 6] = ["config_name", "data_files", "data_dir", "default", "description", "version"];

/// A configuration of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Config {
    /// Its name.
    pub(crate) name: String,
    /// It is read where nobody names one.
    pub(crate) is_default: bool,
    /// Its splits by their names, each with patterns of paths; none where the names of files tell.
    pub(crate) splits: Vec<(String, Vec<String>)>,
    /// The folder that its patterns begin in.
    pub(crate) folder: String,
    /// What it says of how files are read, which is not followed.
    pub(crate) unread: Vec<String>,
}

/// The configuration of a card that is read where nobody names one; `None` where it lists none.
///
/// # Errors
/// When there are several, and none of them is the default.
pub(crate) fn default_config(card: &str) -> Result<Option<Config>, ReadError> {
    let mut configs = configs(card);
    let by_name = || configs.iter().position(|config| config.name == "default");
    let chosen = configs.iter().position(|config| config.is_default).or_else(by_name);
    match (chosen, configs.len()) {
        (_, 0) => Ok(None),
        (Some(index), _) => Ok(Some(configs.swap_remove(index))),
        (None, 1) => Ok(configs.pop()),
        (None, _) => Err(ReadError::ManyConfigs { names: configs.into_iter().map(|config| config.name).collect() }),
    }
}

/// All configurations of a card.
fn configs(card: &str) -> Vec<Config> {
    let Some(Yaml::Map(top)) = front_matter(card).map(|matter| parse(&matter)) else { return Vec::new() };
    let Some(Yaml::List(items)) = top.into_iter().find(|(key, _)| key == "configs").map(|(_, value)| value) else {
        return Vec::new();
    };
    items.into_iter().filter_map(config).collect()
}

fn config(item: Yaml) -> Option<Config> {
    let Yaml::Map(fields) = item else { return None };
    let mut config = Config { name: "default".into(), ..Config::default() };
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("config_name", Yaml::Text(name)) => config.name = name,
            ("default", Yaml::Text(value)) => config.is_default = value.eq_ignore_ascii_case("true"),
            ("data_dir", Yaml::Text(folder)) => {
                let folder = folder.trim_start_matches("./").trim_matches('/');
                if folder != "." {
                    folder.clone_into(&mut config.folder);
                }
            }
            ("data_files", value) => config.splits = splits(value),
            (key, _) if NO_WAY_OF_READING.contains(&key) => {}
            (key, _) => config.unread.push(key.to_owned()),
        }
    }
    Some(config)
}

/// `data_files`: a pattern, patterns, or some for each split.
fn splits(value: Yaml) -> Vec<(String, Vec<String>)> {
    let train = |patterns| vec![("train".to_owned(), patterns)];
    match value {
        Yaml::Text(pattern) if pattern.is_empty() => Vec::new(),
        Yaml::Text(pattern) => train(vec![pattern]),
        Yaml::Map(fields) => fields.into_iter().map(|(split, paths)| (split, texts(paths))).collect(),
        Yaml::List(items) if items.iter().all(|item| matches!(item, Yaml::Text(_))) => train(texts(Yaml::List(items))),
        Yaml::List(items) => items.into_iter().filter_map(of_split).collect(),
    }
}

/// `split: train` with `path: data/train-*`.
fn of_split(item: Yaml) -> Option<(String, Vec<String>)> {
    let Yaml::Map(fields) = item else { return None };
    let (mut split, mut paths) = ("train".to_owned(), Vec::new());
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("split", Yaml::Text(name)) => split = name,
            ("path", value) => paths = texts(value),
            _ => {}
        }
    }
    Some((split, paths))
}

/// A text, or those of a list.
fn texts(value: Yaml) -> Vec<String> {
    match value {
        Yaml::Text(text) => vec![text],
        Yaml::List(items) => items.into_iter().flat_map(texts).collect(),
        Yaml::Map(_) => Vec::new(),
    }
}

/// What stands between the first line `---` and the next one.
fn front_matter(card: &str) -> Option<String> {
    let start = card.trim_start_matches('\u{feff}');
    let start = &start[..start.floor_char_boundary(MAX_BYTES)];
    let mut lines = start.lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    Some(lines.take_while(|line| line.trim_end() != "---").collect::<Vec<_>>().join("\n"))
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// A line that is not empty: spaces before it, and the rest.
type Line<'t> = (usize, &'t str);

fn parse(text: &str) -> Yaml {
    let lines = text.lines().map(|line| (line.len() - line.trim_start().len(), without_comment(line.trim())));
    let mut lines: Vec<Line<'_>> = lines.filter(|(_, line)| !line.is_empty()).collect();
    let mut at = 0;
    block(&mut lines, &mut at, 0)
}

/// A line without a comment behind it.
fn without_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    // Within quotes it is none.
    let is_outside = |before: &str| ['"', '\''].iter().all(|quote| before.matches(*quote).count().is_multiple_of(2));
    match line.match_indices(" #").find(|(at, _)| is_outside(&line[..*at])) {
        Some((at, _)) => line[..at].trim_end(),
        None => line,
    }
}

/// The map or list that begins at a line, as far as its lines are indented alike.
fn block(lines: &mut [Line<'_>], at: &mut usize, depth: usize) -> Yaml {
    let Some(&(indent, first)) = lines.get(*at) else { return Yaml::Text(String::new()) };
    let is_list = is_item(first);
    let (mut items, mut fields) = (Vec::new(), Vec::new());
    while let Some(&(own, line)) = lines.get(*at) {
        if own < indent || (own == indent && is_item(line) != is_list) {
            break;
        }
        if own > indent || depth > MAX_DEPTH {
            *at += 1; // it belongs to a text of several lines, or is deeper than any list of files
        } else if is_list {
            let rest = line[1..].trim_start();
            if !rest.is_empty() && split_key(rest).is_none() {
                items.push(flow(rest));
                *at += 1;
            } else if rest.is_empty() {
                *at += 1;
                items.push(nested(lines, at, indent + 1, depth));
            } else {
                // The first key of a map stands behind the dash.
                lines[*at] = (indent + line.len() - rest.len(), rest);
                items.push(block(lines, at, depth + 1));
            }
        } else {
            *at += 1;
            if let Some((key, rest)) = split_key(line) {
                let is_below = rest.is_empty() || rest.starts_with(['&', '!']);
                // A list may be indented as its key is.
                let is_list = lines.get(*at).is_some_and(|(own, line)| *own == indent && is_item(line));
                let least = if is_list { indent } else { indent + 1 };
                let value = if is_below { nested(lines, at, least, depth) } else { flow(rest) };
                fields.push((key, value));
            }
        }
    }
    if is_list { Yaml::List(items) } else { Yaml::Map(fields) }
}

/// What stands below a key or a dash, where it is indented so far at least.
fn nested(lines: &mut [Line<'_>], at: &mut usize, least: usize, depth: usize) -> Yaml {
    match lines.get(*at) {
        Some(&(own, _)) if own >= least => block(lines, at, depth + 1),
        _ => Yaml::Text(String::new()),
    }
}

fn is_item(line: &str) -> bool {
    line == "-" || line.starts_with("- ")
}

/// A key and what stands behind its colon; `None` where a line has none.
fn split_key(line: &str) -> Option<(String, &str)> {
    if line.starts_with(['[', '{']) {
        return None;
    }
    let (key, rest) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    Some((unquoted(key), rest.trim()))
}

/// A value that stands on its line: a list or a map in brackets, or a text.
fn flow(text: &str) -> Yaml {
    let inside = |open: char, close: char| text.strip_prefix(open).and_then(|text| text.strip_suffix(close));
    let parts = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    if let Some(items) = inside('[', ']') {
        return Yaml::List(parts(items).iter().map(|item| Yaml::Text(unquoted(item))).collect());
    }
    if let Some(fields) = inside('{', '}') {
        let fields = parts(fields);
        let field = |field: &String| split_key(field).map(|(key, value)| (key, Yaml::Text(unquoted(value))));
        return Yaml::Map(fields.iter().filter_map(field).collect());
    }
    Yaml::Text(unquoted(text))
}

/// A text without quotes around it.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inside = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(name: &str, paths: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn configurations_are_read_however_they_are_written() {
        let card = "---\nlicense: mit\ntags:\n- a\ndataset_info:\n  features:\n  - name: text\n    dtype: string\nconfigs:\n\
                    - config_name: default # the usual one\n  data_files:\n  - split: train\n    path: data/train-*\n  \
                    - split: test\n    path:\n    - \"data/test-*\"\n    - 'more/test.csv'\n\
                    - config_name: de\n  data_files: \"de/*.csv\"\n  sep: \"\\t\"\n  data_dir: ./x/\n---\n# A card\nconfigs:\n";
        let found = configs(card);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].is_default), ("default", false));
        assert_eq!(
            found[0].splits,
            [split("train", &["data/train-*"]), split("test", &["data/test-*", "more/test.csv"])]
        );
        let (de, unread) = (&found[1], vec!["sep".to_owned()]);
        assert_eq!((de.name.as_str(), de.folder.as_str(), &de.unread), ("de", "x", &unread));
        assert_eq!(de.splits, [split("train", &["de/*.csv"])]);
        let flows = "---\r\nconfigs:\r\n  - config_name: en\r\n    default: true\r\n    data_files: [a.csv, \"b.csv\"]\r\n  \
                     - config_name: fr\r\n    data_files:\r\n      - {split: validation, path: v.csv}\r\n---\r\n";
        let found = configs(flows);
        assert_eq!(found[0].splits, [split("train", &["a.csv", "b.csv"])]);
        assert_eq!(found[1].splits, [split("validation", &["v.csv"])]);
        assert_eq!(default_config(flows).expect("en is the default").expect("there are some").name, "en");
        let here = configs("---\nconfigs:\n- config_name: x\n  data_dir: .\n---\n");
        assert_eq!(here[0].folder, "", "the folder of the card");
        let quoted =
            configs("---\nconfigs:\n- config_name: \"a #1\" # 'b\n  data_files: 'x #1.csv' # all of it\n---\n");
        assert_eq!(quoted[0].name, "a #1");
        assert_eq!(quoted[0].splits, [split("train", &["x #1.csv"])]);
        let map = "---\nconfigs:\n-\n  config_name: x\n  data_files:\n    train: t.csv\n    test: [u.csv]\n---\n";
        assert_eq!(configs(map)[0].splits, [split("train", &["t.csv"]), split("test", &["u.csv"])]);
    }

    #[test]
    fn several_configurations_without_a_default_are_refused_by_their_names() {
        let card = "---\nconfigs:\n- config_name: en\n  data_files: en/*\n- config_name: fr\n  data_files: fr/*\n---\n";
        let error = default_config(card).expect_err("which one?").to_string();
        assert!(error.contains("\"en\", \"fr\"") && error.contains("default: true"), "{error}");
        let one = card.replace("- config_name: fr\n  data_files: fr/*\n", "");
        assert_eq!(default_config(&one).expect("one alone").expect("there is one").name, "en");
        for none in ["", "# A card\n", "---\nlicense: mit\n---\n", "---\nconfigs: none\n---\n"] {
            assert_eq!(default_config(none).expect("no configurations"), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn any_front_matter_ends(
            lines in prop::collection::vec("[ ]{0,4}(- |-)?(configs|path|a)?(: |:)?[\\[{'\"x, #]{0,6}", 0..40),
        ) {
            let _ = default_config(&format!("---\n{}\n---\n", lines.join("\n")));
        }
    }
}
