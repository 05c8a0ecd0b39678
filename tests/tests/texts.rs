//! A language model from a file of prompts to an adapter that loads again: training, exporting, writing.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS};
use hone_core::config::{ExportFormat, LoraConfig, Method, ModelSource, RunConfig};
use hone_core::event::{Split, TrainEvent};
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::session::Session;
use hone_core::session::protocol::{Prompt, Weights};
use hone_tests::paths;
use hone_tests::texts::{drain, loaded, ready, run, valid_losses, write};

#[test]
fn an_adapter_is_trained_exported_and_loaded_again() {
    let run = run();
    let mut session = ready(&run);
    let before = write(&mut session, Weights::Base);
    session.start(run).expect("it starts");
    let events = drain(&mut session);
    let losses = valid_losses(&events);
    assert_eq!(losses.len(), 4);
    assert!(losses[3] < 0.5 * losses[0], "validation losses {losses:?}");
    assert!(events.iter().any(|event| matches!(event, TrainEvent::Sampled { .. })), "samples are shown");
    let TrainEvent::Started { num_parameters, num_trainable, .. } = events[0] else { panic!("it starts") };
    assert!(num_trainable * 10 < num_parameters, "{num_trainable} of {num_parameters}");

    let tuned = write(&mut session, Weights::Tuned);
    assert_ne!(tuned, before);
    assert_eq!(write(&mut session, Weights::Base), before, "the base is untouched");
    let (figures, samples) = block_on(session.evaluate_texts(Weights::Tuned, Split::Test, 3, 12, &mut |_, _| {}))
        .expect("the test rows are written on from");
    assert_eq!((figures.num_rows, samples.len()), (3, 3));

    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    assert!(adapter.get("model.safetensors").is_none() && adapter.get(ADAPTER_CONFIG).is_some());
    let mut again = loaded();
    again.load_adapter(adapter).expect("its own adapter fits");
    assert_eq!(write(&mut again, Weights::Tuned), tuned, "adapter");
    let mut whole = Session::new(Device::flex());
    whole.load_model(ModelSource::Local { name: "merged".into() }, merged).expect("the merged model loads");
    assert_eq!(write(&mut whole, Weights::Base), tuned, "merged");
}

#[test]
fn packing_trains_on_the_same_tokens_in_fewer_rows() {
    let plain = RunConfig { num_train_epochs: 1, lora: LoraConfig { lora_dropout: 0.0, ..run().lora }, ..run() };
    let packed = RunConfig { packing: true, ..plain.clone() };
    let rows = |run: &RunConfig| {
        let mut session = ready(run);
        session.start(run.clone()).expect("it starts");
        let events = drain(&mut session);
        let TrainEvent::Started { num_rows, .. } = events[0] else { panic!("it starts") };
        let mut tokens = events.iter().rev().filter_map(|event| match event {
            TrainEvent::Step { tokens, .. } => Some(*tokens),
            _ => None,
        });
        (num_rows[0], tokens.next().expect("it steps"))
    };
    let ((plain_rows, plain_tokens), (packed_rows, packed_tokens)) = (rows(&plain), rows(&packed));
    assert_eq!(plain_tokens, packed_tokens);
    assert!(packed_rows < plain_rows, "{packed_rows} rows instead of {plain_rows}");
}

#[test]
fn what_does_not_fit_is_named() {
    let mut session = ready(&run());
    let wrong = RunConfig { lora: LoraConfig { target_modules: vec!["q_proj".into()], ..run().lora }, ..run() };
    let error = session.start(wrong).expect_err("GPT-2 has no q_proj").to_string();
    assert!(error.contains("q_proj") && error.contains("c_attn"), "{error}");
    let error = session.start(RunConfig { method: Method::Head, ..run() }).expect_err("no head").to_string();
    assert!(error.contains("lora"), "{error}");

    let prompt = Prompt::Text("x".repeat(70));
    let sampling = SamplingConfig::default();
    let generated = block_on(session.generate(&prompt, Weights::Base, &sampling, async |_: &str| true));
    let error = generated.expect_err("64 tokens are read").to_string();
    assert!(error.contains("70 tokens") && error.contains("64"), "{error}");
    let turns = Prompt::Turns(Vec::new());
    let generated = block_on(session.generate(&turns, Weights::Base, &sampling, async |_: &str| true));
    assert!(generated.expect_err("no template").to_string().contains("no chat template"));
    assert!(
        block_on(session.predict(&["a".into()], Weights::Base)).expect_err("no labels").to_string().contains("gpt2")
    );

    let mut other = Folder::new();
    for file in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
        let path = paths::fixture("gpt2_lora").join("adapter").join(file);
        other.insert(file, std::fs::read(path).expect("the fixture is whole"));
    }
    let error = session.load_adapter(other.clone()).expect_err("another width").to_string();
    assert!(error.contains("lora_A") && error.contains("another base model"), "{error}");
    other.insert(ADAPTER_CONFIG, r#"{"peft_type":"IA3"}"#);
    assert!(session.load_adapter(other).expect_err("not LoRA").to_string().contains("IA3"));
    assert!(
        block_on(session.export(ExportFormat::Adapter)).expect_err("nothing trained").to_string().contains("trained")
    );
}
