"""Are homeworks graded rightly? Wrong answers of known kinds, right answers of many forms, hostile submissions.

    python -m benchmarks.grading [--dry-run]

The answers are those of tests/grading. Public: the checks that students have in their notebooks.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path

from benchmarks._record import ROOT, record
from dlsfaces.grading import HOMEWORKS, Mistake
from tests.grading.test_answers import RIGHT, WRONG, named

HOSTILE = ROOT / "tests" / "grading" / "hostile"


def main() -> None:
    from tools.grading.grade import grade, parts_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in HOMEWORKS}
    missed, seconds = [], []
    for path in WRONG:
        homework, part, kind = named(path)
        mine = counts[homework]
        (graded,) = grade(path, {part: parts_of(homework)[part]})
        public = public_kind(path, homework, part)
        mine["mutants"] += 1
        mine["mutants_caught_hidden"] += graded.points == 0
        mine["mutants_caught_public"] += bool(public)
        mine["mutants_named"] += graded.kind == kind
        mine["mutants_named_public"] += public == kind
        if graded.kind != kind or public != kind:
            missed.append([homework, path.stem, graded.kind, public])
    for path in RIGHT:
        start = time.perf_counter()
        graded = grade(path, parts_of(path.parts[-3]))
        seconds.append(time.perf_counter() - start)
        counts[path.parts[-3]]["right_answers"] += 1
        counts[path.parts[-3]]["right_answers_passed"] += all(one.points == one.of for one in graded)
    figures = {key: sum(mine[key] for mine in counts.values()) for key in counts[HOMEWORKS[0]]}
    figures |= {f"{name}/{key}": value for name, mine in counts.items() for key, value in mine.items()}
    figures["seconds_per_submission"] = statistics.median(seconds)
    good = next(path for path in RIGHT if path.parts[-3] == "rate")
    survived = 0
    for path in sorted(HOSTILE.iterdir()):
        own = grade(path, parts_of("rate"), seconds=5)
        next_one = grade(good, parts_of("rate"))
        survived += not any(one.points for one in own) and all(one.points == one.of for one in next_one)
    figures |= {"hostile_submissions": len(list(HOSTILE.iterdir())), "hostile_submissions_survived": survived}
    print(json.dumps(figures, indent=1))
    if not chosen.dry_run:
        record("grading", figures, "python -m benchmarks.grading", detail={"not named by both": missed}, notes=NOTES)


NOTES = [
    "named: the kind of mistake in the file's name is the kind that the feedback gives; by the graders, and by the "
    "public checks (mutants_named_public). An answer that stops with an error of its own counts as caught.",
    "seconds_per_submission: the median over right answers, all parts of a homework, one process for each part.",
]


def public_kind(path: Path, homework: str, part: str) -> str:
    """The kind of mistake that the public check sees; "" where it sees none."""
    space: dict[str, object] = {"__name__": "answer"}
    exec(compile(path.read_text(encoding="utf-8"), path.name, "exec", dont_inherit=True), space)
    try:
        importlib.import_module(f"dlsfaces.grading.{homework}").PUBLIC[part](space[part])
    except Mistake as mistake:
        return mistake.kind
    except Exception:
        return "crash"
    return ""


if __name__ == "__main__":
    main()
