#!/usr/bin/env python3
"""Adapters as PEFT saves them, with the ways in which its settings choose modules and ranks, and what PEFT makes of them.

    python3 make_adapters.py

In: the base models tests/fixtures/field/{llama,encoder} and tests/fixtures/tiny_decoder. Out, in
tests/fixtures/field/adapter_<name>: the adapter, whose weights are random, and expected.json: the mean loss over the
completions of rows.jsonl (language models), or the probabilities of texts (classifiers).
"""

import json
import os
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
warnings.simplefilter("ignore")

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
FIELD = FIXTURES / "field"
TEXTS = ["the courier was late", "great bread and good soup", "password reset please", "snow and rain, no sun"]

CASES = {
    "layers": ("field/llama", dict(
        r=4, lora_alpha=6, target_modules=["q_proj", "down_proj"], layers_to_transform=[1], layers_pattern="layers",
        rank_pattern={"q_proj": 2}, alpha_pattern={r"layers\.1\.mlp\..*": 3},
    )),
    "saved": ("field/llama", dict(
        r=4, lora_alpha=6, target_modules=["v_proj"], modules_to_save=["embed_tokens", "lm_head", "norm"], use_rslora=True,
    )),
    "biases": ("tiny_decoder", dict(r=2, lora_alpha=4, target_modules="all-linear", bias="all")),
    "encoder": ("field/encoder", dict(
        r=4, lora_alpha=8, target_modules="all-linear", rank_pattern={"query": 2, r"layer\.1\.output\..*": 3},
        alpha_pattern={"pooler.dense": 2, "value": 1}, use_dora=True,
    )),
}  # fmt: skip


def adapted(base, settings, is_classifier):
    if is_classifier:
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
        model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", **settings))
    else:
        model = AutoModelForCausalLM.from_pretrained(base)
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and "magnitude" not in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


@torch.no_grad()
def mean_loss(model, tokenizer):
    total, count = 0.0, 0
    for line in (FIELD / "rows.jsonl").read_text().splitlines():
        row = json.loads(line)
        encode = lambda text: tokenizer(text, add_special_tokens=False).input_ids
        whole, start = encode(row["prompt"] + row["completion"]), len(encode(row["prompt"]))
        ids = torch.tensor([whole + [model.config.eos_token_id]])
        logits = model(ids).logits[0].float().log_softmax(-1)
        for at in range(start, ids.shape[1]):
            total, count = total - logits[at - 1, ids[0, at]].item(), count + 1
    return {"loss": total / count, "num_tokens": count}


@torch.no_grad()
def probabilities(model, tokenizer):
    rows = [model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0].tolist() for text in TEXTS]
    return {"texts": TEXTS, "probabilities": rows}


def main():
    for seed, (name, (base, settings)) in enumerate(CASES.items()):
        torch.manual_seed(seed)
        base, folder, is_classifier = FIXTURES / base, FIELD / f"adapter_{name}", name == "encoder"
        adapted(base, settings, is_classifier).save_pretrained(folder)
        (folder / "README.md").unlink()
        config = json.loads((folder / "adapter_config.json").read_text())
        # Sets are written in another order each time, and the base's path is this machine's.
        config.update(base_model_name_or_path=base.name)
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
        path = folder / "adapter_model.safetensors"
        if name == "saved":  # half precision, and the adapter's name in the keys, as older versions and raw states have it
            tensors = {key: value.to(torch.bfloat16) for key, value in load_file(path).items()}
            save_file(tensors, path, metadata={"format": "pt"})
        kind = AutoModelForSequenceClassification if is_classifier else AutoModelForCausalLM
        model = kind.from_pretrained(base, **(dict(num_labels=3) if is_classifier else {}))
        model = PeftModel.from_pretrained(model, folder).eval()
        tokenizer = AutoTokenizer.from_pretrained(base)
        expected = (probabilities if is_classifier else mean_loss)(model, tokenizer)
        (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        if name == "saved":
            named = {key.replace("lora_A.", "lora_A.default.").replace("lora_B.", "lora_B.default."): value
                     for key, value in load_file(path).items()}  # fmt: skip
            save_file(named, path, metadata={"format": "pt"})
        print(name, expected if not is_classifier else expected["probabilities"][0], sorted(load_file(path))[:3])


main()
