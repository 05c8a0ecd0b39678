//! Which file of a model is fetched next.
//!
//! In: which files came, and which the repository does not have. Out: names, in the order in which they are asked for. No IO: the page
//! and the terminal fetch each file in their own way.

use std::collections::{BTreeSet, VecDeque};

use super::{INDEX, MODEL_FILES, WEIGHTS, is_wanted};

/// A file whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextFile {
    /// Its name in the repository.
    pub name: String,
    /// Whether it is worth fetching beside those that came ([`is_wanted`]).
    pub is_wanted: bool,
    is_required: bool,
}

/// The files of one model that are still to be fetched: those of [`MODEL_FILES`] in their order, and in the place of weights that are in
/// several files their index and then its shards.
#[derive(Debug, Clone)]
pub struct WantedFiles {
    /// (name, whether loading needs it).
    queue: VecDeque<(String, bool)>,
    fetched: BTreeSet<String>,
}

impl Default for WantedFiles {
    /// All files of a model, none of them fetched yet.
    fn default() -> Self {
        let queue = MODEL_FILES.iter().map(|&(name, is_required)| (name.to_owned(), is_required)).collect();
        Self { queue, fetched: BTreeSet::new() }
    }
}

impl WantedFiles {
    /// The file whose turn it is, which is asked for once; `None` when all had theirs. Afterwards comes [`Self::note_fetched`] or
    /// [`Self::note_missing`], or neither where it is not wanted.
    pub fn next_file(&mut self) -> Option<NextFile> {
        let (name, is_required) = self.queue.pop_front()?;
        let is_wanted = is_wanted(&name, |file| self.fetched.contains(file));
        Some(NextFile { name, is_wanted, is_required })
    }

    /// Notes that a file came.
    pub fn note_fetched(&mut self, name: &str) {
        self.fetched.insert(name.to_owned());
    }

    /// Makes the shards that an index names the next files, in their order; loading needs each.
    pub fn add_shards(&mut self, shards: Vec<String>) {
        for shard in shards.into_iter().rev() {
            self.queue.push_front((shard, true));
        }
    }

    /// Notes that the repository does not have a file. Where that is [`WEIGHTS`], its [`INDEX`] is next, once: the weights may be in
    /// several files. Returns whether the model can be whole without the file.
    #[must_use]
    pub fn note_missing(&mut self, file: &NextFile) -> bool {
        if file.name == WEIGHTS && !self.fetched.contains(INDEX) {
            self.queue.push_front((INDEX.to_owned(), true));
            return true;
        }
        !file.is_required
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CONFIG, MODULES, POOLING};
    use super::*;

    /// Fetches from a repository that has `files`, whose index names `shards`: the names that were asked for, and the one for lack of which
    /// it ended.
    fn fetch(files: &[&str], shards: &[&str]) -> (Vec<String>, Option<String>) {
        let (mut wanted, mut asked) = (WantedFiles::default(), Vec::new());
        while let Some(file) = wanted.next_file() {
            if !file.is_wanted {
                continue;
            }
            asked.push(file.name.clone());
            if files.contains(&file.name.as_str()) {
                wanted.note_fetched(&file.name);
                if file.name == INDEX {
                    wanted.add_shards(shards.iter().map(|&shard| shard.to_owned()).collect());
                }
            } else if !wanted.note_missing(&file) {
                return (asked, Some(file.name));
            }
        }
        (asked, None)
    }

    #[test]
    fn files_come_in_their_order_and_those_that_would_not_be_read_are_left() {
        let (asked, lacking) = fetch(&[CONFIG, WEIGHTS, "tokenizer.json", MODULES], &[]);
        let is_left = |name: &str| name.ends_with(".model");
        let expected: Vec<&str> = MODEL_FILES.iter().map(|(name, _)| *name).filter(|name| !is_left(name)).collect();
        assert_eq!(asked, expected);
        assert_eq!(lacking, None);
        let (asked, lacking) = fetch(&[CONFIG, WEIGHTS, "spiece.model"], &[]);
        let is_asked = |name: &str| asked.iter().any(|asked| asked == name);
        assert!(is_asked("spiece.model") && is_asked("tokenizer.model") && !is_asked(POOLING), "{asked:?}");
        assert_eq!(lacking, None);
    }

    #[test]
    fn what_is_not_wanted_has_its_turn_too() {
        let mut wanted = WantedFiles::default();
        wanted.note_fetched("vocab.txt");
        let turns: Vec<NextFile> = std::iter::from_fn(|| wanted.next_file()).collect();
        assert_eq!(turns.len(), MODEL_FILES.len());
        assert!(turns.iter().any(|file| file.name == "spiece.model" && !file.is_wanted), "{turns:?}");
    }

    #[test]
    fn shards_are_asked_for_in_the_place_of_the_weights() {
        let shards = ["a-1.safetensors", "a-2.safetensors"];
        let (asked, lacking) = fetch(&[CONFIG, INDEX, shards[0], shards[1]], &shards);
        assert_eq!(asked[..6], [CONFIG, WEIGHTS, INDEX, shards[0], shards[1], "tokenizer.json"]);
        assert_eq!(lacking, None);
        let (asked, lacking) = fetch(&[CONFIG, INDEX, shards[0]], &shards);
        assert_eq!((asked.len(), lacking.as_deref()), (5, Some(shards[1])), "a shard is needed");
    }

    #[test]
    fn a_model_is_not_whole_without_config_and_weights() {
        assert_eq!(fetch(&[], &[]), (vec![CONFIG.to_owned()], Some(CONFIG.to_owned())));
        let asked = [CONFIG, WEIGHTS, INDEX].map(str::to_owned).to_vec();
        assert_eq!(fetch(&[CONFIG], &[]), (asked, Some(INDEX.to_owned())));
    }

    #[test]
    fn an_index_that_names_the_missing_weights_is_not_asked_for_again() {
        let (asked, lacking) = fetch(&[CONFIG, INDEX], &[WEIGHTS]);
        assert_eq!(asked, [CONFIG, WEIGHTS, INDEX, WEIGHTS]);
        assert_eq!(lacking.as_deref(), Some(WEIGHTS));
    }
}
