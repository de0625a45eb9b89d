#!/bin/sh
# Run the benchmarks named as arguments (all without), then regenerate the table. Fails at the end if one failed.
set -u
python=.venv/bin/python
failed=""

if [ $# -eq 0 ]; then
    for script in benchmarks/*.py; do
        name=$(basename "$script" .py)
        # table.py makes the table of them all; a leading underscore marks what the scripts share.
        # synthetic_sweep is for tuning and records nothing; the judges of synthetic_realism take ten minutes to install.
        case $name in
        table | _* | '*' | synthetic_sweep) ;;
        synthetic_realism) [ -d .venv-peers ] && set -- "$@" "$name" || echo "== $name left out: run \`make peers\` first" ;;
        *) set -- "$@" "$name" ;;
        esac
    done
fi
for name in "$@"; do
    echo "== benchmarks.$name"
    "$python" -m "benchmarks.$name" || failed="$failed $name"
done
"$python" -m benchmarks.table || failed="$failed table"
if [ -n "$failed" ]; then
    echo "Failed:$failed" >&2
    exit 1
fi
