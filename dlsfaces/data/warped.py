"""Sets whose images are warped versions of another's, landmarks and all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dlsfaces import geometry, rng
from dlsfaces.data.records import FaceSet, Reader


@dataclass(frozen=True, eq=False)
class _Warped:
    """A :data:`Reader` of warped images of another one."""

    read: Reader
    matrices: Tensor  # (N, 2, 3)
    size: tuple[int, int]
    padding: str

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        matrices = self.matrices[list(indices)]
        if size is not None and tuple(size) != self.size:
            matrices = geometry.compose(geometry.crop_matrix(geometry.whole(self.size), size), matrices)
        shown = geometry.warp(self.read(indices, None), matrices, size or self.size, self.padding)
        return (255 * shown).round().to(torch.uint8)


def warped(faces: FaceSet, matrices: Tensor, framing: str, size: tuple[int, int], padding: str = "black") -> FaceSet:
    """The same faces, warped when they are read; ``matrices``, ``(N, 2, 3)``, go from a crop's pixels to new ones."""
    matrices, from_photo = matrices.float(), faces.photo_to_crop
    if matrices.shape != (len(faces), 2, 3):
        raise ValueError(f"{faces!r}: matrices have the shape {tuple(matrices.shape)}, not ({len(faces)}, 2, 3)")
    marks = None if faces.landmarks is None else geometry.move_points(matrices, faces.landmarks)
    from_photo = None if from_photo is None else geometry.compose(matrices, from_photo)
    read = _Warped(faces.read, matrices, size, padding)
    return replace(faces, framing=framing, read=read, crop_size=size, landmarks=marks, photo_to_crop=from_photo)


def unaligned(
    faces: FaceSet,
    *,
    rotation: float = 25.0,
    zoom: float = 0.15,
    shift: float = 0.06,
    seed: int = 0,
    padding: str = "edge",
) -> FaceSet:
    """Aligned faces as a detector would give them: each turned, zoomed and shifted by seed and place in the set.

    By default a loose image keeps its tight box, but for a corner of one in some thousands, by 3 pixels at most.

    ``rotation`` is in degrees to either side, the zoom a factor up to ``1 + zoom`` and down to its inverse, ``shift`` a
    share of the image's height to either side. For ``padding`` see :func:`dlsfaces.geometry.warp`.
    """
    u = 2 * rng.uniform(rng.key(seed, torch.arange(len(faces))), 4) - 1
    height, width = faces.crop_size
    middle = torch.tensor([width, height]) / 2
    scale = torch.exp(u[:, 1] * math.log1p(zoom))
    matrices = geometry.turned(torch.deg2rad(u[:, 0] * rotation), scale, middle, middle + shift * height * u[:, 2:])
    return warped(faces, matrices, faces.framing, faces.crop_size, padding)
