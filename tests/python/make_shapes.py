"""Writes `public/samples/shapes.zip`: 360 small images of six shapes, a folder a shape.

Nothing is downloaded: each image is drawn by this script, and the file is dedicated to the public domain (CC0 1.0), as its comment
says. Colour, size, place, rotation, stretching, filling, background, clutter and noise are drawn with a fixed seed, so the same
file comes out each time (with the same Pillow and zlib):

    python tests/python/make_shapes.py
"""

import io
import math
import pathlib
import random
import zipfile

import numpy as np
from PIL import Image, ImageDraw

NUM_IMAGES = 60  # of each shape
SIZE, FINE = 64, 4  # pixels of a side; a canvas is as many times finer
GRAIN = 4  # pixels of a side of a grain of noise
COLOURS = 12
OUTPUT = pathlib.Path(__file__).parents[2] / "public" / "samples" / "shapes.zip"
LICENCE = "Drawn by tests/python/make_shapes.py of Hone. CC0 1.0: https://creativecommons.org/publicdomain/zero/1.0/"

# A figure is a list of parts: points about (0, 0), at most 1 away, and whether they are closed. A part that is not is a stroke.


def around(radii, first=-90.0):
    """Points all round, at these distances from the middle; the first points up."""
    angles = [math.radians(first + 360 * index / len(radii)) for index in range(len(radii))]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(radii, angles)]


def heart():
    """The usual curve, upright."""
    found = []
    for step in range(60):
        t = 2 * math.pi * step / 60
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        found.append((x / 17, -(y + 2.5) / 17))
    return found


ARROW = [(-0.95, -0.2), (0.15, -0.2), (0.15, -0.6), (0.95, 0.0), (0.15, 0.6), (0.15, 0.2), (-0.95, 0.2)]
SHAPES = {
    "arrow": [(ARROW, True)],
    "circle": [(around([0.9] * 60), True)],
    "heart": [(heart(), True)],
    "square": [(around([1.0] * 4, first=-45.0), True)],
    "star": [(around([1.0, 0.42] * 5), True)],
    "triangle": [(around([1.0] * 3), True)],
}


def colour(generator):
    return tuple(generator.randrange(256) for _ in range(3))


def colours(generator):
    """A colour for the background and one for the figure, well apart in brightness."""
    while True:
        ground, ink = colour(generator), colour(generator)
        if abs(brightness(ground) - brightness(ink)) > 80:
            return ground, ink


def brightness(rgb):
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


def near(generator, base, distance):
    """A colour at most so far from another."""
    return tuple(min(max(value + generator.randint(-distance, distance), 0), 255) for value in base)


def background(generator, ground):
    """A slope of two colours with dots and lines on it."""
    side = SIZE * FINE
    ends = np.array([near(generator, ground, 30), near(generator, ground, 30)], np.float64)
    angle = generator.uniform(0, 2 * math.pi)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    share = (((x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)) / math.sqrt(2) + 0.5)[..., None]
    slope = Image.fromarray((ends[0] * (1 - share) + ends[1] * share).round().astype(np.uint8))
    canvas = slope.resize((side, side), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas)
    for _ in range(generator.randint(0, 9)):
        fill = near(generator, ground, 70)
        x, y, radius = generator.uniform(0, side), generator.uniform(0, side), generator.uniform(0.015, 0.05) * side
        if generator.random() < 0.6:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)
        else:
            turn, length = generator.uniform(0, math.pi), generator.uniform(0.1, 0.4) * side
            draw.line([x, y, x + length * math.cos(turn), y + length * math.sin(turn)], fill=fill, width=FINE * 2)
    return canvas


def draw_image(figure, generator, max_turn):
    """A figure in some colour, size, place and rotation (up to so many degrees) on some background: RGB, SIZE x SIZE; and a mask
    that is white where the figure is."""
    side = SIZE * FINE
    ground, ink = colours(generator)
    canvas = background(generator, ground)
    radius = generator.uniform(0.26, 0.46) * side
    wide, high = (radius * generator.uniform(0.8, 1.0) for _ in range(2))
    left, top = (generator.uniform(0.9 * radius, side - 0.9 * radius) for _ in range(2))
    turn = math.radians(generator.uniform(-max_turn, max_turn))
    width = max(int(radius * generator.uniform(0.14, 0.26)), FINE * 2)
    is_filled = generator.random() < 0.7
    mask = Image.new("L", canvas.size)
    draw, draw_mask = ImageDraw.Draw(canvas), ImageDraw.Draw(mask)
    for points, is_closed in figure:
        placed = []
        for x, y in points:
            x, y = x * wide, y * high
            placed.append((left + x * math.cos(turn) - y * math.sin(turn), top + x * math.sin(turn) + y * math.cos(turn)))
        if is_closed and is_filled:
            draw.polygon(placed, fill=ink)
            draw_mask.polygon(placed, fill=255)
        else:
            line = placed + placed[:2] if is_closed else placed
            draw.line(line, fill=ink, width=width, joint="curve")
            draw_mask.line(line, fill=255, width=width, joint="curve")
    image, mask = (found.resize((SIZE, SIZE), Image.Resampling.BOX) for found in (canvas, mask))
    pixels = np.asarray(image, np.int64)
    strength, grains = generator.randint(0, 14), SIZE // GRAIN
    noise = np.frombuffer(generator.randbytes(grains * grains), np.uint8).reshape(grains, grains, 1)
    noise = noise.repeat(GRAIN, 0).repeat(GRAIN, 1).astype(np.int64)
    pixels = pixels + noise * (2 * strength + 1) // 256 - strength
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), mask


# Figures that still look like themselves when turned so far, in degrees.
MAX_TURN = {"arrow": 180.0, "square": 45.0, "star": 36.0}


def main():
    generator = random.Random(1859)
    images = {}
    for name, figure in SHAPES.items():
        for index in range(1, NUM_IMAGES + 1):
            image, _ = draw_image(figure, generator, MAX_TURN.get(name, 30.0))
            buffer = io.BytesIO()
            image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
            images[f"{name}/{index:02}.png"] = buffer.getvalue()
    with zipfile.ZipFile(OUTPUT, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = LICENCE.encode("ascii")
        for name, data in images.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on Unix, wherever this runs
            archive.writestr(entry, data)
    print(f"{len(images)} images, {OUTPUT.stat().st_size} bytes: {OUTPUT}")


if __name__ == "__main__":
    main()
