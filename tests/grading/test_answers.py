"""Wrong answers of known kinds lose their points and are told what they are; right answers pass, however written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dlsfaces import grading
from tools.grading.grade import grade, parts_of

ANSWERS = Path(__file__).parent / "answers"
WRONG = sorted(ANSWERS.glob("*/wrong/*.py"))
UNSEEN = sorted(ANSWERS.glob("*/unseen/*.py"))  # wrong ones by somebody who had not seen the checks
RIGHT = sorted(ANSWERS.glob("*/right/*.py"))


def named(path: Path) -> tuple[str, str, str]:
    """Homework, part, and kind of mistake of a wrong answer's file, ``PART-KIND.py`` or ``PART-KIND_2.py``."""
    part, kind = path.stem.split("-")
    return path.parts[-3], part, re.sub(r"_\d+$", "", kind)


@pytest.mark.parametrize("path", WRONG + UNSEEN, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_wrong_answer_loses_its_points(path):
    homework, part, _ = named(path)
    (graded,) = grade(path, {part: parts_of(homework)[part]})
    assert graded.points == 0 and graded.reason and graded.kind != "unexpected", graded


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_right_answer_gets_all_points(path):
    for graded in grade(path, parts_of(path.parts[-3])):
        assert graded.points == graded.of, graded


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_right_answer_passes_the_public_checks(path, capsys):
    space: dict[str, object] = {"__name__": "answer"}
    exec(compile(path.read_text(encoding="utf-8"), path.name, "exec", dont_inherit=True), space)
    for part in parts_of(path.parts[-3]):
        grading.check(part, space[part])
        assert "right, as far" in capsys.readouterr().out


def test_every_part_has_wrong_answers():
    for homework in grading.HOMEWORKS:
        assert {named(path)[1] for path in WRONG if named(path)[0] == homework} == set(parts_of(homework))
