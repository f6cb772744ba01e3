#!/usr/bin/env python3
"""Prints how a Meson test run ended, test case by test case: N passed, N failed, N skipped.

usage: count_tests.py BUILD_FOLDER

A GoogleTest program counts with each of its cases, any other test as one. A program that ended badly although no case
of it failed (a crash, a sanitizer's report, a timeout) counts as one failure. Exits 1 when something failed or when no
test ran.
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def count_cases(report):
    """(passed, failed, skipped, names of the failed) of a GoogleTest report."""
    passed, failed, skipped = 0, [], 0
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}.{case.get('name')}")
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            skipped += 1
        elif case.get("status", "run") == "run":
            passed += 1
    return passed, failed, skipped


def main():
    folder = pathlib.Path(sys.argv[1])
    log = folder / "meson-logs" / "testlog.json"
    passed, failed, skipped, names = 0, [], 0, set()
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
        test = json.loads(line)
        name, result = test["name"].split(" / ")[-1], test["result"]
        report = folder / f"{name}.xml"
        if name in names:
            failed.append(f"{name} (two tests have this name: one overwrites the other's report)")
            continue
        names.add(name)
        if report.exists():
            case_passed, case_failed, case_skipped = count_cases(report)
            passed, skipped, failed = passed + case_passed, skipped + case_skipped, failed + case_failed
            if result not in ("OK", "SKIP") and not case_failed:
                failed.append(f"{name} ({result.lower()})")
        elif result in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif result == "SKIP":
            skipped += 1
        else:
            failed.append(f"{name} ({result.lower()})")
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
