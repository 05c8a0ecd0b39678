//! Patterns for paths, as cards of data sets have them: `data/train-*.parquet`. In: a pattern and a path with `/` between its parts. Out:
//! whether it is one of those that are meant. Takes time in proportion to both lengths, whatever the pattern is.

/// A part of a pattern.
enum Token {
    /// This letter.
    Letter(char),
    /// `?`: any letter but `/`.
    One,
    /// `*`: any letters but `/`.
    Star,
    /// `**`: any letters.
    All,
    /// `**/`: nothing, or folders.
    Folders,
    /// `[a-c]`: a letter between two, or `[!a-c]` one that is not.
    Set(Vec<(char, char)>, bool),
}

/// Whether a path matches a pattern.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let path: Vec<char> = path.chars().collect();
    // Whether the pattern so far may end before each letter.
    let mut ends = vec![false; path.len() + 1];
    ends[0] = true;
    for token in tokens(pattern) {
        ends = after(&token, &path, &ends);
    }
    ends[path.len()]
}

/// Where a token may end, if it begins at one of `starts`.
fn after(token: &Token, path: &[char], starts: &[bool]) -> Vec<bool> {
    let mut ends = vec![false; starts.len()];
    let is_it = |letter: char| match token {
        Token::Letter(own) => letter == *own,
        Token::One => letter != '/',
        Token::Set(ranges, is_other) => {
            letter != '/' && ranges.iter().any(|(from, to)| (*from..=*to).contains(&letter)) != *is_other
        }
        Token::Star | Token::All | Token::Folders => false,
    };
    let mut is_within = false;
    for (at, &is_start) in starts.iter().enumerate() {
        let before = at.checked_sub(1).map(|last| path[last]);
        match token {
            Token::Star => {
                is_within = is_start || (is_within && before != Some('/'));
                ends[at] = is_within;
            }
            Token::All => {
                is_within |= is_start;
                ends[at] = is_within;
            }
            Token::Folders => {
                ends[at] = is_start || (is_within && before == Some('/'));
                is_within |= is_start;
            }
            Token::Letter(_) | Token::One | Token::Set(..) => {
                ends[at] = at.checked_sub(1).is_some_and(|last| starts[last]) && before.is_some_and(is_it);
            }
        }
    }
    ends
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut letters = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' if letters.next_if_eq(&'*').is_none() => Token::Star,
            '*' if letters.next_if_eq(&'/').is_some() => Token::Folders,
            '*' => Token::All,
            '?' => Token::One,
            '[' => {
                let is_other = letters.next_if(|next| matches!(next, '!' | '^')).is_some();
                let inside: Vec<char> = letters.by_ref().take_while(|letter| *letter != ']').collect();
                Token::Set(ranges(&inside), is_other)
            }
            letter => Token::Letter(letter),
        });
    }
    tokens
}

/// Letters, and those between two with a dash.
fn ranges(inside: &[char]) -> Vec<(char, char)> {
    let (mut ranges, mut at) = (Vec::new(), 0);
    while at < inside.len() {
        match inside[at..] {
            [from, '-', to, ..] => {
                ranges.push((from, to));
                at += 3;
            }
            _ => {
                ranges.push((inside[at], inside[at]));
                at += 1;
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_in_cards() {
        for (pattern, path, expected) in [
            ("data/train-*", "data/train-00000-of-00002.parquet", true),
            ("data/train-*", "data/test-00000-of-00002.parquet", false),
            ("data/train-*", "data/train-old/1.csv", false),
            ("*.csv", "a.csv", true),
            ("*.csv", "en/a.csv", false),
            ("**/*.csv", "a.csv", true),
            ("**/*.csv", "x/en/a.csv", true),
            ("**", "x/en/a.csv", true),
            ("en/**", "en/x/a.csv", true),
            ("en/**", "fr/x/a.csv", false),
            ("train-[0-9][0-9].js*", "train-07.jsonl", true),
            ("train-[!0-9].csv", "train-7.csv", false),
            ("tr?in.csv", "train.csv", true),
            ("train.csv", "train.csv", true),
            ("train.csv", "xtrain.csv", false),
            ("a[", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_ends(pattern in "[a*?/\\[\\]!-]{0,40}", path in "[a/b]{0,60}") {
            let _ = matches(&pattern, &path);
            prop_assert!(matches("**", &path));
        }
    }
}
