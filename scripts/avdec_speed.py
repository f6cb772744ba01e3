#!/usr/bin/env python3
"""Speed of m3avdec against the stock decoder of the same codec, both on the same FFmpeg.

usage: scripts/m3 /usr/bin/python3 scripts/avdec_speed.py [--pairs N] [--threads N] [FILE...]

Decodes every file by turns with avdec_*, with m3avdec without motion vectors and with m3avdec with them, and prints the
medians of what ours took, in parts of the stock decoder's CPU time and wall time of the same turn. Without files: a clip
of 720p that ffmpeg makes. Exits 1 when the CPU time is 5 % above without vectors or 15 % with them."""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

OURS = {"without vectors": ("m3avdec motion-vectors=off", 1.05), "with vectors": ("m3avdec", 1.15)}
PEERS = {"video/x-h264": "avdec_h264", "video/x-h265": "avdec_h265", "video/x-vp9": "avdec_vp9", "video/x-vp8": "avdec_vp8",
         "image/jpeg": "avdec_mjpeg", "mpeg4": "avdec_mpeg4", "mpeg2": "avdec_mpeg2video"}


def make_clip(path):
    source = "testsrc2=size=1280x720:rate=25:duration=20,noise=alls=6:allf=t"
    words = ["-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "fast", "-crf", "26", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, str(path)], check=True)


def run(line):
    """CPU and wall seconds of this process from the first packet to the end."""
    pipeline = Gst.parse_launch(line)
    pipeline.set_state(Gst.State.READY)
    wall, cpu = time.monotonic(), time.process_time()
    pipeline.set_state(Gst.State.PLAYING)
    wanted = Gst.MessageType.EOS | Gst.MessageType.ERROR
    message = pipeline.get_bus().timed_pop_filtered(600 * Gst.SECOND, wanted)
    spent = time.process_time() - cpu, time.monotonic() - wall
    pipeline.set_state(Gst.State.NULL)
    if message is None or message.type == Gst.MessageType.ERROR:
        sys.exit(f"avdec_speed: {line}: {message.parse_error()[0].message if message else 'no end'}")
    return spent


def source_of(path):
    """Elements up to the decoder, and the stock decoder."""
    pipeline = Gst.parse_launch(f'filesrc location="{path}" ! parsebin name=parser ! fakesink name=sink')
    pipeline.set_state(Gst.State.PAUSED)
    pipeline.get_state(60 * Gst.SECOND)
    caps = pipeline.get_by_name("sink").get_static_pad("sink").get_current_caps()
    pipeline.set_state(Gst.State.NULL)
    if caps is None:
        sys.exit(f"avdec_speed: {path}: no video stream")
    name = caps.get_structure(0).get_name()
    if name == "video/mpeg":
        name = f"mpeg{caps.get_structure(0).get_int('mpegversion').value}"
    if name not in PEERS:
        sys.exit(f"avdec_speed: {path}: no stock decoder is known for {name}")
    return f'filesrc location="{path}" ! parsebin', PEERS[name]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=9, help="turns (9)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each decoder, 0: their own choice (1)")
    options = parser.parse_args()
    Gst.init(None)
    held = True
    with tempfile.TemporaryDirectory() as folder:
        files = options.files
        if not files:
            files = [pathlib.Path(folder) / "720p.mp4"]
            make_clip(files[0])
        for path in files:
            head, peer = source_of(path.resolve())
            end = f"max-threads={options.threads} ! fakesink sync=false"
            run(f"{head} ! {peer} {end}")  # the file is in memory from here on
            ratios = {what: [] for what in OURS}
            for _ in range(options.pairs):
                base = run(f"{head} ! {peer} {end}")
                for what, (element, _) in OURS.items():
                    ratios[what].append([ours / theirs for ours, theirs in zip(run(f"{head} ! {element} {end}"), base)])
            for what, (_, most) in OURS.items():
                cpu, wall = (statistics.median(values) for values in zip(*ratios[what]))
                low, high = min(r[0] for r in ratios[what]), max(r[0] for r in ratios[what])
                held &= cpu <= most
                print(f"{path.name:28} {what:16} CPU {cpu:.3f} ({low:.3f} to {high:.3f}), wall {wall:.3f} of {peer}'s", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
