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
) -> DataLoader:
    """Batches of a set: from memory where its images fit, else read by ``workers`` processes.

    Args:
        size: ``(height, width)`` of the images.
        shuffle: a new order each epoch (``batch_sampler.sampler.set_epoch`` says which), and the last, smaller
            batch left out; that is for training.
        targets: what is to be learned of each photo, ``(N, ...)``, such as its landmarks in pixels of ``size``; the
            identities where None.
    Raises:
        ValueError: the set is empty, or smaller than a training batch, or there is not one target a photo.
    """
    targets = faces.identities if targets is None else targets
    if len(targets) != len(faces):
        raise ValueError(f"{len(targets)} targets for the {len(faces)} photos of {faces!r}; give each photo its own")
    if len(faces) == 0:
        raise ValueError(f"{faces!r} is empty: there is nothing to make batches of")
    if shuffle and len(faces) < batch_size:
        raise ValueError(f"{faces!r} has fewer photos than one batch of {batch_size}; lower batch_size")
    in_memory = len(faces) * 3 * size[0] * size[1] <= memory_limit
    sampler = BatchSampler(EpochSampler(len(faces), shuffle, seed), batch_size, drop_last=shuffle)
    return DataLoader(
        _Faces(faces, size, faces.images(size) if in_memory else None, targets),
        batch_sampler=sampler,
        collate_fn=_as_it_is,
        num_workers=0 if in_memory else workers,
        persistent_workers=not in_memory and workers > 0,
    )
