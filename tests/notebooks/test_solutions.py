"""The chapters' exercises: each has a worked answer, and the answers run."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.test_notebooks import run_nbval, smoke_environment
from tools import notebooks

FOLDER = notebooks.ROOT / "notebooks" / "solutions"
SOLVED = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))

each_solution = pytest.mark.parametrize("path", SOLVED, ids=[path.stem for path in SOLVED])


def texts(path: Path) -> str:
    return "\n".join(notebooks.source(c) for c in notebooks.read(path)["cells"] if c["cell_type"] == "markdown")


@each_solution
def test_every_exercise_of_the_chapter_has_an_answer(path):
    exercises = texts(FOLDER.parent / path.name).partition("## Exercises")[2].partition("\n## ")[0]
    asked = re.findall(r"^(\d+)\. ", exercises, re.MULTILINE)
    assert asked and re.findall(r"^## (?:Exercise )?(\d+)", texts(path), re.MULTILINE) == asked


@each_solution
def test_the_answers_run_in_smoke_size(path, tmp_path):
    environment = smoke_environment(PYTHONPATH=str(notebooks.ROOT), DLSFACES_CACHE=str(tmp_path / "cache"))
    run_nbval(sys.executable, Path(shutil.copy(path, tmp_path)), environment)


@each_solution
def test_the_answers_are_stored_and_fit_to_publish(path):
    notebook = notebooks.read(path)
    problems = [text for text in notebooks.problems(notebook) if notebooks.CHECK_MARK not in text]
    assert not problems
