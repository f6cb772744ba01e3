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
    return "--:--" if seconds is None else f"{int(seconds // 60):02d}:{seconds % 60:04.1f}"


def show_answer(field):
    text = field("text") if field("finish") != "error" else f"error: {field('error')}"
    print(f"[{clock(field('asked_at'))}] {' '.join(text.split())}   "
          f"({field('frames')} frames, {field('visual_tokens')} visual tokens, {field('total_ms'):.0f} ms)", flush=True)


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
        field = structure.get_value
        if structure.get_name() == "m3-answer":
            show_answer(field)
        elif structure.get_name() == "m3-frame":
            scales[field("scale")] += 1
            last_pts = max(last_pts, field("pts") or 0)
    if scales:
        show_scales(scales, last_pts, time.monotonic() - start)
    return 0 if ended else 1


if __name__ == "__main__":
    sys.exit(main())
