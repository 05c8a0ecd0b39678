#!/usr/bin/env python3
"""Reference figures: a small ViT trained from scratch with transformers on scikit-learn's digits.

    python3 ../goldens/make_images.py digits FOLDER
    python3 reference_images.py FOLDER [--seeds 42 43] [--epochs 20] [--write SPLIT] ...

In: a folder with a folder of images for each class. Out, on standard output: a line an epoch, and a JSON object a seed
with its settings and figures on the test rows. The figures are noted in reference_images.md.

Split: files in the order of their paths (<class>/<file>, as strings), divided by `random.Random(42).shuffle` of their
indices, the first four fifths for training, the rest for the test. --write copies them to SPLIT/train and SPLIT/test,
so that another trainer gets the same rows.

Images: load_image (RGB), then ViTImageProcessor on Pillow: 8 x 8 made 16 x 16 (--image-size), bilinear, mean and
standard deviation 0.5. No augmentation.

Model: ViTForImageClassification with patches of 4 (--patch-size), hidden 64, 4 layers, 4 heads, intermediate 128,
dropout 0, eager attention, as transformers initialises it: weights of linear layers and patches normal with deviation
0.02, class token and position table the same cut at +-2, biases 0, norms 1. The seed decides these and the order.

Training: CPU, f32, AdamW (betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01 except on biases and norms), learning
rate rising linearly over the first 10 % of the steps and falling linearly to 0, gradients clipped at norm 1, batches in
a new order each epoch, the last one kept though it is smaller. The model after the last epoch is measured.
"""

import argparse
import json
import random
import shutil
import time
from pathlib import Path

from reference_tasks import adamw, add_training, seed_all  # first: it takes the network and the GPU away

import torch
import transformers
from transformers import ViTConfig, ViTForImageClassification
from transformers.image_utils import load_image
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

EVAL_BATCH = 256
SPLIT_SEED, TRAIN_PART = 42, 0.8

# ---------------------------------------------------------------- data


def list_files(folder):
    """Paths and class names, and the names of all classes."""
    paths = sorted(folder.glob("*/*"), key=lambda path: path.relative_to(folder).as_posix())
    names = sorted({path.parent.name for path in paths})
    return [(path, names.index(path.parent.name)) for path in paths], names


def split_rows(rows):
    indices = list(range(len(rows)))
    random.Random(SPLIT_SEED).shuffle(indices)
    cut = int(len(indices) * TRAIN_PART)
    return [rows[index] for index in sorted(indices[:cut])], [rows[index] for index in sorted(indices[cut:])]


def write_split(folder, **parts):
    for part, rows in parts.items():
        for path, _ in rows:
            to = folder / part / path.parent.name / path.name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def read_rows(rows, image_size):
    """Pixels [rows, 3, size, size] and labels [rows]."""
    processor = ViTImageProcessorPil(size=dict(height=image_size, width=image_size))
    images = [load_image(str(path)) for path, _ in rows]
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    return pixels, torch.tensor([label for _, label in rows])


# ---------------------------------------------------------------- training


def fresh_model(options, names):
    config = ViTConfig(
        hidden_size=options.hidden_size, num_hidden_layers=options.layers, num_attention_heads=options.heads,
        intermediate_size=options.intermediate_size, image_size=options.image_size, patch_size=options.patch_size,
        id2label=dict(enumerate(names)), label2id={name: index for index, name in enumerate(names)},
    )  # fmt: skip
    return ViTForImageClassification._from_config(config, attn_implementation="eager").float()


def train(model, pixels, labels, options, seed):
    """Seconds that it took, and the mean loss of the last epoch."""
    order = torch.Generator().manual_seed(seed)
    steps = -(-len(labels) // options.batch_size) * options.epochs
    optimizer = adamw(model, options)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(options.warmup * steps), steps)
    began, mean = time.monotonic(), 0.0
    model.train()
    for epoch in range(options.epochs):
        total, batches = 0.0, torch.randperm(len(labels), generator=order).split(options.batch_size)
        for batch in batches:
            loss = model(pixel_values=pixels[batch], labels=labels[batch]).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        mean = total / len(batches)
        print(f"seed {seed} epoch {epoch + 1}: mean loss {mean:.4f}, {time.monotonic() - began:.0f} s", flush=True)
    return time.monotonic() - began, mean


@torch.no_grad()
def predict(model, pixels):
    model.eval()
    return torch.cat([model(pixel_values=part).logits for part in pixels.split(EVAL_BATCH)])


def figures_of(logits, labels, names):
    """Accuracy and macro-averaged F1 in percent, the mean loss, and per class how many are right, of how many."""
    predicted = logits.argmax(-1)
    scores, counts = [], {}
    for label, name in enumerate(names):
        right = ((predicted == label) & (labels == label)).sum().item()
        found, there = (predicted == label).sum().item(), (labels == label).sum().item()
        scores.append(2 * right / (found + there) if found + there else 0.0)
        counts[name] = [right, there]
    return dict(
        accuracy=100 * (predicted == labels).double().mean().item(), macro_f1=100 * sum(scores) / len(scores),
        loss=torch.nn.functional.cross_entropy(logits, labels).item(), right_per_class=counts,
    )  # fmt: skip


# ---------------------------------------------------------------- command line


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder of images for each class")
    add_training(parser, epochs=20, batch_size=32, learning_rate=1e-3)
    parser.add_argument("--image-size", type=int, default=16)
    parser.add_argument("--patch-size", type=int, default=4)
    parser.add_argument("--hidden-size", type=int, default=64)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--intermediate-size", type=int, default=128)
    parser.add_argument("--write", type=Path, help="folder for copies of both parts")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    rows, names = list_files(options.folder)
    train_rows, test_rows = split_rows(rows)
    if options.write:
        write_split(options.write, train=train_rows, test=test_rows)
    print(dict(train=len(train_rows), test=len(test_rows), classes=len(names)), flush=True)
    pixels, labels = read_rows(train_rows, options.image_size)
    test_pixels, test_labels = read_rows(test_rows, options.image_size)
    for seed in options.seeds:
        seed_all(seed)
        model = fresh_model(options, names)
        seconds, loss = train(model, pixels, labels, options, seed)
        settings = {key: value for key, value in vars(options).items() if key not in ("folder", "write", "seeds")}
        known = dict(task="image_classification", seed=seed, **settings, train_secs=round(seconds))
        known |= dict(parameters=sum(p.numel() for p in model.parameters()), train_loss_last_epoch=loss)
        known |= dict(transformers=transformers.__version__, torch=torch.__version__)
        print(json.dumps(known | dict(test=figures_of(predict(model, test_pixels), test_labels, names))), flush=True)


if __name__ == "__main__":
    main()
