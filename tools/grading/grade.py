"""One submission, graded part by part: points, and the reason for every lost one."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dlsfaces.grading import HOMEWORKS, Mistake
from tools.grading.remote import CALL_SECONDS, LIMITS, Lost, Remote, Student
from tools.grading.source import cells

Check = Callable[[Remote], None]
Parts = Mapping[str, tuple[float, tuple[Check, ...]]]  #: by the name of the student's function: points, and checks


@dataclass(frozen=True)
class Graded:
    """A part of a submission."""

    part: str
    points: float
    of: float
    kind: str  # of the mistake; "" where there is none
    reason: str  # for the student


def parts_of(homework: str) -> Parts:
    """What a homework is graded by."""
    if homework not in HOMEWORKS:
        raise ValueError(f"homework={homework!r} is none of {', '.join(HOMEWORKS)}")
    return importlib.import_module(f"tools.grading.hidden.{homework}").PARTS


def grade(file: Path, parts: Parts, limits: dict[str, int] = LIMITS, seconds: float = CALL_SECONDS) -> list[Graded]:
    """Every part of a notebook or Python file, each in a process of its own, so that none can spoil another."""
    try:
        code = cells(file)
    except ValueError as error:
        return [Graded(part, 0, points, "unreadable", str(error)) for part, (points, _) in parts.items()]
    found = []
    for part, (points, checks) in parts.items():
        kind, reason = _mistake(code, part, checks, limits, seconds)
        found.append(Graded(part, 0 if kind else points, points, kind, reason))
    return found


def grade_figures(file: Path, homework: str) -> list[Graded]:
    """What a submission has measured: the figures that ``grading.save`` wrote, handed in beside the notebook."""
    module = importlib.import_module(f"tools.grading.hidden.{homework}")
    if not hasattr(module, "MEASURED"):
        return []
    points, check = module.MEASURED
    beside = [path for path in file.parent.glob("*.json") if path.stem.endswith(homework)]
    own = [path for path in beside if path.stem.startswith(file.stem)] or beside[: len(beside) == 1]
    try:
        if not own:
            raise Mistake("missing", f"there is no file of figures, whose name ends with _{homework}.json")
        figures = json.loads(own[0].read_text(encoding="utf-8"))
        check({str(name): float(value) for name, value in figures.items()})
    except Mistake as mistake:
        return [Graded("measured", 0, points, mistake.kind, str(mistake))]
    except (ValueError, TypeError, AttributeError) as error:
        return [Graded("measured", 0, points, "unreadable", f"{own[0].name} holds no figures: {error}")]
    return [Graded("measured", points, points, "", "")]


def _mistake(
    code: list[str], part: str, checks: tuple[Check, ...], limits: dict[str, int], seconds: float
) -> tuple[str, str]:
    """The kind and the text of the first mistake; two empty ones where there is none."""
    try:
        with Student(code, limits, seconds) as student:
            for check in checks:
                check(student[part])
    except Mistake as mistake:
        return mistake.kind, str(mistake)
    except NotImplementedError as error:
        return "missing", str(error) or "not written"
    except Lost as lost:
        return "lost", str(lost)
    except Exception as error:  # an answer that no check foresaw must not stop the grading of all others
        return "unexpected", f"the check could not read the answer: {type(error).__name__}: {error}"
    return "", ""


def as_rows(student: str, graded: list[Graded]) -> list[dict[str, object]]:
    """For a table."""
    return [{"student": student, **asdict(one)} for one in graded]
