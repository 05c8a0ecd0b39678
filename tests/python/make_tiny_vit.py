"""Writes `tests/fixtures/tiny_vit`: a ViT of four layers that tells drawn figures apart, trained from scratch by transformers.

    python tests/python/make_tiny_vit.py [--images 22400] [--steps 5000] [--output FOLDER]
    python tests/python/make_tiny_vit.py --measure          # fine-tunes it on public/samples/shapes.zip, two ways

Everything is drawn by `make_shapes.py` and this script: letters, outlines and patterns, none of which is a shape of the
sample, on backgrounds like the sample's. So its features serve the sample, and its labels do not. Images of 32 x 32 (drawn
at 64 x 64), patches of 8 x 8, hidden 96, 4 heads, intermediate 192; weights are written as f16.

Lessons begin easy, or it would stay long where it begins: white figures on black, moved to the middle; more and more images
are taken as they were drawn. There are two losses beside its own, by `Taught`.
"""

import argparse
import io
import json
import math
import pathlib
import random
import time
import zipfile

import make_shapes as shapes
import numpy as np
import torch
import transformers
from PIL import Image
from torch.nn import functional
from transformers import ViTConfig, ViTForImageClassification, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

SIZE, PATCH, BATCH = 32, 8, 64
TEST_PART = 20  # one image in so many is kept for the test
EASY_PART = 0.4  # of the steps, after which nothing is made easier
FOLDER = pathlib.Path(__file__).parents[1] / "fixtures" / "tiny_vit"
PROCESSOR = {
    "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor", "image_std": [0.5, 0.5, 0.5], "resample": 2, "rescale_factor": 1 / 255,
    "size": {"height": SIZE, "width": SIZE},
}  # fmt: skip

# ---------------------------------------------------------------- figures


def grid(cells):
    """Squares at columns and rows of a grid of six."""
    found = []
    for column, row in cells:
        x, y = (column - 3) / 3, (row - 3) / 3
        found.append(([(x, y), (x + 0.33, y), (x + 0.33, y + 0.33), (x, y + 0.33)], True))
    return found


def at(points, x, y, scale):
    return [(x + px * scale, y + py * scale) for px, py in points]


def crescent():
    outer = [(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in range(50, 311, 10)]
    inner = [(0.45 + 0.78 * math.cos(math.radians(a)), 0.78 * math.sin(math.radians(a))) for a in range(280, 79, -10)]
    return outer + inner


def strokes(*lines):
    """Open lines, each "x,y x,y .." in tenths."""
    return [([tuple(int(v) / 10 for v in point.split(",")) for point in line.split()], False) for line in lines]


def outline(points):
    """A closed line "x,y x,y .." in tenths."""
    return [([tuple(int(v) / 10 for v in point.split(",")) for point in points.split()], True)]


ROUND = shapes.around([0.13] * 16)
FIGURES = {
    "A": strokes("-6,9 0,-9 6,9", "-4,3 4,3"), "E": strokes("6,-9 -5,-9 -5,9 6,9", "-5,0 4,0"),
    "H": strokes("-6,-9 -6,9", "6,-9 6,9", "-6,0 6,0"), "L": strokes("-5,-9 -5,9 6,9"),
    "T": strokes("-7,-9 7,-9", "0,-9 0,9"), "V": strokes("-7,-9 0,9 7,-9"), "X": strokes("-7,-9 7,9", "7,-9 -7,9"),
    "bar": outline("-10,-3 10,-3 10,3 -10,3"), "bolt": outline("2,-10 -6,2 -1,2 -3,10 6,-2 1,-2"),
    "checks": grid((c, r) for c in range(6) for r in range(6) if (c + r) % 2 == 0),
    "chevron": outline("-9,-2 0,-9 9,-2 9,5 0,-2 -9,5"), "crescent": [(crescent(), True)],
    "cross": outline("-3,-9 3,-9 3,-3 9,-3 9,3 3,3 3,9 -3,9 -3,3 -9,3 -9,-3 -3,-3"),
    "dots": [(at(ROUND, x / 2, y / 2, 1), True) for x in (-1.5, -0.5, 0.5, 1.5) for y in (-1.5, -0.5, 0.5, 1.5)],
    "drop": [([(0, -1)] + [(0.6 * math.cos(math.radians(a)), 0.35 + 0.6 * math.sin(math.radians(a)))
                           for a in range(-25, 206, 10)], True)],
    "ellipse": [([(x, y * 0.5) for x, y in shapes.around([1.0] * 48)], True)],
    "flower": [(shapes.around([0.65 + 0.35 * math.cos(math.radians(a * 6 * 5)) for a in range(60)]), True)],
    "gear": [(shapes.around([1.0, 1.0, 0.7, 0.7] * 8), True)],
    "half_disc": [([(math.cos(math.radians(a)), -0.4 + math.sin(math.radians(a))) for a in range(0, 181, 6)], True)],
    "hexagon": [(shapes.around([1.0] * 6), True)], "hourglass": outline("-7,-9 7,-9 -7,9 7,9"),
    "house": outline("-7,9 -7,-1 0,-9 7,-1 7,9"), "lozenge": outline("-5,0 0,-10 5,0 0,10"),
    "pentagon": [(shapes.around([1.0] * 5), True)], "pinwheel": [(shapes.around([1.0, 0.3, 0.5] * 4), True)],
    "spark": [(shapes.around([1.0, 0.28] * 4), True)],
    "stripes": [([(-1, y), (1, y), (1, y + 0.2), (-1, y + 0.2)], True) for y in (-0.9, -0.5, -0.1, 0.3, 0.7)],
    "trapezium": outline("-5,-6 5,-6 10,6 -10,6"),
}  # fmt: skip
NAMES = sorted(FIGURES)

# ---------------------------------------------------------------- training


def drawn(count):
    """Images [count, 32, 32, 3] and masks of their figures [count, 32, 32] as bytes, and labels: the classes in turns."""
    generator = random.Random(2026)
    images, masks = np.empty((count, SIZE, SIZE, 3), np.uint8), np.empty((count, SIZE, SIZE), np.uint8)
    for index in range(count):
        pair = shapes.draw_image(FIGURES[NAMES[index % len(NAMES)]], generator, 45.0)
        images[index], masks[index] = (np.asarray(x.resize((SIZE, SIZE), Image.Resampling.BILINEAR)) for x in pair)
    return torch.from_numpy(images), torch.from_numpy(masks), torch.arange(count) % len(NAMES)


def pixels_of(images):
    return (images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def groups(model, decay):
    """No decay on biases, norms, positions and the class token."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in trained if p.dim() == 1 or "embeddings.position" in name or "cls_token" in name]
    known = {id(p) for p in plain}
    weights = [p for _, p in trained if id(p) not in known]
    return [{"params": weights, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]


def patches_of(masks):
    """[rows, 32, 32] of bytes to the shares that figures have of each patch's pixels, [rows, 16, 64], as the patches lie."""
    cells = masks.float().div(255).unflatten(2, (-1, PATCH)).unflatten(1, (-1, PATCH))  # rows, down, PATCH, across, PATCH
    return cells.transpose(2, 3).flatten(3).flatten(1, 2)


class Taught(torch.nn.Module):
    """A model in pre-training: half way up each patch says which of its pixels are the figure's, and at the top the mean of the
    patches is classified too."""

    def __init__(self, model):
        super().__init__()
        self.model, self.masks = model, torch.nn.Linear(model.config.hidden_size, PATCH * PATCH)

    def forward(self, pixel_values, labels):
        labels, masks = labels
        found = self.model(pixel_values=pixel_values, labels=labels, output_hidden_states=True)
        states = self.model.vit.layernorm(found.hidden_states[-1])
        of_mean = functional.cross_entropy(self.model.classifier(states[:, 1:].mean(1)), labels)
        guessed = self.masks(found.hidden_states[len(found.hidden_states) // 2][:, 1:])
        found.loss = found.loss + of_mean + functional.binary_cross_entropy_with_logits(guessed, patches_of(masks))
        return found


def train(model, batches, steps, optimizer, schedule, say=0):
    model.train()
    began, total = time.monotonic(), 0.0
    for step, (pixels, labels) in enumerate(batches, 1):
        loss = model(pixel_values=pixels, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if say and step % say == 0:
            print(f"step {step} of {steps}: loss {total / say:.3f}, {time.monotonic() - began:.0f} s", flush=True)
            total = 0.0


@torch.no_grad()
def accuracy(model, pixels, labels):
    model.eval()
    found = torch.cat([model(pixel_values=part).logits.argmax(-1) for part in pixels.split(256)])
    return 100 * (found == labels).double().mean().item()


def lesson(parts, rows, hard):
    """Pictures, masks and labels of rows: mirrored or not, channels exchanged, light and dark exchanged or not; a share of `hard` is
    drawn as it was, and as many are where they were."""
    pictures, masks, labels = (part[rows] for part in parts)
    count, middle = len(rows), (SIZE - 1) / 2
    is_plain, is_moved, is_mirrored = torch.rand(3, count) >= torch.tensor([[hard], [hard], [0.5]])
    pictures = torch.where(is_plain[:, None, None, None], masks[..., None], pictures)
    shares = masks.float() / masks.float().sum((1, 2), keepdim=True).clamp(min=1)
    line, all_rows = torch.arange(SIZE), torch.arange(count)[:, None, None]
    down, across = ((shares.sum(axis) * line).sum(1).sub(middle).round().long() * is_moved for axis in (2, 1))
    columns = torch.where(is_mirrored[:, None], line.flip(0), line)
    y, x = (line + down[:, None]) % SIZE, (columns + across[:, None]) % SIZE
    place = (all_rows, y[:, :, None], x[:, None, :])
    colours = torch.rand(count, 3).argsort(1)[:, None, None, :].expand(-1, SIZE, SIZE, -1)
    pictures = pictures[place].gather(3, colours)
    pictures = torch.where(torch.rand(count, 1, 1, 1) < 0.5, 255 - pictures, pictures)
    return pixels_of(pictures), (labels, masks[place])


def pretrain(options):
    parts = drawn(options.images)
    is_test = (torch.arange(options.images) // len(NAMES)) % TEST_PART == 0
    learned, tested = [part[~is_test] for part in parts], [part[is_test] for part in parts]
    torch.manual_seed(2026)
    config = ViTConfig(
        hidden_size=96, num_hidden_layers=4, num_attention_heads=4, intermediate_size=192, image_size=SIZE, patch_size=PATCH,
        initializer_range=0.08, id2label=dict(enumerate(NAMES)), label2id={name: index for index, name in enumerate(NAMES)},
    )  # fmt: skip
    model = ViTForImageClassification(config)

    def batches():
        for step in range(options.steps):
            yield lesson(learned, torch.randint(len(learned[0]), (BATCH,)), min(step / options.steps / EASY_PART, 1.0))

    taught, steps = Taught(model), options.steps
    optimizer = torch.optim.AdamW(groups(taught, 0.05), lr=2e-3, fused=True)
    train(taught, batches(), steps, optimizer, get_cosine_schedule_with_warmup(optimizer, steps // 20, steps), say=200)
    model.half().save_pretrained(options.output)
    text = json.dumps(PROCESSOR, indent=2) + "\n"
    (options.output / "preprocessor_config.json").write_text(text, encoding="utf-8", newline="\n")
    right = accuracy(model.float(), pixels_of(tested[0]), tested[2])
    print(f"{right:.2f} % of {len(tested[2])} images that it did not see; {model.num_parameters()} parameters")


# ---------------------------------------------------------------- the sample


def sample(folder):
    """Rows of public/samples/shapes.zip: 80 % to learn, 10 % that are left out, 10 % for the test."""
    processor = ViTImageProcessorPil.from_pretrained(folder)
    with zipfile.ZipFile(shapes.OUTPUT) as archive:
        names = archive.namelist()
        images = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    kinds = sorted(shapes.SHAPES)
    labels = torch.tensor([kinds.index(name.split("/")[0]) for name in names])
    return pixels, labels, kinds


def measure(options):
    """Head alone and every weight, batch 16, a linear schedule with a tenth of warm-up."""
    pixels, labels, kinds = sample(options.output)
    for method, rate, epochs in (("head", 1e-2, 20), ("full", 5e-4, 10)):
        found = []
        for seed in options.seeds:
            torch.manual_seed(seed)
            order = torch.randperm(len(labels))
            train_rows, test_rows = order[: len(order) * 8 // 10], order[len(order) * 9 // 10 :]
            model = ViTForImageClassification.from_pretrained(
                options.output, num_labels=len(kinds), ignore_mismatched_sizes=True, dtype=torch.float32
            )
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(method == "full" or name.startswith("classifier"))
            steps = -(-len(train_rows) // 16) * epochs
            orders = (train_rows[torch.randperm(len(train_rows))] for _ in range(epochs))
            batches = ((pixels[rows], labels[rows]) for order in orders for rows in order.split(16))
            optimizer = torch.optim.AdamW(groups(model, 0.01), lr=rate)
            train(model, batches, steps, optimizer, get_linear_schedule_with_warmup(optimizer, steps // 10, steps))
            found.append(accuracy(model, pixels[test_rows], labels[test_rows]))
        shown = ", ".join(f"{value:.1f}" for value in found)
        settings = f"{method}, learning rate {rate}, {epochs} epochs, {len(train_rows)} images"
        print(f"{settings}: {shown} % of {len(test_rows)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=22_400)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--output", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--measure", action="store_true", help="fine-tune what is there, and write nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    (measure if options.measure else pretrain)(options)


if __name__ == "__main__":
    main()
