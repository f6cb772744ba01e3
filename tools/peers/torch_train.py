#!/usr/bin/env python3
"""A step of training in PyTorch: the peer that m3-bench measures its trainer against.

The same work as a step of m3-train, written as one writes it in PyTorch: a padded batch of windows through a projector
and a Llama-family model with low-rank updates, the loss of the answers, gradients, clipping and AdamW. Weights are drawn
at random: speed depends on shapes only. Answers on stdin and stdout, so that m3-bench can take turns with it:
  argument JSON: {"hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim", "vocabulary", "features",
                  "projector", "grid", "rank", "threads", "bfloat16", "prefix",
                  "windows": [{"marker", "scale", "branches": [[question, answer]]}]}   numbers of tokens
  prints   {"ready": true, "version": ...}
  reads    a number N a line
  prints   N wall-clock times of one step each, in milliseconds, as a JSON array
Needs the Python package torch.
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class LowRankLinear(nn.Module):
    """A frozen matrix whose rows are cut into parts, with an update for each."""

    def __init__(self, parts, width, rank, dtype):
        super().__init__()
        self.register_buffer("weight", (torch.randn(sum(parts), width) / math.sqrt(width)).to(dtype))
        self.a = nn.Parameter(torch.randn(len(parts) * rank, width) / math.sqrt(width))
        self.b = nn.ParameterList(nn.Parameter(torch.randn(rows, rank) * 0.01) for rows in parts)
        self.rank = rank

    def forward(self, x):
        inner = F.linear(x, self.a.to(x.dtype)).split(self.rank, -1)
        return F.linear(x, self.weight) + torch.cat([F.linear(z, b.to(x.dtype)) for z, b in zip(inner, self.b)], -1)


class Block(nn.Module):
    def __init__(self, s, dtype):
        super().__init__()
        self.s = s
        q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
        self.cut = [q, kv, kv]
        self.register_buffer("norm1", torch.ones(s["hidden"], dtype=dtype))
        self.register_buffer("norm2", torch.ones(s["hidden"], dtype=dtype))
        self.qkv = LowRankLinear(self.cut, s["hidden"], s["rank"], dtype)
        self.out = LowRankLinear([s["hidden"]], q, s["rank"], dtype)
        self.gate_up = LowRankLinear([s["intermediate"]] * 2, s["hidden"], s["rank"], dtype)
        self.down = LowRankLinear([s["hidden"]], s["intermediate"], s["rank"], dtype)

    def forward(self, x, cos, sin, mask):
        s = self.s
        batch, rows, _ = x.shape
        q, k, v = self.qkv(F.rms_norm(x, x.shape[-1:], self.norm1, 1e-5)).split(self.cut, -1)
        heads = lambda z, n: z.view(batch, rows, n, s["head_dim"]).transpose(1, 2)
        half = s["head_dim"] // 2
        turn = lambda z: z * cos + torch.cat((-z[..., half:], z[..., :half]), -1) * sin
        q, k, v = turn(heads(q, s["heads"])), turn(heads(k, s["kv_heads"])), heads(v, s["kv_heads"])
        group = s["heads"] // s["kv_heads"]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, rows, -1))
        gate, up = self.gate_up(F.rms_norm(x, x.shape[-1:], self.norm2, 1e-5)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, s, dtype):
        super().__init__()
        self.s, self.dtype = s, dtype
        cells = s["grid"] ** 2
        self.register_buffer("embedding", (torch.randn(s["vocabulary"], s["hidden"]) / math.sqrt(s["hidden"])).to(dtype))
        self.register_buffer("norm", torch.ones(s["hidden"], dtype=dtype))
        self.register_buffer("mean", torch.randn(s["features"]))
        self.register_buffer("scale", torch.rand(s["features"]))
        self.linear = nn.Linear(s["features"], s["hidden"])
        self.fc1 = nn.Linear(s["features"], s["projector"])
        self.fc2 = nn.Linear(s["projector"], s["hidden"])
        self.place_hidden = nn.Parameter(torch.randn(cells, s["projector"]) * 0.1)
        self.place_out = nn.Parameter(torch.zeros(cells, s["hidden"]))
        self.blocks = nn.ModuleList(Block(s, dtype) for _ in range(s["layers"]))

    def project(self, features):
        x = ((features - self.mean) * self.scale).to(self.dtype)
        linear = lambda m, y: F.linear(y, m.weight.to(self.dtype), m.bias.to(self.dtype))
        inner = F.gelu(linear(self.fc1, x) + self.place_hidden.to(self.dtype))
        return linear(self.linear, x) + linear(self.fc2, inner) + self.place_out.to(self.dtype)

    def pool(self, y, scale):
        side = int(math.sqrt(scale))
        cells = self.s["grid"] // side
        return y.view(side, cells, side, cells, -1).mean((1, 3)).reshape(scale, -1)


def lay_out(s):
    """ids [B, S], positions, mask, places of visual tokens, asked rows, targets, weights of a padded batch."""
    generator = torch.Generator().manual_seed(1)
    draw = lambda n: torch.randint(s["vocabulary"], (n,), generator=generator).tolist()
    windows = []
    answers = sum(len(w["branches"]) for w in s["windows"])
    for w in s["windows"]:
        ids, segments = draw(s["prefix"] + w["marker"]), [0] * s["prefix"] + [-1] * w["marker"]
        visual = len(ids)
        ids, segments = ids + [0] * w["scale"], segments + [-1] * w["scale"]
        positions, asked = list(range(len(ids))), []
        first = len(ids)
        for n, (question, answer) in enumerate(w["branches"]):
            asked += [(len(ids) + question - 1 + i, 1 / answer / answers) for i in range(answer)]
            rows = question + answer - 1
            ids, segments = ids + draw(rows), segments + [n + 1] * rows
            positions += range(first, first + rows)
        windows.append((ids, segments, positions, visual, asked))
    longest = max(len(w[0]) for w in windows)
    longest += -longest % 8
    pad = lambda values, by: values + [by] * (longest - len(values))
    ids = torch.tensor([pad(w[0], 0) for w in windows])
    positions = torch.tensor([pad(w[2], 0) for w in windows])
    masks = []
    for w in windows:
        segment = torch.tensor(pad(w[1], 99999))
        asks = (segment > 0) & (segment < 99999)
        sees = (segment[:, None] == segment) | (asks[:, None] & (segment <= 0))
        masks.append(sees & torch.ones(longest, longest).tril().bool() | torch.eye(longest).bool())
    picked = [(b, row, weight) for b, w in enumerate(windows) for row, weight in w[4]]
    return (ids, positions, torch.stack(masks)[:, None], [w[3] for w in windows],
            torch.tensor([p[0] for p in picked]), torch.tensor([p[1] for p in picked]),
            torch.tensor([p[2] for p in picked]), torch.tensor(draw(len(picked))))


def main():
    s = json.loads(sys.argv[1])
    torch.set_num_threads(s["threads"])
    torch.manual_seed(1)
    dtype = torch.bfloat16 if s["bfloat16"] else torch.float32
    model = Model(s, dtype)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0, fused=True)
    ids, positions, mask, visual, batch, rows, weights, targets = lay_out(s)
    features = torch.randn(len(s["windows"]), s["grid"] ** 2, s["features"])
    frequencies = 1e4 ** (-torch.arange(0, s["head_dim"], 2).float() / s["head_dim"])

    def step():
        angles = positions[..., None].float() * frequencies
        angles = torch.cat((angles, angles), -1)[:, None]
        cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
        projected = model.project(features)
        x = F.embedding(ids, model.embedding)
        x = torch.stack([x[b].index_copy(0, torch.arange(at, at + w["scale"]), model.pool(projected[b], w["scale"]))
                         for b, (at, w) in enumerate(zip(visual, s["windows"]))])
        for block in model.blocks:
            x = block(x, cos, sin, mask)
        logits = F.linear(F.rms_norm(x[batch, rows], x.shape[-1:], model.norm, 1e-5), model.embedding).float()
        loss = (F.cross_entropy(logits, targets, reduction="none") * weights).sum()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        return loss.item()

    print(json.dumps({"ready": True, "version": torch.__version__}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - begin))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
