import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader

from dlsfaces import rng, train
from dlsfaces.data import Augmentation, FaceSet, batches
from dlsfaces.recognize import CrossEntropy, FaceResNet


def easy_faces(n_people=4, pictures=16, size=(32, 32)):
    """People that are colours: anything that learns at all learns these."""
    ids = torch.arange(n_people).repeat(pictures)
    colours = rng.uniform(rng.key(1, torch.arange(n_people)), 3)[ids] * 200
    noise = rng.uniform(rng.key(2, torch.arange(len(ids))), 3 * size[0] * size[1]).view(-1, 3, *size) * 55
    images = (colours[:, :, None, None] + noise).to(torch.uint8)
    return FaceSet(
        "easy",
        "train",
        "tight",
        [str(i) for i in range(len(ids))],
        ids,
        ["a", "b", "c", "d"][:n_people],
        lambda i, s: images[list(i)],
        size,
    )


def small(seed=0):
    torch.manual_seed(seed)
    return FaceResNet("small", 16, (32, 32)), CrossEntropy(16, 4)


def fit(model, loss, faces, **options):
    options = dict(epochs=3, lr=0.05, precision="no", progress=False) | options
    return train.fit(model, loss, batches(faces, (32, 32), 16, shuffle=True), **options)


def weights(*modules):
    return torch.cat([p.detach().flatten() for m in modules for p in m.state_dict().values() if p.is_floating_point()])


def test_it_learns_and_tells_how():
    model, loss = small()
    history = fit(model, loss, easy_faces(), augment=Augmentation(), validate=lambda m: {"seen": 1.0}, epochs=5)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"] < 0.8 * math.log(4)
    assert all(row["images_per_second"] > 0 and row["seen"] == 1 for row in history)
    assert history[-1]["lr"] == pytest.approx(0, abs=1e-9)


def test_same_seed_same_weights_and_the_seed_matters():
    runs = []
    for seed in (0, 0, 1):
        model, loss = small()
        fit(model, loss, easy_faces(), augment=Augmentation(), seed=seed)
        runs.append(weights(model, loss))
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_equals_a_loop_written_out():
    """No batch statistics and no augmentation: three steps of Nesterov momentum by hand."""
    faces = easy_faces(pictures=12)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 16), nn.Tanh())
    loss = CrossEntropy(16, 4)
    twin, twin_loss = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 16), nn.Tanh()), CrossEntropy(16, 4)
    twin.load_state_dict(model.state_dict()), twin_loss.load_state_dict(loss.state_dict())
    fit(model, loss, faces, epochs=1, lr=0.01, warmup=0, weight_decay=0.1)
    parameters = [*twin.parameters(), *twin_loss.parameters()]
    velocity = [torch.zeros_like(p) for p in parameters]
    loader = batches(faces, (32, 32), 16, shuffle=True)
    for step, (images, ids, _) in enumerate(loader):
        lr = 0.01 * 0.5 * (1 + math.cos(math.pi * step / len(loader)))
        gradients = torch.autograd.grad(twin_loss(twin(images / 255), ids), parameters)
        with torch.no_grad():
            for p, v, g in zip(parameters, velocity, gradients, strict=True):
                g = g + 0.1 * p if p.ndim > 1 else g
                v.mul_(0.9).add_(g)
                p.sub_(lr * (g + 0.9 * v))
    assert torch.allclose(weights(model, loss), weights(twin, twin_loss), atol=1e-6)


class Killed(Exception):
    pass


def test_a_run_that_stops_between_epochs_goes_on_to_the_same_weights(tmp_path):
    whole = small()
    history = fit(*whole, easy_faces(), augment=Augmentation(), epochs=4)
    stopped = small()
    checkpoint = tmp_path / "run" / "last.pt"

    def stop_after_two(model):
        if checkpoint.exists() and len(torch.load(checkpoint)["history"]) == 2:
            raise Killed
        return {}

    with pytest.raises(Killed):
        fit(*stopped, easy_faces(), augment=Augmentation(), epochs=4, checkpoint=checkpoint, validate=stop_after_two)
    resumed = small(seed=9)  # other weights: all of them come from the checkpoint
    rows = fit(*resumed, easy_faces(), augment=Augmentation(), epochs=4, checkpoint=checkpoint)
    assert torch.equal(weights(*whole), weights(*resumed))
    assert [r["loss"] for r in rows] == [r["loss"] for r in history]
    assert [p.name for p in checkpoint.parent.iterdir()] == ["last.pt"]
    again = small(seed=5)
    assert fit(*again, easy_faces(), augment=Augmentation(), epochs=4, checkpoint=checkpoint) == rows
    assert torch.equal(weights(*again), weights(*whole))


def test_a_checkpoint_of_something_else_is_refused_by_name(tmp_path):
    checkpoint = tmp_path / "last.pt"
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match=r"last\.pt cannot be resumed"):
        fit(*small(), easy_faces(), checkpoint=checkpoint)
    checkpoint.unlink()
    fit(*small(), easy_faces(), checkpoint=checkpoint, epochs=1)
    with pytest.raises(ValueError, match=r"last\.pt cannot be resumed"):
        fit(FaceResNet("small", 8, (32, 32)), CrossEntropy(8, 4), easy_faces(), checkpoint=checkpoint)


def test_a_failed_write_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    checkpoint = tmp_path / "last.pt"
    fit(*small(), easy_faces(), checkpoint=checkpoint, epochs=1)
    before = checkpoint.read_bytes()

    def full_disk(state, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fit(*small(), easy_faces(), checkpoint=checkpoint, epochs=2)
    assert checkpoint.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_the_model_is_left_as_it_was_found():
    model, loss = small()
    forward = type(model).forward
    fit(model, loss, easy_faces(), precision="bf16", epochs=1)
    assert model.forward.__func__ is forward and model(torch.rand(2, 3, 32, 32)).dtype == torch.float32
    fit(model, loss, easy_faces(), precision="no", epochs=1)  # a second run may choose anew


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_every_epoch_runs_in_the_precision_that_was_chosen(precision):
    model, loss = small()
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype) if module.training else None)
    fit(model, loss, easy_faces(), precision=precision, epochs=3, validate=lambda m: {"a": 1.0})
    assert len(seen) == 12 and set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float32}


def test_measures_of_numpy_can_be_resumed(tmp_path):
    checkpoint = tmp_path / "last.pt"
    options = dict(checkpoint=checkpoint, validate=lambda m: {"a": np.float64(0.5)})
    fit(*small(), easy_faces(), epochs=1, **options)
    assert [row["a"] for row in fit(*small(), easy_faces(), epochs=2, **options)] == [0.5, 0.5]


def test_a_loss_that_is_no_number_stops_the_run():
    class Broken(nn.Module):
        def forward(self, outputs, targets):
            return outputs.sum() * math.nan

    with pytest.raises(FloatingPointError, match=r"loss is nan in epoch 1, step 1, at learning rate .*lower lr"):
        fit(small()[0], Broken(), easy_faces())


@pytest.mark.parametrize("options", [dict(epochs=0), dict(lr=0.0), dict(warmup=1.0), dict(precision="half")])
def test_settings_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        fit(*small(), easy_faces(), **options)


def test_schedule_rises_and_falls():
    shares = [train.warmup_cosine(s, 100, 0.1) for s in range(101)]
    assert shares[0] > 0 and max(shares) == 1.0 and shares.index(1.0) == 10 and shares[-1] == pytest.approx(0)
    assert all(a < b for a, b in pairwise(shares[:11]))
    assert all(a > b for a, b in pairwise(shares[10:]))


def test_other_tasks_fit_the_same_loop():
    """Regression with targets of another kind: nothing in the loop knows of identities."""
    images = rng.uniform(rng.key(0, torch.arange(32)), 3 * 16).view(-1, 3, 4, 4)
    targets = images.mean((1, 2, 3), keepdim=True)[:, :, 0, 0]

    class Pairs(torch.utils.data.Dataset):
        def __len__(self):
            return len(images)

        def __getitems__(self, i):
            return images[i], targets[i], torch.tensor(i)

    sampler = train_sampler(len(images))
    loader = DataLoader(Pairs(), batch_sampler=BatchSampler(sampler, 8, drop_last=True), collate_fn=lambda b: b)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))
    history = train.fit(model, nn.MSELoss(), loader, epochs=40, lr=0.05, precision="no", progress=False)
    assert history[-1]["loss"] < 1e-2 * history[0]["loss"]


def train_sampler(count):
    from dlsfaces.data.batches import EpochSampler

    return EpochSampler(count, True, 0)


@pytest.mark.parametrize(
    ("device", "capability", "seconds", "expected"),
    [
        ("cpu", None, {"no": 1.0, "bf16": 0.5}, "bf16"),
        ("cpu", None, {"no": 1.0, "bf16": 0.9}, "no"),  # not worth it
        ("cuda", (7, 5), {"no": 1.0, "fp16": 0.3}, "fp16"),  # a T4
        ("cuda", (8, 0), {"no": 1.0, "bf16": 0.3}, "bf16"),
    ],
)
def test_precision_is_what_the_probe_finds_faster(monkeypatch, device, capability, seconds, expected):
    monkeypatch.setattr(train, "_measured", {})
    monkeypatch.setattr(train, "_seconds_a_step", lambda d, precision: seconds[precision])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: capability)
    assert train.faster_precision(torch.device(device)) == expected


def test_the_probe_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert train._seconds_a_step(torch.device("cpu"), "no") > 0
    assert torch.equal(torch.rand(2), expected)
