//! The figures of a run that is over: of its test rows and, of a language model, of a general text. In: the session with both weights.
//! Out: events, and tables as text.

use std::path::Path;

use futures_lite::future::block_on;
use hone_core::event::{Split, TrainEvent};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Evaluation, HeadKind, Task};
use serde_json::json;

use crate::args::TrainArgs;
use crate::few_shot;
use crate::inputs::file_name;
use crate::output::read_data_file;
use crate::progress::{Progress, say};
use crate::run_loop::RunFacts;
use crate::tables::{self, OF_TRAINING, evaluation_json};

/// All figures that were asked for; as tables, unless they go out as events.
pub(super) fn measure_all(
    session: &mut Session,
    args: &TrainArgs,
    general: Option<&str>,
    progress: &mut Progress,
    facts: &RunFacts,
    text: &mut String,
) -> anyhow::Result<()> {
    measure(session, args, progress, facts, text)?;
    if args.compare && measures_forgetting(session.task()?) {
        measure_forgetting(session, args, general, progress, text)?;
    }
    Ok(())
}

/// The test rows, if there are any: after tuning, and with `--compare` before it.
pub(crate) fn measure(
    session: &mut Session,
    args: &TrainArgs,
    progress: &mut Progress,
    facts: &RunFacts,
    text: &mut String,
) -> anyhow::Result<()> {
    if facts.num_rows[2] == 0 {
        progress.note("no test rows were held out, so none are measured");
        return Ok(());
    }
    let mut of = |weights: Weights, doing: &str| -> anyhow::Result<Evaluation> {
        let mut tell = |done, total| progress.rows(doing, done, total);
        let epoch = f64::from(facts.step) / f64::from(facts.steps_per_epoch.max(1));
        let (step, split, is_best) = (facts.step, Split::Test, false);
        let (evaluation, rows) = block_on(session.evaluate(weights, split, &mut tell))?;
        progress.clear();
        progress.log(|log, elapsed_secs| log.note_measured((elapsed_secs, step), (weights, split), &evaluation, &rows));
        let event = TrainEvent::Evaluated { step, epoch, split, evaluation: evaluation.clone(), is_best };
        progress.measured(&event, weights);
        Ok(evaluation)
    };
    let base = if args.compare { Some(of(Weights::Base, "measuring the test rows before tuning")?) } else { None };
    let tuned = of(Weights::Tuned, "measuring the test rows")?;
    if !args.json {
        let figures = tables::evaluation("test", &tuned, OF_TRAINING);
        let gap = if figures.lines().count() > 1 { "\n" } else { "" };
        text.push_str(&format!("{figures}{gap}"));
        if let Some(base) = base {
            text.push_str(&format!("{}\n", tables::comparison("test", &base, &tuned)));
        }
    }
    if args.compare {
        text.push_str(&few_shot::measure(session, args.json, progress, facts.step, tuned.figure("accuracy"))?);
    }
    Ok(())
}

/// What a language model forgot: its figures on a text that has nothing to do with the task, before and after tuning.
fn measure_forgetting(
    session: &mut Session,
    args: &TrainArgs,
    general: Option<&str>,
    progress: &mut Progress,
    text: &mut String,
) -> anyhow::Result<()> {
    let name = args.general_text.as_deref().map_or_else(|| "general text".to_owned(), file_name);
    let mut of = |weights: Weights| -> anyhow::Result<Evaluation> {
        let mut tell = |done, total| progress.rows("measuring the general text", done, total);
        let evaluation = block_on(session.evaluate_general(weights, general, &mut tell))?;
        progress.clear();
        if args.json {
            let line = json!({
                "elapsed_secs": progress.elapsed_secs(),
                "weights": weights,
                "event": "evaluated_general",
                "text": name,
                "evaluation": evaluation_json(&evaluation),
            });
            progress.print(&format!("{line}\n"));
        }
        Ok(evaluation)
    };
    let (base, tuned) = (of(Weights::Base)?, of(Weights::Tuned)?);
    if !args.json {
        text.push_str(&format!("{}\n", tables::comparison(&name, &base, &tuned)));
    }
    Ok(())
}

/// Whether `--compare` measures a general text: of models that write on from any text.
pub(super) fn measures_forgetting(task: Task) -> bool {
    task.spec().head == HeadKind::CausalLm
}

/// The general text of the person's own.
pub(super) fn read_general_text(path: &Path) -> anyhow::Result<String> {
    let bytes = read_data_file("read the general text", path)?;
    let read = hone_core::session::read_general_text(&path.display().to_string(), &bytes);
    // The hints on rows and columns, which the error would bring, are not about this file.
    let (text, note) = read.map_err(|error| anyhow::Error::msg(error.to_string()))?;
    if let Some(note) = note {
        say(&format!("warning: {note}"));
    }
    Ok(text)
}
