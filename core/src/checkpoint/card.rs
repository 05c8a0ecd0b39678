//! The model card (`README.md`) of an exported folder: what was done, with the figures that were measured.

use std::fmt::Write;

use crate::config::{Dtype, Job, Method, Pooling, Task};
use crate::metrics::Figures;
use crate::model::ModelConfig;

/// What the card says about a run; `None` where nothing was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardFacts {
    /// Rows of the training, validation and test split.
    pub num_rows: [usize; 3],
    /// Optimizer step whose weights these are.
    pub step: u32,
    /// On the validation split, at that step.
    pub valid: Option<Figures>,
    /// On the test split.
    pub test: Option<Figures>,
}

/// Markdown with the hub's front matter; of an adapter alone where `is_adapter`. Without `facts` the run was another's, and
/// the card does not tell of it.
#[must_use]
pub fn model_card(
    config: &ModelConfig,
    labels: &[String],
    job: &Job,
    facts: Option<&CardFacts>,
    is_adapter: bool,
) -> String {
    let mut card = String::new();
    let base = job.model.name();
    let task = config.task();
    let mut line = |text: String| writeln!(card, "{text}").expect("writing to a string");
    let (library, pipeline) = match task {
        Task::SequenceClassification => (if is_adapter { "peft" } else { "transformers" }, "text-classification"),
        Task::CausalLm => (if is_adapter { "peft" } else { "transformers" }, "text-generation"),
    };
    line(format!("---\nlibrary_name: {library}\npipeline_tag: {pipeline}\nbase_model: {base}\n---\n"));
    line(format!("# {base}, fine-tuned with Hone\n"));
    let what = if is_adapter { "A LoRA adapter for" } else { "A" };
    line(match task {
        Task::SequenceClassification => {
            format!("{what} `{}` that tells {} labels apart: {}.\n", config.class_name(), labels.len(), list(labels))
        }
        Task::CausalLm => format!("{what} `{}` that writes on from a prompt.\n", config.class_name()),
    });
    line(how_to_load(config, labels, job, is_adapter));
    match facts {
        Some(facts) => {
            line("## Results\n".into());
            results(&mut line, facts);
            line("## Training\n".into());
            line(training(job, facts));
        }
        None if is_adapter => line(format!("{}. Hone did not see it being trained.", adapter_of(job))),
        None => line(format!("Merged from {}, whose own card tells how they were trained.", adapter_of(job))),
    }
    card
}

fn how_to_load(config: &ModelConfig, labels: &[String], job: &Job, is_adapter: bool) -> String {
    if job.run.pooling == Pooling::Mean && config.task() == Task::SequenceClassification {
        return "**Pooling:** this head reads the mean of the token states, not the first token. `transformers` has no \
                class for that: load it with Hone, or average the encoder's last hidden state over the attention mask \
                and apply `classifier` yourself.\n"
            .into();
    }
    let (auto, pipeline, more) = match config.task() {
        Task::SequenceClassification => {
            let more = format!(", num_labels={}", labels.len()); // PEFT's files do not say it
            ("AutoPeftModelForSequenceClassification", "text-classification", more)
        }
        Task::CausalLm => ("AutoPeftModelForCausalLM", "text-generation", String::new()),
    };
    if is_adapter {
        return format!(
            "```python\nfrom peft import {auto}\nfrom transformers import AutoTokenizer\nmodel = \
             {auto}.from_pretrained(\".\"{more})\ntokenizer = AutoTokenizer.from_pretrained(\".\")\n```\n"
        );
    }
    format!(
        "```python\nfrom transformers import pipeline\npipe = pipeline(\"{pipeline}\", model=\".\")\nprint(pipe(\"your \
         text here\"))\n```\n"
    )
}

fn results(line: &mut impl FnMut(String), facts: &CardFacts) {
    let measured = [("validation", &facts.valid), ("test", &facts.test)];
    let mut is_first = true;
    for (name, figures) in measured {
        let Some(figures) = figures else { continue };
        match figures {
            Figures::Classes(e) => {
                if is_first {
                    line("| split | rows | loss | accuracy | macro precision | macro recall | macro F1 |\n|---|---|---|---|---|---|---|".into());
                }
                line(format!(
                    "| {name} | {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} |",
                    e.num_rows, e.loss, e.accuracy, e.macro_precision, e.macro_recall, e.macro_f1
                ));
            }
            Figures::Tokens(e) => {
                if is_first {
                    line("| split | tokens | loss | perplexity | token accuracy |\n|---|---|---|---|---|".into());
                }
                line(format!(
                    "| {name} | {} | {:.4} | {:.2} | {:.4} |",
                    e.num_tokens, e.loss, e.perplexity, e.token_accuracy
                ));
            }
        }
        is_first = false;
    }
    line(if is_first { "No rows were held out, so nothing was measured.\n".into() } else { String::new() });
}

fn training(job: &Job, facts: &CardFacts) -> String {
    let run = &job.run;
    let [train, valid, test] = facts.num_rows;
    let method = match run.method {
        Method::Full => "all weights".into(),
        Method::Head => "the head only, the encoder frozen".into(),
        Method::LastLayers(count) => format!("the last {count} layers and what follows them"),
        Method::Lora => adapter_of(job),
    };
    let precision = match run.dtype {
        Dtype::F32 => String::new(),
        half => format!(" Layers computed in {}, trained weights in f32.", half.name()),
    };
    format!(
        "Rows: {train} for training, {valid} for validation, {test} for the test. Trained: {method}. AdamW, learning rate \
         {}, weight decay {}, {:?} schedule with {} warm-up, {} epochs of batch {} x {}, gradient norm at most {}, at most \
         {} tokens a row, seed {}.{precision} These are the weights of step {}. `hone.json` repeats the run: `hone \
         train --job hone.json --data FILE --output DIR`.",
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
    )
}

fn adapter_of(job: &Job) -> String {
    let lora = &job.run.lora;
    format!(
        "{} adapters of rank {} (alpha {}, dropout {}) on {}",
        if lora.use_dora { "DoRA" } else { "LoRA" },
        lora.r,
        lora.lora_alpha,
        lora.lora_dropout,
        lora.target_modules.join(", ")
    )
}

fn list(labels: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = labels.iter().take(SHOWN).map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    if labels.len() > SHOWN {
        write!(text, " and {} more", labels.len() - SHOWN).expect("writing to a string");
    }
    text
}
