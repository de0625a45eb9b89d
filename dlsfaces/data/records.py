"""What a photo, a face in it, and a set of faces are: one form for every data set of the course."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces import geometry

UNKNOWN = -1  #: the identity of a face whose person is not given, such as a distractor's

#: Reads photos of a set by index: ``(indices, (height, width) or None for the crop's own size) -> uint8 (n, 3, H, W)``.
Reader = Callable[[Sequence[int], "tuple[int, int] | None"], Tensor]


@dataclass(frozen=True)
class Source:
    """Where a photo comes from. ``origin`` is the file whose picture it shows, where that is another than ``file``."""

    file: str
    set: str
    split: str
    origin: str = ""


@dataclass(frozen=True, eq=False)  # tensors have no single truth to compare by
class Face:
    """One face in a photo; what is not known is None or empty. Coordinates are pixels of the photo as it is given.

    ``landmarks`` is ``(5, 2)``: left eye, right eye, nose, left and right mouth corner, left being the viewer's.
    ``photo_to_crop`` is the ``(2, 3)`` map from the original file's pixels to those of the given image.
    """

    identity: int = UNKNOWN
    box: Tensor | None = None
    landmarks: Tensor | None = None
    visibility: Tensor | None = None
    parts: Tensor | None = None
    defects: tuple[str, ...] = ()
    attributes: Mapping[str, float] = field(default_factory=dict)
    photo_to_crop: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Photo:
    """An image, uint8 ``(3, H, W)`` RGB, with the faces in it."""

    image: Tensor
    source: Source
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class _Chosen:
    """A :data:`Reader` over some photos of another one."""

    read: Reader
    indices: Sequence[int]

    def __call__(self, wanted: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        return self.read([self.indices[i] for i in wanted], size)


@dataclass(frozen=True, eq=False)
class FaceSet(Sequence[Photo]):
    """A split of a data set of cropped faces: a sequence of photos with one face each, read when asked for.

    Attributes:
        name, split: such as ``"celeba500"``, ``"query"``.
        framing: the crop that every photo shows; part of the set's contract, see :mod:`dlsfaces.geometry`.
        files: one name a photo.
        identities: int64 ``(N,)``; ``UNKNOWN`` where the person is not given.
        people: the person's name by identity.
        read: gets images by index.
        landmarks: float32 ``(N, 5, 2)`` in pixels of a crop of ``crop_size``, NaN where unknown; or None. Synthetic
            people can have ``(N, 68, 2)``.
        crop_size: ``(height, width)`` of the crop before any resizing.
        photo_to_crop: the map from the file's pixels to the crop's: one ``(2, 3)`` for all, or ``(N, 2, 3)``, NaN where
            a photo has none.
        skipped: files of this split that cannot be read, and are therefore in none of the above.
        visibility: bool ``(N, 5)``, whether each landmark is seen; None where the set does not say.
        defects: what is wrong with each photo, one tuple of names a photo; empty where nothing is known to be.
        origins: the file whose picture each photo shows, where that is another than its own; ``""`` elsewhere. Empty
            where all are their own.
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
        known = {"identities": self.identities, "landmarks": self.landmarks, "visibility": self.visibility}
        known |= {"defects": self.defects or None, "origins": self.origins or None}
        if self.photo_to_crop is not None and self.photo_to_crop.dim() == 3:
            known["photo_to_crop"] = self.photo_to_crop
        for what, values in known.items():
            if values is not None and len(values) != len(self.files):
                raise ValueError(f"{self.name}/{self.split}: {len(self.files)} files but {len(values)} {what}")
        if self.visibility is not None and self.landmarks is None:
            raise ValueError(f"{self.name}/{self.split}: visibility of landmarks, but no landmarks")
        if any(isinstance(names, str) for names in self.defects):
            raise ValueError(f"{self.name}/{self.split}: defects holds a string; it takes one tuple of names a photo")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Photo:
        if not -len(self) <= index < len(self):
            raise IndexError(f"photo {index} of a set of {len(self)}")
        index %= len(self)
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
        return f"FaceSet({self.name}/{self.split}: {len(self)} photos, {who}, {self.framing} framing{defects}{skipped})"

    def _photo_to_crop(self, index: int) -> Tensor | None:
        if self.photo_to_crop is None or self.photo_to_crop.dim() == 2:
            return self.photo_to_crop
        own = self.photo_to_crop[index]
        return None if own.isnan().any() else own

    def images(self, size: tuple[int, int] | None = None, chunk: int = 256) -> Tensor:
        """All images in memory: uint8 ``(N, 3, height, width)``, scaled to ``size`` (height, width) where given."""
        height, width = size or self.crop_size
        out = torch.empty(len(self), 3, height, width, dtype=torch.uint8)
        starts = range(0, len(self), chunk)
        for start in tqdm(starts, desc=f"{self.name}/{self.split}", unit=" chunks", leave=False, delay=2):
            indices = range(start, min(start + chunk, len(self)))
            out[start : start + len(indices)] = self.read(indices, (height, width))
        return out

    def subset(self, indices: Sequence[int] | Tensor) -> FaceSet:
        """The photos at ``indices``, in that order; identities keep their numbers, and the files skipped stay named."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        chosen = index.tolist()
        matrix = self.photo_to_crop
        return replace(
            self,
            files=[self.files[i] for i in chosen],
            identities=self.identities[index],
            read=_Chosen(self.read, chosen),
            landmarks=None if self.landmarks is None else self.landmarks[index],
            photo_to_crop=matrix[index] if matrix is not None and matrix.dim() == 3 else matrix,
            visibility=None if self.visibility is None else self.visibility[index],
            defects=[self.defects[i] for i in chosen] if self.defects else (),
            origins=[self.origins[i] for i in chosen] if self.origins else (),
        )


def split_people(faces: FaceSet, every: int) -> tuple[FaceSet, FaceSet]:
    """A set without every n-th person, and a set of those alone; both number their people from 0 anew.

    Held out are the persons ``every - 1``, ``2 * every - 1`` and so on, in whichever split of a set they appear.

    Raises:
        ValueError: ``every`` below 2, people who are not given, or nobody to hold out.
    """
    if every < 2 or (faces.identities == UNKNOWN).any():
        raise ValueError(f"{faces!r}: every={every} must be 2 or more, and every face's person known")
    block, place = faces.identities // every, faces.identities % every
    held_out = place == every - 1
    if not held_out.any():
        raise ValueError(f"{faces!r}: of fewer than {every} people none can be held out with every={every}")
    parts = []
    for chosen, numbers in ((~held_out, (every - 1) * block + place), (held_out, block)):
        part = faces.subset(chosen.nonzero()[:, 0])
        people = [p for i, p in enumerate(faces.people) if (i % every == every - 1) == bool(chosen is held_out)]
        parts.append(replace(part, identities=numbers[chosen], people=people))
    return parts[0], parts[1]


def joined(*sets: FaceSet) -> FaceSet:
    """Several sets of different people as one, such as real and synthetic ones to train on together.

    Identities of each set follow on those of the set before it. Only what training needs is kept: files, identities
    and images, at the first set's crop size where no other is asked for.

    Raises:
        ValueError: no set, sets of different framing, or people who are not given.
    """
    if not sets or len({faces.framing for faces in sets}) > 1:
        raise ValueError(f"one set at least is needed, and one framing, not {[faces.framing for faces in sets]}")
    if any((faces.identities == UNKNOWN).any() for faces in sets):
        raise ValueError("people who are not given may be the same in two sets; leave such faces out")
    first, starts = [0], [0]
    for faces in sets:
        first.append(first[-1] + len(faces.people))
        starts.append(starts[-1] + len(faces))
    return FaceSet(
        "+".join(dict.fromkeys(faces.name for faces in sets)),
        sets[0].split,
        sets[0].framing,
        [name for faces in sets for name in faces.files],
        torch.cat([faces.identities + k for faces, k in zip(sets, first)]),
        [f"{faces.name}/{person}" for faces in sets for person in faces.people],
        _Joined([faces.read for faces in sets], starts, sets[0].crop_size),
        sets[0].crop_size,
    )


@dataclass(frozen=True)
class _Joined:
    """A :data:`Reader` over several, one after another."""

    readers: Sequence[Reader]
    starts: Sequence[int]  # of each, and the end
    crop_size: tuple[int, int]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        size = size or self.crop_size
        index = torch.as_tensor(list(indices))
        out = torch.empty(len(index), 3, *size, dtype=torch.uint8)
        for k, read in enumerate(self.readers):
            mine = ((index >= self.starts[k]) & (index < self.starts[k + 1])).nonzero()[:, 0]
            if len(mine):
                out[mine] = read((index[mine] - self.starts[k]).tolist(), size)
        return out
