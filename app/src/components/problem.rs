//! A problem as a person reads it: what happened, what to do, and the way out.

use hone_core::session::protocol::{Problem, ProblemKind};
use leptos::prelude::*;

use super::Button;
use crate::format;

fn kind_text(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Data => "Data",
        ProblemKind::Model => "Model",
        ProblemKind::Config => "Settings",
        ProblemKind::Network => "Network",
        ProblemKind::Access => "Access",
        ProblemKind::Storage => "Storage",
        ProblemKind::Device => "Device",
        ProblemKind::Diverged => "Training diverged",
        ProblemKind::Bug => "Fault in Hone",
    }
}

/// An alert that can be put away. Where the worker or its device may be broken it offers a new worker.
#[component]
pub(crate) fn ProblemAlert(problem: Problem, on_dismiss: Callback<()>, on_restart: Callback<()>) -> impl IntoView {
    let offers_restart = matches!(problem.kind, ProblemKind::Device | ProblemKind::Bug);
    let restart = || view! { <Button id="restart-worker" text="Restart" on_press=on_restart /> };
    view! {
        <div class="problem" role="alert" data-testid="problem">
            <p class="problem-kind">{kind_text(problem.kind)}</p>
            <p class="problem-message" data-testid="problem-message">{format::sentence(&problem.message)}</p>
            <p class="problem-hint">{format::sentence(&problem.hint)}</p>
            <div class="row">
                {offers_restart.then(restart)}
                <Button text="Dismiss" on_press=on_dismiss />
            </div>
        </div>
    }
    .into_any()
}
