"""Write benchmarks/README.md from the results.

python -m benchmarks.table
"""

from __future__ import annotations

import json

from benchmarks._record import RESULTS, ROOT

INTRODUCTION = """# Benchmarks

Made by `python -m benchmarks.table` from `results/*.json`; do not edit. `make bench` measures everything anew,
`make bench BENCH=NAME` one script.
"""


def main() -> None:
    sections = [section(path.stem, json.loads(path.read_text())) for path in sorted(RESULTS.glob("*.json"))]
    (ROOT / "benchmarks" / "README.md").write_text("\n".join([INTRODUCTION, *sections]), encoding="utf-8")


def section(name: str, result: dict) -> str:
    """One result: its figures, how and where they were measured, and what was noted."""
    rows = [f"| {figure} | {value:g} |" for figure, value in result["figures"].items()]
    notes = result.get("notes", [])
    lines = [f"## {name}", "", "| figure | value |", "|:--|--:|", *rows, ""]
    lines += [f"`{result['command']}`, {result['date'][:10]}, commit {result['commit']}; {result['machine']}.", ""]
    lines += [f"- {note}" for note in ([notes] if isinstance(notes, str) else notes)]
    return "\n".join(lines) + ("\n" if notes else "")


if __name__ == "__main__":
    main()
