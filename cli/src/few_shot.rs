//! What labels can be told without training: by the vectors of the model before tuning, from no examples to all.

use futures_lite::future::block_on;
use hone_core::event::Split;
use hone_core::report::Examined;
use hone_core::session::Session;
use hone_core::task::{FewShot, FewShotReport};
use hone_core::words::plural;
use serde_json::json;

use crate::progress::Progress;

/// The title of the table.
const TITLE: &str = "without tuning, by the most similar examples";

/// Measures the test rows, after `step` steps: a table, with `tuned`, the accuracy after tuning, below; or an event, where those go out.
/// It is logged, too. Nothing where the rows do not have one label each.
///
/// # Errors
/// When the device fails.
pub(crate) fn measure(
    session: &Session,
    is_json: bool,
    progress: &mut Progress,
    step: u32,
    tuned: Option<f64>,
) -> anyhow::Result<String> {
    let mut tell = |done, total| progress.rows("measuring the test rows without tuning", done, total);
    let report = block_on(session.few_shot(Split::Test, &mut tell))?;
    progress.clear();
    let Some(report) = report else { return Ok(String::new()) };
    progress.log(|log, elapsed_secs| log.note_examined(elapsed_secs, step, Examined::FewShot(report.clone())));
    if is_json {
        let elapsed_secs = progress.elapsed_secs();
        let line = json!({ "elapsed_secs": elapsed_secs, "event": "few_shot", "report": report });
        progress.print(&format!("{line}\n"));
        return Ok(String::new());
    }
    Ok(table(&report, tuned))
}

fn table(report: &FewShotReport, tuned: Option<f64>) -> String {
    let zero_shot = report.zero_shot.map(|accuracy| ("names of the labels alone".to_owned(), accuracy));
    let shots = report.shots.iter().map(|&FewShot { per_label, num_examples, accuracy }| match per_label {
        Some(count) => (format!("{} a label", plural(count, "example")), accuracy),
        None => (format!("all {}", plural(num_examples, "example")), accuracy),
    });
    let tuned = tuned.map(|accuracy| ("tuned".to_owned(), accuracy));
    let lines: Vec<(String, f64)> = zero_shot.into_iter().chain(shots).chain(tuned).collect();
    let width = lines.iter().map(|(title, _)| title.chars().count()).max().unwrap_or(0);
    let lines = lines.iter().map(|(title, accuracy)| format!("  {title:<width$}  {accuracy:.4}\n"));
    format!("{TITLE}: accuracy of {}\n{}\n", plural(report.num_rows, "row"), lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_stand_from_no_examples_to_tuned() {
        let shot = |per_label, num_examples, accuracy| FewShot { per_label, num_examples, accuracy };
        let shots = vec![shot(Some(1), 2, 0.5), shot(Some(20), 40, 0.625), shot(None, 1200, 0.75)];
        let report = FewShotReport { num_rows: 8, zero_shot: Some(0.25), shots };
        let expected = "\
without tuning, by the most similar examples: accuracy of 8 rows
  names of the labels alone  0.2500
  1 example a label          0.5000
  20 examples a label        0.6250
  all 1,200 examples         0.7500
  tuned                      1.0000

";
        assert_eq!(table(&report, Some(1.0)), expected);
    }
}
