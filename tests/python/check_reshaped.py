"""Loads a folder whose model was changed (other layers, new tokens) with transformers, and compares ids and outputs with those of Hone.

In: the folder, with `expected.json` beside the model's files: a list of {text, ids, logits}; the logits of a bare model are its token
states, averaged and normalised.
Out: the largest difference; exit code 1 when it is above the tolerance, an id differs, or a weight was not in the file.

    python3 check_reshaped.py FOLDER [--tolerance 1e-4]
"""

import argparse
import json
import sys

import torch
import transformers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()

    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.folder, local_files_only=True)
    config = transformers.AutoConfig.from_pretrained(arguments.folder, local_files_only=True)
    model_class = getattr(transformers, config.architectures[0])
    model, loading = model_class.from_pretrained(
        arguments.folder, local_files_only=True, output_loading_info=True, dtype=torch.float32
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        # A bare model's pooler is of no use to the states.
        wrong = [key for key in map(str, loading.get(kind) or []) if "pooler" not in key]
        if wrong:
            print(f"{kind}: {sorted(wrong)}")
            return 1
    model.eval()
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        print(f"{len(tokenizer)} tokens, {model.get_input_embeddings().num_embeddings} rows")
        return 1

    with open(f"{arguments.folder}/expected.json", encoding="utf-8") as file:
        rows = json.load(file)
    worst = 0.0
    with torch.no_grad():
        for row in rows:
            encoded = tokenizer(row["text"], return_tensors="pt")
            ids = encoded["input_ids"][0].tolist()
            if ids != row["ids"]:
                print(f"{row['text']!r}: {ids}, not {row['ids']}")
                return 1
            output = model(**encoded)
            if "logits" in output:
                found = output.logits.flatten()
            else:
                found = torch.nn.functional.normalize(output.last_hidden_state.mean(1), dim=-1).flatten()
            expected = torch.tensor(row["logits"])
            if found.shape != expected.shape:
                print(f"{row['text']!r}: {tuple(found.shape)} outputs, not {tuple(expected.shape)}")
                return 1
            worst = max(worst, (found - expected).abs().max().item())
    print(f"{config.architectures[0]}: {len(rows)} texts, {len(tokenizer)} tokens, outputs within {worst:.1e}")
    return int(worst > arguments.tolerance)


if __name__ == "__main__":
    sys.exit(main())
