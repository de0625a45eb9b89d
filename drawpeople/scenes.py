"""Photos with any number of people in them, and portraits as in a studio.

People stand on one ground, so that the nearer is larger, lower in the photo and in front. Where each may stand is found
from the nearest to the farthest: what is nearer is then already known, and how much of a face it hides can be measured.
They are painted the other way round.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from drawpeople import backdrops, bodies
from drawpeople import clutter as things
from drawpeople.cutouts import Cutout
from drawpeople.framing import face_box
from drawpeople.rng import Dice
from drawpeople.sensor import photograph

_TRIES = 16  # places that are tried for a person
_CROWDED = 0.95  # the largest face, as a share of the side of the square that each person has of the photo
_MOST_THINGS = 16  # with all the clutter there is
_MOST_AWAY = 8  # people seen from behind
_CAR = 9.5  # widths of a face
STUDIO_EYES = (0.075, 0.16)  #: of a studio portrait: the distance between the eyes, as a share of the photo's side


class Bank(Protocol):
    """People to choose from, such as :class:`~drawpeople.cutouts.Cutouts`."""

    identities: Tensor  # int64 (N,)
    faces_us: Tensor  # bool (N,)

    def get(self, index: int, eyes: float) -> Cutout:
        """A cutout with at least so many pixels between the eyes, if there is one."""


class DrawnFace(NamedTuple):
    """A face in a photo, in its pixels."""

    identity: int
    landmarks: Tensor  # float32 (5, 2)
    visibility: Tensor  # bool (5,): nothing that is nearer hides it

    @property
    def box(self) -> Tensor:
        """The face's box ``(4,)``."""
        return face_box(self.landmarks)


class Placed(NamedTuple):
    """Somebody in a photo: their image, Pillow's RGBA, where its left upper corner lies, and their face, if seen."""

    image: Image.Image
    left: int
    top: int
    face: DrawnFace | None


class Scene(NamedTuple):
    """A photo, uint8 ``(3, H, W)``, and who is in it, the nearest first."""

    image: Tensor
    people: tuple[Placed, ...]

    @property
    def faces(self) -> tuple[DrawnFace, ...]:
        """The faces that are seen."""
        return tuple(one.face for one in self.people if one.face is not None)


def draw_scene(
    bank: Bank,
    size: tuple[int, int],
    dice: Dice,
    *,
    faces: tuple[int, int] = (0, 30),
    face_width: tuple[float, float] = (16, 160),
    overlap: float = 0.3,
    clutter: float = 0.5,
    place: Image.Image | None = None,
) -> Scene:
    """A photo of people.

    Args:
        bank: whom to choose from; nobody is in a photo twice.
        size: ``(height, width)`` pixels.
        dice: another key, another photo.
        faces: fewest and most faces, drawn evenly. A photo that has no room for as many holds fewer.
        face_width: smallest and largest width of a face's box in pixels, drawn log-uniformly.
        overlap: the largest share of a face's box that nearer people may cover.
        clutter: how many things there are that are no faces, and people seen from behind; 0 none, 1 many.
        place: a photo of a place without people, Pillow's RGB; a drawn one where None.
    """
    crowd = _Crowd(bank, size, face_width, overlap)
    stage, placed = crowd.arrange(faces, clutter, dice.fork(0))
    image, kind = _place(place, size, stage, dice.fork(1))
    _furnish(image, kind, stage, (clutter, *face_width), dice.fork(2))
    if faces[1] and kind != "street":
        _hang_up_scrambled(image, bank, stage, clutter, dice.fork(3))
    light = _light_of(image)
    for one in reversed(placed):
        _cast_shadow(image, one.image, one.left, one.top)
        image.paste(_lit(one.image, light), (one.left, one.top), one.image)
    return Scene(_taken(image, dice.fork(4)), tuple(placed))


def draw_portrait(cutout: Cutout, side: int, dice: Dice) -> Scene:
    """A square photo of one person before a plain wall, the whole face in it, rather in its middle than at its border.

    Args:
        cutout: the person.
        side: height and width in pixels.
        dice: another key, another place, size and wall.
    """
    image = backdrops.plain((side, side), dice.fork(0))
    cutout = cutout.cropped()
    cutout = cutout.scaled(dice.log(*STUDIO_EYES) * side / cutout.eyes)
    left, top, right, bottom = cutout.box.tolist()
    share = [(dice() + dice()) / 2 for _ in range(2)]
    x = round(-left + 1 + share[0] * (side - right + left - 2))
    y = round(-top + 1 + 0.9 * share[1] * (side - bottom + top - 2))
    whole = bodies.clothed(cutout, side - y, dice)
    image.paste(_lit(whole, _light_of(image)), (x, y), whole)
    landmarks = cutout.landmarks + torch.tensor([float(x), float(y)])
    inside = ((landmarks >= 0) & (landmarks < side)).all(1)
    face = DrawnFace(cutout.identity, landmarks, cutout.visibility & inside)
    return Scene(_taken(image, dice.fork(1), 0.5), (Placed(whole, x, y, face),))


def draw_nobody(size: tuple[int, int], dice: Dice) -> Tensor:
    """A place without people, with a few things in it that are large in the image: uint8 ``(3, height, width)``."""
    stage = _Stage(dice(0.05, 0.3) * size[0], 0.0, 0.0, dice(0.4, 0.8) * size[0])
    image, kind = _place(None, size, stage, dice.fork(1))
    _furnish(image, kind, stage, (0.3, 0.3 * size[1], 0.8 * size[1]), dice.fork(2))
    return _taken(image, dice.fork(4))


class _Stage(NamedTuple):
    """The ground that people stand on, and how it is seen: how high in the photo the eyes of people at a distance are.

    Somebody twice as near is twice as large, and their eyes twice as far below the horizon, which the camera looks at
    from a little higher than people do.
    """

    horizon: float
    slope: float  # pixels down an eye distance
    uneven: float  # steps, seats, children: how far off that eyes are, in eye distances
    ground: float  # row where the farthest one's feet are

    @classmethod
    def set_up(cls, height: int, widest: float, narrowest: float, dice: Dice) -> _Stage:
        """For faces so wide."""
        horizon, lowest = dice(0.08, 0.35) * height, dice(0.25, 0.62) * height  # the eyes of the largest
        slope = max(0.0, lowest - horizon) / (widest / 3)
        return cls(horizon, slope, dice(0.0, 2.5) ** 2, horizon + (slope + bodies.FEET) * narrowest / 3)

    def eyes(self, eyes: float, attempt: int, dice: Dice) -> float:
        """A row for the eyes of somebody with so many pixels between them; the more attempts, the farther off."""
        off = (1.2 + self.uneven) * (1 + 0.4 * attempt)
        return self.horizon + eyes * (self.slope + dice(-off, off))


class _Crowd:
    """Finds a place for each person, the nearest first; ``hidden`` is what those who have one already cover."""

    def __init__(self, bank: Bank, size: tuple[int, int], face_width: tuple[float, float], overlap: float) -> None:
        self.bank, self.size, self.face_width, self.overlap = bank, size, face_width, overlap
        self.facing, self.away = ((bank.faces_us == us).nonzero()[:, 0].tolist() for us in (True, False))
        self.hidden, self.met = Image.new("L", size[::-1]), set()

    def arrange(self, faces: tuple[int, int], clutter: float, dice: Dice) -> tuple[_Stage, list[Placed]]:
        wanted = dice.integer(*faces)
        behind = min(int(dice(0, 0.3) * clutter * (wanted + 3)), _MOST_AWAY) if self.away else 0
        widths = self._widths(wanted, behind, dice)
        low = self.face_width[0]
        stage = _Stage.set_up(self.size[0], max((w for w, _ in widths), default=low), low, dice.fork(0))
        placed = []
        for k, (width, faces_us) in enumerate(widths):
            own = dice.fork(k + 1)
            cutout = self._draw(faces_us, width, own)
            spot = None if cutout is None else self._spot(cutout, stage, own)
            if spot is not None:
                placed.append(self._put(cutout, spot, own))
        return stage, placed

    def _widths(self, wanted: int, behind: int, dice: Dice) -> list[tuple[float, bool]]:
        """The widths of the faces, and whether they face us, the nearest first."""
        low, high = self.face_width
        room = (self.size[0] * self.size[1] / max(1, wanted + behind)) ** 0.5
        high = max(min(high, _CROWDED * room), min(high, 1.5 * low))
        return sorted(((dice.log(low, high), k < wanted) for k in range(wanted + behind)), reverse=True)

    def _draw(self, faces_us: bool, width: float, dice: Dice) -> Cutout | None:
        """Somebody who is not in the scene yet, with a face of that width."""
        choice = self.facing if faces_us else self.away
        for _ in range(_TRIES):
            index = choice[dice.integer(0, len(choice) - 1)]
            if not faces_us or int(self.bank.identities[index]) not in self.met - {-1}:
                cutout = self.bank.get(index, 1.2 * width / 3).cropped()
                across = float((cutout.landmarks[1] - cutout.landmarks[0]).norm())
                return cutout.scaled(width / 3 / (across if faces_us else cutout.eyes))
        return None

    def _spot(self, cutout: Cutout, stage: _Stage, dice: Dice) -> tuple[int, int] | None:
        """The left upper corner of a place where the face lies in the photo and is hidden no more than it may be."""
        height, width = self.size
        middle, eyes = cutout.image.width / 2, cutout.eyes  # of somebody seen from behind, whose head is on top
        box = cutout.box.tolist() if cutout.faces_us else [middle - 1.5 * eyes, 0.0, middle + 1.5 * eyes, 3.4 * eyes]
        left, top, right, bottom = box
        line = float(cutout.landmarks[:2, 1].mean()) if cutout.faces_us else (top + bottom) / 2
        for attempt in range(_TRIES):
            x = math.ceil(dice(-left, width - right))
            y = round(stage.eyes(eyes, attempt, dice) - line)
            if x + right > width or y + top < 0 or y + bottom > height:
                continue
            seen = self.hidden.crop((int(x + left), int(y + top), math.ceil(x + right), math.ceil(y + bottom)))
            if np.asarray(seen).mean() <= 255 * self.overlap:
                return x, y
        return None

    def _put(self, cutout: Cutout, spot: tuple[int, int], dice: Dice) -> Placed:
        """Stand somebody there, which hides what is behind."""
        face = None
        if cutout.faces_us:
            landmarks = cutout.landmarks + torch.tensor([float(v) for v in spot])
            seen = torch.tensor([self._is_open(x, y) for x, y in landmarks.tolist()])
            face = DrawnFace(cutout.identity, landmarks, cutout.visibility & seen)
            self.met.add(cutout.identity)
        image = bodies.clothed(cutout, self.size[0] - spot[1], dice)
        self.hidden.paste(255, spot, image.getchannel("A"))
        return Placed(image, *spot, face)

    def _is_open(self, x: float, y: float) -> bool:
        """Whether a point lies in the photo with nobody in front of it."""
        inside = 0 <= x < self.size[1] and 0 <= y < self.size[0]
        return inside and self.hidden.getpixel((int(x), int(y))) < 128


def _place(photo: Image.Image | None, size: tuple[int, int], stage: _Stage, dice: Dice) -> tuple[Image.Image, str]:
    """A drawn place, or a part of a photo, at least half as large as it can be; and its kind."""
    if photo is None:
        return backdrops.backdrop(size, stage.ground, dice)
    height, width = size
    share = dice(0.5, 1.0) * min(photo.width / width, photo.height / height)
    wide, high = share * width, share * height
    left, top = dice(0, photo.width - wide), dice(0, photo.height - high)
    part = photo.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + wide, top + high))
    return (part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if dice.happens(0.5) else part), "photo"


def _furnish(image: Image.Image, kind: str, stage: _Stage, amount: tuple[float, float, float], dice: Dice) -> None:
    """Put things that are no faces into a place.

    Args:
        amount: how many, from 0 to 1, and their smallest and largest width; they are far away, so rather small.
    """
    share, low, high = amount
    names = {"room": things.STANDING + things.HANGING, "photo": things.HANGING, "street": (*things.STANDING, "car")}
    names = names.get(kind, things.STANDING)
    for k in range(round(dice(0, share) * _MOST_THINGS)):
        own = dice.fork(k)
        name, side = names[own.integer(0, len(names) - 1)], own.log(low, min(high, 4 * low))
        if name == "car":
            side = min(_CAR * side, 0.5 * image.width)
        thing = things.thing(name, max(1, round(side)), own)
        if name in things.HANGING:
            _hang(image, thing, stage, own)
            continue
        foot = stage.horizon + (stage.slope + bodies.FEET) * side / (3 * (_CAR if name == "car" else 1))
        foot = min(max(foot, stage.ground), 0.95 * image.height) + 0.5 * own() * thing.height
        left = int(own(-0.3, 1) * image.width)
        _cast_shadow(image, thing, left, int(foot) - thing.height)
        image.paste(thing.convert("RGB"), (left, int(foot) - thing.height), thing.getchannel("A"))


def _hang(image: Image.Image, thing: Image.Image, stage: _Stage, dice: Dice) -> None:
    """On the wall above the ground."""
    row = min(max(stage.ground, 0.3 * image.height), 0.95 * image.height)
    foot = dice(0.5 * thing.height, max(thing.height, row))
    spot = (int(dice(-0.3, 1) * image.width), int(foot) - thing.height)
    image.paste(thing.convert("RGB"), spot, thing.getchannel("A"))


def _hang_up_scrambled(image: Image.Image, bank: Bank, stage: _Stage, amount: float, dice: Dice) -> None:
    """Sometimes, a poster of a face in the wrong order: all that a face has, but no face."""
    if not dice.happens(0.4 * amount):
        return
    facing = bank.faces_us.nonzero()[:, 0]
    cutout = bank.get(int(facing[dice.integer(0, len(facing) - 1)]), math.inf)
    face = cutout.image.convert("RGB").crop(tuple(round(v) for v in cutout.box.tolist()))
    side = round(dice(0.08, 0.16) * image.width)
    _hang(image, things.framed(things.scrambled(face, dice), side, dice), stage, dice)


@functools.cache
def _blot() -> Image.Image:
    spot = Image.new("L", (64, 64))
    ImageDraw.Draw(spot).ellipse([12, 12, 52, 52], 130)
    return spot.filter(ImageFilter.GaussianBlur(6))


def _cast_shadow(image: Image.Image, thing: Image.Image, left: int, top: int) -> None:
    """Darken the ground below what will stand there, where its lower end is in the photo."""
    foot = top + thing.height
    if foot >= image.height:
        return
    wide, high = max(2, round(1.1 * thing.width)), max(2, round(0.28 * thing.width))
    at = (left + (thing.width - wide) // 2, foot - round(0.6 * high))
    image.paste((15, 15, 15), at, _blot().resize((wide, high)))


def _light_of(image: Image.Image) -> list[int]:
    """What the light of a place makes of each level of red, green and blue (a table of 3 x 256) on people in it."""
    mean = np.asarray(image.resize((1, 1), Image.Resampling.BOX), dtype=np.float32)[0, 0]
    gains = (((mean + 25) / 130) ** 0.3).clip(0.72, 1.2)
    return (gains[:, None] * np.arange(256)).round().clip(0, 255).astype(int).ravel().tolist()


def _lit(person: Image.Image, light: Sequence[int]) -> Image.Image:
    return person.convert("RGB").point(light)


def _taken(image: Image.Image, dice: Dice, strength: float = 1.0) -> Tensor:
    """One lens, one exposure and one file for all that is in a photo: what is pasted would give itself away."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return photograph(
        pixels,
        exposure=strength * dice(-0.25, 0.25),
        warmth=strength * dice(-0.4, 0.4),
        blur=max(0.0, strength * dice(-0.4, 0.6)),
        noise=strength * dice(0.002, 0.012),
        quality=dice.integer(round(95 - 30 * strength), 96),
        grain=dice(),
    )
