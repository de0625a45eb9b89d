"""Which photos do not belong in a face set? Scores of photos, higher is worse, and a report. Nothing is deleted."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from dlsfaces import geometry
from dlsfaces.data import UNKNOWN, FaceSet
from dlsfaces.files import written_whole
from dlsfaces.recognize import Backbone, embed

AT_ONCE = 2048  #: rows of similarities that are held at once


# --- scores by a network --------------------------------------------------------------------------------------------


def low_norm(features: Tensor) -> Tensor:
    """How short raw features ``(N, D)`` are (MagFace, Meng et al. 2021: a short vector, a poor image): ``(N,)``."""
    return -features.norm(dim=1)


class Centres(NamedTuple):
    """How photos lie to the people's centres. The own centre is taken without the photo itself."""

    away: Tensor  # (N,): 1 - cosine to the own centre; 1 where a person has no other photo
    other: Tensor  # (N,): cosine to the nearest other centre, less that to the own
    likely: Tensor  # (N,): who that other person is


def against_centres(features: Tensor, identities: Tensor) -> Centres:
    """Of features ``(N, D)`` with identities ``(N,)``; ``ValueError`` where a photo has none, or all have the same."""
    if (identities == UNKNOWN).any() or len(identities.unique()) < 2:
        raise ValueError("centres need photos with identities, of two people at least; take a subset of the set")
    unit = F.normalize(features, dim=1)
    people, number = identities.unique(return_inverse=True)
    sums = unit.new_zeros(len(people), unit.shape[1]).index_add_(0, number, unit)
    own = (unit * F.normalize(sums[number] - unit, dim=1)).sum(1)
    cosine = unit @ F.normalize(sums, dim=1).T
    best = cosine.scatter(1, number[:, None], -2.0).max(1)
    return Centres(1 - own, best.values - own, people[best.indices])


def odd_neighbours(features: Tensor, identities: Tensor, k: int = 5) -> Tensor:
    """The share of a photo's ``k`` nearest photos that carry another identity: ``(N,)``."""
    unit, shares = F.normalize(features, dim=1), []
    for rows in torch.arange(len(unit)).split(AT_ONCE):
        cosine = unit[rows] @ unit.T
        cosine[torch.arange(len(rows)), rows] = -2.0
        near = cosine.topk(min(k, len(unit) - 1), dim=1).indices
        shares.append((identities[near] != identities[rows, None]).float().mean(1))
    return torch.cat(shares)


def like_examples(features: Tensor, examples: Tensor) -> Tensor:
    """Cosine ``(N,)`` of features to the mean of a few trash photos' unit features ``(M, D)``."""
    return F.normalize(features, dim=1) @ F.normalize(F.normalize(examples, dim=1).mean(0), dim=0)


@torch.no_grad()
def unstable(model: Backbone, images: Tensor, passes: int = 50, dropout: float = 0.5, seed: int = 0) -> Tensor:
    """Mean distance between embeddings under random dropout before the last layer: ``(N,)``.

    SER-FIQ (Terhörst et al. 2020, equation 1, without the sigmoid): what a network is sure of hardly moves. Only the
    last layer runs ``passes`` times.
    """
    trunk, head = model.body[:-2], model.body[-2:]
    was_training = model.training
    model.eval()
    generator, spread = torch.Generator().manual_seed(seed), []
    for chunk in images.split(256):
        pooled = trunk(((geometry.to_float(chunk) - model.mean) / model.std))
        kept = torch.rand(passes, *pooled.shape[1:], generator=generator) >= dropout  # the same masks for all photos
        dropped = pooled[:, None] * kept / (1 - dropout)
        unit = F.normalize(head(dropped.flatten(0, 1)), dim=1).view(len(chunk), passes, -1)
        spread.append(torch.cdist(unit, unit).sum((1, 2)) / (passes * (passes - 1)))
    model.train(was_training)
    return torch.cat(spread)


def change_by(model: Backbone, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """1 - cosine ``(N,)`` between images and what ``change`` makes of them, such as their mirror images."""
    return 1 - (embed(model, images) * embed(model, change(images))).sum(1)


# --- scores by pixels -----------------------------------------------------------------------------------------------


def unsharp(images: Tensor) -> Tensor:
    """Minus the logarithm of the variance of the Laplacian ``(N,)`` of images ``(N, 3, H, W)``."""
    grey = V.rgb_to_grayscale(geometry.to_float(images))
    kernel = torch.tensor([[[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]]])
    return -(F.conv2d(grey, kernel).flatten(1).var(1) + 1e-8).log()


def dark(images: Tensor) -> Tensor:
    """1 - the brightness ``(N,)`` that a tenth of the pixels exceeds."""
    grey = V.rgb_to_grayscale(geometry.to_float(images))
    return 1 - grey.flatten(1).quantile(0.9, dim=1)


def perceptual_hash(images: Tensor) -> np.ndarray:
    """pHash ``(N, 64)``, Boolean: the 8 x 8 lowest frequencies of a grey 32 x 32 image, above their median or not."""
    small = V.resize(V.rgb_to_grayscale(geometry.to_float(images)), [32, 32], antialias=True)[:, 0]
    waves = torch.cos(torch.pi / 32 * torch.arange(8.0)[:, None] * (torch.arange(32) + 0.5))  # of a cosine transform
    low = (waves @ small @ waves.T).flatten(1)
    return (low > low[:, 1:].median(dim=1, keepdim=True).values).numpy()
