#!/usr/bin/env python3
"""The documents are true where a machine can tell: links, pictures, pages of elements, names of scripts.

usage: documents_test.py SOURCE_ROOT BUILD_ROOT
"""
import pathlib
import re
import subprocess
import sys
import unittest

ROOT, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"|srcset=\"([^\"]+)\"")


def documents():
    folders = (ROOT, ROOT / "docs", ROOT / "docs" / "elements", ROOT / "models" / "default")
    return sorted(path for folder in folders for path in folder.glob("*.md"))


class Documents(unittest.TestCase):
    def test_there_are_some(self):
        names = {path.relative_to(ROOT).as_posix() for path in documents()}
        self.assertLessEqual({"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/contract.md",
                              "docs/troubleshooting.md", "docs/style.md", "models/default/README.md"}, names)

    def test_links_to_files_lead_somewhere(self):
        broken = []
        for path in documents():
            for found in LINK.findall(path.read_text(encoding="utf-8")):
                target = "".join(found).split("#")[0]
                if target and "://" not in target and not (path.parent / target).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {target}")
        self.assertEqual([], broken)

    def test_scripts_and_pipelines_that_are_named_exist(self):
        broken = []
        for path in documents():
            for name in set(re.findall(r"\b((?:scripts|pipelines)/[\w.-]*\w)", path.read_text(encoding="utf-8"))):
                if not (ROOT / name).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {name}")
        self.assertEqual([], broken)

    def test_the_picture_of_the_line_is_what_its_source_draws(self):
        drawn = subprocess.run([sys.executable, ROOT / "docs" / "line.py"], capture_output=True, text=True, check=True)
        self.assertEqual((ROOT / "docs" / "line.svg").read_text(encoding="utf-8"), drawn.stdout)

    def test_architecture_names_every_source_folder(self):
        text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
        folders = [path for top in ("core", "tools", "tests") for path in (ROOT / top).iterdir()
                   if path.is_dir() and any(f.suffix in (".cpp", ".h", ".py") for f in path.iterdir())]
        self.assertGreater(len(folders), 5)
        self.assertEqual([], [f.relative_to(ROOT).as_posix() for f in folders if f"{f.name}/" not in text])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
