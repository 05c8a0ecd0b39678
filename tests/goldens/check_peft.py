"""Loads a model that Hone wrote with transformers, and its adapter with PEFT, and compares the logits.

In: a model's folder (the base of an adapter, or a merged model), perhaps an adapter's folder, and rows of input_ids as
JSON: `[[5, 6], [7]]`, or an object with `input_ids` (and `attention_mask`, which must then be 1 up to each row's end).
Rows are run one by one, without padding. Out: the logits, or how far they are from those of Hone; exit code 1 when
that is above the tolerance, or when a tensor is missing, left over, or of another shape.

    python3 check_peft.py MODEL [ADAPTER] --inputs ROWS.json --out LOGITS.safetensors
    python3 check_peft.py MODEL [ADAPTER] --inputs ROWS.json --expect LOGITS.safetensors [--tolerance 1e-4]

LOGITS holds `logits`, `[rows, longest row, vocab]` in f32; what lies behind a row's end is not compared.
A name that ends in .json is read and written as JSON with the same key.
"""

import argparse
import json
import os
import sys
import warnings

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM


class Refused(Exception):
    """What Hone wrote is not what transformers and PEFT expect."""


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    if isinstance(given, list):
        return given
    rows = given["input_ids"]
    for index, mask in enumerate(given.get("attention_mask", [])):
        length = sum(mask)
        if mask != [1] * length + [0] * (len(mask) - length):
            raise Refused(f"row {index}: only padding on the right is understood")
        rows[index] = rows[index][:length]
    return rows


def load(folder, adapter):
    model, loading = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if loading.get(kind):
            raise Refused(f"{kind}: {sorted(map(str, loading[kind]))}")
    model.eval()
    if adapter is None:
        return model
    from peft import PeftModel, get_peft_model_state_dict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keys are compared below
        model = PeftModel.from_pretrained(model, adapter).eval()
        expected = {key: list(value.shape) for key, value in get_peft_model_state_dict(model).items()}
    with safe_open(os.path.join(adapter, "adapter_model.safetensors"), "pt") as file:
        found = {key: file.get_slice(key).get_shape() for key in file.keys()}
    if found != expected:
        differ = sorted(key for key in found | expected if found.get(key) != expected.get(key))
        raise Refused(f"adapter_model.safetensors and PEFT's tensors differ in {differ}")
    return model


def run(model, rows):
    with torch.no_grad():
        logits = [model(input_ids=torch.tensor([row]), use_cache=False).logits[0].float() for row in rows]
    return torch.nn.utils.rnn.pad_sequence(logits, batch_first=True)


def read_logits(path):
    if not path.endswith(".json"):
        return load_file(path)["logits"].float()
    with open(path, encoding="utf-8") as file:
        return torch.tensor(json.load(file)["logits"])


def write_logits(path, logits):
    if not path.endswith(".json"):
        save_file({"logits": logits.contiguous()}, path)
        return
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"logits": logits.tolist()}, file)


def worst_difference(found, expected, rows):
    same = found.dim() == expected.dim() and found.shape[::2] == expected.shape[::2]
    if not same or found.shape[1] > expected.shape[1]:  # more padding is no difference
        raise Refused(f"logits are {list(found.shape)}, those compared with {list(expected.shape)}")
    differences = [(found[i, : len(row)] - expected[i, : len(row)]).abs().max() for i, row in enumerate(rows)]
    return torch.stack(differences).max().item()  # unlike Python's max, keeps a NaN


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("adapter", nargs="?")
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out")
    what.add_argument("--expect")
    arguments = parser.parse_args()
    try:
        rows = read_rows(arguments.inputs)
        model = load(arguments.model, arguments.adapter)
        logits = run(model, rows)
        said = f"{len(rows)} rows"
        if arguments.adapter:
            with model.disable_adapter():
                said += f", adapter changes logits by {worst_difference(logits, run(model, rows), rows):.1e}"
        if arguments.out:
            write_logits(arguments.out, logits)
            print(said)
            return 0
        worst = worst_difference(logits, read_logits(arguments.expect), rows)
    except Refused as refused:
        print(refused)
        return 1
    print(f"{said}: logits within {worst:.1e}")
    return int(not worst <= arguments.tolerance)  # NaN fails as well


if __name__ == "__main__":
    sys.exit(main())
