//! Language models agree with PyTorch and transformers: logits 2e-5, loss 1e-5, gradients 1e-4 relative, twenty AdamW
//! losses 4e-5, and the same greedy tokens.

use burn::tensor::Device;
use hone_tests::devices;
use hone_tests::golden_tokens::{Pass, TokenGolden};

fn check_all(golden: &TokenGolden, device: &Device) {
    golden.check_forward(device);
    golden.check_gradients(Pass::Kept, device);
    golden.check_gradients(Pass::Checkpointed, device);
    golden.check_curve(device);
    golden.check_greedy(device);
}

#[test]
fn gpt2_agrees_on_the_cpu() {
    check_all(&TokenGolden::tiny("gpt2_tiny"), &devices::cpu());
}

#[test]
fn gpt_neo_agrees_on_the_cpu() {
    check_all(&TokenGolden::tiny("gpt_neo_tiny"), &devices::cpu());
}

#[test]
fn llama_agrees_on_the_cpu() {
    check_all(&TokenGolden::tiny("llama_tiny"), &devices::cpu());
}

#[test]
fn qwen2_agrees_on_the_cpu() {
    check_all(&TokenGolden::tiny("qwen2_tiny"), &devices::cpu());
}

#[test]
fn qwen3_agrees_on_the_cpu() {
    check_all(&TokenGolden::tiny("qwen3_tiny"), &devices::cpu());
}

#[test]
fn mistral_agrees_on_the_cpu() {
    check_all(&TokenGolden::tiny("mistral_tiny"), &devices::cpu());
}

#[test]
fn sliding_windows_agree_on_the_cpu() {
    check_all(&TokenGolden::tiny("mistral_window_tiny"), &devices::cpu());
    check_all(&TokenGolden::tiny("qwen2_window_tiny"), &devices::cpu());
}

#[test]
fn scaled_rotary_positions_agree_on_the_cpu() {
    check_all(&TokenGolden::tiny("llama3_rope_tiny"), &devices::cpu());
    check_all(&TokenGolden::tiny("linear_rope_tiny"), &devices::cpu());
}

#[test]
fn peft_adapters_agree_on_the_cpu() {
    for name in ["gpt2_lora", "gpt2_dora"] {
        let golden = TokenGolden::of(name, "gpt2_tiny");
        golden.check_forward(&devices::cpu());
        golden.check_gradients(Pass::Kept, &devices::cpu());
        golden.check_gradients(Pass::Checkpointed, &devices::cpu());
        golden.check_curve(&devices::cpu());
    }
    TokenGolden::of("gpt2_rslora", "gpt2_tiny").check_forward(&devices::cpu());
    TokenGolden::of("llama_lora", "llama_tiny").check_forward(&devices::cpu());
}

#[test]
fn packed_texts_do_not_see_each_other() {
    TokenGolden::of("packed_gpt2", "gpt2_tiny").check_forward(&devices::cpu());
    TokenGolden::of("packed_llama", "llama_tiny").check_forward(&devices::cpu());
}

#[test]
fn decoders_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    for name in ["gpt2_tiny", "gpt_neo_tiny", "llama_tiny", "qwen2_tiny", "qwen3_tiny", "mistral_window_tiny"] {
        eprintln!("{name}");
        check_all(&TokenGolden::tiny(name), &device);
    }
    TokenGolden::of("gpt2_lora", "gpt2_tiny").check_curve(&device);
    TokenGolden::of("gpt2_dora", "gpt2_tiny").check_gradients(Pass::Kept, &device);
    TokenGolden::of("gpt2_dora", "gpt2_tiny").check_curve(&device);
    TokenGolden::of("packed_llama", "llama_tiny").check_forward(&device);
}
