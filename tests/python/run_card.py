"""Runs the Python code of an exported folder's card (README.md) in that folder, as it stands.

In: the folder, and for an adapter on a local base the base's folder, which goes where the code says `path/to/...`. Out: the
shape of the logits of one text, or of the vectors of texts; exit code 1 when the code fails, or a weight of the adapter is not in the model.

    python3 run_card.py FOLDER [BASE]
"""

import os
import re
import sys
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")

import torch


def main() -> int:
    folder, base = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    card = (folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    if len(blocks) != 1:
        print(f"the card has {len(blocks)} blocks of code")
        return 1
    code = blocks[0]
    if base is not None:
        code, count = re.subn(r'"path/to/[^"]*"', lambda _: repr(os.path.abspath(base)), code)
        if count != 1:
            print(f"the code names {count} paths to fill in:\n{code}")
            return 1
    os.chdir(folder)
    names = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing adapter keys.*")
        exec(compile(code, "README.md", "exec"), names)
    if "embeddings" in names:
        embeddings = torch.as_tensor(names["embeddings"])
        lengths = embeddings.float().norm(dim=1)
        if not torch.allclose(lengths, torch.ones_like(lengths), atol=1e-3):
            print(f"the vectors are of length {lengths.tolist()}")
            return 1
        print(f"ran: vectors {list(embeddings.shape)}")
        return 0
    if "pipe" in names:
        print("ran: a pipeline")
        return 0
    model, tokenizer = names["model"].eval(), names["tokenizer"]
    inputs = tokenizer("a text", return_tensors="pt")
    if getattr(model.config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = torch.tensor([[model.config.decoder_start_token_id]])
    with torch.no_grad():
        logits = model(**inputs).logits
        if not torch.isfinite(logits).all():
            print("the logits are no numbers")
            return 1
        if hasattr(model, "disable_adapter"):
            with model.disable_adapter():
                plain = model(**inputs).logits
            if torch.equal(logits, plain):
                print("the adapter has no effect")
                return 1
    print(f"ran: logits {list(logits.shape)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
