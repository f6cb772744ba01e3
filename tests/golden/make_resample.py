#!/usr/bin/env python3
"""Writes resample.jsonl: checksums of pictures resized by Pillow, for tests/core/resample_test.cpp.

The pictures are noise from a formula, half of them black and white only, which clips everywhere. One line a case:
sizes, channels, the box or null, the kind of noise and the FNV-1a hash of the result. Needs Pillow >= 13 (its order of
passes) and numpy. Run it beside its output: python3 make_resample.py
"""
import json
import pathlib

import numpy as np
from PIL import Image

CASES = [
    # from w, h, to w, h, box
    (1280, 720, 384, 384, None), (640, 480, 384, 384, None), (352, 288, 384, 384, None), (333, 777, 384, 384, None),
    (720, 1280, 384, 384, None), (384, 384, 384, 384, None), (384, 100, 384, 384, None), (17, 384, 384, 384, None),
    (2000, 3, 5, 7, None), (3, 2000, 5, 7, None), (1, 1, 9, 4, None), (5, 5, 1, 1, None), (2, 3, 33, 65, None),
    (33, 65, 32, 31, None), (97, 61, 96, 62, None), (31, 40, 31, 39, None), (31, 40, 30, 40, None), (60, 240, 54, 230, None),
    (60, 240, 54, 228, None), (60, 240, 54, 227, None), (100, 100, 50, 20, None), (90, 120, 100, 130, None),
    (50, 40, 64, 64, (0.5, 0, 50, 39.5)), (50, 40, 16, 12, (10.5, 3, 31.5, 20)), (23, 19, 40, 8, (1, 0.5, 22, 19)),
]


def noise(width, height, channels, hard):
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(channels), indexing="xy")
    n = (x * 73856093 ^ y * 19349663 ^ c * 83492791) & 0xFFFFFFFF
    n = (n * 2654435761 & 0xFFFFFFFF) >> 24
    return np.where(n >= 128, 255, 0).astype(np.uint8) if hard else n.astype(np.uint8)


def fnv1a(data):
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def main():
    lines = []
    for number, (width, height, to_width, to_height, box) in enumerate(CASES):
        for channels in (3, 1) if number % 2 else (3, 2):
            hard = (number + channels) % 2 == 0
            pixels = noise(width, height, channels, hard)
            # Channel by channel: Pillow would multiply two-channel pictures by their alpha.
            planes = [Image.fromarray(pixels[:, :, c].copy()).resize((to_width, to_height), Image.Resampling.BICUBIC, box)
                      for c in range(channels)]
            result = np.stack([np.asarray(p) for p in planes], -1)
            lines.append(json.dumps({"from": [width, height], "to": [to_width, to_height], "channels": channels, "box": box,
                                     "hard": hard, "fnv1a": fnv1a(result.tobytes())}))
    (pathlib.Path(__file__).parent / "resample.jsonl").write_text("\n".join(lines) + "\n")


main()
