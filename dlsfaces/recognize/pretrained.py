"""Face networks on disk, and those that come with the course."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dlsfaces import weights
from dlsfaces.recognize.backbones import FaceResNet

TRAINED_ON = ("synthetic", "celeba")


def save_face_net(model: FaceResNet, path: str | Path, about: Mapping[str, object] | None = None) -> None:
    """Write a face network with its settings, in half precision; see :func:`dlsfaces.weights.write`."""
    weights.write(Path(path), model, {"kind": "FaceResNet", **model.settings, **(about or {})})


def load_face_net(kind: str | Path = "resnet", trained_on: str = "synthetic") -> FaceResNet:
    """A trained network, in evaluation mode, on the CPU; its ``settings["image_size"]`` says what crops it takes.

    Args:
        kind: ``"resnet"``, which comes with the course, or a file that :func:`save_face_net` wrote.
        trained_on: of the course's: ``"synthetic"`` (MIT), invented people alone, or ``"celeba"`` (research only),
            which went on from it with CelebA-500's people. Both take tight crops, see :mod:`dlsfaces.geometry`.
    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown ``trained_on``, a damaged file, or another network's.
    """
    if trained_on not in TRAINED_ON:
        raise ValueError(f"trained_on={trained_on!r} is none of {', '.join(TRAINED_ON)}")
    path = weights.path_of(f"faces_{trained_on}") if kind == "resnet" else Path(kind)
    return weights.load(path, _built, "a face network")


def _built(about: dict) -> FaceResNet:
    size = tuple(map(int, about["image_size"]))
    return FaceResNet(about["size"], int(about["embedding_dim"]), size, stem_stride=int(about["stem_stride"]))
