#!/usr/bin/env python3
"""Makes dequantize.safetensors: random blocks of every GGUF type we read, and what gguf-py expands them to.

Needs numpy, gguf and safetensors. Run it here; it is seeded and writes the same file each time.
"""

import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

BLOCKS = 6
# Where the half-width scales of a block stand, in bytes.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
# Finite halves of all kinds: zero, subnormal, least normal, ordinary, negative, largest.
HALVES = np.array([0x0000, 0x0001, 0x83FF, 0x0400, 0x2E66, 0xB555, 0x3C00, 0x7BFF], np.uint16)


def main():
    random = np.random.default_rng(1)
    tensors = {}
    for name in ["F16", "BF16", *SCALES]:
        kind = gguf.GGMLQuantizationType[name]
        _, width = gguf.GGML_QUANT_SIZES[kind]
        if name == "F16":
            blocks = np.concatenate([HALVES, random.integers(0, 0x7C00, 56, np.uint16)]).view(np.uint8)
        elif name == "BF16":
            blocks = random.normal(size=64).astype(np.float32).view(np.uint32).__rshift__(16).astype(np.uint16).view(np.uint8)
        else:
            blocks = random.integers(0, 256, (BLOCKS, width), np.uint8)
            for at in SCALES[name]:
                blocks[:, at : at + 2] = random.choice(HALVES, (BLOCKS, 1)).view(np.uint8)
            blocks = blocks.reshape(-1)
        tensors[name + ".bytes"] = blocks
        tensors[name + ".values"] = gguf.dequantize(blocks.reshape(1, -1), kind).astype(np.float32).reshape(-1)
    save_file(tensors, pathlib.Path(__file__).with_name("dequantize.safetensors"))


if __name__ == "__main__":
    main()
