#!/usr/bin/env python3
"""Writes pictures/: small files of every kind that read_image() takes, for tests/vision/image_file_test.cpp, and
pictures/index.jsonl with what Pillow's convert("RGB") makes of them. Needs Pillow and numpy.
Run it beside its output: python3 make_pictures.py
"""
import json
import pathlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 23, 17
FOLDER = pathlib.Path(__file__).parent / "pictures"


def fnv1a(data):
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def main():
    FOLDER.mkdir(exist_ok=True)
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:4]
    pixels = ((x * 11 + y * 15 + (x * y) % 7 * 9) * (c + 1) % 256).astype(np.uint8)
    rgb = Image.fromarray(np.ascontiguousarray(pixels[:, :, :3]))
    grey = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0]))
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter turn, which is not to be done
    grey.save(FOLDER / "grey.png")
    Image.fromarray(np.ascontiguousarray(pixels[:, :, :2])).save(FOLDER / "grey_alpha.png")
    rgb.save(FOLDER / "rgb.png")
    Image.fromarray(pixels).save(FOLDER / "rgba.png")
    rgb.quantize(17).save(FOLDER / "palette.png")
    rgb.quantize(17).save(FOLDER / "palette_transparent.png", transparency=3)
    grey.convert("1").save(FOLDER / "bits.png")
    rgb.save(FOLDER / "rgb.jpg", quality=85)
    rgb.save(FOLDER / "progressive.jpg", quality=70, progressive=True, subsampling=0)
    rgb.save(FOLDER / "turned.jpg", quality=85, exif=turned)
    grey.save(FOLDER / "grey.jpg", quality=85)
    lines = []
    for path in sorted(FOLDER.glob("*.[jp]*g")):
        if path.stem == "cmyk":
            continue
        with Image.open(path) as picture:
            lines.append(json.dumps({"file": path.name, "fnv1a": fnv1a(picture.convert("RGB").tobytes())}))
    (FOLDER / "index.jsonl").write_text("\n".join(lines) + "\n")
    rgb.convert("CMYK").save(FOLDER / "cmyk.jpg", quality=85)


main()
