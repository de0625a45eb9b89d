"""Landmark networks on disk, and those that come with the course."""

from collections.abc import Mapping
from pathlib import Path

import torch
from accelerate.utils import extract_model_from_parallel

from dlsfaces import weights
from dlsfaces.align.networks import KINDS, LandmarkNet


def save_landmark_net(model: LandmarkNet, path: str | Path, about: Mapping[str, object] | None = None) -> None:
    """Write a landmark network with its settings, and what ``about`` says; see :func:`dlsfaces.weights.write`."""
    model = extract_model_from_parallel(model, keep_torch_compile=False)
    kind = next((name for name, made in KINDS.items() if isinstance(model, made)), None)
    if kind is None:
        raise ValueError(f"{type(model).__name__} is no landmark network of the course's: {', '.join(KINDS)}")
    settings = {"kind": kind, "size": model.size, "image_size": model.side, "n_points": model.n_points}
    weights.write(Path(path), model, settings, about, load_landmark_net)


def load_landmark_net(kind: str | Path = "hourglass", trained_on: str = "synthetic") -> LandmarkNet:
    """A trained network, in evaluation mode, on the CPU.

    ``kind`` is ``"hourglass"``, ``"regression"``, or a file that :func:`save_landmark_net` wrote; ``trained_on`` is
    ``"synthetic"`` (MIT) or ``"celeba"`` (research only): the same, then trained on real faces.
    """
    path = weights.path_of(f"landmarks_{kind}_{trained_on}") if kind in KINDS else Path(kind)
    return weights.load(path, _built, "a landmark network")


def _built(about: dict) -> LandmarkNet:
    template = torch.zeros(int(about["n_points"]), 2)
    return KINDS[about["kind"]](template, about["size"], int(about["image_size"]))
