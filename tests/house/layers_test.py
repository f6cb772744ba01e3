#!/usr/bin/env python3
"""The layers of docs/architecture.md hold: read from include lines and from what the built libraries load.

usage: layers_test.py SOURCE_ROOT BUILD_ROOT
"""
import pathlib
import re
import subprocess
import sys
import unittest

ROOT, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^">]+)[">]', re.MULTILINE)
GSTREAMER = re.compile(r"^(gst/|glib|gio/|gobject/|gmodule)")
TORCH = re.compile(r"^(torch/|ATen/|c10/|caffe2/)")
OPENCV = re.compile(r"^opencv2/")
DRAWING = re.compile(r"^(cairo|pango)")


def includes(*folders):
    """(path below the checkout, included name) of every include line below the folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".cc"):
                for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                    yield path.relative_to(ROOT).as_posix(), name


def needed(library):
    """Names of the libraries that a built file asks for itself."""
    text = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+?)\]", text)


def mapped(library):
    """Names of all libraries that loading a built file maps."""
    text = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in text.splitlines() if line.strip()]


class Includes(unittest.TestCase):
    def broken(self, pairs, rule):
        return [f"{path} includes {name}" for path, name in pairs if rule(path, name)]

    def test_core_knows_neither_gstreamer_nor_glib(self):
        self.assertEqual([], self.broken(includes("core"), lambda path, name: GSTREAMER.match(name)))

    def test_torch_is_seen_in_core_torch_only(self):
        pairs = includes("core", "plugins", "tools", "examples")
        self.assertEqual([], self.broken(pairs, lambda path, name: TORCH.match(name) and not path.startswith("core/torch/")))

    def test_opencv_is_seen_in_core_vision_only(self):
        pairs = includes("core", "plugins", "tools", "examples")
        self.assertEqual([], self.broken(pairs, lambda path, name: OPENCV.match(name) and not path.startswith("core/vision/")))

    def test_plugins_see_only_headers_directly_in_core_and_in_core_vision(self):
        allowed = re.compile(r"^core/(vision/)?[^/]+\.h$")
        self.assertEqual([], self.broken(includes("plugins"), lambda path, name: name.startswith("core/") and not allowed.match(name)))

    def test_cairo_and_pango_are_seen_in_drawing_only(self):
        pairs = includes("core", "plugins", "tools", "examples", "drawing")
        self.assertEqual([], self.broken(pairs, lambda path, name: DRAWING.match(name) and not path.startswith("drawing/")))

    def test_drawing_knows_core_and_nothing_above(self):
        self.assertEqual([], self.broken(includes("drawing"), lambda path, name: GSTREAMER.match(name) or name.startswith(
            ("plugins/", "tools/", "tests/", "examples/", "core/torch/"))))

    def test_nobody_above_the_engine_module_includes_its_headers(self):
        pairs = includes("core", "plugins", "tools", "examples")
        self.assertEqual([], self.broken(
            pairs, lambda path, name: name.startswith("core/torch/") and not path.startswith("core/torch/")))

    def test_core_includes_nothing_from_above(self):
        self.assertEqual([], self.broken(
            includes("core"), lambda path, name: name.startswith(("plugins/", "drawing/", "tools/", "tests/", "examples/"))))

    def test_examples_use_the_public_elements_only(self):
        self.assertEqual([], self.broken(
            includes("examples"), lambda path, name: name.startswith(("core/", "plugins/", "tools/", "tests/"))))

    def test_the_whole_of_torch_is_never_included(self):
        everything = includes("core", "plugins", "tools", "examples", "tests")
        self.assertEqual([], self.broken(everything, lambda path, name: name in ("torch/torch.h", "torch/extension.h", "torch/all.h")))

    def test_single_aten_operators_are_included_in_sources_only(self):
        self.assertEqual([], self.broken(
            includes("core"), lambda path, name: name.startswith("ATen/ops/") and path.endswith(".h")))


class Libraries(unittest.TestCase):
    """What the built files pull in. A library that this build leaves out is skipped."""

    def library(self, name):
        path = BUILD / name
        if not path.exists():
            self.skipTest(f"{name} is not part of this build")
        return path

    def assert_free_of(self, names, *prefixes):
        self.assertEqual([], [name for name in names if name.startswith(prefixes)])

    def test_core_maps_neither_torch_nor_gstreamer(self):
        self.assert_free_of(mapped(self.library("core/libm3core.so")), "libtorch", "libc10", "libgst", "libgobject", "libglib")

    def test_core_maps_no_picture_decoders(self):
        self.assert_free_of(mapped(self.library("core/libm3core.so")), "libopencv_imgcodecs", "libopencv_videoio", "libopencv_highgui")

    def test_listing_the_plugin_maps_no_torch(self):
        self.assert_free_of(mapped(self.library("plugins/libgstmatryoshka.so")), "libtorch", "libc10", "libm3engine")

    def test_the_plugin_leaves_opencv_to_core(self):
        self.assert_free_of(needed(self.library("plugins/libgstmatryoshka.so")), "libopencv")

    def test_the_engine_module_asks_for_torch_and_core_and_no_gstreamer(self):
        names = needed(self.library("core/torch/libm3engine-torch.so"))
        self.assertTrue(any(name.startswith("libtorch_cpu") for name in names), names)
        self.assertTrue(any(name.startswith("libm3core") for name in names), names)
        self.assert_free_of(names, "libgst", "libglib", "libgobject", "libopencv")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
