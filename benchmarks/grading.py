"""Are homeworks graded rightly? Wrong answers of known kinds, right answers of many forms, hostile submissions.

    python -m benchmarks.grading [--only PART ...] [--dry-run]

The answers are those of tests/grading. Public: the checks that students have in their notebooks.
Parts: answers, strangers (wrong answers by somebody who had not seen the checks), hostile, time (of 300 submissions).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks._record import ROOT, record_part
from dlsfaces.grading import HOMEWORKS, Mistake
from tests.grading.test_answers import RIGHT, UNSEEN, WRONG, named
from tools.grading.__main__ import grade_all, submissions
from tools.grading.grade import grade, parts_of

HOSTILE = ROOT / "tests" / "grading" / "hostile"
CLASS = "margins"  #: the homework of the 300

Part = tuple[dict[str, float], dict[str, object]]  # figures and detail


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="these; the others stay as recorded")
    parser.add_argument("--submissions", type=int, default=300, help="of the part time; not 300: nothing is recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    for part in chosen.only:
        figures, detail = PARTS[part](chosen)
        print(part, json.dumps(figures, indent=1), flush=True)
        if not (chosen.dry_run or (part == "time" and chosen.submissions != 300)):
            record_part("grading", figures, detail, "python -m benchmarks.grading", NOTES)


NOTES = [
    "named: the kind of mistake in the file's name is the kind that the feedback gives; by the graders, and by the "
    "public checks (mutants_named_public). An answer that stops with an error of its own counts as caught.",
    "strangers: wrong answers by somebody who had read the homeworks but not the checks. At first 63 of the 65 "
    "were caught by the graders and 56 by the public checks. Read by hand, the feedback names the mistake in 54.",
    "seconds_per_submission: the median over right answers, all parts of a homework, one process for each part.",
    f"seconds_for_300: python -m tools.grading, 300 submissions of the homework {CLASS}, two at a time: right answers, "
    "with one part wrong in three of four; with the search for near-copies.",
]


def answers(chosen: argparse.Namespace) -> Part:
    counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in HOMEWORKS}
    missed, seconds = [], []
    for path in WRONG:
        homework, part, kind = named(path)
        mine, (hidden, public) = counts[homework], kinds(path, homework, part)
        mine["mutants"] += 1
        mine["mutants_caught_hidden"] += bool(hidden)
        mine["mutants_caught_public"] += bool(public)
        mine["mutants_named"] += hidden == kind
        mine["mutants_named_public"] += public == kind
        if hidden != kind or public != kind:
            missed.append([homework, path.stem, hidden, public])
    for path in RIGHT:
        start = time.perf_counter()
        graded = grade(path, parts_of(path.parts[-3]))
        seconds.append(time.perf_counter() - start)
        counts[path.parts[-3]]["right_answers"] += 1
        counts[path.parts[-3]]["right_answers_passed"] += all(one.points == one.of for one in graded)
    figures = {key: sum(mine[key] for mine in counts.values()) for key in counts[HOMEWORKS[0]]}
    figures |= {f"{name}/{key}": value for name, mine in counts.items() for key, value in mine.items()}
    return figures | {"seconds_per_submission": statistics.median(seconds)}, {"not named by both": missed}


def strangers(chosen: argparse.Namespace) -> Part:
    found = [[named(path)[0], path.stem, *kinds(path, *named(path)[:2])] for path in UNSEEN]
    figures = {"strangers": len(found)}
    for column, who in ((2, "hidden"), (3, "public")):
        figures[f"strangers_caught_{who}"] = sum(bool(row[column]) for row in found)
    return figures, {"strangers not caught by both": [row for row in found if not (row[2] and row[3])]}


def hostile(chosen: argparse.Namespace) -> Part:
    good, survived = next(path for path in RIGHT if path.parts[-3] == "rate"), 0
    for path in sorted(HOSTILE.iterdir()):
        own = grade(path, parts_of("rate"), seconds=5)
        next_one = grade(good, parts_of("rate"))
        survived += not any(one.points for one in own) and all(one.points == one.of for one in next_one)
    return {"hostile_submissions": len(list(HOSTILE.iterdir())), "hostile_submissions_survived": survived}, {}


def clocked(chosen: argparse.Namespace) -> Part:
    right, wrong = ([path for path in paths if path.parts[-3] == CLASS] for paths in (RIGHT, WRONG))
    with tempfile.TemporaryDirectory() as made:
        for k in range(chosen.submissions):
            parts = [right[k % len(right)], *[wrong[k % len(wrong)]] * (k % 4 > 0)]
            code = "\n\n\n".join(path.read_text(encoding="utf-8") for path in parts)
            (Path(made) / f"student_{k:03}.py").write_text(code, encoding="utf-8")
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            grade_all(submissions(Path(made)), CLASS, Path(made) / "graded", workers=2)
        return {f"seconds_for_{chosen.submissions}": time.perf_counter() - start}, {}


PARTS = {"answers": answers, "strangers": strangers, "hostile": hostile, "time": clocked}


def kinds(path: Path, homework: str, part: str) -> tuple[str, str]:
    """The kinds of mistake that the graders and the public check see; "" where they see none."""
    (graded,) = grade(path, {part: parts_of(homework)[part]})
    return graded.kind, public_kind(path, homework, part)


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
