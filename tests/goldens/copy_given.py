#!/usr/bin/env python3
"""Copies the given goldens of T5 and ViT, made by make_golden.py, in the form of the other fixtures.

    python3 copy_given.py GOLDENS    GOLDENS: the folder that holds t5_tiny and vit_tiny of make_golden.py

Out: tests/fixtures/t5_given and vit_given. (The fixtures t5_tiny and vit_tiny are others: those of make_seq2seq.py and
make_images.py.) Weights, inputs, logits, losses and gradients are the given ones to the bit. Changed is what they are called:

t5_given    gets in.decoder_input_ids and train.decoder_input_ids, which make_golden.py left to transformers: the labels
            shifted right, 0 first, and 0 for -100. Its greedy text is not to be compared: it is the padding token, 20 times
vit_given   gradients (and what meta.json calls parameters) have the names of model.safetensors; transformers 5, which has
            them otherwise in memory, writes those

Left out to keep the repository small: `logits_after_20` and states, which no test reads. `left_out` in meta.json says so.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
GIVEN = {
    "t5_tiny": ("t5_given", ["logits_after_20", "encoder_last_hidden_state"]),
    "vit_tiny": ("vit_given", ["logits_after_20", "last_hidden_state"]),
}
FILES = ["config.json", "config_transformers5.json", "model.safetensors"]
IGNORED, START, PAD = -100, 0, 0

# Of a layer of ViT: its name in memory, and in files.
NAMES_OF_LAYERS = {
    "attention.q_proj": "attention.attention.query",
    "attention.k_proj": "attention.attention.key",
    "attention.v_proj": "attention.attention.value",
    "attention.o_proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def in_files(name):
    """A parameter of ViT as model.safetensors calls it; other names stay."""
    prefix = "vit.layers."
    before, found, rest = name.partition(prefix)
    if not found or before not in ("", "grad."):
        return name
    layer, _, parameter = rest.partition(".")
    module, _, kind = parameter.rpartition(".")
    return f"{before}vit.encoder.layer.{layer}.{NAMES_OF_LAYERS.get(module, module)}.{kind}"


def renamed(value):
    """The same in meta.json: in lists and as keys."""
    if isinstance(value, dict):
        return {in_files(key): renamed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner) for inner in value]
    return in_files(value) if isinstance(value, str) else value


def shifted_right(labels):
    """What the decoder of T5 reads where only labels are given."""
    ids = labels.roll(1, dims=-1)
    ids[..., 0] = START
    return ids.masked_fill(ids == IGNORED, PAD)


def copy(goldens, given, name, left_out):
    source, folder = Path(goldens) / given, FIXTURES / name
    folder.mkdir(exist_ok=True)
    for file in FILES:
        shutil.copyfile(source / file, folder / file)
    tensors = load_file(source / "fixture.safetensors")
    tensors = {in_files(key): value for key, value in tensors.items() if key not in left_out}
    for part in ("in", "train"):
        if f"{part}.input_ids" in tensors:
            tensors[f"{part}.decoder_input_ids"] = shifted_right(tensors[f"{part}.labels"])
    weights = load_file(folder / "model.safetensors").keys()
    strange = sorted(key for key in tensors if key.startswith("grad.") and key.removeprefix("grad.") not in weights)
    assert not strange, f"{name}: gradients of no weight: {strange}"
    save_file(tensors, folder / "fixture.safetensors")

    meta = renamed(json.loads((source / "meta.json").read_text()))
    kinds = {torch.int64: "int64", torch.float32: "float32"}
    meta["tensors"] = {key: [kinds[value.dtype], list(value.shape)] for key, value in tensors.items()}
    meta |= dict(name=name, given=given, left_out=left_out)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    print(name, {file.name: file.stat().st_size for file in sorted(folder.iterdir())})


def main(arguments):
    if len(arguments) != 1:
        sys.exit("name the folder that holds t5_tiny and vit_tiny of make_golden.py")
    for given, (name, left_out) in GIVEN.items():
        copy(arguments[0], given, name, left_out)


if __name__ == "__main__":
    main(sys.argv[1:])
