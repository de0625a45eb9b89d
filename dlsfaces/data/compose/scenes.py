"""Photos with many people, made when asked for: what detectors are trained and tested on.

People stand on one ground, so that the nearer is larger, lower in the photo and in front. Where each may stand is found
from the nearest to the farthest: what is nearer is then already known, and how much of a face it hides can be measured.
They are painted the other way round.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dlsfaces.data import folders
from dlsfaces.data.compose import bodies, cutouts, portraits, scenery
from dlsfaces.data.compose.cutouts import Cutout, Cutouts
from dlsfaces.data.compose.photosets import PhotoSet
from dlsfaces.data.compose.portraits import Portraits
from dlsfaces.data.compose.snapshot import snapshot
from dlsfaces.data.records import Face, FaceSet, Photo, Source
from dlsfaces.rng import Dice

_SCENES_SEED = 34
_TRIES = 16  # places that are tried for a person
_CROWDED = 0.95  # the largest face, as a share of the side of the square that each person has of the photo
_AWAY = 8  # one picture in so many of a bank shows somebody from behind
SPLITS = tuple(cutouts.FIRST_PERSON)


def scenes(
    split: str = "train",
    count: int = 1000,
    size: tuple[int, int] = (480, 640),
    *,
    people: tuple[int, int] = (0, 30),
    sizes: tuple[float, float | None] = (16, None),
    overlap: float = 0.3,
    faces: str | Path | FaceSet = "synthetic",
    backgrounds: str | Path | None = None,
    clutter: float = 0.5,
    seed: int = 0,
    persons: int = 100,
    pictures: int = 4,
    known: bool = False,
) -> PhotoSet:
    """Photos with any number of people in them, each face with its box, landmarks, visibility and identity.

    Scene ``i`` depends on the arguments and ``i`` alone; a longer set begins with the shorter one's scenes. A scene
    that has no room for as many people as it drew holds fewer. Faces lie wholly within the photo. Landmarks that
    somebody nearer, or a thing on the face, hides are not visible.

    Each split shows other people of the generator (their numbers begin at ``cutouts.FIRST_PERSON[split]``) in other
    scenes. With ``known=True``, validation and test show train's people in other pictures of them, for networks that
    also say who it is. The first use renders the people, which are then kept in the cache folder.

    Args:
        split: ``"train"``, ``"validation"``, ``"test"``, ``"query"`` or ``"distractors"``.
        count: how many photos.
        size: ``(height, width)`` pixels.
        people: fewest and most faces in a photo, drawn evenly; ``(0, 0)``: photos without any.
        sizes: smallest and largest width of a face's box in pixels, drawn log-uniformly; at most a third of the photo's
            height where None. The more people a photo holds, the smaller its largest ones are.
        overlap: the largest share of a face's box that nearer people may cover, from 0 to 1.
        faces: ``"synthetic"``; portraits with landmarks in the loose framing, such as
            ``data.load("celeba500", "test", framing="loose")``, whichever split they are of; or a folder of them, see
            :func:`dlsfaces.data.compose.portraits.from_folder`.
        backgrounds: a folder of photos without people; drawn places where None.
        clutter: how many things there are that are no faces, and people seen from behind; 0 none, 1 many.
        seed: another seed, other scenes.
        persons, pictures: how many invented people there are, and how many pictures of each.
        known: train's people in validation and test, too.
    Raises:
        ValueError: an argument out of its range, or not of use here; a folder without photos.
        FileNotFoundError: no such folder.
    """
    _check(split, count, size, people, sizes, overlap, clutter)
    lowest, highest = float(sizes[0]), float(size[0] / 3 if sizes[1] is None else sizes[1])
    if highest < lowest:
        raise ValueError(f"sizes={sizes}: a photo {size[0]} pixels high holds faces of at most {highest:.0f}; see size")
    made = _Scenes(
        (size[0], size[1]),
        (people[0], people[1]),
        (lowest, highest),
        overlap,
        _bank(split, faces, persons, pictures, seed, known),
        scenery.Scenery(None if backgrounds is None else scenery.photos_of(Path(backgrounds)), clutter),
        (_SCENES_SEED, seed, SPLITS.index(split)),
        split,
    )
    about = f"{people[0]} to {people[1]} people, faces of {lowest:g} to {highest:g} pixels, {size[0]}x{size[1]}"
    return PhotoSet("scenes", split, made, range(count), about)


def _check(
    split: str,
    count: int,
    size: tuple[int, int],
    people: tuple[int, int],
    sizes: tuple[float, float | None],
    overlap: float,
    clutter: float,
) -> None:
    if split not in SPLITS:
        raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
    if count < 0:
        raise ValueError(f"count={count} is a number of photos, 0 or more")
    if len(size) != 2 or min(size) < 32:
        raise ValueError(f"size={size} is (height, width) in pixels, at least 32 each")
    if len(people) != 2 or not 0 <= people[0] <= people[1]:
        raise ValueError(f"people={people} is the fewest and the most faces in a photo, 0 <= fewest <= most")
    smallest, largest = sizes
    if smallest < 4 or (largest is not None and largest < smallest):
        raise ValueError(f"sizes={sizes} is the smallest and the largest face in pixels, 4 <= smallest <= largest")
    if largest is not None and largest > 0.8 * min(size):
        raise ValueError(f"sizes={sizes}: a photo of {size} has no room for faces of {largest}; take 0.8 of its side")
    if not 0 <= overlap <= 1:
        raise ValueError(f"overlap={overlap} is a share of a face's box, from 0 to 1")
    if not 0 <= clutter <= 1:
        raise ValueError(f"clutter={clutter} is from 0, nothing, to 1, many things")


def _bank(
    split: str, faces: str | Path | FaceSet, persons: int, pictures: int, seed: int, known: bool
) -> Cutouts | Portraits:
    if isinstance(faces, FaceSet):
        return Portraits(faces)
    if str(faces) != "synthetic":
        return Portraits(portraits.from_folder(Path(faces)))
    if persons < 1 or pictures < 1:
        raise ValueError(f"persons={persons}, pictures={pictures}: at least one of each is needed")
    shares = known and split in ("train", "validation", "test")
    first, start = (0, SPLITS.index(split) * pictures) if shares else (cutouts.FIRST_PERSON[split], 0)
    person = (first + torch.arange(persons)).repeat_interleave(pictures)
    number = (start + torch.arange(pictures)).repeat(persons)
    extra = max(1, len(person) // _AWAY)
    away = torch.cat((torch.zeros(len(person)), torch.ones(extra))).bool()
    person = torch.cat((person, first + torch.arange(extra) % persons))
    number = torch.cat((number, start + pictures + torch.arange(extra) // persons))
    return cutouts.rendered(person, number, away, seed=seed, cache=folders.cache_folder())


@dataclass(frozen=True, eq=False)
class Placed:
    """Somebody in a scene: their picture, Pillow's RGBA, where its left upper corner lies, and their face, if seen."""

    image: Image.Image
    left: int
    top: int
    face: Face | None


@dataclass(frozen=True, eq=False)
class _Scenes:
    """Makes scene ``i``; a class and not a closure, so that worker processes can be sent one."""

    size: tuple[int, int]
    people: tuple[int, int]
    sizes: tuple[float, float]
    overlap: float
    bank: Cutouts | Portraits
    scenery: scenery.Scenery
    key: tuple[int, ...]
    split: str

    def __call__(self, index: int) -> Photo:
        stage, placed = self.arrange(index)
        dice = Dice(*self.key, index, 1)
        image = self.scenery.backdrop(self.size, stage.ground, dice.fork(0))
        self.scenery.furnish(image, self.sizes, stage.ground, dice.fork(1), self._somebody(dice.fork(2)))
        light = scenery.light_of(image)
        for one in reversed(placed):
            scenery.cast_shadow(image, one.image, one.left, one.top)
            image.paste(scenery.lit(one.image, light), (one.left, one.top), one.image)
        faces = tuple(one.face for one in placed if one.face is not None)
        return Photo(snapshot(image, dice.fork(3)), Source(f"scene{index:06d}", "scenes", self.split), faces)

    def arrange(self, index: int) -> tuple[_Stage, list[Placed]]:
        """Who stands where in a scene, the nearest first."""
        dice = Dice(*self.key, index, 0)
        wanted = dice.integer(*self.people)
        behind = min(int(dice(0, 0.3) * self.scenery.clutter * (wanted + 3)), 8) if self._away else 0
        widths = self._widths(wanted, behind, dice)
        stage = _Stage(self.size, max((w for w, _ in widths), default=self.sizes[0]), self.sizes[0], dice.fork(0))
        hidden = Image.new("L", self.size[::-1])
        placed, met = [], set()
        for k, (width, faces_us) in enumerate(widths):
            own = dice.fork(k + 1)
            cutout = self._draw(faces_us, width, met, own)
            spot = None if cutout is None else self._spot(cutout, stage, hidden, own)
            if spot is not None:
                placed.append(self._put(cutout, spot, hidden, own))
                met.add(cutout.identity)
        return stage, placed

    @functools.cached_property
    def _facing(self) -> list[int]:
        return self.bank.faces_us.nonzero()[:, 0].tolist()

    @functools.cached_property
    def _away(self) -> list[int]:
        return (~self.bank.faces_us).nonzero()[:, 0].tolist()

    def _widths(self, wanted: int, behind: int, dice: Dice) -> list[tuple[float, bool]]:
        """The widths of the faces, and whether they face us, the nearest first."""
        low, high = self.sizes
        room = (self.size[0] * self.size[1] / max(1, wanted + behind)) ** 0.5
        high = max(min(high, _CROWDED * room), min(high, 1.5 * low))
        drawn = [(dice.log(low, high), k < wanted) for k in range(wanted + behind)]
        return sorted(drawn, reverse=True)

    def _draw(self, faces_us: bool, width: float, met: set[int], dice: Dice) -> Cutout | None:
        """Somebody who is not in the scene yet, with a face of that width."""
        choice = self._facing if faces_us else self._away
        for _ in range(_TRIES):
            index = choice[dice.integer(0, len(choice) - 1)]
            if not faces_us or int(self.bank.identities[index]) not in met - {-1}:
                cutout = self.bank.get(index, 1.2 * width / 3).cropped()
                across = cutout.landmarks[1] - cutout.landmarks[0]
                return cutout.scaled(width / 3 / (float(across.norm()) if faces_us else cutout.eyes))
        return None

    def _spot(self, cutout: Cutout, stage: _Stage, hidden: Image.Image, dice: Dice) -> tuple[int, int] | None:
        """The left upper corner of a place where the face lies in the photo and is hidden no more than it may be."""
        left, top, right, bottom = cutout.box.tolist() if cutout.faces_us else _where_a_face_would_be(cutout)
        height, width = self.size
        line = float(cutout.landmarks[:2, 1].mean()) if cutout.faces_us else (top + bottom) / 2
        for attempt in range(_TRIES):
            x = int(np.ceil(dice(-left, width - right)))
            y = round(stage.eyes(cutout.eyes, attempt, dice) - line)
            if x + right > width or y + top < 0 or y + bottom > height:
                continue
            box = (int(x + left), int(y + top), int(np.ceil(x + right)), int(np.ceil(y + bottom)))
            if np.asarray(hidden.crop(box)).mean() <= 255 * self.overlap:
                return x, y
        return None

    def _put(self, cutout: Cutout, spot: tuple[int, int], hidden: Image.Image, dice: Dice) -> Placed:
        """Stand somebody there, which hides what is behind."""
        left, top = spot
        face = self._face(cutout, spot, hidden) if cutout.faces_us else None
        image = bodies.clothed(cutout, self.size[0] - top, dice)
        hidden.paste(255, (left, top), image.getchannel("A"))
        return Placed(image, left, top, face)

    def _face(self, cutout: Cutout, spot: tuple[int, int], hidden: Image.Image) -> Face:
        landmarks = cutout.landmarks + torch.tensor([float(v) for v in spot])
        seen = [self._is_open(x, y, hidden) for x, y in landmarks.tolist()]
        moved = replace(cutout, landmarks=landmarks)
        return Face(cutout.identity, moved.box, landmarks, cutout.visibility & torch.tensor(seen))

    def _is_open(self, x: float, y: float, hidden: Image.Image) -> bool:
        """Whether a point lies in the photo with nobody in front of it."""
        inside = 0 <= x < self.size[1] and 0 <= y < self.size[0]
        return inside and hidden.getpixel((int(x), int(y))) < 128

    def _somebody(self, dice: Dice) -> Image.Image | None:
        """The face of one of the bank, closely cut, to be scrambled."""
        facing = self._facing
        cutout = self.bank.get(facing[dice.integer(0, len(facing) - 1)])
        box = tuple(round(v) for v in cutout.box.tolist())
        return cutout.image.convert("RGB").crop(box)


def _where_a_face_would_be(cutout: Cutout) -> list[float]:
    """The box of a head from behind, at the top of its cutout."""
    middle, eyes = cutout.image.width / 2, cutout.eyes
    return [middle - 1.5 * eyes, 0.0, middle + 1.5 * eyes, 3.4 * eyes]


class _Stage:
    """The ground that people stand on, and how it is seen: how high in the photo the eyes of people at a distance are.

    Somebody twice as near is twice as large, and their eyes twice as far below the horizon, which the camera looks at
    from a little higher than people do.
    """

    def __init__(self, size: tuple[int, int], widest: float, narrowest: float, dice: Dice) -> None:
        height = size[0]
        self.horizon = dice(0.08, 0.35) * height
        lowest = dice(0.25, 0.62) * height  # the eyes of the largest
        self.slope = max(0.0, lowest - self.horizon) / (widest / 3)  # pixels down an eye distance
        self.uneven = dice(0.0, 2.5) ** 2  # steps, seats, children: how far off that eyes are, in eye distances
        self.ground = (
            self.horizon + (self.slope + bodies.FEET) * narrowest / 3
        )  #: row where the farthest one's feet are

    def eyes(self, eyes: float, attempt: int, dice: Dice) -> float:
        """A row for the eyes of somebody with so many pixels between them; the more attempts, the farther off."""
        off = (1.2 + self.uneven) * (1 + 0.4 * attempt)
        return self.horizon + eyes * (self.slope + dice(-off, off))
