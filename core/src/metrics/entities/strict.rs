//! From tags to spans as seqeval's `scheme.py` does: only sequences of tags that the scheme allows make an entity.

use serde::{Deserialize, Serialize};

use super::spans::{EntitySpan, NO_TYPE, is_plain};

/// How prefixes mark where an entity begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TagScheme {
    /// `I-`, and `B-` only where an entity follows another of its type.
    Iob1,
    /// `B-` at each entity's first word, `I-` at the others.
    Iob2,
    /// `I-`, and `E-` only where an entity of the same type follows.
    Ioe1,
    /// `E-` at each entity's last word, `I-` at the others.
    Ioe2,
    /// `B-`, `I-`, `E-`, and `S-` for entities of one word.
    Iobes,
    /// `B-`, `I-`, `L-`, and `U-` for entities of one word.
    Bilou,
}

const I: u8 = 1;
const O: u8 = 1 << 1;
const B: u8 = 1 << 2;
const E: u8 = 1 << 3;
const S: u8 = 1 << 4;
const U: u8 = 1 << 5;
const L: u8 = 1 << 6;
const ANY: u8 = I | O | B | E | S | U | L;

/// What has to hold between the types of two neighbours.
#[derive(Clone, Copy)]
enum Types {
    Same,
    Differ,
    Any,
}

use Types::{Any, Differ, Same};

/// Prefixes of a word and of the next, and their types.
type Pattern = (u8, u8, Types);

/// The prefixes of a scheme, and between which neighbours an entity begins, goes on and ends.
struct Rules {
    allowed: u8,
    start: &'static [Pattern],
    inside: &'static [Pattern],
    end: &'static [Pattern],
}

static IOB1: Rules = Rules {
    allowed: I | O | B,
    start: &[(O, I, Any), (I, I, Differ), (B, I, Any), (I, B, Same), (B, B, Same)],
    inside: &[(B, I, Same), (I, I, Same)],
    end: &[(I, I, Differ), (I, O, Any), (I, B, Any), (B, O, Any), (B, I, Differ), (B, B, Same)],
};

static IOB2: Rules = Rules {
    allowed: I | O | B,
    start: &[(ANY, B, Any)],
    inside: &[(B, I, Same), (I, I, Same)],
    end: &[(I, O, Any), (I, I, Differ), (I, B, Any), (B, O, Any), (B, I, Differ), (B, B, Any)],
};

static IOE1: Rules = Rules {
    allowed: I | O | E,
    start: &[(O, I, Any), (I, I, Differ), (E, I, Any), (E, E, Same)],
    inside: &[(I, I, Same), (I, E, Same)],
    end: &[(I, I, Differ), (I, O, Any), (I, E, Differ), (E, I, Same), (E, E, Same)],
};

static IOE2: Rules = Rules {
    allowed: I | O | E,
    start: &[(O, I, Any), (O, E, Any), (E, I, Any), (E, E, Any), (I, I, Differ), (I, E, Differ)],
    inside: &[(I, E, Same), (I, I, Same)],
    end: &[(E, ANY, Any)],
};

static IOBES: Rules = Rules {
    allowed: I | O | B | E | S,
    start: &[(ANY, B, Any), (ANY, S, Any)],
    inside: &[(B, I, Same), (B, E, Same), (I, I, Same), (I, E, Same)],
    end: &[(S, ANY, Any), (E, ANY, Any)],
};

static BILOU: Rules = Rules {
    allowed: B | I | L | O | U,
    start: &[(ANY, B, Any), (ANY, U, Any)],
    inside: &[(B, I, Same), (B, L, Same), (I, I, Same), (I, L, Same)],
    end: &[(U, ANY, Any), (L, ANY, Any)],
};

impl TagScheme {
    fn rules(self) -> &'static Rules {
        match self {
            Self::Iob1 => &IOB1,
            Self::Iob2 => &IOB2,
            Self::Ioe1 => &IOE1,
            Self::Ioe2 => &IOE2,
            Self::Iobes => &IOBES,
            Self::Bilou => &BILOU,
        }
    }
}

#[derive(Clone, Copy)]
struct Token<'a> {
    prefix: u8,
    label: &'a str,
}

const OUTSIDE: Token<'static> = Token { prefix: O, label: NO_TYPE };

impl<'a> Token<'a> {
    /// `None` for a prefix that no scheme has.
    fn parse(tag: &'a str) -> Option<Self> {
        if is_plain(tag) {
            return Some(Self { prefix: I, label: tag });
        }
        let mut chars = tag.chars();
        let prefix = match chars.next()? {
            'I' => I,
            'O' => O,
            'B' => B,
            'E' => E,
            'S' => S,
            'U' => U,
            'L' => L,
            _ => return None,
        };
        let label = chars.as_str().trim_matches('-');
        Some(Self { prefix, label: if label.is_empty() { NO_TYPE } else { label } })
    }
}

fn matches_any(patterns: &[Pattern], previous: Token<'_>, token: Token<'_>) -> bool {
    patterns.iter().any(|&(before, here, types)| {
        let types_match = match types {
            Same => previous.label == token.label,
            Differ => previous.label != token.label,
            Any => true,
        };
        before & previous.prefix != 0 && here & token.prefix != 0 && types_match
    })
}

/// The entities of one sequence in order, as the scheme has them; `None` when a tag is not of the scheme.
#[must_use]
pub fn strict_entity_spans<T: AsRef<str>>(tags: &[T], scheme: TagScheme) -> Option<Vec<EntitySpan>> {
    let rules = scheme.rules();
    let mut tokens = tags.iter().map(|tag| Token::parse(tag.as_ref())).collect::<Option<Vec<_>>>()?;
    if tokens.iter().any(|token| rules.allowed & token.prefix == 0) {
        return None;
    }
    tokens.push(OUTSIDE);
    let mut spans = Vec::new();
    let mut index = 0;
    let mut previous = OUTSIDE;
    while index < tokens.len() {
        let token = tokens[index];
        if matches_any(rules.start, previous, token) {
            let start = index;
            index += 1;
            // The last token is outside, and that neither starts an entity nor goes on with one.
            while matches_any(rules.inside, tokens[index - 1], tokens[index]) {
                index += 1;
            }
            if matches_any(rules.end, tokens[index - 1], tokens[index]) {
                spans.push(EntitySpan { start, end: index, label: token.label.to_string() });
            }
        } else {
            index += 1;
        }
        previous = tokens[index - 1];
    }
    Some(spans)
}

/// The scheme whose prefixes these are, as seqeval's `auto_detect` guesses it: IOB2, IOE2, IOBES or BILOU. `None` where
/// no entity begins, prefixes of several schemes are mixed, or a tag has none.
#[must_use]
pub fn detect_tag_scheme<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Option<TagScheme> {
    let mut seen = 0;
    for tag in tags {
        seen |= Token::parse(tag.as_ref())?.prefix;
    }
    let is_made_of = |required: u8, optional: u8| seen & required == required && seen & !(required | optional) == 0;
    if is_made_of(B, I | O) {
        Some(TagScheme::Iob2)
    } else if is_made_of(E, I | O) {
        Some(TagScheme::Ioe2)
    } else if is_made_of(B | E, I | O | S) || seen == S {
        Some(TagScheme::Iobes)
    } else if is_made_of(B | L, I | O | U) || seen == U {
        Some(TagScheme::Bilou)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tags: &str, scheme: TagScheme) -> Option<Vec<(usize, usize, String)>> {
        let tags: Vec<&str> = tags.split_whitespace().collect();
        let spans = strict_entity_spans(&tags, scheme)?;
        Some(spans.into_iter().map(|span| (span.start, span.end, span.label)).collect())
    }

    fn spans(expected: &[(usize, usize, &str)]) -> Option<Vec<(usize, usize, String)>> {
        Some(expected.iter().map(|&(start, end, label)| (start, end, label.to_string())).collect())
    }

    #[test]
    fn an_entity_that_breaks_the_scheme_does_not_count() {
        assert_eq!(found("B-PER I-PER I-LOC O", TagScheme::Iob2), spans(&[(0, 2, "PER")]));
        assert_eq!(found("I-PER O B-LOC", TagScheme::Iob2), spans(&[(2, 3, "LOC")]));
        assert_eq!(found("B-PER I-PER O S-LOC", TagScheme::Iobes), spans(&[(3, 4, "LOC")]));
        assert_eq!(found("B-PER L-PER U-LOC", TagScheme::Bilou), spans(&[(0, 2, "PER"), (2, 3, "LOC")]));
    }

    #[test]
    fn tags_of_another_scheme_are_refused() {
        assert_eq!(found("B-PER E-PER", TagScheme::Iob2), None);
        assert_eq!(found("X-PER", TagScheme::Iob2), None);
        assert_eq!(strict_entity_spans(&[""], TagScheme::Iob2), None);
        assert_eq!(found("", TagScheme::Iob2), spans(&[]));
    }

    #[test]
    fn the_scheme_is_seen_by_its_prefixes() {
        let detect = |tags: &str| detect_tag_scheme(tags.split_whitespace());
        assert_eq!(detect("O B-PER I-PER"), Some(TagScheme::Iob2));
        assert_eq!(detect("I-PER E-PER"), Some(TagScheme::Ioe2));
        assert_eq!(detect("B-PER E-PER O"), Some(TagScheme::Iobes));
        assert_eq!(detect("U-PER"), Some(TagScheme::Bilou));
        for unclear in ["", "O", "O I-PER", "O S-PER", "B-PER E-PER L-PER", "PER O", "X-PER B-PER"] {
            assert_eq!(detect(unclear), None, "{unclear}");
        }
    }

    #[test]
    fn schemes_are_written_in_capitals() {
        assert_eq!(serde_json::to_string(&TagScheme::Iobes).expect("a name"), "\"IOBES\"");
    }
}
