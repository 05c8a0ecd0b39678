//! Step 4: run. Start, hold, end; see where it is and what it has measured.

use hone_core::config::Task;
use hone_core::event::{Phase, Split, StopReason};
use hone_core::session::protocol::Backend;
use leptos::prelude::*;

use super::frame::{frame, missing, onward};
use crate::charts::{LineChart, Series, geometry};
use crate::components::{Button, Cell, Meter, Stat, table};
use crate::format;
use crate::state::evaluation::split_name;
use crate::state::run::{Measurement, RunState, Sample, Status};
use crate::state::{Step, Store, WorkerStatus};

const LEAD: &str = "The run goes on in a worker: you can look at the other steps meanwhile.";

/// Decay of the smoothed loss.
const SMOOTHING: f64 = 0.9;

/// Characters of a sample's texts.
const MAX_SAMPLE_CHARS: usize = 240;

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Train)}
        {controls(store)}
        <Show when=move || store.run.with(|run| run.status != Status::Idle)>
            {progress(store, task)}
            {charts(store, task)}
            {move || measurements(store)}
            {move || samples(store)}
            {move || notes(store)}
        </Show>
    };
    frame(store, Step::Train, LEAD, content.into_any())
}

fn status(store: Store) -> Status {
    store.run.with(|run| run.status)
}

fn can_start(store: Store) -> bool {
    let is_ready = store.model.info.with(Option::is_some)
        && store.data.report.with(Option::is_some)
        && store.resolved.with(Result::is_ok)
        && store.worker.get() == WorkerStatus::Ready;
    let is_busy = store.run.with(RunState::is_active)
        || store.data.loading.get()
        || store.measuring.get().is_some()
        || store.writing.with(|writing| writing.current.is_some());
    is_ready && !is_busy
}

fn controls(store: Store) -> AnyView {
    let start_text = Signal::derive(move || {
        let text = if status(store) == Status::Idle { "Start training" } else { "Start again" };
        text.to_string()
    });
    let is_going = move || matches!(status(store), Status::Running | Status::Paused);
    let recipe_is_wrong = Memo::new(move |_| store.resolved.with(Result::is_err));
    let cannot_start = Signal::derive(move || !can_start(store));
    let cannot_pause = Signal::derive(move || status(store) != Status::Running);
    let cannot_resume = Signal::derive(move || status(store) != Status::Paused);
    let cannot_stop = Signal::derive(move || !is_going());
    let has_no_best = Signal::derive(move || !is_going() || store.run.with(|run| run.measurements.is_empty()));
    let on_start = Callback::new(move |()| store.start_run());
    let on_pause = Callback::new(move |()| store.pause_run());
    let on_resume = Callback::new(move |()| store.resume_run());
    let on_stop = Callback::new(move |()| store.stop_run(false));
    let on_keep_best = Callback::new(move |()| store.stop_run(true));
    let on_mend = Callback::new(move |()| store.go_to(Step::Recipe));
    let mend = move || {
        view! {
            <div class="note row">
                <p>"A setting of the recipe is wrong."</p>
                <Button text="Mend it" on_press=on_mend />
            </div>
        }
    };
    view! {
        <div class="row" role="group" aria-label="Run">
            <Button id="start" text=start_text is_primary=true disabled=cannot_start on_press=on_start />
            <div class="row" hidden=move || !store.run.with(RunState::is_active)>
                <Button id="pause" text="Pause" disabled=cannot_pause on_press=on_pause />
                <Button id="resume" text="Resume" disabled=cannot_resume on_press=on_resume />
                <Button id="stop" text="Stop" disabled=cannot_stop on_press=on_stop />
                <Button id="keep-best" text="Stop and keep the best" disabled=has_no_best on_press=on_keep_best />
            </div>
        </div>
        {move || recipe_is_wrong.get().then(mend)}
    }
    .into_any()
}

/// What the run is busy with, in words.
fn phase_text(store: Store) -> String {
    let is_gpu = store.device.with(|device| device.as_ref().is_some_and(|device| device.backend == Backend::Webgpu));
    store.run.with(|run| match (run.status, run.phase) {
        (Status::Idle, _) => "Not started".into(),
        (Status::Starting, _) => "Preparing".into(),
        (Status::Paused, _) => "Paused".into(),
        (Status::Stopping, _) => "Stopping".into(),
        (Status::Failed, _) => "Failed".into(),
        (Status::Gone, _) => "Finished; its weights are no longer loaded".into(),
        (Status::Finished(reason), _) => match reason {
            StopReason::Completed => "Finished".into(),
            StopReason::EarlyStopping => "Finished early: no further improvement".into(),
            StopReason::Stopped => "Stopped".into(),
            StopReason::Diverged => "The loss is not a number any more: the best weights are kept".into(),
        },
        (Status::Running, Some(Phase::FirstStep)) if is_gpu => "First step: compiling shaders".into(),
        (Status::Running, Some(Phase::FirstStep)) => "First step".into(),
        (Status::Running, Some(Phase::Evaluating)) => match run.evaluation_progress {
            Some((done, total)) => {
                format!("Measuring the validation rows, {} of {}", format::count(done), format::count(total))
            }
            None => "Measuring the validation rows".into(),
        },
        (Status::Running, Some(Phase::Training)) => "Training".into(),
        (Status::Running, None) => "Preparing".into(),
    })
}

fn progress(store: Store, task: Task) -> AnyView {
    let of = move |read: fn(&RunState) -> Option<String>| {
        Signal::derive(move || store.run.with(read).unwrap_or_else(|| "–".into()))
    };
    let steps = Signal::derive(move || {
        store
            .run
            .with(|run| format!("{} of {}", format::count(run.step as usize), format::count(run.total_steps as usize)))
    });
    let share = Signal::derive(move || store.run.with(|run| (run.total_steps > 0).then(|| run.progress())));
    let raw_loss = Signal::derive(move || store.run.with(|run| run.last_loss));
    let (valid_label, valid_id) = match task {
        Task::SequenceClassification => ("Validation accuracy", "valid-accuracy"),
        Task::CausalLm => ("Validation perplexity", "valid-perplexity"),
    };
    let valid = |m: &Measurement| m.perplexity.unwrap_or(m.accuracy);
    let valid_text = Signal::derive(move || {
        let text = |m: &Measurement| m.perplexity.map_or_else(|| format::percent(m.accuracy), format::significant);
        store.run.with(|run| run.last_valid().map(text)).unwrap_or_else(|| "–".into())
    });
    let raw_valid = Signal::derive(move || store.run.with(|run| run.last_valid().map(valid)));
    let phase = Signal::derive(move || phase_text(store));
    let finished = move || {
        store.run.with(RunState::is_finished).then(|| {
            let step = store.run.with(|run| run.weights_of_step.unwrap_or(run.step));
            view! {
                <div class="banner" data-testid="run-finished">
                    <p>
                        {phase}
                        {format!(". The model holds the weights of step {}.", format::count(step as usize))}
                    </p>
                    {onward(store, Step::Evaluate, "See how good it is")}
                </div>
            }
        })
    };
    view! {
        <p class="phase" data-testid="phase">{phase}</p>
        <Meter label="Steps" share=share text=steps id="step-count" />
        <dl class="stats">
            <Stat label="Epoch" value=of(|run| Some(format!("{:.2}", run.epoch))) />
            <Stat label="Loss" id="last-loss" value=of(|run| run.last_loss.map(format::significant)) raw=raw_loss />
            <Stat label=valid_label id=valid_id value=valid_text raw=raw_valid />
            <Stat label="Learning rate" value=of(|run| run.learning_rate.map(format::significant)) />
            <Stat label="Gradient norm" value=of(|run| run.grad_norm.map(format::significant)) />
            <Stat label="Time so far" value=of(|run| Some(format::duration(run.elapsed_secs))) />
            <Stat label="Time left" id="time-left" value=of(|run| run.secs_left().map(format::duration)) />
            <Stat label="First step took" value=of(|run| run.first_step_secs.map(format::duration)) />
            <Stat label="Rows a second" id="rows-per-sec" value=of(|run| run.rows_per_sec.map(format::significant)) />
            <Stat label="Tokens a second" value=of(|run| run.tokens_per_sec.map(format::large)) />
        </dl>
        <p class="hint">{move || store.run.with(trained_text)}</p>
        {finished}
    }
    .into_any()
}

fn trained_text(run: &RunState) -> Option<String> {
    let (trained, all) = (run.num_trainable as f64, run.num_parameters as f64);
    let text = || format!("{} of {} parameters are trained.", format::large(trained), format::large(all));
    (run.num_trainable > 0).then(text)
}

fn charts(store: Store, task: Task) -> AnyView {
    let x_max = Signal::derive(move || store.run.with(|run| f64::from(run.total_steps.max(run.step))));
    let valid = |run: &RunState, value: fn(&Measurement) -> f64| -> Vec<(f64, f64)> {
        let of_valid = run.measurements.iter().filter(|m| m.split == Split::Valid);
        of_valid.map(|m| (f64::from(m.step), value(m))).collect()
    };
    let losses = Signal::derive(move || {
        store.run.with(|run| {
            let smoothed = geometry::smoothed(&run.losses, SMOOTHING);
            let raw = run.losses.clone();
            vec![
                Series { name: "training loss", class: "faint", points: raw, has_dots: false },
                Series { name: "smoothed", class: "s1", points: smoothed, has_dots: false },
                Series { name: "validation loss", class: "s2", points: valid(run, |m| m.loss), has_dots: true },
            ]
        })
    });
    let metrics = Signal::derive(move || {
        store.run.with(|run| {
            // Beside the training loss, small changes of the validation loss can't be seen.
            let loss = || vec![Series { name: "loss", class: "s2", points: valid(run, |m| m.loss), has_dots: true }];
            let accuracy = |m: &Measurement| m.accuracy;
            let macro_f1 = |m: &Measurement| m.macro_f1.unwrap_or_default();
            match task {
                Task::CausalLm => loss(),
                Task::SequenceClassification => vec![
                    Series { name: "accuracy", class: "s1", points: valid(run, accuracy), has_dots: true },
                    Series { name: "macro F1", class: "s3", points: valid(run, macro_f1), has_dots: true },
                ],
            }
        })
    });
    let is_percent = task == Task::SequenceClassification;
    view! {
        <div class="columns">
            <LineChart title="Loss" series=losses x_max=x_max />
            <LineChart
                title="Validation"
                series=metrics
                x_max=x_max
                y_fixed=is_percent.then_some((0.0, 1.0))
                is_percent=is_percent
            />
        </div>
    }
    .into_any()
}

fn measurements(store: Store) -> Option<AnyView> {
    let measured = store.run.with(|run| run.measurements.clone());
    if measured.is_empty() {
        return None;
    }
    let is_of_tokens = measured.iter().any(|m| m.perplexity.is_some());
    let rows = measured.into_iter().map(|m| {
        let accuracy = format::percent(m.accuracy);
        let [fifth, sixth] = match m.perplexity {
            Some(perplexity) => [format::significant(perplexity), accuracy],
            None => [accuracy, m.macro_f1.map_or_else(String::new, |f1| format!("{f1:.3}"))],
        };
        vec![
            Cell::number(format::count(m.step as usize)),
            Cell::number(format!("{:.2}", m.epoch)),
            Cell::new("", split_name(m.split)),
            Cell::number(format::significant(m.loss)),
            Cell::number(fifth),
            Cell::number(sixth),
            Cell::new("", if m.is_best { "best so far" } else { "" }),
        ]
    });
    let [fifth, sixth] = if is_of_tokens { ["Perplexity", "Token accuracy"] } else { ["Accuracy", "Macro F1"] };
    let heads = ["Step", "Epoch", "Rows", "Loss", fifth, sixth, ""];
    let view = view! {
        <div class="panel">
            <h3>"Evaluations"</h3>
            {table("Evaluations", "evaluations", &heads, rows.collect())}
        </div>
    };
    Some(view.into_any())
}

/// What the model made of validation prompts on the way, the newest first.
fn samples(store: Store) -> Option<AnyView> {
    let rows = store.run.with(|run| {
        let text = |text: &str| Cell::new("text written", format::shortened(text, MAX_SAMPLE_CHARS));
        let row = |sample: &Sample| {
            let step = Cell::number(format::count(sample.step as usize));
            vec![step, text(&sample.prompt), text(&sample.expected), text(&sample.generated)]
        };
        run.samples.iter().rev().map(row).collect::<Vec<_>>()
    });
    if rows.is_empty() {
        return None;
    }
    let view = view! {
        <div class="panel">
            <h3>"What it writes on the way"</h3>
            {table("Samples", "train-samples", &["Step", "Prompt", "In the file", "Written"], rows)}
        </div>
    };
    Some(view.into_any())
}

fn notes(store: Store) -> AnyView {
    let (step, error) = store.run.with(|run| (run.checkpoint_step, run.checkpoint_error.clone()));
    let written = step.map(|step| {
        let may_go = store.may_be_cleared.get();
        let more = if may_go { " This browser may clear it when the disk runs full." } else { "" };
        let text = format!("A checkpoint of step {} is on this machine.{more}", format::count(step as usize));
        view! { <p class="hint" data-testid="checkpoint">{text}</p> }
    });
    let failed = error.map(|error| {
        let text = format!("The checkpoint could not be written; the run goes on. {error}");
        view! { <p class="note" role="status">{text}</p> }
    });
    view! { {written} {failed} }.into_any()
}
