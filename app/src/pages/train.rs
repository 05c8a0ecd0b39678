//! Step 4: run. Start, hold, end; see where it is and what it has measured.

use hone_core::event::{Phase, Split, StopReason};
use hone_core::session::protocol::Backend;
use leptos::prelude::*;

use super::frame::{frame, missing, onward};
use crate::charts::{LineChart, Series, geometry};
use crate::components::{Meter, Stat, table_head};
use crate::format;
use crate::state::evaluation::split_name;
use crate::state::run::{RunState, Status};
use crate::state::{Step, Store, WorkerStatus};

const LEAD: &str = "The run goes on in a worker: you can look at the other steps meanwhile.";

/// Decay of the smoothed loss.
const SMOOTHING: f64 = 0.9;

pub(super) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Train)}
        {controls(store)}
        <Show when=move || store.run.with(|run| run.status != Status::Idle)>
            {progress(store)}
            {charts(store)}
            {move || measurements(store)}
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
    let is_busy = store.run.with(RunState::is_active) || store.data.loading.get() || store.measuring.get().is_some();
    is_ready && !is_busy
}

fn controls(store: Store) -> AnyView {
    let start_text = move || if status(store) == Status::Idle { "Start training" } else { "Start again" };
    let is_going = move || matches!(status(store), Status::Running | Status::Paused);
    let recipe_is_wrong = move || store.resolved.with(Result::is_err);
    view! {
        <div class="row" role="group" aria-label="Run">
            <button
                type="button"
                class="button primary"
                data-testid="start"
                disabled=move || !can_start(store)
                on:click=move |_| store.start_run()
            >
                {start_text}
            </button>
            <button
                type="button"
                class="button"
                data-testid="pause"
                disabled=move || status(store) != Status::Running
                on:click=move |_| store.pause_run()
            >
                "Pause"
            </button>
            <button
                type="button"
                class="button"
                data-testid="resume"
                disabled=move || status(store) != Status::Paused
                on:click=move |_| store.resume_run()
            >
                "Resume"
            </button>
            <button
                type="button"
                class="button"
                data-testid="stop"
                disabled=move || !is_going()
                on:click=move |_| store.stop_run(false)
            >
                "Stop"
            </button>
            <button
                type="button"
                class="button"
                data-testid="keep-best"
                disabled=move || !is_going() || store.run.with(|run| run.measurements.is_empty())
                on:click=move |_| store.stop_run(true)
            >
                "Stop and keep the best"
            </button>
        </div>
        <Show when=recipe_is_wrong>
            <p class="note">
                "A setting of the recipe is wrong. "
                <button type="button" class="button quiet" on:click=move |_| store.go_to(Step::Recipe)>
                    "Mend it"
                </button>
            </p>
        </Show>
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
        (Status::Gone, _) => "Finished; the weights are gone with their worker".into(),
        (Status::Finished(reason), _) => match reason {
            StopReason::Completed => "Finished".into(),
            StopReason::EarlyStopping => "Finished early: no further improvement".into(),
            StopReason::Stopped => "Stopped".into(),
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

fn progress(store: Store) -> AnyView {
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
    let raw_accuracy = Signal::derive(move || store.run.with(|run| run.last_valid().map(|m| m.accuracy)));
    let phase = Signal::derive(move || phase_text(store));
    let finished = move || {
        store.run.with(RunState::is_finished).then(|| {
            let step = store.run.with(|run| run.weights_of_step.unwrap_or(run.step));
            view! {
                <div class="panel good" data-testid="run-finished">
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
        <Meter label="Steps" share=share text=steps />
        <dl class="stats">
            <Stat label="Step" id="step-count" value=steps />
            <Stat label="Epoch" value=of(|run| Some(format!("{:.2}", run.epoch))) />
            <Stat label="Loss" id="last-loss" value=of(|run| run.last_loss.map(format::significant)) raw=raw_loss />
            <Stat
                label="Validation accuracy"
                id="valid-accuracy"
                value=of(|run| run.last_valid().map(|m| format::percent(m.accuracy)))
                raw=raw_accuracy
            />
            <Stat label="Rows a second" id="rows-per-sec" value=of(|run| run.rows_per_sec.map(format::significant)) />
            <Stat label="Tokens a second" value=of(|run| run.tokens_per_sec.map(format::large)) />
            <Stat label="Time so far" value=of(|run| Some(format::duration(run.elapsed_secs))) />
            <Stat label="Time left" id="time-left" value=of(|run| run.secs_left().map(format::duration)) />
            <Stat label="Learning rate" value=of(|run| run.learning_rate.map(format::significant)) />
            <Stat label="Gradient norm" value=of(|run| run.grad_norm.map(format::significant)) />
            <Stat label="First step took" value=of(|run| run.first_step_secs.map(format::duration)) />
            <Stat
                label="Trained parameters"
                value=of(trained_text)
            />
        </dl>
        {finished}
    }
    .into_any()
}

fn trained_text(run: &RunState) -> Option<String> {
    let (trained, all) = (run.num_trainable as f64, run.num_parameters as f64);
    (run.num_trainable > 0).then(|| format!("{} of {}", format::large(trained), format::large(all)))
}

fn charts(store: Store) -> AnyView {
    let x_max = Signal::derive(move || store.run.with(|run| f64::from(run.total_steps.max(run.step))));
    let valid = |run: &RunState, value: fn(&crate::state::run::Measurement) -> f64| -> Vec<(f64, f64)> {
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
            vec![
                Series { name: "accuracy", class: "s1", points: valid(run, |m| m.accuracy), has_dots: true },
                Series { name: "macro F1", class: "s3", points: valid(run, |m| m.macro_f1), has_dots: true },
            ]
        })
    });
    view! {
        <div class="columns">
            <LineChart title="Loss" series=losses x_max=x_max />
            <LineChart title="Validation" series=metrics x_max=x_max y_fixed=(0.0, 1.0) is_percent=true />
        </div>
    }
    .into_any()
}

fn measurements(store: Store) -> Option<AnyView> {
    let measured = store.run.with(|run| run.measurements.clone());
    if measured.is_empty() {
        return None;
    }
    let rows = measured.into_iter().map(|m| {
        view! {
            <tr>
                <td class="number">{format::count(m.step as usize)}</td>
                <td class="number">{format!("{:.2}", m.epoch)}</td>
                <td>{split_name(m.split)}</td>
                <td class="number">{format::significant(m.loss)}</td>
                <td class="number">{format::percent(m.accuracy)}</td>
                <td class="number">{format!("{:.3}", m.macro_f1)}</td>
                <td>{m.is_best.then_some("best so far")}</td>
            </tr>
        }
    });
    let heads = ["Step", "Epoch", "Rows", "Loss", "Accuracy", "Macro F1", ""];
    let view = view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Evaluations">
            <table data-testid="evaluations">
                <caption>"Evaluations"</caption>
                {table_head(&heads)}
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    };
    Some(view.into_any())
}

fn notes(store: Store) -> AnyView {
    let (step, error) = store.run.with(|run| (run.checkpoint_step, run.checkpoint_error.clone()));
    let written = step.map(|step| {
        let text = format!("A checkpoint of step {} is on this machine.", format::count(step as usize));
        view! { <p class="hint" data-testid="checkpoint">{text}</p> }
    });
    let failed = error.map(|error| {
        let text = format!("The checkpoint could not be written; the run goes on. {error}");
        view! { <p class="note" role="status">{text}</p> }
    });
    view! { {written} {failed} }.into_any()
}
