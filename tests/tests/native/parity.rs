//! Agreement with PyTorch and transformers: logits 2e-5, loss 1e-5, gradients 1e-4 relative, twenty AdamW losses 4e-5.

use hone_core::kernels::{MatmulKernel, set_matmul_kernel};
use hone_tests::devices;
use hone_tests::golden::{Golden, Pass, Trained};

#[test]
fn distilbert_agrees_on_the_cpu() {
    Golden::tiny("distilbert_cls_tiny").check_whole(&devices::cpu());
}

#[test]
fn bert_agrees_on_the_cpu() {
    Golden::tiny("bert_cls_tiny").check_whole(&devices::cpu());
}

#[test]
fn a_padding_token_within_a_text_takes_no_gradient() {
    Golden::tiny("roberta_padded_tiny").check_whole(&devices::cpu());
}

#[test]
fn roberta_agrees_on_the_cpu() {
    Golden::tiny("roberta_cls_tiny").check_whole(&devices::cpu());
}

#[test]
fn minilm_agrees_on_the_cpu() {
    let Some(golden) = Golden::minilm("minilm_cls") else { return };
    golden.check_whole(&devices::cpu());
}

#[test]
fn minilm_with_a_frozen_encoder_agrees_on_the_cpu() {
    let Some(golden) = Golden::minilm("minilm_head") else { return };
    golden.check_forward(&devices::cpu());
    golden.check_curve(Trained::Head, &devices::cpu());
}

#[test]
fn minilm_with_a_peft_adapter_agrees_on_the_cpu() {
    let Some(golden) = Golden::minilm("minilm_lora") else { return };
    golden.check_whole(&devices::cpu());
}

#[test]
fn distilbert_agrees_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    Golden::tiny("distilbert_cls_tiny").check_whole(&device);
}

#[test]
fn bert_agrees_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    Golden::tiny("bert_cls_tiny").check_whole(&device);
}

#[test]
fn roberta_agrees_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    Golden::tiny("roberta_cls_tiny").check_whole(&device);
}

#[test]
fn minilm_agrees_on_wgpu() {
    let (Some(device), Some(golden)) = (devices::wgpu(), Golden::minilm("minilm_cls")) else { return };
    // Other tests of this process may meet either kernel: both are right.
    for kernel in [MatmulKernel::Hone, MatmulKernel::Burn] {
        set_matmul_kernel(kernel);
        golden.check_forward(&device);
        golden.check_gradients(Pass::Kept, &device);
    }
}
