//! The file that `hone rate` keeps from one vote to the next: the rating, and what was asked for when it was begun.
//!
//! In: the flags, and the files that they name. Out: the rating that was left off, where the same is asked for again.

use std::path::Path;

use anyhow::bail;
use hone_core::event::Split;
use hone_core::file_text::text_of;
use hone_core::hub::sha256_hex;
use hone_core::metrics::Rating;
use hone_core::words::{count, plural};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::RateArgs;
use crate::inputs::read_rows;
use crate::output::{read_data_file, read_file, write_file};
use crate::progress::say;

/// Where in the file [`Asked`] stands, beside the fields of the rating.
const ASKED: &str = "asked";

/// What pairs come from, beside the names of the models and the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pairs: u32,
    max_new_tokens: Option<u32>,
    /// Of each file of texts, or of the rows that models write for: its name and the SHA-256 of what it holds.
    files: Vec<(String, String)>,
}

impl Asked {
    /// What these flags ask for.
    ///
    /// # Errors
    /// When a file can't be read.
    pub(super) fn of(args: &RateArgs, sheet: Option<&str>) -> anyhow::Result<Self> {
        let texts = |name: &String| -> anyhow::Result<(String, String)> {
            let bytes = read_data_file("read the texts", Path::new(name))?;
            Ok((name.clone(), sha256_hex(&bytes)))
        };
        let files = match &args.data {
            Some(data) => {
                let (_, bytes) = read_rows("read the data", data, Split::Test, sheet)?;
                vec![(data.display().to_string(), sha256_hex(&bytes))]
            }
            None => vec![texts(&args.first)?, texts(&args.second)?],
        };
        Ok(Self { pairs: args.pairs, max_new_tokens: args.max_new_tokens, files })
    }

    /// What is asked for now (`self`) and was not when the rating was begun, in words.
    fn differences(&self, begun: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.pairs != begun.pairs {
            found.push(format!("--pairs was {}", begun.pairs));
        }
        if self.max_new_tokens != begun.max_new_tokens {
            let was = begun.max_new_tokens.map_or_else(|| "not given".to_owned(), |tokens| tokens.to_string());
            found.push(format!("--max-new-tokens was {was}"));
        }
        let is_same = |hash: &String, index: usize| begun.files.get(index).is_some_and(|(_, begun)| begun == hash);
        let changed = self.files.iter().enumerate().filter(|(index, (_, hash))| !is_same(hash, *index));
        found.extend(changed.map(|(_, (name, _))| format!("{name} held something else")));
        found
    }
}

/// Writes the rating and what was asked for.
///
/// # Errors
/// When it can't be written.
pub(super) fn keep(rating: &Rating, asked: &Asked, path: &Path) -> anyhow::Result<()> {
    let mut state = serde_json::to_value(rating)?;
    state[ASKED] = serde_json::to_value(asked)?;
    write_file(state.to_string().as_bytes(), path)
}

/// The rating that was left off; `None` where none was begun.
///
/// # Errors
/// When the file holds none, or one of other models, rows or flags than those that are asked for now.
pub(super) fn read(args: &RateArgs, asked: &Asked) -> anyhow::Result<Option<Rating>> {
    let path = &args.state;
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_file("read the rating that was begun", path)?;
    let text = text_of(&bytes).unwrap_or_default();
    let Some(rating) = Rating::from_json(&text) else {
        bail!("this is no rating that hone rate left: name another file with --state: {}", path.display());
    };
    let [first, second] = &rating.names;
    if (first, second, rating.seed) != (&args.first, &args.second, args.seed()) {
        bail!(
            "a rating of {first} and {second} with the seed {} was begun there: go on with that, or name another file with --state: {}",
            rating.seed,
            path.display()
        );
    }
    // A file that an earlier version left does not say it.
    let begun = serde_json::from_str::<Value>(&text)?.get(ASKED).cloned();
    let differences = match begun.map(serde_json::from_value::<Asked>).transpose()? {
        Some(begun) => asked.differences(&begun),
        None => Vec::new(),
    };
    if !differences.is_empty() {
        bail!(
            "a rating was begun there when {}: ask for the same again to go on, or name another file with --state to begin anew: {}",
            differences.join(", and "),
            path.display()
        );
    }
    let (done, all) = rating.progress();
    say(&format!(
        "goes on with {}: {} of {} rated; pairs and texts are those in it, and without that file it begins anew",
        path.display(),
        count(done),
        plural(all, "pair")
    ));
    Ok(Some(rating))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_otherwise_is_named() {
        let file = |name: &str, hash: &str| (name.to_owned(), hash.to_owned());
        let begun = Asked { pairs: 30, max_new_tokens: None, files: vec![file("a.jsonl", "1"), file("b.jsonl", "2")] };
        assert_eq!(begun.differences(&begun), [""; 0]);
        let files = vec![file("./a.jsonl", "1"), file("b.jsonl", "3")];
        let now = Asked { pairs: 5, max_new_tokens: Some(8), files };
        let expected = ["--pairs was 30", "--max-new-tokens was not given", "b.jsonl held something else"];
        assert_eq!(now.differences(&begun), expected);
    }
}
