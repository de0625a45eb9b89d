#!/bin/sh
# Find a Python 3.10 to 3.13 and let it prepare an environment: the arguments are those of setup_env.py.
# PYTHON=... names the Python. Without it the first in PATH that fits is taken, PREFERRED_PYTHON=... before the others.
set -eu

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

here=$(dirname "$0")
if [ -n "${PYTHON:-}" ]; then
    if supported "$PYTHON"; then
        exec "$PYTHON" "$here/setup_env.py" --exact "$@"
    fi
    echo "PYTHON=$PYTHON does not run, or is not Python 3.10, 3.11, 3.12 or 3.13." >&2
    exit 1
fi
for candidate in ${PREFERRED_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
    if supported "$candidate"; then
        exec "$candidate" "$here/setup_env.py" "$@"
    fi
done
echo "No Python 3.10, 3.11, 3.12 or 3.13 in PATH. Install one, or name it: make ... PYTHON=/path/to/python3" >&2
exit 1
