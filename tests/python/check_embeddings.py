"""Loads an exported folder with sentence-transformers and compares its vectors with those of Hone.

In: the folder, and JSON Lines with a text and its embedding each. Out: the largest difference; exit code 1 when it is above
the tolerance.

    python3 check_embeddings.py FOLDER VECTORS.jsonl [--tolerance 1e-4]
"""

import argparse
import json
import os
import sys

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")

import torch
from sentence_transformers import SentenceTransformer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("vectors")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()

    with open(arguments.vectors, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    model = SentenceTransformer(arguments.folder, device="cpu")
    found = model.encode([row["text"] for row in rows], convert_to_tensor=True)
    expected = torch.tensor([row["embedding"] for row in rows])
    if found.shape != expected.shape:
        print(f"the vectors are {list(found.shape)}, not {list(expected.shape)}")
        return 1
    worst = (found.float() - expected).abs().max().item()
    print(f"{len(rows)} texts: vectors within {worst:.1e}, cut at {model.max_seq_length} tokens")
    return int(not worst <= arguments.tolerance)


if __name__ == "__main__":
    sys.exit(main())
