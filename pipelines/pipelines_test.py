#!/usr/bin/env python3
"""Every pipeline of this folder plays to its end and shows what its first line promises.

usage: pipelines_test.py BUILD_FOLDER NAME.launch
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FRAMES, RATE = 60, 10
# What gst-launch-1.0 must print: an expression and how often.
EXPECTED = {
    # Six seconds, asked every ten: once, at the end.
    "ask-file.launch": [(r'm3-answer, .*question=\(string\)"What\\ do\\ you\\ see\\\?"', 1)],
    "overlay.launch": [(r"m3-answer, ", 1)],
    "wall.launch": [(r"m3-answer, ", 4)],
    "metadata.launch": [(r"GstM3ActivityMeta.*GstM3ScaleMeta", FRAMES)],
}
OPTIONS = {"metadata.launch": ["-v"]}


def make_clip(path):
    source = f"videotestsrc num-buffers={FRAMES} pattern=ball ! video/x-raw,width=320,height=180,framerate={RATE}/1"
    subprocess.run(["gst-launch-1.0", "-q", *f"{source} ! jpegenc ! avimux ! filesink location={path}".split()],
                   check=True, timeout=100)


def main():
    build, name = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    environment = {**os.environ, "M3_BUILD": str(build)}
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    with tempfile.TemporaryDirectory(prefix="m3-pipelines-") as folder:
        clip = os.path.join(folder, "a clip.avi")
        make_clip(os.path.join(folder, "clip.avi"))
        os.rename(os.path.join(folder, "clip.avi"), clip)
        command = [HERE / "run", "--model", "fake:", name, clip, "--", *OPTIONS.get(name, ["-m"])]
        run = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, stdin=subprocess.DEVNULL)
    print(run.stdout[-4000:], run.stderr[-4000:])
    assert run.returncode == 0, f"{name} ended with {run.returncode}"
    assert "ERROR" not in run.stderr and "CRITICAL" not in run.stderr, run.stderr
    for expression, times in EXPECTED[name]:
        found = len(re.findall(expression, run.stdout))
        assert found == times, f"{expression}: {found} times, expected {times}"


if __name__ == "__main__":
    main()
