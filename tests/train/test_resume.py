"""A run that is killed goes on to the same weights; what cannot go on says why, and keeps the last good state."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from dlsfaces import data, train
from dlsfaces.data import Augmentation
from dlsfaces.recognize import CrossEntropy
from dlsfaces.train import checkpoints, processes
from tests.train.easy import Images, Stop, easy_faces, fit, small, stop_after, weights

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
    assert {p.name for p in tmp_path.iterdir() if p.name[0] != "."} == {"both.pt", "last.pt", "never.pt"}


@pytest.mark.parametrize("moment", [3, 6, 7])
def test_adamw_and_torchs_own_shuffling_go_on_too(checkpoint, moment):
    faces = easy_faces()
    dataset = TensorDataset(faces.images((32, 32)), faces.identities, torch.arange(len(faces)))
    settings = train.Settings(3, lr=0.002, optimizer="adamw", precision="no", save_every=2)

    def run(checkpoint, steps=None):
        parts, shares = small(dropout=0.3), []
        torch.manual_seed(steps or 0)
        options = dict(move=stop_after(steps, shares), augment=Augmentation(), checkpoint=checkpoint)
        history = train.fit(*parts, DataLoader(dataset, 16, shuffle=True), settings, **options)
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


class Measure:
    def __init__(self, images):
        self.images = images

    def measure(self, model):
        return {"y": self.images.sum()}


def other_people(faces):
    return replace(faces, identities=faces.identities.flip(0))


def one_other_pixel(faces):
    images = faces.images()
    images[-1, 0, 0, 0] ^= 1
    return replace(faces, read=Images(images))


@pytest.mark.fault("finished run")
@pytest.mark.parametrize("epochs", [1, 3])  # finished, and stopped within the second of three
@pytest.mark.parametrize(("change", "named"), [(other_people, "data.targets"), (one_other_pixel, "data.images")])
def test_a_run_on_other_labels_or_images_is_refused(checkpoint, epochs, change, named):
    faces = easy_faces()
    options = dict(checkpoint=checkpoint, epochs=epochs, save_every=2)
    try:
        expected = losses(fit(*small(), faces, move=stop_after(6, []), **options))
    except Stop:
        expected = losses(fit(*small(), faces, epochs=epochs))
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=rf"last\.pt is of another run: {named} was 'checksum .*delete this one"):
        fit(*small(), change(faces), **options)
    assert checkpoint.read_bytes() == before
    assert losses(fit(*small(seed=5), easy_faces(), **options)) == expected  # the same data goes on, or is finished


@pytest.mark.fault("finished run")
@pytest.mark.parametrize("make", [lambda x: partial(lambda y, m: {"y": y.sum()}, x), lambda x: Measure(x).measure])
def test_what_a_method_or_a_partial_function_measures_on_counts(make, checkpoint):
    first = fit(*small(), epochs=1, checkpoint=checkpoint, validate=make(torch.zeros(2)))
    assert fit(*small(), epochs=1, checkpoint=checkpoint, validate=make(torch.zeros(2))) == first
    with pytest.raises(ValueError, match=r"of another run: validate.* was .*checksum"):
        fit(*small(), epochs=1, checkpoint=checkpoint, validate=make(torch.ones(2)))


@pytest.mark.fault("finished run")
def test_other_datasets_validation_data_and_networks_are_other_runs_too(checkpoint):
    def run(labels=range(16), seen=0.0, activation=nn.ReLU, frozen=False):
        images, labels = torch.rand(16, 3, 2, 2, generator=torch.Generator().manual_seed(0)), torch.tensor(labels)
        held_out = torch.full((2,), seen)
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), activation(), nn.Linear(8, 16))
        model[1].requires_grad_(not frozen)
        dataset = Subset(TensorDataset(images, labels, torch.arange(16)), list(range(16)))
        settings = train.Settings(1, precision="no")
        measure = dict(validate=lambda m: {"seen": held_out.sum()}, checkpoint=checkpoint)
        return train.fit(model, nn.CrossEntropyLoss(), DataLoader(dataset, 8), settings, **measure)

    first = run()
    assert run() == first
    for change, named in (
        (dict(labels=range(15, -1, -1)), "data.dataset was"),
        (dict(seen=1.0), "validate.held_out was 'checksum"),
        (dict(activation=nn.Tanh), "model.2.kind was 'ReLU with 0 weights to train' and is 'Tanh"),
        (dict(frozen=True), "model.kind was .*248 weights to train' and is .*144 weights"),
    ):
        with pytest.raises(ValueError, match=f"last.pt is of another run: .*{named}"):
            run(**change)


HELD_OUT, LOADER, SHARE = torch.zeros(2), DataLoader([0, 1]), 0.5


def measured(held_out=None):
    return {"seen": (HELD_OUT if held_out is None else held_out).sum()}


def by_default(m, held_out=HELD_OUT):
    return measured(held_out)


def darker(images, keys):
    return images * SHARE / 255


class Counting:
    def __init__(self, x):
        self.data, self.calls, self.best = {"x": x}, 0, 0.0

    def __call__(self, m):
        self.calls, self.best = self.calls + 1, 0.5
        return measured(self.data["x"])


@pytest.mark.fault("finished run")
@pytest.mark.parametrize(
    ("options", "change", "named"),
    [
        (dict(validate=lambda m: measured()), dict(HELD_OUT=torch.ones(2)), "validate.HELD_OUT was 'checksum"),
        (dict(validate=lambda m: {"seen": sum(LOADER)}), dict(LOADER=DataLoader([1, 2])), "validate.LOADER was"),
        (dict(augment=darker), dict(SHARE=0.25), "augment.SHARE was 0.5 and is 0.25"),
        (dict(validate=by_default), dict(validate=partial(by_default, held_out=torch.ones(2))), "validate.* was"),
    ],
)
def test_what_functions_find_elsewhere_counts(options, change, named, checkpoint, monkeypatch):
    first = fit(*small(), epochs=1, checkpoint=checkpoint, **options)
    assert fit(*small(), epochs=1, checkpoint=checkpoint, **options) == first
    for name, value in change.items():
        monkeypatch.setitem(globals(), name, value)
    with pytest.raises(ValueError, match=f"of another run: {named}"):
        fit(*small(), epochs=1, checkpoint=checkpoint, **{k: change.get(k, v) for k, v in options.items()})


@pytest.mark.fault("finished run")
def test_an_object_that_counts_its_calls_does_not_make_another_run(checkpoint):
    measure = Counting(torch.ones(2))
    first = fit(*small(), epochs=1, checkpoint=checkpoint, validate=measure)
    assert fit(*small(), epochs=1, checkpoint=checkpoint, validate=measure) == first
    assert measure.calls == 1


@pytest.mark.fault("finished run")
@pytest.mark.parametrize("other", [torch.tensor([1.0, 2, 3, 4]), None])
def test_other_weights_of_classes_are_another_run(checkpoint, other):
    def run(weight):
        data = TensorDataset(torch.rand(4, 3, 2, 2), torch.arange(4), torch.arange(4))
        model, loss = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), nn.CrossEntropyLoss(weight)
        loader = DataLoader([data[i] for i in range(4)], 4)
        return train.fit(model, loss, loader, train.Settings(1), checkpoint=checkpoint)

    torch.manual_seed(0)
    run(torch.ones(4))
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"of another run: loss\.weight was 'checksum"):
        run(other)


@pytest.mark.fault("saved, not loadable")
def test_numbers_of_numpy_can_be_read_back(checkpoint):
    model, loss = small()
    loss.margin = np.float64(0.5)
    settings = dict(epochs=np.int64(1), lr=np.float64(0.05), weight_decay=np.float32(0), optimizer="adamw")
    first = fit(model, loss, checkpoint=checkpoint, **settings)
    assert fit(model, loss, checkpoint=checkpoint, **settings) == first


@pytest.mark.fault("no home")
def test_a_place_that_cannot_be_written_to_is_noticed_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "file"))
    path, steps = train.checkpoint_path("loss", easy_faces(), "settings"), []
    with pytest.raises(OSError, match=r"loss-easy-.*\.pt could not be written .*DLSFACES_CACHE"):
        fit(*small(), checkpoint=path, move=stop_after(9, steps))
    assert steps == []


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


@pytest.mark.fault("cache name")
def test_other_faces_settings_or_versions_have_another_file(monkeypatch):
    def paths():
        a, b = (SimpleNamespace(name="easy", checksum=lambda c=c: c) for c in "ab")
        return [train.checkpoint_path("loss", faces, train.Settings(n)) for faces, n in ((a, 1), (b, 1), (a, 2))]

    first = paths()
    assert first == paths() and all(p.parent.name == "runs" and p.name.startswith("loss-easy-") for p in first)
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    assert len({*first, *paths()}) == 6


@pytest.mark.fault("cache name")
def test_planted_trash_and_labels_changed_in_place_have_another_file(tmp_path):
    clean = data.load("synthetic", "train", people=5, images_per_person=14, framing="loose")
    some = [("dark", 0), ("dark", 1), ("duplicate", 0), ("duplicate", 1)]
    sets = [clean, *(data.plant_trash(clean, 0.2, {kind: 1}, seed=seed) for kind, seed in some)]
    paths = [train.checkpoint_path("loss", faces, "settings") for faces in sets]
    clean.identities[::5] = 0
    sparse = replace(clean, people=[*clean.people, "nobody"])
    paths += [train.checkpoint_path("loss", faces, "settings") for faces in (clean, sparse)]
    assert len(set(paths)) == 7 and paths[-1] == train.checkpoint_path("loss", sparse, "settings")


@pytest.mark.fault("cache name")
@pytest.mark.parametrize(
    "settings", [torch.rand(2), (1, np.zeros(2)), test_a_full_disk_keeps_the_last_checkpoint_and_says_so]
)
def test_settings_that_their_repr_does_not_tell_are_refused(settings):
    with pytest.raises(ValueError, match=r"a checkpoint cannot be named by .*give numbers and words"):
        train.checkpoint_path("loss", easy_faces(), settings)
