#!/usr/bin/env python3
"""What crops change for things that are far away.

usage: scripts/crops.py [--question TEXT] [--size PIXELS] EVENTS.json PICTURE CLIP...

EVENTS.json: {"clip.mp4": [[from, to], ...]}, when something is to be seen. Every clip is made small (its height --size) and laid
on PICTURE, 1280x720, so that what moves in it is far away. In the middle of each event and of each quiet stretch the question
(answered by yes or no) is asked with and without crops, everything else equal; prints how many answers are right and what both
cost in tokens."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def seconds_of(clip):
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(clip)]
    return float(subprocess.run(probe, capture_output=True, text=True, check=True).stdout)


def make(clip, picture, size, out):
    """The clip in the middle of the lower half of the picture."""
    graph = f"[0:v]scale=1280:720,setsar=1[back];[1:v]scale=-2:{size},setsar=1[far];[back][far]overlay=x=(W-w)/2:y=H*0.45:shortest=1"
    command = ["ffmpeg", "-v", "error", "-y", "-loop", "1", "-framerate", "25", "-i", picture, "-i", clip, "-an", "-filter_complex", graph]
    subprocess.run([str(word) for word in [*command, "-r", "12.5", "-crf", "18", "-pix_fmt", "yuv420p", out]], check=True)


def moments(events, seconds):
    """(when, whether something is there) in the middle of events and of what lies between them for three seconds or more."""
    last = 0.0
    for begin, end in [*events, [seconds, seconds]]:
        if begin - last >= 3:
            yield (last + begin) / 2 + 0.5, False
        if end > begin:
            yield (begin + end) / 2, True
        last = end


def ask(program, clip, question, when, crops):
    words = ["--video", str(clip), "--question", question, "--crops", "true" if crops else "false", "--json"]
    for second in when:
        words += ["--at", f"{second:.2f}"]
    lines = subprocess.run([*program, *words], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = list(map(json.loads, lines))
    answers = {row["asked_at"]: row["text"] for row in rows if row["type"] == "answer"}
    return answers, next(row for row in rows if row["type"] == "end")["visual_tokens"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("clips", nargs="+", type=pathlib.Path)
    parser.add_argument("--question", default="Is there a person?")
    parser.add_argument("--size", type=int, default=120, help="height of the small clip in pixels (120)")
    parser.add_argument("--m3-ask", default=f"{ROOT}/scripts/m3 m3-ask", help="the program to ask")
    options = parser.parse_args()
    events = json.loads(options.events.read_text(encoding="utf-8"))
    totals = {False: [0, 0, 0], True: [0, 0, 0]}  # right while it is there, right while not, tokens
    counts = [0, 0]
    with tempfile.TemporaryDirectory() as folder:
        for clip in options.clips:
            if clip.name not in events:
                sys.exit(f"crops: {options.events} says nothing of {clip.name}")
            made = pathlib.Path(folder) / clip.name
            make(clip, options.picture, options.size, made)
            there = list(moments(events[clip.name], seconds_of(made)))
            for crops, total in totals.items():
                answers, tokens = ask(options.m3_ask.split(), made, options.question, [t for t, _ in there], crops)
                total[2] += tokens
                for (when, seen) in there:
                    text = min(answers.items(), key=lambda item: abs(item[0] - when))[1]
                    total[0 if seen else 1] += text.lower().startswith("yes" if seen else "no")
            counts[0] += sum(seen for _, seen in there)
            counts[1] += sum(not seen for _, seen in there)
    for crops, (seen, not_seen, tokens) in totals.items():
        print(f"crops {'on ' if crops else 'off'}: yes {seen} of {counts[0]} times while it is there, "
              f"no {not_seen} of {counts[1]} times while it is not, {tokens} tokens")


if __name__ == "__main__":
    main()
