"""Sets with known defects: a share of the photos becomes trash, and the set says which and why."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces import geometry
from dlsfaces.data.folder import name_hash
from dlsfaces.data.images import open_image, resized
from dlsfaces.data.records import UNKNOWN, FaceSet, Photo, Reader
from dlsfaces.data.scenes import photos_in
from drawpeople import Defect, Dice, rng
from drawpeople.defects import COPIES, DEFECTS
from drawpeople.scenes import draw_nobody

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

    Seed and file names alone decide what happens to a photo. Labels stay. Landmarks are those of the image shown, also
    where they lie outside it. ``origins`` names the file whose image a duplicate or a wrong identity shows.

    Args:
        rate: the share of all photos, in [0, 1); exact to rounding.
        mix: kind to weight; kinds not named are left out. All equally where None. The kinds are ``"blurred"``,
            ``"dark"`` (by 3.5 to 5 stops, and noisy), ``"occluded"`` (something before 40 to 70 % of the face box),
            ``"cropped"`` (a third to a half of the face, or a cheek), ``"not_a_face"``, ``"wrong_identity"``, and
            ``"duplicate"`` (a clean image of the same person, copied, saved as JPEG, trimmed, or brightened).
        not_faces: a folder of photos, or photos or images (uint8 ``(3, H, W)``) in a sequence, of which random crops
            are shown where there is no face. Drawn places where None.
        strangers: whom wrong identities show, in the same framing; where None, such photos change places.
    """
    if strangers is not None and strangers.framing != faces.framing:
        raise ValueError(f"strangers: {strangers.framing!r}, faces: {faces.framing!r}; load both in one framing")
    for option, kind, value in ("not_faces", "not_a_face", not_faces), ("strangers", "wrong_identity", strangers):
        if value is not None and mix is not None and not mix.get(kind):
            raise ValueError(f"{option} is for {kind!r}, which mix={dict(mix)} leaves out; leave {option} out, too")
    chosen = _choose(faces, _count(len(faces), rate, mix), seed, strangers)
    given = None if not_faces is None else _given(not_faces)
    changes, origins = {}, [""] * len(faces)
    for i, (kind, shows) in chosen.items():
        others = strangers if kind == "wrong_identity" else None
        changes[i] = _change(faces, i, kind, shows, seed, given, others)
        if kind in ("wrong_identity", "duplicate"):
            origins[i] = (others or faces).files[shows]
    read, truth = _Planted(faces.read, changes), _truth(faces, changes, strangers)
    defects = [chosen[i][:1] if i in chosen else () for i in range(len(faces))]
    return replace(faces, read=read, defects=defects, origins=origins, **truth)


def _count(photos: int, rate: float, mix: Mapping[str, float] | None) -> dict[str, int]:
    """How many photos become trash of each kind: shares rounded so that the sum is right (largest remainders)."""
    if not (isinstance(rate, (int, float)) and 0 <= rate < 1):
        raise ValueError(f"rate={rate!r}: the share of photos to spoil is at least 0 and below 1")
    weights = dict.fromkeys(TRASH, 1.0) if mix is None else dict(mix)
    for kind, weight in weights.items():
        if kind not in TRASH:
            raise ValueError(f"mix names {kind!r}, which is no kind of trash; there are {', '.join(TRASH)}")
        if not (isinstance(weight, (int, float)) and math.isfinite(weight) and weight >= 0):
            raise ValueError(f"mix[{kind!r}]={weight!r}: a weight is a number from 0 up")
    total, whole, asked = round(rate * photos), sum(weights.values()), sum(w > 0 for w in weights.values())
    if not whole:
        raise ValueError(f"mix={weights} leaves no kind; give at least one a weight above 0")
    if 0 < rate and total < asked:
        enough = f"raise the rate to {asked / max(photos, asked + 1):.2f} or more, or name fewer kinds in mix"
        raise ValueError(f"rate={rate} of {photos} photos is {total}, too few for {asked} kinds of trash; {enough}")
    shares = {kind: total * weights.get(kind, 0) / whole for kind in TRASH}
    counts = {kind: int(share) for kind, share in shares.items()}
    by_rest = sorted(shares, key=lambda kind: counts[kind] - shares[kind])
    for kind in by_rest[: total - sum(counts.values())]:
        counts[kind] += 1
    return counts


Choice = tuple[str, int | None]  #: a kind of trash, and the number of the photo whose image is shown, if any


def _choose(faces: FaceSet, counts: dict[str, int], seed: int, strangers: FaceSet | None) -> dict[int, Choice]:
    """What becomes of each photo that is spoilt, by number."""
    if any(faces.defects):
        raise ValueError(f"{faces!r} holds trash already; plant it in the clean set, all kinds at once")
    ids = faces.identities.tolist()
    if counts["wrong_identity"] + counts["duplicate"] and set(ids) <= {UNKNOWN}:
        raise ValueError(f"{faces!r} has no identities: leave 'wrong_identity' and 'duplicate' out of mix")
    order = _ranked(faces.files, seed, _RANK)
    known = [i for i in order if ids[i] != UNKNOWN]
    last = {ids[i]: i for i in known}  # of each person one photo stays clean if any of theirs becomes a copy
    copies = [i for i in known if i != last[ids[i]]][: counts["duplicate"]]
    taken = {*copies, *(last[ids[i]] for i in copies)}
    wrong = [i for i in known if i not in taken][: counts["wrong_identity"]]
    taken.update(wrong)
    kinds = [kind for kind in TRASH[:5] for _ in range(counts[kind])]
    spoilt = dict(zip([i for i in order if i not in taken], kinds))

    sources, dirty = _ranked(faces.files, seed, _SOURCE), {*spoilt, *copies, *wrong}
    clean = [i for i in sources if i not in dirty]
    if strangers is None:
        shown = _changed_places(wrong, [i for i in clean if ids[i] != UNKNOWN], ids, seed)
    else:
        flawed = strangers.defects or [()] * len(strangers)
        shown = [i for i in _ranked(strangers.files, seed, _SOURCE) if not flawed[i]]
    if len(copies) + len(spoilt) + min(len(wrong), len(shown)) < sum(counts.values()):
        why = "a duplicate needs a clean photo of its person, a wrong identity photos of others"
        raise ValueError(f"{faces!r} is too small for {counts}: {why}; lower the rate, or give strangers=...")
    of_person = defaultdict(list)
    for i in clean:
        of_person[ids[i]].append(i)
    turns = {person: itertools.cycle(photos) for person, photos in of_person.items()}
    return {
        **{i: (kind, None if kind == "not_a_face" else i) for i, kind in spoilt.items()},
        **{i: ("duplicate", next(turns[ids[i]])) for i in copies},
        **{i: ("wrong_identity", j) for i, j in zip(wrong, shown)},
    }


def _ranked(files: Sequence[str], seed: int, purpose: int) -> list[int]:
    """Numbers of files in an order that is random, but the same for the same names."""
    names = torch.tensor([int(name_hash(file)[:14], 16) for file in files], dtype=torch.int64)
    return rng.key(purpose, seed, names).argsort(stable=True).tolist()


def _changed_places(wrong: Sequence[int], clean: Sequence[int], ids: Sequence[int], seed: int) -> list[int]:
    """Another one of these photos for each of them, of somebody else; none at all where that cannot be had."""
    # Moved on by the size of the largest group, nobody comes to their own place, unless it is more than half of all.
    line = sorted(wrong, key=lambda i: int(rng.key(_PERSON, seed, ids[i])))
    step = max(Counter(ids[i] for i in wrong).values(), default=0)
    shown, spare = {}, list(clean)
    for i, j in zip(line, line[step:] + line[:step]):
        if ids[j] == ids[i]:
            j = next((k for k in spare if ids[k] != ids[i]), None)
            if j is None:
                return []
            spare.remove(j)
        shown[i] = j
    return [shown[i] for i in wrong]


@dataclass(frozen=True, eq=False)
class _Change:
    """What a photo shows instead of its own image."""

    size: tuple[int, int]
    key: tuple[int, int]
    shows: int | None  # the number of the photo shown, None: a place without people
    defect: Defect | None = None  # what is done to that image
    others: Reader | None = None  # reads it, where it is of another set
    given: Given | None = None  # photos of places

    def __call__(self, read: Reader, size: tuple[int, int] | None) -> Tensor:
        size = size or self.size
        if self.shows is None:
            return self._nobody(size)
        if self.defect is None:
            return (self.others or read)([self.shows], size)[0]
        return resized(self.defect(read([self.shows], self.size)[0])[None], size)[0]

    def _nobody(self, size: tuple[int, int]) -> Tensor:
        """A random crop of a given photo, or a drawn place."""
        dice, (height, width) = Dice(*self.key), self.size
        if self.given is None:
            finer = -(-_FINE // width)
            return resized(draw_nobody((finer * height, finer * width), dice)[None], size)[0]
        image = _image(self.given[dice.integer(0, len(self.given) - 1)])
        share = dice(*SHARE) * min(image.width / width, image.height / height)
        x, y = dice(0, image.width - share * width), dice(0, image.height - share * height)
        box = (x, y, x + share * width, y + share * height)
        crop = image.resize(size[::-1], Image.Resampling.BILINEAR, box=box)
        return torch.from_numpy(np.array(crop)).permute(2, 0, 1).contiguous()


def _change(
    faces: FaceSet, i: int, kind: str, shows: int | None, seed: int, given: Given | None, others: FaceSet | None
) -> _Change:
    key, size = (int(name_hash(faces.files[i])[:14], 16), seed), faces.crop_size
    if kind == "duplicate":
        kind = COPIES[Dice(*key, 1).integer(0, len(COPIES) - 1)]
    if kind in ("not_a_face", "wrong_identity", "exact"):
        return _Change(size, key, shows, None, others and others.read, given)
    if faces.landmarks is not None and faces.landmarks[shows].isfinite().all():
        landmarks = geometry.five_of(faces.landmarks[shows])
    else:  # those of an average face of this framing
        frame = geometry.FRAMINGS.get(faces.framing, geometry.TIGHT)
        landmarks = frame.template * torch.tensor([size[1] / frame.width, size[0] / frame.height])
    return _Change(size, key, shows, Defect(kind, landmarks, size, key))


def _given(not_faces: str | Path | Sequence[Photo] | Sequence[Tensor]) -> Given:
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


@dataclass(frozen=True, eq=False)
class _Planted:
    """A :data:`~dlsfaces.data.records.Reader` over another one's photos, some of them changed."""

    read: Reader
    changes: Mapping[int, _Change]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        clean = [i for i in indices if i not in self.changes]
        images = iter(self.read(clean, size) if clean else ())
        return torch.stack([self.changes[i](self.read, size) if i in self.changes else next(images) for i in indices])


def _truth(faces: FaceSet, changes: Mapping[int, _Change], strangers: FaceSet | None) -> dict[str, Tensor | None]:
    """What is known of the photos after the changes: landmarks, their visibility, the map from the file."""
    size = torch.tensor(faces.crop_size[::-1], dtype=torch.float32)
    marks, seen = _known(faces)
    points, visibility = marks.clone(), seen.clone()
    maps = torch.full((2, 3), math.nan) if faces.photo_to_crop is None else faces.photo_to_crop
    maps = maps.expand(len(faces), 2, 3).clone()
    theirs = None if strangers is None else _known(strangers)
    for i, change in tqdm(changes.items(), desc="planting trash", unit=" photos", leave=False, delay=2):
        moved = torch.eye(2, 3) if change.defect is None else change.defect.moved()
        own = change.shows == i and change.others is None
        maps[i] = geometry.compose(moved, maps[i]) if own else math.nan
        if change.shows is None:
            points[i], visibility[i] = math.nan, False
            continue
        shown, (there, visible) = (strangers, theirs) if change.others else (faces, (marks, seen))
        was = there[change.shows] * (size / torch.tensor(shown.crop_size[::-1]))
        points[i] = geometry.move_points(moved, was)
        visibility[i] = visible[change.shows] & ((points[i] >= 0) & (points[i] <= size)).all(-1)
        if change.defect is not None:
            visibility[i] &= ~change.defect.hides(was)
    told = {} if faces.landmarks is None else {"landmarks": points, "visibility": visibility}
    return told if faces.photo_to_crop is None else told | {"photo_to_crop": maps}


def _known(faces: FaceSet) -> tuple[Tensor, Tensor]:
    """Landmarks, NaN where not known, and which are seen: all in the image, where the set does not say."""
    marks = torch.full((len(faces), 1, 2), math.nan) if faces.landmarks is None else faces.landmarks
    if faces.visibility is not None:
        return marks, faces.visibility
    return marks, ((marks >= 0) & (marks <= torch.tensor(faces.crop_size[::-1]))).all(-1)
