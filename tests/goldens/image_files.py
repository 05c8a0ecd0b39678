"""Image files, good and bad, and what transformers' image processors make of them; digits as PNG files.

Used by make_images.py. Out: tests/fixtures/images/, with what processor.json says.
"""

import functools
import io
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import make_task_goldens as goldens  # first: it takes the network and the GPU away
import numpy as np
import PIL
import torch
import transformers
from PIL import Image, ImageOps
from safetensors.torch import save_file
from transformers import AutoImageProcessor
from transformers.image_utils import load_image

FIXTURES = goldens.FIXTURES
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5, 0.5, 0.5]
BILINEAR, BICUBIC = 2, 3

# ---------------------------------------------------------------- image files

WIDTH, HEIGHT = 40, 30
EXIF_SIZE = (24, 16)
ORIENTATION = 0x0112


def picture(width, height):
    """Slopes, an edge, a disc and lines of one pixel, so that each step shows; no side is like another."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 5 + y * 3) % 256], -1)
    pixels[: height // 3, : width // 4] = [230, 30, 40]
    pixels[(x - width * 5 // 8) ** 2 + (y - height // 2) ** 2 < (height // 4) ** 2] = [20, 60, 200]
    lines = (x >= width * 7 // 8) & (x % 2 == 0)
    pixels[lines] = [255, 255, 0]
    return Image.fromarray(pixels.astype(np.uint8))


def slope(width, height, low=0, high=255):
    """From left to right."""
    row = np.linspace(low, high, width).round().astype(np.int64)
    return np.tile(row, (height, 1))


def png(width, height, bits, colour, rows):
    """A PNG by hand: `rows` are the bytes of the lines, unfiltered."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def orientation(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


def good_files():
    """Bytes by name, and what the file is there for."""
    rgb, turned = picture(WIDTH, HEIGHT), picture(*EXIF_SIZE)
    alpha = Image.fromarray(slope(WIDTH, HEIGHT).astype(np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    grey = rgb.convert("L")
    palette = rgb.quantize(16, dither=Image.Dither.NONE)
    # From 0 through 255 to 65535, so that both ends of 16 bits are seen.
    wide_grey = np.concatenate([slope(WIDTH // 2, HEIGHT, 0, 400), slope(WIDTH // 2, HEIGHT, 401, 65535)], 1)
    deep = np.asarray(rgb, np.uint16) * 257 - np.asarray(rgb, np.uint16) // 2
    second = ImageOps.invert(rgb).quantize(16, dither=Image.Dither.NONE)
    files = {
        "rgb.jpg": (encoded(rgb, "JPEG", quality=90), "baseline, chroma halved both ways (4:2:0)"),
        "rgb_444.jpg": (encoded(rgb, "JPEG", quality=90, subsampling=0), "baseline, chroma not halved (4:4:4)"),
        "progressive.jpg": (encoded(rgb, "JPEG", quality=90, progressive=True), "progressive, 4:2:0"),
        "grey.jpg": (encoded(grey, "JPEG", quality=90), "one component"),
        "cmyk.jpg": (encoded(rgb.convert("CMYK"), "JPEG", quality=95), "four components, inverted as Adobe does"),
        "rgb.png": (encoded(rgb, "PNG"), "8 bits"),
        "rgba.png": (encoded(rgba, "PNG"), "alpha 0 at the left to 255 at the right"),
        "grey.png": (encoded(grey, "PNG"), "8 bits"),
        "grey_alpha.png": (encoded(Image.merge("LA", (grey, alpha)), "PNG"), "8 bits, alpha as rgba.png"),
        "palette.png": (encoded(palette, "PNG"), "16 colours"),
        "palette_alpha.png": (encoded(palette, "PNG", transparency=bytes([0, 128, 255])), "tRNS: 2 colours not opaque"),
        "grey16.png": (
            png(WIDTH, HEIGHT, 16, 0, [row.astype(">u2").tobytes() for row in wide_grey]), "0 to 65535, a slope"
        ),
        "rgb16.png": (png(WIDTH, HEIGHT, 16, 2, [row.astype(">u2").tobytes() for row in deep]), "16 bits a channel"),
        "bit1.png": (encoded(grey.point(lambda value: 255 * (value > 127), "1"), "PNG"), "1 bit"),
        "exif_6.png": (encoded(turned, "PNG", exif=orientation(6)), "orientation 6 in eXIf"),
        "lossy.webp": (encoded(rgb, "WEBP", quality=80), "VP8"),
        "lossless.webp": (encoded(rgba, "WEBP", lossless=True, exact=True), "VP8L, alpha as rgba.png"),
        "exif_6.webp": (encoded(turned, "WEBP", lossless=True, exif=orientation(6)), "orientation 6 in EXIF"),
        "rgb.bmp": (encoded(rgb, "BMP"), "24 bits"),
        "two_frames.gif": (
            encoded(palette, "GIF", save_all=True, append_images=[second], duration=100), "the second frame is inverted"
        ),
        "one.png": (encoded(picture(1, 1), "PNG"), "one pixel"),
        "wide.png": (encoded(picture(400, 2), "PNG"), "400 wide, 2 high"),
        "large.png": (encoded(picture(300, 200), "PNG", optimize=True), "for targets of real size"),
    }  # fmt: skip
    for value in range(1, 9):
        data = encoded(turned, "JPEG", quality=95, subsampling=0, exif=orientation(value))
        files[f"exif_{value}.jpg"] = (data, f"orientation {value}")
    return files


def bad_files(good):
    data = good["rgb.jpg"][0]
    return {
        "truncated.jpg": (data[: len(data) * 2 // 3], "rgb.jpg without its last third"),
        "text.png": (b"This is a text, not an image.\n", "a text"),
        "empty.png": (b"", "no bytes"),
        "huge.png": (png(30000, 30000, 8, 0, [b"\0"]), "its header says 30000 x 30000; the data has two bytes"),
    }


# ---------------------------------------------------------------- image processors


def bit_preprocessor(size, crop):
    """As facebook/dinov2-* on the hub."""
    return dict(
        crop_size=dict(height=crop, width=crop), do_center_crop=True, do_convert_rgb=True, do_normalize=True,
        do_rescale=True, do_resize=True, image_mean=IMAGENET_MEAN, image_processor_type="BitImageProcessor",
        image_std=IMAGENET_STD, resample=BICUBIC, rescale_factor=1 / 255, size=dict(shortest_edge=size),
    )  # fmt: skip


def vit_preprocessor(size):
    """As google/vit-base-patch16-224 on the hub."""
    return dict(
        do_normalize=True, do_rescale=True, do_resize=True, image_mean=HALF, image_processor_type="ViTImageProcessor",
        image_std=HALF, resample=BILINEAR, rescale_factor=1 / 255, size=dict(height=size, width=size),
    )  # fmt: skip


def deit_preprocessor(size, crop):
    """As facebook/deit-tiny-patch16-224 on the hub: sizes are numbers, and nothing is said of rescaling."""
    return dict(
        crop_size=crop, do_center_crop=True, do_normalize=True, do_resize=True, image_mean=IMAGENET_MEAN,
        feature_extractor_type="DeiTFeatureExtractor", image_std=IMAGENET_STD, resample=BICUBIC, size=size,
    )  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A preprocessor_config.json."""

    config: dict
    about: str
    model_type: str | None = None  # of the config.json beside it, where the file names no processor that is known
    pixels: str | tuple[str, ...] = ()  # files whose pixels are stored: "all", or names
    rows: int = 1  # every how many rows
    values: tuple[str, ...] = ()  # files whose floats are stored
    same_as: str | None = None  # the variant that has the same pixels


FEW = ("rgb.png", "wide.png", "one.png", "exif_6.jpg")
FLOATS = ("rgb.png", "rgb.jpg", "one.png")
LARGE = ("large.png",)
VIT, DEIT, DINOV2 = vit_preprocessor(16), deit_preprocessor(18, 16), bit_preprocessor(18, 16)
VARIANTS = {
    "vit": Variant(VIT, "google/vit-base-patch16-224 at size 16", pixels="all", values=FLOATS),
    "vit_int": Variant(
        dict(do_normalize=True, do_resize=True, image_mean=HALF, image_std=HALF, size=16),
        "google/vit-base-patch16-224-in21k at size 16: a number, no resample, no type", "vit", same_as="vit",
    ),
    "vit_no_rescale": Variant({**VIT, "do_rescale": False}, "normalised from 0..255", values=FLOATS, same_as="vit"),
    "vit_no_normalize": Variant({**VIT, "do_normalize": False}, "0..1", values=FLOATS, same_as="vit"),
    "vit_bytes": Variant({**VIT, "do_normalize": False, "do_rescale": False}, "bytes, not floats", same_as="vit"),
    "vit_tall": Variant({**VIT, "size": dict(height=24, width=10)}, "another height than width", pixels=FEW),
    "vit_bicubic": Variant({**VIT, "resample": 3}, "resample 3", pixels=FEW),
    "vit_nearest": Variant({**VIT, "resample": 0}, "resample 0", pixels=FEW),
    "vit_lanczos": Variant({**VIT, "resample": 1}, "resample 1", pixels=FEW),
    "vit_box": Variant({**VIT, "resample": 4}, "resample 4", pixels=FEW),
    "vit_hamming": Variant({**VIT, "resample": 5}, "resample 5", pixels=FEW),
    "no_resize": Variant(
        {**DEIT, "do_resize": False}, "centre crop of 16 alone: cut where larger, zeros where smaller", "deit", FEW,
    ),
    "edges": Variant(
        {**DINOV2, "do_center_crop": False, "size": dict(shortest_edge=16, longest_edge=22)},
        "shortest and longest edge", pixels=("rgb.png", "one.png", "exif_6.jpg", "large.png"),
    ),
    "deit": Variant(
        DEIT, "facebook/deit-tiny-patch16-224 at sizes 18 and 16: numbers", "vit", pixels="all", values=FLOATS,
    ),
    "deit_sizes": Variant(
        {**{k: v for k, v in DEIT.items() if k != "feature_extractor_type"},
         "image_processor_type": "DeiTImageProcessor", "do_rescale": True, "rescale_factor": 1 / 255,
         "size": dict(height=18, width=18), "crop_size": dict(height=16, width=16)},
        "as deit, with sizes by name", same_as="deit",
    ),
    "dinov2": Variant(DINOV2, "facebook/dinov2-* at sizes 18 and 16", pixels="all", values=FLOATS),
    "dinov2_int": Variant({**DINOV2, "size": 18}, "a number is the shortest edge here", same_as="dinov2"),
    "dinov2_odd": Variant(bit_preprocessor(19, 16), "the crop leaves an odd number of rows", pixels=FEW),
    "dinov2_padded": Variant(bit_preprocessor(11, 16), "the crop is larger than the image", pixels=FEW),
    "vit_224": Variant(vit_preprocessor(224), "as on the hub", pixels=LARGE, rows=16),
    "deit_224": Variant(deit_preprocessor(256, 224), "as on the hub", "vit", LARGE, 16),
    "dinov2_224": Variant(bit_preprocessor(256, 224), "as on the hub", pixels=LARGE, rows=16),
}  # fmt: skip


def processors(variant):
    """What transformers makes of a folder with this preprocessor_config.json: Pillow's processor, torchvision's."""
    made = []
    for backend in ("pil", "torchvision"):
        with tempfile.TemporaryDirectory() as folder:
            goldens.write_json(Path(folder) / "preprocessor_config.json", variant.config)
            if variant.model_type:
                goldens.write_json(Path(folder) / "config.json", dict(model_type=variant.model_type))
            made.append(AutoImageProcessor.from_pretrained(folder, backend=backend))
    return made


def pixels_of(processor, image):
    """Bytes after resizing and cropping, [3, height, width]."""
    found = processor(image, do_rescale=False, do_normalize=False, return_tensors="pt")["pixel_values"][0]
    assert found.dtype == torch.uint8
    return found


def values_of(processor, image):
    return processor(image, return_tensors="pt")["pixel_values"][0]


# ---------------------------------------------------------------- what Pillow computes, written out

PRECISION = 22  # bits after the point
FILTERS = {  # by the number of `resample`: half the width, and the weight at a distance
    4: (0.5, lambda x: 1.0 if -0.5 < x <= 0.5 else 0.0),
    2: (1.0, lambda x: max(1.0 - abs(x), 0.0)),
    5: (1.0, lambda x: _sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)) if abs(x) < 1 else 0.0),
    3: (2.0, lambda x: _cubic(abs(x), -0.5)),
    1: (3.0, lambda x: _sinc(x) * _sinc(x / 3) if -3 <= x < 3 else 0.0),
}


def _sinc(x):
    return 1.0 if x == 0 else np.sin(np.pi * x) / (np.pi * x)


def _cubic(x, a):
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


@functools.cache
def pillow_weights(before, size, number):
    """For each output, the first input that it sees and the whole numbers that its inputs are multiplied by."""
    support, weigh = FILTERS[number]
    scale = before / size
    stretch = max(scale, 1.0)  # the filter widens when the image shrinks: antialiasing
    found = []
    for at in range(size):
        center = (at + 0.5) * scale
        first = max(int(center - support * stretch + 0.5), 0)
        last = min(int(center + support * stretch + 0.5), before)
        weights = np.array([weigh((x - center + 0.5) * (1.0 / stretch)) for x in range(first, last)])
        weights = weights / weights.sum() * (1 << PRECISION)
        found.append((first, np.trunc(weights + np.copysign(0.5, weights)).astype(np.int64)))
    return found


def pillow_pass(pixels, size, number):
    """Resizes the first axis of int64 pixels."""
    if len(pixels) == size:
        return pixels
    rows = []
    for first, weights in pillow_weights(len(pixels), size, number):
        total = np.tensordot(weights, pixels[first : first + len(weights)], 1) + (1 << (PRECISION - 1))
        rows.append(np.clip(total >> PRECISION, 0, 255))
    return np.stack(rows)


def is_down_first(height, width, new_height, new_width):
    """Whether Pillow 13 resizes columns before rows."""
    return height - new_height > max(2 * (width - new_width), 0)


def pillow_resize(image, height, width, number, version=13):
    """What Image.resize gives for 8 bits: one axis after the other, with bytes between."""
    pixels = np.asarray(image, np.int64)
    if number == 0:
        y, x = ((np.arange(to) + 0.5) * (of / to) for to, of in zip((height, width), pixels.shape))
        return pixels[y.astype(int)[:, None], x.astype(int)]

    def across(lines):
        return pillow_pass(lines.transpose(1, 0, 2), width, number).transpose(1, 0, 2)

    def down(lines):
        return pillow_pass(lines, height, number)

    first = version >= 13 and is_down_first(*pixels.shape[:2], height, width)
    return across(down(pixels)) if first else down(across(pixels))


def output_size(height, width, size):
    """Height and width after resizing, as get_resize_output_image_size and get_size_with_aspect_ratio compute them."""
    if "height" in size:
        return size["height"], size["width"]
    short, raw = size["shortest_edge"], None
    low, high = min(height, width), max(height, width)
    if "longest_edge" not in size:
        long = int(short * high / low)
        return (long, short) if width <= height else (short, long)
    if high / low * short > size["longest_edge"]:
        raw = size["longest_edge"] * low / high
        short = round(raw)
    if low == short:
        return height, width
    long = int((short if raw is None else raw) * high / low)
    return (long, short) if width < height else (short, long)


def crop(pixels, height, width):
    """The middle of [height, width, 3]; what is missing is zeros, of an odd number one more before than after."""
    before, (tall, broad) = pixels, pixels.shape[:2]
    top, left = -(-max(height - tall, 0) // 2), -(-max(width - broad, 0) // 2)
    pixels = np.zeros((max(height, tall), max(width, broad), 3), before.dtype)
    pixels[top : top + tall, left : left + broad] = before
    top, left = max(tall - height, 0) // 2, max(broad - width, 0) // 2
    return pixels[top : top + height, left : left + width]


def written_out(processor, image, version=13):
    """Bytes after resizing and cropping, [3, height, width]."""
    found = np.asarray(image, np.int64)
    if processor.do_resize:
        size = output_size(*found.shape[:2], dict(processor.size))
        found = pillow_resize(image, *size, int(processor.resample), version)
    if processor.do_center_crop:
        found = crop(found, processor.crop_size["height"], processor.crop_size["width"])
    return found.transpose(2, 0, 1)


def check_pixels(processor, image, pixels):
    """What is written out above must give the processor's bytes."""
    assert np.array_equal(written_out(processor, image), pixels.numpy()), "Pillow computes otherwise"


def check_values(processor, pixels, values):
    """Rescaled in f64 and rounded to f32; mean and std in f32."""
    found = pixels.numpy()
    if processor.do_rescale:
        found = (found.astype(np.float64) * processor.rescale_factor).astype(np.float32)
    if processor.do_normalize:
        mean, std = (np.array(v, np.float32)[:, None, None] for v in (processor.image_mean, processor.image_std))
        found = (found.astype(np.float32) - mean) / std
    assert np.array_equal(found, values.numpy()), "values are computed otherwise"


def check_decoding(opened, decoded):
    """How Pillow's convert("RGB") treats each mode; the sentence for processor.json."""
    given, found = np.asarray(opened).astype(np.int64), np.asarray(decoded).astype(np.int64)
    if opened.mode == "RGB":
        expected, says = given, "as it is"
    elif opened.mode == "L":
        expected, says = np.stack([given] * 3, -1), "grey three times"
    elif opened.mode == "LA":
        expected, says = given[..., [0, 0, 0]], "alpha dropped, nothing blended; grey three times"
    elif opened.mode == "RGBA":
        expected, says = given[..., :3], "alpha dropped, nothing blended"
    elif opened.mode == "P":
        palette = np.array(opened.getpalette()).reshape(-1, 3)
        expected, says = palette[given], "colours of the palette; their alpha (tRNS) is dropped, nothing blended"
    elif opened.mode == "1":
        expected, says = np.stack([given * 255] * 3, -1), "0 and 255, three times"
    elif opened.mode == "I;16":
        expected, says = np.stack([np.minimum(given, 255)] * 3, -1), "min(value, 255), three times: not divided by 256"
    else:
        assert opened.mode == "CMYK"
        light = 255 - given[..., 3:]
        product = given[..., :3] * light + 128
        expected = np.clip(light - ((product >> 8) + product >> 8), 0, 255)
        says = "(255 - k) - c * (255 - k) / 255, the quotient rounded; Pillow has undone Adobe's inversion; no profile"
    assert np.array_equal(expected, found), f"{opened.mode} is converted otherwise"
    return says


# ---------------------------------------------------------------- processor.json

STEPS = {
    "loading": "transformers.image_utils.load_image, as the image-classification pipeline does: PIL.Image.open, "
    "ImageOps.exif_transpose (so EXIF orientation is applied; of PNG and WebP too), convert('RGB'). Animations: the "
    "first frame. No colour profile and no gamma is applied",
    "exif": {
        "1": "as it is", "2": "mirrored left to right", "3": "turned by 180 degrees", "4": "mirrored top to bottom",
        "5": "transposed (row and column exchanged)", "6": "turned by 90 degrees clockwise",
        "7": "transposed along the other diagonal", "8": "turned by 90 degrees anticlockwise",
    },
    "jpeg": "libjpeg-turbo with its defaults: accurate integer IDCT (ISLOW), fancy upsampling of halved chroma; "
    "another decoder may be off by a few levels where chroma is halved",
    "16 bits": "Pillow keeps the high byte of each channel of a coloured PNG (rgb16.png), but cuts grey at 255 "
    "(grey16.png), which leaves most such images white",
    "handed over as PIL images": "without load_image neither EXIF nor convert('RGB') is applied: then do_convert_rgb "
    "(BitImageProcessor) blends alpha onto white, and processors without it keep 1 or 4 channels and refuse to "
    "normalise them by 3 means (see handed_as_pil)",
    "size": "a number is {height, width}, but the shortest edge for BitImageProcessor (default_to_square false); a "
    "number for crop_size is {height, width}. shortest_edge: the other edge is int(shortest * long / short), cut off. "
    "With longest_edge: if long / short * shortest > longest, shortest = round(longest * short / long) and the other "
    "edge is int of the unrounded value * long / short; an edge of 0 is an error (wide.png in `edges`)",
    "resize": "PIL.Image.resize on bytes with the number of `resample`: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic "
    "(a = -0.5), 4 box, 5 Hamming; default 2 for ViT, 3 for DeiT and BiT. scale = before / after; output i is centred "
    "at (i + 0.5) * scale; the filter widens by max(scale, 1), so shrinking is antialiased; it is cut at the borders "
    "and its weights are divided by their sum, then rounded to 22 bits (halves away from zero). First along "
    "each row, rounded to bytes (halves up) and clipped to 0..255, then along each column likewise; an axis whose size "
    "stays is left alone. Pillow 13 takes columns first where the height shrinks by more than twice what the width "
    "does (before height - after > max(2 * (before width - after), 0)); Pillow 12 and before never do: pixels may "
    "differ by 1, rarely more (see pillow12). Nearest: floor((i + 0.5) * scale)",
    "crop": "after resizing, on bytes: top = (height - crop) // 2, left likewise. Where the crop is larger, zeros "
    "around: ceil(missing / 2) before, the rest after",
    "rescale": "float32(float64(byte) * rescale_factor); do_rescale is true and the factor 1 / 255 if not said",
    "normalize": "(x - mean) / std, all in float32; with do_rescale false of 0..255; with neither the result is bytes",
    "checked": "make_images.py writes resize, crop, sizes, rescale, normalize and the conversions out in numpy and "
    "compares: all equal, bit by bit, for every file and variant",
    "tensors": "in processor.safetensors: decoded.<file>, bytes [height, width, 3] after loading (not of large.png, "
    "which is without loss); pixels.<variant>.<file>, bytes [3, height, width] after resize and crop (of *_224 every "
    "16th row, from the first); values.<variant>.<file>, what the processor gives. Variants with same_as have the "
    "pixels of that one",
    "reference": "the Pillow backend (backend='pil', the slow processor before). `torchvision` says how far the other "
    "backend, which transformers prefers where torchvision is installed, is off over all good files given as RGB: the "
    "largest difference of bytes, the part of bytes that differ, the largest difference of values. Where the crop "
    "pads an odd number of rows or columns it puts the odd one after, not before; those files (shifted) are not "
    "counted",
    "pillow12": "files whose bytes are others with the order of Pillow 12, and the largest difference",
}  # fmt: skip


def torchvision_figures(variant, processor, other, images):
    """How far the torchvision backend is off."""
    bytes_off, unequal, count, values_off, shifted, refused = 0, 0, 0, 0.0, [], []
    for name, image in images.items():
        try:
            ours = pixels_of(processor, image)
        except ValueError:
            refused.append(name)
            continue
        try:
            theirs = pixels_of(other, image)
        except NotImplementedError:
            return dict(refused="it has not this filter")
        assert ours.shape == theirs.shape
        height, width = output_size(image.height, image.width, dict(processor.size))
        if not processor.do_resize:
            height, width = image.height, image.width
        if processor.do_center_crop:
            missing = [max(a - b, 0) for a, b in zip(ours.shape[1:], (height, width))]
            if any(rows % 2 for rows in missing):
                shifted.append(name)
                continue
        difference = (ours.int() - theirs.int()).abs()
        bytes_off = max(bytes_off, difference.max().item())
        unequal, count = unequal + (difference > 0).sum().item(), count + difference.numel()
        values = values_of(processor, image).double() - values_of(other, image).double()
        values_off = max(values_off, values.abs().max().item())
    figures = {}
    if count:
        figures = dict(max_byte_difference=bytes_off, part_unequal=unequal / count, max_value_difference=values_off)
    return figures | ({"shifted": shifted} if shifted else {}) | ({"refused_by_both": refused} if refused else {})


def torchvision_decoding(path, decoded):
    """How load_image_as_tensor, which the torchvision backend uses for paths, differs from load_image."""
    from transformers.image_utils import load_image_as_tensor

    try:
        found = load_image_as_tensor(str(path))
    except RuntimeError:
        return "refused"
    expected = torch.from_numpy(np.array(decoded)).permute(2, 0, 1)
    if found.dtype == torch.uint8 and found.shape == expected.shape:
        return "same" if torch.equal(found, expected) else "other pixels"
    return f"{str(found.dtype).removeprefix('torch.')} {list(found.shape)}"


def describe_file(path, about, tensors):
    """The entry of a good file, and its image."""
    opened, decoded = Image.open(path), load_image(str(path))
    exif = opened.getexif().get(ORIENTATION)
    opened.load()
    turned = ImageOps.exif_transpose(opened)
    if path.name != "large.png":
        tensors[f"decoded.{path.name}"] = torch.from_numpy(np.array(decoded))
    entry = dict(
        about=about, format=opened.format, mode=opened.mode, width=opened.width, height=opened.height,
        exif_orientation=exif, decoded_width=decoded.width, decoded_height=decoded.height,
        to_rgb=check_decoding(turned, decoded), torchvision_decoding=torchvision_decoding(path, decoded),
    )  # fmt: skip
    return entry, decoded


def describe_bad(path, about):
    try:
        load_image(str(path))
    except Exception as error:  # all kinds: it is what is asked
        return dict(about=about, error=type(error).__name__, message=str(error).replace(f"'{path}'", "it"))
    raise AssertionError(f"{path.name} is read")


def handed_as_pil(folder):
    """What processors make of images that nobody has converted."""
    found = {}
    for name in ("rgba.png", "grey.png"):
        for variant in ("vit", "dinov2"):
            image = Image.open(folder / name)
            processor = processors(VARIANTS[variant])[0]
            try:
                values = values_of(processor, image)
                same = torch.equal(values, values_of(processor, load_image(str(folder / name))))
                said = f"{list(values.shape)}, {'as' if same else 'not as'} after load_image"
            except ValueError as error:
                said = f"ValueError: {error}"
            found[f"{name} in {variant}"] = said
    return found


def describe_variant(name, variant, images, tensors):
    processor, other = processors(variant)
    older = {}
    stored = list(images) if variant.pixels == "all" else variant.pixels
    for file, image in images.items():
        try:
            pixels = pixels_of(processor, image)
        except ValueError:
            continue  # told by torchvision_figures
        if not variant.same_as:
            check_pixels(processor, image, pixels)
            size = output_size(image.height, image.width, dict(processor.size))
            if processor.do_resize and is_down_first(image.height, image.width, *size):
                was = written_out(processor, image, version=12)
                difference = np.abs(was - pixels.numpy().astype(np.int64)).max().item()
                older |= {file: difference} if difference else {}
        values = values_of(processor, image)
        check_values(processor, pixels, values)
        if variant.same_as:
            same = tensors.get(f"pixels.{variant.same_as}.{file}")
            assert same is None or torch.equal(pixels, same), f"{name} is not as {variant.same_as}"
        if file in stored:
            tensors[f"pixels.{name}.{file}"] = pixels[:, :: variant.rows].contiguous()
        if file in variant.values:
            tensors[f"values.{name}.{file}"] = values.contiguous()
    known = ("do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
             "do_normalize", "image_mean", "image_std")  # fmt: skip
    means = {key: getattr(processor, key) for key in known}
    means["resample"] = int(means["resample"])
    means |= {key: {k: v for k, v in dict(means[key]).items() if v} for key in ("size", "crop_size") if means[key]}
    entry = dict(about=variant.about, processor=type(processor).__name__.removesuffix("Pil"))
    entry |= dict(preprocessor_config=variant.config, means=means)
    entry |= {"model_type": variant.model_type} if variant.model_type else {}
    entry |= {"same_as": variant.same_as} if variant.same_as else {}
    entry |= {"pillow12": older} if older else {}
    return entry | dict(torchvision=torchvision_figures(variant, processor, other, images))


def versions():
    import torchvision
    from PIL import features

    return dict(
        transformers=transformers.__version__, torch=torch.__version__, torchvision=torchvision.__version__,
        pillow=PIL.__version__, libjpeg_turbo=features.version("libjpeg_turbo"), zlib=features.version("zlib"),
        webp=features.version("webp"),
    )  # fmt: skip


def make_images():
    folder = FIXTURES / "images"
    goldens.empty_folder("images")
    good, tensors = good_files(), {}
    bad = bad_files(good)
    for name, (data, _) in {**good, **bad}.items():
        (folder / name).write_bytes(data)
    files, images = {}, {}
    for name, (_, about) in good.items():
        files[name], images[name] = describe_file(folder / name, about, tensors)
    refused = {name: describe_bad(folder / name, about) for name, (_, about) in bad.items()}
    variants = {name: describe_variant(name, variant, images, tensors) for name, variant in VARIANTS.items()}
    save_file(tensors, folder / "processor.safetensors")
    found = dict(versions=versions(), steps=STEPS, files=files, bad_files=refused, variants=variants)
    goldens.write_json(folder / "processor.json", found | dict(handed_as_pil=handed_as_pil(folder)))
    for path in folder.iterdir():
        path.chmod(0o644)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    print(f"images: {len(good)} good, {len(bad)} bad, {len(tensors)} tensors, {sum(sizes.values()) / 1000:.0f} KB")


# ---------------------------------------------------------------- digits


def write_digits(folder):
    """scikit-learn's 1,797 digits, 8 x 8 with values 0 to 16, as grey PNG files: <folder>/<digit>/<index>.png."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (pixels, digit) in enumerate(zip(digits.images, digits.target)):
        path = Path(folder) / str(digit) / f"{index:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = (pixels.astype(np.int64) * 255 + 8) // 16
        Image.fromarray(levels.astype(np.uint8)).save(path)
    print(f"{len(digits.target)} digits in {folder}")
