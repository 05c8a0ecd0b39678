"""Loads an exported folder with transformers, or an adapter with PEFT, and compares its outputs with those of Hone.

In: the folder (an adapter's with --base), and one of
    a CSV as `hone predict` writes it (row, text, label, probability, then one column a label): probabilities of texts
    the same with `file` in the place of `text`: probabilities of images, by the image-classification pipeline
    a fixture.safetensors (tests/goldens): logits of its inputs
Out: the largest difference; exit code 1 when it is above the tolerance, a label differs, or a weight is not where it belongs.

    python3 check_export.py FOLDER PREDICTIONS.csv|FIXTURE.safetensors [--base MODEL] [--max-seq-length 128] [--tolerance 1e-4]
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer, pipeline


def open_adapter(folder):
    from safetensors import safe_open

    return safe_open(f"{folder}/adapter_model.safetensors", "pt")


def adapter_keys(model):
    from peft import get_peft_model_state_dict

    return get_peft_model_state_dict(model)


def load(folder, config):
    """The model by the class that `config` names, and what of the weights is not in its place."""
    kind = getattr(transformers, config.architectures[0])
    return kind.from_pretrained(
        folder, config=config, local_files_only=True, output_loading_info=True, dtype=torch.float32,
        attn_implementation="eager",
    )  # fmt: skip


def load_whole(folder, config):
    """Every weight must be in its place."""
    model, loading = load(folder, config)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if loading.get(what):
            sys.exit(f"{what}: {sorted(map(str, loading[what]))}")
    return model.eval()


def load_adapter(folder, base, config):
    """The base may lack the head, which the adapter holds whole."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(load(base, config)[0], folder)
    with open_adapter(folder) as file:
        found, expected = set(file.keys()), set(adapter_keys(model))
    if found != expected:
        sys.exit(f"the adapter's keys and PEFT's differ in {sorted(found ^ expected)}")
    return model.eval()


def check_golden(model, golden, tolerance):
    """Logits of the golden's inputs; of a language model those of tokens that are no padding."""
    from safetensors.torch import load_file

    tensors = load_file(golden)
    inputs = {name[3:]: tensor for name, tensor in tensors.items() if name.startswith("in.") and name != "in.labels"}
    expected = tensors["logits"]
    with torch.no_grad():
        found = model(**inputs).logits
    if found.shape != expected.shape:
        print(f"logits {tuple(found.shape)}, not {tuple(expected.shape)}")
        return 1
    difference = (found - expected).abs()
    if expected.dim() == 3 and "decoder_input_ids" not in inputs:
        difference = difference[inputs["attention_mask"] == 1]
    worst = difference.max().item()
    print(f"{type(model).__name__}: logits within {worst:.1e}")
    return int(not worst <= tolerance)


def temperature_of(folder):
    """By what `hone predict` divides logits of one label a row: hone.json says it."""
    path = Path(folder) / "hone.json"
    job = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return job.get("thresholds", {}).get("temperature", 1.0)


def probabilities_of_texts(model, folder, max_seq_length):
    temperature = temperature_of(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def ask(row):
        encoded = tokenizer(row["text"], truncation=True, max_length=max_seq_length, return_tensors="pt")
        return (model(**encoded).logits / temperature).softmax(-1)[0].tolist()

    return ask


def probabilities_of_images(model, folder, labels):
    # The processor on torchvision resizes otherwise, by up to 3 levels (ADR 17).
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
    pipe = pipeline("image-classification", model=model, image_processor=processor)
    temperature = temperature_of(folder)

    def ask(row):
        answers = pipe(row["file"], top_k=len(labels), function_to_apply="none")
        logits = {answer["label"]: answer["score"] for answer in answers}
        return (torch.tensor([logits[label] for label in labels]) / temperature).softmax(-1).tolist()

    return ask


def check_predictions(ask, rows, labels, noun, tolerance):
    worst, wrong = 0.0, 0
    with torch.no_grad():
        for row in rows:
            probabilities = ask(row)
            worst = max(worst, *(abs(value - float(row[label])) for value, label in zip(probabilities, labels)))
            wrong += labels[max(range(len(labels)), key=probabilities.__getitem__)] != row["label"]
    print(f"{len(rows)} {noun}, {len(labels)} labels: probabilities within {worst:.1e}, {wrong} labels differ")
    return int(not worst <= tolerance or wrong > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("expected", help="predictions (.csv) or a golden (.safetensors)")
    parser.add_argument("--base", help="the model that the adapter in FOLDER is for")
    parser.add_argument("--max-seq-length", type=int, default=128)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    folder = arguments.folder

    # An adapter has a config.json of its own where that says what its labels are.
    has_config = (Path(folder) / "config.json").is_file()
    config = AutoConfig.from_pretrained(folder if has_config else arguments.base, local_files_only=True)
    model = load_adapter(folder, arguments.base, config) if arguments.base else load_whole(folder, config)
    if arguments.expected.endswith(".safetensors"):
        return check_golden(model, arguments.expected, arguments.tolerance)

    with open(arguments.expected, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = [config.id2label[index] for index in range(config.num_labels)]
    missing = [label for label in labels if label not in rows[0]]
    if missing:
        print(f"the predictions have no column for {missing}")
        return 1
    if "file" in rows[0]:
        return check_predictions(probabilities_of_images(model, folder, labels), rows, labels, "images", arguments.tolerance)
    ask = probabilities_of_texts(model, folder, arguments.max_seq_length)
    return check_predictions(ask, rows, labels, "texts", arguments.tolerance)


if __name__ == "__main__":
    sys.exit(main())
