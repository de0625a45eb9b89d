"""Submissions that harm: each loses its own points, and nobody else anything."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tools.grading.__main__ import grade_all, submissions
from tools.grading.copies import near_copies
from tools.grading.grade import grade, parts_of
from tools.grading.source import cells, needed, nodes

HERE = Path(__file__).parent
HOSTILE = sorted((HERE / "hostile").iterdir())
GOOD = HERE / "answers" / "rate" / "right" / "loops.py"
LIMITS = {"seconds": 20, "memory_mb": 512, "file_mb": 4}


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_who_harms_gets_no_points_and_the_next_gets_all(path):
    trace = Path("/tmp/grader-was-here")
    trace.unlink(missing_ok=True)
    graded = grade(path, parts_of("rate"), LIMITS, seconds=4)
    assert sum(one.points for one in graded) == 0 and all(one.reason for one in graded), graded
    assert not trace.exists()
    assert all(one.points == one.of for one in grade(GOOD, parts_of("rate"), LIMITS))


def test_what_a_submission_can_see():
    part = "positive_similarities"
    (graded,) = grade(HERE / "hostile" / "looks_for_the_tests.py", {part: parts_of("rate")[part]})
    if "seen: 0" not in graded.reason:
        pytest.skip(f"this system lets nobody hide files from a process: {graded.reason}")
    assert "seen: 0, 1" in graded.reason  # nothing of the graders, from a folder of its own


def _notebook(path: Path, *sources: str) -> Path:
    made = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_notebook_in_any_order_with_copies_and_overwritten_names(tmp_path):
    parts = GOOD.read_text(encoding="utf-8").split("\n\n\n")
    stub = "def tpr_at_fpr(positive, negative, fpr):\n    # YOUR CODE\n    raise NotImplementedError()\n"
    work = "tpr_at_fpr = tpr_at_fpr(a, b, 0.1)\nfor epoch in range(10**9):\n    train(epoch)\n"
    magic = "%matplotlib inline\n!pip install dlsfaces\ncos = 3\n"
    file = _notebook(tmp_path / "anna.ipynb", magic, *reversed(parts), "%%bash\nrm -rf x", "def broken(:", work, stub)
    graded = grade(file, parts_of("rate"))
    assert all(one.points == one.of for one in graded), graded


def test_a_folder_is_graded_once_and_goes_on(tmp_path, capsys):
    folder, out = tmp_path / "all", tmp_path / "out"
    (folder / "Béla Ö").mkdir(parents=True)
    shutil.copy(GOOD, folder / "Béla Ö" / "homework.py")
    figures = {"synthetic/tpr@0.01": 1.0, "synthetic/tpr@0.1": 1, "celeba/tpr@0.01": 0.66, "celeba/tpr@0.1": 0.85}
    (folder / "Béla Ö" / "hw2_rate.json").write_text(json.dumps(figures))
    renamed = GOOD.read_text(encoding="utf-8").replace("cos(", "similar(").replace("ordered", "down")
    (folder / "carla.py").write_text(renamed, encoding="utf-8")
    shutil.copy(HERE / "answers" / "rate" / "right" / "einsum.py", folder / "dan.py")
    (folder / "notes.txt").write_text("not a submission")
    _notebook(folder / "eva.ipynb", "x = 1")
    found = submissions(folder)
    assert list(found) == ["Béla Ö", "carla", "dan", "eva"]
    rows = grade_all(found, "rate", out)
    total = {name: sum(row["points"] for row in rows if row["student"] == name) for name in found}
    assert total == {"Béla Ö": 8, "carla": 7, "dan": 7, "eva": 0}
    with (out / "rate.csv").open(newline="", encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 16
    with (out / "rate_near_copies.csv").open(newline="", encoding="utf-8-sig") as file:
        copies = [(row["student"], row["other"]) for row in csv.DictReader(file)]
    assert copies == [("Béla Ö", "carla")]
    assert "7 of 8 points" in (out / "pages" / "rate" / "carla.html").read_text(encoding="utf-8")
    times = {path: path.stat().st_mtime_ns for path in (out / "done").iterdir()}
    (folder / "eva.ipynb").write_text((folder / "eva.ipynb").read_text().replace("x = 1", "x = 2"))
    assert grade_all(submissions(folder), "rate", out) == rows
    assert sum(path.stat().st_mtime_ns != times[path] for path in times) == 1  # eva's alone


def test_only_what_an_answer_needs_runs():
    code = "import torch\nEPS = 1e-6\ndata = load()\nfor vectors in data:\n    train(vectors)\n"
    code += "def unit(vectors):\n    return vectors / (vectors.norm() + EPS)\n"
    code += "def answer(data, k=len(str(EPS))):\n    vectors = [unit(one) for one in data]\n"
    code += "    return torch.stack(vectors)\n"
    assert [type(node).__name__ for node in needed(nodes([code]), "answer")] == [
        "Import", "Assign", "FunctionDef", "FunctionDef",
    ]  # fmt: skip


def test_near_copies_are_found_under_other_names_and_not_among_the_rest():
    code = {path.stem: cells(path) for path in (HERE / "answers" / "rate" / "right").iterdir()}
    assert near_copies(code) == []
    code["copy"] = [cell.replace("who", "labels").replace("vectors", "x") + "\n# mine\n" for cell in code["by_person"]]
    assert [pair[:2] for pair in near_copies(code)] == [("by_person", "copy")]
    assert near_copies(code, given=code["by_person"]) == []
