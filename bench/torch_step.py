"""The native bench's step in PyTorch: a model with fused AdamW and clipping, on the CPU or a GPU.

In: a shape of shapes.json and how many steps. Out: one JSON object on standard output, the same as hone-bench's. Models are
transformers' (with PEFT's adapters for LoRA), or where those are absent torch_models.py's, which compute the same. Rows are
full, and no attention mask is given: that is PyTorch's fastest way. f32 is without TF32. bf16 is `torch.autocast` with what
is frozen held in bf16, as Hone's. With `--serve` settings come as JSON objects, one a line, and so do the answers: importing
PyTorch takes seconds.
"""

import argparse
import contextlib
import gc
import importlib.util
import json
import pathlib
import statistics
import sys
import time
import traceback

import torch

import torch_models


def batches(shape, count, generator):
    """`count` random batches of full rows, or of images of noise."""
    size = (shape["batch"], shape["seq"])
    if shape["config"]["model_type"] == "vit":
        side = shape["config"]["image_size"]
        for _ in range(count):
            pixels = torch.rand((shape["batch"], shape["config"]["num_channels"], side, side), generator=generator) * 2 - 1
            labels = torch.randint(0, shape["num_labels"], size[:1], generator=generator)
            yield {"pixel_values": pixels, "labels": labels}
        return
    vocab = shape["config"]["vocab_size"]
    for _ in range(count):
        ids = torch.randint(min(999, vocab // 2), vocab, size, generator=generator)
        if shape["config"]["model_type"] == "t5":
            targets = (shape["batch"], shape["target_seq"])
            yield {"input_ids": ids, "labels": torch.randint(min(999, vocab // 2), vocab, targets, generator=generator)}
            continue
        if is_decoder(shape):
            yield {"input_ids": ids, "labels": ids}
            continue
        labels = torch.randint(0, shape["num_labels"], size[:1], generator=generator)
        yield {"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "labels": labels}


def is_decoder(shape):
    """Whether the shape is of a model that writes."""
    return shape["config"]["model_type"] not in ("bert", "vit")


def is_installed(*names):
    """Whether all of these can be imported."""
    return all(importlib.util.find_spec(name) for name in names)


def transformers_model(shape, method):
    """transformers' model with random weights; with PEFT's adapters where the method is LoRA."""
    import transformers

    kinds = {
        "bert": (transformers.BertConfig, transformers.BertForSequenceClassification),
        "gpt2": (transformers.GPT2Config, transformers.GPT2LMHeadModel),
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
        "t5": (transformers.T5Config, transformers.T5ForConditionalGeneration),
        "vit": (transformers.ViTConfig, transformers.ViTForImageClassification),
    }
    kind = shape["config"]["model_type"]
    config, model = kinds[kind]
    config = config(**shape["config"], **({} if is_decoder(shape) else {"num_labels": shape["num_labels"]}))
    if not is_decoder(shape):
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = shape["dropout"]
    model = model(config)
    if method == "lora":
        import peft

        # Hone trains a classifier's whole head beside the adapters.
        writing = {"task_type": "SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM"}
        task = writing if is_decoder(shape) else {"modules_to_save": ["pooler", "classifier"]}
        lora = {"r": torch_models.LORA["r"], "lora_alpha": torch_models.LORA["alpha"], "lora_dropout": shape["dropout"]}
        model = peft.get_peft_model(model, peft.LoraConfig(**task, **lora, fan_in_fan_out=kind == "gpt2"))
    if method == "head":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("classifier" in name or "pooler" in name)
    return model.train()


def build(shape, method, kind, device, dtype):
    """A model, and an optimizer with the groups of transformers' Trainer."""
    torch.manual_seed(0)
    model = transformers_model(shape, method) if kind == "transformers" else torch_models.build(shape, method)
    model = model.to(device)
    if dtype == "bf16":
        for parameter in model.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()

    def is_plain(name):
        return "bias" in name or "norm" in name.lower() or ".ln_" in name

    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in trained if is_plain(n)]
    decayed = [p for n, p in trained if not is_plain(n)]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    return model, torch.optim.AdamW([group for group in groups if group["params"]], lr=5e-5, fused=True)


def measure(options):
    """Times a first step and windows of steps."""
    shapes = json.loads((pathlib.Path(__file__).parent / "shapes.json").read_text())
    shape = shapes[options.shape]
    device = torch.device(options.device)
    on_gpu = device.type == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    kind = options.models
    if kind == "auto":
        needed = ("transformers", "peft") if options.method == "lora" else ("transformers",)
        kind = "transformers" if is_installed(*needed) else "plain"
    generator = torch.Generator().manual_seed(0)
    rows = [{name: ids.to(device) for name, ids in row.items()} for row in batches(shape, 8, generator)]

    def elapsed_ms(since):
        return (time.perf_counter() - since) * 1000

    def wait():
        if on_gpu:
            torch.cuda.synchronize()

    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    model, optimizer = build(shape, options.method, kind, device, options.dtype)
    wait()
    open_ms = elapsed_ms(start)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    run = torch.compile(model) if options.compile else model
    half = options.dtype == "bf16"
    taken = 0

    def step():
        nonlocal taken
        with torch.autocast(device.type, torch.bfloat16) if half else contextlib.nullcontext():
            found = run(**rows[taken % len(rows)])
        loss = found[0] if isinstance(found, tuple) else found.loss
        loss.backward()
        if shape["max_grad_norm"] > 0:
            torch.nn.utils.clip_grad_norm_(parameters, shape["max_grad_norm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        taken += 1
        return loss.detach()

    def steps(count):
        """Queues steps; their losses are read at the end, as Hone reads them."""
        found = [step() for _ in range(count)]
        return torch.stack(found).float().tolist() if found else []

    start = time.perf_counter()
    losses = steps(1)
    wait()
    first_step_ms = elapsed_ms(start)
    losses += steps(options.warmup - 1)
    step_ms = []
    for _ in range(options.windows):
        wait()
        start = time.perf_counter()
        losses += steps(options.every)
        wait()
        step_ms.append(elapsed_ms(start) / options.every)
    report = {"open_ms": open_ms, "first_step_ms": first_step_ms, "step_ms": step_ms, "losses": losses}
    if step_ms:
        middle = statistics.median(step_ms)
        report["rows_per_sec"] = shape["batch"] * 1000 / middle
        report["tokens_per_sec"] = report["rows_per_sec"] * (shape["seq"] + shape.get("target_seq", 0))
    if on_gpu:
        report["gpu_in_use_peak"] = torch.cuda.max_memory_allocated()
        report["gpu_reserved_peak"] = torch.cuda.max_memory_reserved()
    where = torch.cuda.get_device_name(device) if on_gpu else f"{torch.get_num_threads()} threads"
    how = f"{kind} models, {'compiled' if options.compile else 'eager'}, {options.dtype}"
    return {"device": f"PyTorch {torch.__version__}, {where}, {how}", "shape": options.shape, "report": report}


def parse(arguments=None):
    """Settings from the command line, or the usual ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="minilm")
    parser.add_argument("--method", choices=["full", "lora", "head"], default="full")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    parser.add_argument("--models", choices=["auto", "transformers", "plain"], default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--serve", action="store_true", help="take settings from standard input")
    return parser.parse_args(arguments)


def serve():
    """Answers each line of settings with a line; what goes wrong is an answer too."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        options = parse([])
        vars(options).update(json.loads(line))
        try:
            answer = measure(options)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {str(error).strip()[:400]}"}
        print(json.dumps(answer), file=answers, flush=True)
        if options.compile:
            torch._dynamo.reset()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def main():
    """Measures once, or serves."""
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.serve:
        serve()
    else:
        print(json.dumps(measure(options)))


main()
