#!/usr/bin/env python3
"""What `meson install` puts somewhere runs from there: tools, elements and the default model.

usage: install_test.py SOURCE_ROOT BUILD_ROOT
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv[2]).resolve()


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.folder.name],
                       check=True, stdout=subprocess.DEVNULL)
        cls.files = sorted(path for path in pathlib.Path(cls.folder.name).rglob("*") if path.is_file())

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        found = [path for path in self.files if path.name == name]
        self.assertEqual(len(found), 1, f"{name}: {found}")
        return found[0]

    def run_installed(self, tool, *arguments):
        # A folder of its own is not where the loader looks; under the real prefix none of this is needed.
        own = {"LD_LIBRARY_PATH": self.path("libm3core.so.0").parent,
               "GST_PLUGIN_PATH": self.path("libgstmatryoshka.so").parent,
               "GST_REGISTRY": f"{self.folder.name}/registry",
               "M3_MODEL_PATH": self.path("config.json").parent.parent}
        left_out = ("M3_ENGINE_PATH", "M3_MODEL_PATH", "GST_PLUGIN_PATH", "LD_LIBRARY_PATH")
        environment = {k: v for k, v in os.environ.items() if k not in left_out}
        return subprocess.run([self.path(tool), *arguments], env={**environment, **own}, text=True, capture_output=True)

    def test_the_default_model_is_whole(self):
        names = {path.name for path in self.path("config.json").parent.iterdir()}
        self.assertEqual(names, {"config.json", "adapter.safetensors", "tower.json", "README.md"})

    def test_a_tool_answers(self):
        done = self.run_installed("m3-ask", "--model", "fake:", "--question", "Who is there?", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout.splitlines()[0])["finish"], "stop")

    def test_the_default_model_is_found(self):
        done = self.run_installed("m3-inspect", "--tokenize", "Hello", "default")
        self.assertNotIn("is not installed", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
