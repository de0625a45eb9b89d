"""The CMU+MIT frontal face test set of Rowley, Baluja and Kanade ("Neural network-based face detection", PAMI 20(1),
1998; with photos of Sung and Poggio, MIT): grey photos with many faces each.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from dlsfaces import geometry
from dlsfaces.data import celeba500
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

    Boxes and landmarks are as annotated: 12 boxes leave their photo, and the left eye of an upside-down face is on the
    right. On average a box has an intersection over union of 0.86 with the ``geometry.face_box`` of the landmarks, the
    least for profiles (0.27).

    Args:
        root: the folder that holds ``cmu_mit``; searched as by :func:`dlsfaces.data.load` where None.
    Raises:
        DataUnavailable: the set is not here, or a part of it is missing.
        ValueError: a damaged list (names file and line); when a photo is asked for, one that cannot be read.
    """
    folder = _folder(root)
    paths = list_images(folder / IMAGES)
    faces = _faces(folder, {path.name for path in paths})
    about = f"{sum(map(len, faces.values()))} faces in {len(faces)} of them"
    return PhotoSet("cmu_mit", "test", partial(_photo, paths, faces), range(len(paths)), about)


def _photo(paths: Sequence[Path], faces: dict[str, tuple[Face, ...]], index: int) -> Photo:
    path = paths[index]
    return Photo(read_image(path), Source(path.name, "cmu_mit", "test"), faces.get(path.name, ()))


def _folder(root: str | Path | None) -> Path:
    found = find_folder(("cmu_mit",), root, BOXES)
    if found is None:
        where = ", ".join(map(str, search_path(root))) or "the usual places"
        raise DataUnavailable(f"there is no folder cmu_mit with a {BOXES} in {where}. {ADVICE}")
    for part in (IMAGES, LANDMARKS):
        if not (found / part).exists():
            raise DataUnavailable(f"{found / part} is missing: the copy of CMU+MIT is incomplete. {ADVICE}")
    return found


def _faces(folder: Path, names: set[str]) -> dict[str, tuple[Face, ...]]:
    """The faces by their photo's name, in the order of the list of boxes."""
    boxes, points = read_rows(folder / BOXES, 4), read_rows(folder / LANDMARKS, 12)
    if missing := sorted(boxes.keys() - names):
        lacks = f"{folder / IMAGES} lacks {missing[0]} and {len(missing) - 1} other photos that {BOXES} names"
        raise DataUnavailable(f"{lacks}: the copy of CMU+MIT is incomplete. {ADVICE}")
    found = {}
    for name, of_photo in boxes.items():
        of_photo, landmarks = torch.tensor(of_photo), torch.tensor(points[name]).reshape(-1, 6, 2)[:, OURS]
        rows = zip(of_photo, match(of_photo, landmarks))
        found[name] = tuple(Face(box=box, landmarks=None if row is None else landmarks[row]) for box, row in rows)
    return found


def read_rows(path: Path, columns: int) -> dict[str, list[tuple[float, ...]]]:
    """Lines of a photo's name and so many numbers: the numbers by name; the same line counts once."""
    rows = defaultdict(list)
    for line, (name, *fields) in celeba500.read_rows(path):
        try:
            row = tuple(map(float, fields))
        except ValueError:
            row = ()
        if len(row) != columns or not all(map(math.isfinite, row)):
            raise ValueError(f"{line}: expected a name and {columns} numbers, found {' '.join([name, *fields])!r}")
        if row not in rows[name]:
            rows[name].append(row)
    return rows


def match(boxes: Tensor, landmarks: Tensor) -> list[int | None]:
    """For each box ``(N, 4)`` the row of the landmarks ``(M, 5, 2)`` that belong to it, one to one; None where none do.

    They lie within it, and their ``geometry.face_box`` overlaps it best: the pair that overlaps most is chosen first.
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
