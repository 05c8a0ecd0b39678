//! `all_results.json`: how far a run came and its figures, flat and by name, as scripts of `transformers` write them.

use serde_json::{Map, Value, json};

use super::CardFacts;
use super::export::pretty;
use crate::config::RunConfig;

/// File name of a run's figures.
pub const RESULTS_FILE: &str = "all_results.json";

/// The figures of a run for programs: those of the validation rows begin with `eval_`, those of the test rows with
/// `test_`, and `weights_of_step` says whose they are. A run that diverged has `diverged_at_step`, one that went
/// back to an earlier step instead `rollbacks`. A figure that is not a finite number is null.
#[must_use]
pub fn results_json(run: &RunConfig, facts: &CardFacts) -> String {
    let [num_steps, max_steps] = facts.num_steps;
    let epoch = f64::from(run.num_train_epochs) * f64::from(num_steps) / f64::from(max_steps.max(1));
    let mut results = Map::new();
    let mut add = |name: String, value: Value| drop(results.insert(name, value));
    add("epoch".into(), json!(epoch));
    add("global_step".into(), json!(num_steps));
    add("max_steps".into(), json!(max_steps));
    add("weights_of_step".into(), json!(facts.step));
    if let Some(step) = facts.diverged_at {
        add("diverged_at_step".into(), json!(step));
    }
    if let Some((count, _)) = facts.rollbacks {
        add("rollbacks".into(), json!(count));
    }
    add("train_samples".into(), json!(facts.num_rows[0]));
    for (split, evaluation) in [("eval", &facts.valid), ("test", &facts.test)] {
        let Some(evaluation) = evaluation else { continue };
        for figure in &evaluation.figures {
            add(format!("{split}_{}", figure.name), json!(figure.value));
        }
        add(format!("{split}_samples"), json!(evaluation.num_rows));
    }
    pretty(&Value::Object(results))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Confusion, Figure};
    use crate::task::{Evaluation, EvaluationDetail};

    #[test]
    fn figures_are_named_after_their_split_and_a_divergence_is_said() {
        let detail = EvaluationDetail::SequenceClassification(Box::new(Confusion::new(&["x".into()]).finish(0.0)));
        let figures = vec![Figure::lower("loss", f64::INFINITY), Figure::higher("accuracy", 0.75)];
        let valid = Some(Evaluation { figures, num_rows: 8, detail });
        let facts = CardFacts { num_rows: [64, 8, 0], step: 20, num_steps: [25, 60], valid, ..CardFacts::default() };
        let read = |facts: &CardFacts| -> Value {
            serde_json::from_str(&results_json(&RunConfig::default(), facts)).expect("JSON")
        };
        let expected = json!({
            "epoch": 1.25, "global_step": 25, "max_steps": 60, "weights_of_step": 20, "train_samples": 64,
            "eval_loss": null, "eval_accuracy": 0.75, "eval_samples": 8
        });
        assert_eq!(read(&facts), expected);
        let diverged = read(&CardFacts { rollbacks: Some((3, 0.125)), diverged_at: Some(26), ..facts });
        assert_eq!((&diverged["diverged_at_step"], &diverged["rollbacks"]), (&json!(26), &json!(3)));
    }
}
