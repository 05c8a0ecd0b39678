//! Text to text agrees with PyTorch and transformers, by the tolerances of `parity_tokens`: T5 1.0 (ReLU, tied), T5 1.1
//! (gated, untied), with adapters and with label smoothing.

use burn::tensor::Device;
use hone_tests::figure::demand;
use hone_tests::golden::{Golden, Pass, Trained};
use hone_tests::{beams, devices};

fn check_all(golden: &Golden, device: &Device) {
    golden.check_forward(device);
    golden.check_gradients(Pass::Kept, device);
    golden.check_gradients(Pass::Checkpointed, device);
    golden.check_curve(Trained::All, device);
    golden.check_smoothing(device);
}

#[test]
fn t5_agrees_on_the_cpu() {
    check_all(&Golden::tiny("t5_tiny"), &devices::cpu());
    check_all(&Golden::tiny("t5_gated_tiny"), &devices::cpu());
}

/// The golden that the project was given, whose batches, weights and sizes are others (`copy_given.py`). It has no label smoothing, and
/// its greedy text is padding alone.
#[test]
fn the_given_t5_agrees_on_the_cpu() {
    let golden = Golden::tiny("t5_given");
    golden.check_whole(&devices::cpu());
    golden.check_gradients(Pass::Checkpointed, &devices::cpu());
}

/// transformers' `MT5ForConditionalGeneration` gives the golden's logits with its weights (`make_seq2seq.py`, `check_mt5`).
#[test]
fn mt5_agrees_on_the_cpu() {
    check_all(&Golden::renamed("t5_gated_tiny", "mt5", "MT5ForConditionalGeneration"), &devices::cpu());
}

#[test]
fn adapters_of_t5_agree_on_the_cpu() {
    for name in ["t5_lora", "t5_dora"] {
        check_all(&Golden::of(name, "t5_tiny"), &devices::cpu());
    }
}

#[test]
fn t5_writes_the_texts_of_transformers_on_the_cpu() {
    for name in ["t5_tiny", "t5_gated_tiny"] {
        demand(&beams::pair(name, &devices::cpu()));
    }
}

#[test]
fn t5_agrees_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    Golden::tiny("t5_gated_tiny").check_whole(&device);
    Golden::of("t5_lora", "t5_tiny").check_curve(Trained::All, &device);
}
