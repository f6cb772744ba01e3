#!/usr/bin/env python3
"""Reads what `gst-launch-1.0 -m` prints and shows m3qa's messages for people: each answer with its time in the stream
as it comes, then how many frames got which scale. Exits 1 when the stream did not reach its end."""
import collections
import re
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

MESSAGE = re.compile(r"^Got message #\d+ from [^:]+ \((\w+)\): (.*)$")


def clock(seconds):
    return f"{int(seconds // 60):02d}:{seconds % 60:04.1f}"


def show_answer(answer):
    text = answer["text"] if answer["finish"] != "error" else f"error: {answer['error']}"
    print(f"[{clock(answer['asked_at'])}] {' '.join(text.split())}   "
          f"({answer['frames']} frames, {answer['visual_tokens']} visual tokens, {answer['total_ms']:.0f} ms)", flush=True)


def show_scales(scales, last_pts, wall_seconds):
    frames, encoded = sum(scales.values()), sum(count for scale, count in scales.items() if scale)
    tokens = sum(scale * count for scale, count in scales.items())
    print(f"\n{frames} frames ({clock(last_pts)} of video) in {wall_seconds:.1f} s; "
          f"{encoded} of them encoded, {tokens} visual tokens in all")
    print("scale  frames")
    for scale in sorted(scales, reverse=True):
        print(f"{scale:5d}  {scales[scale]:6d}" + ("   the tower was not called" if scale == 0 else ""))


def main():
    Gst.init(None)
    scales, last_pts, start, ended = collections.Counter(), 0.0, time.monotonic(), False
    for line in sys.stdin:
        message = MESSAGE.match(line.rstrip("\n"))
        if not message:
            continue
        if message[1] == "eos":
            ended = True
        if message[1] != "element" or not message[2].startswith("m3-"):
            continue
        structure = Gst.Structure.from_string(message[2])[0]
        fields = {structure.nth_field_name(i): structure.get_value(structure.nth_field_name(i)) for i in range(structure.n_fields())}
        if structure.get_name() == "m3-answer":
            show_answer(fields)
        elif structure.get_name() == "m3-frame":
            scales[fields["scale"]] += 1
            last_pts = max(last_pts, fields["pts"])
    if scales:
        show_scales(scales, last_pts, time.monotonic() - start)
    return 0 if ended else 1


if __name__ == "__main__":
    sys.exit(main())
