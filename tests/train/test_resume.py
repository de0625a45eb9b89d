"""A run that is killed goes on to the same weights; what cannot go on says why, and keeps the last good state."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dlsfaces.data import Augmentation
from dlsfaces.recognize import CrossEntropy, FaceResNet
from dlsfaces.train import checkpoints
from tests.train.easy import Plain, easy_faces, fit, small, weights

ROOT = Path(__file__).resolve().parent.parent.parent
AGAIN = dict(OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))


def run_script(*command, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, command)], env={**os.environ, **AGAIN, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path):
    """Before the first checkpoint, within an epoch, between epochs, and in the middle of writing."""
    moments = ["1", "3", "write:0", "write:1", "4", "5", "0", "write:1"]
    said = run_script(ROOT / "tests" / "train" / "killed.py", tmp_path, *moments)
    assert len(said.splitlines()) == len(moments)
    found = torch.load(tmp_path / "both.pt", weights_only=False)
    (history, killed), (expected, never) = found["killed"], found["never"]
    assert torch.equal(killed, never)
    assert [row["loss"] for row in history] == [row["loss"] for row in expected]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    # what the killed writers had left is gone
    assert sorted(p.name for p in tmp_path.iterdir()) == ["both.pt", "last.pt", "never.pt"]


def test_a_finished_run_is_not_repeated(tmp_path):
    first, again = small(), small(seed=5)
    options = dict(checkpoint=tmp_path / "last.pt", augment=Augmentation())
    rows = fit(*first, easy_faces(), **options)
    assert fit(*again, easy_faces(), **options) == rows
    assert torch.equal(weights(*again), weights(*first))


def test_the_callers_random_numbers_are_left_alone():
    model, loss = small(dropout=0.5)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fit(model, loss, easy_faces(), epochs=1)
    assert torch.equal(torch.rand(2), expected)


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path):
    checkpoint = tmp_path / "last.pt"
    for content in (b"not a checkpoint", b""):
        checkpoint.write_bytes(content)
        with pytest.raises(ValueError, match=r"last\.pt cannot be resumed.*delete it to start anew"):
            fit(*small(), easy_faces(), checkpoint=checkpoint)
        assert checkpoint.read_bytes() == content
    torch.save({"something": "else"}, checkpoint)
    with pytest.raises(ValueError, match=r"last\.pt cannot be resumed .*no checkpoint: KeyError"):
        fit(*small(), easy_faces(), checkpoint=checkpoint)
    torch.save({"format": 1}, checkpoint)
    with pytest.raises(ValueError, match="it has format 1, and this version"):
        fit(*small(), easy_faces(), checkpoint=checkpoint)


class Malicious:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_checkpoint_runs_no_code(tmp_path):
    torch.save({"format": checkpoints.FORMAT, "run": Malicious()}, tmp_path / "last.pt")
    with pytest.raises(ValueError, match=r"last\.pt cannot be resumed"):
        fit(*small(), easy_faces(), checkpoint=tmp_path / "last.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(lr=0.1), r"lr was 0\.05 and is 0\.1"),
        (dict(epochs=5), "epochs was 3 and is 5"),
        (dict(seed=1), "seed was 0 and is 1"),
        (dict(weight_decay=0.0), "weight_decay"),
        (dict(warmup=0.5), "warmup"),
        (dict(precision="bf16"), "precision was 'no' and is 'bf16'"),
        (dict(batch_size=8), "steps an epoch was 4 and is 8, batch size was 16 and is 8"),
        (dict(augment=None), r"augment was .*Augmentation\(flip=0\.5.* and is 'None'"),
        (dict(augment=Augmentation(flip=0.0)), r"flip=0\.0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_configuration_is_refused_and_named(tmp_path, change, message):
    checkpoint = tmp_path / "last.pt"
    options = dict(checkpoint=checkpoint, augment=Augmentation())
    fit(*small(), easy_faces(), **options)
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=rf"last\.pt is of another run: .*{message}.*delete this one"):
        fit(*small(), easy_faces(), **(options | change))
    assert checkpoint.read_bytes() == before


@dataclasses.dataclass(frozen=True)
class Darker:
    """A move with a setting."""

    by: float

    def __call__(self, images, targets, keys):
        return images.float() / 255 * self.by, targets


def test_another_optimizer_or_move_is_another_run(tmp_path):
    options = dict(checkpoint=tmp_path / "last.pt", epochs=1, lr=0.001)
    with_all = options | dict(optimizer="adamw", move=Darker(0.5))
    fit(*small(), easy_faces(), **with_all)
    with pytest.raises(ValueError, match=r"another run: .*optimizer was 'adamw' and is None"):
        fit(*small(), easy_faces(), **(with_all | dict(optimizer="sgd")))
    with pytest.raises(ValueError, match=r"another run: move was .*Darker\(by=0\.5\)' and is .*Darker\(by=0\.4\)"):
        fit(*small(), easy_faces(), **(with_all | dict(move=Darker(0.4))))
    with pytest.raises(ValueError, match=r"move was .*Darker\(by=0\.5\)' and is None"):
        fit(*small(), easy_faces(), **(with_all | dict(move=None)))
    options["checkpoint"] = tmp_path / "plain.pt"
    fit(*small(), easy_faces(), **options)
    with pytest.raises(ValueError, match=r"plain\.pt is of another run: optimizer was None and is 'adamw'"):
        fit(*small(), easy_faces(), **options, optimizer="adamw")


class Stopped(Exception):
    """Instead of a kill: nothing of the loop catches it."""


@pytest.mark.parametrize("moment", [3, 6, 7])
def test_adamw_stopped_within_an_epoch_ends_with_the_same_weights(tmp_path, moment):
    options = dict(optimizer="adamw", lr=0.002, weight_decay=0.1, augment=Augmentation(), epochs=3, save_every=2)

    def run(checkpoint, stop_at=None):
        steps = []

        def move(images, targets, keys):
            if len(steps) == stop_at:
                raise Stopped
            steps.append(1)
            return images.float() / 255 * torch.rand(()), targets

        parts = small(dropout=0.3)
        return fit(*parts, easy_faces(), move=move, checkpoint=checkpoint, **options), weights(*parts), len(steps)

    expected, never, steps = run(None)
    with pytest.raises(Stopped):
        run(tmp_path / "last.pt", moment)
    history, resumed, rest = run(tmp_path / "last.pt")
    assert steps == 12 and rest == 12 - moment // 2 * 2
    assert torch.equal(resumed, never)
    assert [row["loss"] for row in history] == [row["loss"] for row in expected]


def test_another_model_loss_or_data_is_refused(tmp_path):
    options = dict(checkpoint=tmp_path / "last.pt", epochs=1)
    fit(*small(), easy_faces(), **options)
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"loss\.label_smoothing was 0\.0 and is 0\.1"):
        fit(small()[0], CrossEntropy(16, 4, label_smoothing=0.1), easy_faces(), **options)
    with pytest.raises(ValueError, match=r"another run: .*embedding_dim was 16 and is 8"):
        fit(FaceResNet("small", 8, (32, 32)), CrossEntropy(8, 4), easy_faces(), **options)
    with pytest.raises(ValueError, match="photos was 64 and is 80"):
        fit(*small(), easy_faces(pictures=20), **options)
    with pytest.raises(ValueError, match=r"cannot be resumed|another run"):
        fit(Plain(), small()[1], easy_faces(), **options)


def test_the_precision_that_was_measured_is_kept(tmp_path, monkeypatch):
    """A second probe may answer otherwise; the run goes on as it began."""
    from dlsfaces.train import processes

    answers = iter(["bf16", "no"])
    monkeypatch.setattr(processes, "faster_precision", lambda device: next(answers))
    options = dict(checkpoint=tmp_path / "last.pt", precision="auto", epochs=1)
    history = fit(*small(), easy_faces(), **options)
    assert fit(*small(), easy_faces(), **options) == history and next(answers) == "no"


def test_a_full_disk_keeps_the_last_checkpoint_and_says_so(tmp_path):
    """The operating system refuses to write on; not a simulation of it."""
    resource = pytest.importorskip("resource")
    import signal

    checkpoint = tmp_path / "last.pt"
    fit(*small(), easy_faces(), checkpoint=checkpoint, epochs=2)
    state = checkpoints.read(checkpoint)
    before = checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match=r"last\.pt could not be written .*last good state is still there.*Make room"):
            checkpoints.write(checkpoint, state)
        with pytest.raises(OSError, match=r"new\.pt could not be written .*nothing is kept there yet"):
            checkpoints.write(tmp_path / "new.pt", state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert checkpoint.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"the checkpoint .*last\.pt could not be written"):
        fit(*small(), easy_faces(), epochs=1, checkpoint=tmp_path / "file" / "last.pt")


def test_a_broken_state_does_not_replace_a_good_one(tmp_path):
    checkpoint = tmp_path / "last.pt"
    model, loss = small()
    fit(model, loss, easy_faces(), epochs=1, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    state = checkpoints.read(checkpoint)
    next(iter(state["parts"].values())).fill_(torch.nan)
    with pytest.raises(FloatingPointError, match=r"holds NaN or infinity; .*last\.pt keeps the last good state"):
        checkpoints.write(checkpoint, state)
    assert checkpoint.read_bytes() == before


def test_measures_of_numpy_can_be_resumed(tmp_path):
    options = dict(checkpoint=tmp_path / "last.pt", validate=lambda m: {"a": np.float64(0.5)})
    for _ in range(2):
        assert [row["a"] for row in fit(*small(), easy_faces(), epochs=2, **options)] == [0.5, 0.5]


def test_settings_are_plain_attributes_of_every_part():
    class Margin(nn.Module):
        def __init__(self):
            super().__init__()
            self.margin, self._hidden, self.weight = 0.5, 1, nn.Parameter(torch.zeros(1))

    found = checkpoints.settings_of(nn.ModuleDict({"loss": nn.Sequential(Margin(), nn.Dropout(0.2))}))
    assert found == {"loss.0.margin": 0.5, "loss.1.p": 0.2, "loss.1.inplace": False}
