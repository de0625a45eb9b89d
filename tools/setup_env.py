"""Prepare .venv: create it, install the requirements and the course itself, and leave a stamp. Idempotent and quick.

    python tools/setup_env.py
    python tools/setup_env.py --venv .venv-colab --machine requirements-colab.txt

The stamp is written last and says what was installed for (the requirement files, pyproject.toml, the Python, the
place of the checkout). While it is true and every requirement is there, nothing happens. An installation that was
killed half-way leaves a marker instead, and the next run starts from an empty environment.

With ``--machine`` the environment imitates another machine: it has exactly the versions in that file, the course is
installed beside them without changing one, and the notebooks' set-up cell must leave them alone too.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
INPUTS = (*REQUIREMENTS, "pyproject.toml")
SUPPORTED = ((3, 10), (3, 13))

# Asked of the environment's own Python: its version, and which of the distributions in argv (`name` or `name==version`,
# where 2.11.0 may also be 2.11.0+cpu) it lacks.
PROBE = """
import importlib.metadata, json, sys
def absent(wanted):
    name, _, version = wanted.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return True
    return found is None or version not in ("", found, found.partition("+")[0])
print(json.dumps({"version": list(sys.version_info[:3]), "absent": [n for n in sys.argv[1:] if absent(n)]}))
"""


def main() -> int:
    """Bring the environment up to date; 0 where it then works."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exact", action="store_true", help="rebuild an environment made by another Python than this")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--venv", default=".venv", help="the environment, a folder in the checkout")
    parser.add_argument("--machine", help="the machine to imitate: a file in the checkout with name==version lines")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    with (root / "pyproject.toml").open() as lock:  # `make test` beside a `make course` waits instead of interfering
        fcntl.flock(lock, fcntl.LOCK_EX)
        return prepare(root, root / arguments.venv, arguments.exact, arguments.machine)


def prepare(root: Path, venv: Path, exact: bool = False, machine: str | None = None) -> int:
    """Create or repair the environment where needed; returns an exit status."""
    stamp, marker = venv / ".dlsfaces-stamp", venv / ".dlsfaces-installing"
    wanted = ["pip", "dlsfaces", *distributions(root / name for name in requirement_files(machine))]
    state = probe(venv, wanted)
    if state and not state["absent"] and not marker.exists():
        right_python = not exact or tuple(state["version"][:2]) == sys.version_info[:2]
        if right_python and stamp.is_file() and stamp.read_text() == key(root, state["version"], machine):
            return 0
    if reason := reason_to_rebuild(state, marker, exact):
        print(f"Creating {venv} ({reason})", flush=True)
        if error := create(venv):
            print(error, file=sys.stderr)
            return 1
    stamp.unlink(missing_ok=True)
    marker.touch()
    print("Installing what is missing (the first time: several GB, some minutes) ...", flush=True)
    status = install(root, venv, machine)
    marker.unlink()  # pip came back: whatever it answered, it has left nothing half-written
    if status:
        print("The installation failed: see above. Is the network there? Run the same command again.", file=sys.stderr)
        return status
    if lacking := probe(venv, wanted)["absent"]:
        print(f"pip has finished, but {venv} lacks: {', '.join(lacking)}", file=sys.stderr)
        return 1
    status = check(root, venv, machine)
    if status == 0:
        stamp.write_text(key(root, probe(venv, [])["version"], machine))
        print(f"Environment ready: {venv}", flush=True)
    return status


def reason_to_rebuild(state: dict | None, marker: Path, exact: bool) -> str | None:
    """Why the environment must be made anew, or ``None`` where installing into it will do."""
    here = ".".join(map(str, sys.version_info[:2]))
    if not marker.parent.exists():
        return f"Python {here}"
    if state is None:
        return "its Python does not run"
    if marker.exists():
        return "an earlier installation was interrupted"
    found = tuple(state["version"][:2])
    if not SUPPORTED[0] <= found <= SUPPORTED[1] or (exact and found != sys.version_info[:2]):
        return f"it has Python {found[0]}.{found[1]}, now Python {here}"
    return "it has no pip" if "pip" in state["absent"] else None


def python_of(venv: Path) -> Path:
    """The environment's Python."""
    return venv / "bin" / "python"


def probe(venv: Path, names: list[str]) -> dict | None:
    """Version of the environment's Python and the distributions that it lacks; ``None`` where it does not run."""
    try:
        answer = subprocess.run([python_of(venv), "-c", PROBE, *names], capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError):
        return None


def requirement_files(machine: str | None) -> tuple[str, ...]:
    """The files that say what the environment must have."""
    return (*REQUIREMENTS, machine) if machine else REQUIREMENTS


def distributions(files: Iterable[Path]) -> list[str]:
    """What requirement files ask for: ``name``, or ``name==version`` where they give the exact version."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    matches = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*(==[^\s;#]+)?", line) for line in lines)
    return [match.group() for match in matches if match]


def key(root: Path, version: list[int], machine: str | None = None) -> str:
    """What the stamp says: a hash of everything that the installation, and the check of it, depends on."""
    digest = hashlib.sha256(f"{root} {version}".encode())
    for name in (*INPUTS, machine, "tools/repo.py") if machine else INPUTS:
        digest.update((root / name).read_bytes())
    return digest.hexdigest() + "\n"


def create(venv: Path) -> str | None:
    """Make an empty environment in place of whatever is there; the error message where that fails."""
    command = [sys.executable, "-m", "venv", "--clear", venv]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    shutil.rmtree(venv, ignore_errors=True)
    advice = "On Debian and Ubuntu its module venv is a package of its own: sudo apt install python3-venv"
    return f"{sys.executable} cannot create {venv}:\n{done.stdout}{done.stderr}\n{advice}"


def install(root: Path, venv: Path, machine: str | None = None) -> int:
    """Install what the machine has, then the requirements and the course itself (editable), with the venv's pip."""
    pip = [python_of(venv), "-m", "pip", "install", "--disable-pip-version-check"]
    course = ["-r", "requirements-dev.txt", "-e", "."]
    steps = [["-r", machine], ["-c", machine, *course]] if machine else [course]
    # An old pip (Debian's, Python 3.10's) knows neither editable installs from pyproject.toml nor today's wheels.
    for arguments in (["--quiet", "pip>=23.0"], *steps):
        status = subprocess.run([*pip, *arguments], cwd=root).returncode
        if status:
            return status
    return 0


def check(root: Path, venv: Path, machine: str | None = None) -> int:
    """Do torch and torchvision fit together, and does the set-up cell leave the machine's versions alone?"""
    setup_cell = [["-m", "tools.check_setup_cell", machine]] if machine else []
    for arguments in ([root / "tools" / "check_torch.py"], *setup_cell):
        status = subprocess.run([python_of(venv), *arguments], cwd=root).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
