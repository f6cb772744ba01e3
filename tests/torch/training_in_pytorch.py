"""A step's loss and gradients in PyTorch, written down anew from docs/model-format.md and held against the trainer's.

  training_in_pytorch.py FOLDER    case.json and case.safetensors, as tests/torch/training_test.cpp writes them
"""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

LOSS_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4  # of the tensor's largest gradient

folder = pathlib.Path(sys.argv[1])
case = json.loads((folder / "case.json").read_text())
tensors = load_file(folder / "case.safetensors")
llm = {k[4:]: v for k, v in tensors.items() if k.startswith("llm.")}
adapter = {k[8:]: v.requires_grad_(not k.endswith(("proj.mean", "proj.scale"))) for k, v in tensors.items() if k.startswith("adapter.")}
HEADS, KV_HEADS, GRID, RANK = case["heads"], case["kv_heads"], case["grid"], case["rank"]
DIM = llm["blk.0.attn_q.weight"].shape[0] // HEADS


def halves(weight, heads):
    """GGUF interleaves the halves of each head's rows."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def project(x):
    p = lambda name: adapter["proj." + name]
    x = (x - p("mean")) * p("scale")
    inner = F.gelu(F.linear(x, p("fc1.weight"), p("fc1.bias")) + p("place_hidden"))
    return F.linear(x, p("linear.weight"), p("linear.bias")) + F.linear(inner, p("fc2.weight"), p("fc2.bias")) + p("place_out")


def pool(y, scale):
    side = int(scale**0.5)
    cells = GRID // side
    return y.view(side, cells, side, cells, -1).mean((1, 3)).reshape(scale, -1)


def linear(block, word, part, weight, x):
    a = adapter[f"blocks.{block}.{word}_a"][part * RANK : (part + 1) * RANK]
    return F.linear(x, weight) + case["factor"] * F.linear(F.linear(x, a), adapter[f"blocks.{block}.{word}_b.{part}"])


def turn(x, positions):
    """x [S, heads, DIM]"""
    frequencies = case["theta"] ** (-torch.arange(0, DIM, 2, dtype=torch.float32) / DIM)
    angles = torch.outer(positions.float(), frequencies)[:, None]
    low, high = x.chunk(2, -1)
    return torch.cat([low * angles.cos() - high * angles.sin(), high * angles.cos() + low * angles.sin()], -1)


def logits(x, positions, sees):
    rows = len(x)
    for n in range(case["layers"]):
        w = lambda name: llm[f"blk.{n}.{name}.weight"]
        y = F.rms_norm(x, x.shape[-1:], w("attn_norm"), case["epsilon"])
        q = turn(linear(n, "qkv", 0, halves(w("attn_q"), HEADS), y).view(rows, HEADS, DIM), positions)
        k = turn(linear(n, "qkv", 1, halves(w("attn_k"), KV_HEADS), y).view(rows, KV_HEADS, DIM), positions)
        v = linear(n, "qkv", 2, w("attn_v"), y).view(rows, KV_HEADS, DIM)
        k, v = (z.repeat_interleave(HEADS // KV_HEADS, 1) for z in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / DIM**0.5
        weights = scores.masked_fill(~sees, -torch.inf).softmax(-1)
        x = x + linear(n, "o", 0, w("attn_output"), torch.einsum("hqk,khd->qhd", weights, v).reshape(rows, -1))
        y = F.rms_norm(x, x.shape[-1:], w("ffn_norm"), case["epsilon"])
        gated = F.silu(linear(n, "gu", 0, w("ffn_gate"), y)) * linear(n, "gu", 1, w("ffn_up"), y)
        x = x + linear(n, "down", 0, w("ffn_down"), gated)
    return F.linear(F.rms_norm(x, x.shape[-1:], llm["output_norm.weight"], case["epsilon"]), llm["token_embd.weight"])


def window_losses(window):
    """The mean cross-entropy of each answer."""
    embed = lambda ids: llm["token_embd.weight"][torch.tensor(ids, dtype=torch.long)]
    pieces, segments = [embed(case["prefix"])], [0] * len(case["prefix"])
    for n, span in enumerate(window["spans"]):
        visual = pool(project(tensors[f"features.{span['picture']}"]), span["scale"])
        pieces += [embed(span["marker"]), visual]
        segments += [-n - 1] * (len(span["marker"]) + len(visual))
    branch_at, positions, asked = len(segments), list(range(len(segments))), []
    for n, branch in enumerate(window["branches"]):
        ids = branch["question"] + branch["answer"]
        first = len(segments) + len(branch["question"]) - 1
        asked.append((list(range(first, first + len(branch["answer"]))), branch["answer"]))
        pieces.append(embed(ids))
        segments += [n + 1] * len(ids)
        positions += range(branch_at, branch_at + len(ids))
    segments = torch.tensor(segments)
    same = segments[:, None] == segments[None]
    sees = (same | ((segments[:, None] > 0) & (segments[None] <= 0))) & torch.ones(len(segments), len(segments)).tril().bool()
    found = logits(torch.cat(pieces), torch.tensor(positions), sees)
    return [F.cross_entropy(found[rows], torch.tensor(answer)) for rows, answer in asked]


losses = [loss for window in case["windows"] for loss in window_losses(window)]
loss = torch.stack(losses).mean()
loss.backward()
off = abs(loss.item() - case["loss"])
worst, where = 0.0, ""
for name, tensor in adapter.items():
    if not tensor.requires_grad:
        continue
    wanted, found = tensor.grad, tensors["gradient." + name]
    error = ((wanted - found).abs().max() / wanted.abs().max()).item()
    if error > worst:
        worst, where = error, name
print(f"loss {case['loss']:.7f}, PyTorch {loss.item():.7f}; gradients differ most in {where}: {worst:.1e}")
sys.exit(0 if off <= LOSS_TOLERANCE and worst <= GRADIENT_TOLERANCE else 1)
