//! The model card (`README.md`) of an exported folder: what was done, with the figures that were measured.

use std::fmt::Write;

use crate::config::{Dtype, Job, LoraConfig, Method, ModelSource, Pooling, Task};
use crate::hub::{OWN_MODEL, OWN_MODEL_FOLDER};
use crate::metrics::Figures;
use crate::model::ModelConfig;
use crate::words::{self, plural};

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
    let (library, pipeline) = (if is_adapter { "peft" } else { "transformers" }, pipeline(task));
    line(format!("---\nlibrary_name: {library}\npipeline_tag: {pipeline}\nbase_model: {base}\n---\n"));
    line(format!("# {base}, fine-tuned with Hone\n"));
    let what = if is_adapter { "A LoRA adapter for" } else { "A" };
    line(match task {
        Task::SequenceClassification => {
            format!("{what} `{}` that tells {} labels apart: {}.\n", config.class_name(), labels.len(), list(labels))
        }
        Task::CausalLm => format!("{what} `{}` that continues a prompt.\n", config.class_name()),
    });
    line(how_to_load(config, labels, job, is_adapter));
    line(how_to_use(task, job, is_adapter));
    match facts {
        Some(facts) => {
            line("## Results\n".into());
            results(&mut line, facts);
            line("## Training\n".into());
            line(training(job, facts));
            line(how_to_repeat(job));
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
    if is_adapter {
        return how_to_load_adapter(config, labels, job);
    }
    let more = match config.task() {
        Task::SequenceClassification => "",
        Task::CausalLm => ", max_new_tokens=20", // the default may be more than a small model has room for
    };
    format!(
        "```python\nfrom transformers import pipeline\npipe = pipeline(\"{}\", \
         model=\".\")\nprint(pipe({}{more}))\n```\n",
        pipeline(config.task()),
        example_input(config.task(), job)
    )
}

/// A text in Python, as the model was given those that it was trained on.
fn example_input(task: Task, job: &Job) -> String {
    let text = "your text here";
    let given = match task {
        Task::SequenceClassification => Some(text.to_owned()),
        Task::CausalLm => job.read.format_of_prompts().prompt(text),
    };
    match given {
        Some(given) => serde_json::to_string(&given).expect("a text serializes"),
        // The tokenizer brings the chat template.
        None => format!(r#"[{{"role": "user", "content": "{text}"}}]"#),
    }
}

/// Name of the task on the hub and in `transformers`.
fn pipeline(task: Task) -> &'static str {
    match task {
        Task::SequenceClassification => "text-classification",
        Task::CausalLm => "text-generation",
    }
}

/// The command that asks the model in this folder.
fn how_to_use(task: Task, job: &Job, is_adapter: bool) -> String {
    let (command, text) = match task {
        Task::SequenceClassification => ("predict", "--text"),
        Task::CausalLm => ("generate", "--prompt"),
    };
    let model = if is_adapter { format!("{} --adapter .", model_argument(&job.model)) } else { ".".into() };
    format!("With Hone:\n\n```sh\nhone {command} --model {model} {text} \"your text here\"\n```\n")
}

/// The command that trains the same model again, and what to put where it says `path/to`.
fn how_to_repeat(job: &Job) -> String {
    let data = job.data_file.as_deref().unwrap_or("rows.csv");
    let mut command = format!(
        "hone train --job hone.json --model {} --data {}",
        model_argument(&job.model),
        quoted(&format!("path/to/{data}"))
    );
    for (flag, name, hash) in
        [("--valid", "validation-rows", &job.data_sha256.valid), ("--test", "test-rows", &job.data_sha256.test)]
    {
        if hash.is_some() {
            write!(command, " {flag} path/to/{name}").expect("writing to a string");
        }
    }
    format!(
        "\nThe same run again, with your own paths where it says `path/to`. The rows themselves are not in this folder; \
         `hone.json` holds a hash of each file, and Hone warns if a file is another one.\n\n```sh\n{command} --output \
         repeated\n```"
    )
}

/// A model as a command line names it.
fn model_argument(model: &ModelSource) -> String {
    if is_on_hub(model) { quoted(&model.argument()) } else { quoted(&format!("path/to/{}", folder_of(model.name()))) }
}

/// Whether others find the model by its name alone.
fn is_on_hub(model: &ModelSource) -> bool {
    matches!(model, ModelSource::Hub { id, .. } if id != OWN_MODEL)
}

/// The last part of a path.
fn folder_of(name: &str) -> &str {
    name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("base")
}

/// A word of a command line, in quotes where it needs them.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-@".contains(c);
    if word.chars().all(is_plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Code that finds the base model by itself where it came from the hub, and that names its folder where it did not.
fn how_to_load_adapter(config: &ModelConfig, labels: &[String], job: &Job) -> String {
    let (kind, mut more) = match config.task() {
        Task::SequenceClassification => {
            ("ForSequenceClassification", format!(", num_labels={}", labels.len())) // PEFT's files do not say it
        }
        Task::CausalLm => ("ForCausalLM", String::new()),
    };
    if !config.labels.is_empty() && config.labels.len() != labels.len() {
        more.push_str(", ignore_mismatched_sizes=True"); // the base has a head of another size
    }
    let rest = format!("tokenizer = AutoTokenizer.from_pretrained(\".\")\n{}", how_to_ask(config.task(), job));
    if is_on_hub(&job.model) {
        return format!(
            "```python\nfrom peft import AutoPeftModel{kind}\nfrom transformers import AutoTokenizer\nmodel = \
             AutoPeftModel{kind}.from_pretrained(\".\"{more})\n{rest}\n```\n"
        );
    }
    let folder = folder_of(job.model.name());
    let origin = match &job.model {
        ModelSource::Hub { id, .. } => {
            format!("The base model `{id}` is on no hub: it comes with Hone's sources, in `{OWN_MODEL_FOLDER}`. Put")
        }
        ModelSource::Local { .. } => format!("The base model was read from a folder called `{folder}`: put"),
    };
    let path = serde_json::to_string(&format!("path/to/{folder}")).expect("a text serializes");
    format!(
        "{origin} its path where the code says `path/to`.\n\n```python\nfrom peft import PeftModel\nfrom transformers \
         import AutoModel{kind}, AutoTokenizer\nbase = AutoModel{kind}.from_pretrained({path}{more})\nmodel = \
         PeftModel.from_pretrained(base, \".\")\n{rest}\n```\n"
    )
}

/// Lines of Python that ask `model` with `tokenizer`.
fn how_to_ask(task: Task, job: &Job) -> String {
    let input = example_input(task, job);
    let is_text = input.starts_with('"');
    let inputs = match is_text {
        true => format!("tokenizer({input}, return_tensors=\"pt\")"),
        false => format!(
            "tokenizer.apply_chat_template(\n    {input}, add_generation_prompt=True, return_dict=True, \
             return_tensors=\"pt\"\n)"
        ),
    };
    let ask = match task {
        Task::SequenceClassification => "print(model(**inputs).logits.softmax(-1))",
        Task::CausalLm => "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))",
    };
    format!("inputs = {inputs}\n{ask}")
}

fn results(line: &mut impl FnMut(String), facts: &CardFacts) {
    let measured = [("validation", &facts.valid), ("test", &facts.test)];
    let mut is_first = true;
    let mut gain = None;
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
                if let Some(base) = &e.baseline {
                    let label = cell(&base.label);
                    line(format!(
                        "| {name}, always {label} | {} | – | {:.4} | {:.4} | {:.4} | {:.4} |",
                        e.num_rows, base.accuracy, base.macro_precision, base.macro_recall, base.macro_f1
                    ));
                    gain = Some(format!(
                        "On the {name} rows this is {:+.1} points of accuracy and {:+.4} of macro F1 against always \
                         answering {label}, the most frequent label of the training rows.\n",
                        (e.accuracy - base.accuracy) * 100.0,
                        e.macro_f1 - base.macro_f1
                    ));
                }
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
    if let Some(gain) = gain {
        line(gain);
    }
}

/// A label in a cell of a table.
fn cell(label: &str) -> String {
    let flat: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{}`", flat.replace('|', "\\|"))
}

fn training(job: &Job, facts: &CardFacts) -> String {
    let run = &job.run;
    let [train, valid, test] = facts.num_rows;
    let method = match run.method {
        Method::Full => "all weights".into(),
        Method::Head => "the head only, the encoder frozen".into(),
        Method::LastLayers(1) => "the last layer and what follows it".into(),
        Method::LastLayers(count) => format!("the last {count} layers and what follows them"),
        Method::Lora => adapter_of(job),
    };
    let precision = match run.dtype {
        Dtype::F32 => String::new(),
        half => format!(" Layers computed in {}, trained weights in f32.", half.name()),
    };
    format!(
        "Rows: {train} for training, {valid} for validation, {test} for the test. Trained: {method}. AdamW, learning rate \
         {}, weight decay {}, {} schedule after a warm-up of {} of the steps, {} of batch {} x {}, gradient norm at most {}, at \
         most {} tokens a row, seed {}.{precision} These are the weights of step {}.",
        run.learning_rate,
        run.weight_decay,
        run.lr_scheduler_type.name(),
        percent(run.warmup_ratio),
        plural(run.num_train_epochs as usize, "epoch"),
        run.batch_size,
        run.gradient_accumulation_steps,
        run.max_grad_norm,
        run.max_seq_length,
        run.seed,
        facts.step,
    )
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

fn list(labels: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = labels.iter().take(SHOWN).map(|label| format!("`{label}`")).collect();
    words::list(&shown, labels.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PromptFormat, ReadOptions, RunConfig};
    use crate::metrics::Confusion;

    fn card(model: ModelSource, labels: &[&str], base_labels: &str) -> String {
        let config = format!(
            r#"{{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
            "intermediate_size":16,"max_position_embeddings":32,"id2label":{base_labels}}}"#
        );
        let config = ModelConfig::from_json(config.as_bytes()).expect("a config");
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let mut run = RunConfig { method: Method::Lora, ..RunConfig::default() };
        run.lora.rank_pattern.insert("query".into(), 2);
        model_card(&config, &labels, &Job::new(model, None, ReadOptions::default(), run), None, true)
    }

    #[test]
    fn an_adapters_code_finds_a_base_of_the_hub_and_names_the_folder_of_another() {
        let hub = card(ModelSource::hub("a/b"), &["x", "y"], "{}");
        assert!(hub.contains("AutoPeftModelForSequenceClassification.from_pretrained(\".\", num_labels=2)"), "{hub}");
        assert!(!hub.contains("path/to"), "{hub}");
        let local = card(ModelSource::Local { name: "models/my \"base\"/".into() }, &["x", "y"], "{}");
        assert!(local.contains(r#"from_pretrained("path/to/my \"base\"", num_labels=2)"#), "{local}");
        assert!(local.contains("put its path"), "{local}");
    }

    #[test]
    fn a_base_that_is_on_no_hub_is_loaded_from_its_folder() {
        let own = card(ModelSource::hub(OWN_MODEL), &["x", "y"], "{}");
        assert!(own.contains("AutoModelForSequenceClassification.from_pretrained(\"path/to/tiny-decoder\""), "{own}");
        assert!(own.contains(OWN_MODEL_FOLDER) && own.contains("--model path/to/tiny-decoder --adapter ."), "{own}");
        assert!(!own.contains("AutoPeftModel"), "{own}");
    }

    #[test]
    fn an_adapters_code_asks_the_model_as_it_was_trained() {
        let ask = |task, prompt_format| {
            let read = ReadOptions { prompt_format, ..ReadOptions::default() };
            how_to_ask(task, &Job::new(ModelSource::hub("a/b"), None, read, RunConfig::default()))
        };
        let text = ask(Task::CausalLm, Some(PromptFormat::QuestionAnswer));
        assert!(text.starts_with(r#"inputs = tokenizer("Q: your text here\nA:", return_tensors="pt")"#), "{text}");
        let chat = ask(Task::CausalLm, Some(PromptFormat::Chat));
        assert!(chat.contains("apply_chat_template") && chat.contains("add_generation_prompt=True"), "{chat}");
        assert!(ask(Task::SequenceClassification, None).ends_with("logits.softmax(-1))"));
    }

    #[test]
    fn a_base_with_a_head_of_another_size_is_loaded_without_it() {
        let labels = r#"{"0":"a","1":"b","2":"c"}"#;
        let of_other_size = card(ModelSource::hub("a/b"), &["x", "y"], labels);
        assert!(of_other_size.contains("num_labels=2, ignore_mismatched_sizes=True"), "{of_other_size}");
        assert!(!card(ModelSource::hub("a/b"), &["x", "y", "z"], labels).contains("ignore_mismatched"));
    }

    fn trained(job: &Job, test: Option<Figures>) -> String {
        let config = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
            "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;
        let config = ModelConfig::from_json(config.as_bytes()).expect("a config");
        let facts = CardFacts { num_rows: [8, 0, 2], step: 3, valid: None, test };
        model_card(&config, &["x".into(), "y|z".into()], job, Some(&facts), false)
    }

    #[test]
    fn a_card_says_how_to_repeat_the_run_with_all_that_it_needs() {
        let pinned = ModelSource::Hub { id: "a/b".into(), revision: "c0ffee".into() };
        let mut job = Job::new(pinned, Some("my tickets.csv".into()), ReadOptions::default(), RunConfig::default());
        let card = trained(&job, None);
        let schedule = "linear schedule after a warm-up of 10 % of the steps, 3 epochs of batch";
        assert!(card.contains(schedule), "{card}");
        let command = "hone train --job hone.json --model a/b@c0ffee --data 'path/to/my tickets.csv' --output repeated";
        assert!(card.contains(&format!("```sh\n{command}\n```")), "{card}");
        assert!(card.contains("hone predict --model . --text \"your text here\""), "{card}");

        job.model = ModelSource::Local { name: "models/mine".into() };
        job.data_sha256.test = Some("00".into());
        let card = trained(&job, None);
        assert!(
            card.contains("--model path/to/mine --data 'path/to/my tickets.csv' --test path/to/test-rows"),
            "{card}"
        );
    }

    #[test]
    fn a_card_says_what_one_gets_without_the_model() {
        let mut confusion = Confusion::new(&["x".into(), "y|z".into()]);
        for (label, predicted) in [(0, 0), (1, 1), (1, 1), (1, 0)] {
            confusion.add(label, predicted);
        }
        let mut figures = confusion.finish(0.5);
        figures.set_baseline(1);
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let card = trained(&job, Some(Figures::Classes(Box::new(figures.clone()))));
        let row = "| test, always `y\\|z` | 4 | – | 0.7500 | 0.3750 | 0.5000 | 0.4286 |";
        assert!(card.contains(row) && card.contains("+0.0 points of accuracy"), "{card}");
        figures.baseline = None;
        let card = trained(&job, Some(Figures::Classes(Box::new(figures))));
        assert!(!card.contains("always"), "{card}");
    }

    #[test]
    fn words_of_a_command_line_are_quoted_where_they_must_be() {
        assert_eq!(quoted("path/to/all-MiniLM_L6.v2@main"), "path/to/all-MiniLM_L6.v2@main");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn the_example_is_given_as_the_training_rows_were() {
        let input = |task, prompt_format| {
            let read = ReadOptions { prompt_format, ..ReadOptions::default() };
            example_input(task, &Job::new(ModelSource::hub("a/b"), None, read, RunConfig::default()))
        };
        let of_texts = |format| input(Task::CausalLm, Some(format));
        assert_eq!(of_texts(PromptFormat::QuestionAnswer), r#""Q: your text here\nA:""#);
        assert_eq!(of_texts(PromptFormat::Chat), r#"[{"role": "user", "content": "your text here"}]"#);
        assert_eq!(input(Task::CausalLm, None), r#""your text here""#);
        assert_eq!(input(Task::SequenceClassification, None), r#""your text here""#);
    }

    #[test]
    fn a_card_tells_ranks_that_differ() {
        let card = card(ModelSource::hub("a/b"), &["x", "y"], "{}");
        assert!(card.contains("ranks 2 to 8"), "{card}");
    }
}
