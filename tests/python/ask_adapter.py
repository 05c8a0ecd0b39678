"""Asks a model with an adapter through PEFT's own wrapper, as the code of a card does: `model(**inputs)`, not the model inside.

In: the folders of the base and of an adapter for question answering, and JSON with the inputs of each row,
`[{"input_ids": [2, 3], "token_type_ids": [0, 1]}, ..]`. Out: JSON with the scores of each row, `[[start, end], ..]` a token; exit
code 1 when a weight of the adapter is not in the model.

    python3 ask_adapter.py BASE ADAPTER INPUTS.json SCORES.json
"""

import json
import os
import sys
import warnings

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")

import torch
from peft import PeftModel
from transformers import AutoModelForQuestionAnswering


def main() -> int:
    base, adapter, inputs, out = sys.argv[1:]
    model = AutoModelForQuestionAnswering.from_pretrained(base, local_files_only=True, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing adapter keys.*")
        model = PeftModel.from_pretrained(model, adapter).eval()
    with open(inputs, encoding="utf-8") as file:
        rows = json.load(file)
    scores = []
    for row in rows:
        row = {name: torch.tensor([ids]) for name, ids in row.items()}
        with torch.no_grad():
            outputs = model(attention_mask=torch.ones_like(row["input_ids"]), **row)
        scores.append(torch.stack([outputs.start_logits[0], outputs.end_logits[0]], dim=-1).tolist())
    with open(out, "w", encoding="utf-8") as file:
        json.dump(scores, file)
    print(f"{type(model).__name__}: {len(scores)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
