//! The model card (`README.md`) of an exported folder: what was done, with the figures that were measured.

use std::fmt::Write;

use super::card_code::{how_to_load, model_argument, quoted};
use super::card_parts;
use super::export::task_of;
use super::sentence_transformers::describe_pooling;
use crate::config::{Dtype, Freeze, Job, LoraConfig, Method, ModelChanges};
use crate::metrics::Figure;
use crate::model::ModelConfig;
use crate::task::{CardRequest, CardText, Evaluation, FigureSpec, LOSS, TaskSpec, Unit};
use crate::words::{list, plural};

/// What the card says about a run; `None` where nothing was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardFacts {
    /// Rows of the training, validation and test split, as they were read.
    pub num_rows: [usize; 3],
    /// The same as the model reads them: more, where it reads a row in several windows.
    pub num_windows: [usize; 3],
    /// Changed copies of training rows that augmentation added.
    pub num_added: usize,
    /// Optimizer step whose weights these are.
    pub step: u32,
    /// Optimizer steps taken, and those of the whole run.
    pub num_steps: [u32; 2],
    /// How often the run diverged and went back to an earlier step, and what its learning rate was multiplied with after that;
    /// `None` where it never did.
    pub rollbacks: Option<(u32, f64)>,
    /// Step at which the run diverged and ended, if it did.
    pub diverged_at: Option<u32>,
    /// On the validation split, at that step.
    pub valid: Option<Evaluation>,
    /// On the test split.
    pub test: Option<Evaluation>,
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
    let task = task_of(job, config.head_kind());
    let spec = task.spec();
    let mut text = task.card(&CardRequest { class_name: config.class_name(), labels, job, is_adapter });
    describe_pooling(config, &mut text);
    let mut line = |text: String| writeln!(card, "{text}").expect("writing to a string");
    let (library, pipeline) = (if is_adapter { "peft" } else { spec.library }, spec.pipeline);
    let (origin, done) = match job.run.from_scratch {
        true => (String::new(), "trained from scratch"),
        false => (format!("base_model: {base}\n"), "fine-tuned"),
    };
    line(format!("---\nlibrary_name: {library}\npipeline_tag: {pipeline}\n{origin}---\n"));
    line(format!("# {base}, {done} with Hone\n"));
    let what = if is_adapter { "A LoRA adapter for" } else { "A" };
    line(format!("{what} `{}`{}\n", config.class_name(), text.what));
    line(how_to_load(config, spec, &text, labels, job, is_adapter));
    line(how_to_use(spec, &text, job, is_adapter));
    match facts {
        Some(facts) => {
            line("## Results\n".into());
            results(&mut line, spec, facts);
            line("## Training\n".into());
            line(training(job, spec, facts));
            line(how_to_repeat(job));
        }
        None if is_adapter => line(format!("{}. Hone did not see it being trained.", adapter_of(job))),
        None => line(format!("Merged from {}, whose own card tells how they were trained.", adapter_of(job))),
    }
    card
}

/// The command that asks the model in this folder.
fn how_to_use(spec: &TaskSpec, text: &CardText, job: &Job, is_adapter: bool) -> String {
    let model = if is_adapter { format!("{} --adapter .", model_argument(&job.model)) } else { ".".into() };
    format!("With Hone:\n\n```sh\nhone {} --model {model} {}\n```\n", spec.command, text.hone_arguments)
}

/// The command that trains the same model again, and what to put where it says `path/to`.
fn how_to_repeat(job: &Job) -> String {
    let command = if job.parts.is_empty() { command_of_one(job) } else { card_parts::command(job) };
    let own_files = card_parts::own_files(job);
    format!(
        "\nThe same run again, with your own paths where it says `path/to`. The rows themselves are not in this folder; \
         `hone.json` holds a hash of each file, and Hone warns if a file is another one.{own_files}\n\n```sh\n{command} \
         --output repeated\n```"
    )
}

/// The command that trains a model of one task.
fn command_of_one(job: &Job) -> String {
    let data = job.data_file.as_deref().unwrap_or("rows.csv");
    let mut command = format!(
        "hone train --job hone.json --model {} --data {}",
        model_argument(&job.model),
        quoted(&format!("path/to/{data}"))
    );
    // Jobs of earlier builds have the hashes of these files, and not their names.
    for (flag, file, hash, unnamed) in [
        ("--valid", &job.valid_file, &job.data_sha256.valid, "validation-rows"),
        ("--test", &job.test_file, &job.data_sha256.test, "test-rows"),
    ] {
        if file.is_some() || hash.is_some() {
            let path = quoted(&format!("path/to/{}", file.as_deref().unwrap_or(unnamed)));
            write!(command, " {flag} {path}").expect("writing to a string");
        }
    }
    command
}

/// A table of the figures of each split that was measured.
fn results(line: &mut impl FnMut(String), spec: &TaskSpec, facts: &CardFacts) {
    let measured = [("validation", &facts.valid), ("test", &facts.test)];
    let measured: Vec<(&str, &Evaluation)> =
        measured.into_iter().filter_map(|(name, evaluation)| Some((name, evaluation.as_ref()?))).collect();
    if measured.is_empty() {
        return line("No rows were held out, so nothing was measured.\n".into());
    }
    let is_measured =
        |figure: &&FigureSpec| measured.iter().any(|(_, evaluation)| evaluation.figure(figure.name).is_some());
    let all: Vec<&FigureSpec> = spec.figures.iter().filter(is_measured).collect();
    let figures: Vec<&FigureSpec> = all.iter().copied().filter(|figure| figure.is_headline()).collect();
    let titles: Vec<String> = figures.iter().map(|figure| within_a_sentence(figure.title)).collect();
    line(format!("| split | rows | {} |\n|---|---{}|", titles.join(" | "), "|---".repeat(titles.len())));
    let row = |title: &str, num_rows: usize, value_of: &dyn Fn(&str) -> Option<f64>| {
        let value = |figure: &&FigureSpec| value_of(figure.name).map_or("–".to_owned(), |value| shown(figure, value));
        let values: Vec<String> = figures.iter().map(value).collect();
        format!("| {title} | {num_rows} | {} |", values.join(" | "))
    };
    let (mut gain, mut spread) = (None, None);
    for (name, evaluation) in measured {
        spread = spread_of(spec, name, evaluation).or(spread);
        line(row(name, evaluation.num_rows, &|figure| evaluation.figure(figure)));
        let Some(baseline) = evaluation.baseline() else { continue };
        let value_of = |figure: &str| baseline.figures.iter().find(|(own, _)| *own == figure).map(|(_, value)| *value);
        let answer = cell(&baseline.answer);
        line(row(&format!("{name}, always {answer}"), evaluation.num_rows, &value_of));
        let gains: Vec<String> = baseline
            .gains
            .iter()
            .filter_map(|name| Some(change(spec.figure(name)?, evaluation.figure(name)? - value_of(name)?)))
            .collect();
        gain = Some(format!(
            "On the {name} rows this is {} against always answering {answer}, {}.\n",
            gains.join(" and "),
            baseline.reason
        ));
    }
    line(String::new());
    gain.into_iter().chain(spread).for_each(&mut *line);
    if all.len() > figures.len() {
        let more: Vec<String> =
            all.iter().filter(|figure| !figure.is_headline()).map(|f| format!("`{}`", f.name)).collect();
        line(format!("In `all_results.json` are also {}.\n", list(&more, more.len())));
    }
}

/// Between which values the leading figures lie, where that was measured.
fn spread_of(spec: &TaskSpec, split: &str, evaluation: &Evaluation) -> Option<String> {
    let within = |figure: &Figure| {
        let (spec, [low, high]) = (spec.figure(&figure.name)?, figure.interval?);
        let is_leading = spec.is_headline() && figure.name != LOSS.name;
        let (title, low, high) = (within_a_sentence(spec.title), shown(spec, low), shown(spec, high));
        is_leading.then(|| format!("{title} {low} to {high}"))
    };
    let found: Vec<String> = evaluation.figures.iter().filter_map(within).collect();
    (!found.is_empty()).then(|| {
        let all = list(&found, found.len());
        format!("What 95 % of a thousand draws of the {split} rows, with replacement, gave: {all}.\n")
    })
}

/// How much higher a figure is: `+2.5 points of accuracy`.
fn change(figure: &FigureSpec, by: f64) -> String {
    let title = within_a_sentence(figure.title);
    match figure.unit {
        Unit::Share => format!("{:+.1} points of {title}", by * 100.0),
        Unit::Percent => format!("{by:+.1} points of {title}"),
        Unit::Score | Unit::Number => format!("{by:+.4} of {title}"),
    }
}

/// A title as it stands within a sentence: `Macro F1` becomes `macro F1`, `F1` stays.
fn within_a_sentence(title: &str) -> String {
    let mut letters = title.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(title.chars().skip(1)).collect()
        }
        _ => title.to_owned(),
    }
}

/// The value of a figure in a table. Two decimals do for numbers that may be large.
fn shown(figure: &FigureSpec, value: f64) -> String {
    match figure.unit {
        Unit::Number if value.abs() >= 10.0 => format!("{value:.2}"),
        Unit::Percent => format!("{value:.2}"),
        Unit::Share | Unit::Score | Unit::Number => format!("{value:.4}"),
    }
}

/// A label in a cell of a table.
fn cell(label: &str) -> String {
    let flat: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{}`", flat.replace('|', "\\|"))
}

fn training(job: &Job, spec: &TaskSpec, facts: &CardFacts) -> String {
    let run = &job.run;
    let [train, valid, test] = facts.num_rows;
    let windows = match facts.num_windows == facts.num_rows {
        true => String::new(),
        false => {
            let [train, valid, test] = facts.num_windows;
            format!(", read in {train}, {valid} and {test} windows")
        }
    };
    let added = card_parts::added(facts.num_added);
    let method = match run.method {
        Method::Full if run.from_scratch => "all weights, which began fresh".into(),
        Method::Full => format!("all weights{}", but_frozen(run.freeze)),
        Method::Head => "the head only, all else frozen".into(),
        Method::LastLayers(1) => "the last layer and what follows it".into(),
        Method::LastLayers(count) => format!("the last {count} layers and what follows them"),
        Method::Lora => adapter_of(job),
    };
    let precision = match run.dtype {
        Dtype::F32 => String::new(),
        half => format!(" Layers computed in {}, trained weights in f32.", half.name()),
    };
    let length = match spec.settings.contains(&"max_seq_length") {
        true => format!("at most {} tokens a row, ", run.max_seq_length),
        false => String::new(), // images
    };
    let techniques = card_parts::techniques(run);
    format!(
        "{}{}Rows: {train} for training, {valid} for validation, {test} for the test{windows}.{added} Trained: {method}. AdamW, \
         learning rate {}, weight decay {}, {} schedule after a warm-up of {} of the steps, {} of batch {} x {}, gradient \
         norm at most {}, {length}seed {}.{precision}{techniques}{} These are the weights of step {}.{}",
        card_parts::beside(job),
        changes_before(&job.changes),
        run.learning_rate,
        run.weight_decay,
        run.lr_scheduler_type.name(),
        percent(run.warmup_ratio),
        plural(run.num_train_epochs as usize, "epoch"),
        run.batch_size,
        run.gradient_accumulation_steps,
        run.max_grad_norm,
        run.seed,
        card_parts::rollbacks(facts.rollbacks),
        facts.step,
        card_parts::divergence(facts.diverged_at),
    )
}

/// What stays as it is, to go on after "all weights".
fn but_frozen(freeze: Freeze) -> String {
    match freeze {
        Freeze::None => String::new(),
        Freeze::Embeddings => " but the embeddings".into(),
        Freeze::Layers(1) => " but the embeddings and the first layer".into(),
        Freeze::Layers(count) => format!(" but the embeddings and the first {count} layers"),
    }
}

/// What was changed of the base model before it was trained, as a sentence.
fn changes_before(changes: &ModelChanges) -> String {
    let mut parts = Vec::new();
    if !changes.keep_layers.is_empty() {
        let layers: Vec<String> = changes.keep_layers.iter().map(ToString::to_string).collect();
        parts.push(format!("its layers {} were kept and the others left out", list(&layers, layers.len())));
    }
    if changes.add_layers > 0 {
        parts.push(format!("{} added", plural(changes.add_layers as usize, "fresh layer")));
    }
    if !changes.add_tokens.is_empty() {
        parts.push(format!("tokens added for {}", plural(changes.add_tokens.len(), "word")));
    }
    if parts.is_empty() { String::new() } else { format!("Of the base model, {}. ", parts.join(", ")) }
}

/// `10 %` of a share in `[0, 1]`.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 100.0)
}

fn adapter_of(job: &Job) -> String {
    let lora = &job.run.lora;
    format!(
        "{} adapters of {} (alpha {}, dropout {}) on {}",
        if lora.use_dora { "DoRA" } else { "LoRA" },
        ranks(lora),
        lora.lora_alpha,
        lora.lora_dropout,
        lora.target_modules.join(", ")
    )
}

fn ranks(lora: &LoraConfig) -> String {
    let others = || lora.rank_pattern.values().copied();
    let (least, most) = (others().fold(lora.r, u32::min), others().fold(lora.r, u32::max));
    if least == most { format!("rank {least}") } else { format!("ranks {least} to {most}") }
}

#[cfg(test)]
mod tests;
