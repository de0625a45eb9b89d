"""A training run: how far it has come, and what of it goes into a checkpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator, skip_first_batches
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dlsfaces import rng
from dlsfaces.train import checkpoints, processes
from dlsfaces.train.schedule import warmup_cosine, weight_decay_groups
from dlsfaces.train.watch import Watch

log = logging.getLogger(__name__)

History = list[dict[str, float]]  #: one row an epoch

LOOK_EVERY = 10  #: steps between two looks at the loss: each makes a GPU wait


class Objective(nn.Module):
    """Model and loss as one module, so that one wrapper trains both, on one process or many.

    Half precision and gradient exchange are wrapped around this module, and go with it: the model stays as it was.
    """

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.model, self.loss = parts["model"], parts["loss"]

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """The loss: a scalar."""
        return self.loss(self.model(images), targets)


class Run:
    """What :func:`dlsfaces.train.fit` trains, and where it stands.

    Attributes:
        objective, optimizer: what the loop steps.
        history: the epochs that are finished.
        step: steps that are finished within the epoch.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        parts: nn.ModuleDict,
        batches: DataLoader,
        configuration: Mapping,
        path: Path | None,
        save_every: int,
    ) -> None:
        self.accelerator, self.parts, self.configuration = accelerator, parts, configuration
        self.path, self.save_every, self.watch = path, save_every, Watch(path)
        groups = weight_decay_groups(parts, configuration["weight_decay"])
        if configuration.get("optimizer") == "adamw":
            optimizer = torch.optim.AdamW(groups, lr=configuration["lr"])
        else:
            optimizer = torch.optim.SGD(groups, lr=configuration["lr"], momentum=0.9, nesterov=True)
        self.objective, self.optimizer, self.loader = accelerator.prepare(Objective(parts), optimizer, batches)
        self.seed, self.steps = configuration["seed"], len(batches)
        self.history: History = []
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.step = 0
        self.seen, self.seconds, self.waited = 0, 0.0, 0.0  # of the epoch, by this process
        self.total = torch.zeros((), device=self.accelerator.device)  # of the epoch's losses, by this process

    @property
    def epoch(self) -> int:
        """Epochs that are finished, and so the number of the one that runs."""
        return len(self.history)

    @property
    def steps_done(self) -> int:
        """Steps that are finished since the run began."""
        return self.epoch * self.steps + self.step

    def rest_of_epoch(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Images, targets and a key an image of the epoch's batches that are still to come, all set for their step."""
        _seed(self.seed, self.epoch)  # for samplers that draw from torch's own generator
        self.loader.set_epoch(self.epoch)
        batches = iter(skip_first_batches(self.loader, self.step) if self.step else self.loader)
        key = rng.key(self.seed, self.epoch)
        self.objective.train()
        self.started = time.perf_counter() - self.seconds
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - asked
            if batch is None:
                return
            # Dropout, and whatever else draws from torch's generator, depends on the step and not on what went before.
            _seed(self.seed, self.epoch, self.step, self.accelerator.process_index)
            self._set_lr()
            images, targets, indices = batch
            yield images, targets, rng.key(key, indices)

    def _set_lr(self) -> float:
        """Set the learning rate of the step that comes next, and give it."""
        total = self.configuration["epochs"] * self.steps
        lr = self.configuration["lr"] * warmup_cosine(self.steps_done, total, self.configuration["warmup"])
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def count(self, loss: Tensor, images: int) -> dict[str, str]:
        """A step is done: remember its loss; now and then look at it, and save. Gives what there is to show."""
        self.watch.note(loss, self.epoch, self.step, self.optimizer.param_groups[0]["lr"])
        self.total += loss.detach() * images
        self.seen += images
        self.step += 1
        is_last = self.step == self.steps
        time_to_save = self.step % self.save_every == 0 and not is_last  # at the end of the epoch it is saved anyway
        if not (self.step % LOOK_EVERY == 0 or is_last or time_to_save):
            return {}
        latest = self.watch.look()
        self.seconds = time.perf_counter() - self.started
        if time_to_save:
            self.save()
        rate = self.seen * self.accelerator.num_processes / self.seconds
        return {"epoch": f"{self.epoch + 1}", "loss": f"{latest:.3f}", "images_per_second": f"{rate:.0f}"}

    def end_epoch(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Close the epoch with its row of the history, which it gives, and save."""
        count = self.seen * self.accelerator.num_processes
        row = {
            "epoch": self.epoch + 1,
            "loss": self._sum_of_losses() / count,
            "lr": self._set_lr(),
            "images_per_second": count / self.seconds,
            "data_wait_share": min(1.0, self.waited / self.seconds),
            "seconds": self.seconds,
            # plain floats: numpy's would make a checkpoint that cannot be loaded without unpickling code
            **{name: float(value) for name, value in measured.items()},
        }
        self.history.append(processes.from_main(row))
        self._begin_epoch()
        self.save()
        return self.history[-1]

    def _sum_of_losses(self) -> float:
        return self.accelerator.reduce(self.total, "sum").item()

    def save(self) -> None:
        """Write the checkpoint. Every process has to call this: they add up their losses."""
        if self.path is None:
            return
        total = self._sum_of_losses()
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        state = {
            "run": dict(self.configuration),
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
        """Stand where the checkpoint stood; ``ValueError`` where it is of another run."""
        checkpoints.refuse_other_run(self.path, state["run"], self.configuration)
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
    def own_random_numbers(self) -> Iterator[None]:
        """What is drawn inside leaves the caller's random numbers as they would have been."""
        device = self.accelerator.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield


def _seed(*parts: int) -> None:
    torch.manual_seed(int(rng.key(*parts)))
