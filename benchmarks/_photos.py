"""The photos on which detectors learn and are measured: CMU+MIT, WIDER's small part, drawn scenes, portraits.

One set is held at a time: an iterator reads its photos when they are asked for.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import cmu_mit
from dlsfaces import data
from dlsfaces.data.images import list_images, read_image

SMALLEST = 8  # pixels: narrower faces of WIDER count neither as misses nor as false alarms


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with its true boxes."""

    name: str
    image: Tensor  # uint8 (3, H, W)
    boxes: Tensor  # (F, 4)
    ignored: Tensor  # bool (F,)


def cmu_mit_photos(root: Path) -> Iterator[Scene]:
    for photo in cmu_mit.load(root):
        yield _from_record(photo)


def drawn_photos(count: int = 150, seed: int = 2024) -> Iterator[Scene]:
    for photo in data.scenes("test", count, seed=seed):
        yield _from_record(photo)


def _from_record(photo: data.records.Photo) -> Scene:
    boxes = torch.stack([face.box for face in photo.faces]).float() if photo.faces else torch.zeros(0, 4)
    return Scene(photo.source.file, photo.image, boxes, torch.zeros(len(boxes), dtype=torch.bool))


def wider_photos(root: Path, split: str, count: int | None = None) -> Iterator[Scene]:
    """``split`` is train or val; ``invalid`` faces and those under ``SMALLEST`` pixels are ignored."""
    rows = _rows(root / "wider_small" / f"{split}.csv")
    for name in sorted(rows)[:count]:
        table = torch.tensor([[float(row[k]) for k in ("x1", "y1", "x2", "y2")] for row in rows[name]])
        invalid = torch.tensor([row["invalid"] == "1" for row in rows[name]])
        small = (table[:, 2:] - table[:, :2]).amin(1) < SMALLEST
        yield Scene(name, read_image(root / "wider_small" / split / name), table, invalid | small)


def portraits(root: Path, folder: str = "caltech_faces") -> Iterator[Scene]:
    """The photos of one person each of ``joint_real``, with the course's box, which no person has drawn."""
    for name, (row,) in sorted(_rows(root / "joint_real" / "boxes.csv").items()):
        if name.startswith(folder):
            box = torch.tensor([[float(row[k]) for k in ("x1", "y1", "x2", "y2")]])
            yield Scene(name, read_image(root / "joint_real" / name), box, torch.zeros(1, dtype=torch.bool))


def _rows(path: Path) -> dict[str, list[dict[str, str]]]:
    found = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found[row["file"]].append(row)
    return dict(found)


def crops(root: Path) -> Tensor:
    """The 6,713 grey crops of Caltech's web faces: uint8 ``(N, 36, 36)``."""
    return torch.stack([read_image(path)[0] for path in list_images(root / "caltech_faces_36")])


def without_faces(root: Path) -> list[Tensor]:
    """The photos of places without people, uint8 ``(3, H, W)``."""
    return [read_image(path) for path in list_images(root / "non_face_scenes")]


def split_boxes(scenes: Sequence[Scene]) -> tuple[list[Tensor], list[Tensor]]:
    """What :func:`dlsfaces.evaluate.detection_score` takes: true boxes, and which of them are ignored."""
    return [scene.boxes for scene in scenes], [scene.ignored for scene in scenes]
