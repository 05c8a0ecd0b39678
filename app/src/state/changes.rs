//! What is to be changed of the model before a run: its fields, and what is typed into them. Plain values, tested natively.

use hone_core::config::{ConfigProblem, Kind, ModelChanges, RunConfig, RunDraft};

use super::fields::{FieldSpec, typed};

/// All layers, in the field of those that stay.
pub(crate) const ALL: &str = "all";

/// The layers that stay.
pub(crate) const KEEP: FieldSpec = typed(
    Kind::Words,
    "keep_layers",
    "Layers to keep",
    "such as 0-5 or 0,2,4, or all",
    "Counted from 0. A student with every second layer is about twice as quick, and learns most of it again.",
);

/// Fresh layers after them.
pub(crate) const FRESH: FieldSpec = typed(
    Kind::Whole,
    "add_layers",
    "Fresh layers",
    "layers",
    "They follow those that stay, begin with random values and are trained with the others.",
);

/// Name of the words that become tokens; their field is a text with one a line.
pub(crate) const WORDS: &str = "add_tokens";

/// What was typed, for a model of so many layers that a run with these settings trains. What is blank changes nothing.
///
/// # Errors
/// Everything that can't be, by the name of its field.
pub(crate) fn resolve(
    draft: &RunDraft,
    num_hidden_layers: Option<usize>,
    run: Option<&RunConfig>,
) -> Result<ModelChanges, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let mut add = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
    let text = |name: &str| draft.typed(name).unwrap_or_default().trim();
    let add_tokens = ModelChanges::words_of_lines(text(WORDS));
    let mut changes = ModelChanges { add_tokens, ..ModelChanges::default() };
    match text(KEEP.name) {
        "" | ALL => {}
        layers => match ModelChanges::parse_layers(layers) {
            Ok(layers) => changes.keep_layers = layers,
            Err(message) => add(KEEP.name, message),
        },
    }
    match text(FRESH.name) {
        "" => {}
        count => match count.parse() {
            Ok(layers) => changes.add_layers = layers,
            Err(_) => add(FRESH.name, format!("{count:?} is not a whole number from 0 to 1023")),
        },
    }
    if let Some(layers) = num_hidden_layers {
        if let Some(layer) = changes.keep_layers.iter().find(|&&layer| layer as usize >= layers) {
            add(KEEP.name, format!("there is no layer {layer}: the last one of this model is {}", layers - 1));
        }
        let untrained = run.map(|run| changes.check_for(run, changes.num_layers(layers)));
        problems.extend(untrained.unwrap_or_default());
    }
    problems.extend(changes.check());
    if problems.is_empty() { Ok(changes) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use hone_core::config::Method;

    use super::*;

    fn draft(keep_layers: &str, add_layers: &str, words: &str) -> RunDraft {
        RunDraft::from_typed([(KEEP.name, keep_layers), (FRESH.name, add_layers), (WORDS, words)])
    }

    fn fields(draft: &RunDraft, run: &RunConfig) -> Vec<String> {
        let problems = resolve(draft, Some(6), Some(run)).expect_err("something is wrong");
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn what_is_blank_changes_nothing() {
        for draft in [RunDraft::default(), draft("", " ", "\n \n"), draft(ALL, "0", "")] {
            assert_eq!(resolve(&draft, None, None), Ok(ModelChanges::default()));
        }
    }

    #[test]
    fn what_is_typed_is_changed() {
        let changes = resolve(&draft("0-2, 5", "1", "stent\nNew York\n"), Some(6), Some(&RunConfig::default()));
        let changes = changes.expect("it can be");
        assert_eq!((changes.keep_layers, changes.add_layers), (vec![0, 1, 2, 5], 1));
        assert_eq!(changes.add_tokens, ["stent", "New York"]);
    }

    #[test]
    fn what_can_not_be_stands_at_its_field() {
        let run = RunConfig::default();
        assert_eq!(fields(&draft("0,6", "", ""), &run), [KEEP.name]);
        assert_eq!(fields(&draft("first", "many", ""), &run), [KEEP.name, FRESH.name]);
        assert_eq!(fields(&draft("3,1", "", ""), &run), [KEEP.name]);
        assert_eq!(fields(&draft("", "", &"x".repeat(300)), &run), [WORDS]);
        let head = RunConfig { method: Method::Head, ..RunConfig::default() };
        assert_eq!(fields(&draft("", "2", ""), &head), [FRESH.name], "they would stay random");
    }
}
