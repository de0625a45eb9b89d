"""The homeworks: what students get holds no solution, is up to date, and the solutions are right and run."""

from __future__ import annotations

import json
import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from dlsfaces import grading
from tests.test_notebooks import smoke_environment
from tools import notebooks
from tools.grading.assign import MASTERS, versions
from tools.grading.grade import grade_figures, parts_of
from tools.grading.source import cells

ROOT = notebooks.ROOT
FILES = sorted(MASTERS.glob("*.ipynb"))
HOMEWORKS = [path for path in FILES if path.stem.startswith("hw")]

each_master = pytest.mark.parametrize("master", FILES, ids=[path.stem for path in FILES])
each_homework = pytest.mark.parametrize("master", HOMEWORKS, ids=[path.stem for path in HOMEWORKS])


def test_there_is_a_homework_for_every_topic():
    assert [path.stem.split("_", 1)[1] for path in HOMEWORKS] == list(grading.HOMEWORKS)


@each_master
def test_both_versions_are_those_that_the_master_gives(master):
    for path, text in versions(master).items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `make assignments`"


@each_homework
def test_students_get_no_solution_and_every_part(master):
    code = "\n".join(cells(ROOT / "notebooks" / "assignments" / master.name))
    for name in parts_of(master.stem.split("_", 1)[1]):
        assert f'grading.check("{name}", {name})' in code and f"def {name}(" in code
    solved = "\n".join(cells(master))
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", solved, re.DOTALL)
    assert len(regions) >= len(parts_of(master.stem.split("_", 1)[1])) and code.count("# YOUR CODE") == len(regions)
    for region in regions:
        assert region not in code
    assert "SOLUTION" not in code


@each_master
def test_the_solution_runs_and_is_right(master, tmp_path, monkeypatch):
    for name, value in smoke_environment(PYTHONPATH=str(ROOT)).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(ROOT / "notebooks" / "solutions" / master.name, as_version=4)
    for figures in MASTERS.glob("*.json"):
        shutil.copy(figures, tmp_path)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    checked = 0
    for cell in notebook.cells:
        if cell.cell_type == "code" and (names := re.findall(r'grading\.check\("(\w+)"', cell.source)):
            said = "".join(out.get("text", "") for out in cell.outputs)
            assert all(f"{name}: right, as far" in said for name in names), said
            checked += len(names)
    if master in HOMEWORKS:
        homework = master.stem.split("_", 1)[1]
        assert checked == len(parts_of(homework))
        figures = json.loads((tmp_path / f"{master.stem}.json").read_text(encoding="utf-8"))
        assert all(isinstance(value, float) for value in figures.values())
        shutil.copy(master, tmp_path / master.name)
        assert len(grade_figures(tmp_path / master.name, homework)) == 1  # in smoke size the figures are others
