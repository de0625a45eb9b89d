"""The loop itself: plain stochastic gradient descent, which can be killed and goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from dlsfaces.data import to_float
from dlsfaces.train import checkpoints, processes
from dlsfaces.train.run import History, Run

Augment = Callable[[Tensor, Tensor], Tensor]  #: (images, one key an image) -> float images
Move = Callable[[Tensor, Tensor, Tensor], "tuple[Tensor, Tensor]"]  #: (images, targets, keys) -> (images, targets)
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
    optimizer: str = "sgd",
    precision: str = "auto",
    move: Move | None = None,
    augment: Augment | None = None,
    validate: Validate | None = None,
    checkpoint: str | Path | None = None,
    save_every: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train ``model`` and ``loss`` in place.

    Stochastic gradient descent with Nesterov momentum 0.9, or AdamW; the learning rate rises from 0 over the first
    ``warmup`` of the steps and falls to 0 along a cosine.

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
        optimizer: ``"sgd"``, or ``"adamw"`` (Loshchilov and Hutter 2019), which sets each weight's own step: for losses
            whose gradients differ much in size, such as those of heat maps; its ``lr`` is about a hundredth of SGD's.
        precision: ``"no"`` (float32), ``"bf16"``, ``"fp16"``, or ``"auto"``: see
            :func:`dlsfaces.train.precision.faster_precision`.
        move: changes images and targets together, such as a warp that carries landmarks along: called with both and
            one key an image, made of seed, epoch and index; before ``augment``.
        augment: changes images alone: called with them and the same keys.
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
    if optimizer not in ("sgd", "adamw"):
        raise ValueError(f"optimizer={optimizer!r} is neither 'sgd' nor 'adamw'")
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
        **({} if move is None else {"move": checkpoints.description(move)}),
        **({} if optimizer == "sgd" else {"optimizer": optimizer}),
        "seed": seed,
        "photos": len(batches.dataset),
        "steps an epoch": len(batches),
        "batch size": processes.batch_size(batches, accelerator.num_processes),
        **checkpoints.settings_of(parts),
        **checkpoints.settings_of_sampler(batches),
    }
    run = Run(accelerator, parts, batches, configuration, path, save_every)
    if saved is not None:
        run.restore(saved)
    quiet = not (progress and accelerator.is_main_process)
    bar = tqdm(total=epochs * len(batches), initial=run.steps_done, desc="training", unit=" steps", disable=quiet)
    with bar, run.own_random_numbers():
        while run.epoch < epochs:
            for images, targets, keys in run.rest_of_epoch():
                if move is not None:
                    images, targets = move(images, targets, keys)
                images = to_float(images) if augment is None else augment(images, keys)
                value = run.objective(images, targets)
                accelerator.backward(value)
                run.optimizer.step()
                run.optimizer.zero_grad()
                bar.update()
                if shown := run.count(value, len(images)):
                    bar.set_postfix(shown)
            measured = {} if validate is None else validate(model)
            row = run.end_epoch(measured)
            bar.set_postfix({name: f"{row[name]:.4g}" for name in ("loss", "images_per_second", *measured)})
    return run.history
