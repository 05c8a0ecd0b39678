"""The native bench's step in PyTorch: transformers' model (with PEFT's adapters for LoRA), fused AdamW, clipping, on the CPU.

In: a shape of shapes.json and how many steps. Out: one JSON object on standard output, the same as hone-bench's. Rows are
full, and no attention mask is given: that is PyTorch's fastest way.
"""

import argparse
import json
import pathlib
import time

import torch
import transformers


def batches(shape, count, generator):
    """`count` random batches of full rows."""
    size = (shape["batch"], shape["seq"])
    vocab = shape["config"]["vocab_size"]
    for _ in range(count):
        ids = torch.randint(min(999, vocab // 2), vocab, size, generator=generator)
        if is_decoder(shape):
            yield {"input_ids": ids, "labels": ids}
            continue
        labels = torch.randint(0, shape["num_labels"], size[:1], generator=generator)
        yield {"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "labels": labels}


def is_decoder(shape):
    """Whether the shape is of a language model."""
    return shape["config"]["model_type"] == "gpt2"


def build_model(shape, method):
    """A model with random weights; with PEFT's adapters where the method is LoRA."""
    if is_decoder(shape):
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape["config"]))
        if method == "lora":
            import peft

            lora = peft.LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, lora_dropout=0.0, fan_in_fan_out=True)
            model = peft.get_peft_model(model, lora)
        return model.train()
    config = transformers.BertConfig(**shape["config"], num_labels=shape["num_labels"])
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = shape["dropout"]
    return transformers.BertForSequenceClassification(config).train()


def build(shape, method):
    """A model, and an optimizer with the groups of transformers' Trainer."""
    torch.manual_seed(0)
    model = build_model(shape, method)

    def is_plain(name):
        return name.endswith(".bias") or "LayerNorm" in name or ".ln_" in name

    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in trained if is_plain(n)]
    decayed = [p for n, p in trained if not is_plain(n)]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    return model, torch.optim.AdamW(groups, lr=5e-5, fused=True)


def main():
    """Times a first step and windows of steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="minilm")
    parser.add_argument("--method", choices=["full", "lora"], default="full")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--windows", type=int, default=4)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    shapes = json.loads((pathlib.Path(__file__).parent / "shapes.json").read_text())
    shape = shapes[options.shape]
    generator = torch.Generator().manual_seed(0)
    rows = list(batches(shape, 8, generator))

    def elapsed_ms(since):
        return (time.perf_counter() - since) * 1000

    start = time.perf_counter()
    model, optimizer = build(shape, options.method)
    open_ms = elapsed_ms(start)
    taken = 0

    def step():
        nonlocal taken
        loss = model(**rows[taken % len(rows)]).loss
        loss.backward()
        if shape["max_grad_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), shape["max_grad_norm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        taken += 1
        return loss.item()

    start = time.perf_counter()
    losses = [step()]
    first_step_ms = elapsed_ms(start)
    losses += [step() for _ in range(1, options.warmup)]
    step_ms = []
    for _ in range(options.windows):
        start = time.perf_counter()
        losses += [step() for _ in range(options.every)]
        step_ms.append(elapsed_ms(start) / options.every)
    report = {"open_ms": open_ms, "first_step_ms": first_step_ms, "step_ms": step_ms, "losses": losses}
    device = f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"
    print(json.dumps({"device": device, "shape": options.shape, "report": report}))


main()
