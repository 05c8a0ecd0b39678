//! What an edit is called beside the buttons that undo and redo it. In: what was typed and chosen before and after it. Out: a few
//! words, such as `Learning rate 5e-5`. Tested natively.

use std::collections::HashSet;

use hone_core::config::{ReadOptions, RowEdit, RunDraft, SETTINGS, Split};

use super::changes::{FRESH, KEEP, WORDS};
use super::edits::Choices;
use super::presets::{PresetFields, presets};
use super::recipe::{FieldSpec, fields_with, typed};
use crate::format;

/// Characters of a value that are shown.
const MAX_VALUE_CHARS: usize = 30;

/// The field whose presence follows from that of the method.
const LAYERS: &str = "last_layers";

/// What made `after` of `before`. Where several things differ, the one that the others follow from.
pub(super) fn describe(before: &Choices, after: &Choices) -> String {
    if before.has_other_parts(after) {
        return "Tasks that are learned at once".into();
    }
    let files = before.identities().into_iter().zip(after.identities()).zip(["Training", "Validation", "Test"]);
    for ((before, after), split) in files {
        if before != after {
            return changed(&format!("{split} file"), after.as_ref().map(|file| file.name.as_str()));
        }
    }
    if before.wished_task != after.wished_task || before.task != after.task {
        return format!("What the model should learn: {}", after.task.spec().title);
    }
    if before.read != after.read {
        return rows(&before.read, &after.read).unwrap_or_else(|| reading(&before.read, &after.read).into());
    }
    model_changes(&before.changes, &after.changes).unwrap_or_else(|| recipe(before, after))
}

/// A value that was typed or chosen, or (`None`) that is no more.
fn changed(label: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{label} {}", format::excerpt(value, MAX_VALUE_CHARS)),
        None => format!("{label} removed"),
    }
}

/// The last edit of rows that one of both has and the other has not, or how many rows were changed; `None` where they have the same.
fn rows(before: &ReadOptions, after: &ReadOptions) -> Option<String> {
    let (before, after) = (&before.edits.log, &after.edits.log);
    if before == after {
        return None;
    }
    let (longer, shorter) = if after.len() < before.len() { (before, after) } else { (after, before) };
    let added = longer.get(shorter.len()..).unwrap_or_default();
    let are_cells = added.iter().all(|edit| matches!(edit, RowEdit::SetCell { .. }));
    let rows: HashSet<(Split, &[usize])> = added.iter().map(RowEdit::rows).collect();
    Some(match rows.len() {
        count if count > 1 && are_cells => format!("{} changed", format::plural(count, "row")),
        _ => longer.last().map_or_else(|| "Rows".into(), RowEdit::words),
    })
}

/// What of the reading of rows was changed, as its control is called.
fn reading(before: &ReadOptions, after: &ReadOptions) -> &'static str {
    let header = |read: &ReadOptions| (read.has_header, read.header_row);
    // A file that is taken apart otherwise has other columns, which are no edit of their own.
    let parts = [
        (before.encoding != after.encoding, "Encoding"),
        (before.delimiter != after.delimiter, "Separator"),
        (header(before) != header(after), "Header"),
        (before.merge_labels != after.merge_labels, "Merged labels"),
        (before.label_separator != after.label_separator, "Between labels"),
        (before.prompt_format != after.prompt_format, "Format of prompts"),
        (before.source_prefix != after.source_prefix, "Prefix"),
        (before.shape != after.shape, "A row is"),
        (before.clean_texts != after.clean_texts, "Cleaned texts"),
        (before.sharing != after.sharing, "How the rows are shared out"),
        (before.copies != after.copies, "Copies that the model made"),
    ];
    parts.into_iter().find(|(is_so, _)| *is_so).map_or("Columns", |(_, what)| what)
}

/// What is changed of the model otherwise; `None` where nothing is.
fn model_changes(before: &RunDraft, after: &RunDraft) -> Option<String> {
    let one = [KEEP, FRESH].into_iter().find(|spec| before.typed(spec.name) != after.typed(spec.name));
    let words = || (before.typed(WORDS) != after.typed(WORDS)).then(|| "Words to add as tokens".to_owned());
    one.map(|spec| setting(&spec, after.typed(spec.name))).or_else(words)
}

/// The setting that was changed, or the preset that was chosen.
fn recipe(before: &Choices, after: &Choices) -> String {
    let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    let is_other = |name: &str| typed(&before.draft, name) != typed(&after.draft, name);
    let is_own = |spec: &FieldSpec| is_other(spec.name) && (spec.name != LAYERS || !is_other("method"));
    let others: Vec<FieldSpec> = fields_with(&names).into_iter().filter(is_own).collect();
    let chosen =
        presets(after.task).iter().find(|preset| preset.matches(&after.draft) && !preset.matches(&before.draft));
    match (others.as_slice(), chosen) {
        ([_, _, ..], Some(preset)) => format!("Preset {}", preset.title),
        ([first, ..], _) => setting(first, typed(&after.draft, first.name)),
        ([], _) => "A setting".into(),
    }
}

/// A setting with its value; `None` is its default.
fn setting(spec: &FieldSpec, value: Option<&str>) -> String {
    match value {
        Some(value) => changed(spec.label, Some(spec.words_of(value))),
        None => format!("{} at its default", spec.label),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::Encoding;
    use hone_core::task::Task;

    use super::super::presets::balanced;
    use super::super::recipe::set_typed;
    use super::*;

    fn recipe_words(before: &[(&'static str, &'static str)], after: &[(&'static str, &'static str)]) -> String {
        let [before, after] = [before, after].map(|typed| {
            let draft = RunDraft::from_typed(typed.iter().copied());
            Choices { draft, ..Choices::default() }
        });
        describe(&before, &after)
    }

    #[test]
    fn a_setting_is_named_with_its_value() {
        assert_eq!(recipe_words(&[("seed", "1")], &[("seed", "1"), ("learning_rate", "5e-5")]), "Learning rate 5e-5");
        assert_eq!(recipe_words(&[("learning_rate", "1")], &[]), "Learning rate at its default");
        let long = recipe_words(&[], &[("target_modules", "a.very.long.name.of.a.layer, another.one")]);
        assert!(long.chars().count() < 60 && long.contains("a.very.long"), "{long}");
        let mut last = Choices::default();
        set_typed(&mut last.draft, "method", Some("last".into()));
        let method = describe(&Choices::default(), &last);
        let mut deeper = last.clone();
        set_typed(&mut deeper.draft, LAYERS, Some("3".into()));
        assert_eq!(describe(&last, &deeper), "Layers trained 3");
        assert!(!method.starts_with("Layers trained"), "{method}");
    }

    #[test]
    fn a_preset_is_named_where_it_changes_several_settings() {
        for &task in Task::ALL {
            let before = Choices {
                draft: RunDraft::from_typed([
                    ("num_train_epochs", "77"),
                    ("batch_size", "77"),
                    ("learning_rate", "0.7"),
                ]),
                task,
                ..Choices::default()
            };
            let preset = balanced(task).expect("every task has it");
            let mut after = before.clone();
            preset.apply_to(&mut after.draft);
            assert_eq!(describe(&before, &after), format!("Preset {}", preset.title));
        }
    }

    #[test]
    fn a_choice_about_the_rows_comes_before_what_follows_from_it() {
        let before = Choices {
            read: ReadOptions { label_column: Some("kind".into()), ..ReadOptions::default() },
            ..Choices::default()
        };
        let encoded = Choices {
            read: ReadOptions { encoding: Some(Encoding::Windows1252), ..ReadOptions::default() },
            ..Choices::default()
        };
        assert_eq!(
            (describe(&before, &encoded).as_str(), describe(&encoded, &before).as_str()),
            ("Encoding", "Encoding")
        );
        assert_eq!(describe(&Choices::default(), &before), "Columns");
        let mut grouped = before.clone();
        grouped.read.sharing.group_column = Some("customer".into());
        assert_eq!(describe(&before, &grouped), "How the rows are shared out");
        let task = Task::ALL[1];
        let chosen = Choices { wished_task: Some(task), task, ..encoded };
        assert_eq!(describe(&before, &chosen), format!("What the model should learn: {}", task.spec().title));
        let named = Choices { own_name: Some("b".into()), ..chosen.clone() };
        assert_eq!(describe(&chosen, &named), "Tasks that are learned at once");
        assert_eq!(changed("Training file", Some("rows.csv")), "Training file rows.csv");
        assert_eq!(changed("Test file", None), "Test file removed");
    }

    #[test]
    fn an_edit_of_rows_is_named_with_its_rows() {
        let mut before = Choices::default();
        let drop_rows = |rows: &[usize]| RowEdit::DropRows { file: Split::Train, rows: rows.to_vec() };
        before.read.edits.log.push(drop_rows(&[2]));
        let mut after = before.clone();
        after.read.edits.log.push(drop_rows(&[5, 6]));
        assert_eq!(describe(&before, &after), "2 rows dropped");
        assert_eq!(describe(&Choices::default(), &before), "Row 2 dropped");
        let mut labeled = before.clone();
        let set_label = |row: usize| {
            let (file, column) = (Split::Train, "label".to_owned());
            RowEdit::SetCell { file, row, column, was: "a".into(), value: "b".into() }
        };
        labeled.read.edits.log.extend([set_label(5), set_label(9)]);
        assert_eq!(describe(&before, &labeled), "2 rows changed");
        assert_eq!(describe(&labeled, &before), "2 rows changed");
    }

    #[test]
    fn a_change_of_the_model_is_named() {
        let after = |name: &'static str, value: &'static str| {
            let changes = RunDraft::from_typed([(name, value)]);
            describe(&Choices::default(), &Choices { changes, ..Choices::default() })
        };
        assert_eq!(after(KEEP.name, "0-3"), "Layers to keep 0-3");
        assert_eq!(after(FRESH.name, "2"), "Fresh layers 2");
        assert_eq!(after(WORDS, "stent\nNew York"), "Words to add as tokens");
    }
}
