"""The gradebook: it makes and grades a class of its own, and it reads the tables of several homeworks."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_notebooks import smoke_environment
from tools import notebooks

FILE = notebooks.ROOT / "tools" / "grading" / "gradebook.ipynb"


@pytest.mark.slow
def test_it_grades_a_class_of_its_own(monkeypatch):
    for name, value in smoke_environment().items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(FILE, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FILE.parent)}}).execute()
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    assert sum("image/png" in data for data in shown) == 3
    absent, copies = (data["text/markdown"] for data in shown if "text/markdown" in data)
    assert all(f"| {name} | nothing was handed in |" in absent for name in ("Xenia", "Yuri", "Zoe"))
    assert "| Wei | no part is written |" in absent and "Vera.ipynb is no notebook" in absent
    assert "| Emil | Uma | 100% |" in copies


def _write(path: Path, *rows: tuple[object, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)


def test_it_reads_several_homeworks(tmp_path, monkeypatch, capsys):
    head = ("student", "part", "points", "of", "kind", "reason")
    right, wrong = (3.0, 3.0, "", ""), (0.0, 3.0, "round", "it rounds\nand should not")
    _write(
        tmp_path / "rate.csv",
        head,
        ("a", "tpr_at_fpr", *right),
        ("b", "tpr_at_fpr", *wrong),
        ("d", "tpr_at_fpr", *wrong),
    )
    _write(tmp_path / "rate_near_copies.csv", ("student", "other", "share"), ("b", "d", 0.9))
    _write(tmp_path / "attack.csv", head, ("a", "fgsm", 0.0, 1.0, "crash", "it stops"), ("b", "fgsm", 1.0, 1.0, "", ""))
    _write(tmp_path / "attack_near_copies.csv", ("student",))
    (tmp_path / "names.txt").write_text("a\nb\nc\n", encoding="utf-8")
    monkeypatch.chdir(FILE.parent)
    space: dict[str, object] = {"__name__": "gradebook"}
    said = []
    for number, cell in notebooks.code_cells(notebooks.read(FILE)):
        code = notebooks.source(cell)
        code = code.replace('GRADED = ""', f"GRADED = {str(tmp_path)!r}")
        code = code.replace('NAMES = ""', f"NAMES = {str(tmp_path / 'names.txt')!r}")
        exec(compile(ast.parse(code), f"cell {number}", "exec"), space)
        space["display"] = lambda shown: said.append(shown.data)
    assert "rate: 3 of 4 students handed in\nattack: 2 of 4" in capsys.readouterr().out
    absent, copies = said
    assert absent.splitlines()[2:] == [
        "| rate | c | nothing was handed in |",
        "| attack | a | fgsm: it stops |",
        "| attack | c | nothing was handed in |",
        "| attack | d | nothing was handed in |",
    ]
    assert copies.splitlines()[2:] == ["| rate | b | d | 90% | 0 and 0 | tpr_at_fpr: round |"]
    plt.close("all")
