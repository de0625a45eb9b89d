"""How long the course takes: every notebook in the ``cpu`` size on the built-in people, and the test suite.

    python -m benchmarks.course [--only notebooks | tests] [--inplace]

With an empty cache, as on a fresh machine; the set-up is not counted. ``--only`` measures one of the two, and the other
stays as it was recorded. ``--inplace`` stores the notebooks' outputs, too.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time

from benchmarks._course import run_notebooks
from benchmarks._record import ROOT, record, recorded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["notebooks", "tests"], help="measure one of the two")
    parser.add_argument("--inplace", action="store_true", help="store the outputs in notebooks/")
    chosen = parser.parse_args()
    before = recorded("course")
    figures, results = before.get("figures", {}), before.get("results", {})
    if chosen.only != "tests":
        with tempfile.TemporaryDirectory() as cache:
            keep(run_notebooks("cpu", "synthetic", cache, inplace=chosen.inplace), figures, results)
    if chosen.only != "notebooks":
        start = time.perf_counter()
        subprocess.run(["make", "test"], cwd=ROOT, check=True)
        figures["test_suite_minutes"] = (time.perf_counter() - start) / 60
    record("course", figures, "python -m benchmarks.course", results=results)


def keep(found: dict, figures: dict[str, float], results: dict[str, dict]) -> None:
    """Take the minutes and the results of a run in place of the old ones."""
    for name in [name for name in figures if name.startswith("minutes/")]:
        del figures[name]
    figures |= {name: value for name, value in found["figures"].items() if name.startswith("minutes/")}
    results.clear()
    results |= {name: notebook["results"] for name, notebook in found["notebooks"].items()}


if __name__ == "__main__":
    main()
