"""The loop itself: plain stochastic gradient descent that can be killed and goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator, skip_first_batches
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from dlsfaces import rng
from dlsfaces.data import to_float
from dlsfaces.train import checkpoints, processes
from dlsfaces.train.schedule import warmup_cosine, weight_decay_groups
from dlsfaces.train.watch import Watch

log = logging.getLogger(__name__)

History = list[dict[str, float]]  #: one row an epoch
Augment = Callable[[Tensor, Tensor], Tensor]  #: (images, one key an image) -> float images
Validate = Callable[[nn.Module], dict[str, float]]

LOOK_EVERY = 10  #: steps between two looks at the loss: each makes a GPU wait


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
    save_every: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train ``model`` and ``loss`` in place.

    Stochastic gradient descent with Nesterov momentum 0.9; the learning rate rises from 0 over the first ``warmup`` of
    the steps and falls to 0 along a cosine.

    The same call runs in one process and, under ``torchrun`` or ``accelerate launch``, in many, on GPUs or CPUs, on one
    machine or several; :mod:`dlsfaces.train.launch` starts it so from a notebook. Each batch is then divided among the
    processes, so that the curve of the loss is that of one process. What is drawn at random belongs to the seed, the
    epoch and the sample or step, so that a run that was killed at any moment and goes on from its checkpoint ends with
    the weights of one that was not.

    Args:
        model: images to outputs.
        loss: outputs and targets to a scalar; its own parameters, where it has some, are trained too.
        batches: gives ``(images, targets, indices)``; images uint8 or float ``(B, 3, H, W)``. Its (batch) sampler's
            ``set_epoch`` is called, where it has one.
        lr: learning rate at its highest.
        warmup: share of the steps, in [0, 1).
        precision: ``"no"`` (float32), ``"bf16"``, ``"fp16"``, or ``"auto"``: see
            :func:`dlsfaces.train.precision.faster_precision`.
        augment: called with images and one key an image, made of seed, epoch and index.
        validate: called with the model after each epoch; what it measures goes into the history.
        checkpoint: a file that holds the last good state. Where it exists, training goes on from it.
        save_every: steps after which a checkpoint is written within an epoch; at the end of each there is one anyway.
        seed: of augmentation and dropout (the batches have their own).
    Returns:
        The history: one row an epoch with ``epoch``, ``loss``, ``lr``, ``images_per_second``, ``data_wait_share`` (the
        share of the time in which the loop waited for data), ``seconds`` and what ``validate`` measured.
    Raises:
        FloatingPointError: the loss is no longer a finite number, or more than 10 times as high as it began.
        ValueError: a setting out of range, a checkpoint that cannot be read or is of a run with other settings, or a
            batch that the processes cannot share evenly.
        OSError: the checkpoint cannot be written; the last one is kept.
    """
    if epochs < 1 or lr <= 0 or not 0 <= warmup < 1 or save_every < 1:
        raise ValueError(
            f"epochs={epochs}, lr={lr}, warmup={warmup}, save_every={save_every}: "
            "needs epochs >= 1, lr > 0, 0 <= warmup < 1 and save_every >= 1"
        )
    path = None if checkpoint is None else Path(checkpoint)
    # Of several machines only the main one may have the file.
    saved = processes.from_main(checkpoints.read(path) if path is not None and processes.is_main() else None)
    if precision == "auto" and saved is not None:
        precision = saved["run"]["precision"]  # a probe may answer otherwise the next time
    accelerator = processes.accelerator(precision)
    parts = nn.ModuleDict({"model": model, "loss": loss})
    configuration = {
        "epochs": epochs,
        "lr": lr,
        "weight_decay": weight_decay,
        "warmup": warmup,
        "precision": accelerator.mixed_precision,
        "augment": checkpoints.description(augment),
        "seed": seed,
        "photos": len(batches.dataset),
        "steps an epoch": len(batches),
        "batch size": processes.batch_size(batches, accelerator.num_processes),
        **checkpoints.settings_of(parts),
        **checkpoints.settings_of_sampler(batches),
    }
    if saved is not None:
        checkpoints.refuse_other_run(path, saved["run"], configuration)
    run = _Run(accelerator, parts, batches, configuration, augment, path, save_every)
    if saved is not None:
        run.restore(saved)
    bar = tqdm(
        total=epochs * len(batches),
        initial=run.steps_done,
        desc="training",
        unit=" steps",
        disable=not (progress and accelerator.is_main_process),
    )
    with bar, _own_random_numbers(accelerator.device):
        while run.epoch < epochs:
            row = run.one_epoch(bar)
            if validate is not None:
                # plain floats: numpy's would make a checkpoint that cannot be loaded without unpickling code
                row |= {name: float(value) for name, value in validate(model).items()}
            run.end_epoch(processes.from_main(row))
            shown = {k: f"{v:.4g}" for k, v in row.items() if k not in ("epoch", "seconds", "lr", "data_wait_share")}
            bar.set_postfix(shown)
    return run.history


class _Objective(nn.Module):
    """Model and loss as one module, so that one wrapper trains both, on one process or many.

    Half precision and gradient exchange are wrapped around this module, and go with it: the model stays as it was.
    """

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.model, self.loss = parts["model"], parts["loss"]

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        return self.loss(self.model(images), targets)


class _Run:
    """A training run: what it trains, how far it has come, and what of it goes into a checkpoint."""

    def __init__(
        self,
        accelerator: Accelerator,
        parts: nn.ModuleDict,
        batches: DataLoader,
        configuration: dict,
        augment: Augment | None,
        path: Path | None,
        save_every: int,
    ) -> None:
        self.accelerator, self.parts, self.configuration = accelerator, parts, configuration
        self.augment, self.path, self.save_every = augment, path, save_every
        self.seed, self.steps = configuration["seed"], len(batches)
        groups = weight_decay_groups(parts, configuration["weight_decay"])
        optimizer = torch.optim.SGD(groups, lr=configuration["lr"], momentum=0.9, nesterov=True)
        objective = _Objective(parts)
        self.objective, self.optimizer, self.loader = accelerator.prepare(objective, optimizer, batches)
        self.history: History = []
        self.step = 0  # within the epoch
        self.seen, self.seconds, self.waited = 0, 0.0, 0.0  # of the epoch, by this process
        self.total = torch.zeros((), device=accelerator.device)  # of the epoch's losses, by this process
        self.watch = Watch(path)

    @property
    def epoch(self) -> int:
        """Epochs that are finished, and so the number of the one that runs."""
        return len(self.history)

    @property
    def steps_done(self) -> int:
        return self.epoch * self.steps + self.step

    def one_epoch(self, bar: tqdm) -> dict[str, float]:
        """The batches of an epoch that are still to come; gives the epoch's row of the history."""
        self.objective.train()
        loader = self._rest_of_epoch()
        key = rng.key(self.seed, self.epoch)
        start = time.perf_counter() - self.seconds
        for images, targets, indices in self._timed(loader):
            self._train_step(images, targets, rng.key(key, indices))
            bar.update()
            is_last = self.step == self.steps
            time_to_save = self.step % self.save_every == 0 and not is_last
            if self.step % LOOK_EVERY == 0 or is_last or time_to_save:
                latest = self.watch.look()
                self.seconds = time.perf_counter() - start
                rate = f"{self._rate():.0f}"
                bar.set_postfix(epoch=self.epoch + 1, loss=f"{latest:.3f}", images_per_second=rate)
            if time_to_save:
                self.save()
        return self._row()

    def _train_step(self, images: Tensor, targets: Tensor, keys: Tensor) -> None:
        self._seed_step()
        lr = self._set_lr()
        images = to_float(images) if self.augment is None else self.augment(images, keys)
        loss = self.objective(images, targets)
        self.accelerator.backward(loss)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.watch.note(loss, self.epoch, self.step, lr)
        self.total += loss.detach() * len(images)
        self.seen += len(images)
        self.step += 1

    def _rest_of_epoch(self) -> DataLoader:
        """The epoch's batches from the step on at which it stands."""
        _seed_all(rng.key(self.seed, self.epoch))  # for samplers that draw from torch's own generator
        self.loader.set_epoch(self.epoch)
        return skip_first_batches(self.loader, self.step) if self.step else self.loader

    def _timed(self, loader: DataLoader) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The batches; the time until each is there counts as waiting."""
        iterator = iter(loader)
        while True:
            asked = time.perf_counter()
            batch = next(iterator, None)
            self.waited += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    def _seed_step(self) -> None:
        """Dropout and whatever else draws from torch's generator depends on the step, not on what went before."""
        _seed_all(rng.key(self.seed, self.epoch, self.step, self.accelerator.process_index))

    def _set_lr(self) -> float:
        """Set the learning rate of the step that comes next, and give it."""
        total = self.configuration["epochs"] * self.steps
        lr = self.configuration["lr"] * warmup_cosine(self.steps_done, total, self.configuration["warmup"])
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _rate(self) -> float:
        return self.seen * self.accelerator.num_processes / self.seconds

    def _row(self) -> dict[str, float]:
        count = self.seen * self.accelerator.num_processes
        return {
            "epoch": self.epoch + 1,
            "loss": self._sum_of_losses() / count,
            "lr": self._set_lr(),
            "images_per_second": self._rate(),
            "data_wait_share": min(1.0, self.waited / self.seconds),
            "seconds": self.seconds,
        }

    def _sum_of_losses(self) -> float:
        return self.accelerator.reduce(self.total, "sum").item()

    def end_epoch(self, row: dict[str, float]) -> None:
        """Close the epoch with its row of the history, and save."""
        self.history.append(row)
        self.step = self.seen = 0
        self.seconds = self.waited = 0.0
        self.total = torch.zeros_like(self.total)
        self.save()

    def save(self) -> None:
        """Write the checkpoint. Every process has to call this: they add up their losses."""
        if self.path is None:
            return
        total = self._sum_of_losses()
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        state = {
            "run": self.configuration,
            "parts": self.parts.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "history": self.history,
            "step": self.step,
            "images": self.seen * self.accelerator.num_processes,
            "total": total,
            "seconds": self.seconds,
            "waited": self.waited,
            "first_loss": self.watch.first,
        }
        checkpoints.write(self.path, state)

    def restore(self, state: checkpoints.State) -> None:
        """Stand where the checkpoint stood."""
        try:
            self.parts.load_state_dict(state["parts"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state["scaler"])
        except (KeyError, RuntimeError, ValueError) as error:  # other names or shapes
            raise checkpoints.unusable(self.path, str(error)) from error
        self.history, self.step = state["history"], state["step"]
        self.seen = state["images"] // self.accelerator.num_processes
        self.seconds, self.waited, self.watch.first = state["seconds"], state["waited"], state["first_loss"]
        if self.accelerator.is_main_process:  # the others' share is in it already
            self.total += state["total"]
        log.info("resuming %s after epoch %d, step %d", self.path, self.epoch, self.step)


@contextmanager
def _own_random_numbers(device: torch.device) -> Iterator[None]:
    """What is drawn inside leaves the caller's random numbers as they would have been."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def _seed_all(key: Tensor) -> None:
    torch.manual_seed(int(key))
