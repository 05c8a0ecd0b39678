//! Refuses settings with which the `tokenizers` crate loses its place in a text, and then panics or takes characters twice.
//!
//! In: what a step replaces, or a tokenizer with all its added tokens. Out: what is wrong with it. The crate keeps, for each
//! byte of a changed text, from where in the text as it was it came. What is put before the first character came from an
//! empty place there, which the steps behind leave out when they ask for the whole text. And it looks for added tokens in
//! bytes: a token of which nothing is left is found within a character.

use std::collections::BTreeSet;

use tokenizers::normalizers::Replace;
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::tokenizer::normalizer::Range;
use tokenizers::{AddedToken, NormalizedString, Normalizer};

/// Characters that an expression is tried on, beside its own. What matches some characters or none (`[a-z]*`) matches none before
/// at least one of these.
const TRIED: &str = "aZ0 .\n_é你\u{301}";

/// Most characters of an expression that it is tried on.
const MAX_OWN: usize = 32;

/// Whether a step that replaces what an expression matches can put its content before a text.
///
/// An expression that matches nothing before two certain characters only is not found out.
///
/// # Errors
/// Says what is wrong.
pub(super) fn check_replacement(expression: &str, content: &str) -> Result<(), String> {
    if content.is_empty() {
        return Ok(());
    }
    // What is wrong with the expression itself, the crate says when it reads the file.
    let Ok(replace) = Replace::new(ReplacePattern::Regex(expression.to_owned()), content) else { return Ok(()) };
    let letters: BTreeSet<char> = TRIED.chars().chain(expression.chars().take(MAX_OWN)).collect();
    if letters.into_iter().any(|letter| is_put_before(&replace, letter)) {
        return Err(format!(
            "its normalizer puts {content:?} before texts, where {expression:?} matches no character: \
             the step \"Prepend\" does that"
        ));
    }
    Ok(())
}

/// Whether the whole of a text is another than what came from the whole text as it was.
fn is_put_before(replace: &Replace, letter: char) -> bool {
    let mut text = NormalizedString::from(letter.to_string());
    let num_bytes = match replace.normalize(&mut text) {
        Ok(()) => text.get().len(),
        Err(_) => 0,
    };
    num_bytes > 0 && text.convert_offsets(Range::Original(..)) != Some(0..num_bytes)
}

/// Whether the crate can look for the added tokens in any text.
///
/// # Errors
/// Says of which it can't.
pub(super) fn check_added(inner: &tokenizers::Tokenizer) -> tokenizers::Result<()> {
    let by_id = inner.get_added_tokens_decoder();
    let mut tokens: Vec<&AddedToken> = by_id.values().collect();
    tokens.sort_unstable_by_key(|token| token.content.as_str());
    for token in &tokens {
        let form = form(inner, token)?;
        let content = &token.content;
        if form.is_empty() {
            let problem = format!(
                "nothing is left of its added token {content:?} after its normalizer, so it would be found between all \
                 bytes: remove it, or give it \"normalized\": false"
            );
            return Err(problem.into());
        }
        // The token before has taken the spaces, this one begins behind them, and ends before it begins.
        let takes_spaces = |other: &&AddedToken| other.rstrip && other.normalized == token.normalized;
        if token.lstrip && !token.rstrip && form.trim().is_empty() && tokens.iter().any(takes_spaces) {
            let problem = format!(
                "its added token {content:?} is made of spaces, and takes those before it (lstrip), as another takes those \
                 behind it (rstrip): give it \"lstrip\": false"
            );
            return Err(problem.into());
        }
    }
    Ok(())
}

/// What is looked for in a text.
fn form(inner: &tokenizers::Tokenizer, token: &AddedToken) -> tokenizers::Result<String> {
    let mut text = NormalizedString::from(token.content.as_str());
    if token.normalized
        && let Some(normalizer) = inner.get_normalizer()
    {
        normalizer.normalize(&mut text)?;
    }
    Ok(text.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, ids, tokenizer};
    use super::*;
    use crate::tokenizer::Tokenizer;

    #[test]
    fn expressions_that_match_nothing_put_nothing_before_a_text() {
        for good in [" {2,}", r"\s+", "a|é", r"[\s\S]+", "(?<=a) ", "(unclosed"] {
            check_replacement(good, "é").unwrap_or_else(|problem| panic!("{good:?}: {problem}"));
        }
        for bad in ["^", "", "x*", "[a-z]*", "[^a-z]*", r"\W*", "[ -~]*", "(?!x)", "(?=q)", r"\b", "(q|)"] {
            let problem = check_replacement(bad, "é").expect_err(bad);
            assert!(problem.contains("\"é\" before texts"), "{problem}");
            check_replacement(bad, "").expect("nothing is put there");
        }
    }

    #[test]
    fn added_tokens_are_left_after_the_normalizer() {
        let mut folder = bert();
        folder.insert("added_tokens.json", "{\"\u{202e}\": 9}");
        let problem = Tokenizer::from_folder(&folder, None).expect_err("no letter is left").to_string();
        assert!(problem.contains("\\u{202e}") && problem.contains("\"normalized\": false"), "{problem}");
        folder.insert("added_tokens.json", "{\"a\u{202e}\": 9}");
        assert_eq!(ids(&tokenizer(&folder), "hello 你 a!", 64), [2, 5, 1, 9, 8, 3]);
    }

    #[test]
    fn spaces_belong_to_one_added_token() {
        let config = |lstrip: bool| {
            let token = |content: &str, lstrip: bool, rstrip: bool| {
                serde_json::json!({"content": content, "lstrip": lstrip, "rstrip": rstrip, "normalized": false,
                    "single_word": false, "special": false})
            };
            let added = serde_json::json!({"9": token("[E]", false, true), "10": token(" ", lstrip, false)});
            serde_json::json!({"tokenizer_class": "BertTokenizer", "added_tokens_decoder": added}).to_string()
        };
        let mut folder = bert();
        folder.insert("tokenizer_config.json", config(true));
        let problem = Tokenizer::from_folder(&folder, None).expect_err("both take spaces").to_string();
        assert!(problem.contains("its added token \" \"") && problem.contains("rstrip"), "{problem}");
        folder.insert("tokenizer_config.json", config(false));
        let known = tokenizer(&folder);
        assert!(!ids(&known, "hello[E]   world", 64).is_empty());
    }
}
