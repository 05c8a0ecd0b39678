//! Names under which columns are known. In: a cell. Out: whether it is such a name, and where it stands in a list of them.

/// Names under which labels are known, best first.
pub(in crate::data) const LABEL_NAMES: &[&str] = &[
    "label",
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
    "message",
    "utterance",
    "content",
    "document",
    "body",
    "comment",
    "tweet",
    "query",
    "input",
    "description",
    "headline",
    "title",
    "abstract",
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

/// A name of several words of which one is known, as in `ticket_text` or `Issue Category`, or another frequent name.
pub(super) fn is_familiar(name: &str) -> bool {
    let has_known_word = || name.split([' ', '_', '-']).any(is_known);
    is_known(name) || name_rank(name, OTHER_NAMES).is_some() || has_known_word()
}
