//! Augmentation of texts: which changed copies of its training rows a run also learns from. Only the training split has any.
//!
//! After EDA (Wei and Zou 2019, <https://arxiv.org/abs/1901.11196>): each copy is changed in one way, in a share of its words.

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, RunConfig, SwapPairs};

/// The word for no augmentation.
const NONE: &str = "none";

/// The settings of augmentation, by their names.
const SETTINGS: [&str; 4] = ["augment_texts", "augment_copies", "augment_share", "augment_pairs"];

/// Why other tasks have none, to go on after what their model does.
const OF_WHOLE_TEXTS: &str = "; augmentation is for texts that have labels or numbers as a whole: what has its place in a text, or is \
                              the text, would be wrong once words are changed";

/// How a copy of a text is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AugmentKind {
    /// Words become others that mean the same, from a table that comes with Hone.
    Synonyms,
    /// Words change places.
    Swap,
    /// Words are left out.
    Deletion,
    /// Words are mistyped: a key beside, a letter twice, left out, or before the one in front of it.
    Typos,
    /// Words become what a model that fills in blanks thinks likely in their place. It is no setting of a run: such copies are made
    /// before it, and are data ([`MadeCopies`](super::MadeCopies)).
    Masked,
    /// Texts were translated into another language and back. Made before a run, too.
    Translated,
    /// Words of pairs that a person named take each other's place: a copy of its own beside those of the other kinds.
    Pairs,
}

impl AugmentKind {
    /// All that can be chosen for copies of any text.
    pub const ALL: [Self; 4] = [Self::Synonyms, Self::Swap, Self::Deletion, Self::Typos];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Synonyms => "synonyms",
            Self::Swap => "swap",
            Self::Deletion => "deletion",
            Self::Typos => "typos",
            Self::Masked => "masked",
            Self::Translated => "translated",
            Self::Pairs => "pairs",
        }
    }
}

/// Changed copies of training rows; without a kind there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextAugmentation {
    /// How copies are changed: one after the other, each copy in one way.
    pub augment_texts: Vec<AugmentKind>,
    /// Copies of each row.
    pub augment_copies: u32,
    /// Share of the words of a text that are changed in a copy, at least one word: alpha of the paper.
    pub augment_share: f64,
    /// Pairs of words, as they are typed (`he=she`, `pronouns`): each row that has one of them gets a copy with the other in its
    /// place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub augment_pairs: Vec<String>,
}

impl Default for TextAugmentation {
    fn default() -> Self {
        Self { augment_texts: Vec::new(), augment_copies: 1, augment_share: 0.1, augment_pairs: Vec::new() }
    }
}

impl TextAugmentation {
    /// Whether there is nothing that a job file would have to say.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether rows stay as they are.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.augment_texts.is_empty() && self.augment_pairs.is_empty()
    }

    /// Copies of a row, at most.
    #[must_use]
    pub fn max_copies(&self) -> usize {
        let of_kinds = if self.augment_texts.is_empty() { 0 } else { self.augment_copies as usize };
        of_kinds + usize::from(!self.augment_pairs.is_empty())
    }

    /// Why a task has no use for a setting of this name, to go on after what its model does; empty for settings of anything
    /// else.
    #[must_use]
    pub fn why_of_whole_texts(setting: &str) -> &'static str {
        if SETTINGS.contains(&setting) { OF_WHOLE_TEXTS } else { "" }
    }

    /// The kinds as they are typed.
    pub(super) fn kinds_to_text(&self) -> String {
        match self.augment_texts.is_empty() {
            true => NONE.to_owned(),
            false => self.augment_texts.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
        }
    }

    /// The kinds of a typed text: `synonyms, swap`; `none` is none.
    pub(super) fn parse_kinds(text: &str) -> Result<Vec<AugmentKind>, String> {
        let mut kinds = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != NONE) {
            let kind = AugmentKind::ALL.into_iter().find(|kind| kind.name() == name);
            let kind = kind.ok_or_else(|| format!("{name:?} is not one of {}", known_names()))?;
            if kinds.contains(&kind) {
                return Err(format!("{name:?} is named twice"));
            }
            kinds.push(kind);
        }
        Ok(kinds)
    }
}

impl TextAugmentation {
    /// The pairs as they are typed.
    pub(super) fn pairs_to_text(&self) -> String {
        if self.augment_pairs.is_empty() { NONE.to_owned() } else { self.augment_pairs.join(", ") }
    }

    /// The pairs of a typed text: `he=she, pronouns`; `none` is none.
    pub(super) fn parse_pairs(text: &str) -> Result<Vec<String>, String> {
        let pairs = text.split([',', '\n']).map(str::trim).filter(|pair| !pair.is_empty() && *pair != NONE);
        let pairs: Vec<String> = pairs.map(str::to_owned).collect();
        SwapPairs::parse(&pairs).map(|_| pairs)
    }
}

fn known_names() -> String {
    let names: Vec<&str> = AugmentKind::ALL.iter().map(|kind| kind.name()).collect();
    format!("{NONE}, {}", names.join(", "))
}

impl RunConfig {
    /// Settings of augmentation that a run would have no use for, whatever the task.
    pub(super) fn check_augmentation(&self) -> Vec<ConfigProblem> {
        let (own, usual) = (&self.augmentation, TextAugmentation::default());
        if let Err(message) = SwapPairs::parse(&own.augment_pairs) {
            return vec![ConfigProblem { field: "augment_pairs".to_owned(), message }];
        }
        if !own.augment_texts.is_empty() {
            return Vec::new();
        }
        let set = [
            ("augment_copies", own.augment_copies != usual.augment_copies),
            ("augment_share", own.augment_share != usual.augment_share),
        ];
        let unused = set.into_iter().filter(|(_, is_set)| *is_set);
        let message = || "has no effect: augment_texts names no way in which texts are changed".to_owned();
        unused.map(|(field, _)| ConfigProblem { field: field.to_owned(), message: message() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RunDraft, TaskSettings};
    use super::*;

    fn resolve(typed: &[(&str, &str)]) -> Result<TextAugmentation, Vec<ConfigProblem>> {
        let draft = RunDraft::from_typed(typed.iter().copied());
        draft.resolve(&RunConfig::default()).map(|run| run.augmentation)
    }

    #[test]
    fn kinds_are_typed_with_commas_between() {
        let found = resolve(&[("augment_texts", "swap, typos"), ("augment_copies", "4")]).expect("all good");
        assert_eq!(
            (found.augment_texts.as_slice(), found.augment_copies),
            (&[AugmentKind::Swap, AugmentKind::Typos][..], 4)
        );
        assert_eq!(found.kinds_to_text(), "swap, typos");
        assert_eq!(resolve(&[("augment_texts", "none")]).expect("all good"), TextAugmentation::default());
        let wrong = |text: &str| resolve(&[("augment_texts", text)]).expect_err(text).remove(0).message;
        assert_eq!(wrong("swop"), "\"swop\" is not one of none, synonyms, swap, deletion, typos");
        assert_eq!(wrong("swap,swap"), "\"swap\" is named twice");
    }

    #[test]
    fn what_changes_nothing_is_refused() {
        let augmentation = TextAugmentation { augment_copies: 2, augment_share: 0.2, ..TextAugmentation::default() };
        let run = RunConfig { augmentation, ..RunConfig::default() };
        let fields: Vec<String> = run.check_augmentation().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["augment_copies", "augment_share"]);
        let augment_texts = vec![AugmentKind::Deletion];
        let augmentation = TextAugmentation { augment_texts, ..run.augmentation };
        assert!(RunConfig { augmentation, ..RunConfig::default() }.check_augmentation().is_empty());
    }

    #[test]
    fn tasks_whose_labels_have_a_place_in_the_text_say_why_they_have_none() {
        let augment_texts = vec![AugmentKind::Swap];
        let augmentation = TextAugmentation { augment_texts, ..TextAugmentation::default() };
        let run = RunConfig { augmentation, ..RunConfig::default() };
        let tokens = TaskSettings { does: "labels words", settings: &[], columns: &[], figures: &["loss"] };
        let problems = run.check_for(&tokens, 2, true);
        assert!(problems.len() == 1 && problems[0].field == "augment_texts", "{problems:?}");
        assert!(
            problems[0].message.starts_with("has no effect: this model labels words; augmentation is for"),
            "{problems:?}"
        );
        let texts = TaskSettings { does: "labels texts", settings: &SETTINGS, ..tokens };
        assert!(run.check_for(&texts, 2, true).is_empty());
    }

    #[test]
    fn it_is_in_the_file_only_where_there_is_any() {
        let plain = serde_json::to_string(&RunConfig::default()).expect("plain values");
        assert!(!plain.contains("augment"), "{plain}");
        let augmentation =
            TextAugmentation { augment_texts: vec![AugmentKind::Synonyms], ..TextAugmentation::default() };
        let run = RunConfig { augmentation, ..RunConfig::default() };
        let text = serde_json::to_string(&run).expect("plain values");
        assert!(
            text.contains(r#""augmentation":{"augment_texts":["synonyms"],"augment_copies":1,"augment_share":0.1}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<RunConfig>(&text).expect("its own JSON"), run);
    }

    #[test]
    fn pairs_are_typed_with_commas_and_wrong_ones_refused_from_wherever_they_come() {
        let found = resolve(&[("augment_pairs", "he=she, pronouns2=x")]).expect("two pairs");
        assert_eq!(found.augment_pairs, ["he=she", "pronouns2=x"]);
        assert_eq!((found.pairs_to_text().as_str(), found.is_none()), ("he=she, pronouns2=x", false));
        assert!(resolve(&[("augment_pairs", "none")]).expect("none").is_none());
        let error = resolve(&[("augment_pairs", "he=she, he=it")]).expect_err("a word in two pairs");
        assert!(error[0].message.contains("stands in two pairs"), "{error:?}");
        let augmentation = TextAugmentation { augment_pairs: vec!["he".into()], ..TextAugmentation::default() };
        let of_job = RunConfig { augmentation, ..RunConfig::default() };
        assert_eq!(of_job.check_augmentation()[0].field, "augment_pairs");
    }
}
