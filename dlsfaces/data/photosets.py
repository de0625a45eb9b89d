"""A set of photos with any number of faces each, made or read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces.data.records import Photo


@dataclass(frozen=True, eq=False)
class PhotoSet(Sequence[Photo]):
    """A sequence of photos, also for the worker processes of a ``DataLoader``; a photo is the same each time.

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
        if not -len(self) <= index < len(self):
            raise IndexError(f"photo {index} of a set of {len(self)}")
        return self.make(self.numbers[index])

    def __iter__(self) -> Iterator[Photo]:
        name = f"{self.name}/{self.split}"
        return (self.make(i) for i in tqdm(self.numbers, desc=name, unit=" photos", leave=False, delay=2))

    def __repr__(self) -> str:
        about = f", {self.about}" if self.about else ""
        return f"PhotoSet({self.name}/{self.split}: {len(self)} photos{about})"

    def subset(self, indices: Sequence[int] | Tensor) -> PhotoSet:
        """The photos at ``indices``, in that order."""
        return replace(self, numbers=[self.numbers[i] for i in torch.as_tensor(indices).tolist()])
