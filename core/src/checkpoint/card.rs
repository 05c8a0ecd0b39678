//! The model card (`README.md`) of an exported folder: what was done, with the figures that were measured.

use std::fmt::Write;

use crate::config::{Job, Method, Pooling};
use crate::metrics::Evaluation;
use crate::model::ModelConfig;

/// What the card says about a run; `None` where nothing was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardFacts {
    /// Rows of the training, validation and test split.
    pub num_rows: [usize; 3],
    /// Optimizer step whose weights these are.
    pub step: u32,
    /// On the validation split, at that step.
    pub valid: Option<Evaluation>,
    /// On the test split.
    pub test: Option<Evaluation>,
}

/// Markdown with the hub's front matter.
#[must_use]
pub fn model_card(config: &ModelConfig, labels: &[String], job: &Job, facts: &CardFacts) -> String {
    let mut card = String::new();
    let run = &job.run;
    let base = job.model.name();
    let [train, valid, test] = facts.num_rows;
    let method = match run.method {
        Method::Full => "all weights",
        Method::Head => "the head only, the encoder frozen",
    };
    let mut line = |text: String| writeln!(card, "{text}").expect("writing to a string");
    line(format!("---\nlibrary_name: transformers\npipeline_tag: text-classification\nbase_model: {base}\n---\n"));
    line(format!("# {base}, fine-tuned with Hone\n"));
    line(format!("A `{}` that tells {} labels apart: {}.\n", config.class_name(), labels.len(), list(labels)));
    if run.pooling == Pooling::Mean {
        line("**Pooling:** this head reads the mean of the token states, not the first token. `transformers` has no class \
              for that: load it with Hone, or average the encoder's last hidden state over the attention mask and apply \
              `classifier` yourself.\n".into());
    } else {
        line(
            "```python\nfrom transformers import pipeline\nclassify = pipeline(\"text-classification\", model=\".\")\n\
              print(classify(\"your text here\"))\n```\n"
                .into(),
        );
    }
    line("## Results\n".into());
    if facts.valid.is_none() && facts.test.is_none() {
        line("No rows were held out, so nothing was measured.\n".into());
    } else {
        line("| split | rows | loss | accuracy | macro precision | macro recall | macro F1 |\n|---|---|---|---|---|---|---|".into());
        for (name, evaluation) in [("validation", &facts.valid), ("test", &facts.test)] {
            let Some(e) = evaluation else { continue };
            line(format!(
                "| {name} | {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} |",
                e.num_rows, e.loss, e.accuracy, e.macro_precision, e.macro_recall, e.macro_f1
            ));
        }
        line(String::new());
    }
    line("## Training\n".into());
    line(format!(
        "Rows: {train} for training, {valid} for validation, {test} for the test. Trained: {method}. AdamW, learning rate \
         {}, weight decay {}, {:?} schedule with {} warm-up, {} epochs of batch {} x {}, gradient norm at most {}, at most \
         {} tokens a row, seed {}. These are the weights of step {}. `hone.json` repeats the run: `hone train --job \
         hone.json --data FILE --output DIR`.",
        run.learning_rate,
        run.weight_decay,
        run.lr_scheduler_type,
        run.warmup_ratio,
        run.num_train_epochs,
        run.batch_size,
        run.gradient_accumulation_steps,
        run.max_grad_norm,
        run.max_seq_length,
        run.seed,
        facts.step,
    ));
    card
}

fn list(labels: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = labels.iter().take(SHOWN).map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    if labels.len() > SHOWN {
        write!(text, " and {} more", labels.len() - SHOWN).expect("writing to a string");
    }
    text
}
