"""The front door: README's examples, the first picture of a fresh clone, the controls, and the site.

    python -m benchmarks.front [--only PART ...] [--dry-run]

Parts: examples (each in a Python of its own, with an empty cache), first_picture (clone, `make start` without the
browser, and chapter 00 up to its first picture), controls (a redraw of each, on one thread), site (`make site`).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._record import ROOT, record_part
from tests.browser.test_controls import CONTROLS, redraws
from tests.test_readme import SNIPPETS, lay_out_photos


def examples() -> dict[str, float]:
    """Does each run by itself, and how long does it take?"""
    figures, ran = {}, 0
    for number, code in enumerate(SNIPPETS, 1):
        with tempfile.TemporaryDirectory() as folder:
            lay_out_photos(Path(folder))
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "DLSFACES_CACHE": folder}
            start = time.perf_counter()
            ran += not subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment).returncode
            figures[f"snippet_seconds/{number}"] = time.perf_counter() - start
    return {"snippets": len(SNIPPETS), "snippets_run_alone": ran} | figures


def first_picture() -> dict[str, float]:
    """From `git clone` to the first picture that chapter 00 draws, on a machine that has no environment yet."""
    until = """
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read("notebooks/00_start_here.ipynb", 4)
last = next(k for k, cell in enumerate(notebook.cells) if cell.id == "first-picture")
notebook.cells = notebook.cells[: last + 1]
NotebookClient(notebook, resources={"metadata": {"path": "notebooks"}}).execute()
"""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DLSFACES_CACHE": folder, "DLSFACES_SIZE": "cpu"}
        start = time.perf_counter()
        subprocess.run(["git", "clone", "-q", str(ROOT), "clone"], cwd=folder, check=True)
        clone = Path(folder, "clone")
        subprocess.run(["make", "check-torch"], cwd=clone, env=environment, check=True)
        ready = time.perf_counter() - start
        subprocess.run([".venv/bin/python", "-c", until], cwd=clone, env=environment, check=True)
        return {"set_up_seconds": ready, "first_picture_seconds": time.perf_counter() - start}


def controls() -> dict[str, float]:
    """How long each control takes to draw anew. Each is tested in a browser; two have browser tests of their own."""
    took, apart = redraws(), ["chapter 11's review", "the demo"]
    figures = {f"redraw_ms/{number}": min(times) for number, times in took.items()}
    return figures | {
        "controls": len(CONTROLS) + len(apart),
        "controls_tested_in_browser": len(took) + len(apart),
        "slowest_redraw_ms": max(figures.values()),
    }


def site() -> dict[str, float]:
    """Pages and broken links, as `make site` counts them."""
    start = time.perf_counter()
    said = subprocess.run(["make", "site"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    counts = {name: float(count) for name, count in re.findall(r"(site_pages|site_broken_links)\D+(\d+)", said)}
    return counts | {"site_seconds": time.perf_counter() - start}


PARTS = {"examples": examples, "first_picture": first_picture, "controls": controls, "site": site}
NOTES = [
    "snippet_seconds: README's examples in their order, each in a process of its own, with an empty cache. "
    "first_picture_seconds: from `git clone` (of a local folder) over the set-up (set_up_seconds, with the packages at "
    "hand nearby) to the first picture that chapter 00 draws; the stored one is there when the notebook opens.",
    "redraw_ms: CPU time of a redraw on one thread, the fastest of three, where the chapter's own data are replaced by "
    "small ones.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="these; the others stay as recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    for part in chosen.only:
        figures = PARTS[part]()
        print(part, json.dumps(figures, indent=1), flush=True)
        if not chosen.dry_run:
            record_part("front", figures, {}, "python -m benchmarks.front", NOTES)


if __name__ == "__main__":
    main()
