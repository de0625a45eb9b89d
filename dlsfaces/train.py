"""How is anything trained? One loop, for every model of the course."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from dlsfaces import rng
from dlsfaces.data import to_float
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)

History = list[dict[str, float]]  #: one row an epoch
Augment = Callable[[Tensor, Tensor], Tensor]  #: (images, one key an image) -> float images
Validate = Callable[[nn.Module], dict[str, float]]


def fit(
    model: nn.Module,
    loss: nn.Module,
    batches: DataLoader,
    *,
    epochs: int,
    lr: float = 0.1,
    weight_decay: float = 5e-4,
    warmup: float = 0.1,
    precision: str = "auto",
    augment: Augment | None = None,
    validate: Validate | None = None,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train ``model`` and ``loss`` in place.

    Stochastic gradient descent with Nesterov momentum 0.9; the learning rate rises from 0 over the first ``warmup`` of
    the steps and falls to 0 along a cosine. Runs as it is under ``torchrun`` or ``accelerate launch``.

    Args:
        model: images to outputs.
        loss: outputs and targets to a scalar; its own parameters, where it has some, are trained too.
        batches: gives ``(images, targets, indices)``; images uint8 or float ``(B, 3, H, W)``.
        lr: learning rate at its highest.
        warmup: share of the steps, in [0, 1).
        precision: ``"no"`` (float32), ``"bf16"``, ``"fp16"``, or ``"auto"``: see :func:`faster_precision`.
        augment: called with images and one key an image, made of seed, epoch and index.
        validate: called with the model after each epoch; what it measures goes into the history.
        checkpoint: a file that holds the last finished epoch. Where it exists, training goes on from it.
        seed: of the augmentation (the batches have their own).
    Returns:
        The history: one row an epoch with ``epoch``, ``loss``, ``lr``, ``images_per_second``, ``seconds`` and what
        ``validate`` measured.
    Raises:
        FloatingPointError: the loss is no longer a finite number.
        ValueError: a setting out of range, or a checkpoint that does not fit.
    """
    if epochs < 1 or lr <= 0 or not 0 <= warmup < 1:
        raise ValueError(f"epochs={epochs}, lr={lr}, warmup={warmup}: needs epochs >= 1, lr > 0 and 0 <= warmup < 1")
    accelerator = _accelerator(precision)
    parts = nn.ModuleDict({"model": model, "loss": loss})
    optimizer = torch.optim.SGD(_groups(parts, weight_decay), lr=lr, momentum=0.9, nesterov=True)
    steps = len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: warmup_cosine(s, epochs * steps, warmup))
    wrapped, opt, loader = accelerator.prepare(_Objective(model, loss), optimizer, batches)
    history: History = []
    if checkpoint is not None and Path(checkpoint).exists():
        history = _resume(Path(checkpoint), parts, optimizer, schedule)
    bar = tqdm(
        total=epochs * steps,
        initial=len(history) * steps,
        desc="training",
        unit=" steps",
        disable=not (progress and accelerator.is_main_process),
    )
    with bar:
        for epoch in range(len(history), epochs):
            loader.set_epoch(epoch)
            row = _epoch(accelerator, wrapped, opt, schedule, loader, augment, rng.key(seed, epoch), epoch, bar)
            if validate is not None:
                # plain floats: numpy's would make a checkpoint that cannot be loaded without unpickling code
                row |= {name: float(value) for name, value in validate(model).items()}
            history.append(row)
            bar.set_postfix({k: f"{v:.4g}" for k, v in row.items() if k not in ("epoch", "seconds", "lr")})
            if checkpoint is not None and accelerator.is_main_process:
                _save(Path(checkpoint), parts, optimizer, schedule, history)
    return history


class _Objective(nn.Module):
    """Model and loss as one module, so that one wrapper trains both, on one process or many.

    Half precision and gradient exchange are wrapped around this module, and go with it: the model stays as it was.
    """

    def __init__(self, model: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        return self.loss(self.model(images), targets)


def _epoch(accelerator, objective, optimizer, schedule, loader, augment, key, epoch, bar) -> dict[str, float]:
    """One pass over the batches; gives its row of the history."""
    objective.train()
    total, seen, start = torch.zeros((), device=accelerator.device), 0, time.perf_counter()
    for step, (images, targets, indices) in enumerate(loader):
        images = to_float(images) if augment is None else augment(images, rng.key(key, indices))
        loss = objective(images, targets)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        total += loss.detach() * len(images)
        seen += len(images)
        bar.update()
        if step % 10 == 0:  # reading the loss makes a GPU wait, so not at every step
            _check(loss.item(), epoch, step, schedule.get_last_lr()[0])
            rate = seen * accelerator.num_processes / (time.perf_counter() - start)
            bar.set_postfix(epoch=epoch + 1, loss=f"{loss.item():.3f}", images_per_second=f"{rate:.0f}")
    mean = (accelerator.reduce(total, "sum") / (seen * accelerator.num_processes)).item()
    _check(mean, epoch, len(loader), schedule.get_last_lr()[0])
    seconds = time.perf_counter() - start
    return {
        "epoch": epoch + 1,
        "loss": mean,
        "lr": schedule.get_last_lr()[0],
        "images_per_second": seen * accelerator.num_processes / seconds,
        "seconds": seconds,
    }


def _check(loss: float, epoch: int, step: int, lr: float) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss is {loss} in epoch {epoch + 1}, step {step + 1}, at learning rate {lr:.3g}: "
            "try a lower lr, a longer warmup, or precision='no'"
        )


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate: linear up, then a half cosine down (Loshchilov and Hutter 2017, eq. 5)."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _groups(parts: nn.Module, weight_decay: float) -> list[dict]:
    """Weight decay is for weights that multiply; biases and normalisations keep their size."""
    trained = [p for p in parts.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _accelerator(precision: str) -> Accelerator:
    """A fresh one: a notebook trains several times, and Accelerate would keep the first run's precision."""
    if precision not in ("auto", "no", "bf16", "fp16"):
        raise ValueError(f"precision={precision!r} is none of auto, no, bf16, fp16")
    AcceleratorState._reset_state()
    cpu = not torch.cuda.is_available()  # Accelerate would pick an Apple GPU, on which the course is not tested
    if precision == "auto":
        measured = [faster_precision(Accelerator(cpu=cpu).device)]
        precision = broadcast_object_list(measured)[0]  # processes that disagreed would mix scaled gradients
        AcceleratorState._reset_state()
    log.info("training in precision %s", precision)
    loader = DataLoaderConfiguration(split_batches=True)
    return Accelerator(mixed_precision=precision, cpu=cpu, dataloader_config=loader)


_measured: dict[str, str] = {}


def faster_precision(device: torch.device) -> str:
    """``"bf16"`` or ``"fp16"`` where a small convolution network trains at least a fifth faster in it, else ``"no"``.

    fp16 is the candidate on GPUs without bf16 units (a T4 only emulates it), bf16 elsewhere. Measured once a process.
    """
    if str(device) not in _measured:
        old_gpu = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] < 8
        candidate = "fp16" if old_gpu else "bf16"
        slow, fast = (_seconds_a_step(device, p) for p in ("no", candidate))
        log.info("a probe step takes %.1f ms in float32, %.1f ms in %s", 1e3 * slow, 1e3 * fast, candidate)
        _measured[str(device)] = candidate if fast < slow / 1.2 else "no"
    return _measured[str(device)]


def _seconds_a_step(device: torch.device, precision: str) -> float:
    dtype = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    with torch.random.fork_rng():  # the weights' numbers must not change those of the training that follows
        layers = [nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()] * 3
    network = nn.Sequential(*layers).to(device=device, memory_format=torch.channels_last)
    count = 512 if device.type == "cuda" else 32  # enough work that a GPU's time is not that of launching it
    x = torch.zeros(count, 64, 20, 16, device=device).contiguous(memory_format=torch.channels_last)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=precision != "no"):
            y = network(x).float().sum()
        y.backward()
        y.item()  # waits for the device
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _save(path: Path, parts: nn.Module, optimizer, schedule, history: History) -> None:
    """The file is always a whole checkpoint."""
    state = {
        "parts": parts.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "history": history,
    }
    with written_whole(path) as part:
        torch.save(state, part)


def _resume(path: Path, parts: nn.Module, optimizer, schedule) -> History:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        parts.load_state_dict(state["parts"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
    except Exception as error:  # unpickling garbage raises nearly anything
        raise ValueError(f"the checkpoint {path} cannot be resumed ({error}); delete it to start anew") from error
    log.info("resuming %s after epoch %d", path, len(state["history"]))
    return state["history"]
