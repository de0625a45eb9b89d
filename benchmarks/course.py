"""How long the course takes: every notebook in the ``cpu`` size on the built-in people, and the test suite.

    python -m benchmarks.course

With an empty cache, as on a fresh machine; the set-up is not counted.
"""

from __future__ import annotations

import subprocess
import tempfile
import time

from benchmarks._course import run_notebooks
from benchmarks._record import ROOT, record


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        found = run_notebooks("cpu", "synthetic", cache)
    start = time.perf_counter()
    subprocess.run(["make", "test"], cwd=ROOT, check=True)
    figures = {name: value for name, value in found["figures"].items() if name.startswith("minutes/")}
    figures["test_suite_minutes"] = (time.perf_counter() - start) / 60
    results = {name: notebook["results"] for name, notebook in found["notebooks"].items()}
    record("course", figures, "python -m benchmarks.course", results=results)


if __name__ == "__main__":
    main()
