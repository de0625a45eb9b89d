"""The loop that trains every model of the course; it can be killed at any moment and goes on."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate import PartialState, skip_first_batches
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from dlsfaces import rng
from dlsfaces.data import to_float
from dlsfaces.train import checkpoints, processes
from dlsfaces.train.checkpoints import State
from dlsfaces.train.settings import Settings

History = list[dict[str, float]]  #: one row per epoch, with what `validate` measured; see `_Run.end_epoch`
Move = Callable[[Tensor, Tensor, Tensor], "tuple[Tensor, Tensor]"]  #: (images, targets, keys) -> (images, targets)
Augment = Callable[[Tensor, Tensor], Tensor]  #: (images, keys) -> float images
Validate = Callable[[nn.Module], "dict[str, float]"]

LOOK_EVERY = 10  #: steps between two looks at the losses, since each look makes a GPU wait
EXPLODED = 10.0  #: a loss so many times as high as it began (or as 1, where it began lower) has exploded
DIVERGED = 1e15  #: no weight, and no mean or variance of batch normalisation, is as large where a training goes well


class Trained(NamedTuple):
    """What every trainer of the course returns."""

    model: nn.Module
    history: History
    loss: nn.Module


def fit(
    model: nn.Module,
    loss: nn.Module,
    batches: DataLoader,
    settings: Settings,
    *,
    move: Move | None = None,
    augment: Augment | None = None,
    validate: Validate | None = None,
    checkpoint: str | Path | None = None,
) -> History:
    """Train ``model`` (images to outputs) and ``loss`` (outputs and targets to a scalar) in place.

    Under ``torchrun`` the processes share each batch. A run that was killed goes on from its ``checkpoint`` and ends
    with the same weights; a finished one is not repeated.

    Args:
        batches: gives ``(images, targets, indices)``; images uint8 or float ``(B, 3, H, W)``.
        move: changes images and targets together, by one key per image; ``augment`` then the images, by the same keys.
        validate: called with the model after each epoch; what it measures goes into the history.
    Raises:
        FloatingPointError: the training has diverged.
        ValueError: the checkpoint is damaged or of another run, such as on other data; or the batches do not fit.
    """
    with processes.own_state():
        parts = {"model": model, "loss": loss, "move": move, "augment": augment, "validate": validate}
        run = _Run(parts, batches, settings, checkpoint)
        with run.bar:
            while len(run.at.history) < settings.epochs:
                for images, targets, keys in run.rest_of_epoch():
                    if move is not None:
                        images, targets = move(images, targets, keys)
                    images = to_float(images) if augment is None else augment(images, keys)
                    value = run.objective(images, targets)
                    run.accelerator.backward(value)
                    run.optimizer.step()
                    run.optimizer.zero_grad()
                    run.end_step(value.detach(), len(images))
                run.check_weights()
                run.end_epoch({} if validate is None else validate(model))
        return run.at.history


class _Objective(nn.Module):
    """Model and loss as one: Accelerate wraps its half precision and gradient exchange around both."""

    def __init__(self, model: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        return self.loss(self.model(images), targets)


@dataclass
class _Progress:
    """How far a run has come: the same in every process, and part of the checkpoint."""

    history: History = field(default_factory=list)  # of the finished epochs
    first_loss: float | None = None
    step: int = 0  # finished steps of the epoch; what follows is of the epoch too
    images: int = 0
    total: float = 0.0  # of the images' losses
    seconds: float = 0.0
    waited: float = 0.0  # for data


class _Run:
    """What is trained, and how far it has come; made from the checkpoint where there is one."""

    def __init__(self, parts: State, batches: DataLoader, settings: Settings, checkpoint: str | Path | None) -> None:
        self.settings, self.steps, self.path = settings, len(batches), None if checkpoint is None else Path(checkpoint)
        self.recent: list[tuple[Tensor, int]] = []  # losses since the last look, and the images of each
        module = _Objective(parts["model"], parts["loss"])
        saved = None
        if self.path is not None and PartialState().is_main_process:  # of several machines only it may have the file
            self.what = checkpoints.describe(settings, batches, parts | dict(module.named_modules()))
            saved = checkpoints.read(self.path, self.what)
        saved = processes.from_main(saved)
        # A run keeps the precision that it began with: a second probe may answer otherwise.
        self.accelerator = processes.accelerator(saved["precision"] if saved else settings.precision)
        _check_batches(batches, module, self.accelerator.num_processes)
        _seed(settings.seed)  # Accelerate draws from it in which order DataLoader(shuffle=True) goes
        optimizer = settings.make_optimizer(module)
        self.objective, self.optimizer, self.loader = self.accelerator.prepare(module, optimizer, batches)
        self.states = {"modules": module, "optimizer": self.optimizer}
        if self.accelerator.scaler is not None:  # of fp16
            self.states["scaler"] = self.accelerator.scaler
        self.at = _Progress(**saved["progress"]) if saved else _Progress()
        for name, part in self.states.items() if saved else ():
            part.load_state_dict(saved[name])
        if not saved:
            self._save()  # where nothing can be written, that is said before the work
        total, done = settings.epochs * self.steps, len(self.at.history) * self.steps + self.at.step
        self.bar = tqdm(total=total, initial=done, unit=" steps", disable=not self.accelerator.is_main_process)

    def rest_of_epoch(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Images, targets and a key per image of each batch that is still to come, all set for its step."""
        seed, epoch, at = self.settings.seed, len(self.at.history), self.at
        _seed(seed, epoch)  # for samplers that draw from torch's own generator
        self.loader.set_epoch(epoch)
        batches = iter(skip_first_batches(self.loader, at.step) if at.step else self.loader)
        self.objective.train()
        self.started = time.perf_counter() - at.seconds
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            at.waited += time.perf_counter() - asked
            if batch is None:
                break
            # What draws from torch's generator, such as dropout, depends on the step and not on what went before.
            _seed(seed, epoch, at.step, self.accelerator.process_index)
            for group in self.optimizer.param_groups:
                group["lr"] = self._lr(at.step)
            images, targets, indices = batch
            yield images, targets, rng.key(rng.key(seed, epoch), indices)
        broadcast(list(self.objective.buffers()))  # each process has its own running means of batch normalisation

    def end_step(self, loss: Tensor, images: int) -> None:
        """Count a step; now and then look at the losses, and save."""
        self.at.step += 1
        self.recent.append((loss.float(), images * self.accelerator.num_processes))
        is_last = self.at.step == self.steps
        time_to_save = self.at.step % self.settings.save_every == 0 and not is_last  # end_epoch saves too
        if self.at.step % LOOK_EVERY == 0 or is_last or time_to_save:
            self._look()
        if time_to_save:
            self._save()
        self.bar.update()

    def end_epoch(self, measured: dict[str, float]) -> None:
        """Add the epoch's row to the history, and save."""
        at = self.at
        row = {
            "epoch": len(at.history) + 1,
            "loss": at.total / at.images,
            "lr": self._lr(at.step),
            "images_per_second": at.images / at.seconds,
            "data_wait_share": min(1.0, at.waited / at.seconds),  # of the time, spent waiting for data
            "seconds": at.seconds,
            **{name: float(value) for name, value in measured.items()},  # numpy's could not be loaded without pickle
        }
        self.at = _Progress([*at.history, processes.from_main(row)], at.first_loss)
        self._save()

    def _look(self) -> None:
        """Add up the losses since the last look; ``FloatingPointError`` where one is no number, or they exploded."""
        at = self.at
        losses = self.accelerator.reduce(torch.stack([loss for loss, _ in self.recent]), "mean").tolist()
        at.first_loss = losses[0] if at.first_loss is None else at.first_loss
        limit = EXPLODED * max(1.0, at.first_loss)
        exploded = sum(losses) / len(losses) > limit  # on average, since one odd batch is no explosion
        for step, (loss, (_, images)) in enumerate(zip(losses, self.recent), at.step - len(losses)):
            if not math.isfinite(loss) or (exploded and loss > limit):
                raise self._diverged(step, loss)
            at.images, at.total = at.images + images, at.total + loss * images
        self.last_loss = losses[-1]
        self.recent.clear()
        at.seconds = time.perf_counter() - self.started
        rate = at.images / at.seconds
        self.bar.set_postfix(epoch=len(at.history) + 1, loss=f"{self.last_loss:.3f}", images_per_second=f"{rate:.0f}")

    def check_weights(self) -> None:
        """``FloatingPointError`` where a weight is no number or absurdly large: a loss of cosines does not show it."""
        for name, value in self.states["modules"].state_dict().items():
            if value.is_floating_point() and not (value.abs() < DIVERGED).all():
                what = f"the training has diverged: {name} holds {value.abs().max():.3g}, and "
                raise self._diverged(self.at.step - 1, self.last_loss, what)

    def _diverged(self, step: int, loss: float, what: str = "") -> FloatingPointError:
        kept = f" {self.path} holds the last good state." if self.path and self.path.exists() else ""
        where = f"in epoch {len(self.at.history) + 1}, step {step + 1}, at learning rate {self._lr(step):.3g}"
        said = f"{what}the loss is {loss:.4g} {where} (it began at {self.at.first_loss:.4g})"
        advice = f"Try a lower lr than {self.settings.lr:.3g}, a longer warmup, or precision='no', and look for NaN."
        return FloatingPointError(f"{said}. {advice}{kept}")

    def _save(self) -> None:
        if self.path is not None and self.accelerator.is_main_process:
            state = {"run": self.what, "precision": self.accelerator.mixed_precision, "progress": vars(self.at)}
            checkpoints.write(self.path, state | {name: part.state_dict() for name, part in self.states.items()})

    def _lr(self, step: int) -> float:
        return self.settings.lr_at(len(self.at.history) * self.steps + step, self.settings.epochs * self.steps)


def _check_batches(batches: DataLoader, module: nn.Module, processes: int) -> None:
    order, images = batches.batch_sampler, len(batches.dataset)
    size = getattr(order, "batch_size", None)
    if processes > 1 and (size is None or size % processes):
        raise ValueError(f"a batch of {size} cannot be shared evenly by {processes} processes; choose a multiple of it")
    last = size if not size or processes > 1 or getattr(order, "drop_last", True) else images % size or size
    if last == processes and any(isinstance(part, nn.BatchNorm1d) for part in module.modules()):
        wrong = "leave one alone, which batch normalisation cannot take; choose another batch_size, or drop_last=True"
        raise ValueError(f"{images} images in batches of {size} {wrong}")
    if len(batches) == 0:
        raise ValueError(f"{images} images do not fill a batch of {size}; lower batch_size")


def _seed(*parts: int) -> None:
    torch.manual_seed(int(rng.key(*parts)))
