//! Goldens of whole texts: greedy and beam search as `generate` of transformers does them
//! (`tests/goldens/make_seq2seq.py`). In: the part of a golden that holds the texts, and what writes that of a row. Out:
//! which texts are other ones, and how far scores are off.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::generate::{FinishReason, Generation, Hypothesis, SamplingConfig};
use serde_json::Value;

use crate::figure::Figure;
use crate::fixture::read_file;
use crate::golden::Golden;

/// The folder under `tests/fixtures` of [`decoder`].
pub const FOLDER: &str = "beam_search";
/// Its goldens, which are the models that they belong to.
pub const DECODERS: [&str; 7] =
    ["gpt2_tiny", "llama_tiny", "gemma2_tiny", "gemma3_tiny", "phi3_tiny", "smollm3_tiny", "mistral_window_tiny"];

/// Largest difference of a score, relative to the score where that is more than 1.
const SCORE: f64 = 1e-5;

/// What was written of a row.
#[derive(Debug, Clone)]
pub struct Written {
    tokens: Vec<u32>,
    is_complete: bool,
    hypotheses: Vec<Hypothesis>,
}

/// Writes a text to its end.
///
/// # Panics
/// When the device fails.
#[must_use]
pub fn write(mut generation: Generation<'_>) -> Written {
    while block_on(generation.next_tokens()).expect("the device works").is_some() {}
    Written {
        tokens: generation.new_ids().to_vec(),
        is_complete: generation.finish_reason() == FinishReason::Stop,
        hypotheses: generation.hypotheses().to_vec(),
    }
}

/// The texts of a decoder.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn decoder(name: &str, device: &Device) -> Vec<Figure> {
    let golden: Value =
        serde_json::from_slice(&read_file(FOLDER, &format!("{name}.json"))).expect("the golden is JSON");
    let prompts: Vec<Vec<u32>> = list(&golden, "prompts").iter().map(ids).collect();
    let model = Golden::tiny(name).model(device).for_inference();
    compare(&golden, |row, config, ends| {
        let prompt = prompts[row].clone();
        let window = prompt.len() + config.max_new_tokens as usize;
        write(Generation::new(&model, prompt, config, ends, window, device).expect("the prompt fits"))
    })
}

/// The texts that an encoder and a decoder make of sources.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn pair(name: &str, device: &Device) -> Vec<Figure> {
    let golden = Golden::tiny(name);
    let sources = golden.sources();
    let model = golden.model(device).for_inference();
    compare(golden.generation(), |row, config, ends| {
        let source = sources[row].clone();
        let window = source.len().max(config.max_new_tokens as usize + 1);
        write(Generation::new(&model, source, config, ends, window, device).expect("the source fits"))
    })
}

/// Compares every text; `write` gets the row, the settings and the tokens that end a text.
///
/// # Panics
/// When the fixture is damaged.
#[must_use]
pub fn compare(golden: &Value, write: impl Fn(usize, &SamplingConfig, &[u32]) -> Written) -> Vec<Figure> {
    let ends = ids(&golden["eos_token_id"]);
    let max_new_tokens = golden["max_new_tokens"].as_u64().expect("the golden says how long texts are") as u32;
    let config = SamplingConfig { max_new_tokens, ..SamplingConfig::default() };
    let greedy = list(&golden["greedy"], "sequences").iter().enumerate().map(|(row, expected)| {
        let is_same = is_text(&write(row, &config, &ends), &ids(expected), &ends);
        (format!("row {row}"), f64::from(u8::from(!is_same)))
    });
    let greedy = Figure::worst("greedy texts", 0.0, greedy);
    let (mut texts, mut scores) = (Vec::new(), Vec::new());
    for case in list(golden, "beam_search") {
        let settings = &case["settings"];
        let ends = settings.get("eos_token_id").map_or_else(|| ends.clone(), ids);
        let mut config: SamplingConfig = serde_json::from_value(settings.clone()).expect("the names are the same");
        if settings.get("max_new_tokens").is_none() {
            config.max_new_tokens = max_new_tokens;
        }
        for (row, (sequences, expected)) in list(case, "sequences").iter().zip(list(case, "scores")).enumerate() {
            let written = write(row, &config, &ends);
            let sequences: Vec<Vec<u32>> = values(sequences).iter().map(ids).collect();
            let found = written.hypotheses.iter().map(|one| &one.tokens).take(sequences.len());
            let is_same = found.eq(&sequences) && is_text(&written, &sequences[0], &ends);
            let place = format!("{settings}, row {row}");
            for (one, expected) in written.hypotheses.iter().zip(values(expected)) {
                let expected = expected.as_f64().expect("a score is a number");
                scores.push((place.clone(), (f64::from(one.score) - expected) / expected.abs().max(1.0)));
            }
            texts.push((place, f64::from(u8::from(!is_same))));
        }
    }
    assert!(!texts.is_empty() && !scores.is_empty(), "the golden has texts of beams");
    vec![greedy, Figure::worst("texts of beams", 0.0, texts), Figure::worst("scores of beams", SCORE, scores)]
}

/// Whether a text is the golden's, of which the token that ended it is a part.
fn is_text(written: &Written, expected: &[u32], ends: &[u32]) -> bool {
    match expected.split_last() {
        Some((last, before)) if ends.contains(last) => written.is_complete && written.tokens == before,
        _ => !written.is_complete && written.tokens == expected,
    }
}

fn list<'a>(golden: &'a Value, field: &str) -> &'a [Value] {
    values(&golden[field])
}

fn values(list: &Value) -> &[Value] {
    list.as_array().expect("the golden has a list")
}

fn ids(list: &Value) -> Vec<u32> {
    values(list).iter().map(|id| id.as_u64().expect("an id is a whole number") as u32).collect()
}
