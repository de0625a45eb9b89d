"""From a set of faces to batches: ``(images uint8 (B, 3, H, W), targets (B, ...), indices (B,))``."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from dlsfaces.data.records import UNKNOWN, FaceSet

MEMORY_LIMIT = 4 * 2**30  #: bytes; a set whose images take less is held in memory


class _Faces(Dataset):
    """Whole batches by a list of indices, from memory where the images are there, else from their files."""

    def __init__(self, faces: FaceSet | None, size: tuple[int, int], images: Tensor | None, targets: Tensor) -> None:
        self.faces, self.size, self.images, self.targets = faces, size, images, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        index = torch.tensor(indices, dtype=torch.int64)
        images = self.faces.read(indices, self.size) if self.images is None else self.images[index]
        return images, self.targets[index], index


class EpochSampler(Sampler[int]):
    """Every index once an epoch, in an order that the seed and the epoch alone decide."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Take this epoch's order."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.count, generator=self._generator()).tolist())


class PeopleSampler(EpochSampler):
    """Batches of P people by K images each, as triplets need them (Hermans et al. 2017, section 2).

    All people come before one comes again, and so do all images of a person. Whoever has fewer than K images shows
    some twice; whoever has only one is left out.
    """

    def __init__(self, identities: Tensor, people: int, images_per_person: int, seed: int) -> None:
        a_batch, known = people * images_per_person, (identities != UNKNOWN).sum().item()
        super().__init__(max(1, known // a_batch) * a_batch, seed)
        self.people, self.images_per_person = people, images_per_person
        order = identities.argsort(stable=True)  # a person's images lie together
        _, counts = identities[order].unique_consecutive(return_counts=True)
        groups = order.split(counts.tolist())
        self.of_each = [g.tolist() for g in groups if len(g) > 1 and identities[g[0]] != UNKNOWN]
        if len(self.of_each) < people:
            needs = (
                f"a batch of {people} people by {images_per_person} images needs {people} people with two images each"
            )
            advice = "lower batch_size, raise images_per_person, or add images: a folder's people need four photos each"
            raise ValueError(f"{needs}, and there are {len(self.of_each)}; {advice}")

    def __iter__(self) -> Iterator[int]:
        generator = self._generator()
        everybody = list(range(len(self.of_each)))
        turn: list[int] = []  # the people who are still to come, and the images of each
        hands: list[list[int]] = [[] for _ in everybody]
        for _ in range(self.count // (self.people * self.images_per_person)):
            chosen, turn = _next(self.people, turn, everybody, generator)
            for person in chosen:
                shown, hands[person] = _next(self.images_per_person, hands[person], self.of_each[person], generator)
                yield from shown


def _next(count: int, left: list[int], all_: list[int], generator: torch.Generator) -> tuple[list[int], list[int]]:
    """The next few, and what is left after them, where all come in a random order before one comes again."""
    while len(left) < count:
        again = [all_[i] for i in torch.randperm(len(all_), generator=generator).tolist()]
        waiting = set(left)  # come late the second time, so that nobody is among the few twice
        left = left + sorted(again, key=waiting.__contains__)
    return left[:count], left[count:]


def check_same_people(faces: FaceSet, others: FaceSet) -> None:
    """ValueError where a set cannot validate or test a training on ``faces``: its people must have the same numbers."""
    if len(others) == 0 or (others.identities == UNKNOWN).any():
        raise ValueError(f"{others!r}: one image at least is needed, and every face's person known; leave others out")
    for number in others.identities.unique().tolist():
        names = [of.people[number] if number < len(of.people) else "nobody" for of in (faces, others)]
        if names[0] != names[1]:
            unlike = f"number {number} is {names[0]!r} in {faces!r}, but {names[1]!r} in {others!r}"
            raise ValueError(f"{unlike}: take both from one data set, and split_people both with the same every")


def batches(
    faces: FaceSet,
    image_size: tuple[int, int],
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int | None = None,
    workers: int = 2,
    targets: Tensor | None = None,
    images_per_person: int | None = None,
) -> DataLoader:
    """Batches of a set: from memory where its images take under 4 GiB, else read by ``workers`` processes.

    Args:
        shuffle: for training: a new order each epoch (``batch_sampler.sampler.set_epoch`` says which), and the last,
            smaller batch is left out. By ``seed`` (0), which is for nothing else.
        targets: what is to be learned of each image, ``(N, ...)``; the identities where None.
        images_per_person: for triplets: so many images of each person in a batch; see :class:`PeopleSampler`.
    """
    targets = faces.identities if targets is None else targets
    if len(targets) != len(faces):
        raise ValueError(f"{len(targets)} targets for the {len(faces)} images of {faces!r}; give each image its own")
    if len(faces) == 0:
        raise ValueError(f"{faces!r} is empty: there is nothing to make batches of")
    if shuffle and len(faces) < batch_size and images_per_person is None:
        raise ValueError(f"{faces!r} has fewer images than one batch of {batch_size}; lower batch_size")
    if seed is not None and not shuffle:
        raise ValueError(f"seed={seed} decides the order of training batches; give shuffle=True, too, or no seed")
    seed = seed or 0
    if images_per_person is None:
        order = EpochSampler(len(faces), seed) if shuffle else SequentialSampler(faces)
    elif images_per_person < 2 or batch_size % images_per_person or not shuffle:
        given = f"images_per_person={images_per_person}, batch_size={batch_size}, shuffle={shuffle}"
        raise ValueError(f"{given}: needs at least 2 images, a batch that is a multiple of them, and shuffle=True")
    else:
        order = PeopleSampler(faces.identities, batch_size // images_per_person, images_per_person, seed)
    in_memory = len(faces) * 3 * image_size[0] * image_size[1] <= MEMORY_LIMIT
    images, workers = (faces.images(image_size), 0) if in_memory else (None, workers)
    dataset = _Faces(None if in_memory else faces, image_size, images, targets)
    options = dict(collate_fn=tuple, num_workers=workers, persistent_workers=workers > 0)  # it is a batch already
    return DataLoader(dataset, batch_sampler=BatchSampler(order, batch_size, drop_last=shuffle), **options)
