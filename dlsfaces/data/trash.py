"""Sets with known defects: a share of the photos becomes trash, and the set says which and why."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from dlsfaces import geometry
from dlsfaces.data.images import composed, open_image
from dlsfaces.data.records import UNKNOWN, FaceSet, Photo, Reader
from dlsfaces.data.scenes import photos_in
from drawpeople import COPIES, DEFECTS, Defect, Dice, draw_nobody, rng

TRASH = (*DEFECTS, "not_a_face", "wrong_identity", "duplicate")  #: the kinds of trash
SHARE = (0.5, 1.0)  #: of a crop that shows nobody: its side, of the largest that fits into the photo
_RANK, _SOURCE, _PERSON = 71, 72, 73  # what a key is for
_FINE = 300  # pixels of width with which a place without people is drawn at least
Given = Sequence[Path] | Sequence[Photo] | Sequence[Tensor]


def plant_trash(
    faces: FaceSet,
    rate: float = 0.2,
    mix: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    not_faces: str | Path | Sequence[Photo] | Sequence[Tensor] | None = None,
    strangers: FaceSet | None = None,
) -> FaceSet:
    """A set in which a share of the photos is trash, one defect each, and ``defects`` names it.

    The given set stays as it is; photos are spoilt when they are read, alike at any size and in any order. What happens
    to a photo depends on the seed, its file's name, and the names in the set. Labels stay what they were. The kinds
    (``data.TRASH``):

    - ``"blurred"``: out of focus or shaken;
    - ``"dark"``: underexposed by 3.5 to 5 stops, and noisy;
    - ``"occluded"``: a hand, paper, cloth, leaves or a thing before 40 to 70 % of the face box;
    - ``"cropped"``: a third to a half of the face is in the image, or only a cheek;
    - ``"not_a_face"``: nobody; landmarks unknown;
    - ``"wrong_identity"``: somebody else. Without ``strangers``, such photos change places;
    - ``"duplicate"``: another, clean image of the same person once more: its very copy, or saved as JPEG, trimmed, or
      brightened.

    Landmarks are those of the image shown, also where they lie outside it, and ``visibility`` says which are seen.
    ``origins``, and a photo's ``source.origin``, name the file whose image a duplicate or a wrong identity shows.

    Args:
        rate: the share of all photos, in [0, 1); exact to rounding.
        mix: kind to weight; kinds not named are left out. All kinds equally where None. Exact to rounding.
        not_faces: what to show where there is no face: a folder of photos, or photos or images (uint8 ``(3, H, W)``)
            in a sequence such as a set; random crops of them are shown. Drawn places where None.
        strangers: other people, of the same framing, such as the distractors, to show as ``"wrong_identity"``.
    Raises:
        FileNotFoundError: ``not_faces`` is no folder.
        ValueError: a rate, a mix, or a set for which this cannot be done; the message says what can.
    """
    if strangers is not None and strangers.framing != faces.framing:
        raise ValueError(
            f"strangers have the framing {strangers.framing!r}, the faces {faces.framing!r}; load both in one framing"
        )
    chosen = _choose(faces, _count(len(faces), rate, mix), seed, strangers)
    given = _given(not_faces) if any(kind == "not_a_face" for kind, _ in chosen.values()) else None
    changes = {i: _change(faces, i, c, seed, given, strangers) for i, c in chosen.items()}
    origins = {
        i: (strangers if change.others else faces).files[change.shows]
        for i, change in changes.items()
        if change.shows is not None and (change.others or change.shows != i)
    }
    return replace(
        faces,
        read=_Planted(faces.read, changes),
        defects=[chosen[i][:1] if i in chosen else () for i in range(len(faces))],
        origins=[origins.get(i, "") for i in range(len(faces))],
        **_truth(faces, changes, strangers),
    )


#: What becomes of a photo, and the number of the photo whose image it shows, where that is another.
Choice = tuple[str, int | None]


def _count(photos: int, rate: float, mix: Mapping[str, float] | None) -> dict[str, int]:
    """How many photos become trash of each kind: shares rounded so that the sum is right (largest remainders)."""
    if not (isinstance(rate, (int, float)) and 0 <= rate < 1):
        raise ValueError(f"rate={rate!r}: the share of photos to spoil is at least 0 and below 1")
    weights = dict.fromkeys(TRASH, 1.0) if mix is None else dict(mix)
    if unknown := [kind for kind in weights if kind not in TRASH]:
        raise ValueError(f"mix names {unknown[0]!r}, which is no kind of trash; there are {', '.join(TRASH)}")
    for kind, weight in weights.items():
        if not (isinstance(weight, (int, float)) and math.isfinite(weight) and weight >= 0):
            raise ValueError(f"mix[{kind!r}]={weight!r}: a weight is a number from 0 up")
    total, whole, asked = round(rate * photos), sum(weights.values()), sum(w > 0 for w in weights.values())
    if not whole:
        raise ValueError(f"mix={weights} leaves no kind; give at least one a weight above 0")
    if 0 < rate and total < asked:
        raise ValueError(
            f"rate={rate} of {photos} photos is {total}, too few for {asked} kinds of trash; raise the rate to "
            f"{asked / max(photos, asked + 1):.2f} or more, name fewer kinds in mix, or take a larger set"
        )
    shares = {kind: total * weights.get(kind, 0) / whole for kind in TRASH}
    counts = {kind: int(share) for kind, share in shares.items()}
    by_rest = sorted(shares, key=lambda kind: counts[kind] - shares[kind])
    for kind in by_rest[: total - sum(counts.values())]:
        counts[kind] += 1
    return counts


def _choose(faces: FaceSet, counts: dict[str, int], seed: int, strangers: FaceSet | None) -> dict[int, Choice]:
    """The photos to spoil, by number."""
    if any(faces.defects):
        raise ValueError(f"{faces!r} holds trash already; plant it in the clean set, all kinds at once")
    ids = faces.identities.tolist()
    named = sum(counts[kind] for kind in ("wrong_identity", "duplicate"))
    if named and set(ids) <= {UNKNOWN}:
        raise ValueError(
            f"{faces!r} has no identities, so no 'wrong_identity' and no 'duplicate'; leave both out of mix"
        )
    asked = {kind: number for kind, number in counts.items() if number}
    too_few = ValueError(
        f"{faces!r} is too small for {asked}: a duplicate needs another photo of its person that stays clean, a wrong "
        "identity photos of others; lower the rate, give those kinds less weight in mix, or give strangers=..."
    )
    order = _ranked(faces.files, seed, _RANK)
    last = {ids[i]: i for i in order}  # of each person one photo stays clean if any of theirs becomes a copy
    copies = [i for i in order if ids[i] != UNKNOWN and i != last[ids[i]]][: counts["duplicate"]]
    taken = set(copies) | {last[ids[i]] for i in copies}
    wrong = [i for i in order if ids[i] != UNKNOWN and i not in taken][: counts["wrong_identity"]]
    taken.update(wrong)
    free = [i for i in order if i not in taken]
    others = [kind for kind in TRASH[:5] for _ in range(counts[kind])]
    if len(copies) < counts["duplicate"] or len(wrong) < counts["wrong_identity"] or len(free) < len(others):
        raise too_few
    chosen = {i: (kind, None) for i, kind in zip(free, others)}
    dirty = {*chosen, *copies, *wrong}
    clean = [i for i in _ranked(faces.files, seed, _SOURCE) if i not in dirty]
    shown_by = {person: itertools.cycle(photos) for person, photos in _by_person(clean, ids).items()}
    chosen |= {i: ("duplicate", next(shown_by[ids[i]])) for i in copies}
    if strangers is None:
        shown = _changed_places(wrong, clean, ids, seed)
    else:
        flawed = strangers.defects or [()] * len(strangers)
        shown = [i for i in _ranked(strangers.files, seed, _SOURCE) if not flawed[i]]
    if len(shown) < len(wrong):
        raise too_few
    return chosen | {i: ("wrong_identity", j) for i, j in zip(wrong, shown)}


def _ranked(files: Sequence[str], seed: int, purpose: int) -> list[int]:
    """Numbers of files in an order that is random, but the same for the same names."""
    names = torch.tensor([_number_of(file) for file in files], dtype=torch.int64)
    return rng.key(purpose, seed, names).argsort(stable=True).tolist()


def _number_of(name: str) -> int:
    """A number that belongs to a file's name, however a system stores its accents."""
    return int.from_bytes(hashlib.sha256(composed(name).encode("utf-8", "surrogateescape")).digest()[:7], "big")


def _by_person(photos: Iterable[int], ids: Sequence[int]) -> dict[int, list[int]]:
    people = defaultdict(list)
    for i in photos:
        people[ids[i]].append(i)
    return people


def _changed_places(wrong: Sequence[int], clean: Sequence[int], ids: Sequence[int], seed: int) -> list[int]:
    """Another one of these photos for each of them, of somebody else; none at all where that cannot be had.

    Ordered by person and moved on by the size of the largest group, nobody comes to their own place, unless that group
    is more than half of all; then a clean photo of somebody else is shown.
    """
    people, spare = _by_person(wrong, ids), list(clean)
    among = sorted(people, key=lambda person: int(rng.key(_PERSON, seed, person)))
    line = [i for person in among for i in people[person]]
    step = max(map(len, people.values()), default=0)
    shown = {}
    for k, i in enumerate(line):
        shown[i] = line[(k + step) % len(line)]
        if ids[shown[i]] == ids[i]:
            other = next((j for j in spare if ids[j] not in (ids[i], UNKNOWN)), None)
            if other is None:
                return []
            spare.remove(other)
            shown[i] = other
    return [shown[i] for i in wrong]


@dataclass(frozen=True, eq=False)
class _Change:
    """What is done to a photo when it is read.

    Attributes:
        shows: the number of the photo whose image is shown; None where nobody is.
        defect: what is done to that image.
        others: reads it, where it is of another set.
        nobody: shows a place instead.
    """

    size: tuple[int, int]
    shows: int | None = None
    defect: Defect | None = None
    others: Reader | None = None
    nobody: _Nobody | None = None

    def __call__(self, read: Reader, size: tuple[int, int] | None) -> Tensor:
        size = size or self.size
        if self.nobody is not None:
            return self.nobody(size)
        if self.defect is None:
            return (self.others or read)([self.shows], size)[0]
        return _scaled(self.defect(read([self.shows], self.size)[0]), size)


def _change(
    faces: FaceSet, i: int, choice: Choice, seed: int, given: Given | None, strangers: FaceSet | None
) -> _Change:
    key, size, (kind, shows) = (_number_of(faces.files[i]), seed), faces.crop_size, choice
    if kind == "not_a_face":
        return _Change(size, nobody=_Nobody(key, size, given))
    if kind == "wrong_identity":
        return _Change(size, shows, others=None if strangers is None else strangers.read)
    if kind == "duplicate":
        kind = COPIES[Dice(*key, 1).integer(0, len(COPIES) - 1)]
    shows = i if shows is None else shows
    return _Change(size, shows, None if kind == "exact" else Defect(kind, _landmarks(faces, shows), size, key))


def _landmarks(faces: FaceSet, i: int) -> Tensor:
    """Where the landmarks are ``(5, 2)``, or on an average face of this framing would be."""
    if faces.landmarks is not None and faces.landmarks[i].isfinite().all():
        return geometry.five_of(faces.landmarks[i])
    framing, (height, width) = geometry.FRAMINGS.get(faces.framing, geometry.TIGHT), faces.crop_size
    return framing.template * torch.tensor([width / framing.width, height / framing.height])


@dataclass(frozen=True, eq=False)
class _Nobody:
    """A place without people: a random crop of a given photo, or a drawn one."""

    key: tuple[int, int]
    native: tuple[int, int]
    given: Given | None

    def __call__(self, size: tuple[int, int]) -> Tensor:
        dice, (height, width) = Dice(*self.key), self.native
        if self.given is None:
            finer = -(-_FINE // width)
            return _scaled(draw_nobody((finer * height, finer * width), dice), size)
        image = _image(self.given[dice.integer(0, len(self.given) - 1)])
        share = dice(*SHARE) * min(image.width / width, image.height / height)
        x, y = dice(0, image.width - share * width), dice(0, image.height - share * height)
        box = (x, y, x + share * width, y + share * height)
        crop = image.resize(size[::-1], Image.Resampling.BILINEAR, box=box)
        return torch.from_numpy(np.array(crop)).permute(2, 0, 1).contiguous()


def _given(not_faces: str | Path | Sequence[Photo] | Sequence[Tensor] | None) -> Given | None:
    if not_faces is None:
        return None
    if isinstance(not_faces, (str, Path)):
        return photos_in(not_faces, "not_faces")
    if not isinstance(not_faces, Sequence) or len(not_faces) == 0:
        raise ValueError("not_faces is a folder or a sequence of photos or images, with at least one in it")
    _image(not_faces[0])
    return not_faces


def _image(photo: Path | Photo | Tensor) -> Image.Image:
    if isinstance(photo, Path):
        return open_image(photo)
    image = photo.image if isinstance(photo, Photo) else photo
    if not isinstance(image, Tensor) or image.dtype != torch.uint8 or image.dim() != 3 or len(image) != 3:
        raise ValueError(f"not_faces holds {type(photo).__name__}; it takes Photos or images, uint8 (3, H, W)")
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def _scaled(image: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(image.shape[1:]) == tuple(size):
        return image
    scaled = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True, align_corners=False)[0]
    return scaled.round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, eq=False)
class _Planted:
    """A :data:`~dlsfaces.data.records.Reader` over another one's photos, some of them changed."""

    read: Reader
    changes: Mapping[int, _Change]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        clean = [i for i in indices if i not in self.changes]
        if len(clean) == len(indices):
            return self.read(indices, size)
        images = iter(self.read(clean, size) if clean else ())
        return torch.stack([self.changes[i](self.read, size) if i in self.changes else next(images) for i in indices])


def _truth(faces: FaceSet, changes: Mapping[int, _Change], strangers: FaceSet | None) -> dict[str, Tensor | None]:
    """What is known of the photos after the changes: landmarks, their visibility, the map from the file."""
    size = torch.tensor(faces.crop_size[::-1], dtype=torch.float32)
    matrices = faces.photo_to_crop
    matrices = None if matrices is None else matrices.expand(len(faces), 2, 3).clone()
    marks, seen = _known(faces)
    points = None if marks is None else marks.clone()
    visibility = None if marks is None else seen.clone()
    for i, change in tqdm(changes.items(), desc="planting trash", unit=" photos", leave=False, delay=2):
        moved = torch.eye(2, 3) if change.defect is None else change.defect.moved()
        if matrices is not None:
            matrices[i] = (
                geometry.compose(moved, matrices[i]) if change.shows == i and change.others is None else math.nan
            )
        if points is None:
            continue
        there, visible = _known(strangers) if change.others else (marks, seen)
        if change.shows is None or there is None:
            points[i], visibility[i] = math.nan, False
            continue
        scale = size / torch.tensor((strangers if change.others else faces).crop_size[::-1])
        was = there[change.shows] * scale
        points[i] = geometry.move_points(moved, was)
        visibility[i] = visible[change.shows] & ((points[i] >= 0) & (points[i] <= size)).all(-1)
        if change.defect is not None:
            visibility[i] &= ~change.defect.hides(was)
    return {"landmarks": points, "visibility": visibility, "photo_to_crop": matrices}


def _known(faces: FaceSet) -> tuple[Tensor | None, Tensor | None]:
    """Landmarks and which of them are seen: those known to lie in the image, where the set does not say."""
    if faces.landmarks is None or faces.visibility is not None:
        return faces.landmarks, faces.visibility
    size = torch.tensor(faces.crop_size[::-1])
    return faces.landmarks, ((faces.landmarks >= 0) & (faces.landmarks <= size)).all(-1)
