"""A run that is killed goes on to the same weights; what cannot go on says why, and keeps the last good state."""

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
from tests.train.easy import Stop, easy_faces, fit, small, stop_after, weights

ROOT = Path(__file__).resolve().parent.parent.parent


def losses(history):
    return [row["loss"] for row in history]


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "last.pt"


@pytest.fixture
def stopped(checkpoint):
    """The checkpoint of a run that was stopped after its first epoch, and its bytes."""
    with pytest.raises(Stop):
        fit(*small(), checkpoint=checkpoint, move=stop_after(6, []))
    return checkpoint, checkpoint.read_bytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path):
    """Before the first checkpoint, within an epoch, between epochs, and in the middle of writing."""
    moments = ["1", "3", "write:0", "5", "0", "write:1"]
    command = [sys.executable, str(ROOT / "tests" / "train" / "killed.py"), str(tmp_path), *moments]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    (history, killed), (expected, never) = torch.load(tmp_path / "both.pt")
    assert torch.equal(killed, never)
    assert losses(history) == losses(expected) and [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith(".part-")) == [
        "both.pt",
        "last.pt",
        "never.pt",
    ]


@pytest.mark.parametrize("moment", [3, 6, 7])
def test_adamw_and_torchs_own_shuffling_go_on_too(checkpoint, moment):
    faces = easy_faces()
    dataset = torch.utils.data.TensorDataset(faces.images((32, 32)), faces.identities, torch.arange(len(faces)))
    settings = train.Settings(3, lr=0.002, optimizer="adamw", precision="no", save_every=2)

    def run(checkpoint, steps=None):
        parts, shares = small(dropout=0.3), []
        torch.manual_seed(steps or 0)
        options = dict(move=stop_after(steps, shares), augment=Augmentation(), checkpoint=checkpoint)
        history = train.fit(*parts, torch.utils.data.DataLoader(dataset, 16, shuffle=True), settings, **options)
        return losses(history), weights(*parts), len(shares)

    expected, never, _ = run(None)
    with pytest.raises(Stop):
        run(checkpoint, moment)
    history, resumed, steps = run(checkpoint)
    assert steps == 12 - moment // 2 * 2
    assert torch.equal(resumed, never) and history == expected


def test_a_finished_run_is_not_repeated(checkpoint, monkeypatch):
    answers = iter(["bf16", "no"])  # a second probe may answer otherwise; the run goes on as it began
    monkeypatch.setattr(processes, "faster_precision", lambda device: next(answers))
    first, again = small(), small(seed=5)
    options = dict(checkpoint=checkpoint, precision="auto", validate=lambda m: {"a": np.float64(0.5)})
    rows = fit(*first, **options)
    assert fit(*again, **options, move=stop_after(0, [])) == rows and rows[-1]["a"] == 0.5
    assert torch.equal(weights(*again), weights(*first)) and next(answers) == "no"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(lr=0.1), r"lr was 0\.05 and is 0\.1"),
        (dict(epochs=5), "epochs was 3 and is 5"),
        (dict(precision="bf16", seed=1), "precision was 'no' and is 'bf16', seed was 0 and is 1"),
        (dict(batch_size=8), "steps per epoch was 4 and is 8, batch size was 16 and is 8"),
        (dict(faces=easy_faces(20)), "images was 64 and is 80, steps per epoch was 4 and is 5"),
        (dict(augment=Augmentation(flip=0.1)), r"augment.flip was None and is 0\.1"),
        (dict(model=small(dropout=0.1)[0]), r"model.*\.p was 0\.0 and is 0\.1"),
        (dict(loss=CrossEntropy(16, 4, 0.1)), r"loss\.label_smoothing was 0\.0 and is 0\.1"),
    ],
)
def test_another_run_is_refused_and_named(stopped, change, message):
    model, loss = small()
    with pytest.raises(ValueError, match=rf"last\.pt is of another run: .*{message}.*delete this one"):
        fit(**(dict(model=model, loss=loss, checkpoint=stopped[0]) | change))
    assert stopped[0].read_bytes() == stopped[1]


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


def test_a_full_disk_keeps_the_last_checkpoint_and_says_so(stopped):
    """The operating system refuses to write on; not a simulation of it."""
    resource = pytest.importorskip("resource")
    checkpoint, before = stopped
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match=r"last\.pt could not be written .*last good state is still there.*Make room"):
            fit(*small(), checkpoint=checkpoint)
        with pytest.raises(OSError, match=r"new\.pt could not be written .*nothing is kept there yet"):
            fit(*small(), checkpoint=checkpoint.with_name("new.pt"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert checkpoint.read_bytes() == before and [p.name for p in checkpoint.parent.iterdir()] == ["last.pt"]


def test_a_broken_state_does_not_replace_a_good_one(stopped):
    def broken(model):
        next(model.parameters()).data.fill_(torch.nan)
        return {}

    with pytest.raises(FloatingPointError, match=r"holds NaN or infinity; .*last\.pt, .* keeps the last good state"):
        fit(*small(), checkpoint=stopped[0], validate=broken)
    assert stopped[0].read_bytes() == stopped[1]


def test_other_faces_settings_or_versions_have_another_file(monkeypatch):
    def paths():
        a, b = (SimpleNamespace(name="easy", checksum=lambda c=c: c) for c in "ab")
        return [train.checkpoint_path("loss", faces, train.Settings(n)) for faces, n in ((a, 1), (b, 1), (a, 2))]

    first = paths()
    assert first == paths() and all(p.parent.name == "runs" and p.name.startswith("loss-easy-") for p in first)
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    assert len({*first, *paths()}) == 6
