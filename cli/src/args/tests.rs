//! What is typed reaches the run, and what has no effect is refused.

use clap::CommandFactory;

use super::*;

fn train(flags: &[&str]) -> TrainArgs {
    let line = ["hone", "train", "--model", "m", "--data", "d.csv", "--output", "o"];
    let cli = Cli::try_parse_from(line.iter().chain(flags)).expect("parses");
    match cli.command {
        Command::Train(args) => *args,
        other => panic!("not train: {other:?}"),
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn a_task_is_called_as_it_is_typed() {
    for &task in Task::ALL {
        assert_eq!(parse_task(&task_name(task)), Ok(task));
        assert_eq!(parse_task(task.name()), Ok(task), "as job files spell it");
    }
    let error = parse_task("ranking").expect_err("there is none");
    assert!(error.starts_with("it is not one of sequence-classification, "), "{error}");
}

/// A model that is for the first of these tasks.
fn bert(tasks: &[Task]) -> ModelInfo {
    ModelInfo {
        source: hone_core::config::ModelSource::hub("a/b"),
        tasks: tasks.to_vec(),
        task: tasks[0],
        model_type: "bert".into(),
        num_parameters: 1,
        hidden_size: 1,
        num_hidden_layers: 1,
        max_position_embeddings: 1,
        vocab_size: 1,
        labels: Vec::new(),
        module_names: Vec::new(),
        target_modules: Vec::new(),
        has_chat_template: false,
        fills_blanks: false,
        generation_config: None,
        notes: Vec::new(),
    }
}

#[test]
fn the_task_of_a_run_is_guessed_from_its_data_and_said() {
    let fills = Task::from_name("masked_lm").expect("there is one");
    let info = bert(&[Task::default(), fills]);
    let prose = ("sea.txt".to_owned(), b"The sea was calm.\nNobody spoke.\n".to_vec());
    let choose = |asked, file: &(String, Vec<u8>), from_scratch| {
        choose_task_of_run(asked, &info, file, &ReadOptions::default(), from_scratch).expect("it has the heads")
    };
    let (task, note) = choose(None, &prose, false);
    assert_eq!(task, fills);
    assert_eq!(note.as_deref(), Some("task: masked-lm, guessed from the data; --task chooses another"));
    assert_eq!(choose(Some(Task::default()), &prose, false), (Task::default(), None), "it was asked for");
    let rows = ("rows.csv".to_owned(), b"text,label\na thing,up\nanother thing,down\n".to_vec());
    assert_eq!(choose(None, &rows, false), (Task::default(), None));
    assert_eq!(choose(None, &rows, true).0, fills, "labels are not learned from scratch");
}

#[test]
fn a_task_without_a_head_is_refused() {
    let (own, other) = (Task::ALL[0], Task::ALL[1]);
    let info = bert(&[own]);
    for asked in [None, Some(own)] {
        assert_eq!(choose_task(asked, &info).expect("what it is for"), own);
    }
    let error = choose_task(Some(other), &info).expect_err("another task").to_string();
    let says = format!("this bert model is for {}, not for {}:", task_name(own), task_name(other));
    assert!(error.starts_with(&says), "{error}");
}

#[test]
fn flags_reach_the_run() {
    let args = train(&["--epochs", "5", "--schedule", "cosine", "--eval-steps", "50", "--delimiter", "tab"]);
    let settings = args.settings(&Settings::default()).expect("all good");
    assert_eq!(settings.run.num_train_epochs, 5);
    assert_eq!(settings.run.lr_scheduler_type, hone_core::config::LrSchedulerType::Cosine);
    assert_eq!(settings.run.eval_strategy, hone_core::config::EvalStrategy::Steps(50));
    assert_eq!(settings.read.delimiter, Some('\t'));
}

#[test]
fn without_flags_a_run_is_what_the_job_says() {
    use hone_core::config::{Encoding, LoraConfig, PromptFormat};
    let base = Settings {
        read: ReadOptions {
            prompt_column: Some("frage".into()),
            prompt_format: Some(PromptFormat::QuestionAnswer),
            header_row: Some(3),
            encoding: Some(Encoding::Windows1252),
            merge_labels: [("biling".to_owned(), "Billing".to_owned())].into(),
            ..ReadOptions::default()
        },
        changes: ModelChanges { keep_layers: vec![0, 2], ..ModelChanges::default() },
        run: RunConfig {
            method: Method::Lora,
            lora: LoraConfig { r: 4, use_dora: true, ..LoraConfig::default() },
            seed: 7,
            ..RunConfig::default()
        },
        ..Settings::default()
    };
    let settings = train(&[]).settings(&base).expect("no flags");
    assert_eq!((settings.read, settings.changes, settings.run), (base.read, base.changes, base.run));
}

#[test]
fn every_wrong_flag_is_named_at_once() {
    let args = train(&["--epochs", "-1", "--schedule", "step", "--header", "maybe", "--device", "tpu"]);
    let Usage(problems) = args.settings(&Settings::default()).expect_err("four are wrong");
    let flags: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap_or_default()).collect();
    assert_eq!(flags, ["--device", "--header", "--epochs", "--schedule"]);
}

#[test]
fn flags_without_effect_are_named() {
    let args = train(&["--lora-rank", "4", "--use-dora", "--use-rslora=false", "--format", "adapter"]);
    let Usage(problems) = args.settings(&Settings::default()).expect_err("all weights are trained");
    let flags: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap_or_default()).collect();
    assert_eq!(flags, ["--lora-rank", "--use-dora", "--format"]);
    let adapter = ["--lora-rank", "4", "--use-dora", "--format", "adapter", "--method", "lora"];
    train(&adapter).settings(&Settings::default()).expect("an adapter is trained");
    let changed = train(&[&adapter[..], &["--keep-layers", "0"]].concat());
    let Usage(problems) = changed.settings(&Settings::default()).expect_err("it would fit nothing");
    assert!(problems.len() == 1 && problems[0].starts_with("--format: "), "{problems:?}");
}

#[test]
fn a_test_of_rates_takes_no_rate_and_no_output() {
    let line = ["hone", "train", "--model", "m", "--data", "d.csv"];
    let parse = |flags: &[&str]| Cli::try_parse_from(line.iter().chain(flags));
    assert!(parse(&[]).is_err(), "a run writes somewhere");
    for flags in [&["--plan"][..], &["--find-learning-rate"]] {
        assert!(parse(flags).is_ok(), "{flags:?} writes nothing");
    }
    let flags = ["--find-learning-rate", "--learning-rate", "1e-3", "--warmup-ratio", "0.1", "--epochs", "2"];
    let Usage(problems) = train(&flags).settings(&Settings::default()).expect_err("it has rates of its own");
    let said: Vec<_> = problems.iter().map(|problem| problem.split(',').next().unwrap_or_default()).collect();
    let expected =
        ["--learning-rate", "--warmup-ratio"].map(|f| format!("{f}: has no effect with --find-learning-rate"));
    assert_eq!(said, expected);
}

#[test]
fn a_share_for_test_rows_goes_with_no_validation_file() {
    let args = train(&["--valid", "v.csv", "--test-fraction", "0.2"]);
    let Usage(problems) = args.settings(&Settings::default()).expect_err("no rows are split off");
    assert_eq!(problems, ["--test-fraction: has no effect with --valid"]);
    let args = train(&["--valid", "v.csv", "--test", "t.csv", "--test-fraction", "0.2"]);
    let Usage(problems) = args.settings(&Settings::default()).expect_err("no rows are split off");
    assert_eq!(problems, ["--test-fraction: has no effect with --test"]);
}

#[test]
fn an_empty_setting_is_no_setting() {
    let Usage(problems) =
        train(&["--learning-rate=", "--seed= "]).settings(&Settings::default()).expect_err("two are empty");
    assert_eq!(problems, ["--learning-rate: is empty", "--seed: is empty"]);
}

#[test]
fn a_resumed_run_keeps_its_settings() {
    for flags in [["--resume", "--add-layers", "1"], ["--resume", "--freeze", "embeddings"]] {
        train(&flags).settings(&Settings::default()).expect_err("the model may not change");
    }
    let Usage(problems) =
        train(&["--resume", "--epochs", "9"]).settings(&Settings::default()).expect_err("settings may not change");
    assert!(problems[0].contains("settings of the checkpoint"), "{problems:?}");
    let args = train(&["--resume", "--task", "regression"]);
    let Usage(problems) = args.settings(&Settings::default()).expect_err("nor what is learned");
    assert_eq!(problems, ["--task: --resume takes what is learned from the checkpoint"]);
    train(&["--resume", "--cut-batches"]).settings(&Settings::default()).expect("it is no setting");
    let begins = ["hone", "train", "--model", "m", "--data", "rows.csv", "--output", "out", "--cut-batches"];
    Cli::try_parse_from(begins).expect_err("it is for a run that goes on");
}

fn generate(flags: &[&str]) -> GenerateArgs {
    let line = ["hone", "generate", "--model", "m", "--prompt", "a"];
    match Cli::try_parse_from(line.iter().chain(flags)).expect("parses").command {
        Command::Generate(args) => args,
        other => panic!("not generate: {other:?}"),
    }
}

#[test]
fn a_file_of_prompts_is_no_prompt() {
    let parse = |flags: &[&str]| {
        let line = ["hone", "generate", "--model", "m"];
        Cli::try_parse_from(line.iter().chain(flags)).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(parse(&["--data", "x.csv", "--column", "ask", "--output", "y.csv"]), Ok(()));
    for other in [&["--prompt", "a"][..], &["--chat"], &["--compare"]] {
        let error = parse(&[&["--data", "x.csv"][..], other].concat()).expect_err("one of them");
        assert!(error.contains("cannot be used with"), "{error}");
    }
    assert!(parse(&["--prompt", "a", "--output", "y.csv"]).is_err(), "a prompt is answered on the screen");
    assert_eq!(parse(&["--data", "x.csv", "--header", "yes"]), Ok(()));
    let error = parse(&["--data", "x.csv", "--header", "maybe"]).expect_err("neither");
    assert!(error.contains("it is not one of yes, no"), "{error}");
    assert!(parse(&["--prompt", "a", "--header", "yes"]).is_err(), "a prompt has no rows");
}

#[test]
fn flags_of_beams_wait_for_the_models_own_file() {
    for flags in [["--length-penalty", "2"], ["--early-stopping", "true"], ["--length-penalty", "1"]] {
        let args = generate(&flags);
        let (_, mut sampling, _) = args.settings().expect("the file may have beams");
        let problems = args.check_with_model(&sampling).expect_err("it has none").0;
        let says = format!("{}: has no effect without beams, and neither --num-beams nor", flags[0]);
        assert!(problems.len() == 1 && problems[0].starts_with(&says), "{problems:?}");
        sampling.do_sample = true;
        let problems = args.check_with_model(&sampling).expect_err("it draws").0;
        let says = format!("{}: has no effect where tokens are drawn", flags[0]);
        assert!(problems.len() == 1 && problems[0].starts_with(&says), "{problems:?}");
        sampling = hone_core::generate::SamplingConfig { do_sample: false, num_beams: 4, ..sampling };
        args.check_with_model(&sampling).expect("it has");
    }
    let refused = |flags: &[&str]| generate(flags).settings().expect_err("no file changes that").0;
    assert!(refused(&["--length-penalty", "2", "--num-beams", "1"])[0].contains("without beams"));
    assert!(refused(&["--length-penalty", "2", "--top-k", "5"])[0].contains("without beams"));
    assert!(refused(&["--length-penalty", "inf"])[0].contains("is not a number"));
}

#[test]
fn a_seed_without_draws_is_refused_once_the_model_is_known() {
    let args = generate(&["--seed", "7"]);
    let (_, mut sampling, _) = args.settings().expect("the file may draw");
    let problems = args.check_with_model(&sampling).expect_err("it does not").0;
    assert_eq!(problems, ["--seed: has no effect where nothing is drawn (--do-sample draws tokens)"]);
    sampling.do_sample = true;
    args.check_with_model(&sampling).expect("it draws");
}

#[test]
fn the_file_in_the_help_of_a_sweep_is_one_however_wide_the_terminal_is() {
    for width in [100, 200] {
        let mut cli = Cli::command().term_width(width);
        let sweep = cli.find_subcommand_mut("sweep").expect("there is one");
        let help = sweep.clone().term_width(width).render_long_help().to_string();
        let begin = help.find("[run]").expect("the file begins");
        let end = help.find("Cross-validation of one job").expect("and ends");
        let file: toml::Table = toml::from_str(&help[begin..end]).expect("it is TOML");
        assert_eq!(file.keys().collect::<Vec<_>>(), ["run", "search", "space"]);
        assert_eq!(file["search"]["folds"].as_integer(), Some(5), "{file:?}");
    }
}
