//! Names under which columns are known. In: a cell. Out: whether it is such a name, and where it stands in a list of them.

/// Names under which labels are known, best first.
pub(in crate::data) const LABEL_NAMES: &[&str] = &[
    "label",
    "gold_label",
    "labels",
    "category",
    "class",
    "intent",
    "target",
    "sentiment",
    "topic",
    "tag",
    "emotion",
    "label_text",
    "label_name",
    "coarse_label",
    "type",
    "polarity",
    "stars",
    "rating",
    "score",
    "y",
    "kategorie",
    "klasse",
];

/// Names under which texts are known, best first.
pub(in crate::data) const TEXT_NAMES: &[&str] = &[
    "text",
    "sentence",
    "question",
    "review",
    "review_text",
    "reviewtext",
    "message",
    "utterance",
    "content",
    "document",
    "body",
    "comment",
    "tweet",
    "tweet_text",
    "full_text",
    "query",
    "input",
    "description",
    "abstract",
    "overview",
    "plot",
    "synopsis",
    "headline",
    "title",
    "summary",
    "x",
];

/// Names of other columns that tables of texts often have: one alone could be a value, two are a header.
const OTHER_NAMES: &[&str] = &[
    "id",
    "idx",
    "index",
    "nr",
    "no",
    "uid",
    "uuid",
    "name",
    "date",
    "datum",
    "time",
    "timestamp",
    "created_at",
    "year",
    "author",
    "user",
    "user_id",
    "gender",
    "language",
    "lang",
    "sprache",
    "source",
    "split",
    "fold",
    "url",
    "link",
    "subject",
    "status",
    "priority",
    "department",
    "product",
    "version",
    "article",
    "highlights",
    "dialogue",
    "inputs",
    "targets",
    "prompt",
    "completion",
    "instruction",
    "output",
    "response",
    "answer",
    "context",
    "messages",
    "conversation",
    "conversations",
    "premise",
    "hypothesis",
    "sentence1",
    "sentence2",
    "anchor",
    "positive",
    "passage",
    "#1_string",
    "#2_string",
    "en",
    "de",
    "fr",
    "es",
    "pt",
    "nl",
    "pl",
    "cs",
    "ru",
    "tr",
    "ar",
    "hi",
    "zh",
    "ja",
    "ko",
    "english",
    "german",
    "french",
    "spanish",
    "portuguese",
    "italian",
    "dutch",
    "russian",
    "turkish",
    "arabic",
    "hindi",
    "chinese",
    "japanese",
    "korean",
    "texte",
    "texto",
    "testo",
    "tekst",
    "satz",
    "frase",
    "phrase",
    "nachricht",
    "mensaje",
    "meldung",
    "kommentar",
    "commentaire",
    "comentario",
    "frage",
    "antwort",
    "titel",
    "bewertung",
    "abteilung",
    "catégorie",
    "categoría",
    "categoria",
    "categorie",
    "classe",
    "clase",
    "étiquette",
    "etiqueta",
    "etichetta",
    "текст",
    "метка",
    "категория",
    "класс",
    "文本",
    "内容",
    "标签",
    "类别",
    "テキスト",
    "ラベル",
    "カテゴリ",
    "텍스트",
    "라벨",
];

/// Names of texts that may as well be labels, or come before a colon: only where there is one column do they name it.
const ALONE_NAMES: &[&str] = &[
    "feedback",
    "email",
    "mail",
    "post",
    "reply",
    "request",
    "complaint",
    "ticket",
    "sms",
    "note",
    "remark",
    "quote",
    "claim",
    "paragraph",
    "line",
    "src",
    "transcript",
];

/// Longest cell that is taken for a column name, in characters.
pub(super) const MAX_NAME: usize = 64;

/// Index of a column name in a list of known ones, ignoring case, spaces and underscores around and within.
pub(crate) fn name_rank(name: &str, known: &[&str]) -> Option<usize> {
    let name = name.trim();
    if name.len() > MAX_NAME {
        return None;
    }
    let plain = name.to_lowercase().replace([' ', '-'], "_");
    known.iter().position(|known| *known == plain)
}

/// Whether a cell is surely a column name; a single letter is as likely a value.
pub(super) fn is_known(name: &str) -> bool {
    name.trim().len() > 1 && (name_rank(name, LABEL_NAMES).is_some() || name_rank(name, TEXT_NAMES).is_some())
}

/// A name of several words of which one is known, as in `ticket_text`, `Issue Category`, `Review.Text` or `reviewText`, or another
/// frequent name.
pub(super) fn is_familiar(name: &str) -> bool {
    is_known(name) || name_rank(name, OTHER_NAMES).is_some() || words_of(name).any(is_known)
}

/// Whether a cell may name the only column of a file, which holds texts: one of the known names, or one word that holds one, as
/// `user_input`. Two letters (`no`, `hi`) are as likely a text.
pub(super) fn is_name_of_texts(name: &str) -> bool {
    let name = name.trim();
    let lists = [LABEL_NAMES, TEXT_NAMES, OTHER_NAMES, ALONE_NAMES];
    let is_listed = || lists.iter().any(|known| name_rank(name, known).is_some());
    name.len() > 2 && (is_listed() || (is_familiar(name) && !name.contains(char::is_whitespace)))
}

/// The words of a name, which stand between spaces, underscores, hyphens and dots, or begin with a capital within a word.
pub(in crate::data) fn words_of(name: &str) -> impl Iterator<Item = &str> {
    let parts = name.trim_end_matches([':', '*', '?']).split([' ', '_', '-', '.']);
    parts.flat_map(split_at_capitals).filter(|word| !word.is_empty())
}

/// `reviewText`: `review` and `Text`.
fn split_at_capitals(word: &str) -> Vec<&str> {
    let (mut parts, mut start, mut was_small) = (Vec::new(), 0, false);
    for (at, letter) in word.char_indices() {
        if was_small && letter.is_uppercase() {
            parts.push(&word[start..at]);
            start = at;
        }
        was_small = letter.is_lowercase();
    }
    parts.push(&word[start..]);
    parts
}

/// Index in a list of known names of the word that a longer name ends in, which says what it is: that of `sentiment` for
/// `airline_sentiment` and for `Sentiment Name`, and none for `airline_sentiment_confidence`.
pub(in crate::data) fn ending_rank(name: &str, known: &[&str]) -> Option<usize> {
    if name.len() > MAX_NAME {
        return None;
    }
    match words_of(name).collect::<Vec<&str>>().as_slice() {
        [.., word, end] if end.eq_ignore_ascii_case("name") => name_rank(word, known),
        [_, .., word] => name_rank(word, known),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_words_are_familiar_by_one_of_them() {
        for name in
            ["ticket_text", "Issue Category", "Input.text", "Answer.category.label", "reviewText", "Which label?"]
        {
            assert!(is_familiar(name), "{name}");
        }
        for name in ["Context", "reviewer", "subtext", "t.team", ""] {
            assert!(!words_of(name).any(is_known), "{name}");
        }
        assert_eq!(words_of("HITId_Input.textLong?").collect::<Vec<_>>(), ["HITId", "Input", "text", "Long"]);
    }

    #[test]
    fn names_of_the_only_column_are_words() {
        for name in ["prompt", "Instruction", "feedback", "user_input", "reviewText", "full text", "文本"] {
            assert!(is_name_of_texts(name), "{name}");
        }
        for name in ["no", "hi", "x", "what a great title", "great review", "hello", ""] {
            assert!(!is_name_of_texts(name), "{name}");
        }
    }

    #[test]
    fn a_name_is_what_its_last_word_says() {
        let rank = |name: &str| ending_rank(name, LABEL_NAMES).map(|rank| LABEL_NAMES[rank]);
        assert_eq!(rank("airline_sentiment"), Some("sentiment"));
        assert_eq!((rank("Class Name"), rank("issueCategory")), (Some("class"), Some("category")));
        for name in ["airline_sentiment_confidence", "label_id", "sentiment", "name", "airline", ""] {
            assert_eq!(rank(name), None, "{name}");
        }
    }
}
