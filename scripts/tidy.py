#!/usr/bin/env python3
"""Runs clang-tidy on the checkout's own sources, two at a time, and remembers what was clean.

usage: tidy.py CLANG_TIDY BUILD_FOLDER CACHE_FOLDER [--jobs N] [--limit SECONDS] [FILE ...]

A file is looked at again when it, a header of ours that it includes, its compile command, .clang-tidy or the tool
itself has changed.
What clang-tidy reports is printed; exits 1 when it reported something or needed more than --limit seconds for a file.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = ("core/", "drawing/", "plugins/", "tools/", "examples/")  # tests may be plain
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def own_headers(source):
    """Headers of this checkout that `source` reaches through quoted includes, itself first."""
    found, open_files = [], [source]
    while open_files:
        path = open_files.pop()
        if path in found or not path.is_file():
            continue
        found.append(path)
        for name in INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")):
            open_files += [ROOT / name, path.parent / name]
    return found


def key_of(version, entry, source):
    """Everything that decides what clang-tidy says about a file. Paths are relative, so clones share the memory."""
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    digest.update(version.encode())
    digest.update(entry["command"].replace(str(ROOT), "").encode())
    for path in sorted({p.resolve() for p in own_headers(source)}):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def look_at(tidy, source, build, clean, limit):
    """'' when a file is clean, else what to print."""
    command = ["timeout", str(limit), tidy, "--quiet", "-p", str(build), str(source)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if run.returncode == 124:
        return f"{source}: clang-tidy needed more than {limit} s\n"
    if run.returncode:
        return run.stdout + (run.stderr if not run.stdout else "")
    clean.touch()
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tidy", help="the program")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("cache", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--limit", type=int, default=300, help="seconds for one file")
    parser.add_argument("files", nargs="*", help="only these (path below the checkout)")
    args = parser.parse_intermixed_args()
    if not shutil.which(args.tidy):
        sys.exit(f"tidy: {args.tidy} is not there; run scripts/setup check")
    version = subprocess.run([args.tidy, "--version"], capture_output=True, text=True, check=True).stdout
    args.cache.mkdir(parents=True, exist_ok=True)

    entries = {}
    for entry in json.loads((args.build / "compile_commands.json").read_text()):
        source = pathlib.Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        name = os.path.relpath(source, ROOT)
        if name.startswith(OURS) and (not args.files or name in args.files):
            entries[name] = (source, args.cache / key_of(version, entry, source))
    waiting = {name: pair for name, pair in entries.items() if not pair[1].exists()}
    print(f"{len(entries)} files, {len(entries) - len(waiting)} known to be clean", flush=True)

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(look_at, args.tidy, source, args.build, clean, args.limit) for source, clean in waiting.values()]
        for run in concurrent.futures.as_completed(runs):
            if run.result():
                bad += 1
                print(run.result(), flush=True)
    print(f"{bad} of {len(entries)} files with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
