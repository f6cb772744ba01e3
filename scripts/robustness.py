#!/usr/bin/env python3
"""What noise, light and a shaking camera cost. Puts them on real clips with ffmpeg and prints the tokens with and
without each. scripts/robustness.py CLIP.mp4... [--m3-ask PROGRAM] [--budget N] [--still SECONDS]

For every clip: as it is, and its first picture held still for a minute (--still), each with sensor noise (sigma 8),
flicker, a sunset, a swaying and a jittering camera (3 pixels). Quiet cameras stay quiet: what a disturbance adds to the
tokens is to stay below 15 %."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARGIN = 8  # pixels that the shaking camera may look beyond the picture


def view(x, y):
    return f"crop=iw-{MARGIN}:ih-{MARGIN}:'{x}':'{y}':exact=1"


STEADY = view("4", "4")
# vf_noise's strength is sqrt(3) sigma.
DISTURBANCES = {
    "none": STEADY,
    "noise": f"{STEADY},noise=c0s=14:c0f=t",
    "flicker": f"{STEADY},eq=eval=frame:brightness='0.03*sin(2*PI*9.3*t)'",
    "sunset": f"{STEADY},eq=eval=frame:contrast='1-0.6*t/SECONDS':brightness='-0.3*t/SECONDS'",
    "sway": view("4+3*sin(2*PI*0.9*t)", "4+3*sin(2*PI*1.3*t+1)"),
    "jitter": view("1+floor(6.99*random(1))", "1+floor(6.99*random(2))"),
}


def seconds_of(clip):
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", clip]
    return float(subprocess.run(probe, capture_output=True, text=True, check=True).stdout)


def make(clip, disturbance, still, out):
    seconds = still or seconds_of(clip)
    hold = f"select='eq(n,0)',loop={still * 25 - 1}:1:0,setpts=N/25/TB," if still else ""
    filters = hold + "format=yuv420p," + DISTURBANCES[disturbance].replace("SECONDS", str(seconds))
    rate = ["-r", "25"] if still else []
    command = ["ffmpeg", "-v", "error", "-y", "-i", clip, "-an", "-vf", filters, *rate]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", out]
    subprocess.run([str(word) for word in command], check=True)


def frames_of(program, clip, budget):
    words = ["--model", "fake:", "--question", "?", "--fps", "0", "--frames", "--json"]
    command = [*program, "--video", str(clip), "--budget", str(budget), *words]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [row for row in map(json.loads, lines) if row["type"] == "frame"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=pathlib.Path)
    parser.add_argument("--m3-ask", default=f"{ROOT}/scripts/m3 m3-ask", help="the program to ask")
    parser.add_argument("--budget", type=float, default=30, help="tokens a second (30)")
    parser.add_argument("--still", type=int, default=60, help="seconds that the first picture is held (60)")
    parser.add_argument("--only", choices=["clip", "still"], help="one of both kinds")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the clips; those there are used again")
    options = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("ffmpeg was not found. Install it: apt-get install ffmpeg")
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'clip':32} {'kind':6} {'on it':8} {'tokens':>7} {'encoded':>8} {'added':>8}")
        for clip in options.clips:
            for kind, still in (("clip", 0), ("still", options.still)):
                if options.only not in (None, kind):
                    continue
                plain = 0
                for name in DISTURBANCES:
                    made = folder / f"{clip.stem}-{kind}-{name}.mp4"
                    if not made.exists():
                        make(clip, name, still, made)
                    frames = frames_of(options.m3_ask.split(), made, options.budget)
                    tokens = sum(frame["scale"] for frame in frames)
                    encoded = sum(frame["scale"] > 0 for frame in frames) / max(1, len(frames))
                    plain = plain or tokens
                    added = tokens / plain - 1
                    worst = max(worst, added)
                    print(
                        f"{clip.stem:32} {kind:6} {name:8} {tokens:7} {encoded:8.2%} {added:+8.1%}",
                        flush=True,
                    )
    print(f"at most {worst:+.1%} tokens")
    return 0 if worst < 0.15 else 1


if __name__ == "__main__":
    sys.exit(main())
