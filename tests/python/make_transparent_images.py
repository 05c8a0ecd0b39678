#!/usr/bin/env python3
"""Images with one transparent colour, and what transformers' image processors make of them.

    python3 make_transparent_images.py

In: nothing. Out: tests/fixtures/transparent_images/: small PNG and GIF files, and expected.json: for each file `mode` (Pillow's),
`plain` (the RGB bytes, row by row, of a processor with do_convert_rgb false) and `convert_rgb` (with true: pixels of the
transparent colour are white). Images are loaded by transformers.image_utils.load_image, as its pipelines do. Pillow keeps the
transparent colour in the image's `info` while it converts to RGB, where convert_to_rgb finds it; alpha channels and palettes with
several alphas leave nothing there, so their colours stay.
"""

import io
import json
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers.image_utils import load_image
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

OUT = Path(__file__).resolve().parent.parent / "fixtures" / "transparent_images"
COLOURS = [10, 20, 200, 250, 30, 30, 0, 90, 0, 10, 20, 200]  # the last is the first once more
GREY, RGB, PALETTE = 0, 2, 3


def png(width, bits, colour, rows, **chunks):
    """A PNG by hand: `rows` are the bytes of the lines, unfiltered; `chunks` stand before them."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    before = b"".join(chunk(name.encode(), bytes(data)) for name, data in chunks.items())
    lines = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def gif(palette, transparent, local=None):
    """A GIF of 4 x 2 pixels with the colours 0 to 3, by Pillow; `local`: a palette of the frame's own."""
    image = Image.new("P", (4, 2))
    image.putdata([0, 1, 2, 3, 3, 2, 1, 0])
    image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "GIF", transparency=transparent, optimize=False)
    data = buffer.getvalue()
    if local is not None:
        at = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))  # the frame's descriptor, behind the palette
        bits = data[10] & 7
        local = bytes(local).ljust(3 * (2 << bits), b"\0")
        data = data[: at + 9] + bytes([data[at + 9] | 0x80 | bits]) + local + data[at + 10 :]
    return data


def files():
    ramp = [[0, 1, 2, 3], [3, 2, 1, 0]]
    rgb = [[10, 20, 200, 250, 30, 30], [250, 30, 30, 10, 20, 201]]
    wide = lambda row: [byte for value in row for byte in (value, value)]  # noqa: E731
    grey = [[5, 6], [255, 5]]
    return {
        "palette.png": png(4, 8, PALETTE, ramp, PLTE=COLOURS, tRNS=[0]),
        "palette_second.png": png(4, 8, PALETTE, ramp, PLTE=COLOURS, tRNS=[255, 0, 255]),
        "palette_2_bits.png": png(4, 2, PALETTE, [[0b00011011], [0b11100100]], PLTE=COLOURS, tRNS=[255, 255, 0]),
        "palette_half.png": png(4, 8, PALETTE, ramp, PLTE=COLOURS, tRNS=[128]),
        "palette_two.png": png(4, 8, PALETTE, ramp, PLTE=COLOURS, tRNS=[0, 0]),
        "palette_opaque.png": png(4, 8, PALETTE, ramp, PLTE=COLOURS, tRNS=[255, 255]),
        "palette_none.png": png(4, 8, PALETTE, ramp, PLTE=COLOURS),
        "grey.png": png(2, 8, GREY, grey, tRNS=[0, 5]),
        "grey_2_bits.png": png(4, 2, GREY, [[0b00011011], [0b11100100]], tRNS=[0, 0]),
        "grey_2_bits_second.png": png(4, 2, GREY, [[0b00011011], [0b11100100]], tRNS=[0, 1]),
        "grey_1_bit.png": png(8, 1, GREY, [[0b01100101]], tRNS=[0, 0]),
        "grey_1_bit_white.png": png(8, 1, GREY, [[0b01100101]], tRNS=[0, 1]),
        "grey_16_bits.png": png(2, 16, GREY, [[0, 5, 0, 6], [1, 5, 0, 5]], tRNS=[0, 5]),
        "grey_16_bits_black.png": png(2, 16, GREY, [[0, 0, 0, 6], [1, 0, 0, 5]], tRNS=[0, 0]),
        "grey_16_bits_256.png": png(2, 16, GREY, [[0, 0, 0, 6], [1, 0, 0, 5]], tRNS=[1, 0]),
        "rgb.png": png(2, 8, RGB, rgb, tRNS=[0, 10, 0, 20, 0, 200]),
        "rgb_16_bits.png": png(2, 16, RGB, [wide(row) for row in rgb], tRNS=[10, 10, 20, 20, 200, 200]),
        "rgb_16_bits_other.png": png(2, 16, RGB, [wide(row) for row in rgb], tRNS=[10, 7, 20, 20, 200, 200]),
        "palette.gif": gif(COLOURS, 1),
        "palette_first.gif": gif(COLOURS, 0),
        "own_palette.gif": gif(COLOURS, 1, local=[9, 9, 90, 70, 80, 90, 1, 2, 3, 70, 80, 90]),
        "no_key.gif": gif(COLOURS, None),
    }


def main():
    OUT.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    steps = dict(do_resize=False, do_rescale=False, do_normalize=False)
    expected = {}
    for name, data in files().items():
        (OUT / name).write_bytes(data)
        entry = dict(mode=Image.open(OUT / name).mode)
        for key, converts in dict(plain=False, convert_rgb=True).items():
            processor = ViTImageProcessorPil(**steps, do_convert_rgb=converts)
            values = processor(load_image(str(OUT / name)), return_tensors="np")["pixel_values"][0]
            entry[key] = np.asarray(values).transpose(1, 2, 0).reshape(-1).astype(int).tolist()
            entry["height"], entry["width"] = values.shape[1:]
        expected[name] = entry
    versions = dict(transformers=transformers.__version__, pillow=PIL.__version__)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in expected.items())
    (OUT / "expected.json").write_text(f'{{\n"versions": {json.dumps(versions)},\n"files": {{\n{lines}\n}}\n}}\n')


main()
