//! Heads of encoders for tags, answers, numbers, several labels, masked words and embeddings agree with PyTorch and transformers, and
//! adapters with PEFT: logits 2e-5, loss 1e-5, gradients 1e-4 relative, twenty AdamW losses 4e-5, of all weights, of the
//! head alone and of the last layer.

use burn::tensor::Device;
use hone_tests::devices;
use hone_tests::golden::{Golden, Trained};

fn check_all(name: &str, device: &Device) {
    eprintln!("{name}");
    Golden::tiny(name).check_whole_and_parts(device);
}

#[test]
fn token_classification_agrees_on_the_cpu() {
    for name in ["bert_ner_tiny", "distilbert_ner_tiny", "roberta_ner_tiny"] {
        check_all(name, &devices::cpu());
    }
}

#[test]
fn question_answering_agrees_on_the_cpu() {
    for name in ["bert_qa_tiny", "distilbert_qa_tiny", "roberta_qa_tiny"] {
        check_all(name, &devices::cpu());
    }
}

#[test]
fn pairs_of_texts_agree_on_the_cpu() {
    for name in ["bert_pair_tiny", "roberta_pair_tiny"] {
        check_all(name, &devices::cpu());
    }
}

#[test]
fn regression_agrees_on_the_cpu() {
    for name in ["bert_regression_tiny", "distilbert_regression_tiny"] {
        check_all(name, &devices::cpu());
    }
}

#[test]
fn several_labels_agree_on_the_cpu() {
    for name in ["bert_multi_label_tiny", "roberta_multi_label_tiny"] {
        check_all(name, &devices::cpu());
    }
}

#[test]
fn masked_language_models_agree_on_the_cpu() {
    for name in ["bert_mlm_tiny", "distilbert_mlm_tiny", "roberta_mlm_tiny"] {
        check_all(name, &devices::cpu());
    }
}

#[test]
fn embeddings_agree_on_the_cpu() {
    let golden = Golden::tiny("bert_embedding_tiny");
    golden.check_whole(&devices::cpu());
    golden.check_curve(Trained::LastLayer, &devices::cpu());
}

#[test]
fn peft_adapters_of_heads_agree_on_the_cpu() {
    for (name, model) in [
        ("bert_ner_lora", "bert_ner_tiny"),
        ("roberta_ner_dora", "roberta_ner_tiny"),
        ("bert_qa_lora", "bert_qa_tiny"),
        ("bert_mlm_lora", "bert_mlm_tiny"),
    ] {
        eprintln!("{name}");
        Golden::of(name, model).check_whole(&devices::cpu());
    }
}

#[test]
fn heads_agree_on_wgpu() {
    let Some(device) = devices::wgpu() else { return };
    for name in ["bert_ner_tiny", "distilbert_qa_tiny", "roberta_multi_label_tiny", "bert_mlm_tiny"] {
        eprintln!("{name}");
        Golden::tiny(name).check_whole(&device);
    }
}
