//! Makes `tests/fixtures/tiny_encoder`: a WordPiece tokenizer of 1,000 tokens and a two-layer BERT of width 128, both
//! trained from scratch on public-domain text (masked language modelling, <https://arxiv.org/abs/1810.04805>), so that
//! the fixture is ours. Weights are written as f16, half the size.
//!
//! `cargo run --release -p hone-tests --features tools --bin make_tiny_encoder -- TEXT_FILE STEPS`

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::read_weights;
use hone_core::config::{LrSchedulerType, Pooling, Techniques};
use hone_core::data::{HostBatch, HostInputs, HostTargets, HostText};
use hone_core::model::{Model, ModelConfig, checkpoint_key};
use hone_core::nn::Init;
use hone_core::optim::{AdamW, AdamWConfig, GradientSum, clip_factor, learning_rate};
use hone_core::task::HeadKind;
use hone_core::train::MicroStep;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainerBuilder};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer, TokenizerImpl, decoders};

const VOCAB: usize = 1000;
const HIDDEN: usize = 128;
const BATCH: usize = 32;
const SEQ: usize = 64;
const PEAK: f64 = 1e-3;
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const CLS: i32 = 2;
const SEP: i32 = 3;
const MASK: i32 = 4;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let text_file = args.next().context("usage: make_tiny_encoder TEXT_FILE STEPS")?;
    let steps: u32 = args.next().context("usage: make_tiny_encoder TEXT_FILE STEPS")?.parse()?;
    let text = std::fs::read_to_string(&text_file).context(text_file.clone())?;
    let folder = hone_tests::paths::fixture("tiny_encoder");
    std::fs::create_dir_all(&folder)?;
    let tokenizer = train_tokenizer(&text_file)?;
    tokenizer.save(folder.join("tokenizer.json"), true).map_err(anyhow::Error::from_boxed)?;
    std::fs::write(folder.join("tokenizer_config.json"), TOKENIZER_CONFIG)?;
    std::fs::write(folder.join("config.json"), config_json())?;

    let ids = tokenizer.encode(text, false).map_err(anyhow::Error::from_boxed)?.get_ids().to_vec();
    eprintln!("{} tokens in a vocabulary of {}", ids.len(), tokenizer.get_vocab_size(true));
    let (config, model) = train(&ids, steps);
    std::fs::write(folder.join("model.safetensors"), weights(&config, &model)?)?;
    Ok(())
}

const TOKENIZER_CONFIG: &str = r#"{
  "tokenizer_class": "BertTokenizer",
  "do_lower_case": true,
  "model_max_length": 128,
  "pad_token": "[PAD]",
  "unk_token": "[UNK]",
  "cls_token": "[CLS]",
  "sep_token": "[SEP]",
  "mask_token": "[MASK]"
}
"#;

fn config_json() -> String {
    let config = serde_json::json!({
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": VOCAB, "hidden_size": HIDDEN,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 4 * HIDDEN, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 128,
        "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
        "torch_dtype": "float16"
    });
    format!("{config:#}\n")
}

type Trained =
    TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, BertProcessing, decoders::wordpiece::WordPiece>;

fn train_tokenizer(text_file: &str) -> Result<Tokenizer> {
    let special: Vec<AddedToken> = SPECIAL.iter().map(|token| AddedToken::from(*token, true)).collect();
    let mut trainer = WordPieceTrainerBuilder::new().vocab_size(VOCAB).special_tokens(special).build();
    let mut tokenizer = Trained::new(WordPiece::default());
    tokenizer.with_normalizer(Some(BertNormalizer::default())).map_err(anyhow::Error::from_boxed)?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(decoders::wordpiece::WordPiece::default()));
    tokenizer.with_post_processor(Some(BertProcessing::new(("[SEP]".into(), 3), ("[CLS]".into(), 2))));
    tokenizer.train_from_files(&mut trainer, vec![text_file.to_owned()]).map_err(anyhow::Error::from_boxed)?;
    let json = tokenizer.to_string(false).map_err(anyhow::Error::from_boxed)?;
    json.parse::<Tokenizer>().map_err(anyhow::Error::from_boxed)
}

fn train(ids: &[u32], steps: u32) -> (ModelConfig, Model) {
    let device = Device::flex().autodiff();
    let config = ModelConfig::from_json(config_json().as_bytes());
    let config = config.and_then(|config| config.with_head(HeadKind::MaskedLm)).expect("our own config is supported");
    let mut model = Model::new(&config, Pooling::Cls, 0, &mut Init::new(1), &device);
    model.set_dropout(Some(0.0));
    let mut optimizer = AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weight_decay: 0.01 });
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut mean = 0.0;
    for step in 0..steps {
        let batch = masked_batch(ids, &mut rng);
        let micro_step = MicroStep {
            model: &model,
            frozen: None,
            features: None,
            weight_sum: batch.weight,
            gradient_checkpointing: false,
            techniques: Techniques::default(),
            seed: 0,
            device: &device,
        };
        let mut gradients = GradientSum::default();
        let loss = micro_step.run(&batch, &mut gradients);
        let clip = clip_factor(&gradients, 1.0).expect("there are gradients");
        let rate = learning_rate(LrSchedulerType::Linear, PEAK, step, steps / 20, steps);
        model = optimizer.step(model, gradients, &clip, rate);
        mean += f64::from(loss.into_scalar::<f32>()) / 100.0;
        if (step + 1) % 100 == 0 {
            eprintln!("step {}: masked loss {mean:.3}", step + 1);
            mean = 0.0;
        }
    }
    (config, model)
}

/// Rows of running text; 15 % of the tokens are chosen, of which 80 % are masked, 10 % random and 10 % left.
fn masked_batch(ids: &[u32], rng: &mut ChaCha8Rng) -> HostBatch {
    let (mut input_ids, mut positions, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..BATCH {
        let start = rng.next_u64() as usize % (ids.len() - SEQ);
        input_ids.push(CLS);
        for (offset, &id) in ids[start..start + SEQ - 2].iter().enumerate() {
            let id = id as i32;
            if rng.next_u32() % 100 >= 15 {
                input_ids.push(id);
                continue;
            }
            positions.push((row * SEQ + offset + 1) as i32);
            targets.push(id);
            input_ids.push(match rng.next_u32() % 10 {
                0..8 => MASK,
                8 => (SPECIAL.len() + rng.next_u32() as usize % (VOCAB - SPECIAL.len())) as i32,
                _ => id,
            });
        }
        input_ids.push(SEP);
    }
    let text = HostText {
        attention_mask: vec![1; BATCH * SEQ],
        token_type_ids: vec![0; BATCH * SEQ],
        position_ids: (0..BATCH).flat_map(|_| 0..SEQ as i32).collect(),
        segment_ids: None,
        batch: BATCH,
        seq: SEQ,
        input_ids,
    };
    HostBatch {
        inputs: HostInputs::Text(text),
        weight: targets.len() as f64,
        targets: HostTargets::Ids { positions, ids: targets, label_smoothing: 0.0 },
        num_rows: BATCH,
        num_tokens: BATCH * SEQ,
    }
}

/// The encoder's weights under transformers' keys, as f16.
fn weights(config: &ModelConfig, model: &Model) -> Result<Vec<u8>> {
    let mut named = BTreeMap::new();
    for (path, tensor) in block_on(read_weights(model, config.key_map(), |_, _| true))? {
        let Some(key) = checkpoint_key(config.key_map(), &path).filter(|_| path.starts_with("backbone.")) else {
            continue;
        };
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
        named.insert(key.trim_start_matches("bert.").to_owned(), (tensor.shape, bytes));
    }
    let views = named.iter().map(|(key, (shape, bytes))| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F16, shape.clone(), bytes);
        view.map(|view| (key.as_str(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}
