//! Tags: a prefix that says where an entity begins and ends, and its type; and the schemes that prefixes follow.

use serde::{Deserialize, Serialize};

use crate::metrics::{EntitySpan, TagScheme};

/// The tag of a word that is in no entity.
pub(super) const OUTSIDE: &str = "O";

/// The same where a file writes its tags small.
pub(super) const SMALL_OUTSIDE: &str = "o";

/// Prefixes in the order in which a person is shown tags of one type.
const PREFIXES: [char; 6] = ['B', 'I', 'E', 'L', 'S', 'U'];

/// How tags mark where an entity begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `B-` at each entity's first word, `I-` at the others (IOB2).
    #[default]
    Bio,
    /// `I-`, and `B-` only where an entity follows another of its type.
    Iob1,
    /// `B-`, `I-`, `E-` at the last word, and `S-` for entities of one word.
    Bioes,
    /// The same with `L-` and `U-`.
    Bilou,
    /// `I-`, and `E-` at the last word.
    Ioe,
    /// `I-` alone: neighbours of one type are one entity.
    Io,
    /// Types alone, without prefixes: neighbours of one type are one entity.
    Plain,
    /// Something else: prefixes of several schemes, or some tags with a prefix and some without.
    Mixed,
}

impl Scheme {
    /// As the field calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bio => "BIO (IOB2)",
            Self::Iob1 => "IOB1",
            Self::Bioes => "BIOES",
            Self::Bilou => "BILOU",
            Self::Ioe => "IOE",
            Self::Io => "IO",
            Self::Plain => "plain tags",
            Self::Mixed => "mixed tags",
        }
    }

    /// The rules that seqeval holds it to in strict mode; `None` where it has none.
    pub(super) fn strict(self) -> Option<TagScheme> {
        match self {
            Self::Bio => Some(TagScheme::Iob2),
            Self::Iob1 => Some(TagScheme::Iob1),
            Self::Bioes => Some(TagScheme::Iobes),
            Self::Bilou => Some(TagScheme::Bilou),
            Self::Ioe => Some(TagScheme::Ioe2),
            Self::Io | Self::Plain | Self::Mixed => None,
        }
    }

    /// The scheme of sentences whose tags are some of `labels`. Prefixes are those of all labels: a few rows without some
    /// of them have the same scheme. The sentences tell where entities begin.
    pub(super) fn of<'t, S: Iterator<Item = &'t str>>(labels: &[String], sentences: impl Iterator<Item = S>) -> Self {
        let mut seen = Seen::default();
        labels.iter().for_each(|label| seen.add_label(label));
        sentences.for_each(|tags| seen.add_sentence(tags));
        seen.scheme()
    }

    /// The tags of an entity of `length` words.
    pub(super) fn tags_of(self, label: &str, length: usize) -> impl Iterator<Item = String> {
        let tag = move |index: usize| {
            let (is_first, is_last) = (index == 0, index + 1 == length);
            match (self, is_first, is_last) {
                (Self::Plain, ..) => label.to_owned(),
                (Self::Bioes, true, true) => format!("S-{label}"),
                (Self::Bilou, true, true) => format!("U-{label}"),
                (Self::Bioes | Self::Ioe, _, true) => format!("E-{label}"),
                (Self::Bilou, _, true) => format!("L-{label}"),
                (Self::Bio | Self::Bioes | Self::Bilou | Self::Mixed, true, _) => format!("B-{label}"),
                _ => format!("I-{label}"),
            }
        };
        (0..length).map(tag)
    }

    /// All tags that entities of this type may have.
    pub(super) fn all_tags_of(self, label: &str) -> Vec<String> {
        let mut tags: Vec<String> = self.tags_of(label, 1).chain(self.tags_of(label, 3)).collect();
        sort_tags(&mut tags);
        tags.dedup();
        tags
    }
}

/// What was seen of tags.
#[derive(Debug, Default)]
struct Seen {
    /// Prefixes, by their index in [`PREFIXES`].
    prefixes: [bool; 6],
    has_plain: bool,
    /// An `I-` that no tag of its type stands before.
    begins_with_inside: bool,
    /// A `B-` that no tag of its type stands before.
    begins_with_begin: bool,
}

impl Seen {
    fn add_label(&mut self, tag: &str) {
        let prefix = split_tag(tag).0;
        match prefix.and_then(|prefix| PREFIXES.iter().position(|known| *known == prefix)) {
            Some(index) => self.prefixes[index] = true,
            None => self.has_plain |= tag != OUTSIDE,
        }
    }

    fn add_sentence<'t>(&mut self, tags: impl Iterator<Item = &'t str>) {
        let mut before = None;
        for tag in tags {
            if tag == OUTSIDE {
                before = None;
                continue;
            }
            let (prefix, label) = split_tag(tag);
            let begins = before != Some(label);
            self.begins_with_inside |= begins && prefix == Some('I');
            self.begins_with_begin |= begins && prefix == Some('B');
            before = Some(label);
        }
    }

    fn scheme(&self) -> Scheme {
        let [begin, inside, end, last, single, unit] = self.prefixes;
        let prefixed = begin || inside || end || last || single || unit;
        match (end || single, last || unit) {
            _ if self.has_plain => {
                if prefixed {
                    Scheme::Mixed
                } else {
                    Scheme::Plain
                }
            }
            (true, true) => Scheme::Mixed,
            (true, false) if begin || !inside => Scheme::Bioes,
            (true, false) if !single => Scheme::Ioe,
            (true, false) => Scheme::Mixed,
            (false, true) if begin || !inside => Scheme::Bilou,
            (false, true) => Scheme::Mixed,
            (false, false) if begin && self.begins_with_inside && !self.begins_with_begin => Scheme::Iob1,
            (false, false) if begin || !inside => Scheme::Bio,
            (false, false) => Scheme::Io,
        }
    }
}

/// A tag's prefix and type. A tag without a prefix is a type.
pub(super) fn split_tag(tag: &str) -> (Option<char>, &str) {
    let mut chars = tag.chars();
    match (chars.next(), chars.next()) {
        (Some(prefix), Some('-')) if PREFIXES.contains(&prefix) && !chars.as_str().is_empty() => {
            (Some(prefix), chars.as_str())
        }
        _ => (None, tag),
    }
}

/// Whether tags are written small, as `o` and `b-per`: none has a capital prefix, and all others than `o` have a small one, or are words
/// without capitals beside an `o` that half of the words have at least. `counts` says how many words have each.
pub(super) fn are_small(tags: &[String], counts: &[usize]) -> bool {
    let Some(outside) = tags.iter().position(|tag| tag == SMALL_OUTSIDE) else { return false };
    let has_capitals = tags.iter().any(|tag| tag == OUTSIDE || split_tag(tag).0.is_some());
    let others = || tags.iter().filter(|tag| *tag != SMALL_OUTSIDE);
    let have_prefixes = || others().all(|tag| to_capital(tag) != *tag);
    let is_usual = || counts[outside] * 2 >= counts.iter().sum::<usize>();
    let are_words = || others().all(|tag| !tag.chars().any(char::is_uppercase));
    !has_capitals && others().next().is_some() && (have_prefixes() || are_words() && is_usual())
}

/// A tag that is written small as all others have it: `O` of `o`, `B-per` of `b-per`.
pub(super) fn to_capital(tag: &str) -> String {
    let mut chars = tag.chars();
    match (chars.next(), chars.next()) {
        _ if tag == SMALL_OUTSIDE => OUTSIDE.to_owned(),
        (Some(prefix), Some('-')) if prefix.is_ascii_lowercase() => {
            let capital = format!("{}-{}", prefix.to_ascii_uppercase(), chars.as_str());
            if split_tag(&capital).0.is_some() { capital } else { tag.to_owned() }
        }
        _ => tag.to_owned(),
    }
}

/// The other way round: `b-per` of `B-per`.
pub(super) fn to_small(tag: &str) -> String {
    match split_tag(tag) {
        _ if tag == OUTSIDE => SMALL_OUTSIDE.to_owned(),
        (Some(prefix), label) => format!("{}-{label}", prefix.to_ascii_lowercase()),
        (None, label) => label.to_owned(),
    }
}

/// Sorts tags: `O` first, then by type and prefix.
pub(super) fn sort_tags(tags: &mut [String]) {
    tags.sort_by(|a, b| key_of(a).cmp(&key_of(b)));
}

fn key_of(tag: &str) -> (bool, &str, Option<usize>) {
    let (prefix, label) = split_tag(tag);
    let rank = prefix.and_then(|prefix| PREFIXES.iter().position(|known| *known == prefix));
    (tag != OUTSIDE, label, rank)
}

/// Entities that begin with `I-` although the scheme has `B-` for that.
pub(super) fn count_loose_beginnings(tags: &[&str], entities: &[EntitySpan]) -> usize {
    entities.iter().filter(|entity| split_tag(tags[entity.start]).0 == Some('I')).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::entity_spans;

    fn scheme(sentences: &[&str]) -> Scheme {
        let labels: Vec<String> =
            sentences.iter().flat_map(|tags| tags.split_whitespace()).map(str::to_owned).collect();
        Scheme::of(&labels, sentences.iter().map(|tags| tags.split_whitespace()))
    }

    #[test]
    fn the_scheme_is_seen_by_the_prefixes() {
        let cases: [(&[&str], Scheme); 12] = [
            (&["B-PER I-PER O", "B-LOC"], Scheme::Bio),
            (&["B-PER I-PER I-LOC O"], Scheme::Bio),
            (&["I-PER B-PER O", "I-LOC"], Scheme::Iob1),
            (&["I-PER I-PER O"], Scheme::Io),
            (&["B-PER E-PER S-LOC"], Scheme::Bioes),
            (&["S-LOC O"], Scheme::Bioes),
            (&["B-PER L-PER U-LOC"], Scheme::Bilou),
            (&["I-PER E-PER"], Scheme::Ioe),
            (&["PER PER O LOC"], Scheme::Plain),
            (&["B-PER LOC"], Scheme::Mixed),
            (&["B-PER E-PER U-LOC"], Scheme::Mixed),
            (&["O O"], Scheme::Bio),
        ];
        for (sentences, expected) in cases {
            assert_eq!(scheme(sentences), expected, "{sentences:?}");
        }
    }

    #[test]
    fn spans_become_tags_that_give_the_spans_again() {
        for scheme in [Scheme::Bio, Scheme::Iob1, Scheme::Bioes, Scheme::Ioe, Scheme::Io, Scheme::Plain] {
            for length in 1..4 {
                let tags: Vec<String> = scheme.tags_of("PER", length).chain(["O".into()]).collect();
                let expected = EntitySpan { start: 0, end: length, label: "PER".into() };
                assert_eq!(entity_spans(&tags), [expected], "{tags:?}");
            }
        }
        assert_eq!(Scheme::Bilou.tags_of("X", 3).collect::<Vec<_>>(), ["B-X", "I-X", "L-X"]);
        assert_eq!(Scheme::Bioes.all_tags_of("X"), ["B-X", "I-X", "E-X", "S-X"]);
        assert_eq!(Scheme::Bio.all_tags_of("X"), ["B-X", "I-X"]);
        assert_eq!(Scheme::Plain.all_tags_of("X"), ["X"]);
    }

    #[test]
    fn tags_are_sorted_by_type_and_prefix() {
        let mut tags = ["I-PER", "B-PER", "O", "I-LOC", "E-LOC", "B-LOC", "MISC"].map(str::to_owned);
        sort_tags(&mut tags);
        assert_eq!(tags, ["O", "B-LOC", "I-LOC", "E-LOC", "MISC", "B-PER", "I-PER"]);
    }

    #[test]
    fn a_type_may_hold_a_hyphen_and_a_prefix_stands_before_one() {
        assert_eq!(split_tag("B-creative-work"), (Some('B'), "creative-work"));
        for plain in ["B", "B-", "X-Y", "PER", "O", ""] {
            assert_eq!(split_tag(plain), (None, plain));
        }
    }

    #[test]
    fn tags_that_are_written_small_are_known_and_read_as_others() {
        let are_small = |tags: &[&str], counts: &[usize]| {
            are_small(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>(), counts)
        };
        assert!(are_small(&["b-per", "i-per", "o"], &[5, 5, 3]));
        assert!(are_small(&["per", "o", "loc"], &[1, 5, 1]));
        assert!(!are_small(&["n", "o", "v"], &[5, 5, 1]), "one of the parts of speech");
        assert!(!are_small(&["o"], &[5]) && !are_small(&["b-per", "O"], &[1, 5]) && !are_small(&["B-x", "o"], &[1, 5]));
        for (small, tag) in [("o", "O"), ("b-per", "B-per"), ("e-PER", "E-PER"), ("x-per", "x-per"), ("loc", "loc")] {
            assert_eq!((to_capital(small).as_str(), to_small(tag).as_str()), (tag, small));
        }
        assert_eq!(to_capital("b-"), "b-");
    }

    #[test]
    fn loose_beginnings_are_counted() {
        let tags = ["I-PER", "O", "B-LOC", "I-LOC", "I-PER"];
        assert_eq!(count_loose_beginnings(&tags, &entity_spans(&tags)), 2);
    }
}
