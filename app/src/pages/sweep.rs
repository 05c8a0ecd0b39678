//! Sweeps at the step Recipe: which settings are tried with which values, how many runs that makes and how long they take; how far it is;
//! and how the trials stand.

mod coordinates;
mod result;

use hone_core::config::Kind;
use hone_core::sweep::SweepOfRuns;
use hone_core::task::Task;
use leptos::prelude::*;

use self::result::result;
use super::frame::wait_hint;
use crate::components::{Button, Meter, select};
use crate::format;
use crate::state::recipe::{self, FieldSpec};
use crate::state::run::Status;
use crate::state::sweep::{
    BESIDE_RUN_ID, Going, PANEL_ID, SUMMARY_ID, SweepDraft, SweepState, Tried, choices_of, is_unfinished, leg_words,
    mean_secs, offered, size_words,
};
use crate::state::{Activity, Store};

const WHAT_IT_IS: &str = "A sweep trains the recipe with one combination of values after the other (a trial each) and compares them by the \
    figure that chooses the best weights. Each run is kept as any other: delete those that you need no more in the table of runs. \
    Closing the page loses nothing but the run that goes on.";
const HOW_HALVING_GOES: &str = "Of three trials the best goes on to three times as many epochs, the last one to all of them. It begins \
    anew for that: each run has the learning-rate schedule of its own length. Blank: a third of the epochs of the recipe.";
const WHAT_FOLDS_ARE: &str = "Cross-validation: the rows are cut into so many parts, each trial is trained once with each part \
    held out, and the mean counts. Blank: one run, on the validation rows of the step Data.";
const WHAT_SEEDS_ARE: &str = "Each trial is trained once with each of these numbers, on the same held-out rows: how far the runs \
    differ is luck. Blank: the seed of the recipe.";
const HOW_TO_TYPE: &str = "Values with blanks between them, or a range: 1e-5 to 1e-3.";
const HOW_TO_TYPE_WHOLE: &str = "Values with blanks between them, or a range: 8 to 64.";

/// The panel.
pub(super) fn panel(store: Store, task: Task) -> AnyView {
    let kept = store.sweep.kept;
    let is_open = Memo::new(move |_| store.sweep.is_open.get() || kept.with(Option::is_some));
    let is_waiting = Memo::new(move |_| kept.with(|of| of.as_ref().is_some_and(|of| is_unfinished(of))));
    let is_going = Memo::new(move |_| store.sweep.is_going());
    let state = move || match (is_going.get(), is_waiting.get()) {
        (true, _) => Some(going(store)),
        (false, true) => Some(waiting(store)),
        (false, false) => None,
    };
    let can_use = Memo::new(move |_| !store.run.with(|run| run.is_active()) && !is_going.get());
    let shown = move || kept.get().and_then(|of| result(store, &of, task, can_use.get()));
    let new_one = move || (!is_going.get() && !is_waiting.get()).then(|| setup(store, task));
    let problem = move || {
        let problem = store.sweep.problem.get()?;
        Some(view! { <p class="note" role="status" data-testid="sweep-problem">{problem}</p> }.into_any())
    };
    view! {
        <details class="panel" id=PANEL_ID data-testid="sweep" prop:open=move || is_open.get()>
            <summary id=SUMMARY_ID>"Try several settings"</summary>
            <p class="hint">{WHAT_IT_IS}</p>
            {problem}
            {state}
            {shown}
            {new_one}
        </details>
    }
    .into_any()
}

/// Runs that were made, and how many there are at most.
fn amount(of: &SweepOfRuns) -> (usize, usize) {
    let num_runs = of.sweep.plan.search.num_runs();
    let all = of.epochs_ahead().map_or(0, |ahead| ahead.iter().map(|(alive, _)| alive * num_runs).sum());
    (of.runs.len(), all)
}

/// The meter of a sweep, with the run that is made, or comes next.
fn progress(store: Store) -> AnyView {
    let of_sweep = move || store.sweep.kept.with(|of| of.as_ref().map_or((0, 0), |of| amount(of)));
    let share = Signal::derive(move || {
        let (done, all) = of_sweep();
        (all > 0).then(|| done as f64 / all as f64)
    });
    let text = Signal::derive(move || {
        let (done, all) = of_sweep();
        format!("{} of {} done", format::count(done), format::plural(all, "run"))
    });
    let now = move || {
        store.sweep.kept.with(|of| {
            let of = of.as_ref()?;
            let leg = of.sweep.peek_leg()?;
            let when = if store.sweep.is_going() { "Now" } else { "Next" };
            Some(format!("{when}: {}.", leg_words(of, &leg)))
        })
    };
    view! {
        <Meter label="Sweep" share=share text=text id="sweep-progress" />
        <p class="hint" role="status" data-testid="sweep-now">{now}</p>
    }
    .into_any()
}

fn going(store: Store) -> AnyView {
    let status = move || store.run.with(|run| run.status);
    let is_held = Memo::new(move |_| status() == Status::Paused);
    let pause_id = Signal::derive(move || if is_held.get() { "sweep-resume" } else { "sweep-pause" });
    let pause_text = Signal::derive(move || String::from(if is_held.get() { "Resume" } else { "Pause" }));
    let cannot_pause = Signal::derive(move || !matches!(status(), Status::Running | Status::Paused));
    let on_pause = Callback::new(move |()| match store.run.with_untracked(|run| run.status) {
        Status::Running => store.pause_run(),
        Status::Paused => store.resume_run(),
        _ => {}
    });
    view! {
        {progress(store)}
        <div class="row" role="group" aria-label="Sweep">
            <Button id=pause_id text=pause_text waits=cannot_pause on_press=on_pause />
            {stop_button(store)}
        </div>
        <p class="hint">"It can be gone on with later; the run that goes on begins anew then."</p>
    }
    .into_any()
}

/// What is said of a sweep that goes on at the step Train, where its runs are paused and stopped one by one.
pub(super) fn beside_run(store: Store) -> AnyView {
    view! {
        <div class="panel" id=BESIDE_RUN_ID>
            {progress(store)}
            <div class="row">{stop_button(store)}</div>
            <p class="hint">"The buttons of the run end that one alone: then the next begins."</p>
        </div>
    }
    .into_any()
}

fn stop_button(store: Store) -> AnyView {
    let is_stopping = Signal::derive(move || store.sweep.going.get() == Going::Stopping);
    let text = Signal::derive(move || String::from(if is_stopping.get() { "Stopping…" } else { "Stop the sweep" }));
    let on_press = Callback::new(move |()| store.stop_sweep());
    view! { <Button id="sweep-stop" text=text waits=is_stopping on_press=on_press /> }.into_any()
}

/// A sweep with runs to come that does not go on.
fn waiting(store: Store) -> AnyView {
    let obstacle = Memo::new(move |_| store.sweep_obstacle());
    let cannot = Signal::derive(move || store.activity().is_some() || obstacle.with(Option::is_some));
    let on_go_on = Callback::new(move |()| store.go_on_with_sweep());
    let on_leave_out = Callback::new(move |()| store.leave_out_leg());
    let on_forget = Callback::new(move |()| store.forget_sweep());
    view! {
        {progress(store)}
        <p class="hint">{move || obstacle.get()}</p>
        <div class="row" role="group" aria-label="Sweep">
            <Button id="sweep-go-on" text="Go on with the sweep" is_primary=true waits=cannot on_press=on_go_on />
            <Button id="sweep-leave-out" text="Leave the next run out" on_press=on_leave_out />
            <Button id="sweep-forget" text="Forget this sweep" on_press=on_forget />
        </div>
        <p class="hint">
            "A run that is left out counts as one that failed. The runs that were made stay in the table of runs, whether the sweep is \
             forgotten or not."
        </p>
        {wait_hint(store, "It can go on", None::<Activity>)}
    }
    .into_any()
}

/// What is typed of the next sweep.
fn setup(store: Store, task: Task) -> AnyView {
    let draft = store.sweep.draft;
    let to_start = Memo::new(move |_| store.sweep_to_start());
    let plan = Memo::new(move |_| {
        to_start.with(|of| match of {
            Err(wrong) => Err(wrong.join(" ")),
            Ok(of) => {
                let epochs = store.resolved.with(|run| run.as_ref().map_or(1, |run| run.num_train_epochs));
                let estimated = store.plan.estimate.get().and_then(|estimate| estimate.secs);
                let of_runs = || store.sweep.kept.with(|kept| kept.as_ref().and_then(|kept| mean_secs(kept, of)));
                size_words(of, epochs, estimated.or_else(of_runs), store.plan.is_being_made())
            }
        })
    });
    let words = move || plan.get().unwrap_or_else(|wrong| wrong);
    let cannot = Signal::derive(move || store.activity().is_some() || plan.with(Result::is_err));
    let on_start = Callback::new(move |()| store.start_sweep());
    let tried = Memo::new(move |_| draft.with(|draft| draft.tried));
    let options = Tried::CHOICES.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec();
    let is_active = Signal::derive(move || store.run.with(|run| run.is_active()));
    let on_way = Callback::new(move |name: String| draft.update(|draft| draft.tried = Tried::from_name(&name)));
    let of_way = move || match tried.get() {
        Tried::Grid => ().into_any(),
        Tried::Random => count(draft, "How many combinations are drawn."),
        Tried::Halving => view! {
            {count(draft, "How many combinations are drawn. Blank: all of them.")}
            {text_field(
                "Epochs at first",
                "sweep-min-epochs",
                HOW_HALVING_GOES,
                Signal::derive(move || draft.with(|draft| draft.min_epochs.clone())),
                Callback::new(move |text| draft.update(|draft| draft.min_epochs = text)),
            )}
        }
        .into_any(),
    };
    // Not drawn anew when another is chosen: it would lose the focus.
    let way = select("How they are tried", "sweep-way", options, tried.get_untracked().name(), is_active, on_way);
    view! {
        <fieldset disabled=move || is_active.get()>
            <legend class="unseen">"A sweep"</legend>
            {axes(store, task)}
            <div class="fields">
                {way}
                {of_way}
                {text_field(
                    "Folds",
                    "sweep-folds",
                    WHAT_FOLDS_ARE,
                    Signal::derive(move || draft.with(|draft| draft.folds.clone())),
                    Callback::new(move |text| draft.update(|draft| draft.folds = text)),
                )}
                {text_field(
                    "Seeds",
                    "sweep-seeds",
                    WHAT_SEEDS_ARE,
                    Signal::derive(move || draft.with(|draft| draft.seeds.clone())),
                    Callback::new(move |text| draft.update(|draft| draft.seeds = text)),
                )}
            </div>
        </fieldset>
        <p class="plan" role="status" data-testid="sweep-plan">{words}</p>
        <div class="row"><Button id="sweep-start" text="Start the sweep" waits=cannot on_press=on_start /></div>
        {wait_hint(store, "A sweep can start", None::<Activity>)}
    }
    .into_any()
}

fn count(draft: RwSignal<SweepDraft>, hint: &'static str) -> AnyView {
    text_field(
        "Trials",
        "sweep-count",
        hint,
        Signal::derive(move || draft.with(|draft| draft.count.clone())),
        Callback::new(move |text| draft.update(|draft| draft.count = text)),
    )
}

/// A field with its label; `id` is its test id.
fn text_field(
    label: &'static str,
    id: &'static str,
    hint: &'static str,
    value: Signal<String>,
    on_input: Callback<String>,
) -> AnyView {
    let hint_id = format!("{id}-hint");
    view! {
        <div class="field">
            <div class="field-head"><label for=id>{label}</label></div>
            <div class="field-control">
                <input
                    id=id
                    data-testid=id
                    type="text"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby=hint_id.clone()
                    prop:value=move || value.get()
                    on:input=move |event| on_input.run(event_target_value(&event))
                />
            </div>
            <p class="hint" id=hint_id>{hint}</p>
        </div>
    }
    .into_any()
}

/// The settings that are tried, and a list to choose others from.
fn axes(store: Store, task: Task) -> AnyView {
    let draft = store.sweep.draft;
    let names = Memo::new(move |_| draft.with(|draft| draft.axes.iter().map(|(name, _)| *name).collect::<Vec<_>>()));
    let specs = Memo::new(move |_| {
        let specs = store.draft.with(|typed| store.base.with(|base| offered(task, typed, base)));
        specs.into_iter().map(|spec| (spec.name, spec.label)).collect::<Vec<_>>()
    });
    let picked = RwSignal::new(String::new());
    let never = Signal::stored(false);
    let adding = move || {
        let free: Vec<(String, String)> = specs
            .get()
            .into_iter()
            .filter(|(name, _)| names.with(|names| !names.contains(name)))
            .map(|(name, label)| (name.to_owned(), label.to_owned()))
            .collect();
        let first = free.first().map(|(name, _)| name.clone()).unwrap_or_default();
        picked.set(first.clone());
        let on_pick = Callback::new(move |name| picked.set(name));
        select("A setting to try", "sweep-setting", free, &first, never, on_pick)
    };
    let on_add = Callback::new(move |()| {
        let wanted = picked.get_untracked();
        let found = specs.with_untracked(|specs| specs.iter().find(|(name, _)| *name == wanted).map(|(name, _)| *name));
        if let Some(name) = found {
            draft.update(|draft| draft.axes.push((name, String::new())));
        }
    });
    let fields = move || names.get().into_iter().map(|name| values_field(store, task, name)).collect_view();
    view! {
        <div class="row">
            {adding}
            <Button id="sweep-add" text="Try this setting" on_press=on_add />
        </div>
        <div class="fields">{fields}</div>
    }
    .into_any()
}

/// The values of a setting: typed, or ticked where there are few.
fn values_field(store: Store, task: Task, name: &'static str) -> AnyView {
    let draft = store.sweep.draft;
    let Some(spec) = recipe::fields(task).into_iter().find(|spec| spec.name == name) else { return ().into_any() };
    let remove = remove_button(draft, &spec);
    match choices_of(&spec, task) {
        choices if choices.is_empty() => typed_values(draft, &spec, remove),
        choices => ticked_values(draft, &spec, choices, remove),
    }
}

fn remove_button(draft: RwSignal<SweepDraft>, spec: &FieldSpec) -> AnyView {
    let name = spec.name;
    let on_remove = move |_| {
        SweepState::keep_focus();
        draft.update(|draft| draft.axes.retain(|(own, _)| *own != name));
    };
    view! {
        <button type="button" class="reset" aria-label=format!("Do not try {}", spec.label) on:click=on_remove>
            "Remove"
        </button>
    }
    .into_any()
}

fn typed_values(draft: RwSignal<SweepDraft>, spec: &FieldSpec, remove: AnyView) -> AnyView {
    let name = spec.name;
    let (id, hint_id) = (format!("sweep-values-{name}"), format!("sweep-values-{name}-hint"));
    let how_to_type = if matches!(spec.kind, Kind::Whole) { HOW_TO_TYPE_WHOLE } else { HOW_TO_TYPE };
    view! {
        <div class="field">
            <div class="field-head"><label for=id.clone()>{spec.label}</label> {remove}</div>
            <div class="field-control">
                <input
                    id=id.clone()
                    data-testid=id
                    type="text"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby=hint_id.clone()
                    prop:value=move || draft.with(|draft| draft.values(name).to_owned())
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        draft.update(|draft| draft.set_values(name, text));
                    }
                />
                <span class="unit">{spec.unit}</span>
            </div>
            <p class="hint" id=hint_id>{how_to_type}</p>
        </div>
    }
    .into_any()
}

fn ticked_values(
    draft: RwSignal<SweepDraft>,
    spec: &FieldSpec,
    choices: Vec<(&'static str, String)>,
    remove: AnyView,
) -> AnyView {
    let name = spec.name;
    let boxes = choices.into_iter().map(|(value, words)| {
        let is_chosen = move || draft.with(|draft| draft.values(name).split(' ').any(|own| own == value));
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    data-testid=format!("sweep-{name}-{value}")
                    prop:checked=is_chosen
                    on:change=move |event| {
                        let is_chosen = event_target_checked(&event);
                        draft.update(|draft| draft.choose(name, value, is_chosen));
                    }
                />
                <span>{words}</span>
            </label>
        }
        .into_any()
    });
    view! {
        <div class="field" role="group" aria-label=spec.label>
            <div class="field-head"><span>{spec.label}</span> {remove}</div>
            {boxes.collect_view()}
        </div>
    }
    .into_any()
}
