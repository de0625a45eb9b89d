"""The CMU+MIT frontal face test set: grey photos from before 1998 with many faces each, on which detectors are tested.

Collected by Rowley, Baluja and Kanade ("Neural network-based face detection", PAMI 20(1), 1998; with photos of Sung and
Poggio, MIT). The customary score is average precision at an intersection over union of 0.3.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dlsfaces import geometry
from dlsfaces.data.folders import DataUnavailable, find_folder, search_path
from dlsfaces.data.images import list_images, read_image
from dlsfaces.data.records import Face, Photo, PhotoSet, Source

IMAGES, BOXES, LANDMARKS = "images", "ground_truth_bboxes.txt", "ground_truth_landmarks.txt"
OURS = (0, 1, 2, 3, 5)  #: of the six annotated points: the mouth's middle is left out
ADVICE = (
    f"It is not downloaded: put a copy into a folder cmu_mit that holds {IMAGES}/, {BOXES} and {LANDMARKS}, and name "
    "the folder above it with root=... or the environment variable DLSFACES_ROOT; on Kaggle, attach it as a data set."
)


def load(root: str | Path | None = None) -> PhotoSet:
    """All 130 photos, also the 13 without a face: 511 faces in the other 117, some of them drawn or upside down.

    A face has its annotated ``box``, float32 ``(4,)``, and ``landmarks``, float32 ``(5, 2)``, both in pixels counted
    from the corner of the top left one, as annotated. Left is the viewer's who sees the face upright: four upside-down
    faces of playing cards have their left eye on the right. Boxes can leave the photo, as 12 do. They have on average
    an intersection over union of 0.86 with the ``geometry.face_box`` of the landmarks, the least for profiles (0.27).

    Args:
        root: the folder that holds ``cmu_mit``; by default the usual places are searched, see
            :func:`dlsfaces.data.load`.
    Raises:
        DataUnavailable: the set is not here, or a part of it is missing.
        ValueError: a damaged list (names file and line); when a photo is asked for, one that cannot be read.
    """
    folder = _folder(root)
    paths = list_images(folder / IMAGES)
    faces = _faces(folder, {path.name for path in paths})
    about = f"{sum(map(len, faces.values()))} faces in {len(faces)} of them"
    photos = _Photos(paths, [faces.get(path.name, ()) for path in paths])
    return PhotoSet("cmu_mit", "test", photos, range(len(paths)), about)


@dataclass(frozen=True, eq=False)
class _Photos:
    """Reads photo ``i``. A class and not a closure, so that worker processes can be sent one."""

    paths: Sequence[Path]
    faces: Sequence[tuple[Face, ...]]

    def __call__(self, index: int) -> Photo:
        path = self.paths[index]
        return Photo(read_image(path), Source(path.name, "cmu_mit", "test"), self.faces[index])


def _folder(root: str | Path | None) -> Path:
    found = find_folder(("cmu_mit",), root, BOXES)
    if found is None:
        where = ", ".join(map(str, search_path(root))) or "the usual places"
        raise DataUnavailable(f"there is no folder cmu_mit with a {BOXES} in {where}. {ADVICE}")
    for part, is_there in ((IMAGES, Path.is_dir), (LANDMARKS, Path.is_file)):
        if not is_there(found / part):
            raise DataUnavailable(f"{found / part} is missing: the copy of CMU+MIT is incomplete. {ADVICE}")
    return found


def _faces(folder: Path, names: set[str]) -> dict[str, tuple[Face, ...]]:
    """The faces by their photo's name, in the order of the list of boxes."""
    boxes, points = read_rows(folder / BOXES, 4), read_rows(folder / LANDMARKS, 12)
    if missing := sorted(boxes.keys() - names):
        raise DataUnavailable(
            f"{folder / IMAGES} lacks {missing[0]} and {len(missing) - 1} other photos that {BOXES} names: the copy of "
            f"CMU+MIT is incomplete. {ADVICE}"
        )
    return {name: _landmarked(torch.tensor(boxes[name]), torch.tensor(points[name])) for name in boxes}


def read_rows(path: Path, columns: int) -> dict[str, list[tuple[float, ...]]]:
    """Lines of a photo's name and so many numbers: the numbers by name; the same line counts once."""
    rows = defaultdict(list)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path} cannot be read ({error}); copy it again") from error
    for line, text in enumerate(lines, 1):
        if text.strip():
            name, *fields = text.split()
            try:
                row = tuple(map(float, fields))
            except ValueError:
                row = ()
            if len(row) != columns or not all(map(math.isfinite, row)):
                raise ValueError(f"{path}, line {line}: expected a name and {columns} numbers, found {text!r}")
            if row not in rows[name]:
                rows[name].append(row)
    if not rows:
        raise ValueError(f"{path} is empty; copy it again")
    return rows


def _landmarked(boxes: Tensor, points: Tensor) -> tuple[Face, ...]:
    """The faces of a photo from its boxes ``(N, 4)`` and its rows of six points ``(M, 12)``."""
    landmarks = points.reshape(-1, 6, 2)[:, OURS]
    rows = match(boxes, landmarks)
    return tuple(
        Face(box=box, landmarks=None if row is None else landmarks[row]) for box, row in zip(boxes, rows, strict=True)
    )


def match(boxes: Tensor, landmarks: Tensor) -> list[int | None]:
    """Which landmarks belong to each box, one to one: those within it whose ``geometry.face_box`` overlaps it best.

    The pair that overlaps most is chosen first, then the best of what is left.

    Args:
        boxes: ``(N, 4)`` pixels.
        landmarks: ``(M, 5, 2)`` pixels.
    Returns:
        For each box a row of ``landmarks``; None where none lies within it, or those that do belong to others.
    """
    corners = boxes[:, None, None]
    within = ((landmarks >= corners[..., :2]) & (landmarks <= corners[..., 2:])).flatten(2).all(2)
    overlap = geometry.iou(boxes, geometry.face_box(landmarks)) * within
    rows: list[int | None] = [None] * len(boxes)
    while overlap.numel() and overlap.max() > 0:
        box, row = divmod(int(overlap.argmax()), len(landmarks))
        rows[box] = row
        overlap[box], overlap[:, row] = 0, 0
    return rows
