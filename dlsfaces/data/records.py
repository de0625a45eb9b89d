"""The records of the course: a photo, a face in it, and sets of either; one form for every data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces import geometry

UNKNOWN = -1  #: the identity of a face whose person is not given, such as a distractor's

#: Reads images of a set: ``(indices, (height, width) or None for the crop's own size) -> uint8 (n, 3, H, W)``.
#: A class rather than a closure, so that worker processes can be sent one.
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
    """One face in a photo; what is not known is None or empty. Coordinates are pixels of the photo.

    ``box`` is ``(x1, y1, x2, y2)``. ``landmarks`` is ``(5, 2)``: left eye, right eye, nose, left and right mouth
    corner, left being the viewer's. ``photo_to_crop`` is the ``(2, 3)`` map from the original file's pixels.
    """

    identity: int = UNKNOWN
    box: Tensor | None = None
    landmarks: Tensor | None = None
    visibility: Tensor | None = None
    defects: tuple[str, ...] = ()
    photo_to_crop: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Photo:
    """An image, uint8 ``(3, H, W)`` RGB, with the faces in it."""

    image: Tensor
    source: Source
    faces: tuple[Face, ...]


def chosen_indices(indices: Sequence[int] | Tensor, count: int) -> list[int]:
    """Indices from 0 to ``count - 1`` of indices (negative ones count from the end) or of a Boolean mask.

    Raises:
        ValueError: a mask of another length, or numbers that are not whole.
        IndexError: an index outside of the set.
    """
    index = torch.as_tensor(indices)
    if index.dtype == torch.bool:
        if index.shape != (count,):
            raise ValueError(f"the mask has the shape {tuple(index.shape)}, but the set has {count} photos")
        return index.nonzero()[:, 0].tolist()
    if index.numel() and (index.dim() != 1 or index.is_floating_point()):
        raise ValueError(f"indices are whole numbers in one dimension, not {index.dtype} {tuple(index.shape)}")
    outside = [i for i in index.tolist() if not -count <= i < count]
    if outside:
        raise IndexError(f"there is no photo {outside[0]} in a set of {count}")
    return [i % count for i in index.tolist()]


@dataclass(frozen=True, eq=False)
class FaceSet(Sequence[Photo]):
    """A split of a data set of cropped faces: a sequence of photos with one face each, read when asked for.

    Attributes:
        name, split: such as ``"celeba500"``, ``"query"``.
        framing: the crop that every image shows; see :mod:`dlsfaces.geometry`.
        files: one name an image.
        identities: int64 ``(N,)``; ``UNKNOWN`` where the person is not given.
        people: the person's name by identity.
        read: gets images by index.
        crop_size: ``(height, width)`` of the crop before any resizing.
        landmarks: float32 ``(N, 5, 2)`` in pixels of a crop of ``crop_size``, NaN where unknown; built-in people can
            have ``(N, 68, 2)``. None where the set has none.
        photo_to_crop: the map from the file's pixels to the crop's: one ``(2, 3)`` for all, or ``(N, 2, 3)``, NaN where
            there is none.
        skipped: files of this split that cannot be read, and are therefore in none of the above.
        visibility: bool ``(N, 5)``, whether each landmark is seen; None where the set does not say.
        defects: what is wrong with each image, a tuple of names; empty where nothing is known to be.
        origins: the file whose image is shown, where that is another than its own; ``""`` elsewhere.
    """

    name: str
    split: str
    framing: str
    files: Sequence[str]
    identities: Tensor
    people: Sequence[str]
    read: Reader
    crop_size: tuple[int, int]
    landmarks: Tensor | None = None
    photo_to_crop: Tensor | None = None
    skipped: Sequence[str] = ()
    visibility: Tensor | None = None
    defects: Sequence[tuple[str, ...]] = ()
    origins: Sequence[str] = ()

    def __post_init__(self) -> None:
        for field, values in self._one_each().items():
            if len(values) != len(self.files):
                raise ValueError(f"{self.name}/{self.split}: {len(self.files)} files but {len(values)} {field}")
        if self.visibility is not None and self.landmarks is None:
            raise ValueError(f"{self.name}/{self.split}: visibility of landmarks, but no landmarks")
        if any(isinstance(names, str) for names in self.defects):
            raise ValueError(f"{self.name}/{self.split}: defects holds a string; it takes a tuple of names an image")

    def _one_each(self) -> dict[str, Tensor | Sequence]:
        """The fields that hold something for every image, ``files`` aside."""
        fields = ("identities", "landmarks", "visibility", "defects", "origins", "photo_to_crop")
        known = {field: getattr(self, field) for field in fields}
        if known["photo_to_crop"] is not None and known["photo_to_crop"].dim() == 2:
            del known["photo_to_crop"]  # one map for all
        return {field: values for field, values in known.items() if values is not None and len(values)}

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int | slice) -> Photo | FaceSet:
        if isinstance(index, slice):
            return self.subset(range(len(self))[index])
        (index,) = chosen_indices([index], len(self))
        landmarks = None if self.landmarks is None else self.landmarks[index]
        if landmarks is not None and landmarks.isnan().any():
            landmarks = None
        face = Face(
            identity=int(self.identities[index]),
            box=None if landmarks is None else geometry.face_box(landmarks),
            landmarks=landmarks,
            visibility=None if landmarks is None or self.visibility is None else self.visibility[index],
            defects=tuple(self.defects[index]) if self.defects else (),
            photo_to_crop=self._photo_to_crop(index),
        )
        source = Source(self.files[index], self.name, self.split, self.origins[index] if self.origins else "")
        return Photo(self.read([index], None)[0], source, (face,))

    def __iter__(self) -> Iterator[Photo]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        known = self.identities[self.identities != UNKNOWN].unique().numel()
        who = f"{known} people" if known else "people not given"
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        bad = sum(map(bool, self.defects))
        defects = f", {bad} with defects" if bad else ""
        return f"FaceSet({self.name}/{self.split}: {len(self)} images, {who}, {self.framing} framing{defects}{skipped})"

    def _photo_to_crop(self, index: int) -> Tensor | None:
        if self.photo_to_crop is None or self.photo_to_crop.dim() == 2:
            return self.photo_to_crop
        own = self.photo_to_crop[index]
        return None if own.isnan().any() else own

    def images(self, image_size: tuple[int, int] | None = None) -> Tensor:
        """All images in memory: uint8 ``(N, 3, height, width)``, scaled to ``(height, width)`` where given."""
        height, width = image_size or self.crop_size
        out = torch.empty(len(self), 3, height, width, dtype=torch.uint8)
        for rows in self._chunks():
            out[rows.start : rows.stop] = self.read(rows, (height, width))
        return out

    def _chunks(self) -> Iterator[range]:
        starts = tqdm(range(0, len(self), 256), desc=f"{self.name}/{self.split}", unit=" chunks", leave=False, delay=2)
        return (range(start, min(start + 256, len(self))) for start in starts)

    def subset(self, indices: Sequence[int] | Tensor) -> FaceSet:
        """The images at ``indices``, in that order, or those that a Boolean mask names.

        Identities keep their numbers, and the skipped files stay named.
        """
        rows = chosen_indices(indices, len(self))

        def of(values: Tensor | Sequence) -> Tensor | Sequence:
            return values[rows] if isinstance(values, Tensor) else [values[i] for i in rows]

        chosen = {field: of(values) for field, values in self._one_each().items()}
        return replace(self, files=of(self.files), read=_Chosen(self.read, rows), **chosen)

    def checksum(self) -> str:
        """SHA-256 of names, identities, framing, landmarks and every pixel: another set has another one."""
        return self._checksum

    @cached_property
    def _checksum(self) -> str:
        about = [self.framing, list(self.crop_size), list(self.files), self.identities.tolist()]
        digest = hashlib.sha256(json.dumps(about).encode())
        if self.landmarks is not None:
            digest.update(self.landmarks.contiguous().numpy())
        for rows in self._chunks():
            digest.update(self.read(rows, None).contiguous().numpy())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class PhotoSet(Sequence[Photo]):
    """A sequence of photos with any number of faces each, made or read when asked for, the same each time.

    Attributes:
        name, split: such as ``"scenes"``, ``"train"``.
        make: gives photo ``i``.
        numbers: which photos of ``make`` the set holds.
        about: a few words for the reader.
    """

    name: str
    split: str
    make: Callable[[int], Photo]
    numbers: Sequence[int]
    about: str = ""

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int | slice) -> Photo | PhotoSet:
        if isinstance(index, slice):
            return replace(self, numbers=self.numbers[index])
        return self.make(self.numbers[chosen_indices([index], len(self))[0]])

    def __iter__(self) -> Iterator[Photo]:
        """Every photo; a bar shows where that takes a while."""
        name = f"{self.name}/{self.split}"
        return (self.make(i) for i in tqdm(self.numbers, desc=name, unit=" photos", leave=False, delay=2))

    def __repr__(self) -> str:
        about = f", {self.about}" if self.about else ""
        return f"PhotoSet({self.name}/{self.split}: {len(self)} photos{about})"

    def subset(self, indices: Sequence[int] | Tensor) -> PhotoSet:
        """The photos at ``indices``, in that order, or those that a Boolean mask names."""
        return replace(self, numbers=[self.numbers[i] for i in chosen_indices(indices, len(self))])


@dataclass(frozen=True)
class _Chosen:
    """A :data:`Reader` over some images of another one."""

    read: Reader
    indices: Sequence[int]

    def __call__(self, wanted: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        return self.read([self.indices[i] for i in wanted], size)


def split_people(faces: FaceSet, every: int) -> tuple[FaceSet, FaceSet]:
    """A set without every n-th person, and a set of those alone; both number their people from 0 anew.

    Held out are the persons ``every - 1``, ``2 * every - 1`` and so on, in whichever split of a set they appear.

    Raises:
        ValueError: ``every`` below 2, people who are not given, or nobody to hold out.
    """
    if every < 2 or (faces.identities == UNKNOWN).any():
        raise ValueError(f"{faces!r}: every={every} must be 2 or more, and every face's person known")
    held_out = faces.identities % every == every - 1
    if not held_out.any():
        raise ValueError(f"{faces!r}: of fewer than {every} people none can be held out with every={every}")
    parts = []
    for chosen in (~held_out, held_out):
        keeps = [i for i in range(len(faces.people)) if (i % every == every - 1) == (chosen is held_out)]
        number = torch.full((len(faces.people),), UNKNOWN)
        number[keeps] = torch.arange(len(keeps))
        part = faces.subset(chosen)
        parts.append(replace(part, identities=number[part.identities], people=[faces.people[i] for i in keeps]))
    return parts[0], parts[1]


def joined(*sets: FaceSet) -> FaceSet:
    """Several sets of different people as one, such as real and built-in ones to train on together.

    The identities of each set follow on those of the set before it. Only what training needs is kept: files, identities
    and images, at the first set's crop size where no other is asked for.

    Raises:
        ValueError: no set, sets of different framing, or people who are not given.
    """
    if not sets or len({faces.framing for faces in sets}) > 1:
        raise ValueError(f"one set at least is needed, and one framing, not {[faces.framing for faces in sets]}")
    if any((faces.identities == UNKNOWN).any() for faces in sets):
        raise ValueError("people who are not given may be the same in two sets; leave such faces out")
    first = torch.tensor([0, *(len(faces.people) for faces in sets)]).cumsum(0).tolist()
    return FaceSet(
        "+".join(dict.fromkeys(faces.name for faces in sets)),
        sets[0].split,
        sets[0].framing,
        [name for faces in sets for name in faces.files],
        torch.cat([faces.identities + k for faces, k in zip(sets, first)]),
        [f"{faces.name}/{person}" for faces in sets for person in faces.people],
        _Joined(
            [faces.read for faces in sets],
            [(k, i) for k, faces in enumerate(sets) for i in range(len(faces))],
            sets[0].crop_size,
        ),
        sets[0].crop_size,
    )


@dataclass(frozen=True)
class _Joined:
    """A :data:`Reader` over several, one after another."""

    readers: Sequence[Reader]
    places: Sequence[tuple[int, int]]  # of each image: which reader, and its index there
    crop_size: tuple[int, int]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        wanted = [self.places[i] for i in indices]
        out = torch.empty(len(wanted), 3, *(size or self.crop_size), dtype=torch.uint8)
        for reader in sorted({k for k, _ in wanted}):
            rows = [row for row, (k, _) in enumerate(wanted) if k == reader]
            out[rows] = self.readers[reader]([wanted[row][1] for row in rows], size or self.crop_size)
        return out
