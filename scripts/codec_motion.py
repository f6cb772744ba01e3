#!/usr/bin/env python3
"""What m3motion saves behind m3avdec by using what the codec tells, and whether the decisions hold.

usage: scripts/m3 /usr/bin/python3 scripts/codec_motion.py [--budget N] [--events EVENTS.json] CLIP...

Plays every clip with and without use-codec and prints for both: the part of the frames whose pixels were looked at, the CPU time of
a frame beyond decoding, tokens, and with EVENTS.json ({"clip.mp4": [[from, to], ...]}) how many events got a frame of 36
tokens within half a second, and the part of the quiet frames that was encoded. No model is loaded. Exits 1 when an event is missed by
one way and not by the other."""
import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
import time

LOG = tempfile.NamedTemporaryFile(prefix="m3-decisions-")  # noqa: SIM115  # lives as long as the program
os.environ.update(GST_DEBUG="m3scale:6", GST_DEBUG_FILE=LOG.name, GST_DEBUG_NO_COLOR="1")

import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

DECISION = re.compile(r"(\d+):(\d\d):(\d\d\.\d+) scale (\d+), \w+")


def play(line):
    """CPU seconds, m3motion's stats and decisions (second, scale)."""
    with open(LOG.name, "r+", encoding="utf-8") as log:
        log.seek(0, os.SEEK_END)
        begin = log.tell()
    pipeline = Gst.parse_launch(line)
    cpu = time.process_time()
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(900 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    spent = time.process_time() - cpu
    if message is None or message.type == Gst.MessageType.ERROR:
        sys.exit(f"codec_motion: {line}: {message.parse_error()[0].message if message else 'no end'}")
    motion = pipeline.get_by_name("motion")
    stats = motion.get_property("stats") if motion else None
    counts = [stats.get_uint64(name)[1] for name in ("frames", "passed")] if stats else [0, 0]
    pipeline.set_state(Gst.State.NULL)
    with open(LOG.name, encoding="utf-8") as log:
        log.seek(begin)
        found = DECISION.findall(log.read())
    return spent, counts, [(int(h) * 3600 + int(m) * 60 + float(s), int(scale)) for h, m, s, scale in found]


def events_seen(decisions, events):
    return sum(any(begin - 0.2 <= t <= begin + 0.5 and scale >= 36 for t, scale in decisions) for begin, _ in events)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=pathlib.Path)
    parser.add_argument("--budget", type=float, default=30, help="tokens a second (30)")
    parser.add_argument("--events", type=pathlib.Path)
    options = parser.parse_args()
    events = json.loads(options.events.read_text(encoding="utf-8")) if options.events else {}
    Gst.init(None)
    same = True
    for clip in options.clips:
        head = f'filesrc location="{clip.resolve()}" ! parsebin ! m3avdec max-threads=1 ! videoconvert'
        end = "fakesink sync=false"
        bare = min(play(f"{head} ! {end}")[0] for _ in range(3))
        seen = []
        for use in ("false", "true"):
            line = f"{head} ! m3motion name=motion use-codec={use} ! m3scale fps=0 budget={options.budget} ! {end}"
            runs = [play(line) for _ in range(3)]
            spent = min(run[0] for run in runs)
            _, (frames, passed), decisions = runs[0]
            spans = events.get(clip.name, [])
            quiet = [s for t, s in decisions if t > 1 and all(not a - 0.3 <= t <= b + 1 for a, b in spans)] if spans else []
            seen.append(events_seen(decisions, spans))
            told = f", {seen[-1]} of {len(spans)} events, {sum(s > 0 for s in quiet) / max(1, len(quiet)):.2%} of quiet frames" if spans else ""
            print(f"{clip.name:34} use-codec={use:5} looked at {1 - passed / max(1, frames):4.0%}, "
                  f"{(spent - bare) / max(1, frames) * 1000:5.2f} ms of CPU a frame, {sum(s for _, s in decisions)} tokens{told}", flush=True)
        same &= seen[0] == seen[1]
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
