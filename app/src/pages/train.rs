//! Step 4: run. Start, hold, end; see where it is and what it has measured.

use hone_core::event::{Phase, Split, StopReason};
use hone_core::session::protocol::Backend;
use hone_core::task::{LOSS, Task, Unit};
use leptos::prelude::*;

use super::frame::{frame, missing, onward, wait_hint};
use super::parts::parts_problem;
use super::reading;
use super::recipe::plan_text;
use super::{away, big_screen, estimate, runs, saved, side_by_side, sweep};
use crate::browser;
use crate::charts::{LineChart, Series};
use crate::components::{Button, Cell, Meter, Stat, table};
use crate::format;
use crate::state::evaluation::{drawn, leading};
use crate::state::run::{MEAN_LOSS_LABEL, MEAN_LOSS_LINE, RunState, Status, index_of_best};
use crate::state::several::{RunFigure, run_figures};
use crate::state::{Activity, Step, Store};
use crate::tasks;

const LEAD: &str = "Training runs in the background: you can look at the other steps meanwhile.";

/// Id of the buttons of a run.
const CONTROLS_ID: &str = "run-controls";
/// Id of the line that says how the run stands; it takes the focus from a button that goes away.
pub(super) const PHASE_ID: &str = "run-phase";

/// What there is to say of a loss that ends no lower than it began.
const NOT_FALLEN: &str = " The loss did not fall: try a lower learning rate, or more epochs.";

/// Colours of the lines of validation figures.
const LINES: [&str; 4] = ["s1", "s3", "s2", "s4"];

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let is_sweep = Memo::new(move |_| store.sweep.is_going());
    let content = view! {
        {move || missing(store, Step::Train)}
        {controls(store)}
        {move || is_sweep.get().then(|| sweep::beside_run(store))}
        <Show when=move || store.model.info.with(Option::is_some)>{away::storage(store)} {away::boxes(store)}</Show>
        {reading::of_parts(store)}
        <Show when=move || store.run.with(|run| run.status != Status::Idle)>
            {progress(store, task)}
            {big_screen::view(store, task)}
            {charts(store, task)}
            {move || measurements(store, task)}
            {side_by_side::panel(store)}
            {move || notes(store)}
        </Show>
        {runs::panel(store)}
    };
    frame(store, Step::Train, LEAD, content.into_any())
}

fn status(store: Store) -> Status {
    store.run.with(|run| run.status)
}

fn is_active(store: Store) -> bool {
    store.run.with(RunState::is_active)
}

/// Everything that a run needs is there.
fn is_ready(store: Store) -> bool {
    store.model.info.with(Option::is_some)
        && store.data.report.with(Option::is_some)
        && store.resolved.with(Result::is_ok)
        && store.changed.with(Result::is_ok)
        && store.parts_problem().is_none()
}

/// The button that starts, pauses and resumes: one, so that the focus stays on it. It stands back where a run that was broken off can
/// go on instead.
fn main_button(store: Store, go_on_from: Memo<Option<u32>>) -> AnyView {
    let id = Signal::derive(move || match status(store) {
        Status::Running => "pause",
        Status::Paused => "resume",
        Status::Starting | Status::Stopping => "",
        Status::Idle | Status::Finished(_) | Status::Failed | Status::Gone => "start",
    });
    let text = Signal::derive(move || {
        let text = match status(store) {
            Status::Idle => "Start training",
            Status::Starting => "Starting…",
            Status::Running => "Pause",
            Status::Paused => "Resume",
            Status::Stopping => "Stopping…",
            Status::Finished(_) | Status::Failed | Status::Gone => "Start again",
        };
        text.to_string()
    });
    let on_press = Callback::new(move |()| match store.run.with_untracked(|run| run.status) {
        Status::Running => store.pause_run(),
        Status::Paused => store.resume_run(),
        Status::Starting | Status::Stopping => {}
        Status::Idle | Status::Finished(_) | Status::Failed | Status::Gone => {
            store.confirm_losing_weights("Start anyway", move || {
                // The person may have asked for something else meanwhile.
                if untrack(|| store.activity()).is_none() {
                    store.start_run();
                }
            });
        }
    });
    let is_primary = Signal::derive(move || {
        id.get() == "start" && go_on_from.get().is_none() && !store.run.with(RunState::is_finished)
    });
    let waits = Signal::derive(move || id.get().is_empty());
    let cannot_start = Signal::derive(move || !is_active(store) && store.activity().is_some());
    view! {
        <Button id=id text=text is_primary=is_primary disabled=cannot_start waits=waits on_press=on_press />
    }
    .into_any()
}

/// Only what can be done now.
fn controls(store: Store) -> AnyView {
    let go_on_from = saved::step_to_go_on_from(store);
    let is_going = Memo::new(move |_| matches!(status(store), Status::Running | Status::Paused));
    let has_best = Memo::new(move |_| is_going.get() && store.run.with(|run| run.last_valid().is_some()));
    let stop = move |keep_best: bool| {
        Callback::new(move |()| {
            store.stop_run(keep_best);
            browser::focus_element(PHASE_ID);
        })
    };
    let is_shown = Memo::new(move |_| is_active(store) || is_ready(store));
    let wrong = Memo::new(move |_| store.wrong_settings());
    let on_fix = Callback::new(move |()| store.go_to(Step::Recipe));
    let fix = move |names: String| {
        view! {
            <div class="note row">
                <p>{format!("Wrong in the recipe: {names}.")}</p>
                <Button text="Fix it" on_press=on_fix />
            </div>
        }
    };
    view! {
        {move || if is_active(store) { None } else { plan(store) }}
        {estimate::panel(store)}
        <div class="row" role="group" aria-label="Run" id=CONTROLS_ID>
            {move || {
                browser::keep_focus(CONTROLS_ID, PHASE_ID);
                go_on_from.get().map(|step| saved::go_on(store, step))
            }}
            {move || {
                browser::keep_focus(CONTROLS_ID, PHASE_ID);
                is_shown.get().then(|| main_button(store, go_on_from))
            }}
            {while_it_lasts(is_going, "stop", "Stop", stop(false))}
            {while_it_lasts(has_best, "keep-best", "Stop and keep the best", stop(true))}
        </div>
        {move || is_shown.get().then(|| wait_hint(store, "Training can start", Some(Activity::Training)))}
        {move || wrong.get().map(fix)}
        {parts_problem(store)}
    }
    .into_any()
}

/// A button that goes when what it is for is over: a focus that it has then is not lost.
fn while_it_lasts(is_there: Memo<bool>, id: &'static str, text: &'static str, on_press: Callback<()>) -> AnyView {
    let button = move || view! { <Button id=id text=text on_press=on_press /> }.into_any();
    let shown = move || {
        browser::keep_focus(CONTROLS_ID, PHASE_ID);
        is_there.get().then(button)
    };
    view! { {shown} }.into_any()
}

/// What a run will do.
fn plan(store: Store) -> Option<AnyView> {
    plan_text(store).map(|text| view! { <p class="plan" data-testid="run-plan">{text}</p> }.into_any())
}

/// What the run is busy with, in words.
pub(super) fn phase_text(store: Store) -> String {
    let is_gpu = store.device.with(|device| device.as_ref().is_some_and(|device| device.backend == Backend::Webgpu));
    store.run.with(|run| match (run.status, run.phase) {
        (Status::Idle, _) => "Not started".into(),
        (Status::Starting, _) => "Preparing".into(),
        (Status::Paused, _) => run.paused_words(),
        (Status::Stopping, _) => "Stopping".into(),
        (Status::Failed, _) => "Failed".into(),
        (Status::Gone, _) => "Finished; its weights are no longer loaded".into(),
        (Status::Finished(reason), _) => match reason {
            StopReason::Completed => "Finished".into(),
            StopReason::EarlyStopping => "Finished early: no further improvement".into(),
            StopReason::Stopped => "Stopped".into(),
            StopReason::Diverged => {
                "Ended: training diverged (try a lower learning rate); the best weights are kept".into()
            }
        },
        (Status::Running, Some(Phase::FirstStep)) if is_gpu => {
            "First step: preparing the GPU, which takes longer than the steps after it".into()
        }
        (Status::Running, Some(Phase::FirstStep)) => "First step".into(),
        (Status::Running, Some(Phase::Evaluating)) => match run.evaluation_progress {
            Some((done, total)) => {
                format!("Measuring the validation rows, {} of {}", format::count(done), format::count(total))
            }
            None => "Measuring the validation rows".into(),
        },
        (Status::Running, Some(Phase::Sampling)) => "Looking at what the model does before training".into(),
        (Status::Running, Some(Phase::Training)) => "Training".into(),
        (Status::Running, None) => "Preparing".into(),
    })
}

/// `120 of 400`.
pub(super) fn steps_text(store: Store) -> String {
    store.run.with(|run| format!("{} of {}", format::count(run.step as usize), format::count(run.total_steps as usize)))
}

fn progress(store: Store, task: Task) -> AnyView {
    let of = move |read: fn(&RunState) -> Option<String>| {
        Signal::derive(move || store.run.with(read).unwrap_or_else(|| "–".into()))
    };
    let steps = Signal::derive(move || steps_text(store));
    let share = Signal::derive(move || store.run.with(|run| (run.total_steps > 0).then(|| run.progress())));
    let raw_loss = Signal::derive(move || store.run.with(|run| run.losses.mean()));
    let phase = Signal::derive(move || phase_text(store));
    let reads_images = tasks::of(task).reads_images;
    let rows_label = if reads_images { "Images a second" } else { "Rows a second" };
    let tokens = (!reads_images).then(|| {
        view! { <Stat label="Tokens a second" value=of(|run| run.tokens_per_sec.map(format::large)) /> }
    });
    let finished = move || {
        store.run.with(RunState::is_finished).then(|| {
            let step = store.run.with(|run| run.weights_of_step.unwrap_or(run.step));
            view! {
                <div class="banner" data-testid="run-finished">
                    <p>
                        {phase}
                        {format!(". The model holds the weights of step {}.", format::count(step as usize))}
                        {move || store.run.with(|run| run.losses.has_risen()).then_some(NOT_FALLEN)}
                    </p>
                    {onward(store, Step::Evaluate, "See how good it is")}
                </div>
            }
        })
    };
    view! {
        <p class="phase" id=PHASE_ID tabindex="-1" data-testid="phase">{phase}</p>
        <Meter label="Steps" share=share text=steps id="step-count" />
        <dl class="stats">
            <Stat label="Epoch" value=of(|run| Some(format!("{:.2}", run.epoch))) />
            <Stat
                label=MEAN_LOSS_LABEL
                id="last-loss"
                value=of(|run| run.losses.mean().map(format::significant))
                raw=raw_loss
            />
            {move || valid_stats(store, task, "")}
            <Stat label="Learning rate" value=of(|run| run.learning_rate.map(format::significant)) />
            <Stat label="Gradient norm" value=of(|run| run.grad_norm.map(format::significant)) />
            <Stat label="Time so far" value=of(|run| Some(format::duration(run.elapsed_secs))) />
            <Stat label="Time left" id="time-left" value=of(|run| run.secs_left().map(format::duration)) />
            <Stat label="First step took" value=of(|run| run.first_step_secs.map(format::duration)) />
            <Stat label=rows_label id="rows-per-sec" value=of(|run| run.rows_per_sec.map(format::significant)) />
            {tokens}
        </dl>
        <p class="hint">{move || store.run.with(trained_text)}</p>
        {finished}
    }
    .into_any()
}

/// The leading figure of the validation rows; of several tasks that of each. Test ids begin with `prefix`.
pub(super) fn valid_stats(store: Store, task: Task, prefix: &'static str) -> AnyView {
    let stat = |figure: RunFigure| {
        let label = format!("Validation {}", figure.in_sentence());
        let RunFigure { name, id, unit, .. } = figure;
        let raw = Signal::derive(move || store.run.with(|run| run.last_valid().and_then(|one| one.value(&name))));
        let text = Signal::derive(move || raw.get().map_or_else(|| "–".into(), |value| format::figure(unit, value)));
        view! { <Stat label=label id=format!("{prefix}valid-{id}") value=text raw=raw /> }.into_any()
    };
    let figures = store.run_parts.with(|parts| run_figures(task, parts, |task| vec![leading(task)]));
    figures.into_iter().map(stat).collect_view().into_any()
}

fn trained_text(run: &RunState) -> Option<String> {
    let (trained, all) = (run.num_trainable as f64, run.num_parameters as f64);
    let text = || format!("{} of {} parameters are trained.", format::large(trained), format::large(all));
    (run.num_trainable > 0).then(text)
}

fn charts(store: Store, task: Task) -> AnyView {
    let x_max = Signal::derive(move || store.run.with(|run| f64::from(run.total_steps.max(run.step))));
    let has_general = Memo::new(move |_| store.run.with(|run| !run.general.is_empty()));
    view! {
        <div class="columns">
            <LineChart title="Loss" series=loss_series(store) x_max=x_max />
            {move || validation_charts(store, task, x_max)}
            {move || has_general.get().then(|| general_chart(store, x_max))}
        </div>
    }
    .into_any()
}

/// What a model that goes on from any text forgets: its loss on one that has nothing to do with the rows.
fn general_chart(store: Store, x_max: Signal<f64>) -> AnyView {
    let series = Signal::derive(move || {
        let points = store.run.with(|run| run.general.clone());
        vec![Series { name: "loss on it: rises as the model forgets".into(), class: "s4", points, has_dots: true }]
    });
    view! {
        <div data-testid="general-chart">
            <LineChart title="A text that is not of the rows" series=series x_max=x_max />
            <p class="hint">
                "The first tokens, at most 1,024, of a general English text that comes with Hone, before training and at each \
                 evaluation."
            </p>
        </div>
    }
    .into_any()
}

/// The loss of each step, its mean, and that of the validation rows.
pub(super) fn loss_series(store: Store) -> Signal<Vec<Series>> {
    Signal::derive(move || {
        store.run.with(|run| {
            let line = |name: &str, class, points| Series { name: name.to_owned(), class, points, has_dots: false };
            let validation = line("validation loss", "s2", valid_points(run, LOSS.name));
            vec![
                line("each step", "faint", run.losses.each.clone()),
                line(MEAN_LOSS_LINE, "s1", run.losses.means.clone()),
                Series { has_dots: true, ..validation },
            ]
        })
    })
}

/// A figure of the validation rows: (step, value).
fn valid_points(run: &RunState, name: &str) -> Vec<(f64, f64)> {
    let measured = run.measurements.iter().filter(|one| one.split == Split::Valid);
    measured.filter_map(|one| Some((f64::from(one.step), one.value(name)?))).collect()
}

/// The figures of the validation rows; of several tasks the leading one of each, in two charts where they share no axis.
fn validation_charts(store: Store, task: Task, x_max: Signal<f64>) -> AnyView {
    let is_share = |figure: &RunFigure| matches!(figure.unit, Unit::Share | Unit::Percent);
    let parts = store.run_parts.get();
    if parts.is_empty() {
        let figures = run_figures(task, &parts, drawn);
        let is_percent = figures.first().is_some_and(is_share);
        return validation_chart(store, figures, is_percent, x_max);
    }
    let figures = run_figures(task, &parts, |task| vec![leading(task)]);
    let (numbers, others): (Vec<_>, Vec<_>) = figures.into_iter().partition(|figure| figure.unit == Unit::Number);
    let chart = |figures: Vec<RunFigure>| {
        let is_percent = figures.iter().all(is_share);
        validation_chart(store, figures, is_percent, x_max)
    };
    [others, numbers].into_iter().filter(|figures| !figures.is_empty()).map(chart).collect_view().into_any()
}

fn validation_chart(store: Store, figures: Vec<RunFigure>, is_percent: bool, x_max: Signal<f64>) -> AnyView {
    let series = Signal::derive(move || {
        store.run.with(|run| {
            let line = |(figure, class): (&RunFigure, &'static str)| {
                let (name, mut points) = (figure.in_sentence(), valid_points(run, &figure.name));
                if figure.unit == Unit::Percent {
                    points.iter_mut().for_each(|(_, value)| *value /= 100.0); // as shares, which the axis has
                }
                Series { name, class, points, has_dots: true }
            };
            figures.iter().zip(LINES.into_iter().cycle()).map(line).collect::<Vec<_>>()
        })
    });
    view! {
        <LineChart
            title="Validation"
            series=series
            x_max=x_max
            y_fixed=is_percent.then_some((0.0, 1.0))
            is_percent=is_percent
        />
    }
    .into_any()
}

fn measurements(store: Store, task: Task) -> Option<AnyView> {
    let measured = store.run.with(|run| run.measurements.clone());
    if measured.is_empty() {
        return None;
    }
    let best = index_of_best(&measured);
    let figures = store.run_parts.with(|parts| {
        let mean = (!parts.is_empty()).then(|| RunFigure::new(None, &LOSS));
        let all = run_figures(task, parts, |task| task.spec().headline_figures());
        mean.into_iter().chain(all).collect::<Vec<_>>()
    });
    let rows = measured.into_iter().enumerate().map(|(index, one)| {
        let mut cells = vec![
            Cell::number(format::count(one.step as usize)),
            Cell::number(format!("{:.2}", one.epoch)),
            Cell::new("", one.split.words()),
        ];
        cells.extend(figures.iter().map(|figure| {
            let text = one.value(&figure.name).map_or_else(String::new, |value| format::figure(figure.unit, value));
            Cell::number(text)
        }));
        cells.push(Cell::new("", if best == Some(index) { "best" } else { "" }));
        cells
    });
    let titles = figures.iter().map(|figure| figure.title.as_str());
    let heads: Vec<&str> = ["Step", "Epoch", "Rows"].into_iter().chain(titles).chain([""]).collect();
    let view = view! {
        <div class="panel">
            <h3>"Evaluations"</h3>
            {table("Evaluations", "evaluations", &heads, rows.collect())}
        </div>
    };
    Some(view.into_any())
}

fn notes(store: Store) -> AnyView {
    let went_back = store.run.with(|run| run.rollbacks.clone()).into_iter().map(|rollback| {
        view! { <p class="note" role="status" data-testid="rolled-back">{rollback.in_words()}</p> }.into_any()
    });
    let went_back = went_back.collect_view();
    let cut = store.run.with(|run| run.batches_cut).map(|(step, rows)| {
        let [step, rows] = [step, rows].map(|number| format::count(number as usize));
        let text = format!(
            "The device had too little memory: from step {step} on a batch is computed in parts of {rows} rows at most. It \
             takes longer; a step learns from as many rows as before."
        );
        view! { <p class="note" role="status" data-testid="batches-cut">{text}</p> }
    });
    let added = store.run.with(|run| run.added.clone()).map(|added| {
        let text = format!("{}.", format::sentence(&added.in_words()));
        view! { <p class="hint" data-testid="added-rows">{text}</p> }
    });
    let is_held = store.run.with(|run| run.is_active() || run.is_finished());
    let (step, error) = store.run.with(|run| (run.checkpoint_step, run.checkpoint_error.clone()));
    let written = step.filter(|_| is_held).map(|step| {
        let may_go = store.may_be_cleared.get();
        let more = if may_go { " The browser may clear it when the disk runs full." } else { "" };
        let text = format!(
            "The run is saved in this browser up to step {}: after a reload the page can go on with it, and other runs do not \
             take its place.{more}",
            format::count(step as usize)
        );
        view! { <p class="hint" data-testid="checkpoint">{text}</p> }
    });
    let changed = store.started.with(|started| started.as_ref().map(|run| run.notes.join("; ")).unwrap_or_default());
    let changed = (!changed.is_empty()).then(|| {
        view! { <p class="hint" data-testid="model-changes">{format!("The model was changed first: {changed}.")}</p> }
    });
    let is_paused = status(store) == Status::Paused;
    let failed = error.map(|error| {
        let then = if is_paused { "the run stays paused" } else { "the run goes on" };
        let text = format!("The checkpoint could not be written; {then}. {error}");
        view! { <p class="note" role="status">{text}</p> }
    });
    view! { {added} {went_back} {cut} {changed} {written} {failed} }.into_any()
}
