#!/usr/bin/env python3
"""Writes window_layout.json: windows laid out by the model's PyTorch reference, for tests/core/window_layout_test.cpp.

`Layout` is the reference's own class; only its tokenizer is replaced by bytes, with three special tokens behind them.
Needs torch. Run it beside its output: python3 make_window_layout.py
"""
import json
import pathlib

import torch

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PREFIX = "<|im_start|>system\nAnswer questions about what you see.<|im_end|>\n<|im_start|>user"


def question_text(q):
    return f"\n{q}<|im_end|>\n<|im_start|>assistant\n"


def marker_text(t):
    return "\n" if t is None else f"\n{int(t)}s:"


class Bytes:
    def ids(self, text):
        ids = []
        while text:
            special = next((s for s in SPECIAL if text.startswith(s)), None)
            ids += [256 + SPECIAL.index(special)] if special else list(text[0].encode())
            text = text[len(special or text[0]):]
        return ids


class Layout:
    """One window: prefix, spans (a span sees only itself), then branches (each sees prefix, all spans and itself)."""
    def __init__(self, m, spans, branches):
        """spans: [(marker ids, scale)], branches: [(question ids, answer ids)]. Segments: 0 prefix, -k span k, +b branch b."""
        pre = m.ids(PREFIX); tok, seg, pos, self.visual = list(pre), [0] * len(pre), [], []
        for k, (mk, s) in enumerate(spans):
            tok += mk; self.visual.append((len(tok), s)); tok += [-1] * s; seg += [-(k + 1)] * (len(mk) + s)
        pos = list(range(len(tok))); n = len(tok); self.answers = []
        for b, (q, a) in enumerate(branches):
            o = len(tok) + len(q) - 1; self.answers.append((o, a)); body = q + a[:-1]; tok += body; seg += [b + 1] * len(body); pos += list(range(n, n + len(body)))
        self.tok, self.seg, self.pos = tok, seg, pos

    def mask(self, S):
        s = torch.tensor(self.seg + [99999] * (S - len(self.seg))); i = torch.arange(S); same = s[:, None] == s[None]; m = same.clone()
        q = (s > 0) & (s < 99999); m |= q[:, None] & (s <= 0)[None]
        return m & (i[None] <= i[:, None]) | torch.eye(S, dtype=torch.bool)


WINDOWS = [
    ([], ["What is this?"]),
    ([(None, 9)], ["What do you see?", "Is there a dog?"]),
    ([(0, 1), (2.96, 9), (61.5, 36), (3600, 4)], ["Hé?", "", "And now?"]),
]


def runs(row):
    """[first, length, ...] of the stretches of True."""
    out, start = [], None
    for i, value in enumerate([*row.tolist(), False]):
        if value and start is None:
            start = i
        if not value and start is not None:
            out += [start, i - start]
            start = None
    return out


def main():
    m, cases = Bytes(), []
    for spans, questions in WINDOWS:
        # An answer of one token, the end, adds nothing to the sequence: the reference leaves the last one out.
        layout = Layout(m, [(m.ids(marker_text(t)), s) for t, s in spans], [(m.ids(question_text(q)), [258]) for q in questions])
        cases.append({
            "spans": [{"second": t, "scale": s} for t, s in spans],
            "questions": questions,
            "ids": [-200 if t == -1 else t for t in layout.tok],
            "positions": layout.pos,
            "segments": layout.seg,
            "sees": [runs(row) for row in layout.mask(len(layout.tok))],
        })
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    (pathlib.Path(__file__).parent / "window_layout.json").write_text(f"[\n{lines}\n]\n")


main()
