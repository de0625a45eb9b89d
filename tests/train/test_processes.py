"""The same call in one process and in two."""

import shutil
import sys
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

from dlsfaces.recognize import CrossEntropy, Recipe, train_cross_entropy
from dlsfaces.train import launch, processes
from tests.train.easy import Plain, easy_faces, fit, weights
from tests.train.test_resume import ROOT, run_script

SCRIPT = ROOT / "tests" / "train" / "two.py"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=2")


def losses(found):
    return [row["loss"] for row in found["history"]]


def test_two_processes_follow_the_curve_of_one(tmp_path):
    run_script(SCRIPT, tmp_path, "one")
    run_script(*TORCHRUN, SCRIPT, tmp_path, "two")
    one, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("one-0", "two-0", "two-1"))
    assert one["share"] == [16] * 12 and first["share"] == second["share"] == [8] * 12
    curve = [(a + b) / 2 for a, b in zip(first["curve"], second["curve"], strict=True)]
    assert curve == pytest.approx(one["curve"], abs=1e-5)  # every step of it
    assert losses(first) == pytest.approx(losses(one), abs=1e-5)
    assert curve[0] != first["curve"][0], "both processes saw the same pictures"
    assert any(abs(a - b) > 1e-3 for a, b in pairwise(curve)), "a curve that does not move proves nothing"
    assert torch.equal(first["weights"], second["weights"])
    assert torch.allclose(first["weights"], one["weights"], atol=1e-5)
    assert first["history"] == second["history"]  # measured by the main process, known to both
    assert [row["rank"] for row in second["history"]] == [0.0] * 3

    # A run that was begun in one process and stopped within its second epoch goes on in two.
    run_script(SCRIPT, tmp_path, "begun", 7)
    assert not (tmp_path / "begun-0.pt").exists()
    shutil.copy(tmp_path / "begun.ckpt", tmp_path / "moved.ckpt")
    run_script(*TORCHRUN, SCRIPT, tmp_path, "moved")
    moved = torch.load(tmp_path / "moved-0.pt")
    assert moved["share"] == [8] * 5  # of 12 steps, 7 were in the checkpoint
    assert losses(moved) == pytest.approx(losses(one), abs=1e-5)
    assert torch.allclose(moved["weights"], one["weights"], atol=1e-5)


def plain_run(faces, epochs):
    """What on_all_gpus is given here: another process imports it by name."""
    model = Plain()
    torch.manual_seed(0)
    loss = CrossEntropy(16, 4)
    history = fit(model, loss, faces, epochs=epochs)
    print("a line for the notebook")
    return model, loss, history


def fails(message):
    raise FloatingPointError(message)


def dies():
    import os

    os._exit(3)


def test_a_call_in_two_processes_gives_what_it_gives_here(capfd):
    model, loss, history = plain_run(easy_faces(), 2)
    capfd.readouterr()
    there = launch.on_all_gpus(plain_run, easy_faces(), processes=2, epochs=2)
    assert "a line for the notebook" in capfd.readouterr().err
    assert isinstance(there[0], nn.Module) and there[0](torch.rand(1, 3, 32, 32)).shape == (1, 16)
    assert [row["loss"] for row in there[2]] == pytest.approx([row["loss"] for row in history], abs=1e-5)
    assert torch.allclose(weights(*there[:2]), weights(model, loss), atol=1e-5)


def test_a_recipe_trains_in_two_processes_and_is_not_repeated(tmp_path):
    recipe = Recipe(network="small", image_size=(32, 32), embedding_dim=16, epochs=2, batch_size=16, lr=0.05)
    arguments = (easy_faces(), easy_faces(), recipe, tmp_path / "run.pt")
    model, loss, history = launch.on_all_gpus(train_cross_entropy, *arguments, processes=2)
    assert len(history) == 2 and history[-1]["validation_accuracy"] >= 0.25
    again = train_cross_entropy(*arguments)  # finished: whoever asks
    assert again[2] == history and torch.equal(weights(*again[:2]), weights(model, loss))


def test_an_error_in_another_process_is_raised_here():
    with pytest.raises(FloatingPointError, match=r"the loss is nan"):
        launch.on_all_gpus(fails, "the loss is nan", processes=2)
    with pytest.raises(RuntimeError, match=r"in 2 processes ended with status 1"):
        launch.on_all_gpus(dies, processes=2)


def test_one_process_is_a_plain_call():
    assert launch.on_all_gpus(lambda x, y: x + y, 1, y=2) == 3  # even of what could not be sent


def test_what_other_processes_cannot_import_is_refused(monkeypatch):
    def local():
        pass

    for function in (local, partial(plain_run, 1)):
        with pytest.raises(ValueError, match="other processes cannot import"):
            launch.on_all_gpus(function, processes=2)
    monkeypatch.setattr(sys.modules["__main__"], "in_a_notebook", local, raising=False)
    local.__module__, local.__qualname__ = "__main__", "in_a_notebook"
    with pytest.raises(ValueError, match=r"other processes cannot import in_a_notebook: it is defined in __main__"):
        launch.on_all_gpus(local, processes=2)


def test_a_batch_that_cannot_be_shared_is_refused():
    loader = torch.utils.data.DataLoader(range(9), batch_size=3)
    assert processes.batch_size(loader, 1) == 3
    with pytest.raises(ValueError, match="a batch of 3 cannot be shared evenly by 2 processes"):
        processes.batch_size(loader, 2)
