//! Runs that compute in half precision: losses close to those of f32, frozen weights held in two bytes, a resumed run
//! that is the uninterrupted one, and exports with the base model's own values. No dropout, whose generator a process
//! shares.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, FloatDType, Tensor};
use futures_lite::future::block_on;
use hone_core::checkpoint::{PretrainedModel, WEIGHTS, WeightFile};
use hone_core::config::{
    Dtype, ExportFormat, Freeze, LoraConfig, Method, ModelSource, Pooling, ReadOptions, RunConfig,
};
use hone_core::data::DataFiles;
use hone_core::nn::Init;
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::HeadKind;
use hone_tests::figure::demand;
use hone_tests::half::{self, HALF, all_losses, compare_losses, run_in};
use hone_tests::texts::{drain, ready, valid_losses, write};
use hone_tests::{devices, paths, rows};

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_ne!(found, expected, "{what}: nothing was rounded");
    demand(&[compare_losses(what, found, expected, tolerance)]);
}

#[test]
fn losses_in_half_precision_stay_close_to_those_of_f32() {
    let train = |dtype: Dtype| {
        let run = run_in(dtype);
        let mut session = ready(&run);
        session.start(run).expect("it starts");
        let events = drain(&mut session);
        let valid = valid_losses(&events);
        assert!(valid[3] < valid[0], "{dtype:?} learns: {valid:?}");
        all_losses(&events)
    };
    let expected = train(Dtype::F32);
    assert!(expected.len() >= 20, "{} losses", expected.len());
    for (dtype, tolerance) in HALF {
        assert_close(&train(dtype), &expected, tolerance, dtype.name());
    }
}

#[test]
fn a_resumed_run_in_f16_matches_the_uninterrupted_one() {
    let checkpointed =
        RunConfig { gradient_checkpointing: true, gradient_accumulation_steps: 2, batch_size: 4, ..run_in(Dtype::F16) };
    for run in [run_in(Dtype::F16), checkpointed] {
        let mut whole = ready(&run);
        whole.start(run.clone()).expect("it starts");
        let expected = drain(&mut whole);
        let mut cut = ready(&run);
        cut.start(run.clone()).expect("it starts");
        for _ in 0..9 {
            block_on(cut.next_event()).expect("it goes on").expect("it is not over");
        }
        let checkpoint = block_on(cut.checkpoint()).expect("it is saved");
        let bytes: usize = checkpoint.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(bytes < 1_500_000, "{bytes} bytes: the frozen weights are not saved");
        let mut resumed = ready(&run);
        resumed.resume(&checkpoint).expect("it goes on");
        let (rest, expected_valid) = (drain(&mut resumed), valid_losses(&expected));
        assert_eq!(rest.last(), expected.last());
        let found = valid_losses(&rest);
        assert_eq!(found, expected_valid[expected_valid.len() - found.len()..]);
        assert_eq!(write(&mut resumed, Weights::Tuned), write(&mut whole, Weights::Tuned));
    }
}

/// Parameters and their bytes.
#[derive(Default)]
struct Held {
    frozen: usize,
    frozen_bytes: usize,
    trained: usize,
    trained_bytes: usize,
}

impl ModuleVisitor for Held {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let count = param.shape().num_elements();
        let bytes = count * param.dtype().size();
        if param.is_require_grad() {
            self.trained += count;
            self.trained_bytes += bytes;
        } else {
            self.frozen += count;
            self.frozen_bytes += bytes;
        }
    }
}

fn held(fixture: &str, method: Method) -> Held {
    let device = Device::flex().autodiff();
    let pretrained = PretrainedModel::open(paths::read_folder(&paths::fixture(fixture))).expect("the fixture is whole");
    let head = match fixture {
        "tiny_decoder" => HeadKind::CausalLm,
        "tiny_t5" => HeadKind::Seq2seqLm,
        _ => HeadKind::Sequence,
    };
    let (mut model, _) = pretrained.build(head, Pooling::Cls, 3, 1, &device).expect("the weights fit");
    if method == Method::Lora {
        let lora = LoraConfig { r: 4, ..LoraConfig::default() };
        let targets = ["all-linear".to_owned()];
        let adapted = model.add_lora(pretrained.config.key_map(), &lora, &targets, &mut Init::new(1), &device);
        assert!(!adapted.is_empty());
    }
    let mut found = Held::default();
    model.frozen_for(method, Freeze::None).with_dtype(FloatDType::F16).visit(&mut found);
    found
}

#[test]
fn frozen_matrices_are_held_in_two_bytes_and_the_rest_in_four() {
    for fixture in ["tiny_decoder", "tiny_encoder"] {
        let found = held(fixture, Method::Lora);
        assert!(found.trained > 0 && found.frozen > 10 * found.trained);
        assert_eq!(found.trained_bytes, 4 * found.trained, "{fixture}");
        let bytes = found.frozen_bytes as f64 / found.frozen as f64;
        assert!((2.0..2.05).contains(&bytes), "{fixture}: {bytes} bytes a frozen parameter");

        let found = held(fixture, Method::Full);
        assert_eq!((found.frozen, found.trained_bytes), (0, 4 * found.trained), "{fixture}");
    }
}

/// What goes into the last layer of a block of T5 leaves the range of f16, and `transformers` keeps that layer in f32, too.
#[test]
fn the_last_layer_of_a_t5_block_stays_in_four_bytes() {
    let folder = paths::read_folder(&paths::fixture("tiny_t5"));
    let file = WeightFile::open_in(&folder, [WEIGHTS]).expect("it is whole");
    let [mut halves, mut wholes, mut last_layers] = [0_usize; 3];
    for name in file.names() {
        let tensor = file.read(name).expect("plain numbers").expect("it is there");
        let is_last = name.ends_with(".DenseReluDense.wo.weight");
        let is_half = tensor.shape.len() == 2 && !is_last;
        last_layers += usize::from(is_last);
        *(if is_half { &mut halves } else { &mut wholes }) += tensor.values.len();
    }
    assert_eq!(last_layers, 4, "two in the encoder, two in the decoder");
    let found = held("tiny_t5", Method::Lora);
    assert_eq!((found.frozen, found.frozen_bytes), (halves + wholes, 2 * halves + 4 * wholes));
    assert_eq!(found.trained_bytes, 4 * found.trained);
}

#[test]
fn what_was_not_trained_is_exported_as_it_came() {
    let lora = LoraConfig { target_modules: vec!["c_attn".into()], ..run_in(Dtype::Bf16).lora };
    let run = RunConfig { lora, num_train_epochs: 1, ..run_in(Dtype::Bf16) };
    let mut session = ready(&run);
    session.start(run).expect("it starts");
    let _ = drain(&mut session);
    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    assert!(String::from_utf8_lossy(merged.get("README.md").expect("a card")).contains("computed in bf16"));
    let base = paths::read_folder(&paths::fixture("tiny_decoder"));
    let [merged, base] = [&merged, &base].map(|folder| folder.get(WEIGHTS).expect("it has weights"));
    let merged = WeightFile::open("merged", merged).expect("it is whole");
    let base = WeightFile::open("base", base).expect("it is whole");
    for name in base.names() {
        let (found, expected) = (merged.read(name).expect("it reads"), base.read(name).expect("it reads"));
        let is_adapted = name.ends_with("c_attn.weight");
        assert_eq!(found == expected, !is_adapted, "{name}");
    }
}

#[test]
fn an_encoder_learns_in_half_precision() {
    let train = |dtype: Dtype, method: Method| {
        let run = RunConfig {
            dtype,
            method,
            lora: if method == Method::Lora {
                LoraConfig { lora_dropout: 0.0, ..LoraConfig::default() }
            } else {
                LoraConfig::default()
            },
            dropout: Some(0.0),
            num_train_epochs: 2,
            batch_size: 8,
            learning_rate: if method == Method::Full { 1e-4 } else { 1e-3 },
            max_seq_length: 32,
            ..RunConfig::default()
        };
        let mut session = Session::new(Device::flex());
        let folder = paths::read_folder(&paths::fixture("tiny_encoder"));
        session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
        let files = DataFiles { train: ("rows.csv".into(), rows::csv(90).into_bytes()), ..DataFiles::default() };
        session.load_data(files, &ReadOptions::default(), &run).expect("the rows load");
        session.start(run).expect("it starts");
        all_losses(&drain(&mut session))
    };
    for method in [Method::Lora, Method::Full, Method::Head, Method::LastLayers(1)] {
        let expected = train(Dtype::F32, method);
        for (dtype, tolerance) in HALF {
            assert_close(&train(dtype, method), &expected, tolerance, &format!("{method:?} in {}", dtype.name()));
        }
    }
}

#[test]
fn a_gpu_computes_in_the_formats_that_it_says_it_has() {
    let Some(device) = devices::wgpu() else { return };
    for (dtype, tolerance) in HALF {
        match half::products(dtype, tolerance, &device) {
            Ok(figures) => demand(&figures),
            // It says that it has not got this one.
            Err(error) => assert!(error.contains(dtype.name()) && error.contains("choose f32"), "{error}"),
        }
    }
}
