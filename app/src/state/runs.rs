//! Kept runs side by side: what was changed from one to the next, which figures are shown of each, and which of them is the best.
//! Plain values, tested natively.

use hone_core::config::{DataHashes, MadeCopies, ReadOptions, RowEdits, RunDraft, SETTINGS, Setting, setting};
use hone_core::metrics::{Figure, figure};
use hone_core::session::protocol::SavedRun;
use hone_core::task::several::SEPARATOR;
use hone_core::task::{LOSS, Task};

use super::recipe::METRIC;
use super::several::{RunFigure, full_name};
use crate::format;

/// Runs whose curves are drawn in one chart at most: there are as many colours.
pub(crate) const MAX_DRAWN: usize = 4;

/// Settings that decide which rows are held out of one file.
const OF_SPLIT: [&str; 3] = ["seed", "valid_fraction", "test_fraction"];

/// What was changed against the run before, in words.
pub(crate) fn changed_since(run: &SavedRun, before: Option<&SavedRun>) -> String {
    let Some(before) = before else { return "the first that is kept".into() };
    let mut changes = Vec::new();
    if run.task != before.task {
        changes.push(format!("task “{}”", run.task.spec().title));
    }
    let tasks = |run: &SavedRun| run.parts.iter().map(|part| (part.name.clone(), part.task)).collect::<Vec<_>>();
    if tasks(run) != tasks(before) {
        let names: Vec<&str> = run.parts.iter().map(|part| part.name.as_str()).collect();
        let learned =
            if names.is_empty() { "one task alone".into() } else { format!("{} at once", names.join(" and ")) };
        changes.push(learned);
    }
    if run.model != before.model {
        changes.push(format!("model {}", run.model.argument()));
    }
    if rows_of(run) != rows_of(before) {
        changes.push(format!("rows of {}", run.file));
    } else if let Some(edits) = changed_edits(&run.read, &before.read) {
        changes.push(edits);
    } else if run.read != before.read && without_copies(&run.read) == without_copies(&before.read) {
        changes.push(match run.read.copies.copies.len() {
            0 => "no copies that a model made".to_owned(),
            count => format!("{} that a model made", format::plural(count, "copy")),
        });
    } else if run.read != before.read || reads_of_parts(run) != reads_of_parts(before) {
        changes.push("rows read in another way".into());
    }
    if run.changes != before.changes {
        changes.push("other changes to the model".into());
    }
    changes.extend(SETTINGS.iter().filter_map(|setting| changed_setting(setting, &run.settings, &before.settings)));
    if changes.is_empty() { "nothing".into() } else { changes.join("; ") }
}

/// What the files of rows of a run are, of several tasks those of each.
fn rows_of(run: &SavedRun) -> Vec<&DataHashes> {
    match run.parts.as_slice() {
        [] => vec![&run.data_sha256],
        parts => parts.iter().map(|part| &part.data_sha256).collect(),
    }
}

/// How the rows of several tasks are read; none where there is one.
fn reads_of_parts(run: &SavedRun) -> Vec<&ReadOptions> {
    run.parts.iter().map(|part| &part.read).collect()
}

/// How the rows of a run are read, whatever copies of them are trained on, too: what is measured is the same.
fn without_copies(read: &ReadOptions) -> ReadOptions {
    ReadOptions { copies: MadeCopies::default(), ..read.clone() }
}

/// Where rows are read alike but for edits of theirs: `3 more edits of rows`. `None` where something else differs, or nothing.
fn changed_edits(now: &ReadOptions, before: &ReadOptions) -> Option<String> {
    let unedited = |read: &ReadOptions| ReadOptions { edits: RowEdits::default(), ..read.clone() };
    if now.edits == before.edits || unedited(now) != unedited(before) {
        return None;
    }
    Some(match now.edits.log.strip_prefix(before.edits.log.as_slice()) {
        Some([_]) => "1 more edit of rows".to_owned(),
        Some(more) => format!("{} more edits of rows", format::count(more.len())),
        None => "other edits of rows".to_owned(),
    })
}

/// `Learning rate 5e-5 → 1e-3`; `None` where a setting is the same.
fn changed_setting(setting: &Setting, now: &RunDraft, before: &RunDraft) -> Option<String> {
    if now.typed(setting.name) == before.typed(setting.name) {
        return None;
    }
    let value = |draft: &RunDraft| draft.typed(setting.name).map_or_else(|| setting.default_text(), str::to_owned);
    let words = |value: String| {
        let choice = setting.choices.iter().find(|(choice, _)| *choice == value);
        choice.map_or(value, |(_, words)| (*words).to_owned())
    };
    let label = if setting.label.is_empty() { setting.name } else { setting.label };
    Some(format!("{label} {} → {}", words(value(before)), words(value(now))))
}

/// The figure that chooses the best weights of a run, and the best of comparable runs.
fn metric(run: &SavedRun) -> String {
    let default = || setting(METRIC).map_or_else(|| LOSS.name.to_owned(), Setting::default_text);
    run.settings.typed(METRIC).map_or_else(default, str::to_owned)
}

/// Whether the figures of two runs are of the same task and the same validation rows, and the same one of them counts.
fn is_comparable(one: &SavedRun, other: &SavedRun) -> bool {
    let has_own_rows = rows_of(one).iter().all(|files| files.valid.is_some());
    let is_split_alike = || OF_SPLIT.iter().all(|name| one.settings.typed(name) == other.settings.typed(name));
    one.task == other.task
        && one.data_sha256 == other.data_sha256
        && without_copies(&one.read) == without_copies(&other.read)
        && one.parts == other.parts
        && (has_own_rows || is_split_alike())
        && metric(one) == metric(other)
}

/// By which figure a run is the best of those that can be compared with it, in words: `lowest loss`. `None` where it is not, or
/// where there is none to compare with.
pub(crate) fn best_by(run: &SavedRun, runs: &[SavedRun]) -> Option<String> {
    let name = metric(run);
    let own = figure(&run.summary.figures, &name)?;
    let rivals = runs.iter().filter(|other| other.id != run.id && is_comparable(run, other));
    let values: Vec<f64> = rivals.filter_map(|one| Some(figure(&one.summary.figures, &name)?.value)).collect();
    let is_beaten = |other: &f64| if own.higher_is_better { *other > own.value } else { *other < own.value };
    if values.is_empty() || values.iter().any(is_beaten) {
        return None;
    }
    let title = run_figure(run, &name).map_or(name, |figure| figure.in_sentence());
    Some(format!("{} {title}", if own.higher_is_better { "highest" } else { "lowest" }))
}

/// A figure of a run, or `part/figure` of one of its tasks.
fn run_figure(run: &SavedRun, name: &str) -> Option<RunFigure> {
    if let Some((part, figure)) = name.split_once(SEPARATOR) {
        let task = run.parts.iter().find(|own| own.name == part)?.task;
        return task.spec().figure(figure).map(|spec| RunFigure::new(Some(part), spec));
    }
    run.task.spec().figure(name).map(|spec| RunFigure::new(None, spec))
}

/// The figures that are shown of a run: (name, value, `accuracy 87.5 %`). The leading one, of several tasks that of each, that
/// which counts, and the loss.
pub(crate) fn shown_figures(run: &SavedRun) -> Vec<(String, f64, String)> {
    let leading = |task: Task| task.spec().leading_figure().name;
    let mut names = match run.parts.as_slice() {
        [] => vec![leading(run.task).to_owned()],
        parts => parts.iter().map(|part| full_name(&part.name, leading(part.task))).collect(),
    };
    for name in [metric(run), LOSS.name.to_owned()] {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let shown = |name: String| {
        let &Figure { value, .. } = figure(&run.summary.figures, &name)?;
        let text = match run_figure(run, &name) {
            Some(figure) => format!("{} {}", figure.in_sentence(), format::figure(figure.unit, value)),
            None => format!("{name} {}", format::significant(value)),
        };
        Some((name, value, text))
    };
    names.into_iter().filter_map(shown).collect()
}

/// How long a run took, and how far it came.
pub(crate) fn time_words(run: &SavedRun, is_open: bool) -> String {
    let time = format::duration(run.elapsed_secs);
    let [step, total] = [run.step, run.total_steps].map(|steps| format::count(steps as usize));
    match (run.is_finished, is_open) {
        (true, _) => format!("{time}, {}", format::plural(run.step as usize, "step")),
        (false, true) => format!("{time}, up to step {step} of {total}"),
        (false, false) => format!("{time}, cut off at step {step} of {total}"),
    }
}

/// Chooses a run to be drawn, or no more.
pub(crate) fn choose(drawn: &mut Vec<String>, id: &str, is_chosen: bool) {
    drawn.retain(|one| one != id);
    if is_chosen && drawn.len() < MAX_DRAWN {
        drawn.push(id.to_owned());
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use hone_core::config::{DataHashes, ModelChanges, ModelSource, ReadOptions, RunDraft};
    use hone_core::session::protocol::{RunSummary, SavedRun};
    use hone_core::task::Task;

    /// A run that was cut off.
    pub(crate) fn saved(number: u32) -> SavedRun {
        SavedRun {
            id: number.to_string(),
            number,
            began_ms: 0.0,
            saved_ms: 0.0,
            elapsed_secs: 61.0,
            step: 1024,
            total_steps: 2400,
            is_finished: false,
            model: ModelSource::hub("sentence-transformers/all-MiniLM-L6-v2"),
            changes: ModelChanges::default(),
            file: "tickets.csv".into(),
            data_sha256: DataHashes { train: Some("ab".into()), ..DataHashes::default() },
            read: ReadOptions::default(),
            task: Task::default(),
            parts: Vec::new(),
            settings: RunDraft::default(),
            summary: RunSummary::default(),
            bytes: 5,
            note: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::{JobPart, ModelChanges, RowEdit, Split};
    use hone_core::session::protocol::RunSummary;

    use super::fixtures::saved;
    use super::*;

    fn with(number: u32, typed: &[(&'static str, &'static str)], figures: Vec<Figure>) -> SavedRun {
        let summary = RunSummary { figures, ..RunSummary::default() };
        SavedRun { settings: RunDraft::from_typed(typed.iter().copied()), summary, ..saved(number) }
    }

    #[test]
    fn what_was_changed_is_named_as_the_page_names_it() {
        let first = with(1, &[("learning_rate", "1e-3")], Vec::new());
        assert_eq!(changed_since(&first, None), "the first that is kept");
        assert_eq!(changed_since(&first, Some(&first)), "nothing");
        let second = with(2, &[("learning_rate", "5e-5"), ("seed", "7")], Vec::new());
        assert_eq!(changed_since(&second, Some(&first)), "Learning rate 1e-3 → 5e-5; Seed 42 → 7");
        let adapters = with(3, &[("method", "lora"), ("learning_rate", "1e-3")], Vec::new());
        let changed = changed_since(&adapters, Some(&first));
        assert!(changed.starts_with("What is trained All weights → Adapters (LoRA)"), "{changed}");
        let changes = ModelChanges { add_layers: 1, ..ModelChanges::default() };
        let others = DataHashes { train: Some("cd".into()), ..DataHashes::default() };
        let rows = SavedRun { data_sha256: others, changes, file: "more.csv".into(), ..first.clone() };
        assert_eq!(changed_since(&rows, Some(&first)), "rows of more.csv; other changes to the model");
        let read = ReadOptions { text_column: Some("body".into()), ..ReadOptions::default() };
        let read = SavedRun { read, ..first.clone() };
        assert_eq!(changed_since(&read, Some(&first)), "rows read in another way");
        let edited = |rows: &[usize]| {
            let drop = |&row: &usize| RowEdit::DropRows { file: Split::Train, rows: vec![row] };
            let edits = RowEdits { log: rows.iter().map(drop).collect() };
            SavedRun { read: ReadOptions { edits, ..ReadOptions::default() }, ..first.clone() }
        };
        assert_eq!(changed_since(&edited(&[2, 3]), Some(&first)), "2 more edits of rows");
        assert_eq!(changed_since(&edited(&[2, 3]), Some(&edited(&[2]))), "1 more edit of rows");
        assert_eq!(changed_since(&edited(&[2]), Some(&edited(&[5]))), "other edits of rows");
    }

    #[test]
    fn the_best_is_chosen_among_runs_on_the_same_rows_by_the_figure_that_counts() {
        let loss = |value| vec![Figure::lower("loss", value), Figure::higher("accuracy", 1.0 - value)];
        let runs = [with(1, &[], loss(0.5)), with(2, &[], loss(0.25)), with(3, &[("seed", "7")], loss(0.125))];
        let best = |runs: &[SavedRun]| runs.iter().map(|run| best_by(run, runs)).collect::<Vec<_>>();
        assert_eq!(best(&runs), [None, Some("lowest loss".to_owned()), None], "other rows are held out for the third");
        let by_accuracy = runs.clone().map(|run| {
            let settings = RunDraft::from_typed([("metric_for_best_model", "accuracy")]);
            SavedRun { settings, ..run }
        });
        let title = format::in_sentence(saved(1).task.spec().figure("accuracy").expect("the default task's").title);
        assert_eq!(best(&by_accuracy), [None, None, Some(format!("highest {title}"))]);
        assert!(best_by(&runs[0], &runs[..1]).is_none(), "there is nothing to compare it with");
        let own_rows = runs.map(|run| {
            let data_sha256 = DataHashes { valid: Some("ef".into()), ..run.data_sha256.clone() };
            SavedRun { data_sha256, ..run }
        });
        assert_eq!(best(&own_rows)[2], Some("lowest loss".into()), "the seed holds out no validation rows");
        assert!(best_by(&saved(1), &[saved(1), saved(2)]).is_none(), "nothing was measured");
    }

    #[test]
    fn few_figures_are_shown_and_the_loss_is_the_last() {
        let spec = saved(1).task.spec();
        let leading = spec.leading_figure();
        let run = with(1, &[], vec![Figure::lower("loss", 0.5), Figure::higher(leading.name, 0.875)]);
        let names: Vec<_> = shown_figures(&run).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, [leading.name, "loss"]);
        let text = format!("{} {}", format::in_sentence(leading.title), format::figure(leading.unit, 0.875));
        assert_eq!(shown_figures(&run)[0].2, text);
        assert!(shown_figures(&saved(1)).is_empty(), "nothing was measured");
    }

    #[test]
    fn several_tasks_are_told_from_one_and_each_has_its_figure() {
        let part = |name: &str, sha256: &str| JobPart {
            data_sha256: DataHashes { train: Some(sha256.into()), ..DataHashes::default() },
            ..JobPart::new(name, Task::default())
        };
        let figures = |loss| {
            let leading = saved(1).task.spec().leading_figure().name;
            vec![Figure::lower("loss", loss), Figure::higher(full_name("topic", leading), 0.5)]
        };
        let of_parts = |number, parts: Vec<JobPart>, loss| SavedRun { parts, ..with(number, &[], figures(loss)) };
        let both = of_parts(2, vec![part("topic", "ab"), part("mood", "cd")], 0.5);
        assert_eq!(changed_since(&both, Some(&saved(1))), "topic and mood at once; rows of tickets.csv");
        assert_eq!(changed_since(&saved(1), Some(&both)), "one task alone; rows of tickets.csv");
        let other = of_parts(3, vec![part("topic", "ab"), part("mood", "ef")], 0.25);
        assert_eq!(changed_since(&other, Some(&both)), "rows of tickets.csv");
        assert!(best_by(&other, &[both.clone(), other.clone()]).is_none(), "of other rows");
        let again = SavedRun { id: "4".into(), summary: other.summary, ..both.clone() };
        assert_eq!(best_by(&again, &[both.clone(), again.clone()]), Some("lowest loss".into()));
        let shown: Vec<String> = shown_figures(&both).into_iter().map(|(.., text)| text).collect();
        assert!(shown.len() == 2 && shown[0].starts_with("topic/") && shown[1].starts_with("loss"), "{shown:?}");
    }

    #[test]
    fn a_run_says_how_far_it_came() {
        assert_eq!(time_words(&saved(1), false), "1 min 01 s, cut off at step 1,024 of 2,400");
        assert_eq!(time_words(&saved(1), true), "1 min 01 s, up to step 1,024 of 2,400");
        assert_eq!(time_words(&SavedRun { is_finished: true, ..saved(1) }, false), "1 min 01 s, 1,024 steps");
    }

    #[test]
    fn no_more_runs_are_drawn_than_there_are_colours() {
        let mut drawn = Vec::new();
        for id in ["a", "b", "a", "c", "d", "e"] {
            choose(&mut drawn, id, true);
        }
        assert_eq!(drawn, ["b", "a", "c", "d"], "each once");
        choose(&mut drawn, "a", false);
        choose(&mut drawn, "e", true);
        assert_eq!(drawn, ["b", "c", "d", "e"]);
    }
}
