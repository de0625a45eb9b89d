import math
from itertools import pairwise

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from dlsfaces import rng, train
from dlsfaces.data import Augmentation, batches
from dlsfaces.recognize import CrossEntropy
from dlsfaces.train import precision
from tests.train.easy import easy_faces, fit, small, weights


def test_it_learns_and_tells_how():
    history = fit(*small(), augment=Augmentation(), validate=lambda m: {"seen": 1.0}, epochs=5)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"] < 0.8 * math.log(4)
    assert set(history[0]) == {"epoch", "loss", "lr", "images_per_second", "data_wait_share", "seconds", "seen"}
    assert all(row["images_per_second"] > 0 and row["seen"] == 1 and 0 <= row["data_wait_share"] < 1 for row in history)
    assert history[-1]["lr"] == pytest.approx(0, abs=1e-9)


def plain_loop(model, loss, optimizer, augment, epochs=2, lr=0.01):
    """PyTorch alone; ``optimizer`` makes one of its own from groups of parameters."""
    parameters = [*model.parameters(), *loss.parameters()]
    decayed, others = ([p for p in parameters if (p.ndim > 1) == many] for many in (True, False))
    optimizer = optimizer([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}])
    loader, step = batches(easy_faces(), (32, 32), 16, shuffle=True), 0
    for epoch in range(epochs):
        loader.batch_sampler.sampler.set_epoch(epoch)
        for images, ids, indices in loader:
            for group in optimizer.param_groups:
                group["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / (epochs * len(loader))))
            optimizer.zero_grad()
            loss(model(augment(images, rng.key(rng.key(7, epoch), indices))), ids).backward()
            optimizer.step()
            step += 1


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_equals_a_plain_loop(name, monkeypatch):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "8")  # a setting of somebody else's loop
    ours, theirs = small(), small()
    fit(*ours, augment=Augmentation(), epochs=2, lr=0.01, warmup=0, weight_decay=0.1, optimizer=name, seed=7)
    makers = {
        "sgd": lambda groups: torch.optim.SGD(groups, lr=1, momentum=0.9, nesterov=True),
        "adamw": lambda groups: torch.optim.AdamW(groups, lr=1),
    }
    plain_loop(*theirs, makers[name], Augmentation())
    assert torch.equal(weights(*ours), weights(*theirs))


def test_the_callers_accelerator_and_random_numbers_are_left_alone():
    try:
        theirs = Accelerator(mixed_precision="bf16")
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        before = small(dropout=0.5)
        torch.manual_seed(3)
        fit(*before, epochs=1)
        assert torch.equal(torch.rand(2), expected)
        assert theirs.mixed_precision == AcceleratorState().mixed_precision == "bf16"
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    after = small(dropout=0.5)
    fit(*after, epochs=1)
    assert AcceleratorState._shared_state == {}
    assert Accelerator(mixed_precision="bf16").mixed_precision == "bf16"
    AcceleratorState._reset_state(reset_partial_state=True)
    assert torch.equal(weights(*before), weights(*after))


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_every_epoch_runs_in_the_precision_that_was_chosen_and_the_model_stays_as_it_was(precision):
    model, loss = small()
    seen, forward = [], type(model).forward
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype) if module.training else None)
    fit(model, loss, precision=precision, validate=lambda m: {"a": 1.0})
    assert len(seen) == 12 and set(seen) == {torch.bfloat16 if precision == "bf16" else torch.float32}
    assert model.forward.__func__ is forward and model(torch.rand(2, 3, 32, 32)).dtype == torch.float32


class Scaled(CrossEntropy):
    """A loss whose value is multiplied from a given step on, or in one step alone."""

    def __init__(self, factor, start, end=math.inf):
        super().__init__(16, 4)
        self.factor, self.start, self.end, self.calls = factor, start, end, []

    def forward(self, outputs, targets):
        self.calls.append(1)
        return super().forward(outputs, targets) * (self.factor if self.start < len(self.calls) <= self.end else 1.0)


@pytest.mark.parametrize("start", [0, 3, 6])
def test_a_loss_that_is_no_number_stops_the_run_with_step_and_rate_and_advice(start, tmp_path):
    epoch, step = 1 + start // 4, 1 + start % 4
    lr = train.Settings(3, lr=0.05).lr_at(start, 12)
    kept = r"last\.pt holds the last good state" if start > 3 else ""
    message = rf"loss is nan in epoch {epoch}, step {step}, at learning rate {lr:.3g} .*lower lr.*warmup.*{kept}"
    with pytest.raises(FloatingPointError, match=message):
        fit(small()[0], Scaled(math.nan, start), checkpoint=tmp_path / "last.pt")


def test_a_loss_that_explodes_stops_the_run():
    with pytest.raises(FloatingPointError, match=r"loss is \d.* in epoch 2, step 3, .*it began at 1\.\d"):
        fit(small()[0], Scaled(1000.0, 6))
    fit(small()[0], Scaled(2.0, 6))  # a loss may rise
    fit(small()[0], Scaled(11.0, 6, 7), lr=1e-3)  # and a batch may be odd
    with pytest.raises(FloatingPointError, match="loss is"):
        fit(*small(), lr=1e6, epochs=20)  # the real thing


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (dict(epochs=0), "epochs=0.* needs epochs >= 1"),
        (dict(lr=0.0), "lr > 0"),
        (dict(warmup=1.0), "warmup < 1"),
        (dict(save_every=0), "save_every >= 1"),
        (dict(precision="half"), "precision='half' is none of auto"),
        (dict(optimizer="adam"), "optimizer='adam' is neither 'sgd' nor 'adamw'"),
    ],
)
def test_settings_out_of_range(setting, message):
    with pytest.raises(ValueError, match=message):
        train.Settings(**(dict(epochs=1) | setting))


def test_the_learning_rate_rises_and_falls():
    rates = [train.Settings(1, lr=2.0).lr_at(step, 100) for step in range(101)]
    assert rates[0] > 0 and max(rates) == 2.0 and rates.index(2.0) == 10 and rates[-1] == pytest.approx(0)
    assert all(a < b for a, b in pairwise(rates[:11])) and all(a > b for a, b in pairwise(rates[10:]))


def test_other_tasks_fit_the_same_loop():
    """Regression from torch's own loader: nothing in the loop knows of identities."""
    images = rng.uniform(rng.key(0, torch.arange(32)), 3 * 16).view(-1, 3, 4, 4)
    dataset = torch.utils.data.TensorDataset(images, images.mean((1, 2, 3))[:, None], torch.arange(32))
    loader = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))
    history = train.fit(model, nn.MSELoss(), loader, train.Settings(40, lr=0.05, precision="no"))
    assert history[-1]["loss"] < 1e-2 * history[0]["loss"]


def test_a_move_changes_images_and_targets_before_the_augmentation():
    keys_seen, shown, targets_seen = [], [], []

    def move(images, targets, keys):
        assert images.dtype == torch.uint8 and len(keys) == len(images)
        keys_seen.append(keys)
        return torch.full(images.shape, 0.25), (targets + 1) % 4

    def augment(images, keys):
        assert torch.equal(keys, keys_seen[-1])
        return images * 2

    class Sees(CrossEntropy):
        def forward(self, outputs, targets):
            targets_seen.append(targets)
            return super().forward(outputs, targets)

    model = small()[0]
    model.register_forward_pre_hook(lambda module, inputs: shown.extend(inputs[0].unique().tolist()))
    fit(model, Sees(16, 4), move=move, augment=augment, epochs=2)
    assert shown == [0.5] * 8
    assert len(torch.cat(keys_seen).unique()) == 128  # other numbers for each image in each epoch
    fit(model, Sees(16, 4), move=move, epochs=1)
    assert shown[8:] == [0.25] * 4  # a move alone gives the images to the model
    loader = batches(easy_faces(), (32, 32), 16, shuffle=True)
    assert all(torch.equal(seen, (true + 1) % 4) for seen, (_, true, _) in zip(targets_seen, loader))


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
    monkeypatch.setattr(precision, "seconds_per_step", lambda d, p: seconds[p])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: capability)
    assert precision.faster_precision.__wrapped__(torch.device(device)) == expected


def test_the_probe_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert precision.seconds_per_step(torch.device("cpu"), "no") > 0
    assert torch.equal(torch.rand(2), expected)
