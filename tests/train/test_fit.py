import math
import os
from itertools import pairwise

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.utils.data import DataLoader, TensorDataset

from dlsfaces import rng, train
from dlsfaces.data import Augmentation, batches
from dlsfaces.recognize import CrossEntropy, arcface
from dlsfaces.train import precision
from tests.train.easy import easy_faces, fit, small, weights


def test_it_learns_and_tells_how():
    history = fit(*small(), augment=Augmentation(), validate=lambda m: {"seen": 1.0}, epochs=5)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"] < 0.8 * math.log(4)
    assert set(history[0]) == {"epoch", "loss", "lr", "images_per_second", "data_wait_share", "seconds", "seen"}
    assert all(row["images_per_second"] > 0 and row["seen"] == 1 and 0 <= row["data_wait_share"] < 1 for row in history)
    assert history[-1]["lr"] == pytest.approx(0, abs=1e-9)


def plain_loop(model, loss, move, augment, optimizer, **options):
    """PyTorch alone."""
    parameters = [*model.parameters(), *loss.parameters()]
    decayed, others = ([p for p in parameters if (p.ndim > 1) == many] for many in (True, False))
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer, loader = optimizer(groups, lr=0.01, **options), batches(easy_faces(), (32, 32), 16, shuffle=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2 * len(loader))
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        for images, ids, indices in loader:
            keys = rng.key(rng.key(7, epoch), indices)
            images, ids = move(images, ids, keys)
            optimizer.zero_grad()
            loss(model(augment(images, keys)), ids).backward()
            optimizer.step()
            schedule.step()


@pytest.mark.fault("environment")
def test_equals_a_plain_loop(monkeypatch):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "8")  # a setting for somebody else's loop

    def move(images, targets, keys):  # what only fits together if both have been moved
        return images.flip(1), (targets + keys) % 4

    for name, optimizer, options in (
        ("sgd", torch.optim.SGD, dict(momentum=0.9, nesterov=True)),
        ("adamw", torch.optim.AdamW, {}),
    ):
        ours, theirs = small(), small()
        settings = dict(epochs=2, lr=0.01, warmup=0, weight_decay=0.1, optimizer=name, seed=7)
        fit(*ours, move=move, augment=Augmentation(), **settings)
        plain_loop(*theirs, move, Augmentation(), optimizer, **options)
        assert torch.allclose(weights(*ours), weights(*theirs), atol=1e-6)


@pytest.mark.fault("environment")
@pytest.mark.parametrize("variable", ["MIXED_PRECISION=bf16", "USE_CPU=perhaps", "PMI_SIZE=2", "WORLD_SIZE=2"])
def test_variables_that_were_set_for_other_programs_change_nothing(variable, monkeypatch):
    before, after = small(), small()
    fit(*before, epochs=1)
    name, value = variable.split("=")
    name = name if name.endswith("SIZE") else f"ACCELERATE_{name}"
    monkeypatch.setenv(name, value)
    fit(*after, epochs=1)
    assert torch.equal(weights(*before), weights(*after)) and os.environ[name] == value


@pytest.mark.fault("environment")
def test_the_callers_accelerator_and_random_numbers_are_left_alone():
    try:
        theirs, before = Accelerator(mixed_precision="bf16"), small(dropout=0.5)
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        fit(*before, epochs=1)
        assert torch.equal(torch.rand(2), expected)
        assert theirs.mixed_precision == AcceleratorState().mixed_precision == "bf16"
        AcceleratorState._reset_state(reset_partial_state=True)
        after = small(dropout=0.5)
        fit(*after, epochs=1)
        assert Accelerator(mixed_precision="bf16").mixed_precision == "bf16"
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert torch.equal(weights(*before), weights(*after))


@pytest.mark.parametrize(("precision", "dtype"), [("no", torch.float32), ("bf16", torch.bfloat16)])
def test_every_epoch_runs_in_the_precision_that_was_chosen_and_the_model_stays_as_it_was(precision, dtype):
    model, loss = small()
    seen, forward = [], type(model).forward
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype) if module.training else None)
    fit(model, loss, precision=precision, validate=lambda m: {"a": 1.0})
    assert seen == [dtype] * 12
    assert model.forward.__func__ is forward and model(torch.rand(2, 3, 32, 32)).dtype == torch.float32


class Scaled(CrossEntropy):
    """A loss whose value is multiplied after some steps, until others."""

    def __init__(self, factor, start, end=math.inf):
        super().__init__(16, 4)
        self.factor, self.start, self.end, self.calls = factor, start, end, []

    def forward(self, outputs, targets):
        self.calls.append(1)
        return super().forward(outputs, targets) * (self.factor if self.start < len(self.calls) <= self.end else 1.0)


@pytest.mark.fault("obscure numbers")
@pytest.mark.parametrize("start", [0, 3, 6])
def test_a_loss_that_is_no_number_stops_the_run_with_step_and_rate_and_advice(start, tmp_path):
    lr = train.Settings(3, lr=0.05).lr_at(start, 12)
    where = rf"epoch {1 + start // 4}, step {1 + start % 4}, at learning rate {lr:.3g} .*lower lr.*warmup"
    kept = r".*last\.pt holds the last good state" if start > 3 else ""
    with pytest.raises(FloatingPointError, match=f"loss is nan in {where}{kept}"):
        fit(small()[0], Scaled(math.nan, start), checkpoint=tmp_path / "last.pt")


def test_a_loss_that_explodes_stops_the_run():
    with pytest.raises(FloatingPointError, match=r"loss is \d.* in epoch 2, step 3, .*it began at 1\.\d"):
        fit(small()[0], Scaled(1000.0, 6))
    fit(small()[0], Scaled(2.0, 6))  # a loss may rise
    fit(small()[0], Scaled(11.0, 6, 7), lr=1e-3)  # and a batch may be odd
    with pytest.raises(FloatingPointError, match="loss is"):
        fit(*small(), lr=1e6, epochs=20)  # the real thing


@pytest.mark.fault("obscure numbers")
@pytest.mark.parametrize("loss", [arcface(16, 4), CrossEntropy(16, 4)])
def test_a_training_that_diverged_is_told_from_vectors_that_cannot_be_compared(loss):
    def validate(model):
        raise AssertionError("there is nothing to measure")

    advice = r"in epoch 1, step \d, at learning rate .*Try a lower lr than 1e\+05"
    with pytest.raises(FloatingPointError, match=rf"(diverged: .* holds .*)?the loss is .*{advice}"):
        fit(small()[0], loss, lr=1e5, warmup=0.0, epochs=1, validate=validate)


@pytest.mark.fault("obscure numbers")
def test_a_batch_of_one_and_no_batch_are_refused_before_the_work():
    def run(images, batch_size, drop_last=False):
        dataset = TensorDataset(torch.rand(images, 3, 32, 32), torch.zeros(images).long(), torch.arange(images))
        loader = DataLoader(dataset, batch_size, drop_last=drop_last)
        return train.fit(*small(), loader, train.Settings(1, precision="no"))

    for images, batch_size in ((8, 1), (9, 8), (9, 4)):
        with pytest.raises(ValueError, match=f"{images} images in batches of {batch_size} leave one alone.*batch norm"):
            run(images, batch_size)
    with pytest.raises(ValueError, match="8 images do not fill a batch of 16; lower batch_size"):
        run(8, 16, drop_last=True)
    assert len(run(9, 8, drop_last=True)) == len(run(10, 8)) == 1


@pytest.mark.fault("obscure numbers")
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (dict(epochs=0), "epochs=0.* needs epochs >= 1"),
        (dict(epochs=1.5), "epochs=1.5.* whole"),
        (dict(seed=2**70), "seed.*below"),
        (dict(lr=math.nan), "lr=nan.* finite"),
        (dict(lr="0.1"), "lr='0.1'.* needs lr > 0"),
        (dict(weight_decay=-1.0), "weight_decay >= 0"),
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


@pytest.mark.parametrize(
    ("device", "capability", "seconds", "expected"),
    [
        ("cpu", None, {"no": 1.0, "bf16": 0.3}, "no"),  # the same numbers on every laptop
        ("cuda", (8, 0), {"no": 1.0, "bf16": 0.9}, "no"),  # not worth it
        ("cuda", (7, 5), {"no": 1.0, "fp16": 0.3}, "fp16"),  # a T4
        ("cuda", (8, 0), {"no": 1.0, "bf16": 0.3}, "bf16"),
    ],
)
def test_precision_is_what_the_probe_finds_faster(monkeypatch, device, capability, seconds, expected):
    before = torch.get_rng_state()
    assert precision.seconds_per_step(torch.device("cpu"), "no") > 0
    assert torch.equal(torch.get_rng_state(), before)
    monkeypatch.setattr(precision, "seconds_per_step", lambda d, p: seconds[p])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: capability)
    assert precision.faster_precision.__wrapped__(torch.device(device)) == expected
