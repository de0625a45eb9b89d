import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader

from dlsfaces import rng, train
from dlsfaces.data import Augmentation, batches
from dlsfaces.recognize import CrossEntropy
from dlsfaces.train import precision
from dlsfaces.train.watch import Watch
from tests.train.easy import easy_faces, fit, small, weights


def test_it_learns_and_tells_how():
    model, loss = small()
    history = fit(model, loss, easy_faces(), augment=Augmentation(), validate=lambda m: {"seen": 1.0}, epochs=5)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"] < 0.8 * math.log(4)
    assert all(row["images_per_second"] > 0 and row["seen"] == 1 for row in history)
    assert all(0 <= row["data_wait_share"] < 1 for row in history)
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


class Scaled(nn.Module):
    """Another loss whose value is multiplied from a given step on."""

    def __init__(self, factor, start):
        super().__init__()
        self.inner, self.factor, self.start, self.calls = CrossEntropy(16, 4), factor, start, []

    def forward(self, outputs, targets):
        self.calls.append(1)
        return self.inner(outputs, targets) * (self.factor if len(self.calls) > self.start else 1.0)


@pytest.mark.parametrize("start", [0, 3, 6])
def test_a_loss_that_is_no_number_stops_the_run_with_step_and_rate_and_advice(start, tmp_path):
    epoch, step = 1 + start // 4, 1 + start % 4
    lr = 0.05 * train.warmup_cosine(start, 12, 0.1)
    kept = r"last\.pt holds the last good state" if start > 3 else ""
    message = rf"loss is nan in epoch {epoch}, step {step}, at learning rate {lr:.3g} .*lower lr.*warmup.*{kept}"
    with pytest.raises(FloatingPointError, match=message):
        fit(small()[0], Scaled(math.nan, start), easy_faces(), checkpoint=tmp_path / "last.pt")


def test_a_loss_that_explodes_stops_the_run():
    with pytest.raises(FloatingPointError, match=r"loss is \d.* in epoch 2, step 3, .*it began at 1\.\d"):
        fit(small()[0], Scaled(1000.0, 6), easy_faces())
    fit(small()[0], Scaled(2.0, 6), easy_faces())  # a loss may rise
    with pytest.raises(FloatingPointError, match="loss is"):
        fit(*small(), easy_faces(), lr=1e6, epochs=20)  # the real thing


def test_one_odd_batch_is_no_explosion():
    watch = Watch(None)
    for step in range(10):
        watch.note(torch.tensor(11.0 if step == 5 else 1.0), 0, step, 0.1)
    assert watch.look() == 1.0


@pytest.mark.parametrize(
    "options", [dict(epochs=0), dict(lr=0.0), dict(warmup=1.0), dict(precision="half"), dict(save_every=0)]
)
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
    monkeypatch.setattr(precision, "_measured", {})
    monkeypatch.setattr(precision, "seconds_a_step", lambda d, p: seconds[p])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: capability)
    assert precision.faster_precision(torch.device(device)) == expected


def test_the_probe_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert precision.seconds_a_step(torch.device("cpu"), "no") > 0
    assert torch.equal(torch.rand(2), expected)


def test_a_move_changes_images_and_targets_together_before_the_augmentation():
    """Targets that are only right after the move: what learns them has seen it."""
    seen, keys_seen = [], []

    def move(images, targets, keys):
        assert images.dtype == torch.uint8 and len(keys) == len(images)
        keys_seen.append(keys)
        return images.float() / 255 * 0 + targets.view(-1, 1, 1, 1) / 4, (targets + 1) % 4

    def augment(images, keys):
        assert torch.equal(keys, keys_seen[-1])
        seen.append(images)
        return images

    class Sees(CrossEntropy):
        def forward(self, outputs, targets):
            assert torch.equal(targets, (seen[-1][:, 0, 0, 0] * 4).long() + 1 - 4 * (seen[-1][:, 0, 0, 0] == 0.75))
            return super().forward(outputs, targets)

    fit(small()[0], Sees(16, 4), easy_faces(), move=move, augment=augment, epochs=2)
    assert len(seen) == 8
    assert len(torch.cat(keys_seen).unique()) == 128  # other numbers for each picture in each epoch


def test_a_move_alone_gives_the_images_to_the_model():
    def dark(images, targets, keys):
        return torch.zeros(images.shape), targets

    shown = []
    model, loss = small()
    model.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0].abs().max().item()))
    fit(model, loss, easy_faces(), move=dark, epochs=1)
    assert shown == [0.0] * 4


def test_adamw_equals_pytorchs_in_a_loop_written_out():
    faces = easy_faces(pictures=12)
    torch.manual_seed(0)
    model, loss = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 16), nn.Tanh()), CrossEntropy(16, 4)
    twin, twin_loss = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 16), nn.Tanh()), CrossEntropy(16, 4)
    twin.load_state_dict(model.state_dict()), twin_loss.load_state_dict(loss.state_dict())
    fit(model, loss, faces, epochs=1, lr=0.01, warmup=0, weight_decay=0.3, optimizer="adamw")
    parameters = [*twin.parameters(), *twin_loss.parameters()]
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    loader = batches(faces, (32, 32), 16, shuffle=True)
    for step, (images, ids, _) in enumerate(loader):
        lr = 0.01 * 0.5 * (1 + math.cos(math.pi * step / len(loader)))
        gradients = torch.autograd.grad(twin_loss(twin(images / 255), ids), parameters)
        with torch.no_grad():
            for p, m, v, g in zip(parameters, first, second, gradients, strict=True):
                p.mul_(1 - lr * (0.3 if p.ndim > 1 else 0.0))  # decoupled: not in the gradient
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g**2)
                unbiased = (v / (1 - 0.999 ** (step + 1))).sqrt()
                p.sub_(lr * m / (1 - 0.9 ** (step + 1)) / (unbiased + 1e-8))
    assert torch.allclose(weights(model, loss), weights(twin, twin_loss), atol=2e-5)


def test_another_optimizer_is_refused():
    with pytest.raises(ValueError, match="optimizer='adam' is neither 'sgd' nor 'adamw'"):
        fit(*small(), easy_faces(), optimizer="adam")
