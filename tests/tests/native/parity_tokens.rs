//! Language models agree with PyTorch and transformers: logits 2e-5, loss 1e-5, gradients 1e-4 relative, twenty AdamW
//! losses 4e-5, and the same tokens, greedily and with beams.

use burn::tensor::Device;
use hone_tests::figure::demand;
use hone_tests::golden::{Golden, Pass, Trained};
use hone_tests::{beams, devices};

fn check_all(golden: &Golden, device: &Device) {
    golden.check_forward(device);
    golden.check_gradients(Pass::Kept, device);
    golden.check_gradients(Pass::Checkpointed, device);
    golden.check_curve(Trained::All, device);
    golden.check_greedy(device);
}

#[test]
fn gpt2_agrees_on_the_cpu() {
    check_all(&Golden::tiny("gpt2_tiny"), &devices::cpu());
}

#[test]
fn gpt_neo_agrees_on_the_cpu() {
    check_all(&Golden::tiny("gpt_neo_tiny"), &devices::cpu());
}

#[test]
fn llama_agrees_on_the_cpu() {
    check_all(&Golden::tiny("llama_tiny"), &devices::cpu());
}

#[test]
fn qwen2_agrees_on_the_cpu() {
    check_all(&Golden::tiny("qwen2_tiny"), &devices::cpu());
}

#[test]
fn qwen3_agrees_on_the_cpu() {
    check_all(&Golden::tiny("qwen3_tiny"), &devices::cpu());
}

#[test]
fn mistral_agrees_on_the_cpu() {
    check_all(&Golden::tiny("mistral_tiny"), &devices::cpu());
}

#[test]
fn sliding_windows_agree_on_the_cpu() {
    check_all(&Golden::tiny("mistral_window_tiny"), &devices::cpu());
    check_all(&Golden::tiny("qwen2_window_tiny"), &devices::cpu());
}

#[test]
fn scaled_rotary_positions_agree_on_the_cpu() {
    check_all(&Golden::tiny("llama3_rope_tiny"), &devices::cpu());
    check_all(&Golden::tiny("linear_rope_tiny"), &devices::cpu());
}

#[test]
fn granite_agrees_on_the_cpu() {
    check_all(&Golden::tiny("granite_tiny"), &devices::cpu());
}

#[test]
fn smollm3_agrees_on_the_cpu() {
    check_all(&Golden::tiny("smollm3_tiny"), &devices::cpu());
}

#[test]
fn olmo2_agrees_on_the_cpu() {
    check_all(&Golden::tiny("olmo2_tiny"), &devices::cpu());
}

#[test]
fn phi3_agrees_on_the_cpu() {
    check_all(&Golden::tiny("phi3_tiny"), &devices::cpu());
}

#[test]
fn gemma2_agrees_on_the_cpu() {
    check_all(&Golden::tiny("gemma2_tiny"), &devices::cpu());
}

#[test]
fn gemma3_agrees_on_the_cpu() {
    check_all(&Golden::tiny("gemma3_tiny"), &devices::cpu());
}

#[test]
fn peft_adapters_agree_on_the_cpu() {
    for name in ["gpt2_lora", "gpt2_dora"] {
        let golden = Golden::of(name, "gpt2_tiny");
        golden.check_forward(&devices::cpu());
        golden.check_gradients(Pass::Kept, &devices::cpu());
        golden.check_gradients(Pass::Checkpointed, &devices::cpu());
        golden.check_curve(Trained::All, &devices::cpu());
    }
    Golden::of("gpt2_rslora", "gpt2_tiny").check_forward(&devices::cpu());
    Golden::of("llama_lora", "llama_tiny").check_forward(&devices::cpu());
    Golden::of("phi3_lora", "phi3_tiny").check_forward(&devices::cpu());
    Golden::of("gemma3_lora", "gemma3_tiny").check_forward(&devices::cpu());
}

#[test]
fn packed_texts_do_not_see_each_other() {
    Golden::of("packed_gpt2", "gpt2_tiny").check_forward(&devices::cpu());
    Golden::of("packed_llama", "llama_tiny").check_forward(&devices::cpu());
}

#[test]
fn beams_find_the_texts_of_transformers_on_the_cpu() {
    for name in beams::DECODERS {
        demand(&beams::decoder(name, &devices::cpu()));
    }
}

#[test]
fn decoders_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    for name in ["gpt2_tiny", "gpt_neo_tiny", "llama_tiny", "qwen2_tiny", "qwen3_tiny", "mistral_window_tiny"] {
        eprintln!("{name}");
        check_all(&Golden::tiny(name), &device);
    }
    // What they have that the others have not: norms after, fused layers, caps; `hone-bench parity` compares all of it.
    for name in ["olmo2_tiny", "phi3_tiny", "gemma2_tiny"] {
        eprintln!("{name}");
        Golden::tiny(name).check_forward(&device);
        Golden::tiny(name).check_gradients(Pass::Kept, &device);
    }
    Golden::of("gpt2_lora", "gpt2_tiny").check_curve(Trained::All, &device);
    Golden::of("gpt2_dora", "gpt2_tiny").check_gradients(Pass::Kept, &device);
    Golden::of("gpt2_dora", "gpt2_tiny").check_curve(Trained::All, &device);
    Golden::of("packed_llama", "llama_tiny").check_forward(&device);
}
