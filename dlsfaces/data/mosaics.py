"""Photos of several people made of photos of one: glued beside and below each other, as Mosaic augmentation does
(Bochkovskiy et al. 2020, "YOLOv4", section 3.3), boxes and landmarks moved along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlsfaces.data.photosets import PhotoSet
from dlsfaces.data.records import UNKNOWN, Face, Photo, Source
from drawpeople.rng import Dice

_MOSAIC_SEED = 36
_MOST = 3  # rows of an uneven mosaic; a row has at most one cell more
_SMALLEST = 16  # pixels a side of a cell
Cell = tuple[int, int, int, int]


def mosaics(
    photos: Sequence[Photo],
    count: int,
    size: tuple[int, int] = (640, 640),
    *,
    grid: tuple[int, int] | None = None,
    split: str = "train",
    seed: int = 0,
) -> PhotoSet:
    """Photos glued together, a photo a cell; a lesson in finding and naming several people from photos of one.

    Each photo is scaled, without distortion, to fill its cell, and what sticks out is cut off, but never a part of a
    face's box: where that cannot be had, the whole photo is fitted in, on its own mean colour. Nobody is twice in a
    mosaic; faces of ``UNKNOWN`` people are taken for different ones, but no photo comes twice. Mosaic ``i`` depends on
    the arguments and ``i`` alone.

    Args:
        photos: any sequence of photos, such as ``data.studio(...)`` or a ``FaceSet``.
        count: how many mosaics.
        size: ``(height, width)`` of a mosaic in pixels.
        grid: ``(rows, columns)`` of equal cells; where None, up to 3 rows of up to 4 cells of uneven sizes are drawn.
        split: only named in the photos' source and in the set's own name; another split, other mosaics.
        seed: another seed, other mosaics.
    Raises:
        ValueError: no photos, a size or grid that leaves cells of under 16 pixels; when a mosaic is made: too few
            people to fill it with.
    """
    rows, columns = grid or (2 * _MOST, 2 * _MOST)
    if len(photos) == 0:
        raise ValueError("photos is empty; give the photos to glue together")
    if count < 0:
        raise ValueError(f"count={count} is a number of mosaics, 0 or more")
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
        """So many photos, in any order, in which nobody is twice."""
        chosen, met = [], set()
        for index in _shuffled(len(self.photos), dice):
            photo = self.photos[index]
            there = {face.identity for face in photo.faces} - {UNKNOWN}
            if not there & met:
                chosen.append(photo)
                met |= there
            if len(chosen) == wanted:
                return chosen
        raise ValueError(
            f"only {len(chosen)} photos without a person in common were found for a mosaic of {wanted}; "
            "give photos of more people, or a smaller grid"
        )


def _shuffled(count: int, dice: Dice) -> Iterator[int]:
    """The numbers from 0 to ``count`` - 1, each once, one at a time: only as many are drawn as are asked for."""
    moved: dict[int, int] = {}
    for left in range(count, 0, -1):
        place = dice.integer(0, left - 1)
        yield moved.get(place, place)
        moved[place] = moved.get(left - 1, left - 1)


def _even(size: tuple[int, int], rows: int, columns: int) -> list[Cell]:
    ys, xs = ([round(side * k / n) for k in range(n + 1)] for side, n in zip(size, (rows, columns)))
    return [(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]


def _uneven(size: tuple[int, int], dice: Dice) -> list[Cell]:
    """Rows of different heights, each with its own columns of different widths, neither flat nor tall."""
    height, width = size
    rows = _parts(height, dice.integer(2 if 2 * height > width else 1, _MOST), dice)
    cells = []
    for top, bottom in rows:
        square = width / (bottom - top)  # so many would be square
        columns = min(max(1, round(square * dice(0.6, 1.3))), _MOST + 1)
        cells += [(left, top, right, bottom) for left, right in _parts(width, columns, dice)]
    return cells


def _parts(side: int, count: int, dice: Dice) -> list[tuple[int, int]]:
    """A side in ``count`` parts, the longest at most twice the shortest."""
    lengths = [dice(1, 2) for _ in range(count)]
    ends = [round(side * sum(lengths[:k]) / sum(lengths)) for k in range(count + 1)]
    return list(pairwise(ends))


def _glue(canvas: Image.Image, photo: Photo, cell: Cell, dice: Dice) -> list[Face]:
    """Paint a photo into its cell, and say where its faces are then."""
    image = Image.fromarray(photo.image.permute(1, 2, 0).numpy())
    left, top, right, bottom = cell
    wide, high = right - left, bottom - top
    scale = max(wide / image.width, high / image.height)
    window = _window(image.size, (wide / scale, high / scale), _union(photo.faces), dice)
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


def _union(faces: Sequence[Face]) -> tuple[float, float, float, float] | None:
    """The box around all faces; None where none has a box."""
    boxes = [face.box for face in faces if face.box is not None]
    if not boxes:
        return None
    corners = torch.stack(boxes)
    return (*corners[:, :2].amin(0).tolist(), *corners[:, 2:].amax(0).tolist())


def _window(
    size: tuple[int, int], wanted: tuple[float, float], kept: tuple[float, float, float, float] | None, dice: Dice
) -> tuple[float, float, float, float] | None:
    """A part of a photo, ``wanted`` (width, height) large, with all of ``kept`` in it that the photo shows; or None."""
    corner = []
    for k in range(2):
        low, high = 0.0, max(0.0, size[k] - wanted[k])
        if kept is not None:
            low = max(low, min(size[k], kept[2 + k]) - wanted[k])
            high = min(high, max(0.0, kept[k]))
        if low > high + 1e-6:
            return None
        corner.append(dice(low, max(low, high)))
    x, y = corner
    return x, y, min(size[0], x + wanted[0]), min(size[1], y + wanted[1])


def _moved(face: Face, scale: float, x: float, y: float) -> Face:
    """The face in the mosaic's pixels; its map from the file, where one is known, goes on to there."""
    shift = torch.tensor([x, y], dtype=torch.float32)
    box = None if face.box is None else face.box * scale + shift.repeat(2)
    landmarks = None if face.landmarks is None else face.landmarks * scale + shift
    matrix: Tensor | None = None
    if face.photo_to_crop is not None:
        matrix = face.photo_to_crop * scale
        matrix[:, 2] += shift
    return replace(face, box=box, landmarks=landmarks, parts=None, photo_to_crop=matrix)
