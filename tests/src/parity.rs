//! All that a device is held to before its speed means anything: the goldens of PyTorch and transformers, half
//! precision, and the kernels for matrix products. In: a device. Out: a [`Part`] after each of them, failed or not.

use std::panic::{self, AssertUnwindSafe};

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::Dtype;
use hone_core::device_check::{RELATIVE_TOLERANCE, check_decoder, check_device};
use hone_core::device_report::DeviceCheck;
use hone_core::kernels::{MatmulKernel, set_matmul_kernel};
use serde_json::{Value, json};

use crate::figure::Figure;
use crate::golden::{Golden, Pass, Trained};
use crate::half::{self, HALF};
use crate::{beams, devices, paths, products};

/// Encoders whose weights lie beside the golden: one label a text.
const CLASSIFIERS: [&str; 4] = ["distilbert_cls_tiny", "bert_cls_tiny", "roberta_cls_tiny", "roberta_padded_tiny"];
/// The same of other heads and models; their goldens hold curves of the head and of the last layer too.
const HEADS: [&str; 25] = [
    "bert_ner_tiny",
    "distilbert_ner_tiny",
    "roberta_ner_tiny",
    "bert_qa_tiny",
    "distilbert_qa_tiny",
    "roberta_qa_tiny",
    "bert_pair_tiny",
    "roberta_pair_tiny",
    "bert_regression_tiny",
    "distilbert_regression_tiny",
    "bert_multi_label_tiny",
    "roberta_multi_label_tiny",
    "bert_mlm_tiny",
    "distilbert_mlm_tiny",
    "roberta_mlm_tiny",
    "xlm_roberta_pair_tiny",
    "electra_pair_tiny",
    "mpnet_pair_tiny",
    "albert_pair_tiny",
    "deberta_v2_pair_tiny",
    "modernbert_pair_tiny",
    "gpt2_cls_tiny",
    "llama_cls_tiny",
    "qwen3_cls_tiny",
    "gpt2_ner_tiny",
];
/// The other heads of those encoders, narrow and without curves.
pub const NARROW_HEADS: [&str; 23] = [
    "encoder_heads/xlm_roberta_ner",
    "encoder_heads/xlm_roberta_qa",
    "encoder_heads/xlm_roberta_mlm",
    "encoder_heads/camembert_cls",
    "encoder_heads/camembert_ner",
    "encoder_heads/camembert_qa",
    "encoder_heads/camembert_mlm",
    "encoder_heads/electra_ner",
    "encoder_heads/electra_qa",
    "encoder_heads/electra_mlm",
    "encoder_heads/mpnet_ner",
    "encoder_heads/mpnet_qa",
    "encoder_heads/mpnet_mlm",
    "encoder_heads/albert_ner",
    "encoder_heads/albert_qa",
    "encoder_heads/albert_mlm",
    "encoder_heads/deberta_v2_ner",
    "encoder_heads/deberta_v2_qa",
    "encoder_heads/deberta_v2_mlm",
    "encoder_heads/modernbert_cls",
    "encoder_heads/modernbert_ner",
    "encoder_heads/modernbert_qa",
    "encoder_heads/modernbert_mlm",
];
/// Decoders that label texts and tokens, narrow and without curves.
pub const DECODER_HEADS: [&str; 16] = [
    "decoder_heads/gpt_neo_cls",
    "decoder_heads/gpt_neo_ner",
    "decoder_heads/llama_ner",
    "decoder_heads/mistral_cls",
    "decoder_heads/mistral_ner",
    "decoder_heads/qwen2_cls",
    "decoder_heads/qwen2_ner",
    "decoder_heads/qwen3_ner",
    "decoder_heads/smollm3_cls",
    "decoder_heads/smollm3_ner",
    "decoder_heads/olmo2_cls",
    "decoder_heads/phi3_cls",
    "decoder_heads/phi3_ner",
    "decoder_heads/gemma2_cls",
    "decoder_heads/gemma2_ner",
    "decoder_heads/gemma3_cls",
];
/// Encoders of images, with curves as [`HEADS`].
const IMAGES: [&str; 4] = ["vit_tiny", "deit_tiny", "dinov2_tiny", "dinov2_swiglu_tiny"];
/// Those of them that hold images of other sizes, too.
const RESIZED: [&str; 2] = ["vit_tiny", "dinov2_tiny"];
/// The same of embeddings, which have no head.
const EMBEDDINGS: &str = "bert_embedding_tiny";
/// Adapters of models that label, answer or fill in, and the models they stand on.
const HEAD_ADAPTERS: [(&str, &str); 10] = [
    ("bert_ner_lora", "bert_ner_tiny"),
    ("roberta_ner_dora", "roberta_ner_tiny"),
    ("bert_qa_lora", "bert_qa_tiny"),
    ("bert_mlm_lora", "bert_mlm_tiny"),
    ("albert_pair_lora", "albert_pair_tiny"),
    ("deberta_v2_pair_lora", "deberta_v2_pair_tiny"),
    ("mpnet_ner_lora", "encoder_heads/mpnet_ner"),
    ("modernbert_ner_lora", "encoder_heads/modernbert_ner"),
    ("llama_cls_lora", "llama_cls_tiny"),
    ("vit_lora", "vit_tiny"),
];
/// Language models whose weights lie beside the golden.
const DECODERS: [&str; 16] = [
    "gpt2_tiny",
    "gpt_neo_tiny",
    "llama_tiny",
    "qwen2_tiny",
    "qwen3_tiny",
    "mistral_tiny",
    "mistral_window_tiny",
    "qwen2_window_tiny",
    "llama3_rope_tiny",
    "linear_rope_tiny",
    "granite_tiny",
    "smollm3_tiny",
    "olmo2_tiny",
    "phi3_tiny",
    "gemma2_tiny",
    "gemma3_tiny",
];
/// Adapters that are trained, and the models they stand on.
const ADAPTERS: [(&str, &str); 2] = [("gpt2_lora", "gpt2_tiny"), ("gpt2_dora", "gpt2_tiny")];
/// Text to text, and the models they belong to.
const PAIRS: [(&str, &str); 4] =
    [("t5_tiny", "t5_tiny"), ("t5_gated_tiny", "t5_gated_tiny"), ("t5_lora", "t5_tiny"), ("t5_dora", "t5_tiny")];
/// Goldens of which logits and loss are compared, and the models they belong to.
const FORWARD: [(&str, &str); 6] = [
    ("gpt2_rslora", "gpt2_tiny"),
    ("llama_lora", "llama_tiny"),
    ("phi3_lora", "phi3_tiny"),
    ("gemma3_lora", "gemma3_tiny"),
    ("packed_gpt2", "gpt2_tiny"),
    ("packed_llama", "llama_tiny"),
];
/// What is compared once more with Hone's own products on a GPU.
const WITH_HONES_PRODUCTS: [&str; 2] = ["gpt2_tiny", "llama_tiny"];

/// The folders under `tests/fixtures` that [`check`] reads.
#[must_use]
pub fn fixtures() -> Vec<&'static str> {
    let pairs = HEAD_ADAPTERS.iter().chain(&ADAPTERS).chain(&FORWARD).chain(&PAIRS).map(|(name, _)| *name);
    let heads = CLASSIFIERS.into_iter().chain(HEADS).chain(NARROW_HEADS).chain(DECODER_HEADS);
    let usual = heads.chain(IMAGES).chain(DECODERS).chain(pairs);
    usual.chain([EMBEDDINGS, beams::FOLDER, "minilm_cls", "minilm_head", "minilm_lora", "tiny_decoder"]).collect()
}

/// What came of one golden, or of one thing to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The golden.
    pub name: String,
    /// How it went.
    pub outcome: Outcome,
}

/// How a comparison went.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was made.
    Compared(Vec<Figure>),
    /// The device or the folder has not got what it needs.
    LeftOut(String),
    /// It ended in a panic.
    Broken(String),
}

impl Part {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn passed(&self) -> bool {
        match &self.outcome {
            Outcome::Compared(figures) => figures.iter().all(Figure::passed),
            Outcome::LeftOut(_) => true,
            Outcome::Broken(_) => false,
        }
    }

    /// As one JSON object; an error that is no number is null.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = json!({ "golden": self.name, "ok": self.passed() });
        match &self.outcome {
            Outcome::Compared(figures) => object["figures"] = figures.iter().map(figure_json).collect(),
            Outcome::LeftOut(why) => object["left_out"] = json!(why),
            Outcome::Broken(why) => object["broken"] = json!(why),
        }
        object
    }

    /// As one line for a person.
    #[must_use]
    pub fn line(&self) -> String {
        let figure = |figure: &Figure| {
            let word = if figure.passed() { "" } else { "FAILED " };
            format!("{word}{figure}")
        };
        match &self.outcome {
            Outcome::Compared(figures) => {
                let word = if self.passed() { "ok    " } else { "FAILED" };
                format!("{word} {}: {}", self.name, figures.iter().map(figure).collect::<Vec<_>>().join("; "))
            }
            Outcome::LeftOut(why) => format!("-      {}: left out: {why}", self.name),
            Outcome::Broken(why) => format!("FAILED {}: {why}", self.name),
        }
    }
}

fn figure_json(figure: &Figure) -> Value {
    let Figure { what, error, tolerance, place } = figure;
    json!({ "what": what, "error": error, "tolerance": tolerance, "place": place, "ok": figure.passed() })
}

/// Compares everything on `device` (without autodiff), and hands each part to `done` as soon as it is there.
///
/// The kernel for products is burn's afterwards.
pub fn check(device: &Device, is_gpu: bool, done: &mut dyn FnMut(&Part)) {
    let mut part = |name: &str, compare: &dyn Fn() -> Outcome| done(&run(name, compare));
    set_matmul_kernel(MatmulKernel::Burn);
    if is_gpu {
        part("every operation, beside the CPU", &|| operations(device));
        part("products by burn's kernel", &|| Outcome::Compared(products::compare(device, &devices::cpu())));
    }
    for name in CLASSIFIERS {
        part(name, &|| Outcome::Compared(classifier(name, device)));
    }
    for name in HEADS {
        part(name, &|| Outcome::Compared(head(name, device)));
    }
    for name in NARROW_HEADS.into_iter().chain(DECODER_HEADS) {
        part(name, &|| Outcome::Compared(narrow(&Golden::tiny(name), device)));
    }
    for name in IMAGES {
        part(name, &|| Outcome::Compared(head(name, device)));
    }
    for name in RESIZED {
        part(&format!("{name}, other sizes"), &|| Outcome::Compared(Golden::tiny(name).resized(device)));
    }
    part(EMBEDDINGS, &|| Outcome::Compared(whole(&Golden::tiny(EMBEDDINGS), device)));
    for (name, model) in HEAD_ADAPTERS {
        part(name, &|| Outcome::Compared(whole(&Golden::of(name, model), device)));
    }
    part("minilm_cls", &|| minilm("minilm_cls", |golden| whole(golden, device)));
    part("minilm_head", &|| {
        minilm("minilm_head", |golden| [golden.forward(device), vec![golden.curve(Trained::Head, device)]].concat())
    });
    part("minilm_lora", &|| minilm("minilm_lora", |golden| whole(golden, device)));
    for name in DECODERS {
        part(name, &|| Outcome::Compared(decoder(name, device)));
    }
    for (name, model) in ADAPTERS {
        part(name, &|| Outcome::Compared(trained(&Golden::of(name, model), device)));
    }
    for (name, model) in FORWARD {
        part(name, &|| Outcome::Compared(Golden::of(name, model).forward(device)));
    }
    for (name, model) in PAIRS {
        part(name, &|| Outcome::Compared(pair(&Golden::of(name, model), device)));
    }
    for name in ["t5_tiny", "t5_gated_tiny"] {
        part(&format!("texts of {name}"), &|| Outcome::Compared(beams::pair(name, device)));
    }
    for name in beams::DECODERS {
        part(&format!("{}/{name}", beams::FOLDER), &|| Outcome::Compared(beams::decoder(name, device)));
    }
    half_precision(device, &mut part);
    if is_gpu {
        set_matmul_kernel(MatmulKernel::Hone);
        part("products by Hone's kernel", &|| Outcome::Compared(products::compare(device, &devices::cpu())));
        part("bert_cls_tiny, Hone's products", &|| Outcome::Compared(classifier("bert_cls_tiny", device)));
        for name in WITH_HONES_PRODUCTS {
            part(&format!("{name}, Hone's products"), &|| Outcome::Compared(decoder(name, device)));
        }
        set_matmul_kernel(MatmulKernel::Burn);
    }
}

fn run(name: &str, compare: &dyn Fn() -> Outcome) -> Part {
    let outcome = panic::catch_unwind(AssertUnwindSafe(compare)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Outcome::Broken(text.unwrap_or_else(|| "it panicked without a word".to_owned()))
    });
    Part { name: name.to_owned(), outcome }
}

fn operations(device: &Device) -> Outcome {
    let cpu = devices::cpu();
    let checks = [block_on(check_device(device, &cpu)), block_on(check_decoder(device, &cpu))];
    let mut found: Vec<DeviceCheck> = Vec::new();
    for checks in checks {
        match checks {
            Ok(checks) => found.extend(checks),
            Err(error) => return Outcome::Broken(error.to_string()),
        }
    }
    let differences = found.into_iter().map(|check| (check.name, check.error));
    Outcome::Compared(vec![Figure::worst("worst operation", RELATIVE_TOLERANCE, differences)])
}

fn classifier(name: &str, device: &Device) -> Vec<Figure> {
    whole(&Golden::tiny(name), device)
}

fn narrow(golden: &Golden, device: &Device) -> Vec<Figure> {
    [golden.forward(device), vec![golden.gradients(Pass::Kept, device)]].concat()
}

fn whole(golden: &Golden, device: &Device) -> Vec<Figure> {
    let gradients = golden.gradients(Pass::Kept, device);
    [golden.forward(device), vec![gradients, golden.curve(Trained::All, device)]].concat()
}

/// As [`trained`], and with label smoothing.
fn pair(golden: &Golden, device: &Device) -> Vec<Figure> {
    [trained(golden, device), golden.smoothing(device)].concat()
}

/// As [`whole`], and what a frozen backbone or frozen layers leave to train.
fn head(name: &str, device: &Device) -> Vec<Figure> {
    let golden = Golden::tiny(name);
    let curves = [Trained::Head, Trained::LastLayer].map(|trained| golden.curve(trained, device));
    [whole(&golden, device), curves.into()].concat()
}

/// MiniLM is large and may not be there.
fn minilm(name: &str, compare: impl Fn(&Golden) -> Vec<Figure>) -> Outcome {
    match paths::has_minilm().then(|| Golden::minilm(name)).flatten() {
        Some(golden) => Outcome::Compared(compare(&golden)),
        None => Outcome::LeftOut("MiniLM's weights are not here".to_owned()),
    }
}

fn decoder(name: &str, device: &Device) -> Vec<Figure> {
    let golden = Golden::tiny(name);
    [trained(&golden, device), vec![golden.greedy(device)]].concat()
}

fn trained(golden: &Golden, device: &Device) -> Vec<Figure> {
    let gradients = [Pass::Kept, Pass::Checkpointed].map(|pass| golden.gradients(pass, device));
    [golden.forward(device), gradients.into(), vec![golden.curve(Trained::All, device)]].concat()
}

/// Products, then a whole run, both beside f32 on the CPU.
fn half_precision(device: &Device, part: &mut dyn FnMut(&str, &dyn Fn() -> Outcome)) {
    let expected = panic::catch_unwind(|| half::losses(Dtype::F32, &devices::cpu()));
    for (dtype, tolerance) in HALF {
        part(&format!("{}, beside f32", dtype.name()), &|| {
            let mut figures = match half::products(dtype, tolerance, device) {
                Ok(figures) => figures,
                Err(why) => return Outcome::LeftOut(why),
            };
            let expected = expected.as_ref().expect("the CPU trains in f32");
            let found = half::losses(dtype, device);
            figures.push(half::compare_losses("losses of a run", &found, expected, tolerance));
            Outcome::Compared(figures)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_what_is_wrong() {
        let figures = [Figure::new("loss", 2.0, 1.0), Figure::new("logits", 0.0, 1.0)];
        let part = run("x", &|| Outcome::Compared(figures.to_vec()));
        assert!(!part.passed() && part.line().starts_with("FAILED x: FAILED loss: off by 2.0e0"), "{}", part.line());
        assert_eq!(part.json()["figures"][0]["ok"], false);
        assert_eq!(part.json()["figures"][1]["ok"], true);
        let part = run("y", &|| panic!("no such fixture"));
        assert_eq!(part.outcome, Outcome::Broken("no such fixture".into()));
        assert!(!part.passed() && part.json()["broken"] == "no such fixture");
        let part = run("z", &|| Outcome::LeftOut("no bf16".into()));
        assert!(part.passed() && part.line() == "-      z: left out: no bf16");
    }

    #[test]
    fn every_golden_is_there() {
        for name in fixtures() {
            assert!(paths::fixture(name).is_dir(), "{name}");
        }
    }
}
