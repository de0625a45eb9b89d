"""The same call in one process and in two."""

import sys
from itertools import pairwise

import pytest
import torch

from dlsfaces.train.launch import on_all_gpus
from tests.train import two


def losses(found):
    return [row["loss"] for row in found["history"]]


def test_two_processes_train_as_one_does(tmp_path, capfd):
    two.curve(tmp_path, "one")
    two.curve(tmp_path, "begun", stop_after=7)  # within its second epoch; it goes on in two processes
    model, message = on_all_gpus(two.everything, tmp_path, processes=2)
    one, first, second, moved = (torch.load(tmp_path / f"{n}.pt") for n in ("one-0", "two-0", "two-1", "moved-0"))
    assert one["shares"] == [16] * 12 and first["shares"] == second["shares"] == [8] * 12
    mean = [(a + b) / 2 for a, b in zip(first["curve"], second["curve"], strict=True)]
    assert mean == pytest.approx(one["curve"], abs=1e-5)  # every step of it
    assert losses(first) == pytest.approx(losses(one), abs=1e-5)
    assert mean[0] != first["curve"][0], "both processes saw the same images"
    assert any(abs(a - b) > 1e-3 for a, b in pairwise(mean)), "a curve that does not move proves nothing"
    assert torch.equal(first["weights"], second["weights"])
    assert torch.allclose(first["weights"], one["weights"], atol=1e-5)
    assert first["history"] == second["history"]  # measured by the main process, known to both
    assert [row["rank"] for row in second["history"]] == [0.0] * 3

    assert moved["shares"] == [8] * 5  # of 12 steps, 7 were in the checkpoint
    assert losses(moved) == pytest.approx(losses(one), abs=1e-5)
    assert torch.allclose(moved["weights"], one["weights"], atol=1e-5)

    # The running means of batch normalisation too are the same in all processes.
    assert torch.equal(*(torch.load(tmp_path / f"batch-norm-{rank}.pt") for rank in (0, 1)))

    assert message == "a batch of 9 cannot be shared evenly by 2 processes; choose a multiple of it"
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 16)
    assert "a line for the notebook" in capfd.readouterr().err


def test_an_error_in_another_process_is_raised_here():
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        on_all_gpus(two.fails, "the loss is nan", processes=2)
    with pytest.raises(RuntimeError, match="in 2 processes ended with status 1"):
        on_all_gpus(two.dies, processes=2)


def test_one_process_is_a_plain_call():
    assert on_all_gpus(lambda x, y: x + y, 1, y=2) == 3  # even of what could not be sent


def test_what_other_processes_cannot_import_is_refused(monkeypatch):
    def local():
        pass

    with pytest.raises(Exception, match=r"local object.*local"):
        on_all_gpus(local, processes=2)
    monkeypatch.setattr(sys.modules["__main__"], "in_a_notebook", local, raising=False)
    local.__module__, local.__qualname__ = "__main__", "in_a_notebook"
    with pytest.raises(
        ValueError, match=r"cannot import in_a_notebook or an argument of it: it is defined in __main__"
    ):
        on_all_gpus(local, processes=2)
