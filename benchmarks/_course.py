"""Running the course's notebooks for a benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks._record import ROOT


def run_notebooks(
    size: str, data: str, cache: str, only: str = "", root: str | None = None, inplace: bool = False
) -> dict:
    """Run notebooks as ``make course`` does, with a cache of their own, and give the content of ``results.json``.

    Raises:
        RuntimeError: a notebook failed.
    """
    command = [sys.executable, "-m", "tools.run_course", "--size", size, "--data", data, "--only", only]
    command += ["--inplace"] * inplace
    environment = {**os.environ, "DLSFACES_CACHE": cache} | ({"DLSFACES_ROOT": root} if root else {})
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed")
    return json.loads((ROOT / "build" / "course" / "results.json").read_text())
