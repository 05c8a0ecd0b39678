"""Loads an exported folder of a model that turns a text into another with transformers, or its adapter with PEFT, and compares
what it writes with what Hone wrote: the likeliest token each time, and with four beams.

In: the folder (an adapter's with --base), and JSON: `max_new_tokens`, and `rows`, each with `source` (prefix and all), `greedy`
and `beams`. Out: how many texts are the same; exit code 1 when one differs, or a tensor is missing or left over.

    python3 check_writing.py FOLDER EXPECTED.json [--base MODEL]
"""

import argparse
import json
import os
import sys

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

KINDS = {"greedy": 1, "beams": 4}


def load(folder):
    model, loading = AutoModelForSeq2SeqLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if loading.get(kind):
            sys.exit(f"{folder}: {kind}: {sorted(map(str, loading[kind]))}")
    return model


def load_adapter(base, folder):
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    model = PeftModel.from_pretrained(load(base), folder)
    with safe_open(f"{folder}/adapter_model.safetensors", "pt") as file:
        found, expected = set(file.keys()), set(get_peft_model_state_dict(model))
    if found != expected:
        sys.exit(f"the adapter's keys and PEFT's differ in {sorted(found ^ expected)}")
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("expected")
    parser.add_argument("--base", help="the model that the adapter in FOLDER is for")
    arguments = parser.parse_args()
    with open(arguments.expected, encoding="utf-8") as file:
        expected = json.load(file)
    tokenizer = AutoTokenizer.from_pretrained(arguments.folder, local_files_only=True)
    model = load_adapter(arguments.base, arguments.folder) if arguments.base else load(arguments.folder)
    model.eval()

    differing = 0
    for row in expected["rows"]:
        inputs = tokenizer(row["source"], return_tensors="pt")
        for kind, num_beams in KINDS.items():
            settings = {"num_beams": num_beams, "do_sample": False, "max_new_tokens": expected["max_new_tokens"]}
            with torch.no_grad():
                outputs = model.generate(**inputs, **settings)
            text = tokenizer.decode(outputs[0], skip_special_tokens=True)
            if text != row[kind]:
                print(f"{row['source']!r}, {kind}: {text!r}, Hone wrote {row[kind]!r}")
                differing += 1
    print(f"{len(expected['rows'])} sources, greedy and with beams: {differing} texts differ")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
