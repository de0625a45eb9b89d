"""Prepare .venv: create it, install the requirements and the course itself, and leave a stamp. Idempotent and quick.

The stamp is written last and says what was installed for (the requirement files, pyproject.toml, the Python, the
place of the checkout). While it is true and every requirement is there, nothing happens. An installation that was
killed half-way leaves a marker instead, and the next run starts from an empty .venv.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("requirements.txt", "requirements-dev.txt", "pyproject.toml")
SUPPORTED = ((3, 10), (3, 13))

# Asked of the environment's own Python: its version, and which of the distributions named in argv it lacks.
PROBE = """
import importlib.metadata, json, sys
def absent(name):
    try:
        return importlib.metadata.version(name) is None
    except importlib.metadata.PackageNotFoundError:
        return True
print(json.dumps({"version": list(sys.version_info[:3]), "absent": [n for n in sys.argv[1:] if absent(n)]}))
"""


def main() -> int:
    """Bring the environment up to date; 0 where it then works."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exact", action="store_true", help="rebuild an environment made by another Python than this")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--venv", type=Path, help="the environment (default: .venv in the checkout)")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    with (root / "pyproject.toml").open() as lock:  # `make test` beside a `make course` waits instead of interfering
        fcntl.flock(lock, fcntl.LOCK_EX)
        return prepare(root, arguments.venv, arguments.exact)


def prepare(root: Path, venv: Path | None = None, exact: bool = False) -> int:
    """Create or repair the environment where needed; returns an exit status."""
    venv = Path(os.path.abspath(venv or root / ".venv"))
    stamp, marker = venv / ".dlsfaces-stamp", venv / ".dlsfaces-installing"
    state = probe(venv, ["pip", "dlsfaces", *distributions(root)])
    if state and not state["absent"] and not marker.exists():
        right_python = not exact or tuple(state["version"][:2]) == sys.version_info[:2]
        if right_python and stamp.is_file() and stamp.read_text() == key(root, state["version"]):
            return 0
    if reason := reason_to_rebuild(state, marker, exact):
        print(f"Creating {venv} ({reason})", flush=True)
        if error := create(venv):
            print(error, file=sys.stderr)
            return 1
    stamp.unlink(missing_ok=True)
    marker.touch()
    print("Installing what is missing (the first time: several GB, some minutes) ...", flush=True)
    status = install(root, venv)
    marker.unlink()  # pip came back: whatever it answered, it has left nothing half-written
    if status:
        print("The installation failed: see above. Is the network there? Run the same command again.", file=sys.stderr)
        return status
    status = subprocess.run([python_of(venv), root / "tools" / "check_torch.py"]).returncode
    if status == 0:
        stamp.write_text(key(root, probe(venv, [])["version"]))
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


def distributions(root: Path) -> list[str]:
    """The names in the requirement files."""
    lines = [line for name in INPUTS[:2] for line in (root / name).read_text(encoding="utf-8").splitlines()]
    matches = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in lines)
    return [match.group() for match in matches if match]


def key(root: Path, version: list[int]) -> str:
    """What the stamp says: a hash of everything that the installation depends on."""
    digest = hashlib.sha256(f"{root} {version}".encode())
    for name in INPUTS:
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


def install(root: Path, venv: Path) -> int:
    """Install the requirements and the course itself (editable) with the environment's pip."""
    pip = [python_of(venv), "-m", "pip", "install", "--disable-pip-version-check"]
    # An old pip (Debian's, Python 3.10's) knows neither editable installs from pyproject.toml nor today's wheels.
    for arguments in (["--quiet", "pip>=23.0"], ["-r", "requirements-dev.txt", "-e", "."]):
        status = subprocess.run([*pip, *arguments], cwd=root).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
