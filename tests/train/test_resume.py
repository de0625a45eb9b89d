"""A run that is killed goes on to the same weights; what cannot go on says why, and keeps the last good state."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dlsfaces import train
from dlsfaces.data import Augmentation
from dlsfaces.recognize import CrossEntropy
from dlsfaces.train import checkpoints, processes
from tests.train.easy import Stop, StopAfter, easy_faces, fit, small, weights

ROOT = Path(__file__).resolve().parent.parent.parent


def losses(history):
    return [row["loss"] for row in history]


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "last.pt"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path):
    """Before the first checkpoint, within an epoch, between epochs, and in the middle of writing."""
    moments = ["1", "3", "write:0", "write:1", "4", "5", "0", "write:1"]
    command = [sys.executable, str(ROOT / "tests" / "train" / "killed.py"), str(tmp_path), *moments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = torch.load(tmp_path / "both.pt")
    (history, killed), (expected, never) = found["killed"], found["never"]
    assert torch.equal(killed, never)
    assert losses(history) == losses(expected) and [row["epoch"] for row in history] == [1, 2, 3, 4]
    # what the killed writers had left is gone
    assert sorted(p.name for p in tmp_path.iterdir()) == ["both.pt", "last.pt", "never.pt"]


@pytest.mark.parametrize("moment", [3, 6, 7])
def test_adamw_and_torchs_own_shuffling_go_on_too(checkpoint, moment):
    faces = easy_faces()
    dataset = torch.utils.data.TensorDataset(faces.images((32, 32)), faces.identities, torch.arange(len(faces)))
    settings = train.Settings(3, lr=0.002, optimizer="adamw", precision="no", save_every=2)

    def run(checkpoint, stop_after=None):
        parts, move = small(dropout=0.3), StopAfter(stop_after)
        torch.manual_seed(stop_after or 0)
        batches = torch.utils.data.DataLoader(dataset, 16, shuffle=True)
        history = train.fit(*parts, batches, settings, move=move, augment=Augmentation(), checkpoint=checkpoint)
        return losses(history), weights(*parts), len(move._shares)

    expected, never, _ = run(None)
    with pytest.raises(Stop):
        run(checkpoint, moment)
    history, resumed, steps = run(checkpoint)
    assert steps == 12 - moment // 2 * 2
    assert torch.equal(resumed, never) and history == expected


def test_a_finished_run_is_not_repeated(checkpoint):
    first, again = small(), small(seed=5)
    options = dict(checkpoint=checkpoint, validate=lambda m: {"a": np.float64(0.5)})  # a measure of numpy's
    rows = fit(*first, **options)
    assert fit(*again, **options, move=StopAfter(0)) == rows and rows[-1]["a"] == 0.5
    assert torch.equal(weights(*again), weights(*first))


def test_another_run_is_refused_and_named(checkpoint):
    @dataclasses.dataclass(frozen=True)
    class Darker:
        by: float

        def __call__(self, images, targets, keys):
            return images.float() / 255 * self.by, targets

    options = dict(checkpoint=checkpoint, augment=Augmentation(), move=Darker(0.5), epochs=1)
    fit(*small(), **options)
    before = checkpoint.read_bytes()
    for change, message in {
        "lr": (dict(lr=0.1), r"lr was 0\.05 and is 0\.1"),
        "epochs": (dict(epochs=5), "epochs was 1 and is 5"),
        "seed": (dict(seed=1), "seed was 0 and is 1"),
        "precision": (dict(precision="bf16"), "precision was 'no' and is 'bf16'"),
        "optimizer": (dict(optimizer="adamw"), "optimizer was 'sgd' and is 'adamw'"),
        "batch": (dict(batch_size=8), "steps per epoch was 4 and is 8, batch size was 16 and is 8"),
        "data": (dict(faces=easy_faces(20)), "images was 64 and is 80, steps per epoch was 4 and is 5"),
        "augment": (dict(augment=Augmentation(flip=0.0)), r"augment.flip was 0\.5 and is 0\.0"),
        "move": (dict(move=Darker(0.4)), r"move.by was 0\.5 and is 0\.4"),
        "none": (dict(move=None), r"move.by was 0\.5 and is None"),
        "model": (dict(model=small(dropout=0.1)[0]), r"model.*\.p was 0\.0 and is 0\.1"),
        "loss": (dict(loss=CrossEntropy(16, 4, 0.1)), r"loss\.label_smoothing was 0\.0 and is 0\.1"),
    }.values():
        model, loss = small()
        with pytest.raises(ValueError, match=rf"last\.pt is of another run: .*{message}.*delete this one"):
            fit(**(dict(model=model, loss=loss) | options | change))
    assert checkpoint.read_bytes() == before
    fit(*small(), **options, save_every=7)  # this may change


class Malicious:
    def __reduce__(self):
        return Path("ran").touch, ()


@pytest.mark.parametrize("content", [b"not a checkpoint", b"", {"something": "else"}, {"run": Malicious()}])
def test_what_is_no_checkpoint_is_refused_and_runs_no_code(checkpoint, content, monkeypatch):
    monkeypatch.chdir(checkpoint.parent)
    checkpoint.write_bytes(content) if isinstance(content, bytes) else torch.save(content, checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=r"last\.pt cannot be resumed.*delete it to start anew"):
        fit(*small(), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before and not Path("ran").exists()


def test_the_precision_that_was_measured_is_kept(checkpoint, monkeypatch):
    """A second probe may answer otherwise; the run goes on as it began."""
    answers = iter(["bf16", "no"])
    monkeypatch.setattr(processes, "faster_precision", lambda device: next(answers))
    options = dict(checkpoint=checkpoint, precision="auto", epochs=1)
    assert fit(*small(), **options) == fit(*small(), **options) and next(answers) == "no"


def test_a_full_disk_keeps_the_last_checkpoint_and_says_so(checkpoint):
    """The operating system refuses to write on; not a simulation of it."""
    resource = pytest.importorskip("resource")
    with pytest.raises(Stop):
        fit(*small(), checkpoint=checkpoint, move=StopAfter(6))
    before = checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match=r"last\.pt could not be written .*last good state is still there.*Make room"):
            fit(*small(), checkpoint=checkpoint, move=StopAfter())
        with pytest.raises(OSError, match=r"new\.pt could not be written .*nothing is kept there yet"):
            fit(*small(), checkpoint=checkpoint.with_name("new.pt"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert checkpoint.read_bytes() == before and [p.name for p in checkpoint.parent.iterdir()] == ["last.pt"]


def test_a_broken_state_does_not_replace_a_good_one(checkpoint):
    def broken(model):
        next(model.parameters()).data.fill_(torch.nan)
        return {}

    with pytest.raises(Stop):
        fit(*small(), checkpoint=checkpoint, move=StopAfter(6))
    before = checkpoint.read_bytes()
    with pytest.raises(FloatingPointError, match=r"holds NaN or infinity; .*last\.pt, .* keeps the last good state"):
        fit(*small(), checkpoint=checkpoint, move=StopAfter(), validate=broken)
    assert checkpoint.read_bytes() == before


def test_other_faces_settings_or_versions_have_another_file(monkeypatch):
    def faces(checksum):
        return SimpleNamespace(name="easy", checksum=lambda: checksum)

    def paths():
        return [train.checkpoint_path("loss", faces(c), train.Settings(e)) for c, e in (("a", 1), ("b", 1), ("a", 2))]

    first = paths()
    assert first == paths() and all(p.parent.name == "runs" and p.name.startswith("loss-easy-") for p in first)
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    assert len({*first, *paths()}) == 6
