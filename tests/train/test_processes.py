"""The same call in one process and in two."""

import os
import sys

import pytest
import torch

from dlsfaces.train.launch import on_all_gpus
from tests.train import two


def losses(history):
    return [row["loss"] for row in history]


@pytest.mark.fault("ranks differ")
def test_two_processes_train_as_one_does(tmp_path, capfd):
    two.plain(tmp_path, "one", "one.ckpt")
    two.plain(tmp_path, "begun", "begun.ckpt", 7)  # stopped within its second epoch; it goes on in two processes
    model, message = on_all_gpus(two.everything, tmp_path, processes=2)
    one, first, second, moved = (torch.load(tmp_path / f"{n}.pt") for n in ("one-0", "two-0", "two-1", "moved-0"))
    for (history, found, shares), steps in ((first, 12), (second, 12), (moved, 5)):  # 7 were in the checkpoint
        assert one[2] == [16] * 12 and shares == [8] * steps
        assert losses(history) == pytest.approx(losses(one[0]), abs=1e-5)
        assert torch.allclose(found, one[1], atol=1e-5) and torch.equal(first[1], second[1])
    assert losses(one[0])[0] > losses(one[0])[2] + 0.1, "a curve that does not move proves nothing"
    assert first[0] == second[0] and [row["rank"] for row in second[0]] == [0.0] * 3  # measured by the main process
    # The running means of batch normalisation, and of the loss, too are the same in all processes.
    assert torch.equal(*(torch.load(tmp_path / f"batch-norm-{rank}.pt") for rank in (0, 1)))
    assert message == "a batch of 9 cannot be shared evenly by 2 processes; choose a multiple of it"
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 16)
    assert "a line for the notebook" in capfd.readouterr().err


def test_an_error_in_another_process_is_raised_here():
    with pytest.raises(ValueError, match="could not convert string to float: 'nought'"):
        on_all_gpus(float, "nought", processes=2)
    with pytest.raises(RuntimeError, match="in 2 processes ended with status 1"):
        on_all_gpus(os._exit, 3, processes=2)


def test_what_other_processes_cannot_import_is_refused(monkeypatch):
    def in_a_notebook():
        return 3

    assert on_all_gpus(in_a_notebook) == 3  # one process is a plain call
    monkeypatch.setattr(sys.modules["__main__"], "in_a_notebook", in_a_notebook, raising=False)
    in_a_notebook.__module__, in_a_notebook.__qualname__ = "__main__", "in_a_notebook"
    with pytest.raises(
        ValueError, match=r"cannot import in_a_notebook or an argument of it: it is defined in __main__"
    ):
        on_all_gpus(in_a_notebook, processes=2)
