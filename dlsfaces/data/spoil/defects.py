"""What is done to one photo when it is read.

A change is called with the set's reader and the size wanted, and gives the photo as uint8 ``(3, H, W)``. All that it
needs is decided when it is made, so it does the same in any order, in any process, and at any size. ``parts`` are those
of the :class:`~dlsfaces.rng.Dice` that a change throws; ``points`` a face's landmarks ``(5, 2)`` in picture widths.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces import geometry
from dlsfaces.data.images import Box
from dlsfaces.data.records import Reader
from dlsfaces.data.spoil import occluders, spoiling
from dlsfaces.data.spoil.drawing import places
from dlsfaces.data.spoil.no_faces import Nobodies
from dlsfaces.rng import Dice

COVERED = (0.4, 0.7)  #: of the face box in the picture, by what is before it
LEFT = (1 / 3, 1 / 2)  #: of the face in the picture, after a crop beside it
CHEEK = (0.6, 0.85)  #: the side of a crop that shows only a cheek, in eye distances
BESIDE = 0.65  #: the chance of a crop beside the face rather than of a cheek

Size = tuple[int, int]
Parts = tuple[int, ...]
_WHOLE = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, eq=False, kw_only=True)
class Change:
    """What all changes tell, so that landmarks can follow.

    Attributes:
        index: the number of the photo whose picture is shown; None where it shows nobody.
        moved: the ``(2, 3)`` map from places in that picture to those in the result, both in shares of the sides.
    """

    index: int | None
    moved: Tensor = _WHOLE

    def hides(self, points: Tensor) -> Tensor:
        """Which points ``(K, 2)`` of the picture shown, in picture widths, are behind something: bool ``(K,)``."""
        return torch.zeros(len(points), dtype=torch.bool)

    def __call__(self, read: Reader, size: Size | None) -> Tensor:
        """The photo as it is after the change."""
        return read([self.index], size)[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Spoilt(Change):
    """All pixels go through a function. With ``at``, in a picture of that size, which is then scaled."""

    spoil: Callable[[Tensor, Dice], Tensor]
    parts: Parts
    at: Size | None = None

    def __call__(self, read: Reader, size: Size | None) -> Tensor:
        image = _read(read, self.index, size and (self.at or size))
        return _bytes(_scaled(self.spoil(image, Dice(*self.parts)), size))


@dataclass(frozen=True, eq=False, kw_only=True)
class Occluded(Change):
    """Something is before the face, whose box is ``(x1, y1, x2, y2)`` in picture widths."""

    parts: Parts
    face: Box

    def hides(self, points: Tensor) -> Tensor:
        thing, far = self._thing(torch.zeros(3))
        return thing.distance(*self._on_face(points[:, 0], points[:, 1]), far) < 0

    def _thing(self, skin: Tensor) -> tuple[occluders.Thing, float]:
        dice = Dice(*self.parts)
        thing = occluders.draw(dice.fork(0), skin)
        x1, y1, x2, y2 = self.face
        return thing, occluders.reach(thing, dice(*COVERED), (y2 - y1) / (x2 - x1))

    def _on_face(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Places in the face's widths from its middle."""
        x1, y1, x2, y2 = self.face
        return (x - (x1 + x2) / 2) / (x2 - x1), (y - (y1 + y2) / 2) / (x2 - x1)

    def __call__(self, read: Reader, size: Size | None) -> Tensor:
        image = _read(read, self.index, size)
        height, width = image.shape[1:]
        thing, far = self._thing(_skin(image, self.face))
        light = min(1.0, max(0.6, 0.55 + float(image.mean())))  # paper is not white at dusk
        x, y = self._on_face(*places(width, height, (0.0, 0.0, 1.0, height / width)))
        covered = occluders.cover(image, thing, x, y, far, light)
        return _bytes(spoiling.fine_noise(covered, Dice(*self.parts).fork(1)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Cropped(Change):
    """Only what is in ``box`` is shown, in shares of the sides; see :func:`~dlsfaces.data.spoil.spoiling.window`."""

    box: Box
    rest: float | None
    native: Size

    def __call__(self, read: Reader, size: Size | None) -> Tensor:
        image = _read(read, self.index, size)
        wanted = size or tuple(image.shape[1:])
        finer = self._finer(wanted)
        if finer != wanted:
            image = _read(read, self.index, finer)
        return _bytes(spoiling.window(image, self.box, wanted, self.rest))

    def _finer(self, size: Size) -> Size:
        """The size at which to read a picture of which a part is shown: as fine as there is, and of use."""
        zoom = max(1.0, 1 / (self.box[2] - self.box[0]))
        useful = min(zoom, max(1.0, self.native[1] / size[1]))
        return tuple(round(side * useful) for side in size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Stranger(Change):
    """Somebody who is not of this set."""

    others: Reader
    native: Size

    def __call__(self, read: Reader, size: Size | None) -> Tensor:
        return self.others([self.index], size or self.native)[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Nobody(Change):
    """No face."""

    parts: Parts
    native: Size
    shown: Nobodies

    def __call__(self, read: Reader, size: Size | None) -> Tensor:
        return self.shown(Dice(*self.parts), size or self.native)


def blurred(parts: Parts, index: int, points: Tensor, native: Size) -> Change:
    """Out of focus or shaken."""
    return Spoilt(index=index, spoil=partial(spoiling.blur, _eye_distance(points)), parts=parts)


def dark(parts: Parts, index: int, points: Tensor, native: Size) -> Change:
    """Far too little light."""
    return Spoilt(index=index, spoil=partial(spoiling.darken, face_in_picture(points, native)), parts=parts)


def occluded(parts: Parts, index: int, points: Tensor, native: Size) -> Change:
    """Something before the face."""
    return Occluded(index=index, parts=parts, face=face_in_picture(points, native))


def cropped(parts: Parts, index: int, points: Tensor, native: Size) -> Change:
    """A crop beside the face, which leaves a part of it, or one so close that it holds only a cheek."""
    dice = Dice(*parts)
    tall = native[0] / native[1]
    if dice.happens(BESIDE):
        x1, y1, x2, y2 = face_in_picture(points, native)
        box = _beside(dice, (x1, y1 / tall, x2, y2 / tall))
    else:
        box = _cheek(dice, points, tall)
    rest = (None, None, 0.0, 1.0)[dice.integer(0, 3)]
    return Cropped(index=index, moved=_inverse(box), box=box, rest=rest, native=native)


def duplicate(parts: Parts, index: int, native: Size) -> Change:
    """A copy of photo ``index``, made in one of the ways of :data:`~dlsfaces.data.spoil.spoiling.COPIES`."""
    dice = Dice(*parts)
    way = spoiling.COPIES[dice.integer(0, len(spoiling.COPIES) - 1)]
    if way == "exact":
        return Change(index=index)
    if way == "trimmed":
        box = spoiling.trimming(dice)
        return Cropped(index=index, moved=_inverse(box), box=box, rest=None, native=native)
    if way == "saved":  # in the file's own size, as JPEG's blocks are of 8 pixels
        return Spoilt(index=index, spoil=spoiling.save, parts=parts, at=native)
    return Spoilt(index=index, spoil=spoiling.brighten, parts=parts)


def face_in_picture(points: Tensor, native: Size) -> Box:
    """The part of the face box that is in the picture, in picture widths; the whole picture where that is next to none.

    A face turned aside has its eyes close together; its box is taken as if it looked ahead.
    """
    tall = native[0] / native[1]
    box = geometry.face_box(points)
    middle, half = (box[:2] + box[2:]) / 2, _eye_distance(points) * torch.tensor([1.5, 1.7])
    x1, y1, x2, y2 = torch.cat((middle - half, middle + half)).tolist()
    x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, tall)
    return (x1, y1, x2, y2) if min(x2 - x1, y2 - y1) > 0.2 else (0.0, 0.0, 1.0, tall)


def _eye_distance(points: Tensor) -> float:
    """In picture widths; of a face turned aside, as its height from the eyes to the mouth lets expect.

    From the front the two are alike: 1.03 in the mean picture of the tight framing.
    """
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    return max(float((points[1] - points[0]).norm()), 0.9 * float((mouth - eyes).norm()))


def _beside(dice: Dice, face: Box) -> Box:
    """A picture's box moved so that only a part of the face, in shares of the sides, is left in it."""
    x1, y1, x2, y2 = face
    left, way = dice(*LEFT), dice.integer(0, 5)
    across, down = (left, 1.0) if way < 2 else (1.0, left) if way < 4 else (math.sqrt(left), math.sqrt(left))
    dx = dy = 0.0
    if across < 1:
        dx = x2 - across * (x2 - x1) if dice.happens(0.5) else x1 + across * (x2 - x1) - 1
    if down < 1:
        dy = y2 - down * (y2 - y1) if dice.happens(0.5) else y1 + down * (y2 - y1) - 1
    return dx, dy, 1 + dx, 1 + dy


def _cheek(dice: Dice, points: Tensor, tall: float) -> Box:
    """A box, in shares of the sides, around one cheek: between eye and mouth, away from the nose; in the picture."""
    side, unit = dice.integer(0, 1), _eye_distance(points)
    outwards = (points[side] - points[1 - side]) * 0.12
    x, y = ((points[side] + points[3 + side]) / 2 + outwards).tolist()
    half = unit * dice(*CHEEK) / 2
    high = half * tall
    x, y = min(max(x, half), 1 - half), min(max(y, high), tall - high)
    return x - half, (y - high) / tall, x + half, (y + high) / tall


def _inverse(box: Box) -> Tensor:
    """The map from shares of a picture's sides to those of a crop's."""
    return geometry.crop_matrix(box, (1, 1))


def _skin(image: Tensor, face: Box) -> Tensor:
    """The colour of the face's middle ``(3,)``: that of its owner's hands, in the same light."""
    width = image.shape[2]
    x1, y1, x2, y2 = (v * width for v in face)
    left, right = (round(x1 + share * (x2 - x1)) for share in (0.35, 0.65))
    top, bottom = (round(y1 + share * (y2 - y1)) for share in (0.45, 0.7))
    middle = image[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    return middle.flatten(1).median(1).values


def _read(read: Reader, index: int | None, size: Size | None) -> Tensor:
    """One photo as float32 from 0 to 1."""
    return read([index], size)[0].float() / 255


def _scaled(image: Tensor, size: Size | None) -> Tensor:
    if size is None or tuple(image.shape[1:]) == tuple(size):
        return image
    return F.interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)[0]


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).round().clamp(0, 255).to(torch.uint8)
