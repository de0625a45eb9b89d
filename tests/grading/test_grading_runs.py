"""Graded twice, the same points; and a student's network is used as it is after training, without dropout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import torch

from tools import notebooks
from tools.grading.__main__ import grade_all, submissions
from tools.grading.remote import Student

HERE = Path(__file__).parent
CHANCE = """
import random, numpy, torch

def tpr_at_fpr(positive, negative, fpr):
    raise ValueError(f"{random.random()} {numpy.random.rand()} {torch.rand(())}")
"""
NETWORK = """
from torch import nn

def network(share):
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(share), nn.Linear(8, 4))
"""


def test_graded_twice_the_points_and_reasons_are_the_same(tmp_path):
    folder, tables = tmp_path / "handed_in", ("rate.csv", "rate_near_copies.csv")
    folder.mkdir()
    rate = HERE / "answers" / "rate"
    some = ("right/loops", "right/einsum", "wrong/positive_similarities-self_pairs", "wrong/tpr_at_fpr-quantile")
    for file in [
        *(rate / f"{name}.py" for name in some),
        *(HERE / "hostile" / one for one in ("exits.py", "damaged.ipynb")),
    ]:
        shutil.copy(file, folder)
    shutil.copy(rate / "right" / "loops.py", folder / "copy.py")
    (folder / "chance.py").write_text(CHANCE, encoding="utf-8")

    grade_all(submissions(folder), "rate", tmp_path / "first")
    command = [sys.executable, "-m", "tools.grading", folder, "rate", "--out", tmp_path / "second", "--workers", "1"]
    subprocess.run(command, cwd=notebooks.ROOT, check=True, capture_output=True)
    first, second = ([(tmp_path / out / name).read_bytes() for name in tables] for out in ("first", "second"))
    assert first == second
    assert b"ValueError" in first[0] and b"copy,loops,1.0" in first[1]

    done = sorted((tmp_path / "first" / "done").iterdir())
    assert len(done) == 8
    for path in [*done[::2], *(tmp_path / "first" / name for name in tables)]:  # as a run leaves it that was stopped
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in done[1::2]}
    grade_all(submissions(folder), "rate", tmp_path / "first")
    assert [(tmp_path / "first" / name).read_bytes() for name in tables] == first
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_network_in_the_students_process_is_in_evaluation_mode():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    with Student([NETWORK]) as student:
        net = student["network"](0.5)
        assert net(x).equal(net(x))  # no dropout
        assert torch.allclose(net(x)[:1], net(x[:1]), atol=1e-6)  # an image's result does not depend on its batch
        weights = net.weights()
    assert weights == 4 * 8 + 8 + 2 * 8 + 8 * 4 + 4
