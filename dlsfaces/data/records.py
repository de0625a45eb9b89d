"""The records of the course: a photo, a face in it, and sets of them; one form for every data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces import geometry

UNKNOWN = -1  #: the identity of a face whose person is not given, such as a distractor's

#: ``(indices, (height, width) or None for the crop's own size) -> uint8 (n, 3, H, W)``; no closure, for workers' sake.
Reader = Callable[[Sequence[int], "tuple[int, int] | None"], Tensor]


@dataclass(frozen=True)
class Source:
    """Where a photo comes from. ``origin`` is the file whose image it shows, where that is another than ``file``."""

    file: str
    set: str
    split: str
    origin: str = ""


@dataclass(frozen=True, eq=False)  # tensors have no single truth to compare by
class Face:
    """One face in a photo, in its pixels; what is not known is None or empty."""

    identity: int = UNKNOWN
    box: Tensor | None = None  # (x1, y1, x2, y2)
    landmarks: Tensor | None = None  # (5, 2): the viewer's left eye, right eye, nose, left and right mouth corner
    visibility: Tensor | None = None
    defects: tuple[str, ...] = ()
    photo_to_crop: Tensor | None = None  # (2, 3), from the pixels of the original file


@dataclass(frozen=True, eq=False)
class Photo:
    """An image, uint8 ``(3, H, W)`` RGB, with the faces in it."""

    image: Tensor
    source: Source
    faces: tuple[Face, ...]


def chosen_indices(indices: Sequence[int] | Tensor, count: int) -> list[int]:
    """Indices from 0 to ``count - 1`` of indices (negative ones count from the end) or of a Boolean mask."""
    try:
        index = torch.as_tensor(indices if isinstance(indices, Tensor) else np.array(indices))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{indices!r} are no indices; give whole numbers, or a Boolean mask") from error
    if index.dtype == torch.bool:
        if index.shape != (count,):
            raise ValueError(f"the mask has the shape {tuple(index.shape)}, but the set has {count} photos; see subset")
        return index.nonzero()[:, 0].tolist()
    if index.numel() and (index.dim() != 1 or index.is_floating_point()):
        raise ValueError(f"indices are whole numbers in one dimension, not {index.dtype} {tuple(index.shape)}")
    if index.dtype == torch.uint8 and len(index) == count:
        raise ValueError(f"{count} bytes for {count} photos may be a mask or indices; make them Boolean, or int64")
    if outside := [i for i in index.tolist() if not -count <= i < count]:
        raise IndexError(f"there is no photo {outside[0]} in a set of {count}")
    return [i % count for i in index.tolist()]


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Of a reader's images some, in this order; takes indices as :func:`chosen_indices` does."""

    read: Reader
    rows: Sequence[int]

    def __call__(self, indices: Sequence[int] | Tensor, size: tuple[int, int] | None) -> Tensor:
        return self.read([self.rows[i] for i in chosen_indices(indices, len(self.rows))], size)


@dataclass(frozen=True, eq=False)
class FaceSet(Sequence[Photo]):
    """A split of a data set of cropped faces: a sequence of photos with one face each, read when asked for."""

    name: str  # such as "celeba500"
    split: str  # such as "query"
    framing: str  # the crop that every image shows: see dlsfaces.geometry
    files: Sequence[str]  # one name an image
    identities: Tensor  # int64 (N,); UNKNOWN where the person is not given
    people: Sequence[str]  # the person's name by identity
    read: Reader
    crop_size: tuple[int, int]  # (height, width) before any resizing
    landmarks: Tensor | None = None  # (N, 5, 2), of built-in people also (N, 68, 2), in the crop; NaN where unknown
    photo_to_crop: Tensor | None = None  # from the file's pixels: one (2, 3) for all, or (N, 2, 3), NaN where unknown
    skipped: Sequence[str] = ()  # files of this split that cannot be read, and are in none of the above
    visibility: Tensor | None = None  # bool (N, 5): whether each landmark is seen
    defects: Sequence[tuple[str, ...]] = ()  # what is wrong with each image
    origins: Sequence[str] = ()  # the file whose image is shown, where that is another than its own; "" elsewhere

    def __post_init__(self) -> None:
        for field, values in self._one_each().items():
            if len(values) != len(self.files):
                raise ValueError(f"{self.name}/{self.split}: {len(self.files)} files but {len(values)} {field}")
        if len(self.identities) and self.identities.min() < UNKNOWN:
            raise ValueError(f"{self.name}/{self.split}: identities are 0 or more, or {UNKNOWN} where not known")
        if any(isinstance(names, str) for names in self.defects):
            raise ValueError(f"{self.name}/{self.split}: defects holds a string; it takes a tuple of names an image")
        if self.landmarks is not None and len(self.landmarks):
            geometry.refuse_other_order(geometry.five_of(self.landmarks))
        if not isinstance(self.read, _Chosen):
            object.__setattr__(self, "read", _Chosen(self.read, range(len(self.files))))

    def _one_each(self) -> dict[str, Tensor | Sequence]:
        """The fields that hold something for every image, ``files`` aside."""
        fields = ("identities", "landmarks", "visibility", "defects", "origins", "photo_to_crop")
        known = {field: getattr(self, field) for field in fields}
        if self.photo_to_crop is not None and self.photo_to_crop.dim() == 2:
            del known["photo_to_crop"]  # one map for all
        return {field: values for field, values in known.items() if values is not None and len(values)}

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | slice) -> Photo | FaceSet:
        if isinstance(index, slice):
            return self.subset(range(len(self))[index])
        (index,) = chosen_indices([index], len(self))
        one_map = self.photo_to_crop is not None and self.photo_to_crop.dim() == 2
        landmarks = _known(self.landmarks, index)
        box = None if landmarks is None else geometry.face_box(landmarks)
        visibility = None if landmarks is None else _known(self.visibility, index)
        defects = tuple(self.defects[index]) if self.defects else ()
        from_file = self.photo_to_crop if one_map else _known(self.photo_to_crop, index)
        face = Face(int(self.identities[index]), box, landmarks, visibility, defects, from_file)
        source = Source(self.files[index], self.name, self.split, self.origins[index] if self.origins else "")
        return Photo(self.read([index], None)[0], source, (face,))

    def __iter__(self) -> Iterator[Photo]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        known = self.identities[self.identities != UNKNOWN].unique().numel()
        who = f"{known} people" if known else "people not given"
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        defects = f", {sum(map(bool, self.defects))} with defects" if any(self.defects) else ""
        return f"FaceSet({self.name}/{self.split}: {len(self)} images, {who}, {self.framing} framing{defects}{skipped})"

    def images(self, image_size: tuple[int, int] | None = None) -> Tensor:
        """All images in memory: uint8 ``(N, 3, height, width)``, scaled to ``image_size`` where given."""
        height, width = image_size or self.crop_size
        out = torch.empty(len(self), 3, height, width, dtype=torch.uint8)
        for rows in self._chunks():
            out[rows.start : rows.stop] = self.read(rows, (height, width))
        return out

    def _chunks(self) -> Iterator[range]:
        starts = tqdm(range(0, len(self), 256), desc=f"{self.name}/{self.split}", unit=" chunks", leave=False, delay=2)
        return (range(start, min(start + 256, len(self))) for start in starts)

    def subset(self, indices: Sequence[int] | Tensor) -> FaceSet:
        """The images at ``indices``, in that order, or those of a Boolean mask; identities keep their numbers."""
        rows = chosen_indices(indices, len(self))

        def of(values: Tensor | Sequence) -> Tensor | Sequence:
            return values[rows] if isinstance(values, Tensor) else [values[i] for i in rows]

        chosen = {field: of(values) for field, values in self._one_each().items()}
        return replace(self, files=of(self.files), read=_Chosen(self.read, rows), **chosen)

    def checksum(self) -> str:
        """SHA-256 of names, identities, framing, landmarks and every pixel; the pixels are read once."""
        about = [self.framing, list(self.crop_size), list(self.files), self.identities.tolist(), len(self.people)]
        digest = hashlib.sha256(json.dumps(about).encode())
        if self.landmarks is not None:
            digest.update(self.landmarks.contiguous().numpy())
        return hashlib.sha256(digest.digest() + self._pixels).hexdigest()

    @cached_property
    def _pixels(self) -> bytes:
        digest = hashlib.sha256()
        for rows in self._chunks():
            digest.update(self.read(rows, None).contiguous().numpy())
        return digest.digest()


@dataclass(frozen=True, eq=False)
class PhotoSet(Sequence[Photo]):
    """A sequence of photos with any number of faces each, made or read when asked for, the same each time."""

    name: str
    split: str
    make: Callable[[int], Photo]
    numbers: Sequence[int]  # which photos of ``make`` the set holds
    about: str = ""  # a few words for the reader

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int | slice) -> Photo | PhotoSet:
        if isinstance(index, slice):
            return replace(self, numbers=self.numbers[index])
        return self.make(self.numbers[chosen_indices([index], len(self))[0]])

    def __iter__(self) -> Iterator[Photo]:
        name = f"{self.name}/{self.split}"
        return (self.make(i) for i in tqdm(self.numbers, desc=name, unit=" photos", leave=False, delay=2))

    def __repr__(self) -> str:
        return f"PhotoSet({self.name}/{self.split}: {len(self)} photos{', ' * bool(self.about)}{self.about})"

    def subset(self, indices: Sequence[int] | Tensor) -> PhotoSet:
        """The photos at ``indices``, in that order, or those of a Boolean mask."""
        return replace(self, numbers=[self.numbers[i] for i in chosen_indices(indices, len(self))])


def _known(values: Tensor | None, index: int) -> Tensor | None:
    """An image's own of what is given for each; None where it is NaN."""
    return None if values is None or values[index].isnan().any() else values[index]


def split_people(faces: FaceSet, every: int) -> tuple[FaceSet, FaceSet]:
    """A set without every n-th person, and a set of those alone; both number their people from 0 anew."""
    if every < 2 or (faces.identities == UNKNOWN).any():
        raise ValueError(f"{faces!r}: every={every} must be 2 or more, and every face's person known")
    held_out = faces.identities % every == every - 1
    if not held_out.any():
        raise ValueError(f"{faces!r}: of fewer than {every} people none can be held out with every={every}")
    rest, others = faces.subset(~held_out), faces.subset(held_out)
    people = [person for i, person in enumerate(faces.people) if i % every != every - 1]
    rest = replace(rest, identities=rest.identities - rest.identities // every, people=people)
    return rest, replace(others, identities=others.identities // every, people=faces.people[every - 1 :: every])


def joined(*sets: FaceSet) -> FaceSet:
    """Several sets of different people as one, to train on together, with the first set's crop size.

    Identities are numbered on from set to set. Only what training needs is kept: files, identities, images, and, where
    all sets have as many and crops of one size, landmarks.
    """
    if not sets or len({faces.framing for faces in sets}) > 1:
        raise ValueError(f"one set at least is needed, and one framing, not {[faces.framing for faces in sets]}")
    if any((faces.identities == UNKNOWN).any() for faces in sets):
        raise ValueError("people who are not given may be the same in two sets; leave such faces out")
    firsts = accumulate((len(faces.people) for faces in sets), initial=0)
    marks = [faces.landmarks for faces in sets if faces.landmarks is not None and faces.crop_size == sets[0].crop_size]
    alike = len(marks) == len(sets) and len({given.shape[1] for given in marks}) == 1
    landmarks = torch.cat(marks) if alike else None
    name = "+".join(dict.fromkeys(faces.name for faces in sets))
    files = [name for faces in sets for name in faces.files]
    identities = torch.cat([faces.identities + k for faces, k in zip(sets, firsts)])
    people = [f"{faces.name}/{person}" for faces in sets for person in faces.people]
    places = [(k, i) for k, faces in enumerate(sets) for i in range(len(faces))]
    first, size = sets[0], sets[0].crop_size
    read = _Joined([faces.read for faces in sets], places, size)
    return FaceSet(name, first.split, first.framing, files, identities, people, read, size, landmarks)


@dataclass(frozen=True, eq=False)
class _Joined:
    """A :data:`Reader` over several; a place is which reader's, and the index there."""

    readers: Sequence[Reader]
    places: Sequence[tuple[int, int]]
    size: tuple[int, int]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        out = torch.empty(len(indices), 3, *(size or self.size), dtype=torch.uint8)
        for k, read in enumerate(self.readers):
            if rows := [row for row, i in enumerate(indices) if self.places[i][0] == k]:
                out[rows] = read([self.places[indices[row]][1] for row in rows], size or self.size)
        return out
