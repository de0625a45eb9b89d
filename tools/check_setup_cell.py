"""Does the notebooks' set-up cell leave a machine's packages as they are? Exits 1 with what it changed.

    .venv-colab/bin/python -m tools.check_setup_cell requirements-colab.txt

The cell installs what it misses. So it is run by a Python that has everything that this one has, except what the cell
knows how to install; afterwards all of that must be there, and the versions in the file must still be those.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection
from pathlib import Path

from tools import repo, setup_env

ROOT = repo.ROOT


def main() -> int:
    """Run the set-up cell, and return 1 with the reason where it fails or changes a version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("machine", help="the file of exact versions, such as requirements-colab.txt")
    versions = setup_env.distributions([ROOT / parser.parse_args().machine])
    brought = {version.partition("==")[0] for version in versions}
    installable = [name.partition(":")[0] for name in repo.NEEDED.split() if name not in brought]
    print(f"Running the notebooks' set-up cell without {', '.join(installable)} ...", flush=True)
    if problem := problem_of(repo.setup_cell(repo.address(ROOT)), versions, installable):
        print(problem, file=sys.stderr)
        return 1
    return 0


def problem_of(cell: str, versions: Collection[str], installable: Collection[str]) -> str | None:
    """What goes wrong when ``cell`` runs where ``installable`` is missing, or ``None``.

    Args:
        cell: the source of a set-up cell; it can import the course.
        versions: what it must leave alone, as ``name==version``.
        installable: names of distributions that it must install.
    """
    chosen = {"DLSFACES_SIZE": "smoke", "DLSFACES_DATA": "synthetic", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        venv, work = Path(folder, "python"), Path(folder, "work")
        make_python_without(installable, venv)
        work.mkdir()
        command = [setup_env.python_of(venv), "-c", cell]
        status = subprocess.run(command, cwd=work, env={**os.environ, **chosen}).returncode
        if status:
            return f"The set-up cell failed (exit status {status}): see above. Is the network there?"
        state = setup_env.probe(venv, [*versions, *installable])
    if state is None or state["absent"]:
        what = ", ".join(state["absent"]) if state else "a Python that runs"
        return f"After the set-up cell the machine no longer has, or does not yet have: {what}. See tools/repo.py."
    return None


def make_python_without(names: Collection[str], venv: Path) -> None:
    """Make an environment that has what this Python's has, except the distributions ``names``.

    It links to the packages, in a folder that a .pth file puts on the path. So pip sees them as installed, but not by
    this environment: what it installs or upgrades lands in the new one, and the packages linked to are never touched.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    hidden = {"__pycache__"}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # then it is missing already
            hidden |= {file.parts[0] for file in importlib.metadata.files(name) or ()}
    links = venv / "links"
    links.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if package.name not in hidden:
            (links / package.name).symlink_to(package)
    own_packages = next((venv / "lib").glob("python*/site-packages"))
    (own_packages / "links.pth").write_text(f"{links}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
