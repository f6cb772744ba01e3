#!/usr/bin/env python3
"""Asks about a video whenever something moves or the scene changes, not by the clock.

usage: ask_when_it_moves.py FILE_OR_URI [MODEL]

m3qa tells on the bus why each frame was looked at (message m3-frame); the program asks with the signal `ask` when the
reason is one of those below, and prints what comes back (message m3-answer).
"""
import pathlib
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

REASONS = ("first", "scene", "motion")
QUESTION = "What do you see?"


def main(source, model="default"):
    Gst.init(None)
    uri = source if Gst.Uri.is_valid(source) else pathlib.Path(source).resolve().as_uri()
    pipeline = Gst.parse_launch(
        "uridecodebin name=source ! videoconvert ! m3qa name=qa frame-messages=true ! fakesink sync=false"
    )
    pipeline.get_by_name("source").set_property("uri", uri)
    qa = pipeline.get_by_name("qa")
    qa.set_property("model", model)
    loop = GLib.MainLoop()
    answers = []
    failures = []

    def on_message(_bus, message):
        if message.type == Gst.MessageType.EOS:
            loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            failures.append(message.parse_error()[0].message)
            loop.quit()
        elif message.type == Gst.MessageType.ELEMENT:
            fields = message.get_structure()
            if fields.get_name() == "m3-frame" and fields.get_value("reason") in REASONS:
                qa.emit("ask", QUESTION)
            elif fields.get_name() == "m3-answer":
                answers.append(fields.get_value("text"))
                print(f"{fields.get_value('asked_at'):.2f} s: {answers[-1]}", flush=True)

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    pipeline.set_state(Gst.State.PLAYING)
    try:
        loop.run()
    finally:
        pipeline.set_state(Gst.State.NULL)
    for failure in failures:
        print(f"ask_when_it_moves.py: {failure}", file=sys.stderr)
    return 0 if answers and not failures else 1


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__.split("\n\n")[1])
    sys.exit(main(*sys.argv[1:]))
