"""Photos of people put together by :mod:`drawpeople`: crowds for detectors, and studio portraits of one person each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dlsfaces.data import built_in
from dlsfaces.data.built_in import DISTRACTORS_FROM, QUERY_FROM
from dlsfaces.data.images import EXTENSIONS, list_images, open_image, readable
from dlsfaces.data.records import UNKNOWN, Face, FaceSet, Photo, PhotoSet, Source
from drawpeople import Dice, cut_out, draw_portrait, draw_scene
from drawpeople.cutouts import EYES, Cutout, Cutouts
from drawpeople.portraits import cut_portrait
from drawpeople.scenes import Scene

_SCENES_SEED, _STUDIO_SEED = 34, 35
_AWAY = 8  # one image in so many of a bank shows somebody from behind
_FEW = 8  # eyes closer than so many pixels show no face
_SIDE_OF_EYES = 8  # a studio photo's side in eye distances of a cutout
#: The first person's number in each split that has people of its own.
FIRST_PERSON = dict(train=0, validation=3_000_000, test=4_000_000, query=QUERY_FROM, distractors=DISTRACTORS_FROM)


@dataclass(frozen=True)
class SceneSettings:
    """What is in the photos of :func:`scenes`. The more faces one holds, the smaller its largest ones are."""

    faces_per_photo: tuple[int, int] = (0, 30)  # fewest and most, drawn evenly; (0, 0): photos without people
    face_width: tuple[float, float | None] = (16, None)  # of a box in pixels, log-uniform; None: a third of the height
    overlap: float = 0.3  # the largest share of a face's box that nearer people may cover, from 0 to 1
    clutter: float = 0.5  # things that are no faces, and people seen from behind: 0 none, 1 many
    people: int = 100  # built-in ones, as is the next
    images_per_person: int = 4
    known: bool = False  # validation and test show train's people, in other images, to learn also who it is


def scenes(
    split: str = "train",
    count: int = 1000,
    size: tuple[int, int] = (480, 640),
    settings: SceneSettings | None = None,
    *,
    faces: FaceSet | None = None,
    backgrounds: str | Path | None = None,
    seed: int = 0,
) -> PhotoSet:
    """Photos with any number of people in them, each face with its box, landmarks, visibility and identity.

    A longer set begins with the shorter one's scenes. A scene without room for as many people as it drew holds fewer;
    landmarks behind somebody or something are not visible. Each split shows other built-in people.

    Args:
        faces: real portraits with landmarks instead of built-in people, in the loose framing, such as
            ``data.load("celeba500", "test", framing="loose")``, whichever split they are of.
        backgrounds: a folder of photos without people; drawn places where None.
    """
    chosen = settings or SceneSettings()
    low, high = _face_width(split, count, size, chosen)
    if faces is not None and (chosen.people, chosen.images_per_person, chosen.known) != (100, 4, False):
        raise ValueError(f"{chosen}: people, images_per_person and known are of built-in people, but faces are given")
    bank = _built_in(split, chosen, seed) if faces is None else _portraits(faces)
    photos = None if backgrounds is None else photos_in(backgrounds, "backgrounds")
    fewest, most = chosen.faces_per_photo
    crowd = {"faces": (fewest, most), "face_width": (low, high), "overlap": chosen.overlap, "clutter": chosen.clutter}
    made = _Scenes((size[0], size[1]), crowd, bank, photos, seed, split)
    about = f"{fewest} to {most} people, faces of {low:g} to {high:g} pixels, {size[0]}x{size[1]}"
    return PhotoSet("scenes", split, made, range(count), about)


def studio(
    split: str = "train", side: int = 320, *, people: int = 280, images_per_person: int = 7, seed: int = 0
) -> PhotoSet:
    """Square photos of one built-in person each, in plain light before a plain wall.

    Such are FEI (Thomaz and Giraldi 2010), Caltech Faces 1999 and the Georgia Tech face database. Splits are those of
    ``data.load("synthetic")``. The first use renders the people, some minutes for 280; ``side`` is in pixels.
    """
    if side < 64:
        raise ValueError(f"side={side} pixels is too small for a face to be seen; take at least 64")
    person, number = built_in.members(split, people, images_per_person)
    bank = _cached(person, number, torch.zeros_like(person, dtype=torch.bool), "studio", seed, side // _SIDE_OF_EYES)
    made = _Studio(side, bank, number, seed, split)
    return PhotoSet("studio", split, made, range(len(person)), f"{person.unique().numel()} people, {side}x{side}")


def _face_width(split: str, count: int, size: tuple[int, int], chosen: SceneSettings) -> tuple[float, float]:
    """The smallest and largest width of a face; ``ValueError`` where an argument is wrong."""
    (fewest, most), (low, high) = chosen.faces_per_photo, chosen.face_width
    high = size[0] / 3 if high is None else high
    people, images = chosen.people, chosen.images_per_person
    widths = f"face_width={chosen.face_width}"
    for right, message in (
        (split in FIRST_PERSON, f"split={split!r} is none of {', '.join(FIRST_PERSON)}"),
        (count >= 0, f"count={count} is a number of photos, 0 or more"),
        (min(size) >= 32, f"size={size} is (height, width) in pixels, at least 32 each"),
        (0 <= fewest <= most, f"faces_per_photo={(fewest, most)} is the fewest and the most, at least 0"),
        (4 <= low <= high, f"{widths}: smallest and largest, at least 4 pixels, here up to {high:g}"),
        (1.2 * high <= min(size), f"{widths}: a photo of {size[0]}x{size[1]} has no room for such a face"),
        (0 <= chosen.overlap <= 1, f"overlap={chosen.overlap} is a share, from 0 to 1"),
        (0 <= chosen.clutter <= 1, f"clutter={chosen.clutter} is a share, from 0 to 1"),
        (min(people, images) >= 1, f"people={people}, images_per_person={images}: at least 1 each"),
    ):
        if not right:
            raise ValueError(message)
    return float(low), float(high)


def _built_in(split: str, chosen: SceneSettings, seed: int) -> Cutouts:
    """People of a split, ``images_per_person`` each, and every eighth image more of somebody from behind."""
    if chosen.faces_per_photo[1] == 0:  # then nobody is seen from behind either
        files, nobody = torch.zeros(0, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64)
        ends, seen = nobody.view(0, 2), nobody.view(0, 5).bool()
        return Cutouts(files, ends, torch.zeros(0, 5, 2), seen, nobody, nobody.bool(), float(EYES))
    known = chosen.known and split in ("validation", "test")
    people, images = chosen.people, chosen.images_per_person
    first, start = (0 if known else FIRST_PERSON[split]), (1000 * (1 + (split == "test")) if known else 0)
    person = (first + torch.arange(people)).repeat_interleave(images)
    number = (start + torch.arange(images)).repeat(people)
    extra = torch.arange(max(1, len(person) // _AWAY))
    away = torch.cat((torch.zeros_like(person), torch.ones_like(extra))).bool()
    person = torch.cat((person, first + extra % people))
    number = torch.cat((number, start + images + extra // people))
    return _cached(person, number, away, "crowd", seed, EYES)


def _cached(person: Tensor, number: Tensor, away: Tensor, style: str, seed: int, eyes: int) -> Cutouts:
    """The cutouts, rendered once and kept in the cache folder."""
    look = {"style": style, "seed": seed, "eyes": eyes}

    def make() -> dict[str, Tensor]:
        made = cut_out(person, number, away=away, **look)
        return {name: getattr(made, name) for name in ("files", "ends", "landmarks", "visibility")}

    found = built_in.cached({**look, "members": torch.stack((person, number, away.long())).tolist()}, make)
    return Cutouts(**found, identities=torch.where(away, UNKNOWN, person), faces_us=~away, eyes=float(eyes))


@dataclass(frozen=True, eq=False)
class _Portraits:
    """Real people to paste, cut out when asked for, always in the portrait's own size."""

    set: FaceSet
    usable: list[int]  # the portraits that show two eyes
    identities: Tensor
    faces_us: Tensor

    def get(self, index: int, eyes: float = math.inf) -> Cutout:
        i = self.usable[index]
        return cut_portrait(self.set.read([i], None)[0], self.set.landmarks[i], int(self.set.identities[i]), i)


def _portraits(faces: FaceSet) -> _Portraits:
    """Those portraits of a set whose eyes are known, and far enough from each other."""
    usable = []
    if faces.landmarks is not None:
        across = faces.landmarks[:, 1] - faces.landmarks[:, 0]
        known = ~faces.landmarks.isnan().flatten(1).any(1)
        usable = (known & (across.norm(dim=1) >= _FEW) & (across[:, 0] > 0)).nonzero()[:, 0].tolist()
    if not usable:
        raise ValueError(f"{faces!r} has no landmarks to cut out faces by; take a set that has them, such as celeba500")
    if faces.framing != "loose":
        raise ValueError(f"{faces!r} is cut too closely to hold a whole head; load it with framing='loose'")
    return _Portraits(faces, usable, faces.identities[usable], torch.ones(len(usable), dtype=torch.bool))


@dataclass(frozen=True, eq=False)
class _Scenes:
    """Makes scene ``i``."""

    size: tuple[int, int]
    crowd: Mapping[str, object]  # options of draw_scene
    bank: Cutouts | _Portraits
    backgrounds: Sequence[Path] | None
    seed: int
    split: str

    def draw(self, index: int) -> Scene:
        """The scene with all that is known of it."""
        dice, place = Dice(_SCENES_SEED, self.seed, list(FIRST_PERSON).index(self.split), index), None
        if self.backgrounds is not None:
            place = open_image(self.backgrounds[dice.integer(0, len(self.backgrounds) - 1)])
        return draw_scene(self.bank, self.size, dice, place=place, **self.crowd)

    def __call__(self, index: int) -> Photo:
        return _photo(self.draw(index), Source(f"scene{index:06d}", "scenes", self.split))


@dataclass(frozen=True, eq=False)
class _Studio:
    """Makes the photo of the bank's cutout ``i``."""

    side: int
    bank: Cutouts
    numbers: Tensor
    seed: int
    split: str

    def __call__(self, index: int) -> Photo:
        person, number = int(self.bank.identities[index]), int(self.numbers[index])
        scene = draw_portrait(self.bank.get(index), self.side, Dice(_STUDIO_SEED, self.seed, person, number))
        identity = UNKNOWN if self.split == "distractors" else person % QUERY_FROM
        return _photo(scene, Source(f"person{person:07d}_{number:03d}", "studio", self.split), identity)


def _photo(scene: Scene, source: Source, identity: int | None = None) -> Photo:
    who = [face.identity if identity is None else identity for face in scene.faces]
    faces = [Face(i, face.box, face.landmarks, face.visibility) for i, face in zip(who, scene.faces)]
    return Photo(scene.image, source, tuple(faces))


def photos_in(folder: str | Path, option: str) -> list[Path]:
    """The photos of a folder that can be read; errors name the option that it was given by."""
    folder = Path(folder).expanduser()
    said = f"{option}={str(folder)!r}"
    if not folder.is_dir():
        raise FileNotFoundError(f"{said} is no folder; give one of photos without people, or None")
    found = list_images(folder)
    if not found:
        raise ValueError(f"{said} holds no photos ({', '.join(EXTENSIONS)}); give another folder, or None")
    return list(readable(found, folder, f"{option} in {folder.name}"))
