"""Loads an exported folder with transformers, or an adapter with PEFT, and compares its probabilities with those of Hone.

In: the folder (an adapter's with --base), and a CSV as `hone predict` writes it (row, text, label, probability, then one column a label).
Out: the largest difference; exit code 1 when it is above the tolerance or a label differs.

    python3 check_export.py FOLDER PREDICTIONS.csv [--base MODEL] [--max-seq-length 128] [--tolerance 1e-4]
"""

import argparse
import csv
import sys

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer


def open_adapter(folder):
    from safetensors import safe_open

    return safe_open(f"{folder}/adapter_model.safetensors", "pt")


def adapter_keys(model):
    from peft import get_peft_model_state_dict

    return get_peft_model_state_dict(model)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("predictions")
    parser.add_argument("--base", help="the model that the adapter in FOLDER is for")
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(arguments.folder, local_files_only=True)
    config = AutoConfig.from_pretrained(arguments.folder, local_files_only=True)
    if arguments.base:
        from peft import PeftModel

        base = AutoModelForSequenceClassification.from_pretrained(arguments.base, config=config, local_files_only=True)
        model = PeftModel.from_pretrained(base, arguments.folder)
        with open_adapter(arguments.folder) as file:
            found, expected = set(file.keys()), set(adapter_keys(model))
        if found != expected:
            print(f"the adapter's keys and PEFT's differ in {sorted(found ^ expected)}")
            return 1
    else:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            arguments.folder, local_files_only=True, output_loading_info=True
        )
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if loading.get(kind):
                print(f"{kind}: {sorted(map(str, loading[kind]))}")
                return 1
    model.eval()

    with open(arguments.predictions, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = [config.id2label[index] for index in range(config.num_labels)]
    missing = [label for label in labels if label not in rows[0]]
    if missing:
        print(f"the predictions have no column for {missing}")
        return 1

    worst, wrong = 0.0, 0
    with torch.no_grad():
        for row in rows:
            encoded = tokenizer(row["text"], truncation=True, max_length=arguments.max_seq_length, return_tensors="pt")
            probabilities = model(**encoded).logits.softmax(-1)[0].tolist()
            worst = max(worst, *(abs(value - float(row[label])) for value, label in zip(probabilities, labels)))
            wrong += labels[max(range(len(labels)), key=probabilities.__getitem__)] != row["label"]
    print(f"{len(rows)} texts, {len(labels)} labels: probabilities within {worst:.1e}, {wrong} labels differ")
    return int(worst > arguments.tolerance or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
