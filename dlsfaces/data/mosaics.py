"""Photos glued together, boxes and landmarks too, as Mosaic does (Bochkovskiy et al. 2020, "YOLOv4", section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from dlsfaces.data.records import UNKNOWN, Face, Photo, PhotoSet, Source
from drawpeople import Dice

_MOSAIC_SEED = 36
_MOST = 3  # rows of an uneven mosaic; a row has at most one cell more
_SMALLEST = 16  # pixels a side of a cell
Box = tuple[float, float, float, float]


def mosaics(
    photos: Sequence[Photo],
    count: int,
    size: tuple[int, int] = (640, 640),
    *,
    grid: tuple[int, int] | None = None,
    split: str = "train",
    seed: int = 0,
) -> PhotoSet:
    """Photos glued together, one a cell; nobody is twice in a mosaic.

    Each photo is scaled to fill its cell, and what sticks out is cut off, but never a part of a face's box: where that
    cannot be had, the whole photo is fitted in. ``grid`` is ``(rows, columns)`` of equal cells; up to 3 rows of up to 4
    cells of uneven sizes where None. Another split, any name, gives other mosaics.
    """
    rows, columns = grid or (2 * _MOST, 2 * _MOST)
    if len(photos) == 0 or count < 0:
        raise ValueError(f"count={count}, {len(photos)} photos: a mosaic needs photos, and count is 0 or more")
    if min(rows, columns) < 1 or size[0] // rows < _SMALLEST or size[1] // columns < _SMALLEST:
        raise ValueError(f"size={size}, grid={grid}: each cell needs at least {_SMALLEST} pixels a side")
    made = _Mosaics(photos, (size[0], size[1]), grid, seed, split)
    about = f"{rows}x{columns} cells" if grid else "uneven cells"
    return PhotoSet("mosaics", split, made, range(count), f"{about}, {size[0]}x{size[1]}")


@dataclass(frozen=True, eq=False)
class _Mosaics:
    """Makes mosaic ``i``."""

    photos: Sequence[Photo]
    size: tuple[int, int]
    grid: tuple[int, int] | None
    seed: int
    split: str

    def __call__(self, index: int) -> Photo:
        dice = Dice(_MOSAIC_SEED, self.seed, *self.split.encode(), index)
        cells = _even(self.size, *self.grid) if self.grid else _uneven(self.size, dice.fork(0))
        canvas, faces = Image.new("RGB", self.size[::-1]), []
        for k, (cell, photo) in enumerate(zip(cells, self._choose(len(cells), dice.fork(1)))):
            faces += _glue(canvas, photo, cell, dice.fork(2 + k))
        image = torch.from_numpy(np.array(canvas)).permute(2, 0, 1).contiguous()
        return Photo(image, Source(f"mosaic{index:06d}", "mosaics", self.split), tuple(faces))

    def _choose(self, wanted: int, dice: Dice) -> list[Photo]:
        """So many photos, in any order, in which nobody is twice; people who are not known are taken for others."""
        chosen, met = [], set()
        for index in sorted(range(len(self.photos)), key=lambda _: dice()):
            photo = self.photos[index]
            there = {face.identity for face in photo.faces} - {UNKNOWN}
            if not there & met:
                chosen.append(photo)
                met |= there
            if len(chosen) == wanted:
                return chosen
        found = f"only {len(chosen)} photos without a person in common were found for a mosaic of {wanted}"
        raise ValueError(f"{found}; give photos of more people, or a smaller grid")


def _even(size: tuple[int, int], rows: int, columns: int) -> list[tuple[int, ...]]:
    ys, xs = ([round(side * k / n) for k in range(n + 1)] for side, n in zip(size, (rows, columns)))
    return [(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]


def _uneven(size: tuple[int, int], dice: Dice) -> list[tuple[int, ...]]:
    """Rows of different heights, each with its own columns of different widths, neither flat nor tall."""
    height, width = size
    cells = []
    for top, bottom in _parts(height, dice.integer(2 if 2 * height > width else 1, _MOST), dice):
        columns = min(max(1, round(width / (bottom - top) * dice(0.6, 1.3))), _MOST + 1)
        cells += [(left, top, right, bottom) for left, right in _parts(width, columns, dice)]
    return cells


def _parts(side: int, count: int, dice: Dice) -> list[tuple[int, int]]:
    """A side in ``count`` parts, the longest at most twice the shortest."""
    lengths = [dice(1, 2) for _ in range(count)]
    return list(pairwise(round(side * sum(lengths[:k]) / sum(lengths)) for k in range(count + 1)))


def _glue(canvas: Image.Image, photo: Photo, cell: tuple[int, ...], dice: Dice) -> list[Face]:
    """Paint a photo into its cell, and say where its faces are then."""
    image = Image.fromarray(photo.image.permute(1, 2, 0).numpy())
    left, top, wide, high = cell[0], cell[1], cell[2] - cell[0], cell[3] - cell[1]
    scale = max(wide / image.width, high / image.height)
    window = _window(image.size, (wide / scale, high / scale), photo.faces, dice)
    if window is not None:
        canvas.paste(image.resize((wide, high), Image.Resampling.BILINEAR, window, 2.0), (left, top))
        return [_moved(face, scale, left - scale * window[0], top - scale * window[1]) for face in photo.faces]
    scale = min(wide / image.width, high / image.height)
    inside = (max(1, int(scale * image.width + 1e-6)), max(1, int(scale * image.height + 1e-6)))
    part = (0, 0, min(image.width, inside[0] / scale), min(image.height, inside[1] / scale))
    x, y = left + dice.integer(0, wide - inside[0]), top + dice.integer(0, high - inside[1])
    canvas.paste(image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)), cell)
    canvas.paste(image.resize(inside, Image.Resampling.BILINEAR, part, 2.0), (x, y))
    return [_moved(face, scale, x, y) for face in photo.faces]


def _window(size: tuple[int, int], wanted: tuple[float, float], faces: Sequence[Face], dice: Dice) -> Box | None:
    """A part of a photo, ``wanted`` (width, height) large, in which all of its faces' boxes lie; or None."""
    boxes = torch.stack([face.box for face in faces if face.box is not None] or [torch.empty(0)])
    corner = []
    for k in range(2):
        low, high = 0.0, max(0.0, size[k] - wanted[k])
        if boxes.numel():
            low = max(low, min(size[k], float(boxes[:, 2 + k].max())) - wanted[k])
            high = min(high, max(0.0, float(boxes[:, k].min())))
        if low > high + 1e-6:
            return None
        corner.append(dice(low, max(low, high)))
    x, y = corner
    return x, y, min(size[0], x + wanted[0]), min(size[1], y + wanted[1])


def _moved(face: Face, scale: float, x: float, y: float) -> Face:
    """The face in the mosaic's pixels; its map from the file, where one is known, goes on to there."""
    shift, box, points, matrix = torch.tensor([x, y], dtype=torch.float32), face.box, face.landmarks, face.photo_to_crop
    box = None if box is None else box * scale + shift.repeat(2)
    points = None if points is None else points * scale + shift
    matrix = None if matrix is None else matrix * scale + F.pad(shift[:, None], (2, 0))
    return replace(face, box=box, landmarks=points, photo_to_crop=matrix)
