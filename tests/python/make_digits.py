#!/usr/bin/env python3
"""What Hone is held against reference_images.py with: the same rows in a zip, and the same fresh model in a folder.

    python3 make_digits.py FOLDER [--seed 42]

Out: FOLDER/digits.zip, scikit-learn's 1,797 digits as PNG files of 8 x 8 under train/<digit>/ and test/<digit>/, divided as the
reference divides them (1,437 and 360); and FOLDER/model, the reference's ViT with the weights that it begins with at this seed
(config.json, model.safetensors in f32, preprocessor_config.json), and the reference's settings:

    hone train --model FOLDER/model --data FOLDER/digits.zip --task image-classification --method full --epochs 20 --batch-size 32 \\
        --learning-rate 1e-3 --valid-fraction 0 --output OUTPUT

(what a run does without further flags: linear schedule with a tenth of warm-up, weight decay 0.01, gradients clipped at norm 1,
nothing augmented). Neither is committed: they hold scikit-learn's data.
"""

import argparse
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import reference_images as reference  # first: it takes the network and the GPU away
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "goldens"))

from image_files import vit_preprocessor, write_digits

TIME = (1980, 1, 1, 0, 0, 0)
MODEL = argparse.Namespace(hidden_size=64, layers=4, heads=4, intermediate_size=128, image_size=16, patch_size=4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write_digits(folder)
        rows, names = reference.list_files(Path(folder))
        parts = dict(zip(("train", "test"), reference.split_rows(rows)))
        with zipfile.ZipFile(options.folder / "digits.zip", "w", zipfile.ZIP_STORED) as archive:
            for part, files in parts.items():
                for path, _ in files:
                    entry = zipfile.ZipInfo(f"{part}/{path.parent.name}/{path.name}", TIME)
                    archive.writestr(entry, path.read_bytes())
    reference.seed_all(options.seed)
    model = reference.fresh_model(MODEL, names)
    model.save_pretrained(options.folder / "model")
    text = json.dumps(vit_preprocessor(MODEL.image_size), indent=2) + "\n"
    (options.folder / "model" / "preprocessor_config.json").write_text(text, encoding="utf-8")
    print({part: len(files) for part, files in parts.items()}, f"{model.num_parameters()} parameters")


if __name__ == "__main__":
    main()
