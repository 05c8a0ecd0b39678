//! Texts that a model writes: the settings as typed, the prompt, and what has come so far. Plain data; the only way to
//! change a [`Writing`] is [`Writing::apply`].

use std::str::FromStr;

use hone_core::config::{ConfigProblem, Kind, PromptFormat};
use hone_core::generate::{
    EarlyStopping, FilterCounts, OutputFilters, SamplingConfig, TokenRules, adopt_generation_config,
};
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::tokenizer::{Role, Turn};

use super::fields::{FieldSpec, typed};
use super::numbers::normalised;

const fn whole(name: &'static str, label: &'static str, unit: &'static str, hint: &'static str) -> FieldSpec {
    typed(Kind::Whole, name, label, unit, hint)
}

const fn real(name: &'static str, label: &'static str, unit: &'static str, hint: &'static str) -> FieldSpec {
    typed(Kind::Real, name, label, unit, hint)
}

/// When the search for the likeliest text ends.
const EARLY_STOPPING: FieldSpec = FieldSpec {
    choices: &[
        ("false", "when no text that runs on is better"),
        ("true", "at once"),
        ("never", "when none can become better"),
    ],
    ..typed(
        Kind::Choice,
        "early_stopping",
        "End of the search",
        "",
        "With beams: what happens once as many texts have ended as there are beams.",
    )
};

/// Whether personal data are replaced.
const PERSONAL_DATA: FieldSpec = FieldSpec {
    choices: &[("false", "stay as they are written"), ("true", "are replaced")],
    ..typed(
        Kind::Choice,
        "personal_data",
        "Mail addresses and numbers",
        "",
        "Phone, account and card numbers; names are not found. Only here: other programs that load the model replace nothing.",
    )
};

/// Settings of writing, each with the value that it has where nothing is typed and the model's own file does not say.
pub(crate) const SAMPLING_FIELDS: &[(FieldSpec, &str)] = &[
    (whole("max_new_tokens", "Longest answer", "tokens", "The model may end it earlier."), "64"),
    (real("temperature", "Temperature", "0 is off", "0 always takes the likeliest token; higher is more varied."), "0"),
    (real("top_p", "Top p", "1 is off", "Draws only from the likeliest tokens that together reach this share."), "1"),
    (whole("top_k", "Top k", "tokens, 0 is off", "Draws only from this many of the likeliest tokens."), "50"),
    (real("repetition_penalty", "Repetition penalty", "1 is off", "Above 1, the model repeats itself less."), "1"),
    (whole("no_repeat_ngram_size", "Never repeat", "tokens, 0 is off", "No sequence of this length comes twice."), "0"),
    (whole("num_beams", "Beams", "texts, 1 is off", "Looks for the likeliest text; it shows at the end."), "1"),
    (real("length_penalty", "Length penalty", "with beams", "Above 0 prefers long texts, below 0 short ones."), "1"),
    (EARLY_STOPPING, "false"),
    (whole("seed", "Seed", "whole number", "The same seed draws the same, before and after training."), "0"),
    (typed(Kind::Words, "stop", "Stop at", "text", "Ends before this text; \\n is a line break. Empty is off."), ""),
    (
        typed(
            Kind::Words,
            "blocked_words",
            "Blocked words",
            "commas between",
            "Replaced as whole words, whatever their case, and counted; the text shows at its end.",
        ),
        "",
    ),
    (PERSONAL_DATA, "false"),
    (typed(Kind::Words, "replacement", "Replaced by", "text", "What stands for what is blocked."), "[removed]"),
];

/// Settings as typed; what is missing is as the model's generation_config.json says, else has its default.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SamplingDraft(Vec<(&'static str, String)>);

impl SamplingDraft {
    /// What was typed into a field.
    pub(crate) fn typed(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| *field == name).map(|(_, text)| text.as_str())
    }

    /// Types into a field, or clears it.
    pub(crate) fn set_typed(&mut self, name: &'static str, value: Option<String>) {
        self.0.retain(|(field, _)| *field != name);
        self.0.extend(value.map(|value| (name, value)));
    }

    /// What a field shows: what was typed, else what is used in its place; `own` is the model's generation_config.json.
    pub(crate) fn text(&self, name: &str, own: Option<&str>) -> String {
        if let Some(typed) = self.typed(name) {
            return typed.to_owned();
        }
        let alone = || Self::default().resolve(own);
        let used = self.resolve(own).or_else(|_| alone()).ok();
        used.and_then(|(config, _)| value_of(&config, name)).unwrap_or_else(|| default_of(name).to_owned())
    }

    /// The settings, and a sentence on each thing of the model's generation_config.json (`own`) that counts or is not followed; or
    /// everything that is wrong with them.
    pub(crate) fn resolve(&self, own: Option<&str>) -> Result<(SamplingConfig, Vec<String>), Vec<ConfigProblem>> {
        let (mut config, mut problems) = self.read_all();
        let mut notes = Vec::new();
        if let Some(own) = own.filter(|_| problems.is_empty()) {
            notes = adopt_generation_config(&mut config, own.as_bytes(), |name| self.is_typed(name));
        }
        if let Err(more) = config.check() {
            // What is no number at all is said once.
            let is_new = |problem: &ConfigProblem| !problems.iter().any(|known| known.field == problem.field);
            let more: Vec<_> = more.into_iter().filter(is_new).collect();
            problems.extend(more);
        }
        if problems.is_empty() { Ok((config, notes)) } else { Err(problems) }
    }

    /// Whether a setting of generation_config.json gives way to what was typed.
    fn is_typed(&self, setting: &str) -> bool {
        let field = match setting {
            "do_sample" => "temperature",
            "max_length" => "max_new_tokens",
            other => other,
        };
        self.typed(field).is_some()
    }

    /// What was typed, with the page's defaults for the rest; and what is no number.
    fn read_all(&self) -> (SamplingConfig, Vec<ConfigProblem>) {
        let mut problems = Vec::new();
        let temperature: f64 = self.read("temperature", &mut problems);
        let stop = self.typed_or_default("stop").replace("\\n", "\n");
        let words = self.typed_or_default("blocked_words").split(',').map(str::trim).filter(|word| !word.is_empty());
        let filters = OutputFilters {
            words: words.map(str::to_owned).collect(),
            personal_data: self.typed_or_default("personal_data") == "true",
            replacement: self.typed_or_default("replacement").to_owned(),
        };
        let mut config = SamplingConfig {
            do_sample: temperature != 0.0,
            temperature: if temperature == 0.0 { 1.0 } else { temperature },
            top_k: self.read("top_k", &mut problems),
            top_p: self.read("top_p", &mut problems),
            min_p: 0.0,
            repetition_penalty: self.read("repetition_penalty", &mut problems),
            no_repeat_ngram_size: self.read("no_repeat_ngram_size", &mut problems),
            num_beams: self.read("num_beams", &mut problems),
            length_penalty: self.read("length_penalty", &mut problems),
            early_stopping: self.read::<EarlyStopping>("early_stopping", &mut problems),
            max_new_tokens: self.read("max_new_tokens", &mut problems),
            max_length: 0,
            seed: self.read("seed", &mut problems),
            stop: Vec::new(),
            rules: TokenRules::default(),
            filters,
        };
        config.stop.extend(Some(stop).filter(|stop| !stop.is_empty()));
        (config, problems)
    }

    fn typed_or_default(&self, name: &str) -> &str {
        self.typed(name).unwrap_or_else(|| default_of(name))
    }

    fn read<T: FromStr + Default>(&self, name: &str, problems: &mut Vec<ConfigProblem>) -> T {
        let spec = SAMPLING_FIELDS.iter().find(|(field, _)| field.name == name);
        let kind = spec.map_or(Kind::Real, |(field, _)| field.kind);
        let read = normalised(kind, self.typed_or_default(name));
        let read = read.and_then(|text| {
            text.parse::<T>().map_err(|_| format!("{text:?} is not a number that this setting takes"))
        });
        read.unwrap_or_else(|message| {
            problems.push(ConfigProblem { field: name.into(), message });
            T::default()
        })
    }
}

/// What a field has where nothing says anything else.
fn default_of(name: &str) -> &'static str {
    SAMPLING_FIELDS.iter().find(|(field, _)| field.name == name).map_or("", |(_, default)| *default)
}

/// A setting as its field shows it, of those that a model's own file may give.
fn value_of(config: &SamplingConfig, name: &str) -> Option<String> {
    Some(match name {
        // In the place of the number of new tokens the file may limit prompt and text together.
        "max_new_tokens" if config.max_length > 0 => config.max_length.to_string(),
        "max_new_tokens" => config.max_new_tokens.to_string(),
        "temperature" if !config.do_sample => "0".to_owned(),
        "temperature" => config.temperature.to_string(),
        "top_p" => config.top_p.to_string(),
        "top_k" => config.top_k.to_string(),
        "repetition_penalty" => config.repetition_penalty.to_string(),
        "no_repeat_ngram_size" => config.no_repeat_ngram_size.to_string(),
        "num_beams" => config.num_beams.to_string(),
        "length_penalty" => config.length_penalty.to_string(),
        "early_stopping" => config.early_stopping.name().to_owned(),
        _ => return None,
    })
}

/// What is written on from, the text in its format or the turns that the chat template writes; `None` where there is
/// nothing.
pub(crate) fn prompt(format: &PromptFormat, text: &str, turns: &[Turn]) -> Option<Prompt> {
    if *format != PromptFormat::Chat {
        return format.prompt(text).filter(|_| !text.trim().is_empty()).map(Prompt::Text);
    }
    let said: Vec<Turn> = turns.iter().filter(|turn| !turn.content.trim().is_empty()).cloned().collect();
    (!said.is_empty()).then_some(Prompt::Turns(said))
}

/// The role that usually speaks after these turns.
pub(crate) fn next_role(turns: &[Turn]) -> Role {
    match turns.last().map(|turn| turn.role) {
        Some(Role::User) => Role::Assistant,
        _ => Role::User,
    }
}

/// A text in the making, or done.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Written {
    pub text: String,
    /// Once it is done.
    pub ending: Option<Ending>,
}

/// How a text ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ending {
    pub num_tokens: usize,
    pub elapsed_secs: f64,
    /// The model ended it.
    pub is_complete: bool,
    /// The person ended it; where neither did, a limit did.
    pub is_stopped: bool,
    /// The limit of the settings; else prompt and answer are all that the model can read.
    pub is_at_limit: bool,
    /// What the rules for the text replaced.
    pub filtered: FilterCounts,
}

/// What the models write on from one prompt.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Writing {
    pub base: Option<Written>,
    pub tuned: Option<Written>,
    /// Which weights write now.
    pub current: Option<Weights>,
    /// Asked to end: nothing further is started.
    pub is_stopping: bool,
}

/// What changes a [`Writing`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WritingInput {
    /// These weights were asked to write; the base model begins.
    Started(Weights),
    /// They wrote on.
    Piece(String),
    /// They ended; the whole text.
    Ended(String, Ending),
    /// The person wants no more.
    Stopping,
    /// Nothing further will come.
    Over,
}

impl Writing {
    /// What is known after `input`.
    pub(crate) fn apply(&mut self, input: WritingInput) {
        match input {
            WritingInput::Started(Weights::Base) => {
                *self = Self { base: Some(Written::default()), current: Some(Weights::Base), ..Self::default() };
            }
            WritingInput::Started(Weights::Tuned) => {
                (self.tuned, self.current) = (Some(Written::default()), Some(Weights::Tuned));
            }
            WritingInput::Piece(piece) => {
                if let Some(written) = self.writes() {
                    written.text.push_str(&piece);
                }
            }
            WritingInput::Ended(text, ending) => {
                if let Some(written) = self.writes() {
                    *written = Written { text, ending: Some(ending) };
                }
            }
            WritingInput::Stopping => self.is_stopping = self.current.is_some(),
            WritingInput::Over => (self.current, self.is_stopping) = (None, false),
        }
    }

    /// The text of these weights.
    pub(crate) fn of(&self, weights: Weights) -> Option<&Written> {
        match weights {
            Weights::Base => self.base.as_ref(),
            Weights::Tuned => self.tuned.as_ref(),
        }
    }

    fn writes(&mut self) -> Option<&mut Written> {
        match self.current? {
            Weights::Base => self.base.as_mut(),
            Weights::Tuned => self.tuned.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[(&'static str, &str)]) -> SamplingDraft {
        let mut draft = SamplingDraft::default();
        for (name, value) in fields {
            draft.set_typed(name, Some((*value).into()));
        }
        draft
    }

    #[test]
    fn nothing_typed_is_greedy() {
        let config = SamplingDraft::default().resolve(None).expect("the defaults are right").0;
        assert_eq!(config, SamplingConfig::default());
    }

    #[test]
    fn a_temperature_draws() {
        let draft = typed(&[("temperature", " 0.7 "), ("top_k", "0"), ("stop", "\\nQ:"), ("seed", "9")]);
        let config = draft.resolve(None).expect("good numbers").0;
        let stop = vec!["\nQ:".to_owned()];
        let expected =
            SamplingConfig { do_sample: true, temperature: 0.7, top_k: 0, seed: 9, stop, ..SamplingConfig::default() };
        assert_eq!(config, expected);
    }

    #[test]
    fn beams_are_searched_where_nothing_is_drawn() {
        let fields = [("num_beams", "4"), ("early_stopping", "never"), ("length_penalty", "0,5")];
        let config = typed(&fields).resolve(None).expect("good settings").0;
        let expected = SamplingConfig {
            num_beams: 4,
            early_stopping: EarlyStopping::Never,
            length_penalty: 0.5,
            ..SamplingConfig::default()
        };
        assert_eq!(config, expected);
        let refused = |fields: &[(&'static str, &str)]| {
            let problems = typed(fields).resolve(None).expect_err("something is wrong");
            problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(refused(&[("num_beams", "4"), ("temperature", "0.7")]), ["num_beams"]);
        assert_eq!(refused(&fields[1..]), ["length_penalty", "early_stopping"]);
    }

    #[test]
    fn every_problem_is_named_once() {
        let fields = [("max_new_tokens", "many"), ("temperature", "-1"), ("top_p", "0"), ("seed", "1.5")];
        let problems = typed(&fields).resolve(None).expect_err("four things are wrong");
        let mut fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["max_new_tokens", "seed", "temperature", "top_p"]);
    }

    #[test]
    fn a_field_is_reset_to_its_default() {
        let mut draft = typed(&[("top_k", "5")]);
        let text = |draft: &SamplingDraft, name| draft.text(name, None);
        assert_eq!((text(&draft, "top_k"), text(&draft, "top_p")), ("5".to_owned(), "1".to_owned()));
        draft.set_typed("top_k", None);
        assert_eq!((text(&draft, "top_k"), draft.typed("top_k")), ("50".to_owned(), None));
    }

    #[test]
    fn every_field_shows_its_default_where_nothing_else_is_said() {
        let draft = SamplingDraft::default();
        for (field, default) in SAMPLING_FIELDS {
            assert_eq!(draft.text(field.name, None), *default, "{}", field.name);
            assert_eq!(draft.text(field.name, Some("no JSON")), *default, "{}", field.name);
        }
    }

    #[test]
    fn fields_show_what_the_models_own_file_says_and_that_is_used() {
        let own = r#"{"do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1, "max_length": 512}"#;
        let shown = |draft: &SamplingDraft| {
            ["temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens", "num_beams"]
                .map(|name| draft.text(name, Some(own)))
        };
        let draft = SamplingDraft::default();
        assert_eq!(shown(&draft), ["0.7", "0.8", "20", "1.1", "512", "1"]);
        let (config, notes) = draft.resolve(Some(own)).expect("good settings");
        let expected = SamplingConfig {
            do_sample: true,
            temperature: 0.7,
            top_p: 0.8,
            top_k: 20,
            repetition_penalty: 1.1,
            max_length: 512,
            ..SamplingConfig::default()
        };
        assert_eq!(config, expected);
        assert!(notes.len() == 1 && notes[0].contains("do_sample true"), "{notes:?}");
        let chosen = typed(&[("temperature", "0"), ("max_new_tokens", "8")]);
        assert_eq!(shown(&chosen), ["0", "1", "50", "1.1", "8", "1"], "nothing is drawn");
        let (config, _) = chosen.resolve(Some(own)).expect("good settings");
        let expected = SamplingConfig { repetition_penalty: 1.1, max_new_tokens: 8, ..SamplingConfig::default() };
        assert_eq!(config, expected);
        let beams = r#"{"num_beams": 4, "early_stopping": true}"#;
        let penalty = typed(&[("length_penalty", "2")]);
        assert_eq!(penalty.resolve(Some(beams)).expect("the file has beams").0.length_penalty, 2.0);
        assert_eq!(penalty.text("early_stopping", Some(beams)), "true");
    }

    #[test]
    fn an_empty_prompt_is_none() {
        let turns = [Turn::new(Role::System, " "), Turn::new(Role::User, "hello")];
        let (plain, chat) = (PromptFormat::Plain, PromptFormat::Chat);
        assert_eq!(prompt(&plain, " \n", &turns), None);
        assert_eq!(prompt(&PromptFormat::QuestionAnswer, "", &turns), None);
        assert_eq!(prompt(&plain, "a ", &turns), Some(Prompt::Text("a ".into())));
        assert_eq!(prompt(&chat, "a", &turns), Some(Prompt::Turns(vec![Turn::new(Role::User, "hello")])));
        assert_eq!(prompt(&chat, "a", &turns[..1]), None);
        assert_eq!(
            (next_role(&turns), next_role(&turns[..1]), next_role(&[])),
            (Role::Assistant, Role::User, Role::User)
        );
    }

    #[test]
    fn words_with_commas_between_are_blocked() {
        let draft = typed(&[("blocked_words", " darn, old man ,"), ("personal_data", "true"), ("replacement", "***")]);
        let words = ["darn", "old man"].map(str::to_owned).to_vec();
        let expected = OutputFilters { words, personal_data: true, replacement: "***".into() };
        assert_eq!(draft.resolve(None).expect("good settings").0.filters, expected);
        let problems =
            typed(&[("blocked_words", "removed")]).resolve(None).expect_err("it would stand in its own place");
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), ["replacement"]);
    }

    #[test]
    fn a_bare_prompt_is_given_as_in_training() {
        let given = |format: &PromptFormat| prompt(format, "Japan?", &[]);
        assert_eq!(given(&PromptFormat::QuestionAnswer), Some(Prompt::Text("Q: Japan?\nA:".into())));
        assert_eq!(given(&PromptFormat::Newline), Some(Prompt::Text("Japan?\n".into())));
    }

    #[test]
    fn pieces_go_to_the_weights_that_write() {
        let ending = Ending {
            num_tokens: 2,
            elapsed_secs: 1.0,
            is_complete: true,
            is_stopped: false,
            is_at_limit: false,
            filtered: FilterCounts::default(),
        };
        let mut writing = Writing::default();
        writing.apply(WritingInput::Piece("lost".into()));
        assert_eq!(writing, Writing::default());
        writing.apply(WritingInput::Started(Weights::Base));
        writing.apply(WritingInput::Piece("a".into()));
        writing.apply(WritingInput::Piece("b".into()));
        assert_eq!(writing.of(Weights::Base), Some(&Written { text: "ab".into(), ending: None }));
        writing.apply(WritingInput::Ended("ab!".into(), ending));
        writing.apply(WritingInput::Started(Weights::Tuned));
        writing.apply(WritingInput::Piece("c".into()));
        assert_eq!(writing.of(Weights::Base), Some(&Written { text: "ab!".into(), ending: Some(ending) }));
        assert_eq!(writing.of(Weights::Tuned).map(|written| written.text.as_str()), Some("c"));
        writing.apply(WritingInput::Stopping);
        assert!(writing.is_stopping);
        writing.apply(WritingInput::Over);
        assert_eq!((writing.current, writing.is_stopping), (None, false));
        writing.apply(WritingInput::Stopping);
        assert!(!writing.is_stopping, "there is nothing to stop");
        writing.apply(WritingInput::Started(Weights::Base));
        assert_eq!(writing.tuned, None, "another prompt begins with both panels empty");
    }
}
