//! Flags that change the model before it is trained.

use std::path::Path;

use clap::Args;
use hone_core::config::ModelChanges;
use hone_core::file_text::text_of;

use super::as_flags;
use crate::output::read_data_file;

/// What is changed of the model.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Changing the model")]
pub(crate) struct ChangeArgs {
    /// Layers that stay, counted from 0, such as 0,2,4 or 0-5; the others are left out [default: all]
    #[arg(long, value_name = "LAYERS")]
    keep_layers: Option<String>,
    /// Fresh layers after those, which are trained from random values [default: 0]
    #[arg(long, value_name = "N")]
    add_layers: Option<String>,
    /// Words that become tokens of their own, with commas between, or a text file with one a line. Each begins as the mean
    /// of its pieces
    #[arg(long, value_name = "FILE|WORDS")]
    add_tokens: Option<String>,
}

impl ChangeArgs {
    pub(super) fn is_empty(&self) -> bool {
        [&self.keep_layers, &self.add_layers, &self.add_tokens].iter().all(|typed| typed.is_none())
    }

    /// The typed changes over `base`.
    pub(super) fn over(&self, base: &ModelChanges, problems: &mut Vec<String>) -> ModelChanges {
        let mut changes = base.clone();
        let before = problems.len();
        match self.keep_layers.as_deref().map(ModelChanges::parse_layers) {
            Some(Ok(layers)) => changes.keep_layers = layers,
            Some(Err(message)) => problems.push(format!("--keep-layers: {message}")),
            None => {}
        }
        match self.add_layers.as_ref().map(|text| (text, text.trim().parse())) {
            Some((_, Ok(layers))) => changes.add_layers = layers,
            Some((text, Err(_))) => {
                problems.push(format!("--add-layers: {text:?} is not a whole number from 0 to 1023"));
            }
            None => {}
        }
        match self.add_tokens.as_deref().map(words_of) {
            Some(Ok(words)) => changes.add_tokens = words,
            Some(Err(message)) => problems.push(format!("--add-tokens: {message}")),
            None => {}
        }
        if problems.len() == before {
            problems.extend(as_flags(&changes.check()));
        }
        changes
    }
}

/// The words of a text file, if there is one of that name, else those that were typed.
fn words_of(typed: &str) -> Result<Vec<String>, String> {
    let path = Path::new(typed);
    if path.is_file() {
        let bytes = read_data_file("read the words", path).map_err(|error| format!("{error:#}"))?;
        let text = text_of(&bytes).map_err(|error| format!("the words are {error}: {typed}"))?;
        let words = ModelChanges::words_of_lines(&text);
        return if words.is_empty() { Err(format!("there are no words in the file: {typed}")) } else { Ok(words) };
    }
    let names_a_file = typed.contains(['/', '\\']) || path.extension().is_some_and(|extension| extension == "txt");
    if names_a_file && !typed.contains(',') {
        return Err(format!("there is no file of that name: {typed}"));
    }
    Ok(typed.split(',').map(|word| word.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        changes: ChangeArgs,
    }

    fn over(flags: &[&str], base: &ModelChanges) -> (ModelChanges, Vec<String>) {
        let line = Line::try_parse_from(["hone"].iter().chain(flags)).expect("parses");
        let mut problems = Vec::new();
        (line.changes.over(base, &mut problems), problems)
    }

    #[test]
    fn typed_changes_win_over_those_of_the_job() {
        let base = ModelChanges { keep_layers: vec![0, 1], add_layers: 3, ..ModelChanges::default() };
        let (changes, problems) = over(&["--keep-layers", "0-2,5", "--add-tokens", "stent, New York"], &base);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((changes.keep_layers, changes.add_layers), (vec![0, 1, 2, 5], 3));
        assert_eq!(changes.add_tokens, ["stent", "New York"]);
        assert_eq!(over(&[], &base).0, base);
        assert_eq!(over(&["--add-layers", "0"], &base).0.add_layers, 0);
    }

    #[test]
    fn words_may_stand_in_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("words.txt");
        std::fs::write(&path, "stent\r\n\r\n1,2-dichloroethane\n").expect("the folder is ours");
        let name = path.to_str().expect("a plain name");
        let (changes, problems) = over(&["--add-tokens", name], &ModelChanges::default());
        assert_eq!((changes.add_tokens.join("|"), problems.len()), ("stent|1,2-dichloroethane".to_owned(), 0));
        std::fs::write(&path, "\n \n").expect("the folder is ours");
        let (_, problems) = over(&["--add-tokens", name], &ModelChanges::default());
        assert!(problems[0].starts_with("--add-tokens: there are no words in the file"), "{problems:?}");
    }

    #[test]
    fn what_can_not_be_is_named_with_its_flag() {
        for (flags, start) in [
            (&["--keep-layers", "a"][..], "--keep-layers: \"a\" is no layer"),
            (&["--keep-layers", "3,1"][..], "--keep-layers: layers are named once and in their order"),
            (&["--add-layers", "many"][..], "--add-layers: \"many\" is not a whole number"),
            (&["--add-layers", "5000"][..], "--add-layers: 5000 is not a whole number"),
            (&["--add-tokens", "words.txt"][..], "--add-tokens: there is no file of that name: words.txt"),
            (&["--add-tokens", "a,,b"][..], "--add-tokens: word 2, \"\", is empty"),
        ] {
            let (_, problems) = over(flags, &ModelChanges::default());
            assert!(problems.len() == 1 && problems[0].starts_with(start), "{problems:?}");
        }
    }
}
