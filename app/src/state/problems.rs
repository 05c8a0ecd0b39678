//! Problems that the page itself finds.

use hone_core::session::protocol::{Problem, ProblemKind, Reply};

/// An answer that does not belong to its command.
pub(super) fn unexpected(reply: &Reply) -> Problem {
    let name = match reply {
        Reply::Device { .. } => "device",
        Reply::Model { .. } => "model",
        Reply::LearningRates { .. } => "learning rates",
        Reply::Task { .. } => "task",
        Reply::Data { .. } => "data",
        Reply::Started { .. } => "started",
        Reply::Refused { .. } => "refused run",
        Reply::Runs { .. } => "kept runs",
        Reply::Imported { .. } => "imported run",
        Reply::Projects { .. } => "kept projects",
        Reply::Project { .. } => "opened project",
        Reply::Models { .. } => "kept models",
        Reply::Opened { .. } => "opened run",
        Reply::Evaluated { .. } => "evaluated",
        Reply::EvaluatedGeneral { .. } => "evaluated general text",
        Reply::FewShot { .. } => "few-shot",
        Reply::QuickBaseline { .. } => "quick baseline",
        Reply::LabelErrors { .. } => "label errors",
        Reply::Generated { .. } => "generated",
        Reply::Predicted { .. } => "predicted",
        Reply::Nearest { .. } => "nearest",
        Reply::NearestRows { .. } => "nearest rows",
        Reply::Explained { .. } => "explained",
        Reply::Recorded { .. } => "recorded run",
        Reply::Exported { .. } => "exported",
        Reply::Inputs { .. } => "inputs",
        Reply::Labeled { .. } => "labeled file",
        Reply::Ranked { .. } => "ranked rows",
        Reply::Sliced { .. } => "slices",
        Reply::Swapped { .. } => "swapped words",
        Reply::Rows { .. } => "rows",
        Reply::Cleaned { .. } => "cleaned file",
        Reply::Findings { .. } => "findings",
        Reply::Mended { .. } => "mended",
        Reply::Packed { .. } => "packed",
        Reply::Images { .. } => "images",
        Reply::AugmentedTexts { .. } => "augmented texts",
        Reply::CopiesMade { .. } => "copies",
        Reply::Estimated { .. } => "estimated",
        Reply::Memory { .. } => "memory",
        Reply::Done => "done",
    };
    bug(format!("the part of the page that trains gave an answer that was not asked for: {name}"))
}

/// A mistake of the page.
pub(super) fn bug(message: String) -> Problem {
    Problem { kind: ProblemKind::Bug, message, hint: "Press Restart; if it happens again, please report it.".into() }
}

/// A file that the browser can't read.
pub(crate) fn unreadable(message: String) -> Problem {
    Problem {
        kind: ProblemKind::Data,
        message,
        hint: "Choose the file again; it may have been moved or changed.".into(),
    }
}
