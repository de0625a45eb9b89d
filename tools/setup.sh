#!/bin/sh
# Prepare an environment: packages, the course itself, and a stamp that says what they were installed for. While the
# stamp is true nothing happens; without one (an installation was interrupted) the environment is made anew.
#   sh tools/setup.sh [VENV [MACHINE]]    MACHINE: a file of another machine's versions, which are installed first and kept
# PYTHON=... names the Python. Without it the first in PATH that fits is taken, PREFERRED_PYTHON=... before the others.
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv} machine=${2:-}
wanted=requirements-instructor.txt
[ -z "$machine" ] || wanted=requirements-dev.txt
stamp=$venv/.dlsfaces-stamp

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}
version() {
    "$1" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null
}
key() {
    { pwd; version "$venv/bin/python"; cat requirements.txt requirements-dev.txt requirements-instructor.txt pyproject.toml $machine; } | cksum
}

# `make test` beside a `make course` waits instead of interfering, where the machine has flock.
exec 9<pyproject.toml
flock 9 2>/dev/null || true

python=
set -- ${PREFERRED_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10
[ -z "${PYTHON:-}" ] || set -- "$PYTHON" # there may be a space in it
for candidate; do
    if supported "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "No Python 3.10, 3.11, 3.12 or 3.13: ${PYTHON:-none in PATH}. Install one, or name it: make ... PYTHON=/path/to/python3" >&2
    exit 1
fi

# An environment of another Python than the one asked for, or that does not run, is made anew.
if [ -f "$stamp" ] && supported "$venv/bin/python" &&
    { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version "$venv/bin/python")" ]; }; then
    [ "$(cat "$stamp")" != "$(key)" ] || exit 0
    rm "$stamp"
else
    echo "Creating $venv with $python"
    "$python" -m venv --clear "$venv" || {
        echo "On Debian and Ubuntu the module venv is a package of its own: sudo apt install python3-venv" >&2
        exit 1
    }
fi
echo "Installing what is missing (the first time: several GB, some minutes) ..."
pip="$venv/bin/python -m pip install --disable-pip-version-check"
# The first: an old pip knows neither editable installs from pyproject.toml nor today's wheels.
$pip --quiet "pip>=23.0" && { [ -z "$machine" ] || $pip -r "$machine"; } &&
    $pip ${machine:+-c "$machine"} -r "$wanted" -e . && status=0 || status=1
echo "not finished" >"$stamp" # pip came back, with success or without: nothing is half-written
if [ $status = 1 ]; then
    echo "The installation failed: see above. Is the network there? Run the same command again." >&2
    exit 1
fi
"$venv/bin/python" tools/check_torch.py
key >"$stamp"
echo "Environment ready: $venv"
