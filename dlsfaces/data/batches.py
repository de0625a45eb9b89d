"""From a set of faces to batches: ``(images uint8 (B, 3, H, W), targets (B, ...), indices (B,))``."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from dlsfaces.data.records import FaceSet

MEMORY_LIMIT = 4 * 2**30  #: bytes; a set whose images take less is held in memory


class _Faces(Dataset):
    """Whole batches by a list of indices, from memory where the images are there, else from their files."""

    def __init__(self, faces: FaceSet, size: tuple[int, int], images: Tensor | None, targets: Tensor) -> None:
        self.faces, self.size, self.images, self.targets = faces, size, images, targets

    def __len__(self) -> int:
        return len(self.faces)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        index = torch.tensor(indices, dtype=torch.int64)
        images = self.faces.read(indices, self.size) if self.images is None else self.images[index]
        return images, self.targets[index], index


def _as_it_is(batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    return batch


class EpochSampler(Sampler[int]):
    """Every index once an epoch, in an order that the seed and the epoch alone decide."""

    def __init__(self, count: int, shuffle: bool, seed: int) -> None:
        self.count, self.shuffle, self.seed, self.epoch = count, shuffle, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        if not self.shuffle:
            return iter(range(self.count))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return iter(torch.randperm(self.count, generator=generator).tolist())


class PeopleSampler(Sampler[int]):
    """Indices in groups: each run of ``people * pictures`` of them holds so many people, with so many pictures each.

    P people by K pictures, as triplets need them (Hermans et al. 2017, section 2). All people come before one comes
    again, and so do all pictures of a person: everybody is seen equally often. Who has fewer than K pictures shows some
    twice; who has one only is left out. Seed and epoch alone decide.
    """

    def __init__(self, identities: Tensor, people: int, pictures: int, seed: int) -> None:
        self.people, self.pictures, self.seed, self.epoch = people, pictures, seed, 0
        of_each = [(identities == person).nonzero()[:, 0] for person in identities.unique().tolist() if person >= 0]
        self.of_each = [indices for indices in of_each if len(indices) > 1]
        if len(self.of_each) < people:
            raise ValueError(
                f"a batch of {people} people by {pictures} pictures needs {people} people with two pictures or more, "
                f"and there are {len(self.of_each)}; lower batch_size, or raise pictures_per_person"
            )
        self.count = max(1, len(identities) // (people * pictures)) * people * pictures

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        turn: list[int] = []  # the people that are still to come, and the pictures of each
        hands: list[list[int]] = [[] for _ in self.of_each]
        for _ in range(self.count // (self.people * self.pictures)):
            chosen, turn = _next(self.people, turn, list(range(len(hands))), generator)
            for person in chosen:
                shown, hands[person] = _next(self.pictures, hands[person], self.of_each[person].tolist(), generator)
                yield from shown


def _next(count: int, left: list[int], all_: list[int], generator: torch.Generator) -> tuple[list[int], list[int]]:
    """The next few, and what is left after them, where all come in a random order before one comes again."""
    while len(left) < count:
        again = [all_[i] for i in torch.randperm(len(all_), generator=generator).tolist()]
        left = left + sorted(again, key=left.__contains__)  # those left come late, so that none is among the few twice
    return left[:count], left[count:]


def batches(
    faces: FaceSet,
    size: tuple[int, int],
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int = 0,
    workers: int = 2,
    memory_limit: int = MEMORY_LIMIT,
    targets: Tensor | None = None,
    pictures_per_person: int | None = None,
) -> DataLoader:
    """Batches of a set: from memory where its images fit, else read by ``workers`` processes.

    Args:
        size: ``(height, width)`` of the images.
        shuffle: a new order each epoch (``batch_sampler.sampler.set_epoch`` says which), and the last, smaller
            batch left out; that is for training.
        targets: what is to be learned of each photo, ``(N, ...)``, such as its landmarks in pixels of ``size``; the
            identities where None.
        pictures_per_person: for triplets, in training: each batch holds ``batch_size // pictures_per_person`` people
            with so many pictures each; see :class:`PeopleSampler`.
    Raises:
        ValueError: the set is empty, or smaller than a training batch, or there is not one target a photo;
            ``pictures_per_person`` below 2, without ``shuffle``, no divisor of the batch, or with too few people.
    """
    targets = faces.identities if targets is None else targets
    if len(targets) != len(faces):
        raise ValueError(f"{len(targets)} targets for the {len(faces)} photos of {faces!r}; give each photo its own")
    if len(faces) == 0:
        raise ValueError(f"{faces!r} is empty: there is nothing to make batches of")
    if shuffle and len(faces) < batch_size:
        raise ValueError(f"{faces!r} has fewer photos than one batch of {batch_size}; lower batch_size")
    in_memory = len(faces) * 3 * size[0] * size[1] <= memory_limit
    if pictures_per_person is None:
        order = EpochSampler(len(faces), shuffle, seed)
    elif pictures_per_person < 2 or batch_size % pictures_per_person or not shuffle:
        raise ValueError(
            f"pictures_per_person={pictures_per_person}, batch_size={batch_size}, shuffle={shuffle}: needs at least 2 "
            "pictures, a batch that is a multiple of them, and shuffle=True"
        )
    else:
        order = PeopleSampler(faces.identities, batch_size // pictures_per_person, pictures_per_person, seed)
    sampler = BatchSampler(order, batch_size, drop_last=shuffle)
    return DataLoader(
        _Faces(faces, size, faces.images(size) if in_memory else None, targets),
        batch_sampler=sampler,
        collate_fn=_as_it_is,
        num_workers=0 if in_memory else workers,
        persistent_workers=not in_memory and workers > 0,
    )
