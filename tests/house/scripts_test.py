#!/usr/bin/env python3
"""What the scripts say when something is missing, and that test cases are counted right.

usage: scripts_test.py SOURCE_ROOT BUILD_ROOT
"""
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv[1]).resolve()
GTEST_REPORT = """<testsuites><testsuite name="Budget">
<testcase name="Spends" status="run" result="completed" classname="Budget" />
<testcase name="Saves" status="run" result="completed" classname="Budget"><failure message="1 != 2"/></testcase>
<testcase name="NeedsModel" status="run" result="skipped" classname="Budget"><skipped message="none"/></testcase>
<testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Budget" />
</testsuite></testsuites>"""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=100,
                          stdin=subprocess.DEVNULL, **options)


class InAFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="m3-scripts-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def program(self, name, text):
        """A program in a folder that comes first in the PATH of self.environment()."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def environment(self):
        return {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "M3_CACHE": str(self.folder / "cache")}

    def one_line(self, result, status, *parts):
        self.assertEqual(status, result.returncode, result.stderr)
        self.assertEqual("", result.stdout)
        self.assertEqual(1, len(result.stderr.splitlines()), result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)


class M3(InAFolder):
    def checkout(self):
        (self.folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "m3", self.folder / "scripts")
        return self.folder / "scripts" / "m3"

    def test_says_what_to_run_when_there_is_no_build(self):
        self.one_line(run(self.checkout(), "m3-ask"), 1, "there is no build", "scripts/demo")

    def test_names_a_tool_that_is_not_built_and_a_program_that_does_not_exist(self):
        script = self.checkout()
        (self.folder / "build" / "core").mkdir(parents=True)
        (self.folder / "build" / "core" / "libm3core.so").touch()
        self.one_line(run(script, "m3-nothing"), 1, "m3-nothing is not built")
        self.one_line(run(script, "no-such-program"), 1, "no program called no-such-program")

    def test_runs_a_tool_and_any_program_with_the_build_in_its_environment(self):
        script = self.checkout()
        (self.folder / "build" / "core").mkdir(parents=True)
        (self.folder / "build" / "core" / "libm3core.so").touch()
        tool = self.folder / "build" / "tools" / "m3-echo"
        tool.parent.mkdir()
        tool.write_text('#!/bin/sh\necho "$M3_MODEL_PATH|$1"\n')
        tool.chmod(0o755)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("M3_", "GST_"))}
        self.assertEqual(f"{self.folder}/models|a b\n", run(script, "m3-echo", "a b", env=environment).stdout)
        result = run(script, "sh", "-c", 'echo "$GST_PLUGIN_PATH $M3_ENGINE_PATH"', env=environment)
        self.assertEqual(f"{self.folder}/build/plugins {self.folder}/build/core/torch\n", result.stdout)


class Setup(InAFolder):
    def test_gives_the_line_for_the_administrator_when_packages_are_missing_and_you_are_not_root(self):
        self.program("id", "echo 1000\n")
        self.program("sudo", "exit 1\n")
        self.program("dpkg-query", 'for p in "$@"; do case $p in meson | ccache | -*) ;; *) echo "$p installed" ;; esac; done\n')
        self.one_line(run(ROOT / "scripts" / "setup", env=self.environment()), 1, "apt-get install ccache meson\n")

    def test_refuses_an_unknown_word(self):
        result = run(ROOT / "scripts" / "setup", "everything")
        self.assertEqual(2, result.returncode)
        self.assertIn("scripts/setup check", result.stderr)

    def test_the_list_of_packages_has_known_groups_and_no_package_twice(self):
        rows = [line.split() for line in (ROOT / "scripts" / "packages.txt").read_text().splitlines() if not line.startswith("#")]
        self.assertEqual({"build", "check"}, {group for group, _ in rows})
        self.assertEqual(sorted({name for _, name in rows}), sorted(name for _, name in rows))


class Demo(InAFolder):
    def test_names_a_file_that_is_not_there_before_it_sets_anything_up(self):
        self.one_line(run(ROOT / "scripts" / "demo", "/no/such.mp4", env=self.environment()), 1, "/no/such.mp4")
        self.assertFalse((self.folder / "cache").exists())


class CountTests(InAFolder):
    def count(self, *tests):
        logs = self.folder / "meson-logs"
        logs.mkdir(exist_ok=True)
        (logs / "testlog.json").write_text("".join(f'{{"name": "{name}", "result": "{result}"}}\n' for name, result in tests))
        return run(ROOT / "scripts" / "count_tests.py", self.folder)

    def test_counts_the_cases_of_a_program_and_skips_what_did_not_run(self):
        (self.folder / "budget.xml").write_text(GTEST_REPORT)
        result = self.count(("core / budget", "FAIL"), ("house_layers", "OK"), ("later", "SKIP"))
        self.assertEqual("failed: Budget.Saves\n2 passed, 1 failed, 2 skipped\n", result.stdout)
        self.assertEqual(1, result.returncode)

    def test_a_program_that_crashed_after_its_cases_counts_as_a_failure(self):
        (self.folder / "budget.xml").write_text(GTEST_REPORT.replace('<failure message="1 != 2"/>', ""))
        result = self.count(("budget", "FAIL"))
        self.assertEqual("failed: budget (fail)\n2 passed, 1 failed, 1 skipped\n", result.stdout)
        self.assertEqual(1, result.returncode)

    def test_a_timeout_counts_as_a_failure(self):
        self.assertEqual("failed: slow (timeout)\n0 passed, 1 failed, 0 skipped\n", self.count(("slow", "TIMEOUT")).stdout)

    def test_two_tests_of_one_name_are_a_failure(self):
        result = self.count(("core / tokens", "OK"), ("plugins / tokens", "OK"))
        self.assertIn("failed: tokens (two tests have this name", result.stdout)
        self.assertTrue(result.stdout.endswith("1 passed, 1 failed, 0 skipped\n"))

    def test_no_test_at_all_is_a_failure(self):
        result = self.count()
        self.assertEqual(("0 passed, 0 failed, 0 skipped\n", 1), (result.stdout, result.returncode))

    def test_all_good_ends_well(self):
        self.assertEqual(0, self.count(("a", "OK")).returncode)


class Pipelines(InAFolder):
    def test_each_starts_with_a_comment_that_says_what_it_shows(self):
        pipelines = sorted((ROOT / "pipelines").glob("*.launch"))
        self.assertGreaterEqual(len(pipelines), 3)
        for path in pipelines:
            self.assertRegex(path.read_text().splitlines()[0], r"^# \w.{20,}")

    def test_files_take_the_places_in_turn_and_the_model_is_put_in(self):
        clips = [self.folder / "a clip.mp4", self.folder / "b.mp4"]
        for clip in clips:
            clip.touch()
        result = run(ROOT / "pipelines" / "run", "--print", "--model", "fake:", "wall", *clips)
        words = shlex.split(result.stdout)
        self.assertEqual([f"location={clips[i]}" for i in (0, 1, 0, 1)], [w for w in words if w.startswith("location=")])
        self.assertEqual(4, words.count("model=fake:"))

    def test_a_missing_file_and_an_unknown_pipeline_are_named(self):
        self.one_line(run(ROOT / "pipelines" / "run", "metadata", "/no/such.mp4"), 1, "/no/such.mp4")
        self.one_line(run(ROOT / "pipelines" / "run", "nothing", __file__), 1, "no pipeline nothing", "wall.launch")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
